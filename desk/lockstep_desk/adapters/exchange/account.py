"""One account of the exchange, as its events tell it, in the desk's words.

Owns a projection: orders, fills, positions and cash of one account, and the best prices of its
instruments. `take` moves it on by the events of one command and returns what the desk is to be
told. Nothing here decides or sends.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from lockstep_desk.adapters.exchange.units import E9_PER_E6, Units, units_of
from lockstep_desk.core.commands import (
    BalanceReport,
    FillReport,
    FundingReport,
    OrderReport,
    PositionReport,
    RecordBalance,
    RecordCancelResponse,
    RecordFill,
    RecordFunding,
    RecordL1,
    RecordOrder,
    RecordTrade,
)
from lockstep_desk.ids import fill_id
from lockstep_desk.oms.states import Live, OrderError, OrderState
from lockstep_desk.types import Liquidity, Side
from lockstep_engine import events as told
from lockstep_engine.codes import CancelReason, Code
from lockstep_kernel.arith import div_half_even

CASH: Final = "usd"
_PLACE: Final = 40
_CANCELS: Final = (41, 42)
_LINEAGE_BYTES: Final = 16

Told = list[msgspec.Struct]


class Logged:
    """An order of the account: `client_id` is the desk's number of it, 0 if it has none."""

    __slots__ = (
        *("client_id", "instrument", "order_id", "price_ticks", "qty_lots", "remaining_lots"),
        *("side", "state", "time_ns"),
    )

    def __init__(self, accepted: told.OrderAccepted, time_ns: int) -> None:
        self.order_id = accepted.order_id
        self.client_id = accepted.client_id
        self.instrument = accepted.instrument
        self.side = Side(accepted.side)
        self.price_ticks = accepted.price_ticks
        self.qty_lots = accepted.qty_lots
        self.remaining_lots = accepted.qty_lots
        self.state = OrderState.OPEN
        self.time_ns = time_ns


class ExchangeAccount:
    """The projection. `names` gives the client order id of a number that the desk asked for.

    Without `tells_market` it tells of the account only, not of trades and best prices of others.
    `fundings` has each payment with the number of fills that were before it.
    """

    def __init__(self, name: str, number: int, *, tells_market: bool = True) -> None:
        self.name = name
        self.number = number
        self.tells_market = tells_market
        self.names: dict[int, str] = {}
        self.units: dict[int, Units] = {}
        self.live: dict[int, Logged] = {}
        self.of_client: dict[int, Logged] = {}
        self.failed: dict[int, OrderError] = {}
        self.fills: list[FillReport] = []
        self.fundings: list[tuple[int, FundingReport]] = []
        self.positions: dict[int, int] = {}
        self.cash_e6 = 0
        self.time_ns = 0
        self._books: dict[int, tuple[dict[int, int], dict[int, int]]] = {}
        self._shown_ns: dict[int, int] = {}
        self._found: Told = []

    def take(self, ts_ns: int, events: Sequence[msgspec.Struct]) -> Told:
        """Move on by the events of one command at `ts_ns`; return what the desk is to be told."""
        self.time_ns = max(self.time_ns, ts_ns)
        found: Told = []
        self._found = found
        for event in events:
            handler = _HANDLERS.get(type(event))
            if handler is not None:
                handler(self, event)
        return found

    def know(self, number: int, client_order_id: str) -> None:
        """Learn which client order id a number stands for."""
        self.names[number] = client_order_id

    def name_of(self, client_id: int, order_id: int) -> str:
        """Return the client order id of an order, a name made of the venue's id if it has none."""
        return self.names.get(client_id) or f"venue-{order_id}"

    def report(self, order: Logged) -> OrderReport:
        """Return what the desk is told of an order as it is now."""
        units = self.units[order.instrument]
        filled = units.qty_e8(order.qty_lots - order.remaining_lots)
        return OrderReport(
            self.name_of(order.client_id, order.order_id),
            units.name,
            order.side,
            units.qty_e8(order.qty_lots),
            units.price_e9(order.price_ticks),
            order.state,
            Live(str(order.order_id), order.time_ns, filled),
            OrderError.NONE,
            order.time_ns,
        )

    def balance(self) -> BalanceReport:
        """Return the account's cash; what of it is free only the exchange's margin knows."""
        total = self.cash_e6 * E9_PER_E6
        return BalanceReport(CASH, total, total, self.time_ns)

    def position_reports(self) -> tuple[PositionReport, ...]:
        """Return what the account holds, by the exchange's own count."""
        return tuple(
            PositionReport(self.units[number].name, self.units[number].qty_e8(lots))
            for number, lots in sorted(self.positions.items())
            if lots
        )

    def history(self, fills: int, fundings: int) -> list[RecordFill | RecordFunding]:
        """Return fills and funding payments as they came, without the first so many of each."""
        told: list[RecordFill | RecordFunding] = []
        for before, funding in self.fundings[fundings:]:
            told += [RecordFill(self.name, fill) for fill in self.fills[fills:before]]
            told.append(RecordFunding(self.name, funding))
            fills = max(fills, before)
        return told + [RecordFill(self.name, fill) for fill in self.fills[fills:]]

    # What the events do

    def list_instrument(self, event: told.InstrumentCreated) -> None:
        self.units[event.instrument] = units_of(event)
        self._books[event.instrument] = ({}, {})

    def accept(self, event: told.OrderAccepted) -> None:
        if event.account != self.number:
            return
        order = Logged(event, self.time_ns)
        self.live[event.order_id] = order
        if event.client_id:
            self.of_client[event.client_id] = order
        self._found.append(RecordOrder(self.name, self.report(order)))

    def reject(self, event: told.OrderRejected) -> None:
        if event.account != self.number:
            return
        error = error_of(event.code)
        if event.action in _CANCELS:
            order = self.live.get(event.order_id) or self.of_client.get(event.client_id)
            client_id = order.client_id if order else event.client_id
            name = self.name_of(client_id, event.order_id)
            self._found.append(RecordCancelResponse(self.name, name, error, self.time_ns))
        elif event.action == _PLACE and event.client_id:
            self.failed[event.client_id] = error
            if event.instrument in self.units:
                self._found.append(
                    RecordOrder(self.name, self.failure(event.client_id, event.instrument, error))
                )

    def failure(self, client_id: int, instrument: int, error: OrderError) -> OrderReport:
        """Return the report of an order that was refused: nothing rests of it."""
        return OrderReport(
            *(self.name_of(client_id, 0), self.units[instrument].name, Side.BUY, 0, 0),
            *(OrderState.OPEN_FAILED, None, error, self.time_ns),
        )

    def amend(self, event: told.OrderAmended) -> None:
        order = self.live.get(event.order_id)
        if order is not None:
            order.price_ticks, order.remaining_lots = event.price_ticks, event.remaining_lots
            order.time_ns = self.time_ns
            self._found.append(RecordOrder(self.name, self.report(order)))

    def cancel(self, event: told.OrderCancelled) -> None:
        order = self.live.pop(event.order_id, None)
        if order is None:
            return
        order.remaining_lots, order.time_ns = event.remaining_lots, self.time_ns
        is_expired = event.reason == CancelReason.ORDER_EXPIRED
        order.state = OrderState.EXPIRED if is_expired else OrderState.CANCELLED
        name = self.name_of(order.client_id, order.order_id)
        if event.reason == CancelReason.USER:
            none = OrderError.NONE
            self._found.append(RecordCancelResponse(self.name, name, none, self.time_ns))
        else:
            self._found.append(RecordOrder(self.name, self.report(order)))

    def trade(self, event: told.Trade) -> None:
        if self.tells_market:
            units = self.units[event.instrument]
            taker = Side(event.taker_side)
            price, qty = units.price_e9(event.price_ticks), units.qty_e8(event.qty_lots)
            shown = self._next_ns(event.instrument)
            self._found.append(RecordTrade(units.name, price, qty, taker, shown))
        self._trade_side(event, event.maker, 0)
        self._trade_side(event, event.taker, 1)

    def change_book(self, event: told.BookChanged) -> None:
        if not self.tells_market:
            return
        bids, asks = self._books[event.instrument]
        before = _best(bids, asks)
        for levels, changes in ((bids, event.bids), (asks, event.asks)):
            for price, lots in changes:
                if lots:
                    levels[price] = lots
                else:
                    levels.pop(price, None)
        best = _best(bids, asks)
        if best != before:
            bid, bid_lots, ask, ask_lots = best
            units = self.units[event.instrument]
            self._found.append(
                RecordL1(
                    units.name,
                    units.price_e9(bid),
                    units.qty_e8(bid_lots),
                    units.price_e9(ask),
                    units.qty_e8(ask_lots),
                    self._next_ns(event.instrument),
                )
            )

    def move_cash(self, event: told.CashMoved) -> None:
        if event.account == self.number:
            self._set_cash(event.balance_e6)

    def pay_funding(self, event: told.FundingPaid) -> None:
        if event.account != self.number:
            return
        units = self.units[event.instrument]
        funding = FundingReport(
            f"{event.instrument}-{event.funding_ns}",
            units.name,
            units.qty_e8(event.qty_lots),
            event.amount_e6 * E9_PER_E6,
            event.funding_ns,
        )
        self.fundings.append((len(self.fills), funding))
        self._found.append(RecordFunding(self.name, funding))
        self._set_cash(event.cash_e6)

    def settle(self, event: told.PositionSettled) -> None:
        if event.account != self.number:
            return
        name = f"settled-{event.instrument}"
        # The price in the event is the underlying's; an option is worth what its position became.
        lot_e6 = div_half_even(event.cost_e6 + event.realised_e6, event.qty_lots)
        price_e9 = self.units[event.instrument].price_of_lot_e9(lot_e6)
        self._fill_outside(event.instrument, name, -event.qty_lots, price_e9, event.fee_e6)
        self.positions[event.instrument] = 0
        self._set_cash(event.cash_e6)

    def trade_block(self, event: told.BlockTraded) -> None:
        units = self.units[event.instrument]
        for leg, side in enumerate((event.first, event.second)):
            if side.account == self.number:
                lots = event.qty_lots if event.side == leg else -event.qty_lots
                name = f"block-{event.trade_id}-{leg}"
                price = units.price_e9(event.price_ticks)
                self._fill_outside(event.instrument, name, lots, price, side.fee_e6)
                self.positions[event.instrument] = side.position_lots
                self._set_cash(side.cash_e6)

    def deleverage(self, event: told.AutoDeleveraged) -> None:
        price = self.units[event.instrument].price_of_lot_e9(event.lot_e6)
        signed = -event.qty_lots if event.side == Side.SELL else event.qty_lots
        sides = ((event.liquidated, signed), (event.counterparty, -signed))
        for leg, (side, lots) in enumerate(sides):
            if side.account == self.number:
                name = f"deleveraged-{self.time_ns}-{event.instrument}-{leg}-{side.position_lots}"
                self._fill_outside(event.instrument, name, lots, price, 0)
                self.positions[event.instrument] = side.position_lots
                self._set_cash(side.cash_e6)

    def _trade_side(self, event: told.Trade, side: told.TradeSide, leg: int) -> None:
        if side.account != self.number:
            return
        units = self.units[event.instrument]
        is_taker = leg == 1
        bought = is_taker == (event.taker_side == Side.BUY)
        fill = FillReport(
            fill_id(event.trade_id, leg),
            str(side.order_id),
            self.name_of(side.client_id, side.order_id),
            units.name,
            Side.BUY if bought else Side.SELL,
            units.qty_e8(event.qty_lots),
            units.price_e9(event.price_ticks),
            side.fee_e6 * E9_PER_E6,
            Liquidity.TAKER if is_taker else Liquidity.MAKER,
            self.time_ns,
            deployment_of(side.lineage),
            side.realised_e6 * E9_PER_E6,
            len(self.fills) + 1,
        )
        self.fills.append(fill)
        self.positions[event.instrument] = side.position_lots
        self._found.append(RecordFill(self.name, fill))
        order = self.live.get(side.order_id)
        if order is not None:
            order.remaining_lots, order.time_ns = side.remaining_lots, self.time_ns
            if side.remaining_lots == 0:
                order.state = OrderState.FULLY_FILLED
                del self.live[side.order_id]
            self._found.append(RecordOrder(self.name, self.report(order)))
        self._set_cash(side.cash_e6)

    def _fill_outside(self, number: int, name: str, lots: int, price_e9: int, fee_e6: int) -> None:
        """Tell of an execution that no order of the account asked for."""
        units = self.units[number]
        fill = FillReport(
            *(name, "", "", units.name, Side.BUY if lots > 0 else Side.SELL),
            *(units.qty_e8(abs(lots)), price_e9, fee_e6 * E9_PER_E6, Liquidity.UNKNOWN),
            self.time_ns,
            seq=len(self.fills) + 1,
        )
        if lots:
            self.fills.append(fill)
            self._found.append(RecordFill(self.name, fill))

    def _set_cash(self, cash_e6: int) -> None:
        if cash_e6 != self.cash_e6:
            self.cash_e6 = cash_e6
            self._found.append(RecordBalance(self.name, self.balance()))

    def _next_ns(self, instrument: int) -> int:
        """Return a time for a market report: two of one moment stay two, in their order."""
        shown = max(self.time_ns, self._shown_ns.get(instrument, -1) + 1)
        self._shown_ns[instrument] = shown
        return shown


def error_of(code: int) -> OrderError:
    """Return what the desk is told for a refusal of the exchange."""
    match code:
        case Code.UNKNOWN_INSTRUMENT:
            return OrderError.INSTRUMENT_INVALID
        case Code.INSUFFICIENT_MARGIN | Code.INSUFFICIENT_FUNDS:
            return OrderError.BALANCE_INSUFFICIENT
        case Code.UNKNOWN_ORDER:
            return OrderError.NOT_FOUND
        case _:
            return OrderError.REJECTED


def lineage_of(deployment: str) -> bytes:
    """Return the 16 bytes that stand for a deployment in the exchange's events, none for nobody."""
    return bytes.fromhex(deployment.replace("-", ""))


def deployment_of(lineage: bytes) -> str | None:
    """Return the deployment that 16 bytes stand for, None for anything else."""
    if len(lineage) != _LINEAGE_BYTES:
        return None
    text = lineage.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _best(bids: dict[int, int], asks: dict[int, int]) -> tuple[int, int, int, int]:
    bid, ask = max(bids, default=0), min(asks, default=0)
    return bid, bids.get(bid, 0), ask, asks.get(ask, 0)


Handler = Callable[[ExchangeAccount, Any], None]
_HANDLERS: Final[dict[type[msgspec.Struct], Handler]] = {
    told.InstrumentCreated: ExchangeAccount.list_instrument,
    told.OrderAccepted: ExchangeAccount.accept,
    told.OrderRejected: ExchangeAccount.reject,
    told.OrderAmended: ExchangeAccount.amend,
    told.OrderCancelled: ExchangeAccount.cancel,
    told.Trade: ExchangeAccount.trade,
    told.BookChanged: ExchangeAccount.change_book,
    told.CashMoved: ExchangeAccount.move_cash,
    told.FundingPaid: ExchangeAccount.pay_funding,
    told.PositionSettled: ExchangeAccount.settle,
    told.BlockTraded: ExchangeAccount.trade_block,
    told.AutoDeleveraged: ExchangeAccount.deleverage,
}

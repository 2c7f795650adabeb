"""A day of a desk: drawn events of every kind, on the exchange in process or at the bare machine.

`traded_day` runs an engine with a strategy, hooks and a link that is lost now and then;
`drawn_commands` draws commands for the machine alone, good and bad, that fit its state more often
than not. Both depend on the seed alone.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from lockstep_desk.core.codes import (
    OrderKind,
    Origin,
    Scope,
    SendError,
    TimeInForce,
    TradingState,
)
from lockstep_desk.core.commands import (
    AccountLimits,
    BalanceReport,
    CancelOrders,
    ClearHalt,
    ClosePositions,
    FeeReport,
    FillReport,
    Filter,
    FundingReport,
    Halt,
    Limits,
    OpenRequest,
    OrderReport,
    PositionReport,
    QueryOrders,
    RecordAccountDisconnect,
    RecordBalance,
    RecordCancelResponse,
    RecordCandle,
    RecordFee,
    RecordFill,
    RecordFunding,
    RecordL1,
    RecordMarketDisconnect,
    RecordOrder,
    RecordSendResults,
    RecordTrade,
    ReplaceAccount,
    Resume,
    SendCancelRequests,
    SendOpenRequests,
    SendResult,
    SetAccountLimits,
    SetLifecycle,
    SetLimits,
    SetQuarantine,
    SettleOrder,
    SetTradingState,
    Shutdown,
    SubmitIntents,
)
from lockstep_desk.core.hooks import Controls, Intents
from lockstep_desk.core.view import DeskView
from lockstep_desk.fund import MANUAL
from lockstep_desk.oms.states import Live, OrderError, OrderState
from lockstep_desk.types import HaltAction, Liquidity, Side
from tests.support.desk import ACCOUNT as BARE_ACCOUNT
from tests.support.desk import ALPHA, BTC, E9, ETH, VENUE, WIDE
from tests.support.desk_exchange import Market, want


class Restless:
    """Sends small orders on either side, and cancels the oldest when there are many."""

    def __init__(self, dice: random.Random, make: Callable[..., OpenRequest] = want) -> None:
        self.dice = dice
        self.make = make

    def generate(self, view: DeskView) -> Sequence[Intents]:
        if self.dice.random() < 0.75:
            return ()
        orders = view.orders()
        cancels = (orders[0].client_order_id,) if len(orders) > 3 else ()
        side = self.dice.choice((Side.BUY, Side.SELL))
        price = self.dice.randrange(97, 104)
        return [Intents(ALPHA, 0, cancels, (self.make(side, price, self.dice.randrange(1, 4)),))]


class CancelAll:
    """Cancels everything when a link is lost."""

    def on_trading_disabled(self, desk: Controls) -> None:
        desk.close_positions(Filter())

    def on_disconnect(self, desk: Controls, link: object, key: str) -> None:
        desk.cancel_orders(Filter())


def traded_day(seed: int, moves: int = 60) -> Market:
    """Return a market on which a desk traded, and whose link was lost in between."""
    dice = random.Random(seed)
    market = Market(algo=Restless(dice), hooks=CancelAll())
    market.exchange.make(Side.BUY, 99, 5)
    market.exchange.make(Side.SELL, 101, 5)
    market.process(SetTradingState(TradingState.ENABLED))
    for number in range(moves):
        _move(market, dice, number)
        market.settle()
    market.process(SetTradingState(TradingState.DISABLED), ClosePositions(), CancelOrders())
    market.engine.process(Shutdown())
    return market


def _move(market: Market, dice: random.Random, number: int) -> None:
    if number % 9 == 5:
        market.session.disconnect()
    elif number % 9 == 7:
        market.session.connect()
    elif dice.random() < 0.1:
        request = want(dice.choice((Side.BUY, Side.SELL)), dice.randrange(97, 104), 1)
        market.engine.process(SendOpenRequests((request,)))
    else:
        side = dice.choice((Side.BUY, Side.SELL))
        price = dice.randrange(96, 102) if side is Side.BUY else dice.randrange(99, 105)
        market.exchange.make(side, price, dice.randrange(1, 9))


class Dice:
    """Draws one command after another for a bare machine."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.number = 0
        self.fills: list[FillReport] = []

    def draw(self, view: DeskView) -> msgspec.Struct:
        """Return a command that fits what the desk is, or nearly."""
        self.number += 1
        pick = self.dice.choices(_KINDS, _WEIGHTS)[0]
        return pick(self, view)

    # The market and the links

    def trade(self, view: DeskView) -> msgspec.Struct:
        return RecordTrade(self.instrument(), self.price(), self.qty(), self.side(), self.number)

    def l1(self, view: DeskView) -> msgspec.Struct:
        price = self.price()
        return RecordL1(self.instrument(), price, self.qty(), price + E9, self.qty(), self.number)

    def candle(self, view: DeskView) -> msgspec.Struct:
        low, high = sorted((self.price(), self.price()))
        return RecordCandle(
            self.instrument(), low, high, low, high, 1, self.number, self.number + 1
        )

    def lost(self, view: DeskView) -> msgspec.Struct:
        kinds = (RecordMarketDisconnect(VENUE), RecordAccountDisconnect(BARE_ACCOUNT))
        return self.dice.choice(kinds)

    def snapshot(self, view: DeskView) -> msgspec.Struct:
        orders = tuple(
            self._report(order, OrderState.OPEN)
            for order in view.orders()
            if self.dice.random() < 0.7
        )
        held = tuple(
            PositionReport(one.instrument, one.side.sign * one.qty_e8) for one in view.positions()
        )
        fills = tuple(self.fills[-3:])
        return ReplaceAccount(BARE_ACCOUNT, self.number * 10, (), orders, held, fills)

    def balance(self, view: DeskView) -> msgspec.Struct:
        amount = self.dice.randrange(10**12)
        report = BalanceReport("usd", amount, amount // 2, self.number - self.dice.randrange(3))
        return RecordBalance(BARE_ACCOUNT, report)

    # Orders and fills

    def intents(self, view: DeskView) -> msgspec.Struct:
        owner = self.dice.choice((ALPHA, ALPHA, ALPHA, "", "nobody"))
        origin = self.dice.choice((Origin.ALGO, Origin.ALGO, Origin.HOOK, Origin.CLOSE))
        opens = tuple(self._request() for _ in range(self.dice.randrange(3)))
        cancels = (self.order_name(view),) if self.dice.random() < 0.3 else ()
        return SubmitIntents(origin, owner, 0, view.seq, cancels, opens)

    def manual(self, view: DeskView) -> msgspec.Struct:
        return SendOpenRequests((self._request(),))

    def results(self, view: DeskView) -> msgspec.Struct:
        error = self.dice.choice((SendError.NONE, SendError.NONE, SendError.UNHEALTHY))
        name = self.order_name(view)
        return RecordSendResults((SendResult(name, self.dice.random() < 0.3, error),))

    def order(self, view: DeskView) -> msgspec.Struct:
        orders = view.orders()
        if not orders:
            return RecordOrder(BARE_ACCOUNT, self._stranger())
        state = self.dice.choice(tuple(OrderState))
        return RecordOrder(BARE_ACCOUNT, self._report(self.dice.choice(orders), state))

    def cancel_response(self, view: DeskView) -> msgspec.Struct:
        error = self.dice.choice(tuple(OrderError))
        return RecordCancelResponse(BARE_ACCOUNT, self.order_name(view), error, self.number)

    def settle(self, view: DeskView) -> msgspec.Struct:
        orders = view.orders()
        found = None
        if orders and self.dice.random() < 0.5:
            found = self._report(orders[0], OrderState.OPEN)
        return SettleOrder(BARE_ACCOUNT, self.order_name(view), found)

    def fee(self, view: DeskView) -> msgspec.Struct:
        name = self.dice.choice(self.fills).fill_id if self.fills else "none"
        amount = self.dice.randrange(-100, 100)
        fee = FeeReport(name, self.order_name(view), "bnb", amount, self.number)
        return RecordFee(BARE_ACCOUNT, fee)

    def funding(self, view: DeskView) -> msgspec.Struct:
        held = view.position(BARE_ACCOUNT, BTC)
        signed = held.side.sign * held.qty_e8 if held else self.dice.randrange(-3, 4)
        qty = self.dice.choice((signed, signed, signed // 2))
        name = f"funding {self.number // 40}"
        amount = self.dice.randrange(-(10**9), 10**9)
        return RecordFunding(BARE_ACCOUNT, FundingReport(name, BTC, qty, amount, self.number))

    def fill(self, view: DeskView) -> msgspec.Struct:
        orders = view.orders()
        if self.fills and self.dice.random() < 0.3:
            return RecordFill(BARE_ACCOUNT, self.dice.choice(self.fills))
        order = self.dice.choice(orders) if orders else None
        left = order.qty_e8 - order.filled_e8 if order else 10**8
        qty = max(1, self.dice.choice((left, left // 2, left * 2)))
        fill = FillReport(
            f"fill {self.number}",
            "venue",
            order.client_order_id if order else "stranger",
            order.instrument if order else BTC,
            order.side if order else self.side(),
            qty,
            self.price(),
            self.dice.randrange(-(10**6), 10**9),
            Liquidity.TAKER,
            self.number,
        )
        self.fills.append(fill)
        return RecordFill(BARE_ACCOUNT, fill)

    # Operators

    def operator(self, view: DeskView) -> msgspec.Struct:
        wanted = self.dice.choice(
            (Filter(), Filter(Scope.INSTRUMENTS, (BTC,)), Filter(Scope.DEPLOYMENTS, (ALPHA,)))
        )
        kinds: tuple[msgspec.Struct, ...] = (
            ClosePositions(wanted),
            CancelOrders(wanted),
            QueryOrders(wanted),
            SendCancelRequests((self.order_name(view),)),
            SetTradingState(TradingState.ENABLED),
            SetTradingState(TradingState.DISABLED),
            Halt(ALPHA, self.dice.choice(tuple(HaltAction))),
            ClearHalt(ALPHA),
            SetLifecycle(ALPHA, self.dice.randrange(1, 4), self.dice.randrange(1, 4)),
            SetQuarantine(Scope.ACCOUNTS, BARE_ACCOUNT, self.dice.random() < 0.3),
            SetLimits(MANUAL, WIDE),
            SetLimits(ALPHA, self._limits()),
            Resume(),
        )
        return self.dice.choice(kinds)

    def account_limits(self, view: DeskView) -> msgspec.Struct:
        has_one_side = self.dice.random() < 0.5
        limits = AccountLimits(is_one_directional=has_one_side)
        if self.dice.random() < 0.7:
            bps = self.dice.randrange(1, 3_000)
            limits = AccountLimits("usdt", 10_000 * E9, bps, has_one_side)
        return SetAccountLimits(BARE_ACCOUNT, limits)

    # Values

    def instrument(self) -> str:
        return self.dice.choice((BTC, BTC, ETH))

    def price(self) -> int:
        return self.dice.randrange(9_000, 11_000) * E9

    def qty(self) -> int:
        return self.dice.randrange(1, 100) * 10**6

    def side(self) -> Side:
        return self.dice.choice((Side.BUY, Side.SELL))

    def order_name(self, view: DeskView) -> str:
        names = [order.client_order_id for order in view.orders()]
        return self.dice.choice([*names, *names, "nobody"])

    def _limits(self) -> Limits:
        return Limits(
            *(self.dice.choice((10**6, 10**14)), self.dice.choice((10**6, 10**14)), 10**6),
            caps_open=self.dice.random() < 0.5,
            max_daily_loss_cents=self.dice.choice((None, 10**5)),
            is_strict=self.dice.random() < 0.3,
        )

    def _request(self) -> OpenRequest:
        is_market = self.dice.random() < 0.3
        return OpenRequest(
            BARE_ACCOUNT,
            self.instrument(),
            self.side(),
            self.qty() * self.dice.choice((1, 1, 1, -1)),
            0 if is_market else self.price(),
            OrderKind.MARKET if is_market else OrderKind.LIMIT,
            TimeInForce.IOC if is_market else TimeInForce.GTC,
        )

    def _report(self, order: Any, state: OrderState) -> OrderReport:
        filled = min(order.qty_e8, order.filled_e8 + self.dice.randrange(order.qty_e8 + 1))
        has_live = state in (OrderState.OPEN, OrderState.CANCEL_IN_FLIGHT)
        live = Live("v", self.number, filled) if has_live else None
        error = self.dice.choice(tuple(OrderError))
        return OrderReport(
            *(order.client_order_id, order.instrument, order.side, order.qty_e8, order.price_e9),
            *(state, live, error if state is OrderState.OPEN_FAILED else OrderError.NONE),
            self.number,
        )

    def _stranger(self) -> OrderReport:
        live = Live("v", self.number, 0)
        name = f"stranger {self.number % 3}"
        return OrderReport(name, BTC, Side.BUY, 10**8, E9, OrderState.OPEN, live)


_TABLE = (
    (Dice.trade, 10),
    (Dice.l1, 6),
    (Dice.candle, 1),
    (Dice.lost, 1),
    (Dice.snapshot, 2),
    (Dice.balance, 2),
    (Dice.intents, 16),
    (Dice.manual, 3),
    (Dice.results, 6),
    (Dice.order, 10),
    (Dice.cancel_response, 4),
    (Dice.settle, 3),
    (Dice.fee, 2),
    (Dice.funding, 3),
    (Dice.fill, 16),
    (Dice.operator, 12),
    (Dice.account_limits, 1),
)
_KINDS = [kind for kind, _weight in _TABLE]
_WEIGHTS = [weight for _kind, weight in _TABLE]

"""What strategies, risk managers and hooks see of a desk: everything, and nothing to change.

A view is of one state. Once a command was applied, it is stale and says so (`StaleStateError`);
what it handed out before that stays as it was.
"""

from typing import cast

import msgspec

from lockstep_desk.core.closing import closes
from lockstep_desk.core.codes import Health, Link, OrderKind, TradingState
from lockstep_desk.core.commands import (
    BalanceReport,
    Filter,
    OrderReport,
    PositionReport,
    ReplaceAccount,
)
from lockstep_desk.core.positions import NET
from lockstep_desk.core.state import DeskCore
from lockstep_desk.fund import MANUAL, GateState, LifecycleState
from lockstep_desk.oms.order import Order
from lockstep_desk.oms.states import OrderState
from lockstep_desk.types import HaltAction, Position, Side
from lockstep_kernel.chain import State


class OrderView(msgspec.Struct, frozen=True):
    """A tracked order; `deployment` "" is nobody's. The price of a market order only values it."""

    client_order_id: str
    deployment: str
    account: str
    instrument: str
    side: Side
    qty_e8: int
    price_e9: int
    state: OrderState
    filled_e8: int
    kind: OrderKind


class Equity(msgspec.Struct, frozen=True):
    """What an account is worth, its highest, and whether its drawdown keeps it from opening."""

    equity_e17: int
    peak_e17: int
    drawdown_bps: int
    is_blocked: bool


class MarketNow(msgspec.Struct, frozen=True):
    """The newest of each kind that the market said; a time of -1 is nothing yet.

    `l1` is (bid, quantity, ask, quantity), `trade` (price, quantity), `candle` (open, high, low,
    close, volume).
    """

    l1: tuple[int, int, int, int]
    trade: tuple[int, int]
    candle: tuple[int, int, int, int, int]
    l1_ns: int
    trade_ns: int
    candle_ns: int


class DeskView:
    """A state of a desk, for reading."""

    __slots__ = ("_state",)

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def seq(self) -> int:
        """The number of the last command in it: the `seq_seen` of what is decided on it."""
        return self._state.seq

    @property
    def now_ns(self) -> int:
        """The time of the last command."""
        return self._state.ts_ns

    @property
    def trading(self) -> TradingState:
        """Whether strategies are enabled."""
        return self._core.desk.trading

    @property
    def is_shut_down(self) -> bool:
        """Whether the desk has ended."""
        return self._core.desk.is_shut_down

    @property
    def is_healthy(self) -> bool:
        """Whether every link delivers."""
        return self._core.is_global_healthy()

    def health(self, link: Link, key: str) -> Health | None:
        """Return the health of a link, None if it is not known."""
        end = self._core.link(link, key)
        return None if end is None else end.health

    def quarantined(self) -> tuple[tuple[str, str], ...]:
        """Return what takes no opens as (venue, account); account "" is the whole venue."""
        core = self._core
        venues = [(name, "") for name, end in sorted(core.venues.items()) if end.is_quarantined]
        accounts = [
            (end.venue, name) for name, end in sorted(core.accounts.items()) if end.is_quarantined
        ]
        return (*venues, *accounts)

    def accounts(self) -> tuple[str, ...]:
        """Return the registered accounts, sorted."""
        return tuple(sorted(self._core.accounts))

    def instruments(self) -> tuple[str, ...]:
        """Return the registered instruments, sorted."""
        return tuple(sorted(self._core.instruments))

    def price_e9(self, instrument: str) -> int | None:
        """Return the price of an instrument now, None without one."""
        return self._core.mark_e9(instrument)

    def market(self, instrument: str) -> MarketNow | None:
        """Return what the market said last of an instrument, None if that is not registered."""
        market = self._core.markets.get(instrument)
        if market is None:
            return None
        times_ns = (market.l1_ns, market.trade_ns, market.candle_ns)
        return MarketNow(market.l1, market.trade, market.candle, *times_ns)

    def position(self, account: str, instrument: str) -> Position | None:
        """Return what an account holds of an instrument, None when flat."""
        book = self._core.books.get((account, instrument, NET))
        return None if book is None else book.view()

    def holding(self, account: str, instrument: str, deployment: str) -> Position | None:
        """Return what a deployment, or nobody (""), holds of it, None when flat."""
        book = self._core.books.get((account, instrument, deployment))
        return None if book is None else book.view()

    def profit_e17(self, account: str, instrument: str, deployment: str) -> int:
        """Return what a deployment, or nobody (""), made in an instrument so far, after fees.

        What it holds is taken at the price now.
        """
        book = self._core.books.get((account, instrument, deployment))
        return 0 if book is None else book.total_e17 + book.realised_e17 + book.unrealised_e17

    def positions(self) -> tuple[Position, ...]:
        """Return all open positions of accounts, by account and instrument."""
        core = self._core
        views = (core.books[key].view() for key in sorted(core.books) if key[2] == NET)
        return tuple(view for view in views if view is not None)

    def orders(self) -> tuple[OrderView, ...]:
        """Return all tracked orders, oldest first."""
        return tuple(_view(order) for order in self._core.live.values())

    def order(self, client_order_id: str) -> OrderView | None:
        """Return a tracked order, None if it is not tracked."""
        order = self._core.live.get(client_order_id)
        return None if order is None else _view(order)

    def numbers(self) -> tuple[tuple[int, str], ...]:
        """Return (number, client order id) of all orders that are remembered, by number."""
        core = self._core
        orders = (*core.ended.values(), *core.live.values())
        return tuple(sorted((order.number, order.client_order_id) for order in orders))

    def balance(self, account: str, asset: str) -> tuple[int, int] | None:
        """Return (total, free) at 1e-9, None if it is not known."""
        balance = self._core.balances.get((account, asset))
        if balance is None or balance.time_ns < 0:
            return None
        return balance.total_e9, balance.free_e9

    def fees(self, account: str) -> tuple[tuple[str, str, int], ...]:
        """Return (asset, deployment, total at 1e-9) of fees in other assets than the quote."""
        fees = self._core.fees
        return tuple(
            (key[1], key[2], fees[key].total_e9) for key in sorted(fees) if key[0] == account
        )

    def funding_e9(self, account: str, instrument: str, deployment: str) -> int:
        """Return what a deployment, or nobody (""), received of an instrument's funding so far."""
        total = self._core.fundings.get((account, instrument, deployment))
        return 0 if total is None else total.total_e9

    def equity(self, account: str) -> Equity | None:
        """Return the equity of an account with a drawdown limit, None of any other."""
        found = self._core.limited.get(account)
        if found is None or found.limits.max_drawdown_bps is None:
            return None
        return Equity(found.equity_e17, found.peak_e17, found.drawdown_bps, found.is_blocked)

    def snapshot(self, account: str) -> ReplaceAccount:
        """Return what the desk believes of an account: balances, positions, orders that rest.

        Orders in flight are in no snapshot, as no venue has confirmed them ([DESK-2D]).
        """
        core = self._core
        balances = tuple(
            BalanceReport(asset, one.total_e9, one.free_e9, one.time_ns)
            for (name, asset), one in sorted(core.balances.items())
            if name == account and one.time_ns >= 0
        )
        orders = tuple(_report(order) for order in core.live.values() if order.account == account)
        positions = tuple(
            PositionReport(key[1], core.books[key].qty_e8)
            for key in sorted(core.books)
            if key[0] == account and key[2] == NET and core.books[key].qty_e8
        )
        resting = tuple(report for report in orders if report.state is OrderState.OPEN)
        return ReplaceAccount(account, core.now_ns, balances, resting, positions)

    def lifecycle(self, deployment: str) -> LifecycleState | None:
        """Return the lifecycle state of a deployment, None if it is not registered."""
        found = self._core.deployments.get(deployment)
        return None if found is None else found.row.state

    def halted(self) -> tuple[tuple[str, HaltAction], ...]:
        """Return (deployment, severest action) of all that are halted, oldest deployment first."""
        found = ((name, one.gate.halted) for name, one in self._core.deployments.items())
        return tuple((name, action) for name, action in found if action is not None)

    def holdings(self, deployment: str) -> tuple[Position, ...]:
        """Return all that a deployment holds, MANUAL for nobody, by account and instrument."""
        books = self._core.books
        owner = "" if deployment == MANUAL else deployment
        views = (books[key].view() for key in sorted(books) if key[2] == owner)
        return tuple(view for view in views if view is not None)

    def is_closable(self, wanted: Filter) -> bool:
        """Return whether ClosePositions with a filter would send anything now."""
        return bool(closes(self._core, wanted))

    def gate(self, deployment: str) -> GateState | None:
        """Return what the gate of a deployment counted, None if it is not registered."""
        found = self._core.deployments.get(deployment)
        return None if found is None else found.gate.state()

    @property
    def _core(self) -> DeskCore:
        # The state is the desk's: nobody makes a view of another machine's.
        return cast(DeskCore, self._state.core)


def _report(order: Order) -> OrderReport:
    return OrderReport(
        *(order.client_order_id, order.instrument, order.side, order.qty_e8, order.price_e9),
        *(order.state, order.live),
    )


def _view(order: Order) -> OrderView:
    return OrderView(
        order.client_order_id,
        order.deployment,
        order.account,
        order.instrument,
        order.side,
        order.qty_e8,
        order.price_e9,
        order.state,
        order.done_e8,
        order.kind,
    )

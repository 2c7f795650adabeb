"""The 27 steps of a desk with two instruments and fees of ten percent, number by number."""

from collections.abc import Sequence

import msgspec
import pytest

from lockstep_desk.core.audit import Auditor
from lockstep_desk.core.codes import Health, Link, OrderKind, Scope, TimeInForce, TradingState
from lockstep_desk.core.commands import (
    BalanceReport,
    ClosePositions,
    FillReport,
    Filter,
    OpenRequest,
    RecordBalance,
    RecordFill,
    RecordMarketDisconnect,
    RecordTrade,
    ReplaceAccount,
    SendOpenRequests,
    SetTradingState,
)
from lockstep_desk.core.events import OrderRequested
from lockstep_desk.core.hooks import Controls, Intents
from lockstep_desk.core.outputs import (
    AlgoOrders,
    Commanded,
    OnDisconnect,
    OnTradingDisabled,
    PositionExit,
)
from lockstep_desk.core.replica import StateReplica
from lockstep_desk.core.view import DeskView
from lockstep_desk.oms.states import OrderState
from lockstep_desk.types import AuditTick, Liquidity, Side
from lockstep_kernel import verify
from tests.support.desk import (
    ACCOUNT,
    ALPHA,
    BTC,
    E8,
    E9,
    ETH,
    VENUE,
    Rig,
    report,
    standard_set_up,
)

CENT = E9 // 100


class BuyOnce:
    """Buys 1 at the market where there is no position, no tracked order, and a price."""

    def generate(self, view: DeskView) -> Sequence[Intents]:
        busy = {order.instrument for order in view.orders()}
        opens = tuple(
            OpenRequest(
                *(ACCOUNT, name, Side.BUY, E8, price, OrderKind.MARKET, TimeInForce.IOC),
            )
            for name in (BTC, ETH)
            if (price := view.price_e9(name)) is not None
            and name not in busy
            and view.position(ACCOUNT, name) is None
        )
        return [Intents(ALPHA, 0, (), opens)]


class CountingHooks:
    """Counts its calls and does nothing."""

    def __init__(self) -> None:
        self.disabled = 0
        self.lost: list[tuple[Link, str]] = []

    def on_trading_disabled(self, desk: Controls) -> None:
        self.disabled += 1

    def on_disconnect(self, desk: Controls, link: Link, key: str) -> None:
        self.lost.append((link, key))


class Run:
    """Feeds the steps; the number of each is the number of its tick."""

    def __init__(self) -> None:
        self.hooks = CountingHooks()
        self.rig = Rig(algo=BuyOnce(), hooks=self.hooks)
        self.rig.set_up(*standard_set_up())
        before = Auditor(first_seq=-1).snapshot(self.rig.engine.state)
        self.replica = StateReplica(before)
        self.time_ns = 0

    def step(self, number: int, event: msgspec.Struct) -> AuditTick:
        self.rig.clock.advance_ns(10)
        tick = self.rig.engine.process(event)
        assert number == tick.seq
        assert () == tick.errors
        self.replica.take(tick)
        assert self.rig.engine.state.hash == self.replica.state.hash
        verify(self.rig.engine.state)
        return tick

    def at(self) -> int:
        self.time_ns += 1
        return self.time_ns

    def trade(self, instrument: str, price_e9: int) -> RecordTrade:
        return RecordTrade(instrument, price_e9, E8, Side.BUY, self.at())

    def balance(self, asset: str, total_e9: int, free_e9: int | None = None) -> RecordBalance:
        free = total_e9 if free_e9 is None else free_e9
        return RecordBalance(ACCOUNT, BalanceReport(asset, total_e9, free, self.at()))

    def fill_of(self, index: int, price_e9: int, fee_e9: int) -> RecordFill:
        order = self.rig.sender.requests[index]
        return RecordFill(
            ACCOUNT,
            FillReport(
                f"trade {index}",
                f"venue {order.number}",
                order.client_order_id,
                order.instrument,
                order.side if isinstance(order, OrderRequested) else Side.BUY,
                E8,
                price_e9,
                fee_e9,
                Liquidity.TAKER,
                self.at(),
            ),
        )

    def reply(self, index: int, state: OrderState, filled: int | None = None) -> msgspec.Struct:
        return report(self.rig.sender.requests[index], state, filled, self.at())


@pytest.mark.desk("DESK-04", "DESK-05", "DESK-17", "DESK-20", "DESK-21", "DESK-22", "DESK-24")
@pytest.mark.desk("DESK-10", "DESK-12", "DESK-29", "DESK-2A", "DESK-37", "DESK-41", "DESK-61")
def test_the_27_steps_come_out_exactly() -> None:
    run = Run()
    account_and_market_begin(run)
    strategies_open_once(run)
    both_buys_fill(run)
    the_position_is_closed(run)
    the_link_is_lost_and_an_operator_sells(run)
    assert () == run.rig.view.positions()
    assert 27 == run.rig.engine.auditor.next_seq


def account_and_market_begin(run: Run) -> None:
    rig = run.rig
    balances = tuple(
        BalanceReport(asset, total * E9, total * E9, run.at())
        for asset, total in (("usdt", 40_000), ("btc", 1), ("eth", 10))
    )
    assert () == run.step(0, ReplaceAccount(ACCOUNT, run.at(), balances, (), ())).outputs
    assert Health.HEALTHY == rig.view.health(Link.ACCOUNT, ACCOUNT)
    assert not rig.view.is_healthy

    assert () == run.step(1, run.trade(BTC, 10_000 * E9)).outputs
    assert rig.view.is_healthy
    assert () == run.step(2, run.trade(ETH, E9 // 10)).outputs


def strategies_open_once(run: Run) -> None:
    rig = run.rig
    (algo,) = run.step(3, SetTradingState(TradingState.ENABLED)).outputs
    assert isinstance(algo, AlgoOrders)
    asked = [(order.instrument, order.side, order.price_e9) for order in algo.orders.opens]
    assert [(BTC, Side.BUY, 10_000 * E9), (ETH, Side.BUY, E9 // 10)] == asked
    states = [(order.instrument, order.state) for order in rig.view.orders()]
    assert [(BTC, OrderState.OPEN_IN_FLIGHT), (ETH, OrderState.OPEN_IN_FLIGHT)] == states

    (disabled,) = run.step(4, SetTradingState(TradingState.DISABLED)).outputs
    assert isinstance(disabled, OnTradingDisabled)
    assert 1 == run.hooks.disabled


def both_buys_fill(run: Run) -> None:
    rig = run.rig
    assert () == run.step(5, run.reply(0, OrderState.FULLY_FILLED)).outputs
    assert [ETH] == [order.instrument for order in rig.view.orders()]
    assert () == run.step(6, run.fill_of(0, 10_000 * E9, 1_000 * E9)).outputs
    long = rig.view.position(ACCOUNT, BTC)
    assert long is not None
    assert (Side.BUY, E8, 10_000 * E9) == (long.side, long.qty_e8, long.entry_price_e9)
    assert -1_000 * 10**17 == long.realised_e17
    run.step(7, run.balance("btc", 2 * E9))
    run.step(8, run.balance("usdt", 29_000 * E9))
    assert (29_000 * E9, 29_000 * E9) == rig.view.balance(ACCOUNT, "usdt")

    run.step(9, run.reply(1, OrderState.FULLY_FILLED))
    assert () == rig.view.orders()
    run.step(10, run.fill_of(1, E9 // 10, CENT))
    run.step(11, run.balance("eth", 11 * E9))
    run.step(12, run.balance("btc", 189 * CENT))


def the_position_is_closed(run: Run) -> None:
    rig = run.rig
    run.step(13, run.trade(BTC, 20_000 * E9))
    run.step(14, run.trade(ETH, E9 // 20))
    marked = rig.view.position(ACCOUNT, BTC)
    assert marked is not None
    assert 10_000 * 10**17 == marked.unrealised_mark_e17
    assert 1_000 * E9 == marked.exit_fee_estimate_e9

    (closing,) = run.step(15, ClosePositions(Filter(Scope.INSTRUMENTS, (BTC,)))).outputs
    assert isinstance(closing, Commanded)
    (close,) = closing.orders.opens
    assert (BTC, Side.SELL, E8) == (close.instrument, close.side, close.qty_e8)
    assert (20_000 * E9, OrderKind.MARKET, TimeInForce.IOC) == (
        *(close.price_e9, close.kind, close.tif),
    )
    assert ALPHA == close.deployment

    assert () == run.step(16, run.reply(2, OrderState.FULLY_FILLED)).outputs
    assert () == rig.view.orders()
    run.step(17, run.balance("btc", 89 * CENT))
    run.step(18, run.balance("usdt", 47_000 * E9))
    (exit_,) = run.step(19, run.fill_of(2, 20_000 * E9, 2_000 * E9)).outputs
    assert isinstance(exit_, PositionExit)
    assert (7_000 * E9, 0) == (exit_.exited.realised_e9, exit_.exited.realised_rest)
    assert rig.view.position(ACCOUNT, BTC) is None


def the_link_is_lost_and_an_operator_sells(run: Run) -> None:
    rig = run.rig
    (lost,) = run.step(20, RecordMarketDisconnect(VENUE)).outputs
    assert isinstance(lost, OnDisconnect)
    assert [(Link.MARKET, VENUE)] == run.hooks.lost
    assert not rig.view.is_healthy

    sell = OpenRequest(ACCOUNT, ETH, Side.SELL, E8, E9 // 20)
    (sent,) = run.step(21, SendOpenRequests((sell,))).outputs
    assert isinstance(sent, Commanded)
    assert [""] == [order.deployment for order in sent.orders.opens]
    run.step(22, run.reply(3, OrderState.OPEN, 0))
    assert [OrderState.OPEN] == [order.state for order in rig.view.orders()]
    run.step(23, run.balance("eth", 11 * E9, 10 * E9))
    run.step(24, run.reply(3, OrderState.FULLY_FILLED))
    assert () == rig.view.orders()
    (second,) = run.step(25, run.fill_of(3, E9 // 20, CENT // 2)).outputs
    assert isinstance(second, PositionExit)
    assert (-65_000_000, 0) == (second.exited.realised_e9, second.exited.realised_rest)
    assert (CENT, CENT // 2) == (second.exited.fees_enter_e9, second.exited.fees_exit_e9)
    run.step(26, run.balance("eth", 10 * E9))

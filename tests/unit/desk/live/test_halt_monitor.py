"""Breaches on the real desk: halted, cancelled, liquidated to flat, each step in the journal."""

import msgspec
import pytest

from lockstep_desk.core.codes import TradingState
from lockstep_desk.core.commands import (
    CancelOrders,
    ClearHalt,
    ClosePositions,
    Halt,
    Limits,
    OpenRequest,
    SendOpenRequests,
    SetLimits,
    SetTradingState,
)
from lockstep_desk.core.hooks import Intents
from lockstep_desk.fund import MANUAL
from lockstep_desk.live import HaltMonitor, LiveDesk
from lockstep_desk.pipeline import Router
from lockstep_desk.types import AuditTick, HaltAction, Severity, Side
from lockstep_engine.commands import CancelAll
from tests.support.desk import ALPHA, all_commands
from tests.support.desk_exchange import LOT, SYMBOL, Market, want


class Watched:
    """A market whose desk is watched by a monitor."""

    def __init__(self, action: HaltAction, cap_lots: int = 10) -> None:
        self.market = Market()
        self.monitor = HaltMonitor()
        self.market.exchange.make(Side.SELL, 101, 50)
        self.market.exchange.make(Side.BUY, 99, 4)
        # One lot at 100 dollars is worth ten cents.
        limits = Limits(cap_lots * 11, 10**9, 10**6, action)
        self.process(SetTradingState(TradingState.ENABLED), SetLimits(ALPHA, limits))

    def process(self, *events: msgspec.Struct) -> None:
        """Let the desk take what came back and each event, and the monitor answer."""
        self.settle()
        for event in events:
            self.watch(self.market.engine.process(event))
            self.settle()

    def want(self, *opens: OpenRequest) -> None:
        engine = self.market.engine
        self.watch(engine.decide(Intents(ALPHA, 0, (), opens), engine.view.seq))
        self.settle()

    def settle(self) -> None:
        while told := self.market.session.take():
            for report in told:
                self.watch(self.market.engine.process(report))

    def watch(self, tick: AuditTick) -> None:
        assert () == tick.errors
        self.monitor.after(self.market.engine, tick)

    def commands(self, *kinds: type) -> list[str]:
        return [
            type(one).__name__
            for one in all_commands(self.market.journal)
            if isinstance(one, kinds)
        ]

    @property
    def held(self) -> int:
        position = self.market.engine.view.holding("desk", SYMBOL, ALPHA)
        return position.side.sign * position.qty_e8 // LOT if position else 0

    @property
    def halted(self) -> int:
        gate = self.market.engine.view.gate(ALPHA)
        assert gate is not None
        return gate.halted


STEPS = (Halt, CancelOrders, ClosePositions)


@pytest.mark.desk("F2", "FUND-22")
@pytest.mark.parametrize(
    ("action", "steps"),
    [
        (HaltAction.WARN, []),
        (HaltAction.SOFT_HALT, ["Halt"]),
        (HaltAction.HARD_HALT, ["Halt", "CancelOrders"]),
    ],
)
def test_a_breach_is_answered_once_however_often_it_repeats(
    action: HaltAction, steps: list[str]
) -> None:
    rig = Watched(action)
    rig.want(want(Side.BUY, 98, 5), want(Side.BUY, 101, 200))
    rig.want(want(Side.BUY, 101, 200))
    assert steps == rig.commands(*STEPS)
    assert (action if steps else 0) == rig.halted
    assert ("CancelOrders" in steps) == (not resting(rig, 98))
    # The first breach is of the size, those that follow are of the halt.
    severities = {alert.severity for alert in rig.monitor.alerts}
    assert {Severity.WARNING if action is HaltAction.WARN else Severity.CRITICAL} == severities
    keys = [alert.dedup_key for alert in rig.monitor.alerts]
    assert len(set(keys)) == len(keys)


def resting(rig: Watched, price: int) -> bool:
    return any(order.price_e9 == price * 10**9 for order in rig.market.engine.view.orders())


@pytest.mark.desk("F2", "FUND-21")
def test_a_liquidation_goes_on_while_fills_are_partial_and_stops_when_flat() -> None:
    rig = Watched(HaltAction.LIQUIDATE)
    rig.want(want(Side.BUY, 101, 9), want(Side.BUY, 97, 1))
    assert 9 == rig.held
    rig.want(want(Side.BUY, 101, 200))
    # Nobody buys more than four.
    assert (5, HaltAction.LIQUIDATE) == (rig.held, rig.halted)
    assert not resting(rig, 97)
    rig.market.exchange.make(Side.BUY, 98, 3)
    rig.settle()
    assert 2 == rig.held
    rig.market.exchange.make(Side.BUY, 98, 30)
    rig.settle()
    assert 0 == rig.held
    taken = rig.commands(ClosePositions)
    rig.market.exchange.make(Side.BUY, 97, 30)
    rig.settle()
    assert taken == rig.commands(ClosePositions)
    position = rig.market.engine.view.position("desk", SYMBOL)
    assert position is None


@pytest.mark.desk("F2")
def test_a_liquidation_is_taken_up_after_a_restart_and_ends_with_its_halt() -> None:
    rig = Watched(HaltAction.LIQUIDATE)
    rig.want(want(Side.BUY, 101, 9))
    rig.process(Halt(ALPHA, HaltAction.LIQUIDATE))
    assert 5 == rig.held
    rig.monitor = HaltMonitor()
    rig.monitor.begin(rig.market.engine.view)
    rig.market.exchange.make(Side.BUY, 98, 3)
    rig.settle()
    assert 2 == rig.held
    rig.process(ClearHalt(ALPHA))
    rig.market.exchange.make(Side.BUY, 98, 3)
    rig.settle()
    assert 2 == rig.held


def test_what_nobody_takes_is_not_asked_for_again_before_the_market_changes() -> None:
    rig = Watched(HaltAction.LIQUIDATE)
    rig.want(want(Side.BUY, 101, 9))
    rig.market.exchange.send(rig.market.exchange.maker, CancelAll(side=int(Side.BUY)))
    rig.process(Halt(ALPHA, HaltAction.LIQUIDATE))
    asked = rig.commands(ClosePositions)
    assert 1 <= len(asked) <= 2
    for _ in range(5):
        rig.process(SetLimits(MANUAL, Limits(10**9, 10**9, 10**6)))
    assert asked == rig.commands(ClosePositions)
    rig.market.exchange.make(Side.BUY, 98, 30)
    rig.settle()
    assert 0 == rig.held


@pytest.mark.desk("F2", "PIPE-D12")
def test_an_order_at_the_market_is_left_to_end_by_itself() -> None:
    rig = Watched(HaltAction.LIQUIDATE)
    rig.want(want(Side.BUY, 101, 9))
    rig.process(Halt(ALPHA, HaltAction.LIQUIDATE))
    assert [] == rig.commands(CancelOrders)


@pytest.mark.desk("F2")
def test_an_order_by_hand_over_its_limits_halts_manual_orders() -> None:
    rig = Watched(HaltAction.WARN)
    rig.process(SetLimits(MANUAL, Limits(10, 10, 10**6, HaltAction.HARD_HALT)))
    rig.process(SendOpenRequests((want(Side.BUY, 100, 100),)))
    assert ["Halt", "CancelOrders"][:1] == rig.commands(Halt)
    gate = rig.market.engine.view.gate(MANUAL)
    assert gate is not None
    assert HaltAction.HARD_HALT == gate.halted


def test_a_live_desk_answers_in_the_turn_of_the_breach() -> None:
    rig = Watched(HaltAction.HARD_HALT)
    rig.process(SetLimits(MANUAL, Limits(10, 10, 10**6, HaltAction.HARD_HALT)))
    desk = LiveDesk(rig.market.engine, Router([]), monitor=rig.monitor)
    desk.process(SendOpenRequests((want(Side.BUY, 100, 100),)))
    assert ["Halt"] == rig.commands(Halt)

"""The engine around the machine: order of work, hooks, sending in part, errors, the end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest

from lockstep_desk.clock import MockClock, SequencedClock
from lockstep_desk.core.audit import Auditor, MemoryAudit
from lockstep_desk.core.codes import Link, Origin, Refusal, Scope, SendError, TradingState
from lockstep_desk.core.commands import (
    CancelOrders,
    ClosePositions,
    Filter,
    RecordAccountDisconnect,
    RecordFill,
    RecordMarketDisconnect,
    RecordSendResults,
    RegisterVenue,
    ReplaceAccount,
    Resume,
    RiskRefusal,
    SendOpenRequests,
    SetTradingState,
    Shutdown,
    SubmitIntents,
)
from lockstep_desk.core.engine import Engine
from lockstep_desk.core.events import CancelRequested, OrderRequested
from lockstep_desk.core.hooks import Checked, Controls, Intents, Parts
from lockstep_desk.core.machine import MACHINE
from lockstep_desk.core.outputs import (
    AlgoOrders,
    Commanded,
    FeedEnded,
    OnDisconnect,
    OnTradingDisabled,
    OutletLost,
    PositionExit,
    Processed,
    Queried,
    is_terminal,
)
from lockstep_desk.core.replica import OutOfOrderError, StateReplica
from lockstep_desk.core.router import Router
from lockstep_desk.core.runners import run, run_async
from lockstep_desk.core.view import DeskView
from lockstep_desk.oms.states import OrderState
from lockstep_desk.types import AuditTick, Side
from lockstep_journal import MemoryJournal, Outlets, Sequencer
from lockstep_kernel import DivergedError, StaleStateError, apply, initial
from tests.support.desk import (
    ACCOUNT,
    ALPHA,
    BTC,
    E8,
    E9,
    GENESIS,
    VENUE,
    FakeSender,
    Rig,
    fill_of,
    limit_buy,
    limit_sell,
    standard_set_up,
    trade,
)

ENABLE = SetTradingState(TradingState.ENABLED)
DISABLE = SetTradingState(TradingState.DISABLED)


class Script:
    """A strategy that wants what it is told to, call by call."""

    def __init__(self, *wanted: Sequence[Intents]) -> None:
        self.wanted = list(wanted)
        self.seen: list[int] = []

    def generate(self, view: DeskView) -> Sequence[Intents]:
        self.seen.append(view.seq)
        return self.wanted.pop(0) if self.wanted else ()


class RefuseSells:
    """A risk manager that lets buys pass and halves them."""

    def check(self, view: DeskView, intents: Intents) -> Checked:
        buys = tuple(
            msgspec.structs.replace(one, qty_e8=one.qty_e8 // 2)
            for one in intents.opens
            if one.side is Side.BUY
        )
        sells = [one for one in intents.opens if one.side is Side.SELL]
        refused = tuple(RiskRefusal("no sells", "", one) for one in sells)
        return Checked(msgspec.structs.replace(intents, opens=buys), refused)


def rig(*wanted: Sequence[Intents], **parts: Any) -> tuple[Rig, Script]:
    """Return a rig whose desk is registered, healthy and disabled, and its strategy."""
    algo = Script(*wanted)
    made = Rig(algo=algo, **parts)
    healthy = (trade(BTC, 10_000, 1), ReplaceAccount(ACCOUNT, 0, (), (), None))
    made.set_up(*standard_set_up(), *healthy)
    return made, algo


def opens(*requests: Any) -> list[Intents]:
    return [Intents(ALPHA, 0, (), requests)]


def commands(tick: AuditTick) -> list[str]:
    """Return the types of the commands that a tick journaled, in order."""
    event = tick.event
    assert isinstance(event, Processed | FeedEnded)
    return [
        type(MACHINE.codec.decode(done.ts_ns, done.body).command).__name__
        for done in event.journaled
    ]


# Order of work


@pytest.mark.desk("DESK-04", "DESK-21")
def test_strategies_are_asked_after_every_event_of_every_kind_while_enabled() -> None:
    made, algo = rig()
    events = (trade(BTC, 1, 9), ReplaceAccount(ACCOUNT, 9, (), (), None), CancelOrders())
    for event in events:
        made.engine.process(event)
    assert [] == algo.seen
    for event in (ENABLE, *events, RecordMarketDisconnect(VENUE)):
        made.engine.process(event)
    assert 5 == len(algo.seen)
    made.engine.process(DISABLE)
    assert 5 == len(algo.seen)


@pytest.mark.desk("DESK-04", "DESK-17", "RECON-44")
def test_an_order_is_durable_before_it_is_sent_and_its_fate_is_journaled() -> None:
    made, _ = rig(opens(limit_buy()))
    tick = made.engine.process(ENABLE)
    assert ["SetTradingState", "SubmitIntents", "RecordSendResults"] == commands(tick)
    (algo,) = tick.outputs
    assert isinstance(algo, AlgoOrders)
    assert tuple(made.sender.requests) == algo.orders.opens
    assert 1 == len(algo.orders.opens)


@pytest.mark.desk("DESK-17", "DESK-05")
def test_a_strategy_that_wants_nothing_leaves_no_output() -> None:
    made, _ = rig([Intents(ALPHA)])
    tick = made.engine.process(ENABLE)
    assert ((), ["SetTradingState"]) == (tick.outputs, commands(tick))


@pytest.mark.desk("DESK-50", "DESK-17")
def test_the_risk_manager_changes_and_refuses_before_the_gate() -> None:
    made, _ = rig(opens(limit_buy(), limit_sell()), risk=RefuseSells())
    (algo,) = made.engine.process(ENABLE).outputs
    assert isinstance(algo, AlgoOrders)
    assert [E8 // 2] == [order.qty_e8 for order in algo.orders.opens]
    assert [(Refusal.RISK, "no sells")] == [
        (refused.code, refused.reason) for refused in algo.orders.refused_opens
    ]


@pytest.mark.desk("DESK-12", "DESK-D19")
def test_commands_pass_no_risk_manager_and_the_gate_nevertheless() -> None:
    made, _ = rig(risk=RefuseSells())
    tick = made.engine.process(SendOpenRequests((limit_sell(), limit_sell(-1))))
    (commanded,) = tick.outputs
    assert isinstance(commanded, Commanded)
    assert 1 == len(commanded.orders.opens)
    assert [Refusal.BAD_QUANTITY] == [one.code for one in commanded.orders.refused_opens]


def test_intents_are_carried_out_by_trader_whatever_order_they_come_in() -> None:
    wanted = [Intents(ALPHA, trader, (), (limit_buy(E8 * trader),)) for trader in (3, 1, 2)]
    made, _ = rig(wanted)
    made.engine.process(ENABLE)
    assert [E8, 2 * E8, 3 * E8] == [
        request.qty_e8 for request in made.sender.requests if isinstance(request, OrderRequested)
    ]


# Sending


@pytest.mark.desk("DESK-13", "DESK-18", "DESK-1A")
def test_a_batch_is_sent_in_part_and_errors_keep_their_order() -> None:
    made, _ = rig(opens(limit_buy()))
    made.engine.process(ENABLE)
    (first,) = made.sender.requests
    made.sender.errors = [SendError.UNHEALTHY, SendError.NONE, SendError.UNHEALTHY]
    made.engine._parts = msgspec.structs.replace(
        made.engine._parts,
        algo=Script([Intents(ALPHA, 0, (first.client_order_id,), (limit_buy(), limit_sell()))]),
    )
    tick = made.engine.process(trade(BTC, 10_000, 99))
    (algo,) = tick.outputs
    assert isinstance(algo, AlgoOrders)
    failed = [(one.is_cancel, one.error) for one in algo.orders.failed]
    assert [(True, SendError.UNHEALTHY), (False, SendError.UNHEALTHY)] == failed
    assert [CancelRequested, OrderRequested, OrderRequested] == [
        type(request) for request in made.sender.requests[1:]
    ]
    assert () == tick.errors
    assert 2 == len(made.view.orders())


@pytest.mark.desk("DESK-04", "DESK-1A", "DESK-61")
@pytest.mark.parametrize("error", [SendError.TERMINATED, SendError.NO_CHANNEL])
def test_an_unrecoverable_error_ends_the_desk_before_strategies_are_asked(
    error: SendError,
) -> None:
    made, algo = rig()
    made.engine.process(ENABLE)
    asked = len(algo.seen)
    made.sender.errors = [error]
    tick = made.engine.process(SendOpenRequests((limit_buy(), limit_buy())))
    assert is_terminal(tick)
    (said,) = tick.errors
    assert said.endswith(error.name)
    assert asked == len(algo.seen)
    assert made.sender.is_shut_down
    assert 1 == len(made.view.orders())


@pytest.mark.desk("DESK-13", "DESK-06")
def test_a_router_sends_by_venue_and_a_venue_without_a_way_is_an_error() -> None:
    there, here = FakeSender(), FakeSender()
    router = Router({VENUE: there, "other": here})
    made, _ = rig(opens(limit_buy()))
    made.engine.process(ENABLE)
    (request,) = made.sender.requests
    assert SendError.NONE == router.send(request)
    assert [request] == there.requests
    assert [] == here.requests
    assert SendError.NO_CHANNEL == Router({}).send(request)
    there.replies, here.replies = [ENABLE], [DISABLE]
    assert {ENABLE.state, DISABLE.state} == {one.state for one in router.drain()}  # type: ignore[attr-defined]  # both are SetTradingState
    there.shutdown = _raise  # type: ignore[method-assign]  # a way that does not end
    router.shutdown()
    assert here.is_shut_down
    assert {VENUE: "OSError: cut"} == router.failures


def _raise() -> None:
    raise OSError("cut")


# Hooks


class Hook:
    """Counts its calls and does what it is told."""

    def __init__(self, does: Any = None) -> None:
        self.does = does
        self.calls: list[object] = []

    def on_trading_disabled(self, desk: Controls) -> None:
        self.calls.append("disabled")
        if self.does is not None:
            self.does(desk)

    def on_disconnect(self, desk: Controls, link: Link, key: str) -> None:
        self.calls.append((link, key))
        if self.does is not None:
            self.does(desk)


@pytest.mark.desk("DESK-20", "DESK-05")
def test_the_hook_is_called_once_when_strategies_are_disabled() -> None:
    hook = Hook()
    made, _ = rig(hooks=hook)
    outputs = [made.engine.process(event).outputs for event in (DISABLE, ENABLE, DISABLE, DISABLE)]
    assert ["disabled"] == hook.calls
    assert [False, False, True, False] == [
        any(isinstance(output, OnTradingDisabled) for output in some) for some in outputs
    ]


@pytest.mark.desk("DESK-22", "DESK-05")
def test_the_hook_is_called_for_every_lost_link() -> None:
    hook = Hook()
    made, _ = rig(hooks=hook)
    first = made.engine.process(RecordAccountDisconnect(ACCOUNT)).outputs
    second = made.engine.process(RecordMarketDisconnect(VENUE)).outputs
    assert [(Link.ACCOUNT, ACCOUNT), (Link.MARKET, VENUE)] == hook.calls
    assert [Link.ACCOUNT, Link.MARKET] == [
        output.link for output in (*first, *second) if isinstance(output, OnDisconnect)
    ]
    made.engine.process(RecordMarketDisconnect("nowhere"))
    assert 2 == len(hook.calls)


@pytest.mark.desk("DESK-23", "F3")
def test_a_hook_may_disable_cancel_close_and_open() -> None:
    def act(desk: Controls) -> None:
        desk.disable_trading()
        desk.cancel_orders(Filter())
        desk.close_positions(Filter(Scope.INSTRUMENTS, (BTC,)))
        desk.submit(Intents(ALPHA, 0, (), (limit_sell(E8, 20_000),)))
        assert TradingState.DISABLED == desk.view.trading

    made, _ = rig(opens(limit_buy(), limit_buy()), hooks=Hook(act))
    made.engine.process(ENABLE)
    filled = made.sender.requests[0]
    assert isinstance(filled, OrderRequested)
    made.engine.process(RecordFill(ACCOUNT, fill_of(filled, "f", E8, 10_000 * E9)))
    (output,) = made.engine.process(RecordAccountDisconnect(ACCOUNT)).outputs
    assert isinstance(output, OnDisconnect)
    assert 1 == len(output.orders.cancels)
    assert [Origin.CLOSE, Origin.HOOK] == [order.origin for order in output.orders.opens]
    assert TradingState.DISABLED == made.view.trading


@pytest.mark.desk("DESK-16")
def test_a_closing_strategy_of_the_host_takes_the_place_of_the_default() -> None:
    class Closer:
        def close(self, view: DeskView, wanted: Filter) -> Sequence[Intents]:
            names = tuple(order.client_order_id for order in view.orders())
            return [Intents(ALPHA, 0, names, (limit_sell(E8, 9_000),))]

    made, _ = rig(opens(limit_buy()), closer=Closer())
    made.engine.process(ENABLE)
    tick = made.engine.process(ClosePositions())
    (commanded,) = tick.outputs
    assert isinstance(commanded, Commanded)
    assert [CancelRequested, OrderRequested] == [
        type(request) for request in made.sender.requests[1:]
    ]
    assert [Origin.CLOSE] == [order.origin for order in commanded.orders.opens]
    assert ["SubmitIntents", "RecordSendResults"] == commands(tick)


def test_host_code_that_raises_ends_the_desk_and_says_what_it_raised() -> None:
    def act(desk: Controls) -> None:
        raise ValueError("nothing works")

    made, _ = rig(hooks=Hook(act))
    made.engine.process(ENABLE)
    tick = made.engine.process(DISABLE)
    assert ("host code: ValueError: nothing works",) == tick.errors
    assert is_terminal(tick)
    assert made.sender.is_shut_down


def test_a_view_of_a_consumed_state_says_so() -> None:
    made, _ = rig()
    view = DeskView(made.engine.state)
    apply(made.engine.state, MACHINE.codec.sequence(10**9, RegisterVenue("x")))
    with pytest.raises(StaleStateError):
        view.orders()


# The end


@pytest.mark.desk("DESK-01", "DESK-06", "DESK-61", "DESK-D14")
def test_a_shutdown_takes_what_still_comes_back_and_is_the_last_tick() -> None:
    made, algo = rig(opens(limit_buy()))
    made.engine.process(ENABLE)
    (request,) = made.sender.requests
    assert isinstance(request, OrderRequested)
    made.sender.replies = [RecordFill(ACCOUNT, fill_of(request, "f", E8, 10_000 * E9))]
    asked = len(algo.seen)
    tick = made.engine.process(Shutdown())
    assert is_terminal(tick)
    assert ["Shutdown", "RecordFill"] == commands(tick)
    assert made.sender.is_shut_down
    assert asked == len(algo.seen)
    assert made.view.position(ACCOUNT, BTC) is not None


@pytest.mark.desk("DESK-62", "DESK-D14")
def test_a_runner_stops_at_the_first_terminal_tick_or_at_the_end_of_the_feed() -> None:
    made, _ = rig()
    last = run(made.engine, [ENABLE, trade(BTC, 1, 99)])
    assert isinstance(last.event, FeedEnded)
    made, _ = rig()
    last = run(made.engine, [ENABLE, Shutdown(), trade(BTC, 1, 99)])
    assert isinstance(last.event, Processed)
    assert last.event.is_shutdown
    made, _ = rig()
    made.sender.errors = [SendError.TERMINATED]
    last = run(made.engine, [SendOpenRequests((limit_buy(),)), Shutdown()])
    assert 1 == len(last.errors)


@pytest.mark.desk("DESK-62")
def test_the_asynchronous_runner_does_the_same() -> None:
    async def feed(events: Sequence[msgspec.Struct]) -> AsyncIterator[msgspec.Struct]:
        for event in events:
            await asyncio.sleep(0)
            yield event

    hashes = []
    for is_async in (False, True):
        made, _ = rig(opens(limit_buy()))
        events = [ENABLE, trade(BTC, 1, 99)]
        last = asyncio.run(run_async(made.engine, feed(events))) if is_async else None
        last = last or run(made.engine, events)
        hashes.append((last.state_hash, len(made.audit.ticks)))
    assert hashes[0] == hashes[1]
    stopped, _ = rig()
    last = asyncio.run(run_async(stopped.engine, feed([Shutdown(), ENABLE])))
    assert is_terminal(last)
    assert TradingState.DISABLED == stopped.view.trading


@pytest.mark.desk("F6", "RECON-44")
def test_after_a_crash_before_sending_the_order_is_asked_for_and_not_sent_again() -> None:
    made, _ = rig()
    lost = SubmitIntents(Origin.ALGO, ALPHA, 0, 0, (), (limit_buy(),))
    made.set_up(ENABLE, lost)
    tick = made.engine.resume()
    assert [] == made.sender.requests
    assert ["Resume"] == commands(tick)
    assert [OrderState.OPEN_UNKNOWN] == [order.state for order in made.view.orders()]
    assert [made.view.orders()[0].client_order_id] == [
        query.client_order_id for query in made.sender.queries
    ]


def test_a_query_that_reaches_nobody_is_told_and_the_order_stays_unknown() -> None:
    made, _ = rig(opens(limit_buy()))
    made.engine.process(ENABLE)
    made.sender.query = lambda _request: SendError.UNHEALTHY  # type: ignore[method-assign]  # a link that is down
    (queried,) = made.engine.resume().outputs
    assert isinstance(queried, Queried)
    assert [(1, SendError.UNHEALTHY)] == [
        (query.number, failure.error)
        for query, failure in zip(queried.queries, queried.failed, strict=True)
    ]
    assert [OrderState.OPEN_UNKNOWN] == [order.state for order in made.view.orders()]


def test_a_listener_of_the_journal_that_raises_is_told_and_the_desk_goes_on() -> None:
    class Broken:
        def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
            raise OSError("full")

    clock, sender = MockClock(1), FakeSender()
    outlets = Outlets(sinks=[Broken()])
    journal = MemoryJournal(GENESIS)
    sequencer = Sequencer(initial(MACHINE, GENESIS), journal, clock.now_ns, outlets)
    engine = Engine(sequencer, Parts(sender), clock)
    (lost,) = engine.process(RegisterVenue(VENUE)).outputs
    assert isinstance(lost, OutletLost)
    assert "Broken failed at 1 and is detached" in lost.what
    assert () == engine.process(RegisterVenue("other")).outputs
    assert 2 == engine.state.seq


# The audit stream


@pytest.mark.desk("DESK-60", "DESK-61", "I12")
def test_every_tick_takes_the_next_number_the_snapshot_too() -> None:
    made, _ = rig(opens(limit_buy()))
    made.engine.process(ENABLE)
    made.engine.snapshot()
    made.engine.process(DISABLE)
    made.engine.end()
    assert [0, 1, 2, 3] == [tick.seq for tick in made.audit.ticks]
    assert [False, False, False, True] == [is_terminal(tick) for tick in made.audit.ticks]
    assert made.engine.state.hash == made.audit.ticks[-1].state_hash


@pytest.mark.desk("DESK-63")
def test_an_auditor_that_dies_is_left_alone_and_the_desk_goes_on() -> None:
    class Dying(MemoryAudit):
        def send(self, tick: AuditTick) -> None:
            if tick.seq == 1:
                raise OSError("gone")
            super().send(tick)

    made, _ = rig()
    sink = Dying()
    auditor = made.engine.auditor = Auditor(sink)
    for event in (ENABLE, DISABLE, ENABLE):
        made.engine.process(event)
    assert [0] == [tick.seq for tick in sink.ticks]
    assert (False, "tick 1: OSError: gone") == (auditor.is_listened_to, auditor.failure)
    assert 3 == auditor.next_seq


@pytest.mark.desk("DESK-64", "DESK-D12", "I11")
def test_a_replica_has_the_orders_in_flight_and_what_hooks_did() -> None:
    made, _ = rig(opens(limit_buy()), hooks=Hook(lambda desk: desk.cancel_orders(Filter())))
    replica = StateReplica(made.engine.snapshot())
    for event in (ENABLE, DISABLE, RecordAccountDisconnect(ACCOUNT), ENABLE):
        made.engine.process(event)
        replica.follow(made.audit.ticks)
        assert made.engine.state.hash == replica.state.hash
        assert made.view.orders() == DeskView(replica.state).orders()
    assert [OrderState.CANCEL_IN_FLIGHT] == [one.state for one in DeskView(replica.state).orders()]


@pytest.mark.desk("DESK-64")
def test_a_replica_skips_what_it_has_and_refuses_a_gap_until_a_snapshot() -> None:
    made, _ = rig()
    replica = StateReplica(made.engine.snapshot())
    first, second = made.engine.process(ENABLE), made.engine.process(DISABLE)
    with pytest.raises(OutOfOrderError, match="expected tick 1, found 2"):
        replica.take(second)
    assert replica.take(first)
    assert not replica.take(first)
    assert replica.take(second)
    with pytest.raises(OutOfOrderError, match="expected a snapshot"):
        StateReplica(second)
    assert replica.take(made.engine.snapshot())
    assert replica.take(made.engine.end())
    assert replica.is_ended
    assert made.engine.state.hash == replica.follow([first]).hash


@pytest.mark.desk("DESK-64", "F8")
def test_a_replica_names_the_first_hash_that_differs() -> None:
    made, _ = rig()
    replica = StateReplica(made.engine.snapshot())
    tick = made.engine.process(ENABLE)
    assert isinstance(tick.event, Processed)
    forged = tuple(msgspec.structs.replace(one, hash=b"0" * 16) for one in tick.event.journaled)
    event = msgspec.structs.replace(tick.event, journaled=forged)
    seq = tick.event.journaled[0].seq
    with pytest.raises(DivergedError, match=f"command {seq}"):
        replica.take(msgspec.structs.replace(tick, event=event))


def test_a_replica_refuses_a_command_that_skips_one() -> None:
    made, _ = rig()
    replica = StateReplica(made.engine.snapshot())
    tick = made.engine.process(ENABLE)
    assert isinstance(tick.event, Processed)
    late = tuple(msgspec.structs.replace(one, seq=one.seq + 1) for one in tick.event.journaled)
    event = msgspec.structs.replace(tick.event, journaled=late)
    with pytest.raises(OutOfOrderError, match="expected command"):
        replica.take(msgspec.structs.replace(tick, event=event))


# Clocks


@pytest.mark.desk("DESK-68", "DESK-D13", "DESK-04")
def test_a_clock_that_follows_events_sees_each_before_it_is_journaled() -> None:
    clock = SequencedClock(5)
    journal = MemoryJournal(GENESIS)
    sequencer = Sequencer(initial(MACHINE, GENESIS), journal, clock.now_ns)
    engine = Engine(sequencer, Parts(FakeSender()), clock)
    for command in standard_set_up():
        engine.process(command)
    assert 5 == engine.state.ts_ns
    assert 77 == engine.process(trade(BTC, 1, 77)).ts_ns
    assert 77 == engine.process(trade(BTC, 1, 9)).ts_ns
    assert 77 == engine.process(Resume()).ts_ns
    assert 99 == engine.process(ReplaceAccount(ACCOUNT, 99, (), (), None)).ts_ns


def test_two_runs_on_the_same_events_have_the_same_hash() -> None:
    hashes = []
    for _ in range(2):
        made, _algo = rig(opens(limit_buy()), opens(limit_sell()))
        last = run(made.engine, [ENABLE, trade(BTC, 1, 99), Shutdown()])
        hashes.append(last.state_hash)
    assert hashes[0] == hashes[1]


@pytest.mark.desk("DESK-03")
def test_the_engine_tells_when_it_began_and_counts_from_the_snapshot_on() -> None:
    made, _ = rig()
    made.clock.advance_ns(9)
    assert 1 == made.engine.time_start_ns
    assert (0, 1) == (made.engine.snapshot().seq, made.engine.process(ENABLE).seq)
    assert 10 == made.engine.state.ts_ns


def test_exits_are_outputs_and_replies_at_the_end_too() -> None:
    made, _ = rig(opens(limit_buy()), opens(limit_sell()))
    made.engine.process(ENABLE)
    made.engine.process(trade(BTC, 10_001, 99))
    buy, sell = made.sender.requests
    assert isinstance(buy, OrderRequested)
    assert isinstance(sell, OrderRequested)
    made.engine.process(RecordFill(ACCOUNT, fill_of(buy, "b", E8, 10_000 * E9)))
    made.sender.replies = [RecordFill(ACCOUNT, fill_of(sell, "s", E8, 10_001 * E9))]
    (exited,) = made.engine.end().outputs
    assert isinstance(exited, PositionExit)
    assert E9 == exited.exited.realised_e9


def test_what_became_of_requests_is_told_in_one_command() -> None:
    made, _ = rig(opens(limit_buy(), limit_buy()))
    tick = made.engine.process(ENABLE)
    assert 1 == commands(tick).count(RecordSendResults.__name__)

"""The pipeline running free on the real desk and the real exchange: nothing lost, nothing twice."""

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import pytest

from lockstep_desk.adapters.halts import HaltMonitor
from lockstep_desk.adapters.strategies import market_command, market_event
from lockstep_desk.core.codes import Refusal, TradingState
from lockstep_desk.core.commands import (
    CancelOrders,
    ClosePositions,
    Limits,
    RecordL1,
    RecordSendResults,
    SendOpenRequests,
    SetLimits,
    SetTradingState,
    SubmitIntents,
)
from lockstep_desk.core.events import OrderRefused, OrderRequested
from lockstep_desk.core.hooks import Checked, Intents
from lockstep_desk.core.machine import MACHINE as DESK
from lockstep_desk.core.replica import StateReplica
from lockstep_desk.core.view import DeskView
from lockstep_desk.errors import InvalidValueError
from lockstep_desk.fund import MANUAL
from lockstep_desk.live import DeskEndedError, LiveDesk, Turns
from lockstep_desk.pipeline import (
    Address,
    Answer,
    CommandKind,
    FailurePolicy,
    LiveOptions,
    Overflow,
    Pool,
    ProcessPool,
    Router,
    SplitMix64,
    Target,
    TraderCommand,
)
from lockstep_desk.strategy import Candle, MarketEvent, MarketTrade, Open, Quote, TimeInForce
from lockstep_desk.types import HaltAction, Side
from lockstep_engine.events import OrderAccepted, OrderRejected
from lockstep_kernel import CannotRunError, apply, initial
from lockstep_kernel.record import unpack_record
from lockstep_validator import Status, validate
from tests.support.desk import E9, GENESIS
from tests.support.desk_exchange import ACCOUNT, DESK_NUMBER, LOT, SYMBOL, Market, want
from tests.support.desk_live import LiveMarket
from tests.unit.desk.pipeline.support import CATALOG, GATE, pool_of, spec

SPECS = (
    spec("rsi", qty_e8=LOT, period=2, low_e6=45_000_000, high_e6=55_000_000),
    spec("market_maker", qty_e8=LOT, tick_e9=10**9, half_spread_bps=150, inventory_max_e8=9 * LOT),
    spec("buy_when_flat", qty_e8=2 * LOT),
    spec("sma_cross", qty_e8=LOT, fast=2, slow=5),
)
TIGHT = LiveOptions(
    market_capacity=1,
    mailbox_capacity=1,
    orders_capacity=1,
    unanswered_max=1,
    burst_max=2,
    commit_max=2,
)


PLACE = 40
"""The tag of the command that places an order."""


def ran(pool: Pool, options: LiveOptions | None = None, **given: object) -> LiveMarket:
    """Return a market after it ran free and ended."""
    market = LiveMarket(SPECS, pool, options, **given)
    market.start()
    market.trade(60)
    assert market.stop().is_clean
    return market


def replayed(market: LiveMarket) -> tuple[bytes, list[msgspec.Struct], list[msgspec.Struct]]:
    """Return the hash that the journal alone leads to, all commands, and all events."""
    state = initial(DESK, GENESIS)
    commands: list[msgspec.Struct] = []
    said: list[msgspec.Struct] = []
    for seq, packed in enumerate(market.market.journal.records, 1):
        record = unpack_record(packed, seq)
        command = state.machine.codec.decode(record.ts_ns, record.body)
        state, events, _ = apply(state, command)
        commands.append(command.command)
        said += events
    return state.hash, commands, said


def check(market: LiveMarket) -> None:
    """Check that nothing was lost, sent twice, or left out of the journal."""
    market.agree()
    final, commands, events = replayed(market)
    assert market.sequencer.state.hash == final
    decided = [one for one in commands if isinstance(one, SubmitIntents)]
    counters = market.pipeline.order_counters()
    assert (len(decided), 0) == (counters.sent, counters.failed)
    assert market.pipeline.portfolio.totals.intents == sum(map(wishes, decided))
    asked = [one.client_order_id for one in events if isinstance(one, OrderRequested)]
    told = [
        result.client_order_id
        for one in commands
        if isinstance(one, RecordSendResults)
        for result in one.results
        if not result.is_cancel
    ]
    assert [] == [name for name, count in Counter(asked).items() if count > 1]
    assert sorted(asked) == sorted(told)
    assert len(asked) == accepted(market)


def wishes(decided: SubmitIntents) -> int:
    return len(decided.cancels) + len(decided.opens) + len(decided.refused)


def accepted(market: LiveMarket) -> int:
    """Return how many orders of the desk the exchange took, or refused as orders."""
    events = [event for _, some in market.market.exchange.said for event in some]
    taken = [event for event in events if isinstance(event, OrderAccepted)]
    refused = [event for event in events if isinstance(event, OrderRejected)]
    ours = [event.account for event in (*taken, *refused) if event.account == DESK_NUMBER]
    return len(ours) - sum(event.action != PLACE for event in refused)


@pytest.mark.desk("F1", "I16")
@pytest.mark.parametrize(("kind", "workers"), [("inline", 1), ("thread", 2), ("process", 2)])
def test_it_ends_quiet_with_books_that_are_the_brokers(kind: str, workers: int) -> None:
    market = ran(pool_of(kind, workers))
    check(market)
    assert market.pipeline.portfolio.totals.intents > 5
    assert 0 == market.pipeline.counters()["orders"].dropped


@pytest.fixture
def hurried() -> Iterator[None]:
    """Let threads change places thousands of times as often as usual."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual_s)


@pytest.mark.desk("I16", "PIPE-13")
@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("seed", range(25))
def test_with_places_for_one_market_data_are_conflated_and_no_order_is_lost(seed: int) -> None:
    market = LiveMarket(SPECS, pool_of("thread", 1 + seed % 3), TIGHT)
    market.start()
    market.trade(30, seed)
    assert market.stop().is_clean
    check(market)


@pytest.mark.desk("F8", "PIPE-19")
def test_workers_that_are_killed_at_random_show_in_no_order_and_the_journal_validates(
    tmp_path: Path,
) -> None:
    pool = ProcessPool(2, CATALOG)
    market = LiveMarket(SPECS, pool, folder=tmp_path / "desk")
    market.start()
    random, is_over = SplitMix64(5), threading.Event()

    def kill() -> None:
        while not is_over.wait(0.3 + random.below(300) / 1000):
            with suppress(ProcessLookupError):
                os.kill(pool.process_ids[random.below(2)], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        for seed in range(100):
            market.trade(30, seed)
            if pool.counters().died > 2 and market.pipeline.portfolio.totals.intents > 20:
                break
    finally:
        is_over.set()
        killer.join()
    market.settle()
    died = pool.counters().died
    assert market.stop().is_clean
    assert died > 2
    assert market.pipeline.portfolio.totals.intents > 20
    market.agree()
    verdict = validate(tmp_path / "desk")
    assert (Status.OK, market.sequencer.state.seq) == (verdict.status, verdict.seq)
    counters = market.pipeline.order_counters()
    assert 0 == counters.failed
    assert len(market.engine.view.numbers()) == accepted(market)


def test_a_replica_that_follows_the_ticks_has_the_same_hash() -> None:
    market = LiveMarket(SPECS, pool_of("thread", 2))
    replica = StateReplica(market.engine.snapshot())
    market.start()
    market.trade(40)
    assert market.stop().is_clean
    replica.follow(market.market.audit.ticks)
    assert market.sequencer.state.hash == replica.state.hash
    assert replica.is_ended


@pytest.mark.desk("DESK-17")
def test_while_strategies_are_disabled_nobody_is_asked_and_what_comes_is_conflated() -> None:
    market = LiveMarket(SPECS, pool_of("thread", 2), LiveOptions(mailbox_capacity=2))
    market.start()
    market.desk.process(SetTradingState(TradingState.DISABLED))
    market.wait(lambda: market.pipeline.is_quiet)
    totals = market.pipeline.portfolio.totals
    asked, before = totals.tasks, totals.events
    for step in range(1, 21):
        market.pipeline.publish(Quote(SYMBOL, 2 * 10**18 + step, 99 * E9, LOT, 101 * E9, LOT))
        # One by one: whoever is asked between two of them is found out.
        market.wait(partial(has_seen, market, before + step))
    market.wait(lambda: market.pipeline.backlog(0) == 2)
    assert asked == totals.tasks
    market.desk.process(SetTradingState(TradingState.ENABLED))
    market.wait(lambda: totals.tasks > asked)
    market.settle()
    assert market.stop().is_clean
    check(market)


@pytest.mark.desk("DESK-17")
def test_an_answer_that_comes_after_strategies_were_disabled_opens_nothing() -> None:
    market = LiveMarket((spec("buy_when_flat", qty_e8=LOT),), pool_of("inline", 1))
    market.start()
    market.trade(5)
    assert LOT == held(market)
    seen = market.desk.read(lambda view: view.seq)
    market.desk.process(SetTradingState(TradingState.DISABLED))
    # It would close what the deployment holds, which the gate lets pass in every state.
    trader = market.pipeline.portfolio.router.traders[0]
    wish = Open(SYMBOL, Side.SELL, LOT, tif=TimeInForce.IOC)
    market.desk.submit(Answer(trader, seen, 0, (wish,)))
    market.settle()
    assert market.stop().is_clean
    assert LOT == held(market)
    _, commands, events = replayed(market)
    (late,) = [one for one in commands if isinstance(one, SubmitIntents)][-1:]
    assert ((), seen) == (late.opens, late.seq_seen)
    refused = [one for one in events if isinstance(one, OrderRefused)]
    assert [Refusal.RISK] == [one.code for one in refused]
    assert refused[0].reason.startswith("strategies are disabled")


def has_seen(market: LiveMarket, events: int) -> bool:
    return market.pipeline.portfolio.totals.events == events


def held(market: LiveMarket) -> int:
    def look(view: DeskView) -> int:
        position = view.position(ACCOUNT, SYMBOL)
        return position.side.sign * position.qty_e8 if position else 0

    return market.desk.read(look)


@pytest.mark.desk("I16", "PIPE-D2", "PIPE-11", "PIPE-12")
def test_a_market_channel_that_is_full_delays_no_report_of_the_account() -> None:
    GATE.clear()
    options = LiveOptions(1, Overflow.BLOCK, 1, unanswered_max=1)
    market = LiveMarket((spec("waits"),), pool_of("inline", 1), options)
    market.start()
    market.pipeline.publish(Quote(SYMBOL, 1, 99 * 10**9, LOT, 101 * 10**9, LOT))
    # The dispatcher is held by the strategy that it runs itself; nobody empties the channel.
    market.wait(lambda: market.pipeline.portfolio.totals.events == 1)
    market.quote(100)
    market.desk.process(SendOpenRequests((want(Side.BUY, 101, 2),)))
    market.wait(lambda: held(market) == 2 * LOT)
    GATE.set()
    market.settle()
    assert market.stop().is_clean
    market.agree()


@pytest.mark.desk("F3")
def test_a_link_that_is_lost_and_found_while_all_runs_leaves_no_gap() -> None:
    market = LiveMarket(SPECS, pool_of("thread", 2))
    market.start()
    market.trade(20)
    market.link.disconnect()
    market.trade(10)
    market.link.connect()
    market.trade(20)
    assert market.stop().is_clean
    assert market.engine.view.is_healthy
    market.agree()


def test_what_nobody_trades_has_its_price_on_the_desk() -> None:
    market = LiveMarket((), pool_of("inline", 1))
    market.start()
    market.quote(100)
    market.wait(lambda: market.desk.read(lambda view: view.price_e9(SYMBOL)) == 100 * 10**9)
    assert market.stop().is_clean


@pytest.mark.desk("F7", "PIPE-03")
def test_an_operators_commands_take_their_turn_while_all_runs() -> None:
    market = LiveMarket(SPECS, pool_of("thread", 2))
    market.start()
    market.trade(20)
    market.desk.process(SetTradingState(TradingState.DISABLED))
    market.desk.process(CancelOrders())
    market.wait(lambda: not market.desk.read(lambda view: view.orders()))
    market.desk.process(ClosePositions())
    market.wait(lambda: not market.desk.read(lambda view: view.positions()))
    assert market.stop().is_clean
    check(market)


@pytest.mark.desk("PIPE-D4", "PIPE-19", "F7")
def test_who_failed_too_often_is_halted_and_a_clear_ends_that_on_the_desk_too() -> None:
    options = LiveOptions(failures=FailurePolicy(0, 0, 3))
    market = LiveMarket((spec("raises_at", number=1),), pool_of("inline", 1), options)
    market.start()
    market.trade(5)
    assert HaltAction.HARD_HALT == halted(market)
    market.pipeline.command(TraderCommand(CommandKind.CLEAR, Target(Address.ALL)))
    market.wait(lambda: halted(market) is None)
    assert market.stop().is_clean


def halted(market: LiveMarket) -> HaltAction | None:
    deployment = market.pipeline.portfolio.router.traders[0].deployment_id
    gate = market.desk.read(lambda view: view.gate(deployment))
    assert gate is not None
    return HaltAction(gate.halted) if gate.halted else None


def test_a_breach_is_answered_in_its_own_turn() -> None:
    desk = LiveDesk(Market(monitor=HaltMonitor()).engine, Router([]))
    desk.process(SetLimits(MANUAL, Limits(10, 10, 10**6, HaltAction.HARD_HALT)))
    desk.process(SendOpenRequests((want(Side.BUY, 100, 100),)))
    gate = desk.read(lambda view: view.gate(MANUAL))
    assert gate is not None
    assert HaltAction.HARD_HALT == gate.halted


def test_after_the_end_every_call_says_so() -> None:
    market = LiveMarket((spec("counts"),), pool_of("inline", 1))
    market.start()
    assert market.stop().is_clean
    trader = market.pipeline.portfolio.router.traders[0]
    with pytest.raises(DeskEndedError, match="expected a desk that runs, found it ended"):
        market.desk.submit(Answer(trader, 1, 0, ()))
    assert not market.desk.is_trading


def test_an_error_of_the_engine_ends_the_pipeline_and_is_named() -> None:
    class Broken:
        def check(self, view: DeskView, intents: Intents) -> Checked:
            raise ZeroDivisionError("the risk manager")

    market = LiveMarket((spec("counts"),), pool_of("inline", 1), risk=Broken())
    market.start()
    market.pipeline.publish(Quote(SYMBOL, 1, 99 * 10**9, LOT, 101 * 10**9, LOT))
    market.wait_for_end()
    assert "ZeroDivisionError: the risk manager" in market.pipeline.send_failures[0][1]
    report = market.stop()
    assert any("the risk manager" in what for _, what in report.failures)


@pytest.mark.parametrize(
    ("field", "value"), [("deployment_id", "nobody"), ("instrument", "X"), ("account", "x")]
)
def test_a_trader_that_the_desk_does_not_know_is_refused_at_the_start(
    field: str, value: str
) -> None:
    market = LiveMarket(SPECS[:1], pool_of("inline", 1))
    trader = replace(market.pipeline.portfolio.router.traders[0], **{field: value})
    with pytest.raises(InvalidValueError, match=f"trader 0: expected .* found '{value}'"):
        LiveDesk(market.engine, Router([trader]))


@pytest.mark.desk("PIPE-01")
@pytest.mark.parametrize(
    "event",
    [
        Quote(SYMBOL, 7, 1, 2, 3, 4),
        Quote(SYMBOL, 7, 0, 0, 3, 4),
        MarketTrade(SYMBOL, 7, 5, 6, Side.SELL),
        Candle(SYMBOL, 8, 2, 4, 1, 3, 9),
    ],
)
def test_a_market_event_comes_back_from_its_command(event: MarketEvent) -> None:
    assert event == market_event(market_command(event, 3))


def test_an_empty_side_has_no_price_on_the_desk() -> None:
    command = market_command(Quote(SYMBOL, 7, 5, 0, 3, 4), 1)
    assert RecordL1(SYMBOL, 0, 0, 3, 4, 7) == command


def test_turns_come_in_the_order_in_which_they_were_asked_for() -> None:
    turns, came = Turns("x"), []

    def come(number: int) -> None:
        with turns:
            came.append(number)

    threads = [threading.Thread(target=come, args=(number,)) for number in range(20)]
    with turns:
        for waiting, thread in enumerate(threads, 1):
            thread.start()
            while turns.waiting < waiting:
                time.sleep(0.0001)
    for thread in threads:
        thread.join()
    assert list(range(20)) == came


def test_a_turn_within_a_turn_is_refused() -> None:
    turns = Turns("the desk")
    with turns, pytest.raises(CannotRunError, match="the desk: expected one call at a time"):
        turns.__enter__()
    with turns:
        pass

"""Lockstep mode: one result for every pool and every number of workers (I15)."""

import contextlib
import os
import signal
import threading
from collections.abc import Sequence

import pytest

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.pipeline import (
    Address,
    CommandKind,
    FailurePolicy,
    InlinePool,
    Lockstep,
    Pool,
    ProcessOptions,
    ProcessPool,
    Router,
    Seen,
    Span,
    SplitMix64,
    Target,
    Task,
    Trader,
    TraderCommand,
    Walk,
    candles,
)
from lockstep_desk.strategy import MarketEvent, StrategySpec
from tests.unit.desk.pipeline.support import CATALOG, MarketDesk, pool_of, spec, traders_of
from tests.unit.desk.pipeline.test_pools import killed
from tests.unit.desk.strategy.support import E8, E9, candle_of

POLICY = FailurePolicy(first_ns=3 * E8, cap_ns=12 * E8, failures_max=4)
STRATEGIES: tuple[StrategySpec, ...] = (
    spec("rsi", qty_e8=E8, period=3),
    spec("sma_cross", qty_e8=E8, fast=2, slow=5),
    spec("market_maker", qty_e8=E8, tick_e9=E9 // 100),
    spec("buy_when_flat", qty_e8=E8),
    spec("raises_at", number=7),
    spec("counts"),
)
EVENTS = list(
    candles(5, [Walk(name, E9 // 100, 10_000, 80) for name in "ABC"], Span(0, E8), count=60)
)


def played(
    pool: Pool,
    events: Sequence[MarketEvent] = EVENTS,
    traders: list[Trader] | None = None,
    batch: int = 1,
) -> MarketDesk:
    traders = traders or traders_of(*STRATEGIES)
    desk = MarketDesk()
    pool.start(traders)
    try:
        Lockstep(Router(traders), pool, desk, POLICY, batch).run(events)
    finally:
        pool.stop(60.0)
    return desk


@pytest.mark.desk("I15")
@pytest.mark.parametrize("batch", [1, 7])
def test_the_hash_is_the_same_for_every_pool_and_every_number_of_workers(batch: int) -> None:
    inline = played(pool_of("inline", 1), batch=batch)
    assert any(line.startswith("answer") for line in inline.log)
    assert [("deployment-4", inline.halts[0][1])] == inline.halts
    for kind in ("thread", "process"):
        for workers in (1, 2, 4):
            found = played(pool_of(kind, workers), batch=batch)
            assert inline.log == found.log, f"{kind} with {workers} workers"
            assert inline.hash == found.hash


@pytest.mark.desk("I15")
def test_the_batch_is_part_of_the_result() -> None:
    one, many = (played(pool_of("inline", 1), batch=batch).hash for batch in (1, 7))
    assert one != many


@pytest.mark.desk("I15", "PIPE-19")
def test_a_killed_worker_does_not_change_the_hash() -> None:
    traders, desk = traders_of(*STRATEGIES), MarketDesk()
    pool = ProcessPool(2, CATALOG, ProcessOptions(64, 16, None))
    pool.start(traders)
    try:
        run = Lockstep(Router(traders), pool, desk, POLICY)
        for place, event in enumerate(EVENTS):
            if place in (40, 41, 130):
                killed(pool, place % 2)
            run.run([event])
    finally:
        pool.stop(60.0)
    assert 3 == pool.counters().died
    assert played(pool_of("inline", 1)).hash == desk.hash


@pytest.mark.desk("I15")
def test_answers_are_ordered_by_what_was_seen_and_then_by_trader() -> None:
    traders = traders_of(*[spec("counts")] * 4, instruments=("A", "B"))
    events = [candle_of(100, n, "AB"[n % 2]) for n in range(6)]
    desk = played(pool_of("thread", 4), events, traders, batch=6)
    answers = [line.split(" Open")[0].split(" (Open")[0] for line in desk.log if "answer" in line]
    assert [
        f"answer ({seq}, {trader})"
        for seq in range(1, 7)
        for trader in ((0, 2) if seq % 2 else (1, 3))
    ] == answers


class Stands(MarketDesk):
    """A desk on which nothing fills: what was submitted stays in flight."""

    def observe(self, event: MarketEvent) -> Seen:
        before = dict(self.standings)
        seen = super().observe(event)
        self.standings = before
        return seen


@pytest.mark.desk("PIPE-D12", "PIPE-17")
def test_a_second_signal_while_an_order_is_in_flight_sends_nothing() -> None:
    traders, desk = traders_of(spec("buy_when_flat", qty_e8=E8)), Stands()
    pool = pool_of("inline", 1)
    pool.start(traders)
    Lockstep(Router(traders), pool, desk).run([candle_of(100, n, "A") for n in range(9)])
    assert 1 == sum(line.startswith("answer") for line in desk.log)


@pytest.mark.desk("PIPE-D3")
def test_from_an_empty_portfolio_an_order_comes() -> None:
    desk = played(pool_of("inline", 1), [candle_of(100, 0, "A")], traders_of(STRATEGIES[3]))
    assert 1 == sum(line.startswith("answer") for line in desk.log)


@pytest.mark.desk("PIPE-19")
def test_a_trader_that_fails_backs_off_and_halts_its_deployment_after_k_failures() -> None:
    traders = traders_of(spec("raises_at", number=1), spec("counts"), instruments=("A",))
    desk = played(pool_of("inline", 1), [candle_of(1, n, "A") for n in range(60)], traders)
    # Sequence 1, then 3 later, 6 later, 12 later: the fourth failure, at 22, halts.
    assert [
        ("deployment-0", "its strategy failed 4 times, last with ZeroDivisionError: at 22")
    ] == (desk.halts)
    assert 60 == sum(line.startswith("answer") for line in desk.log)


@pytest.mark.desk("PIPE-15")
def test_a_trader_is_asked_at_its_own_pace_and_told_what_it_missed() -> None:
    slow = Trader(0, "d", "A", spec("counts"), cadence_ns=3 * E8)
    contexts: list[tuple[int, int]] = []

    class Spy(InlinePool):
        def submit(self, tasks: Sequence[Task]) -> None:
            contexts.extend((t.context.seq_seen, t.context.market.missed) for t in tasks)
            super().submit(tasks)

    played(Spy(CATALOG), [candle_of(1, n, "A") for n in range(8)], [slow])
    assert [(1, 0), (4, 2), (7, 2)] == contexts


@pytest.mark.desk("PIPE-D4", "PIPE-02")
def test_a_command_reaches_every_trader_that_it_names_and_is_written_down() -> None:
    traders = traders_of(*[spec("counts")] * 4, instruments=("A", "A", "A", "B"))
    desk, pool = MarketDesk(), pool_of("inline", 1)
    pool.start(traders)
    run = Lockstep(Router(traders), pool, desk)

    def answers(*commands: TraderCommand) -> list[str]:
        for command in commands:
            run.command(command)
        start = len(desk.log)
        run.run([candle_of(1, 0, "A"), candle_of(1, 0, "B")])
        return [line.split(")")[0][-1] for line in desk.log[start:] if "answer" in line]

    pause = TraderCommand(CommandKind.PAUSE, Target(Address.INSTRUMENT, "A"))
    resume = TraderCommand(CommandKind.RESUME, Target(Address.DEPLOYMENT, "deployment-1"))
    assert ["0", "1", "2", "3"] == answers()
    assert ["3"] == answers(pause)
    assert ["1", "3"] == answers(resume)
    assert ["0", "1", "2", "3"] == answers(TraderCommand(CommandKind.RESUME, Target()))
    assert [pause, resume] == desk.commands[:2]


@pytest.mark.desk("PIPE-D4")
def test_a_halted_trader_runs_again_when_an_operator_clears_it() -> None:
    traders, desk = traders_of(spec("raises_at", number=1)), MarketDesk()
    pool = pool_of("inline", 1)
    pool.start(traders)
    run = Lockstep(Router(traders), pool, desk, FailurePolicy(0, 0, 1))
    run.run([candle_of(1, 0, "A")] * 3)
    assert 1 == run.portfolio.totals.failures
    run.command(TraderCommand(CommandKind.CLEAR, Target()))
    assert 2 == run.run([candle_of(1, 0, "A")] * 3).failures


def test_a_command_for_nobody_is_refused_and_not_written_down() -> None:
    traders, desk = traders_of(spec("counts")), MarketDesk()
    run = Lockstep(Router(traders), pool_of("inline", 1), desk)
    with pytest.raises(InvalidValueError, match="expected a known instrument"):
        run.command(TraderCommand(CommandKind.PAUSE, Target(Address.INSTRUMENT, "Z")))
    assert [] == desk.commands


def test_totals_count_what_was_done() -> None:
    traders = traders_of(spec("counts"), spec("raises_at", number=2), instruments=("A",))
    pool = pool_of("inline", 1)
    pool.start(traders)
    events = [candle_of(1, 0, name) for name in ("A", "A", "Z")]
    totals = Lockstep(Router(traders), pool, MarketDesk(), POLICY).run(events)
    assert (3, 1, 4, 3, 0, 1, 0) == (
        totals.events,
        totals.unrouted,
        totals.tasks,
        totals.intents,
        totals.refused,
        totals.failures,
        totals.halts,
    )


@pytest.mark.slow
@pytest.mark.desk("I15", "PIPE-19")
@pytest.mark.parametrize("seed", [1, 2])
def test_workers_killed_at_any_time_do_not_change_the_hash(seed: int) -> None:
    """Another thread kills whichever worker is there, in the middle of whatever it does."""
    traders, desk = traders_of(*STRATEGIES), MarketDesk()
    pool = ProcessPool(2, CATALOG, ProcessOptions(3, 5, None))
    pool.start(traders)
    done, random = threading.Event(), SplitMix64(seed)

    def kill() -> None:
        for _ in range(12):
            if done.wait(random.below(400) / 1000):
                return
            with contextlib.suppress(OSError, IndexError):
                os.kill(pool.process_ids[random.below(2)], signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    try:
        run = Lockstep(Router(traders), pool, desk, POLICY, batch=2)
        run.run(EVENTS)
        while killer.is_alive():
            # Idle and between two runs too, a worker may be gone.
            run.run(())
            pool.collect(0.05)
    finally:
        done.set()
        pool.stop(60.0)
    assert played(pool_of("inline", 1), batch=2).hash == desk.hash

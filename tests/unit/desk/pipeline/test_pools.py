"""Pools: one contract for inline, threads and processes; what only processes must survive."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.pipeline import (
    Outcome,
    Pool,
    ProcessOptions,
    ProcessPool,
    Task,
    ThreadPool,
    Trader,
)
from lockstep_desk.strategy import INTENTS_MAX, Cancel, Entry, Open, StrategySpec
from lockstep_kernel import CannotRunError
from tests.unit.desk.pipeline.support import (
    CATALOG,
    GATE,
    WISHES,
    Counts,
    Nothing,
    context_at,
    pool_of,
    spec,
    traders_of,
)

KINDS = ["inline", "thread", "process"]
SOON_S = 30.0
COUNTS = spec("counts")


@contextmanager
def running(pool: Pool, traders: list[Trader]) -> Iterator[Pool]:
    pool.start(traders)
    try:
        yield pool
    finally:
        assert pool.stop(SOON_S)


def tasks_at(seq: int, traders: list[Trader]) -> list[Task]:
    return [Task(trader.index, context_at(seq, trader)) for trader in traders]


def wanted(outcome: Outcome) -> list[int]:
    """Return the quantities of an answer: of `Counts`, how often it was asked."""
    return [intent.qty_e8 for intent in outcome.intents if isinstance(intent, Open)]


@pytest.mark.desk("PIPE-D1", "PIPE-10")
@pytest.mark.parametrize("kind", KINDS)
def test_more_traders_than_workers_all_get_their_turn(kind: str) -> None:
    traders = traders_of(*[COUNTS] * 7)
    with running(pool_of(kind, 2), traders) as pool:
        for seq in (1, 2, 3):
            outcomes = answered(pool, tasks_at(seq, traders))
            assert [(seq, place) for place in range(7)] == [each.order for each in outcomes]
            assert [[seq]] * 7 == [wanted(each) for each in outcomes]


@pytest.mark.parametrize("kind", KINDS)
def test_tasks_of_one_trader_keep_their_order(kind: str) -> None:
    traders = traders_of(*[COUNTS] * 3)
    tasks = [task for seq in range(1, 60) for task in tasks_at(seq, traders)]
    with running(pool_of(kind, 3), traders) as pool:
        outcomes = answered(pool, tasks)
    assert [[each.seq_seen] for each in outcomes] == [wanted(each) for each in outcomes]


@pytest.mark.desk("PIPE-19")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (spec("raises_at", number=2), "ZeroDivisionError: at 2"),
        (spec("exits"), "SystemExit: 3"),
        (spec("mute"), "SaysNothing"),
        (spec("mumbles"), "ValueError: \\ud800 \\x1b[31m"),
    ],
)
def test_a_strategy_that_raises_fails_alone(kind: str, bad: StrategySpec, error: str) -> None:
    traders = traders_of(COUNTS, bad, COUNTS)
    with running(pool_of(kind, 2), traders) as pool:
        answered(pool, tasks_at(1, traders))
        good, failed, other = answered(pool, tasks_at(2, traders))
    assert ("", error, "") == (good.error, failed.error, other.error)
    assert ([2], [], [2]) == (wanted(good), wanted(failed), wanted(other))


@pytest.mark.desk("PIPE-19", "I15")
@pytest.mark.parametrize("kind", KINDS)
def test_what_no_command_can_hold_is_a_failure_of_who_wants_it(
    kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = [spec("wishes_at", number=number) for number in range(len(WISHES))]
    traders = traders_of(COUNTS, *bad)
    with running(pool_of(kind, 2), traders) as pool:
        good, *others = answered(pool, tasks_at(1, traders))
    assert ("", [1]) == (good.error, wanted(good))
    assert [()] * len(WISHES) == [outcome.intents for outcome in others]
    for outcome in others:
        assert outcome.error.startswith("InvalidValueError: ")
        assert "expected" in outcome.error
    assert "" == capfd.readouterr().err


@pytest.mark.desk("PIPE-19")
@pytest.mark.parametrize("kind", ["thread", "process"])
def test_an_interrupt_that_a_strategy_raises_is_its_failure(
    kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    traders = traders_of(COUNTS, spec("interrupts"))
    pool = pool_of(kind, 1)
    with running(pool, traders):
        for seq in (1, 2, 3):
            good, failed = answered(pool, tasks_at(seq, traders))
            assert ("", "KeyboardInterrupt: ") == (good.error, failed.error)
        assert 0 == pool.counters().died
    assert "" == capfd.readouterr().err


def test_without_workers_an_interrupt_ends_what_runs() -> None:
    pool, traders = pool_of("inline", 1), traders_of(spec("interrupts"))
    with running(pool, traders), pytest.raises(KeyboardInterrupt):
        pool.submit(tasks_at(1, traders))


@pytest.mark.desk("I15")
def test_a_strategy_that_cannot_be_sent_any_more_goes_on(
    capfd: pytest.CaptureFixture[str],
) -> None:
    traders = traders_of(spec("hardens"))
    pool = ProcessPool(1, CATALOG, ProcessOptions(state_every=1))
    with running(pool, traders):
        found = [wanted(*answered(pool, tasks_at(seq, traders))) for seq in range(1, 4)]
        os.kill(pool.process_ids[0], signal.SIGKILL)
        found += [wanted(*answered(pool, tasks_at(4, traders)))]
        counters = pool.counters()
    # It is asked for its state with each task but the first.
    assert (1, 3) == (counters.died, counters.unkept)
    assert [[1], [2], [3], [4]] == found
    assert "" == capfd.readouterr().err


@pytest.mark.desk("PIPE-19")
@pytest.mark.parametrize("kind", KINDS)
def test_a_strategy_that_raised_begins_afresh(kind: str) -> None:
    traders = traders_of(spec("raises_at", number=3))
    with running(pool_of(kind, 1), traders) as pool:
        found = [wanted(*answered(pool, tasks_at(seq, traders))) for seq in range(1, 6)]
    assert [[1], [2], [], [1], [2]] == found


@pytest.mark.desk("FUND-71")
@pytest.mark.parametrize("kind", KINDS)
def test_intents_beyond_the_bound_are_counted_and_not_sent(kind: str) -> None:
    traders = traders_of(spec("floods"))
    with running(pool_of(kind, 1), traders) as pool:
        (outcome,) = answered(pool, tasks_at(1, traders))
    assert (tuple(Cancel("A", f"{n}") for n in range(INTENTS_MAX)), 4) == (
        outcome.intents,
        outcome.refused,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_strategy_that_cannot_be_built_is_named(kind: str) -> None:
    pool = pool_of(kind, 1)
    with pytest.raises(InvalidValueError, match=r"expected one of .*found 'cuonts'"):
        pool.start(traders_of(spec("cuonts")))


def test_a_strategy_that_no_process_can_send_is_named() -> None:
    pool = pool_of("process", 2)
    with pytest.raises(InvalidValueError, match="trader 1: TypeError: cannot pickle"):
        pool.start(traders_of(COUNTS, spec("unpicklable")))


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_a_pool_that_was_stopped_takes_no_task(kind: str) -> None:
    traders = traders_of(COUNTS)
    pool = pool_of(kind, 1)
    with running(pool, traders):
        pass
    with pytest.raises(InvalidValueError, match="expected it to run, found it stopped"):
        pool.submit(tasks_at(1, traders))


def killed(pool: ProcessPool, place: int) -> None:
    """Kill a worker and wait until it is gone, so that the next message finds it so."""
    process_id = pool.process_ids[place]
    os.kill(process_id, signal.SIGKILL)
    while os.path.exists(f"/proc/{process_id}") and "Z" not in state_of(process_id):
        pass


def state_of(process_id: int) -> str:
    try:
        return Path(f"/proc/{process_id}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


@pytest.mark.desk("PIPE-19")
@pytest.mark.parametrize("state_every", [1, 2, 100])
def test_a_killed_worker_is_replaced_and_can_be_seen_in_no_answer(state_every: int) -> None:
    traders = traders_of(*[COUNTS] * 3)
    pool = ProcessPool(2, CATALOG, ProcessOptions(8, state_every, None))
    with running(pool, traders):
        for seq in range(1, 9):
            if seq in (3, 6):
                killed(pool, 0)
            outcomes = answered(pool, tasks_at(seq, traders))
            assert [[seq]] * 3 == [wanted(each) for each in outcomes]
        assert 2 == pool.counters().died


@pytest.mark.desk("PIPE-19")
def test_a_worker_killed_between_question_and_answer_is_asked_again() -> None:
    traders = traders_of(*[COUNTS] * 4)
    pool = ProcessPool(2, CATALOG, ProcessOptions(8, 2, None))
    with running(pool, traders):
        for seq in range(1, 6):
            pool.submit(tasks_at(seq, traders))
            killed(pool, seq % 2)
            outcomes = sorted(collected(pool, 4), key=lambda each: each.order)
            assert [[seq]] * 4 == [wanted(each) for each in outcomes]


def collected(pool: Pool, count: int) -> list[Outcome]:
    """Return that many outcomes; a pool that never gives them fails the test."""
    found: list[Outcome] = []
    deadline = time.monotonic() + SOON_S
    while len(found) < count:
        assert time.monotonic() < deadline, f"expected {count} outcomes, found {len(found)}"
        found.extend(pool.collect(1.0))
    return found


def answered(pool: Pool, tasks: list[Task]) -> list[Outcome]:
    """Return the outcomes of all tasks, ordered by (sequence number seen, trader)."""
    pool.submit(tasks)
    return sorted(collected(pool, len(tasks)), key=lambda outcome: outcome.order)


@pytest.mark.desk("PIPE-19")
def test_a_task_that_kills_its_worker_every_time_fails_alone() -> None:
    traders = traders_of(COUNTS, spec("dies_at", number=2), COUNTS, COUNTS)
    with running(pool_of("process", 2), traders) as pool:
        for seq in (1, 2, 3):
            outcomes = answered(pool, tasks_at(seq, traders))
            errors = ["", "its worker died 3 times" if seq == 2 else "", "", ""]
            assert errors == [each.error for each in outcomes]
            assert [[seq]] * 3 == [wanted(each) for each in outcomes if each.trader != 1]
    assert [[1]] == [wanted(each) for each in outcomes if each.trader == 1]


@pytest.mark.desk("I16", "PIPE-12", "PIPE-D1", "PIPE-D2")
def test_a_strategy_that_sleeps_on_the_only_thread_holds_up_no_other() -> None:
    GATE.clear()
    traders = traders_of(spec("waits"), COUNTS, spec("waits"), COUNTS)
    pool = ThreadPool(1, CATALOG, patience_s=0.0)
    with running(pool, traders):
        try:
            pool.submit(tasks_at(1, traders))
            others = [traders[1], traders[3]]
            for seq in range(2, 12):
                assert {1, 3} == {each.trader for each in collected(pool, 2)}
                pool.submit(tasks_at(seq, others))
            collected(pool, 2)
        finally:
            GATE.set()
        assert {0, 2} == {each.trader for each in collected(pool, 2)}
        assert 2 <= pool.counters().added


@pytest.mark.desk("I16", "PIPE-D1", "PIPE-D2")
def test_a_strategy_that_sleeps_in_the_only_process_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = tmp_path / "gate"
    monkeypatch.setenv("LOCKSTEP_TEST_GATE", str(gate))
    traders = traders_of(spec("sleeps"), COUNTS, COUNTS)
    pool = ProcessPool(1, CATALOG, ProcessOptions(1, 4, 0.0))
    with running(pool, traders):
        try:
            pool.submit(tasks_at(1, traders))
            for seq in range(2, 12):
                found = sorted(collected(pool, 2), key=lambda each: each.order)
                assert [(1, [seq - 1]), (2, [seq - 1])] == [(o.trader, wanted(o)) for o in found]
                pool.submit(tasks_at(seq, traders[1:]))
            collected(pool, 2)
        finally:
            gate.touch()
        assert [(0, [1])] == [(each.trader, wanted(each)) for each in collected(pool, 1)]


def test_a_worker_that_does_not_end_is_killed_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCKSTEP_TEST_GATE", str(tmp_path / "gate"))
    traders = traders_of(spec("sleeps"))
    pool = pool_of("process", 1)
    pool.start(traders)
    pool.submit(tasks_at(1, traders))
    assert not pool.stop(0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_collect_that_waits_can_be_woken(kind: str) -> None:
    with running(pool_of(kind, 1), traders_of(COUNTS)) as pool:
        pool.wake()
        assert [] == pool.collect(SOON_S)


def test_workers_that_cannot_start_are_given_up_with_their_exit_code() -> None:
    class Broken(Entry):
        """An entry that a child process cannot unpickle."""

        def __reduce__(self) -> tuple[object, ...]:
            return (os._exit, (9,))

    catalog = {**CATALOG, "broken": Broken(Nothing, Counts)}
    pool = ProcessPool(1, catalog, ProcessOptions())
    with pytest.raises(CannotRunError, match="found it dead 3 times, last with exit code 9"):
        pool.start(traders_of(COUNTS))

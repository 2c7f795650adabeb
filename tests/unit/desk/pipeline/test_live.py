"""The free-running pipeline: slow keys hold up nobody, orders never drop, stops have an end."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from lockstep_desk.pipeline import (
    Address,
    Answer,
    CommandKind,
    FailurePolicy,
    LiveOptions,
    Pipeline,
    Pool,
    ProcessOptions,
    ProcessPool,
    Router,
    Seen,
    Span,
    Supervisor,
    Target,
    ThreadPool,
    Trader,
    TraderCommand,
    Walk,
    candles,
)
from lockstep_desk.strategy import MarketEvent
from tests.unit.desk.pipeline.support import (
    CATALOG,
    GATE,
    MarketDesk,
    pool_of,
    spec,
    traders_of,
)
from tests.unit.desk.strategy.support import E8, E9, candle_of

SOON_S = 30.0


class Running:
    """A pipeline with its supervisor, a desk and a venue that may be closed."""

    def __init__(
        self, traders: list[Trader], pool: Pool, options: LiveOptions | None = None
    ) -> None:
        self.desk = MarketDesk()
        self.venue_open = threading.Event()
        self.venue_open.set()
        self.sent: list[Answer] = []
        self.pool = pool
        self.pipeline = Pipeline(Router(traders), pool, self.desk, self.send, options)
        self._traders = traders
        self._pause = threading.Event()

    async def send(self, answer: Answer) -> None:
        while not self.venue_open.is_set():  # noqa: ASYNC110  # another thread opens it
            await asyncio.sleep(0.001)
        self.sent.append(answer)

    def run(self, feed: Iterator[MarketEvent], until: Callable[[], bool]) -> Supervisor:
        """Start all, wait until something holds, and return the supervisor, still running."""
        self.pool.start(self._traders)
        supervisor = Supervisor(self.pipeline.services([("test", feed)]), SOON_S)
        supervisor.start()
        self.wait(until, supervisor)
        return supervisor

    def wait(self, until: Callable[[], bool], supervisor: Supervisor) -> None:
        for _ in range(int(SOON_S * 200)):
            supervisor.check()
            if until():
                return
            self._pause.wait(0.005)
        raise AssertionError("what the test waits for did not happen")

    def end(self, supervisor: Supervisor) -> None:
        self.venue_open.set()
        assert supervisor.stop().is_clean
        assert self.pool.stop(SOON_S)


def answers_of(run: Running, trader: int) -> list[int]:
    return [answer.seq_seen for answer in list(run.sent) if answer.trader.index == trader]


@pytest.mark.desk("PIPE-06", "PIPE-07")
@pytest.mark.parametrize("kind", ["inline", "thread", "process"])
def test_every_event_is_seen_when_nobody_is_slow(kind: str) -> None:
    traders = traders_of(*[spec("counts")] * 3)
    options = LiveOptions(mailbox_capacity=1000)
    run = Running(traders, pool_of(kind, 2, batch_max=1), options)
    feed = candles(1, [Walk(name, E9, 100) for name in "ABC"], Span(0, E9), 20)
    supervisor = run.run(feed, lambda: len(run.sent) == 60 and run.pipeline.is_quiet)
    assert 20 == len(answers_of(run, 0)) == len(answers_of(run, 1)) == len(answers_of(run, 2))
    run.end(supervisor)


@pytest.mark.desk("I16", "PIPE-D2")
def test_a_trader_that_sleeps_delays_no_other_key_and_its_events_are_conflated() -> None:
    GATE.clear()
    traders = traders_of(spec("waits"), spec("counts"), instruments=("A", "B"))
    options = LiveOptions(market_capacity=4, mailbox_capacity=4)
    run = Running(traders, ThreadPool(1, CATALOG, patience_s=0.0), options)

    def has_more(answers: int) -> bool:
        return len(answers_of(run, 1)) > answers

    def feed() -> Iterator[MarketEvent]:
        """Give one event of each at a time, and the next when B was answered."""
        for number in range(50):
            yield candle_of(1, number, "A")
            yield candle_of(1, number, "B")
            run.wait(partial(has_more, number), supervisor)

    supervisor = Supervisor([])
    supervisor = run.run(feed(), lambda: len(answers_of(run, 1)) == 50)
    mailbox = run.pipeline.counters()["A/0"]
    assert (4, 45) == (mailbox.depth, mailbox.dropped)
    GATE.set()
    run.wait(lambda: len(answers_of(run, 0)) == 5, supervisor)
    # The first, and the newest four; the first of those says how many were missed.
    assert [45] == [line_missed(run, 0)]
    run.end(supervisor)


def line_missed(run: Running, trader: int) -> int:
    """Return how many events a trader missed, by sequence numbers: it sees every other one."""
    seen = answers_of(run, trader)
    return (seen[-1] - seen[0]) // 2 + 1 - len(seen)


@pytest.mark.desk("I16", "PIPE-D1")
def test_a_process_that_sleeps_delays_no_other_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = tmp_path / "gate"
    monkeypatch.setenv("LOCKSTEP_TEST_GATE", str(gate))
    traders = traders_of(spec("sleeps"), spec("counts"), spec("counts"))
    pool = ProcessPool(1, CATALOG, ProcessOptions(1, 8, 0.0))
    run = Running(traders, pool, LiveOptions(mailbox_capacity=100))
    feed = candles(1, [Walk(name, E9, 100) for name in "ABC"], Span(0, E9), 20)

    def others_are_done() -> bool:
        return len(answers_of(run, 1)) == len(answers_of(run, 2)) == 20

    supervisor = run.run(feed, others_are_done)
    assert [] == answers_of(run, 0)
    gate.touch()
    run.wait(lambda: len(answers_of(run, 0)) == 20, supervisor)
    run.end(supervisor)


@pytest.mark.desk("PIPE-D12", "PIPE-D2")
def test_orders_that_nobody_answers_are_in_flight_and_never_dropped() -> None:
    traders = traders_of(spec("buy_when_flat", qty_e8=E8), spec("counts"), instruments=("A",))
    run = Running(traders, pool_of("inline", 1), LiveOptions(unanswered_max=3))
    run.venue_open.clear()
    feed = iter([candle_of(1, number, "A") for number in range(30)])

    def all_wait() -> bool:
        return run.desk.seq == 30 and run.pipeline.backlog(1) == 27

    supervisor = run.run(feed, all_wait)
    # The counter has three unanswered submissions and is not asked; the buyer sees its order.
    assert 4 == run.pipeline.portfolio.totals.intents
    run.venue_open.set()
    run.wait(lambda: len(answers_of(run, 1)) == 30, supervisor)
    assert 1 <= len(answers_of(run, 0))
    assert 0 == run.pipeline.counters()["orders"].dropped
    run.end(supervisor)


@pytest.mark.desk("PIPE-19")
def test_a_trader_that_fails_halts_its_deployment_and_the_others_go_on() -> None:
    traders = traders_of(spec("raises_at", number=1), spec("counts"), instruments=("A",))
    options = LiveOptions(mailbox_capacity=100, failures=FailurePolicy(0, 0, 3))
    run = Running(traders, pool_of("thread", 2), options)
    feed = iter([candle_of(1, number, "A") for number in range(30)])
    supervisor = run.run(feed, lambda: len(answers_of(run, 1)) == 30)
    assert ["deployment-0"] == [deployment for deployment, _ in run.desk.halts]
    run.end(supervisor)


@pytest.mark.desk("PIPE-D4")
def test_a_command_pauses_and_resumes_traders() -> None:
    traders = traders_of(spec("counts"), spec("counts"), instruments=("A",))
    run = Running(traders, pool_of("inline", 1), LiveOptions(mailbox_capacity=100))
    target = Target(Address.DEPLOYMENT, "deployment-0")
    run.pipeline.command(TraderCommand(CommandKind.PAUSE, target))
    feed = iter([candle_of(1, number, "A") for number in range(10)])
    supervisor = run.run(feed, lambda: len(answers_of(run, 1)) == 10 and run.pipeline.is_quiet)
    assert [] == answers_of(run, 0)
    run.pipeline.command(TraderCommand(CommandKind.RESUME, target))
    run.wait(lambda: len(run.desk.commands) == 2, supervisor)
    run.pipeline.publish(candle_of(1, 10, "A"))
    run.wait(lambda: len(answers_of(run, 0)) == 1, supervisor)
    run.end(supervisor)


@pytest.mark.desk("PIPE-11")
def test_what_the_dispatcher_has_in_its_hands_is_not_quiet() -> None:
    run = Running(traders_of(spec("counts")), pool_of("inline", 1))
    seen: list[bool] = []

    class Looks(MarketDesk):
        def observe_all(self, events: Sequence[MarketEvent]) -> list[Seen]:
            # The channel is empty, and the mailbox is so still.
            seen.append(run.pipeline.is_quiet)
            return super().observe_all(events)

    traders = traders_of(spec("counts"))
    run.pipeline = Pipeline(Router(traders), run.pool, Looks(), run.send)
    feed = iter([candle_of(1, 0, "A")])
    supervisor = run.run(feed, lambda: len(run.sent) == 1 and run.pipeline.is_quiet)
    assert [False] == seen
    run.end(supervisor)


def test_events_that_nobody_trades_are_counted() -> None:
    run = Running(traders_of(spec("counts")), pool_of("inline", 1))
    assert not run.pipeline.publish(candle_of(1, 0, "ZZZ"))
    assert 1 == run.pipeline.unrouted


def test_a_send_that_fails_is_kept_with_its_answer() -> None:
    run = Running(traders_of(spec("counts")), pool_of("inline", 1))

    async def refuse(answer: Answer) -> None:
        raise ConnectionError("venue away")

    run.pipeline = Pipeline(Router(traders_of(spec("counts"))), run.pool, run.desk, refuse)
    feed = iter([candle_of(1, 0, "A")])
    supervisor = run.run(feed, lambda: len(run.pipeline.send_failures) == 1)
    assert "ConnectionError: venue away" == run.pipeline.send_failures[0][1]
    run.end(supervisor)


@pytest.mark.desk("PIPE-D5")
def test_a_strategy_that_never_returns_makes_the_stop_late_and_not_endless() -> None:
    GATE.clear()
    traders = traders_of(spec("waits"))
    pool = ThreadPool(1, CATALOG)
    run = Running(traders, pool)
    pool.start(traders)
    supervisor = Supervisor(run.pipeline.services([("x", iter([candle_of(1, 0, "A")]))]), 0.2)
    supervisor.start()
    run.wait(lambda: run.pipeline.backlog(0) == 1, supervisor)
    assert "dispatcher" in supervisor.stop().late
    GATE.set()
    assert pool.stop(SOON_S)


def test_a_feed_that_breaks_is_told() -> None:
    def broken() -> Iterator[MarketEvent]:
        yield candle_of(1, 0, "A")
        raise ConnectionError("feed away")

    traders = traders_of(spec("counts"))
    run = Running(traders, pool_of("inline", 1))
    run.pool.start(traders)
    services = run.pipeline.services([("x", broken())])
    supervisor = Supervisor(services, SOON_S)
    supervisor.start()
    assert services[0].join(SOON_S)
    assert (("feed x", "ConnectionError: feed away"),) == supervisor.stop().failures

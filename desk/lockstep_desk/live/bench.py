"""How many market events a second a live desk takes, beside a plain loop over its strategies.

Owns the measurement: four traders, one per instrument, are asked about the same seeded candles, in
a loop with nothing around it, in the engine one event at a time, and free-running. The desks write
their journals to disk, synced; a venue fills what they want at once (`instant`).
"""

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from lockstep_desk.adapters.strategies import PoolAlgo, market_command
from lockstep_desk.clock import WallClock
from lockstep_desk.core.codes import TradingState
from lockstep_desk.core.commands import (
    Limits,
    RegisterAccount,
    RegisterDeployment,
    RegisterInstrument,
    RegisterVenue,
    SetLifecycle,
    SetTradingState,
    Shutdown,
)
from lockstep_desk.core.engine import Engine
from lockstep_desk.core.hooks import Algo, NoAlgo, Parts
from lockstep_desk.core.machine import desk_genesis
from lockstep_desk.core.params import DeskParams
from lockstep_desk.core.router import Router as Venues
from lockstep_desk.fund import LifecycleState
from lockstep_desk.ids import deployment_id
from lockstep_desk.live.desk import LiveDesk
from lockstep_desk.live.instant import InstantVenue
from lockstep_desk.live.services import live_services
from lockstep_desk.pipeline.channel import Overflow
from lockstep_desk.pipeline.generator import Span, Walk, candles
from lockstep_desk.pipeline.live import LiveOptions, Pipeline
from lockstep_desk.pipeline.pool import InlinePool, Pool
from lockstep_desk.pipeline.processes import ProcessPool
from lockstep_desk.pipeline.router import Router, Trader
from lockstep_desk.pipeline.supervisor import Supervisor
from lockstep_desk.strategy.base import Actions, Context
from lockstep_desk.strategy.catalog import STRATEGIES, StrategySpec
from lockstep_desk.strategy.market import Candle, MarketEvent, first_view
from lockstep_journal import Item, MemoryJournal, Result, Sequencer
from lockstep_kernel import CannotRunError, find_machine, initial
from lockstep_kernel.chain import State
from lockstep_replay import Live, begin

_E8, _E9 = 10**8, 10**9
_NAMES = ("A", "B", "C", "D")
_SPECS = (
    StrategySpec("rsi", (("qty_e8", _E8), ("period", 14))),
    StrategySpec("sma_cross", (("qty_e8", _E8), ("fast", 5), ("slow", 20))),
    StrategySpec("rsi", (("qty_e8", _E8), ("period", 7))),
    StrategySpec("sma_cross", (("qty_e8", _E8), ("fast", 2), ("slow", 5))),
)
_VENUE, _ACCOUNT, _SEED = "instant", "main", 7
_WIDE = Limits(10**15, 10**15, 10**6)
_QUIET_S = 120.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What one way of running did. `asked` is how many questions strategies answered."""

    name: str
    events: int
    seconds: float
    commands: int = 0
    commits: int = 0
    asked: int = 0
    orders: int = 0

    @property
    def events_per_s(self) -> int:
        """Market events a second."""
        return round(self.events / self.seconds)

    @property
    def commands_per_s(self) -> int:
        """Commands a second in the desk's journal; 0 without one."""
        return round(self.commands / self.seconds)


def measure(events: int, folder: Path) -> list[Measured]:
    """Return every way measured once, the plain loop first; journals are beneath `folder`.

    The loop that syncs one event at a time is given a tenth of the events.
    """
    feed = _feed(events)
    return [
        _plain(feed),
        _engine("engine loop, journal in memory", feed, None),
        _engine("engine loop, synced journal", feed[: max(events // 10, 1)], folder),
        _free("free-running, inline, synced", InlinePool(), feed, folder),
        _free("free-running, 4 processes, synced", ProcessPool(4), feed, folder),
    ]


def on_cores(cores: int) -> int:
    """Keep this process and its children to so many cores; return how many they have."""
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    os.sched_setaffinity(0, allowed)
    return len(allowed)


def sync_us(folder: Path, tries: int = 50) -> int:
    """Return how many microseconds one small synced write takes there, the middle of some."""
    took: list[int] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(tries):
            start_ns = time.perf_counter_ns()
            file.write(b"x" * 512)
            file.flush()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter_ns() - start_ns)
    return sorted(took)[tries // 2] // 1_000


def _feed(count: int) -> list[Candle]:
    walks = [Walk(name, 10**7, 100_000, 50) for name in _NAMES]
    return list(candles(_SEED, walks, Span(0, _E9), -(-count // len(_NAMES))))[:count]


def _plain(feed: Sequence[Candle]) -> Measured:
    """Ask the strategies in a loop, with nothing around them."""
    algos = {name: spec.build(STRATEGIES) for name, spec in zip(_NAMES, _SPECS, strict=True)}
    start_s, orders = time.perf_counter(), 0
    for number, event in enumerate(feed):
        actions = Actions()
        context = Context("d", event.instrument, first_view(event), event.ts_ns, number)
        algos[event.instrument].on_market(context, actions)
        orders += len(actions)
    seconds = time.perf_counter() - start_s
    return Measured("plain loop, no journal", len(feed), seconds, asked=len(feed), orders=orders)


class _Counted:
    """A sequencer that counts its commits."""

    def __init__(self, sequencer: Sequencer) -> None:
        self._sequencer = sequencer
        self.commits = 0

    @property
    def state(self) -> State:
        return self._sequencer.state

    def submit(self, items: Sequence[Item]) -> list[Result]:
        self.commits += 1
        return self._sequencer.submit(items)


class _Bench:
    """A desk with four live deployments, on a journal of its own; without a folder in memory."""

    def __init__(self, folder: Path | None) -> None:
        self.clock = WallClock()
        genesis = desk_genesis(DeskParams("bench"))
        machine, now_ns = find_machine(genesis.machine), self.clock.now_ns
        self.live: Live | None = None
        if folder is None:
            sequencer = Sequencer(initial(machine, genesis), MemoryJournal(genesis), now_ns)
        else:
            place = Path(tempfile.mkdtemp(prefix="desk-", dir=folder)) / "journal"
            self.live = begin(place, machine, genesis, now_ns)
            sequencer = self.live.sequencer
        self.sequencer = _Counted(sequencer)
        self.venue = InstantVenue(self.clock.now_ns)
        self.traders = [self._trader(place) for place in range(len(_NAMES))]
        self._submit(self._registrations())
        self._first = self.sequencer.state.seq
        self.sequencer.commits = 0

    def engine(self, algo: Algo) -> Engine:
        """Return an engine on it."""
        parts = Parts(Venues({_VENUE: self.venue}), algo)
        return Engine(self.sequencer, parts, self.clock)

    def measured(self, name: str, events: int, seconds: float, asked: int) -> Measured:
        """Return what was done since the registrations, and close the journal."""
        commands, commits = self.sequencer.state.seq - self._first, self.sequencer.commits
        if self.live is not None:
            self.live.close()
        return Measured(name, events, seconds, commands, commits, asked, self.venue.filled)

    def _trader(self, place: int) -> Trader:
        name = f"trader {place}"
        found = deployment_id(name, "1", 0)
        return Trader(place, found, _NAMES[place], _SPECS[place], account=_ACCOUNT)

    def _registrations(self) -> Iterator[msgspec.Struct]:
        yield RegisterVenue(_VENUE)
        yield RegisterAccount(_ACCOUNT, _VENUE)
        for trader in self.traders:
            name, source, target = trader.instrument, LifecycleState.PAPER, LifecycleState.LIVE
            yield RegisterInstrument(name, _VENUE, name, "usd", 10**7, 10**4)
            yield RegisterDeployment(f"trader {trader.index}", trader.strategy.name, "1", 0, _WIDE)
            yield SetLifecycle(trader.deployment_id, source, target)
        yield SetTradingState(TradingState.ENABLED)

    def _submit(self, commands: Iterator[msgspec.Struct]) -> None:
        for result in self.sequencer.submit(list(commands)):
            if isinstance(result, Exception):
                raise result


def _engine(name: str, feed: Sequence[Candle], folder: Path | None) -> Measured:
    """Let the engine take one event at a time, with all that comes of it."""
    bench, pool = _Bench(folder), InlinePool()
    pool.start(bench.traders)
    algo = PoolAlgo(Router(bench.traders), pool)
    engine = bench.engine(algo)

    def arriving() -> Iterator[msgspec.Struct]:
        for event in feed:
            yield market_command(event, _E9)
            yield from bench.venue.take()

    start_s = time.perf_counter()
    for command in algo.watch(arriving()):
        engine.process(command)
    seconds = time.perf_counter() - start_s
    engine.process(Shutdown())
    asked = algo.portfolio.totals.tasks
    return bench.measured(name, len(feed), seconds, asked)


def _free(name: str, pool: Pool, feed: Sequence[Candle], folder: Path) -> Measured:
    """Run free until every event was answered; the feed waits for who is slow, nothing is lost."""
    bench = _Bench(folder)
    desk = LiveDesk(bench.engine(NoAlgo()), Router(bench.traders))
    options = LiveOptions(market_overflow=Overflow.BLOCK, mailbox_capacity=len(feed))
    pipeline = Pipeline(Router(bench.traders), pool, desk, desk.send, options)
    fed = threading.Event()

    def feeding() -> Iterator[MarketEvent]:
        yield from feed
        fed.set()

    services = live_services(pipeline, desk, {_VENUE: bench.venue}, [("candles", feeding())])
    pool.start(bench.traders)
    start_s = time.perf_counter()
    with Supervisor(services, _QUIET_S) as supervisor:
        _wait(supervisor, partial(_is_done, fed, pipeline, bench.venue))
        seconds = time.perf_counter() - start_s
    pool.stop(_QUIET_S)
    desk.shutdown()
    return bench.measured(name, len(feed), seconds, pipeline.portfolio.totals.tasks)


def _is_done(fed: threading.Event, pipeline: Pipeline, venue: InstantVenue) -> bool:
    return fed.is_set() and pipeline.is_quiet and not venue.backlog


def _wait(supervisor: Supervisor, is_done: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + _QUIET_S
    while not is_done():
        supervisor.check()
        if time.monotonic() > deadline_s:
            raise CannotRunError(f"expected all events answered in {_QUIET_S:.0f} s, found it busy")
        time.sleep(0.002)


def rows(measured: Sequence[Measured]) -> list[tuple[str, ...]]:
    """Return a table of what was measured, its head first; shares are those of the first way."""
    head = ("", "events/s", "share", "commands/s", "commands", "commits", "asked", "orders")
    base = measured[0].events_per_s
    return [
        head,
        *(
            (
                one.name,
                f"{one.events_per_s:,}",
                f"{one.events_per_s / base:.2%}",
                *(f"{n:,}" if n else "-" for n in (one.commands_per_s, one.commands, one.commits)),
                *(f"{one.asked:,}", f"{one.orders:,}"),
            )
            for one in measured
        ),
    ]

"""Drives a feed through the durable pipeline: sequencer, journal, and whoever listens.

A journal that holds a part of the feed already is gone on with: what stands in it is compared with
the feed byte for byte, and executed again only if somebody needs its events. Nothing is told to a
listener before it is durable.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import msgspec

from lockstep_engine.events import CommandRejected, OrderRejected, Trade
from lockstep_journal import (
    JournalFailed,
    OutletFailed,
    Outlets,
    Owner,
    Sequencer,
    SnapshotPolicy,
    create,
    held_interrupts,
    is_unfinished,
    open_owner,
)
from lockstep_kernel import (
    CannotRunError,
    EventSink,
    Fault,
    JournalRecord,
    Machine,
    MalformedCommand,
    State,
    UnsupportedError,
    initial,
)
from lockstep_replay import Execution, recover_from
from lockstep_runtime.feeds.base import Feed
from lockstep_runtime.signing import Item

DATA_NAME = "data.mdb"
Acknowledge = Callable[[int, bytes], object]
"""Is told (seq, hash) of the last command of each durable batch."""


class Tally:
    """An event sink that counts."""

    def __init__(self) -> None:
        self.commands = 0
        self.trades = 0
        self.events = 0
        self.refusals = 0

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        """Count the events of one command."""
        self.commands += 1
        self.events += len(events)
        for event in events:
            if type(event) is Trade:
                self.trades += 1
            elif type(event) in (CommandRejected, OrderRejected):
                self.refusals += 1


class RunOptions(msgspec.Struct, frozen=True):
    """How to run a feed. `sinks` get the events of every command of the feed from its start on.

    `tell` gets a sentence for the operator if an older owner of the journal keeps the run waiting.
    """

    directory: Path
    machine: Machine
    batch: int = 1_000
    snapshot_every: int = 200_000
    sinks: tuple[EventSink, ...] = ()
    acknowledge: Acknowledge = lambda seq, hash_: None
    progress: Callable[[int], object] = lambda seq: None
    tell: Callable[[str], object] | None = None


class RunResult(msgspec.Struct, frozen=True):
    """What a run did. Counts are of this run; `fault` is what ended the feed early, if anything.

    `ended_by` is the signal that ended it, 0 for none; `beyond` is how many commands more than the
    feed has the journal holds. The time of `durable_seconds` was spent in the sequencer.
    """

    first_seq: int
    last_seq: int
    last_hash: bytes
    commands: int
    trades: int
    events: int
    refusals: int
    seconds: float
    durable_seconds: float
    ended_by: int
    fault: Fault | None
    beyond: int

    @property
    def durable_per_s(self) -> int:
        """Commands per second through sequencer, engine and synced journal, without the feed."""
        return int(self.commands / self.durable_seconds) if self.durable_seconds else 0


def run_feed(feed: Feed, options: RunOptions) -> RunResult:
    """Run a feed into a journal, a new one or one that holds a part of the same feed.

    Raises `CannotRunError` if the journal is of another feed, and what the journal and the recovery
    raise; a failure while it runs says what is durable. A fault of the feed is returned, not
    raised: what stood before it is durable.
    """
    tally = Tally()
    sinks: list[EventSink] = [tally]
    if feed.listens:
        sinks.append(_Listener(feed))
    sinks += options.sinks
    with _opened(feed, options, sinks) as target, held_interrupts() as is_interrupted:
        run = _Run(target, options, is_interrupted)
        first_seq = target.state.seq
        started = time.perf_counter()
        past = _Past(target, feed, options, sinks[1:])
        faults: list[Fault] = []
        for chunk in _until_fault(feed.chunks(), faults):
            run.submit(past.without_known(chunk))
            if is_interrupted():
                break
        return RunResult(
            first_seq,
            *run.durable,
            *(tally.commands, tally.trades, tally.events, tally.refusals),
            time.perf_counter() - started,
            run.durable_seconds,
            is_interrupted(),
            faults[0] if faults else None,
            0 if faults or is_interrupted() else past.left,
        )


class _Listener:
    """Tells a feed what its commands did."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        self._feed.listen(events)


class _Target:
    """The journal that a run writes to, and its state.

    It is claimed with the first new command, after everything that it holds was compared with the
    feed: a journal that is refused keeps every byte.
    """

    def __init__(self, owner: Owner, options: RunOptions, sinks: Sequence[EventSink]) -> None:
        self.owner = owner
        self._options = options
        self._sinks = sinks
        self._recovered, _report = recover_from(owner, options.machine)
        self._sequencer: Sequencer | None = None

    @property
    def state(self) -> State:
        """The state after the last durable command."""
        return self._recovered if self._sequencer is None else self._sequencer.state

    def sequencer(self) -> Sequencer:
        """Return the sequencer; the first call claims the journal."""
        if self._sequencer is None:
            self.owner.claim()
            outlets = Outlets(tuple(self._sinks))
            snapshots = SnapshotPolicy(self._options.snapshot_every)
            self._sequencer = Sequencer(self._recovered, self.owner, _no_clock, outlets, snapshots)
        return self._sequencer


class _Run:
    """Submits in batches and measures how long that takes."""

    def __init__(
        self, target: _Target, options: RunOptions, is_interrupted: Callable[[], int]
    ) -> None:
        self._target = target
        self._options = options
        self._is_interrupted = is_interrupted
        self.durable_seconds = 0.0
        self.durable = (target.state.seq, target.state.hash)

    def submit(self, items: Sequence[Item]) -> None:
        """Make items durable, batch by batch, until they end or an interrupt came."""
        for start in range(0, len(items), self._options.batch):
            if self._is_interrupted():
                break
            self._submit_batch(items[start : start + self._options.batch])

    def _submit_batch(self, batch: Sequence[Item]) -> None:
        started = time.perf_counter()
        try:
            sequencer = self._target.sequencer()
            results = sequencer.submit(batch)
        except (JournalFailed, OutletFailed) as failure:
            seq = self.durable[0] if isinstance(failure, JournalFailed) else self._target.state.seq
            failure.args = (f"{failure}; durable up to {seq}, run again to go on",)
            raise
        self.durable_seconds += time.perf_counter() - started
        self.durable = (sequencer.state.seq, sequencer.state.hash)
        for result in results:
            if isinstance(result, MalformedCommand | UnsupportedError):
                raise result
        self._options.acknowledge(*self.durable)
        self._options.progress(self.durable[0])


class _Past:
    """What the journal holds already. Its records are compared with the feed as this comes by.

    `without_known` returns what is new of a chunk. If the feed listens or there are sinks, the
    records are executed again from genesis, and every hash is compared.
    """

    def __init__(
        self, target: _Target, feed: Feed, options: RunOptions, sinks: Sequence[EventSink]
    ) -> None:
        self._directory = options.directory
        self._feed = feed
        self._encode = options.machine.codec.encode
        self.left = target.state.seq
        self._records: Iterator[JournalRecord] = iter(())
        self._execution: Execution | None = None
        self._sinks = sinks
        if self.left:
            self._check_genesis(target.owner)
            self._records = target.owner.records(1)
            if sinks:
                self._execution = Execution(initial(options.machine, feed.genesis()))

    def without_known(self, chunk: Sequence[Item]) -> Sequence[Item]:
        """Compare the part of a chunk that the journal holds, and return the rest."""
        if not self.left:
            return chunk
        known = list(islice(self._records, min(self.left, len(chunk))))
        self.left -= len(known)
        for (ts_ns, command), record in zip(chunk, known, strict=False):
            if record.ts_ns != ts_ns or record.body != self._encode(command):
                raise self._foreign(f"record {record.seq} differs")
        if self._execution is not None:
            for applied in self._execution.page(known):
                for sink in self._sinks:
                    sink.emit(applied[0], applied[3])
        return chunk[len(known) :]

    def _check_genesis(self, owner: Owner) -> None:
        if owner.genesis != self._feed.genesis():
            raise self._foreign("its genesis differs")
        if owner.end().first_seq != 1:
            raise CannotRunError(
                f"{self._directory}: its first records are archived, so nobody can tell whether it "
                f"holds {self._feed.name}: give another directory"
            )

    def _foreign(self, why: str) -> CannotRunError:
        return CannotRunError(
            f"{self._directory}: expected a journal of {self._feed.name}, found another ({why}): "
            f"give another directory"
        )


def _until_fault(chunks: Iterator[list[Item]], faults: list[Fault]) -> Iterator[list[Item]]:
    """Yield chunks; a fault of the feed ends them and is kept."""
    try:
        yield from chunks
    except Fault as error:
        faults.append(error)


@contextmanager
def _opened(feed: Feed, options: RunOptions, sinks: Sequence[EventSink]) -> Generator[_Target]:
    """Create the journal, or open it and recover; let the next owner in at the end."""
    owner = _owner(feed, options)
    try:
        yield _Target(owner, options, sinks)
    finally:
        owner.close()


def _owner(feed: Feed, options: RunOptions) -> Owner:
    directory = options.directory
    if is_unfinished(directory / DATA_NAME):
        return create(directory, options.machine, feed.genesis())
    if (directory / DATA_NAME).exists():
        return open_owner(directory, options.machine, tell=options.tell)
    if directory.is_dir() and any(directory.iterdir()):
        raise CannotRunError(
            f"{directory}: expected a journal or an empty directory, "
            f"found files but no {DATA_NAME}: restore a backup or give another directory"
        )
    return create(directory, options.machine, feed.genesis())


def _no_clock() -> int:
    """Return 0: every command brings the feed's own time."""
    return 0

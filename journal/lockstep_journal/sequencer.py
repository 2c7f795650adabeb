"""The sequencer: one writer for any machine. It stamps, applies, commits, and then publishes.

Nothing leaves before it is durable. What happens when something raises:

- A body that is no canonical command gets its error as its result, and no sequence number.
- Anything raised between the first change of the state and the end of publishing (a failed commit,
  a bug, Ctrl-C) ends the sequencer: memory may be ahead of the journal. The process recovers.
- A sink or publisher that raises an `Exception` is detached: it gets nothing any more, the others
  get everything, and `OutletFailed` is raised after the batch, with the batch's results in it. The
  journal holds all that the outlet missed.

A slow sink slows the sequencer and nothing else; a sink that must not do so queues for itself.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from lockstep_journal.errors import JournalFailed, OutletFailed, told
from lockstep_kernel import (
    Applied,
    CannotRunError,
    CommandPublisher,
    EventSink,
    JournalRecord,
    JournalWriter,
    MalformedCommand,
    Sequenced,
    State,
    UnsupportedError,
    apply_batch,
    check_activation,
    dump,
)

Body = bytes | msgspec.Struct
"""A command: the client's own bytes, or a command struct that is encoded here."""

Item = Body | tuple[int, Body]
"""What `submit` takes: a body, or (proposed ts_ns, body) for feeds that bring their own time."""

Accepted = tuple[int, Sequence[msgspec.Struct], bytes]
"""(seq, events, hash) of a durable command."""

Refusal = MalformedCommand | UnsupportedError
"""Why an item got no sequence number."""

Result = Accepted | Refusal
"""What became of one item."""


class SequencerJournal(JournalWriter, Protocol):
    """A journal writer that also knows its epoch and keeps snapshots."""

    @property
    def owner_epoch(self) -> int:
        """The epoch that stands in the records of this owner."""
        ...

    def save_snapshot(self, seq: int, snapshot: bytes) -> None:
        """Make a snapshot durable."""
        ...

    def snapshot_seqs(self) -> list[int]:
        """Return the sequence numbers of all snapshots, ascending."""
        ...

    def prune_snapshots(self, keep: int) -> list[int]:
        """Delete all but the newest `keep` snapshots and return which went."""
        ...


class SnapshotPolicy(msgspec.Struct, frozen=True):
    """Take a snapshot when `every` commands have passed (0: never), and keep the newest `keep`."""

    every: int = 0
    keep: int = 3


class Outlets(msgspec.Struct, frozen=True):
    """Where durable commands and their events go."""

    sinks: Sequence[EventSink] = ()
    publishers: Sequence[CommandPublisher] = ()


_NO_OUTLETS = Outlets()
_NO_SNAPSHOTS = SnapshotPolicy()


class Sequencer:
    """Gives commands their place in one history.

    Invariants: between calls `state` is the state after the last durable command; times never go
    back; an item without a sequence number changed nothing.
    """

    def __init__(
        self,
        state: State,
        journal: SequencerJournal,
        clock: Callable[[], int],
        outlets: Outlets = _NO_OUTLETS,
        snapshots: SnapshotPolicy = _NO_SNAPSHOTS,
    ) -> None:
        self._state = state
        self._journal = journal
        self._clock = clock
        self._sinks = list(outlets.sinks)
        self._publishers = list(outlets.publishers)
        self._snapshots = snapshots
        self._snapshot_seq = max(journal.snapshot_seqs(), default=0)
        self._failure: str | None = None
        self._is_busy = False

    @property
    def state(self) -> State:
        """The state after the last durable command, for reading."""
        self._check_usable()
        return self._state

    def submit(self, items: Sequence[Item]) -> list[Result]:
        """Sequence, apply, commit and publish a batch; return one result per item, in order.

        The clock is read once; each command gets the larger of it (or of its own proposed time)
        and the time before. Raises `JournalFailed` and ends if the batch could not be made
        durable, and `OutletFailed`, without ending, if an outlet raised. An outlet must not call
        it, nor two threads at once.
        """
        self._check_usable()
        if self._is_busy:
            raise CannotRunError("expected one batch at a time, found submit within submit")
        commands, refused = self._stamp(items)
        try:
            applied, failures = self._run(commands) if commands else ([], [])
        except UnsupportedError:
            # Raised before anything changed. It is rare: which command it was is found again.
            commands, refused = self._stamp(items, has_rules_check=True)
            applied, failures = self._run(commands) if commands else ([], [])
        results: list[Result] = [(done[0], done[3], done[6]) for done in applied]
        for index, refusal in refused:
            results.insert(index, refusal)
        if failures:
            raise OutletFailed(str(failures[0]), failures[0].seq, results) from failures[0]
        return results

    def snapshot(self) -> int:
        """Take a snapshot now and return its sequence number."""
        self._check_usable()
        try:
            return self._take_snapshot()
        except BaseException as error:
            self._failure = f"{type(error).__name__}: {error}"
            raise

    def _check_usable(self) -> None:
        if self._failure is not None:
            raise JournalFailed(f"this sequencer has ended ({self._failure}): restart and recover")

    def _stamp(
        self, items: Sequence[Item], has_rules_check: bool = False
    ) -> tuple[list[Sequenced], list[tuple[int, Refusal]]]:
        """Decode and stamp; return the good commands, and (index, error) of the others."""
        machine = self._state.machine
        decode, encode = machine.codec.decode, machine.codec.sequence
        now_ns, last_ns = self._clock(), self._state.ts_ns
        commands: list[Sequenced] = []
        refused: list[tuple[int, Refusal]] = []
        for index, item in enumerate(items):
            proposed_ns, body = item if isinstance(item, tuple) else (now_ns, item)
            ts_ns = proposed_ns if proposed_ns > last_ns else last_ns
            try:
                command = decode(ts_ns, body) if isinstance(body, bytes) else encode(ts_ns, body)
                if has_rules_check:
                    check_activation(machine, command)
            except (MalformedCommand, UnsupportedError) as error:
                refused.append((index, error))
            else:
                commands.append(command)
                last_ns = ts_ns
        return commands, refused

    def _run(self, commands: Sequence[Sequenced]) -> tuple[list[Applied], list[OutletFailed]]:
        """Apply, commit, publish, snapshot; end the sequencer if anything in between raises."""
        self._is_busy = True
        try:
            self._state, applied = apply_batch(self._state, commands)
            self._journal.append(applied)
            failures = self._publish(applied)
            self._snapshot_if_due()
        except UnsupportedError:
            # Only `apply_batch` raises it, and before it changes anything.
            raise
        except BaseException as error:
            self._failure = f"{type(error).__name__}: {error}"
            raise
        finally:
            self._is_busy = False
        return applied, failures

    def _publish(self, applied: Sequence[Applied]) -> list[OutletFailed]:
        failures: list[OutletFailed] = []
        for sink in tuple(self._sinks):
            failure = _emit(sink, applied)
            if failure is not None:
                self._sinks.remove(sink)
                failures.append(failure)
        if self._publishers:
            epoch = self._journal.owner_epoch
            records = [
                JournalRecord(seq, epoch, ts_ns, previous, hash_, body)
                for seq, ts_ns, body, _events, _encoded, previous, hash_ in applied
            ]
            for publisher in tuple(self._publishers):
                failure = _publish(publisher, records)
                if failure is not None:
                    self._publishers.remove(publisher)
                    failures.append(failure)
        return failures

    def _snapshot_if_due(self) -> None:
        every = self._snapshots.every
        if every and self._state.seq - self._snapshot_seq >= every:
            self._take_snapshot()

    def _take_snapshot(self) -> int:
        seq = self._state.seq
        self._journal.save_snapshot(seq, dump(self._state))
        self._journal.prune_snapshots(self._snapshots.keep)
        self._snapshot_seq = seq
        return seq


def _emit(sink: EventSink, applied: Sequence[Applied]) -> OutletFailed | None:
    seq = applied[0][0]
    try:
        for done in applied:
            seq = done[0]
            sink.emit(seq, done[3])
    except Exception as error:  # noqa: BLE001  # whatever a sink raises must not undo a commit
        return _outlet_failed(sink, seq, error)
    return None


def _publish(publisher: CommandPublisher, records: Sequence[JournalRecord]) -> OutletFailed | None:
    seq = records[0].seq
    try:
        for record in records:
            seq = record.seq
            publisher.publish(seq, record)
    except Exception as error:  # noqa: BLE001  # the same for a publisher
        return _outlet_failed(publisher, seq, error)
    return None


def _outlet_failed(outlet: object, seq: int, error: Exception) -> OutletFailed:
    name, what = type(outlet).__name__, f"{type(error).__name__}: {told(error)}"
    failure = OutletFailed(f"{name} failed at {seq} and is detached: {what}", seq, ())
    failure.__cause__ = error
    return failure

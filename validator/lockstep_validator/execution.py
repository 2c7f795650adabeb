"""Applies the commands of a stream and compares everything that the stream says about them.

Frames are judged one by one in stream order, so damage never hides a divergence before it, nor the
other way round. Invariant: `seq` and `hash` are those of the last command that came out equal.
"""

from collections.abc import Iterator, Sequence

import msgspec

from lockstep_kernel import (
    CannotRunError,
    Frame,
    FrameType,
    JournalRecord,
    LockstepError,
    MalformedCommand,
    State,
    StreamReader,
    UnsupportedError,
    check_activation,
    dump,
    unpack_record,
)
from lockstep_validator.blame import Computed, other_result, other_snapshot, undecodable
from lockstep_validator.heads import Heads
from lockstep_validator.links import check_link, check_order, checked_head
from lockstep_validator.options import Mark, Options
from lockstep_validator.tape import Tape
from lockstep_validator.trust import Start, check_hash
from lockstep_validator.verdict import Diverged

_RECORD = int(FrameType.RECORD)
_EVENTS = int(FrameType.EVENTS)
_SNAPSHOT = int(FrameType.SNAPSHOT)
_HEAD = int(FrameType.HEAD)


class Execution:
    """The re-execution of one stream, from its start on."""

    def __init__(self, reader: StreamReader, start: Start, options: Options) -> None:
        chain = start.chain
        self.seq = chain.seq
        self.hash = chain.hash
        self.events = 0
        self.is_ended = False
        self.heads = None if options.keys is None else Heads(options.keys)
        self.unchecked_heads = 0
        self.expected = sorted(options.expect, key=_seq_of)
        self._start_seq = chain.seq
        self._epoch = start.epoch
        self._reader = reader
        self._chain = chain
        self._tape = Tape(chain)
        self._tape_due = chain.seq + self._tape.interval
        self._until = options.until
        self._pause = 0
        self._record = JournalRecord(0, 0, 0, b"", b"", b"")
        self._events: Sequence[msgspec.Struct] = ()

    @property
    def commands(self) -> int:
        """How many commands were applied and came out equal."""
        return self.seq - self._start_seq

    @property
    def rules_version(self) -> int:
        """The rules in force."""
        return self._chain.core.rules_version()

    def unreached(self) -> str:
        """Say which expected hashes were not compared."""
        seqs = ", ".join(str(mark.seq) for mark in self.expected)
        return f"the hash to expect at {seqs} was never reached"

    def run(self, frames: Iterator[Frame]) -> None:
        """Apply and compare up to the end of the frames or where the options say.

        Raises `Diverged`, `DamagedError`, `TornTailError`, or `UnsupportedError` for rules or
        frames that this release does not have.
        """
        if self._is_done():
            return
        try:
            self._replay(frames)
        except MalformedCommand as error:
            raise undecodable(self._record, error) from None
        except UnsupportedError as error:
            raise UnsupportedError(f"sequence {self.seq + 1}: {error}") from None

    def _replay(self, frames: Iterator[Frame]) -> None:
        chain, machine, ts_ns_last = self._chain, self._chain.machine, self._chain.ts_ns
        decode, advance, required = machine.codec.decode, chain.advance, machine.rules_required
        keep = self._tape.records.append
        grow = None if self.heads is None else self.heads.tree.append
        last_type = _EVENTS if self._reader.has_events else _RECORD
        hash_, encoded = self.hash, b""
        for frame in frames:
            frame_type, seq, payload = frame
            if frame_type == _RECORD:
                self._record = record = unpack_record(payload, seq)
                if record.previous != hash_:
                    check_link(record, hash_)
                keep(payload)
                ts_ns = record.ts_ns
                command = decode(ts_ns, record.body)
                if required(command.command):
                    check_activation(machine, command)
                self._events, encoded, hash_ = advance(command)
                if hash_ != record.hash:
                    raise self._other_result(record, self._next_events(frames))
                if ts_ns < ts_ns_last or record.epoch != self._epoch:
                    check_order(record, ts_ns_last, self._epoch)
                    self._epoch = record.epoch
                ts_ns_last = ts_ns
                self.seq = seq
                self.hash = hash_
                self.events += len(self._events)
                if grow is not None:
                    grow(payload)
            elif frame_type == _EVENTS:
                if payload != encoded:
                    raise self._other_events(payload)
            else:
                self._take_other(frame)
            if seq >= self._pause and frame_type == last_type and self._is_done():
                return

    def _is_done(self) -> bool:
        """Do what is due at this sequence number, and say whether to stop here."""
        while self.expected and self.expected[0].seq <= self.seq:
            self._check_expected(self.expected.pop(0))
        if self.seq >= self._tape_due:
            self._tape.mark(self._chain)
            self._tape_due = self.seq + self._tape.interval
        due = [self._tape_due, *(mark.seq for mark in self.expected[:1])]
        self._pause = min(due if self._until is None else [*due, self._until])
        return self.seq == self._until

    def _check_expected(self, mark: Mark) -> None:
        """Raise `Diverged`, with the command before as the last good one, for another hash."""
        try:
            check_hash("expected", mark, self.hash)
        except Diverged:
            if self.seq > self._start_seq:
                self._take_back()
            raise

    def _take_back(self) -> None:
        """Call the command applied last no longer equal."""
        self.seq, self.hash = self.seq - 1, self._record.previous
        self.events -= len(self._events)

    def _take_other(self, frame: Frame) -> None:
        frame_type, seq, payload = frame
        if frame_type == _SNAPSHOT:
            self._check_snapshot(seq, payload)
        elif frame_type != _HEAD:
            self._take_end(payload)
        elif self.heads is None:
            self.unchecked_heads += 1
        else:
            self.heads.check(payload, self._chain)

    def _take_end(self, payload: bytes) -> None:
        self._reader.check_end(payload, self.seq, self.hash)
        self.is_ended = True

    def _check_snapshot(self, seq: int, snapshot: bytes) -> None:
        head = checked_head(snapshot, seq, self._chain.genesis)
        if seq != self.seq:
            raise CannotRunError(
                f"the stream starts with the snapshot at {seq}, not with record 1: "
                f"validate it with --trust {seq}:{head.hash.hex()} if you trust that hash"
            )
        if dump(State(self._chain)) != snapshot:
            raise other_snapshot(snapshot, head, self._chain)

    def _other_result(self, record: JournalRecord, published: bytes | None) -> Diverged:
        computed = Computed(self._events, self._chain.hash, published)
        return other_result(record, computed, self._chain, self._tape)

    def _other_events(self, published: bytes) -> Diverged:
        self._take_back()
        return self._other_result(self._record, published)

    def _next_events(self, frames: Iterator[Frame]) -> bytes | None:
        """Return the events that the stream has for this record, if it has good ones."""
        if not self._reader.has_events:
            return None
        try:
            return next(frames)[2]
        except (LockstepError, StopIteration):
            return None


def _seq_of(mark: Mark) -> int:
    return mark.seq

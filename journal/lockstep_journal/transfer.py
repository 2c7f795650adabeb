"""Journals out to the portable stream and back in.

What goes out is checked as it is read, what comes in before it is written: bytes, sequence numbers
and links. Whether the hashes can be recomputed is for a `StreamVerifier`, which the replay has.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from lockstep_journal.newfiles import new_directory
from lockstep_journal.snapshots import SkippedSnapshot, check_snapshot, newest_snapshot
from lockstep_journal.store import PAGE_RECORDS, Journal, link_fault
from lockstep_journal.writer import Owner, create_unchecked
from lockstep_kernel import (
    CannotRunError,
    DamagedError,
    Fault,
    FrameType,
    Genesis,
    JournalRecord,
    StreamReader,
    StreamWriter,
    genesis_hash,
    read_head,
    unpack_record,
)

Write = Callable[[bytes], object]
Read = Callable[[int], bytes]
EventSource = Callable[[Sequence[JournalRecord]], Sequence[bytes]]
"""Gives the encoded events of records, which are asked for in order, each once."""


class Transferred(msgspec.Struct, frozen=True):
    """What an export or import moved: records `first_seq` to `last_seq`.

    `heads` counts signed heads: those that an export wrote, or that an import left out.
    """

    first_seq: int
    last_seq: int
    last_hash: bytes
    skipped: Sequence[SkippedSnapshot] = ()
    heads: int = 0


class StreamVerifier(Protocol):
    """Re-executes an import page by page; raises what makes the import fail."""

    def start(self, genesis: Genesis, snapshot: bytes | None) -> None:
        """Begin at genesis or after a snapshot."""
        ...

    def page(self, records: Sequence[JournalRecord], events: Sequence[bytes]) -> None:
        """Take the next records and, if the stream has them, their encoded events."""
        ...

    def snapshot(self, seq: int, snapshot: bytes) -> None:
        """Take a snapshot that stands in the stream after the records so far."""
        ...


class Exporter:
    """Writes one stream of a journal: `begin`, any number of `send_to`, `finish`.

    `write` gets a page at a time and must take all bytes or raise. `heads` are signed notes by
    size; each is written after the records that it signs.
    """

    def __init__(
        self,
        journal: Journal,
        write: Write,
        events: EventSource | None = None,
        heads: Mapping[int, bytes] | None = None,
    ) -> None:
        self._journal = journal
        self._write = write
        self._events = events
        self._heads = heads or {}
        self._written_heads = 0
        self._buffer: list[bytes] = []
        self._stream = StreamWriter(self._buffer.append, journal.genesis, events is not None)
        self._first_seq = 1
        self._seq = 0
        self._hash = journal.genesis_hash
        self.skipped: list[SkippedSnapshot] = []

    def begin(self, from_seq: int | None = None) -> int:
        """Begin so that record `from_seq` is in the stream; return the sequence to start after.

        That is 0 for genesis, or that of a snapshot, whose frame is written. The default is the
        earliest possible.
        """
        end = self._journal.end()
        if from_seq is None:
            start = self._earliest() if end.first_seq > 1 else None
        else:
            if not 1 <= from_seq <= end.last_seq + 1:
                raise CannotRunError(
                    f"expected a sequence number from 1 to {end.last_seq + 1}, found {from_seq}"
                )
            start, _data, self.skipped = newest_snapshot(self._journal, from_seq - 1)
            if start is None and end.first_seq > 1:
                raise CannotRunError(
                    f"{self._journal.directory}: expected a snapshot below {from_seq}, found none: "
                    f"records before {end.first_seq} are archived"
                )
        if start is not None:
            self.snapshot(start)
            self._seq, self._hash = start, read_head(self._journal.snapshot(start)).hash
        self._put_head(self._seq)
        self._first_seq = self._seq + 1
        self._flush()
        return self._seq

    def snapshot(self, seq: int) -> None:
        """Write the frame of a snapshot that stands where the stream stands."""
        _head, data = check_snapshot(self._journal, seq)
        self._journal.settle()
        self._stream.snapshot(seq, data)

    def send_to(self, last_seq: int, is_stopped: Callable[[], bool] = lambda: False) -> None:
        """Write the records after what was written, up to `last_seq` or until `is_stopped`.

        They are durable before the first of them leaves, even if their writer has just died.
        """
        if last_seq <= self._seq:
            return
        self._journal.settle()
        for raws, records in self._journal.pages(self._seq + 1, last_seq):
            fault = link_fault(records[0], self._hash, 0)
            if fault is not None:
                raise fault
            self._put(raws, records)
            self._seq, self._hash = records[-1].seq, records[-1].hash
            self._flush()
            if is_stopped():
                return

    def finish(self) -> Transferred:
        """Write the end frame and return what was written."""
        self._stream.end(self._seq, self._hash)
        self._flush()
        return Transferred(
            self._first_seq, self._seq, self._hash, tuple(self.skipped), self._written_heads
        )

    def _put(self, raws: Sequence[bytes], records: Sequence[JournalRecord]) -> None:
        stream, first = self._stream, records[0].seq
        events = None if self._events is None else self._events(records)
        for at, raw in enumerate(raws):
            stream.record(first + at, raw)
            if events is not None:
                stream.events(first + at, events[at])
            if first + at in self._heads:
                self._put_head(first + at)

    def _put_head(self, size: int) -> None:
        note = self._heads.get(size)
        if note is not None:
            self._stream.head(size, note)
            self._written_heads += 1

    def _earliest(self) -> int:
        """Return the oldest whole snapshot of an archived journal."""
        for seq in self._journal.snapshot_seqs():
            try:
                check_snapshot(self._journal, seq)
            except Fault as fault:
                self.skipped.append(SkippedSnapshot(seq, str(fault)))
            else:
                return seq
        raise DamagedError(
            f"{self._journal.directory}: expected a whole snapshot, found none: "
            f"older records are archived",
            self._journal.end().first_seq,
        )

    def _flush(self) -> None:
        self._write(b"".join(self._buffer))
        self._buffer.clear()


def retained_events(journal: Journal) -> EventSource:
    """Return the source of the events that a journal keeps; raise `CannotRunError` if none."""
    if not journal.keeps_events:
        raise CannotRunError(
            f"{journal.directory}: expected kept events, this journal keeps none: go without "
            f"--events, or use `lockstep replay export --events`, which recomputes them"
        )
    return lambda records: journal.events(records[0].seq, records[-1].seq)


def export(
    journal: Journal,
    write: Write,
    from_seq: int | None = None,
    events: EventSource | None = None,
    heads: Mapping[int, bytes] | None = None,
) -> Transferred:
    """Write a journal as a stream, to its end as it is now, with the heads of that history."""
    exporter = Exporter(journal, write, events, heads)
    exporter.begin(from_seq)
    exporter.send_to(journal.end().last_seq)
    journal.check_end()
    return exporter.finish()


def import_streams(
    directory: str | Path, reads: Sequence[Read], verifier: StreamVerifier | None = None
) -> Transferred:
    """Make a new journal of one stream, or of several that follow each other.

    Without a verifier bytes and links are checked, and no machine is needed. Signed heads are
    counted and left out: a journal holds none. The journal appears under its name only when it is
    whole and durable. Raises `CannotRunError` for a place that is
    taken, in a directory that is missing, or in a journal; `DamagedError`, `TornTailError` or
    `UnsupportedError` for the streams; and what the verifier raises.
    """
    with new_directory(Path(directory), "import") as partial:
        streams = [StreamReader(read) for read in reads]
        for stream in streams[1:]:
            if stream.genesis != streams[0].genesis:
                raise DamagedError("genesis: expected streams of one history, found another", None)
        keeps_events = all(stream.has_events for stream in streams)
        with create_unchecked(partial, streams[0].genesis, keeps_events) as owner:
            owner.claim()
            importer = StreamImporter(owner, verifier)
            for stream in streams:
                importer.take(stream)
            end = owner.end()
            left_out = importer.heads
    return Transferred(end.first_seq, end.last_seq, end.last_hash, heads=left_out)


class StreamImporter:
    """Takes the frames of streams into an owned journal, a page at a time."""

    def __init__(self, owner: Owner, verifier: StreamVerifier | None) -> None:
        self._owner = owner
        self._verifier = verifier
        self._is_begun = self._is_verified = False
        self._seq, self._epoch, self._ts_ns = 0, 0, 0
        self._hash: bytes = genesis_hash(owner.genesis)
        self._raws: list[bytes] = []
        self._records: list[JournalRecord] = []
        self._events: list[bytes] = []
        self.heads = 0

    def take(self, stream: StreamReader) -> None:
        """Take a whole stream, which must follow the one before.

        A fault is raised only when the records before it are verified: the first bad one is named.
        """
        try:
            self._take_frames(stream)
        except Fault:
            self._verify()
            raise
        self._begin(None)
        self._flush()

    def _take_frames(self, stream: StreamReader) -> None:
        for frame_type, seq, payload in stream.frames():
            match frame_type:
                case FrameType.RECORD:
                    self._take_record(payload)
                case FrameType.EVENTS:
                    self._events.append(payload)
                case FrameType.SNAPSHOT:
                    self._take_snapshot(seq, payload)
                case FrameType.HEAD:
                    self.heads += 1
                case _:
                    stream.check_end(payload, self._seq, self._hash)
                    stream.finish()

    def _take_record(self, payload: bytes) -> None:
        if len(self._records) >= PAGE_RECORDS:
            # Only here: the events of the record before have come.
            self._flush()
        record = unpack_record(payload, self._seq + 1)
        fault = link_fault(record, self._hash, self._epoch, self._ts_ns)
        if fault is not None:
            raise fault
        self._begin(None)
        self._raws.append(payload)
        self._records.append(record)
        self._seq, self._hash, self._epoch = record.seq, record.hash, record.epoch
        self._ts_ns = record.ts_ns

    def _take_snapshot(self, seq: int, payload: bytes) -> None:
        head = read_head(payload)
        is_start = not self._is_begun and seq > 0
        is_here = is_start or (seq, head.hash, head.ts_ns) == (self._seq, self._hash, self._ts_ns)
        if head.seq != seq or head.genesis_hash != genesis_hash(self._owner.genesis) or not is_here:
            raise DamagedError(f"snapshot {seq}: it is not one of this history after {seq}", seq)
        if is_start:
            self._begin(payload)
            self._owner.start_at(payload)
            self._seq, self._hash, self._ts_ns = seq, head.hash, head.ts_ns
        else:
            self._begin(None)
            self._flush()
            if self._verifier is not None:
                self._verifier.snapshot(seq, payload)
            self._owner.save_snapshot(seq, payload)

    def _begin(self, snapshot: bytes | None) -> None:
        if not self._is_begun:
            self._is_begun = True
            if self._verifier is not None:
                self._verifier.start(self._owner.genesis, snapshot)

    def _flush(self) -> None:
        if not self._records:
            return
        self._verify()
        events = self._events if self._owner.keeps_events else []
        self._owner.append_page((self._raws, self._records), events)
        self._raws, self._records, self._events = [], [], []
        self._is_verified = False

    def _verify(self) -> None:
        """Have the records verified that are not written yet, once."""
        if self._verifier is not None and self._records and not self._is_verified:
            self._is_verified = True
            self._verifier.page(self._records, self._events)

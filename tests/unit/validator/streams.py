"""Counter streams as lists of frames, so that a test can damage or forge any part of one."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO

import msgspec

from lockstep_kernel import (
    Frame,
    FrameType,
    Genesis,
    Machine,
    StreamReader,
    StreamWriter,
    apply_batch,
    dump,
    initial,
    pack_frame,
    pack_record,
    unpack_record,
)
from lockstep_validator import Options, Status, Verdict, validate
from tests.machines.counter import COUNTER, ActivateRules, Add, counter_genesis

COUNT = 50
SNAPSHOT_SEQ = 25
SWITCH_SEQ = 30
START_NS = 1_700_000_000_000_000_000

Timed = tuple[int, msgspec.Struct]


@dataclass(frozen=True)
class Stream:
    """The parts of one stream: everything after the genesis is in `frames`."""

    genesis: Genesis
    has_events: bool
    frames: tuple[Frame, ...]

    def head(self) -> bytes:
        """Return the header and the genesis frame."""
        chunks: list[bytes] = []
        StreamWriter(chunks.append, self.genesis, self.has_events)
        return b"".join(chunks)

    def data(self) -> bytes:
        """Return the bytes of the stream."""
        return self.head() + b"".join(pack_frame(*frame) for frame in self.frames)

    def spans(self) -> list[tuple[int, int, int | None]]:
        """Return (start, end, sequence number expected there) of the head and of each frame."""
        end = len(self.head())
        spans: list[tuple[int, int, int | None]] = [(0, end, None)]
        for frame_type, seq, payload in self.frames:
            is_step = frame_type in {FrameType.RECORD, FrameType.EVENTS}
            start, end = end, end + len(pack_frame(frame_type, seq, payload))
            spans.append((start, end, seq if is_step else seq + 1))
        return spans

    def at(self, frame_type: FrameType, seq: int) -> int:
        """Return the index of a frame."""
        return [frame[:2] for frame in self.frames].index((int(frame_type), seq))

    def step(self, seq: int) -> slice:
        """Return the indices of a record and, if there is one, its events."""
        start = self.at(FrameType.RECORD, seq)
        return slice(start, start + 1 + self.has_events)

    def spliced(self, where: slice, frames: Iterable[Frame]) -> "Stream":
        """Return the stream with other frames in a place."""
        new = list(self.frames)
        new[where] = frames
        return replace(self, frames=tuple(new))

    def with_payload(self, frame_type: FrameType, seq: int, payload: bytes) -> "Stream":
        """Return the stream with another payload in a frame, its checks recomputed."""
        index = self.at(frame_type, seq)
        return self.spliced(slice(index, index + 1), [(int(frame_type), seq, payload)])

    def with_record(self, seq: int, /, **fields: object) -> "Stream":
        """Return the stream with other fields in a record, all its checks recomputed."""
        record = unpack_record(self.payload(FrameType.RECORD, seq), seq)
        forged = msgspec.structs.replace(record, **fields)
        payload = pack_record(
            forged.seq, forged.epoch, forged.ts_ns, forged.previous, forged.hash, forged.body
        )
        return self.with_payload(FrameType.RECORD, seq, payload)

    def payload(self, frame_type: FrameType, seq: int) -> bytes:
        """Return the payload of a frame."""
        return self.frames[self.at(frame_type, seq)][2]

    def hash(self, seq: int) -> bytes:
        """Return the hash that the stream has at a record."""
        return unpack_record(self.payload(FrameType.RECORD, seq), seq).hash


def timed(first_amount: int = 1, count: int = COUNT) -> list[Timed]:
    """Give commands with their times; the rules are switched at SWITCH_SEQ."""
    given: list[msgspec.Struct] = [Add(f"cell{i % 5}", first_amount + i) for i in range(count)]
    if count >= SWITCH_SEQ:
        given[SWITCH_SEQ - 1] = ActivateRules(2)
    return [(START_NS + 1_000 * i, command) for i, command in enumerate(given)]


def counter_stream(
    commands: Sequence[Timed] | None = None,
    genesis: Genesis | None = None,
    has_events: bool = True,
    snapshots: Sequence[int] = (SNAPSHOT_SEQ,),
    machine: Machine = COUNTER,
) -> Stream:
    """Apply commands and return the stream, by default 50 with events and one snapshot."""
    chunks: list[bytes] = []
    genesis = genesis or counter_genesis()
    writer = StreamWriter(chunks.append, genesis, has_events)
    state = initial(machine, genesis)
    if 0 in snapshots:
        writer.snapshot(0, dump(state))
    for ts_ns, command in timed() if commands is None else commands:
        state, applied = apply_batch(state, [machine.codec.sequence(ts_ns, command)])
        seq, _, body, _, encoded, previous, hash_ = applied[0]
        writer.record(seq, pack_record(seq, 1, ts_ns, previous, hash_, body))
        if has_events:
            writer.events(seq, encoded)
        if seq in snapshots:
            writer.snapshot(seq, dump(state))
    writer.end(state.seq, state.hash)
    return split(b"".join(chunks))


def split(data: bytes) -> Stream:
    """Take a stream apart."""
    reader = StreamReader(BytesIO(data).read)
    return Stream(reader.genesis, reader.has_events, tuple(reader.frames()))


def tail(stream: Stream) -> Stream:
    """Return what an archived journal gives: the stream from its snapshot on."""
    chunks: list[bytes] = []
    writer = StreamWriter(chunks.append, stream.genesis, stream.has_events)
    writes: dict[int, Callable[[int, bytes], object]] = {
        FrameType.SNAPSHOT: writer.snapshot,
        FrameType.RECORD: writer.record,
        FrameType.EVENTS: writer.events,
    }
    for frame_type, seq, payload in stream.frames[stream.at(FrameType.SNAPSHOT, SNAPSHOT_SEQ) : -1]:
        writes[frame_type](seq, payload)
    writer.end(COUNT, stream.hash(COUNT))
    return split(b"".join(chunks))


def judged(data: bytes | Stream, **options: object) -> Verdict:
    """Validate bytes with the counter."""
    raw = data.data() if isinstance(data, Stream) else data
    return validate(BytesIO(raw), Options(**{"machine": COUNTER, **options}))


def found(data: bytes | Stream, **options: object) -> tuple[Status, int | None]:
    """Return status and sequence number of the verdict."""
    verdict = judged(data, **options)
    return verdict.status, verdict.seq

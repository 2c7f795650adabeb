"""Takes streams and snapshots apart, and puts them together with good lengths, checks and hashes.

Reading here believes everything: it is for bytes that were made, not for bytes that came.
"""

import random
import struct
from collections.abc import Sequence

import msgspec
from xxhash import xxh3_64_digest

from lockstep_engine.exchange import MACHINE as EXCHANGE
from lockstep_kernel import (
    Frame,
    FrameType,
    Genesis,
    LockstepError,
    Machine,
    State,
    apply_batch,
    initial,
    pack_frame,
    pack_record,
    unpack_record,
)
from lockstep_kernel.chain import DIGEST_MASK, record_digest
from tests.fuzz.mutation import mutated_integer, mutated_msgpack, mutated_value
from tests.fuzz.target import Blind
from tests.machines.counter import COUNTER

HEADER_BYTES = 20
_FRAME = struct.Struct(">BIQI")
_SNAPSHOT = struct.Struct(">6sHQQ16s16sQII")
_END = struct.Struct(">QQ16s")
_CHECK_BYTES = 8
_MACHINES: dict[str, Machine] = {"counter": COUNTER, "exchange": EXCHANGE}
_genesis = msgspec.msgpack.Decoder(Genesis)
_records = msgspec.msgpack.Decoder(list[list[object]])
_encode = msgspec.msgpack.Encoder().encode


def split(data: bytes) -> tuple[bytes, list[Frame]]:
    """Return the header and the frames as far as there are whole ones."""
    frames: list[Frame] = []
    offset = HEADER_BYTES
    while offset + _FRAME.size <= len(data):
        kind, length, seq, _check = _FRAME.unpack_from(data, offset)
        start = offset + _FRAME.size
        offset = start + length + _CHECK_BYTES
        if offset > len(data):
            break
        frames.append((kind, seq, data[start : start + length]))
    return data[:HEADER_BYTES], frames


def joined(header: bytes, frames: Sequence[Frame]) -> bytes:
    """Return the stream of the frames, all checks good but those inside the payloads."""
    return header + b"".join(pack_frame(*frame) for frame in frames)


def mutated_stream(data: bytes, draw: random.Random, blind: Blind) -> bytes:
    """Change one thing in a stream; then mostly make all that follows from it come right."""
    header, frames = split(data)
    if not frames or draw.randrange(8) == 0:
        return blind(data)
    index = draw.randrange(len(frames))
    if draw.randrange(3) == 0:
        frames = _rearranged(frames, index, draw)
    else:
        kind, seq, payload = frames[index]
        frames[index] = (kind, seq, mutated_payload(kind, payload, draw, blind))
    if draw.randrange(2):
        frames = rechained(frames)
    if draw.randrange(16) == 0:
        header = _checked(header[:8] + struct.pack(">HH", draw.randrange(3), draw.randrange(4)))
    return joined(header, frames)


def mutated_payload(kind: int, payload: bytes, draw: random.Random, blind: Blind) -> bytes:
    """Change the payload of one frame so that its own check is good."""
    match kind:
        case FrameType.RECORD:
            return mutated_record(payload, draw, blind)
        case FrameType.SNAPSHOT:
            return mutated_snapshot(payload, draw, blind)
        case FrameType.GENESIS | FrameType.EVENTS:
            return mutated_msgpack(payload, draw, blind)
        case FrameType.END if len(payload) == _END.size:
            count, seq, hash_ = _END.unpack(payload)
            return _END.pack(_u64(mutated_integer(count, draw)), seq, hash_)
        case _:
            return blind(payload)


def mutated_record(data: bytes, draw: random.Random, blind: Blind) -> bytes:
    """Change one field of a record."""
    try:
        record = unpack_record(data, int.from_bytes(data[4:12], "big"))
    except LockstepError:
        return blind(data)
    seq, epoch, ts_ns = record.seq, record.epoch, record.ts_ns
    previous, hash_, body = record.previous, record.hash, record.body
    match draw.randrange(8):
        case 0:
            seq = _u64(mutated_integer(seq, draw))
        case 1:
            epoch = _u64(mutated_integer(epoch, draw))
        case 2:
            ts_ns = _u64(mutated_integer(ts_ns, draw))
        case 3:
            previous = draw.randbytes(16)
        case 4:
            hash_ = draw.randbytes(16)
        case _:
            body = mutated_msgpack(body, draw, blind)
    return pack_record(seq, epoch, ts_ns, previous, hash_, body)


def mutated_snapshot(data: bytes, draw: random.Random, blind: Blind) -> bytes:
    """Change one record or field of a snapshot; digest, lengths and check come right."""
    try:
        fields = list(_SNAPSHOT.unpack_from(data))
        clocks_end = _SNAPSHOT.size + fields[7]
        clocks, body = data[_SNAPSHOT.size : clocks_end], data[clocks_end:-_CHECK_BYTES]
        records = _records.decode(body)
    except (struct.error, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return blind(data)
    match draw.randrange(6):
        case 0:
            clocks = blind(clocks)
        case 1:
            fields[2] = _u64(mutated_integer(fields[2], draw))
        case 2:
            fields[3] = _u64(mutated_integer(fields[3], draw))
        case _ if records:
            records = _mutated_records(records, draw)
    return snapshot_of(fields, clocks, records) or blind(data)


def snapshot_of(fields: Sequence[object], clocks: bytes, records: list[object]) -> bytes | None:
    """Return a snapshot of these records with the digest that they have; None if none."""
    try:
        body = _encode(records)
        digest = sum(map(record_digest, records)) & DIGEST_MASK
    except (OverflowError, TypeError, UnicodeEncodeError, RecursionError):
        return None
    head = _SNAPSHOT.pack(*fields[:6], digest, len(clocks), len(body))
    return _checked(head + clocks + body)


def rechained(frames: Sequence[Frame]) -> list[Frame]:
    """Execute the records again and give them the links and hashes that come out.

    It stops where a forger would have to: at what no machine executes.
    """
    made: list[Frame] = []
    try:
        genesis = _genesis.decode(frames[0][2])
        state = initial(_MACHINES[genesis.machine], genesis)
        encoded = b""
        for frame in frames:
            if frame[0] == FrameType.RECORD:
                state, new, encoded = _executed(state, frame[2])
                made.append(new)
            elif frame[0] == FrameType.EVENTS:
                made.append((*frame[:2], encoded))
            elif frame[0] == FrameType.END:
                count = sum(other[0] == FrameType.RECORD for other in made)
                made.append((*frame[:2], _END.pack(count, state.seq, state.hash)))
            else:
                made.append(frame)
    except (LockstepError, LookupError, msgspec.DecodeError, ValueError, struct.error):
        return [*made, *frames[len(made) :]]
    return made


def _executed(state: State, payload: bytes) -> tuple[State, Frame, bytes]:
    """Execute a record; return (state, its frame as it should be, events)."""
    record = unpack_record(payload, int.from_bytes(payload[4:12], "big"))
    command = state.machine.codec.decode(record.ts_ns, record.body)
    state, ((seq, ts_ns, body, _events, encoded, previous, hash_),) = apply_batch(state, [command])
    packed = pack_record(seq, record.epoch, ts_ns, previous, hash_, body)
    return state, (int(FrameType.RECORD), seq, packed), encoded


def _rearranged(frames: list[Frame], index: int, draw: random.Random) -> list[Frame]:
    """Drop, repeat, swap, rename or renumber a frame."""
    kind, seq, payload = frames[index]
    before, after = frames[:index], frames[index + 1 :]
    match draw.randrange(6):
        case 0:
            return [*before, *after]
        case 1:
            return [*before, frames[index], frames[index], *after]
        case 2:
            return [*before, *after[:1], frames[index], *after[1:]]
        case 3:
            return [*before, (draw.randrange(9), seq, payload), *after]
        case 4:
            return [*before, (kind, _u64(mutated_integer(seq, draw)), payload), *after]
        case _:
            return before


def _mutated_records(records: list[list[object]], draw: random.Random) -> list[object]:
    index = draw.randrange(len(records))
    match draw.randrange(6):
        case 0:
            return [*records[:index], *records[index + 1 :]]
        case 1:
            return [*records, records[index]]
        case _:
            changed = mutated_value(records[index], draw)
            return [*records[:index], changed, *records[index + 1 :]]


def _checked(payload: bytes) -> bytes:
    return payload + xxh3_64_digest(payload)


def _u64(value: int) -> int:
    return value % 2**64

"""Histories of the counter: commands, states, streams and journals for tests of every layer."""

import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from lockstep_journal import Sequencer, SnapshotPolicy, create
from lockstep_kernel import (
    Applied,
    DamagedError,
    JournalRecord,
    Sequenced,
    State,
    StreamReader,
    StreamWriter,
    apply_batch,
    genesis_hash,
    initial,
    pack_record,
    unpack_record,
)
from lockstep_kernel.values import FrameType
from tests.machines.counter import COUNTER, ActivateRules, Add, counter_genesis

GENESIS = counter_genesis()
ACTIVATED_AT = 20


def bodies(count: int, seed: int = 1) -> list[bytes]:
    """Return canonical commands; the twentieth activates rules 2. More begin with fewer."""
    draw = random.Random(seed)
    commands = [Add(f"cell{draw.randrange(9)}", draw.randrange(-5, 100)) for _ in range(count)]
    encoded = [COUNTER.codec.encode(command) for command in commands]
    if count >= ACTIVATED_AT:
        encoded[ACTIVATED_AT - 1] = COUNTER.codec.encode(ActivateRules(2))
    return encoded


def sequenced(count: int, seed: int = 1) -> list[Sequenced]:
    """Return the same commands, ten nanoseconds apart."""
    return [
        COUNTER.codec.decode(10 * index, body) for index, body in enumerate(bodies(count, seed), 1)
    ]


def applied(count: int, seed: int = 1) -> tuple[State, list[Applied]]:
    """Return the state after the commands, and what each did."""
    return apply_batch(initial(COUNTER, GENESIS), sequenced(count, seed))


def records(count: int, seed: int = 1) -> list[bytes]:
    """Return the packed records of the history, written by epoch 1."""
    return [pack(done) for done in applied(count, seed)[1]]


def pack(done: Applied, epoch: int = 1) -> bytes:
    """Return the record of one applied command."""
    return pack_record(done[0], epoch, done[1], done[5], done[6], done[2])


def stream(count: int, seed: int = 1, has_events: bool = False) -> bytes:
    """Return the history as a portable stream."""
    return b"".join(stream_frames(count, seed, has_events))


def stream_frames(count: int, seed: int = 1, has_events: bool = False) -> list[bytes]:
    """Return the stream in parts: header, genesis, frames, end."""
    parts: list[bytes] = []
    writer = StreamWriter(parts.append, GENESIS, has_events)
    state, done = applied(count, seed)
    for one in done:
        writer.record(one[0], pack(one))
        if has_events:
            writer.events(one[0], one[4])
    writer.end(state.seq, state.hash)
    return parts


def reading(data: bytes):
    """Return `read(n)` over bytes, giving them in uneven pieces."""
    offset = 0

    def read(size: int) -> bytes:
        nonlocal offset
        piece = data[offset : offset + min(size, 4099)]
        offset += len(piece)
        return piece

    return read


def read_stream(data: bytes, is_open: bool = False) -> list[JournalRecord]:
    """Read a stream as every consumer must: frames, records, links, end, nothing after it."""
    reader = StreamReader(reading(data), is_open)
    found: list[JournalRecord] = []
    hash_ = genesis_hash(reader.genesis)
    for frame_type, seq, payload in reader.frames():
        if frame_type == FrameType.RECORD:
            record = unpack_record(payload, seq)
            if record.previous != hash_:
                raise DamagedError(f"record {seq}: another link", seq)
            found.append(record)
            hash_ = record.hash
        elif frame_type == FrameType.END:
            reader.check_end(payload, len(found), hash_)
            reader.finish()
    return found


def write_journal(
    directory: Path,
    count: int,
    *,
    batch: int = 7,
    snapshot_every: int = 0,
    keep_events: bool = False,
) -> State:
    """Make a journal of the history `bodies(count)`, close it, and return its last state."""
    with create(directory, COUNTER, GENESIS, keep_events) as owner:
        owner.claim()
        policy = SnapshotPolicy(snapshot_every, keep=100)
        sequencer = Sequencer(initial(COUNTER, GENESIS), owner, lambda: 0, snapshots=policy)
        submit_all(sequencer, count, batch)
        return sequencer.state


def submit_all(sequencer: Sequencer, count: int, batch: int = 7, start: int = 0) -> None:
    """Submit the commands after `start` of `bodies(count)`, at their own times, in batches."""
    items = [(10 * index, body) for index, body in enumerate(bodies(count), 1)][start:]
    for offset in range(0, len(items), batch):
        sequencer.submit(items[offset : offset + batch])


def split(items: Sequence[Sequenced], cuts: Sequence[int]) -> list[Sequence[Sequenced]]:
    """Return the items in batches that end at the cuts."""
    edges = sorted({0, len(items), *(cut for cut in cuts if cut < len(items))})
    return [items[low:high] for low, high in pairwise(edges)]

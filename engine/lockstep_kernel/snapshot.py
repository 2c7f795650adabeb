"""Snapshots: a canonical dump of a whole state, and the way back.

Records are sorted by (kind, key), so equal states have equal dumps. Loading checks the bytes, then
rebuilds the state and recomputes its digest. docs/format.md draws the bytes.
"""

import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec
from xxhash import xxh3_64_digest

from lockstep_kernel.chain import State, genesis_hash, restored, verify
from lockstep_kernel.entity import Record, name_of
from lockstep_kernel.errors import DamagedError, InvariantError, check_format
from lockstep_kernel.machine import Machine
from lockstep_kernel.values import Genesis, SnapshotHead

SNAPSHOT_MAGIC: Final = b"LKSNAP"
SNAPSHOT_VERSION: Final = 1
_HEAD: Final = struct.Struct(">6sHQQ16s16sQII")
_CHECK_BYTES: Final = 8
_encode: Final = msgspec.msgpack.Encoder().encode
_DOES_NOT_LOAD: Final = (
    *(InvariantError, msgspec.MsgspecError, struct.error, RecursionError, MemoryError),
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
)
"""What machines raise on records that none of them dumped."""
_records = msgspec.msgpack.Decoder(list[tuple[object, ...]])


def dump(state: State) -> bytes:
    """Verify the state and return its snapshot bytes. O(entities log entities)."""
    verify(state)
    head = state.head()
    records = _encode(sorted_records(state))
    packed = _HEAD.pack(
        SNAPSHOT_MAGIC,
        SNAPSHOT_VERSION,
        head.seq,
        head.ts_ns,
        head.hash,
        head.genesis_hash,
        head.digest,
        len(head.clocks),
        len(records),
    )
    payload = packed + head.clocks + records
    return payload + xxh3_64_digest(payload)


def sorted_records(state: State) -> list[Record]:
    """Return the records of all entities by (kind, key)."""
    chain = state.peek()
    return sorted(chain.machine.entities(chain.core), key=name_of)


def read_head(snapshot: bytes) -> SnapshotHead:
    """Check the bytes and return the head; raise `DamagedError` or `UnsupportedError`."""
    return _split(snapshot)[0]


def load(machine: Machine, genesis: Genesis, snapshot: bytes) -> State:
    """Rebuild the state of a snapshot.

    Raises `DamagedError` for bad bytes, a foreign genesis or a digest that does not come out, and
    `UnsupportedError` for a newer format, another machine or other rules.
    """
    head, records = _split(snapshot)
    if head.genesis_hash != genesis_hash(genesis):
        raise DamagedError(
            f"snapshot {head.seq}: expected genesis {genesis_hash(genesis).hex()}, "
            f"found {head.genesis_hash.hex()}",
            head.seq,
        )
    try:
        decoded = _records.decode(records)
        _check_sorted(decoded)
        state = restored(machine, genesis, head, decoded)
        verify(state)
    except _DOES_NOT_LOAD as error:
        raise DamagedError(f"snapshot {head.seq} does not load: {error}", head.seq) from error
    return state


def _check_sorted(records: Sequence[Record]) -> None:
    """Raise unless the records rise by (kind, key): a state whose keys do not has no dump."""
    for record, after in pairwise(records):
        if not name_of(record) < name_of(after):
            raise InvariantError(f"record {name_of(after)} stands after {name_of(record)}")


def _split(snapshot: bytes) -> tuple[SnapshotHead, bytes]:
    if len(snapshot) < _HEAD.size + _CHECK_BYTES:
        raise DamagedError(f"snapshot: expected a head, found {len(snapshot)} bytes", None)
    payload = snapshot[:-_CHECK_BYTES]
    fields = _HEAD.unpack_from(payload)
    magic, version, seq, ts_ns, hash_, genesis, digest, clocks_bytes, records_bytes = fields
    if magic != SNAPSHOT_MAGIC:
        expected = SNAPSHOT_MAGIC.hex()
        raise DamagedError(f"snapshot: expected {expected} at the start, found {magic.hex()}", None)
    if xxh3_64_digest(payload) != snapshot[-_CHECK_BYTES:]:
        raise DamagedError(f"snapshot {seq}: check does not match its bytes", seq)
    check_format(f"snapshot {seq}", SNAPSHOT_VERSION, version, seq)
    start = _HEAD.size + clocks_bytes
    if start + records_bytes != len(payload):
        raise DamagedError(f"snapshot {seq}: lengths do not add up", seq)
    clocks = payload[_HEAD.size : start]
    return SnapshotHead(seq, ts_ns, hash_, genesis, digest, clocks), payload[start:]

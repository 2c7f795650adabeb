"""The bytes of docs/format.md, read once more for the referee.

It shares no code with the kernel and the journal: a mistake in theirs must not be one here.
"""

import struct
from random import Random
from typing import NamedTuple

import msgspec
from xxhash import xxh3_64_digest, xxh3_64_intdigest, xxh3_128_digest

_RECORD = struct.Struct(">3sBQQQ16s16sI")
_SNAPSHOT = struct.Struct(">6sHQQ16s16sQII")
_END = struct.Struct(">QQQQ16s16s")
_COMMAND = struct.Struct(">8sQ16sQQHII")
_GENESIS = struct.Struct(">8sIQII")
_CHECK_BYTES = 8
_HASH_BYTES = (24, 40)
"""Where the hash of a snapshot stands."""


class WrongBytes(Exception):  # a word of the referee, as Violation is
    """Bytes are not what docs/format.md says."""


class RecordRow(NamedTuple):
    """What a record says."""

    seq: int
    epoch: int
    ts_ns: int
    previous: bytes
    hash: bytes
    body: bytes


class SnapshotRow(NamedTuple):
    """What a snapshot says."""

    seq: int
    ts_ns: int
    hash: bytes
    genesis: bytes
    digest: int
    clocks: bytes
    rows: bytes


class Step(NamedTuple):
    """What the hash of a command binds, beside the hash before it."""

    seq: int
    ts_ns: int
    digest: int
    clocks: bytes
    body: bytes
    events: bytes


def read_record(raw: bytes) -> RecordRow:
    """Return what a record says; raise `WrongBytes`."""
    if len(raw) < _RECORD.size + _CHECK_BYTES or xxh3_64_digest(raw[:-8]) != raw[-8:]:
        raise WrongBytes("a record whose check does not match")
    magic, version, seq, epoch, ts_ns, previous, hash_, length = _RECORD.unpack_from(raw)
    body = raw[_RECORD.size : -_CHECK_BYTES]
    if (magic, version, length) != (b"LKR", 1, len(body)):
        raise WrongBytes("a record with another head")
    return RecordRow(seq, epoch, ts_ns, previous, hash_, body)


def write_record(row: RecordRow) -> bytes:
    """Return the bytes of a record."""
    *head, body = row
    payload = _RECORD.pack(b"LKR", 1, *head, len(body)) + body
    return payload + xxh3_64_digest(payload)


def read_snapshot(raw: bytes) -> SnapshotRow:
    """Return what a snapshot says; raise `WrongBytes`."""
    if len(raw) < _SNAPSHOT.size + _CHECK_BYTES or xxh3_64_digest(raw[:-8]) != raw[-8:]:
        raise WrongBytes("a snapshot whose check does not match")
    magic, version, seq, ts_ns, hash_, genesis, digest, *sizes = _SNAPSHOT.unpack_from(raw)
    clocks_len, rows_len = sizes
    start = _SNAPSHOT.size + clocks_len
    rows = raw[start:-_CHECK_BYTES]
    if (magic, version, rows_len) != (b"LKSNAP", 1, len(rows)):
        raise WrongBytes("a snapshot with another head")
    clocks = raw[_SNAPSHOT.size : start]
    return SnapshotRow(seq, ts_ns, hash_, genesis, digest, clocks, rows)


def read_end(value: bytes) -> tuple[int, int, int, int, bytes, bytes]:
    """Return the entry `end` of `meta`; raise `WrongBytes`."""
    payload = read_meta(b"end", value)
    if len(payload) != _END.size:
        raise WrongBytes("an end of another size")
    first, count, last, ts_ns, last_hash, base_hash = _END.unpack(payload)
    return first, count, last, ts_ns, last_hash, base_hash


def read_meta(name: bytes, value: bytes) -> bytes:
    """Return the payload of an entry of `meta`; raise `WrongBytes`."""
    payload = value[:-_CHECK_BYTES]
    if xxh3_64_digest(name + payload) != value[-_CHECK_BYTES:]:
        raise WrongBytes(f"an entry {name!r} whose check does not match")
    return payload


def first_hash(machine: str, rules: int, digest_every: int, params: bytes) -> bytes:
    """Return `hash_0`."""
    name = machine.encode()
    head = _GENESIS.pack(b"LKSTEP\x00\x01", rules, digest_every, len(name), len(params))
    return xxh3_128_digest(head + name + params)


def next_hash(previous: bytes, step: Step) -> bytes:
    """Return the hash after a command."""
    clocks, body, events = step.clocks, step.body, step.events
    head = _COMMAND.pack(
        b"LKSTEP\x01\x01",
        step.seq,
        previous,
        step.ts_ns,
        step.digest,
        len(clocks),
        len(body),
        len(events),
    )
    return xxh3_128_digest(head + clocks + body + events)


def digest_of(rows: list[bytes]) -> int:
    """Return the digest of a state whose records have these bytes."""
    return sum(xxh3_64_intdigest(row) >> 3 for row in rows) % 2**61


def forged_snapshot(raw: bytes, dice: Random) -> bytes:
    """Return a snapshot with one bit of its records or its hash changed, and a check that fits.

    Not of its clocks: they are in the hash of the next record, and in no digest.
    """
    payload = bytearray(raw[:-_CHECK_BYTES])
    rows = len(read_snapshot(raw).rows)
    ends = (len(payload) - rows, len(payload)) if dice.randrange(2) else _HASH_BYTES
    bit = dice.randrange(8 * ends[0], 8 * ends[1])
    payload[bit // 8] ^= 1 << bit % 8
    return bytes(payload) + xxh3_64_digest(payload)


def encode(value: object) -> bytes:
    """Return a value as MessagePack."""
    return msgspec.msgpack.encode(value)

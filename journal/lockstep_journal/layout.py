"""Names, keys and values in the LMDB environment of a journal; docs/format.md draws the bytes.

It packs and unpacks only. Every value carries a check of its own, because LMDB has none.
"""

import struct
from collections.abc import Mapping, Sequence

import msgspec
from xxhash import xxh3_64_digest

from lockstep_kernel import Applied, DamagedError, Genesis, UnsupportedError, pack_record

FORMAT = 1
META = b"meta"
COMMANDS = b"commands"
EVENTS = b"events"
SNAPSHOTS = b"snapshots"
DATABASES = (META, COMMANDS, EVENTS, SNAPSHOTS)

META_FORMAT = b"format"
META_GENESIS = b"genesis"
META_EPOCH = b"epoch"
META_END = b"end"
META_KEEP_EVENTS = b"keep_events"
META_LMDB = b"lmdb"
META_NAMES = (META_FORMAT, META_GENESIS, META_EPOCH, META_END, META_KEEP_EVENTS, META_LMDB)

KEY_BYTES = 8
_CHECK_BYTES = 8
_KEY = struct.Struct(">Q")
_FORMAT = struct.Struct(">I")
_END = struct.Struct(">QQQQ16s16s")
_encode = msgspec.msgpack.Encoder().encode
_genesis = msgspec.msgpack.Decoder(Genesis)

pack_key = _KEY.pack


class End(msgspec.Struct, frozen=True):
    """What a journal says of its records.

    Invariants: records `first_seq` to `last_seq` are there and no others, so `count` =
    `last_seq` - `first_seq` + 1; `base_hash` is the hash before `first_seq`, `last_hash` the hash
    after `last_seq`. Records before `first_seq` were archived.
    """

    first_seq: int
    count: int
    last_seq: int
    last_ts_ns: int
    last_hash: bytes
    base_hash: bytes


def unpack_key(key: bytes) -> int:
    """Return the sequence number of a key; raise `DamagedError` if it has another length."""
    if len(key) != KEY_BYTES:
        raise DamagedError(f"expected a key of {KEY_BYTES} bytes, found {len(key)}", None)
    seq: int = _KEY.unpack(key)[0]
    return seq


def pack_meta(name: bytes, payload: bytes) -> bytes:
    """Return the value of a meta entry."""
    return payload + xxh3_64_digest(name + payload)


def unpack_meta(name: bytes, value: bytes | None) -> bytes:
    """Check the value of a meta entry and return its payload; raise `DamagedError`."""
    if value is None:
        raise DamagedError(f"meta: expected entry '{name.decode()}', found none", None)
    payload = value[:-_CHECK_BYTES]
    if len(value) < _CHECK_BYTES or xxh3_64_digest(name + payload) != value[-_CHECK_BYTES:]:
        raise DamagedError(f"meta: check of '{name.decode()}' does not match its bytes", None)
    return payload


def pack_format() -> bytes:
    """Return the payload that names this format."""
    return _FORMAT.pack(FORMAT)


def check_format(payload: bytes) -> None:
    """Raise `UnsupportedError` unless the payload names this format; `DamagedError` if it is 0."""
    if len(payload) != _FORMAT.size:
        raise DamagedError(f"meta: expected a format of 4 bytes, found {len(payload)}", None)
    found = _FORMAT.unpack(payload)[0]
    if found == 0:
        raise DamagedError(
            f"expected journal format {FORMAT}, found 0, which no release writes", None
        )
    if found != FORMAT:
        raise UnsupportedError(
            f"expected journal format {FORMAT}, found {found}: run the release that has it"
        )


def check_meta(entries: Mapping[bytes, bytes]) -> None:
    """Raise `DamagedError` unless all entries are there and good, then for a foreign one.

    A foreign entry whose own check is good was written by a newer release: `UnsupportedError`.
    """
    for name in META_NAMES:
        unpack_meta(name, entries.get(name))
    for name in sorted(entries.keys() - set(META_NAMES)):
        shown = name.decode("ascii", "backslashreplace")
        try:
            unpack_meta(name, entries[name])
        except DamagedError:
            raise DamagedError(f"meta: expected no entry '{shown}', found one", None) from None
        raise UnsupportedError(
            f"meta: expected the entries of journal format {FORMAT}, found '{shown}' too: "
            f"run the release that has it"
        )


def pack_genesis(genesis: Genesis) -> bytes:
    """Return the canonical bytes of a genesis."""
    return _encode(genesis)


def unpack_genesis(payload: bytes) -> Genesis:
    """Return the genesis of canonical bytes; raise `DamagedError`."""
    try:
        genesis = _genesis.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedError(f"meta: genesis: {error}", None) from None
    if pack_genesis(genesis) != payload:
        raise DamagedError("meta: genesis: not canonical", None)
    return genesis


def pack_end(end: End) -> bytes:
    """Return the payload of the entry `end`."""
    return _END.pack(
        end.first_seq, end.count, end.last_seq, end.last_ts_ns, end.last_hash, end.base_hash
    )


def unpack_end(payload: bytes) -> End:
    """Return the end of a payload; raise `DamagedError` if its numbers contradict each other."""
    if len(payload) != _END.size:
        raise DamagedError(
            f"meta: expected an end of {_END.size} bytes, found {len(payload)}", None
        )
    end = End(*_END.unpack(payload))
    if end.first_seq < 1 or end.last_seq - end.first_seq + 1 != end.count:
        raise DamagedError(
            f"meta: expected a count that fits records {end.first_seq} to {end.last_seq}, "
            f"found {end.count}",
            None,
        )
    return end


def pack_events(seq: int, encoded: bytes) -> bytes:
    """Return the value that holds the encoded events of record `seq`."""
    return encoded + xxh3_64_digest(pack_key(seq) + encoded)


def unpack_events(seq: int, value: bytes) -> bytes:
    """Check the value and return the encoded events of record `seq`; raise `DamagedError`."""
    encoded = value[:-_CHECK_BYTES]
    is_whole = len(value) > _CHECK_BYTES
    if not is_whole or xxh3_64_digest(pack_key(seq) + encoded) != value[-_CHECK_BYTES:]:
        raise DamagedError(f"events of record {seq}: check does not match their bytes", seq)
    return encoded


def pack_batch(epoch: int, batch: Sequence[Applied]) -> list[tuple[bytes, bytes]]:
    """Return (key, record) of each applied command."""
    return [
        (pack_key(seq), pack_record(seq, epoch, ts_ns, previous, hash_, body))
        for seq, ts_ns, body, _events, _encoded, previous, hash_ in batch
    ]


def pack_batch_events(batch: Sequence[Applied]) -> list[tuple[bytes, bytes]]:
    """Return (key, events) of each applied command."""
    return [(pack_key(applied[0]), pack_events(applied[0], applied[4])) for applied in batch]

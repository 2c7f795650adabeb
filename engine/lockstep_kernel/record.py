"""The journal record: one sequenced command with its place in the chain, checked byte for byte.

Neither LMDB nor a file has checks of its own that could be relied on; this check is the only one.
docs/format.md draws the bytes.
"""

import struct
from typing import Final

from xxhash import xxh3_64_digest

from lockstep_kernel.errors import DamagedError, check_format
from lockstep_kernel.values import JournalRecord

RECORD_MAGIC: Final = b"LKR"
RECORD_VERSION: Final = 1
_HEAD: Final = struct.Struct(">3sBQQQ16s16sI")
_HEAD_BYTES: Final = _HEAD.size
_CHECK_BYTES: Final = 8
# Bound here once: the compiled build looks up any other global by name at each use.
_pack_head: Final = _HEAD.pack
_unpack_head: Final = _HEAD.unpack_from
_check_of: Final = xxh3_64_digest
_journal_record: Final = JournalRecord


def pack_record(
    seq: int, epoch: int, ts_ns: int, previous: bytes, hash_: bytes, body: bytes
) -> bytes:
    """Return the bytes of a record."""
    payload = (
        _pack_head(RECORD_MAGIC, RECORD_VERSION, seq, epoch, ts_ns, previous, hash_, len(body))
        + body
    )
    return payload + _check_of(payload)


def unpack_record(data: bytes, expected_seq: int) -> JournalRecord:
    """Check the bytes of the record that should have `expected_seq` and return it.

    Raises `DamagedError` with that sequence, or `UnsupportedError` for a newer format.
    """
    size = len(data) - _CHECK_BYTES
    if size < _HEAD_BYTES:
        raise DamagedError(f"record {expected_seq}: {len(data)} bytes are too few", expected_seq)
    payload = data[:size]
    if _check_of(payload) != data[size:]:
        raise DamagedError(f"record {expected_seq}: check does not match its bytes", expected_seq)
    magic, version, seq, epoch, ts_ns, previous, hash_, length = _unpack_head(payload)
    if magic != RECORD_MAGIC:
        raise DamagedError(f"record {expected_seq}: not a record", expected_seq)
    if version != RECORD_VERSION:
        check_format(f"record {expected_seq}", RECORD_VERSION, version, expected_seq)
    if seq != expected_seq:
        raise DamagedError(f"expected record {expected_seq}, found record {seq}", expected_seq)
    if length != size - _HEAD_BYTES:
        raise DamagedError(f"record {expected_seq}: lengths do not add up", expected_seq)
    return _journal_record(seq, epoch, ts_ns, previous, hash_, payload[_HEAD_BYTES:])

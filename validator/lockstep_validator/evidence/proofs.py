"""The proof file: header, one canonical value, check. One proof has one file, byte for byte.

The value is MessagePack as commands are. Nothing in it is believed: keys come from whoever checks.
docs/format.md draws the bytes.
"""

import struct
from collections.abc import Callable
from typing import Final

import msgspec
from xxhash import xxh3_64_digest

from lockstep_kernel import DamagedError, TornTailError, UnsupportedError
from lockstep_kernel.errors import EXIT_DIVERGED, Fault, check_format

PROOF_MAGIC: Final = b"LKPROOF"
PROOF_VERSION: Final = 1
PAYLOAD_BYTES_MAX: Final = 1 << 30
_CHUNK_BYTES: Final = 1 << 20
_HEADER: Final = struct.Struct(">7sBQ")
_CHECK_BYTES: Final = 8
_HEADER_BYTES: Final = _HEADER.size + _CHECK_BYTES

Hashes = tuple[bytes, ...]


class NotProved(Fault):
    """The claim does not hold for these heads and records, or was signed by another key.

    Whoever was given the proof does not believe what it claims.
    """

    exit_code = EXIT_DIVERGED


class InclusionProof(
    msgspec.Struct, frozen=True, array_like=True, tag=1, forbid_unknown_fields=True
):
    """Record `seq` is one of those that `head` signs."""

    head: bytes
    seq: int
    record: bytes
    path: Hashes


class ConsistencyProof(
    msgspec.Struct, frozen=True, array_like=True, tag=2, forbid_unknown_fields=True
):
    """The records that `old_head` signs are the first of those that `head` signs."""

    old_head: bytes
    head: bytes
    path: Hashes


class EquivocationProof(
    msgspec.Struct, frozen=True, array_like=True, tag=3, forbid_unknown_fields=True
):
    """Two heads of one origin cannot both be true.

    Either they contradict each other as they stand, and `root` and `path` are empty; or `root` is
    that of the first records under `second`, as many as `first` signs, and not the one it signs.
    """

    first: bytes
    second: bytes
    root: bytes
    path: Hashes


class FraudProof(msgspec.Struct, frozen=True, array_like=True, tag=4, forbid_unknown_fields=True):
    """What `head` signs is not what the rules yield from `records`.

    They are all records under the head; or those since `old_head`, which signs the state in `dump`
    and whose tree has `peaks`. From genesis those three are empty.
    """

    genesis: bytes
    old_head: bytes
    dump: bytes
    peaks: Hashes
    records: Hashes
    head: bytes


Proof = InclusionProof | ConsistencyProof | EquivocationProof | FraudProof

_encode: Final = msgspec.msgpack.Encoder().encode
_proof: Final = msgspec.msgpack.Decoder[Proof](Proof)


def pack_proof(proof: Proof) -> bytes:
    """Return the file of a proof; raise `UnsupportedError` if it is larger than a proof may be."""
    payload = _encode(proof)
    _check_length(len(payload))
    header = _HEADER.pack(PROOF_MAGIC, PROOF_VERSION, len(payload))
    return header + xxh3_64_digest(header) + payload + xxh3_64_digest(header + payload)


def unpack_proof(data: bytes) -> Proof:
    """Return the proof in a file.

    Raises `DamagedError` for bytes that nobody wrote, `TornTailError` for a file that ends in the
    middle, `UnsupportedError` for a newer format.
    """
    payload = _payload(data)
    try:
        proof: Proof = _proof.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedError(f"proof: {error}", None) from None
    if _encode(proof) != payload:
        raise DamagedError("proof: not canonical", None)
    return proof


def read_proof(read: Callable[[int], bytes]) -> bytes:
    """Return the bytes of a file that is to be a proof: a stranger's, which may have no end.

    No more is read than the header says and one byte. Raises what `unpack_proof` raises.
    """
    data = bytearray(_read_up_to(read, _HEADER_BYTES))
    wanted = _payload_length(bytes(data)) + _CHECK_BYTES + 1
    while wanted and (chunk := read(min(wanted, _CHUNK_BYTES))):
        data += chunk
        wanted -= len(chunk)
    if not wanted:
        raise DamagedError(f"proof: expected {len(data) - 1} bytes, found more", None)
    return bytes(data)


def _read_up_to(read: Callable[[int], bytes], count: int) -> bytes:
    data = b""
    while len(data) < count and (chunk := read(count - len(data))):
        data += chunk
    return data


def _payload_length(data: bytes) -> int:
    """Return the length of the payload after a good header."""
    start = data[: len(PROOF_MAGIC)]
    if not PROOF_MAGIC.startswith(start):
        raise DamagedError(
            f"not a proof: expected the bytes {PROOF_MAGIC.hex()} at the start, "
            f"found {start.hex()}",
            None,
        )
    if len(data) < _HEADER_BYTES:
        raise TornTailError(f"proof: expected a header, found {len(data)} bytes", None)
    header = data[: _HEADER.size]
    if xxh3_64_digest(header) != data[_HEADER.size : _HEADER_BYTES]:
        raise DamagedError("proof: the check of the header does not match its bytes", None)
    _magic, version, length = _HEADER.unpack(header)
    check_format("proof", PROOF_VERSION, version)
    _check_length(length)
    return int(length)


def _check_length(length: int) -> None:
    if length > PAYLOAD_BYTES_MAX:
        raise UnsupportedError(
            f"proof: expected a payload of at most {PAYLOAD_BYTES_MAX} bytes, found {length}"
        )


def _payload(data: bytes) -> bytes:
    size = _HEADER_BYTES + _payload_length(data) + _CHECK_BYTES
    header = data[: _HEADER.size]
    if len(data) < size:
        raise TornTailError(f"proof: expected {size} bytes, found {len(data)}", None)
    if len(data) > size:
        raise DamagedError(f"proof: expected {size} bytes, found {len(data)}", None)
    payload = data[_HEADER_BYTES:-_CHECK_BYTES]
    if xxh3_64_digest(header + payload) != data[-_CHECK_BYTES:]:
        raise DamagedError("proof: the check does not match its bytes", None)
    return payload

"""The genesis parameters of a desk."""

from typing import Final

import msgspec

from lockstep_kernel.errors import MalformedCommand


class DeskParams(msgspec.Struct, frozen=True, array_like=True, tag=1, forbid_unknown_fields=True):
    """How much a desk remembers: fills of each account, ended orders, divergences.

    `name` tells desks apart and is in the hash of every command.
    """

    name: str
    fill_capacity: int = 100_000
    ended_capacity: int = 10_000
    divergence_capacity: int = 10_000


_decode: Final = msgspec.msgpack.Decoder(DeskParams).decode
_encode: Final = msgspec.msgpack.Encoder().encode
_CAPACITY_MAX: Final = 10_000_000


def encode_params(params: DeskParams) -> bytes:
    """Return the canonical bytes."""
    return _encode(params)


def decode_params(params: bytes) -> DeskParams:
    """Decode genesis parameters; raise `MalformedCommand` for bad or non-canonical ones."""
    try:
        decoded = _decode(params)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedCommand(f"genesis parameters: {error}") from None
    if _encode(decoded) != params:
        raise MalformedCommand("genesis parameters: not canonical")
    if not 0 < len(decoded.name) <= 64:
        raise MalformedCommand("genesis parameters: expected a name of 1 to 64 characters")
    for field in ("fill_capacity", "ended_capacity", "divergence_capacity"):
        value = getattr(decoded, field)
        if not 1 <= value <= _CAPACITY_MAX:
            raise MalformedCommand(
                f"genesis parameters: expected {field} from 1 to {_CAPACITY_MAX}, found {value}"
            )
    return decoded

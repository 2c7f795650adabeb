"""Mutations of bytes and of MessagePack values, drawn from `random.Random`."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tests.fuzz.target import Blind

EDGES = tuple(
    sign * (2**bits + more)
    for bits in (0, 1, 7, 8, 15, 16, 31, 32, 53, 60, 61, 62, 63)
    for more in (-1, 0, 1)
    for sign in (1, -1)
    if -(2**63) <= sign * (2**bits + more) < 2**64
)
"""Integers at which something may turn over; all that MessagePack can hold."""

_STRANGE: tuple[Any, ...] = (None, True, False, 0.5, float("nan"), "", b"", "\ud7ff☃", [], {}, -1)
_DEPTH_MAX = 2_000
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def blind_of(draw: random.Random) -> Blind:
    """Return a blind mutation that needs no fuzzer: for tests."""

    def blind(data: bytes) -> bytes:
        for _ in range(1 + draw.randrange(3)):
            data = draw.choice(_BLIND)(data, draw)
        return data

    return blind


def mutated_value(value: Any, draw: random.Random) -> Any:
    """Return a decoded MessagePack value with one place changed."""
    if isinstance(value, list) and value and draw.randrange(8):
        index = draw.randrange(len(value))
        changed = list(value)
        changed[index] = mutated_value(changed[index], draw)
        return changed
    return draw.choice(_VALUE)(value, draw)


def mutated_msgpack(data: bytes, draw: random.Random, blind: Blind) -> bytes:
    """Return MessagePack bytes with a place changed, or blindly changed bytes."""
    if draw.randrange(4) == 0:
        return blind(data)
    try:
        value = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return blind(data)
    try:
        return _encode(mutated_value(value, draw))
    except (OverflowError, TypeError, UnicodeEncodeError, RecursionError):
        return blind(data)


def mutated_integer(value: int, draw: random.Random) -> int:
    """Return another integer: near, far, or at an edge."""
    match draw.randrange(4):
        case 0:
            return draw.choice(EDGES)
        case 1:
            return value + draw.choice((-1, 1))
        case 2:
            return -value
        case _:
            return value ^ (1 << draw.randrange(63))


def _flip(data: bytes, draw: random.Random) -> bytes:
    if not data:
        return b"\x00"
    at = draw.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :]


def _insert(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data) + 1)
    return data[:at] + draw.randbytes(1 + draw.randrange(8)) + data[at:]


def _delete(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data) + 1)
    return data[:at] + data[at + 1 + draw.randrange(8) :]


def _repeat(data: bytes, draw: random.Random) -> bytes:
    low, high = sorted((draw.randrange(len(data) + 1), draw.randrange(len(data) + 1)))
    return data[:high] + data[low:high] + data[high:]


def _cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data) + 1)]


_BLIND: Sequence[Callable[[bytes, random.Random], bytes]] = (_flip, _insert, _delete, _repeat, _cut)


def _other(value: Any, draw: random.Random) -> Any:
    """Return a value of the same type that is not the same."""
    match value:
        case bool():
            return not value
        case int():
            return mutated_integer(value, draw)
        case str():
            return draw.choice((value + "0", value[1:], value.lower(), "BTC", "☃" * 22, "x" * 65))
        case bytes():
            return draw.choice((value + b"\x00", value[1:], _flip(value, draw), bytes(32)))
        case list():
            return draw.choice((value[1:], value + value[-1:], value[::-1], value * 60))
        case _:
            return draw.choice(_STRANGE)


def _strange(_value: Any, draw: random.Random) -> Any:
    return draw.choice(_STRANGE)


def _deep(value: Any, draw: random.Random) -> Any:
    for _ in range(draw.randrange(1, _DEPTH_MAX)):
        value = [value]
    return value


_VALUE: Sequence[Callable[[Any, random.Random], Any]] = (_other, _other, _other, _strange, _deep)

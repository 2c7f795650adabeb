"""Canonical bytes of commands and events: MessagePack arrays with integer tags.

One value has one encoding. Decoding encodes again and compares, so bytes that another encoder
wrote in another way are refused and can never enter a journal.
"""

from collections.abc import Sequence
from typing import Final, cast

import msgspec

from lockstep_kernel.errors import MalformedCommand
from lockstep_kernel.values import Sequenced

TS_NS_MAX: Final = 2**62
"""Times are UTC nanoseconds in [0, TS_NS_MAX)."""

BODY_BYTES_MAX: Final = 1 << 20
"""A longer command body is refused before it is decoded."""


class Codec:
    """Encode and decode the commands and events of one machine."""

    def __init__(self, commands: Sequence[type], events: Sequence[type]) -> None:
        self.commands = tuple(commands)
        self.events = tuple(events)
        self._encoder = msgspec.msgpack.Encoder()
        self._commands: msgspec.msgpack.Decoder[msgspec.Struct] = msgspec.msgpack.Decoder(
            _union(self.commands)
        )
        self._events: msgspec.msgpack.Decoder[list[msgspec.Struct]] = msgspec.msgpack.Decoder(
            list[_union(self.events)]  # type: ignore[misc]  # the union is known at run time only
        )

    def sequence(self, ts_ns: int, command: msgspec.Struct) -> Sequenced:
        """Pair a command with its time; raise `MalformedCommand` if its fields have wrong types."""
        if type(command) not in self.commands:
            raise MalformedCommand(f"expected a command, found {type(command).__name__}")
        return self.decode(ts_ns, self.encode(command))

    def decode(self, ts_ns: int, body: bytes) -> Sequenced:
        """Decode canonical bytes; anything else raises `MalformedCommand` and says why."""
        if type(ts_ns) is not int or not 0 <= ts_ns < TS_NS_MAX:
            raise MalformedCommand(f"expected ts_ns in [0, 2^62), found {ts_ns!r:.40}")
        if len(body) > BODY_BYTES_MAX:
            raise MalformedCommand(
                f"expected at most {BODY_BYTES_MAX} bytes of command, found {len(body)}"
            )
        try:
            command = self._commands.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedCommand(f"not a known command: {error}") from None
        canonical = self._encoder.encode(command)
        if canonical != body:
            raise MalformedCommand(
                f"not canonical: {type(command).__name__} has {len(canonical)} canonical bytes, "
                f"found {len(body)} that differ at offset {_first_difference(canonical, body)}"
            )
        return Sequenced(ts_ns, command, canonical)

    def encode(self, value: object) -> bytes:
        """Encode one command, one event or a list of events."""
        try:
            return self._encoder.encode(value)
        except (msgspec.MsgspecError, TypeError, OverflowError, UnicodeEncodeError) as error:
            raise MalformedCommand(f"{type(value).__name__} has no encoding: {error}") from None

    def decode_events(self, encoded: bytes) -> list[msgspec.Struct]:
        """Decode the events of one command; raise `MalformedCommand` on anything else."""
        try:
            events: list[msgspec.Struct] = self._events.decode(encoded)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedCommand(f"not a list of known events: {error}") from None
        return events


def _union(types: tuple[type, ...]) -> type:
    """Return the union of the types, which msgspec takes where it takes a type."""
    union: object = types[0]
    for member in types[1:]:
        union = _join(union, member)
    return cast("type", union)


def _join(left: object, right: type) -> object:
    return right.__or__(left)


def _first_difference(left: bytes, right: bytes) -> int:
    for offset, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            return offset
    return min(len(left), len(right))

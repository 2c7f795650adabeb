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

# The compiled build is slow at comparing with 2^62 itself.
_TS_NS_LAST: Final = TS_NS_MAX - 1

BODY_BYTES_MAX: Final = 1 << 20
"""A longer command body is refused before it is decoded."""

# Bound here once: the compiled build looks up any other global by name at each use.
_sequenced: Final = Sequenced
_encode: Final = msgspec.msgpack.Encoder().encode


class Codec:
    """Encode and decode the commands and events of one machine."""

    def __init__(self, commands: Sequence[type], events: Sequence[type]) -> None:
        self.commands = tuple(commands)
        self.events = tuple(events)
        commands_decoder: msgspec.msgpack.Decoder[msgspec.Struct] = msgspec.msgpack.Decoder(
            _union(self.commands)
        )
        events_decoder: msgspec.msgpack.Decoder[list[msgspec.Struct]] = msgspec.msgpack.Decoder(
            list[_union(self.events)]  # type: ignore[misc]  # the union is known at run time only
        )
        self._decode_command = commands_decoder.decode
        self._decode_events = events_decoder.decode

    def sequence(self, ts_ns: int, command: msgspec.Struct) -> Sequenced:
        """Pair a command with its time; raise `MalformedCommand` if its fields have wrong types."""
        if type(command) not in self.commands:
            raise MalformedCommand(f"expected a command, found {type(command).__name__}")
        return self.decode(ts_ns, self.encode(command))

    def decode(self, ts_ns: object, body: bytes) -> Sequenced:
        """Decode canonical bytes; anything else raises `MalformedCommand` and says why."""
        if type(ts_ns) is not int or ts_ns < 0 or ts_ns > _TS_NS_LAST:
            raise MalformedCommand(f"expected ts_ns in [0, 2^62), found {ts_ns!r:.40}")
        if len(body) > BODY_BYTES_MAX:
            raise MalformedCommand(
                f"expected at most {BODY_BYTES_MAX} bytes of command, found {len(body)}"
            )
        try:
            command = self._decode_command(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedCommand(f"not a known command: {error}") from None
        canonical = _encode(command)
        if canonical != body:
            raise MalformedCommand(
                f"not canonical: {type(command).__name__} has {len(canonical)} canonical bytes, "
                f"found {len(body)} that differ at offset {_first_difference(canonical, body)}"
            )
        return _sequenced(ts_ns, command, canonical)

    def encode(self, value: object) -> bytes:
        """Encode one command, one event or a list of events."""
        try:
            return _encode(value)
        except (msgspec.MsgspecError, TypeError, OverflowError, UnicodeEncodeError) as error:
            raise MalformedCommand(f"{type(value).__name__} has no encoding: {error}") from None

    def decode_events(self, encoded: bytes) -> list[msgspec.Struct]:
        """Decode the events of one command; raise `MalformedCommand` on anything else."""
        try:
            events: list[msgspec.Struct] = self._decode_events(encoded)
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

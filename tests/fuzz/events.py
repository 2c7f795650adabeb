"""Bytes as the events of one command, for the exchange, the counter and the desk."""

import random
from collections.abc import Iterator

from lockstep_desk.core.machine import MACHINE as DESK
from lockstep_engine.exchange import MACHINE as EXCHANGE
from lockstep_kernel import FrameType, MalformedCommand, StreamReader
from tests.fuzz.mutation import mutated_msgpack
from tests.fuzz.target import Blind, agree
from tests.golden.record import GOLDENS
from tests.machines.counter import COUNTER

DICTIONARY = (b"\x91\x93\x01", b"\x92\x02", b"\xcf", b"\xd3", b"\xdc", b"\xc4\x20")
_CODECS = (EXCHANGE.codec, COUNTER.codec, DESK.codec)


def seeds() -> dict[str, bytes]:
    """Return the shortest example of every set of event types in the golden streams."""
    found: dict[str, bytes] = {}
    for payload, names in _golden_events():
        for name in names:
            found[name] = min(payload, found.get(name, payload), key=len)
    return found


def _golden_events() -> Iterator[tuple[bytes, set[str]]]:
    """Yield the events of every golden record, and the names of their types."""
    for golden in GOLDENS:
        with golden.path.open("rb") as file:
            frames = list(StreamReader(file.read).frames())
        for payload in (frame[2] for frame in frames if frame[0] == FrameType.EVENTS):
            events = golden.machine.codec.decode_events(payload)
            yield payload, {type(event).__name__ for event in events}


def check(data: bytes) -> None:
    """Decode; what decodes and is encoded again decodes to the same."""
    for codec in _CODECS:
        try:
            events = codec.decode_events(data)
        except MalformedCommand as error:
            agree(True, bool(str(error)), "a refusal says why")
            continue
        agree(events, codec.decode_events(codec.encode(events)), "events encoded and decoded")


def mutate(data: bytes, draw: random.Random, blind: Blind) -> bytes:
    """Change one value of the events."""
    return mutated_msgpack(data, draw, blind)

"""Bytes as the events of one command, for the exchange and the counter."""

import random

from lockstep_engine.exchange import MACHINE as EXCHANGE
from lockstep_kernel import MalformedCommand, StreamReader
from tests.fuzz.mutation import mutated_msgpack
from tests.fuzz.target import Blind, agree
from tests.golden.record import GOLDENS
from tests.machines.counter import COUNTER

DICTIONARY = (b"\x91\x93\x01", b"\x92\x02", b"\xcf", b"\xd3", b"\xdc", b"\xc4\x20")
_CODECS = (EXCHANGE.codec, COUNTER.codec)
_EVENTS = 3


def seeds() -> dict[str, bytes]:
    """Return the shortest example of every set of event types in the golden streams."""
    found: dict[str, bytes] = {}
    for golden in GOLDENS:
        with golden.path.open("rb") as file:
            frames = list(StreamReader(file.read).frames())
        for kind, _seq, payload in frames:
            if kind == _EVENTS:
                events = golden.machine.codec.decode_events(payload)
                for name in {type(event).__name__ for event in events}:
                    found[name] = min(payload, found.get(name, payload), key=len)
    return found


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

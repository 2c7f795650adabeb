"""Bytes as a snapshot: of the counter, of the engine and of the naive machine."""

import random

from lockstep_engine.exchange import MACHINE as ENGINE
from lockstep_kernel import (
    DamagedError,
    Genesis,
    Machine,
    UnsupportedError,
    dump,
    genesis_hash,
    load,
    read_head,
)
from lockstep_naive.machine import MACHINE as NAIVE
from tests.fuzz.exchange_command import market
from tests.fuzz.frames import mutated_snapshot
from tests.fuzz.target import Blind, agree
from tests.golden.files import stored
from tests.golden.record import GOLDENS
from tests.machines.counter import COUNTER

DICTIONARY = (b"LKSNAP\x00\x01", b"BTC", b"BTC-PERP")
_MARKET = market(ENGINE)
_COUNTERS: tuple[tuple[Machine, Genesis], ...] = tuple(
    (COUNTER, golden.genesis) for golden in GOLDENS if golden.machine is COUNTER
)
_ALL = (*_COUNTERS, (ENGINE, _MARKET.genesis), (NAIVE, _MARKET.genesis))


def seeds() -> dict[str, bytes]:
    """Return the golden snapshots of the counter and one of a small market."""
    names = [golden.name for golden in GOLDENS if golden.machine is COUNTER]
    return {**{name: stored(name, "snapshot") for name in names}, "exchange": dump(_MARKET.fork())}


def check(data: bytes) -> None:
    """Load with every machine of its genesis; what loads is dumped and loads again."""
    try:
        head = read_head(data)
    except (DamagedError, UnsupportedError):
        return
    dumps = [
        _dumped(machine, genesis, data)
        for machine, genesis in _ALL
        if genesis_hash(genesis) == head.genesis_hash
    ]
    good = [found for found in dumps if found]
    for found in good:
        agree(good[0], found, "the dumps of two machines")


def mutate(data: bytes, draw: random.Random, blind: Blind) -> bytes:
    """Change one record or field."""
    return mutated_snapshot(data, draw, blind)


def _dumped(machine: Machine, genesis: Genesis, data: bytes) -> bytes:
    """Return the dump of what loads, b"" if it does not."""
    try:
        state = load(machine, genesis, data)
    except (DamagedError, UnsupportedError):
        return b""
    found = dump(state)
    agree(found, dump(load(machine, genesis, found)), "a dump loaded and dumped again")
    return found

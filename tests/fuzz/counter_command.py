"""Bytes as a command of the counter: decode, apply, and restore what came of it."""

import random

from lockstep_kernel import UnsupportedError, apply, dump, initial, load, verify
from tests.fuzz.decoding import decoded
from tests.fuzz.mutation import mutated_msgpack
from tests.fuzz.target import Blind, agree
from tests.machines.counter import COUNTER, ActivateRules, Add, counter_genesis

TS_NS = 1_700_000_000_000_000_000
DICTIONARY = (b"\x93\x01", b"\x92\x02", b"\xcf", b"\xd3", b"\xd9", b"\xc4", b"\xa5")
_GENESIS = counter_genesis()


def seeds() -> dict[str, bytes]:
    """Return every command, with small and large numbers."""
    commands = {
        "add": Add("cell2", 67),
        "add-largest": Add("cell", 2**62),
        "add-below": Add("naïve ☃", -(2**63)),
        "add-long": Add("x" * 300, 0),
        "activate": ActivateRules(2),
        "activate-newer": ActivateRules(9),
    }
    return {name: COUNTER.codec.encode(command) for name, command in commands.items()}


def check(data: bytes) -> None:
    """Decode; apply twice to states of one history, which stay equal."""
    command = decoded(COUNTER.codec, TS_NS, data)
    if command is None:
        return
    state = initial(COUNTER, _GENESIS)
    twin = state.fork()
    try:
        state, events, hash_ = apply(state, command)
    except UnsupportedError:
        is_known = command.command.rules_version in COUNTER.rules_versions
        agree(False, is_known, "only other rules are unsupported")
        return
    agree((list(events), hash_), _applied(twin, command), "a fork answers the same")
    verify(state)
    agree(hash_, load(COUNTER, _GENESIS, dump(state)).hash, "a restored state")


def mutate(data: bytes, draw: random.Random, blind: Blind) -> bytes:
    """Change one value of the command."""
    return mutated_msgpack(data, draw, blind)


def _applied(state, command) -> tuple[list[object], bytes]:
    _state, events, hash_ = apply(state, command)
    return list(events), hash_

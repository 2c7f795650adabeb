"""A small proof of every kind and form, and its frame as a liar would write it."""

import struct

from xxhash import xxh3_64_digest

from lockstep_validator import (
    Proved,
    prove_consistency,
    prove_equivocation,
    prove_fraud,
    prove_inclusion,
)
from tests.evidence.world import COUNT, FORGETFUL, FORGETFUL_AT, HONEST, KEYS, OTHER, World
from tests.machines.counter import COUNTER


def fraud(history: World, size: int = COUNT, start: int = 0, **fields: object) -> Proved:
    """Prove that a head signs what the rules do not yield."""
    old = history.signed(start) if start else None
    return prove_fraud(history.file(start), KEYS, history.signed(size, **fields), old, COUNTER)


def kinds() -> dict[str, Proved]:
    """Return a small proof of every kind and form."""
    heads = HONEST.signed(3), HONEST.signed(COUNT)
    other = OTHER.signed(3)
    same = HONEST.signed(3, root=b"r" * 32)
    none = HONEST.signed(0, root=b"r" * 32)
    return {
        "inclusion": prove_inclusion(HONEST.source(), KEYS, heads[1], 7),
        "consistency": prove_consistency(HONEST.source(), KEYS, *heads),
        "equivocation": prove_equivocation(HONEST.source(), KEYS, other, heads[1]),
        "equivocation of one size": prove_equivocation(None, KEYS, same, heads[0]),
        "equivocation of no records": prove_equivocation(None, KEYS, none, heads[1]),
        "fraud": fraud(FORGETFUL, FORGETFUL_AT + 1),
        "fraud from a dump": fraud(FORGETFUL, FORGETFUL_AT + 1, FORGETFUL_AT - 2),
        "fraud of no records": fraud(HONEST, 0, rules_version=2),
    }


def framed(payload: bytes) -> bytes:
    """Return a file with this value and good checks."""
    header = struct.pack(">7sBQ", b"LKPROOF", 1, len(payload))
    return header + xxh3_64_digest(header) + payload + xxh3_64_digest(header + payload)

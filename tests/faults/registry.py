"""What a check of the scorecard is, what it may use, and what it gives back."""

import random
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from tests.faults.tape import Tape, record_tape

FAILURES_SHOWN = 5
TAPE_LENGTH = 2_000
TAPE_SEED = 5


class Outcome(msgspec.Struct):
    """What a check saw: how often it ran, how many faults took effect, and what did not hold."""

    runs: int = 0
    fired: int = 0
    failures: list[str] = msgspec.field(default_factory=list)
    notes: list[str] = msgspec.field(default_factory=list)

    def expect(self, is_met: bool, sentence: str) -> bool:
        """Keep the sentence if it is not so; return whether it is."""
        if not is_met:
            self.failures.append(sentence)
        return is_met

    def same(self, expected: object, found: object, where: str) -> bool:
        """Keep a failure unless both are equal; return whether they are."""
        return self.expect(expected == found, f"{where}: expected {expected}, found {found}")


class Bench(msgspec.Struct, frozen=True):
    """Where a check works: a folder of its own, and how much it is to do."""

    folder: Path
    size: int
    is_full: bool

    @property
    def tape(self) -> Tape:
        """The flow that is played: commands of the exchange and the hash after each."""
        return shared_tape()

    def sampled(self, items: Sequence[object]) -> list:
        """Return at most `size` of the items, spread evenly, the first and the last among them."""
        count = len(items)
        if self.size >= count:
            return list(items)
        if self.size == 1:
            return [items[count // 2]]
        return [items[place * (count - 1) // (self.size - 1)] for place in range(self.size)]

    def some(self, items: Sequence[Any], count: int = 1) -> list[Any]:
        """Return all items in the full form, the first few in the short one: programs cost time."""
        return list(items) if self.is_full else list(items[:count])

    def dice(self, seed: int) -> random.Random:
        """Return seeded dice; the seed belongs into the sentence of a failure."""
        return random.Random(seed)


Run = Callable[[Bench], Outcome]


class Check(msgspec.Struct, frozen=True):
    """One row of the scorecard. `short` and `full` say how much is done in each form."""

    id: str
    fault: str
    pass_mark: str
    short: int
    full: int
    run: Run
    tools: Sequence[str] = ()
    note: str = ""


@cache
def shared_tape() -> Tape:
    """Record the flow of all checks, once per process."""
    return record_tape(TAPE_SEED, TAPE_LENGTH)

"""Dice: what decides in a random flow, drawn by hypothesis or from a seed.

Every decision is `below(sides)`, and 0 is the simplest outcome, so options stand simplest first.
"""

import random
from collections.abc import Sequence
from typing import Protocol, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DataObject

T = TypeVar("T")

_SIDES = {sides: st.integers(0, sides - 1) for sides in range(1, 128)}


class Dice(Protocol):
    """Decides."""

    def below(self, sides: int) -> int:
        """Return a number from 0 to `sides` - 1; at most 127 sides."""
        ...


class HypothesisDice:
    """Dice that hypothesis draws."""

    def __init__(self, data: DataObject) -> None:
        self._draw = data.draw

    def below(self, sides: int) -> int:
        """Draw a number."""
        return self._draw(_SIDES[sides])


class SeededDice:
    """Dice from a seed, the same on every machine."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def below(self, sides: int) -> int:
        """Draw a number."""
        return self._random.randrange(sides)


def pick(dice: Dice, options: Sequence[T]) -> T:
    """Return one of the options, the first being the simplest."""
    return options[dice.below(len(options))]


def one_in(dice: Dice, sides: int) -> bool:
    """Return True once in `sides` times; False is the simpler outcome."""
    return dice.below(sides) == sides - 1

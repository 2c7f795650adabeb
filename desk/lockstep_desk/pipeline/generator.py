"""Seeded candles that make sense: low <= min(open, close) <= max(open, close) <= high (PIPE-D10).

Owns a random walk in ticks. A seed gives the same candles on every machine and in every version of
Python: the numbers come from SplitMix64, written out here, and from integers alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lockstep_desk.errors import need_int, need_text
from lockstep_desk.strategy.market import Candle

_MASK = (1 << 64) - 1


class SplitMix64:
    """Sebastiano Vigna's SplitMix64: a counter, mixed; every seed is a good one."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def next(self) -> int:
        """Return the next 64 bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & _MASK
        return mixed ^ mixed >> 31

    def below(self, bound: int) -> int:
        """Return a number from 0 to `bound` - 1, each as likely within one in 2^64 / bound."""
        return self.next() * bound >> 64


@dataclass(frozen=True, slots=True)
class Walk:
    """How the price of one instrument walks, in ticks of `tick_e9`.

    `step_max` bounds each of the moves within a candle, `volume_max_e8` its volume.
    """

    instrument: str
    tick_e9: int
    start_ticks: int
    step_max: int = 20
    volume_max_e8: int = 10**9

    def __post_init__(self) -> None:
        need_text("instrument", self.instrument)
        need_int("tick_e9", self.tick_e9, 1)
        need_int("start_ticks", self.start_ticks, 1)
        need_int("step_max", self.step_max, 1)
        need_int("volume_max_e8", self.volume_max_e8, 1)


@dataclass(frozen=True, slots=True)
class Span:
    """When candles close: the first one `every_ns` after `start_ns`, and so on."""

    start_ns: int
    every_ns: int

    def __post_init__(self) -> None:
        need_int("start_ns", self.start_ns, 0)
        need_int("every_ns", self.every_ns, 1)


_MOVES = 4


def candles(seed: int, walks: list[Walk], span: Span, count: int | None = None) -> Iterator[Candle]:
    """Yield `count` candles of each walk (None: without end), one of each per span, in order.

    Each walk has a generator of its own, drawn from the seed and the walk's place: leaving one out
    changes no candle of those before it.
    """
    seeds = SplitMix64(seed)
    randoms = [SplitMix64(seeds.next()) for _ in walks]
    prices = [walk.start_ticks for walk in walks]
    number = 0
    while count is None or number < count:
        number += 1
        ts_ns = span.start_ns + number * span.every_ns
        for place, walk in enumerate(walks):
            path = _path(walk, prices[place], randoms[place])
            prices[place] = path[-1]
            volume_e8 = 1 + randoms[place].below(walk.volume_max_e8)
            yield Candle(
                instrument=walk.instrument,
                ts_ns=ts_ns,
                open_e9=path[0] * walk.tick_e9,
                high_e9=max(path) * walk.tick_e9,
                low_e9=min(path) * walk.tick_e9,
                close_e9=path[-1] * walk.tick_e9,
                volume_e8=volume_e8,
            )


def _path(walk: Walk, ticks: int, random: SplitMix64) -> list[int]:
    """Return the prices within one candle, from its open: a walk that turns back at one tick."""
    path = [ticks]
    for _ in range(_MOVES):
        ticks += random.below(2 * walk.step_max + 1) - walk.step_max
        path.append(max(ticks, 1))
        ticks = path[-1]
    return path

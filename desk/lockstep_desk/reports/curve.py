"""The course of an equity, in as many steps as a picture can show.

Owns the thinning. However many points come, at most `STEPS_MAX` steps are kept; each holds the
lowest and highest equity and the deepest drawdown in it, so a peak of one instant is still seen.
Invariant: steps follow each other in time, and low <= last <= high in each.
"""

from dataclasses import dataclass
from itertools import zip_longest

from lockstep_desk.errors import InvalidValueError
from lockstep_kernel.arith import div_half_even

STEPS_MAX = 512
ONE_E9 = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of a curve, from `ts_ns` on.

    `depth_e9` is the deepest drawdown as a share of its peak, 0 as long as the peak has no money.
    """

    ts_ns: int
    last_e9: int
    low_e9: int
    high_e9: int
    depth_e9: int


@dataclass(frozen=True, slots=True)
class Curve:
    """A whole course: name, capital it began with, steps, and the time up to which it holds."""

    name: str
    capital_e9: int
    steps: tuple[Step, ...]
    end_ns: int


class CurveTracker:
    """Takes points one by one, in O(1) amortised time and in bounded space."""

    def __init__(self, name: str, capital_e9: int, start_ns: int) -> None:
        self._name = name
        self._capital_e9 = capital_e9
        self._peak_e9 = capital_e9
        self._last_ns = start_ns
        self._points_per_step = 1
        self._points_in_last = 1
        self._steps = [Step(start_ns, capital_e9, capital_e9, capital_e9, 0)]

    def mark(self, ts_ns: int, pnl_e9: int) -> None:
        """Take the profit so far, realised and unrealised, at a time."""
        if ts_ns < self._last_ns:
            raise InvalidValueError(
                f"curve '{self._name}': expected a time from {self._last_ns} ns on, found {ts_ns}"
            )
        self._last_ns = ts_ns
        equity_e9 = self._capital_e9 + pnl_e9
        self._peak_e9 = max(self._peak_e9, equity_e9)
        depth_e9 = 0
        if self._peak_e9 > 0:
            depth_e9 = div_half_even((self._peak_e9 - equity_e9) * ONE_E9, self._peak_e9)
        point = Step(ts_ns, equity_e9, equity_e9, equity_e9, depth_e9)
        if self._points_in_last < self._points_per_step:
            self._steps[-1] = _joined(self._steps[-1], point)
            self._points_in_last += 1
            return
        if len(self._steps) == STEPS_MAX:
            self._halve()
        self._steps.append(point)
        self._points_in_last = 1

    def report(self, end_ns: int = 0) -> Curve:
        """Return the curve up to `end_ns`, to its last point at least; changes nothing."""
        end_ns = max(end_ns, self._last_ns)
        return Curve(self._name, self._capital_e9, tuple(self._steps), end_ns)

    def _halve(self) -> None:
        """Join each two steps: half as many, each of twice as many points."""
        pairs = zip_longest(self._steps[::2], self._steps[1::2])
        self._steps = [one if other is None else _joined(one, other) for one, other in pairs]
        self._points_per_step *= 2


def _joined(one: Step, other: Step) -> Step:
    return Step(
        ts_ns=one.ts_ns,
        last_e9=other.last_e9,
        low_e9=min(one.low_e9, other.low_e9),
        high_e9=max(one.high_e9, other.high_e9),
        depth_e9=max(one.depth_e9, other.depth_e9),
    )

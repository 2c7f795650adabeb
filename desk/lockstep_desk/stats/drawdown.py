"""Drawdowns of an equity, as a share of its peak and in money (DESK-84, DESK-D4).

A drawdown starts at a peak and ends when a new peak strictly exceeds it; until then it is the
current one. Equity is starting capital plus profit, so a peak is positive as long as there is
capital; of a peak that is not, the depth is None and the money still counts. Reporting changes
nothing (DESK-D3).
"""

from dataclasses import dataclass

from lockstep_desk.errors import InvalidValueError
from lockstep_kernel.arith import div_half_even

ONE_E9 = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Drawdown:
    """From a peak to its recovery, or to the time of the report."""

    start_ns: int
    end_ns: int
    peak_e9: int
    trough_e9: int

    @property
    def money_e9(self) -> int:
        """Return how much was lost from the peak: never negative."""
        return self.peak_e9 - self.trough_e9

    @property
    def depth_e9(self) -> int | None:
        """Return the share of the peak that was lost, in 1e-9; None of a peak without money."""
        if self.peak_e9 <= 0:
            return None
        return div_half_even(self.money_e9 * ONE_E9, self.peak_e9)

    @property
    def duration_ns(self) -> int:
        """Return how long it took."""
        return self.end_ns - self.start_ns


@dataclass(frozen=True, slots=True)
class DrawdownReport:
    """Drawdowns up to a time; the current one counts in `count`, means and maxima, once."""

    count: int = 0
    current: Drawdown | None = None
    money_max_e9: int = 0
    money_mean_e9: int = 0
    depth_max_e9: int | None = None
    depth_mean_e9: int | None = None
    duration_mean_ns: int = 0


class _Sums:
    """What the finished drawdowns add up to."""

    __slots__ = ("count", "deep", "depth", "depth_max", "duration", "money", "money_max")

    def __init__(self) -> None:
        self.count = 0
        self.money = 0
        self.money_max = 0
        self.duration = 0
        self.deep = 0
        self.depth = 0
        self.depth_max = 0

    def copy(self) -> "_Sums":
        twin = _Sums()
        for name in _Sums.__slots__:
            setattr(twin, name, getattr(self, name))
        return twin

    def add(self, drawdown: Drawdown) -> None:
        self.count += 1
        self.money += drawdown.money_e9
        self.money_max = max(self.money_max, drawdown.money_e9)
        self.duration += drawdown.duration_ns
        depth = drawdown.depth_e9
        if depth is not None:
            self.deep += 1
            self.depth += depth
            self.depth_max = max(self.depth_max, depth)


class DrawdownTracker:
    """Follows an equity point by point, in O(1) time and space."""

    def __init__(self, start_ns: int, equity_e9: int) -> None:
        self._sums = _Sums()
        self._last_ns = start_ns
        self._peak_ns = start_ns
        self._peak_e9 = equity_e9
        self._trough_e9 = equity_e9

    def add(self, ts_ns: int, equity_e9: int) -> None:
        """Take the equity at a time, which may not be before the last one."""
        if ts_ns < self._last_ns:
            raise InvalidValueError(
                f"equity: expected a time from {self._last_ns} ns on, found {ts_ns}"
            )
        self._last_ns = ts_ns
        if equity_e9 > self._peak_e9:
            finished = self._current(ts_ns)
            if finished is not None:
                self._sums.add(finished)
            self._peak_ns = ts_ns
            self._peak_e9 = self._trough_e9 = equity_e9
        elif equity_e9 < self._trough_e9:
            self._trough_e9 = equity_e9

    def report(self, end_ns: int) -> DrawdownReport:
        """Return the drawdowns up to `end_ns`."""
        sums, current = self._sums, self._current(max(end_ns, self._last_ns))
        if current is not None:
            sums = sums.copy()
            sums.add(current)
        if not sums.count:
            return DrawdownReport()
        return DrawdownReport(
            count=sums.count,
            current=current,
            money_max_e9=sums.money_max,
            money_mean_e9=div_half_even(sums.money, sums.count),
            depth_max_e9=sums.depth_max if sums.deep else None,
            depth_mean_e9=div_half_even(sums.depth, sums.deep) if sums.deep else None,
            duration_mean_ns=div_half_even(sums.duration, sums.count),
        )

    def _current(self, end_ns: int) -> Drawdown | None:
        if self._trough_e9 == self._peak_e9:
            return None
        return Drawdown(self._peak_ns, end_ns, self._peak_e9, self._trough_e9)

"""Returns of an equity over fixed intervals (DESK-D6).

The equity of an interval's end is the last one known before it, so the intervals are half-open and
a quiet one has the return zero. Only whole intervals count. Returns are integers in 1e-9, rounded
once each: sums of exact fractions would grow by the digits of every equity seen.
"""

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.stats.intervals import Basis
from lockstep_desk.stats.welford import Sample
from lockstep_kernel.arith import div_half_even

ONE_E9 = 1_000_000_000


class ReturnSamples:
    """The samples a ratio needs: all returns, the losing ones, those below the risk-free one."""

    __slots__ = ("all", "below", "is_broken", "losses")

    def __init__(self) -> None:
        self.all = Sample()
        self.losses = Sample()
        self.below = Sample()
        self.is_broken = False
        """An interval began without money: its return is no number, and so no ratio is one."""

    def copy(self) -> "ReturnSamples":
        """Return samples that can go on without changing these."""
        twin = ReturnSamples()
        twin.all, twin.losses, twin.below = self.all, self.losses, self.below
        twin.is_broken = self.is_broken
        return twin


class ReturnTracker:
    """Follows an equity point by point, in O(1) time and space, whatever lies between."""

    def __init__(self, start_ns: int, equity_e9: int, basis: Basis) -> None:
        self._basis = basis
        self._samples = ReturnSamples()
        self._boundary_ns = start_ns + basis.sample.length_ns
        self._opened_e9 = equity_e9
        self._last_e9 = equity_e9
        self._last_ns = start_ns

    @property
    def last_ns(self) -> int:
        """The time of the last equity that was taken in."""
        return self._last_ns

    def add(self, ts_ns: int, equity_e9: int) -> None:
        """Take the equity at a time, which may not be before the last one."""
        if ts_ns < self._last_ns:
            raise InvalidValueError(
                f"equity: expected a time from {self._last_ns} ns on, found {ts_ns}"
            )
        ended = self._ended(ts_ns)
        if ended:
            self._close(self._samples, ended)
            self._boundary_ns += ended * self._basis.sample.length_ns
            self._opened_e9 = self._last_e9
        self._last_ns, self._last_e9 = ts_ns, equity_e9

    def samples(self, end_ns: int) -> ReturnSamples:
        """Return the returns of all intervals that ended by `end_ns`; changes nothing."""
        samples = self._samples.copy()
        ended = self._ended(end_ns)
        if ended:
            self._close(samples, ended)
        return samples

    def _ended(self, ts_ns: int) -> int:
        """Return how many intervals end at or before a time, from the open one on."""
        if ts_ns < self._boundary_ns:
            return 0
        return 1 + (ts_ns - self._boundary_ns) // self._basis.sample.length_ns

    def _close(self, samples: ReturnSamples, ended: int) -> None:
        """Take the return of the open interval, and zero for the quiet ones after it."""
        if self._opened_e9 <= 0 or (ended > 1 and self._last_e9 <= 0):
            samples.is_broken = True
            return
        gain_e9 = self._last_e9 - self._opened_e9
        for value, times in (
            (div_half_even(gain_e9 * ONE_E9, self._opened_e9), 1),
            (0, ended - 1),
        ):
            samples.all = samples.all.add(value, times)
            if value < 0:
                samples.losses = samples.losses.add(value, times)
            if value < self._basis.risk_free_of_sample_e9:
                samples.below = samples.below.add(value, times)

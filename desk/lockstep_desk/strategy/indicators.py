"""Indicators of a series, one value at a time, in integers: RSI (Wilder), SMA, Heikin-Ashi.

Each takes a value and returns the indicator, None until it has seen enough. Divisions round half to
even, once per value: the numbers are the same on every machine.
"""

import msgspec

from lockstep_desk.errors import need_int
from lockstep_desk.strategy.market import Candle
from lockstep_desk.strategy.ring import Ring
from lockstep_kernel.arith import div_half_even

_FINE = 10**9
"""Averages of gains and losses are kept at 1e-18: what Wilder's recurrence rounds is not seen."""
RSI_MAX_E6 = 100_000_000
RSI_NEUTRAL_E6 = 50_000_000


class Rsi:
    """Relative strength index after J. Welles Wilder, "New Concepts in Technical Trading Systems".

    The first average of gains and of losses is the plain mean of `period` changes; each later one
    is (before x (period - 1) + new) / period. RSI = 100 x gains / (gains + losses), 50 when nothing
    moved at all. It needs `period` + 1 values.
    """

    def __init__(self, period: int) -> None:
        self.period = need_int("period", period, 2, 10_000)
        self._last: int | None = None
        self._changes = 0
        self._gain = 0
        self._loss = 0

    def update(self, value: int) -> int | None:
        """Take a value, return the index in 1e-6 (from 0 to 100,000,000)."""
        last, self._last = self._last, value
        if last is None:
            return None
        self._changes += 1
        change = (value - last) * _FINE
        self._gain = self._averaged(self._gain, max(change, 0))
        self._loss = self._averaged(self._loss, max(-change, 0))
        if self._changes < self.period:
            return None
        moved = self._gain + self._loss
        return div_half_even(RSI_MAX_E6 * self._gain, moved) if moved else RSI_NEUTRAL_E6

    def _averaged(self, average: int, new: int) -> int:
        """Return the average with one more value; up to the first `period` it is their sum."""
        if self._changes < self.period:
            return average + new
        if self._changes == self.period:
            return div_half_even(average + new, self.period)
        return div_half_even(average * (self.period - 1) + new, self.period)


class Sma:
    """Simple moving average of the last `period` values. O(1) per value."""

    def __init__(self, period: int) -> None:
        self.period = need_int("period", period, 1, 1_000_000)
        self._ring: Ring[int] = Ring(period)
        self._total = 0

    def update(self, value: int) -> int | None:
        """Take a value, return the average in the unit of the values."""
        self._total += value - (self._ring.push(value) or 0)
        return div_half_even(self._total, self.period) if self._ring.is_full else None

    def compared_to(self, other: "Sma") -> int | None:
        """Return 1, 0 or -1: above, equal to or below the other, exactly; None before both say."""
        if not self._ring.is_full or not other._ring.is_full:
            return None
        difference = self._total * other.period - other._total * self.period
        return (difference > 0) - (difference < 0)


class HeikinAshiBar(msgspec.Struct, frozen=True):
    """One averaged candle; low <= open, close <= high."""

    open_e9: int
    high_e9: int
    low_e9: int
    close_e9: int


class HeikinAshi:
    """Averaged candles: the close is the mean of the four prices, the open the middle of the bar
    before (of the first one, of its own open and close); high and low take in the averaged open and
    close ([PIPE-08], PIPE-D7).
    """

    def __init__(self) -> None:
        self._last: HeikinAshiBar | None = None

    def update(self, candle: Candle) -> HeikinAshiBar:
        """Take a candle, return its averaged bar."""
        last = self._last
        prices = candle.open_e9 + candle.high_e9 + candle.low_e9 + candle.close_e9
        close = div_half_even(prices, 4)
        ends = last.open_e9 + last.close_e9 if last else candle.open_e9 + candle.close_e9
        opened = div_half_even(ends, 2)
        self._last = HeikinAshiBar(
            open_e9=opened,
            high_e9=max(candle.high_e9, opened, close),
            low_e9=min(candle.low_e9, opened, close),
            close_e9=close,
        )
        return self._last

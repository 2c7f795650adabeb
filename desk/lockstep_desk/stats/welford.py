"""Count, mean and variance of integers, exactly (DESK-81, DESK-85).

Welford's recurrence keeps a running mean so that floats do not cancel. Integers cannot cancel:
count, sum and sum of squares are kept instead, and give the same mean and the same M at every step,
with one rounding at the very end, when a float is asked for.
Invariant: `low <= mean <= high`, and `m` is never negative.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import sqrt


@dataclass(frozen=True, slots=True)
class Sample:
    """Integers seen so far; `add` returns the next sample and leaves this one as it is."""

    count: int = 0
    total: int = 0
    squares: int = 0
    low: int | None = None
    high: int | None = None

    def add(self, value: int, times: int = 1) -> "Sample":
        """Return the sample with `value` seen `times` more, in O(1)."""
        if times < 1:
            return self
        return replace(
            self,
            count=self.count + times,
            total=self.total + value * times,
            squares=self.squares + value * value * times,
            low=value if self.low is None or value < self.low else self.low,
            high=value if self.high is None or value > self.high else self.high,
        )

    @property
    def mean(self) -> Fraction | None:
        """Return the mean, or None of nothing."""
        return Fraction(self.total, self.count) if self.count else None

    @property
    def m(self) -> Fraction:
        """Return Welford's M: the sum of squared distances from the mean."""
        if not self.count:
            return Fraction(0)
        return Fraction(self.count * self.squares - self.total * self.total, self.count)

    @property
    def variance(self) -> Fraction | None:
        """Return the variance of the population, or None of nothing."""
        return self.m / self.count if self.count else None

    def squares_about(self, centre: Fraction) -> Fraction:
        """Return the sum of squared distances from `centre`."""
        return self.squares - 2 * centre * self.total + self.count * centre * centre


@dataclass(frozen=True, slots=True)
class Dispersion:
    """How far values lie apart, for display: floats in the unit of the values, None of nothing."""

    count: int
    low: int | None
    high: int | None
    mean: float | None
    m: float
    variance: float | None
    std_dev: float | None


def dispersion_of(sample: Sample) -> Dispersion:
    """Return the dispersion of a sample; each float is rounded once, alike on every machine."""
    mean, variance = sample.mean, sample.variance
    return Dispersion(
        count=sample.count,
        low=sample.low,
        high=sample.high,
        mean=None if mean is None else float(mean),
        m=float(sample.m),
        variance=None if variance is None else float(variance),
        std_dev=None if variance is None else sqrt(variance),
    )

"""Lengths of time that returns are sampled at and ratios are stated for (DESK-83)."""

from dataclasses import dataclass
from fractions import Fraction

from lockstep_desk.errors import InvalidValueError

SECOND_NS = 1_000_000_000
_DAY_NS = 86_400 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Interval:
    """A named length of time: at least one second."""

    name: str
    length_ns: int

    def __post_init__(self) -> None:
        if self.length_ns < SECOND_NS:
            raise InvalidValueError(
                f"interval '{self.name}': expected at least {SECOND_NS} ns (one second), "
                f"found {self.length_ns}"
            )


HOURLY = Interval("hourly", 3_600 * SECOND_NS)
DAILY = Interval("daily", _DAY_NS)
ANNUAL_252 = Interval("annual 252", 252 * _DAY_NS)
ANNUAL_365 = Interval("annual 365", 365 * _DAY_NS)


@dataclass(frozen=True, slots=True)
class Basis:
    """How returns are taken and ratios are stated.

    `sample` is the fixed interval between two equities, `target` the interval a ratio is stated
    for, `risk_free_e9` the return of one target interval without risk, in 1e-9.
    """

    sample: Interval = DAILY
    target: Interval = ANNUAL_365
    risk_free_e9: int = 0

    @property
    def scale(self) -> Fraction:
        """Return how many samples one target interval holds."""
        return Fraction(self.target.length_ns, self.sample.length_ns)

    @property
    def risk_free_of_sample_e9(self) -> Fraction:
        """Return the return without risk of one sample interval, scaled linearly, in 1e-9."""
        return self.risk_free_e9 / self.scale

"""Powers, growth and logarithms of integers ([NUM-5]): pinned, accurate, total in their ranges."""

import random
from collections.abc import Callable

import mpmath
import pytest
from mpmath import mpf

from lockstep_engine.risk.detmath import decay_e9, growth_e9, log_ratio_e9, power_e9

DAY_NS = 86_400 * 10**9
YEAR_NS = 365 * DAY_NS
POWER_MAX = 2**62
TIME_MAX = 2**62
PRICE_MAX = 2**53
MOST = 2**62 - 1
SHARE = mpf(2) ** -45
"""Of a result: an error of that size is left before the rounding of large ones."""


def some_integer(rng: random.Random, bits: int) -> int:
    """Return an integer from 1 below 2^bits, every length equally likely."""
    length = rng.randrange(bits)
    return (1 << length) + rng.getrandbits(length) if length else 1


def is_rounded(found: int, true: mpf) -> bool:
    """Return whether `found` is `true` to the nearest integer, a tie or a last bit aside."""
    if true >= MOST:
        return found == MOST or abs(found - true) <= SHARE * true
    return abs(found - true) <= mpf("0.5001") + SHARE * true


@pytest.mark.rule("NUM-5")
@pytest.mark.parametrize(
    ("numerator", "denominator", "exponent_e9", "expected"),
    [
        (1, 1, 300_000_000, 1_000_000_000),
        (30, 1, 0, 1_000_000_000),
        (30, 1, 300_000_000, 2_774_191_115),
        (30, 1, 130_000_000, 1_556_057_937),
        (4, 1, 300_000_000, 1_515_716_567),
        (1, 4, 500_000_000, 500_000_000),
        (30 * DAY_NS, 365 * DAY_NS, 130_000_000, 722_649_474),
        (4, 1, -500_000_000, 500_000_000),
        (POWER_MAX, 1, 10_000_000_000, MOST),
        (1, POWER_MAX, 10_000_000_000, 0),
    ],
)
def test_pinned_powers_never_change(
    numerator: int, denominator: int, exponent_e9: int, expected: int
) -> None:
    assert expected == power_e9(numerator, denominator, exponent_e9)


@pytest.mark.rule("NUM-5")
@pytest.mark.parametrize(
    ("elapsed_ns", "rate_e9", "decay", "growth"),
    [
        (0, 100_000_000_000, 1_000_000_000, 1_000_000_000),
        (TIME_MAX, 0, 1_000_000_000, 1_000_000_000),
        (YEAR_NS, 160_000_000, 852_143_789, 1_173_510_871),
        (YEAR_NS, 1_000_000_000, 367_879_441, 2_718_281_828),
        (7 * DAY_NS, 160_000_000, 996_936_210, 1_003_073_206),
        (TIME_MAX, 100_000_000_000, 0, MOST),
    ],
)
def test_pinned_growth_never_changes(
    elapsed_ns: int, rate_e9: int, decay: int, growth: int
) -> None:
    assert (decay, growth) == (decay_e9(elapsed_ns, rate_e9), growth_e9(elapsed_ns, rate_e9))


@pytest.mark.rule("NUM-5")
@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (1, 1, 0),
        (PRICE_MAX, PRICE_MAX, 0),
        (2, 1, 693_147_181),
        (1, 2, -693_147_181),
        (150, 100, 405_465_108),
        (PRICE_MAX, 1, 36_736_800_570),
        (1, PRICE_MAX, -36_736_800_570),
    ],
)
def test_pinned_logarithms_never_change(a: int, b: int, expected: int) -> None:
    assert expected == log_ratio_e9(a, b)


@pytest.mark.rule("NUM-5")
def test_powers_are_true_over_their_whole_range() -> None:
    rng = random.Random(1)
    with mpmath.workdps(60):
        for _ in range(5_000):
            above, below = some_integer(rng, 63), some_integer(rng, 63)
            above, below = min(above, POWER_MAX), min(below, POWER_MAX)
            exponent = rng.randint(-2 * 10**9, 2 * 10**9)
            true = (mpf(above) / below) ** (mpf(exponent) / 10**9) * 10**9
            assert is_rounded(power_e9(above, below, exponent), true)


@pytest.mark.rule("NUM-5")
def test_growth_decay_and_logarithms_are_true_over_their_whole_range() -> None:
    rng = random.Random(2)
    with mpmath.workdps(60):
        for _ in range(5_000):
            elapsed, rate = some_integer(rng, 62), min(10**11, some_integer(rng, 37))
            years = mpf(elapsed) / YEAR_NS * rate / 10**9
            assert is_rounded(decay_e9(elapsed, rate), mpmath.exp(-years) * 10**9)
            assert is_rounded(growth_e9(elapsed, rate), mpmath.exp(years) * 10**9)
            a, b = some_integer(rng, 53), some_integer(rng, 53)
            log = mpmath.log(mpf(a) / b) * 10**9
            assert abs(log_ratio_e9(a, b) - log) <= mpf("0.5001")


@pytest.mark.parametrize(
    ("function", "arguments", "field"),
    [
        (power_e9, (0, 1, 1), "numerator"),
        (power_e9, (POWER_MAX + 1, 1, 1), "numerator"),
        (power_e9, (1, 0, 1), "denominator"),
        (power_e9, (1, POWER_MAX + 1, 1), "denominator"),
        (power_e9, (1, 1, 10**10 + 1), "exponent_e9"),
        (power_e9, (1, 1, -(10**10) - 1), "exponent_e9"),
        (growth_e9, (-1, 1), "elapsed_ns"),
        (decay_e9, (TIME_MAX + 1, 1), "elapsed_ns"),
        (growth_e9, (1, -1), "rate_e9"),
        (decay_e9, (1, 10**11 + 1), "rate_e9"),
        (log_ratio_e9, (0, 1), "a_e6"),
        (log_ratio_e9, (PRICE_MAX + 1, 1), "a_e6"),
        (log_ratio_e9, (1, 0), "b_e6"),
        (log_ratio_e9, (1, PRICE_MAX + 1), "b_e6"),
    ],
)
def test_an_input_out_of_range_is_named(
    function: Callable[..., int], arguments: tuple[int, ...], field: str
) -> None:
    with pytest.raises(ValueError, match=f"^{field}: expected"):
        function(*arguments)

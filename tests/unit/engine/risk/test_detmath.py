"""Option values ([NUM-5]): pinned numbers, exact parity, order, and every edge of the ranges.

Their accuracy is tested in test_detmath_oracles.py, their bits under another libm in
test_detmath_bits.py.
"""

import csv
import math
import random
import re
from itertools import pairwise
from pathlib import Path

import pytest

from lockstep_engine.risk import detmath
from lockstep_engine.risk.detmath import black76, price_e6, quantised

ROOT = Path(__file__).parents[4]
PINNED = Path(__file__).with_name("data") / "pinned.csv"
SOURCE = ROOT / "engine" / "lockstep_engine" / "risk" / "detmath.py"
PAGE = ROOT / "docs" / "detmath.md"

DAY_NS = 86_400 * 10**9
YEAR_NS = 365 * DAY_NS
PRICE_MAX = 2**53
VOL_MAX = 10**11
TIME_MAX = 2**62
GREEK_MAX = 2**62 - 1


def any_option(rng: random.Random) -> tuple[int, int, int, int]:
    """Return forward, strike, time and volatility from the whole of their ranges."""
    forward, strike = some_integer(rng, 53), some_integer(rng, 53)
    if rng.random() < 0.8:
        strike = min(PRICE_MAX, max(1, forward * rng.randint(500, 2000) // 1000))
    return forward, strike, some_integer(rng, 62), min(VOL_MAX, some_integer(rng, 37))


def some_integer(rng: random.Random, bits: int) -> int:
    """Return an integer from 1 below 2^bits, every length equally likely; exact on any machine."""
    length = rng.randrange(bits)
    return (1 << length) + rng.getrandbits(length) if length else 1


def pinned_rows() -> list[tuple[int, ...]]:
    with PINNED.open(encoding="utf-8", newline="") as file:
        return [tuple(int(field) for field in row) for row in [*csv.reader(file)][1:]]


@pytest.mark.rule("NUM-5")
@pytest.mark.parametrize("row", pinned_rows())
def test_pinned_values_never_change(row: tuple[int, ...]) -> None:
    is_call, forward_e6, strike_e6, to_expiry_ns, vol_e9, *expected = row
    option = (is_call == 1, forward_e6, strike_e6, to_expiry_ns, vol_e9)
    assert tuple(expected) == black76(*option)
    assert expected[0] == price_e6(*option)


def test_the_pinned_values_reach_every_branch_of_the_recipe() -> None:
    rows = pinned_rows()
    assert len(rows) >= 30
    assert {0, 1} == {row[0] for row in rows}
    assert any(row[1] > row[2] for row in rows)
    assert any(row[1] < row[2] for row in rows)
    assert any(GREEK_MAX in row for row in rows)
    assert any(row[3] <= 0 for row in rows)


@pytest.mark.rule("NUM-5")
def test_call_less_put_is_forward_less_strike_exactly() -> None:
    rng = random.Random(1)
    for _ in range(20_000):
        forward, strike, time, vol = any_option(rng)
        call = black76(True, forward, strike, time, vol)
        put = black76(False, forward, strike, time, vol)
        assert forward - strike == call[0] - put[0]
        assert 1_000_000_000 == call[1] - put[1]
        assert call[2:] == put[2:]


@pytest.mark.rule("NUM-5")
def test_every_result_lies_in_its_bounds_over_the_whole_range_of_inputs() -> None:
    rng = random.Random(2)
    for _ in range(20_000):
        forward, strike, time, vol = any_option(rng)
        price, delta, gamma, vega, theta = black76(True, forward, strike, time, vol)
        assert max(0, forward - strike) <= price <= forward
        assert 0 <= delta <= 1_000_000_000
        assert 0 <= gamma <= GREEK_MAX
        assert 0 <= vega <= GREEK_MAX
        assert -GREEK_MAX <= theta <= 0
        assert price == price_e6(True, forward, strike, time, vol)


@pytest.mark.parametrize("forward", [1, 2, PRICE_MAX - 1, PRICE_MAX])
@pytest.mark.parametrize("strike", [1, 2, PRICE_MAX - 1, PRICE_MAX])
def test_the_corners_of_the_ranges_have_values(forward: int, strike: int) -> None:
    for time in (-(2**70), -1, 0, 1, 2, TIME_MAX - 1, TIME_MAX):
        for vol in (0, 1, 2, VOL_MAX - 1, VOL_MAX):
            call = black76(True, forward, strike, time, vol)
            put = black76(False, forward, strike, time, vol)
            assert forward - strike == call[0] - put[0]
            assert max(0, forward - strike) <= call[0] <= forward
            assert call[0] == price_e6(True, forward, strike, time, vol)
            assert put[0] == price_e6(False, forward, strike, time, vol)


@pytest.mark.parametrize(("time", "vol"), [(0, 10**9), (-1, 10**9), (-YEAR_NS, 1), (YEAR_NS, 0)])
def test_without_time_or_volatility_an_option_is_its_intrinsic_value(time: int, vol: int) -> None:
    assert (7, 1_000_000_000, 0, 0, 0) == black76(True, 107, 100, time, vol)
    assert (0, 0, 0, 0, 0) == black76(False, 107, 100, time, vol)
    assert (0, 0, 0, 0, 0) == black76(True, 100, 107, time, vol)
    assert (7, -1_000_000_000, 0, 0, 0) == black76(False, 100, 107, time, vol)
    assert (0, 500_000_000, 0, 0, 0) == black76(True, 100, 100, time, vol)
    assert (0, -500_000_000, 0, 0, 0) == black76(False, 100, 100, time, vol)


def test_the_last_nanosecond_leads_to_the_values_at_expiry() -> None:
    before = black76(True, 10**11, 10**11, 1, 500_000_000)
    assert (10**11, 0) != before[:2]
    assert abs(before[1] - 500_000_000) <= 1
    assert 10**9 == black76(True, 10**11 + 10**6, 10**11, 1, 500_000_000)[1]
    assert 0 == black76(True, 10**11 - 10**6, 10**11, 1, 500_000_000)[1]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ((0, 1, 1, 1), "forward_e6"),
        ((-1, 1, 1, 1), "forward_e6"),
        ((PRICE_MAX + 1, 1, 1, 1), "forward_e6"),
        ((1, 0, 1, 1), "strike_e6"),
        ((1, PRICE_MAX + 1, 1, 1), "strike_e6"),
        ((1, 1, TIME_MAX + 1, 1), "to_expiry_ns"),
        ((1, 1, 1, -1), "vol_e9"),
        ((1, 1, 0, VOL_MAX + 1), "vol_e9"),
    ],
)
def test_an_input_out_of_range_is_named(arguments: tuple[int, ...], field: str) -> None:
    for function in (black76, price_e6):
        with pytest.raises(ValueError, match=f"^{field}: expected"):
            function(True, *arguments)


@pytest.mark.rule("NUM-5")
def test_a_price_never_falls_when_volatility_rises() -> None:
    rng = random.Random(3)
    for _ in range(300):
        forward = rng.randint(10**6, 10**12)
        strike = forward * rng.randint(300, 3000) // 1000
        time = rng.randint(60 * 10**9, 5 * YEAR_NS)
        vols = sorted(rng.randint(1_000_000, 5_000_000_000) for _ in range(30))
        is_call = rng.random() < 0.5
        prices = [price_e6(is_call, forward, strike, time, vol) for vol in vols]
        assert sorted(prices) == prices


@pytest.mark.rule("NUM-5")
def test_a_call_never_falls_and_a_put_never_rises_with_the_forward() -> None:
    rng = random.Random(4)
    for _ in range(300):
        strike = rng.randint(10**6, 10**12)
        forwards = sorted(strike * rng.randint(300, 3000) // 1000 for _ in range(30))
        time, vol = rng.randint(60 * 10**9, 5 * YEAR_NS), rng.randint(10**7, 5 * 10**9)
        calls = [price_e6(True, forward, strike, time, vol) for forward in forwards]
        puts = [price_e6(False, forward, strike, time, vol) for forward in forwards]
        assert sorted(calls) == calls
        assert sorted(puts, reverse=True) == puts


def test_delta_and_gamma_are_the_slopes_of_price_and_delta() -> None:
    forward, strike, time, vol = 50_000 * 10**6, 52_000 * 10**6, 30 * DAY_NS, 600_000_000
    step = 10 * 10**6
    above = black76(True, forward + step, strike, time, vol)
    below = black76(True, forward - step, strike, time, vol)
    _, delta, gamma, _, _ = black76(True, forward, strike, time, vol)
    assert abs((above[0] - below[0]) / 20 * 1e3 - delta) < 1000
    assert abs((above[1] - below[1]) / 20 - gamma) < 1


def test_vega_and_theta_are_the_change_per_vol_point_and_per_day() -> None:
    forward, strike, time, vol = 50_000 * 10**6, 52_000 * 10**6, 300 * DAY_NS, 600_000_000
    _, _, _, vega, theta = black76(True, forward, strike, time, vol)
    by_vol = [price_e6(True, forward, strike, time, vol + d) for d in (-5_000_000, 5_000_000)]
    by_time = [price_e6(True, forward, strike, time + d, vol) for d in (-DAY_NS // 2, DAY_NS // 2)]
    assert abs((by_vol[1] - by_vol[0]) * 1000 / vega - 1) < 1e-5
    assert abs((by_time[0] - by_time[1]) * 1000 / theta - 1) < 1e-5


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, 0),
        (-0.0, 0),
        (0.5, 0),
        (0.5000000000000001, 1),
        (1.5, 2),
        (2.5, 2),
        (-0.5, 0),
        (-1.5, -2),
        (-2.5, -2),
        (2.0**51 - 0.5, 2**51),
        (2.0**51 + 0.5, 2**51),
        (2.0**51 + 1.5, 2**51 + 2),
        (-(2.0**51) - 0.5, -(2**51)),
        (-(2.0**51) - 1.5, -(2**51) - 2),
        (2.0**52 - 0.5, 2**52),
        (2.0**52 + 1.0, 2**52 + 1),
        (2.0**62 - 512.0, 2**62 - 512),
        (2.0**62, GREEK_MAX),
        (-(2.0**62), -GREEK_MAX),
        (1e300, GREEK_MAX),
    ],
)
def test_a_float_becomes_the_nearest_integer_with_ties_to_even(value: float, expected: int) -> None:
    assert expected == quantised(value)


def test_the_functions_are_total_in_their_ranges() -> None:
    assert 0.0 == detmath.exp(-1e300)
    assert 1.0 == detmath.exp(0.0)
    assert 0.0 == detmath.log(1.0)
    assert (0.0, 0.5, 1.0) == tuple(detmath.norm_cdf(x) for x in (-1e300, 0.0, 1e300))
    assert (0.0, 0.0) == (detmath.norm_pdf(-38.0), detmath.norm_pdf(38.0))
    for x in (-37.5, 37.5):
        assert 2.2250738585072014e-308 < detmath.norm_pdf(x)
    assert 2.2250738585072014e-308 < detmath.norm_cdf(-37.5)
    with pytest.raises(ValueError, match=r"^x: expected at most"):
        detmath.exp(709.1)
    for x in (0.0, -1.0, 1e-301, 1e301, math.inf, math.nan):
        with pytest.raises(ValueError, match=r"^x: expected"):
            detmath.log(x)


def test_the_normal_distribution_is_continuous_where_its_approximations_meet() -> None:
    for border in (0.46875 * math.sqrt(2), 4 * math.sqrt(2)):
        for x in (-border, border):
            values = [detmath.norm_cdf(x + k * 1e-15 * border) for k in range(-20, 21)]
            for before, after in pairwise(values):
                assert abs(after - before) <= (1.3 * border * border + 2.0) * 1e-15 * after


@pytest.mark.rule("NUM-5")
def test_the_page_names_every_constant_with_all_its_digits() -> None:
    rows = re.findall(r"^\| ([A-Z][A-Z0-9_]*) \| (\S+) \| (\S+) \|$", PAGE.read_text("utf-8"), re.M)
    assert len(rows) >= 55
    for name, decimal, hexadecimal in rows:
        constant = getattr(detmath, name)
        assert (constant, constant) == (float(decimal), float.fromhex(hexadecimal)), name
    used = set(re.findall(r"\b(?:EXP|LOG|ERF|ERFCX)_[A-Z]?\d\b", SOURCE.read_text("utf-8")))
    assert used
    assert set() == used - {name for name, _, _ in rows}

"""Indicators: published and hand-worked numbers, bounds, and memory that does not grow."""

import pickle
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.strategy import Candle, HeikinAshi, HeikinAshiBar, Ring, Rsi, Sma

# The worked example of StockCharts' ChartSchool, "Relative Strength Index (RSI)": 33 closes of QQQQ
# and the 19 values of RSI(14) printed beside them, to two decimals.
CLOSES = (
    "44.3389 44.0902 44.1497 43.6124 44.3278 44.8264 45.0955 45.4245 45.8433 46.0826 45.8931"
    " 46.0328 45.6140 46.2820 46.2820 46.0028 46.0328 46.4116 46.2222 45.6439 46.2122 46.2521"
    " 45.7137 46.4515 45.7835 45.3548 44.0288 44.1783 44.2181 44.5672 43.4205 42.6628 43.1314"
)
PUBLISHED = (
    "70.53 66.32 66.55 69.41 66.36 57.97 62.93 63.26 56.06 62.38 54.71 50.42 39.99 41.46 41.87"
    " 45.46 37.30 33.08 37.77"
)
SERIES = [int(close.replace(".", "")) * 100_000 for close in CLOSES.split()]


@pytest.mark.desk("PIPE-D6")
def test_rsi_is_that_of_a_published_series() -> None:
    rsi = Rsi(14)
    found = [rsi.update(close) for close in SERIES]
    assert [None] * 14 == found[:14]
    assert PUBLISHED.split() == [f"{(value or 0) / 1e6:.2f}" for value in found[14:]]
    assert (70_532_789, 37_772_952) == (found[14], found[-1])


@pytest.mark.desk("PIPE-D6")
def test_rsi_uses_its_period() -> None:
    short, long = Rsi(2), Rsi(14)
    assert [short.update(close) for close in SERIES][-1] != [long.update(c) for c in SERIES][-1]
    # Up 2 then down 1 over two changes: mean gain 1, mean loss 1/2, 100 x 1 / 1.5.
    worked = Rsi(2)
    assert [None, None, 66_666_667] == [worked.update(value) for value in (10, 12, 11)]
    # Then up 1: gain (1 x 1 + 1) / 2 = 1, loss (1/2 x 1 + 0) / 2 = 1/4, 100 x 1 / 1.25.
    assert 80_000_000 == worked.update(12)


@pytest.mark.desk("PIPE-D6")
@pytest.mark.parametrize(
    ("values", "rsi_e6"), [([1, 2, 3], 100_000_000), ([3, 2, 1], 0), ([2, 2, 2], 50_000_000)]
)
def test_rsi_at_its_ends_and_without_movement(values: list[int], rsi_e6: int) -> None:
    rsi = Rsi(2)
    assert rsi_e6 == [rsi.update(value) for value in values][-1]


@given(st.integers(2, 9), st.lists(st.integers(1, 10**12), min_size=1, max_size=60))
def test_rsi_follows_wilders_recurrence_in_exact_fractions(period: int, values: list[int]) -> None:
    rsi, gains, losses = Rsi(period), Fraction(0), Fraction(0)
    rsi.update(values[0])
    for count, (before, value) in enumerate(pairwise(values), 1):
        kept = count - 1 if count <= period else period - 1
        weight = count if count <= period else period
        gains = (gains * kept + max(value - before, 0)) / weight
        losses = (losses * kept + max(before - value, 0)) / weight
        found = rsi.update(value)
        if count >= period and gains + losses:
            assert found is not None
            assert abs(100_000_000 * gains / (gains + losses) - found) <= 1


def test_sma_worked_by_hand() -> None:
    sma = Sma(3)
    assert [None, None, 20, 30, 37] == [sma.update(value) for value in (10, 20, 30, 40, 40)]


@given(st.integers(1, 8), st.lists(st.integers(-(10**9), 10**9), max_size=40))
def test_sma_is_the_mean_of_the_last_values(period: int, values: list[int]) -> None:
    sma = Sma(period)
    found = [sma.update(value) for value in values]
    for end, average in enumerate(found, 1):
        window = values[max(0, end - period) : end]
        if len(window) < period:
            assert average is None
        else:
            assert average is not None
            assert abs(Fraction(sum(window), period) - average) <= Fraction(1, 2)


def test_averages_are_compared_exactly() -> None:
    # 1/2 and 2/3 both round to 0 or 1; the comparison is not one of rounded numbers.
    two, three = Sma(2), Sma(3)
    for value in (1, 1, 0):
        two.update(value)
        three.update(value)
    assert (-1, 1, 0) == (two.compared_to(three), three.compared_to(two), two.compared_to(two))
    assert two.compared_to(Sma(5)) is None


def candle(opened: int, high: int, low: int, close: int) -> Candle:
    return Candle("BTC-PERP", 0, opened, high, low, close, 0)


@pytest.mark.desk("PIPE-08", "PIPE-D7")
def test_heikin_ashi_worked_by_hand() -> None:
    bars = HeikinAshi()
    # First bar: open (100 + 110) / 2, close (100 + 120 + 90 + 110) / 4.
    assert HeikinAshiBar(105, 120, 90, 105) == bars.update(candle(100, 120, 90, 110))
    # Then: open (105 + 105) / 2 = 105 is below the candle's low of 130, so the bar's low is 105.
    assert HeikinAshiBar(105, 150, 105, 140) == bars.update(candle(140, 150, 130, 140))
    # Then: open (105 + 140) / 2, half to even, is 122 and above the candle's high of 60.
    assert HeikinAshiBar(122, 122, 40, 50) == bars.update(candle(50, 60, 40, 50))


@st.composite
def candles(draw: st.DrawFn) -> Candle:
    low, high = sorted(draw(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6))))
    inside = st.integers(low, high)
    return candle(draw(inside), high, low, draw(inside))


@pytest.mark.desk("PIPE-D7")
@given(st.lists(candles(), min_size=1, max_size=20))
def test_a_heikin_ashi_bar_is_coherent_and_never_reaches_zero(series: list[Candle]) -> None:
    bars = HeikinAshi()
    for each in series:
        bar = bars.update(each)
        assert bar.low_e9 <= min(bar.open_e9, bar.close_e9, each.low_e9)
        assert bar.high_e9 >= max(bar.open_e9, bar.close_e9, each.high_e9)
        assert bar.low_e9 >= min(each.low_e9 for each in series)


@pytest.mark.desk("PIPE-D8")
def test_a_ring_is_bounded_and_its_view_reads_the_newest_without_a_copy() -> None:
    ring: Ring[int] = Ring(3)
    view = ring.view()
    assert [None, None, None, 0, 1] == [ring.push(value) for value in range(5)]
    assert [2, 3, 4] == list(view)
    assert (3, 2, 4, [3, 4]) == (len(view), view[0], view[-1], view[1:])
    ring.push(5)
    assert [3, 4, 5] == list(view)
    with pytest.raises(TypeError):
        view[0] = 9  # type: ignore[index]  # the point: it cannot
    with pytest.raises(IndexError):
        _ = view[3]


@pytest.mark.desk("PIPE-D8")
def test_an_average_over_many_values_keeps_only_its_window() -> None:
    sma = Sma(10)
    for value in range(10):
        sma.update(value)
    size = len(pickle.dumps(sma))
    for value in range(10_000):
        sma.update(value % 10)
    assert len(pickle.dumps(sma)) <= size + 8


@pytest.mark.parametrize("build", [lambda: Rsi(1), lambda: Sma(0), lambda: Ring(0)])
def test_a_period_that_makes_no_sense_is_refused(build: object) -> None:
    with pytest.raises(InvalidValueError, match="expected an integer from"):
        build()  # type: ignore[operator]  # each is a call that must fail


@pytest.mark.desk("PIPE-D10")
@pytest.mark.parametrize(
    ("prices", "words"),
    [
        ((10, 12, 11, 11), "low_e9 at most open and close"),
        ((10, 12, 5, 13), "high_e9 at least open and close"),
        ((10, 12, 0, 10), "low_e9: expected an integer from 1"),
    ],
)
def test_an_incoherent_candle_cannot_be_built(
    prices: tuple[int, int, int, int], words: str
) -> None:
    with pytest.raises(InvalidValueError, match=words):
        candle(*prices)

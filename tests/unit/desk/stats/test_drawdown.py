"""Drawdowns of an equity: from a peak until a new one strictly exceeds it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.stats import Drawdown, DrawdownReport, DrawdownTracker

E9 = 10**9


def tracked(*equities: int, start: int = 100) -> DrawdownTracker:
    """Follow equities one second apart, given in whole units."""
    tracker = DrawdownTracker(0, start * E9)
    for second, equity in enumerate(equities, 1):
        tracker.add(second * E9, equity * E9)
    return tracker


@pytest.mark.desk("DESK-84")
def test_two_drawdowns_worked_by_hand() -> None:
    # 100, 130, 117 (down 13 = 10 %), 150, 120 (down 30 = 20 %), 150 again is no new peak.
    report = tracked(130, 117, 150, 120, 150).report(6 * E9)
    assert 2 == report.count
    assert (30 * E9, (13 + 30) * E9 // 2) == (report.money_max_e9, report.money_mean_e9)
    assert (200_000_000, 150_000_000) == (report.depth_max_e9, report.depth_mean_e9)
    # The first took from second 1 to 3, the second is open from 3 to 6.
    assert 2_500_000_000 == report.duration_mean_ns
    assert Drawdown(3 * E9, 6 * E9, 150 * E9, 120 * E9) == report.current


@pytest.mark.desk("DESK-84")
def test_the_old_peak_reached_again_is_no_recovery() -> None:
    assert 1 == tracked(90, 100, 80, 100).report(9 * E9).count
    assert 2 == tracked(90, 101, 80, 102).report(9 * E9).count


@pytest.mark.desk("DESK-84")
def test_an_equity_that_only_rises_has_no_drawdown() -> None:
    assert DrawdownReport() == tracked(101, 102, 102).report(3 * E9)


@pytest.mark.desk("DESK-D3", "I14")
def test_a_report_asked_twice_says_the_same() -> None:
    tracker = tracked(130, 117, 140, 120)
    first = tracker.report(5 * E9)
    assert first == tracker.report(5 * E9)
    tracker.add(5 * E9, 150 * E9)
    assert 2 == tracker.report(5 * E9).count


@pytest.mark.desk("DESK-D4")
def test_a_profit_that_never_was_above_zero_still_has_a_drawdown_on_its_capital() -> None:
    # Profit 0, -20, -10: the peak of the profit is zero, that of the equity is the capital.
    report = tracked(80, 90).report(2 * E9)
    assert (20 * E9, 200_000_000) == (report.money_max_e9, report.depth_max_e9)


@pytest.mark.desk("DESK-D4")
def test_of_a_peak_without_money_the_depth_is_unknown_and_the_money_counts() -> None:
    for start in (0, -50):
        report = tracked(start - 20, start - 10, start=start).report(2 * E9)
        assert (1, 20 * E9, None) == (report.count, report.money_max_e9, report.depth_max_e9)


def test_a_loss_of_more_than_all_is_deeper_than_one() -> None:
    assert 1_500_000_000 == tracked(-50).report(E9).depth_max_e9


def test_a_time_that_runs_back_is_refused() -> None:
    tracker = tracked(90)
    with pytest.raises(InvalidValueError, match="expected a time from 1000000000 ns on, found 5"):
        tracker.add(5, 1)


@pytest.mark.desk("DESK-84")
@given(st.lists(st.integers(1, 60), min_size=1, max_size=40))
def test_the_maximum_is_that_of_all_pairs_of_points(equities: list[int]) -> None:
    points = [30, *equities]
    pairs = [(a, b) for i, a in enumerate(points) for b in points[i:] if b <= a]
    report = tracked(*equities, start=30).report(99 * E9)
    assert max(a - b for a, b in pairs) * E9 == report.money_max_e9

"""Curves: thinned as they come, with every extreme kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.reports import STEPS_MAX, Curve, CurveTracker, Step
from lockstep_desk.stats import DrawdownTracker

E9 = 10**9


def curve_of(*equities: int) -> Curve:
    tracker = CurveTracker("x", 100 * E9, 0)
    for second, equity in enumerate(equities, 1):
        tracker.mark(second * E9, (equity - 100) * E9)
    return tracker.report()


def test_a_curve_holds_up_to_the_end_that_is_asked_for() -> None:
    tracker = CurveTracker("x", 100 * E9, 0)
    tracker.mark(5, E9)
    assert [5, 5, 9] == [tracker.report(end_ns).end_ns for end_ns in (0, 4, 9)]


def test_few_points_are_kept_as_they_are() -> None:
    start, up, down = curve_of(120, 90).steps
    assert Step(0, 100 * E9, 100 * E9, 100 * E9, 0) == start
    assert Step(E9, 120 * E9, 120 * E9, 120 * E9, 0) == up
    assert Step(2 * E9, 90 * E9, 90 * E9, 90 * E9, 250_000_000) == down


@pytest.mark.parametrize("count", [STEPS_MAX - 1, STEPS_MAX, 5 * STEPS_MAX + 3, 100_000])
def test_many_points_are_thinned_and_every_extreme_is_kept(count: int) -> None:
    equities = [100 + (place * 7919) % 101 for place in range(count)]
    equities[count // 3], equities[count // 2] = 900, 1
    curve = curve_of(*equities)
    assert STEPS_MAX // 2 <= len(curve.steps) <= STEPS_MAX
    assert (900 * E9, 1 * E9) == (
        max(step.high_e9 for step in curve.steps),
        min(step.low_e9 for step in curve.steps),
    )
    assert (equities[-1] * E9, count * E9) == (curve.steps[-1].last_e9, curve.end_ns)
    times = [step.ts_ns for step in curve.steps]
    assert sorted(set(times)) == times


@given(st.lists(st.integers(1, 300), max_size=60))
def test_the_deepest_step_is_the_deepest_drawdown(equities: list[int]) -> None:
    drawdown = DrawdownTracker(0, 100 * E9)
    for second, equity in enumerate(equities, 1):
        drawdown.add(second * E9, equity * E9)
    deepest = drawdown.report(99 * E9).depth_max_e9 or 0
    assert deepest == max(step.depth_e9 for step in curve_of(*equities).steps)


def test_a_report_changes_nothing() -> None:
    tracker = CurveTracker("x", E9, 0)
    for second in range(3 * STEPS_MAX):
        tracker.mark(second, second)
        assert tracker.report() == tracker.report()


def test_a_time_that_runs_back_is_refused() -> None:
    tracker = CurveTracker("x", E9, 5)
    with pytest.raises(InvalidValueError, match="curve 'x': expected a time from 5 ns on, found 4"):
        tracker.mark(4, 0)

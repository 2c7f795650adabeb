"""Returns over fixed intervals: half-open, quiet ones are zero, a broken one spoils all."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep_desk.stats import Basis, Interval, ReturnSamples, ReturnTracker, Sample

E9 = 10**9
SECOND = Basis(sample=Interval("second", E9), target=Interval("second", E9))


def tracked(points: list[tuple[int, int]], basis: Basis = SECOND) -> ReturnTracker:
    tracker = ReturnTracker(0, 100 * E9, basis)
    for ts_ns, equity in points:
        tracker.add(ts_ns, equity * E9)
    return tracker


def sample_of(*values: int) -> Sample:
    sample = Sample()
    for value in values:
        sample = sample.add(value)
    return sample


@pytest.mark.desk("DESK-D6")
def test_returns_do_not_depend_on_how_often_the_equity_was_seen() -> None:
    few = tracked([(E9 - 1, 110), (2 * E9 - 1, 99)]).samples(2 * E9)
    many = tracked([(1, 90), (2, 70), (E9 - 1, 110), (E9, 1), (E9 + 5, 500), (2 * E9 - 1, 99)])
    assert sample_of(100_000_000, -100_000_000) == few.all == many.samples(2 * E9).all


@pytest.mark.desk("DESK-D6")
def test_an_equity_at_a_boundary_belongs_to_the_interval_that_begins() -> None:
    assert sample_of(0) == tracked([(E9, 200)]).samples(E9).all
    assert sample_of(0, E9) == tracked([(E9, 200)]).samples(2 * E9).all


@pytest.mark.desk("DESK-D6")
def test_quiet_intervals_have_the_return_zero_however_many() -> None:
    samples = tracked([(1, 110), (10**9 * E9, 110)]).samples(10**9 * E9)
    assert sample_of(100_000_000).add(0, 10**9 - 1) == samples.all


def test_an_interval_that_has_not_ended_does_not_count() -> None:
    assert Sample() == tracked([(1, 110)]).samples(E9 - 1).all


def test_losses_and_returns_below_the_risk_free_one_are_kept_apart() -> None:
    basis = Basis(sample=SECOND.sample, target=SECOND.target, risk_free_e9=50_000_000)
    points = [(E9 - 1, 104), (2 * E9 - 1, 52), (3 * E9 - 1, 104)]
    samples = tracked(points, basis).samples(3 * E9)
    assert (sample_of(-500_000_000), sample_of(40_000_000, -500_000_000)) == (
        samples.losses,
        samples.below,
    )


def test_an_interval_that_begins_without_money_spoils_the_returns() -> None:
    tracker = tracked([(1, 0)])
    assert not tracker.samples(E9).is_broken
    assert tracker.samples(2 * E9).is_broken


@pytest.mark.desk("I14")
def test_samples_asked_twice_are_the_same_and_change_nothing() -> None:
    tracker = tracked([(1, 110)])
    first, second = tracker.samples(5 * E9), tracker.samples(5 * E9)
    assert first.all == second.all
    assert sample_of(100_000_000) == tracker.samples(E9).all


def naive(points: list[tuple[int, int]], ends: int) -> ReturnSamples:
    """Look up the equity before each boundary, one by one."""
    samples = ReturnSamples()

    known = [([100] + [p[1] for p in points if p[0] < k * E9])[-1] for k in range(ends + 1)]
    for before, after in pairwise(known):
        samples.all = samples.all.add((after - before) * E9 // before)
    return samples


@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from([50, 100, 200])), max_size=12))
def test_the_tracker_gives_what_looking_up_each_boundary_gives(
    drawn: list[tuple[int, int]],
) -> None:
    points = sorted((half * E9 // 2, equity) for half, equity in drawn)
    points = [(ts, equity) for ts, equity in points if ts < 6 * E9]
    assert naive(points, 7).all == tracked(points).samples(7 * E9).all

"""Exact samples: the same mean and M as Welford's recurrence, at every step."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep_desk.stats import Sample, dispersion_of

VALUES = st.lists(st.integers(-(10**18), 10**18), min_size=1, max_size=30)


def sample_of(*values: int) -> Sample:
    sample = Sample()
    for value in values:
        sample = sample.add(value)
    return sample


@pytest.mark.desk("DESK-81", "DESK-85")
def test_a_sample_worked_by_hand() -> None:
    # 2, 4, 4, 4, 5, 5, 7, 9: mean 5, squared distances 9+1+1+1+0+0+4+16 = 32, 32/8 = 4, root 2.
    dispersion = dispersion_of(sample_of(2, 4, 4, 4, 5, 5, 7, 9))
    assert (8, 2, 9) == (dispersion.count, dispersion.low, dispersion.high)
    assert (5.0, 32.0, 4.0, 2.0) == (
        dispersion.mean,
        dispersion.m,
        dispersion.variance,
        dispersion.std_dev,
    )


@pytest.mark.desk("DESK-85")
def test_of_nothing_there_is_no_mean() -> None:
    dispersion = dispersion_of(Sample())
    assert (0, None, None, None, None) == (
        dispersion.count,
        dispersion.low,
        dispersion.mean,
        dispersion.variance,
        dispersion.std_dev,
    )


@pytest.mark.desk("DESK-81")
@given(VALUES)
def test_the_sums_give_what_welfords_recurrence_gives(values: list[int]) -> None:
    mean, m, sample = Fraction(0), Fraction(0), Sample()
    for count, value in enumerate(values, 1):
        sample = sample.add(value)
        before = mean
        mean += (value - mean) / count
        m += (value - before) * (value - mean)
        assert (mean, m) == (sample.mean, sample.m)


@pytest.mark.desk("DESK-81")
@given(st.integers(-100, 100), st.integers(0, 20), VALUES)
def test_a_value_seen_many_times_counts_as_often(value: int, times: int, values: list[int]) -> None:
    assert sample_of(*values, *[value] * times) == sample_of(*values).add(value, times)


def test_adding_leaves_the_sample_as_it_was() -> None:
    sample = sample_of(1, 2)
    sample.add(3)
    assert sample_of(1, 2) == sample


@given(VALUES, st.fractions())
def test_squares_about_a_centre_are_those_of_the_values(
    values: list[int], centre: Fraction
) -> None:
    assert sum((v - centre) ** 2 for v in values) == sample_of(*values).squares_about(centre)

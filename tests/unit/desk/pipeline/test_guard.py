"""Back-off and halt of traders that fail."""

import pytest

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.pipeline import FailurePolicy, Guard

POLICY = FailurePolicy(first_ns=10, cap_ns=35, failures_max=4, forget_ns=1000)


@pytest.mark.desk("PIPE-19")
def test_each_failure_waits_twice_as_long_up_to_a_cap() -> None:
    guard = Guard.of(1, POLICY)
    for now_ns, resume_ns in ((0, 10), (10, 30), (30, 65)):
        assert guard.may_run(0, now_ns)
        assert not guard.failed(0, now_ns, "x")
        assert (False, True) == (guard.may_run(0, resume_ns - 1), guard.may_run(0, resume_ns))


@pytest.mark.desk("PIPE-19")
def test_after_k_failures_it_is_halted_once_and_for_good() -> None:
    guard = Guard.of(2, POLICY)
    assert [False, False, False, True, False] == [guard.failed(0, n, f"{n}") for n in range(5)]
    assert not guard.may_run(0, 10**18)
    assert guard.may_run(1, 0)
    assert (5, "4") == (guard.healths[0].failures, guard.healths[0].last_error)


@pytest.mark.desk("PIPE-19")
def test_failures_that_lie_far_apart_are_forgotten() -> None:
    guard = Guard.of(1, POLICY)
    assert not any(guard.failed(0, n * 1000, "x") for n in range(20))
    assert 20 == guard.healths[0].failures
    assert guard.may_run(0, 19_010)


@pytest.mark.desk("PIPE-19")
def test_an_operator_lets_it_run_again() -> None:
    guard = Guard.of(1, POLICY)
    for now_ns in range(4):
        guard.failed(0, now_ns, "x")
    guard.clear(0)
    assert guard.may_run(0, 4)
    assert [False, False, False, True] == [guard.failed(0, n, "x") for n in range(4)]


def test_a_policy_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="failures_max: expected an integer from 1"):
        FailurePolicy(failures_max=0)
    with pytest.raises(InvalidValueError, match="cap_ns: expected an integer from 10"):
        FailurePolicy(first_ns=10, cap_ns=9)

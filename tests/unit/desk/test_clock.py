"""Clocks tell the time that they are given; only one asks the machine."""

import time

import pytest

from lockstep_desk import Clock, InvalidValueError, MockClock, SequencedClock, WallClock


@pytest.mark.desk("FUND-03")
def test_a_mock_clock_begins_at_the_epoch_and_stands_still() -> None:
    clock = MockClock()
    assert [0, 0, 0] == [clock.now_ns() for _ in range(3)]
    time.sleep(0.001)
    assert 0 == clock.now_ns()


@pytest.mark.desk("FUND-03")
def test_a_mock_clock_moves_by_what_it_is_told() -> None:
    clock = MockClock(5)
    clock.advance_secs(2)
    clock.advance_ns(3)
    assert 2_000_000_008 == clock.now_ns()


@pytest.mark.parametrize("step", [-1, True, 1.5, None])
def test_a_mock_clock_never_steps_back(step: int) -> None:
    clock = MockClock()
    with pytest.raises(InvalidValueError, match="secs: expected an integer"):
        clock.advance_secs(step)
    with pytest.raises(InvalidValueError, match="ns: expected an integer"):
        clock.advance_ns(step)
    assert 0 == clock.now_ns()


@pytest.mark.desk("DESK-D13", "DESK-68")
def test_a_sequenced_clock_knows_only_what_it_observed() -> None:
    clock = SequencedClock()
    clock.observe(10)
    time.sleep(0.002)
    assert 10 == clock.now_ns()
    clock.observe(10)
    clock.observe(11)
    assert 11 == clock.now_ns()


@pytest.mark.desk("DESK-68")
def test_a_sequenced_clock_refuses_what_is_older() -> None:
    clock = SequencedClock(10)
    with pytest.raises(InvalidValueError, match=r"expected 10 or later, .* found 9"):
        clock.observe(9)
    assert 10 == clock.now_ns()


def test_a_wall_clock_tells_the_time_of_the_machine() -> None:
    before, told, after = time.time_ns(), WallClock().now_ns(), time.time_ns()
    assert before <= told <= after


@pytest.mark.desk("FUND-03")
def test_code_that_takes_a_clock_takes_all_of_them() -> None:
    def stamp(clock: Clock) -> int:
        return clock.now_ns()

    assert [0, 7] == [stamp(clock) for clock in (MockClock(), SequencedClock(7))]
    assert stamp(WallClock()) > 0

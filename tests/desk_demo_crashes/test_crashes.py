"""A short form of `python -m tests.desk_demo_crashes`: a few points, the same checks."""

import pytest

from tests.desk_demo_crashes.__main__ import main, points
from tests.desk_demo_crashes.crash import crash

POINTS = (
    ("exchange:5:after",),  # in the opening of the exchange
    ("desk:90:before", "time:0.9"),  # in the middle, and again while it recovers
    ("exchange:120:after",),  # about when the link is lost
)


@pytest.mark.slow
@pytest.mark.desk("RECON-31", "RECON-44")
@pytest.mark.parametrize("where", POINTS)
def test_a_demo_that_crashed_goes_on_and_ends_good(where: tuple[str, ...]) -> None:
    found = crash(where)
    assert () == found.wrong
    assert len(where) == len(found.died_in)


def test_points_are_the_same_for_the_same_seed_and_of_every_kind() -> None:
    drawn = points(30, 1)
    assert drawn == points(30, 1) != points(30, 2)
    kinds = {point.partition(":")[0] for many in drawn for point in many}
    assert {"desk", "exchange", "time"} == kinds
    assert {1, 2} == {len(many) for many in drawn}


def test_the_program_says_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "--points" in capsys.readouterr().out

"""The differential property test catches planted bugs; `python -m tests.planted` hunts them all."""

from pathlib import Path

import pytest

from tests.planted.bug import Bug, CannotPlantError
from tests.planted.bugs import BUGS, QUICK
from tests.planted.hunt import hunt, plant


@pytest.mark.slow
@pytest.mark.parametrize(
    "bug", [bug for bug in BUGS if bug.name in QUICK], ids=lambda bug: bug.name
)
def test_a_planted_bug_is_caught(bug: Bug) -> None:
    assert hunt(bug).what is not None


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_patch_fits_the_sources(bug: Bug, tmp_path: Path) -> None:
    plant(bug, tmp_path)


def test_a_patch_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotPlantError):
        plant(BUGS[0]._replace(old="no such text"), tmp_path)


def test_there_are_at_least_twenty_bugs_with_names_of_their_own() -> None:
    assert 20 <= len({bug.name for bug in BUGS}) == len(BUGS)
    assert [] == [name for name in QUICK if name not in {bug.name for bug in BUGS}]

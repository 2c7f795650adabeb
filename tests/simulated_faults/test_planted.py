"""The simulator catches planted bugs; `python -m tests.simulated_faults` hunts them all."""

import pytest

from tests.planted.bug import CannotPlantError, patched
from tests.simulated_faults.bugs import BUGS, QUICK, Bug
from tests.simulated_faults.hunt import ROOT, hunt


@pytest.mark.slow
@pytest.mark.parametrize(
    "bug", [bug for bug in BUGS if bug.name in QUICK], ids=lambda bug: bug.name
)
def test_a_planted_bug_is_caught(bug: Bug) -> None:
    assert "" != hunt(bug, seconds_max=60).what


def test_without_a_bug_nothing_is_caught() -> None:
    assert "" == hunt(None, seconds_max=2).what


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_patch_fits_the_sources(bug: Bug) -> None:
    source = (ROOT / bug.file).read_text("utf-8")
    assert source != patched(bug, source)


def test_a_patch_that_does_not_fit_is_refused() -> None:
    with pytest.raises(CannotPlantError):
        patched(BUGS[0]._replace(old="no such text"), "some text")


def test_there_are_at_least_twenty_bugs_with_names_of_their_own() -> None:
    assert 20 <= len({bug.name for bug in BUGS}) == len(BUGS)
    assert [] == [name for name in QUICK if name not in {bug.name for bug in BUGS}]

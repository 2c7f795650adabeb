"""Tests of the desk notice planted mistakes; `python -m tests.planted_desk` hunts them all."""

import re

import pytest

from tests.conformance.page import ITEMS, citations, sections
from tests.planted.bug import CannotPlantError
from tests.planted_desk.hunt import hunt, with_mistake
from tests.planted_desk.mistake import Mistake
from tests.planted_desk.mistakes import MISTAKES, QUICK


@pytest.mark.slow
@pytest.mark.parametrize("mistake", [m for m in MISTAKES if m.name in QUICK], ids=lambda m: m.name)
def test_a_planted_mistake_is_noticed(mistake: Mistake) -> None:
    assert hunt(mistake) is not None


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.name)
def test_every_patch_fits_the_sources(mistake: Mistake) -> None:
    compile(with_mistake(mistake), mistake.file, "exec")


def test_a_patch_that_does_not_fit_is_refused() -> None:
    with pytest.raises(CannotPlantError):
        with_mistake(MISTAKES[0]._replace(old="no such text"))


def test_every_defect_that_a_test_cites_is_planted() -> None:
    planted = {item for mistake in MISTAKES for item in mistake.items}
    defects = [item for item in citations() if re.search(r"-D\d+$", item)]
    assert [] == sorted(set(defects) - planted)


def test_mistakes_have_names_of_their_own_and_known_items() -> None:
    known = {item for group in sections(ITEMS.read_text("utf-8")) for item, _ in group.items}
    names = [mistake.name for mistake in MISTAKES]
    assert [] == sorted({name for name in names if names.count(name) > 1})
    assert [] == sorted({item for mistake in MISTAKES for item in mistake.items} - known)
    assert [] == [name for name in QUICK if name not in names]

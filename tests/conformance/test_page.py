"""docs/desk-conformance.md says what the tests cite, and every cited item is a known one."""

import os
from pathlib import Path

import pytest

from tests.conformance.page import (
    ITEMS,
    PAGE,
    Section,
    citations,
    cited,
    rendered,
    sections,
)


def known() -> list[Section]:
    return sections(ITEMS.read_text("utf-8"))


def test_the_page_is_what_the_tests_cite() -> None:
    text = rendered(known(), citations())
    if os.environ.get("LOCKSTEP_RECORD") == "1":
        PAGE.write_text(text, encoding="utf-8")
    assert text == PAGE.read_text("utf-8"), "run `make record`"


def test_every_cited_item_is_listed() -> None:
    items = {item for group in known() for item, _ in group.items}
    assert {} == {item: places for item, places in citations().items() if item not in items}


def test_every_item_is_listed_once() -> None:
    items = [item for group in known() for item, _ in group.items]
    assert [] == sorted({item for item in items if items.count(item) > 1})


def test_items_have_a_section_an_id_and_a_subject() -> None:
    assert [Section("A", [("FUND-5A", "x y"), ("I1", "z")])] == sections(
        "# c\n## A\nFUND-5A x y\nI1 z"
    )
    with pytest.raises(
        ValueError, match=r"items\.txt:1: expected an id and its subject, found 'x'"
    ):
        sections("x")


def test_marks_are_found_on_tests_classes_modules_and_parameters() -> None:
    source = """
pytestmark = [pytest.mark.desk("I1")]
@pytest.mark.desk("I2", "I3")
def test_a(): ...
@pytest.mark.desk("I4")
class TestB:
    @pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.desk("I5"))])
    def test_b(self): "pytest.mark.desk('I6') in words"
def helper(): ...
"""
    assert [
        *[("I1", "test_a"), ("I2", "test_a"), ("I3", "test_a")],
        *[("I1", "test_b"), ("I4", "test_b"), ("I5", "test_b")],
    ] == cited(source)


def test_an_item_without_a_test_is_shown_as_open(tmp_path: Path) -> None:
    file = tmp_path / "tests" / "test_x.py"
    file.parent.mkdir()
    file.write_text("@pytest.mark.desk('I1')\ndef test_x(): ...\n")
    page = rendered([Section("S", [("I1", "a"), ("I2", "b")])], citations(file.parent))
    assert "| I1 | a | [test_x](../tests/test_x.py) |" in page
    assert "| I2 | b | open |" in page
    assert "1 of 2 items are proved." in page

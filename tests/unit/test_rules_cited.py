"""Every rule of docs/rules.md is held by a test, and every rule a test cites is written there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
RULES = ROOT / "docs" / "rules.md"

DEFINITION = re.compile(r"^\s*[-*]\s+(?:\*\*)?\[([A-Z]+-\d+)\]", re.MULTILINE)


def defined(text: str) -> list[str]:
    """Return the ids of all rules that a page defines, in its order."""
    return DEFINITION.findall(text)


def cited(source: str) -> list[tuple[int, str]]:
    """Return (line, id) for every `pytest.mark.rule(...)` in a source."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(attr="mark"), attr="rule"), args=args
            ):
                found.extend((node.lineno, ast.literal_eval(argument)) for argument in args)
            case _:
                pass
    return sorted(found)


def cited_in_tests() -> dict[str, list[str]]:
    """Return id -> the places that cite it."""
    places: dict[str, list[str]] = {}
    for file in sorted((ROOT / "tests").rglob("*.py")):
        for line, rule in cited(file.read_text("utf-8")):
            places.setdefault(rule, []).append(f"{file.relative_to(ROOT).as_posix()}:{line}")
    return places


def test_every_rule_is_defined_once() -> None:
    rules = defined(RULES.read_text("utf-8"))
    assert rules, f"expected rules like '- **[BOOK-1]** ...' in {RULES.name}, found none"
    assert [] == sorted({rule for rule in rules if rules.count(rule) > 1})


def test_every_cited_rule_is_written_in_the_rules_page() -> None:
    rules = set(defined(RULES.read_text("utf-8")))
    unknown = {rule: places for rule, places in cited_in_tests().items() if rule not in rules}
    assert {} == unknown, f"tests cite rules that docs/rules.md does not define: {unknown}"


def test_every_rule_is_cited_by_a_test() -> None:
    rules = defined(RULES.read_text("utf-8"))
    places = cited_in_tests()
    uncited = [rule for rule in rules if rule not in places]
    assert [] == uncited, f"no test carries @pytest.mark.rule(...) for: {', '.join(uncited)}"


def test_definitions_are_list_items_that_start_with_an_id() -> None:
    page = """
## Book [BOOK]
- **[BOOK-1]** Price-time priority, see [BOOK-9].
- [BOOK-2] Cancel.
  - **[BOOK-21]** A part of it.
* [ORD-1] Another bullet.
A sentence with - [ORD-2] in it.
"""
    assert ["BOOK-1", "BOOK-2", "BOOK-21", "ORD-1"] == defined(page)


def test_citations_are_found_on_functions_classes_modules_and_parameters() -> None:
    source = """
import pytest
pytestmark = pytest.mark.rule("A-1")
@pytest.mark.rule("A-2", "A-3")
class TestIt:
    @pytest.mark.rule("A-4")
    def test_it(self): ...
@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.rule("A-5"))])
def test_that(x): "pytest.mark.rule('A-6') in words"
"""
    assert ["A-1", "A-2", "A-3", "A-4", "A-5"] == [rule for _, rule in cited(source)]

"""Makes docs/desk-conformance.md from items.txt and from the marks that tests carry.

Owns the form of the page. Tests cite items with `@pytest.mark.desk("FUND-33")`; sources are read,
never imported.
"""

import ast
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
ITEMS = Path(__file__).with_name("items.txt")
PAGE = ROOT / "docs" / "desk-conformance.md"

_ITEM = re.compile(r"([A-Z]+(?:-[0-9A-Z]+[a-z]?|\d+)) (\S.*)")
_SHOWN_MAX = 4

HEAD = """# The desk: item by item

The trading side follows items with ids; each says one thing that must hold. This page says which
test proves which, and is made from the marks in the tests by `make record`; an item without a test
is open. A `D` before the last number marks a mistake that the desk must not make; `python -m
tests.planted_desk` makes it, and shows which test notices.
"""


class Section(NamedTuple):
    """A heading and its items: (id, what it is about), in their order."""

    title: str
    items: list[tuple[str, str]]


def sections(text: str) -> list[Section]:
    """Return the sections of a list of items; a line that is neither item nor heading raises."""
    found: list[Section] = []
    for number, line in enumerate(text.splitlines(), 1):
        item = _ITEM.fullmatch(line)
        if line.startswith("## "):
            found.append(Section(line[3:], []))
        elif item is not None and found:
            found[-1].items.append((item[1], item[2]))
        elif line and not line.startswith("# "):
            raise ValueError(f"items.txt:{number}: expected an id and its subject, found {line!r}")
    return found


def cited(source: str) -> list[tuple[str, str]]:
    """Return (item, test) for each `pytest.mark.desk(...)` on a test, by the test's name.

    A mark on a class or on `pytestmark` counts for each of its tests.
    """
    tree = ast.parse(source)
    for_all = [
        item
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
        for item in _marks(node.value)
    ]
    return [(item, name) for name, items in _tests(tree.body, for_all) for item in items]


def _tests(body: list[ast.stmt], inherited: list[str]) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            own = [item for decorator in node.decorator_list for item in _marks(decorator)]
            items = [*inherited, *own]
            if isinstance(node, ast.ClassDef):
                found.extend(_tests(node.body, items))
            elif node.name.startswith("test_"):
                found.append((node.name, items))
    return found


def _marks(tree: ast.AST) -> list[str]:
    """Return the items of every mark within an expression."""
    return [
        str(ast.literal_eval(argument))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.desk"
        for argument in node.args
    ]


def citations(folder: Path = ROOT / "tests") -> dict[str, list[tuple[str, str]]]:
    """Return item -> (file, test) for all tests, in the order of files and lines."""
    found: dict[str, list[tuple[str, str]]] = {}
    for file in sorted(folder.rglob("test_*.py")):
        for item, test in cited(file.read_text("utf-8")):
            place = (file.relative_to(folder.parent).as_posix(), test)
            if place not in found.setdefault(item, []):
                found[item].append(place)
    return found


def rendered(groups: list[Section], found: dict[str, list[tuple[str, str]]]) -> str:
    """Return the page."""
    all_items = [item for group in groups for item, _ in group.items]
    proved = sum(item in found for item in all_items)
    lines = [HEAD, f"{proved} of {len(all_items)} items are proved.", ""]
    for group in groups:
        lines += [f"## {group.title}", "", "| item | what it is about | tests |", "|---|---|---|"]
        lines += [f"| {i} | {about} | {_shown(found.get(i, []))} |" for i, about in group.items]
        lines.append("")
    return "\n".join(lines)


def _shown(places: list[tuple[str, str]]) -> str:
    if not places:
        return "open"
    links = [f"[{test}](../{file})" for file, test in places[:_SHOWN_MAX]]
    more = len(places) - _SHOWN_MAX
    return ", ".join(links) + (f" and {more} more" if more > 0 else "")

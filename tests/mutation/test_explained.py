"""The page of survivors fits the sources."""

import ast

from tests.mutation.explained import PAGE, explained, still_open
from tests.mutation.subjects import MODULES, ROOT, judges_of, path_of


def test_every_listed_line_stands_in_its_function() -> None:
    page = PAGE.read_text("utf-8")
    assert explained(page)
    for module, changes in [*explained(page).items(), *still_open(page).items()]:
        functions = functions_of(path_of(module).read_text("utf-8"))
        for change in changes:
            name, _colon, lines = change.partition(": ")
            before = lines.partition(" -> ")[0]
            assert before in functions.get(name, ""), f"{module}: {change}"


def functions_of(source: str) -> dict[str, str]:
    """Return the source of each function by its name, behind that of its class."""
    found: dict[str, str] = {}
    for node in ast.parse(source).body:
        methods = node.body if isinstance(node, ast.ClassDef) else [node]
        for each in methods:
            if isinstance(each, ast.FunctionDef):
                name = each.name if each is node else f"{node.name}.{each.name}"
                found[name] = ast.get_source_segment(source, each) or ""
    return found


def test_only_what_is_called_equivalent_is_explained() -> None:
    page = "### one\n\nEquivalent: so\nand so.\n\n    f: a -> b\n\nOpen: no.\n\n    f: c -> d\n"
    assert {"one": ["f: a -> b"]} == explained(page)
    assert {"one": ["f: c -> d"]} == still_open(page)


def test_every_module_and_judge_exists() -> None:
    for module in MODULES:
        files = [path_of(module), *(ROOT / judge for judge in judges_of(module))]
        assert [] == [file for file in files if not file.is_file()]

"""The page of survivors fits the sources."""

from tests.mutation.explained import PAGE, explained, still_open
from tests.mutation.subjects import MODULES, ROOT, judges_of, path_of


def test_every_explained_line_stands_in_its_module() -> None:
    page = PAGE.read_text("utf-8")
    assert explained(page)
    for module, changes in [*explained(page).items(), *still_open(page).items()]:
        source = path_of(module).read_text("utf-8")
        for change in changes:
            before = change.split(": ", 1)[1].partition(" -> ")[0]
            assert before in source, f"{module}: {change}"


def test_only_what_is_called_equivalent_is_explained() -> None:
    page = "### one\n\nEquivalent: so\nand so.\n\n    f: a -> b\n\nOpen: no.\n\n    f: c -> d\n"
    assert {"one": ["f: a -> b"]} == explained(page)
    assert {"one": ["f: c -> d"]} == still_open(page)


def test_every_module_and_judge_exists() -> None:
    for module in MODULES:
        files = [path_of(module), *(ROOT / judge for judge in judges_of(module))]
        assert [] == [file for file in files if not file.is_file()]

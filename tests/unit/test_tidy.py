"""The numbers and bans of the style page hold for every package and for the tests.

Each check is proved on planted text further down. What may be different stands in EXCEPTIONS.
"""

import ast
import sys
from pathlib import Path

import pytest

from tests.lint.tidy import Untidy, check_python, check_text, imported_modules, is_code, nesting

ROOT = Path(__file__).parents[2]
FOLDERS = ("engine", "journal", "replay", "validator", "runtime", "desk", "tests")
SKIPPED_FOLDERS = {"build", "dist", "__pycache__", ".git", ".venv", ".hypothesis", "data"}
TEXT_SUFFIXES = {".py", ".md", ".toml", ".txt", ".sh", ".cfg", ".ini", ".yml", ".yaml", ""}

HOT_CONSTRUCTOR = "built once per command; a record of its arguments would cost as much again"

ENTITY_FIELDS = "one argument for each field of the entity's record"

EXCEPTIONS: dict[tuple[str, str, str], str] = {
    ("engine/lockstep_kernel/chain.py", "parameters", "Chain.__init__"): HOT_CONSTRUCTOR,
    ("engine/lockstep_kernel/record.py", "parameters", "pack_record"): HOT_CONSTRUCTOR,
    ("engine/lockstep_engine/entities.py", "parameters", "Request.__init__"): ENTITY_FIELDS,
    ("engine/lockstep_engine/state.py", "parameters", "Instrument.__init__"): ENTITY_FIELDS,
    ("engine/lockstep_engine/state.py", "parameters", "Order.__init__"): HOT_CONSTRUCTOR,
}
"""(path, rule, what) -> the reason. An entry that is no longer needed fails."""

LIBRARIES = {
    "engine/lockstep_kernel": {"msgspec", "xxhash"},
    "engine/lockstep_engine": {"msgspec", "lockstep_kernel"},
    "journal/lockstep_journal": {
        *("msgspec", "xxhash", "lmdb", "click", "rich", "cryptography", "lockstep_kernel"),
    },
    "replay/lockstep_replay": {"msgspec", "click", "rich", "lockstep_kernel", "lockstep_journal"},
    "validator/lockstep_validator": {"msgspec", "xxhash", "cryptography", "lockstep_kernel"},
    "validator/lockstep_naive": {"msgspec", "lockstep_kernel", "lockstep_engine"},
    "runtime/lockstep_runtime": {
        *("msgspec", "xxhash", "lmdb", "click", "rich", "matplotlib", "lets_be_rational"),
        *("lockstep_kernel", "lockstep_engine"),
        *("lockstep_journal", "lockstep_replay", "lockstep_validator", "lockstep_naive"),
    },
    # Only its adapters know the engine's vocabulary; import-linter holds that.
    "desk/lockstep_desk": {
        *("msgspec", "lockstep_kernel", "lockstep_journal", "lockstep_replay", "lockstep_engine"),
        *("click", "rich"),
    },
}
"""Package folder -> what it may import beside the standard library and itself."""
TYPING_ONLY = {"mypy_extensions", "typing_extensions"}


def python_files() -> list[Path]:
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))]
    return [*files, ROOT / "setup.py"]


def text_files(folder: Path = ROOT) -> list[Path]:
    """Return all text of the project, whatever git knows of it."""
    found: list[Path] = []
    for entry in sorted(folder.iterdir()):
        is_skipped = entry.name in SKIPPED_FOLDERS or entry.name.endswith(("_cache", ".egg-info"))
        if entry.is_dir() and not is_skipped:
            found.extend(text_files(entry))
        elif entry.is_file() and entry.suffix in TEXT_SUFFIXES:
            found.append(entry)
    return found


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def all_untidy() -> list[Untidy]:
    found: list[Untidy] = []
    for file in python_files():
        found.extend(check_python(name_of(file), file.read_text("utf-8")))
    for file in text_files():
        found.extend(check_text(name_of(file), file.read_text("utf-8")))
    return found


def test_all_text_is_tidy() -> None:
    found = [str(place) for place in all_untidy() if (place[0], *place[2:]) not in EXCEPTIONS]
    assert [] == found, "\n" + "\n".join(found)


def test_every_exception_is_still_needed() -> None:
    assert set() == EXCEPTIONS.keys() - {(place[0], *place[2:]) for place in all_untidy()}


def test_every_folder_says_what_it_holds() -> None:
    assert [] == [folder for folder in FOLDERS if not (ROOT / folder / "README.md").is_file()]


@pytest.mark.parametrize("package", LIBRARIES)
def test_every_package_is_typed_and_holds_packages_only(package: str) -> None:
    folder = ROOT / package
    assert (folder / "py.typed").is_file()
    folders = {file.parent for file in folder.rglob("*.py")}
    assert [] == sorted(name_of(f) for f in folders if not (f / "__init__.py").is_file())


@pytest.mark.parametrize("package", LIBRARIES)
def test_every_package_imports_only_what_it_may(package: str) -> None:
    allowed = LIBRARIES[package] | TYPING_ONLY | sys.stdlib_module_names | {Path(package).name}
    found = [
        f"{name_of(file)}:{line}: {module}"
        for file in sorted((ROOT / package).rglob("*.py"))
        for line, module in imported_modules(ast.parse(file.read_text("utf-8")))
        if module not in allowed
    ]
    assert [] == found


def rules(source: str) -> list[str]:
    places = [*check_python("x.py", source), *check_text("x.py", source)]
    return sorted({place.rule for place in places})


DOC = '"""Doc."""\n'


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("x = 1\n", "docstring"),
        (DOC + "x = " + "1" * 97 + "\n", "line length"),
        (DOC * 601, "module length"),
        (DOC + "def f():\n" + "    x = 1\n" * 60, "function length"),
        (DOC + "def f(a, b, c, *, d, e, g): pass\n", "parameters"),
        (DOC + "class A:\n    def f(self, a, b, c, d, e, g): pass\n", "parameters"),
        (DOC + "x = 1  # type: ignore\n", "ignore without code"),
        (DOC + "x = 1  # noqa\n", "ignore without code"),
        (DOC + "# ruff: noqa\n", "ignore without code"),
        (DOC + "# mypy: ignore-errors\n", "ignore without code"),
        (DOC + "x = 1  # pyright: ignore\n", "ignore without code"),
        (DOC + "x = 1  # noqa: S101  # type: ignore  # two, one bare\n", "ignore without code"),
        (DOC + "x = 1  # type: ignore[misc]\n", "ignore without reason"),
        (DOC + "x = 1  # noqa: S101, E501\n", "ignore without reason"),
        (DOC + "x = 1  # pyright: ignore[reportAny]\n", "ignore without reason"),
        (DOC + "# x = f(1)\n", "commented-out code"),
        (DOC + "# T\x4fDO later\n", "leftover"),
        (DOC + "# FIX\x4dE: later\n", "leftover"),
        (DOC + "path = '/w\x6frk/main'\n", "machine path"),
        (DOC + "path = '/r\x6fot/main'\n", "machine path"),
    ],
)
def test_an_untidy_place_is_found(source: str, rule: str) -> None:
    assert [rule] == rules(source)


@pytest.mark.parametrize(
    "source",
    [
        DOC + "x = " + "1" * 96 + "\n",
        DOC * 600,
        DOC + "def f():\n" + "    x = 1\n" * 59,
        DOC + "def f(a, b, c, *, d, e): pass\n",
        DOC + "class A:\n    def f(self, a, b, c, d, e, *rest, **more): pass\n",
        DOC + "@main.command('run')\ndef run(a, b, c, d, e, f, g): pass\n",
        DOC + "x = 1  # type: ignore[misc]  # the stubs of lmdb say too little\n",
        DOC + "x = 1  # noqa: S101 - a test asserts\n",
        DOC + "x = 1  # type: ignore[misc]  # pyright: ignore[reportAny]  # one reason for both\n",
        DOC + "x = " + "1" * 96 + "  # noqa: E501  # the ignore itself does not count\n",
        DOC + "# The maker first, then the taker (see [EVT-1]).\n",
    ],
)
def test_a_tidy_place_passes(source: str) -> None:
    assert [] == rules(source)


@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "from os import path",
        "return x",
        "raise ValueError('x')",
        "if x > 1:",
        "else:",
        "except ValueError:",
        "for x in rows:",
        "x = 1",
        "self.total += 1",
        "rows[1] = 2",
        "f(x)",
        "self.book.add(order)",
        "def f(x):",
        "pass",
        "print(x)",
    ],
)
def test_code_in_a_comment_is_found(text: str) -> None:
    assert is_code(text)


@pytest.mark.parametrize(
    "text",
    [
        "if the book is empty there is nothing to do",
        "for each maker: the fee, then the rebate",
        "import of a journal starts here",
        "return what is left",
        "maker before taker",
        "x == y holds here",
        "see [ORD-5]",
        "pass: the next one decides",
        "a (b) c",
        "def is a keyword",
        "with fsync, one per batch",
        "try the newest first",
        "1. decode",
        "",
        "O(log levels)",
    ],
)
def test_words_in_a_comment_are_not_code(text: str) -> None:
    assert not is_code(text)


@pytest.mark.parametrize(
    ("depth", "body"),
    [
        (0, "x = 1"),
        (1, "if a: pass\nelif b: pass\nelif c: pass\nelse: pass"),
        (1, "for a in b: pass\nwhile c: pass"),
        (2, "for a in b:\n  if c: pass"),
        (2, "try:\n  pass\nexcept E:\n  if a: pass"),
        (2, "if a: pass\nelse:\n  x = 1\n  if b: pass"),
        (2, "match a:\n  case 1:\n    for x in a: pass"),
        (1, "with a:\n  with b:\n    if c: pass"),
        (1, "def f():\n  if a: pass\nif b: pass"),
        (3, "while a:\n  for b in c:\n    try: pass\n    finally: pass"),
        (4, "while a:\n  for b in c:\n    try: pass\n    finally:\n      if d: pass"),
    ],
)
def test_nesting_counts_control_blocks(depth: int, body: str) -> None:
    assert depth == nesting(ast.parse(body).body)


def test_a_function_with_deep_nesting_is_found() -> None:
    body = (
        "    for a in b:\n        for c in a:\n            for d in c:\n                if d: f()\n"
    )
    assert ["nesting"] == rules(f"{DOC}def f(b):\n{body}")


def test_a_place_names_file_line_and_rule() -> None:
    (place,) = check_python("x.py", DOC + "def f(a, b, c, d, e, g): pass\n")
    assert "x.py:2: parameters: f" == str(place)

"""The suite runs the build it was told to run: `make test` the sources, `make test-c` the compiled.

Told apart by the files that the hot modules were loaded from, not by what anybody claims.
"""

import importlib
import importlib.machinery
import os
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXPECTED = os.environ.get("LOCKSTEP_EXPECT", "interpreted")
STAY_INTERPRETED = {"codes", "commands", "errors", "events", "ports"}


def hot_modules() -> list[str]:
    """Return the dotted names of the modules that pyproject.toml says are compiled."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    paths = project["tool"]["lockstep"]["compiled"]["modules"]
    return [".".join(Path(path).with_suffix("").parts[1:]) for path in paths]


def test_the_expected_build_is_one_that_exists() -> None:
    assert EXPECTED in {"interpreted", "compiled"}


@pytest.mark.parametrize("name", hot_modules())
def test_a_hot_module_is_loaded_from_the_expected_build(name: str) -> None:
    file = importlib.import_module(name).__file__ or ""
    is_compiled = file.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES))
    assert EXPECTED == ("compiled" if is_compiled else "interpreted"), f"{name} is {file}"


def test_all_packages_are_loaded_from_one_place() -> None:
    built = ROOT / "build"
    for name in hot_modules():
        package = Path(importlib.import_module(name.split(".")[0]).__file__ or "")
        assert (EXPECTED == "compiled") == package.is_relative_to(built), f"{name} is {package}"


def test_no_compiled_file_hides_a_source() -> None:
    folders = ("engine", "journal", "replay", "validator", "runtime", "desk")
    patterns = ("*.so", "*.pyd")
    found = [file for f in folders for pattern in patterns for file in (ROOT / f).rglob(pattern)]
    assert [] == found


def test_structs_and_runtime_protocols_stay_interpreted() -> None:
    assert set() == {name.rsplit(".", 1)[-1] for name in hot_modules()} & STAY_INTERPRETED

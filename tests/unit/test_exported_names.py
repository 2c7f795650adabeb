"""What each package exports is a promise: a change of it is made on purpose.

`__all__` of every package is compared with tests/golden/exported_names.txt. After a wanted change,
`make record` writes that file anew; the changed lines belong in CHANGELOG.md.
"""

import importlib
import os
from difflib import unified_diff
from pathlib import Path

import pytest

PINNED = Path(__file__).parents[1] / "golden" / "exported_names.txt"
PACKAGES = (
    "lockstep_desk",
    "lockstep_desk.adapters.exchange",
    "lockstep_desk.backtest",
    "lockstep_desk.fund",
    "lockstep_desk.recon",
    "lockstep_desk.pipeline",
    "lockstep_desk.reports",
    "lockstep_desk.risk",
    "lockstep_desk.stats",
    "lockstep_desk.strategy",
    "lockstep_engine",
    "lockstep_journal",
    "lockstep_kernel",
    "lockstep_naive",
    "lockstep_replay",
    "lockstep_runtime",
    "lockstep_validator",
)


def exported(package: str) -> list[str]:
    """Return the names that the package says it exports."""
    module = importlib.import_module(package)
    names: list[str] = module.__all__
    return names


def as_text() -> str:
    return "".join(
        f"{package}.{name}\n" for package in PACKAGES for name in sorted(exported(package))
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_lists_what_it_exports(package: str) -> None:
    assert hasattr(importlib.import_module(package), "__all__"), f"{package} has no __all__"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_exported_name_exists_once_and_is_public(package: str) -> None:
    names = exported(package)
    module = importlib.import_module(package)
    assert [] == [name for name in names if not hasattr(module, name)], f"missing in {package}"
    assert [] == [name for name in names if names.count(name) > 1], f"twice in {package}"
    assert [] == [name for name in names if name.startswith("_")], f"private in {package}"


def test_the_exported_names_are_the_pinned_ones() -> None:
    text = as_text()
    if os.environ.get("LOCKSTEP_RECORD") == "1":
        PINNED.write_text(text, encoding="utf-8")
    pinned = PINNED.read_text(encoding="utf-8") if PINNED.exists() else ""
    difference = "\n".join(
        unified_diff(pinned.splitlines(), text.splitlines(), "pinned", "exported", n=0, lineterm="")
    )
    assert "" == difference, f"\n{difference}\nIf this is wanted, run `make record`."

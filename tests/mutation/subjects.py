"""The modules that are mutated, the most important first, and the tests that judge their mutants.

Few tests, so that a mutant takes seconds: subjects of the contract, and, behind a slash, what only
the engine can be asked. The short flows compare the engine with the naive machine after every
command and judge all of them.
"""

from pathlib import Path
from typing import Final

ROOT = Path(__file__).parents[2]
_ENGINE = "lockstep_engine."
_CONTRACT = "tests/contract/exchange/test_{}.py"
_UNIT = "tests/unit/engine/test_{}.py"
_ALWAYS = "tests/mutation/test_short_flows.py"

_JUDGES: Final = {
    "money.bounds": "money bounds extreme_values admission block funding",
    "money.cash": "money fees debt",
    "money.fees": "fees money bounds",
    "money.settle": "positions money fees settlement unit/stale_margin",
    "money.exposure": "bounds",
    "access.nonces": "nonces block",
    "matching.sweep": (
        "matching fees positions self_trade reduce_only mmp mmp_sweeps bounds relief money"
        " unit/stale_margin"
    ),
    "matching.reduce_only": "reduce_only admission bounds margin_admission block",
    "matching.self_trade": "self_trade",
    "matching.fill_or_kill": "fill_or_kill mmp mmp_sweeps",
    "matching.protection": "mmp mmp_config mmp_sweeps",
    "protection": "mmp mmp_config mmp_sweeps unit/protection",
    "operations.mmp": "mmp mmp_config relief unit/stale_margin",
    "matching.relief": "relief deleveraging",
    "matching.reports": "matching amend cancel replace mass_quote",
}

MODULES = tuple(_JUDGES)
"""Their names, below the engine's package."""


def full(name: str) -> str:
    """Return the name under which a module is imported."""
    return _ENGINE + name


def path_of(name: str) -> Path:
    """Return the file of a module."""
    return ROOT / "engine" / Path(*full(name).split(".")).with_suffix(".py")


def judges_of(name: str) -> list[str]:
    """Return the files of the tests that judge the mutants of a module."""
    return [*map(_judge, _JUDGES[name].split()), _ALWAYS]


def _judge(subject: str) -> str:
    folder, _slash, short = subject.rpartition("/")
    return (_UNIT if folder else _CONTRACT).format(short)

"""Backtests: one run, many at a time over processes, and runs beside each other.

Names are loaded when they are first used, so that a program's `--help` loads none of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lockstep_desk.backtest.compare import (
        all_curves,
        all_sheets,
        comparison,
        comparison_html,
        comparison_json,
        ranked,
    )
    from lockstep_desk.backtest.config import load_plan, parse_plan
    from lockstep_desk.backtest.many import HowToRun, MultiBacktestSummary, run_many
    from lockstep_desk.backtest.plan import Plan, Run, Shared
    from lockstep_desk.backtest.result import BacktestResult
    from lockstep_desk.backtest.run import run_one

_HOMES = {
    "compare": (
        *("all_curves", "all_sheets", "comparison", "comparison_html", "comparison_json"),
        "ranked",
    ),
    "config": ("load_plan", "parse_plan"),
    "many": ("HowToRun", "MultiBacktestSummary", "run_many"),
    "plan": ("Plan", "Run", "Shared"),
    "result": ("BacktestResult",),
    "run": ("run_one",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "load_plan",
    "parse_plan",
    "Plan",
    "Shared",
    "Run",
    "run_one",
    "BacktestResult",
    "run_many",
    "HowToRun",
    "MultiBacktestSummary",
    "ranked",
    "comparison",
    "all_sheets",
    "all_curves",
    "comparison_json",
    "comparison_html",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module, once."""
    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value

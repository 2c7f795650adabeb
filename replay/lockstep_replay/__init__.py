"""The replay: recover a journal, look into its past, compare two histories, for any machine.

Names are loaded when they are first used, so that a program's `--help` does not load LMDB.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lockstep_replay.comparison import (
        Comparison,
        Divergence,
        changes_between,
        compare,
        state_changes,
    )
    from lockstep_replay.execution import Execution, ImportVerifier
    from lockstep_replay.history import (
        Filter,
        Step,
        plain_step,
        recomputed_events,
        steps,
    )
    from lockstep_replay.live import Live, LiveOptions, begin, resume
    from lockstep_replay.recovery import Recovery, recover, recover_from, seek
    from lockstep_replay.stats import HistoryStatistics, history_statistics
    from lockstep_replay.views import (
        CanExplain,
        HasLabels,
        HasViews,
        Views,
        entity_rows,
        explanation_of,
        label_of,
        views_of,
    )

_HOMES = {
    "comparison": ("Comparison", "Divergence", "changes_between", "compare", "state_changes"),
    "execution": ("Execution", "ImportVerifier"),
    "history": ("Filter", "Step", "plain_step", "recomputed_events", "steps"),
    "live": ("Live", "LiveOptions", "begin", "resume"),
    "recovery": ("Recovery", "recover", "recover_from", "seek"),
    "stats": ("HistoryStatistics", "history_statistics"),
    "views": (
        "CanExplain",
        "HasLabels",
        "HasViews",
        "Views",
        "entity_rows",
        "explanation_of",
        "label_of",
        "views_of",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "CanExplain",
    "Comparison",
    "Divergence",
    "Execution",
    "Filter",
    "HasLabels",
    "HasViews",
    "HistoryStatistics",
    "ImportVerifier",
    "Live",
    "LiveOptions",
    "Recovery",
    "Step",
    "Views",
    "begin",
    "changes_between",
    "compare",
    "entity_rows",
    "explanation_of",
    "history_statistics",
    "label_of",
    "plain_step",
    "recomputed_events",
    "recover",
    "recover_from",
    "resume",
    "seek",
    "state_changes",
    "steps",
    "views_of",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module, once."""
    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value

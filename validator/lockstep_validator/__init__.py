"""The independent validator: re-executes a stream and compares every hash.

It owns the verdict on a stream and the report of its first divergence. It never writes to what it
reads, opens no journal itself (a child process does), and knows machines by the kernel only.

Names are loaded when they are first used, and nothing is imported before: the program's guard
against Ctrl-C stands in a module of this package.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lockstep_validator.evidence.checking import Checked, check_proof
    from lockstep_validator.evidence.keys import Keys, SignedHead, read_keys
    from lockstep_validator.evidence.proofs import NotProved
    from lockstep_validator.evidence.proving import (
        Proved,
        prove_consistency,
        prove_equivocation,
        prove_fraud,
        prove_inclusion,
    )
    from lockstep_validator.options import Mark, Options, parse_mark
    from lockstep_validator.report import as_json, as_text
    from lockstep_validator.session import validate
    from lockstep_validator.source import Readable, Source
    from lockstep_validator.verdict import Divergence, EntityChange, Status, Verdict

_HOMES = {
    "evidence.checking": ("Checked", "check_proof"),
    "evidence.keys": ("Keys", "SignedHead", "read_keys"),
    "evidence.proofs": ("NotProved",),
    "evidence.proving": (
        *("Proved", "prove_consistency", "prove_equivocation", "prove_fraud", "prove_inclusion"),
    ),
    "options": ("Mark", "Options", "parse_mark"),
    "report": ("as_json", "as_text"),
    "session": ("validate",),
    "source": ("Readable", "Source"),
    "verdict": ("Divergence", "EntityChange", "Status", "Verdict"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Checked",
    "Divergence",
    "EntityChange",
    "Keys",
    "Mark",
    "NotProved",
    "Options",
    "Proved",
    "Readable",
    "SignedHead",
    "Source",
    "Status",
    "Verdict",
    "as_json",
    "as_text",
    "check_proof",
    "parse_mark",
    "prove_consistency",
    "prove_equivocation",
    "prove_fraud",
    "prove_inclusion",
    "read_keys",
    "validate",
]


def __getattr__(name: str) -> object:
    """Load a public name from its module, once."""
    from importlib import import_module

    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value

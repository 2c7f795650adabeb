"""The independent validator: re-executes a stream and compares every hash.

It owns the verdict on a stream and the report of its first divergence. It never writes to what it
reads, opens no journal itself (a child process does), and knows machines by the kernel only.
"""

from lockstep_validator.options import Mark, Options, parse_mark
from lockstep_validator.report import as_json, as_text
from lockstep_validator.session import validate
from lockstep_validator.source import Readable, Source
from lockstep_validator.verdict import Divergence, EntityChange, Status, Verdict

__all__ = [
    "Divergence",
    "EntityChange",
    "Mark",
    "Options",
    "Readable",
    "Source",
    "Status",
    "Verdict",
    "as_json",
    "as_text",
    "parse_mark",
    "validate",
]

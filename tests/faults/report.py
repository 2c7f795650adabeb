"""The filled scorecard as a page of the documents."""

import platform
import sys
from collections.abc import Sequence
from importlib import metadata

import lmdb

from tests.faults.scorecard import REPLICATION, Row, total

_HEAD = """\
# Scorecard

What Lockstep was put through, and what came of it. `make faults` fills this table: the full form of
`python -m tests.faults --write docs/scorecard.md`; `make check` runs a sample of each check. The
program under test is the real one: sequencer, journal on LMDB and exchange, and the programs as a
user starts them. A check that fired no fault has failed. A run is one writer, image, flip, file or
command; a fault fired is one that took effect.

| | fault | pass mark | runs | faults fired | result | s |
|---|---|---|--:|--:|---|--:|
"""


def document(rows: Sequence[Row], *, is_full: bool) -> str:
    """Return the table as Markdown, with the machine it was filled on, and no date."""
    lines = [
        f"| {row.id} | {row.fault} | {row.pass_mark} | {row.runs:,} | {row.fired:,} "
        f"| {row.result} | {row.seconds:.1f} |\n"
        for row in rows
    ]
    lines.append(f"| R1-R3 | a standby is cut off, frames are lost | | | | {REPLICATION} | |\n")
    form = "full" if is_full else "short"
    notes = [f"- {row.id}: {note}.\n" for row in rows for note in row.notes]
    wrong = [f"- {row.id}: {sentence}.\n" for row in rows for sentence in row.why]
    return "".join(
        [
            _HEAD,
            *lines,
            f"\nThe {form} form: {total(rows)}.\n\nFilled on {_machine()}.\n",
            *(["\nWhat was seen:\n\n", *notes] if notes else []),
            *(["\nWhat is wrong:\n\n", *wrong] if wrong else []),
        ]
    )


def _machine() -> str:
    library = ".".join(map(str, lmdb.version()))
    return (
        f"{platform.system()} {platform.release()}, {platform.machine()}, "
        f"Python {platform.python_version()}, liblmdb {library} of py-lmdb "
        f"{metadata.version('lmdb')}{', -O' if sys.flags.optimize else ''}"
    )

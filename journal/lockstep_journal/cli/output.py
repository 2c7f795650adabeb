"""How the command lines of journal and replay speak: data on stdout, progress on stderr.

On a terminal data is a table; into a file or pipe it is one item a line, its columns apart by tabs;
with `--json` it is JSON, a document or one a line. In text a name says the unit of its value as it
is shown there: a time is in UTC.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from lockstep_journal.values import Plain

_PAUSE_S = 0.1
_NS = 1_000_000_000
_TEXT_NAMES = {"digest_every": "digest_every_commands", "snapshots": "snapshot_seqs"}
"""What the text calls a field whose own name does not say what its numbers count."""


def put_json(value: Plain) -> None:
    """Write one JSON document in a line."""
    print(json.dumps(value, ensure_ascii=False))


def put_report(report: Mapping[str, Plain], is_json: bool) -> None:
    """Write named values."""
    if is_json:
        put_json(dict(report))
        return
    rows = [
        {"name": _text_name(name, value), "value": _named_cell(name, value)}
        for name, value in report.items()
    ]
    if sys.stdout.isatty():
        put_table(rows, "", has_header=False)
        return
    for row in rows:
        print(f"{row['name']}\t{row['value']}")


def put_table(rows: Sequence[Mapping[str, Plain]], title: str, has_header: bool = True) -> None:
    """Write rows that have the same columns; an empty table is its title alone."""
    columns = list(rows[0]) if rows else []
    titles = [_text_name(column, rows[0][column]) for column in columns]
    if not sys.stdout.isatty():
        if has_header and columns:
            print("\t".join(titles))
        for row in rows:
            print("\t".join(_named_cell(column, row[column]) for column in columns))
        return
    # Only a terminal needs it, and it takes a while to load.
    from rich.console import Console
    from rich.table import Table

    table = Table(*titles, title=title or None, show_header=has_header)
    for row in rows:
        table.add_row(*(_named_cell(column, row[column]) for column in columns))
    Console().print(table)


def utc(ts_ns: int) -> str:
    """Return a time in words that sort, to the nanosecond.

    >>> utc(1_700_000_000_000_000_001)
    '2023-11-14T22:13:20.000000001Z'
    """
    seconds, rest = divmod(ts_ns, _NS)
    try:
        text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError):
        return f"{ts_ns} ns"
    return f"{text}.{rest:09d}Z"


class Progress:
    """One line on stderr that is written over; nothing where stderr is no terminal."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._is_on = sys.stderr.isatty()
        self._next_s = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Say how far the work is, at most ten times a second."""
        if self._is_on and time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + _PAUSE_S
            print(f"\r{self._what}: {done:,} of {total:,}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Wipe the line."""
        if self._is_on and self._next_s:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)


def _text_name(name: str, value: Plain) -> str:
    """Return the name of a value in text, with the unit that it has there.

    >>> _text_name("last_ts_ns", 1), _text_name("digest_every", 1), _text_name("snapshots", [3])
    ('last_time_utc', 'digest_every_commands', 'snapshot_seqs')
    """
    if "ts_ns" in name and isinstance(value, int):
        return name.replace("ts_ns", "time_utc")
    if name == "snapshots" and not isinstance(value, list):
        return name
    return _TEXT_NAMES.get(name, name)


def _named_cell(name: str, value: Plain) -> str:
    if "ts_ns" in name and isinstance(value, int):
        return utc(value)
    if name == "snapshots" and isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return _cell(value)


def _cell(value: Plain) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case int() | float():
            return str(value)
        case _:
            return json.dumps(value, ensure_ascii=False)

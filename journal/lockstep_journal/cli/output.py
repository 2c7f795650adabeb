"""How the command lines of journal and replay speak: data on stdout, progress on stderr.

On a terminal data is a table; into a file or pipe it is one item a line, its columns apart by tabs;
with `--json` it is JSON, a document or one a line.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from lockstep_journal.values import Plain

_PAUSE_S = 0.1
_NS = 1_000_000_000


def put_json(value: Plain) -> None:
    """Write one JSON document in a line."""
    print(json.dumps(value, ensure_ascii=False))


def put_report(report: Mapping[str, Plain], is_json: bool) -> None:
    """Write named values."""
    if is_json:
        put_json(dict(report))
        return
    rows = [{"name": name, "value": _named_cell(name, value)} for name, value in report.items()]
    if sys.stdout.isatty():
        put_table(rows, "", has_header=False)
        return
    for row in rows:
        print(f"{row['name']}\t{row['value']}")


def put_table(rows: Sequence[Mapping[str, Plain]], title: str, has_header: bool = True) -> None:
    """Write rows that have the same columns; an empty table is its title alone."""
    columns = list(rows[0]) if rows else []
    if not sys.stdout.isatty():
        if has_header and columns:
            print("\t".join(columns))
        for row in rows:
            print("\t".join(_named_cell(column, row[column]) for column in columns))
        return
    # Only a terminal needs it, and it takes a while to load.
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, title=title or None, show_header=has_header)
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

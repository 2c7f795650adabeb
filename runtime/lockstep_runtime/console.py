"""How the commands of this package speak: data on stdout, progress and messages on stderr.

A table is drawn by rich on a terminal, and is plain aligned text anywhere else.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence

Cell = int | float | str | bool | None
_PAUSE_S = 0.1


def show_json(value: object) -> None:
    """Write one JSON document in a line."""
    print(json.dumps(value, ensure_ascii=False))


def show_values(values: Mapping[str, Cell], title: str = "") -> None:
    """Write named values, one below the other."""
    show_table(("", ""), [(name, value) for name, value in values.items()], title)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], title: str = "") -> None:
    """Write rows under their columns; no heading if all columns are nameless."""
    cells = [[as_text(cell) for cell in row] for row in rows]
    has_heading = any(columns)
    if sys.stdout.isatty():
        _draw(columns if has_heading else None, cells, title)
        return
    lines = [list(columns), *cells] if has_heading else cells
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    if title:
        print(title)
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


def as_text(cell: Cell) -> str:
    """Return a cell as people read it.

    >>> [as_text(cell) for cell in (1234567, 0.25, "x", True, None)]
    ['1,234,567', '0.25', 'x', 'yes', '-']
    """
    match cell:
        case None:
            return "-"
        case bool():
            return "yes" if cell else "no"
        case int():
            return f"{cell:,}"
        case float():
            return f"{cell:.2f}"
        case str():
            return cell


def say(sentence: str) -> None:
    """Write a message."""
    print(sentence, file=sys.stderr, flush=True)


class _Line:
    """One line on stderr that is written over; nothing where stderr is no terminal."""

    def __init__(self) -> None:
        self._is_on = sys.stderr.isatty()
        self._started_s = self._next_s = time.monotonic()

    def _is_due(self, now_s: float) -> bool:
        """Return whether to write now: on a terminal, at most ten times a second."""
        if not self._is_on or now_s < self._next_s:
            return False
        self._next_s = now_s + _PAUSE_S
        return True

    def _write(self, text: str) -> None:
        print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Wipe the line."""
        if self._is_on:
            self._write("")


class Progress(_Line):
    """How far the work is and how fast, in a line that is written over."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what
        self._first: int | None = None

    def __call__(self, done: int) -> None:
        """Say how many commands are done."""
        if self._first is None:
            self._first = done
        now_s = time.monotonic()
        if self._is_due(now_s):
            rate = (done - self._first) / max(now_s - self._started_s, _PAUSE_S)
            self._write(f"{self._what}: {done:,} commands, {rate:,.0f}/s")


class Waiting(_Line):
    """How many jobs of others are done and how long they run, in a line that is written over."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what

    def __call__(self, done: int, jobs: int) -> None:
        """Say how many of the jobs are done."""
        now_s = time.monotonic()
        if self._is_due(now_s):
            self._write(f"{self._what}: {done} of {jobs} done, {now_s - self._started_s:.0f} s")


def _draw(columns: Sequence[str] | None, cells: Sequence[Sequence[str]], title: str) -> None:
    # Only a terminal needs it, and it takes a while to load.
    from rich.console import Console
    from rich.table import Table

    table = Table(*(columns or ()), title=title or None, show_header=columns is not None)
    for row in cells:
        table.add_row(*row)
    Console().print(table)

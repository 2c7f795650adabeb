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


class Progress:
    """One line on stderr that is written over; nothing where stderr is no terminal."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._is_on = sys.stderr.isatty()
        self._started_s = self._next_s = time.monotonic()
        self._first: int | None = None

    def __call__(self, done: int) -> None:
        """Say how far the work is, at most ten times a second."""
        if self._first is None:
            self._first = done
        now_s = time.monotonic()
        if self._is_on and now_s >= self._next_s:
            self._next_s = now_s + _PAUSE_S
            rate = (done - self._first) / max(now_s - self._started_s, _PAUSE_S)
            line = f"\r\x1b[2K{self._what}: {done:,} commands, {rate:,.0f}/s"
            print(line, end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Wipe the line."""
        if self._is_on:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)


def _draw(columns: Sequence[str] | None, cells: Sequence[Sequence[str]], title: str) -> None:
    # Only a terminal needs it, and it takes a while to load.
    from rich.console import Console
    from rich.table import Table

    table = Table(*(columns or ()), title=title or None, show_header=columns is not None)
    for row in cells:
        table.add_row(*row)
    Console().print(table)

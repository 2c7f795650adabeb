"""The summary as a table on a terminal, with colours where there are some."""

from typing import TYPE_CHECKING

from lockstep_desk.stats.display import Row, asset_rows, sheet_rows
from lockstep_desk.stats.summary import TradingSummary

if TYPE_CHECKING:
    from rich.console import Console

_COLOURED = ("profit", "return")


def print_summary(console: "Console", summary: TradingSummary) -> None:
    """Print all sheets, then all assets; losses red, gains green."""
    for rows in (sheet_rows(summary.sheets), asset_rows(summary.assets)):
        if len(rows[0]) > 1:
            _print(console, rows)


def _print(console: "Console", rows: list[Row]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for place, name in enumerate(rows[0]):
        # Text, not markup: a name may hold brackets.
        table.add_column(Text(name), justify="right" if place else "left", no_wrap=True)
    for row in rows[1:]:
        cells = [Text(cell, style=_style(row[0], cell)) for cell in row[1:]]
        table.add_row(Text(row[0]), *cells)
    console.print(table)


def _style(name: str, cell: str) -> str:
    if name not in _COLOURED or not any(digit in cell for digit in "123456789"):
        return ""
    return "red" if cell.startswith("-") else "green"

"""The summary as text: one column per sheet, one row per number (DESK-85).

Owns the form alone: every number is taken from the sheets as it is. Money and shares are integers,
rounded half to even at their last shown digit; what says nothing is a dash.
"""

from collections.abc import Callable, Sequence

from lockstep_desk.stats.summary import TradingSummary
from lockstep_desk.stats.tearsheet import AssetSheet, TearSheet
from lockstep_kernel.arith import div_half_even

_NOTHING = "-"
_SECOND_NS = 1_000_000_000

Row = tuple[str, ...]
"""The name of a number, then its value in each sheet."""


def money(amount_e9: int | None) -> str:
    """Return an amount in units with two decimals.

    >>> money(-1_234_567_000_000), money(None)
    ('-1,234.57', '-')
    """
    if amount_e9 is None:
        return _NOTHING
    cents = div_half_even(amount_e9, 10**7)
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02}"


def decimal(number: int, digits: int) -> str:
    """Return a number of so many digits behind the point, exactly, without zeros at its end.

    >>> decimal(-1_250_000, 8), decimal(300_000_000, 8)
    ('-0.0125', '3')
    """
    whole, rest = divmod(abs(number), 10**digits)
    behind = f".{rest:0{digits}}".rstrip("0").rstrip(".") if digits else ""
    return f"{'-' if number < 0 else ''}{whole:,}{behind}"


def percent(share_e9: int | None) -> str:
    """Return a share of 1e-9 in percent with two decimals.

    >>> percent(123_456_789)
    '12.35 %'
    """
    return _NOTHING if share_e9 is None else f"{money(100 * share_e9)} %"


def ratio(value: float | None) -> str:
    """Return a ratio with three decimals."""
    return _NOTHING if value is None else f"{value:.3f}"


def duration(length_ns: int) -> str:
    """Return a duration in days, hours, minutes and seconds, without those that are zero.

    >>> duration(90_061 * 10**9), duration(7_200 * 10**9), duration(0)
    ('1d 1h 1m 1s', '2h', '0s')
    """
    seconds = div_half_even(length_ns, _SECOND_NS)
    parts = (
        (seconds // 86_400, "d"),
        (seconds // 3_600 % 24, "h"),
        (seconds // 60 % 60, "m"),
        (seconds % 60, "s"),
    )
    return " ".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


_SHEET_ROWS: tuple[tuple[str, Callable[[TearSheet], str]], ...] = (
    ("capital", lambda s: money(s.capital_e9)),
    ("equity", lambda s: money(s.equity_e9)),
    ("profit", lambda s: money(s.pnl_e9)),
    ("return", lambda s: percent(s.pnl_return_e9)),
    ("rate of return", lambda s: ratio(s.rate_of_return)),
    ("Sharpe", lambda s: ratio(s.sharpe)),
    ("Sortino", lambda s: ratio(s.sortino)),
    ("Sortino, downside", lambda s: ratio(s.sortino_downside)),
    ("Calmar", lambda s: ratio(s.calmar)),
    ("intervals", lambda s: str(s.returns.count)),
    ("drawdowns", lambda s: str(s.drawdown.count)),
    ("deepest drawdown", lambda s: percent(s.drawdown.depth_max_e9)),
    ("largest drawdown", lambda s: money(s.drawdown.money_max_e9)),
    ("mean drawdown", lambda s: percent(s.drawdown.depth_mean_e9)),
    ("mean drawdown takes", lambda s: duration(s.drawdown.duration_mean_ns)),
    ("trades", lambda s: str(s.trades.count)),
    ("win rate", lambda s: ratio(s.trades.win_rate)),
    ("profit factor", lambda s: ratio(s.trades.profit_factor)),
)

_ASSET_ROWS: tuple[tuple[str, Callable[[AssetSheet], str]], ...] = (
    ("balance", lambda s: money(s.balance_end_e9)),
    ("deepest drawdown", lambda s: percent(s.drawdown.depth_max_e9)),
    ("largest drawdown", lambda s: money(s.drawdown.money_max_e9)),
)


def sheet_rows(sheets: Sequence[TearSheet]) -> list[Row]:
    """Return the heading and all rows of sheets, as text."""
    heading = ("", *(sheet.name for sheet in sheets))
    return [heading, *((name, *map(shown, sheets)) for name, shown in _SHEET_ROWS)]


def asset_rows(assets: Sequence[AssetSheet]) -> list[Row]:
    """Return the heading and all rows of assets, as text."""
    heading = ("", *(asset.name for asset in assets))
    return [heading, *((name, *map(shown, assets)) for name, shown in _ASSET_ROWS)]


def as_text(summary: TradingSummary) -> str:
    """Return the whole summary as a table of plain text, each column as wide as it must be."""
    tables = [sheet_rows(summary.sheets), asset_rows(summary.assets)]
    return "\n".join(aligned(rows) for rows in tables if len(rows[0]) > 1)


def aligned(rows: Sequence[Row]) -> str:
    """Return rows as lines: names to the left, values to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        row[0].ljust(widths[0])
        + "".join(f"  {cell.rjust(width)}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)

"""Runs beside each other: one sheet per run, and all sheets of all runs for a page.

Owns the order: by profit, the best first, then by id. The numbers are those of the sheets.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

from lockstep_desk.backtest.many import MultiBacktestSummary
from lockstep_desk.backtest.result import BacktestResult
from lockstep_desk.backtest.scores import PORTFOLIO
from lockstep_desk.reports import Curve, as_html
from lockstep_desk.stats import TearSheet, TradingSummary
from lockstep_desk.stats.display import decimal, money


def ranked(results: Sequence[BacktestResult]) -> list[BacktestResult]:
    """Return results by the profit of their portfolios, the best first."""
    return sorted(results, key=lambda result: (-result.portfolio.pnl_e9, result.run_id))


def comparison(results: Sequence[BacktestResult]) -> TradingSummary:
    """Return one sheet per run, called by its id, in the order of `ranked`."""
    sheets = [replace(one.portfolio, name=one.run_id) for one in ranked(results)]
    return _summary(results, sheets)


def all_sheets(results: Sequence[BacktestResult]) -> TradingSummary:
    """Return every sheet of every run: those of traders are called RUN/TRADER."""
    sheets = [
        replace(sheet, name=_name(one.run_id, sheet.name))
        for one in ranked(results)
        for sheet in one.summary.sheets
    ]
    return _summary(results, sheets)


def all_curves(results: Sequence[BacktestResult]) -> list[Curve]:
    """Return every curve of every run, under the names of `all_sheets`."""
    return [
        replace(curve, name=_name(one.run_id, curve.name))
        for one in ranked(results)
        for curve in one.curves
    ]


def comparison_json(found: MultiBacktestSummary) -> str:
    """Return all runs as one JSON object in a line: equal plans give equal bytes."""
    plain = {
        "num": found.num,
        "ranking": [one.run_id for one in ranked(found.results)],
        "runs": [one.plain() for one in found.results],
    }
    return json.dumps(plain, allow_nan=False, ensure_ascii=False)


def comparison_html(title: str, found: MultiBacktestSummary) -> str:
    """Return all runs as one page: profit by trader, all sheets, books, equity and drawdown."""
    results = found.results
    tables = [("Accounts", books_rows(results)), ("Runs", hash_rows(results))]
    if any(one.refusals for one in results):
        tables.append(("Refused orders", refusal_rows(results)))
    return as_html(title, all_sheets(results), all_curves(results), tables)


def hash_rows(results: Sequence[BacktestResult]) -> list[tuple[str, ...]]:
    """Return a heading and, for each run of `ranked`, what happened in it and its final hashes."""
    heading = (
        *("run", "events", "intents", "refused", "rejected", "fills"),
        *("desk hash", "exchange hash"),
    )
    rows: list[tuple[str, ...]] = [heading]
    rows += [
        (
            *(one.run_id, f"{one.events:,}", f"{one.intents:,}"),
            *(f"{one.refused:,}", f"{one.rejected:,}", f"{one.fills:,}"),
            *(one.desk_hash[:16], one.exchange_hash[:16]),
        )
        for one in ranked(results)
    ]
    return rows


def books_rows(results: Sequence[BacktestResult]) -> list[tuple[str, ...]]:
    """Return a heading and, for each account of each run of `ranked`, its books at the end."""
    heading = ("account", "capital", "cash", "fees", "funding", "holds")
    rows: list[tuple[str, ...]] = [heading]
    for one in ranked(results):
        for books in one.books:
            money_e9 = (books.capital_e9, books.cash_e9, books.fees_e9, books.funding_e9)
            held = ", ".join(f"{decimal(qty, 8)} {name}" for name, qty in books.positions)
            rows.append((f"{one.run_id}/{books.account}", *map(money, money_e9), held or "-"))
    return rows


def refusal_rows(results: Sequence[BacktestResult]) -> list[tuple[str, ...]]:
    """Return a heading and, by run, how many orders came to nothing or passed a limit."""
    rows: list[tuple[str, ...]] = [("run", "refused or warned by", "orders")]
    for one in ranked(results):
        rows += [(one.run_id, why, f"{count:,}") for why, count in one.refusals]
    return rows


def _name(run_id: str, sheet: str) -> str:
    return run_id if sheet == PORTFOLIO else f"{run_id}/{sheet}"


def _summary(results: Sequence[BacktestResult], sheets: Sequence[TearSheet]) -> TradingSummary:
    return TradingSummary(
        start_ns=min(one.summary.start_ns for one in results),
        end_ns=max(one.summary.end_ns for one in results),
        sheets=tuple(sheets),
        assets=(),
    )

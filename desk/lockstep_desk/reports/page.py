"""The report of a run as one HTML file, and as JSON.

Owns the page: summary, equity and drawdown of each sheet, profit by sheet. It needs nothing beside
itself, runs no script, and the same run gives the same bytes. Every name is escaped.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

from lockstep_desk.reports.chart import Band, Bar, Line, bar_chart, line_chart
from lockstep_desk.reports.curve import Curve
from lockstep_desk.stats.display import Row, asset_rows, money, percent, sheet_rows
from lockstep_desk.stats.summary import TradingSummary

_NS_PER_S = 1_000_000_000

_STYLE = """\
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #6a737d; --line: #d0d7de; --back: #fff;
  --equity: #0b62c4; --band: #0b62c433; --loss: #b3261e; --gain: #1a7f37; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --dim: #9198a1; --line: #30363d;
  --back: #0d1117; --equity: #58a6ff; --band: #58a6ff33; --loss: #ff7b72; --gain: #56d364; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back);
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums;
  display: block; overflow-x: auto; }
th, td { padding: 2px 12px; line-height: 22px; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--back); }
p.dim { margin: .5rem 0 0; }
svg { width: 100%; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: var(--dim); }
polyline { fill: none; stroke-width: 1.5; }
.equity { stroke: var(--equity); } .drawdown { stroke: var(--loss); } .band { fill: var(--band); }
.level { stroke: var(--line); } .zero { stroke: var(--dim); }
.gain { fill: var(--gain); } .loss { fill: var(--loss); }
.dim { color: var(--dim); }
"""


def as_json(summary: TradingSummary, curves: Sequence[Curve] = ()) -> str:
    """Return summary and curves as one JSON object; integers stay integers."""
    plain = {
        **summary.plain(),
        "curves": [
            {
                "name": curve.name,
                "capital_e9": curve.capital_e9,
                "columns": ["ts_ns", "last_e9", "low_e9", "high_e9", "depth_e9"],
                "steps": [
                    [step.ts_ns, step.last_e9, step.low_e9, step.high_e9, step.depth_e9]
                    for step in curve.steps
                ],
            }
            for curve in curves
        ],
    }
    return json.dumps(plain, allow_nan=False, indent=1) + "\n"


Table = tuple[str, Sequence[Row]]
"""A heading, and rows of which the first names the columns."""


def as_html(
    title: str,
    summary: TradingSummary,
    curves: Sequence[Curve] = (),
    tables: Sequence[Table] = (),
) -> str:
    """Return the report as a page, with further tables after the summary."""
    bars = [Bar(sheet.name, sheet.pnl_e9) for sheet in summary.sheets]
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="dim">{_time(summary.start_ns)} to {_time(summary.end_ns)}</p>',
        "<h2>Profit</h2>",
        bar_chart("profit by name", bars, money),
        "<h2>Summary</h2>",
        _table(sheet_rows(summary.sheets)),
    ]
    if summary.assets:
        parts += ["<h2>Assets</h2>", _table(asset_rows(summary.assets))]
    for heading, rows in tables:
        parts += [f"<h2>{escape(heading)}</h2>", _table(rows)]
    for curve in curves:
        parts += [f"<h2>{escape(curve.name)}</h2>", _caption("Equity"), _equity(curve)]
        parts += [_caption("Drawdown"), _drawdown(curve)]
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _caption(text: str) -> str:
    return f'<p class="dim">{text}</p>'


def _equity(curve: Curve) -> str:
    points = [(step.ts_ns, step.last_e9) for step in curve.steps]
    if curve.steps:
        points.append((curve.end_ns, curve.steps[-1].last_e9))
    band = Band([(step.ts_ns, step.low_e9, step.high_e9) for step in curve.steps])
    lines = [Line("equity", points)]
    return line_chart(f"equity of {curve.name}", lines, [band], money, _ends(curve))


def _drawdown(curve: Curve) -> str:
    points = [(step.ts_ns, -step.depth_e9) for step in curve.steps]
    if curve.steps:
        points.append((curve.end_ns, -curve.steps[-1].depth_e9))
    band = Band([(ts_ns, depth, 0) for ts_ns, depth in points])
    lines = [Line("drawdown", points)]
    return line_chart(f"drawdown of {curve.name}", lines, [band], percent, _ends(curve))


def _ends(curve: Curve) -> tuple[str, str]:
    return _time(curve.steps[0].ts_ns if curve.steps else 0), _time(curve.end_ns)


def _table(rows: Sequence[Row]) -> str:
    heading = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    lines = [f"<tr>{heading}</tr>"]
    for row in rows[1:]:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        lines.append(f"<tr><th>{escape(row[0])}</th>{cells}</tr>")
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def _time(ts_ns: int) -> str:
    """Return a time as UTC to the second; a date that no calendar has, as its number."""
    try:
        return datetime.fromtimestamp(ts_ns // _NS_PER_S, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"{ts_ns} ns"

"""The tables of a run: for people on stdout, and as Markdown for docs/benchmarks.md."""

from collections.abc import Sequence
from math import floor, log10
from pathlib import Path

import msgspec

from lockstep_kernel import CannotRunError
from lockstep_runtime.bench.summary import Spread, Summary
from lockstep_runtime.bench.workload import UNIT_FLOW
from lockstep_runtime.console import show_table

TABLE_BEGIN, TABLE_END = "<!-- bench table: begin -->", "<!-- bench table: end -->"
_LEFT_COLUMNS = 2


class Table(msgspec.Struct, frozen=True):
    """Rows of text under a head; all columns but the first two are numbers."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def tables_of(summary: Summary) -> list[Table]:
    """Return what is shown of a run."""
    tables = [
        _shares(summary),
        _aims(summary),
        _latency(summary),
        _others(summary),
        _admission(summary),
        _happened(summary),
        _rates(summary),
    ]
    return [table for table in tables if table.rows]


def intro_of(summary: Summary) -> list[str]:
    """Return the lines that stand before the tables."""
    unit = summary.floor_per_second
    floor = f"{unit.median / 1e6:.2f}M/s ({unit.low / 1e6:.2f} to {unit.high / 1e6:.2f})"
    size = (
        f"Median of {summary.rounds} rounds (lowest to highest), {summary.messages:,} timed "
        f"messages, {summary.batch:,} per synced transaction"
    )
    return [
        f"Command: {summary.command}",
        f"Machine: {summary.machine.text()}",
        size,
        f"Floor: a bare matcher, interpreted, on {UNIT_FLOW}: {floor}",
        *summary.notes,
    ]


def show(summary: Summary) -> None:
    """Print the run for people."""
    print("\n".join(intro_of(summary)))
    for table in tables_of(summary):
        print()
        show_table(table.head, table.rows, table.title)


def as_markdown(summary: Summary) -> str:
    """Return the run as Markdown."""
    parts = ["\n".join(f"- {line}" for line in intro_of(summary))]
    for table in tables_of(summary):
        aligned = [*["---"] * _LEFT_COLUMNS, *["--:"] * (len(table.head) - _LEFT_COLUMNS)]
        rows = [table.head, tuple(aligned), *table.rows]
        parts.append("\n".join([f"{table.title}:", "", *(f"| {' | '.join(r)} |" for r in rows)]))
    return "\n\n".join(parts) + "\n"


def check_document(path: Path) -> None:
    """Raise `CannotRunError` unless the tables can go into this file."""
    if path.exists():
        _cut(path)
    elif not path.absolute().parent.is_dir():
        raise CannotRunError(f"{path}: expected a folder for it, found none")


def write_document(path: Path, summary: Summary) -> None:
    """Write the tables between the two marks of a file; a new file holds nothing else."""
    before, after = _cut(path) if path.exists() else ("", "")
    tables = f"{TABLE_BEGIN}\n\n{as_markdown(summary)}\n{TABLE_END}"
    try:
        path.write_text(f"{before}{tables}{after or chr(10)}", "utf-8")
    except OSError as error:
        raise CannotRunError(f"{path}: cannot be written: {error.strerror}") from None


def _cut(path: Path) -> tuple[str, str]:
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise CannotRunError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise CannotRunError(
            f"{path}: expected text in UTF-8, found another byte at {error.start}"
        ) from None
    before, begin, rest = text.partition(TABLE_BEGIN)
    _old, end, after = rest.partition(TABLE_END)
    if not begin or not end:
        raise CannotRunError(f"{path}: expected the lines {TABLE_BEGIN} and {TABLE_END} in it")
    return before, after


def _shares(summary: Summary) -> Table:
    head = ("flow", "build", "apply", "durable", "recovery", "validation", "validation / apply")
    rows = [
        (
            *(one.flow, one.build),
            *(_share(one.share.apply), _share(one.share.durable)),
            *(_share(one.share.recovery), _share(one.share.validation)),
            _ratio(one.validation_of_apply),
        )
        for one in summary.flows
    ]
    return Table("Shares of the floor's speed", head, rows)


def _aims(summary: Summary) -> Table:
    rows = [
        (
            *(one.what, one.build),
            f"{'at least' if one.is_at_least else 'under'} {one.aim:g}",
            f"{one.found:.3g}",
            "met" if one.is_met else "missed",
        )
        for one in summary.aims
    ]
    return Table("Aims", ("what", "build", "aim", "median", "aim is"), rows)


def _latency(summary: Summary) -> Table:
    head = ("flow", "build", "live orders", "p50 us", "p99 us", "p99.9 us", "p99", "p99.9")
    rows = [
        (
            *(one.flow, one.build, " to ".join(f"{live:,}" for live in one.live_orders)),
            *(_microseconds(one.latency.p50_ns), _microseconds(one.latency.p99_ns)),
            _microseconds(one.latency.p99_9_ns),
            f"{_times(one.latency.p99_of_median)}",
            f"{_times(one.latency.p99_9_of_median)}",
        )
        for one in summary.flows
    ]
    return Table("Single calls of apply; the last two as multiples of the median", head, rows)


def _others(summary: Summary) -> Table:
    rows = [
        (f"{one.flow} / {UNIT_FLOW}, apply", one.build, _ratio(one.of_unit_flow))
        for one in summary.ratios
    ]
    rows += [
        (
            f"memory per resting order, {one.flow}, {one.orders:,} orders",
            one.build,
            f"{one.bytes_per_order:.0f} bytes",
        )
        for one in summary.memory
    ]
    return Table("Depth, breadth, options and memory", ("what", "build", "found"), rows)


def _rates(summary: Summary) -> Table:
    head = ("flow", "build", "messages", "apply", "durable", "recovery", "validation")
    rows = [
        (
            *(one.flow, one.build, f"{one.messages:,}"),
            *(_thousands(one.per_second.apply), _thousands(one.per_second.durable)),
            *(_thousands(one.per_second.recovery), _thousands(one.per_second.validation)),
        )
        for one in summary.flows
    ]
    return Table("Thousand commands per second (secondary: they depend on the machine)", head, rows)


def _admission(summary: Summary) -> Table:
    head = ("accounts", "build", "positions", "black76 us", "nothing moved", "index", "surface")
    rows = [
        (
            *(f"{one.accounts:,}", one.build, f"{one.positions:,}"),
            f"{one.black76_ns.median / 1000:.2f}",
            *(_times(one.unmoved), _times(one.after_index), _times(one.after_surface)),
        )
        for one in summary.admission
    ]
    return Table("Admission by what moved before, as multiples of one black76", head, rows)


def _happened(summary: Summary) -> Table:
    head = ("flow", "commands", "index updates", "orders", "quotes kept", "trades")
    first = [one for one in summary.flows if one.build == summary.builds[0]]
    rows = [
        (
            *(one.flow, f"{one.happened.commands:,}", f"{one.happened.index_updates:,}"),
            *(f"{one.happened.orders:,}", f"{one.happened.kept_quotes:,}"),
            *(f"{one.happened.trades:,}", f"{one.happened.mmp_triggers:,}"),
            f"{one.happened.refusals:,}",
        )
        for one in first
    ]
    return Table("What happened in the timed part", (*head, "MMP triggers", "refusals"), rows)


def _share(found: Spread) -> str:
    return spread_text(found, 3)


def _ratio(found: Spread) -> str:
    return spread_text(found, 2)


def _times(found: Spread) -> str:
    return spread_text(found, 1)


def _microseconds(found: Spread) -> str:
    return f"{found.median / 1000:.1f}"


def _thousands(found: Spread) -> str:
    return spread_text(Spread(found.median / 1000, found.low / 1000, found.high / 1000), 1)


def spread_text(found: Spread, decimals: int) -> str:
    """Return a spread with so many decimals, or more where its median needs them for two digits."""
    places = max(decimals, 1 - floor(log10(found.median))) if found.median > 0 else decimals
    return f"{found.median:.{places}f} ({found.low:.{places}f} to {found.high:.{places}f})"

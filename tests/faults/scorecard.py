"""Runs checks and fills the scorecard: what ran, which faults took effect, what came of it."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from tests.faults.registry import FAILURES_SHOWN, Bench, Check, Outcome
from tests.faults.tools import missing

EXIT_OK, EXIT_FAILED, EXIT_TOOL_MISSING = 0, 1, 3
PASS, FAIL, NOT_RUN = "pass", "FAIL", "n/a"
REPLICATION = "n/a: there is no replication yet; the fencing that it needs is checked by O2"


class Row(msgspec.Struct, frozen=True):
    """One filled row. `result` is pass, FAIL or n/a; `why` says what a FAIL or n/a is about."""

    id: str
    fault: str
    pass_mark: str
    runs: int
    fired: int
    result: str
    seconds: float
    why: Sequence[str] = ()
    notes: Sequence[str] = ()
    is_tool_missing: bool = False


def fill(
    checks: Sequence[Check],
    *,
    is_full: bool,
    why_missing: Callable[[str], str] = missing,
) -> Iterator[Row]:
    """Run checks one after the other, each in a folder of its own, and yield their rows."""
    for check in checks:
        lacking = [reason for reason in map(why_missing, check.tools) if reason]
        if lacking:
            yield Row(*_head(check), 0, 0, NOT_RUN, 0.0, tuple(lacking), is_tool_missing=True)
        else:
            yield run_check(check, is_full=is_full)


def run_check(check: Check, *, is_full: bool) -> Row:
    """Run one check; one that raises, misses its mark or fires no fault has failed."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix=f"lockstep-{check.id}-") as name:
        bench = Bench(Path(name), check.full if is_full else check.short, is_full)
        try:
            outcome = check.run(bench)
        except Exception as error:  # noqa: BLE001  # whatever a check raises is its row
            outcome = Outcome(failures=[f"{type(error).__name__}: {error}"])
    why = list(outcome.failures[:FAILURES_SHOWN])
    if len(outcome.failures) > FAILURES_SHOWN:
        why.append(f"and {len(outcome.failures) - FAILURES_SHOWN} more")
    if not outcome.fired:
        why.append("no fault took effect: this proves nothing")
    notes = [note for note in (check.note, *outcome.notes) if note]
    return Row(
        *_head(check),
        outcome.runs,
        outcome.fired,
        FAIL if why else PASS,
        round(time.perf_counter() - started, 1),
        tuple(why),
        tuple(notes),
    )


def exit_code(rows: Sequence[Row], *, allows_missing_tools: bool) -> int:
    """Return 1 if a check failed, 3 if a tool is missing that need not be, else 0."""
    if any(row.result == FAIL for row in rows):
        return EXIT_FAILED
    if not allows_missing_tools and any(row.is_tool_missing for row in rows):
        return EXIT_TOOL_MISSING
    return EXIT_OK


def line(row: Row) -> str:
    """Return one line of the table, with what is wrong below it."""
    head = (
        f"{row.id:<4}{row.fault:<52.51}{row.runs:>8,}{row.fired:>9,}  "
        f"{row.result:<5}{row.seconds:>8.1f}"
    )
    return "\n".join([head, *(f"      {sentence}" for sentence in row.why)])


HEAD = f"{'':<4}{'fault':<52}{'runs':>8}{'fired':>9}  {'':<5}{'s':>8}"


def total(rows: Sequence[Row]) -> str:
    """Return the last line of the table, in which the row of the replication is one, too."""
    results = [*(row.result for row in rows), NOT_RUN]
    counts = [f"{results.count(result)} {result}" for result in (PASS, FAIL, NOT_RUN)]
    runs, fired = sum(row.runs for row in rows), sum(row.fired for row in rows)
    seconds = sum(row.seconds for row in rows)
    return f"{', '.join(counts)}; {runs:,} runs, {fired:,} faults fired, {seconds:.0f} s"


def _head(check: Check) -> tuple[str, str, str]:
    return check.id, check.fault, check.pass_mark

"""The commands `lockstep desk ...`. Only click is loaded until a command is called."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lockstep_desk.backtest import HowToRun, MultiBacktestSummary, Plan

_EPILOG = """
\b
Example: lockstep desk backtest examples/desk/backtest.toml --jobs 2 --html report.html

\b
The same configuration gives the same bytes on stdout, whatever --jobs is.
Exit codes: 0 ok, 2 a recording is damaged, 3 could not run, 4 a recording ends in the middle,
130 interrupted, 141 the reader of the output went away.
"""

_DEMO_EPILOG = """
\b
A host process runs the exchange, the desk and their two journals, and four strategies in worker
processes of their own; a director shows them, and does the killing:
  1. a strategy's worker is killed with SIGKILL, and its strategy goes on in another one
  2. the link to the broker is lost
  3. meanwhile a native stop at the exchange closes a position
  4. the link is back: a sweep finds the close in the fills and books it at its real price
  5. the host is killed with SIGKILL; both journals are recovered, and a new host goes on
At the end lockstep-validator re-executes both journals. Strategies run free: prices are those of
the seed, but no two demos have the same orders or hashes. A journal that is kept is re-executed to
the same hashes by whoever has it.

\b
Examples:
  lockstep desk demo
  lockstep desk demo --quick --json
  lockstep desk demo --keep data/desk-demo     after Ctrl-C or a crash: the same line goes on

\b
Exit codes: 0 both journals are good, 1 one is not, 2 what --keep names is damaged, 3 could not run
or no verdict (a validator died), 130 interrupted (Ctrl-C), 143 ended by SIGTERM, 129 by SIGHUP.
"""


@click.group()
def desk() -> None:
    """Trade: a demo and backtests of the desk on the exchange core, and how fast it runs."""


@desk.command(epilog=_DEMO_EPILOG)
@click.option("--quick", "is_quick", is_flag=True, help="A shorter demo, for continuous checks.")
@click.option(
    "--seed",
    type=click.IntRange(0, 1_000_000),
    metavar="N",
    help="The seed of the market's prices.  [default: 7]",
)
@click.option("--keep", metavar="DIR", help="Keep the demo in DIR, or go on with the one there.")
@click.option("--json", "is_json", is_flag=True, help="Print one JSON document.")
def demo(is_quick: bool, seed: int | None, keep: str | None, is_json: bool) -> int:
    """Trade with real processes, let things go wrong, and prove the books.

    Four strategies trade on an exchange core. A worker is killed, the link to the broker is lost, a
    native stop closes a position unseen, and the whole host is killed; the desk finds out.
    """
    from lockstep_desk.demo.program import Wishes, run

    return run(Wishes(is_quick, seed, keep, is_json))


@desk.command(epilog=_EPILOG)
@click.argument("config", metavar="CONFIG.toml")
@click.option(
    "--jobs",
    type=click.IntRange(1, 1_024),
    default=1,
    metavar="N",
    help="Run so many runs at a time, each in a process.  [default: 1]",
)
@click.option("--json", "is_json", is_flag=True, help="Print one JSON document.")
@click.option("--html", metavar="FILE", help="Write a page with all sheets and curves.")
@click.option(
    "--journal", metavar="DIR", help="Keep the journals of each run in DIR/ID/desk and exchange."
)
def backtest(config: str, jobs: int, is_json: bool, html: str | None, journal: str | None) -> None:
    """Run all runs of CONFIG.toml and compare them.

    Market data moves a counter-side that quotes on the real exchange core, where the desk's orders
    fill by real matching.
    """
    from lockstep_desk.backtest import HowToRun, load_plan
    from lockstep_desk.errors import InvalidValueError
    from lockstep_kernel import CannotRunError

    try:
        plan = load_plan(Path(config))
    except InvalidValueError as error:
        raise CannotRunError(str(error)) from None
    page = None if html is None else Path(html)
    if page is not None and (page.is_dir() or not page.parent.is_dir()):
        raise CannotRunError(f"{page}: expected a place for a file in a directory that is there")
    folder = None if journal is None else Path(journal)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise CannotRunError(f"{folder}: expected a directory for journals, found another file")
    found = _run(plan, HowToRun(jobs, folder))
    if page is not None:
        _write(page, f"Backtests of {Path(config).name}", found)
    if is_json:
        from lockstep_desk.backtest import comparison_json

        print(comparison_json(found))
    else:
        _show(found)
    seconds = found.duration_ns / 1e9
    runs = "run" if found.num == 1 else "runs"
    print(f"lockstep desk backtest: {found.num} {runs}, {seconds:.1f} s", file=sys.stderr)


@desk.command()
@click.option(
    "--events",
    type=click.IntRange(100, 10_000_000),
    default=20_000,
    metavar="N",
    help="Show the strategies so many market events.  [default: 20000]",
)
@click.option(
    "--cores",
    type=click.IntRange(1, 1_024),
    default=2,
    metavar="N",
    help="Use so many.  [default: 2]",
)
@click.option("--directory", default=".", metavar="DIR", help="Write the journals on this disk.")
@click.option("--json", "is_json", is_flag=True, help="Print one JSON document.")
def bench(events: int, cores: int, directory: str, is_json: bool) -> None:
    """Measure market events a second, beside a plain loop over the same strategies.

    Feed, channels, strategies, risk, gates and order engine run on few cores, and every command of
    the desk is synced to disk before anything comes of it. A venue fills every order at once.
    """
    import tempfile

    from lockstep_desk.live.bench import measure, on_cores, rows, sync_us
    from lockstep_kernel import CannotRunError

    place = Path(directory)
    if not place.is_dir():
        raise CannotRunError(f"{directory}: expected a directory, found none")
    cores = on_cores(cores)
    with tempfile.TemporaryDirectory(prefix="lockstep-desk-bench-", dir=place) as scratch:
        sync, found = sync_us(Path(scratch)), measure(events, Path(scratch))
    if is_json:
        from dataclasses import asdict

        import msgspec

        ways = [
            {**asdict(one), "events_per_s": one.events_per_s, "commands_per_s": one.commands_per_s}
            for one in found
        ]
        report = {"cores": cores, "sync_us": sync, "ways": ways}
        print(msgspec.json.format(msgspec.json.encode(report)).decode())
        return
    from lockstep_desk.stats.display import aligned

    print(aligned(rows(found)), end="")
    print(f"\n{cores} cores; a synced write of 512 bytes takes {sync:,} us")


def _run(plan: "Plan", how: "HowToRun") -> "MultiBacktestSummary":
    """Run all, with a bar where stderr is a terminal."""
    from dataclasses import replace

    from lockstep_desk.backtest import run_many

    if not sys.stderr.isatty():
        return run_many(plan, how)
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    columns = ("backtests", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=len(plan.runs))

        def tell(done: int, runs: int) -> None:
            bar.update(task, completed=done, total=runs)

        return run_many(plan, replace(how, tell=tell))


def _show(found: "MultiBacktestSummary") -> None:
    """Print the comparison, the books of each account, what happened in each run, its hashes."""
    from lockstep_desk.backtest.compare import books_rows, comparison, hash_rows, refusal_rows
    from lockstep_desk.stats.display import aligned, as_text

    summary = comparison(found.results)
    if sys.stdout.isatty():
        from rich.console import Console

        from lockstep_desk.reports.terminal import print_summary

        print_summary(Console(), summary)
    else:
        print(as_text(summary), end="")
    for rows_of in (books_rows, hash_rows, refusal_rows):
        rows = rows_of(found.results)
        if len(rows) > 1:
            print()
            print(aligned(rows), end="")


def _write(page: Path, title: str, found: "MultiBacktestSummary") -> None:
    """Write the page under its name only when it is whole."""
    from lockstep_desk.backtest import comparison_html
    from lockstep_kernel import CannotRunError

    unfinished = page.with_name(f"{page.name}.partial")
    try:
        unfinished.write_text(comparison_html(title, found), "utf-8")
        unfinished.replace(page)
    except OSError as error:
        raise CannotRunError(f"{page}: cannot be written: {error.strerror or error}") from None

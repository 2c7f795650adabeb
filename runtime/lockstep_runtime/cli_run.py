"""The command `lockstep run`: a feed through the durable pipeline into a journal."""

import signal
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockstep_kernel import find_machine
from lockstep_kernel.errors import EXIT_OK

if TYPE_CHECKING:
    from lockstep_runtime.feeds.base import Feed
    from lockstep_runtime.pipeline import RunOptions, RunResult
    from lockstep_runtime.reports import Figures, Reporter

EXIT_SIGNALLED = 128
"""Plus the number of the signal, as a shell shows it: 130 for Ctrl-C, 143 for SIGTERM."""
_NAME = "lockstep run"
BOOK_SUFFIX = ".book"

_EPILOG = """
\b
FEED is one of
  FILE               an order flow (flash1 or benchmark form) or a recorded Binance
                     USD-M feed, plain or xz; the kind is recognised by its content
  market:SEED        the market simulator; market:SEED:COUNT sets how many commands
  flow:NAME          a benchmark flow from its generator: w1k, w100k or wmulti

\b
Examples:
  lockstep run market:7:50000 --journal data/market
  lockstep run normal.csv.xz --journal data/normal --reports normal.reports
  lockstep run flow:w1k --journal data/w1k --batch 100 --json

\b
seconds is the whole run; durable seconds is the part in sequencer, engine and synced journal, and
durable commands/s is commands by durable seconds: the time to read the feed is not in it.

\b
Exit codes: 0 ok, 1 the journal diverged, 2 damaged, 3 could not run, 4 the feed ends in the
middle, 130 interrupted (Ctrl-C), 143 ended by SIGTERM, 141 the reader of the output went away.
What was read before a fault is durable; run again to go on, with --overwrite if a report is there.
With --json a run that cannot begin prints an object with `error` and `exit_code`.
"""


@click.command(epilog=_EPILOG)
@click.argument("feed_name", metavar="FEED")
@click.option(
    "--journal", "directory", metavar="DIR", required=True, help="Journal to create or go on with."
)
@click.option(
    "--reports",
    "reports_path",
    metavar="FILE",
    help="Write the feed's published report text to FILE, a new file, a device or a pipe "
    "(and, for a benchmark flow, the final book to FILE.book beside a file).",
)
@click.option(
    "--overwrite",
    "is_overwriting",
    is_flag=True,
    help="Let --reports replace a file that is there.",
)
@click.option("--batch", type=click.IntRange(1, 100_000), default=1_000, show_default=True)
@click.option(
    "--machine", "machine_name", metavar="NAME", help="Implementation to run, as exchange.naive."
)
@click.option("--limit", type=click.IntRange(0), metavar="N", help="Stop after N lines or steps.")
@click.option(
    "--snapshot-every",
    type=click.IntRange(0),
    default=200_000,
    show_default=True,
    metavar="N",
    help="Take a snapshot every N commands, 0 for none.",
)
@click.option("--acks", "has_acks", is_flag=True, help="Print SEQ:HASH of each durable batch.")
@click.option("--json", "is_json", is_flag=True, help="Print one JSON document.")
def run(
    feed_name: str,
    directory: str,
    reports_path: str | None,
    is_overwriting: bool,
    batch: int,
    machine_name: str | None,
    limit: int | None,
    snapshot_every: int,
    has_acks: bool,
    is_json: bool,
) -> int:
    """Run a feed through sequencer, engine and journal.

    On a journal that holds a part of the same feed it goes on behind that part; the report is that
    of the whole feed. FILE lies in a directory that is there, and outside every journal.
    """
    from lockstep_journal import rehearse
    from lockstep_runtime.console import Progress
    from lockstep_runtime.feeds import open_feed
    from lockstep_runtime.pipeline import RunOptions, run_feed

    feed = open_feed(feed_name, limit)
    machine = find_machine(machine_name or feed.genesis().machine)
    rehearse(directory)
    progress = Progress(feed.name)
    reports = _reporter(
        feed, feed_name, reports_path, Path(directory), is_overwriting=is_overwriting
    )
    with reports as reporter:
        options = RunOptions(
            Path(directory),
            machine,
            batch,
            snapshot_every,
            (reporter,) if reporter else (),
            _acknowledge if has_acks else _ignore,
            progress,
            _tell,
        )
        result = run_feed(feed, options)
        progress.close()
        figures = reporter.finish() if reporter else {}
    _show(feed, options, result, figures, is_json=is_json)
    return _exit_code(feed, options, result)


@contextmanager
def _reporter(
    feed: "Feed", name: str, path: str | None, directory: Path, *, is_overwriting: bool
) -> "Generator[Reporter | None]":
    """Open the report files of a feed, if they are wanted."""
    from lockstep_runtime.feeds import reporter_of
    from lockstep_runtime.feeds.order_flow import FlowFeed
    from lockstep_runtime.report_files import ReportPlaces, is_stream, opened_report

    if path is None:
        yield None
        return
    places = ReportPlaces(Path(name), directory, is_overwriting)
    has_book = isinstance(feed, FlowFeed) and not is_stream(path)
    paths = [path, path + BOOK_SUFFIX] if has_book else [path]
    for place in paths:
        places.check(place)
    with ExitStack() as files:
        writes = [files.enter_context(opened_report(place, is_overwriting)) for place in paths]
        yield reporter_of(feed, name, writes[0], writes[1] if has_book else None)


def _acknowledge(seq: int, hash_: bytes) -> None:
    print(f"{seq}:{hash_.hex()}", flush=True)


def _ignore(seq: int, hash_: bytes) -> None:
    pass


def _tell(sentence: str) -> None:
    from lockstep_runtime.console import say

    say(f"{_NAME}: {sentence}")


def _show(
    feed: "Feed", options: "RunOptions", result: "RunResult", figures: "Figures", *, is_json: bool
) -> None:
    from lockstep_runtime.console import show_json, show_values

    values = {
        "feed": feed.name,
        "journal": str(options.directory),
        "machine": options.machine.name,
        "commands": result.commands,
        "trades": result.trades,
        "events": result.events,
        "refusals": result.refusals,
        "gone on behind": result.first_seq,
        "last seq": result.last_seq,
        "last hash": result.last_hash.hex(),
        "seconds": round(result.seconds, 3),
        "durable seconds": round(result.durable_seconds, 3),
        "durable commands/s": result.durable_per_s,
        **figures,
    }
    if is_json:
        show_json({name.replace(" ", "_").replace("/", "_per_"): v for name, v in values.items()})
    else:
        show_values(values)


def _exit_code(feed: "Feed", options: "RunOptions", result: "RunResult") -> int:
    """Say why the run ended early, or had nothing to do, and return the exit code."""
    from lockstep_runtime.console import say

    where = f"durable up to {result.last_seq}"
    if result.fault is not None:
        say(f"{_NAME}: {result.fault}; {where}")
        return result.fault.exit_code
    if result.ended_by:
        word = "ended by SIGTERM" if result.ended_by == signal.SIGTERM else "interrupted"
        say(f"{_NAME}: {word}; {where}, run again to go on")
        return EXIT_SIGNALLED + result.ended_by
    if result.beyond:
        say(
            f"{_NAME}: {options.directory}: expected up to {result.last_seq - result.beyond} "
            f"commands of {feed.name}, found {result.last_seq}: nothing was run"
        )
    return EXIT_OK

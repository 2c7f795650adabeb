"""The command `lockstep demo`: trade, kill the writer, recover, finish, validate twice."""

import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockstep_kernel import CannotRunError
from lockstep_kernel.errors import EXIT_DIVERGED, EXIT_OK

if TYPE_CHECKING:
    from lockstep_runtime.console import Cell
    from lockstep_runtime.demo import Judgement, Outcome

_EPILOG = """
\b
For each feed: a child process writes a journal and prints what it acknowledges; it is killed with
SIGKILL half way; the journal is recovered; a second child finishes the feed; lockstep-validator
re-executes the journal with the engine and with the naive machine.

\b
Examples:
  lockstep demo
  lockstep demo --quick --json
  lockstep demo --keep data/demo

\b
Exit codes: 0 every verdict is good, 1 one is not, 3 could not run, 130 interrupted (Ctrl-C),
143 ended by SIGTERM, 129 by SIGHUP.
"""


@click.command(epilog=_EPILOG)
@click.option("--quick", "is_quick", is_flag=True, help="Smaller feeds, for continuous checks.")
@click.option("--sample", metavar="FILE", help="Another recorded Binance USD-M feed.")
@click.option("--keep", metavar="DIR", help="Keep the journals in this new directory.")
@click.option("--json", "is_json", is_flag=True, help="Print one JSON document.")
def demo(is_quick: bool, sample: str | None, keep: str | None, is_json: bool) -> int:
    """Trade, kill the writer, recover, validate: a table of what happened."""
    from lockstep_runtime.console import say, show_json, show_table
    from lockstep_runtime.demo import find_sample, run_trial, trials

    started = time.perf_counter()
    path = Path(sample) if sample is not None else find_sample()
    if path is None:
        say(
            "lockstep demo: the recorded sample comes with the sources only; --sample names another"
        )
    outcomes: list[Outcome] = []
    with _directory(keep) as directory:
        for number, trial in enumerate(trials(path, is_quick), 1):
            say(f"{trial.title}: run, kill, recover, finish ...")
            outcomes.append(run_trial(trial, directory / f"journal-{number}"))
        judged = _judged(outcomes)
    is_good = all(_is_good(*one) for one in judged)
    reports = [_report(outcome, judgements) for outcome, judgements in judged]
    if is_json:
        show_json({"is_good": is_good, "trials": reports})
    else:
        for (outcome, _judgements), report in zip(judged, reports, strict=True):
            show_table(("", ""), list(report.items())[1:], outcome.trial.title)
            print()
        seconds = time.perf_counter() - started
        verdict = "every verdict is good" if is_good else "A VERDICT IS BAD"
        print(f"{len(reports)} feeds, {verdict}, {seconds:.1f} s")
    return EXIT_OK if is_good else EXIT_DIVERGED


@contextmanager
def _directory(keep: str | None) -> Generator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="lockstep-demo-") as name:
            yield Path(name)
        return
    path = Path(keep)
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise CannotRunError(f"{path}: expected a new directory: {error.strerror}") from None
    yield path


def _judged(outcomes: "list[Outcome]") -> "list[tuple[Outcome, tuple[Judgement, ...]]]":
    """Validate all journals, and say meanwhile how far that is."""
    from lockstep_runtime.console import Waiting, say
    from lockstep_runtime.demo import validate_all

    say("lockstep-validator: two machines on every journal, this may take minutes ...")
    waiting = Waiting("lockstep-validator")
    try:
        return list(zip(outcomes, validate_all(outcomes, waiting), strict=True))
    finally:
        waiting.close()


def _is_good(outcome: "Outcome", judgements: "tuple[Judgement, ...]") -> bool:
    return not outcome.wrong and all(judgement.is_good for judgement in judgements)


def _report(outcome: "Outcome", judgements: "tuple[Judgement, ...]") -> "dict[str, Cell]":
    """Return the table of one trial."""
    acknowledged, recovered = outcome.acknowledged, outcome.recovered
    report: dict[str, Cell] = {
        "feed": outcome.trial.title,
        "commands": outcome.commands,
        "trades": outcome.trades,
        "events": outcome.events,
        "durable commands/s": outcome.durable_per_s,
        "killed by SIGKILL after": f"{acknowledged[0]:,} acknowledged",
        "recovered": f"{recovered[0]:,} in {outcome.recovery_seconds:.2f} s",
        f"hash at {acknowledged[0]:,} before": acknowledged[1].hex(),
        f"hash at {acknowledged[0]:,} after": outcome.recovered_at_acknowledged.hex(),
        "final hash, uninterrupted": outcome.uninterrupted[1].hex(),
        "final hash, recovered": outcome.final[1].hex(),
    }
    for judgement in judgements:
        report[f"validator, {judgement.machine}"] = _sentence(judgement)
    wrong = [*outcome.wrong, *(one.sentence for one in judgements if not one.is_good)]
    report["verdict"] = "; ".join(wrong) or "GOOD"
    return report


def _sentence(judgement: "Judgement") -> str:
    if not judgement.is_good:
        return f"exit {judgement.exit_code}: {judgement.sentence}"
    return f"all {judgement.commands:,} commands equal, {judgement.seconds:.1f} s"

"""The command `lockstep bench`: options in, tables out. What is measured: docs/benchmarks.md."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

if TYPE_CHECKING:
    from lockstep_runtime.bench.rounds import Plan
    from lockstep_runtime.bench.summary import Summary

FLOWS = ("w1k", "w100k", "wmulti", "woptions", "normal")
ACCOUNTS = (10, 1_000, 100_000)
MESSAGES = 200_000
ROUNDS = 5

_EPILOG = """
\b
Examples:
  make bench                                  both builds, everything
  lockstep bench --messages 20000 --rounds 3  a quick look
  lockstep bench --flow w1k --json
  lockstep bench --flow normal --normal normal.csv.xz
  lockstep bench --flow w1k --flow woptions   options beside a plain flow
  lockstep bench --table docs/benchmarks.md --plot docs/benchmarks.png
\b
Exit codes: 0 ok, 3 could not run. A slow machine is no failure.
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--messages",
    type=click.IntRange(1),
    default=MESSAGES,
    show_default=True,
    help="Timed messages of each flow; woptions has a fiftieth.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=ROUNDS,
    show_default=True,
    help="How often floor and exchange take turns.",
)
@click.option(
    "--flow",
    "flows",
    type=click.Choice(FLOWS),
    multiple=True,
    help="Measure this flow only, with woptions admission too; may be repeated.",
)
@click.option(
    "--accounts",
    type=click.IntRange(10, 1_000_000),
    multiple=True,
    default=ACCOUNTS,
    show_default=True,
    help="Measure admission with so many accounts open; may be repeated.",
)
@click.option(
    "--normal",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File of the flow `normal`, CSV or xz; default: the sample in the repository.",
)
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Where journals are written, on the disk to measure; default: here.",
)
@click.option("--json", "is_json", is_flag=True, help="Print all figures as one JSON object.")
@click.option(
    "--table",
    type=click.Path(path_type=Path),
    metavar="FILE.md",
    help="Write the tables between the marks of this file.",
)
@click.option(
    "--plot", type=click.Path(path_type=Path), metavar="FILE.png", help="Draw the shares."
)
def bench(
    messages: int,
    rounds: int,
    flows: tuple[str, ...],
    accounts: tuple[int, ...],
    normal: Path | None,
    directory: Path,
    is_json: bool,
    table: Path | None,
    plot: Path | None,
) -> None:
    """Measure speed against a bare matcher on the same machine.

    Floor and exchange take turns in child processes; what counts is the share of the floor's
    speed in the same round. The flow woptions trades options under portfolio margin, which the
    floor cannot; with it comes what admission costs an account with 200 option positions, as a
    multiple of one Black-76 evaluation. With LOCKSTEP_COMPILED naming the folder of a compiled
    build, both builds are measured side by side.
    """
    from lockstep_runtime.bench.plot import check_plot, write_plot
    from lockstep_runtime.bench.rounds import Plan
    from lockstep_runtime.bench.tables import check_document, show, write_document
    from lockstep_runtime.console import show_json

    if table is not None:
        check_document(table)
    if plot is not None:
        check_plot(plot)
    plan = Plan(messages, rounds, flows, normal, directory, accounts)
    summary = _measure(plan)
    if table is not None:
        write_document(table, summary)
    if plot is not None:
        write_plot(plot, summary)
    if is_json:
        show_json(msgspec.to_builtins(summary))
    else:
        show(summary)


def _measure(plan: "Plan") -> "Summary":
    from lockstep_runtime.bench.machine import machine_facts
    from lockstep_runtime.bench.rounds import run
    from lockstep_runtime.bench.summary import summarize
    from lockstep_runtime.console import say

    machine = machine_facts(plan.directory)
    found = run(plan, say)
    return summarize(found, plan, machine, _command_line(plan, found.builds))


def _command_line(plan: "Plan", builds: list[str]) -> str:
    """Return what repeats the measurement; folders of this machine are left out."""
    words = ["lockstep", "bench", "--messages", str(plan.messages), "--rounds", str(plan.rounds)]
    for name in plan.flows:
        words += ["--flow", name]
    for number in plan.accounts if plan.accounts != ACCOUNTS else ():
        words += ["--accounts", str(number)]
    if plan.normal is not None:
        words += ["--normal", plan.normal.name]
    prefix = "LOCKSTEP_COMPILED=FOLDER " if len(builds) > 1 else ""
    return prefix + shlex.join(words)

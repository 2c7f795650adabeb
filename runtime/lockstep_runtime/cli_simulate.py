"""The command `lockstep simulate`: the deterministic simulator, seed by seed."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from lockstep_kernel.errors import EXIT_CANNOT_RUN, EXIT_DIVERGED, EXIT_OK
from lockstep_runtime.simulate import SEED_FIRST, SEED_LAST

if TYPE_CHECKING:
    from lockstep_runtime.console import Cell
    from lockstep_runtime.simulate.campaign import Campaign
    from lockstep_runtime.simulate.world import Outcome

NAME = "lockstep simulate"
SEEDS_DEFAULT = 100

_EPILOG = """
\b
A run draws from its seed which faults it may meet, and when: killed processes; power losses that
lose, tear and reorder what was not synced; failing writes and syncs; a full disk and map; lost,
stray and flipped bits of what was synced; second owners; slow and dying outlets; lost and doubled
requests. After every step a referee checks that nothing answered is lost, that every hash is the
recomputed one, that damage is named, and that money is conserved. docs/simulation.md says what is
simulated, and what not.

\b
Examples:
  lockstep simulate --seed 7             one run
  lockstep simulate --seeds 2000         seeds 1 to 2000, and what was reached
  lockstep simulate --seconds 3600 --from 100000

\b
Exit codes: 0 every seed is good, 1 one is not (the command that repeats it is printed), 3 could not
run, or --need-all and something was never reached.
"""


@click.command(epilog=_EPILOG)
@click.option("--seed", type=click.IntRange(0, SEED_LAST), metavar="N", help="Run this seed alone.")
@click.option(
    "--seeds", type=click.IntRange(1, 10_000_000), metavar="N", help="Run so many seeds. [100]"
)
@click.option(
    "--seconds", type=click.IntRange(1, 10_000_000), metavar="S", help="Run seeds for so long."
)
@click.option(
    "--from",
    "first",
    type=click.IntRange(0, SEED_LAST),
    metavar="N",
    help="The first seed of --seeds and --seconds. [1]",
)
@click.option("--keep-going", is_flag=True, help="Do not stop at the first seed that fails.")
@click.option(
    "--need-all", is_flag=True, help="Fail if a fault never fired or a counter stayed at zero."
)
@click.option("--json", "is_json", is_flag=True, help="Print one JSON document.")
def simulate(
    seed: int | None,
    seeds: int | None,
    seconds: int | None,
    first: int | None,
    keep_going: bool,
    need_all: bool,
    is_json: bool,
) -> int:
    """Simulate clients, sequencer, journal and disk under faults: a seed repeats a run."""
    from lockstep_runtime.simulate.campaign import Campaign, run_seeds

    if sum(one is not None for one in (seed, seeds, seconds)) > 1:
        raise click.UsageError("expected one of --seed, --seeds and --seconds, found more")
    if seed is not None and first is not None:
        raise click.UsageError("--from is for --seeds and --seconds, found it with --seed")
    started = time.perf_counter()
    first = SEED_FIRST if first is None else first
    chosen = iter((seed,)) if seed is not None else _chosen(first, seeds, seconds)
    done: Campaign = run_seeds(chosen, _show_progress, not keep_going)
    elapsed = time.perf_counter() - started
    missing = done.missing() if need_all else []
    if is_json:
        _show_json(done, elapsed)
    else:
        _show(done, elapsed, missing)
    if done.failures:
        return EXIT_DIVERGED
    return EXIT_CANNOT_RUN if missing else EXIT_OK


def _chosen(first: int, seeds: int | None, seconds: int | None) -> Iterator[int]:
    from lockstep_runtime.simulate.campaign import seeds_for

    if seconds is not None:
        return seeds_for(first, seconds)
    last = first + (seeds or SEEDS_DEFAULT) - 1
    if last > SEED_LAST:
        raise click.UsageError(f"expected seeds up to {SEED_LAST}, found {first} to {last}")
    return iter(range(first, last + 1))


def _show_progress(campaign: "Campaign") -> None:
    from lockstep_runtime.console import say

    if campaign.seeds % 100 == 0:
        say(f"{NAME}: {campaign.seeds:,} seeds, {campaign.commands:,} commands ...")


def _show(done: "Campaign", seconds: float, missing: list[str]) -> None:
    from lockstep_runtime.console import say, show_table
    from lockstep_runtime.simulate.faults import Fault, Reached

    rows: list[tuple[Cell, Cell, Cell]] = [
        (str(kind), done.armed[kind], done.fired[kind]) for kind in Fault
    ]
    show_table(("fault", "armed in seeds", "fired"), rows)
    print()
    show_table(("reached", "times"), [(str(what), done.reached[what]) for what in Reached])
    print()
    for outcome in done.failures:
        print(f"seed {outcome.seed} fails at step {outcome.steps:,}: {outcome.violation}")
        print(f"  repeat it with: {repeating(outcome)}")
    if done.seeds == 1:
        print(f"last hash {done.last_hash}: the same on every machine, of the same sources")
    verdict = "every check held" if not done.failures else f"{len(done.failures)} SEEDS FAIL"
    print(
        f"{done.seeds:,} seeds, {done.steps:,} steps, {done.commands:,} durable commands, "
        f"{sum(done.fired.values()):,} faults: {verdict}, {seconds:.1f} s"
    )
    if missing:
        say(f"{NAME}: never reached: {', '.join(missing)}")


def _show_json(done: "Campaign", seconds: float) -> None:
    from lockstep_runtime.console import show_json

    show_json(
        {
            "is_good": not done.failures,
            "seeds": done.seeds,
            "steps": done.steps,
            "commands": done.commands,
            "last_hash": done.last_hash,
            "armed": {kind.name: count for kind, count in sorted(done.armed.items())},
            "fired": {kind.name: count for kind, count in sorted(done.fired.items())},
            "reached": {what.name: count for what, count in sorted(done.reached.items())},
            "missing": done.missing(),
            "failures": [
                {
                    "seed": one.seed,
                    "step": one.steps,
                    "what": one.violation,
                    "repeat": repeating(one),
                }
                for one in done.failures
            ],
            "seconds": round(seconds, 1),
        }
    )


def repeating(outcome: "Outcome") -> str:
    """Return the command that repeats a run, on the same commit."""
    return f"{NAME} --seed {outcome.seed}"

"""Mutate the engine's core and say which mutants no test kills.

    python -m tests.mutation [--only MODULE]... [--open] [--jobs N] [--nice 19]

It needs the extra `mutation`. A module is named as in `matching.sweep`. With `--open` only those
mutants are judged that docs/mutation.md lists as open, in the modules that have one. The verdicts
of the last run of a module stand in build/mutation/MODULE.jsonl. The exit code is 1 if a mutant
survives that the page does not explain, or if one that it explains does not survive.
"""

import argparse
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from tests.mutation.explained import PAGE, explained, still_open
from tests.mutation.judging import ALL, OPEN
from tests.mutation.subjects import MODULES, ROOT
from tests.mutation.verdicts import BUILD, Verdict, read

_HEADING = (
    f"{'module':24} {'mutants':>8} {'killed':>7} {'by time':>8} {'explained':>10} {'left':>5}"
)


class Outcome(NamedTuple):
    """What became of the mutants of a module, and what is wrong with that."""

    verdicts: list[Verdict]
    troubles: list[str]


def main(arguments: list[str]) -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(prog="tests.mutation", description=__doc__)
    parser.add_argument("--only", action="append", choices=MODULES, help="only these modules")
    parser.add_argument("--open", action="store_true", help="only mutants listed as open")
    parser.add_argument("--jobs", type=int, default=1, help="modules at a time")
    parser.add_argument("--nice", type=int, default=19, help="how low its priority is")
    options = parser.parse_args(arguments)
    os.nice(options.nice)
    chosen = [name for name in MODULES if not options.only or name in options.only]
    which = OPEN if options.open else ALL
    if options.open:
        listed = still_open(PAGE.read_text("utf-8"))
        chosen = [name for name in chosen if name in listed]
    with ThreadPoolExecutor(options.jobs) as pool:
        codes = list(pool.map(partial(_judged, which), chosen))
    if any(codes):
        print(f"the judges do not run: see {BUILD}/*.log", file=sys.stderr)
        return 1
    print(_HEADING)
    troubles: list[str] = []
    for name in chosen:
        outcome = outcome_of(name, read(name), which)
        print(_row(name, outcome))
        troubles.extend(outcome.troubles)
    print("\n".join(["", *troubles]) if troubles else "every survivor is explained")
    return int(bool(troubles))


def outcome_of(name: str, verdicts: list[Verdict], which: str) -> Outcome:
    """Compare the survivors with those that are explained: of open ones, none is."""
    survived = Counter(verdict.change for verdict in verdicts if not verdict.killer)
    page = PAGE.read_text("utf-8")
    listed = Counter(explained(page).get(name, []) if which == ALL else [])
    new = (f"{name}: survives: {change}" for change in (survived - listed).elements())
    old = (f"{name}: does not survive: {change}" for change in (listed - survived).elements())
    return Outcome(verdicts, [*new, *old])


def _row(name: str, outcome: Outcome) -> str:
    killers = [verdict.killer for verdict in outcome.verdicts]
    killed = len(killers) - killers.count("")
    left = sum("survives" in trouble for trouble in outcome.troubles)
    explained = killers.count("") - left
    return (
        f"{name:24} {len(killers):>8,} {killed:>7,} {killers.count('time'):>5,} "
        f"{explained:>10,} {left:>5,}"
    )


def _judged(which: str, name: str) -> int:
    """Judge mutants of a module in a process of its own."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / f"{name}.log").open("w", encoding="utf-8") as log:
        command = [sys.executable, "-m", "tests.mutation.judging", name, which]
        done = subprocess.run(command, stdout=log, stderr=log, check=False, cwd=ROOT)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

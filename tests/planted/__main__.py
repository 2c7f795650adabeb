"""Plants every bug of `bugs.py`, some at a time, and prints what caught it.

    python -m tests.planted [--jobs N] [WORDS OF A NAME]

Exit 1 if one is not caught, or if a patch no longer fits the sources.
"""

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.planted.bug import Bug, CannotPlantError
from tests.planted.bugs import BUGS
from tests.planted.hunt import Catch, hunt


def main(argv: list[str]) -> int:
    """Hunt the bugs whose names hold all words, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1, help="bugs hunted at a time")
    parser.add_argument("words", nargs="*", help="all in the name of a bug")
    asked = parser.parse_args(argv)
    chosen = [bug for bug in BUGS if all(word in bug.name for word in asked.words)]
    failures: list[str] = []
    print(f"{'bug':<62}{'flow':<7}{'step':>7}{'s':>7}  caught by", flush=True)
    for bug, catch in zip(chosen, _hunts(chosen, asked.jobs), strict=True):
        if isinstance(catch, CannotPlantError):
            failures.append(str(catch))
            print(f"{bug.name:<62}{'':>21}  CANNOT PLANT", flush=True)
            continue
        what = catch.what or "NOT CAUGHT"
        when = f"{catch.origin:<7}{catch.steps:>7}{catch.seconds:>7.1f}"
        print(f"{bug.name:<62}{when}  {what:.150}", flush=True)
        if catch.what is None:
            failures.append(f"'{bug.name}' is not caught")
    print(f"\n{len(chosen) - len(failures)} of {len(chosen)} planted bugs are caught")
    print("\n".join(failures), end="\n" if failures else "")
    return 1 if failures else 0


def _hunts(bugs: list[Bug], jobs: int) -> Iterator[Catch | CannotPlantError]:
    """Yield what became of each bug, in their order; each hunt runs in a process of its own."""

    def hunted(bug: Bug) -> Catch | CannotPlantError:
        try:
            return hunt(bug)
        except CannotPlantError as error:
            return error

    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(hunted, bugs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

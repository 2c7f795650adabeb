"""Plants every bug of `bugs.py`, one after the other, and prints what caught it.

    python -m tests.planted [WORDS OF A NAME]

Exit 1 if one is not caught, or if a patch no longer fits the sources.
"""

import sys

from tests.planted.bugs import BUGS
from tests.planted.hunt import CannotPlantError, hunt


def main(words: list[str]) -> int:
    """Hunt the bugs whose names hold all words, and return the exit code."""
    chosen = [bug for bug in BUGS if all(word in bug.name for word in words)]
    failures: list[str] = []
    print(f"{'bug':<62}{'flow':<7}{'step':>7}{'s':>7}  caught by", flush=True)
    for bug in chosen:
        try:
            catch = hunt(bug)
        except CannotPlantError as error:
            failures.append(str(error))
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

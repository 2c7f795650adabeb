"""Plants every bug of `bugs.py`, one after the other, and prints what caught it.

    python -m tests.simulated_faults [WORDS OF A NAME]

Exit 1 if one is not caught, or if a patch no longer fits the sources.
"""

import sys

from tests.planted.bug import CannotPlantError
from tests.simulated_faults.bugs import BUGS
from tests.simulated_faults.hunt import hunt


def main(words: list[str]) -> int:
    """Hunt the bugs whose names hold all words, and return the exit code."""
    chosen = [bug for bug in BUGS if all(word in bug.name for word in words)]
    failures: list[str] = []
    print(f"{'bug':<56}{'seeds':>6}{'s':>7}  caught by", flush=True)
    for bug in chosen:
        try:
            catch = hunt(bug)
        except CannotPlantError as error:
            failures.append(str(error))
            print(f"{bug.name:<56}{'':>13}  CANNOT PLANT", flush=True)
            continue
        what = catch.what or "NOT CAUGHT"
        print(f"{bug.name:<56}{catch.seeds:>6}{catch.seconds:>7.1f}  {what:.120}", flush=True)
        if not catch.what:
            failures.append(f"'{bug.name}' is not caught")
    print(f"\n{len(chosen) - len(failures)} of {len(chosen)} planted bugs are caught")
    print("\n".join(failures), end="\n" if failures else "")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Plants every mistake of `mistakes.py` and prints which test noticed it.

    python -m tests.planted_desk [--jobs N] [WORDS OF A NAME OR AN ITEM]

Exit 1 if one is not noticed, or if a patch no longer fits the sources.
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.planted.bug import CannotPlantError
from tests.planted_desk.hunt import hunt
from tests.planted_desk.mistake import Mistake
from tests.planted_desk.mistakes import MISTAKES


def main(argv: list[str]) -> int:
    """Hunt the mistakes whose names and items hold all words, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.planted_desk", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1, help="mistakes hunted at a time")
    parser.add_argument("words", nargs="*", help="all in the name or the items of a mistake")
    asked = parser.parse_args(argv)
    chosen = [m for m in MISTAKES if all(w in " ".join((m.name, *m.items)) for w in asked.words)]
    noticed = 0
    with ThreadPoolExecutor(asked.jobs) as pool:
        for mistake, what in zip(chosen, pool.map(_hunted, chosen), strict=True):
            noticed += not what.isupper()
            print(f"{' '.join(mistake.items):<24}{mistake.name:<58}{what}", flush=True)
    print(f"{noticed} of {len(chosen)} planted mistakes are noticed")
    return 0 if chosen and noticed == len(chosen) else 1


def _hunted(mistake: Mistake) -> str:
    """Return the name of the test that noticed, or capitals that say that none did."""
    try:
        return hunt(mistake) or "NOT NOTICED"
    except CannotPlantError as error:
        print(error, file=sys.stderr)
        return "CANNOT PLANT"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

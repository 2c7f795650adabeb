"""Kills the host of the desk's demo at many points, goes on each time, and says what did not hold.

    python -m tests.desk_demo_crashes [--points N] [--seed N] [--jobs N] [--json]

A third of the points are numbers of durable commands of the desk, a third of the exchange, each
before or after the commit; the others are random times. One in four demos dies a second time, soon
after the restart: in the recovery, in the sweep, or while strategies start. Exit 1 if something did
not hold.
"""

import argparse
import json
import random
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.desk_demo_crashes.crash import Crash, crash

_DESK_SEQS, _EXCHANGE_SEQS = 420, 290
_SECONDS = 3.0
_AGAIN_S = 1.6


def points(count: int, seed: int) -> list[tuple[str, ...]]:
    """Return where the demos die: the same for the same seed."""
    draws = random.Random(seed)
    found: list[tuple[str, ...]] = []
    for number in range(count):
        when = draws.choice(("before", "after"))
        first = (
            f"desk:{1 + draws.randrange(_DESK_SEQS)}:{when}",
            f"exchange:{1 + draws.randrange(_EXCHANGE_SEQS)}:{when}",
            f"time:{draws.uniform(0.1, _SECONDS):.3f}",
        )[number % 3]
        again = (f"time:{draws.uniform(0.1, _AGAIN_S):.3f}",) if number % 4 == 0 else ()
        found.append((first, *again))
    return found


def main(argv: list[str]) -> int:
    """Crash at all points, print what was found, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.desk_demo_crashes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--points", type=int, default=100, help="how many demos")
    parser.add_argument("--seed", type=int, default=1, help="of the points")
    parser.add_argument("--jobs", type=int, default=1, help="demos at a time")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args(argv)
    with ThreadPoolExecutor(asked.jobs) as pool:
        try:
            crashes = [told(one) for one in pool.map(crash, points(asked.points, asked.seed))]
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    wrong = [one for one in crashes if one.wrong]
    died_in = Counter(part for one in crashes for part in one.died_in)
    if asked.json:
        print(json.dumps({"crashes": len(crashes), "wrong": len(wrong), "died in": died_in}))
    else:
        print(f"{len(crashes)} demos, {len(wrong)} with something wrong; the last part before:")
        for part, count in sorted(died_in.items()):
            print(f"  {part:<20}{count:>6}")
    return 1 if wrong else 0


def told(one: Crash) -> Crash:
    """Say what came of a crash as it comes."""
    where = ", ".join(
        f"{point} ({part})" for point, part in zip(one.points, one.died_in, strict=True)
    )
    print(f"{where}: {'; '.join(one.wrong) or 'holds'}", file=sys.stderr, flush=True)
    return one


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

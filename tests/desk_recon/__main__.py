"""Plays seeded runs of a desk against a faulty broker and says what they reached.

    python -m tests.desk_recon [--runs N] [--first SEED] [--desk machine|thin] [--jobs N] [--json]

`machine` is the desk's own machine, replayed at the end of each run; `thin` a small desk of the
tests around the same sweep, ten times as fast.

Exit 1 if something did not hold, or if a fault or a case of [RECON-34] was reached by no run.
"""

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.desk_recon.runs import DESKS, Counted, RunFailed, Tally, play


def main(argv: list[str]) -> int:
    """Play the runs, print what was counted, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.desk_recon", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--desk", choices=sorted(DESKS), default="machine", help="what is tested")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args(argv)
    tally = Tally()
    failures: list[str] = []
    seeds = range(asked.first, asked.first + asked.runs)
    with ProcessPoolExecutor(asked.jobs) as pool:
        for counted in pool.map(partial(counted_run, asked.desk), seeds, chunksize=20):
            if isinstance(counted, str):
                failures.append(counted)
                print(counted, file=sys.stderr, flush=True)
            else:
                tally.add(counted)
    counted = said(tally, failures)
    print(json.dumps(counted) if asked.json else shown(counted))
    return 1 if failures or tally.missing() else 0


def counted_run(desk: str, seed: int) -> Counted | str:
    """Play one run; return what it counted, or what did not hold."""
    try:
        return play(seed, DESKS[desk]).counted()
    except (RunFailed, AssertionError) as error:
        return f"seed {seed}: {error}"


def said(tally: Tally, failures: list[str]) -> dict[str, object]:
    """Return what was counted as JSON can hold it."""
    return {
        "runs": tally.runs,
        "failed": len(failures),
        "cases": {f"RECON-34 ({case})": count for case, count in tally.cases().items()},
        "divergences": {kind.name: count for kind, count in sorted(tally.kinds.items())},
        "faults": {fault.name: count for fault, count in sorted(tally.faults.items())},
        "counts": dict(sorted(tally.counts.items())),
        "not reached": tally.missing(),
        "digest": tally.digest,
    }


def shown(counted: dict[str, object]) -> str:
    """Return the same as lines."""
    lines: list[str] = []
    for name, value in counted.items():
        if isinstance(value, dict):
            lines += [name, *(f"  {key:<24}{count:>10,}" for key, count in value.items())]
        else:
            lines.append(f"{name:<26}{value if value != [] else 'nothing'!s:>10}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Drives the market simulator through the engine and checks everything after every command.

    python -m tests.simulation [--commands N] [--seed N] [--world N] [--jobs N]

After each command: all invariants, and conservation by a ledger that is folded from events alone.
Every 500 commands, and at the end of each world, the digest is recomputed, all derived values are
rebuilt and the ledger is compared with the state. Worlds have `--world` commands each, from one
seed after the other, `--jobs` of them at a time. A short world of extreme amounts comes first.
Prints how often everything was reached; exit 1 with the names of what was not.
"""

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.run import VERIFY_EVERY, WORLD_COMMANDS, run_extreme, run_market, worlds
from tests.simulation.steps import Reached


def main(arguments: list[str]) -> int:
    """Run what the command line asks for and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--commands", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--world", type=int, default=WORLD_COMMANDS, help="commands per world")
    parser.add_argument("--jobs", type=int, default=1, help="worlds at a time")
    asked = parser.parse_args(arguments)
    started, reached = time.perf_counter(), Reached()
    extreme = run_extreme(reached).state.seq
    chosen = worlds(asked.commands, asked.seed, asked.world)
    with ProcessPoolExecutor(asked.jobs) as pool:
        for counts in pool.map(_counts_of, chosen):
            reached.reach.counts.update(counts)
    applied = sum(count for _seed, count in chosen)
    seconds, missing = time.perf_counter() - started, reached.missing()
    print(reached.table())
    print(
        f"{applied:,} simulated commands and {extreme} of extreme amounts in {seconds:.0f} s: "
        f"invariants and conservation hold after each, everything else every {VERIFY_EVERY}"
    )
    print("never reached: " + (", ".join(missing) or "nothing"))
    return 1 if missing else 0


def _counts_of(world: tuple[int, int]) -> Counter[str]:
    """Run one world and return how often everything was reached in it."""
    reached = Reached()
    run_market(*world, reached)
    return reached.reach.counts


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

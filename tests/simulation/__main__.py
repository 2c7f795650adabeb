"""Drives the market simulator through the engine and checks everything after every command.

    python -m tests.simulation [--commands N] [--seed N] [--world N]

After each command: all invariants, and conservation by a ledger that is folded from events alone.
Every 500 commands, and at the end of each world, the digest is recomputed, all derived values are
rebuilt and the ledger is compared with the state. Worlds have `--world` commands each, from one
seed after the other. A short world of extreme amounts comes first. Prints how often everything was
reached; exit 1 with the names of what was not.
"""

import argparse
import sys
import time

from tests.simulation.run import VERIFY_EVERY, WORLD_COMMANDS, run_extreme, simulate
from tests.simulation.steps import Reached


def main(arguments: list[str]) -> int:
    """Run what the command line asks for and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--commands", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--world", type=int, default=WORLD_COMMANDS, help="commands per world")
    asked = parser.parse_args(arguments)
    started, reached = time.perf_counter(), Reached()
    extreme = run_extreme(reached).state.seq
    applied = simulate(asked.commands, asked.seed, reached, asked.world)
    seconds, missing = time.perf_counter() - started, reached.missing()
    print(reached.table())
    print(
        f"{applied:,} simulated commands and {extreme} of extreme amounts in {seconds:.0f} s: "
        f"invariants and conservation hold after each, everything else every {VERIFY_EVERY}"
    )
    print("never reached: " + (", ".join(missing) or "nothing"))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Checks many random streams of fills and says what they held.

    python -m tests.desk_pnl [--streams 10000] [--seed 0]

Exit 1 at the first stream that breaks the identity; its seed repeats it.
"""

import argparse
import sys
import time

from tests.desk_pnl.identity import check_stream
from tests.desk_pnl.streams import stream


def main(argv: list[str]) -> int:
    """Check the streams of consecutive seeds, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.desk_pnl", description=__doc__)
    parser.add_argument("--streams", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first stream")
    asked = parser.parse_args(argv)
    started = time.perf_counter()
    fills = buckets = flat = 0
    for seed in range(asked.seed, asked.seed + asked.streams):
        drawn = stream(seed)
        try:
            buckets += check_stream(drawn, seed)
        except AssertionError as error:
            print(f"seed {seed}: {error}")
            return 1
        fills += len(drawn.fills)
        flat += drawn.is_flat
    seconds = time.perf_counter() - started
    print(f"{asked.streams} streams, {flat} of them flat at the end, {fills} fills, {buckets}")
    print(f"deployment buckets: cash flow and average cost agree in each, {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

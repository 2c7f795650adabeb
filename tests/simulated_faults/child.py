"""Runs seeds on the sources that stand first in PYTHONPATH, and prints what was found as JSON."""

import json
import sys
import time
from pathlib import Path

import lockstep_journal
import lockstep_kernel
import lockstep_replay
import lockstep_runtime
from lockstep_runtime.simulate.world import simulate


def main(first: int, seconds_max: float) -> int:
    """Run seeds from `first` on to the first violation, or until the time is over."""
    started = time.process_time()
    seed, violation = first, ""
    while not violation and time.process_time() - started < seconds_max:
        violation = simulate(seed).violation
        seed += 1
    packages = (lockstep_journal, lockstep_kernel, lockstep_replay, lockstep_runtime)
    said = {
        "folders": [str(Path(package.__file__).parents[2]) for package in packages],
        "seeds": seed - first,
        "seconds": time.process_time() - started,
        "what": violation,
    }
    print(json.dumps(said))
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), float(sys.argv[2])))

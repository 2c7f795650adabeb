"""A writer on the clock of the system, which it sets forward, back and still; run under faketime.

    faketime -f +0d python -m tests.faults.timed JOURNAL TAPE SEED

It says `clock NS` whenever it has read the clock for a batch, `jump WHAT` when it set it, and
`ack SEQ TS_NS` when the batch is durable.
"""

import os
import random
import sys
import time
from pathlib import Path

from lockstep_engine.exchange import MACHINE
from lockstep_replay import resume
from tests.faults.processes import say
from tests.faults.tape import load_tape

BATCHES, BATCH = 20, 3
_JUMPS = ("+2h", "-2h", "-3d", "+400d", "+0d", "2030-01-01 00:00:00", "2024-02-29 23:59:59")


def main(arguments: list[str]) -> int:
    """Play a part of the tape, stamped by the clock alone."""
    journal, path, seed = arguments
    tape = load_tape(Path(path))
    dice = random.Random(int(seed))

    def clock() -> int:
        now_ns = time.time_ns()
        say("clock", now_ns)
        return now_ns

    with resume(journal, MACHINE, clock) as live:
        for _ in range(BATCHES):
            jump = dice.choice(_JUMPS)
            os.environ["FAKETIME"] = jump
            say("jump", jump)
            seq = live.sequencer.state.seq
            live.sequencer.submit([body for _ts_ns, body in tape.items[seq : seq + BATCH]])
            say("ack", live.sequencer.state.seq, live.sequencer.state.ts_ns)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The process that gets killed: it plays a tape into a journal until somebody stops it.

    python -m tests.faults.writer JOURNAL TAPE SEED

Every line on standard output is written at once, and says what was reached: `ready SEQ`, then for
every batch `begin FIRST COUNT`, `commit`, `durable`, `publish`, perhaps `snapshot` and `saved`, and
`ack LAST HASH` when `submit` has returned; `end` when nothing is left to play. Sizes of batches and
pauses are drawn from SEED.
"""

import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from lockstep_engine.exchange import MACHINE
from lockstep_journal import MapPolicy, Outlets, Owner, Sequencer, SnapshotPolicy, open_owner
from lockstep_kernel import Applied
from lockstep_replay import recover_from
from tests.faults.processes import say
from tests.faults.tape import Tape, load_tape

BATCH_MAX = 1_000
PAUSE_MAX_S = 0.002
UNPLAYED = 100
SNAPSHOTS = SnapshotPolicy(every=1_500, keep=3)
GROWING = MapPolicy(first_bytes=1 << 20)


class Loud:
    """The owner's port to the sequencer, which says where it is; it is also the event sink."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._is_published = False

    @property
    def owner_epoch(self) -> int:
        """The epoch of the owner."""
        return self._owner.owner_epoch

    def append(self, batch: Sequence[Applied]) -> int:
        """Write a batch."""
        say("commit")
        last = self._owner.append(batch)
        say("durable")
        self._is_published = False
        return last

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        """Say once per batch that its events go out."""
        if not self._is_published:
            self._is_published = True
            say("publish")

    def save_snapshot(self, seq: int, snapshot: bytes) -> None:
        """Write a snapshot."""
        say("snapshot")
        self._owner.save_snapshot(seq, snapshot)
        say("saved")

    def snapshot_seqs(self) -> list[int]:
        """Return the sequence numbers of all snapshots."""
        return self._owner.snapshot_seqs()

    def prune_snapshots(self, keep: int) -> list[int]:
        """Delete old snapshots."""
        return self._owner.prune_snapshots(keep)


def play(sequencer: Sequencer, tape: Tape, dice: random.Random) -> None:
    """Submit the rest of the tape in batches of random sizes, but leave some for the referee."""
    seq = sequencer.state.seq
    end = len(tape.items) - UNPLAYED
    while seq < end:
        size = round(BATCH_MAX ** dice.random())
        batch = tape.items[seq : min(end, seq + size)]
        say("begin", seq + 1, len(batch))
        last_seq, _events, hash_ = sequencer.submit(batch)[-1]
        say("ack", last_seq, hash_.hex())
        seq = last_seq
        time.sleep(dice.random() * PAUSE_MAX_S)


def main(arguments: list[str]) -> int:
    """Recover the journal and play; at the end of the tape, wait for the end."""
    journal, path, seed = arguments
    tape = load_tape(Path(path))
    with open_owner(journal, MACHINE, GROWING) as owner:
        state, _recovery = recover_from(owner, MACHINE)
        owner.claim()
        loud = Loud(owner)
        sequencer = Sequencer(state, loud, lambda: 0, Outlets(sinks=(loud,)), SNAPSHOTS)
        say("ready", state.seq)
        play(sequencer, tape, random.Random(int(seed)))
        say("end")
        signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

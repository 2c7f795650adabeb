"""Plays a tape into a journal with the packages that are on the path, and says what it took.

    python -m tests.durable.child TAPE JOURNAL BATCH COMMANDS

Prints one JSON object. It uses nothing of the tests, and of the packages only what every version
of them has: it runs on older sources too.
"""

import gc
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter_ns, process_time_ns

import msgspec

import lockstep_journal
from lockstep_engine.exchange import MACHINE
from lockstep_journal import Owner, Sequencer, create
from lockstep_kernel import Applied, Genesis, initial

WARM_BATCHES = 50


class Played(msgspec.Struct):
    """Of a tape what is played."""

    genesis: Genesis
    items: list[tuple[int, bytes]]


class Timed:
    """The owner's port to a sequencer, which keeps how long each commit took."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self.taken_ns: list[int] = []

    @property
    def owner_epoch(self) -> int:
        """The epoch of the owner."""
        return self._owner.owner_epoch

    def append(self, batch: Sequence[Applied]) -> int:
        """Write a batch."""
        start_ns = perf_counter_ns()
        last = self._owner.append(batch)
        self.taken_ns.append(perf_counter_ns() - start_ns)
        return last

    def save_snapshot(self, seq: int, snapshot: bytes) -> None:
        """Write a snapshot."""
        self._owner.save_snapshot(seq, snapshot)

    def snapshot_seqs(self) -> list[int]:
        """Return the sequence numbers of all snapshots."""
        return self._owner.snapshot_seqs()

    def prune_snapshots(self, keep: int) -> list[int]:
        """Delete old snapshots."""
        return self._owner.prune_snapshots(keep)


def main(arguments: list[str]) -> int:
    """Play, and print commands per second, the 99th percentile of a commit, and processor time."""
    path, journal, batch, count = arguments
    played = msgspec.msgpack.decode(Path(path).read_bytes(), type=Played)
    size, items = int(batch), played.items[: int(count)]
    batches = [items[start : start + size] for start in range(0, len(items), size)]
    with create(journal, MACHINE, played.genesis) as owner:
        owner.claim()
        timed = Timed(owner)
        sequencer = Sequencer(initial(MACHINE, played.genesis), timed, lambda: 0)
        for warm in batches[:WARM_BATCHES]:
            sequencer.submit(warm)
        gc.collect()
        gc.freeze()
        start_ns, computing_ns = perf_counter_ns(), process_time_ns()
        for each in batches[WARM_BATCHES:]:
            sequencer.submit(each)
        spent_ns, computed_ns = perf_counter_ns() - start_ns, process_time_ns() - computing_ns
    done = sum(map(len, batches[WARM_BATCHES:]))
    found = {
        "per_second": done * 1e9 / spent_ns,
        "computing_us": computed_ns / done / 1e3,
        "p99_us": statistics.quantiles(timed.taken_ns[WARM_BATCHES:], n=100)[-1] / 1e3,
        "hash": sequencer.state.hash.hex(),
        "origin": lockstep_journal.__file__,
    }
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Where a run keeps its two journals: in memory, or in a directory for whoever looks later."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from lockstep_journal import MemoryJournal, SequencerJournal, create
from lockstep_kernel import Applied, Genesis, Machine

_BATCH: Final = 4_096


class Journals(ExitStack):
    """Opens the journals of one run, in `folder`/NAME or in memory; leaving it writes the rest."""

    def __init__(self, folder: Path | None) -> None:
        super().__init__()
        self._folder = folder

    def opener(self, name: str) -> Callable[[Machine, Genesis], SequencerJournal]:
        """Return what opens the journal of that name."""

        def opened(machine: Machine, genesis: Genesis) -> SequencerJournal:
            if self._folder is None:
                return MemoryJournal(genesis)
            self._folder.mkdir(parents=True, exist_ok=True)
            owner = create(self._folder / name, machine, genesis)
            self.callback(owner.close)
            owner.claim()
            batched = _Batched(owner)
            self.push(batched.leave)
            return batched

        return opened


class _Batched:
    """A journal that writes many commands in one synced transaction.

    A backtest may be run again, so nothing waits for its disk: what a sequencer calls durable here
    is so only at the end.
    """

    def __init__(self, inner: SequencerJournal) -> None:
        self._inner = inner
        self._held: list[Applied] = []

    @property
    def owner_epoch(self) -> int:
        """The epoch of the journal behind it."""
        return self._inner.owner_epoch

    def append(self, batch: Sequence[Applied]) -> int:
        """Keep a batch, and write all that is kept once it is enough."""
        self._held += batch
        if len(self._held) >= _BATCH:
            self.flush()
        return batch[-1][0] if batch else 0

    def flush(self) -> None:
        """Write what is kept."""
        if self._held:
            self._inner.append(self._held)
            self._held = []

    def leave(self, kind: object, error: object, trace: object) -> None:
        """Write the rest, also of a run that failed: it shows how far it came."""
        self.flush()

    def save_snapshot(self, seq: int, snapshot: bytes) -> None:
        """Save a snapshot of what is written by then."""
        self.flush()
        self._inner.save_snapshot(seq, snapshot)

    def snapshot_seqs(self) -> list[int]:
        """Return the sequence numbers of all snapshots."""
        return self._inner.snapshot_seqs()

    def prune_snapshots(self, keep: int) -> list[int]:
        """Delete all but the newest snapshots."""
        return self._inner.prune_snapshots(keep)

"""Twins in memory of the ports around the sequencer, with the same checks and no disk."""

from collections.abc import Sequence

import msgspec

from lockstep_journal.layout import End, pack_batch
from lockstep_journal.writer import check_follows
from lockstep_kernel import Applied, Genesis, JournalRecord, check, genesis_hash, read_head


class MemoryJournal:
    """A journal that is as durable as the process: packed records and snapshots in memory."""

    def __init__(self, genesis: Genesis, epoch: int = 1) -> None:
        self.genesis = genesis
        self.records: list[bytes] = []
        self.snapshots: dict[int, bytes] = {}
        self._epoch = epoch
        base = genesis_hash(genesis)
        self._end = End(1, 0, 0, 0, base, base)

    @property
    def owner_epoch(self) -> int:
        """The epoch that stands in the records."""
        return self._epoch

    def end(self) -> End:
        """Return what the journal says of its records."""
        return self._end

    def append(self, batch: Sequence[Applied]) -> int:
        """Keep a batch and return the last sequence number."""
        end = self._end
        if not batch:
            return end.last_seq
        last_seq, last_ts_ns, last_hash = check_follows(end, batch)
        self.records += [record for _key, record in pack_batch(self._epoch, batch)]
        self._end = End(1, last_seq, last_seq, last_ts_ns, last_hash, end.base_hash)
        return last_seq

    def save_snapshot(self, seq: int, snapshot: bytes) -> None:
        """Keep a snapshot."""
        found = read_head(snapshot).seq
        check(found == seq, f"expected a snapshot of {seq}, found one of {found}")
        check(seq <= self._end.last_seq, f"expected a snapshot up to {self._end.last_seq}")
        self.snapshots[seq] = snapshot

    def snapshot_seqs(self) -> list[int]:
        """Return the sequence numbers of all snapshots, ascending."""
        return sorted(self.snapshots)

    def prune_snapshots(self, keep: int) -> list[int]:
        """Drop all but the newest `keep` snapshots and return which went."""
        seqs = self.snapshot_seqs()
        gone = seqs[: max(0, len(seqs) - keep)]
        for seq in gone:
            del self.snapshots[seq]
        return gone


class MemorySink:
    """Keeps the events of every command."""

    def __init__(self) -> None:
        self.emitted: list[tuple[int, Sequence[msgspec.Struct]]] = []

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        """Take the events of command `seq`."""
        self.emitted.append((seq, events))


class MemoryPublisher:
    """Keeps every record."""

    def __init__(self) -> None:
        self.published: list[tuple[int, JournalRecord]] = []

    def publish(self, seq: int, record: JournalRecord) -> None:
        """Take the record of command `seq`."""
        self.published.append((seq, record))

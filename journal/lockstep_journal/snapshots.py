"""Finding a snapshot that can be trusted.

A snapshot is good if its bytes are whole, its genesis, hash and time are those of the journal's own
chain at that sequence number, and its state loads with the digest it names. Where events are kept,
they and the record's hash bind its clocks and its digest, too. One that is not good is skipped with
the reason; an older one, or genesis, leads to the same final hash.
"""

from collections.abc import Sequence

import msgspec

from lockstep_journal.store import Journal
from lockstep_kernel import (
    DamagedError,
    Fault,
    JournalRecord,
    Machine,
    SnapshotHead,
    State,
    UnsupportedError,
    check_genesis,
    load,
    read_head,
)
from lockstep_kernel.chain import hash_after


class SkippedSnapshot(msgspec.Struct, frozen=True):
    """A snapshot that was passed over, and why; a newer release may load an unsupported one."""

    seq: int
    reason: str
    is_unsupported: bool = False


def check_snapshot(journal: Journal, seq: int) -> tuple[SnapshotHead, bytes]:
    """Return the head and bytes of a snapshot that belongs to the journal's chain.

    Raises `DamagedError` if it does not, `UnsupportedError` for a newer format.
    """
    data = journal.snapshot(seq)
    head = read_head(data)
    end = journal.end()
    if head.seq != seq:
        raise DamagedError(f"expected a snapshot of {seq}, found one of {head.seq}", seq)
    if head.genesis_hash != journal.genesis_hash:
        raise DamagedError(
            f"snapshot {seq}: expected genesis {journal.genesis_hash.hex()}, "
            f"found {head.genesis_hash.hex()}",
            seq,
        )
    if not end.first_seq - 1 <= seq <= end.last_seq:
        raise DamagedError(
            f"snapshot {seq}: expected one from {end.first_seq - 1} to {end.last_seq}", seq
        )
    expected = journal.hash_at(seq)
    if head.hash != expected:
        raise DamagedError(
            f"snapshot {seq}: expected hash {expected.hex()}, found {head.hash.hex()}", seq
        )
    what = _unbound(journal, head)
    if what:
        raise DamagedError(f"snapshot {seq}: {what}", seq)
    return head, data


def unbound(
    head: SnapshotHead, record: JournalRecord, events: bytes | None, digest_every: int
) -> str:
    """Return what a snapshot says against its record, which has its hash; nothing if all is well.

    Without the record's `events` the clocks and the digest cannot be told.
    """
    if head.ts_ns != record.ts_ns:
        return f"expected time {record.ts_ns}, found {head.ts_ns}"
    if events is None or hash_after(record, head, digest_every, events) == record.hash:
        return ""
    return f"expected clocks and digest that give hash {record.hash.hex()} with the kept events"


def newest_snapshot(
    journal: Journal, at_or_below: int
) -> tuple[int | None, bytes, list[SkippedSnapshot]]:
    """Return (seq, bytes, skipped) of the newest whole snapshot, for readers without a machine."""
    skipped: list[SkippedSnapshot] = []
    for seq in _candidates(journal, at_or_below):
        try:
            return seq, check_snapshot(journal, seq)[1], skipped
        except (DamagedError, UnsupportedError) as fault:
            skipped.append(SkippedSnapshot(seq, str(fault), isinstance(fault, UnsupportedError)))
    return None, b"", skipped


def newest_state(
    journal: Journal, machine: Machine, at_or_below: int
) -> tuple[State | None, list[SkippedSnapshot]]:
    """Return the state of the newest good snapshot, or None, and which ones were skipped.

    Raises `UnsupportedError` for a journal of another machine or of rules it does not have.
    """
    check_genesis(machine, journal.genesis)
    skipped: list[SkippedSnapshot] = []
    for seq in _candidates(journal, at_or_below):
        try:
            _head, data = check_snapshot(journal, seq)
            return load(machine, journal.genesis, data), skipped
        except Fault as fault:
            skipped.append(SkippedSnapshot(seq, str(fault), isinstance(fault, UnsupportedError)))
    return None, skipped


def unbound_first(head: SnapshotHead) -> str:
    """Return what a snapshot that has no record says of the time before the first one, if false."""
    return "" if head.seq or head.ts_ns == 0 else f"expected time 0, found {head.ts_ns}"


def _unbound(journal: Journal, head: SnapshotHead) -> str:
    """Compare a snapshot with its record; what is wrong with that is said where that is read."""
    if head.seq < journal.end().first_seq:
        return unbound_first(head)
    try:
        record = journal.record(head.seq)
        events = journal.events(head.seq, head.seq)[0] if journal.keeps_events else None
    except Fault:
        return ""
    if record.hash != head.hash:
        return ""
    return unbound(head, record, events, journal.genesis.digest_every)


def _candidates(journal: Journal, at_or_below: int) -> Sequence[int]:
    base = journal.end().first_seq - 1
    return [seq for seq in reversed(journal.snapshot_seqs()) if base <= seq <= at_or_below]

"""Finding a snapshot that can be trusted.

A snapshot is good if its bytes are whole, its genesis and its hash are those of the journal's own
chain at that sequence number, and its state loads with the digest it names. One that is not good is
skipped with the reason; an older one, or genesis, leads to the same final hash.
"""

from collections.abc import Sequence

import msgspec

from lockstep_journal.store import Journal
from lockstep_kernel import (
    DamagedError,
    Fault,
    Machine,
    SnapshotHead,
    State,
    UnsupportedError,
    check_genesis,
    load,
    read_head,
)


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
    return head, data


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


def _candidates(journal: Journal, at_or_below: int) -> Sequence[int]:
    base = journal.end().first_seq - 1
    return [seq for seq in reversed(journal.snapshot_seqs()) if base <= seq <= at_or_below]

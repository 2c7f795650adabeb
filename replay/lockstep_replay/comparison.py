"""Where two histories part, and how two states differ.

A hash binds the whole history before it: so the first difference between two journals is found by
halving, and equal hashes need no second look.
"""

import msgspec

from lockstep_journal import Journal
from lockstep_kernel import CannotRunError, Change, Machine, State, changes, sorted_records
from lockstep_replay.recovery import recover_from


class Divergence(msgspec.Struct, frozen=True):
    """The first sequence number at which two journals differ, and the hash each has there.

    `seq` 0 means that their genesis differs. `is_exact` is false when the difference lies in
    archived records, at or before `seq`.
    """

    seq: int
    left_hash: bytes
    right_hash: bytes
    is_exact: bool = True


class Comparison(msgspec.Struct, frozen=True):
    """Two journals side by side: what they share, and where they part (None: nowhere)."""

    left_last_seq: int
    right_last_seq: int
    common_last_seq: int
    divergence: Divergence | None


def compare(left: Journal, right: Journal) -> Comparison:
    """Compare two journals over the records that both hold. O(log records) reads."""
    ends = left.check_end(), right.check_end()
    low = max(end.first_seq for end in ends) - 1
    high = min(end.last_seq for end in ends)
    lasts = ends[0].last_seq, ends[1].last_seq
    if left.genesis_hash != right.genesis_hash:
        return Comparison(*lasts, 0, Divergence(0, left.genesis_hash, right.genesis_hash))
    if high < low:
        raise CannotRunError(
            f"{left.directory} and {right.directory}: expected records in common, found none: "
            f"one ends at {high}, the other begins after {low}"
        )
    if left.hash_at(low) != right.hash_at(low):
        return Comparison(*lasts, 0, _divergence(left, right, low, is_exact=low == 0))
    if left.hash_at(high) == right.hash_at(high):
        return Comparison(*lasts, high, None)
    while high - low > 1:
        middle = (low + high) // 2
        if left.hash_at(middle) == right.hash_at(middle):
            low = middle
        else:
            high = middle
    return Comparison(*lasts, low, _divergence(left, right, high, is_exact=True))


def changes_between(journal: Journal, machine: Machine, before: int, after: int) -> list[Change]:
    """Return the entities that differ between the states after two sequence numbers."""
    old, _report = recover_from(journal, machine, before)
    new, _report = recover_from(journal, machine, after)
    return state_changes(old, new)


def state_changes(before: State, after: State) -> list[Change]:
    """Return the entities that differ between two states, by (kind, key)."""
    return changes(sorted_records(before), sorted_records(after))


def _divergence(left: Journal, right: Journal, seq: int, *, is_exact: bool) -> Divergence:
    return Divergence(seq, left.hash_at(seq), right.hash_at(seq), is_exact)

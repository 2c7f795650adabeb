"""Which snapshot is trusted, and why the others are not."""

from pathlib import Path

import pytest

from lockstep_journal import (
    check_snapshot,
    layout,
    newest_snapshot,
    newest_state,
    open_owner,
    open_reader,
)
from lockstep_kernel import DamagedError, InvariantError, UnsupportedError, dump, initial
from tests.machines.counter import COUNTER, counter_genesis
from tests.machines.histories import applied, write_journal
from tests.unit.journal.damage import edit, value_of

COUNT = 80


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    write_journal(tmp_path / "j", COUNT, snapshot_every=20)
    return tmp_path / "j"


def newest(directory: Path, at_or_below: int = COUNT) -> tuple[int | None, list[int]]:
    with open_reader(directory) as opened:
        state, skipped = newest_state(opened, COUNTER, at_or_below)
        seq, _data, same = newest_snapshot(opened, at_or_below)
    assert [skip.seq for skip in same] == [skip.seq for skip in skipped]
    assert seq == (None if state is None else state.seq)
    return seq, [skip.seq for skip in skipped]


def test_the_newest_at_or_below_is_taken(journal: Path) -> None:
    with open_reader(journal) as opened:
        assert [21, 42, 63] == opened.snapshot_seqs()
    assert (63, []) == newest(journal)
    assert (63, []) == newest(journal, 63)
    assert (42, []) == newest(journal, 62)
    assert (None, []) == newest(journal, 20)


@pytest.mark.parametrize("kind", ["flipped", "cut", "foreign", "of another time", "newer format"])
def test_a_bad_snapshot_is_passed_over_with_the_reason(journal: Path, kind: str) -> None:
    good = value_of(journal, layout.SNAPSHOTS, 63)
    bad = {
        "flipped": good[:90] + bytes([good[90] ^ 1]) + good[91:],
        "cut": good[:-20],
        "foreign": dump(applied(63, seed=2)[0]),
        "of another time": value_of(journal, layout.SNAPSHOTS, 42),
        "newer format": good[:6] + b"\x00\x02" + good[8:],
    }
    edit(journal, layout.SNAPSHOTS, {63: bad[kind]})
    assert (42, [63]) == newest(journal)
    with open_reader(journal) as opened:
        skipped = newest_state(opened, COUNTER, COUNT)[1]
        with pytest.raises((DamagedError, UnsupportedError)):
            check_snapshot(opened, 63)
    assert "63" in skipped[0].reason or "42" in skipped[0].reason


def test_a_snapshot_from_after_the_end_is_passed_over(journal: Path) -> None:
    edit(journal, layout.SNAPSHOTS, {90: dump(applied(90)[0])})
    assert (63, []) == newest(journal, COUNT)
    assert (63, [90]) == newest(journal, 100)


def test_a_snapshot_of_another_genesis_is_passed_over(journal: Path) -> None:
    other = initial(COUNTER, counter_genesis(digest_every=2))
    edit(journal, layout.SNAPSHOTS, {0: dump(other)})
    assert (None, [0]) == newest(journal, 10)


def test_all_bad_snapshots_are_passed_over(journal: Path) -> None:
    edit(journal, layout.SNAPSHOTS, {21: b"", 42: b"x", 63: b"y" * 200})
    assert (None, [63, 42, 21]) == newest(journal)


def test_a_snapshot_of_another_history_is_not_saved(journal: Path) -> None:
    with open_owner(journal) as owner:
        owner.claim()
        with pytest.raises(InvariantError, match="expected a snapshot of 80"):
            owner.save_snapshot(COUNT, dump(applied(COUNT, seed=2)[0]))
        owner.save_snapshot(COUNT, dump(applied(COUNT)[0]))
        assert [42, 63] == [seq for seq in owner.prune_snapshots(1) if seq != 21]
        assert [COUNT] == owner.snapshot_seqs()

"""Recovery gives the same state from every snapshot, and from genesis."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockstep_journal import archive, layout, open_owner, open_reader
from lockstep_kernel import (
    CannotRunError,
    DamagedError,
    InvariantError,
    UnsupportedError,
    dump,
    sorted_records,
)
from lockstep_replay import recover, recover_from, seek
from tests.machines.counter import COUNTER
from tests.machines.histories import ACTIVATED_AT, applied, write_journal
from tests.unit.journal.damage import edit, value_of

COUNT = 80


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("recovery") / "j"
    write_journal(directory, COUNT, snapshot_every=20)
    return directory


def test_recovery_takes_the_newest_snapshot_and_the_tail(journal: Path) -> None:
    state, report = recover(journal, COUNTER)
    expected = applied(COUNT)[0]
    assert expected.at() == state.at()
    assert sorted_records(expected) == sorted_records(state)
    assert (63, 17, []) == (report.snapshot_seq, report.replayed, report.skipped)
    assert (COUNT, 10 * COUNT, expected.hash, expected.digest) == (
        report.last_seq,
        report.last_ts_ns,
        report.last_hash,
        report.digest,
    )


def test_every_point_of_the_past_can_be_sought(journal: Path) -> None:
    for seq in range(COUNT + 1):
        expected = applied(seq)[0]
        state = seek(journal, COUNTER, seq)
        assert (expected.at(), expected.digest) == (state.at(), state.digest)
    for seq in (-1, COUNT + 1):
        with pytest.raises(CannotRunError, match=f"from 0 to {COUNT}, found {seq}"):
            seek(journal, COUNTER, seq)


@pytest.mark.parametrize(
    ("bad", "start"),
    [([63], 42), ([63, 42], 21), ([63, 42, 21], 0), ([21], 63)],
)
def test_bad_snapshots_change_the_way_and_not_the_end(
    tmp_path: Path, bad: list[int], start: int
) -> None:
    state = write_journal(tmp_path / "j", COUNT, snapshot_every=20)
    for seq in bad:
        good = value_of(tmp_path / "j", layout.SNAPSHOTS, seq)
        edit(tmp_path / "j", layout.SNAPSHOTS, {seq: good[:100] + b"?" + good[101:]})
    found, report = recover(tmp_path / "j", COUNTER)
    assert (state.hash, start) == (found.hash, report.snapshot_seq)
    assert ([] if start == 63 else bad) == [skip.seq for skip in report.skipped]
    assert all("check does not match" in skip.reason for skip in report.skipped)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 12), st.integers(0, 30), st.integers(1, 60))
def test_snapshot_and_tail_equal_the_full_replay(
    tmp_path: Path, batch: int, every: int, count: int
) -> None:
    directory = tmp_path / f"{batch}-{every}-{count}"
    live = write_journal(directory, count, batch=batch, snapshot_every=every)
    with open_owner(directory) as owner:
        quick, _report = recover_from(owner, COUNTER)
        owner.claim()
        owner.prune_snapshots(0)
        full, report = recover_from(owner, COUNTER)
    assert 0 == report.snapshot_seq
    assert live.at() == quick.at() == full.at()
    assert dump(live) == dump(quick) == dump(full)


def test_progress_is_told_up_to_the_end(journal: Path) -> None:
    told: list[tuple[int, int]] = []
    with open_reader(journal) as opened:
        recover_from(opened, COUNTER, progress=lambda seq, last: told.append((seq, last)))
    assert [(COUNT, COUNT)] == told


class OldCounter(type(COUNTER)):
    """A release that knows rules 1 only."""

    rules_versions = range(1, 2)


@pytest.mark.parametrize("every", [0, 20])
def test_newer_rules_are_named_and_never_guessed(tmp_path: Path, every: int) -> None:
    write_journal(tmp_path / "j", COUNT, snapshot_every=every)
    with pytest.raises(UnsupportedError, match=f"record {ACTIVATED_AT}: .*found 2"):
        recover(tmp_path / "j", OldCounter())
    assert ACTIVATED_AT - 1 == seek(tmp_path / "j", OldCounter(), ACTIVATED_AT - 1).seq


def test_newer_rules_in_the_only_snapshot_are_not_damage(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", COUNT, snapshot_every=20)
    with open_owner(tmp_path / "j") as owner:
        owner.claim()
        archive(owner, COUNTER, 50, tmp_path / "old")
        owner.prune_snapshots(0)
    with pytest.raises(UnsupportedError, match="no snapshot loads"):
        recover(tmp_path / "j", OldCounter())


def test_an_archived_journal_without_a_good_snapshot_is_damage(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", COUNT, snapshot_every=20)
    with open_owner(tmp_path / "j") as owner:
        owner.claim()
        archive(owner, COUNTER, 50, tmp_path / "old")
        owner.prune_snapshots(0)
    edit(tmp_path / "j", layout.SNAPSHOTS, {42: b"gone"})
    with pytest.raises(DamagedError, match="records before 43 are archived") as caught:
        recover(tmp_path / "j", COUNTER)
    assert 43 == caught.value.seq


def test_another_machine_is_refused(journal: Path) -> None:
    class Other(type(COUNTER)):
        name = "other"

    with pytest.raises(UnsupportedError, match="found 'counter'"):
        recover(journal, Other())


def test_a_bug_names_the_record_at_which_it_shows(journal: Path) -> None:
    class Broken(type(COUNTER)):
        def add_one_too_many(self, core, ts_ns: int):
            if ts_ns == 700:
                raise InvariantError("the sum is off")

        def step(self, core, ts_ns, command):
            self.add_one_too_many(core, ts_ns)
            return super().step(core, ts_ns, command)

    with pytest.raises(InvariantError, match="record 70: the sum is off"):
        recover(journal, Broken())

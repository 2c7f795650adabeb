"""Old records leave a journal only for a file that holds them; copies are verified."""

import threading
from pathlib import Path

import pytest

from lockstep_journal import (
    Transferred,
    archive,
    archiving,
    backup,
    import_streams,
    layout,
    open_owner,
    open_reader,
    verify,
    writer,
)
from lockstep_kernel import CannotRunError, DamagedError, Fault
from lockstep_replay import ImportVerifier, recover, resume, seek
from tests.machines.counter import COUNTER
from tests.machines.histories import (
    applied,
    read_stream,
    reading,
    submit_all,
    write_journal,
)
from tests.unit.journal.damage import edit, flip, value_of
from tests.unit.journal.test_transfer import exported

COUNT = 60


def archived(tmp_path: Path, below: int, name: str = "old.stream"):
    with open_owner(tmp_path / "j") as owner:
        owner.claim()
        return archive(owner, COUNTER, below, tmp_path / name)


@pytest.mark.parametrize("keep_events", [True, False])
def test_archived_records_are_in_the_file_and_the_rest_recovers(
    tmp_path: Path, keep_events: bool
) -> None:
    state = write_journal(tmp_path / "j", COUNT, snapshot_every=20, keep_events=keep_events)
    done = archived(tmp_path, 50)
    assert (1, 42) == (done.first_seq, done.last_seq)
    assert [42] == [seq for seq in (21, 42) if seq == done.last_seq]
    records = read_stream((tmp_path / "old.stream").read_bytes())
    assert list(range(1, 43)) == [record.seq for record in records]
    with open_reader(tmp_path / "j") as journal:
        assert [42] == journal.snapshot_seqs()
        assert (43, 18) == (journal.end().first_seq, journal.end().count)
        assert verify(journal).first is None
    found, report = recover(tmp_path / "j", COUNTER)
    assert (state.hash, 42) == (found.hash, report.snapshot_seq)


def test_archive_and_rest_make_the_whole_journal_again(tmp_path: Path) -> None:
    state = write_journal(tmp_path / "j", COUNT, snapshot_every=20)
    archived(tmp_path, 30)
    archived(tmp_path, 50, "newer.stream")
    with open_reader(tmp_path / "j") as journal:
        rest, _done = exported(journal)
    streams = [(tmp_path / name).read_bytes() for name in ("old.stream", "newer.stream")]
    done = import_streams(
        tmp_path / "k",
        [reading(data) for data in (*streams, rest)],
        ImportVerifier(lambda genesis: COUNTER),
    )
    assert Transferred(1, COUNT, state.hash) == done
    with open_reader(tmp_path / "k") as journal:
        assert [21, 42] == journal.snapshot_seqs()
        assert verify(journal).first is None
    assert applied(30)[0].hash == seek(tmp_path / "k", COUNTER, 30).hash


def test_an_archived_journal_goes_on(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 42, snapshot_every=20)
    archived(tmp_path, 42)
    with open_reader(tmp_path / "j") as journal:
        assert (43, 0, 42) == (
            journal.end().first_seq,
            journal.end().count,
            journal.end().last_seq,
        )
        journal.check_end()
    with resume(tmp_path / "j", COUNTER, lambda: 0) as live:
        submit_all(live.sequencer, COUNT, start=42)
        assert applied(COUNT)[0].hash == live.sequencer.state.hash
        assert [] == live.owner.prune_snapshots(0)
    assert applied(COUNT)[0].hash == recover(tmp_path / "j", COUNTER)[0].hash
    with pytest.raises(CannotRunError, match="from 42 to 60"):
        seek(tmp_path / "j", COUNTER, 41)


def test_without_a_good_snapshot_nothing_is_archived(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", COUNT, snapshot_every=20)
    edit(tmp_path / "j", layout.SNAPSHOTS, {21: b"no snapshot at all"})
    for below in (20, 41):
        with pytest.raises(CannotRunError, match="expected a good snapshot from 1 to"):
            archived(tmp_path, below)
    assert not (tmp_path / "old.stream").exists()
    with open_reader(tmp_path / "j") as journal:
        assert COUNT == journal.end().count


def test_an_archive_never_replaces_a_file(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", COUNT, snapshot_every=20)
    (tmp_path / "old.stream").write_bytes(b"mine")
    with pytest.raises(CannotRunError, match="expected no file"):
        archived(tmp_path, 50)
    assert b"mine" == (tmp_path / "old.stream").read_bytes()


def test_a_damaged_record_stops_an_archive_before_anything_is_deleted(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", COUNT, snapshot_every=20)
    flip(tmp_path / "j", value_of(tmp_path / "j", layout.COMMANDS, 9), 70, 4)
    with pytest.raises(DamagedError) as caught:
        archived(tmp_path, 50)
    assert 9 == caught.value.seq
    assert ["j"] == [path.name for path in tmp_path.iterdir()]
    with open_reader(tmp_path / "j") as journal:
        assert COUNT == journal.end().count


def test_an_interrupted_deletion_is_finished_by_the_next_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = write_journal(tmp_path / "j", COUNT, snapshot_every=20)
    monkeypatch.setattr(writer, "_DELETE_RECORDS", 10)
    forget = writer.Owner._forget

    def forget_twice(owner: writer.Owner, first: int, last: int, base: bytes) -> None:
        if first > 20:
            raise KeyboardInterrupt
        forget(owner, first, last, base)

    monkeypatch.setattr(writer.Owner, "_forget", forget_twice)
    with pytest.raises(KeyboardInterrupt):
        archived(tmp_path, 50)
    monkeypatch.setattr(writer.Owner, "_forget", forget)
    with open_reader(tmp_path / "j") as journal:
        assert (21, 40) == (journal.end().first_seq, journal.end().count)
        assert verify(journal).first is None
    assert state.hash == recover(tmp_path / "j", COUNTER)[0].hash
    archived(tmp_path, 50, "again.stream")
    with open_reader(tmp_path / "j") as journal:
        assert 43 == journal.end().first_seq
    assert 42 == len(read_stream((tmp_path / "old.stream").read_bytes()))


def test_a_backup_is_the_journal(tmp_path: Path) -> None:
    state = write_journal(tmp_path / "j", COUNT, snapshot_every=20, keep_events=True)
    for is_compact in (False, True):
        target = tmp_path / f"copy{is_compact}"
        with open_reader(tmp_path / "j") as journal:
            found = backup(journal, target, is_compact)
        assert (COUNT, 2, ()) == (found.records, found.snapshots, tuple(found.findings))
        assert state.hash == recover(target, COUNTER)[0].hash
        with resume(target, COUNTER, lambda: 0) as live:
            assert 2 == live.owner.owner_epoch


def test_a_backup_can_be_made_by_the_live_owner_between_batches(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 10)
    with resume(tmp_path / "j", COUNTER, lambda: 0) as live:
        submit_all(live.sequencer, 30, start=10)
        backup(live.owner, tmp_path / "copy")
        submit_all(live.sequencer, COUNT, start=30)
    assert 30 == recover(tmp_path / "copy", COUNTER)[0].seq
    assert COUNT == recover(tmp_path / "j", COUNTER)[0].seq
    assert 1 == threading.active_count()


def test_a_backup_of_a_damaged_journal_leaves_nothing(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", COUNT)
    flip(tmp_path / "j", value_of(tmp_path / "j", layout.COMMANDS, 33), 5, 1)
    with open_reader(tmp_path / "j") as journal, pytest.raises(DamagedError) as caught:
        backup(journal, tmp_path / "copy")
    assert 33 == caught.value.seq
    assert ["j"] == [path.name for path in tmp_path.iterdir()]


def test_a_backup_never_replaces_anything(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 5)
    with open_reader(tmp_path / "j") as journal, pytest.raises(CannotRunError, match="new place"):
        backup(journal, tmp_path / "j")


def test_an_archive_that_reads_back_differently_deletes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that loses a byte between writing and reading back."""
    write_journal(tmp_path / "j", COUNT, snapshot_every=20)
    write = archiving._write_archive

    def losing_write(owner, seq, file):
        done = write(owner, seq, file)
        file.truncate(file.tell() - 1)
        return done

    monkeypatch.setattr(archiving, "_write_archive", losing_write)
    with pytest.raises(Fault):
        archived(tmp_path, 50)
    with open_reader(tmp_path / "j") as journal:
        assert COUNT == journal.end().count

"""A compact journal holds the same in fewer bytes; until it does, the old one stays."""

import os
import shutil
import stat
from pathlib import Path

import lmdb
import pytest
from xxhash import xxh3_64_digest

from lockstep_journal import (
    Journal,
    archive,
    compact,
    is_unfinished,
    layout,
    open_owner,
    open_reader,
    replacing,
    verify,
)
from lockstep_journal.layout import META, META_FORMAT, pack_meta
from lockstep_kernel import CannotRunError, DamagedError, UnsupportedError
from lockstep_replay import recover, resume
from tests.machines.counter import COUNTER
from tests.machines.histories import applied, submit_all, write_journal
from tests.unit.journal.damage import copy_of, data_of, edit, flip, value_of
from tests.unit.journal.programs import install_counter, run_command
from tests.unit.journal.replacing import killed_at_every_step, names_in

COUNT = 600


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal whose first two thirds are archived, so that most of its file is free."""
    folder = tmp_path_factory.mktemp("pristine")
    write_journal(folder / "j", COUNT, batch=20, snapshot_every=100, keep_events=True)
    with open_owner(folder / "j") as owner:
        archive(owner, COUNTER, 400, folder / "old.stream")
    return folder / "j"


@pytest.fixture
def journal(pristine: Path, tmp_path: Path) -> Path:
    return copy_of(pristine, tmp_path / "j")


def all_entries(directory: Path) -> dict[bytes, list[tuple[bytes, bytes]]]:
    """Return everything that is in a journal."""
    with lmdb.open(str(directory), max_dbs=4, readonly=True, lock=False) as environment:
        databases = {name: environment.open_db(name, create=False) for name in layout.DATABASES}
        with environment.begin() as txn:
            return {name: list(txn.cursor(db)) for name, db in databases.items()}


def test_the_file_is_less_than_half_and_holds_the_same(journal: Path) -> None:
    before, size = all_entries(journal), data_of(journal).stat().st_size
    done = compact(journal)
    after = data_of(journal).stat().st_size
    assert (size, after, 200, COUNT) == (
        done.file_bytes_before,
        done.file_bytes_after,
        done.records,
        done.last_seq,
    )
    assert after < size // 2
    assert before == all_entries(journal)
    assert ["data.mdb", "lock.mdb", "owner.lock"] == names_in(journal)
    assert applied(COUNT)[0].hash == recover(journal, COUNTER)[0].hash == done.last_hash


def test_a_compact_journal_goes_on_and_can_be_compacted_again(journal: Path) -> None:
    first = compact(journal)
    with resume(journal, COUNTER, lambda: 0) as live:
        submit_all(live.sequencer, COUNT + 50, start=COUNT)
        assert applied(COUNT + 50)[0].hash == live.sequencer.state.hash
    again = compact(journal)
    assert (first.file_bytes_after, COUNT + 50) < (again.file_bytes_before, again.last_seq + 1)
    with open_reader(journal) as reader:
        assert verify(reader).first is None


def test_the_rights_of_the_file_stay(journal: Path) -> None:
    data_of(journal).chmod(0o640)
    compact(journal)
    assert 0o640 == stat.S_IMODE(data_of(journal).stat().st_mode)


def test_a_live_owner_or_reader_is_never_robbed_of_its_file(journal: Path, tmp_path: Path) -> None:
    before = data_of(journal).read_bytes()
    with open_owner(journal), pytest.raises(CannotRunError, match="locked by live process"):
        compact(journal)
    path = [install_counter(tmp_path / "site")]
    with open_reader(journal):
        ran = run_command("lockstep_journal.cli:journal", ["compact", journal], path)
    assert (3, "") == (ran.code, ran.out)
    ran.check_sentence("lockstep journal compact: ", "found a process that reads it")
    assert before == data_of(journal).read_bytes()
    assert ["data.mdb", "lock.mdb", "owner.lock"] == names_in(journal)


def test_a_compact_journal_that_loses_its_data_file_is_no_creation_cut_short(
    journal: Path,
) -> None:
    compact(journal)
    assert ["data.mdb", "lock.mdb", "owner.lock"] == names_in(journal)
    data_of(journal).unlink()
    assert not is_unfinished(data_of(journal))


def test_damage_is_named_and_nothing_is_replaced(journal: Path) -> None:
    flip(journal, value_of(journal, layout.COMMANDS, 500), 70, 4)
    before = data_of(journal).read_bytes()
    with pytest.raises(DamagedError, match="record 500: check does not match") as caught:
        compact(journal)
    assert 500 == caught.value.seq
    assert before == data_of(journal).read_bytes()


def test_a_copy_that_differs_in_one_event_is_not_taken(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, before = Journal.copy_to, data_of(journal).read_bytes()

    def copy_wrong(self: Journal, directory: Path, is_compact: bool = False) -> None:
        real(self, directory, is_compact)
        edit(directory, layout.EVENTS, {499: layout.pack_events(499, b"\x90")})

    monkeypatch.setattr(Journal, "copy_to", copy_wrong)
    with pytest.raises(DamagedError, match="of 'events' is not the same"):
        compact(journal)
    assert before == data_of(journal).read_bytes()


def test_a_file_that_somebody_wrote_meanwhile_is_not_replaced(
    journal: Path, tmp_path: Path
) -> None:
    seen = replacing.check_replaceable(journal)
    new = data_of(copy_of(journal, tmp_path / "new"))
    edit(journal, layout.EVENTS, {500: layout.pack_events(500, b"\x90")})
    before = data_of(journal).read_bytes()
    with pytest.raises(CannotRunError, match="it changed meanwhile: nothing was replaced"):
        replacing.replace_data(journal, new, seen)
    assert before == data_of(journal).read_bytes()


def test_a_full_disk_is_seen_before_anything_is_written(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.statvfs(journal)
    fields = [*real]
    fields[4] = 9  # f_bavail
    monkeypatch.setattr(replacing.os, "statvfs", lambda _path: os.statvfs_result(fields))
    with pytest.raises(CannotRunError, match=r"expected \d+ free bytes on its disk, found \d+"):
        compact(journal)
    assert "compact.partial" not in names_in(journal)


def test_a_symbolic_link_is_not_replaced(journal: Path, tmp_path: Path) -> None:
    shutil.move(data_of(journal), tmp_path / "elsewhere.mdb")
    data_of(journal).symlink_to(tmp_path / "elsewhere.mdb")
    with pytest.raises(CannotRunError, match="found a symbolic link"):
        compact(journal)
    assert data_of(journal).is_symlink()


@pytest.mark.parametrize("line", ["compact", "repair --dry-run", "repair", "verify"])
def test_a_pipe_in_the_place_of_the_data_file_is_refused_and_not_waited_for(
    journal: Path, line: str
) -> None:
    data_of(journal).unlink()
    os.mkfifo(data_of(journal))
    name, *flags = line.split()
    run = run_command("lockstep_journal.cli:journal", [name, journal, *flags], [])
    assert (3, "") == (run.code, run.out)
    run.check_sentence(f"{data_of(journal)}: expected a regular file, found something else")
    assert data_of(journal).is_fifo()


def test_what_is_no_journal_or_of_a_newer_format_is_refused(journal: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotRunError, match=r"found no data\.mdb"):
        compact(tmp_path)
    with lmdb.open(str(journal), max_dbs=4) as environment:
        database = environment.open_db(META)
        with environment.begin(write=True) as txn:
            txn.put(META_FORMAT, pack_meta(META_FORMAT, b"\0\0\0\2"), db=database)
    with pytest.raises(UnsupportedError, match="expected journal format 1, found 2"):
        compact(journal)


def in_a_newer_format(data: bytes, version_at: int) -> bytes:
    """Return a record or a snapshot that says version 2, with the check that it then has."""
    payload = bytearray(data[:-8])
    payload[version_at] = 2
    return bytes(payload) + xxh3_64_digest(payload)


@pytest.mark.parametrize(
    ("name", "version_at", "what"),
    [(layout.COMMANDS, 3, "record 500"), (layout.SNAPSHOTS, 7, "snapshot 500")],
    ids=["record", "snapshot"],
)
def test_what_only_a_newer_release_can_verify_is_no_damage(
    journal: Path, tmp_path: Path, name: bytes, version_at: int, what: str
) -> None:
    edit(journal, name, {500: in_a_newer_format(value_of(journal, name, 500), version_at)})
    before = data_of(journal).read_bytes()
    path = [install_counter(tmp_path / "site")]
    for command in ("verify", "compact"):
        ran = run_command("lockstep_journal.cli:journal", [command, journal], path)
        assert 3 == ran.code
        ran.check_sentence(f"{what}: expected format 1, found 2")
    assert before == data_of(journal).read_bytes()
    flip(journal, value_of(journal, layout.COMMANDS, 550), 70, 4)
    assert 2 == run_command("lockstep_journal.cli:journal", ["compact", journal], path).code


def test_killed_at_any_step_the_journal_is_whole_and_the_next_run_is_through(
    pristine: Path, tmp_path: Path
) -> None:
    expected, directory = all_entries(pristine), copy_of(pristine, tmp_path / "j")
    sizes: set[int] = set()
    for _number in killed_at_every_step(lambda: compact(directory)):
        sizes.add(data_of(directory).stat().st_size)
        with open_reader(directory) as journal:
            assert verify(journal).first is None
        assert expected == all_entries(directory)
        compact(directory)
        assert [] == [name for name in names_in(directory) if name.endswith("partial")]
        copy_of(pristine, directory)
    assert 2 == len(sizes), "killed before and after the rename"

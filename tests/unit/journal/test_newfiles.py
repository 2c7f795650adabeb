"""A new file replaces nothing, and two programs that write one name never mix or lose a file."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep_journal import archive, archiving, open_owner, open_reader
from lockstep_journal.newfiles import new_directory, new_file
from lockstep_kernel import CannotRunError
from tests.machines.counter import COUNTER
from tests.machines.histories import read_stream, write_journal

COUNT = 60
Step = Callable[[], object]


def archived(directory: Path) -> None:
    with open_owner(directory) as owner:
        archive(owner, COUNTER, 50, directory.parent / "old.stream")


def count_of(directory: Path) -> int:
    with open_reader(directory) as journal:
        return journal.end().count


def refused(step: Step, words: str) -> Step:
    """Return a step that must be refused in these words."""

    def run() -> None:
        with pytest.raises(CannotRunError, match=words):
            step()

    return run


def once_before(monkeypatch: pytest.MonkeyPatch, name: str, step: Step) -> list[str]:
    """Have `step` happen once when a function of the archiving is called; return what happened."""
    original = getattr(archiving, name)
    happened: list[str] = []

    def stepping(*arguments: object) -> object:
        if not happened:
            happened.append(name)
            step()
        return original(*arguments)

    monkeypatch.setattr(archiving, name, stepping)
    return happened


@pytest.fixture
def journals(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("a", "b"):
        write_journal(tmp_path / name, COUNT, snapshot_every=20)
    return tmp_path / "a", tmp_path / "b"


@pytest.mark.parametrize("moment", ["_write_archive", "_check_archive"])
def test_two_archives_to_one_name_leave_the_records_of_both(
    journals: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    first, second = journals
    inner = refused(lambda: archived(second), "old.stream.partial: expected a new place")
    happened = once_before(monkeypatch, moment, inner)
    archived(first)
    assert [moment] == happened
    assert (18, COUNT) == (count_of(first), count_of(second))
    assert 42 == len(read_stream((first.parent / "old.stream").read_bytes()))
    assert ["a", "b", "old.stream"] == sorted(path.name for path in first.parent.iterdir())


def test_a_name_that_is_taken_meanwhile_stays_and_no_record_is_deleted(
    journals: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, target = journals[0], journals[0].parent / "old.stream"
    once_before(monkeypatch, "_check_archive", lambda: target.write_bytes(b"mine"))
    refused(lambda: archived(directory), "old.stream: expected no file, found one")()
    assert (b"mine", COUNT) == (target.read_bytes(), count_of(directory))
    assert not (directory.parent / "old.stream.partial").exists()


def test_a_partial_file_that_somebody_changed_for_another_deletes_no_record(
    journals: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, partial = journals[0], journals[0].parent / "old.stream.partial"

    def change() -> None:
        copy = partial.with_name("copy")
        copy.write_bytes(partial.read_bytes())
        copy.rename(partial)

    once_before(monkeypatch, "_check_archive", change)
    refused(lambda: archived(directory), "partial: expected the file that was written")()
    assert COUNT == count_of(directory)
    assert partial.exists()
    assert not (directory.parent / "old.stream").exists()


def test_a_file_that_is_replaced_under_its_final_name_deletes_no_record(
    journals: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, target = journals[0], journals[0].parent / "old.stream"
    link = os.link

    def replacing_link(source: Path, destination: Path) -> None:
        link(source, destination)
        target.with_name("other").write_bytes(b"other")
        target.with_name("other").rename(target)

    monkeypatch.setattr(os, "link", replacing_link)
    refused(lambda: archived(directory), "old.stream: expected the file that was written")()
    assert (b"other", COUNT) == (target.read_bytes(), count_of(directory))


def test_an_archive_keeps_a_partial_file_that_is_not_its_own(journals: tuple[Path, Path]) -> None:
    directory, partial = journals[0], journals[0].parent / "old.stream.partial"
    partial.write_bytes(b"mine")
    refused(lambda: archived(directory), "old.stream.partial: expected .* delete it if no")()
    assert (b"mine", COUNT) == (partial.read_bytes(), count_of(directory))


def test_a_dangling_link_is_a_taken_name(tmp_path: Path) -> None:
    (tmp_path / "new").symlink_to("nowhere")
    with (
        pytest.raises(CannotRunError, match="new: expected no file"),
        new_file(tmp_path / "new", "stream"),
    ):
        pass
    assert ["new"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("is_taken", [False, True])
def test_a_disk_without_hard_links_replaces_nothing_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_taken: bool
) -> None:
    def no_link(source: Path, destination: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    def write() -> None:
        with new_file(tmp_path / "new", "stream") as new:
            new.file.write(b"whole")
            if is_taken:
                (tmp_path / "new").write_bytes(b"mine")
            new.publish()

    monkeypatch.setattr(os, "link", no_link)
    (refused(write, "new: expected no file") if is_taken else write)()
    assert (b"mine" if is_taken else b"whole") == (tmp_path / "new").read_bytes()
    assert ["new"] == [path.name for path in tmp_path.iterdir()]


def test_a_disk_without_hard_links_that_fails_leaves_no_empty_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(source: Path, destination: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    def no_rename(source: Path, destination: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "link", no_link)
    monkeypatch.setattr(Path, "rename", no_rename)
    with (
        pytest.raises(CannotRunError, match="new: cannot be written: Input/output"),
        new_file(tmp_path / "new", "stream") as new,
    ):
        new.publish()
    assert [] == list(tmp_path.iterdir())


def test_what_may_be_replaced_is_replaced_by_this_very_file_alone(tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(b"old")
    (tmp_path / "new.partial").write_bytes(b"of a killed program")
    with new_file(tmp_path / "new", "report", is_replacing=True) as new:
        new.file.write(b"whole")
        assert b"old" == (tmp_path / "new").read_bytes()
        new.publish()
    assert b"whole" == (tmp_path / "new").read_bytes()
    with (
        pytest.raises(CannotRunError, match="partial: expected the file that was written"),
        new_file(tmp_path / "new", "report", is_replacing=True) as new,
    ):
        (tmp_path / "other").write_bytes(b"half")
        (tmp_path / "other").rename(new.partial)
        new.publish()
    assert b"whole" == (tmp_path / "new").read_bytes()
    assert b"half" == (tmp_path / "new.partial").read_bytes()


def test_a_reader_of_the_output_that_goes_away_is_no_fault_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(BrokenPipeError), new_file(tmp_path / "new", "report"):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [".", "/"])
def test_a_place_without_a_name_is_a_taken_one(name: str) -> None:
    with (
        pytest.raises(CannotRunError, match="expected a new place for the backup"),
        new_directory(Path(name), "backup"),
    ):
        pass


def test_an_empty_directory_that_took_the_name_meanwhile_stays(tmp_path: Path) -> None:
    with (
        pytest.raises(CannotRunError, match="new: expected a new place for the backup"),
        new_directory(tmp_path / "new", "backup"),
    ):
        (tmp_path / "new").mkdir(mode=0o700)
        made = (tmp_path / "new").stat()
    assert os.path.samestat(made, (tmp_path / "new").stat())
    assert ["new"] == [path.name for path in tmp_path.iterdir()]


def test_what_is_not_published_leaves_nothing(tmp_path: Path) -> None:
    with new_file(tmp_path / "new", "stream") as new:
        new.file.write(b"half")
        assert ["new.partial"] == [path.name for path in tmp_path.iterdir()]
    assert [] == list(tmp_path.iterdir())


def test_a_directory_that_is_filled_gets_its_name_at_the_end(tmp_path: Path) -> None:
    with new_directory(tmp_path / "new", "backup") as place:
        (place / "data").write_bytes(b"whole")
        assert ["new.partial"] == [path.name for path in tmp_path.iterdir()]
    assert b"whole" == (tmp_path / "new" / "data").read_bytes()
    assert ["new"] == [path.name for path in tmp_path.iterdir()]


def test_a_directory_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(CannotRunError, match="new: the backup cannot be written: No space"),
        new_directory(tmp_path / "new", "backup") as place,
    ):
        (place / "data").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("fails", [False, True])
def test_a_directory_of_another_program_under_the_partial_name_stays(
    tmp_path: Path, fails: bool
) -> None:
    def write() -> None:
        with new_directory(tmp_path / "new", "backup") as place:
            place.rename(tmp_path / "moved")
            place.mkdir()
            (place / "data").write_bytes(b"mine")
            if fails:
                raise CannotRunError("the copy is bad")

    words = "the copy is bad" if fails else "new.partial: expected the backup that was written"
    refused(write, words)()
    assert b"mine" == (tmp_path / "new.partial" / "data").read_bytes()
    assert not (tmp_path / "new").exists()

"""A journal whose creation was cut short is created anew, a damaged one never."""

import shutil
from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest

from lockstep_journal import create, is_unfinished, open_owner, open_reader
from lockstep_journal.creation import MARK_NAME
from tests.faults.processes import counted, injected, run_child
from tests.faults.tools import STRACE, missing
from tests.machines.counter import COUNTER
from tests.machines.histories import GENESIS
from tests.unit.runtime.driving import install, lockstep

FEED = "market:5:20"
META_BYTES = 8192
Break = Callable[[Path], object]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def whole(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a journal with records."""
    journal = tmp_path_factory.mktemp("whole") / "j"
    assert 0 == lockstep(site, "run", FEED, "--journal", journal).returncode
    return journal


def fresh_pages(folder: Path) -> bytes:
    """Return the data file of an LMDB that knows no transaction."""
    lmdb.open(str(folder / "fresh"), max_dbs=4).close()
    data = (folder / "fresh" / "data.mdb").read_bytes()
    assert META_BYTES == len(data)
    return data


def states(folder: Path) -> dict[str, bytes | None]:
    """Return the data files that a creation can leave behind."""
    fresh = fresh_pages(folder)
    return {
        "no data file": None,
        "an empty file": b"",
        "one page": fresh[:4096],
        "zeros": bytes(META_BYTES),
        "two pages": fresh,
        "pages that no transaction names": fresh + b"page" * 5120,
    }


def leave(place: Path, data: bytes | None) -> Path:
    """Make a directory as a killed creation leaves it."""
    place.mkdir()
    (place / "owner.lock").write_text("1\n")
    (place / "lock.mdb").touch()
    (place / MARK_NAME).touch()
    if data is not None:
        (place / "data.mdb").write_bytes(data)
    return place


def check_runs(site: Path, journal: Path) -> None:
    done = lockstep(site, "run", FEED, "--journal", journal)
    assert 0 == done.returncode, done.stderr
    with open_reader(journal) as reader:
        assert 20 == reader.check_end().last_seq
    assert not (journal / MARK_NAME).exists()


def test_a_creation_that_was_cut_short_is_begun_anew(site: Path, tmp_path: Path) -> None:
    for name, data in states(tmp_path).items():
        check_runs(site, leave(tmp_path / name, data))


def test_a_lock_file_alone_is_the_beginning_of_a_journal(site: Path, tmp_path: Path) -> None:
    (tmp_path / "j").mkdir()
    (tmp_path / "j" / "owner.lock").touch()
    check_runs(site, tmp_path / "j")


@pytest.mark.parametrize("command", ["status", "journal verify", "journal repair"])
def test_an_unfinished_creation_is_named_and_left_alone(
    site: Path, tmp_path: Path, command: str
) -> None:
    journal = leave(tmp_path / "j", b"")
    done = lockstep(site, *command.split(), journal)
    assert 3 == done.returncode
    assert "creation did not finish" in done.stderr
    assert "start the program again, which is safe" in done.stderr
    assert b"" == (journal / "data.mdb").read_bytes()


def test_a_creation_killed_after_its_commit_is_finished(
    site: Path, whole: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole, tmp_path / "j")
    (tmp_path / "j" / MARK_NAME).touch()
    assert not is_unfinished(tmp_path / "j" / "data.mdb")
    check_runs(site, tmp_path / "j")


def cut(size: int) -> Break:
    return lambda data: data.write_bytes(data.read_bytes()[:size])


def zero(size: int | None) -> Break:
    def broken(data: Path) -> None:
        content = data.read_bytes()
        length = len(content) if size is None else size
        data.write_bytes(bytes(length) + content[length:])

    return broken


@pytest.mark.parametrize("how", [cut(0), cut(4096), cut(8192), zero(8192), zero(None)])
def test_a_damaged_journal_is_never_created_anew(
    site: Path, whole: Path, tmp_path: Path, how: Break
) -> None:
    shutil.copytree(whole, tmp_path / "j")
    data = tmp_path / "j" / "data.mdb"
    how(data)
    before = data.read_bytes()
    done = lockstep(site, "run", FEED, "--journal", tmp_path / "j")
    assert 2 == done.returncode, done.stderr
    assert before == data.read_bytes()
    assert not (tmp_path / "j" / MARK_NAME).exists()


@pytest.mark.parametrize("how", [cut(4096), cut(8192), zero(4096), zero(8192)])
def test_a_mark_makes_no_damaged_journal_an_unfinished_one(
    whole: Path, tmp_path: Path, how: Break
) -> None:
    shutil.copytree(whole, tmp_path / "j")
    (tmp_path / "j" / MARK_NAME).touch()
    how(tmp_path / "j" / "data.mdb")
    assert not is_unfinished(tmp_path / "j" / "data.mdb")


def creation(place: Path) -> Callable[[], int]:
    """Return what creates a journal in a child."""

    def body() -> int:
        create(place, COUNTER, GENESIS).close()
        return 0

    return body


def test_a_power_cut_leaves_no_page_without_the_first_two(tmp_path: Path) -> None:
    """They are durable before the next page is written: whatever is lost, it can be told."""
    if missing(STRACE):
        pytest.skip(missing(STRACE))
    calls = "pwrite64,pwritev,writev,fdatasync,fsync"
    seen = run_child(creation(tmp_path / "j"), ["-y", "-e", f"trace={calls}"])
    lines = [line for line in seen.trace.splitlines() if "/j/data.mdb>" in line]
    assert ["pwrite64", "fdatasync"] == [line.split()[1].split("(")[0] for line in lines[:2]]
    assert "8192, 0) = 8192" in lines[0]
    assert 2 < len(lines)


def test_a_creation_killed_at_any_write_or_sync_can_be_begun_again(tmp_path: Path) -> None:
    if missing(STRACE):
        pytest.skip(missing(STRACE))
    calls = ("pwrite64", "pwritev", "writev", "ftruncate", "fdatasync", "fsync", "unlink")
    seen = run_child(creation(tmp_path / "seen"), ["-e", f"trace={','.join(calls)}"])
    counts = counted(seen.trace, calls)
    assert {"pwrite64", "ftruncate", "fdatasync", "fsync", "unlink"} <= counts.keys()
    for call, count in counts.items():
        for number in range(1, count + 1):
            place = tmp_path / f"{call}-{number}"
            ended = run_child(creation(place), injected(call, f"signal=KILL:when={number}"))
            assert -9 == ended.code
            check_begins(place)


def check_begins(place: Path) -> None:
    """Begin a journal as a run does: create what is not there or not finished, else open it."""
    data = place / "data.mdb"
    with create(place, COUNTER, GENESIS) if is_unfinished(data) else open_owner(place) as owner:
        assert 1 == owner.claim()
    assert not (place / MARK_NAME).exists()

"""A report is a new file, a device or a pipe: never the journal, the feed or somebody's file."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lockstep_kernel import CannotRunError
from lockstep_runtime.report_files import ReportPlaces, opened_report
from tests.unit.runtime.driving import environment, install, lockstep

FLOW = "1,N,0,1,1,B,100,5\n2,N,0,2,2,S,100,3\n3,N,1,3,2,S,90,1\n"
TRADES, BOOK = "2,1,100,3\n", "0,B,100,1,2\n1,S,90,3,1\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("site"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a feed that has other names, a file, and a journal."""
    (tmp_path / "flow.csv").write_text(FLOW)
    (tmp_path / "hard.csv").hardlink_to(tmp_path / "flow.csv")
    (tmp_path / "soft.csv").symlink_to("flow.csv")
    (tmp_path / "old").write_text("old")
    (tmp_path / "new.book").write_text("old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "j").mkdir()
    (tmp_path / "j" / "data.mdb").write_bytes(b"data")
    (tmp_path / "j" / "owner.lock").write_bytes(b"")
    (tmp_path / "inside").symlink_to("j/more")
    return tmp_path


def contents(place: Path) -> dict[str, str]:
    files = (file for file in place.rglob("*") if file.is_file())
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("j/data.mdb", "found it inside"),
        ("j/owner.lock", "found it inside"),
        ("j/report", "found it inside"),
        ("inside", "found it inside"),
        ("k", "expected a place outside every journal"),
        ("k/report", "expected the directory"),
        ("flow.csv", "expected a file for the report, found the feed"),
        ("hard.csv", "found the feed"),
        ("soft.csv", "found the feed"),
        ("folder", "expected no file, found a directory"),
        ("no/report", "expected the directory"),
    ],
)
@pytest.mark.parametrize("is_overwriting", [False, True])
def test_what_a_report_may_never_be(
    place: Path, name: str, found: str, is_overwriting: bool
) -> None:
    before = contents(place)
    places = ReportPlaces(place / "flow.csv", place / "k", is_overwriting)
    with pytest.raises(CannotRunError, match=found):
        places.check(str(place / name))
    assert before == contents(place)


def test_a_run_asks_before_it_touches_the_journal(site: Path, place: Path) -> None:
    given = ("run", place / "flow.csv", "--journal", place / "k", "--reports")
    for name in ("old", "new", "j/data.mdb", "hard.csv", "no/report"):
        before = contents(place)
        done = lockstep(site, *given, place / name)
        assert (3, "") == (done.returncode, done.stdout)
        file = place / ("new.book" if name == "new" else name)
        assert done.stderr.startswith(f"lockstep run: {file}: expected "), done.stderr
        assert 1 == done.stderr.count("\n")
        assert before == contents(place)
        assert not (place / "k").exists()


def test_a_report_is_replaced_only_by_a_good_run_that_may(site: Path, place: Path) -> None:
    given = ("run", place / "flow.csv", "--reports", place / "old", "--journal")
    foreign = lockstep(site, *given, place / "j", "--overwrite")
    assert 2 == foreign.returncode, foreign.stderr
    assert "old" == (place / "old").read_text()
    for _ in range(2):  # the second run goes on behind all of the first and tells all of it again
        done = lockstep(site, *given, place / "k", "--overwrite")
        assert (0, "") == (done.returncode, done.stderr)
        assert (TRADES, BOOK) == (
            (place / "old").read_text(),
            (place / "old.book").read_text(),
        )
    assert [] == list(place.glob("*.partial"))


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "pipe"])
def test_a_device_or_a_pipe_takes_the_report(site: Path, place: Path, name: str) -> None:
    command = [sys.executable, "-m", "lockstep_runtime", "run", str(place / "flow.csv")]
    command += ["--journal", str(place / "k"), "--reports", name]
    script = f"{' '.join(command)} > figures; cat figures"
    if name == "pipe":
        os.mkfifo(place / name)
        script = f"cat pipe & {' '.join(command)} > figures; wait"
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=place,
        env=environment(site),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith(TRADES)
    assert not Path("/dev/stdout.book").exists()
    assert "trades sha256" in (place / "figures").read_text()


def test_a_full_disk_is_named_with_the_file(site: Path, place: Path) -> None:
    done = lockstep(
        site, "run", place / "flow.csv", "--journal", place / "k", "--reports", "/dev/full"
    )
    assert 3 == done.returncode
    said = "lockstep run: /dev/full: cannot be written: No space left on device\n"
    assert said == done.stderr


def test_a_run_that_fails_leaves_no_report(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), opened_report(str(tmp_path / "r")) as write:
        write(b"x" * 100_000)
        _ = 1 // 0
    assert [] == list(tmp_path.iterdir())


def test_a_file_that_took_the_name_meanwhile_is_not_replaced_unasked(tmp_path: Path) -> None:
    path = tmp_path / "r"
    with (
        pytest.raises(CannotRunError, match="r: expected no file, found one"),
        opened_report(str(path)) as write,
    ):
        write(b"whole")
        path.write_bytes(b"mine")
    assert b"mine" == path.read_bytes()
    with opened_report(str(path), is_overwriting=True) as write:
        write(b"whole")
    assert b"whole" == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())

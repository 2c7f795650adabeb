"""A data file that lost its end is damage: for everybody who opens it, before anything is read."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import lmdb
import pytest

from lockstep_journal import open_owner, open_reader
from lockstep_journal.environment import LmdbEnvironment
from lockstep_kernel import DamagedError
from tests.machines.histories import write_journal
from tests.unit.journal.damage import PAGE, copy_of, data_of, truncate
from tests.unit.journal.programs import install_counter, python_path, run_command, run_python

COUNT = 40
COMMANDS = (
    "journal verify j",
    "journal stats j",
    "journal backup j new",
    "journal archive j new --below 30",
    "status j",
    "replay recover j",
    "replay show j",
    "replay at j 10",
    "replay stats j",
    "replay export j new",
    "replay diff j j",
)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pristine") / "j"
    write_journal(directory, COUNT, snapshot_every=15, keep_events=True)
    return directory


@pytest.fixture
def broken(pristine: Path, tmp_path: Path) -> Path:
    return copy_of(pristine, tmp_path / "j")


def sentence(directory: Path, size: int, found: int) -> str:
    expected = size if found >= 2 * PAGE else 2 * PAGE
    return f"{data_of(directory)}: expected {expected} bytes, found {found}: truncated"


def test_every_shorter_size_is_refused_by_reader_and_owner(broken: Path) -> None:
    size = data_of(broken).stat().st_size
    sizes = {size - 1, *range(size - PAGE, 0, -PAGE), *range(size - PAGE - 7, 0, -PAGE), 44, 1}
    for found in sorted(sizes, reverse=True):
        truncate(broken, found)
        for opener in (open_reader, open_owner):
            with pytest.raises(DamagedError) as caught:
                opener(broken).close()
            assert sentence(broken, size, found) == str(caught.value)
        assert found == data_of(broken).stat().st_size


@pytest.mark.parametrize("cut", [PAGE, 1001])
@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_says_so_and_writes_nothing(
    pristine: Path, tmp_path: Path, line: str, cut: int
) -> None:
    directory = copy_of(pristine, tmp_path / "j")
    size = data_of(directory).stat().st_size
    truncate(directory, size - cut)
    before = hashlib.sha256(data_of(directory).read_bytes()).digest()
    group, *words = line.split()
    arguments = [tmp_path / word if word in ("j", "new") else word for word in words]
    target = "lockstep_replay.cli" if group == "replay" else "lockstep_journal.cli"
    path = [install_counter(tmp_path / "site")]
    run = run_command(f"{target}:{group}", arguments, path)
    assert (2, "") == (run.code, run.out), run.err
    run.check_sentence("lockstep ", sentence(directory, size, size - cut))
    assert before == hashlib.sha256(data_of(directory).read_bytes()).digest()
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("cut", [PAGE, 1001])
def test_the_reader_s_child_and_the_validator_say_so(
    broken: Path, tmp_path: Path, cut: int
) -> None:
    size = data_of(broken).stat().st_size
    truncate(broken, size - cut)
    said = sentence(broken, size, size - cut)
    for arguments in (
        ("-m", "lockstep_journal.reader", broken),
        ("-m", "lockstep_validator", broken, "--quiet"),
    ):
        run = run_python(arguments, [install_counter(tmp_path / "site" / arguments[1])])
        assert (2, "") == (run.code, run.out), run.err
        run.check_sentence(f": {said}")


WRITER = """
import sys
from lockstep_journal import Sequencer, create
from lockstep_kernel import initial
from tests.machines.counter import COUNTER
from tests.machines.histories import GENESIS, submit_all
with create(sys.argv[1], COUNTER, GENESIS) as owner:
    owner.claim()
    sequencer = Sequencer(initial(COUNTER, GENESIS), owner, lambda: 0)
    print("ready", flush=True)
    submit_all(sequencer, 20_000, batch=100)
"""


def test_a_file_that_a_live_writer_makes_longer_is_never_called_short(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "j")],
        env={**os.environ, "PYTHONPATH": python_path()},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert b"ready\n" == process.stdout.readline()
        looks = 0
        while process.poll() is None or not looks:
            open_reader(tmp_path / "j").close()
            looks += 1
        assert 0 == process.returncode


def test_the_writer_keeps_the_file_at_its_length(broken: Path) -> None:
    """LMDB need not write a page at the end that is free again: the file is filled up."""
    size = data_of(broken).stat().st_size
    with lmdb.open(str(broken), max_dbs=4) as environment:
        truncate(broken, size - PAGE)
        LmdbEnvironment(environment, broken).fill_up()
    assert size == data_of(broken).stat().st_size
    with open_owner(broken) as owner:
        truncate(broken, size - PAGE)
        owner.claim()
    assert size <= data_of(broken).stat().st_size

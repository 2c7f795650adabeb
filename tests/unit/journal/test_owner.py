"""A journal has one owner at a time, whatever happens to processes and lock files."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lockstep_journal import JournalFailed, Owner, open_owner, open_reader, owner_pid, waiting
from lockstep_journal.owner import LOCK_NAME
from lockstep_kernel import CannotRunError, UnsupportedError, apply_batch, initial
from tests.machines.counter import COUNTER
from tests.machines.histories import GENESIS, applied, sequenced, write_journal
from tests.unit.journal.programs import python_path

HOLDER = """
import sys, time
from lockstep_journal import open_owner
owner = open_owner(sys.argv[1])
print("owned", flush=True)
time.sleep(60)
"""
BATCH = applied(20)[1]


def holder(directory: Path) -> subprocess.Popen[bytes]:
    """Start a process that owns the journal, and wait until it does."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": python_path()},
    )
    assert process.stdout is not None
    assert b"owned\n" == process.stdout.readline()
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_a_second_owner_is_refused_by_the_lock_file_while_the_first_lives(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 5)
    process = holder(tmp_path / "j")
    try:
        assert process.pid == owner_pid(tmp_path / "j")
        with pytest.raises(CannotRunError, match=f"{LOCK_NAME}: locked by live process"):
            open_owner(tmp_path / "j")
    finally:
        end(process)
    assert owner_pid(tmp_path / "j") is None
    assert (tmp_path / "j" / LOCK_NAME).exists()
    with open_owner(tmp_path / "j") as owner:
        assert 2 == owner.claim()


def test_a_second_owner_in_the_same_process_is_refused(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 5)
    with open_owner(tmp_path / "j"), pytest.raises(CannotRunError, match="locked by live"):
        open_owner(tmp_path / "j")
    open_owner(tmp_path / "j").close()


def test_a_reader_in_the_process_of_the_owner_is_refused_with_a_reason(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 5)
    with open_owner(tmp_path / "j") as owner:
        with pytest.raises(CannotRunError, match="already open in this process"):
            open_reader(tmp_path / "j")
        assert 5 == len(list(owner.records()))


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 5)
    owner = open_owner(tmp_path / "j")
    owner.close()
    owner.close()
    assert owner_pid(tmp_path / "j") is None


def test_every_owner_raises_the_epoch_and_records_carry_it(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 5)
    state, _done = applied(5)
    for epoch in (2, 3):
        with open_owner(tmp_path / "j") as owner:
            assert epoch == owner.claim()
            state, done = apply_batch(state, sequenced(20)[state.seq : state.seq + 2])
            owner.append(done)
    with open_reader(tmp_path / "j") as journal:
        assert 3 == journal.epoch()
        assert [1] * 5 + [2] * 2 + [3] * 2 == [record.epoch for record in journal.records()]


def fenced(tmp_path: Path) -> tuple[Owner, subprocess.Popen[bytes]]:
    """Return an owner whose lock file was deleted and another process that then took over."""
    write_journal(tmp_path / "j", 0)
    first = open_owner(tmp_path / "j")
    first.claim()
    first.append(BATCH[:3])
    (tmp_path / "j" / LOCK_NAME).unlink()
    code = HOLDER.replace("print(", "owner.claim(); print(")
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "j")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": python_path()},
    )
    assert process.stdout is not None
    assert b"owned\n" == process.stdout.readline()
    return first, process


def test_a_zombie_whose_lock_file_was_deleted_is_fenced_by_the_epoch(tmp_path: Path) -> None:
    first, process = fenced(tmp_path)
    try:
        with pytest.raises(JournalFailed, match="newer owner took over"):
            first.append(BATCH[3:5])
        with pytest.raises(JournalFailed, match="has ended"):
            first.append(BATCH[3:5])
        assert 3 == first.end().last_seq
    finally:
        first.close()
        end(process)


ZOMBIE = """
import sys
from lockstep_journal import open_owner
from tests.machines.histories import applied
with open_owner(sys.argv[1]) as owner:
    owner.claim()
    print("owned", flush=True)
    sys.stdin.readline()
    owner.append(applied(2)[1])
    print("written", flush=True)
"""


def test_a_write_between_opening_and_claiming_is_noticed(tmp_path: Path) -> None:
    """An older owner without its lock file writes while the newer one recovers."""
    write_journal(tmp_path / "j", 0)
    with subprocess.Popen(
        [sys.executable, "-c", ZOMBIE, str(tmp_path / "j")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": python_path()},
    ) as older:
        assert older.stdin is not None
        assert older.stdout is not None
        assert b"owned\n" == older.stdout.readline()
        (tmp_path / "j" / LOCK_NAME).unlink()
        with open_owner(tmp_path / "j") as newer:
            older.stdin.write(b"go\n")
            older.stdin.flush()
            assert b"written\n" == older.stdout.readline()
            with pytest.raises(JournalFailed, match="another owner wrote"):
                newer.claim()


INSIDE = """
import sys, lmdb
with lmdb.open(sys.argv[1], max_dbs=4) as environment, environment.begin(write=True):
    print("inside", flush=True)
    sys.stdin.readline()
"""


def test_an_owner_that_waits_for_a_transaction_of_another_process_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An owner without its lock file stands still in the middle of a commit."""
    write_journal(tmp_path / "j", 3)
    monkeypatch.setattr(waiting, "TOLD_AFTER_S", 0.1)
    told: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", INSIDE, str(tmp_path / "j")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as older:
        assert older.stdin is not None
        assert older.stdout is not None
        assert b"inside\n" == older.stdout.readline()
        stdin = older.stdin

        def tell(sentence: str) -> None:
            told.append(sentence)
            stdin.write(b"go on\n")
            stdin.flush()

        with open_owner(tmp_path / "j", tell=tell) as newer:
            newer.claim()
            assert 5 == newer.append(BATCH[3:5])
    assert 1 == len(told)
    assert f"{tmp_path / 'j'}: waits for a process that is inside a transaction" in told[0]


def test_an_owner_that_need_not_wait_says_nothing(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 3)
    told: list[str] = []
    with open_owner(tmp_path / "j", tell=told.append) as owner:
        assert [2, 5] == [owner.claim(), owner.append(BATCH[3:5])]
    assert [] == told


def test_nothing_is_written_before_claim(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 5)
    with open_owner(tmp_path / "j") as owner:
        with pytest.raises(Exception, match="claim"):
            owner.append(BATCH[5:6])
        assert 1 == owner.epoch()


def uses_after_fork(owner: Owner) -> list[bytes]:
    said = []
    for use in (lambda: owner.append(BATCH[5:6]), owner.end, lambda: list(owner.records())):
        try:
            use()
            said.append(b"worked")
        except Exception as error:  # noqa: BLE001  # a child of the test must not run on as it
            said.append(b"refused" if "after a fork" in str(error) else repr(error).encode())
    return said


def test_a_forked_child_is_refused_and_does_not_keep_the_lock(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 5)
    owner = open_owner(tmp_path / "j")
    owner.claim()
    go_read, go_write = os.pipe()
    said_read, said_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(said_write, b";".join(uses_after_fork(owner)))
        os.read(go_read, 1)
        os._exit(0)
    try:
        assert b"refused;refused;refused" == os.read(said_read, 1000)
        assert 6 == owner.append(BATCH[5:6])
        owner.close()
        # The child still lives, and holds a copy of everything but the lock.
        open_owner(tmp_path / "j").close()
    finally:
        os.write(go_write, b"x")
        os.waitpid(pid, 0)
        for descriptor in (go_read, go_write, said_read, said_write):
            os.close(descriptor)


def test_two_threads_that_write_at_once_are_refused_or_take_turns(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 0)
    outcomes: list[str] = []
    with open_owner(tmp_path / "j") as owner:
        owner.claim()

        def write() -> None:
            try:
                owner.append(BATCH[:5])
                outcomes.append("written")
            except Exception as error:  # noqa: BLE001  # the name is what is asserted
                outcomes.append(type(error).__name__)

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert 1 == outcomes.count("written")
        assert {"written", "CannotRunError", "InvariantError"} >= set(outcomes)
        assert 5 == owner.end().last_seq == len(list(owner.records()))


def test_a_journal_of_another_machine_is_refused(tmp_path: Path) -> None:
    class Other(type(COUNTER)):
        name = "other"

    write_journal(tmp_path / "j", 5)
    with pytest.raises(UnsupportedError, match="machine 'other', found 'counter'"):
        open_owner(tmp_path / "j", Other())
    open_owner(tmp_path / "j", COUNTER).close()
    assert 0 == initial(COUNTER, GENESIS).seq

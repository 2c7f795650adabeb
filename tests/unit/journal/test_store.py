"""Reading a journal: pages, ranges, beside a live writer, from places that cannot be written."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import lmdb
import pytest

from lockstep_journal import Journal, create, layout, open_owner, open_reader, store, writer
from lockstep_kernel import (
    CannotRunError,
    DamagedError,
    UnsupportedError,
    genesis_hash,
    unpack_record,
)
from tests.machines.counter import COUNTER, counter_genesis
from tests.machines.histories import GENESIS, applied, records, write_journal
from tests.unit.journal.programs import python_path, run_python

WRITER = """
import sys
from lockstep_journal import Sequencer, open_owner
from lockstep_kernel import initial
from tests.machines.counter import COUNTER, Add
from tests.machines.histories import GENESIS
with open_owner(sys.argv[1]) as owner:
    owner.claim()
    sequencer = Sequencer(initial(COUNTER, GENESIS), owner, lambda: 1)
    for count in range(int(sys.argv[2])):
        sequencer.submit([Add(f"c{count % 50}", 1)] * 20)
        if count == 0:
            print("writing", flush=True)
"""


def put_meta(directory: Path, name: bytes, payload: bytes) -> None:
    """Overwrite an entry of meta, with a good check."""
    with lmdb.open(str(directory), max_dbs=4) as environment:
        meta = environment.open_db(layout.META)
        with environment.begin(write=True) as txn:
            txn.put(name, layout.pack_meta(name, payload), db=meta)


def test_records_come_back_as_they_were_written(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 40)
    with open_reader(tmp_path / "j") as journal:
        assert records(40) == [raw for raws, _ in journal.pages() for raw in raws]
        assert records(40)[9:20] == [raw for raws, _ in journal.pages(10, 20) for raw in raws]
        assert unpack_record(records(40)[6], 7) == journal.record(7)
        assert [] == list(journal.records(41))
        assert GENESIS == journal.genesis


def test_an_empty_journal_has_no_records(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 0)
    with open_reader(tmp_path / "j") as journal:
        assert [] == list(journal.records())
        assert (1, 0, 0) == (journal.end().first_seq, journal.end().count, journal.end().last_seq)
        assert genesis_hash(GENESIS) == journal.hash_at(0)
        journal.check_end()


def test_pages_are_small_and_join_without_a_seam(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_journal(tmp_path / "j", 40)
    with open_reader(tmp_path / "j") as journal:
        monkeypatch.setattr(store, "PAGE_RECORDS", 7)
        assert [7, 7, 7, 7, 7, 5] == [len(raws) for raws, _ in journal.pages()]
        monkeypatch.setattr(store, "_PAGE_BYTES", 150)
        assert [2] * 20 == [len(raws) for raws, _ in journal.pages()]
        assert list(range(1, 41)) == [record.seq for record in journal.records()]


@pytest.mark.parametrize(("first", "last"), [(0, 5), (1, 41), (50, 60), (42, 41)])
def test_a_range_beyond_the_records_is_refused(tmp_path: Path, first: int, last: int) -> None:
    write_journal(tmp_path / "j", 40)
    with open_reader(tmp_path / "j") as journal, pytest.raises(CannotRunError, match="asked for"):
        list(journal.pages(first, last))


def test_every_hash_can_be_asked_for(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 12)
    with open_reader(tmp_path / "j") as journal:
        expected = [genesis_hash(GENESIS), *(done[6] for done in applied(12)[1])]
        assert expected == [journal.hash_at(seq) for seq in range(13)]


def test_events_are_kept_only_if_asked_for(tmp_path: Path) -> None:
    write_journal(tmp_path / "with", 40, keep_events=True)
    write_journal(tmp_path / "without", 40)
    with open_reader(tmp_path / "with") as journal:
        assert [done[4] for done in applied(40)[1]][4:30] == journal.events(5, 30)
    without = open_reader(tmp_path / "without")
    with without, pytest.raises(CannotRunError, match="keeps none"):
        without.events(1, 2)


def test_a_closed_or_absent_place_is_named(tmp_path: Path) -> None:
    for place in (tmp_path / "nothing", tmp_path):
        with pytest.raises(CannotRunError, match=r"found no data\.mdb"):
            open_reader(place)
        with pytest.raises(CannotRunError, match=r"found no data\.mdb"):
            open_owner(place)


@pytest.mark.parametrize("data", [b"", b"x", b"not a database" * 1000, bytes(8192)])
def test_something_else_is_not_a_journal(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "data.mdb").write_bytes(data)
    for opening in (open_reader, open_owner):
        with pytest.raises(DamagedError) as caught:
            opening(tmp_path)
        assert caught.value.seq is None
    assert data == (tmp_path / "data.mdb").read_bytes()


def test_another_lmdb_database_is_not_a_journal(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path), max_dbs=2) as environment:
        environment.open_db(b"cats")
    for opening in (open_reader, open_owner):
        with pytest.raises(DamagedError, match="without its databases"):
            opening(tmp_path)
    with pytest.raises(CannotRunError, match="expected no journal"):
        create(tmp_path, COUNTER, GENESIS)


def test_a_newer_format_is_named(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 3)
    put_meta(tmp_path / "j", layout.META_FORMAT, b"\x00\x00\x00\x02")
    for opening in (open_reader, open_owner):
        with pytest.raises(UnsupportedError, match="expected journal format 1, found 2"):
            opening(tmp_path / "j")


def test_a_journal_is_not_created_over_another(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 3)
    with pytest.raises(CannotRunError, match="expected no journal, found one"):
        create(tmp_path / "j", COUNTER, GENESIS)
    with open_reader(tmp_path / "j") as journal:
        assert 3 == journal.end().last_seq


def test_an_unfinished_creation_can_be_repeated(tmp_path: Path) -> None:
    lmdb.open(str(tmp_path / "j"), max_dbs=4).close()
    write_journal(tmp_path / "j", 3)
    with open_reader(tmp_path / "j") as journal:
        assert 3 == journal.end().last_seq


def test_a_genesis_that_the_machine_refuses_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError):
        create(tmp_path / "j", COUNTER, counter_genesis(rules_version=3))
    assert not (tmp_path / "j").exists()


def test_an_end_that_promises_more_or_other_records_is_damage(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 9)
    with open_reader(tmp_path / "j") as journal:
        end = journal.end()
    lies = {
        10: layout.End(1, 10, 10, end.last_ts_ns, end.last_hash, end.base_hash),
        9: layout.End(1, 9, 9, end.last_ts_ns, bytes(16), end.base_hash),
        8: None,
    }
    lies[8] = layout.End(1, 7, 7, end.last_ts_ns, end.last_hash, end.base_hash)
    for seq, lie in lies.items():
        put_meta(tmp_path / "j", layout.META_END, layout.pack_end(lie))
        with open_reader(tmp_path / "j") as journal:
            with pytest.raises(DamagedError) as caught:
                journal.check_end()
            assert seq == caught.value.seq


@contextmanager
def live_writer(directory: Path, batches: int) -> Generator["subprocess.Popen[bytes]"]:
    """Run a process that appends batches of 20 as fast as it can."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(directory), str(batches)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": python_path()},
    ) as process:
        try:
            assert process.stdout is not None
            assert b"writing\n" == process.stdout.readline()
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("has_slot", [True, False])
def test_a_reader_beside_a_live_writer_sees_only_whole_batches(
    tmp_path: Path, has_slot: bool
) -> None:
    write_journal(tmp_path / "j", 0)
    seen = set()
    with live_writer(tmp_path / "j", 400) as process:
        environment = lmdb.open(str(tmp_path / "j"), readonly=True, max_dbs=4, lock=has_slot)
        with Journal(environment, tmp_path / "j", has_slot) as journal:
            while process.poll() is None:
                # Without a slot a reader on a busy machine may be overtaken, and says so.
                with nullcontext() if has_slot else suppress(CannotRunError):
                    seen.add(look_at_whole_batches(journal))
            assert 8000 == look_at_whole_batches(journal)
    assert len(seen) > has_slot


def look_at_whole_batches(journal: Journal) -> int:
    end = journal.check_end()
    assert 0 == end.last_seq % 20
    assert end.last_seq == len(list(journal.records(last_seq=end.last_seq)))
    assert 0 == len(list(journal.records(end.last_seq + 1))) % 20
    return end.last_seq


def test_a_reader_that_a_writer_always_overtakes_gives_up_with_a_reason(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 0)
    with live_writer(tmp_path / "j", 5000):
        environment = lmdb.open(str(tmp_path / "j"), readonly=True, max_dbs=4, lock=False)
        journal = Journal(environment, tmp_path / "j", has_reader_slot=False)
        with journal, pytest.raises(CannotRunError, match="overtakes"):
            journal.read(lambda txn: time.sleep(0.03))


def test_a_writer_frees_the_slots_of_dead_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_journal(tmp_path / "j", 0)
    code = """
import os, sys
from lockstep_journal import open_reader
journal = open_reader(sys.argv[1])
txn = journal._begin()
os._exit(1)
"""
    monkeypatch.setattr(writer, "_READER_CHECK_EVERY", 3)
    with open_owner(tmp_path / "j") as owner:
        owner.claim()
        assert 1 == run_python(["-c", code, tmp_path / "j"]).code
        for done, freed in zip(applied(9)[1], (0, 0, 1, 1, 1), strict=False):
            owner.append([done])
            assert freed == owner.stale_readers_freed


READING = """
import sys
from lockstep_journal import open_owner
from lockstep_replay import recover
from tests.machines.counter import COUNTER
print(recover(sys.argv[1], COUNTER)[1].last_hash.hex())
try:
    open_owner(sys.argv[1])
except Exception as error:
    print(type(error).__name__, error)
"""


def succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def read_only_shell() -> list[str] | None:
    """Return a command that runs `$@` while `$DIR` cannot be written, or None if nothing can."""
    if os.geteuid() != 0:
        return ["sh", "-c", 'chmod -R a-w "$DIR"; "$@"; code=$?; chmod -R u+w "$DIR"; exit $code']
    mounted = 'mount --bind "$DIR" "$DIR" && mount -o remount,bind,ro "$DIR"'
    trial = ["unshare", "-m", "sh", "-c", f"DIR=/mnt; {mounted}"]
    if shutil.which("unshare") is None or not succeeds(trial):
        return None
    return ["unshare", "-m", "sh", "-c", f'{mounted} && exec "$@"']


def test_a_read_only_place_is_read_and_not_owned(tmp_path: Path) -> None:
    shell = read_only_shell()
    if shell is None:
        pytest.skip("this user can make nothing read-only for itself")
    state = write_journal(tmp_path / "j", 50, snapshot_every=20)
    done = subprocess.run(
        [*shell, "sh", sys.executable, "-c", READING, str(tmp_path / "j")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": python_path(), "DIR": str(tmp_path / "j")},
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    first, second = done.stdout.splitlines()
    assert state.hash.hex() == first
    assert "CannotRunError" in second
    assert "owner.lock" in second
    assert "lock file that can be written" in second


def as_nobody(action: Callable[[], bool]) -> bool:
    """Return what the action gives in a child that may write nothing."""
    pid = os.fork()
    if pid == 0:
        is_good = False
        with contextlib.suppress(Exception):
            if os.geteuid() == 0:
                os.setuid(65534)
            is_good = action()
        os._exit(0 if is_good else 1)
    return os.waitpid(pid, 0)[1] == 0


def test_a_user_who_may_only_read_reads_without_a_lock(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 50, snapshot_every=20)
    with tempfile.TemporaryDirectory() as open_to_all:
        place = Path(shutil.copytree(tmp_path / "j", Path(open_to_all) / "j"))
        Path(open_to_all).chmod(0o755)
        for file in place.iterdir():
            file.chmod(0o444)
        place.chmod(0o555)

        def reads() -> bool:
            with open_reader(place) as journal:
                return not journal.has_reader_slot and 50 == len(list(journal.records()))

        def is_refused_as_owner() -> bool:
            try:
                open_owner(place)
            except CannotRunError as error:
                return "owner.lock: expected a lock file that can be written" in str(error)
            return False

        assert as_nobody(reads)
        assert as_nobody(is_refused_as_owner)
        place.chmod(0o755)

"""The writer grows its map, stops at its limit, and ends for good at the first failure."""

import os
import threading
from pathlib import Path

import lmdb
import pytest

from lockstep_journal import (
    JournalFailed,
    MapFull,
    MapPolicy,
    Sequencer,
    create,
    layout,
    open_owner,
    open_reader,
)
from lockstep_journal.environment import beginning_fault, reading_fault, writing_sentence
from lockstep_kernel import CannotRunError, initial
from lockstep_replay import recover, resume
from tests.machines.counter import COUNTER, Add
from tests.machines.histories import GENESIS, applied, write_journal
from tests.unit.journal.programs import run_python

LARGE = "x" * 2000


def fill(sequencer: Sequencer, batches: int) -> int:
    """Submit batches of 20 kB and return the last acknowledged sequence number."""
    last = 0
    for batch in range(batches):
        last = sequencer.submit([Add(f"{LARGE}{batch}", 1)] * 10)[-1][0]
    return last


def test_the_map_grows_before_it_is_full(tmp_path: Path) -> None:
    with create(tmp_path / "j", COUNTER, GENESIS, policy=MapPolicy(1 << 17)) as owner:
        assert 1 << 17 == owner.map_use()[1]
        owner.claim()
        sequencer = Sequencer(initial(COUNTER, GENESIS), owner, lambda: 1)
        assert 1000 == fill(sequencer, 100)
        used, size = owner.map_use()
        assert size >= used > 1 << 21
        hash_ = sequencer.state.hash
    assert hash_ == recover(tmp_path / "j", COUNTER)[0].hash


def test_other_threads_read_while_the_map_grows(tmp_path: Path) -> None:
    faults: list[Exception] = []
    is_done = threading.Event()
    with create(tmp_path / "j", COUNTER, GENESIS, policy=MapPolicy(1 << 17)) as owner:
        owner.claim()
        sequencer = Sequencer(initial(COUNTER, GENESIS), owner, lambda: 1)

        def read() -> None:
            while not is_done.is_set():
                try:
                    assert 0 == len(list(owner.records())) % 10
                except Exception as error:  # noqa: BLE001  # reported by the main thread
                    faults.append(error)

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        fill(sequencer, 100)
        is_done.set()
        for thread in threads:
            thread.join()
    assert [] == faults


def test_one_batch_larger_than_the_map_grows_it_enough(tmp_path: Path) -> None:
    with create(tmp_path / "j", COUNTER, GENESIS, policy=MapPolicy(1 << 17)) as owner:
        owner.claim()
        sequencer = Sequencer(initial(COUNTER, GENESIS), owner, lambda: 1)
        assert 2000 == sequencer.submit([Add(LARGE, 1)] * 2000)[-1][0]


def test_a_full_map_stops_cleanly_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    policy = MapPolicy(1 << 18, 1 << 20)
    with create(tmp_path / "j", COUNTER, GENESIS, policy=policy) as owner:
        owner.claim()
        sequencer = Sequencer(initial(COUNTER, GENESIS), owner, lambda: 1)
        acknowledged = 0
        with pytest.raises(MapFull, match="map full: it is at its limit of 1048576 bytes"):
            while True:
                acknowledged = sequencer.submit([Add(f"{LARGE}{acknowledged}", 1)] * 10)[-1][0]
        assert issubclass(MapFull, CannotRunError)
        with pytest.raises(JournalFailed, match="has ended"):
            sequencer.submit([Add("a", 1)])
        with pytest.raises(JournalFailed, match="has ended"):
            owner.append(applied(1)[1])
        assert acknowledged == owner.check_end().last_seq > 100
    with resume(tmp_path / "j", COUNTER, lambda: 2) as live:
        assert acknowledged == live.recovery.last_seq
        assert acknowledged + 10 == live.sequencer.submit([Add(LARGE, 1)] * 10)[-1][0]


FAILING = """
import resource, signal, sys
from lockstep_journal import JournalFailed, Sequencer, open_owner
from lockstep_kernel import initial
from tests.machines.counter import COUNTER, Add
from tests.machines.histories import GENESIS
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with open_owner(sys.argv[1]) as owner:
    owner.claim()
    sequencer = Sequencer(initial(COUNTER, GENESIS), owner, lambda: 1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    seq = 0
    try:
        while True:
            seq = sequencer.submit([Add("x" * 2000 + str(seq), 1)] * 10)[-1][0]
    except JournalFailed as error:
        print(seq, error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    for use in (lambda: sequencer.submit([Add("a", 1)]), owner.claim,
                lambda: owner.prune_snapshots(0) or owner.save_snapshot(0, b"")):
        try:
            use()
            print("went on")
        except JournalFailed:
            print("refused")
        except Exception as error:
            print(repr(error))
"""


def test_a_failed_write_ends_the_writer_and_loses_no_acknowledged_batch(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 0)
    done = run_python(["-c", FAILING, tmp_path / "j"])
    first, *rest = done.out.splitlines()
    acknowledged = int(first.split()[0])
    assert "a transaction failed" in first, done.err
    assert ["refused", "refused"] == rest[:2]
    assert acknowledged > 0
    # The failed batch had nine records and more; none of them may be there without an end.
    with resume(tmp_path / "j", COUNTER, lambda: 2) as live:
        assert acknowledged == live.recovery.last_seq
        assert acknowledged + 1 == live.sequencer.submit([Add("a", 1)])[0][0]


def test_a_batch_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 0)
    with open_owner(tmp_path / "j") as owner:
        owner.claim()
        first, *others = applied(9)[1]
        gap = [first, *others[:3], *others[4:], others[-1]]
        with pytest.raises(JournalFailed, match="expected to append 9"):
            # Nine commands from 1 to 9 by their ends, with one missing and one twice.
            owner.append(gap)
    with open_reader(tmp_path / "j") as journal:
        assert 0 == journal.check_end().last_seq


def test_what_is_durable_is_on_the_disk_before_append_returns(tmp_path: Path) -> None:
    """The file a second process sees right after an append holds the batch."""
    write_journal(tmp_path / "j", 0)
    code = """
import sys
from lockstep_journal import open_reader
print(open_reader(sys.argv[1]).check_end().last_seq)
"""
    with open_owner(tmp_path / "j") as owner:
        owner.claim()
        owner.append(applied(7)[1])
        assert "7\n" == run_python(["-c", code, tmp_path / "j"]).out
        flags = owner._environment.lmdb.flags()
        assert (True, True) == (flags["sync"], flags["metasync"])
        assert (False, False) == (flags["writemap"], flags["map_async"])


def test_a_failed_transaction_says_when_the_disk_may_be_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = lmdb.DiskError("mdb_txn_commit: Input/output error")
    with create(tmp_path / "j", COUNTER, GENESIS) as owner:
        owner.claim()
        free = os.statvfs_result((4096, 4096, 9, 3, 3, 0, 0, 0, 0, 255))
        monkeypatch.setattr(os, "statvfs", lambda path: free)
        monkeypatch.setattr(owner, "_check_epoch", lambda txn: (_ for _ in ()).throw(broken))
        with pytest.raises(JournalFailed) as caught:
            owner.append(applied(1)[1])
    where = f"{tmp_path / 'j' / 'data.mdb'}: a transaction failed: {broken}"
    assert f"{where}: the disk may be full, 12288 bytes are free" == str(caught.value)
    roomy = os.statvfs_result((4096, 4096, 9**9, 9**9, 9**9, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: roomy)
    assert where == writing_sentence(tmp_path / "j", broken, 100)
    full = OSError(28, "No space left on device")
    assert "the disk may be full" in writing_sentence(tmp_path / "j", full, 100)


def test_what_lmdb_refuses_after_a_failed_commit_is_no_damage(tmp_path: Path) -> None:
    """After a failed write of its meta page it raises this for everything; the file is good."""
    for fault_of in (beginning_fault, reading_fault):
        fault = fault_of(tmp_path, lmdb.PanicError("an earlier write failed"))
        assert "cannot be read: an earlier write failed" in str(fault)
        assert CannotRunError is type(fault)


LOSE = """
import sys, lmdb
with lmdb.open(sys.argv[1], max_dbs=4) as environment:
    meta = environment.open_db(b"meta")
    with environment.begin(write=True) as txn:
        txn.put(b"end", bytes.fromhex(sys.argv[2]), db=meta)
"""


def test_a_writer_whose_last_commit_is_gone_ends_instead_of_leaving_a_hole(tmp_path: Path) -> None:
    """A disk that lost the write of the meta page shows the journal as it was before it."""
    batch = applied(20)[1]
    write_journal(tmp_path / "j", 0)
    before = value_of_meta(tmp_path / "j")
    with open_owner(tmp_path / "j") as owner:
        owner.claim()
        owner.append(batch[:5])
        run_python(["-c", LOSE, tmp_path / "j", before.hex()])
        with pytest.raises(JournalFailed, match="expected the end at 5 as this owner knows it"):
            owner.append(batch[5:9])
        with pytest.raises(JournalFailed, match="has ended"):
            owner.append(batch[5:9])
    with lmdb.open(str(tmp_path / "j"), max_dbs=4) as environment, environment.begin() as txn:
        commands = environment.open_db(layout.COMMANDS, txn=txn)
        assert 5 == txn.stat(commands)["entries"]


def value_of_meta(directory: Path) -> bytes:
    """Return the stored end."""
    with lmdb.open(str(directory), max_dbs=4) as environment:
        meta = environment.open_db(layout.META)
        with environment.begin() as txn:
            return bytes(txn.get(layout.META_END, db=meta))

"""What every journal writer does: in memory, on LMDB, and on a simulated disk."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from lockstep_journal import MapPolicy, MemoryJournal, Owner, create
from lockstep_journal.writer import write_empty
from lockstep_kernel import (
    Applied,
    DamagedError,
    InvariantError,
    apply_batch,
    dump,
    genesis_hash,
    initial,
)
from lockstep_runtime.simulate.disk import Disk, Process
from lockstep_runtime.simulate.faults import Board, Plan
from lockstep_runtime.simulate.host import NoLock
from lockstep_runtime.simulate.store import SimulatedEnvironment
from tests.machines.counter import COUNTER
from tests.machines.histories import GENESIS, applied, pack, sequenced


class Subject:
    """A writer, and how to read back what it holds."""

    def __init__(self, writer, records: Callable[[], Sequence[bytes]]) -> None:
        self.writer = writer
        self.records = records


@pytest.fixture(params=["memory", "lmdb", "lmdb with events", "simulated"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    if request.param == "memory":
        memory = MemoryJournal(GENESIS)
        yield Subject(memory, lambda: memory.records)
        return
    with _created(tmp_path / "journal", request.param) as owner:
        owner.claim()
        yield Subject(owner, lambda: [raw for raws, _ in owner.pages() for raw in raws])


def _created(place: Path, kind: str) -> Owner:
    if kind != "simulated":
        return create(place, COUNTER, GENESIS, kind == "lmdb with events")
    environment = SimulatedEnvironment(Disk(Board(Plan({}), Random(1))), Process(), 1 << 20)
    write_empty(environment, place, GENESIS, keep_events=False)
    return Owner(environment, place, NoLock(), MapPolicy())


BATCH: list[Applied] = applied(30)[1]


def test_append_returns_the_last_durable_sequence(subject: Subject) -> None:
    assert 10 == subject.writer.append(BATCH[:10])
    assert 11 == subject.writer.append(BATCH[10:11])
    assert 30 == subject.writer.append(BATCH[11:])
    end = subject.writer.end()
    assert (1, 30, 30) == (end.first_seq, end.count, end.last_seq)
    assert (BATCH[-1][1], BATCH[-1][6]) == (end.last_ts_ns, end.last_hash)
    assert genesis_hash(GENESIS) == end.base_hash


def test_an_empty_batch_changes_nothing(subject: Subject) -> None:
    assert 0 == subject.writer.append([])
    subject.writer.append(BATCH[:3])
    assert 3 == subject.writer.append([])
    assert 3 == len(subject.records())


def test_records_are_the_packed_commands(subject: Subject) -> None:
    subject.writer.append(BATCH)
    epoch = subject.writer.owner_epoch
    assert 1 == epoch
    assert [pack(done, epoch) for done in BATCH] == list(subject.records())


@pytest.mark.parametrize("batch", [BATCH[5:8], BATCH[3:5], BATCH[:2], [BATCH[4], BATCH[6]]])
def test_a_batch_that_does_not_follow_is_refused_and_writes_nothing(
    subject: Subject, batch: list[Applied]
) -> None:
    subject.writer.append(BATCH[:4])
    with pytest.raises(InvariantError, match="expected"):
        subject.writer.append(batch)
    assert 4 == len(subject.records())
    assert 5 == subject.writer.append(BATCH[4:5])


def test_a_batch_of_another_history_is_refused(subject: Subject) -> None:
    subject.writer.append(BATCH[:4])
    with pytest.raises(InvariantError, match="link"):
        subject.writer.append(applied(30, seed=2)[1][4:6])
    assert 4 == len(subject.records())


def test_snapshots_are_kept_listed_and_pruned(subject: Subject) -> None:
    state = initial(COUNTER, GENESIS)
    for batch in (sequenced(30)[low : low + 10] for low in (0, 10, 20)):
        state, done = apply_batch(state, batch)
        subject.writer.append(done)
        subject.writer.save_snapshot(state.seq, dump(state))
    assert [10, 20, 30] == subject.writer.snapshot_seqs()
    assert [] == subject.writer.prune_snapshots(3)
    assert [10] == subject.writer.prune_snapshots(2)
    assert [20, 30] == subject.writer.snapshot_seqs()


def test_a_snapshot_of_another_place_or_broken_is_refused(subject: Subject) -> None:
    subject.writer.append(BATCH[:12])
    snapshot = dump(applied(12)[0])
    with pytest.raises(InvariantError, match="expected a snapshot of 11"):
        subject.writer.save_snapshot(11, snapshot)
    with pytest.raises(DamagedError):
        subject.writer.save_snapshot(12, snapshot[:-1])
    with pytest.raises(Exception, match="12"):
        subject.writer.save_snapshot(30, dump(applied(30)[0]))
    assert [] == subject.writer.snapshot_seqs()

"""Nothing leaves before it is durable, and nothing is lost when something raises."""

import signal
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep_journal import (
    JournalFailed,
    MemoryJournal,
    MemoryPublisher,
    MemorySink,
    OutletFailed,
    Outlets,
    Sequencer,
    SnapshotPolicy,
    create,
    held_interrupts,
    open_reader,
)
from lockstep_kernel import (
    Applied,
    CannotRunError,
    InvariantError,
    MalformedCommand,
    UnsupportedError,
    genesis_hash,
    initial,
)
from tests.machines.counter import COUNTER, ActivateRules, Add, Added, Refused
from tests.machines.histories import GENESIS, applied, bodies, submit_all


class Clock:
    """Gives the times it was made with, the last one for ever."""

    def __init__(self, *times: int) -> None:
        self.times = list(times)

    def __call__(self) -> int:
        return self.times.pop(0) if len(self.times) > 1 else self.times[0]


def sequencer(
    journal: MemoryJournal | None = None, clock: Clock | None = None, **options
) -> Sequencer:
    return Sequencer(
        initial(COUNTER, GENESIS), journal or MemoryJournal(GENESIS), clock or Clock(5), **options
    )


class FailingJournal(MemoryJournal):
    """Fails to append after `good` batches, as a disk does."""

    good = 1

    def append(self, batch: Sequence[Applied]) -> int:
        if self.good == 0:
            raise JournalFailed("the disk is gone")
        self.good -= 1
        return super().append(batch)


class FailingSink(MemorySink):
    """Raises at sequence number 3."""

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        if seq == 3:
            raise ValueError("no thanks")
        super().emit(seq, events)


def test_results_say_sequence_events_and_hash() -> None:
    results = sequencer().submit([Add("a", 2), COUNTER.codec.encode(Add("a", 3))])
    assert [(1, [Added("a", 2)]), (2, [Added("a", 5)])] == [result[:2] for result in results]
    assert all(16 == len(result[2]) for result in results)


def test_no_items_are_no_batch() -> None:
    journal = FailingJournal(GENESIS)
    journal.good = 0
    assert [] == sequencer(journal).submit([])


def test_bad_items_get_errors_in_their_places_and_no_numbers() -> None:
    subject = sequencer()
    items = [b"", Add("a", 1), ActivateRules(3), Add("a", 2**70), b"\xc1", Add("b", 1), b"x" * 9]
    results = subject.submit(items)
    kinds = [result[0] if isinstance(result, tuple) else type(result) for result in results]
    bad = MalformedCommand
    assert [bad, 1, UnsupportedError, bad, bad, 2, bad] == kinds
    assert 2 == subject.state.seq


def test_a_batch_of_bad_items_changes_nothing() -> None:
    journal, sink = MemoryJournal(GENESIS), MemorySink()
    subject = sequencer(journal, outlets=Outlets([sink]))
    assert [UnsupportedError] == [type(result) for result in subject.submit([ActivateRules(7)])]
    assert [MalformedCommand] == [type(result) for result in subject.submit([b"?"])]
    assert (0, 0, genesis_hash(GENESIS)) == subject.state.at()
    assert ([], []) == (journal.records, sink.emitted)


def test_a_refusal_by_the_machine_is_an_event_and_has_a_number() -> None:
    subject = sequencer()
    results = subject.submit([ActivateRules(1), Add("a", 1)])
    assert [(1, [Refused(2)]), (2, [Added("a", 1)])] == [result[:2] for result in results]


def test_time_is_the_clock_and_never_goes_back() -> None:
    journal = MemoryJournal(GENESIS)
    subject = sequencer(journal, Clock(100, 90, 110))
    for _ in range(3):
        subject.submit([Add("a", 1), Add("a", 1)])
    times = [int.from_bytes(record[20:28], "big") for record in journal.records]
    assert [100, 100, 100, 100, 110, 110] == times


def test_a_proposed_time_counts_instead_of_the_clock() -> None:
    subject = sequencer(clock=Clock(50))
    items = [(10, Add("a", 1)), (30, Add("a", 1)), (20, Add("a", 1)), (30, b"?"), (31, b"?")]
    subject.submit(items)
    assert 30 == subject.state.ts_ns
    subject.submit([Add("a", 1)])
    assert 50 == subject.state.ts_ns


@pytest.mark.parametrize("ts_ns", [2**62, 2**70])
def test_a_refused_time_does_not_move_the_clock(ts_ns: int) -> None:
    subject = sequencer()
    results = subject.submit([(ts_ns, Add("a", 1)), Add("a", 1)])
    assert isinstance(results[0], MalformedCommand)
    assert 5 == subject.state.ts_ns


@given(st.lists(st.integers(1, 20), max_size=8))
def test_batch_sizes_change_no_hash(sizes: list[int]) -> None:
    expected = [done[6] for done in applied(40)[1]]
    subject, found, offset = sequencer(), [], 0
    items = [(10 * index, body) for index, body in enumerate(bodies(40), 1)]
    for size in [*sizes, 40]:
        found += [result[2] for result in subject.submit(items[offset : offset + size])]
        offset += size
    assert expected == found


def test_nothing_leaves_before_it_is_durable() -> None:
    journal = MemoryJournal(GENESIS)
    seen: list[tuple[int, int]] = []

    class Watcher(MemorySink):
        def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
            seen.append((seq, len(journal.records)))

    submit_all(sequencer(journal, outlets=Outlets([Watcher()])), 20, batch=5)
    assert [(seq, -(-seq // 5) * 5) for seq in range(1, 21)] == seen


def test_a_failed_commit_publishes_nothing_and_ends_the_sequencer() -> None:
    journal, sink, publisher = FailingJournal(GENESIS), MemorySink(), MemoryPublisher()
    subject = sequencer(journal, outlets=Outlets([sink], [publisher]))
    subject.submit([Add("a", 1)])
    with pytest.raises(JournalFailed, match="the disk is gone"):
        subject.submit([Add("a", 2)])
    journal.good = 100
    for use in (lambda: subject.submit([Add("a", 2)]), lambda: subject.state, subject.snapshot):
        with pytest.raises(JournalFailed, match=r"has ended.*disk is gone"):
            use()
    assert [1] == [seq for seq, _events in sink.emitted]
    assert [1] == [seq for seq, _record in publisher.published]
    assert 1 == len(journal.records)


def test_a_sink_that_raises_is_detached_and_the_batch_stands() -> None:
    journal, bad, good = MemoryJournal(GENESIS), FailingSink(), MemorySink()
    publisher = MemoryPublisher()
    subject = sequencer(journal, outlets=Outlets([bad, good], [publisher]))
    with pytest.raises(OutletFailed, match=r"FailingSink failed at 3.*no thanks") as caught:
        subject.submit([Add("a", 1)] * 5)
    assert 3 == caught.value.seq
    assert [1, 2, 3, 4, 5] == [result[0] for result in caught.value.results]
    assert isinstance(caught.value.__cause__, OutletFailed)
    assert isinstance(caught.value.__cause__.__cause__, ValueError)
    assert 6 == subject.submit([Add("a", 1)])[0][0]
    assert [1, 2] == [seq for seq, _events in bad.emitted]
    assert [1, 2, 3, 4, 5, 6] == [seq for seq, _events in good.emitted]
    assert 6 == len(publisher.published) == len(journal.records)


def test_a_publisher_that_raises_is_detached() -> None:
    class Bad(MemoryPublisher):
        def publish(self, seq, record) -> None:
            raise OSError("pipe closed")

    subject = sequencer(outlets=Outlets(publishers=[Bad()]))
    with pytest.raises(OutletFailed, match="Bad failed at 1"):
        subject.submit([b"?", Add("a", 1)])
    assert 2 == subject.submit([Add("a", 1)])[0][0]


def test_a_bug_in_the_machine_ends_the_sequencer() -> None:
    class Broken(type(COUNTER)):
        def step(self, core, ts_ns, command):
            raise InvariantError("one and one are three")

    subject = Sequencer(initial(Broken(), GENESIS), MemoryJournal(GENESIS), Clock(1))
    with pytest.raises(InvariantError):
        subject.submit([Add("a", 1)])
    with pytest.raises(JournalFailed, match="one and one"):
        subject.submit([Add("a", 1)])


def test_an_interrupt_inside_a_batch_ends_the_sequencer_and_keeps_the_journal_whole() -> None:
    class Interrupting(MemorySink):
        def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
            if seq == 2:
                raise KeyboardInterrupt

    journal = MemoryJournal(GENESIS)
    subject = sequencer(journal, outlets=Outlets([Interrupting()]))
    with pytest.raises(KeyboardInterrupt):
        subject.submit([Add("a", 1)] * 3)
    with pytest.raises(JournalFailed, match="KeyboardInterrupt"):
        subject.submit([Add("a", 1)])
    assert 3 == len(journal.records)


def test_a_sink_that_submits_is_refused() -> None:
    class Eager(MemorySink):
        subject: Sequencer

        def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
            self.subject.submit([Add("b", 1)])

    sink = Eager()
    sink.subject = sequencer(outlets=Outlets([sink]))
    with pytest.raises(OutletFailed, match="submit within submit"):
        sink.subject.submit([Add("a", 1)])
    assert 1 == sink.subject.state.seq
    assert issubclass(OutletFailed, CannotRunError)


def test_snapshots_are_taken_by_count_and_pruned() -> None:
    journal = MemoryJournal(GENESIS)
    subject = sequencer(journal, snapshots=SnapshotPolicy(every=10, keep=2))
    submit_all(subject, 50, batch=4)
    assert [36, 48] == journal.snapshot_seqs()
    assert 50 == subject.snapshot()
    assert [48, 50] == journal.snapshot_seqs()


def test_a_restarted_sequencer_counts_from_the_last_snapshot() -> None:
    journal = MemoryJournal(GENESIS)
    first = sequencer(journal, snapshots=SnapshotPolicy(every=10))
    submit_all(first, 18, batch=6)
    assert [12] == journal.snapshot_seqs()
    second = Sequencer(first.state, journal, Clock(999), snapshots=SnapshotPolicy(every=10))
    second.submit([Add("a", 1)] * 3)
    assert [12] == journal.snapshot_seqs()
    second.submit([Add("a", 1)])
    assert [12, 22] == journal.snapshot_seqs()


def test_the_durable_journal_holds_what_was_acknowledged(tmp_path: Path) -> None:
    with create(tmp_path / "j", COUNTER, GENESIS, True) as owner:
        owner.claim()
        subject = Sequencer(initial(COUNTER, GENESIS), owner, Clock(5))
        results = subject.submit(bodies(30))
    with open_reader(tmp_path / "j") as journal:
        assert [result[2] for result in results] == [one.hash for one in journal.records()]
        encoded = journal.events(1, 30)
        assert [list(result[1]) for result in results] == [
            COUNTER.codec.decode_events(events) for events in encoded
        ]


def test_held_interrupts_come_between_batches() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with held_interrupts() as is_interrupted:
        assert not is_interrupted()
        signal.raise_signal(signal.SIGTERM)
        assert is_interrupted()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert before == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))

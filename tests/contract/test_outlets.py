"""What every event sink and command publisher does behind a sequencer."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep_journal import (
    MemoryJournal,
    MemoryPublisher,
    MemorySink,
    Outlets,
    Sequencer,
    StreamPublisher,
)
from lockstep_kernel import (
    InvariantError,
    JournalRecord,
    StreamReader,
    dump,
    initial,
    unpack_record,
)
from tests.machines.counter import COUNTER
from tests.machines.histories import (
    GENESIS,
    applied,
    pack,
    read_stream,
    reading,
    submit_all,
)


class Subject:
    """A publisher, and the records that its reader got."""

    def __init__(self, publisher, received: Callable[[], list[JournalRecord]]) -> None:
        self.publisher = publisher
        self.received = received


@pytest.fixture(params=["memory", "stream file"])
def subject(request: pytest.FixtureRequest, tmp_path: Path):
    if request.param == "memory":
        memory = MemoryPublisher()
        yield Subject(memory, lambda: [record for _seq, record in memory.published])
        return
    path = tmp_path / "commands.stream"
    with path.open("wb", buffering=0) as file:
        publisher = StreamPublisher(file.write, GENESIS)
        yield Subject(publisher, lambda: read_stream(path.read_bytes(), is_open=True))


def sequencer(outlets: Outlets) -> Sequencer:
    return Sequencer(initial(COUNTER, GENESIS), MemoryJournal(GENESIS, 4), lambda: 0, outlets)


EXPECTED = [unpack_record(pack(done, 4), done[0]) for done in applied(25)[1]]


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_every_record_is_published_once_and_in_order(subject: Subject, batch: int) -> None:
    submit_all(sequencer(Outlets(publishers=[subject.publisher])), 25, batch)
    assert EXPECTED == subject.received()


def test_a_published_stream_ends_when_it_is_closed(tmp_path: Path) -> None:
    parts: list[bytes] = []
    publisher = StreamPublisher(parts.append, GENESIS)
    submit_all(sequencer(Outlets(publishers=[publisher])), 25)
    publisher.close()
    assert EXPECTED == read_stream(b"".join(parts))


def test_a_stream_publisher_refuses_a_gap_and_another_history() -> None:
    publisher = StreamPublisher(lambda data: None, GENESIS)
    publisher.publish(1, EXPECTED[0])
    for record in (EXPECTED[0], EXPECTED[2]):
        with pytest.raises(InvariantError, match="expected record 2"):
            publisher.publish(record.seq, record)
    other = applied(25, seed=2)[1][1]
    with pytest.raises(InvariantError, match="link"):
        publisher.publish(2, unpack_record(pack(other), 2))


def test_a_stream_publisher_refuses_a_record_of_an_older_epoch() -> None:
    parts: list[bytes] = []
    publisher = StreamPublisher(parts.append, GENESIS)
    publisher.publish(1, EXPECTED[0])
    stale = unpack_record(pack(applied(25)[1][1], 3), 2)
    with pytest.raises(InvariantError, match="record 2: expected epoch 4 or later, found 3"):
        publisher.publish(2, stale)
    publisher.publish(2, EXPECTED[1])
    assert EXPECTED[:2] == read_stream(b"".join(parts), is_open=True)


def test_a_stream_publisher_that_joins_later_begins_with_a_snapshot() -> None:
    parts: list[bytes] = []
    publisher = StreamPublisher(parts.append, GENESIS, dump(applied(25)[0]))
    publisher.close()
    frames = list(StreamReader(reading(b"".join(parts))).frames())
    assert [25, 25] == [frame[1] for frame in frames]


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_the_events_of_every_command_are_emitted_once_and_in_order(batch: int) -> None:
    sink = MemorySink()
    submit_all(sequencer(Outlets(sinks=[sink])), 25, batch)
    assert [(done[0], done[3]) for done in applied(25)[1]] == sink.emitted

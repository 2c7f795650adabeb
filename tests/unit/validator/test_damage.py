"""Every way to damage a 50-record stream is found, named with its place, and never a divergence."""

import pytest

from lockstep_kernel import FrameType
from lockstep_validator import Status
from tests.machines.counter import Add, counter_genesis
from tests.unit.validator.streams import (
    COUNT,
    SNAPSHOT_SEQ,
    START_NS,
    Stream,
    counter_stream,
    found,
    judged,
    timed,
)

STREAM = counter_stream()
DATA = STREAM.data()
OTHER_HISTORY = counter_stream(timed(first_amount=2))
OTHER_GENESIS = counter_stream(genesis=counter_genesis(digest_every=2))
EVERY_SEQ = pytest.mark.parametrize("seq", range(1, COUNT + 1))

OK, DAMAGED, TORN = Status.OK, Status.DAMAGED, Status.TORN
DIVERGED = Status.DIVERGED


def test_the_undamaged_stream_is_good() -> None:
    verdict = judged(DATA)
    assert (OK, COUNT, COUNT, COUNT) == (
        verdict.status,
        verdict.seq,
        verdict.commands,
        verdict.events,
    )
    assert STREAM.hash(COUNT) == verdict.hash


@pytest.mark.parametrize("mask", [0xFF, 0x01, 0x40])
def test_every_flipped_byte_is_damage_at_its_frame(mask: int) -> None:
    wrong = []
    for start, end, seq in STREAM.spans():
        for offset in range(start, end):
            flipped = bytearray(DATA)
            flipped[offset] ^= mask
            if (DAMAGED, seq) != found(bytes(flipped)):
                wrong.append((offset, seq, found(bytes(flipped))))
    assert [] == wrong


def test_a_tail_cut_at_every_byte_is_torn_at_its_frame() -> None:
    wrong = []
    for start, end, seq in STREAM.spans():
        for size in range(start, end):
            if (TORN, seq) != found(DATA[:size]):
                wrong.append((size, seq, found(DATA[:size])))
    assert [] == wrong


def test_what_stands_before_damage_or_tear_is_validated() -> None:
    start, end, seq = STREAM.spans()[STREAM.at(FrameType.RECORD, 40) + 1]
    torn = judged(DATA[: end - 1])
    damaged = judged(DATA[:start] + b"x" + DATA[start + 1 :])
    for verdict in (torn, damaged):
        assert (40, 39, 39) == (verdict.seq, verdict.commands, verdict.validated_seq)
        assert STREAM.hash(39) == verdict.hash
    assert seq == 40


@EVERY_SEQ
def test_a_removed_record_is_damage_at_its_place(seq: int) -> None:
    assert (DAMAGED, seq) == found(STREAM.spliced(STREAM.step(seq), []))


@EVERY_SEQ
def test_a_record_removed_without_its_events_is_damage_at_its_place(seq: int) -> None:
    record = STREAM.at(FrameType.RECORD, seq)
    assert (DAMAGED, seq) == found(STREAM.spliced(slice(record, record + 1), []))


@EVERY_SEQ
def test_removed_events_are_damage_at_their_record(seq: int) -> None:
    events = STREAM.at(FrameType.EVENTS, seq)
    assert (DAMAGED, seq) == found(STREAM.spliced(slice(events, events + 1), []))


@EVERY_SEQ
def test_a_doubled_record_is_damage_where_the_next_must_stand(seq: int) -> None:
    step = STREAM.step(seq)
    assert (DAMAGED, seq + 1) == found(STREAM.spliced(step, STREAM.frames[step] * 2))


@EVERY_SEQ
def test_a_frame_doubled_in_its_place_is_damage(seq: int) -> None:
    record = STREAM.at(FrameType.RECORD, seq)
    events = record + 1
    twice = STREAM.spliced(slice(record, record), [STREAM.frames[record]])
    assert (DAMAGED, seq) == found(twice)
    twice = STREAM.spliced(slice(events, events), [STREAM.frames[events]])
    assert (DAMAGED, seq + 1) == found(twice)


@pytest.mark.parametrize("seq", range(1, COUNT))
def test_swapped_neighbours_are_damage_at_the_first(seq: int) -> None:
    first, second = STREAM.step(seq), STREAM.step(seq + 1)
    swapped = STREAM.spliced(second, STREAM.frames[first])
    swapped = swapped.spliced(first, STREAM.frames[second])
    assert (DAMAGED, seq) == found(swapped)


@pytest.mark.parametrize("seq", range(1, COUNT))
def test_swapped_events_are_damage_at_the_first(seq: int) -> None:
    first, second = STREAM.at(FrameType.EVENTS, seq), STREAM.at(FrameType.EVENTS, seq + 1)
    swapped = STREAM.spliced(slice(second, second + 1), [STREAM.frames[first]])
    swapped = swapped.spliced(slice(first, first + 1), [STREAM.frames[second]])
    assert (DAMAGED, seq) == found(swapped)


@EVERY_SEQ
def test_a_record_of_another_genesis_is_damage_at_its_place(seq: int) -> None:
    step = STREAM.step(seq)
    assert (DAMAGED, seq) == found(STREAM.spliced(step, OTHER_GENESIS.frames[step]))


@EVERY_SEQ
def test_a_record_of_another_history_is_damage_where_the_link_breaks(seq: int) -> None:
    # The first record of the other history fits the genesis: the second is the first that does not.
    step = STREAM.step(seq)
    transplanted = STREAM.spliced(step, OTHER_HISTORY.frames[step])
    assert (DAMAGED, max(seq, 2)) == found(transplanted)


def test_streams_without_events_are_judged_alike() -> None:
    stream = counter_stream(has_events=False)
    assert (OK, COUNT) == found(stream)
    for seq in range(1, COUNT + 1):
        step = stream.step(seq)
        assert (DAMAGED, seq) == found(stream.spliced(step, []))
        assert (DAMAGED, seq + 1) == found(stream.spliced(step, stream.frames[step] * 2))
    for start, _end, seq in stream.spans()[1:]:
        assert (TORN, seq) == found(stream.data()[:start])


def test_a_second_genesis_is_damage() -> None:
    data = STREAM.data()
    head = len(STREAM.head())
    genesis = data[20:head]
    assert (DAMAGED, 1) == found(data[:head] + genesis + data[head:])


def test_another_genesis_before_the_same_records_is_damage() -> None:
    data = OTHER_GENESIS.head() + DATA[len(STREAM.head()) :]
    assert (DAMAGED, 1) == found(data)


def test_machine_parameters_that_the_machine_refuses_are_damage_in_the_header() -> None:
    genesis = counter_genesis()
    foreign = Stream(type(genesis)("counter", 1, 1, b"x"), True, STREAM.frames)
    assert (DAMAGED, None) == found(foreign)


@pytest.mark.parametrize("data", [b"hello", b"hello, this is no stream at all\n" * 9, b"\0" * 400])
def test_what_is_no_stream_is_damage_in_the_header(data: bytes) -> None:
    verdict = judged(data)
    assert (DAMAGED, None) == (verdict.status, verdict.seq)
    assert verdict.message.startswith("header: not a Lockstep stream")


def test_nothing_at_all_is_a_torn_header() -> None:
    assert (TORN, None) == found(b"")


@pytest.mark.parametrize("extra", [b"\0", DATA, b"more"])
def test_anything_after_the_end_is_damage(extra: bytes) -> None:
    verdict = judged(DATA + extra)
    assert (DAMAGED, COUNT + 1) == (verdict.status, verdict.seq)
    assert "after the end" in verdict.message


@pytest.mark.parametrize("field", range(3))
def test_an_end_that_says_something_else_is_damage(field: int) -> None:
    payload = bytearray(STREAM.payload(FrameType.END, COUNT))
    payload[(7, 15, 20)[field]] ^= 1
    forged = STREAM.with_payload(FrameType.END, COUNT, bytes(payload))
    assert (DAMAGED, COUNT + 1) == found(forged)


def test_an_end_frame_at_another_place_is_damage() -> None:
    end = STREAM.frames[-1]
    moved = STREAM.spliced(slice(-1, None), [(end[0], COUNT - 1, end[2])])
    assert (DAMAGED, COUNT + 1) == found(moved)


@EVERY_SEQ
def test_a_wrong_record_check_in_a_good_frame_is_damage(seq: int) -> None:
    payload = STREAM.payload(FrameType.RECORD, seq)
    forged = STREAM.with_payload(FrameType.RECORD, seq, payload[:-1] + bytes([payload[-1] ^ 1]))
    assert (DAMAGED, seq) == found(forged)


@EVERY_SEQ
def test_a_forged_link_is_damage(seq: int) -> None:
    assert (DAMAGED, seq) == found(STREAM.with_record(seq, previous=bytes(16)))


@EVERY_SEQ
def test_a_record_that_gives_itself_another_number_is_damage(seq: int) -> None:
    assert (DAMAGED, seq) == found(STREAM.with_record(seq, seq=seq + 1))


def test_an_epoch_that_goes_back_is_damage() -> None:
    stream = STREAM.with_record(10, epoch=2).with_record(11, epoch=2)
    assert (DAMAGED, 12) == found(stream)
    assert (OK, COUNT) == found(STREAM.with_record(COUNT, epoch=7))


def test_time_that_goes_back_in_an_equal_history_is_damage() -> None:
    commands = timed()
    commands[19] = (START_NS, Add("cell1", 1))
    assert (DAMAGED, 20) == found(counter_stream(commands))


def test_a_damaged_snapshot_in_a_good_frame_is_damage() -> None:
    payload = STREAM.payload(FrameType.SNAPSHOT, SNAPSHOT_SEQ)
    for offset in range(len(payload)):
        flipped = payload[:offset] + bytes([payload[offset] ^ 1]) + payload[offset + 1 :]
        forged = STREAM.with_payload(FrameType.SNAPSHOT, SNAPSHOT_SEQ, flipped)
        assert (DAMAGED, SNAPSHOT_SEQ) == found(forged), offset


def test_a_snapshot_of_another_place_or_history_is_damage() -> None:
    other_place = counter_stream(snapshots=(24,)).payload(FrameType.SNAPSHOT, 24)
    other_genesis = OTHER_GENESIS.payload(FrameType.SNAPSHOT, SNAPSHOT_SEQ)
    for payload in (other_place, other_genesis):
        forged = STREAM.with_payload(FrameType.SNAPSHOT, SNAPSHOT_SEQ, payload)
        assert (DAMAGED, SNAPSHOT_SEQ) == found(forged)


def test_the_matrix_notices_when_a_stream_is_not_damaged() -> None:
    # Moving a whole snapshot to where it also belongs is no damage: the checks above can fail.
    index = STREAM.at(FrameType.SNAPSHOT, SNAPSHOT_SEQ)
    twice = STREAM.spliced(slice(index, index), [STREAM.frames[index]])
    assert (OK, COUNT) == found(twice)


def test_a_divergence_hides_no_damage_before_it_nor_damage_a_divergence() -> None:
    for seq in (5, SNAPSHOT_SEQ, COUNT - 1):
        forged = STREAM.with_record(seq, hash=bytes(16))
        end = STREAM.spans()[STREAM.at(FrameType.EVENTS, seq) + 1][1]
        damaged_behind = forged.data()[:end] + b"garbage" * 9
        assert (DIVERGED, seq) == found(damaged_behind)
        damaged_before = forged.spliced(forged.step(seq - 1), [])
        assert (DAMAGED, seq - 1) == found(damaged_before)

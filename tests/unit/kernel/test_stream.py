"""A stream of fifty records in which anything was changed, exhaustively."""

import pytest
from xxhash import xxh3_64_digest

from lockstep_kernel import (
    DamagedError,
    StreamReader,
    StreamWriter,
    TornTailError,
    UnsupportedError,
    dump,
    pack_frame,
)
from lockstep_kernel.values import FrameType
from tests.machines.histories import (
    GENESIS,
    applied,
    pack,
    read_stream,
    reading,
    records,
    stream_frames,
)

COUNT = 50
PARTS = stream_frames(COUNT)
"""Header, genesis, 50 records, end."""
RECORDS = slice(2, 2 + COUNT)
STREAM = b"".join(PARTS)
FOREIGN = stream_frames(COUNT, seed=2)


def owners() -> list[int | None]:
    """Return, for each byte, the sequence number that damage to it must be named with."""
    named: list[int | None] = []
    for index, part in enumerate(PARTS):
        named += [None if index < 2 else index - 1] * len(part)
    return named


def damaged_at(parts: list[bytes]) -> int | None:
    with pytest.raises(DamagedError) as caught:
        read_stream(b"".join(parts))
    return caught.value.seq


def test_the_whole_stream_is_good() -> None:
    assert list(range(1, COUNT + 1)) == [record.seq for record in read_stream(STREAM)]


@pytest.mark.parametrize("mask", [1, 2, 4, 8, 16, 32, 64, 128, 255])
def test_every_flipped_byte_is_damage_at_the_right_sequence(mask: int) -> None:
    wrong = []
    for offset, expected in enumerate(owners()):
        changed = bytearray(STREAM)
        changed[offset] ^= mask
        try:
            read_stream(bytes(changed))
            wrong.append((offset, "unnoticed"))
        except DamagedError as error:
            if error.seq != expected:
                wrong.append((offset, str(error)))
    assert [] == wrong


def test_every_cut_is_a_torn_tail_at_the_right_sequence() -> None:
    wrong = []
    for size, expected in enumerate(owners()):
        try:
            read_stream(STREAM[:size])
            wrong.append((size, "unnoticed"))
        except TornTailError as error:
            if error.seq != expected:
                wrong.append((size, str(error)))
    assert [] == wrong


def test_an_open_stream_may_stop_between_frames_and_nowhere_else() -> None:
    edges = {sum(map(len, PARTS[:count])): count - 2 for count in range(2, len(PARTS) + 1)}
    for size in range(len(STREAM)):
        if size in edges:
            assert edges[size] == len(read_stream(STREAM[:size], is_open=True))
        else:
            with pytest.raises(TornTailError):
                read_stream(STREAM[:size], is_open=True)


@pytest.mark.parametrize("seq", range(1, COUNT + 1))
def test_a_removed_doubled_swapped_or_foreign_record_is_damage(seq: int) -> None:
    index = seq + 1
    removed = PARTS[:index] + PARTS[index + 1 :]
    assert seq == damaged_at(removed)
    doubled = PARTS[: index + 1] + PARTS[index:]
    assert seq + 1 == damaged_at(doubled)
    foreign = [*PARTS]
    foreign[index] = FOREIGN[index]
    # A foreign first record follows the same genesis: its successor gives it away.
    assert max(seq, 2) == damaged_at(foreign)
    if seq < COUNT:
        swapped = [*PARTS]
        swapped[index], swapped[index + 1] = PARTS[index + 1], PARTS[index]
        assert seq == damaged_at(swapped)


def test_bytes_after_the_end_are_damage() -> None:
    for more in (b"\x00", PARTS[2], STREAM):
        with pytest.raises(DamagedError, match="after the end"):
            read_stream(STREAM + more)


def test_an_end_of_another_stream_is_damage() -> None:
    assert COUNT + 1 == damaged_at([*PARTS[:-1], FOREIGN[-1]])
    assert 50 == damaged_at([*PARTS[:-2], PARTS[-1]])


@pytest.mark.parametrize("data", [b"", b"LOCK", b"PK\x03\x04" * 20, b"\x00" * 4096])
def test_something_else_is_no_stream(data: bytes) -> None:
    expected = TornTailError if len(data) < 20 else DamagedError
    with pytest.raises(expected, match="header") as caught:
        StreamReader(reading(data))
    assert caught.value.seq is None


@pytest.mark.parametrize(("data", "found"), [(b"PK\x03\x04" * 20, "504b0304" * 2), (b"\xff", "ff")])
def test_what_is_no_stream_is_said_in_hex(data: bytes, found: str) -> None:
    with pytest.raises(DamagedError, match="not a Lockstep stream") as caught:
        StreamReader(reading(data))
    assert str(caught.value).endswith(
        f"expected the bytes {b'LOCKSTEP'.hex()} at the start, found {found}"
    )


def test_newer_formats_flags_and_frames_are_not_damage() -> None:
    for version, flags in ((2, 0), (1, 2)):
        header = b"LOCKSTEP" + bytes([0, version, 0, flags])
        with pytest.raises(UnsupportedError):
            read_stream(header + xxh3_64_digest(header) + b"".join(PARTS[1:]))
    with pytest.raises(UnsupportedError, match="frame type"):
        read_stream(b"".join(PARTS[:4]) + pack_frame(77, 2, b""))


def test_formats_and_frames_before_the_first_are_damage() -> None:
    header = b"LOCKSTEP" + bytes(4)
    with pytest.raises(DamagedError, match="expected format 1, found 0, which no release writes"):
        read_stream(header + xxh3_64_digest(header) + b"".join(PARTS[1:]))
    with pytest.raises(DamagedError, match="frame type, found 0, which no release writes"):
        read_stream(b"".join(PARTS[:4]) + pack_frame(0, 2, b""))


def test_events_frames_must_follow_their_records() -> None:
    parts = stream_frames(5, has_events=True)
    assert 5 == len(read_stream(b"".join(parts)))
    # Header, genesis, then record and events in turn.
    assert 2 == damaged_at(parts[:5] + parts[6:])
    assert 2 == damaged_at(parts[:4] + parts[5:])
    assert 2 == damaged_at([*parts[:5], parts[7], *parts[6:]])
    assert 1 == damaged_at([*PARTS[:2], parts[3], *PARTS[2:]])


def test_snapshots_stand_at_the_start_or_where_the_stream_is() -> None:
    state, done = applied(5)
    snapshot = dump(state)

    def parts_of(*places: int) -> list[bytes]:
        parts: list[bytes] = []
        writer = StreamWriter(parts.append, GENESIS)
        for one in done:
            writer.record(one[0], pack(one))
            if one[0] in places:
                writer.snapshot(5, snapshot)
        writer.end(state.seq, state.hash)
        return parts

    assert 5 == len(read_stream(b"".join(parts_of(5))))
    assert 4 == damaged_at(parts_of(3))


def test_a_stream_that_begins_with_a_snapshot_goes_on_after_it() -> None:
    half, _ = applied(3)
    parts: list[bytes] = []
    writer = StreamWriter(parts.append, GENESIS)
    writer.snapshot(3, dump(half))
    for seq, record in enumerate(records(5)[3:], 4):
        writer.record(seq, record)
    reader = StreamReader(reading(b"".join(parts)), is_open=True)
    seqs = [(FrameType(frame[0]).name, frame[1]) for frame in reader.frames()]
    assert [("SNAPSHOT", 3), ("RECORD", 4), ("RECORD", 5)] == seqs


def test_a_genesis_whose_name_is_no_text_is_damage() -> None:
    genesis = pack_frame(FrameType.GENESIS, 0, b"\x95\x00\xa7\xe3ounter\x01\x01\xc4\x00")
    assert damaged_at([PARTS[0], genesis, *PARTS[2:]]) is None


def test_a_head_stands_after_the_records_that_it_signs() -> None:
    head = pack_frame(FrameType.HEAD, 7, b"a note")
    whole = [*PARTS[:9], head, *PARTS[9:]]
    assert list(range(1, COUNT + 1)) == [record.seq for record in read_stream(b"".join(whole))]
    for place, named in ((8, 7), (10, 9), (len(PARTS) - 1, 51)):
        assert named == damaged_at([*PARTS[:place], head, *PARTS[place:]])

"""A snapshot loads into the same state, or says why not."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_digest

from lockstep_kernel import (
    DamagedError,
    InvariantError,
    UnsupportedError,
    apply,
    apply_batch,
    dump,
    initial,
    load,
    read_head,
    sorted_records,
)
from tests.machines.counter import COUNTER, Add, counter_genesis
from tests.machines.histories import GENESIS, applied, sequenced

SNAPSHOT = dump(applied(12)[0])


def forged(snapshot: bytes, offset: int, data: bytes) -> bytes:
    payload = bytearray(snapshot[:-8])
    payload[offset : offset + len(data)] = data
    return bytes(payload) + xxh3_64_digest(bytes(payload))


def test_a_loaded_state_equals_the_dumped_one() -> None:
    state, _done = applied(12)
    found = load(COUNTER, GENESIS, SNAPSHOT)
    assert state.at() == found.at()
    assert state.digest == found.digest
    assert sorted_records(state) == sorted_records(found)
    assert dump(found) == SNAPSHOT
    head = read_head(SNAPSHOT)
    assert state.at() == (head.seq, head.ts_ns, head.hash)


@given(st.integers(0, 40), st.sampled_from([1, 3]))
def test_a_snapshot_anywhere_and_the_tail_equal_the_whole(cut: int, every: int) -> None:
    genesis = counter_genesis(digest_every=every)
    commands = sequenced(40)
    whole, done = apply_batch(initial(COUNTER, genesis), commands)
    half, _ = apply_batch(initial(COUNTER, genesis), commands[:cut])
    state, tail = apply_batch(load(COUNTER, genesis, dump(half)), commands[cut:])
    assert whole.at() == state.at()
    assert [one[6] for one in done[cut:]] == [one[6] for one in tail]
    assert dump(whole) == dump(state)


def test_equal_states_have_equal_dumps_whatever_the_order_of_their_making() -> None:
    def state_of(cells: str):
        state = initial(COUNTER, GENESIS)
        for cell in cells:
            state, _events, _hash = apply(state, COUNTER.codec.sequence(1, Add(cell, 1)))
        return state

    left, right = state_of("abc"), state_of("cab")
    assert sorted_records(left) == sorted_records(right)
    # Only the history differs: the hash stands in bytes 24 to 40 of the head.
    assert dump(left)[40:-8] == dump(right)[40:-8]


def test_every_changed_byte_is_found() -> None:
    for offset in range(len(SNAPSHOT)):
        changed = bytearray(SNAPSHOT)
        changed[offset] ^= 0x10
        with pytest.raises(DamagedError):
            load(COUNTER, GENESIS, bytes(changed))


def test_every_cut_is_found() -> None:
    for size in range(len(SNAPSHOT)):
        with pytest.raises(DamagedError):
            load(COUNTER, GENESIS, SNAPSHOT[:size])


def test_a_snapshot_of_another_genesis_is_damage() -> None:
    with pytest.raises(DamagedError, match="expected genesis"):
        load(COUNTER, counter_genesis(digest_every=2), SNAPSHOT)


def test_a_newer_format_is_not_damage() -> None:
    with pytest.raises(UnsupportedError, match="found 2"):
        load(COUNTER, GENESIS, forged(SNAPSHOT, 6, struct.pack(">H", 2)))


def test_a_format_before_the_first_is_damage() -> None:
    with pytest.raises(DamagedError, match="expected format 1, found 0, which no release writes"):
        load(COUNTER, GENESIS, forged(SNAPSHOT, 6, struct.pack(">H", 0)))


@pytest.mark.parametrize(
    ("offset", "data", "words"),
    [
        pytest.param(56, b"\x00" * 8, "digest", id="another digest"),
        pytest.param(64, struct.pack(">I", 23), "add up", id="shorter clocks"),
        pytest.param(64, struct.pack(">II", 23, 1), "add up", id="lengths moved"),
        pytest.param(96, b"\xc0", "does not load", id="records that are none"),
    ],
)
def test_a_forged_snapshot_is_damage_and_no_crash(offset: int, data: bytes, words: str) -> None:
    with pytest.raises(DamagedError, match=words):
        load(COUNTER, GENESIS, forged(SNAPSHOT, offset, data))


def test_what_is_no_snapshot_is_said_in_hex() -> None:
    with pytest.raises(DamagedError) as caught:
        load(COUNTER, GENESIS, forged(SNAPSHOT, 0, b"\xff\x00"))
    expected = f"snapshot: expected {b'LKSNAP'.hex()} at the start, found ff00{b'SNAP'.hex()}"
    assert expected == str(caught.value)


def test_clocks_of_another_length_are_damage_and_no_crash() -> None:
    head, clocks, rest = SNAPSHOT[:72], SNAPSHOT[72:96], SNAPSHOT[96:-8]
    lengths = struct.pack(">II", 23, len(rest) + 1)
    moved = head[:64] + lengths + clocks[:23] + b"\x00" + rest
    with pytest.raises(DamagedError):
        load(COUNTER, GENESIS, moved + xxh3_64_digest(moved))


def test_a_state_that_contradicts_itself_is_not_dumped() -> None:
    state, _done = applied(12)
    state.core.sum += 1
    with pytest.raises(InvariantError):
        dump(state)

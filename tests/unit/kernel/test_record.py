"""A record gives itself away if any of its bytes changed."""

import pytest
from xxhash import xxh3_64_digest

from lockstep_kernel import DamagedError, UnsupportedError, pack_record, unpack_record
from tests.machines.histories import records

RECORD = records(3)[2]


def forged(offset: int, value: int) -> bytes:
    """Return the record with one byte changed and the check made anew."""
    payload = bytearray(RECORD[:-8])
    payload[offset] = value
    return bytes(payload) + xxh3_64_digest(bytes(payload))


def test_a_record_says_what_was_packed() -> None:
    packed = pack_record(7, 3, 11, b"p" * 16, b"h" * 16, b"body")
    found = unpack_record(packed, 7)
    assert (7, 3, 11) == (found.seq, found.epoch, found.ts_ns)
    assert (b"p" * 16, b"h" * 16, b"body") == (found.previous, found.hash, found.body)


def test_every_changed_bit_is_found_and_names_the_record() -> None:
    for offset in range(len(RECORD)):
        for bit in range(8):
            changed = bytearray(RECORD)
            changed[offset] ^= 1 << bit
            with pytest.raises(DamagedError, match="record 3") as caught:
                unpack_record(bytes(changed), 3)
            assert 3 == caught.value.seq


def test_every_cut_is_found() -> None:
    for size in range(len(RECORD)):
        with pytest.raises(DamagedError, match="record 3"):
            unpack_record(RECORD[:size], 3)
    with pytest.raises(DamagedError):
        unpack_record(RECORD + b"\x00", 3)


@pytest.mark.parametrize("expected_seq", [2, 4])
def test_a_record_at_another_place_is_found(expected_seq: int) -> None:
    with pytest.raises(DamagedError, match=f"expected record {expected_seq}, found record 3"):
        unpack_record(RECORD, expected_seq)


def test_a_newer_format_is_not_damage() -> None:
    with pytest.raises(UnsupportedError, match="found 2: run the release that has it"):
        unpack_record(forged(3, 2), 3)


def test_a_format_before_the_first_is_damage() -> None:
    with pytest.raises(DamagedError, match="record 3: expected format 1, found 0, which") as caught:
        unpack_record(forged(3, 0), 3)
    assert 3 == caught.value.seq


def test_another_magic_and_another_length_are_damage_even_with_a_good_check() -> None:
    with pytest.raises(DamagedError, match="not a record"):
        unpack_record(forged(0, 0), 3)
    with pytest.raises(DamagedError, match="add up"):
        unpack_record(forged(63, RECORD[63] + 1), 3)

"""Every value in LMDB carries a check, because LMDB has none."""

import pytest

from lockstep_journal import End, layout
from lockstep_kernel import DamagedError, UnsupportedError
from tests.machines.histories import GENESIS

END = End(3, 5, 7, 11, b"l" * 16, b"b" * 16)


def test_keys_sort_as_their_numbers() -> None:
    seqs = [0, 1, 255, 256, 65_535, 65_536, 2**40, 2**64 - 1]
    keys = [layout.pack_key(seq) for seq in seqs]
    assert keys == sorted(keys)
    assert seqs == [layout.unpack_key(key) for key in keys]
    with pytest.raises(DamagedError, match="8 bytes"):
        layout.unpack_key(b"\x00" * 9)


def test_every_changed_bit_of_meta_is_found() -> None:
    value = layout.pack_meta(layout.META_END, layout.pack_end(END))
    assert END == layout.unpack_end(layout.unpack_meta(layout.META_END, value))
    for offset in range(len(value)):
        for bit in range(8):
            changed = bytearray(value)
            changed[offset] ^= 1 << bit
            with pytest.raises(DamagedError, match="'end'"):
                layout.unpack_meta(layout.META_END, bytes(changed))


@pytest.mark.parametrize("value", [None, b"", b"1234567", b"12345678"])
def test_a_meta_value_that_is_missing_or_cut_is_damage(value: bytes | None) -> None:
    with pytest.raises(DamagedError, match="meta"):
        layout.unpack_meta(layout.META_EPOCH, value)


def test_a_meta_value_under_another_name_is_damage() -> None:
    value = layout.pack_meta(layout.META_EPOCH, bytes(8))
    with pytest.raises(DamagedError):
        layout.unpack_meta(layout.META_END, value)


@pytest.mark.parametrize("end", [End(0, 8, 7, 1, b"", b""), End(3, 4, 7, 1, b"", b"")])
def test_an_end_that_contradicts_itself_is_damage(end: End) -> None:
    with pytest.raises(DamagedError, match="count"):
        layout.unpack_end(layout.pack_end(end))
    with pytest.raises(DamagedError, match="bytes"):
        layout.unpack_end(layout.pack_end(end)[:-1])


def test_a_newer_format_is_not_damage() -> None:
    layout.check_format(layout.pack_format())
    with pytest.raises(UnsupportedError, match="found 2"):
        layout.check_format(b"\x00\x00\x00\x02")
    with pytest.raises(DamagedError):
        layout.check_format(b"\x01")
    with pytest.raises(DamagedError, match="found 0, which no release writes"):
        layout.check_format(bytes(4))


def test_events_are_bound_to_their_record() -> None:
    value = layout.pack_events(4, b"events")
    assert b"events" == layout.unpack_events(4, value)
    for seq, data in ((5, value), (4, value[:-1]), (4, b"E" + value[1:]), (4, b"")):
        with pytest.raises(DamagedError, match=f"record {seq}"):
            layout.unpack_events(seq, data)


def test_a_genesis_that_is_none_is_damage() -> None:
    assert GENESIS == layout.unpack_genesis(layout.pack_genesis(GENESIS))
    with pytest.raises(DamagedError, match="genesis"):
        layout.unpack_genesis(b"\x91\x00")


def test_a_genesis_whose_name_is_no_text_is_damage() -> None:
    payload = layout.pack_genesis(GENESIS).replace(b"counter", b"\xe3ounter")
    with pytest.raises(DamagedError, match="genesis"):
        layout.unpack_genesis(payload)

"""One value has one encoding, and nothing else decodes."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep_kernel import MalformedCommand
from lockstep_kernel.codec import BODY_BYTES_MAX, TS_NS_MAX
from tests.machines.counter import COUNTER, Add, Added

CODEC = COUNTER.codec
GOOD = CODEC.encode(Add("a", 5))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(TEXTS, st.integers(-(2**63), 2**64 - 1))
def test_every_command_survives_its_encoding(cell: str, amount: int) -> None:
    command = Add(cell, amount)
    decoded = CODEC.decode(7, CODEC.encode(command))
    assert (7, command, CODEC.encode(command)) == (decoded.ts_ns, decoded.command, decoded.body)
    assert decoded == CODEC.sequence(7, command)


@given(st.binary(max_size=40))
def test_bytes_are_canonical_or_malformed(body: bytes) -> None:
    try:
        decoded = CODEC.decode(1, body)
    except MalformedCommand:
        return
    assert body == CODEC.encode(decoded.command)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_changed_byte_is_another_command_or_none(offset: int, mask: int) -> None:
    changed = bytearray(GOOD)
    changed[offset] ^= mask
    with contextlib.suppress(MalformedCommand):
        assert Add("a", 5) != CODEC.decode(1, bytes(changed)).command


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(GOOD + b"\x00", id="trailing byte"),
        pytest.param(GOOD[:-1], id="cut"),
        pytest.param(b"\x93\x01\xa1a\xcc\x05", id="wide integer"),
        pytest.param(b"\x93\x01\xa1a\xd3\x00\x00\x00\x00\x00\x00\x00\x05", id="signed integer"),
        pytest.param(b"\x93\x01\xd9\x01a\x05", id="wide string"),
        pytest.param(b"\xdc\x00\x03\x01\xa1a\x05", id="wide array"),
        pytest.param(b"\x93\xcc\x01\xa1a\x05", id="wide tag"),
        pytest.param(msgspec.msgpack.encode([9, "a", 5]), id="unknown tag"),
        pytest.param(msgspec.msgpack.encode([-1, "a", 5]), id="negative tag"),
        pytest.param(msgspec.msgpack.encode(["1", "a", 5]), id="tag as text"),
        pytest.param(msgspec.msgpack.encode([1, "a"]), id="missing field"),
        pytest.param(msgspec.msgpack.encode([1, "a", 5, 6]), id="extra field"),
        pytest.param(msgspec.msgpack.encode([1, "a", True]), id="bool for int"),
        pytest.param(msgspec.msgpack.encode([1, "a", 5.0]), id="float for int"),
        pytest.param(msgspec.msgpack.encode([1, "a", float("nan")]), id="nan"),
        pytest.param(msgspec.msgpack.encode([1, "a", None]), id="null"),
        pytest.param(msgspec.msgpack.encode([1, b"a", 5]), id="bytes for text"),
        pytest.param(msgspec.msgpack.encode([1, "a", "5"]), id="digits in text"),
        pytest.param(msgspec.msgpack.encode({"cell": "a", "amount": 5}), id="a map"),
        pytest.param(msgspec.msgpack.encode([[1, "a", 5]]), id="nested"),
        pytest.param(b"\x93\x01\xa1\xff\x05", id="not UTF-8"),
        pytest.param(b"\x93\x01\xa3\xed\xa0\x80\x05", id="a surrogate in UTF-8"),
        pytest.param(b"\x91" * 3000 + b"\x01", id="deep"),
        pytest.param(b"\xc1", id="a byte that MessagePack never uses"),
        pytest.param(b"{}", id="JSON"),
    ],
)
def test_anything_but_a_canonical_command_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedCommand):
        CODEC.decode(1, body)


@pytest.mark.parametrize(
    "command",
    [
        Add("a", 2**64),
        Add("a", -(2**63) - 1),
        Add("a", True),
        Add("a", 1.5),  # type: ignore[arg-type]  # a wrong type is the point
        Add("\ud800", 1),
        Add(b"a", 1),  # type: ignore[arg-type]  # a wrong type is the point
        Added("a", 1),
        "text",
    ],
)
def test_a_struct_with_a_value_that_has_no_encoding_is_malformed(command: msgspec.Struct) -> None:
    with pytest.raises(MalformedCommand):
        CODEC.sequence(1, command)


@pytest.mark.parametrize("ts_ns", [-1, TS_NS_MAX, True, 1.0, "1", None])
def test_a_time_out_of_range_is_malformed(ts_ns: int) -> None:
    with pytest.raises(MalformedCommand, match="ts_ns"):
        CODEC.decode(ts_ns, GOOD)


def test_the_ends_of_the_range_of_times_are_times() -> None:
    assert [0, TS_NS_MAX - 1] == [CODEC.decode(ts, GOOD).ts_ns for ts in (0, TS_NS_MAX - 1)]


def test_a_body_over_the_limit_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(MalformedCommand, match="at most"):
        CODEC.decode(1, bytes(BODY_BYTES_MAX + 1))


def test_the_first_difference_of_other_bytes_is_named() -> None:
    with pytest.raises(MalformedCommand, match="offset 4"):
        CODEC.decode(1, b"\x93\x01\xa1a\xcc\x05")


def test_events_that_are_none_are_malformed() -> None:
    events = [Added("a", 1)]
    assert events == CODEC.decode_events(CODEC.encode(events))
    for encoded in (b"", b"\xc0", CODEC.encode(events)[:-1], CODEC.encode([Add("a", 1)])[:2]):
        with pytest.raises(MalformedCommand):
            CODEC.decode_events(encoded)

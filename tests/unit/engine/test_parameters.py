"""Genesis parameters come from outside: whatever bytes they are, they are read or refused."""

import msgspec
import pytest

from lockstep_engine.restore import decode_params
from lockstep_kernel import DamagedError, MalformedCommand, StreamReader, pack_frame
from lockstep_validator import Options, Status, validate
from tests.machines.histories import reading, stream
from tests.support.exchange import params

GOOD = msgspec.msgpack.encode(params())
FIELDS = [msgspec.msgpack.encode(value) for value in msgspec.msgpack.decode(GOOD)]
BAD_TEXT, DEEP, NO_KEY = b"\xa1\xff", b"\x91" * 100_000 + b"\xc0", b"\x81\xa1\xff\x00"


def test_the_parts_are_those_of_the_whole() -> None:
    assert params() == decode_params(bytes([0x90 + len(FIELDS)]) + b"".join(FIELDS))


@pytest.mark.parametrize("bad", [BAD_TEXT, DEEP, NO_KEY, b"\xc1", b"\xd6\xff\0\0\0\0"])
def test_no_bytes_in_any_field_are_more_than_malformed(bad: bytes) -> None:
    for at in range(len(FIELDS) + 1):
        parts = [*FIELDS[:at], bad, *FIELDS[at + 1 :]]
        with pytest.raises(MalformedCommand, match="genesis parameters"):
            decode_params(bytes([0x90 + len(parts)]) + b"".join(parts))
    for data in (b"", bad, bad + GOOD, GOOD + bad, GOOD[:-1]):
        with pytest.raises(MalformedCommand, match="genesis parameters"):
            decode_params(data)


def test_a_stream_whose_machine_has_no_text_for_a_name_is_damaged() -> None:
    genesis = b"\x95\x00" + BAD_TEXT + b"\x01\x01\xc4\x00"
    data = stream(0)[:20] + pack_frame(1, 0, genesis)
    with pytest.raises(DamagedError, match="genesis: 'utf-8'"):
        StreamReader(reading(data))
    assert Status.DAMAGED == validate(_Readable(data), Options()).status


class _Readable:
    def __init__(self, data: bytes) -> None:
        self.read = reading(data)

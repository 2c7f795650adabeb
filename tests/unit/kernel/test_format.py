"""The examples of docs/format.md are what the code writes, and its drawings what they hold."""

import re
import struct
from pathlib import Path

from xxhash import xxh3_64_digest, xxh3_64_intdigest, xxh3_128_digest

from lockstep_kernel import dump, genesis_hash
from tests.machines.histories import GENESIS, applied, pack, stream

DOC = (Path(__file__).parents[3] / "docs" / "format.md").read_text("utf-8")


def example(name: str) -> bytes:
    """Return the bytes of the indented block after the comment `<!-- example: name -->`."""
    block = DOC.split(f"<!-- example: {name} -->")[1]
    lines = [line for line in block.splitlines() if re.fullmatch(r"    ([0-9a-f]{2} *)+", line)]
    first = block.splitlines().index(lines[0])
    taken = block.splitlines()[first:]
    taken = taken[: next((i for i, line in enumerate(taken) if not line), len(taken))]
    return bytes.fromhex("".join(taken))


def test_the_examples_are_what_is_written() -> None:
    record = pack(applied(1)[1][0])
    assert record == example("record 1")
    head = example("stream, header and genesis")
    assert head == stream(1)[: len(head)]
    assert b"\x93\x01\xa5cell2\x43" == record[64:-8]


def test_the_genesis_hash_is_framed_as_drawn() -> None:
    framed = struct.pack(">8sIQII", b"LKSTEP\x00\x01", 1, 1, 7, 0) + b"counter"
    assert xxh3_128_digest(framed) == genesis_hash(GENESIS)


def test_a_hash_is_framed_as_drawn() -> None:
    state, done = applied(1)
    _seq, ts_ns, body, _events, encoded, previous, hash_ = done[0]
    digest = xxh3_64_intdigest(b"\x93\x01\xa5cell2\x43") >> 3
    clocks = struct.pack(">QQQ", 10, 1, 1)
    lengths = len(clocks), len(body), len(encoded)
    head = struct.pack(">8sQ16sQQHII", b"LKSTEP\x01\x01", 1, previous, ts_ns, digest, *lengths)
    assert xxh3_128_digest(head + clocks + body + encoded) == hash_
    assert digest == state.digest


def test_a_snapshot_is_laid_out_as_drawn() -> None:
    state, done = applied(1)
    clocks, records = struct.pack(">QQQ", 10, 1, 1), b"\x91\x93\x01\xa5cell2\x43"
    head = struct.pack(
        ">6sHQQ16s16sQII",
        *(b"LKSNAP", 1, 1, 10, done[0][6], genesis_hash(GENESIS), state.digest),
        *(len(clocks), len(records)),
    )
    payload = head + clocks + records
    assert payload + xxh3_64_digest(payload) == dump(state)


def test_a_stream_ends_as_drawn() -> None:
    _state, done = applied(1)
    payload = struct.pack(">QQ16s", 1, 1, done[0][6])
    head = struct.pack(">BIQ", 6, len(payload), 1)
    end = head + xxh3_64_digest(head)[:4] + payload + xxh3_64_digest(head + payload)
    assert stream(1).endswith(end)

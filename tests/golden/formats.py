"""One example of every format of bytes, by the format's own version number.

The machine is the counter, whose vocabulary never changes: so an example changes only with its
format. formats.txt keeps the example of each version for ever: recording adds the lines of new
versions and never touches another.
"""

import tempfile
from pathlib import Path

from lockstep_journal import layout
from lockstep_kernel import (
    FrameType,
    StreamWriter,
    apply_batch,
    chain,
    dump,
    initial,
    pack_frame,
    record,
    snapshot,
    stream,
)
from tests.golden.files import FOLDER, Recorded, entries
from tests.machines.counter import COUNTER, ActivateRules, Add, counter_genesis

PINNED = FOLDER / "formats.txt"
_GENESIS = counter_genesis()
_COMMANDS = [
    COUNTER.codec.sequence(10 * seq, command)
    for seq, command in enumerate([Add("naïve ☃", -(2**40)), ActivateRules(2), Add("b", 1)], 1)
]


def examples() -> dict[str, bytes]:
    """Return `name version` -> bytes that hold every field of that format."""
    state, steps = apply_batch(initial(COUNTER, _GENESIS), _COMMANDS)
    last = dump(state)
    made = Recorded("", COUNTER, _GENESIS, True, True, (3,), steps, {3: last}, last)
    hashes = b"".join([chain.genesis_hash(_GENESIS), *(step[6] for step in steps)])
    return {
        f"hash {chain._COMMAND_DOMAIN[-1]}": hashes,
        f"record {record.RECORD_VERSION}": made.record(steps[0]),
        f"snapshot {snapshot.SNAPSHOT_VERSION}": last,
        f"stream {stream.STREAM_VERSION}": _frames() + made.stream(),
        f"journal {layout.FORMAT}": _journal(made),
    }


def pinned() -> dict[str, bytes]:
    """Return the kept examples."""
    lines = PINNED.read_text("utf-8").splitlines() if PINNED.exists() else []
    rows = [line.rpartition(" ") for line in lines]
    return {name: bytes.fromhex(digits) for name, _, digits in rows}


def record_formats() -> list[str]:
    """Add the examples of versions that are new, and return their names."""
    kept = pinned()
    new = {name: data for name, data in examples().items() if name not in kept}
    rows = sorted({**kept, **new}.items())
    PINNED.write_text("".join(f"{name} {data.hex()}\n" for name, data in rows), encoding="utf-8")
    return sorted(new)


def _frames() -> bytes:
    """Return an empty stream without events, and a frame alone."""
    chunks: list[bytes] = []
    StreamWriter(chunks.append, _GENESIS).end(0, bytes(16))
    return b"".join([*chunks, pack_frame(FrameType.RECORD, 2**40 + 3, b"\x01\x02")])


def _journal(made: Recorded) -> bytes:
    """Return every database, key and value of a journal, with their lengths."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder, "journal")
        made.write_journal(directory)
        found = entries(directory)
    cells = [
        cell
        for name in sorted(found)
        for key in sorted(found[name])
        for cell in (name, key, found[name][key])
    ]
    return b"".join(len(cell).to_bytes(4, "big") + cell for cell in cells)

"""What a release that does not exist yet might leave behind: one newer thing in each place.

A newer release is the counter with rules 3, the desk with rules 2, and formats with higher numbers.
Every value has good checks, as a newer release would write them.
"""

import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import lmdb
from xxhash import xxh3_64_digest

from lockstep_desk.core.commands import RegisterVenue
from lockstep_desk.core.machine import MACHINE as DESK
from lockstep_desk.core.machine import DeskMachine, desk_genesis
from lockstep_desk.core.params import DeskParams
from lockstep_journal import Sequencer, SnapshotPolicy, create, layout
from lockstep_journal.environment import DATA_NAME
from lockstep_kernel import Genesis, StreamWriter, genesis_hash, initial, pack_frame
from tests.machines.counter import COUNTER, ActivateRules, Add, CounterMachine, counter_genesis
from tests.machines.histories import stream

NEWER_RULES = 3
NEWER_DESK_RULES = 2
SWITCH_SEQ = 20
COUNT = 30
_LMDB_VERSION_OFFSETS = (20, 4096 + 20)


class NewerCounter(CounterMachine):
    """The counter of the next release: under rules 3 `Add` adds three times."""

    rules_versions = range(1, NEWER_RULES + 1)


class NewerDesk(DeskMachine):
    """The desk of the next release, which has rules of its own."""

    rules_versions = range(1, NEWER_DESK_RULES + 1)


NEWER = NewerCounter()


def journal_of_older_rules(directory: Path) -> None:
    """Write a journal that any release can read, with kept events and a snapshot at 16."""
    _write(directory, counter_genesis(2), is_switching=False)


def newer_genesis(directory: Path) -> None:
    """Write a journal that begins under rules 3."""
    _write(directory, counter_genesis(NEWER_RULES), is_switching=False)


def newer_desk(directory: Path) -> None:
    """Write a journal of a desk that begins under its rules 2."""
    genesis = Genesis(DESK.name, NEWER_DESK_RULES, 1, desk_genesis(DeskParams("newer")).params)
    newer = NewerDesk()
    with create(directory, newer, genesis) as owner:
        owner.claim()
        sequencer = Sequencer(initial(newer, genesis), owner, lambda: 0)
        for seq in range(1, COUNT + 1):
            sequencer.submit([(10 * seq, DESK.codec.encode(RegisterVenue(f"venue {seq}")))])


def newer_switch(directory: Path) -> None:
    """Write a journal whose record 20 activates rules 3."""
    _write(directory, counter_genesis(2), is_switching=True)


def newer_format(directory: Path) -> None:
    """Write a journal of format 2."""
    journal_of_older_rules(directory)
    _put_meta(directory, layout.META_FORMAT, struct.pack(">I", layout.FORMAT + 1))


def newer_entry(directory: Path) -> None:
    """Write a journal with an entry of `meta` that this release does not know."""
    journal_of_older_rules(directory)
    _put_meta(directory, b"shard", b"\x07")


def newer_record(directory: Path) -> None:
    """Write a journal whose record 7 has format 2."""
    journal_of_older_rules(directory)
    _change(directory, layout.COMMANDS, 7, lambda data: data[:3] + b"\x02" + data[4:])


def newer_snapshot(directory: Path) -> None:
    """Write a journal whose snapshot at 16 has format 2."""
    journal_of_older_rules(directory)
    _change(directory, layout.SNAPSHOTS, 16, lambda data: data[:6] + b"\x00\x02" + data[8:])


def newer_lmdb(directory: Path) -> None:
    """Write a journal in the data format of a newer LMDB."""
    journal_of_older_rules(directory)
    path = directory / DATA_NAME
    data = bytearray(path.read_bytes())
    for offset in _LMDB_VERSION_OFFSETS:
        assert 1 == struct.unpack_from("=I", data, offset)[0]
        struct.pack_into("=I", data, offset, 2)
    path.write_bytes(data)


def newer_streams() -> dict[str, bytes]:
    """Return streams with one newer thing each, by what it is."""
    old = stream(COUNT)
    head = struct.pack(">8sHH", b"LOCKSTEP", 2, 0)
    flags = struct.pack(">8sHH", b"LOCKSTEP", 1, 4)
    empty: list[bytes] = []
    rules = counter_genesis(NEWER_RULES)
    StreamWriter(empty.append, rules).end(0, genesis_hash(rules))
    frames = stream(3)
    end = len(frames) - len(pack_frame(6, 3, bytes(32)))
    return {
        "found format 2": head + xxh3_64_digest(head) + old[20:],
        "flags 4": flags + xxh3_64_digest(flags) + old[20:],
        "known frame type, found 9": frames[:end] + pack_frame(9, 3, b"?") + frames[end:],
        f"machine 'counter', found {NEWER_RULES}": b"".join(empty),
    }


def copy_of(directory: Path, target: Path) -> Path:
    """Copy a journal that nobody has open."""
    shutil.copytree(directory, target)
    return target


def _write(directory: Path, genesis: Genesis, *, is_switching: bool) -> None:
    commands = [Add(f"cell{seq % 4}", seq) for seq in range(1, COUNT + 1)]
    bodies = [COUNTER.codec.encode(command) for command in commands]
    if is_switching:
        bodies[SWITCH_SEQ - 1] = COUNTER.codec.encode(ActivateRules(NEWER_RULES))
    with create(directory, NEWER, genesis, keep_events=True) as owner:
        owner.claim()
        policy = SnapshotPolicy(8, keep=100)
        sequencer = Sequencer(initial(NEWER, genesis), owner, lambda: 0, snapshots=policy)
        for seq, body in enumerate(bodies, 1):
            sequencer.submit([(10 * seq, body)])


def _put_meta(directory: Path, name: bytes, payload: bytes) -> None:
    _put(directory, layout.META, name, layout.pack_meta(name, payload))


def _change(directory: Path, database: bytes, seq: int, change: Callable[[bytes], bytes]) -> None:
    """Change a record or a snapshot, whose last 8 bytes are its check."""
    key = layout.pack_key(seq)
    with lmdb.open(str(directory), max_dbs=4) as environment:
        handle = environment.open_db(database, create=False)
        with environment.begin() as txn:
            data = txn.get(key, db=handle)
    assert data is not None
    payload = change(data)[:-8]
    _put(directory, database, key, payload + xxh3_64_digest(payload))


def _put(directory: Path, database: bytes, key: bytes, value: bytes) -> None:
    with lmdb.open(str(directory), max_dbs=4) as environment:
        handle = environment.open_db(database, create=False)
        with environment.begin(write=True) as txn:
            txn.put(key, value, db=handle)

"""A history as files: stream, journal, snapshot and dump, and how they are read again.

`<name>.stream` is as it is; `<name>.mdb.xz` is the data file of a journal, `<name>.snapshot.xz` its
newest snapshot and `<name>.dump.xz` the dump of its last state, all three compressed. A data file
is written anew only if what it holds has changed: where LMDB puts a page promises nothing.
"""

import lzma
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import lmdb
import msgspec

from lockstep_journal import create, layout, open_owner
from lockstep_journal.environment import DATA_NAME
from lockstep_kernel import Applied, Genesis, Machine, StreamWriter, pack_record

FOLDER = Path(__file__).parent
BATCH = 64

Entries = dict[bytes, dict[bytes, bytes]]
"""All that a journal holds: database -> key -> value."""


class Recorded(msgspec.Struct, frozen=True):
    """One history as it was applied, with the snapshots to keep and the dump of its last state.

    From each of `restarts` on another owner wrote.
    """

    name: str
    machine: Machine
    genesis: Genesis
    has_events: bool
    keeps_events: bool
    restarts: Sequence[int]
    steps: list[Applied]
    snapshots: dict[int, bytes]
    dump: bytes

    @property
    def seq(self) -> int:
        """The last sequence number."""
        return self.steps[-1][0]

    @property
    def hash(self) -> bytes:
        """The last hash."""
        return self.steps[-1][6]

    def record(self, step: Applied) -> bytes:
        """Return the record of a step."""
        seq, ts_ns, body, _events, _encoded, previous, hash_ = step
        epoch = 1 + sum(restart <= seq for restart in self.restarts)
        return pack_record(seq, epoch, ts_ns, previous, hash_, body)

    def stream(self) -> bytes:
        """Return the history as a portable stream."""
        chunks: list[bytes] = []
        writer = StreamWriter(chunks.append, self.genesis, self.has_events)
        for step in self.steps:
            seq, encoded = step[0], step[4]
            writer.record(seq, self.record(step))
            if self.has_events:
                writer.events(seq, encoded)
            if seq in self.snapshots:
                writer.snapshot(seq, self.snapshots[seq])
        writer.end(self.seq, self.hash)
        return b"".join(chunks)

    def write_journal(self, directory: Path) -> None:
        """Write the history as a journal, with a new owner at each restart."""
        create(directory, self.machine, self.genesis, self.keeps_events).close()
        edges = {0, *range(BATCH, self.seq, BATCH), *self.snapshots, self.seq}
        edges |= {restart - 1 for restart in self.restarts}
        owner = open_owner(directory, self.machine)
        owner.claim()
        for low, high in pairwise(sorted(edges)):
            if low + 1 in self.restarts:
                owner.close()
                owner = open_owner(directory, self.machine)
                owner.claim()
            owner.append(self.steps[low:high])
            if high in self.snapshots:
                owner.save_snapshot(high, self.snapshots[high])
        owner.close()


def stored(name: str, suffix: str) -> bytes:
    """Return the content of a compressed golden file."""
    return lzma.decompress((FOLDER / f"{name}.{suffix}.xz").read_bytes())


def unpack_journal(name: str, directory: Path) -> Path:
    """Make a directory with the golden journal of that name and return it."""
    directory.mkdir(parents=True)
    (directory / DATA_NAME).write_bytes(stored(name, "mdb"))
    return directory


def write_files(made: Recorded) -> None:
    """Write everything of a history that is not as it should be."""
    (FOLDER / f"{made.name}.stream").write_bytes(made.stream())
    _store(made.name, "snapshot", made.snapshots[max(made.snapshots)])
    _store(made.name, "dump", made.dump)
    with tempfile.TemporaryDirectory() as folder:
        new, old = Path(folder, "new"), Path(folder, "old")
        made.write_journal(new)
        is_there = (FOLDER / f"{made.name}.mdb.xz").exists()
        if not is_there or entries(unpack_journal(made.name, old)) != entries(new):
            _store(made.name, "mdb", (new / DATA_NAME).read_bytes())


def entries(directory: Path) -> Entries:
    """Return all that a journal holds but the version of LMDB that made it."""
    found: Entries = {}
    with lmdb.open(str(directory), max_dbs=len(layout.DATABASES)) as environment:
        for name in layout.DATABASES:
            database = environment.open_db(name, create=False)
            with environment.begin() as txn:
                found[name] = dict(txn.cursor(database))
    found[layout.META].pop(layout.META_LMDB)
    return found


def _store(name: str, suffix: str, data: bytes) -> None:
    path = FOLDER / f"{name}.{suffix}.xz"
    if not path.exists() or lzma.decompress(path.read_bytes()) != data:
        path.write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))

"""The referee: looks at the disk and at everything that leaves, and calls a violation.

It knows what the device says that it holds for good, reads it with its own code, executes every
command a second time, and compares. Its memory is the truth of a run: what once was durable.

INV-1 what was answered, sent or shown stays; INV-2 the journal is what was asked for, in order,
batches whole; INV-3 every hash is the recomputed one; INV-4 damage is named, the first of it;
INV-5 money is conserved.
"""

from collections.abc import Sequence
from typing import NamedTuple

import lmdb
import msgspec
from xxhash import xxh3_64_digest

from lockstep_journal import Accepted
from lockstep_kernel import Genesis, JournalRecord
from lockstep_runtime.simulate.disk import Disk
from lockstep_runtime.simulate.faults import Board, Reached
from lockstep_runtime.simulate.framing import (
    RecordRow,
    WrongBytes,
    encode,
    read_end,
    read_record,
    read_snapshot,
    write_record,
)
from lockstep_runtime.simulate.ledger import Ledger
from lockstep_runtime.simulate.oracle import Expected, Oracle
from lockstep_runtime.simulate.tree import Tree, newest_meta


class Violation(Exception):  # the word of the referee
    """Something that must never happen."""


class Asked(NamedTuple):
    """One item of a batch: the time it should get, and its bytes."""

    ts_ns: int
    body: bytes


class Kept(NamedTuple):
    """A durable command: its record, the bytes of that, and what it came to."""

    raw: bytes
    row: RecordRow
    expected: Expected


class Referee:
    """Watches one run."""

    def __init__(self, disk: Disk, board: Board, genesis: Genesis) -> None:
        self.oracle = Oracle(genesis)
        self.kept: list[Kept] = []
        self.snapshots: dict[int, bytes] = {}
        self.epochs: list[int] = [0]
        self.first_seq = 1
        self._board = board
        self._ledger = Ledger(board)
        self._disk = disk
        self._base_hash = self.oracle.hash
        self._genesis_hash = self.oracle.hash
        self._txnid = 0
        self._pending: list[Asked] = []
        self._archived_seq = 0
        self._events_seq = 0
        self.keeps_events = False

    @property
    def last_seq(self) -> int:
        """The last durable sequence number."""
        return len(self.kept)

    def hash_at(self, seq: int) -> bytes:
        """Return the hash after so many commands."""
        return self.kept[seq - 1].row.hash if seq else self._base_hash

    def first_events(self, body: bytes) -> Sequence[msgspec.Struct]:
        """Return what a command came to when it was executed first."""
        return next(kept.expected.events for kept in self.kept if kept.row.body == body)

    def submitting(self, batch: Sequence[Asked]) -> None:
        """Note what is asked for: from here on these, and only these, may become durable."""
        self.look()
        self._pending = [asked for asked in batch if self.oracle.is_command(asked.body)]

    def recovered(self, at: tuple[int, bytes, int]) -> bool | None:
        """Judge the state that a recovery gave: (seq, hash, digest) of all that is durable.

        Returns whether what was asked for before the crash is durable; None if nothing was.
        """
        was_asked, before = bool(self._pending), self.last_seq
        self.look()
        if self._disk.has_lied and at[0] == self.last_seq + len(self._pending):
            self._assume()
        self._pending = []
        truth = (self.last_seq, self.hash_at(self.last_seq), self.oracle.digest())
        if at != truth:
            raise Violation(f"INV-1: recovered {_place(at)}, durable is {_place(truth)}")
        return self.last_seq > before if was_asked else None

    def look(self) -> None:
        """Read what the device holds for good, and judge what is new."""
        try:
            meta = newest_meta(self._disk.claimed)
            if meta is None or meta.txnid == self._txnid:
                return
            tree = Tree(self._disk.claimed, meta)
            self._take_records(tree)
            self._take_snapshots(tree)
            self._check_events(tree)
        except (lmdb.Error, WrongBytes) as error:
            if not self._disk.has_lied:
                raise Violation(f"INV-3: a sound disk cannot be read: {error}") from None
            return
        self._txnid = meta.txnid

    def kept_at(self, seq: int, what: str) -> Kept:
        """Return a durable command that somebody was told of; it must be durable by now."""
        if not 1 <= seq <= self.last_seq:
            self.look()
        if self._disk.has_lied and self.last_seq < seq <= self.last_seq + len(self._pending):
            self._assume()
        if not 1 <= seq <= self.last_seq:
            raise Violation(
                f"INV-1: {what} {seq} went out, durable are {self.last_seq}: it left too early"
            )
        return self.kept[seq - 1]

    def answered(self, body: bytes, answer: Accepted) -> None:
        """Judge an answer: of this request, with the right events and hash, and durable."""
        seq, events, hash_ = answer
        kept = self.kept_at(seq, "the answer to")
        if kept.row.body != body:
            raise Violation(f"INV-2: the answer says {seq}, which is another command")
        self._compare("the answer to", seq, (encode(list(events)), hash_), kept)

    def refused(self, body: bytes) -> None:
        """Judge a refusal: nothing that is a command may be refused."""
        if self.oracle.is_command(body):
            raise Violation("INV-2: a good command got no sequence number")

    def emitted(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        """Judge the events that a sink got."""
        kept = self.kept_at(seq, "the events of")
        if encode(list(events)) != kept.expected.encoded:
            raise Violation(f"INV-3: the events of {seq} are not the recomputed ones")

    def published(self, seq: int, record: JournalRecord) -> None:
        """Judge a record that a publisher got."""
        kept = self.kept_at(seq, "record")
        row = RecordRow(
            record.seq, record.epoch, record.ts_ns, record.previous, record.hash, record.body
        )
        if row != kept.row:
            raise Violation(f"INV-3: record {seq} was published as another one")

    def followed(self, seq: int, raw: bytes) -> None:
        """Judge a record that a follower read from a stream."""
        if raw != self.kept_at(seq, "the frame of").raw:
            raise Violation(f"INV-3: the frame of {seq} is not the journal's record")

    def claimed(self, epoch: int) -> None:
        """Judge an epoch that an owner claimed."""
        if self._disk.has_lied and self.kept and epoch >= self.kept[-1].row.epoch:
            # A lost write takes an epoch back under which nothing was written.
            self.epochs.append(epoch)
            return
        if epoch <= self.epochs[-1]:
            raise Violation(f"INV-2: epoch {epoch} was claimed after {self.epochs[-1]}")
        self.epochs.append(epoch)

    def restored(self) -> None:
        """Note that the journal was built anew from the truth: only records carry epochs over."""
        self.epochs = [self.kept[-1].row.epoch if self.kept else 0]
        self._txnid = self._events_seq = 0
        self.keeps_events = False
        self._forget_snapshots()

    def archiving(self, seq: int) -> None:
        """Note that the records up to `seq` may leave the journal from here on."""
        self._archived_seq = seq

    def _forget_snapshots(self) -> None:
        """A journal that was built anew has the snapshot at which it begins, if any."""
        base = self.first_seq - 1
        self.snapshots = {seq: raw for seq, raw in self.snapshots.items() if seq == base}

    def _take_records(self, tree: Tree) -> None:
        key = (self.last_seq + 1).to_bytes(8, "big")
        last = read_end(dict(tree.items("meta")).get(b"end", b""))[2]
        fresh: list[tuple[bytes, RecordRow]] = []
        for found, raw in tree.items("commands", key):
            seq = self.last_seq + len(fresh) + 1
            try:
                row = read_record(raw)
            except WrongBytes:
                if self._disk.has_lied:
                    continue
                raise
            if self._disk.has_lied and seq > last:
                break
            if (row.seq, found) == (seq, seq.to_bytes(8, "big")):
                fresh.append((raw, row))
            elif not self._disk.has_lied:
                raise Violation(f"INV-2: expected record {seq}, found {row.seq} at {found.hex()}")
        if self._disk.has_lied and [row.body for _raw, row in fresh] != self._asked_bodies():
            # Pages are damaged. What was asked for is taken as written if anybody is told of it.
            return
        if fresh:
            self._check_batch(fresh)
            for raw, row in fresh:
                self._keep(raw, row)
        self._check_end(tree)

    def _asked_bodies(self) -> list[bytes]:
        return [one.body for one in self._pending]

    def _assume(self) -> None:
        """Take the batch that was asked for as durable, on pages that cannot be read any more."""
        pending, self._pending = self._pending, []
        for asked in pending:
            last_ns = self.kept[-1].row.ts_ns if self.kept else 0
            ts_ns, previous = max(last_ns, asked.ts_ns), self.hash_at(self.last_seq)
            expected = self.oracle.step(ts_ns, asked.body)
            head = (self.last_seq + 1, self.epochs[-1], ts_ns, previous, expected.hash)
            row = RecordRow(*head, asked.body)
            self._take(Kept(write_record(row), row, expected))

    def _check_batch(self, fresh: Sequence[tuple[bytes, RecordRow]]) -> None:
        """INV-2: what is new is the batch that was asked for, all of it."""
        asked = self._asked_bodies()
        if [row.body for _raw, row in fresh] != asked:
            raise Violation(
                f"INV-2: {len(fresh)} records are new from {self.last_seq + 1} on, "
                f"a batch of {len(asked)} was asked for: it is not that one, or not whole"
            )
        last_ns = self.kept[-1].row.ts_ns if self.kept else 0
        for one, (_raw, row) in zip(self._pending, fresh, strict=True):
            last_ns = max(last_ns, one.ts_ns)
            if row.ts_ns != last_ns:
                raise Violation(f"INV-2: record {row.seq} has time {row.ts_ns}, not {last_ns}")
        self._pending = []

    def _keep(self, raw: bytes, row: RecordRow) -> None:
        seq = self.last_seq + 1
        if row.previous != self.hash_at(seq - 1):
            raise Violation(f"INV-3: record {seq} is linked to another hash")
        expected = self.oracle.step(row.ts_ns, row.body)
        if row.hash != expected.hash:
            raise Violation(
                f"INV-3: record {seq} has hash {row.hash.hex()}, recomputed {expected.hash.hex()}"
            )
        if row.epoch != self.epochs[-1]:
            raise Violation(
                f"INV-2: record {seq} was written in epoch {row.epoch}, not in {self.epochs[-1]}"
            )
        self._take(Kept(raw, row, expected))

    def _take(self, kept: Kept) -> None:
        """INV-5: what happened keeps money, nonces and requests right."""
        self.kept.append(kept)
        command = self.oracle.command(kept.row.body)
        complaint = self._ledger.take(command, kept.expected.events)
        complaint = complaint or self._ledger.compare(self.oracle.second)
        if complaint:
            raise Violation(f"INV-5: after {kept.row.seq}: {complaint}")

    def _check_end(self, tree: Tree) -> None:
        """INV-2: what the journal says of its records is so."""
        value = dict(tree.items("meta")).get(b"end", b"")
        first, count, last, ts_ns, last_hash, base_hash = read_end(value)
        seq = self.last_seq
        if first == self._archived_seq + 1:
            self.first_seq = first
        expected_ns = self.kept[-1].row.ts_ns if self.kept else 0
        said = (first, last, count, ts_ns, last_hash, base_hash)
        truth = (self.first_seq, seq, seq - self.first_seq + 1, expected_ns)
        if said != (*truth, self.hash_at(seq), self.hash_at(self.first_seq - 1)):
            if self._disk.has_lied:
                return
            raise Violation(f"INV-2: the end says {said}, the records say {truth}")

    def _take_snapshots(self, tree: Tree) -> None:
        held: list[int] = []
        for key, raw in tree.items("snapshots"):
            seq = int.from_bytes(key, "big")
            held.append(seq)
            if seq in self.snapshots or (self._disk.has_lied and seq != self.last_seq):
                continue
            try:
                self._check_snapshot(seq, raw)
            except WrongBytes as error:
                if not self._disk.has_lied:
                    raise Violation(f"INV-3: snapshot {seq}: {error}") from None
            else:
                self.snapshots[seq] = raw
                self._board.reach(Reached.SNAPSHOT_TAKEN)
        if any(seq not in held for seq in self.snapshots):
            self._board.reach(Reached.SNAPSHOT_PRUNED)

        newest = max(self.snapshots, default=0)
        if newest and newest not in held and not self._disk.has_lied:
            raise Violation(f"INV-2: the newest snapshot, {newest}, is gone")

    def _check_events(self, tree: Tree) -> None:
        """INV-3: kept events are the recomputed ones, of every record that is there."""
        first = max(self.first_seq, self._events_seq + 1)
        if tree.databases.get("events") or self._events_seq:
            events = list(tree.items("events", first.to_bytes(8, "big")))
            expected = [
                (seq.to_bytes(8, "big"), kept_events(seq, self))
                for seq in range(first, self.last_seq + 1)
            ]
            if events != expected and not self._disk.has_lied:
                raise Violation(f"INV-3: the kept events from {first} on are not those of before")
            self._events_seq = self.last_seq
            self.keeps_events = True

    def _check_snapshot(self, seq: int, raw: bytes) -> None:
        """INV-3: a snapshot holds the recomputed state, all of it."""
        row = read_snapshot(raw)
        if seq != self.last_seq:
            raise Violation(f"INV-2: a snapshot of {seq} appeared at {self.last_seq}")
        found = (row.seq, row.hash, row.genesis, row.digest, row.clocks)
        clocks = self.oracle.second.clocks()
        if found != (seq, self.hash_at(seq), self._genesis_hash, self.oracle.digest(), clocks):
            raise Violation(f"INV-3: the head of snapshot {seq} is not that of the state")
        if row.rows != self.oracle.rows():
            raise Violation(f"INV-3: snapshot {seq} does not hold the recomputed records")

    def _compare(self, what: str, seq: int, found: tuple[bytes, bytes], kept: Kept) -> None:
        if found != (kept.expected.encoded, kept.row.hash):
            raise Violation(f"INV-3: {what} {seq} has other events or another hash")


def kept_events(seq: int, referee: Referee) -> bytes:
    """Return the value that a journal must have for the events of a record."""
    encoded = referee.kept[seq - 1].expected.encoded
    return encoded + xxh3_64_digest(seq.to_bytes(8, "big") + encoded)


def _place(at: tuple[int, bytes, int]) -> str:
    seq, hash_, digest = at
    return f"{seq} with hash {hash_.hex()} and digest {digest:#x}"

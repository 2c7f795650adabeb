"""The read side of a journal: pages of checked records, events, snapshots and the end.

Reads are paged: no transaction lives longer than one page, so the writer can use old pages again
and a follower never makes the file grow. Every record that leaves is checked: its bytes, its
number, its link to the one before. Nothing here writes.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import lmdb

from lockstep_journal.environment import (
    beginning_fault,
    check_name,
    check_present,
    copying_fault,
    open_for_reading,
    opening_fault,
    reading_fault,
)
from lockstep_journal.keyvalue import Cursor, Database, Environment, Transaction
from lockstep_journal.layout import (
    COMMANDS,
    DATABASES,
    EVENTS,
    KEY_BYTES,
    META,
    META_END,
    META_EPOCH,
    META_FORMAT,
    META_GENESIS,
    META_KEEP_EVENTS,
    META_LMDB,
    SNAPSHOTS,
    End,
    check_format,
    check_meta,
    pack_key,
    unpack_end,
    unpack_events,
    unpack_genesis,
    unpack_key,
    unpack_meta,
)
from lockstep_kernel import (
    CannotRunError,
    DamagedError,
    Fault,
    Genesis,
    JournalRecord,
    genesis_hash,
    unpack_record,
)

PAGE_RECORDS = 1024
_PAGE_BYTES = 8 << 20
_ATTEMPTS = 20

Page = tuple[list[bytes], list[JournalRecord]]
"""Records in order: their bytes, and what the bytes say."""

_T = TypeVar("_T")


class Journal:
    """An open journal. Use it as a context manager, in the process that opened it."""

    def __init__(
        self, environment: Environment, directory: Path, has_reader_slot: bool = True
    ) -> None:
        self.directory = directory
        self._environment = environment
        self.has_reader_slot = has_reader_slot
        self._pid = os.getpid()
        # The map must not be resized while another thread reads.
        self._map_lock = threading.RLock()
        self._databases = self._open_databases()
        check_format(self._meta(META_FORMAT))
        check_meta(self.read(self._meta_entries))
        self.genesis: Genesis = unpack_genesis(self._meta(META_GENESIS))
        self.genesis_hash = genesis_hash(self.genesis)
        self.keeps_events = self._meta(META_KEEP_EVENTS) == b"\x01"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the environment; harmless when repeated."""
        if os.getpid() == self._pid:
            self._environment.close()

    def end(self) -> End:
        """Return what the journal says of its records now."""
        return self.read(self._end_of)

    def epoch(self) -> int:
        """Return the epoch of the last owner, 0 before the first."""
        return int.from_bytes(self._meta(META_EPOCH), "big")

    def lmdb_version(self) -> str:
        """Return the version of LMDB that created the journal."""
        return self._meta(META_LMDB).decode("ascii", "replace")

    def check_end(self) -> End:
        """Compare the end with the records that are there and return it. O(log records).

        Raises `DamagedError` naming the first sequence number that is too few or too many.
        """
        return self.read(self._checked_end)

    def pages(self, first_seq: int | None = None, last_seq: int | None = None) -> Iterator[Page]:
        """Yield checked records from `first_seq` (default: the first kept) to `last_seq`.

        The default for `last_seq` is the end at the start of the iteration. All good records
        before a bad one are yielded before `DamagedError` is raised.
        """
        end = self.end()
        first = end.first_seq if first_seq is None else first_seq
        last = end.last_seq if last_seq is None else last_seq
        self._check_range(first, last, end)
        previous, epoch = self.hash_at(first - 1), 0
        while first <= last:
            try:
                raws = self.read(partial(self._raw_page, first=first, last=last))
            except DamagedError as damage:
                raise DamagedError(str(damage), damage.seq or first) from None
            records, fault = _checked(raws, first, previous, epoch)
            if records:
                yield raws[: len(records)], records
                previous, epoch = records[-1].hash, records[-1].epoch
                first += len(records)
            if fault is not None:
                raise fault

    def records(
        self, first_seq: int | None = None, last_seq: int | None = None
    ) -> Iterator[JournalRecord]:
        """Yield what `pages` yields, one record after the other."""
        for _raws, records in self.pages(first_seq, last_seq):
            yield from records

    def record(self, seq: int) -> JournalRecord:
        """Return one record, its own bytes checked."""
        self._check_range(seq, seq, self.end())
        return unpack_record(self.read(lambda txn: self._raw_page(txn, seq, seq))[0], seq)

    def hash_at(self, seq: int) -> bytes:
        """Return the hash after `seq` commands, from just before the first record to the last."""
        end = self.end()
        if seq == end.first_seq - 1:
            return end.base_hash
        if seq == end.last_seq:
            return end.last_hash
        # Not the link of the record after it: if that one is foreign, this one is not to blame.
        return self.record(seq).hash

    def events(self, first_seq: int, last_seq: int) -> list[bytes]:
        """Return the encoded events of a page of records; the journal must keep them."""
        if not self.keeps_events:
            raise CannotRunError(f"{self.directory}: expected kept events, this journal keeps none")
        values = self.read(lambda txn: self._event_values(txn, first_seq, last_seq))
        return [unpack_events(seq, value) for seq, value in enumerate(values, first_seq)]

    def snapshot_seqs(self) -> list[int]:
        """Return the sequence numbers of all snapshots, ascending."""

        def keys(txn: Transaction) -> list[int]:
            cursor = txn.cursor(self._databases[SNAPSHOTS])
            # What has no sequence number is no snapshot; a verification counts and says so.
            return [
                unpack_key(key) for key in cursor.iternext(values=False) if len(key) == KEY_BYTES
            ]

        return self.read(keys)

    def snapshot(self, seq: int) -> bytes:
        """Return the bytes of a snapshot, unchecked; raise `CannotRunError` if there is none."""
        snapshots = self._databases[SNAPSHOTS]
        data = self.read(lambda txn: txn.get(pack_key(seq), db=snapshots))
        if data is None:
            raise CannotRunError(f"{self.directory}: expected a snapshot of {seq}, found none")
        return data

    def map_use(self) -> tuple[int, int]:
        """Return (bytes in use, bytes of the map)."""
        info = self._environment.info()
        return (info["last_pgno"] + 1) * self._environment.stat()["psize"], info["map_size"]

    def reader_count(self) -> int:
        """Return how many reader slots are in use, this one included."""
        return int(self._environment.info()["num_readers"])

    def settle(self) -> None:
        """Wait until all that is seen here is durable; whoever sends it elsewhere calls this first.

        A reader sees a commit a moment before the disk has it. Raises `CannotRunError` if the disk
        fails.
        """
        try:
            self._environment.settle()
        except OSError as error:
            raise CannotRunError(
                f"{self.directory}: what was read cannot be made durable: {error.strerror}"
            ) from None

    def copy_to(self, directory: Path, is_compact: bool = False) -> None:
        """Copy the whole environment, as one transaction sees it, into an empty directory.

        In the owner's process the map cannot grow meanwhile: a writer that must waits.
        """
        self._check_process()
        check_name(directory)
        try:
            with self._map_lock:
                self._environment.copy(str(directory), compact=is_compact)
        except lmdb.Error as error:
            raise copying_fault(self.directory, directory, error) from None

    def walk_pages(self) -> None:
        """Follow every page that is in use, those of the list of free pages too; keep nothing."""
        self._check_process()
        try:
            with self._map_lock:
                self._environment.walk_pages()
        except lmdb.Error as error:
            raise reading_fault(self.directory, error) from None

    def database(self, name: bytes) -> Database:
        """Return the handle of a database; for this package."""
        return self._databases[name]

    def _open_databases(self) -> dict[bytes, Database]:
        try:
            return {name: self._environment.open_db(name, create=False) for name in DATABASES}
        except lmdb.NotFoundError:
            raise DamagedError(
                f"{self.directory}: expected a journal, found an LMDB file without its databases",
                None,
            ) from None
        except lmdb.Error as error:
            raise opening_fault(self.directory, error) from None

    def _meta(self, name: bytes) -> bytes:
        meta = self._databases[META]
        return unpack_meta(name, self.read(lambda txn: txn.get(name, db=meta)))

    def _meta_entries(self, txn: Transaction) -> dict[bytes, bytes]:
        return dict(txn.cursor(self._databases[META]))

    def _end_of(self, txn: Transaction) -> End:
        value = txn.get(META_END, db=self._databases[META])
        return unpack_end(unpack_meta(META_END, value))

    def read(self, body: Callable[[Transaction], _T]) -> _T:
        """Run `body` in a transaction of its own, again if a writer overtook it; for this package.

        It must not keep anything of the transaction, and raises `DamagedError` for bad pages.
        """
        self._check_process()
        for _ in range(_ATTEMPTS):
            with self._map_lock, self._begin() as txn:
                number = txn.id()
                outcome = self._attempt(txn, body)
            if self.has_reader_slot or number == self._environment.info()["last_txnid"]:
                if isinstance(outcome, Fault):
                    raise outcome
                return outcome
        raise CannotRunError(
            f"{self.directory}: a live writer overtakes a reader that cannot write the lock file: "
            f"give the reader write access, or read a backup"
        )

    def _begin(self) -> Transaction:
        try:
            return self._environment.begin()
        except lmdb.MapResizedError:
            self._environment.set_mapsize(0)
            return self._environment.begin()
        except lmdb.Error as error:
            raise beginning_fault(self.directory, error) from None

    def _attempt(self, txn: Transaction, body: Callable[[Transaction], _T]) -> _T | Fault:
        try:
            return body(txn)
        except lmdb.Error as error:
            return reading_fault(self.directory, error)
        except Fault as fault:
            return fault

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise CannotRunError(
                f"{self.directory}: opened by process {self._pid}, used by {os.getpid()}: "
                f"after a fork the child opens the journal anew"
            )

    def _check_range(self, first: int, last: int, end: End) -> None:
        if first < end.first_seq:
            raise CannotRunError(
                f"{self.directory}: expected records from {end.first_seq} on, asked for {first}: "
                f"older ones are archived"
            )
        if last > end.last_seq:
            raise CannotRunError(
                f"{self.directory}: expected records up to {end.last_seq}, asked for {last}"
            )

    def _raw_page(self, txn: Transaction, first: int, last: int) -> list[bytes]:
        """Return the bytes of at least one record from `first` on, up to the page's size.

        Stops before a gap, and raises `DamagedError` if it begins with one.
        """
        self._check_range(first, last, self._end_of(txn))
        raws: list[bytes] = []
        size = 0
        last = min(last, first + PAGE_RECORDS - 1)
        for key, raw in self._from(txn, COMMANDS, first):
            if key != pack_key(first + len(raws)):
                break
            raws.append(raw)
            size += len(raw)
            if first + len(raws) > last or size > _PAGE_BYTES:
                return raws
        if not raws:
            raise DamagedError(f"{self.directory}: record {first} is missing", first)
        return raws

    def _event_values(self, txn: Transaction, first: int, last: int) -> list[bytes]:
        values: list[bytes] = []
        for key, value in self._from(txn, EVENTS, first):
            if first + len(values) > last or key != pack_key(first + len(values)):
                break
            values.append(value)
        missing = first + len(values)
        if missing <= last:
            raise DamagedError(f"{self.directory}: events of record {missing} missing", missing)
        return values

    def _from(self, txn: Transaction, database: bytes, seq: int) -> Iterator[tuple[bytes, bytes]]:
        cursor = txn.cursor(self._databases[database])
        return iter(cursor) if cursor.set_range(pack_key(seq)) else iter(())

    def _checked_end(self, txn: Transaction) -> End:
        end = self._end_of(txn)
        commands = self._databases[COMMANDS]
        cursor = txn.cursor(commands)
        if cursor.first() and cursor.key() != pack_key(end.first_seq):
            raise DamagedError(
                f"{self.directory}: expected record {end.first_seq} first, "
                f"found key {cursor.key().hex()}",
                end.first_seq,
            )
        found = self._last_key(cursor, end)
        if found != end.last_seq:
            raise DamagedError(
                f"{self.directory}: expected records up to {end.last_seq}, found up to {found}",
                min(_first_misplaced(cursor, end.first_seq), end.last_seq + 1),
            )
        entries = txn.stat(commands)["entries"]
        if entries != end.count:
            seq = _first_misplaced(cursor, end.first_seq)
            raise DamagedError(
                f"{self.directory}: expected {end.count} records, found {entries}: "
                f"record {seq} is missing or something stands in its place",
                seq,
            )
        self._check_last(cursor, end)
        return end

    def _last_key(self, cursor: Cursor, end: End) -> int:
        if not cursor.last():
            return end.first_seq - 1
        if len(cursor.key()) != KEY_BYTES:
            raise DamagedError(
                f"{self.directory}: expected record {end.last_seq} last, "
                f"found key {cursor.key().hex()}",
                _first_misplaced(cursor, end.first_seq),
            )
        return unpack_key(cursor.key())

    def _check_last(self, cursor: Cursor, end: End) -> None:
        if end.count == 0:
            is_same = end.last_hash == end.base_hash
        else:
            is_same = unpack_record(cursor.value(), end.last_seq).hash == end.last_hash
        if not is_same:
            raise DamagedError(
                f"{self.directory}: record {end.last_seq} has not the hash of the end "
                f"{end.last_hash.hex()}",
                end.last_seq,
            )


def open_reader(directory: str | Path) -> Journal:
    """Open a journal for reading, beside a live writer or on a read-only disk.

    Raises `CannotRunError` if there is none or it cannot be opened, `DamagedError` if it is
    damaged, truncated or something else, `UnsupportedError` for a newer format.
    """
    path = Path(directory)
    check_present(path)
    environment, has_slot = open_for_reading(path)
    try:
        return Journal(environment, path, has_slot)
    except BaseException:
        environment.close()
        raise


def _first_misplaced(cursor: Cursor, first_seq: int) -> int:
    """Return the first sequence number whose key does not stand where it must."""
    cursor.first()
    seq = first_seq
    for key in cursor.iternext(values=False):
        if key != pack_key(seq):
            break
        seq += 1
    return seq


def link_fault(
    record: JournalRecord, previous: bytes, epoch: int, ts_ns: int = 0
) -> DamagedError | None:
    """Return what is wrong with a record that follows one with this hash, epoch and time."""
    if record.previous != previous:
        what = f"the link {previous.hex()}, found {record.previous.hex()}"
    elif record.epoch < epoch:
        what = f"epoch {epoch} or later, found {record.epoch}"
    elif record.ts_ns < ts_ns:
        what = f"time {ts_ns} or later, found {record.ts_ns}"
    else:
        return None
    return DamagedError(f"record {record.seq}: expected {what}", record.seq)


def _checked(
    raws: Sequence[bytes], first_seq: int, previous: bytes, epoch: int
) -> tuple[list[JournalRecord], Fault | None]:
    """Return the good records at the start of a page, and what is wrong with the next one."""
    records: list[JournalRecord] = []
    for seq, raw in enumerate(raws, first_seq):
        try:
            record = unpack_record(raw, seq)
        except Fault as fault:
            return records, fault
        if record.previous != previous or record.epoch < epoch:
            return records, link_fault(record, previous, epoch)
        previous, epoch = record.hash, record.epoch
        records.append(record)
    return records, None

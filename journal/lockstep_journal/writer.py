"""The write side of a journal: its one owner, who appends batches and saves snapshots.

Invariants: every transaction is synced and all or nothing; every one checks the epoch, and that it
begins where the one before ended; the end is written with the records it counts. The first
transaction that fails, for whatever reason, ends the writer for good: after a failed sync nobody
knows what the disk holds.
"""

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import lmdb
import msgspec

from lockstep_journal.creation import is_unfinished, mark_path
from lockstep_journal.environment import (
    check_name,
    check_present,
    data_path,
    open_for_writing,
    sync_directory,
    writing_sentence,
)
from lockstep_journal.errors import JournalFailed, MapFull
from lockstep_journal.keyvalue import Environment, Lock, Transaction
from lockstep_journal.layout import (
    COMMANDS,
    DATABASES,
    EVENTS,
    META,
    META_END,
    META_EPOCH,
    META_FORMAT,
    META_GENESIS,
    META_KEEP_EVENTS,
    META_LMDB,
    SNAPSHOTS,
    End,
    pack_batch,
    pack_batch_events,
    pack_end,
    pack_events,
    pack_format,
    pack_genesis,
    pack_key,
    pack_meta,
)
from lockstep_journal.owner import OwnerLock
from lockstep_journal.store import Journal, Page
from lockstep_journal.waiting import Tell, wait_for_writer
from lockstep_kernel import (
    Applied,
    CannotRunError,
    Genesis,
    Machine,
    check,
    check_genesis,
    genesis_hash,
    initial,
    read_head,
)

_SLACK_BYTES = 1 << 20
_BRANCH_BYTES = 64
_DELETE_RECORDS = 20_000
_READER_CHECK_EVERY = 1024
_Item = tuple[bytes, bytes]


class MapPolicy(msgspec.Struct, frozen=True):
    """How large the map is at first and at most; it doubles in between."""

    first_bytes: int = 256 << 20
    limit_bytes: int = 1 << 40


DEFAULT_POLICY = MapPolicy()


class Owner(Journal):
    """The open journal of its one owner. `claim` comes before the first write.

    One thread writes at a time; another one that tries meanwhile gets `CannotRunError`.
    """

    def __init__(
        self, environment: Environment, directory: Path, lock: Lock, policy: MapPolicy
    ) -> None:
        super().__init__(environment, directory)
        self._lock = lock
        self._policy = policy
        self._busy = threading.Lock()
        self._failure: str | None = None
        self._epoch_value: bytes | None = None
        self._epoch = self.epoch()
        self._end = self.end()
        self._end_value = _end_value(self._end)
        self._appends = 0
        self.stale_readers_freed = environment.reader_check()

    def close(self) -> None:
        """Close the environment and let the next owner in; harmless when repeated."""
        super().close()
        self._lock.release()

    def claim(self, at_least: int = 0) -> int:
        """Raise the epoch, to `at_least` or by one, which ends every older owner; return it.

        Called after recovery, so that a damaged journal is never written to. Raises
        `JournalFailed` if anybody wrote since this owner opened the journal.
        """
        old, new = self._epoch, max(self._epoch + 1, at_least)
        self._epoch_value = _epoch_value(old)
        with self._transaction(0) as txn:
            self._put_meta(txn, META_EPOCH, new.to_bytes(8, "big"))
        self._epoch, self._epoch_value = new, _epoch_value(new)
        return new

    @property
    def has_claimed(self) -> bool:
        """Whether this owner may write."""
        return self._epoch_value is not None

    @property
    def owner_epoch(self) -> int:
        """The epoch that stands in the records of this owner."""
        return self._epoch

    def append(self, batch: Sequence[Applied]) -> int:
        """Write a batch in one synced transaction and return the last durable sequence number.

        Raises `JournalFailed`, or `MapFull` at the limit of the map; nothing of the batch is
        durable then, unless the disk lies, and the writer has ended.
        """
        self._check_usable()
        end = self._end
        if not batch:
            return end.last_seq
        last_seq, last_ts_ns, last_hash = check_follows(end, batch)
        records = pack_batch(self._epoch, batch)
        events = pack_batch_events(batch) if self.keeps_events else []
        count = end.count + len(batch)
        self._write(
            records,
            events,
            End(end.first_seq, count, last_seq, last_ts_ns, last_hash, end.base_hash),
        )
        return last_seq

    def append_page(self, page: Page, events: Sequence[bytes]) -> int:
        """Write records of another journal as they are, with their events if this one keeps any."""
        raws, records = page
        end, last = self._end, records[-1]
        check(
            records[0].seq == end.last_seq + 1 and records[0].previous == end.last_hash,
            f"records from {records[0].seq} do not follow {end.last_seq}",
        )
        self._write(
            [(pack_key(seq), raw) for seq, raw in enumerate(raws, records[0].seq)],
            [
                (pack_key(seq), pack_events(seq, encoded))
                for seq, encoded in enumerate(events, records[0].seq)
            ],
            End(
                end.first_seq,
                end.count + len(records),
                last.seq,
                last.ts_ns,
                last.hash,
                end.base_hash,
            ),
            max(self._epoch, last.epoch),
        )
        return last.seq

    def start_at(self, snapshot: bytes) -> None:
        """Make an empty journal begin after a snapshot instead of at genesis."""
        head = read_head(snapshot)
        check(self._end.count == 0, f"{self.directory}: expected an empty journal")
        end = End(head.seq + 1, 0, head.seq, head.ts_ns, head.hash, head.hash)
        with self._transaction(len(snapshot)) as txn:
            txn.put(pack_key(head.seq), snapshot, db=self._databases[SNAPSHOTS])
            self._put_meta(txn, META_END, pack_end(end))
        self._end, self._end_value = end, _end_value(end)

    def save_snapshot(self, seq: int, snapshot: bytes) -> None:
        """Write a snapshot in a transaction of its own."""
        head = read_head(snapshot)
        expected = self.hash_at(seq)
        check(
            head.seq == seq and head.hash == expected,
            f"expected a snapshot of {seq} with hash {expected.hex()}, "
            f"found one of {head.seq} with hash {head.hash.hex()}",
        )
        with self._transaction(len(snapshot)) as txn:
            txn.put(pack_key(seq), snapshot, db=self._databases[SNAPSHOTS])

    def prune_snapshots(self, keep: int) -> list[int]:
        """Delete all but the newest `keep` snapshots and return which went.

        The snapshot at which an archived journal begins stays: nothing could replace it.
        """
        base = self._end.first_seq - 1
        seqs = self.snapshot_seqs()
        gone = [seq for seq in seqs[: max(0, len(seqs) - keep)] if seq != base or base == 0]
        if gone:
            with self._transaction(0) as txn:
                for seq in gone:
                    txn.delete(pack_key(seq), db=self._databases[SNAPSHOTS])
        return gone

    def forget(self, seq: int) -> None:
        """Delete the records up to `seq`, their events and older snapshots; see `archive`."""
        while self._end.first_seq <= seq:
            first = self._end.first_seq
            last = min(seq, first + _DELETE_RECORDS - 1)
            self._forget(first, last, self.hash_at(last))

    def _forget(self, first: int, last: int, base_hash: bytes) -> None:
        old = self._end
        end = End(
            last + 1,
            old.last_seq - last,
            old.last_seq,
            old.last_ts_ns,
            old.last_hash,
            base_hash,
        )
        stale = [seq for seq in self.snapshot_seqs() if seq < last]
        with self._transaction(0) as txn:
            for name, seqs in (
                (COMMANDS, range(first, last + 1)),
                (EVENTS, range(first, last + 1) if self.keeps_events else ()),
                (SNAPSHOTS, stale),
            ):
                for seq in seqs:
                    txn.delete(pack_key(seq), db=self._databases[name])
            self._put_meta(txn, META_END, pack_end(end))
        self._end, self._end_value = end, _end_value(end)

    def _write(
        self,
        records: Sequence[_Item],
        events: Sequence[_Item],
        end: End,
        epoch: int | None = None,
    ) -> None:
        value = _end_value(end)
        with self._transaction(_size(records) + _size(events)) as txn:
            self._put_all(txn, COMMANDS, records)
            self._put_all(txn, EVENTS, events)
            txn.put(META_END, value, db=self._databases[META])
            if epoch is not None:
                self._put_meta(txn, META_EPOCH, epoch.to_bytes(8, "big"))
        if epoch is not None:
            self._epoch, self._epoch_value = epoch, _epoch_value(epoch)
        self._end, self._end_value = end, value
        self._appends += 1
        if self._appends % _READER_CHECK_EVERY == 0:
            self.stale_readers_freed += self._environment.reader_check()

    def _put_all(self, txn: Transaction, name: bytes, items: Sequence[_Item]) -> None:
        if not items:
            return
        _consumed, added = txn.cursor(self._databases[name]).putmulti(
            items, overwrite=False, append=True
        )
        if added != len(items):
            raise JournalFailed(
                f"{self.directory}: expected to append {len(items)} to '{name.decode()}', "
                f"LMDB took {added}"
            )

    def _put_meta(self, txn: Transaction, name: bytes, payload: bytes) -> None:
        txn.put(name, pack_meta(name, payload), db=self._databases[META])

    @contextmanager
    def _transaction(self, needed_bytes: int) -> Generator[Transaction]:
        """Begin, check epoch and end, and commit with a sync; end the writer if anything raises."""
        self._check_usable()
        if not self._busy.acquire(blocking=False):
            raise CannotRunError(f"{self.directory}: two threads write at once: expected one")
        try:
            self._make_room(needed_bytes)
            with self._environment.begin(write=True) as txn:
                self._check_epoch(txn)
                self._check_end(txn)
                yield txn
            self._environment.fill_up()
        except lmdb.MapFullError as error:
            raise self._ended(
                MapFull(
                    f"{self.directory}: map full: it is at its limit of "
                    f"{self._policy.limit_bytes} bytes: archive, or start with a larger limit"
                )
            ) from error
        except (lmdb.Error, OSError) as error:
            raise self._ended(
                JournalFailed(writing_sentence(self.directory, error, needed_bytes))
            ) from error
        except BaseException as error:
            self._ended(error)
            raise
        finally:
            self._busy.release()

    def _ended(self, error: BaseException) -> BaseException:
        self._failure = f"{type(error).__name__}: {error}"
        return error

    def _check_usable(self) -> None:
        self._check_process()
        if self._failure is not None:
            raise JournalFailed(
                f"{self.directory}: this writer has ended ({self._failure}): restart and recover"
            )
        check(self._epoch_value is not None, "expected claim() before the first write")

    def _check_epoch(self, txn: Transaction) -> None:
        found = txn.get(META_EPOCH, db=self._databases[META])
        if found != self._epoch_value:
            raise JournalFailed(
                f"{self.directory}: expected epoch {self._epoch}, found another: "
                f"a newer owner took over"
            )

    def _check_end(self, txn: Transaction) -> None:
        """Check that nobody wrote since, and that the disk did not lose what this owner wrote."""
        if txn.get(META_END, db=self._databases[META]) != self._end_value:
            raise JournalFailed(
                f"{self.directory}: expected the end at {self._end.last_seq} as this owner knows "
                f"it, found another: another owner wrote, or the disk lost a write"
            )

    def _make_room(self, needed_bytes: int) -> None:
        """Double the map until twice the need fits, up to the limit."""
        used, size = self.map_use()
        wanted = size
        while wanted < used + 2 * needed_bytes + _SLACK_BYTES:
            wanted *= 2
        wanted = min(wanted, self._policy.limit_bytes)
        if wanted > size:
            with self._map_lock:
                self._environment.set_mapsize(wanted)


def create(
    directory: str | Path,
    machine: Machine,
    genesis: Genesis,
    keep_events: bool = False,
    policy: MapPolicy = DEFAULT_POLICY,
) -> Owner:
    """Create an empty journal, durably, and return its owner, who has yet to `claim`.

    A creation that did not finish is begun anew.
    Raises `CannotRunError` if there is one already, `UnsupportedError` or `MalformedCommand` for a
    genesis that the machine refuses.
    """
    initial(machine, genesis)
    return create_unchecked(directory, genesis, keep_events, policy)


def create_unchecked(
    directory: str | Path,
    genesis: Genesis,
    keep_events: bool = False,
    policy: MapPolicy = DEFAULT_POLICY,
) -> Owner:
    """Do what `create` does, for imports, without asking a machine about the genesis."""
    path = Path(directory)
    check_name(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotRunError(f"{path}: cannot be created: {error.strerror}") from None
    lock = OwnerLock(path)
    try:
        _begin_creation(path)
        environment = open_for_writing(path, policy.first_bytes)
        try:
            _settle_beginning(environment, path)
            write_empty(environment, path, genesis, keep_events)
            _end_creation(path)
            return Owner(environment, path, lock, policy)
        except BaseException:
            environment.close()
            raise
    except BaseException:
        lock.release()
        raise


def open_owner(
    directory: str | Path,
    machine: Machine | None = None,
    policy: MapPolicy = DEFAULT_POLICY,
    tell: Tell | None = None,
) -> Owner:
    """Open a journal as its one owner, who has yet to `claim`; nothing is written before.

    `tell` gets a sentence if an older owner without its lock file keeps this one waiting.
    Raises `CannotRunError` naming the lock file if an owner is alive, `UnsupportedError` for a
    journal of another machine, and what `open_reader` raises.
    """
    path = Path(directory)
    check_present(path)
    lock = OwnerLock(path)
    try:
        environment = open_for_writing(path, policy.first_bytes)
        try:
            if tell is not None:
                wait_for_writer(environment.lmdb, path, tell)
            owner = Owner(environment, path, lock, policy)
            if mark_path(data_path(path)).exists():
                _end_creation(path)
            if machine is not None:
                check_genesis(machine, owner.genesis)
            return owner
        except BaseException:
            environment.close()
            raise
    except BaseException:
        lock.release()
        raise


def check_follows(end: End, batch: Sequence[Applied]) -> tuple[int, int, bytes]:
    """Check that a batch follows the end and return its last (seq, ts_ns, hash)."""
    first, last = batch[0], batch[-1]
    check(
        first[0] == end.last_seq + 1 and last[0] == end.last_seq + len(batch),
        f"expected {len(batch)} commands from {end.last_seq + 1} on, found {first[0]} to {last[0]}",
    )
    check(
        first[5] == end.last_hash,
        f"command {first[0]}: expected the link {end.last_hash.hex()}, found {first[5].hex()}",
    )
    return last[0], last[1], last[6]


def write_empty(
    environment: Environment, directory: Path, genesis: Genesis, keep_events: bool
) -> None:
    """Write all databases and all of `meta` in one transaction; for this package.

    Raises `CannotRunError` if there is a journal, or if the transaction fails.
    """
    if environment.stat()["entries"]:
        raise CannotRunError(f"{directory}: expected no journal, found one")
    base = genesis_hash(genesis)
    entries = {
        META_FORMAT: pack_format(),
        META_GENESIS: pack_genesis(genesis),
        META_EPOCH: bytes(8),
        META_END: pack_end(End(1, 0, 0, 0, base, base)),
        META_KEEP_EVENTS: b"\x01" if keep_events else b"\x00",
        META_LMDB: ".".join(map(str, environment.lib_version())).encode(),
    }
    try:
        with environment.begin(write=True) as txn:
            databases = {name: environment.open_db(name, txn=txn) for name in DATABASES}
            for name, payload in entries.items():
                txn.put(name, pack_meta(name, payload), db=databases[META])
    except lmdb.Error as error:
        sentence = writing_sentence(directory, error, 0)
        raise CannotRunError(f"a journal cannot be created: {sentence}") from error


def _begin_creation(directory: Path) -> None:
    """Mark a directory without a journal, durably, and remove what a killed creation left."""
    data = data_path(directory)
    if data.exists() and not is_unfinished(data):
        return
    mark = mark_path(data)
    try:
        mark.touch()
        sync_directory(directory)
        data.unlink(missing_ok=True)
    except OSError as error:
        raise CannotRunError(f"{mark}: cannot be written: {error.strerror}") from None


def _settle_beginning(environment: Environment, directory: Path) -> None:
    """Make the first two pages durable before any other is written.

    LMDB syncs them with the others alone. If a power cut took them and left one of the others,
    nobody could tell this from a journal whose first pages were lost.
    """
    try:
        environment.settle()
    except OSError as error:
        data = data_path(directory)
        raise CannotRunError(f"{data}: cannot be written: {error.strerror}") from None


def _end_creation(directory: Path) -> None:
    """Make the names of a new journal durable, and only then take the mark away, durably too."""
    mark = mark_path(data_path(directory))
    try:
        sync_directory(directory)
        sync_directory(directory.absolute().parent)
        mark.unlink(missing_ok=True)
        sync_directory(directory)
    except OSError as error:
        raise CannotRunError(f"{mark}: cannot be removed: {error.strerror}") from None


def _end_value(end: End) -> bytes:
    return pack_meta(META_END, pack_end(end))


def _epoch_value(epoch: int) -> bytes:
    return pack_meta(META_EPOCH, epoch.to_bytes(8, "big"))


def _size(items: Sequence[_Item]) -> int:
    return sum(len(value) for _key, value in items) + _BRANCH_BYTES * len(items)

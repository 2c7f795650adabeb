"""The store of a simulated journal: LMDB's side of the seam, on a simulated disk.

It keeps LMDB's order of work: copies of the changed pages, a sync, a meta page. An environment
belongs to a process and dies with it; two may be open on one disk, and see each other's commits.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Self, cast

import lmdb

from lockstep_runtime.simulate.disk import META_SLOTS, PAGE_BYTES, Disk, Process
from lockstep_runtime.simulate.tree import (
    Entries,
    Entry,
    Leaf,
    Meta,
    Tree,
    newest_meta,
    pack_leaf,
    pack_meta_page,
    pack_root,
)

_LEAF_BYTES = 2_000
_INLINE_BYTES = 1_000
_EXTRA_BYTES = 3_000
_POINTER_BYTES = 16
_VERSION = (0, 9, 0)

Item = tuple[bytes, bytes]


class SimulatedCursor:
    """A place in one database of a transaction."""

    def __init__(self, txn: "SimulatedTransaction", name: str) -> None:
        self._txn = txn
        self._name = name
        self._leaf = 0
        self._index = 0
        self._is_placed = False

    def first(self) -> bool:
        """Go to the first entry; False if there is none."""
        self._leaf, self._index = 0, 0
        return self._settle()

    def last(self) -> bool:
        """Go to the last entry; False if there is none."""
        leaves = self._txn.leaves(self._name)
        self._leaf = max(0, len(leaves) - 1)
        self._index = len(leaves[-1]) - 1 if leaves else 0
        self._is_placed = bool(leaves) and self._index >= 0
        return self._is_placed

    def next(self) -> bool:
        """Go to the next entry; False behind the last."""
        self._index += 1
        return self._settle()

    def set_range(self, key: bytes, /) -> bool:
        """Go to the first entry at or behind a key; False if there is none."""
        self._leaf = self._txn.place(self._name, key)
        leaves = self._txn.leaves(self._name)
        entries: Entries = leaves[self._leaf] if leaves else []
        self._index = bisect_left([entry[0] for entry in entries], key)
        return self._settle()

    def key(self) -> bytes:
        """Return the key here."""
        return self._entry()[0]

    def value(self) -> bytes:
        """Return the value here."""
        return self._txn.value(self._entry())

    def item(self) -> Item:
        """Return (key, value) here."""
        return self.key(), self.value()

    def iternext(self, *, values: Literal[False]) -> Iterator[bytes]:
        """Yield the keys from here, or from the first, on."""
        for _place in self._places():
            yield self.key()

    def __iter__(self) -> Iterator[Any]:
        """Yield (key, value) from here on."""
        for _place in self._places():
            yield self.item()

    def putmulti(
        self,
        items: Sequence[Item],
        dupdata: bool = True,
        overwrite: bool = True,
        append: bool = False,
    ) -> tuple[int, int]:
        """Write entries; return (how many were taken, how many of them are new)."""
        added = 0
        for key, value in items:
            if not append or self._txn.is_last(self._name, key):
                added += self._txn.set(self._name, key, value)
        return len(items), added

    def _places(self) -> Iterator[int]:
        is_there = self._is_placed or self.first()
        while is_there:
            yield self._index
            is_there = self.next()

    def _entry(self) -> Entry:
        entries: Entries = self._txn.leaves(self._name)[self._leaf]
        return entries[self._index]

    def _settle(self) -> bool:
        """Skip to the next leaf that has an entry, and say whether there is one."""
        leaves = self._txn.leaves(self._name)
        while self._leaf < len(leaves) and self._index >= len(leaves[self._leaf]):
            self._leaf, self._index = self._leaf + 1, 0
        self._is_placed = self._leaf < len(leaves)
        return self._is_placed


class _Leaves(Sequence[Entries]):
    """The leaves of a database in one transaction: those on the disk, read when asked for."""

    def __init__(self, tree: Tree, leaves: list[Leaf]) -> None:
        self._tree = tree
        self.slots: list[Leaf | Entries] = list(leaves)

    def __len__(self) -> int:
        return len(self.slots)

    def __getitem__(self, index: Any) -> Any:
        slot = cast("Leaf | Entries", self.slots[index])
        return self._tree.entries(slot) if isinstance(slot, Leaf) else slot

    def first(self, index: int) -> bytes:
        """Return the first key of a leaf, without reading it."""
        slot = self.slots[index]
        if isinstance(slot, Leaf):
            return slot.first
        return slot[0][0] if slot else b""

    def changed(self, index: int) -> Entries:
        """Return the entries of a leaf that will be written anew."""
        slot = self.slots[index]
        entries = self._tree.entries(slot) if isinstance(slot, Leaf) else slot
        self.slots[index] = entries
        return entries


class SimulatedTransaction:
    """A transaction; a writing one commits when its block ends well."""

    def __init__(self, environment: "SimulatedEnvironment", is_writing: bool) -> None:
        self._environment = environment
        self._is_writing = is_writing
        pages = environment.disk.page
        self._tree = Tree(pages, newest_meta(pages))
        self._open: dict[str, _Leaves] = {}

    def __enter__(self) -> Self:
        """Begin the block."""
        return self

    def __exit__(self, *args: object) -> None:
        """Commit, or abort if the block raised."""
        if self._is_writing and args[0] is None:
            _Commit(self._environment, self._tree, self._open).run()

    def id(self) -> int:
        """Return the number of the transaction that is read or written."""
        return self._tree.meta.txnid + self._is_writing

    def get(self, key: bytes, default: None = None, db: Any = None) -> bytes | None:
        """Return a value, or None."""
        cursor = SimulatedCursor(self, db)
        return cursor.value() if cursor.set_range(key) and cursor.key() == key else default

    def put(self, key: bytes, value: bytes, *, db: Any) -> bool:
        """Write a value."""
        self.set(db, key, value)
        return True

    def delete(self, key: bytes, value: bytes = b"", db: Any = None) -> bool:
        """Delete an entry; False if there is none."""
        leaves = self.leaves(db)
        if not leaves:
            return False
        entries = leaves.changed(self.place(db, key))
        index = bisect_left([entry[0] for entry in entries], key)
        is_there = index < len(entries) and entries[index][0] == key
        if is_there:
            del entries[index]
        return is_there

    def cursor(self, db: Any = None) -> SimulatedCursor:
        """Return a cursor."""
        return SimulatedCursor(self, db)

    def stat(self, db: Any = None) -> Any:
        """Return counts; `entries` is that of the entries."""
        return {"entries": self._tree.count(db)}

    def create(self, name: str) -> None:
        """Have a database."""
        self.leaves(name)

    def has(self, name: str) -> bool:
        """Whether there is a database of this name."""
        return name in self._tree.databases or name in self._open

    def leaves(self, name: str) -> _Leaves:
        """Return the leaves of a database, with what was changed here."""
        found = self._open.get(name)
        if found is None:
            found = _Leaves(self._tree, self._tree.databases.get(name, []))
            self._open[name] = found
        return found

    def value(self, entry: Entry) -> bytes:
        """Return the value of an entry."""
        return self._tree.value(entry)

    def place(self, name: str, key: bytes) -> int:
        """Return the index of the leaf where a key belongs."""
        leaves = self.leaves(name)
        low, high = 0, len(leaves)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if leaves.first(middle) <= key else (low, middle)
        return low

    def is_last(self, name: str, key: bytes) -> bool:
        """Whether a key would stand behind all that are there."""
        leaves = self.leaves(name)
        last: Entries = leaves[-1] if leaves else []
        return not last or last[-1][0] < key

    def set(self, name: str, key: bytes, value: bytes) -> bool:
        """Write a value, and return whether its key is new."""
        leaves = self.leaves(name)
        if not leaves:
            leaves.slots.append([])
        entries = leaves.changed(self.place(name, key))
        index = bisect_left([entry[0] for entry in entries], key)
        is_new = index == len(entries) or entries[index][0] != key
        entries[index : index + (not is_new)] = [(key, value)]
        return is_new


class SimulatedEnvironment:
    """An open store, of one process."""

    def __init__(self, disk: Disk, process: Process, map_bytes: int) -> None:
        self.disk = disk
        self.process = process
        self.map_bytes = map_bytes
        self._is_panicked = False
        newest_meta(disk.page)

    def begin(self, write: bool = False) -> SimulatedTransaction:
        """Begin a transaction; one at a time writes."""
        self.process.step()
        if self._is_panicked:
            raise lmdb.PanicError("mdb_txn_begin: Update of meta page failed")
        return SimulatedTransaction(self, write)

    def open_db(self, name: bytes, txn: Any = None, create: bool = True) -> str:
        """Return the handle of a database: its name."""
        handle = name.decode()
        if txn is not None:
            txn.create(handle)
        elif not create and not SimulatedTransaction(self, is_writing=False).has(handle):
            raise lmdb.NotFoundError(f"mdb_dbi_open: {handle}")
        return handle

    def panic(self) -> None:
        """Refuse everything from here on, as LMDB does when a meta page cannot be written."""
        self._is_panicked = True

    def stat(self) -> Any:
        """Return the bytes of a page, and how many databases there are."""
        pages = self.disk.page
        return {"psize": PAGE_BYTES, "entries": len(Tree(pages, newest_meta(pages)).databases)}

    def info(self) -> Any:
        """Return what the newest meta page says, and the size of the map."""
        meta = newest_meta(self.disk.page) or Meta(0, 0, len(META_SLOTS) - 1)
        return {
            "last_pgno": meta.last_page,
            "last_txnid": meta.txnid,
            "map_size": self.map_bytes,
            "num_readers": 1,
        }

    def set_mapsize(self, size: int, /) -> None:
        """Set the size of the map; 0 changes nothing here."""
        self.map_bytes = size or self.map_bytes

    def reader_check(self) -> int:
        """Return 0: no reader lives longer than a page here."""
        return 0

    def lib_version(self) -> tuple[int, int, int]:
        """Return a version of LMDB that the journal takes."""
        return _VERSION

    def copy(self, path: str, compact: bool = False) -> None:
        """Refuse: a simulated store has no directory."""
        raise lmdb.Error(f"mdb_env_copy: {path} is no simulated place (compact: {compact})")

    def walk_pages(self) -> None:
        """Do nothing: a simulated store has no pages that nobody reads."""

    def fill_up(self) -> None:
        """Do nothing: a simulated file has no length of its own."""

    def settle(self) -> None:
        """Return when everything that can be seen is durable."""
        self.disk.settle(self.process)

    def close(self) -> None:
        """Do nothing: what was committed is on the disk."""


class _Commit:
    """Writes what a transaction changed: pages, a sync, a meta page."""

    def __init__(
        self, environment: SimulatedEnvironment, tree: Tree, changed: dict[str, _Leaves]
    ) -> None:
        self._environment = environment
        self._tree = tree
        self._changed = changed
        self._taken = tree.reachable() | self._before()
        self._next = len(META_SLOTS)
        self._last_page = tree.meta.last_page
        self._writes: list[tuple[int, bytes]] = []

    def run(self) -> None:
        """Commit; raise LMDB's error, or `Crash`, with the disk as it then is."""
        databases = dict(self._tree.databases)
        for name, leaves in self._changed.items():
            databases[name] = self._written(leaves)
        root = self._put(pack_root(databases))
        environment, meta = self._environment, self._tree.meta
        disk, process = environment.disk, environment.process
        for number, data in self._writes:
            disk.write(process, number, data)
        disk.sync(process)
        new = Meta(meta.txnid + 1, root, self._last_page)
        try:
            disk.write_meta(process, new.txnid % 2, pack_meta_page(new))
        except lmdb.Error:
            environment.panic()
            raise

    def _before(self) -> set[int]:
        """Return the pages of the commit before the last, which stays whole."""
        pages = self._environment.disk.page
        data = pages((self._tree.meta.txnid + 1) % 2)
        try:
            older = newest_meta(lambda slot: data if slot == 0 else None)
            return Tree(pages, older).reachable()
        except lmdb.Error:
            return set()

    def _written(self, leaves: _Leaves) -> list[Leaf]:
        written: list[Leaf] = []
        for slot in leaves.slots:
            if isinstance(slot, Leaf):
                written.append(slot)
            else:
                written.extend(self._split(slot))
        return written

    def _split(self, entries: Entries) -> Iterator[Leaf]:
        """Yield one leaf or several that hold these entries."""
        page: Entries = []
        size = 0
        extra: list[int] = []
        for key, given in entries:
            value = given
            if isinstance(given, bytes) and len(given) > _INLINE_BYTES:
                value = len(given), self._outside(given)
            weight = len(key) + (len(value) if isinstance(value, bytes) else _POINTER_BYTES)
            if page and size + weight > _LEAF_BYTES:
                yield Leaf(page[0][0], self._put(pack_leaf(page)), len(page), extra)
                page, size, extra = [], 0, []
            page.append((key, value))
            size += weight
            if not isinstance(value, bytes):
                extra.extend(value[1])
        if page:
            yield Leaf(page[0][0], self._put(pack_leaf(page)), len(page), extra)

    def _outside(self, value: bytes) -> list[int]:
        return [
            self._put(value[start : start + _EXTRA_BYTES])
            for start in range(0, len(value), _EXTRA_BYTES)
        ]

    def _put(self, data: bytes) -> int:
        while self._next in self._taken:
            self._next += 1
        number = self._next
        self._next += 1
        if (number + 1) * PAGE_BYTES > self._environment.map_bytes:
            raise lmdb.MapFullError("mdb_put: Environment mapsize limit reached")
        self._last_page = max(self._last_page, number)
        self._writes.append((number, data))
        return number

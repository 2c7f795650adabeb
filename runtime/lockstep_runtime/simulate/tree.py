"""How the simulated store lies on its pages: what LMDB does, small enough to be looked through.

Two meta pages take turns; the newer one names the root page, which lists the leaves of every
database with their first keys. A leaf holds keys and values; a large value lies on pages of its
own. No page that the last two commits need is written again. As in LMDB nothing has a check: a
damaged page yields damaged data, or cannot be followed.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

import lmdb
import msgspec

from lockstep_runtime.simulate.disk import META_SLOTS, Pages

ROOT = "root"
Overflow = tuple[int, list[int]]
"""Of a large value: its size and its pages."""
Entry = tuple[bytes, bytes | Overflow]
Entries = list[Entry]


class Meta(msgspec.Struct, frozen=True, array_like=True):
    """A meta page: which commit it belongs to, where its root is, the highest page."""

    txnid: int
    root: int
    last_page: int


class Leaf(NamedTuple):
    """Where a leaf is: its first key, page, how many entries, and the pages of large values."""

    first: bytes
    page: int
    entries: int
    extra: list[int]


_encode = msgspec.msgpack.Encoder().encode
_decode_meta = msgspec.msgpack.Decoder(Meta).decode
_decode_root = msgspec.msgpack.Decoder(tuple[str, dict[str, list[Leaf]]]).decode
_decode_leaf = msgspec.msgpack.Decoder(list[tuple[bytes, bytes | list[int]]]).decode


def pack_meta_page(meta: Meta) -> bytes:
    """Return the bytes of a meta page."""
    return _encode(meta)


def pack_root(databases: dict[str, list[Leaf]]) -> bytes:
    """Return the bytes of a root page."""
    return _encode((ROOT, databases))


def pack_leaf(entries: Entries) -> bytes:
    """Return the bytes of a leaf."""
    return _encode(
        [
            (key, value if isinstance(value, bytes) else [value[0], *value[1]])
            for key, value in entries
        ]
    )


def newest_meta(pages: Pages) -> Meta | None:
    """Return the newer meta page, None before the first commit; raise LMDB's error for bad ones."""
    metas: list[Meta] = []
    for slot in META_SLOTS:
        data = pages(slot)
        if data is not None:
            try:
                metas.append(_decode_meta(data))
            except msgspec.DecodeError as error:
                raise lmdb.InvalidError(f"mdb_env_open: {error}") from None
    return max(metas, key=lambda meta: meta.txnid, default=None)


class Tree:
    """All databases as one commit left them, for reading."""

    def __init__(self, pages: Pages, meta: Meta | None) -> None:
        self._pages = pages
        self.meta = meta or Meta(0, 0, len(META_SLOTS) - 1)
        self.databases: dict[str, list[Leaf]] = {}
        if meta is not None:
            try:
                self.databases = _decode_root(self._page(meta.root))[1]
            except msgspec.DecodeError as error:
                raise lmdb.CorruptedError(f"mdb_page_get: {error}") from None
            except UnicodeDecodeError as error:
                raise lmdb.CorruptedError(f"mdb_page_get: {error}") from None

    def count(self, name: str) -> int:
        """Return how many entries a database says that it has."""
        return sum(leaf.entries for leaf in self.databases.get(name, ()))

    def entries(self, leaf: Leaf) -> Entries:
        """Return the entries of a leaf."""
        try:
            decoded = _decode_leaf(self._page(leaf.page))
        except msgspec.DecodeError as error:
            raise lmdb.CorruptedError(f"mdb_page_search: {error}") from None
        return [
            (key, value if isinstance(value, bytes) else _overflow(value)) for key, value in decoded
        ]

    def value(self, entry: Entry) -> bytes:
        """Return the value of an entry, whole."""
        value = entry[1]
        if isinstance(value, bytes):
            return value
        return b"".join(self._page(page) for page in value[1])[: value[0]]

    def place(self, name: str, key: bytes) -> int:
        """Return the index of the leaf that holds a key, if any does."""
        leaves = self.databases.get(name, [])
        return max(0, bisect_right([leaf.first for leaf in leaves], key) - 1)

    def items(self, name: str, key: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield the entries of a database from a key on, as its pages have them."""
        leaves = self.databases.get(name, [])
        for leaf in leaves[self.place(name, key) :]:
            for entry in self.entries(leaf):
                if entry[0] >= key:
                    yield entry[0], self.value(entry)

    def reachable(self) -> set[int]:
        """Return the pages that this tree needs."""
        found = {self.meta.root, *META_SLOTS}
        for leaves in self.databases.values():
            for leaf in leaves:
                found.add(leaf.page)
                found.update(leaf.extra)
        return found

    def _page(self, number: int) -> bytes:
        data = self._pages(number)
        if data is None:
            raise lmdb.PageNotFoundError("mdb_page_get: Requested page not found")
        return data


def _overflow(value: list[int]) -> Overflow:
    if not value or value[0] < 0:
        raise lmdb.CorruptedError("mdb_page_search: a large value without a size")
    return value[0], value[1:]

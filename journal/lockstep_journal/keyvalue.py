"""The seam below a journal: what it asks of an ordered key-value store with transactions.

The names and meanings are those of LMDB, which is the store of every real journal
(`environment.LmdbEnvironment`). Another store raises LMDB's own exceptions, so that what they mean
to an operator is decided in one place. The simulator of the runtime is the other store.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, Protocol, Self

Database = Any
"""The handle of a database; only the store that gave it looks into it."""


class Cursor(Protocol):
    """A place in one database, whose keys ascend."""

    def first(self) -> bool:
        """Go to the first entry; False if there is none."""
        ...

    def last(self) -> bool:
        """Go to the last entry; False if there is none."""
        ...

    def next(self) -> bool:
        """Go to the next entry; False behind the last."""
        ...

    def set_range(self, key: bytes, /) -> bool:
        """Go to the first entry at or behind a key; False if there is none."""
        ...

    def key(self) -> bytes:
        """Return the key here."""
        ...

    def value(self) -> bytes:
        """Return the value here."""
        ...

    def item(self) -> tuple[bytes, bytes]:
        """Return (key, value) here."""
        ...

    def iternext(self, *, values: Literal[False]) -> Iterator[bytes]:
        """Yield the keys from here, or from the first, on."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Yield (key, value) from here on."""
        ...

    def putmulti(
        self,
        items: Sequence[tuple[bytes, bytes]],
        dupdata: bool = True,
        overwrite: bool = True,
        append: bool = False,
    ) -> tuple[int, int]:
        """Write entries; return (how many were taken, how many of them are new)."""
        ...


class Transaction(Protocol):
    """One view of the store; a writing one commits with a sync when its block ends well."""

    def __enter__(self) -> Self:
        """Begin the block."""
        ...

    def __exit__(self, *args: object) -> None:
        """Commit, or abort if the block raised."""
        ...

    def id(self) -> int:
        """Return the number of the transaction that is read or written."""
        ...

    def get(self, key: bytes, default: None = None, db: Database = None) -> bytes | None:
        """Return a value, or None."""
        ...

    def put(self, key: bytes, value: bytes, *, db: Database) -> bool:
        """Write a value."""
        ...

    def delete(self, key: bytes, value: bytes = b"", db: Database = None) -> bool:
        """Delete an entry; False if there is none."""
        ...

    def cursor(self, db: Database = None) -> Cursor:
        """Return a cursor."""
        ...

    def stat(self, db: Database = None) -> Any:
        """Return counts; `entries` is that of the entries."""
        ...


class Environment(Protocol):
    """An open store. A second one may be open on the same data: commits are seen at once."""

    def begin(self, write: bool = False) -> Transaction:
        """Begin a transaction; one at a time writes."""
        ...

    def open_db(self, name: bytes, txn: Any = None, create: bool = True) -> Database:
        """Return the handle of a database, which is created in `txn` if need be."""
        ...

    def stat(self) -> Any:
        """Return `psize`, the bytes of a page, and `entries`, how many databases there are."""
        ...

    def info(self) -> Any:
        """Return `last_pgno`, `last_txnid`, `map_size` and `num_readers`."""
        ...

    def set_mapsize(self, size: int, /) -> None:
        """Set the size of the map; 0 takes the size that another process set."""
        ...

    def reader_check(self) -> int:
        """Free the slots of dead readers and return how many there were."""
        ...

    def lib_version(self) -> tuple[int, int, int]:
        """Return the version of the store."""
        ...

    def copy(self, path: str, compact: bool = False) -> None:
        """Copy everything, as one transaction sees it, into an empty directory."""
        ...

    def walk_pages(self) -> None:
        """Follow every page that is in use; keep nothing."""
        ...

    def fill_up(self) -> None:
        """Make the data as long as it says that it is."""
        ...

    def settle(self) -> None:
        """Return when everything that can be seen is durable; raise `OSError` if the disk fails."""
        ...

    def close(self) -> None:
        """Close; harmless when repeated."""
        ...


class Lock(Protocol):
    """What keeps a second owner out for as long as it is held."""

    def release(self) -> None:
        """Let the next owner in; harmless when repeated."""
        ...

"""All entries of a database of a journal, good or bad, as they stand: for whoever judges them."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from lockstep_journal.store import PAGE_RECORDS, Journal
from lockstep_kernel import DamagedError

_PAGE_BYTES = 8 << 20

Entry = tuple[bytes, bytes]
"""A key and its value."""


def entries(journal: Journal, name: bytes) -> Iterator[Entry]:
    """Yield all entries of a database in the order of their keys, a page a transaction.

    Raises `DamagedError` where LMDB cannot go on.
    """
    last: bytes | None = None
    database = journal.database(name)
    while page := journal.read(partial(_page, database=database, last=last)):
        if last is not None and page[0][0] <= last:
            raise DamagedError(
                f"the keys do not ascend: {last.hex()} then {page[0][0].hex()}", None
            )
        yield from page
        last = page[-1][0]


def _page(txn: Any, database: Any, last: bytes | None) -> list[Entry]:
    """Return entries behind the key `last`, at least one if there is one."""
    cursor = txn.cursor(database)
    is_there = cursor.first() if last is None else cursor.set_range(last + b"\0")
    page: list[Entry] = []
    size = 0
    while is_there and len(page) < PAGE_RECORDS and size < _PAGE_BYTES:
        entry: Entry = cursor.item()
        page.append(entry)
        size += len(entry[1])
        is_there = cursor.next()
    return page

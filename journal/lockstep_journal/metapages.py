"""The two pages at the start of LMDB's file, each of which names a whole state of everything in it.

A transaction writes its pages beside those in use, syncs, and then writes one of these two: the
other one still names the state before, and none of the pages of that state is used again until the
next transaction. So the state before the last transaction is in every file, and no other one is.

Transaction N writes page N & 1, and N is one more than the transaction before; a file without any
has 0 in both pages, and a compact copy 0 and 1. Other numbers are damaged, and LMDB, which believes
the higher one, may show the state before the last.
"""

import os
import struct
import sys
from pathlib import Path
from typing import NamedTuple

_PAGE = struct.Struct("=Q2xH4xII8xQI92xQQ")
"""Page number, flags; magic, version, map size; page size; last page, transaction."""
_TRANSACTION = slice(_PAGE.size - 8, _PAGE.size)
_FLAG_META = 0x08
_MAGIC = 0xBEEFC0DE
_PAGE_BYTES_MIN = 256
_PAGE_BYTES_MAX = 65536
_USUAL_PAGE_BYTES = 4096


class MetaPage(NamedTuple):
    """What one of the two pages says: how long the file must be, by which transaction."""

    number: int
    page_bytes: int
    file_bytes: int
    transaction: int


def meta_pages(path: Path) -> list[MetaPage]:
    """Return those of the two pages that can be read, that of the last transaction first."""
    with path.open("rb") as file:
        head = file.read(_USUAL_PAGE_BYTES)
        first = _unpack(head, 0)
        page_bytes = _USUAL_PAGE_BYTES if first is None else first.page_bytes
        file.seek(page_bytes)
        second = _unpack(file.read(_USUAL_PAGE_BYTES), 1)
    found = [page for page in (first, second) if page is not None]
    return sorted(found, key=lambda page: -page.transaction)


def are_possible(pages: list[MetaPage]) -> bool:
    """Return whether LMDB may have written these two transaction numbers."""
    even, odd = transactions(pages)
    if even == odd == 0:
        return True
    return even % 2 == 0 and odd % 2 == 1 and abs(even - odd) == 1


def transactions(pages: list[MetaPage]) -> list[int]:
    """Return the transaction numbers in the order of the pages."""
    return [page.transaction for page in sorted(pages)]


def show(path: Path, page: MetaPage) -> None:
    """Make a copy of a data file name the state of one of its pages, in both, at full length."""
    with path.open("r+b") as file:
        file.seek(page.number * page.page_bytes)
        content = bytearray(file.read(page.page_bytes))
        for number in (0, 1):
            is_its_own = page.transaction & 1 == number
            transaction = page.transaction if is_its_own else max(page.transaction - 1, 0)
            content[:8] = number.to_bytes(8, sys.byteorder)
            content[_TRANSACTION] = transaction.to_bytes(8, sys.byteorder)
            file.seek(number * page.page_bytes)
            file.write(content)
    fill(path, page.file_bytes)


def fill(path: Path, file_bytes: int) -> None:
    """Put zeros at the end of a copy of a data file that is shorter than it says."""
    if path.stat().st_size < file_bytes:
        os.truncate(path, file_bytes)


def _unpack(head: bytes, number: int) -> MetaPage | None:
    if len(head) < _PAGE.size:
        return None
    found, flags, magic, _version, map_bytes, page_bytes, last, transaction = _PAGE.unpack_from(
        head
    )
    is_sane = (
        found == number
        and flags & _FLAG_META
        and magic == _MAGIC
        and _PAGE_BYTES_MIN <= page_bytes <= _PAGE_BYTES_MAX
        and (last + 1) * page_bytes <= map_bytes
    )
    return MetaPage(number, page_bytes, (last + 1) * page_bytes, transaction) if is_sane else None

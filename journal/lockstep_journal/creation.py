"""Tells a journal whose creation was cut short from one that is damaged.

A creation leaves a mark in the directory before there is a data file, and takes it away only when
the first transaction and the names are durable, before anybody can write a record. So where the
mark stands nothing was acknowledged; and a data file that was emptied, zeroed or deleted later has
no mark beside it. The bytes must agree: a file that names a transaction is a journal, mark or not.
"""

import stat
from pathlib import Path

from lockstep_journal.metapages import meta_pages
from lockstep_journal.owner import LOCK_NAME

MARK_NAME = "creation.unfinished"
_FRESH_BYTES_MAX = 1 << 20
"""More than the pages of a first transaction, which holds the genesis and no record."""


def mark_path(data: Path) -> Path:
    """Return the path of the mark beside a data file."""
    return data.with_name(MARK_NAME)


def is_unfinished(data: Path) -> bool:
    """Return whether the creation of a data file began and never committed its transaction.

    A lock file alone is such a beginning, too: it is made before the mark.
    """
    try:
        if not mark_path(data).is_file():
            return [path.name for path in data.parent.iterdir()] == [LOCK_NAME]
        found = data.stat()
        return stat.S_ISREG(found.st_mode) and _has_no_transaction(data, found.st_size)
    except FileNotFoundError:
        return data.parent.is_dir()
    except OSError:
        return False  # whoever opens it says what is wrong


def _has_no_transaction(data: Path, size: int) -> bool:
    """Return whether a file is what LMDB writes before a first commit, or a part of it and zeros.

    The pages of the first transaction may stand behind two pages that know nothing of them.
    """
    if size > _FRESH_BYTES_MAX:
        return False
    pages = meta_pages(data)
    if any(page.transaction for page in pages):
        return False
    content = bytearray(data.read_bytes())
    for page in pages:
        start = page.number * page.page_bytes
        content[start : start + page.page_bytes] = bytes(page.page_bytes)
    return len(pages) == 2 or not any(content)

"""Leaving the free pages out of a journal's file.

The file of a journal never gets shorter by itself: pages of archived records and of old snapshots
are kept for later. A compact copy without them is made inside the journal, verified, compared with
the original entry by entry, and only then takes its place.
"""

from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from lockstep_journal.entries import entries
from lockstep_journal.environment import data_path
from lockstep_journal.layout import COMMANDS, DATABASES, EVENTS, META, SNAPSHOTS
from lockstep_journal.owner import OwnerLock
from lockstep_journal.replacing import (
    check_replaceable,
    check_room,
    new_directory,
    replace_data,
    sync_file,
)
from lockstep_journal.store import Journal, open_reader
from lockstep_journal.verification import Progress, verify
from lockstep_kernel import CannotRunError, DamagedError, UnsupportedError

PARTIAL_NAME = "compact.partial"
_OTHER_PAGES = 8
"""Two for LMDB's own start, and those of the list of databases."""


class Compacted(msgspec.Struct, frozen=True):
    """What a compaction did; records, events and snapshots are the same before and after."""

    directory: str
    file_bytes_before: int
    file_bytes_after: int
    records: int
    last_seq: int
    last_hash: bytes


def compact(directory: str | Path, progress: Progress = lambda done, total: None) -> Compacted:
    """Replace the file of a journal by a compact copy that holds the same. O(bytes).

    Raises `CannotRunError` if an owner or a reader lives, the disk has no room, or the data file is
    a symbolic link; `DamagedError` if the journal or the copy is not whole; `UnsupportedError` if
    only a newer release can verify it. The old file is then as it was.
    """
    path = Path(directory)
    seen = check_replaceable(path)
    lock = OwnerLock(path)
    try:
        with new_directory(path / PARTIAL_NAME) as place:
            with open_reader(path) as journal:
                check_room(path, entry_bytes(journal))
                done = _checked_copy(journal, place, progress)
            replace_data(path, data_path(place), seen)
    except OSError as error:
        raise CannotRunError(
            f"{path}: the compact copy cannot be written: {error.strerror or error}"
        ) from error
    finally:
        lock.release()
    return done


def entry_bytes(journal: Journal) -> int:
    """Return how many bytes a file needs for all that a journal holds, without free pages."""
    pages = _OTHER_PAGES
    page_bytes = 0
    for name in DATABASES:
        seen = journal.read(partial(_stat, database=journal.database(name)))
        page_bytes = seen["psize"]
        pages += seen["branch_pages"] + seen["leaf_pages"] + seen["overflow_pages"]
    return pages * page_bytes


def check_equal(journal: Journal, copy: Journal) -> None:
    """Raise `DamagedError` at the first entry that two journals do not share."""
    for name in (META, COMMANDS, EVENTS, SNAPSHOTS):
        pairs = zip_longest(entries(journal, name), entries(copy, name))
        for here, there in pairs:
            if here != there:
                key = (here or there or (b"",))[0]
                raise DamagedError(
                    f"{journal.directory}: entry {key.hex()} of '{name.decode()}' is not "
                    f"the same in the copy",
                    int.from_bytes(key, "big") if name == COMMANDS else None,
                )


def _stat(txn: Any, database: Any) -> Any:
    return txn.stat(database)


def _checked_copy(journal: Journal, place: Path, progress: Progress) -> Compacted:
    journal.copy_to(place, is_compact=True)
    sync_file(data_path(place))
    with open_reader(place) as copy:
        verification = verify(copy, progress=progress)
        first = verification.first
        if first is not None:
            sentence = f"{journal.directory}: {first.what}: nothing was replaced"
            if verification.is_damaged:
                raise DamagedError(sentence, first.seq)
            raise UnsupportedError(sentence)
        check_equal(journal, copy)
    return Compacted(
        directory=str(journal.directory),
        file_bytes_before=data_path(journal.directory).stat().st_size,
        file_bytes_after=data_path(place).stat().st_size,
        records=verification.records,
        last_seq=verification.last_seq,
        last_hash=verification.last_hash,
    )

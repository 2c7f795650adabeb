"""Opening the LMDB environment of a journal, and what its errors mean.

Every environment is opened with synced transactions and without a writable map. A truncated data
file kills the process that reads it, or reads as zeros, so a file that is shorter than it says is
refused before anything else is read. The writer keeps every file at its length
(`LmdbEnvironment.fill_up`).
"""

import errno
import os
import stat
import struct
from pathlib import Path
from typing import Any

import lmdb

from lockstep_journal.creation import is_unfinished
from lockstep_journal.errors import told
from lockstep_journal.keyvalue import Database, Transaction
from lockstep_journal.layout import DATABASES
from lockstep_journal.metapages import MetaPage, are_possible, meta_pages, transactions
from lockstep_kernel import CannotRunError, DamagedError, Fault, UnsupportedError

DATA_NAME = "data.mdb"
_MAP_AS_WRITTEN = 0
"""Makes LMDB take the size of the map that the writer wrote last."""
_LMDB_SERIES = (0, 9)
_META_HEAD = struct.Struct("=16xII16xI")
"""Of LMDB's first page: after the page's own header magic number, data format, size of a page."""
_META_FORMAT = 1
_META_MAGIC = 0xBEEFC0DE
_META_PAGES = 2
_PAGE_BYTES_USUAL = 4096
_NO_SPACE = os.strerror(errno.ENOSPC)
_CANNOT_SYNC = (errno.EROFS, errno.EINVAL)
"""What a file system without writes says to a sync: there is nothing to be written."""
_WRITE_FACTOR = 2
_FREE_BYTES_MIN = 1 << 20
"""With less than this and twice what a transaction needs, a disk is called full."""

_DAMAGE = (
    lmdb.InvalidError,
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.CursorFullError,
    lmdb.IncompatibleError,
    lmdb.NotFoundError,
    lmdb.BadValsizeError,
)
_NO_DAMAGE = (
    lmdb.DiskError,
    lmdb.LockError,
    lmdb.MapResizedError,
    lmdb.MemoryError,
    lmdb.PanicError,
    lmdb.ReadersFullError,
    lmdb.ReadonlyError,
)
"""What goes wrong around a journal; every other error while pages are read is their damage."""


class LmdbEnvironment:
    """The store of a real journal: an LMDB environment in a directory."""

    def __init__(self, environment: lmdb.Environment, directory: Path) -> None:
        self.lmdb = environment
        self._directory = directory
        self.stat = environment.stat
        self.info = environment.info
        self.set_mapsize = environment.set_mapsize
        self.reader_check = environment.reader_check
        self.lib_version = environment.lib_version
        self.close = environment.close

    def begin(self, write: bool = False) -> Transaction:
        """Begin a transaction; one at a time writes."""
        return self.lmdb.begin(write=write)

    def open_db(self, name: bytes, txn: Any = None, create: bool = True) -> Database:
        """Return the handle of a database, which is created in `txn` if need be."""
        return self.lmdb.open_db(name, txn=txn, create=create)

    def copy(self, path: str, compact: bool = False) -> None:
        """Copy everything, as one transaction sees it, into an empty directory."""
        self.lmdb.copy(path, compact=compact)

    def walk_pages(self) -> None:
        """Follow every page that is in use, those of the list of free pages too; keep nothing."""
        descriptor = os.open(os.devnull, os.O_WRONLY)
        try:
            self.lmdb.copyfd(descriptor, compact=True)
        finally:
            os.close(descriptor)

    def fill_up(self) -> None:
        """Make the data file as long as it says that it is.

        LMDB need not write the last pages if they are free again; a short file means damage here.
        """
        expected, found = _lengths(self.lmdb, self._directory)
        if found < expected:
            os.truncate(data_path(self._directory), expected)

    def settle(self) -> None:
        """Return when everything that can be seen is durable; raise `OSError` if the disk fails.

        The file may be opened again here: LMDB's own locks are on its lock file.
        """
        descriptor = os.open(data_path(self._directory), os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fdatasync(descriptor)
        except OSError as error:
            if error.errno not in _CANNOT_SYNC:
                raise
        finally:
            os.close(descriptor)


def data_path(directory: Path) -> Path:
    """Return the path of the data file of a journal."""
    return directory / DATA_NAME


def check_name(directory: Path) -> None:
    """Raise `CannotRunError` for a path that LMDB cannot open: it takes text in UTF-8 alone."""
    try:
        str(directory).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(directory).decode(errors="backslashreplace")
        raise CannotRunError(
            f"{shown}: expected the path of a journal in UTF-8, found other bytes: rename it"
        ) from None


def check_present(directory: Path) -> None:
    """Raise `CannotRunError` without a data file, `DamagedError` for an empty or very short one.

    A journal whose creation did not finish is `CannotRunError`.

    A pipe would never be opened if nobody writes to it, so it is looked at first. LMDB would turn
    an empty file into a new environment. A data format that LMDB 0.9 does not have is
    `UnsupportedError`; LMDB's own words for it depend on its version.
    """
    check_name(directory)
    path = data_path(directory)
    if is_unfinished(path):
        raise CannotRunError(
            f"{directory}: expected a journal, found one whose creation did not finish: nothing "
            f"was ever acknowledged in it, start the program again, which is safe"
        )
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise CannotRunError(f"{path}: expected a regular file, found something else")
        with path.open("rb") as file:
            head = file.read(_META_HEAD.size)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise CannotRunError(
            f"{directory}: expected a journal, found no {DATA_NAME}: {error.strerror}"
        ) from None
    if size == 0:
        raise DamagedError(f"{path}: expected a journal, found an empty file", None)
    page_bytes = _PAGE_BYTES_USUAL
    if len(head) == _META_HEAD.size:
        magic, found, page_bytes = _META_HEAD.unpack(head)
        if magic != _META_MAGIC:
            return  # LMDB says what it thinks of it
        if found != _META_FORMAT:
            _check_data_format(path, found, page_bytes)
    if size < _META_PAGES * page_bytes:
        raise _truncated(path, _META_PAGES * page_bytes, size)


def open_for_reading(directory: Path) -> tuple[LmdbEnvironment, bool]:
    """Open an environment beside a live writer; return it and whether it has a reader slot.

    Where the lock file cannot be written (a read-only directory or disk) there is no slot, and
    the writer may use pages again that are being read: the caller checks the transaction number.
    Raises `DamagedError` if the data file is truncated, and what `opening_fault` returns.
    """
    try:
        return _open(directory, _MAP_AS_WRITTEN, is_readonly=True, has_lock=True), True
    except (lmdb.ReadonlyError, lmdb.LockError):
        pass
    except lmdb.Error as error:
        raise opening_fault(directory, error) from None
    try:
        return _open(directory, _MAP_AS_WRITTEN, is_readonly=True, has_lock=False), False
    except lmdb.Error as error:
        raise opening_fault(directory, error) from None


def open_for_writing(directory: Path, map_bytes: int) -> LmdbEnvironment:
    """Open or create an environment with a map of at least `map_bytes`.

    Raises `DamagedError` if the data file is truncated, and what `opening_fault` returns.
    """
    try:
        return _open(directory, map_bytes, is_readonly=False, has_lock=True)
    except lmdb.Error as error:
        raise opening_fault(directory, error) from None


def opening_fault(directory: Path, error: lmdb.Error) -> Fault:
    """Return what an error on opening means to the operator."""
    if isinstance(error, lmdb.VersionMismatchError):
        return UnsupportedError(f"{directory}: expected an LMDB 0.9 data file: {error}")
    if isinstance(error, _DAMAGE):
        return DamagedError(f"{directory}: expected a journal, LMDB says: {error}", None)
    return CannotRunError(f"{directory}: cannot be opened: {error}")


def reading_fault(directory: Path, error: lmdb.Error) -> Fault:
    """Return what an error while reading means to the operator."""
    if isinstance(error, _NO_DAMAGE):
        return CannotRunError(f"{directory}: cannot be read: {error}")
    return DamagedError(
        f"{directory}: the pages of {DATA_NAME} are damaged and cannot be followed "
        f"(LMDB says: {error})",
        None,
    )


def copying_fault(directory: Path, destination: Path, error: lmdb.Error) -> Fault:
    """Return what an error while copying to another directory means to the operator."""
    if _NO_SPACE in str(error):
        return CannotRunError(f"{data_path(destination)}: cannot be written: {_NO_SPACE}")
    return beginning_fault(directory, error)


def beginning_fault(directory: Path, error: lmdb.Error) -> Fault:
    """Return what an error while beginning to read means to the operator."""
    if isinstance(error, _DAMAGE):
        return reading_fault(directory, error)
    return CannotRunError(f"{directory}: cannot be read: {error}")


def writing_sentence(directory: Path, error: Exception, needed_bytes: int) -> str:
    """Return what an error of a transaction says, and whether the disk may be full.

    LMDB calls a short write an input/output error, so the free space is looked at.
    """
    sentence = f"{data_path(directory)}: a transaction failed: {told(error)}"
    try:
        disk = os.statvfs(directory)
    except OSError:
        return sentence
    free = disk.f_bavail * disk.f_frsize
    if _NO_SPACE in str(error) or free < _WRITE_FACTOR * needed_bytes + _FREE_BYTES_MIN:
        sentence += f": the disk may be full, {free} bytes are free"
    return sentence


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lengths(environment: lmdb.Environment, directory: Path) -> tuple[int, int]:
    """Return the bytes that the data file says are in use, and those that it has.

    In this order: a live writer makes the file longer before it says so.
    """
    expected = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    return expected, data_path(directory).stat().st_size


def _check_data_format(path: Path, found: int, page_bytes: int) -> None:
    """Raise for a first meta page of a foreign data format; only if the second agrees is it one."""
    with path.open("rb") as file:
        file.seek(page_bytes)
        second = file.read(_META_HEAD.size)
    expected = f"{path}: expected LMDB data format {_META_FORMAT}, found {found}"
    if len(second) == _META_HEAD.size and _META_HEAD.unpack(second)[:2] == (_META_MAGIC, found):
        raise UnsupportedError(f"{expected}: run the release that has it")
    raise DamagedError(f"{expected} in one of its two meta pages", None)


def _check_transactions(path: Path) -> None:
    """Raise `DamagedError` if LMDB never wrote the transaction numbers of the two meta pages.

    A live writer may commit between the reading of the one and of the other, so only what is read
    twice counts.
    """
    before: list[MetaPage] = []
    while len(pages := meta_pages(path)) == _META_PAGES and not are_possible(pages):
        if pages == before:
            found = " and ".join(map(str, transactions(pages)))
            raise DamagedError(
                f"{path}: expected an even and an odd transaction number, one apart, in its two "
                f"meta pages, found {found}: it is not sure which transaction was the last",
                None,
            )
        before = pages


def _truncated(path: Path, expected: int, found: int) -> DamagedError:
    return DamagedError(f"{path}: expected {expected} bytes, found {found}: truncated", None)


def _open(directory: Path, map_bytes: int, *, is_readonly: bool, has_lock: bool) -> LmdbEnvironment:
    environment = lmdb.open(
        str(directory),
        map_size=map_bytes,
        subdir=True,
        readonly=is_readonly,
        create=not is_readonly,
        sync=True,
        metasync=True,
        map_async=False,
        writemap=False,
        mode=0o644,
        max_dbs=len(DATABASES),
        lock=has_lock,
    )
    if environment.lib_version()[:2] != _LMDB_SERIES:
        found = ".".join(map(str, environment.lib_version()))
        environment.close()
        raise UnsupportedError(f"expected LMDB 0.9, found {found}: install lmdb>=3,<4")
    expected, size = _lengths(environment, directory)
    if size < expected:
        environment.close()
        raise _truncated(data_path(directory), expected, size)
    try:
        _check_transactions(data_path(directory))
    except BaseException:
        environment.close()
        raise
    return LmdbEnvironment(environment, directory)

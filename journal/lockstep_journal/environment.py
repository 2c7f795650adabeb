"""Opening the LMDB environment of a journal, and what its errors mean.

Every environment is opened with synced transactions and without a writable map. A truncated data
file kills the process that reads it, so a file that is shorter than it says is first read whole by
a child process.
"""

import os
from pathlib import Path

import lmdb

from lockstep_journal.child import dies_reading
from lockstep_journal.layout import DATABASES
from lockstep_kernel import CannotRunError, DamagedError, Fault, UnsupportedError

DATA_NAME = "data.mdb"
_MAP_AS_WRITTEN = 0
"""Makes LMDB take the size of the map that the writer wrote last."""
_LMDB_SERIES = (0, 9)

_DAMAGE = (
    lmdb.InvalidError,
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
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
    lmdb.ReadersFullError,
    lmdb.ReadonlyError,
)
"""What goes wrong around a journal; every other error while pages are read is their damage."""


def data_path(directory: Path) -> Path:
    """Return the path of the data file of a journal."""
    return directory / DATA_NAME


def check_present(directory: Path) -> None:
    """Raise `CannotRunError` without a data file and `DamagedError` for an empty one.

    LMDB would turn an empty file into a new environment.
    """
    path = data_path(directory)
    try:
        size = path.stat().st_size
    except OSError as error:
        raise CannotRunError(
            f"{directory}: expected a journal, found no {DATA_NAME}: {error.strerror}"
        ) from None
    if size == 0:
        raise DamagedError(f"{path}: expected a journal, found an empty file", None)


def open_for_reading(directory: Path) -> tuple[lmdb.Environment, bool]:
    """Open an environment beside a live writer; return it and whether it has a reader slot.

    Where the lock file cannot be written (a read-only directory or disk) there is no slot, and
    the writer may use pages again that are being read: the caller checks the transaction number.
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


def open_for_writing(directory: Path, map_bytes: int) -> lmdb.Environment:
    """Open or create an environment with a map of at least `map_bytes`."""
    try:
        return _open(directory, map_bytes, is_readonly=False, has_lock=True)
    except lmdb.Error as error:
        raise opening_fault(directory, error) from None


def check_length(environment: lmdb.Environment, directory: Path) -> None:
    """Raise `DamagedError` if the data file is truncated.

    LMDB may leave the last pages unwritten, so a short file can be whole: only reading it tells.
    """
    expected = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    found = data_path(directory).stat().st_size
    if found < expected and dies_reading(directory):
        raise DamagedError(
            f"{data_path(directory)}: expected {expected} bytes, found {found}: truncated", None
        )


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


def copying_fault(directory: Path, error: lmdb.Error) -> Fault:
    """Return what an error while copying or beginning to read means to the operator."""
    if isinstance(error, _DAMAGE):
        return reading_fault(directory, error)
    return CannotRunError(f"{directory}: cannot be read: {error}")


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open(
    directory: Path, map_bytes: int, *, is_readonly: bool, has_lock: bool
) -> lmdb.Environment:
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
    return environment

"""Putting a new data file in the place of a journal's old one, so that a crash leaves one of them.

The new file is made in a directory of its own inside the journal, on the same file system, and gets
its name by one rename. Nobody may have the journal open then: a process that has would go on with
the old file, which has no name any more, and what it writes would be lost.
"""

import fcntl
import os
import shutil
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from lockstep_journal.environment import DATA_NAME, check_present, data_path, sync_directory
from lockstep_kernel import CannotRunError

LOCK_NAME = "lock.mdb"
_READERS_BYTE = 1
"""LMDB holds a shared lock on the first byte of its lock file for as long as it is open."""
_FREE_BYTES_MIN = 1 << 20


def check_replaceable(directory: Path) -> os.stat_result:
    """Return what the data file looks like now; raise `CannotRunError` if it is a symbolic link.

    A rename would put the new file in the place of the link, not of what it points to.
    """
    check_present(directory)
    path = data_path(directory)
    if path.is_symlink():
        raise CannotRunError(
            f"{path}: expected a file, found a symbolic link: name the directory of "
            f"{os.path.realpath(path)}"
        )
    return path.stat()


def check_room(directory: Path, needed_bytes: int) -> None:
    """Raise `CannotRunError` unless the disk has room for so many bytes more."""
    disk = os.statvfs(directory)
    free = disk.f_bavail * disk.f_frsize
    if free < needed_bytes + _FREE_BYTES_MIN:
        raise CannotRunError(
            f"{directory}: expected {needed_bytes + _FREE_BYTES_MIN} free bytes on its disk, "
            f"found {free}: make room, or work on a copy on another disk"
        )


@contextmanager
def new_directory(path: Path) -> Generator[Path]:
    """Make an empty directory for the time of the block; one that a crash left behind goes."""
    try:
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
    except OSError as error:
        raise CannotRunError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def replace_data(directory: Path, new_data: Path, seen: os.stat_result) -> None:
    """Give the synced file `new_data` the name of the journal's data file, durably.

    The caller holds the owner's lock and has closed the journal. Raises `CannotRunError` if a
    process has it open, or if the data file is not as `check_replaceable` saw it.
    """
    path = data_path(directory)
    with _all_readers_out(directory) as lock_file:
        now = path.stat()
        if _identity(now) != _identity(seen):
            raise CannotRunError(f"{path}: it changed meanwhile: nothing was replaced")
        _take_over(new_data, seen)
        new_data.rename(path)
        # It holds the old file's transaction number; whoever opens the journal fills it anew. The
        # name stays: whoever waits for it waits for that of the journal, and a journal that loses
        # its data file later is no directory with the owner's lock alone, a creation cut short.
        os.ftruncate(lock_file, 0)
    sync_directory(directory)


def sync_file(path: Path) -> None:
    """Make the content of a file durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _all_readers_out(directory: Path) -> Generator[int]:
    """Keep LMDB from opening the journal meanwhile; yield its open lock file.

    Raises `CannotRunError` if a process has the journal open.
    """
    path = directory / LOCK_NAME
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, _READERS_BYTE)
        except OSError:
            raise CannotRunError(
                f"{directory}: expected nobody to have it open, found a process that reads it: "
                f"end that first, `fuser {directory / DATA_NAME}` names it"
            ) from None
        yield descriptor
    finally:
        os.close(descriptor)


def _take_over(new_data: Path, seen: os.stat_result) -> None:
    """Give the new file the owner and the rights of the old one, and sync it."""
    new = new_data.stat()
    if (new.st_uid, new.st_gid) != (seen.st_uid, seen.st_gid):
        try:
            os.chown(new_data, seen.st_uid, seen.st_gid)
        except OSError as error:
            raise CannotRunError(
                f"{new_data}: cannot be given to user {seen.st_uid}: {error.strerror}: "
                f"run this as the user who owns the journal"
            ) from None
    os.chmod(new_data, stat.S_IMODE(seen.st_mode))
    sync_file(new_data)


def _identity(seen: os.stat_result) -> tuple[int, int, int, int]:
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns

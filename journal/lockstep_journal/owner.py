"""The one owner of a journal: a lock on a file of its own beside the data.

LMDB's lock orders transactions, it does not give single ownership. The operating system releases
this lock when the process dies, however it dies, so a file left behind is never in the way. The
epoch in `meta`, which the writer checks in every transaction, fences an owner whose lock file was
deleted under it.
"""

import fcntl
import os
import time
from pathlib import Path

from lockstep_kernel import CannotRunError

LOCK_NAME = "owner.lock"
_ATTEMPTS = 5
_PAUSE_S = 0.02


class OwnerLock:
    """Holds a journal directory for this process until `release`.

    A child made by `os.fork` gives its copy up at once: it must not keep the directory locked
    when its parent dies.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / LOCK_NAME
        self._descriptor: int | None = _acquire(self.path)
        _held.append(self)

    def release(self) -> None:
        """Let the next owner in; harmless when repeated."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            _held.remove(self)


_held: list[OwnerLock] = []


def owner_pid(directory: Path) -> int | None:
    """Return the process id of the live owner (0 if unknown), or None if there is none."""
    try:
        descriptor = os.open(directory / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _written_pid(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _acquire(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise CannotRunError(
            f"{path}: expected a lock file that can be written: {error.strerror}"
        ) from None
    for attempt in range(_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # `owner_pid` of another process may hold the file for a moment.
            if attempt + 1 < _ATTEMPTS:
                time.sleep(_PAUSE_S)
        else:
            _write_pid(path, descriptor)
            return descriptor
    pid = _written_pid(descriptor)
    os.close(descriptor)
    raise CannotRunError(f"{path}: locked by live process {pid}: a journal has one owner")


def _write_pid(path: Path, descriptor: int) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    except OSError as error:
        os.close(descriptor)
        raise CannotRunError(
            f"{path}: expected a lock file that can be written: {error.strerror}"
        ) from None


def _written_pid(descriptor: int) -> int:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else 0


def _drop_inherited() -> None:
    for lock in list(_held):
        lock.release()


os.register_at_fork(after_in_child=_drop_inherited)

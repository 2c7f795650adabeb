"""A new file or directory that gets its name only when it is whole, and replaces nothing unasked.

It is written under `NAME.partial`, which one program at a time may have. Whoever deletes something
because the file holds it asks for the file under its final name first: `NewFile.publish`.
"""

import errno
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lockstep_journal.environment import sync_directory
from lockstep_journal.places import check_place
from lockstep_kernel import CannotRunError

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)
"""What a file system without hard links answers to one."""


class NewFile:
    """A file that is being written: `file` is open, `partial` is its name until `publish`."""

    def __init__(self, path: Path, partial: Path, file: BinaryIO, is_replacing: bool) -> None:
        self.path = path
        self.partial = partial
        self.file = file
        self._is_replacing = is_replacing

    def sync(self) -> None:
        """Make what was written durable."""
        self.file.flush()
        os.fsync(self.file.fileno())

    def publish(self) -> None:
        """Give the file its name, durably; return only if it is this very file that has it.

        Raises `CannotRunError` if something has the name by now, which stays as it is unless it may
        be replaced, or if somebody put another file in this one's place.
        """
        self.sync()
        self._check_is_this(self.partial)
        try:
            self._name()
        except FileExistsError:
            raise _taken(self.path) from None
        sync_directory(self.path.absolute().parent)
        self._check_is_this(self.path)

    def discard(self) -> None:
        """Delete the file's partial name, if it is still this file's."""
        if self._is_this(self.partial):
            self.partial.unlink(missing_ok=True)

    def _name(self) -> None:
        """Take the final name, in one step that fails if there is one that must stay."""
        if self._is_replacing:
            self.partial.rename(self.path)
            return
        try:
            os.link(self.partial, self.path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            self._name_without_links()
        self.discard()

    def _name_without_links(self) -> None:
        """Rename; an empty file holds the name against everybody else who writes a new one."""
        with self.path.open("xb") as file:
            made = os.fstat(file.fileno())
        try:
            self.partial.rename(self.path)
        except BaseException:
            if _is_at(self.path, made):
                self.path.unlink()
            raise

    def _check_is_this(self, path: Path) -> None:
        if not self._is_this(path):
            raise CannotRunError(
                f"{path}: expected the file that was written, found another or none: "
                f"another program works on this name: use a name of your own"
            )

    def _is_this(self, path: Path) -> bool:
        return _is_at(path, os.fstat(self.file.fileno()))


@contextmanager
def new_file(path: Path, what: str, *, is_replacing: bool = False) -> Generator[NewFile]:
    """Yield a file to write; without a `publish` in the block nothing stays behind.

    With `is_replacing` what has the name or its partial one goes.
    Raises `CannotRunError` if one of them is taken otherwise, for a bad place, and for a
    disk that fails; `what` says what is written, such as "archive".
    """
    if not is_replacing and os.path.lexists(path):
        raise _taken(path)
    check_place(path)
    partial = path.with_name(f"{path.name}.partial")
    try:
        if is_replacing:
            partial.unlink(missing_ok=True)
        with _created(partial, what) as file:
            new = NewFile(path, partial, file, is_replacing)
            try:
                yield new
            finally:
                new.discard()
    except BrokenPipeError:
        raise  # no file: whoever read what was printed meanwhile went away
    except OSError as error:
        raise CannotRunError(f"{path}: cannot be written: {error.strerror or error}") from error


@contextmanager
def new_directory(path: Path, what: str) -> Generator[Path]:
    """Yield an empty directory to fill, which has the name `path` once the block ends well.

    If it does not end well nothing stays behind, but what another program put in this one's place.
    Raises `CannotRunError` if the name or its partial one is taken, for a bad place, and for a
    disk that fails; `what` says what is written, such as "backup".
    """
    _check_new(path, what)
    partial = path.with_name(f"{path.name}.partial")
    _check_new(partial, what)
    check_place(path)
    try:
        partial.mkdir()
        made = partial.lstat()
        try:
            yield partial
            sync_directory(partial)
            if not _is_at(partial, made):
                raise CannotRunError(
                    f"{partial}: expected the {what} that was written, found another or none: "
                    f"another program works on this name: use a name of your own"
                )
            # A rename would replace an empty directory.
            _check_new(path, what)
            partial.rename(path)
        finally:
            if _is_at(partial, made):
                shutil.rmtree(partial, ignore_errors=True)
        sync_directory(path.absolute().parent)
    except OSError as error:
        raise CannotRunError(
            f"{path}: the {what} cannot be written: {error.strerror or error}"
        ) from error


def _check_new(path: Path, what: str) -> None:
    if os.path.lexists(path):
        raise CannotRunError(f"{path}: expected a new place for the {what}, found this")


def _is_at(path: Path, made: os.stat_result) -> bool:
    """Return whether a path leads to what was made, and to nothing else by now."""
    try:
        return os.path.samestat(path.lstat(), made)
    except FileNotFoundError:
        return False


def _created(partial: Path, what: str) -> BinaryIO:
    try:
        return partial.open("xb")
    except FileExistsError:
        raise CannotRunError(
            f"{partial}: expected a new place for the {what}, found this: "
            f"delete it if no program is writing it"
        ) from None


def _taken(path: Path) -> CannotRunError:
    return CannotRunError(f"{path}: expected no file, found one")

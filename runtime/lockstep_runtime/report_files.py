"""Where a run writes its report: a new file outside every journal, or a device or pipe.

A file gets its name only when the run has ended: a run that fails replaces nothing. A device or a
pipe is written as the run goes, and takes no second file beside it.
"""

import os
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from lockstep_journal.newfiles import new_file
from lockstep_journal.places import check_place
from lockstep_kernel import CannotRunError

Write = Callable[[bytes], object]

_DESCRIPTORS = {"/dev/stdout": 1, "/dev/stderr": 2}
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/([0-9]{1,9})")
_UNFINISHED_SUFFIX = ".partial"


class ReportPlaces(msgspec.Struct, frozen=True):
    """What a report must not touch: the feed, if it is a file, and the journal of the run.

    With `is_overwriting` it may replace any other file.
    """

    feed: Path
    journal: Path
    is_overwriting: bool = False

    def check(self, path: str) -> None:
        """Raise `CannotRunError` if no report may be written to `path`."""
        place = Path(path)
        if is_stream(path):
            return
        self._check_file(place, "--overwrite replaces it")
        self._check_file(_unfinished(place), "what a killed run left, --overwrite replaces it")

    def _check_file(self, path: Path, hint: str) -> None:
        if path.exists() and self.feed.exists() and path.samefile(self.feed):
            raise CannotRunError(f"{path}: expected a file for the report, found the feed")
        check_place(path)
        target, journal = path.resolve(), self.journal.resolve()
        check_place(target)
        if journal in (target, *target.parents):
            raise CannotRunError(
                f"{path}: expected a place outside every journal, found it inside {self.journal}"
            )
        if path.is_dir():
            raise CannotRunError(f"{path}: expected no file, found a directory")
        if path.exists() and not self.is_overwriting:
            raise CannotRunError(f"{path}: expected no file, found one: {hint}")


def is_stream(path: str) -> bool:
    """Return whether a path is an open descriptor, a device or a pipe.

    >>> is_stream("/dev/stdout"), is_stream("/dev/null"), is_stream("/dev")
    (True, True, False)
    """
    place = Path(path)
    return _descriptor(path) is not None or place.is_char_device() or place.is_fifo()


@contextmanager
def opened_report(path: str, is_overwriting: bool = False) -> Generator[Write]:
    """Yield what writes to a report whose place was checked; raises `CannotRunError` if it fails.

    A file is under its name when this ends without an exception, and not there otherwise. What
    took the name meanwhile stays unless it may be overwritten.
    """
    if not is_stream(path):
        with new_file(Path(path), "report", is_replacing=is_overwriting) as new:
            yield _Writer(path, new.file).write
            new.publish()
        return
    try:
        with _opened(path) as file:
            yield _Writer(path, file).write
    except OSError as error:
        raise _not_written(path, error) from error


class _Writer:
    """Writes to a file; its faults name the path."""

    def __init__(self, path: str, file: BinaryIO) -> None:
        self._path = path
        self._file = file

    def write(self, data: bytes) -> None:
        """Append to the file."""
        try:
            self._file.write(data)
        except OSError as error:
            raise _not_written(self._path, error) from error


def _opened(path: str) -> BinaryIO:
    descriptor = _descriptor(path)
    return open(path, "wb") if descriptor is None else os.fdopen(os.dup(descriptor), "wb")


def _descriptor(path: str) -> int | None:
    """Return the open descriptor that a path names: opened by name, a file is written anew."""
    match = _DESCRIPTOR.fullmatch(path)
    return _DESCRIPTORS.get(path) if match is None else int(match[1])


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{path.name}{_UNFINISHED_SUFFIX}")


def _not_written(path: str, error: OSError) -> CannotRunError:
    return CannotRunError(f"{path}: cannot be written: {error.strerror or error}")

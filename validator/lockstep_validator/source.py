"""Where the bytes of a stream come from: a file, standard input, a journal directory, an object.

A journal is read by a child process: a truncated database file kills whoever maps it with SIGBUS,
and the validator must live to say so. Nothing here interprets a byte.
"""

import os
import select
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import IO, NoReturn, Protocol

from lockstep_kernel import CannotRunError, DamagedError, TornTailError
from lockstep_kernel.errors import EXIT_DAMAGED, EXIT_OK, EXIT_TORN
from lockstep_validator.options import Options

READER = "lockstep_journal.reader"
POLL_S = 0.05
CHILD_GRACE_S = 5.0
_DEADLY = frozenset({signal.SIGBUS, signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGFPE})


class Readable(Protocol):
    """Anything with `read(n)` that returns b"" only at its end."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes."""
        ...


Source = str | os.PathLike[str] | Readable
"""A path of a stream or of a journal directory, `-` for standard input, or a readable object."""


class Input:
    """An opened source.

    `is_stopped` tells that waiting ended because the caller asked for it, `is_at_end` that nothing
    can follow.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self.read = read
        self.is_stopped = False
        self.is_at_end = True

    def close_end(self) -> None:
        """From now on take only what is there already."""


class LiveInput(Input):
    """Waits for more: for a growing file without end, for a pipe until its writers close it."""

    def __init__(self, file: IO[bytes], should_stop: Callable[[], bool]) -> None:
        super().__init__(self._read_live)
        self._fd = file.fileno()
        self._is_file = stat.S_ISREG(os.fstat(self._fd).st_mode)
        self._should_stop = should_stop
        self._is_last = False

    def close_end(self) -> None:
        """From now on take only what is there already."""
        self._is_last = True

    def _read_live(self, size: int) -> bytes:
        while not self._should_stop():
            ready, _, _ = select.select([self._fd], [], [], 0 if self._is_last else POLL_S)
            data = os.read(self._fd, size) if ready else b""
            if data or self._is_last or (ready and not self._is_file):
                self.is_at_end = bool(ready)
                # A terminal interrupts the writer of a pipe too: its end is then no finding.
                self.is_stopped = not data and not self._is_last and self._should_stop()
                return data
            if ready:
                self._wait_for_growth()
        self.is_stopped = True
        return b""

    def _wait_for_growth(self) -> None:
        if os.fstat(self._fd).st_size < os.lseek(self._fd, 0, os.SEEK_CUR):
            raise DamagedError("the file became shorter while it was followed", None)
        time.sleep(POLL_S)


class Child:
    """The process that reads a journal directory and writes its portable stream."""

    def __init__(self, arguments: list[str]) -> None:
        # -P: the directory we happen to stand in must never lend its modules.
        command = [sys.executable, "-P", "-m", READER, *arguments]
        modules = os.pathsep.join(path for path in sys.path if path)
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the child
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._messages,
            env={**os.environ, "PYTHONPATH": modules},
        )

    @property
    def output(self) -> IO[bytes]:
        """The stream."""
        assert self._process.stdout is not None  # noqa: S101  # Popen was told to make a pipe
        return self._process.stdout

    def wait(self) -> int:
        """Wait for the end of the child and return its exit code, negative for a signal."""
        return self._process.wait()

    def check(self, code: int) -> None:
        """Raise what the exit code of the child means."""
        if code == EXIT_OK:
            return
        if code < 0:
            self._killed(signal.Signals(-code))
        self._fail(code, self._sentence())

    def close(self) -> None:
        """End the child if it still runs."""
        self.output.close()
        self._process.terminate()
        try:
            self._process.wait(CHILD_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._messages.close()

    def _killed(self, by: signal.Signals) -> NoReturn:
        if by in _DEADLY:
            raise DamagedError(
                f"the journal's reader died of {by.name}: the data file is truncated or damaged",
                None,
            )
        raise CannotRunError(f"the journal's reader was ended by {by.name}")

    def _fail(self, code: int, sentence: str) -> NoReturn:
        if code == EXIT_DAMAGED:
            raise DamagedError(sentence, None)
        if code == EXIT_TORN:
            raise TornTailError(sentence, None)
        raise CannotRunError(sentence)

    def _sentence(self) -> str:
        self._messages.seek(0)
        lines = self._messages.read().decode(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        if not said:
            return "the journal's reader failed without a word"
        return said[-1].removeprefix("reader: ")


@contextmanager
def opened(source: Source, options: Options) -> Generator[Input]:
    """Open a source and close it again; raise `CannotRunError` if it cannot be opened or read."""
    if not isinstance(source, str | os.PathLike):
        yield Input(source.read)
        return
    path = os.fspath(source)
    try:
        if path != "-" and os.path.isdir(path):
            with _opened_journal(path, options) as journal:
                yield journal
        else:
            with _opened_file(path, options) as file:
                yield _input(file, options)
    except OSError as error:
        raise CannotRunError(f"cannot read '{path}': {error.strerror or error}") from error


def _opened_file(path: str, options: Options) -> IO[bytes]:
    target: str | int = 0 if path == "-" else path
    buffering = 0 if options.is_following else -1
    return open(target, "rb", buffering=buffering, closefd=path != "-")


@contextmanager
def _opened_journal(path: str, options: Options) -> Generator[Input]:
    child = Child(_reader_arguments(path, options))
    try:
        journal = _input(child.output, options)
        read, should_stop = journal.read, options.should_stop or _never

        def read_and_check(size: int) -> bytes:
            data = read(size)
            if not data and journal.is_at_end and not journal.is_stopped:
                code = child.wait()
                # A terminal interrupts the child too: its death is then no finding.
                journal.is_stopped = should_stop()
                if not journal.is_stopped:
                    child.check(code)
            return data

        journal.read = read_and_check
        yield journal
    finally:
        child.close()


def _reader_arguments(path: str, options: Options) -> list[str]:
    arguments: list[str] = []
    if options.trust is not None:
        # The reader starts at the newest snapshot before the record that it must send.
        arguments += ["--from-seq", str(options.trust.seq + 1)]
    if options.has_events:
        arguments.append("--events")
    if options.is_following:
        arguments.append("--follow")
    return [*arguments, "--", path]


def _input(file: IO[bytes], options: Options) -> Input:
    if options.is_following:
        return LiveInput(file, options.should_stop or _never)
    return Input(file.read)


def _never() -> bool:
    return False

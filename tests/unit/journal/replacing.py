"""Ends a process at its N-th step with files, for everything that replaces a journal's file."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults.processes import run_child

_STEPS = frozenset(
    {
        *("open", "os.chmod", "os.chown", "os.mkdir", "os.remove", "os.rename", "os.rmdir"),
        *("os.truncate", "shutil.copyfile", "shutil.rmtree", "subprocess.Popen", "fcntl.lockf"),
    }
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_SURVIVED = 7


def killed_at_every_step(body: Callable[[], object]) -> Iterator[int]:
    """Run `body` in a child that is killed before its first step, then its second, to its end."""
    number = 1
    while _run_to(body, number):
        yield number
        number += 1


def _run_to(body: Callable[[], object], number: int) -> bool:
    """Return whether the child was killed before it was through."""

    def child() -> int:
        sys.addaudithook(_Killer(number))
        body()
        return _SURVIVED

    ended = run_child(child)
    assert ended.code in (-signal.SIGKILL, _SURVIVED), ended.said
    return ended.code != _SURVIVED


class _Killer:
    """Counts the steps of this process."""

    def __init__(self, number: int) -> None:
        self._left = number

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if event not in _STEPS:
            return
        if event == "open" and not int(str(arguments[2])) & _WRITING:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def names_in(directory: Path) -> list[str]:
    """Return the names of all that is in a directory."""
    return sorted(entry.name for entry in directory.iterdir())

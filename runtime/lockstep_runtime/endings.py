"""Ends a program that SIGTERM or SIGHUP ends as Ctrl-C does: children ended, temporary files gone.

Only what the interpreter brings is imported: the guard of the program stands on this.
"""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

EXIT_SIGNALLED = 128
"""Plus the number of the signal, as a shell shows it: 143 for SIGTERM, 129 for SIGHUP."""

_ENDINGS = (signal.SIGTERM, signal.SIGHUP)


class EndedError(KeyboardInterrupt):
    """A signal ends the program; all that cleans up after Ctrl-C cleans up after it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def sentence(self) -> str:
        """Which signal it was."""
        return f"ended by {signal.Signals(self.number).name}"


@contextmanager
def taken_endings() -> Generator[None]:
    """Raise `EndedError` meanwhile at the first of these signals; cleaning up is not interrupted.

    A signal that whoever started us ignores (nohup) stays ignored. Only for the main thread.
    """
    before = {number: signal.getsignal(number) for number in _ENDINGS}
    taken = [number for number in _ENDINGS if before[number] is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


def _end(number: int, _frame: FrameType | None) -> None:
    for each in (signal.SIGINT, *_ENDINGS):
        signal.signal(each, signal.SIG_IGN)
    raise EndedError(number)

"""Holds Ctrl-C and SIGTERM back until a program is between two batches.

A sequencer that is interrupted inside a batch must recover. A program that uses this never is.
"""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held_interrupts() -> Generator[Callable[[], int]]:
    """Yield a function that returns which of SIGINT and SIGTERM came first, 0 for none.

    Both are restored at the end.

    Only for the main thread. A second SIGINT raises `KeyboardInterrupt` at once.

    >>> with held_interrupts() as is_interrupted:
    ...     is_interrupted()
    0
    """
    came: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if came.count(signal.SIGINT) > 1:
            raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, hold) for number in numbers]
    try:
        yield lambda: came[0] if came else 0
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)

"""Turns: one thread at a time, and each as it came.

Owns the order. A plain lock may be taken again by the thread that just gave it back, as often as it
likes; here a thread that waits is next, so a busy feed keeps no order and no report waiting.
"""

import threading
from collections import deque

from lockstep_kernel import CannotRunError


class Turns:
    """A lock that is handed on in the order in which it was asked for: `with turns:`."""

    __slots__ = ("_guard", "_holder", "_waiting", "what")

    def __init__(self, what: str) -> None:
        self.what = what
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._holder: int | None = None

    def __enter__(self) -> None:
        """Wait for the turn; asking for it within it would wait for ever, and raises."""
        me = threading.get_ident()
        with self._guard:
            if self._holder is None:
                self._holder = me
                return
            if self._holder == me:
                raise CannotRunError(
                    f"{self.what}: expected one call at a time, found one within another"
                )
            place = threading.Lock()
            place.acquire()
            self._waiting.append(place)
        try:
            # Released by whoever hands the turn over; nobody else can take it in between.
            place.acquire()
        except BaseException:
            self._leave(place)
            raise
        self._holder = me

    def __exit__(self, *_: object) -> None:
        """Hand the turn over to whoever waits for the longest time."""
        with self._guard:
            self._hand_over()

    def check_mine(self) -> None:
        """Raise `CannotRunError` unless this thread has the turn."""
        if self._holder != threading.get_ident():
            raise CannotRunError(f"{self.what}: expected its turn to be held, found no such call")

    @property
    def waiting(self) -> int:
        """Return how many threads wait for their turn."""
        return len(self._waiting)

    def _leave(self, place: threading.Lock) -> None:
        """Wait no more, after an interrupt; a turn that has come already is handed over."""
        with self._guard:
            if place in self._waiting:
                self._waiting.remove(place)
            else:
                self._hand_over()

    def _hand_over(self) -> None:
        self._holder = _NOBODY_YET if self._waiting else None
        if self._waiting:
            self._waiting.popleft().release()


_NOBODY_YET = -1
"""The turn is taken, by a thread that does not run yet."""

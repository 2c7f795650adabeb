"""Bounded channels between threads, each with a stated policy for when it is full (PIPE-D2).

Owns the queue and its counters. Market data may lose its oldest; orders and fills never: a channel
that is `lossless` refuses a policy that drops.
Invariant: depth <= high_water <= capacity; put = taken + dropped + depth.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from enum import Enum
from threading import Condition
from typing import Generic, NamedTuple, TypeVar

from lockstep_desk.errors import InvalidValueError, need_int

T = TypeVar("T")


class Overflow(Enum):
    """What happens to a value that finds the channel full."""

    BLOCK = "block"
    """Who puts waits until there is room."""
    DROP_OLDEST = "drop_oldest"
    """The oldest goes: what market data is conflated by."""
    DROP_NEWEST = "drop_newest"
    """The new one is not taken."""
    RAISE = "raise"
    """`ChannelFullError` is raised to who puts."""

    @property
    def drops(self) -> bool:
        """Return whether a value can be lost."""
        return self in (Overflow.DROP_OLDEST, Overflow.DROP_NEWEST)


class ChannelFullError(Exception):
    """A channel under RAISE is full: who reads it does not keep up. The operator finds out why."""


class ChannelClosedError(Exception):
    """A channel is closed: nothing more comes in, and once it is empty nothing more comes out."""


class Counters(NamedTuple):
    """What became of all values so far; `blocked_ns` is how long putters waited, together."""

    depth: int
    high_water: int
    put: int
    taken: int
    dropped: int
    blocked_ns: int


class Channel(Generic[T]):
    """A bounded queue, first in first out, for any number of threads on both ends."""

    def __init__(
        self,
        name: str,
        capacity: int,
        overflow: Overflow,
        *,
        is_lossless: bool = False,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`clock_ns` only measures how long putters wait."""
        if is_lossless and overflow.drops:
            raise InvalidValueError(
                f"channel '{name}': expected the policy block or raise, as nothing in it may be "
                f"lost, found {overflow.value}"
            )
        self.name = name
        self.capacity = need_int("capacity", capacity, 1)
        self.overflow = overflow
        self._clock_ns = clock_ns
        self._values: deque[T] = deque()
        self._changed = Condition()
        self._is_closed = False
        self._high_water = 0
        self._put = 0
        self._taken = 0
        self._dropped = 0
        self._blocked_ns = 0

    def put(self, value: T) -> bool:
        """Add a value; return False if it was not taken.

        Raises `ChannelFullError` under RAISE, `ChannelClosedError` once it is closed.
        """
        with self._changed:
            self._check_open()
            if len(self._values) >= self.capacity and not self._make_room():
                self._put += 1
                self._dropped += 1
                return False
            self._put += 1
            self._values.append(value)
            self._high_water = max(self._high_water, len(self._values))
            self._changed.notify_all()
            return True

    def take(self, timeout_s: float | None = None) -> T | None:
        """Return the oldest value, None when none came in time; None waits for ever.

        Raises `ChannelClosedError` when it is closed and empty.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._values or self._is_closed, timeout_s)
            if self._values:
                self._taken += 1
                self._changed.notify_all()
                return self._values.popleft()
            if self._is_closed:
                raise ChannelClosedError(self.name)
            return None

    def take_all(self) -> list[T]:
        """Return all values that stand in it now, without waiting."""
        with self._changed:
            values = list(self._values)
            self._values.clear()
            self._taken += len(values)
            self._changed.notify_all()
            return values

    def close(self) -> None:
        """Take nothing more; who waits is woken."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    @property
    def is_closed(self) -> bool:
        """Return whether nothing more comes in."""
        return self._is_closed

    def counters(self) -> Counters:
        """Return what became of all values so far."""
        with self._changed:
            return Counters(
                depth=len(self._values),
                high_water=self._high_water,
                put=self._put,
                taken=self._taken,
                dropped=self._dropped,
                blocked_ns=self._blocked_ns,
            )

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[T]:
        """Yield values until the channel is closed and empty."""
        while True:
            try:
                value = self.take()
            except ChannelClosedError:
                return
            if value is not None:
                yield value

    def _check_open(self) -> None:
        if self._is_closed:
            raise ChannelClosedError(self.name)

    def _make_room(self) -> bool:
        """Do what the policy says about a full channel; return whether there is room now."""
        match self.overflow:
            case Overflow.BLOCK:
                self._wait_for_room()
                return True
            case Overflow.DROP_OLDEST:
                self._values.popleft()
                self._dropped += 1
                return True
            case Overflow.DROP_NEWEST:
                return False
            case Overflow.RAISE:
                raise ChannelFullError(
                    f"channel '{self.name}': expected room, found all {self.capacity} places taken"
                )

    def _wait_for_room(self) -> None:
        start_ns = self._clock_ns()
        self._changed.wait_for(lambda: len(self._values) < self.capacity or self._is_closed)
        self._blocked_ns += self._clock_ns() - start_ns
        self._check_open()

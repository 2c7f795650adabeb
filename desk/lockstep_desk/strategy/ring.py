"""The last values of a series: bounded, and read without copying (PIPE-D8)."""

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar, overload

from lockstep_desk.errors import need_int

T = TypeVar("T")


class Ring(Generic[T]):
    """Keeps the newest `capacity` values. `push` is O(1); the oldest goes when there is no room."""

    __slots__ = ("_capacity", "_start", "_values")

    def __init__(self, capacity: int) -> None:
        self._capacity = need_int("capacity", capacity, 1)
        self._values: list[T] = []
        self._start = 0

    def push(self, value: T) -> T | None:
        """Add a value; return the one that had to go, None while there is room."""
        if len(self._values) < self._capacity:
            self._values.append(value)
            return None
        gone = self._values[self._start]
        self._values[self._start] = value
        self._start = (self._start + 1) % self._capacity
        return gone

    def at(self, place: int) -> T:
        """Return the value at a place, 0 the oldest; raise `IndexError` beyond the newest."""
        if not 0 <= place < len(self._values):
            raise IndexError(place)
        return self._values[(self._start + place) % len(self._values)]

    def view(self) -> "RingView[T]":
        """Return a view that reads and cannot write; it shows what the ring holds when asked."""
        return RingView(self)

    @property
    def is_full(self) -> bool:
        """Return whether the next value makes one go."""
        return len(self._values) == self._capacity

    def __len__(self) -> int:
        return len(self._values)


class RingView(Sequence[T]):
    """What a ring holds, oldest first."""

    __slots__ = ("_ring",)

    def __init__(self, ring: Ring[T]) -> None:
        self._ring = ring

    def __len__(self) -> int:
        return len(self._ring)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return [self._ring.at(place) for place in range(*index.indices(len(self)))]
        return self._ring.at(index + len(self) if index < 0 else index)

    def __iter__(self) -> Iterator[T]:
        return (self._ring.at(place) for place in range(len(self)))

"""What every reporter is, and a text that is hashed while it is written."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Protocol

import msgspec

Figures = dict[str, int | str]
"""What a report comes to: names and values, in the order in which to show them."""

Write = Callable[[bytes], object]


class Reporter(Protocol):
    """An event sink with a result."""

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        """Take the events of command `seq`."""
        ...

    def finish(self) -> Figures:
        """Write what is left and return the figures; called once."""
        ...


class TextDigest:
    """Writes text on, if anybody wants it, and keeps its SHA-256."""

    def __init__(self, write: Write | None = None) -> None:
        self._write = write
        self._sha256 = sha256()
        self.bytes = 0

    def add(self, data: bytes) -> None:
        """Append to the text."""
        self._sha256.update(data)
        self.bytes += len(data)
        if self._write is not None:
            self._write(data)

    def hexdigest(self) -> str:
        """Return the SHA-256 of the text so far."""
        return self._sha256.hexdigest()

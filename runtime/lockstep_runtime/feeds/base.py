"""What every feed is: a reproducible stream of commands in chunks, with a genesis of its own."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from lockstep_kernel import Fault, Genesis
from lockstep_runtime.signing import Item

CHUNK_ITEMS = 1_000


class Feed(Protocol):
    """A stream of commands that is the same at every reading.

    A feed with `listens` is told the events of every command of a chunk, in order, before its next
    chunk is asked for: what it does depends on chunks, never on the batches of the sequencer.
    """

    @property
    def name(self) -> str:
        """What tables and messages call this feed."""
        ...

    @property
    def listens(self) -> bool:
        """Whether `listen` must be called."""
        ...

    def genesis(self) -> Genesis:
        """Return the genesis of the exchange that the feed is for."""
        ...

    def chunks(self) -> Iterator[list[Item]]:
        """Yield the commands; callable once. A fault is raised after all that stands before it."""
        ...

    def listen(self, events: Sequence[msgspec.Struct]) -> None:
        """Take the events of one command."""
        ...


def chunked(items: Iterable[Item], size: int = CHUNK_ITEMS) -> Iterator[list[Item]]:
    """Group items; what stood before a fault is yielded before the fault is raised."""
    chunk: list[Item] = []
    fault: Fault | None = None
    iterator = iter(items)
    while fault is None:
        try:
            chunk.append(next(iterator))
        except StopIteration:
            break
        except Fault as error:
            fault = error
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
    if fault is not None:
        raise fault

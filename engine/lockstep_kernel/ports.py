"""The three ports between a sequencer and the world, each with a twin in memory.

Every implementation passes the contract suite in tests/contract.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from lockstep_kernel.chain import Applied
from lockstep_kernel.values import JournalRecord


class EventSink(Protocol):
    """Receives the events of each durable command, in order, exactly once per process."""

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        """Take the events of command `seq`."""
        ...


class JournalWriter(Protocol):
    """Makes applied commands durable."""

    def append(self, batch: Sequence[Applied]) -> int:
        """Write all or nothing, durably, and return the last durable sequence number."""
        ...


class CommandPublisher(Protocol):
    """Publishes each durable record to followers, in order."""

    def publish(self, seq: int, record: JournalRecord) -> None:
        """Send the record of command `seq`."""
        ...

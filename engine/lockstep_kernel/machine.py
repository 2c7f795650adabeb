"""What a state machine gives the kernel so that it can be journaled, replayed and validated.

The journal, the sequencer, the replay and the validator know machines by these protocols only. A
machine may have three methods more, for people, that change nothing: `views(core)` shows a state,
`explain(core, subject)` says what made the numbers of one subject in it, and `label(struct, field,
value)` says what a number in a command or event is called (`lockstep_replay.views`).
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import msgspec

from lockstep_kernel.codec import Codec
from lockstep_kernel.entity import Entity, Record


class Core(Protocol):
    """The mutable inside of a machine's state. Only `Machine.step` changes it.

    `touched` holds every entity whose record changed since the kernel last emptied it; it is one
    and the same list for as long as the core lives.
    """

    touched: list[Entity]

    def clocks(self) -> bytes:
        """Pack the clock and the id counters, big-endian, always the same number of bytes."""
        ...

    def rules_version(self) -> int:
        """Return the version of the rules in force."""
        ...


class Machine(Protocol):
    """A named state machine. `step` is total on well-formed commands and touches nothing else.

    It is handed only cores that it made and commands of its codec, so what `core` and `command` are
    is its own affair.
    """

    @property
    def name(self) -> str:
        """The name that stands in the genesis of its journals."""
        ...

    @property
    def rules_versions(self) -> range:
        """The rules versions that this code runs."""
        ...

    @property
    def codec(self) -> Codec:
        """The command and event types."""
        ...

    def genesis(self, rules_version: int, params: bytes) -> Core:
        """Build the first state from canonical parameters; raise `MalformedCommand` if bad."""
        ...

    def step(
        self,
        core: Any,  # pyright: ignore[reportExplicitAny]  # its own, which no protocol can name
        ts_ns: int,
        command: Any,  # pyright: ignore[reportExplicitAny]  # one of its own
    ) -> Sequence[msgspec.Struct]:
        """Change the core in place by one command and return the events, in order."""
        ...

    def entities(
        self,
        core: Any,  # pyright: ignore[reportExplicitAny]  # its own
    ) -> Iterable[Record]:
        """Yield the record of every entity that is not at its default, from every container."""
        ...

    def restore(self, params: bytes, clocks: bytes, records: Iterable[Record]) -> Core:
        """Build a core from dumped records, with all derived values rebuilt."""
        ...

    def verify(
        self,
        core: Any,  # pyright: ignore[reportExplicitAny]  # its own
    ) -> None:
        """Rebuild every derived value and compare; raise `InvariantError` on a difference."""
        ...

    def rules_required(
        self,
        command: Any,  # pyright: ignore[reportExplicitAny]  # one of its own
    ) -> int:
        """Return the rules version that this command would activate, 0 for every other command."""
        ...

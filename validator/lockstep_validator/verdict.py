"""The result of a validation. Values stay as the machine made them; report.py renders them."""

from collections.abc import Sequence
from enum import IntEnum

import msgspec

from lockstep_kernel import DivergedError, Record
from lockstep_kernel.errors import (
    EXIT_CANNOT_RUN,
    EXIT_DAMAGED,
    EXIT_DIVERGED,
    EXIT_OK,
    EXIT_TORN,
)


class Status(IntEnum):
    """What was found; the number is the exit code."""

    OK = EXIT_OK
    DIVERGED = EXIT_DIVERGED
    DAMAGED = EXIT_DAMAGED
    COULD_NOT_RUN = EXIT_CANNOT_RUN
    TORN = EXIT_TORN


class EntityChange(msgspec.Struct, frozen=True):
    """One entity that differs: its fields before and after; None stands for absent."""

    kind: int
    name: str
    key: object
    before: Record | None
    after: Record | None


class Divergence(msgspec.Struct, frozen=True):
    """The first place where recomputation and stream part.

    `reason` is hash, events, command (its bytes are not canonical), snapshot, head (a signed one),
    expected or trusted.
    `expected_events` is None when the stream does not carry them, bytes when they do not decode.
    `entities` are before and after the command; for a snapshot, as it says and as recomputed.
    """

    reason: str
    seq: int
    expected_hash: bytes
    computed_hash: bytes | None = None
    ts_ns: int | None = None
    command: msgspec.Struct | None = None
    body: bytes = b""
    expected_events: Sequence[msgspec.Struct] | bytes | None = None
    computed_events: Sequence[msgspec.Struct] = ()
    entities: Sequence[EntityChange] = ()
    note: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """What a validation found.

    `seq` is the last validated sequence number, or where the first bad thing stands (None: in the
    header). `hash` belongs to `validated_seq`, the last one whose hash was recomputed and equal.
    """

    status: Status
    seq: int | None
    hash: bytes
    validated_seq: int
    commands: int
    events: int
    machine: str
    rules_version: int
    message: str
    divergence: Divergence | None = None

    @property
    def exit_code(self) -> int:
        """The exit code of the program."""
        return int(self.status)


class Diverged(DivergedError):
    """Carries the report of a divergence to where the verdict is made."""

    def __init__(self, message: str, divergence: Divergence) -> None:
        super().__init__(f"sequence {divergence.seq}: {message}", divergence.seq)
        self.divergence = divergence

"""The plain values that cross the kernel's modules. They stay interpreted in every build.

A compiled class statement would lose the options that make these structs encode as they do.
"""

from enum import IntEnum
from typing import Annotated

import msgspec


class Genesis(msgspec.Struct, frozen=True, array_like=True, tag=0, forbid_unknown_fields=True):
    """What `hash_0` binds: machine, first rules version, digest interval, machine parameters.

    Decoding takes only numbers that fit the frame of `hash_0`.
    """

    machine: str
    rules_version: Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
    digest_every: Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
    params: bytes


class Sequenced(msgspec.Struct, frozen=True, gc=False):
    """A command with the time that the sequencer stamped and its canonical bytes.

    Invariant: `body` is the canonical encoding of `command`.
    """

    ts_ns: int
    command: msgspec.Struct
    body: bytes


class JournalRecord(msgspec.Struct, frozen=True, gc=False):
    """One sequenced command. `epoch` says which owner wrote it and is outside the hash."""

    seq: int
    epoch: int
    ts_ns: int
    previous: bytes
    hash: bytes
    body: bytes


class FrameType(IntEnum):
    """What a frame holds."""

    GENESIS = 1
    RECORD = 2
    EVENTS = 3
    SNAPSHOT = 4
    HEAD = 5
    END = 6


class SnapshotHead(msgspec.Struct, frozen=True):
    """What a snapshot says of itself."""

    seq: int
    ts_ns: int
    hash: bytes
    genesis_hash: bytes
    digest: int
    clocks: bytes

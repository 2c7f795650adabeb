"""The kernel: what makes any state machine replayable.

It owns the hash chain, the digest, canonical bytes, snapshots, records and the portable stream. It
never does I/O, reads no clock, no randomness and no environment, and knows no machine by name.
"""

from lockstep_kernel.arith import div_ceil, div_floor, div_half_even, div_trunc
from lockstep_kernel.chain import (
    Applied,
    Chain,
    State,
    apply,
    apply_batch,
    check_activation,
    check_genesis,
    genesis_hash,
    initial,
    recomputed_digest,
    record_digest,
    restored,
    verify,
)
from lockstep_kernel.codec import Codec
from lockstep_kernel.diff import Change, changes
from lockstep_kernel.entity import Entity, Record
from lockstep_kernel.errors import (
    CannotRunError,
    DamagedError,
    DivergedError,
    Fault,
    InvariantError,
    LockstepError,
    MalformedCommand,
    StaleStateError,
    TornTailError,
    UnsupportedError,
    check,
)
from lockstep_kernel.machine import Core, Machine
from lockstep_kernel.ports import CommandPublisher, EventSink, JournalWriter
from lockstep_kernel.record import pack_record, unpack_record
from lockstep_kernel.registry import find_machine, machine_names
from lockstep_kernel.snapshot import dump, load, read_head, sorted_records
from lockstep_kernel.stream import Frame, StreamReader, StreamWriter, pack_frame
from lockstep_kernel.values import FrameType, Genesis, JournalRecord, Sequenced, SnapshotHead

__all__ = [
    "Applied",
    "CannotRunError",
    "Chain",
    "Change",
    "Codec",
    "CommandPublisher",
    "Core",
    "DamagedError",
    "DivergedError",
    "Entity",
    "EventSink",
    "Fault",
    "Frame",
    "FrameType",
    "Genesis",
    "InvariantError",
    "JournalRecord",
    "JournalWriter",
    "LockstepError",
    "Machine",
    "MalformedCommand",
    "Record",
    "Sequenced",
    "SnapshotHead",
    "StaleStateError",
    "State",
    "StreamReader",
    "StreamWriter",
    "TornTailError",
    "UnsupportedError",
    "apply",
    "apply_batch",
    "changes",
    "check",
    "check_activation",
    "check_genesis",
    "div_ceil",
    "div_floor",
    "div_half_even",
    "div_trunc",
    "dump",
    "find_machine",
    "genesis_hash",
    "initial",
    "load",
    "machine_names",
    "pack_frame",
    "pack_record",
    "read_head",
    "record_digest",
    "recomputed_digest",
    "restored",
    "sorted_records",
    "unpack_record",
    "verify",
]

"""The kernel: what makes any state machine replayable.

It owns the hash chain, the digest, canonical bytes, snapshots, records, the portable stream, and
the tree and heads of evidence. It never does I/O, reads no clock, no randomness and no environment,
and knows no machine by name.
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
from lockstep_kernel.merkle import (
    EMPTY_ROOT,
    Tree,
    consistency_ranges,
    inclusion_ranges,
    leaf_hash,
    node_hash,
    range_roots,
    root_from_inclusion,
    roots_from_consistency,
)
from lockstep_kernel.note import (
    NoteKey,
    NoteSignature,
    SignedNote,
    is_key_name,
    pack_note,
    parse_key,
    unpack_note,
)
from lockstep_kernel.ports import CommandPublisher, EventSink, JournalWriter
from lockstep_kernel.record import pack_record, unpack_record
from lockstep_kernel.registry import find_machine, machine_names
from lockstep_kernel.snapshot import dump, load, read_head, sorted_records
from lockstep_kernel.stream import Frame, StreamReader, StreamWriter, pack_frame
from lockstep_kernel.tree_head import (
    TreeHead,
    contradictions,
    genesis_digest,
    parse_head,
    state_digest,
)
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
    "EMPTY_ROOT",
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
    "NoteKey",
    "NoteSignature",
    "Record",
    "Sequenced",
    "SignedNote",
    "SnapshotHead",
    "StaleStateError",
    "State",
    "StreamReader",
    "StreamWriter",
    "TornTailError",
    "Tree",
    "TreeHead",
    "UnsupportedError",
    "apply",
    "apply_batch",
    "changes",
    "check",
    "check_activation",
    "check_genesis",
    "consistency_ranges",
    "contradictions",
    "div_ceil",
    "div_floor",
    "div_half_even",
    "div_trunc",
    "dump",
    "find_machine",
    "genesis_digest",
    "genesis_hash",
    "inclusion_ranges",
    "initial",
    "is_key_name",
    "leaf_hash",
    "load",
    "machine_names",
    "node_hash",
    "pack_frame",
    "pack_note",
    "pack_record",
    "parse_head",
    "parse_key",
    "range_roots",
    "read_head",
    "recomputed_digest",
    "record_digest",
    "restored",
    "root_from_inclusion",
    "roots_from_consistency",
    "sorted_records",
    "state_digest",
    "unpack_note",
    "unpack_record",
    "verify",
]

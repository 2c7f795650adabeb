"""Makes the report of a divergence: what was done, what came out, and what it touched."""

from collections.abc import Iterable, Sequence

import msgspec

from lockstep_kernel import (
    Chain,
    Codec,
    JournalRecord,
    LockstepError,
    Machine,
    MalformedCommand,
    Record,
    SnapshotHead,
    changes,
)
from lockstep_validator.links import loaded
from lockstep_validator.tape import Tape
from lockstep_validator.verdict import Diverged, Divergence, EntityChange


class Computed(msgspec.Struct, frozen=True):
    """What a command gave here, and the events that the stream has for it."""

    events: Sequence[msgspec.Struct]
    hash: bytes
    published: bytes | None


def undecodable(record: JournalRecord, error: MalformedCommand) -> Diverged:
    """Return the divergence of a good record whose body is not a canonical command."""
    return Diverged(
        f"the record holds no canonical command: {error}",
        Divergence(
            "command",
            record.seq,
            record.hash,
            ts_ns=record.ts_ns,
            body=record.body,
            note=str(error),
        ),
    )


def other_result(record: JournalRecord, computed: Computed, chain: Chain, tape: Tape) -> Diverged:
    """Return the divergence of the command applied last. O(entities + commands on the tape)."""
    codec = chain.machine.codec
    is_hash = computed.hash != record.hash
    entities, note = _touched(record, chain, tape)
    divergence = Divergence(
        reason="hash" if is_hash else "events",
        seq=record.seq,
        expected_hash=record.hash,
        computed_hash=computed.hash,
        ts_ns=record.ts_ns,
        command=codec.decode(record.ts_ns, record.body).command,
        body=record.body,
        expected_events=_decoded(codec, computed.published),
        computed_events=computed.events,
        entities=entities,
        note=note,
    )
    if is_hash:
        message = f"expected hash {record.hash.hex()}, computed {computed.hash.hex()}"
    else:
        message = "the hash is equal, but the events in the stream are not those of the command"
    return Diverged(message, divergence)


def other_snapshot(snapshot: bytes, head: SnapshotHead, chain: Chain) -> Diverged:
    """Return the divergence of a good snapshot that is not the one of the state."""
    message = _snapshot_difference(head, chain)
    divergence = Divergence(
        reason="snapshot",
        seq=chain.seq,
        expected_hash=head.hash,
        computed_hash=chain.hash,
        ts_ns=head.ts_ns,
        entities=_differing(snapshot, chain),
        note=message,
    )
    return Diverged(message, divergence)


def entity_changes(
    machine: Machine, before: Iterable[Record], after: Iterable[Record]
) -> list[EntityChange]:
    """Return what differs, with the machine's own names of its kinds where it gives them."""
    names: dict[int, str] = getattr(machine, "kind_names", {})
    return [
        EntityChange(
            change.kind,
            names.get(change.kind, f"kind {change.kind}"),
            change.key,
            change.before,
            change.after,
        )
        for change in changes(before, after)
    ]


def _touched(record: JournalRecord, chain: Chain, tape: Tape) -> tuple[list[EntityChange], str]:
    machine = chain.machine
    try:
        before = tape.before_last(chain, record.previous)
        return entity_changes(machine, before, machine.entities(chain.core)), ""
    except Exception as error:  # noqa: BLE001  # a machine's second fault must not hide the first
        return [], f"the state before the command could not be rebuilt: {error}"


def _snapshot_difference(head: SnapshotHead, chain: Chain) -> str:
    sides = [
        ("hash", head.hash.hex(), chain.hash.hex()),
        ("time", str(head.ts_ns), str(chain.ts_ns)),
        ("digest", f"{head.digest:#x}", f"{chain.settle():#x}"),
        ("clocks", head.clocks.hex(), chain.core.clocks().hex()),
    ]
    for name, expected, computed in sides:
        if expected != computed:
            return f"expected a snapshot with {name} {expected}, computed {computed}"
    return "the records in the snapshot are not those of the state"


def _differing(snapshot: bytes, chain: Chain) -> list[EntityChange]:
    machine = chain.machine
    try:
        core = loaded(machine, chain.genesis, snapshot, chain.seq).core
    except LockstepError:
        return []
    return entity_changes(machine, machine.entities(core), machine.entities(chain.core))


def _decoded(codec: Codec, events: bytes | None) -> Sequence[msgspec.Struct] | bytes | None:
    if events is None:
        return None
    try:
        return codec.decode_events(events)
    except MalformedCommand:
        return events

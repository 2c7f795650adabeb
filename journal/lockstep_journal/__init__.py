"""The journal: a durable log on LMDB for any state machine, and the sequencer that writes it.

Names are loaded when they are first used, so that a program's `--help` does not load LMDB.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lockstep_journal.archiving import Archived, archive, backup
    from lockstep_journal.compacting import Compacted, compact
    from lockstep_journal.creation import is_unfinished
    from lockstep_journal.errors import JournalFailed, MapFull, OutletFailed
    from lockstep_journal.heads import (
        HeadDirectory,
        HeadRequest,
        PublishedHeads,
        heads_between,
        publish_heads,
    )
    from lockstep_journal.interrupts import held_interrupts
    from lockstep_journal.keys import SigningKey, load_key, make_key
    from lockstep_journal.layout import End
    from lockstep_journal.memory import MemoryJournal, MemoryPublisher, MemorySink
    from lockstep_journal.owner import OwnerLock, owner_pid
    from lockstep_journal.publisher import StreamPublisher
    from lockstep_journal.rehearsal import rehearse
    from lockstep_journal.repairing import Repaired, RepairOptions, repair
    from lockstep_journal.sequencer import (
        Accepted,
        Item,
        Outlets,
        Result,
        Sequencer,
        SequencerJournal,
        SnapshotPolicy,
    )
    from lockstep_journal.snapshots import (
        SkippedSnapshot,
        check_snapshot,
        newest_snapshot,
        newest_state,
    )
    from lockstep_journal.stats import Statistics, Status, statistics, status
    from lockstep_journal.store import Journal, open_reader
    from lockstep_journal.surveying import LostRecord
    from lockstep_journal.transfer import (
        EventSource,
        Exporter,
        StreamVerifier,
        Transferred,
        export,
        import_streams,
        retained_events,
    )
    from lockstep_journal.values import Plain, plain, plain_struct
    from lockstep_journal.verification import Finding, Verification, verify
    from lockstep_journal.writer import MapPolicy, Owner, create, open_owner

_HOMES = {
    "archiving": ("Archived", "archive", "backup"),
    "compacting": ("Compacted", "compact"),
    "creation": ("is_unfinished",),
    "errors": ("JournalFailed", "MapFull", "OutletFailed"),
    "heads": (
        *("HeadDirectory", "HeadRequest", "PublishedHeads", "heads_between", "publish_heads"),
    ),
    "interrupts": ("held_interrupts",),
    "keys": ("SigningKey", "load_key", "make_key"),
    "layout": ("End",),
    "memory": ("MemoryJournal", "MemoryPublisher", "MemorySink"),
    "owner": ("OwnerLock", "owner_pid"),
    "publisher": ("StreamPublisher",),
    "rehearsal": ("rehearse",),
    "repairing": ("RepairOptions", "Repaired", "repair"),
    "sequencer": (
        *("Accepted", "Item", "Outlets", "Result", "Sequencer", "SequencerJournal"),
        "SnapshotPolicy",
    ),
    "snapshots": ("SkippedSnapshot", "check_snapshot", "newest_snapshot", "newest_state"),
    "stats": ("Statistics", "Status", "statistics", "status"),
    "store": ("Journal", "open_reader"),
    "surveying": ("LostRecord",),
    "transfer": (
        *("EventSource", "Exporter", "StreamVerifier", "Transferred", "export"),
        *("import_streams", "retained_events"),
    ),
    "values": ("Plain", "plain", "plain_struct"),
    "verification": ("Finding", "Verification", "verify"),
    "writer": ("MapPolicy", "Owner", "create", "open_owner"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Accepted",
    "Archived",
    "Compacted",
    "End",
    "EventSource",
    "Exporter",
    "Finding",
    "HeadDirectory",
    "HeadRequest",
    "Item",
    "Journal",
    "JournalFailed",
    "LostRecord",
    "MapFull",
    "MapPolicy",
    "MemoryJournal",
    "MemoryPublisher",
    "MemorySink",
    "OutletFailed",
    "Outlets",
    "Owner",
    "OwnerLock",
    "Plain",
    "PublishedHeads",
    "RepairOptions",
    "Repaired",
    "Result",
    "Sequencer",
    "SequencerJournal",
    "SigningKey",
    "SkippedSnapshot",
    "SnapshotPolicy",
    "Statistics",
    "Status",
    "StreamPublisher",
    "StreamVerifier",
    "Transferred",
    "Verification",
    "archive",
    "backup",
    "check_snapshot",
    "compact",
    "create",
    "export",
    "heads_between",
    "held_interrupts",
    "import_streams",
    "is_unfinished",
    "load_key",
    "make_key",
    "newest_snapshot",
    "newest_state",
    "open_owner",
    "open_reader",
    "owner_pid",
    "plain",
    "plain_struct",
    "publish_heads",
    "rehearse",
    "repair",
    "retained_events",
    "statistics",
    "status",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module, once."""
    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value

"""What happened in a journal, counted: commands, events, refusals by type, and the rate."""

from collections import Counter
from collections.abc import Mapping

import msgspec

from lockstep_journal import Journal
from lockstep_kernel import Machine
from lockstep_replay.execution import Execution
from lockstep_replay.recovery import Progress, recover_from


class HistoryStatistics(msgspec.Struct, frozen=True):
    """Counts over records `first_seq` to `last_seq`, all re-executed."""

    first_seq: int
    last_seq: int
    last_hash: bytes
    ts_ns_first: int
    ts_ns_last: int
    commands: Mapping[str, int]
    events: Mapping[str, int]
    entities: int


def command_name(command: msgspec.Struct) -> str:
    """Return the type that a command is counted as: that of its action if it is an envelope.

    An envelope, signed or not, is any struct with a field `action` that holds a struct. Nothing
    else is asked of it, so that every machine's envelope is known without its name.
    """
    action = getattr(command, "action", None) if "action" in command.__struct_fields__ else None
    return type(action if isinstance(action, msgspec.Struct) else command).__name__


def history_statistics(
    journal: Journal, machine: Machine, progress: Progress = lambda seq, last: None
) -> HistoryStatistics:
    """Re-execute all records that the journal holds and count."""
    end = journal.end()
    state, _report = recover_from(journal, machine, end.first_seq - 1)
    execution = Execution(state)
    decode = machine.codec.decode
    commands: Counter[str] = Counter()
    events: Counter[str] = Counter()
    ts_ns_first = ts_ns_last = 0
    for _raws, records in journal.pages(end.first_seq, end.last_seq):
        ts_ns_first = ts_ns_first or records[0].ts_ns
        ts_ns_last = records[-1].ts_ns
        for done in execution.page(records):
            commands[command_name(decode(done[1], done[2]).command)] += 1
            events.update(type(event).__name__ for event in done[3])
        progress(execution.state.seq, end.last_seq)
    state = execution.state
    return HistoryStatistics(
        first_seq=end.first_seq,
        last_seq=state.seq,
        last_hash=state.hash,
        ts_ns_first=ts_ns_first,
        ts_ns_last=ts_ns_last,
        commands=dict(sorted(commands.items())),
        events=dict(sorted(events.items())),
        entities=sum(1 for _ in machine.entities(state.core)),
    )

"""The past of a journal, step by step: each record with its command and its recomputed events."""

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import cast

import msgspec

from lockstep_journal import EventSource, Journal, Plain, plain
from lockstep_journal.values import Label, no_label
from lockstep_kernel import JournalRecord, Machine
from lockstep_replay.execution import Execution
from lockstep_replay.recovery import recover_from


class Step(msgspec.Struct, frozen=True):
    """One command and what it did; every hash was recomputed."""

    record: JournalRecord
    command: msgspec.Struct
    events: Sequence[msgspec.Struct]


class Filter(msgspec.Struct, frozen=True):
    """Field names with the values wanted of each: a step passes if every name has a hit.

    A name is hit by a field of that name, or whose name ends with it after an underscore, in the
    command or in one of the events, at any depth, whose value in text, or its name by `label`, is
    one of the wanted. So `account` finds `maker_account` too. With `types`, one of these structs
    must be in the step, at any depth.
    """

    wanted: dict[str, frozenset[str]] = {}
    types: frozenset[str] = frozenset()
    label: Label = no_label

    def passes(self, step: Step) -> bool:
        """Return whether the step is wanted."""
        if self.types and self.types.isdisjoint(_types(_values(step))):
            return False
        return not self.wanted or self._is_hit(step)

    def _is_hit(self, step: Step) -> bool:
        missing = dict(self.wanted)
        for struct, name, value in _fields(_values(step)):
            found = {_text(value)}
            if type(value) is int:
                found.add(self.label(struct, name, value))
            for wanted in [key for key, texts in missing.items() if not texts.isdisjoint(found)]:
                if _names((name,), wanted):
                    del missing[wanted]
        return not missing


class Unseen:
    """Learns which wanted fields and types no step had: those are misspelt."""

    def __init__(self, wanted: Filter) -> None:
        self.fields = sorted(wanted.wanted)
        self.types = sorted(wanted.types)

    def see(self, step: Step) -> None:
        """Take the fields and types of one step."""
        if self.fields:
            names = {name for _struct, name, _value in _fields(_values(step))}
            self.fields = [wanted for wanted in self.fields if not _names(names, wanted)]
        if self.types:
            types = set(_types(_values(step)))
            self.types = [wanted for wanted in self.types if wanted not in types]


def steps(
    journal: Journal, machine: Machine, first_seq: int | None = None, last_seq: int | None = None
) -> Iterator[Step]:
    """Yield the steps from `first_seq` (default: the first kept) to `last_seq`.

    The state before is recovered first. Raises what `recover` raises.
    """
    end = journal.end()
    first = end.first_seq if first_seq is None else max(first_seq, end.first_seq)
    last = end.last_seq if last_seq is None else min(last_seq, end.last_seq)
    if first > last:
        return
    state, _report = recover_from(journal, machine, first - 1)
    execution = Execution(state)
    decode = machine.codec.decode
    for _raws, records in journal.pages(first, last):
        for done, record in zip(execution.page(records), records, strict=True):
            yield Step(record, decode(record.ts_ns, record.body).command, done[3])


def recomputed_events(journal: Journal, machine: Machine) -> EventSource:
    """Return a source for exports that executes the records again.

    The state before the first page it is asked for is recovered then.
    """
    executions: list[Execution] = []

    def source(records: Sequence[JournalRecord]) -> list[bytes]:
        if not executions:
            executions.append(Execution(recover_from(journal, machine, records[0].seq - 1)[0]))
        return [done[4] for done in executions[0].page(records)]

    return source


def plain_step(step: Step) -> dict[str, Plain]:
    """Return a step as JSON can hold it."""
    record = step.record
    return {
        "seq": record.seq,
        "ts_ns": record.ts_ns,
        "epoch": record.epoch,
        "hash": record.hash.hex(),
        "command": plain(step.command),
        "events": [plain(event) for event in step.events],
    }


def _names(names: Iterable[str], wanted: str) -> bool:
    return any(name == wanted or name.endswith(f"_{wanted}") for name in names)


def _values(step: Step) -> tuple[object, ...]:
    return (step.command, *step.events)


def _types(values: Iterable[object]) -> Iterator[str]:
    """Yield the name of every struct, at any depth."""
    for value in values:
        if isinstance(value, msgspec.Struct):
            yield type(value).__name__
            yield from _types(getattr(value, name) for name in value.__struct_fields__)
        elif isinstance(value, list | tuple):
            yield from _types(cast(Sequence[object], value))


def _fields(values: Iterable[object]) -> Iterator[tuple[str, str, object]]:
    """Yield (name of the struct, of the field, value) of every field of structs, at any depth."""
    for value in values:
        if isinstance(value, msgspec.Struct):
            for name in value.__struct_fields__:
                field = getattr(value, name)
                yield type(value).__name__, name, field
                yield from _fields((field,))
        elif isinstance(value, list | tuple):
            yield from _fields(cast(Sequence[object], value))


def _text(value: object) -> str:
    """Return a value as a filter names it."""
    if isinstance(value, bytes):
        return value.hex()
    return value.name if isinstance(value, Enum) else str(value)

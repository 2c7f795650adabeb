"""Refusals, divergences and alerts: how the desk says what it did not do or did not expect.

Owns the notes of divergences: each is told once, by an id that is a function of its evidence, and
counted after that. It never repairs anything.
"""

from typing import Final

import msgspec

from lockstep_desk.core.codes import Divergence, Refusal
from lockstep_desk.core.events import (
    AlertRaised,
    CommandRefused,
    DivergenceRecorded,
    ReportIgnored,
)
from lockstep_desk.core.state import DeskCore, DivergenceNote
from lockstep_desk.ids import repair_id
from lockstep_desk.types import Severity

Events = list[msgspec.Struct]

_WARNINGS: Final = (Divergence.ORDER_VANISHED, Divergence.ORDER_CAME_BACK)
_SHOWN: Final = 200


def tag_of(command: msgspec.Struct) -> int:
    """Return the number that stands for a command's type on the wire."""
    tag = command.__struct_config__.tag
    return tag if isinstance(tag, int) else 0


def refuse(events: Events, command: msgspec.Struct, code: Refusal, what: str) -> None:
    """Say that a command changed nothing, and why."""
    events.append(CommandRefused(tag_of(command), code, what[:_SHOWN]))


def ignore(events: Events, command: msgspec.Struct, key: str) -> None:
    """Say that a report told nothing new."""
    events.append(ReportIgnored(tag_of(command), key))


class Finding(msgspec.Struct, frozen=True):
    """A divergence before it has an id: `evidence` tells it from others of its code."""

    code: Divergence
    account: str
    instrument: str
    what: str
    evidence: tuple[str, ...]


def diverge(core: DeskCore, events: Events, finding: Finding) -> None:
    """Write a divergence down; tell it, with an alert, the first time only."""
    divergence_id = _id_of(finding)
    note = core.divergences.get(divergence_id)
    if note is None:
        core.note_number += 1
        note = DivergenceNote(divergence_id, int(finding.code), core.note_number)
        core.divergences[divergence_id] = note
        _forget_oldest(core)
        _tell(events, divergence_id, finding)
    note.count += 1
    core.touch(note)


def diverge_once(core: DeskCore, events: Events, finding: Finding) -> None:
    """Write a divergence down if it is not: what a sweep sees again changes nothing."""
    if _id_of(finding) not in core.divergences:
        diverge(core, events, finding)


def _id_of(finding: Finding) -> str:
    """Return the id of a divergence, a function of its evidence."""
    evidence = [piece or "-" for piece in (finding.account, finding.instrument, *finding.evidence)]
    return repair_id(finding.code.name, *evidence)


def _tell(events: Events, divergence_id: str, finding: Finding) -> None:
    what = finding.what[:_SHOWN]
    told = DivergenceRecorded(
        divergence_id, finding.code, finding.account, finding.instrument, what
    )
    severity = Severity.WARNING if finding.code in _WARNINGS else Severity.CRITICAL
    context = (
        ("account", finding.account),
        ("instrument", finding.instrument),
        ("what", what),
    )
    events += [told, AlertRaised(severity, finding.code.name, divergence_id, context)]


def _forget_oldest(core: DeskCore) -> None:
    if len(core.divergences) > core.params.divergence_capacity:
        _id, oldest = core.divergences.popitem(last=False)
        oldest.count = 0
        core.touch(oldest)

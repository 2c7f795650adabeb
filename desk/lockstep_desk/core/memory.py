"""Which executions and fees are in the books, by id ([RECON-42] to [RECON-46]).

Owns the memory of one account's ids and its end: the newest `fill_capacity` are kept, and when one
goes, its time becomes the account's floor. What is at or before the floor and not known cannot be
told from a repeat.
"""

from collections import OrderedDict
from typing import NamedTuple

from lockstep_desk.core.state import Account, DeskCore, FillNote


class Seen(NamedTuple):
    """What is kept of an id: a hash of all that was told under it, and the venue's time of it."""

    content: bytes
    ts_ns: int


def recall(core: DeskCore, account: Account, name: str) -> FillNote | None:
    """Return what is remembered under an id, None if nothing is. O(1)."""
    notes = core.fills.get(account.name)
    return notes.get(name) if notes else None


def remember(core: DeskCore, account: Account, name: str, seen: Seen) -> None:
    """Keep an id, and let the oldest go if there are too many. O(1)."""
    core.note_number += 1
    note = FillNote(account.name, name, core.note_number)
    note.content, note.ts_ns = seen
    notes = core.fills.setdefault(account.name, OrderedDict())
    notes[name] = note
    core.touch(note)
    if len(notes) > core.params.fill_capacity:
        _name, oldest = notes.popitem(last=False)
        oldest.content = b""
        core.touch(oldest)
        account.fill_floor_ns = max(account.fill_floor_ns, oldest.ts_ns)
        core.touch(account)

"""The ledger of processed messages: at-least-once delivery, exactly-once effect.

Owns [RECON-40] to [RECON-46]. The ledger is state of the desk's machine: it is rebuilt from the
journal, and looking a message up, acting and recording are one application of one command, so there
is no moment between them in which a crash could fall ([RECON-44]). Against a broker the order is:
intent (journaled), send under the client order id, outcome (journaled); an intent without outcome
is settled by asking the broker for that id, and never by sending again.

Invariants: a key has one payload and, once, one outcome; an entry is only forgotten when its
position has ended, and a message about a forgotten position is EXPIRED, not new.
"""

import hashlib
from collections.abc import Iterable
from enum import IntEnum

import msgspec

from lockstep_desk.errors import InvalidValueError, need_int, need_text
from lockstep_desk.ids import idempotency_key

_encode = msgspec.msgpack.Encoder().encode


class Verdict(IntEnum):
    """What a message is. Only NEW may have an effect."""

    NEW = 1
    PENDING = 2
    REPEATED = 3
    CONFLICT = 4
    EXPIRED = 5


class Message(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An execution message: event `ordinal` of a position, what it carries, the order it makes.

    `line` is what shares a numbering of positions (account and instrument) and `open_seq` the
    position's number in it, which never falls.
    """

    position_id: str
    line: str
    open_seq: int
    event_type: str
    ordinal: int
    payload_hash: str
    client_order_id: str = ""

    def __post_init__(self) -> None:
        need_text("position_id", self.position_id)
        need_text("event_type", self.event_type)
        need_text("payload_hash", self.payload_hash)
        need_int("ordinal", self.ordinal, 0)
        need_int("open_seq", self.open_seq, 0)

    @property
    def key(self) -> str:
        """Return the message's idempotency key ([RECON-43])."""
        return idempotency_key(self.position_id, self.event_type, self.ordinal)


class Entry(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the ledger keeps of a message; `outcome` is empty until it is known."""

    key: str
    message: Message
    ts_ns: int
    outcome: str = ""


class Answer(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the ledger says of a message, with the outcome of the first one if it has one."""

    verdict: Verdict
    key: str
    outcome: str = ""


def payload_hash(payload: object) -> str:
    """Return the SHA-256 of a payload's bytes, in hex: it tells a repeat from another message."""
    return hashlib.sha256(_encode(payload)).hexdigest()


class Ledger:
    """Entries by key, in the order in which they came, and below which positions are forgotten."""

    __slots__ = ("entries", "forgotten_below")

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries: dict[str, Entry] = {entry.key: entry for entry in entries}
        self.forgotten_below: dict[str, int] = {}

    def consult(self, message: Message) -> Answer:
        """Say what a message is, and change nothing. O(1)."""
        key = message.key
        entry = self.entries.get(key)
        if entry is None:
            is_old = message.open_seq < self.forgotten_below.get(message.line, 0)
            return Answer(Verdict.EXPIRED if is_old else Verdict.NEW, key)
        if entry.message.payload_hash != message.payload_hash:
            return Answer(Verdict.CONFLICT, key)
        if not entry.outcome:
            return Answer(Verdict.PENDING, key)
        return Answer(Verdict.REPEATED, key, entry.outcome)

    def admit(self, message: Message, ts_ns: int) -> Answer:
        """Say what a message is, and enter it if it is new: from now on it is PENDING."""
        answer = self.consult(message)
        if answer.verdict is Verdict.NEW:
            self.entries[answer.key] = Entry(answer.key, message, ts_ns)
        return answer

    def settle(self, key: str, outcome: str) -> Entry:
        """Record the outcome of an entered message; the same one again is harmless."""
        need_text("outcome", outcome)
        entry = self.entries.get(key)
        if entry is None:
            raise InvalidValueError(f"key: expected that of an entered message, found {key}")
        if entry.outcome not in ("", outcome):
            raise InvalidValueError(
                f"outcome of {key}: expected {entry.outcome!r} again, found {outcome!r}"
            )
        settled = msgspec.structs.replace(entry, outcome=outcome)
        self.entries[key] = settled
        return settled

    def pending(self) -> tuple[Entry, ...]:
        """Return the intents without outcome, oldest first: after a restart, ask the broker."""
        return tuple(entry for entry in self.entries.values() if not entry.outcome)

    def forget(self, line: str, below_open_seq: int) -> tuple[str, ...]:
        """Forget the settled entries of a line's positions below a number; return their keys.

        The caller names a number below which all positions have ended before the last snapshot. A
        line with an intent still pending below it is left as it is.
        """
        below = [
            entry
            for entry in self.entries.values()
            if entry.message.line == line and entry.message.open_seq < below_open_seq
        ]
        if any(not entry.outcome for entry in below):
            return ()
        for entry in below:
            del self.entries[entry.key]
        self.forgotten_below[line] = max(self.forgotten_below.get(line, 0), below_open_seq)
        return tuple(entry.key for entry in below)

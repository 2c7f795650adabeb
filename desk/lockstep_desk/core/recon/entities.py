"""What the desk remembers of its brokers: sync points, divergences, fills, exits, messages.

Owns the records. A fill of the broker is remembered above its instrument's floor, so that a sweep
can tell what is missed; one that no order here made is unclaimed until a sweep or an operator says
whose it is. The ledger of messages is `lockstep_desk.recon.Ledger`, each entry under the hash.

Invariants: what stands in a container has its record there and nowhere else; fills, divergences and
messages stand in the order of their numbers.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from lockstep_desk.core.codes import EntityKind
from lockstep_desk.recon.findings import Divergence, SyncPoint
from lockstep_desk.recon.ledger import Entry
from lockstep_desk.types import Fill
from lockstep_kernel.entity import Entity, Record

_MESSAGE: Final = int(EntityKind.MESSAGE)
_SYNC_POINT: Final = int(EntityKind.SYNC_POINT)
_STANDING: Final = int(EntityKind.STANDING)
_BROKER_FILL: Final = int(EntityKind.BROKER_FILL)
_DEFERRED: Final = int(EntityKind.DEFERRED)
KINDS: Final = (_MESSAGE, _SYNC_POINT, _STANDING, _BROKER_FILL, _DEFERRED)
_START: Final = SyncPoint()

_to_builtins: Final = msgspec.to_builtins
_convert: Final = msgspec.convert

FillKey = tuple[str, str, int]
"""(account, fill id, number): a fill may be booked in parts."""


class Synced(Entity):
    """Up to where an account's books are complete."""

    __slots__ = ("account", "point")

    def __init__(self, account: str, point: SyncPoint) -> None:
        super().__init__()
        self.account = account
        self.point = point

    def record(self) -> Record | None:
        if self.point == _START:
            return None
        return (_SYNC_POINT, self.account, self.point.seq, self.point.floors)


class BrokerFill(Entity):
    """A fill, or a part of one, that is in the books; unclaimed if nobody's order made it."""

    __slots__ = ("fill", "is_claimed", "is_gone", "key")

    def __init__(self, key: FillKey, fill: Fill, is_claimed: bool) -> None:
        super().__init__()
        self.key = key
        self.fill = fill
        self.is_claimed = is_claimed
        self.is_gone = False

    def record(self) -> Record | None:
        if self.is_gone:
            return None
        return (_BROKER_FILL, self.key, self.is_claimed, _to_builtins(self.fill))


class Standing(Entity):
    """A divergence that stands; `number` is its place among all."""

    __slots__ = ("divergence", "is_gone", "number")

    def __init__(self, divergence: Divergence, number: int) -> None:
        super().__init__()
        self.divergence = divergence
        self.number = number
        self.is_gone = False

    def record(self) -> Record | None:
        if self.is_gone:
            return None
        found = self.divergence
        return (_STANDING, found.divergence_id, self.number, _to_builtins(found))


class Deferred(Entity):
    """A position whose exit waits for a sweep of its account."""

    __slots__ = ("account", "instrument", "is_gone", "number", "position_id")

    def __init__(self, position_id: str, account: str, instrument: str, number: int) -> None:
        super().__init__()
        self.position_id = position_id
        self.account = account
        self.instrument = instrument
        self.number = number
        self.is_gone = False

    def record(self) -> Record | None:
        if self.is_gone:
            return None
        return (_DEFERRED, self.position_id, self.account, self.instrument, self.number)


class MessageNote(Entity):
    """An entry of the ledger, or (with `entry` None) below which number a line is forgotten."""

    __slots__ = ("entry", "key", "number")

    def __init__(self, key: str, entry: Entry | None, number: int) -> None:
        super().__init__()
        self.key = key
        self.entry = entry
        self.number = number

    def record(self) -> Record | None:
        if self.number == 0:
            return None
        entry = None if self.entry is None else _to_builtins(self.entry)
        return (_MESSAGE, self.key, self.number, entry)


class Reconciliation:
    """All of it, of all accounts."""

    def __init__(self) -> None:
        self.synced: dict[str, Synced] = {}
        self.fills: dict[FillKey, BrokerFill] = {}
        self.standing: dict[str, Standing] = {}
        self.deferred: dict[str, Deferred] = {}
        self.messages: dict[str, MessageNote] = {}

    def point(self, account: str) -> SyncPoint:
        """Return up to where an account is complete."""
        synced = self.synced.get(account)
        return _START if synced is None else synced.point

    def raise_point(self, account: str, seq: int) -> Synced:
        """Take everything of an account up to a number for complete; return what changed."""
        synced = self.synced.get(account)
        if synced is None:
            synced = self.synced[account] = Synced(account, _START)
        synced.point = SyncPoint(max(synced.point.seq, seq), synced.point.floors)
        return synced

    def fills_of(self, account: str) -> Iterator[BrokerFill]:
        """Yield an account's remembered fills in the order in which they were booked."""
        return (noted for noted in self.fills.values() if noted.key[0] == account)

    def entities(self) -> Iterator[Entity]:
        """Yield everything that has a record."""
        yield from self.synced.values()
        yield from self.fills.values()
        yield from self.standing.values()
        yield from self.deferred.values()
        yield from self.messages.values()

    def restore(self, fields: Record) -> Entity:
        """Enter the entity of a dumped record and return it."""
        kind, key, *rest = fields
        if kind == _SYNC_POINT:
            floors = tuple((name, seq) for name, seq in rest[1])
            synced = self.synced[key] = Synced(key, SyncPoint(rest[0], floors))
            return synced
        if kind == _BROKER_FILL:
            place = (key[0], key[1], key[2])
            noted = BrokerFill(place, _convert(rest[1], Fill), rest[0])
            self.fills[place] = noted
            return noted
        if kind == _STANDING:
            standing = self.standing[key] = Standing(_convert(rest[1], Divergence), rest[0])
            return standing
        if kind == _DEFERRED:
            deferred = self.deferred[key] = Deferred(key, rest[0], rest[1], rest[2])
            return deferred
        return self._restore_message(key, rest[0], rest[1])

    def put_in_order(self) -> None:
        """Bring everything into the order in which it came."""
        self.fills = dict(sorted(self.fills.items(), key=lambda item: item[0][2]))
        self.standing = dict(sorted(self.standing.items(), key=lambda item: item[1].number))
        self.deferred = dict(sorted(self.deferred.items(), key=lambda item: item[1].number))
        self.messages = dict(sorted(self.messages.items(), key=lambda item: item[1].number))

    def _restore_message(self, key: str, number: int, entry: Any) -> MessageNote:
        found = None if entry is None else _convert(entry, Entry)
        note = self.messages[key] = MessageNote(key, found, number)
        return note

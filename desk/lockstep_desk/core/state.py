"""The desk's state: its entities, and the values derived from them.

Owns what is hashed. Everything that a decision depends on is an entity or a counter in `clocks`;
`books_of`, `orders_of` and `lost_links` are derived, rebuilt by `restore` and compared by `verify`.
"""

import struct
from collections import OrderedDict
from typing import Final

from lockstep_desk.core.accountlimits import LimitedAccount
from lockstep_desk.core.codes import EntityKind, Health, Link, TradingState
from lockstep_desk.core.commands import RegisterInstrument
from lockstep_desk.core.deployments import Deployment
from lockstep_desk.core.params import DeskParams
from lockstep_desk.core.positions import NET, Book, BookKey
from lockstep_desk.core.prices import Market
from lockstep_desk.core.recon.entities import Reconciliation
from lockstep_desk.core.totals import Total, TotalKey
from lockstep_desk.oms.order import Order
from lockstep_kernel.entity import Entity, Record

CLOCKS: Final = struct.Struct(">QQQQQQQ")

_DESK: Final = int(EntityKind.DESK)
_VENUE: Final = int(EntityKind.VENUE)
_ACCOUNT: Final = int(EntityKind.ACCOUNT)
_INSTRUMENT: Final = int(EntityKind.INSTRUMENT)
_BALANCE: Final = int(EntityKind.BALANCE)
_FILL: Final = int(EntityKind.FILL)
_DIVERGENCE: Final = int(EntityKind.DIVERGENCE)


class Desk(Entity):
    """The one switch of the whole desk."""

    __slots__ = ("is_shut_down", "trading")

    def __init__(self) -> None:
        super().__init__()
        self.trading = TradingState.DISABLED
        self.is_shut_down = False

    def record(self) -> Record | None:
        if self.trading is TradingState.DISABLED and not self.is_shut_down:
            return None
        return (_DESK, "", int(self.trading), self.is_shut_down)


class Venue(Entity):
    """A venue, and the link to its market data."""

    __slots__ = ("health", "is_quarantined", "name")

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.health = Health.RECONNECTING
        self.is_quarantined = False

    def record(self) -> Record:
        return (_VENUE, self.name, int(self.health), self.is_quarantined)


class Account(Entity):
    """An account at a venue, and the link to it. `fill_floor_ns` is that of `FillNote`."""

    __slots__ = ("fill_floor_ns", "health", "is_quarantined", "name", "venue")

    def __init__(self, name: str, venue: str) -> None:
        super().__init__()
        self.name = name
        self.venue = venue
        self.health = Health.RECONNECTING
        self.is_quarantined = False
        self.fill_floor_ns = -1

    def record(self) -> Record:
        return (
            *(_ACCOUNT, self.name, self.venue, int(self.health)),
            *(self.is_quarantined, self.fill_floor_ns),
        )


class Instrument(Entity):
    """An instrument, as it was registered. It never changes."""

    __slots__ = ("spec",)

    def __init__(self, spec: RegisterInstrument) -> None:
        super().__init__()
        self.spec = spec

    def record(self) -> Record:
        spec = self.spec
        return (
            *(_INSTRUMENT, spec.instrument, spec.venue, spec.underlying, spec.quote),
            *(spec.tick_e9, spec.lot_e8, spec.min_qty_e8, spec.max_qty_e8, spec.min_notional_e9),
        )


class Balance(Entity):
    """What an account holds of an asset."""

    __slots__ = ("account", "asset", "free_e9", "time_ns", "total_e9")

    def __init__(self, account: str, asset: str) -> None:
        super().__init__()
        self.account = account
        self.asset = asset
        self.total_e9 = 0
        self.free_e9 = 0
        self.time_ns = -1

    @property
    def used_e9(self) -> int:
        """What is set aside ([DESK-2A])."""
        return self.total_e9 - self.free_e9

    def record(self) -> Record | None:
        if self.time_ns < 0:
            return None
        return (_BALANCE, (self.account, self.asset), self.total_e9, self.free_e9, self.time_ns)


class FillNote(Entity):
    """A fill that is in the books, by its id: `content` is a hash of all that was told of it.

    The newest `fill_capacity` are remembered for each account. When one goes, its time becomes the
    account's floor: an unknown fill at or before that cannot be told from a repeated one.
    """

    __slots__ = ("account", "content", "fill_id", "number", "ts_ns")

    def __init__(self, account: str, fill_id: str, number: int) -> None:
        super().__init__()
        self.account = account
        self.fill_id = fill_id
        self.number = number
        self.content = b""
        self.ts_ns = 0

    def record(self) -> Record | None:
        if not self.content:
            return None
        return (_FILL, (self.account, self.fill_id), self.number, self.content, self.ts_ns)


class DivergenceNote(Entity):
    """A divergence that was told; `count` says how often it was found."""

    __slots__ = ("code", "count", "divergence_id", "number")

    def __init__(self, divergence_id: str, code: int, number: int) -> None:
        super().__init__()
        self.divergence_id = divergence_id
        self.code = code
        self.number = number
        self.count = 0

    def record(self) -> Record | None:
        if not self.count:
            return None
        return (_DIVERGENCE, self.divergence_id, self.code, self.number, self.count)


class DeskCore:
    """The mutable inside of a desk. Only `step` changes it.

    `sequence` counts the commands; `order_number`, `ended_number` and `note_number` are the last
    ones given. `live` has the tracked orders by client order id in order of their numbers, `ended`
    the newest that ended, oldest end first.
    """

    def __init__(self, params: DeskParams, rules: int) -> None:
        self.touched: list[Entity] = []
        self.params = params
        self.rules = rules
        self.now_ns = 0
        self.sequence = 0
        self.order_number = 0
        self.ended_number = 0
        self.note_number = 0
        self.deployment_number = 0
        self.desk = Desk()
        self.venues: dict[str, Venue] = {}
        self.accounts: dict[str, Account] = {}
        self.instruments: dict[str, Instrument] = {}
        self.markets: dict[str, Market] = {}
        self.deployments: dict[str, Deployment] = {}
        self.live: dict[str, Order] = {}
        self.ended: OrderedDict[str, Order] = OrderedDict()
        self.books: dict[BookKey, Book] = {}
        self.balances: dict[tuple[str, str], Balance] = {}
        self.fills: dict[str, OrderedDict[str, FillNote]] = {}
        self.fees: dict[TotalKey, Total] = {}
        self.fundings: dict[TotalKey, Total] = {}
        self.limited: dict[str, LimitedAccount] = {}
        self.divergences: OrderedDict[str, DivergenceNote] = OrderedDict()
        self.reconciliation = Reconciliation()
        self.books_of: dict[str, list[Book]] = {}
        self.lost_links = 0

    def clocks(self) -> bytes:
        """Pack the clock and the counters."""
        return CLOCKS.pack(
            self.now_ns,
            self.sequence,
            self.rules,
            self.order_number,
            self.ended_number,
            self.note_number,
            self.deployment_number,
        )

    def rules_version(self) -> int:
        """Return the version of the rules in force."""
        return self.rules

    def touch(self, entity: Entity) -> None:
        """Have an entity rehashed after this command. O(1)."""
        if not entity.is_touched:
            entity.is_touched = True
            self.touched.append(entity)

    def book(self, key: BookKey) -> Book:
        """Return the book of a key, made if there is none yet."""
        book = self.books.get(key)
        if book is None:
            book = self.books[key] = Book(key)
            self.books_of.setdefault(key[1], []).append(book)
        return book

    def mark_e9(self, instrument: str) -> int | None:
        """Return the price of an instrument now, None if there is none."""
        market = self.markets.get(instrument)
        return market.price_e9() if market else None

    def net(self, account: str, instrument: str) -> int:
        """Return what an account holds of an instrument; negative is short."""
        book = self.books.get((account, instrument, NET))
        return book.qty_e8 if book else 0

    def is_global_healthy(self) -> bool:
        """Return whether every link is healthy, and there is one ([DESK-22])."""
        return self.lost_links == 0 and bool(self.venues)

    def link(self, link: Link, key: str) -> Venue | Account | None:
        """Return what a link belongs to, None if there is none such."""
        return self.venues.get(key) if link is Link.MARKET else self.accounts.get(key)

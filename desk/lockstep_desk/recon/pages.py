"""What a broker answers: whole pages with cursors, or `Unknown`.

Owns the shapes of answers and the check that an answer is whole. It never reads "nothing" out of a
missing answer: a page that was cut, a page that does not fit the one before it and a broker that
says nothing all become `Unknown`, and nobody repairs anything on `Unknown` ([RECON-34] (g), I10).

Pages are payload of a journaled command, so that a replay asks nobody. Quantities are 1e-8 (`_e8`),
prices and money 1e-9 (`_e9`), times nanoseconds UTC; a sequence number is the broker's own and
grows with everything that happens to the account.
"""

import hashlib
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Final, Generic, TypeVar

import msgspec

from lockstep_desk.errors import need_int, need_text
from lockstep_desk.types import Fill, Side

T = TypeVar("T")
CHECKSUM_LENGTH: Final = 16
QTY_E8_MAX: Final = 2**58
"""What an account may hold of an instrument, or one fill may move."""
FILLS_E8_MAX: Final = 2**60
"""What all fills of an answer may move together, so that no difference is out of range."""
MONEY_E9_MAX: Final = 2**60
"""What a price, a fee, the value of a fill or the profit of one may be."""
NUMBER_MAX: Final = 2**62
_encode: Final = msgspec.msgpack.Encoder().encode


class UnknownReason(IntEnum):
    """Why there is no answer."""

    UNREACHABLE = 1
    CUT = 2
    STALE = 3
    TOO_LARGE = 4
    REFUSED = 5


class OrderStatus(IntEnum):
    """What a broker says of an order."""

    OPEN = 1
    FILLED = 2
    CANCELLED = 3
    REJECTED = 4
    EXPIRED = 5

    @property
    def is_terminal(self) -> bool:
        """Return whether nothing can happen to the order any more."""
        return self is not OrderStatus.OPEN


class _Wire(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Base of what stands in a command."""


class Unknown(_Wire, frozen=True, tag=1):
    """There is no answer: it says nothing about the account, and least of all that it is flat."""

    reason: UnknownReason
    detail: str = ""


class Page(_Wire, Generic[T], frozen=True, tag=2):
    """Items `cursor` to `next_cursor` of an answer with `total` items, as of one moment.

    `as_of_seq` and `as_of_ns` name that moment. A history holds everything after `from_seq`, which
    is 0 where there is no history. `checksum` is over the items of this page.
    """

    cursor: int
    next_cursor: int
    total: int
    as_of_seq: int
    as_of_ns: int
    from_seq: int
    items: tuple[T, ...]
    checksum: str


class BrokerPosition(_Wire, frozen=True):
    """What the account holds of an instrument, signed; an instrument that is not listed is flat.

    `entry_price_e9` is what the broker says it cost on average, None if it does not say.
    """

    instrument: str
    qty_e8: int
    entry_price_e9: int | None = None

    def __post_init__(self) -> None:
        need_text("instrument", self.instrument)
        need_int("qty_e8", self.qty_e8, -QTY_E8_MAX, QTY_E8_MAX)


class BrokerOrder(_Wire, frozen=True):
    """An order as the broker has it; `client_order_id` is empty if its sender gave none."""

    order_id: str
    client_order_id: str
    instrument: str
    side: Side
    qty_e8: int
    filled_e8: int
    status: OrderStatus
    ts_ns: int

    def __post_init__(self) -> None:
        need_text("order_id", self.order_id)
        need_text("instrument", self.instrument)
        need_int("qty_e8", self.qty_e8, 1, QTY_E8_MAX)
        need_int("filled_e8", self.filled_e8, 0, self.qty_e8)
        need_int("ts_ns", self.ts_ns, 0, NUMBER_MAX)


class BrokerBalance(_Wire, frozen=True):
    """What the account owns of an asset, and how much of it is free."""

    asset: str
    total_e9: int
    free_e9: int

    def __post_init__(self) -> None:
        need_text("asset", self.asset)
        need_int("total_e9", self.total_e9, -NUMBER_MAX, NUMBER_MAX)
        need_int("free_e9", self.free_e9, -NUMBER_MAX, NUMBER_MAX)


PositionsAnswer = Page[BrokerPosition] | Unknown
FillsAnswer = Page[Fill] | Unknown
OrdersAnswer = Page[BrokerOrder] | Unknown
BalancesAnswer = Page[BrokerBalance] | Unknown


class OrderQuery(_Wire, frozen=True):
    """What the broker said when asked for one order: a page with it, or an empty page."""

    client_order_id: str
    answer: OrdersAnswer


class BrokerPages(_Wire, frozen=True):
    """Everything that a sweep asked of one account, in the order in which it was asked.

    `since_seq` is where the desk asked the history of fills to start.
    """

    venue: str
    account: str
    since_seq: int
    positions: PositionsAnswer
    fills: FillsAnswer
    orders: OrdersAnswer
    balances: BalancesAnswer
    queries: tuple[OrderQuery, ...] = ()

    def __post_init__(self) -> None:
        need_text("venue", self.venue)
        need_text("account", self.account)
        need_int("since_seq", self.since_seq, 0)


class Moment(msgspec.Struct, frozen=True):
    """The moment that a broker's answer shows, and where its history starts."""

    seq: int
    ts_ns: int
    from_seq: int = 0


def checksum(items: Sequence[object]) -> str:
    """Return the check of a page's items: the first 16 hex digits of SHA-256 of their bytes."""
    return hashlib.sha256(_encode(items)).hexdigest()[:CHECKSUM_LENGTH]


def make_page(items: Sequence[T], moment: Moment, cursor: int = 0, size: int = 0) -> Page[T]:
    """Return the page of an answer that starts at `cursor`; size 0 puts all that follows on it.

    A cursor behind the end, of an answer that was longer before, gives an empty page that fits no
    other one.
    """
    need_int("cursor", cursor, 0)
    end = max(cursor, min(len(items), cursor + size) if size else len(items))
    part = tuple(items[cursor:end])
    return Page(
        cursor, end, len(items), moment.seq, moment.ts_ns, moment.from_seq, part, checksum(part)
    )


def fault_of(page: Page[T]) -> str:
    """Return what is wrong with one page, in words; empty if it is as it was sent."""
    numbers = (page.as_of_seq, page.as_of_ns, page.from_seq, page.total, page.next_cursor)
    if min(numbers) < 0 or max(numbers) > NUMBER_MAX:
        return f"expected numbers from 0 to {NUMBER_MAX}, found {numbers}"
    expected = page.next_cursor - page.cursor
    if page.cursor < 0 or page.next_cursor > page.total:
        return f"expected items within 0 to {page.total}, found {page.cursor} to {page.next_cursor}"
    if len(page.items) != expected:
        return f"expected {expected} items from cursor {page.cursor}, found {len(page.items)}"
    if checksum(page.items) != page.checksum:
        return f"expected checksum {page.checksum} at cursor {page.cursor}, found another"
    return ""


def join(pages: Iterable[Page[T]]) -> Page[T] | Unknown:
    """Return the whole answer that the pages make, or `Unknown` and which page does not fit."""
    whole: list[T] = []
    first: Page[T] | None = None
    for page in pages:
        first = first or page
        fault = fault_of(page) or _misfit(first, page, len(whole))
        if fault:
            return Unknown(UnknownReason.CUT, fault)
        whole.extend(page.items)
    if first is None:
        return Unknown(UnknownReason.CUT, "expected a page, found none")
    if len(whole) != first.total:
        return Unknown(UnknownReason.CUT, f"expected {first.total} items, found {len(whole)}")
    return make_page(whole, Moment(first.as_of_seq, first.as_of_ns, first.from_seq))


def whole(answer: Page[T] | Unknown) -> Page[T] | Unknown:
    """Return an answer that came as one page if it is whole, else `Unknown`."""
    return answer if isinstance(answer, Unknown) else join((answer,))


def _misfit(first: Page[T], page: Page[T], held: int) -> str:
    """Return why a page cannot follow the ones before it, which hold `held` items."""
    if page.cursor != held:
        return f"expected the page at cursor {held}, found the one at {page.cursor}"
    if (page.total, page.as_of_seq) != (first.total, first.as_of_seq):
        return (
            f"expected a page of {first.total} items as of {first.as_of_seq}, "
            f"found {page.total} as of {page.as_of_seq}"
        )
    return ""

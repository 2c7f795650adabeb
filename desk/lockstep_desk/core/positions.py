"""Positions at average cost, exact to the last 1e-17 ([DESK-30] to [DESK-36]).

Owns the accounting of a fill. A `Book` is what an account holds of an instrument (`deployment` is
None), or what one deployment, or nobody (""), holds of it: the same rules for both. Quantities are
signed: negative is short.

Invariant: for every book, cost - (realised without fees) = the sum of all signed quantity times
price, exactly; so realised + unrealised at average cost equals the cash-flow view ([FUND-5D]).
Entry fees and exit fees are counted apart, and the estimate of an exit fee never enters the
unrealised profit.
"""

from typing import Final, NamedTuple

from lockstep_desk.core.codes import EntityKind
from lockstep_desk.ids import position_id
from lockstep_desk.types import E8, Position, Side, average_price_e9, exit_fee_e9
from lockstep_kernel.arith import div_trunc
from lockstep_kernel.entity import Entity, Record

E17_MAX: Final = 2**62 * E8
"""Cost and profit of a book stay below this, so that each fits a number on the wire."""

QTY_E8_MAX: Final = 2**60
FILL_IDS_MAX: Final = 64
"""How many of a position's newest fills its record names: a position may never be flat."""

NET: Final = "*"
"""Stands in the key of a book for the whole account, which no deployment is called."""

_KIND: Final = int(EntityKind.POSITION)

BookKey = tuple[str, str, str]
"""(account, instrument, deployment id, "" for nobody, or NET for the whole account)."""


class Exit(NamedTuple):
    """A position that a fill closed: what there is to tell of it."""

    position_id: str
    side: Side
    qty_max_e8: int
    entry_price_e9: int
    realised_e17: int
    fees_enter_e9: int
    fees_exit_e9: int
    opened_ns: int


class Execution(NamedTuple):
    """What a fill does to a book: `qty_e8` is signed; `seq` is that of the command."""

    qty_e8: int
    price_e9: int
    fee_e9: int
    ts_ns: int
    seq: int
    fill_id: str


class Book(Entity):
    """One position, open or flat. A book without fills is no entity.

    `opens` counts the positions that were opened, `version` all changes; `total_e17` is the
    realised profit of the closed ones, `realised_e17` that of the open one, both after fees;
    `best_e9` is the best mark of the open one.
    """

    __slots__ = (
        *("best_e9", "cost_e17", "fees_enter_e9", "fees_exit_e9", "fill_ids", "key", "mark_e9"),
        *("open_seq", "opened_ns", "opens", "qty_e8", "qty_max_e8", "realised_e17", "total_e17"),
        *("updated_ns", "version"),
    )

    def __init__(self, key: BookKey) -> None:
        super().__init__()
        self.key = key
        self.opens = 0
        self.version = 0
        self.qty_e8 = 0
        self.qty_max_e8 = 0
        self.cost_e17 = 0
        self.realised_e17 = 0
        self.total_e17 = 0
        self.fees_enter_e9 = 0
        self.fees_exit_e9 = 0
        self.opened_ns = 0
        self.updated_ns = 0
        self.open_seq = 0
        self.mark_e9 = self.best_e9 = -1
        self.fill_ids: list[str] = []

    def record(self) -> Record | None:
        if self.opens == 0:
            return None
        return (
            _KIND,
            self.key,
            *(self.opens, self.version, self.qty_e8, self.qty_max_e8),
            *(*split(self.cost_e17), *split(self.realised_e17), *split(self.total_e17)),
            *(self.fees_enter_e9, self.fees_exit_e9, self.opened_ns, self.updated_ns),
            *(self.open_seq, self.mark_e9, self.best_e9, self.fill_ids),
        )

    @property
    def entry_price_e9(self) -> int:
        """The average entry price, to the nearest; 0 when flat."""
        return average_price_e9(self.cost_e17, self.qty_e8)

    @property
    def unrealised_e17(self) -> int:
        """What closing at the mark would bring, without any fee; 0 without a mark."""
        return self.qty_e8 * self.mark_e9 - self.cost_e17 if self.mark_e9 >= 0 else 0

    @property
    def exit_fee_estimate_e9(self) -> int:
        """The entry fees' share of what is open: an estimate, kept apart ([DESK-34], D5)."""
        return exit_fee_e9(self.fees_enter_e9, self.qty_e8, self.qty_max_e8)

    @property
    def position_id(self) -> str:
        """The id of the position that is open, or was last."""
        account, instrument, deployment = self.key
        return position_id(account, instrument, deployment or None, self.open_seq)

    def mark(self, price_e9: int) -> None:
        """Value the open position at a price; the best of its life only gets better."""
        self.mark_e9 = price_e9
        better = max if self.qty_e8 > 0 else min
        self.best_e9 = better(self.best_e9, price_e9) if self.best_e9 >= 0 else price_e9

    def view(self) -> Position | None:
        """Return the open position as the desk's parts share it, None when flat."""
        if not self.qty_e8:
            return None
        account, instrument, deployment = self.key
        sign = 1 if self.qty_e8 > 0 else -1
        return Position(
            position_id=self.position_id,
            version=self.version,
            account=account,
            instrument=instrument,
            deployment_id=deployment if deployment not in ("", NET) else None,
            side=Side.BUY if sign > 0 else Side.SELL,
            qty_e8=sign * self.qty_e8,
            qty_max_e8=self.qty_max_e8,
            cost_e17=sign * self.cost_e17,
            realised_e17=self.realised_e17,
            fees_enter_e9=self.fees_enter_e9,
            fees_exit_e9=self.fees_exit_e9,
            time_enter_ns=self.opened_ns,
            time_update_ns=self.updated_ns,
            fill_ids=tuple(self.fill_ids),
            mark_e9=self.mark_e9 if self.mark_e9 >= 0 else None,
            best_e9=self.best_e9 if self.best_e9 >= 0 else None,
        )


def restored_book(fields: Record) -> Book:
    """Return the book of a dumped record."""
    _kind, key, opens, version, qty, qty_max, *money, opened, updated, seq, mark, best, fills = (
        fields
    )
    book = Book((key[0], key[1], key[2]))
    book.opens, book.version, book.qty_e8, book.qty_max_e8 = opens, version, qty, qty_max
    book.cost_e17 = joined(money[0], money[1])
    book.realised_e17 = joined(money[2], money[3])
    book.total_e17 = joined(money[4], money[5])
    book.fees_enter_e9, book.fees_exit_e9 = money[6], money[7]
    book.opened_ns, book.updated_ns = opened, updated
    book.open_seq, book.mark_e9, book.best_e9 = seq, mark, best
    book.fill_ids = list(fills)
    return book


def book_fill(book: Book, fill: Execution) -> Exit | None:
    """Book an execution, and return the position that it closed, if it did.

    A fill beyond zero closes one position and opens another; its fee is split by quantity, and its
    id stands in both ([DESK-33]).
    """
    held = book.qty_e8
    book.version += 1
    book.updated_ns = max(book.updated_ns, fill.ts_ns)
    if held == 0 or (held > 0) == (fill.qty_e8 > 0):
        _enter(book, fill)
        return None
    if abs(fill.qty_e8) < abs(held):
        _reduce(book, fill)
        return None
    return _close(book, fill)


def is_in_range(book: Book, fill: Execution) -> bool:
    """Return whether the book can hold what the fill makes of it, in either direction."""
    value = abs(fill.qty_e8) * fill.price_e9 + abs(fill.fee_e9) * E8
    money = abs(book.cost_e17) + abs(book.realised_e17) + abs(book.total_e17) + value
    fees = abs(book.fees_enter_e9) + abs(book.fees_exit_e9) + abs(fill.fee_e9)
    quantity = abs(book.qty_e8) + abs(fill.qty_e8)
    return money < E17_MAX and fees < 2**62 and quantity <= QTY_E8_MAX


def split(value_e17: int) -> tuple[int, int]:
    """Return money as (1e-9 truncated, the rest at 1e-17): two numbers that fit the wire."""
    whole = div_trunc(value_e17, E8)
    return whole, value_e17 - whole * E8


def joined(whole_e9: int, rest: int) -> int:
    """Return what was split."""
    return whole_e9 * E8 + rest


def _enter(book: Book, fill: Execution) -> None:
    """Open a position or add to it: the average price moves, the fee is realised at once."""
    if book.qty_e8 == 0:
        book.opens += 1
        book.open_seq = fill.seq
        book.opened_ns = fill.ts_ns
        book.qty_max_e8 = 0
        book.best_e9 = -1
        book.realised_e17 = book.fees_enter_e9 = book.fees_exit_e9 = 0
        book.fill_ids = []
    book.qty_e8 += fill.qty_e8
    book.qty_max_e8 = max(book.qty_max_e8, abs(book.qty_e8))
    book.cost_e17 += fill.qty_e8 * fill.price_e9
    book.fees_enter_e9 += fill.fee_e9
    book.realised_e17 -= fill.fee_e9 * E8
    _name_fill(book, fill)


def _reduce(book: Book, fill: Execution) -> None:
    """Take a share out of the cost: the average price stays."""
    released = div_trunc(book.cost_e17 * abs(fill.qty_e8), abs(book.qty_e8))
    book.realised_e17 -= released + fill.qty_e8 * fill.price_e9 + fill.fee_e9 * E8
    book.cost_e17 -= released
    book.qty_e8 += fill.qty_e8
    book.fees_exit_e9 += fill.fee_e9
    _name_fill(book, fill)


def _close(book: Book, fill: Execution) -> Exit:
    """Close the position, and open another with what the fill has beyond it."""
    held = book.qty_e8
    over = fill.qty_e8 + held
    fee = fill.fee_e9 - div_trunc(fill.fee_e9 * abs(over), abs(fill.qty_e8))
    entry = book.entry_price_e9
    book.realised_e17 -= book.cost_e17 - held * fill.price_e9 + fee * E8
    book.fees_exit_e9 += fee
    exited = Exit(
        book.position_id,
        Side.BUY if held > 0 else Side.SELL,
        book.qty_max_e8,
        entry,
        book.realised_e17,
        book.fees_enter_e9,
        book.fees_exit_e9,
        book.opened_ns,
    )
    book.total_e17 += book.realised_e17
    book.cost_e17 = book.qty_e8 = 0
    book.realised_e17 = book.fees_enter_e9 = book.fees_exit_e9 = 0
    _name_fill(book, fill)
    if over:
        _enter(book, fill._replace(qty_e8=over, fee_e9=fill.fee_e9 - fee))
    return exited


def _name_fill(book: Book, fill: Execution) -> None:
    book.fill_ids = [*book.fill_ids, fill.fill_id][-FILL_IDS_MAX:]

"""What it takes to close positions: opposite market orders, in the name of who holds them.

Owns the default of [DESK-24]. The orders for an account's position together never go beyond it, and
what earlier closing orders still work on is left out, so a repeated command closes nothing twice.
"""

from typing import NamedTuple

from lockstep_desk.core.codes import OrderKind, Origin, Scope, TimeInForce
from lockstep_desk.core.commands import Filter, OpenRequest
from lockstep_desk.core.filters import matches
from lockstep_desk.core.positions import NET, Book, BookKey
from lockstep_desk.core.state import DeskCore
from lockstep_desk.fund import MANUAL
from lockstep_desk.types import E17_PER_CENT, ORDER_QTY_E8_MAX, Side

SLICES_MAX = 64
"""No holding is closed by more orders at once; what is left is for the next command."""


class Close(NamedTuple):
    """One closing order, and the deployment ("" for nobody) in whose name it is."""

    deployment: str
    request: OpenRequest


def closes(core: DeskCore, wanted: Filter) -> list[Close]:
    """Return the orders that close what matches, by account, instrument, deployment.

    An instrument without a price is skipped. Of an account's position those holdings are closed
    that are on its side; a filter of deployments closes all that these hold.
    """
    found: list[Close] = []
    for key in sorted(core.books):
        book = core.books[key]
        if not book.qty_e8 or core.mark_e9(key[1]) is None:
            continue
        if wanted.scope is Scope.DEPLOYMENTS:
            if key[2] != NET and matches(core, wanted, *key):
                rest = abs(book.qty_e8) - closing_e8(core, book, is_of_owner=True)
                found += _sliced(core, key, book, rest)
        elif key[2] == NET and matches(core, wanted, key[0], key[1], ""):
            found += _closes_of_net(core, book)
    return found


def _closes_of_net(core: DeskCore, net: Book) -> list[Close]:
    """Return the orders that bring an account's position to zero, from the holdings on its side."""
    account, instrument, _net = net.key
    rest = abs(net.qty_e8) - closing_e8(core, net, is_of_owner=False)
    found: list[Close] = []
    for key in sorted(book.key for book in core.books_of[instrument]):
        book = core.books[key]
        is_on_side = book.qty_e8 and (book.qty_e8 > 0) == (net.qty_e8 > 0)
        if rest > 0 and is_on_side and key[0] == account and key[2] != NET:
            held = abs(book.qty_e8) - closing_e8(core, book, is_of_owner=True)
            taken = max(0, min(rest, held))
            found += _sliced(core, key, book, taken)
            rest -= taken
    return found


def closing_e8(core: DeskCore, book: Book, is_of_owner: bool) -> int:
    """Return how much of a book earlier closing orders still work on."""
    account, instrument, owner = book.key
    side = Side.SELL if book.qty_e8 > 0 else Side.BUY
    return sum(
        order.working_e8
        for order in core.live.values()
        if (order.account, order.instrument, order.side) == (account, instrument, side)
        and order.origin is Origin.CLOSE
        and (not is_of_owner or order.deployment == owner)
    )


def _sliced(core: DeskCore, key: BookKey, book: Book, qty_e8: int) -> list[Close]:
    """Return orders for a quantity, none larger than its instrument and its deployment allow."""
    account, instrument, owner = key
    price = core.mark_e9(instrument)
    most = _slice_e8(core, instrument, owner, price or 0)
    # What is less than a lot no venue takes: it stays.
    qty_e8 -= qty_e8 % core.instruments[instrument].spec.lot_e8
    found: list[Close] = []
    while qty_e8 > 0 and len(found) < SLICES_MAX:
        request = OpenRequest(
            account,
            instrument,
            Side.SELL if book.qty_e8 > 0 else Side.BUY,
            min(qty_e8, most),
            price or 0,
            OrderKind.MARKET,
            TimeInForce.IOC,
            is_reduce_only=is_reducing(core, book),
        )
        found.append(Close(owner, request))
        qty_e8 -= most
    return found


def _slice_e8(core: DeskCore, instrument: str, owner: str, price_e9: int) -> int:
    """Return the largest order in whole lots that is within both size caps; one lot at least."""
    spec = core.instruments[instrument].spec
    most = min(spec.max_qty_e8 or ORDER_QTY_E8_MAX, ORDER_QTY_E8_MAX)
    deployment = core.deployments.get(owner or MANUAL)
    if deployment is not None and price_e9:
        most = min(most, deployment.limits.max_order_cents * E17_PER_CENT // price_e9)
    return max(most // spec.lot_e8 * spec.lot_e8, spec.min_qty_e8, spec.lot_e8)


def is_reducing(core: DeskCore, book: Book) -> bool:
    """Return whether closing a holding lowers its account's position as well."""
    net = core.net(book.key[0], book.key[1])
    return (net > 0) == (book.qty_e8 > 0) and abs(net) >= abs(book.qty_e8)

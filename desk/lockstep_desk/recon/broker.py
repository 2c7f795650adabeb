"""The port to a broker: what a desk may ask it, and how a sweep gathers its pages.

Owns `BrokerView` and `gather`. A view answers and changes nothing: there is no method in it that
opens, closes, cancels or moves money. `gather` is the shell's part of a sweep: what it brings home
is the payload of a command, and the sweep itself asks nobody.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar, cast

import msgspec

from lockstep_desk.recon.pages import (
    BalancesAnswer,
    BrokerBalance,
    BrokerOrder,
    BrokerPages,
    BrokerPosition,
    FillsAnswer,
    OrderQuery,
    OrdersAnswer,
    Page,
    PositionsAnswer,
    Unknown,
    UnknownReason,
    join,
)
from lockstep_desk.types import Fill

T = TypeVar("T")
ITEMS_MAX: Final = 4_000
"""A whole answer fits into one command; a longer one is `Unknown` until the operator decides."""
PAGES_MAX: Final = 1_000
_encode: Final = msgspec.msgpack.Encoder().encode
_DECODERS: Final[dict[type, msgspec.msgpack.Decoder[Any]]] = {
    BrokerPosition: msgspec.msgpack.Decoder(PositionsAnswer),
    Fill: msgspec.msgpack.Decoder(FillsAnswer),
    BrokerOrder: msgspec.msgpack.Decoder(OrdersAnswer),
    BrokerBalance: msgspec.msgpack.Decoder(BalancesAnswer),
}


class BrokerUnreachableError(Exception):
    """The broker gave no answer in time. A view raises it; `gather` turns it into `Unknown`."""


class BrokerView(Protocol):
    """One account at one broker, to look at.

    Every method returns one page that starts at a cursor, or `Unknown`. `fills` gives everything
    after a sequence number, oldest first; `order` an empty page if the broker has no such order.
    """

    @property
    def venue(self) -> str:
        """The name of the broker."""
        ...

    @property
    def account(self) -> str:
        """The account that it looks at."""
        ...

    def positions(self, cursor: int) -> PositionsAnswer:
        """Return a page of what the account holds."""
        ...

    def fills(self, since_seq: int, cursor: int) -> FillsAnswer:
        """Return a page of the account's fills after a sequence number."""
        ...

    def open_orders(self, cursor: int) -> OrdersAnswer:
        """Return a page of the account's working orders."""
        ...

    def order(self, client_order_id: str) -> OrdersAnswer:
        """Return the order that the account sent under an id, working or ended."""
        ...

    def balances(self, cursor: int) -> BalancesAnswer:
        """Return a page of the account's balances."""
        ...


class SweepRequest(msgspec.Struct, frozen=True):
    """What a sweep wants to know: fills after `since_seq`, and how these orders stand."""

    since_seq: int
    client_order_ids: tuple[str, ...] = ()


def gather(view: BrokerView, request: SweepRequest) -> BrokerPages:
    """Ask for everything that a sweep needs: positions first, so that the fills reach further.

    Orders that the broker lists as working are not asked for one by one. Never raises for a broker
    that fails: what did not come whole, or is not what was asked for, is `Unknown`. What a view
    raises as a mistake of its own (a name or a type that is wrong) goes on.
    """
    positions = read_all(view.positions, BrokerPosition)
    orders = read_all(view.open_orders, BrokerOrder)
    listed = () if isinstance(orders, Unknown) else orders.items
    working = {order.client_order_id for order in listed}
    queries = tuple(
        OrderQuery(wanted, _ask(view, wanted))
        for wanted in request.client_order_ids
        if wanted not in working
    )
    fills = read_all(lambda cursor: view.fills(request.since_seq, cursor), Fill)
    balances = read_all(view.balances, BrokerBalance)
    return BrokerPages(
        view.venue, view.account, request.since_seq, positions, fills, orders, balances, queries
    )


def read_all(ask: Callable[[int], Page[T] | Unknown], kind: type[T]) -> Page[T] | Unknown:
    """Read pages of items of a kind until the answer is whole, or return `Unknown` and why not."""
    pages: list[Page[T]] = []
    cursor = 0
    while len(pages) < PAGES_MAX:
        answer = _read(_reached(ask, cursor), kind)
        if isinstance(answer, Unknown):
            return answer
        if answer.total > ITEMS_MAX:
            return Unknown(UnknownReason.TOO_LARGE, f"{answer.total} items, {ITEMS_MAX} fit")
        pages.append(answer)
        if answer.next_cursor >= answer.total or answer.next_cursor <= cursor:
            return join(pages)
        cursor = answer.next_cursor
    return Unknown(UnknownReason.TOO_LARGE, f"more than {PAGES_MAX} pages")


def _ask(view: BrokerView, client_order_id: str) -> Page[BrokerOrder] | Unknown:
    return read_all(lambda _cursor: view.order(client_order_id), BrokerOrder)


def _reached(ask: Callable[[int], T], cursor: int) -> T | Unknown:
    """Ask, and return what the world outside fails with as `Unknown`.

    A link that breaks is UNREACHABLE, an answer that cannot be read is CUT.
    """
    try:
        return ask(cursor)
    except BrokerUnreachableError as error:
        return Unknown(UnknownReason.UNREACHABLE, str(error))
    except (OSError, EOFError) as error:
        return Unknown(UnknownReason.UNREACHABLE, _named(error))
    except (ValueError, msgspec.MsgspecError) as error:
        return Unknown(UnknownReason.CUT, _named(error))


def _read(answer: object, kind: type[T]) -> Page[T] | Unknown:
    """Return an answer as a journal would give it back, or `Unknown` if it could not hold it."""
    try:
        read = _DECODERS[kind].decode(_encode(answer))
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
        what = f"expected a page of {kind.__name__}, found {type(answer).__name__}: {error}"
        return Unknown(UnknownReason.CUT, what)
    found: Page[T] | Unknown = read
    # Two types may look the same when they are written.
    items = cast("Page[object]", answer).items if isinstance(answer, Page) else ()
    for item in items:
        if type(item) is not kind:
            what = f"expected items of {kind.__name__}, found {type(item).__name__}"
            return Unknown(UnknownReason.CUT, what)
    return found


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"

"""The port to a broker: what a desk may ask it, and how a sweep gathers its pages.

Owns `BrokerView` and `gather`. A view answers and changes nothing: there is no method in it that
opens, closes, cancels or moves money. `gather` is the shell's part of a sweep: what it brings home
is the payload of a command, and the sweep itself asks nobody.
"""

from collections.abc import Callable
from typing import Final, Protocol, TypeVar

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
    that fails: what did not come whole is `Unknown`.
    """
    positions: Page[BrokerPosition] | Unknown = read_all(view.positions)
    orders: Page[BrokerOrder] | Unknown = read_all(view.open_orders)
    listed = () if isinstance(orders, Unknown) else orders.items
    working = {order.client_order_id for order in listed}
    queries = tuple(
        OrderQuery(wanted, _ask(view, wanted))
        for wanted in request.client_order_ids
        if wanted not in working
    )
    fills: Page[Fill] | Unknown = read_all(lambda cursor: view.fills(request.since_seq, cursor))
    balances: Page[BrokerBalance] | Unknown = read_all(view.balances)
    return BrokerPages(
        view.venue, view.account, request.since_seq, positions, fills, orders, balances, queries
    )


def read_all(ask: Callable[[int], Page[T] | Unknown]) -> Page[T] | Unknown:
    """Read page after page until the answer is whole, or return `Unknown` and why it is not."""
    pages: list[Page[T]] = []
    cursor = 0
    while len(pages) < PAGES_MAX:
        answer = _reached(ask, cursor)
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
    answer: Page[BrokerOrder] | Unknown = read_all(lambda _cursor: view.order(client_order_id))
    return answer


def _reached(ask: Callable[[int], Page[T] | Unknown], cursor: int) -> Page[T] | Unknown:
    try:
        return ask(cursor)
    except BrokerUnreachableError as error:
        return Unknown(UnknownReason.UNREACHABLE, str(error))

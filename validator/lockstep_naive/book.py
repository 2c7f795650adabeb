"""The books: found by scanning the resting orders each time; the only place that changes orders.

The first change of an instrument's orders in a command keeps the list as it was, so that the
levels before and after can be compared at the end ([EVT-2]).
"""

from collections.abc import Iterable

from lockstep_engine.codes import AmendReason, CancelReason, Side
from lockstep_engine.events import BookChanged, OrderAmended, OrderCancelled
from lockstep_kernel import div_floor
from lockstep_naive.core import NaiveCore
from lockstep_naive.rows import Book, Order


def orders_of_instrument(core: NaiveCore, instrument: int) -> list[Order]:
    """Return the resting orders of an instrument, by order_id."""
    both = (_side(core, instrument, Side.BUY), _side(core, instrument, Side.SELL))
    return sorted([*both[0], *both[1]], key=lambda order: order.order_id)


def orders_of_account(core: NaiveCore, account: int) -> list[Order]:
    """Return the resting orders of an account, by order_id."""
    return sorted(core.orders.group("account", account), key=lambda order: order.order_id)


def live_order(core: NaiveCore, account: int, order_id: int) -> Order | None:
    """Return an order if it is live and of the account."""
    order = core.orders.get(order_id)
    return order if order is not None and order.account == account else None


def best(core: NaiveCore, instrument: int, side: int) -> Order | None:
    """Return the order that is met first on a side: best price, then lowest arrival ([BOOK-1])."""
    orders = _side(core, instrument, side)
    if side == Side.BUY:
        return min(orders, key=lambda order: (-order.price_ticks, order.arrival), default=None)
    return min(orders, key=lambda order: (order.price_ticks, order.arrival), default=None)


def is_crossing(side: int, price_ticks: int, opposite_price_ticks: int) -> bool:
    """Return whether an order of `side` at a price meets one of the opposite side at another."""
    if side == Side.BUY:
        return price_ticks >= opposite_price_ticks
    return price_ticks <= opposite_price_ticks


def put_order(core: NaiveCore, order: Order) -> None:
    """Rest an order, or change a resting one."""
    _remember(core, order.instrument)
    core.orders.put(order)


def drop_order(core: NaiveCore, order: Order) -> None:
    """Take an order from the book, silently."""
    _remember(core, order.instrument)
    core.orders.drop(order.order_id)


def cancel(core: NaiveCore, order: Order, reason: CancelReason) -> None:
    """End an order, resting or not, with what remains of it."""
    drop_order(core, order)
    core.emit(
        OrderCancelled(
            order.order_id,
            order.account,
            order.instrument,
            order.side,
            order.price_ticks,
            order.client_id,
            reason,
            order.remaining_lots,
        )
    )


def emit_amended(core: NaiveCore, order: Order, reason: AmendReason) -> None:
    """Say what an order is now."""
    core.emit(
        OrderAmended(
            order.order_id,
            order.account,
            order.instrument,
            reason,
            order.price_ticks,
            order.qty_lots,
            order.remaining_lots,
        )
    )


def filled(order: Order, lots: int) -> Order:
    """Return the order after a fill: the remaining falls, and the reserve with it ([MRG-4])."""
    is_last = lots == order.remaining_lots
    reserve = order.reserve_e6
    released = reserve if is_last else div_floor(reserve * lots, order.remaining_lots)
    return order._replace(remaining_lots=order.remaining_lots - lots, reserve_e6=reserve - released)


def cut(order: Order, lots: int) -> Order:
    """Return the order with total and remaining smaller by `lots`."""
    return filled(order, lots)._replace(qty_lots=order.qty_lots - lots)


def report_books(core: NaiveCore) -> None:
    """Emit BookChanged for each instrument whose levels differ from before the command."""
    for instrument in sorted(core.books_before):
        bids_before, asks_before = core.books_before[instrument]
        bids = _changed_levels(bids_before, _side(core, instrument, Side.BUY))
        asks = _changed_levels(asks_before, _side(core, instrument, Side.SELL))
        if bids or asks:
            book = core.books.get(instrument) or Book(instrument, 0)
            book = Book(instrument, book.book_sequence + 1)
            core.books.put(book)
            core.emit(BookChanged(instrument, book.book_sequence, tuple(bids[::-1]), tuple(asks)))


def _side(core: NaiveCore, instrument: int, side: int) -> list[Order]:
    """Return the resting orders of one side, in no order that means anything."""
    return core.orders.group("side", (instrument, side))


def _remember(core: NaiveCore, instrument: int) -> None:
    if instrument not in core.books_before:
        bids, asks = _side(core, instrument, Side.BUY), _side(core, instrument, Side.SELL)
        core.books_before[instrument] = (bids, asks)


def _changed_levels(before: Iterable[Order], after: Iterable[Order]) -> list[tuple[int, int]]:
    """Return (price, new total) of the levels that differ, by rising price."""
    old, new = _level_totals(before), _level_totals(after)
    prices = sorted({*old, *new})
    return [(price, new.get(price, 0)) for price in prices if old.get(price) != new.get(price)]


def _level_totals(orders: Iterable[Order]) -> dict[int, int]:
    totals: dict[int, int] = {}
    for order in orders:
        totals[order.price_ticks] = totals.get(order.price_ticks, 0) + order.remaining_lots
    return totals

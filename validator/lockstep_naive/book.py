"""The books: found by scanning the resting orders each time; the only place that changes orders.

The first change of an order in a command keeps it as it was, so that the levels before and after
can be compared at the end ([EVT-2]).
"""

from collections.abc import Callable, Collection, Iterable
from operator import attrgetter

from lockstep_engine.codes import AmendReason, CancelReason, OrderFlag, Side
from lockstep_engine.events import BookChanged, OrderAmended, OrderCancelled
from lockstep_kernel import div_floor
from lockstep_naive.core import NaiveCore
from lockstep_naive.rows import Book, Order

_price_ticks: Callable[[Order], int] = attrgetter("price_ticks")


def orders_of_instrument(core: NaiveCore, instrument: int) -> list[Order]:
    """Return the resting orders of an instrument, by order_id."""
    both = (_side(core, instrument, Side.BUY), _side(core, instrument, Side.SELL))
    return by_id([*both[0], *both[1]])


def orders_of_account(core: NaiveCore, account: int) -> Collection[Order]:
    """Give the resting orders of an account, in no order that means anything."""
    return core.orders.group("account", account)


def protected_orders(core: NaiveCore, key: tuple[int, str]) -> list[Order]:
    """Return the resting MMP orders of (account, underlying), by order_id."""
    account, _ = key
    orders = by_id(orders_of_account(core, account))
    return [o for o in orders if o.has(OrderFlag.MMP) and protection_of(core, o) == key]


def protection_of(core: NaiveCore, order: Order) -> tuple[int, str]:
    """Return the key of the MMP configuration that stands over an order: (account, underlying)."""
    return order.account, core.instruments.must(order.instrument).contract.underlying


def by_id(orders: Iterable[Order]) -> list[Order]:
    """Return orders by order_id."""
    return sorted(orders, key=lambda order: order.order_id)


def live_order(core: NaiveCore, account: int, order_id: int) -> Order | None:
    """Return an order if it is live and of the account."""
    order = core.orders.get(order_id)
    return order if order is not None and order.account == account else None


def best_price(core: NaiveCore, instrument: int, side: int) -> int | None:
    """Return the best price of a side, None if the side is empty."""
    prices: Iterable[int] = map(_price_ticks, _side(core, instrument, side))
    return max(prices, default=None) if side == Side.BUY else min(prices, default=None)


def first_at(core: NaiveCore, instrument: int, side: int, price_ticks: int) -> Order:
    """Return the order that is met first at a price that has orders: lowest arrival ([BOOK-1])."""
    orders = [o for o in _side(core, instrument, side) if o.price_ticks == price_ticks]
    return min(orders, key=lambda order: order.arrival)


def is_crossing(side: int, price_ticks: int, opposite_price_ticks: int) -> bool:
    """Return whether an order of `side` at a price meets one of the opposite side at another."""
    if side == Side.BUY:
        return price_ticks >= opposite_price_ticks
    return price_ticks <= opposite_price_ticks


def put_order(core: NaiveCore, order: Order) -> None:
    """Rest an order, or change a resting one."""
    _remember(core, order.order_id)
    core.orders.put(order)


def drop_order(core: NaiveCore, order: Order) -> None:
    """Take an order from the book, silently."""
    _remember(core, order.order_id)
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
    levels = _changed_levels(core)
    for instrument in sorted({level[0] for level in levels}):
        bids = _totals(core, instrument, Side.BUY, levels)
        asks = _totals(core, instrument, Side.SELL, levels)
        book = core.books.get(instrument) or Book(instrument, 0)
        book = Book(instrument, book.book_sequence + 1)
        core.books.put(book)
        core.emit(BookChanged(instrument, book.book_sequence, tuple(bids[::-1]), tuple(asks)))


def _side(core: NaiveCore, instrument: int, side: int) -> Collection[Order]:
    """Give the resting orders of one side, in no order that means anything."""
    return core.orders.group("side", (instrument, side))


def _remember(core: NaiveCore, order_id: int) -> None:
    if order_id not in core.orders_before:
        core.orders_before[order_id] = core.orders.get(order_id)


def _changed_levels(core: NaiveCore) -> list[tuple[int, int, int]]:
    """Return (instrument, side, price) of the levels whose total differs from before."""
    changes: dict[tuple[int, int, int], int] = {}
    for order_id, before in core.orders_before.items():
        for order, sign in ((before, -1), (core.orders.get(order_id), 1)):
            if order is not None:
                level = (order.instrument, order.side, order.price_ticks)
                changes[level] = changes.get(level, 0) + sign * order.remaining_lots
    return [level for level, change in changes.items() if change != 0]


def _totals(
    core: NaiveCore, instrument: int, side: int, levels: Iterable[tuple[int, int, int]]
) -> list[tuple[int, int]]:
    """Return (price, new total) of those levels that are of one side, by rising price."""
    totals = {level[2]: 0 for level in levels if level[:2] == (instrument, side)}
    for order in _side(core, instrument, side) if totals else ():
        if order.price_ticks in totals:
            totals[order.price_ticks] += order.remaining_lots
    return sorted(totals.items())

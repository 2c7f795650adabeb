"""Where orders stand: the queues of a book and the index of live orders, changed together.

An order rests in a level's queue, in its account's indexes and in its holding's open sums, or in
none of them. `detach` and `reattach` take an order out and put it back at the very same place.
Levels are found in O(1), made in O(log levels) comparisons; everything else here is O(1).
"""

from bisect import bisect_left, insort
from typing import Final

from lockstep_engine.codes import OrderFlag, Side, TimeInForce
from lockstep_engine.lifecycle.timers import schedule_order
from lockstep_engine.state import BookSide, ExchangeCore, Holding, Level, Order

_BUY: Final = int(Side.BUY)
_REDUCE_ONLY: Final = int(OrderFlag.REDUCE_ONLY)
_MMP: Final = int(OrderFlag.MMP)
_GTD: Final = int(TimeInForce.GTD)


def rest(core: ExchangeCore, order: Order, side: BookSide) -> None:
    """Put an order at the end of its level's queue on its side, with a new arrival number."""
    order.arrival = arrival = core.next_arrival
    core.next_arrival = arrival + 1
    level = side.levels.get(order.price_ticks)
    if level is None:
        level = _make_level(side, order.price_ticks)
    if not level.is_changed:
        note_change(core, level)
    level.total_lots += order.remaining_lots
    order.behind = None
    order.ahead = tail = level.tail
    if tail is None:
        level.head = order
    else:
        tail.behind = order
    level.tail = order
    order.level = level
    _index(core, order)
    if not order.is_touched:
        order.is_touched = True
        core.touched.append(order)


def detach(core: ExchangeCore, order: Order) -> None:
    """Take a resting order out of its queue and indexes; it keeps its neighbours for `reattach`."""
    level = order.level
    assert level is not None  # noqa: S101  # for the type checker: only resting orders come here
    if not level.is_changed:
        note_change(core, level)
    level.total_lots -= order.remaining_lots
    ahead, behind = order.ahead, order.behind
    if ahead is None:
        level.head = behind
    else:
        ahead.behind = behind
    if behind is None:
        level.tail = ahead
    else:
        behind.ahead = ahead
    order.level = None
    if level.head is None:
        _drop_level(level)
    _unindex(core, order)
    if not order.is_touched:
        order.is_touched = True
        core.touched.append(order)


def reattach(core: ExchangeCore, order: Order) -> None:
    """Undo `detach`; nothing else may have changed in the book in between.

    Margin may have been computed without the order: what it loses at the mark is to be found anew.
    """
    instrument = order.instrument
    side = instrument.bids if order.side == _BUY else instrument.asks
    level = side.levels.get(order.price_ticks)
    if level is None:
        level = _make_level(side, order.price_ticks)
    if not level.is_changed:
        note_change(core, level)
    level.total_lots += order.remaining_lots
    ahead, behind = order.ahead, order.behind
    if ahead is None:
        level.head = order
    else:
        ahead.behind = order
    if behind is None:
        level.tail = order
    else:
        behind.ahead = order
    order.level = level
    _index(core, order)
    order.account.exposure_e6 += order.remaining_lots * instrument.worst_lot_e6
    order.holding.seen_version = 0
    order.account.seen_prices = -1


def shrink(core: ExchangeCore, order: Order, lots: int) -> None:
    """Take `lots` (less than its remaining) off a resting order at its place.

    The reserve is released pro rata ([MRG-4]); the total of the order is the caller's matter.
    """
    level = order.level
    assert level is not None  # noqa: S101  # for the type checker: only resting orders come here
    if not level.is_changed:
        note_change(core, level)
    level.total_lots -= lots
    reserve = order.reserve_e6
    if reserve:
        released = reserve * lots // order.remaining_lots
        order.reserve_e6 = reserve - released
        order.account.reserve_e6 -= released
    order.remaining_lots -= lots
    holding = order.holding
    if order.side == _BUY:
        holding.open_buy_lots -= lots
    else:
        holding.open_sell_lots -= lots
    if not holding.is_dirty:
        holding.is_dirty = True
        holding.account.dirty.append(holding)
    if not order.is_touched:
        order.is_touched = True
        core.touched.append(order)


def note_change(core: ExchangeCore, level: Level) -> None:
    """Remember the level's total from before the command; callers do so once per command."""
    level.is_changed = True
    level.before_lots = level.total_lots
    core.changed_levels.append(level)


def reduce_only_orders(holding: Holding, side: int) -> list[Order]:
    """Return the resting reduce-only orders of one side, by order_id."""
    return holding.reduce_only_buys if side == _BUY else holding.reduce_only_sells


def _index(core: ExchangeCore, order: Order) -> None:
    """Enter a resting order in its account's indexes and its holding's open sums."""
    account = order.account
    holding = order.holding
    account.orders[order.order_id] = order
    account.reserve_e6 += order.reserve_e6
    holding.orders[order.order_id] = order
    if order.side == _BUY:
        holding.open_buy_lots += order.remaining_lots
    else:
        holding.open_sell_lots += order.remaining_lots
    if not holding.is_dirty:
        holding.is_dirty = True
        account.dirty.append(holding)
    if order.client_id:
        account.client_ids[order.client_id] = order
    if order.quote_set:
        quotes = account.quote_sets.get(order.quote_set)
        if quotes is None:
            quotes = account.quote_sets[order.quote_set] = {}
        quotes[2 * order.instrument.instrument + order.side] = order
    if order.flags:
        if order.flags & _REDUCE_ONLY:
            insort(reduce_only_orders(holding, order.side), order, key=_order_id)
        if order.flags & _MMP:
            holding.mmp_orders[order.order_id] = order
    if order.tif == _GTD:
        schedule_order(core, order)


def _unindex(core: ExchangeCore, order: Order) -> None:
    account = order.account
    holding = order.holding
    del account.orders[order.order_id]
    account.reserve_e6 -= order.reserve_e6
    del holding.orders[order.order_id]
    if order.side == _BUY:
        holding.open_buy_lots -= order.remaining_lots
    else:
        holding.open_sell_lots -= order.remaining_lots
    if not holding.is_dirty:
        holding.is_dirty = True
        account.dirty.append(holding)
    if order.client_id:
        del account.client_ids[order.client_id]
    if order.quote_set:
        quotes = account.quote_sets[order.quote_set]
        del quotes[2 * order.instrument.instrument + order.side]
        if not quotes:
            del account.quote_sets[order.quote_set]
    if order.flags:
        if order.flags & _REDUCE_ONLY:
            reduce_only_orders(holding, order.side).remove(order)
        if order.flags & _MMP:
            del holding.mmp_orders[order.order_id]
    if order.tif == _GTD:
        del core.expiring[order.order_id]


def _order_id(order: Order) -> int:
    return order.order_id


def _make_level(side: BookSide, price_ticks: int) -> Level:
    """Put a level into the book: one that this command emptied, or a new one."""
    level = side.emptied.pop(price_ticks, None)
    if level is None:
        level = Level(side, price_ticks)
    side.levels[price_ticks] = level
    key = price_ticks * side.sign
    keys = side.keys
    if not keys or key > keys[-1]:
        keys.append(key)
        side.best = level
    else:
        insort(keys, key)
    return level


def _drop_level(level: Level) -> None:
    side = level.side
    price_ticks = level.price_ticks
    del side.levels[price_ticks]
    side.emptied[price_ticks] = level
    keys = side.keys
    if side.best is level:
        keys.pop()
        side.best = side.levels[keys[-1] * side.sign] if keys else None
    else:
        del keys[bisect_left(keys, price_ticks * side.sign)]

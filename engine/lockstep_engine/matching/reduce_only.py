"""Reduce-only: the bound by the position, and the cuts when the position shrinks ([ORD-4])."""

from typing import Final

from lockstep_engine.book.queue import detach, shrink
from lockstep_engine.codes import AmendReason, CancelReason, Side
from lockstep_engine.matching.reports import amended, cancelled
from lockstep_engine.state import Events, ExchangeCore, Holding, Order

_BUY: Final = int(Side.BUY)
_CANCELLED: Final = int(CancelReason.REDUCE_ONLY)
_AMENDED: Final = int(AmendReason.REDUCE_ONLY)


def closing_lots(qty_lots: int, side: int) -> int:
    """Return how many lots of the position an order on that side can close."""
    closing = -qty_lots if side == _BUY else qty_lots
    return closing if closing > 0 else 0


def is_reducing(order: Order) -> bool:
    """Return whether the order, behind all others of its side, only closes ([ORD-6])."""
    return reduces(order.holding, order.side, order.remaining_lots)


def reduces(holding: Holding, side: int, qty_lots: int) -> bool:
    """Return whether so many lots, behind all open orders of the side, only close ([ORD-6])."""
    open_lots = holding.open_buy_lots if side == _BUY else holding.open_sell_lots
    return qty_lots + open_lots <= closing_lots(holding.qty_lots, side)


def reduce_only_left(holding: Holding, side: int) -> int:
    """Return how many more reduce-only lots that side may hold."""
    orders = holding.reduce_only_buys if side == _BUY else holding.reduce_only_sells
    return closing_lots(holding.qty_lots, side) - _total(orders)


def cut_reduce_only(core: ExchangeCore, holding: Holding, events: Events) -> None:
    """Cut the newest reduce-only orders until the bound holds again."""
    if holding.reduce_only_buys:
        bound = closing_lots(holding.qty_lots, _BUY)
        _cut(core, holding.reduce_only_buys, bound, events)
    if holding.reduce_only_sells:
        bound = closing_lots(holding.qty_lots, 1 - _BUY)
        _cut(core, holding.reduce_only_sells, bound, events)


def _cut(core: ExchangeCore, orders: list[Order], bound: int, events: Events) -> None:
    excess = _total(orders) - bound
    while excess > 0:
        newest = orders[-1]
        lots = min(excess, newest.remaining_lots)
        excess -= lots
        if lots == newest.remaining_lots:
            detach(core, newest)
            events.append(cancelled(newest, _CANCELLED, lots))
        else:
            newest.qty_lots -= lots
            shrink(core, newest, lots)
            events.append(amended(newest, _AMENDED))


def _total(orders: list[Order]) -> int:
    total = 0
    for order in orders:
        total += order.remaining_lots
    return total

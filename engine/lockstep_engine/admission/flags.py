"""Steps 7 and 8 of [ORD-5]: reduce-only cuts the size, post-only stays out of the market."""

from typing import Final

from lockstep_engine.codes import Code, OrderFlag, Side
from lockstep_engine.matching.reduce_only import reduce_only_left
from lockstep_engine.matching.sweep import crosses
from lockstep_engine.state import Order

_ACCEPTED: Final = int(Code.ACCEPTED)
_WOULD_INCREASE: Final = int(Code.REDUCE_ONLY_WOULD_INCREASE)
_WOULD_CROSS: Final = int(Code.POST_ONLY_WOULD_CROSS)
_POST_ONLY: Final = int(OrderFlag.POST_ONLY)
_REPRICE: Final = int(OrderFlag.REPRICE)
_REDUCE_ONLY: Final = int(OrderFlag.REDUCE_ONLY)
_BUY: Final = int(Side.BUY)


def apply_flags(order: Order) -> int:
    """Cut and reprice the order as its flags say; return why nothing is left of it, else 0."""
    if order.flags & _REDUCE_ONLY:
        left = reduce_only_left(order.holding, order.side)
        if left <= 0:
            return _WOULD_INCREASE
        if order.remaining_lots > left:
            order.qty_lots -= order.remaining_lots - left
            order.remaining_lots = left
    if order.flags & (_POST_ONLY | _REPRICE):
        return _stay_out(order)
    return _ACCEPTED


def _stay_out(order: Order) -> int:
    """Keep a post-only order from taking."""
    instrument = order.instrument
    opposite = instrument.asks if order.side == _BUY else instrument.bids
    best = opposite.best
    if best is None or not crosses(order, best.price_ticks):
        return _ACCEPTED
    if order.flags & _POST_ONLY:
        return _WOULD_CROSS
    step = instrument.price_step_ticks
    price = best.price_ticks - step if order.side == _BUY else best.price_ticks + step
    if price < 1 or price > instrument.max_price_ticks:
        return _WOULD_CROSS
    order.price_ticks = price
    return _ACCEPTED

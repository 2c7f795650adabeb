"""Steps 5 and 6 of [ORD-5]: the instrument takes such orders, the account may have one more."""

from typing import Final

from lockstep_engine.codes import Code, InstrumentStatus, Side
from lockstep_engine.matching.reduce_only import is_reducing
from lockstep_engine.state import Order

_ACCEPTED: Final = int(Code.ACCEPTED)
_INSTRUMENT_HALTED: Final = int(Code.INSTRUMENT_HALTED)
_INSTRUMENT_EXPIRED: Final = int(Code.INSTRUMENT_EXPIRED)
_INSTRUMENT_CLOSE_ONLY: Final = int(Code.INSTRUMENT_CLOSE_ONLY)
_NO_INDEX_PRICE: Final = int(Code.NO_INDEX_PRICE)
_NO_MARK_PRICE: Final = int(Code.NO_MARK_PRICE)
_OPEN_ORDERS_LIMIT: Final = int(Code.OPEN_ORDERS_LIMIT)
_POSITION_LIMIT: Final = int(Code.POSITION_LIMIT)
_ACTIVE: Final = int(InstrumentStatus.ACTIVE)
_HALTED: Final = int(InstrumentStatus.HALTED)
_EXPIRED: Final = int(InstrumentStatus.EXPIRED_PENDING_PRICE)
_BUY: Final = int(Side.BUY)


def check_limits(order: Order) -> int:
    """Return the code of the first limit in the way of this remaining size, 0 if none."""
    instrument = order.instrument
    status = instrument.status
    if status != _ACTIVE:
        if status == _HALTED:
            return _INSTRUMENT_HALTED
        if status == _EXPIRED:
            return _INSTRUMENT_EXPIRED
        if not is_reducing(order):
            return _INSTRUMENT_CLOSE_ONLY
    if instrument.is_option:
        if instrument.underlying.index_price_e6 == 0:
            return _NO_INDEX_PRICE
    elif instrument.mark_price_e6 == 0:
        return _NO_MARK_PRICE
    holding = order.holding
    if holding.open_orders >= instrument.max_open_orders and not is_reducing(order):
        return _OPEN_ORDERS_LIMIT
    if order.side == _BUY:
        worst = holding.qty_lots + holding.open_buy_lots + order.remaining_lots
    else:
        worst = holding.open_sell_lots + order.remaining_lots - holding.qty_lots
    if worst > instrument.max_position_lots and not is_reducing(order):
        return _POSITION_LIMIT
    return _ACCEPTED

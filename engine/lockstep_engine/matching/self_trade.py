"""Self-trade prevention: the taker's mode decides what happens ([ORD-3])."""

from typing import Final

from lockstep_engine.book.queue import detach, shrink
from lockstep_engine.codes import AmendReason, CancelReason, SelfTradeMode
from lockstep_engine.matching.reports import amended, cancelled
from lockstep_engine.state import Account, Events, ExchangeCore, Order

_CANCEL_TAKER: Final = int(SelfTradeMode.CANCEL_TAKER)
_CANCEL_MAKER: Final = int(SelfTradeMode.CANCEL_MAKER)
_DECREMENT: Final = int(SelfTradeMode.DECREMENT)
_CANCELLED: Final = int(CancelReason.SELF_TRADE)
_AMENDED: Final = int(AmendReason.SELF_TRADE)
_GOES_ON: Final = 0


def is_own(maker: Account, taker: Account) -> bool:
    """Return whether both accounts count as one."""
    if maker is taker:
        return True
    return maker.self_trade_group != 0 and maker.self_trade_group == taker.self_trade_group


def prevent_self_trade(core: ExchangeCore, maker: Order, taker: Order, events: Events) -> int:
    """Carry out the taker's mode on one own maker; return why the taker ends, 0 if it goes on."""
    mode = taker.self_trade
    if mode == _DECREMENT:
        return _decrement(core, maker, taker, events)
    if mode != _CANCEL_TAKER:
        detach(core, maker)
        events.append(cancelled(maker, _CANCELLED, maker.remaining_lots))
    return _GOES_ON if mode == _CANCEL_MAKER else _CANCELLED


def _decrement(core: ExchangeCore, maker: Order, taker: Order, events: Events) -> int:
    """Take the smaller remaining off both; the maker keeps its place."""
    lots = min(maker.remaining_lots, taker.remaining_lots)
    if lots == maker.remaining_lots:
        detach(core, maker)
        events.append(cancelled(maker, _CANCELLED, lots))
    else:
        maker.qty_lots -= lots
        shrink(core, maker, lots)
        events.append(amended(maker, _AMENDED))
    if lots == taker.remaining_lots:
        return _CANCELLED
    taker.reserve_e6 -= taker.reserve_e6 * lots // taker.remaining_lots
    taker.qty_lots -= lots
    taker.remaining_lots -= lots
    events.append(amended(taker, _AMENDED))
    return _GOES_ON

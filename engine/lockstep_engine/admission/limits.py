"""Steps 5 and 6 of [ORD-5]: the instrument takes such orders, the account may have one more."""

from typing import Final

from lockstep_engine.codes import Code, InstrumentStatus, OrderFlag, Side
from lockstep_engine.matching.reduce_only import is_reducing, reduces
from lockstep_engine.money.bounds import CASH_MAX_E6
from lockstep_engine.money.exposure import EXPOSURE_MAX_E6, added_exposure_e6, exposure_e6
from lockstep_engine.state import ExchangeCore, Holding, Order

_ACCEPTED: Final = int(Code.ACCEPTED)
_INSTRUMENT_HALTED: Final = int(Code.INSTRUMENT_HALTED)
_INSTRUMENT_EXPIRED: Final = int(Code.INSTRUMENT_EXPIRED)
_INSTRUMENT_CLOSE_ONLY: Final = int(Code.INSTRUMENT_CLOSE_ONLY)
_NO_INDEX_PRICE: Final = int(Code.NO_INDEX_PRICE)
_NO_MARK_PRICE: Final = int(Code.NO_MARK_PRICE)
_STALE_MARK: Final = int(Code.STALE_MARK)
_AMOUNT_ABOVE_LIMIT: Final = int(Code.AMOUNT_ABOVE_LIMIT)
_ACCOUNT_IN_DEBT: Final = int(Code.ACCOUNT_IN_DEBT)
_MMP_NOT_CONFIGURED: Final = int(Code.MMP_NOT_CONFIGURED)
_MMP_FROZEN: Final = int(Code.MMP_FROZEN)
_OPEN_ORDERS_LIMIT: Final = int(Code.OPEN_ORDERS_LIMIT)
_POSITION_LIMIT: Final = int(Code.POSITION_LIMIT)
_ACTIVE: Final = int(InstrumentStatus.ACTIVE)
_HALTED: Final = int(InstrumentStatus.HALTED)
_EXPIRED: Final = int(InstrumentStatus.EXPIRED_PENDING_PRICE)
_BUY: Final = int(Side.BUY)
_MMP: Final = int(OrderFlag.MMP)
_REDUCE_ONLY: Final = int(OrderFlag.REDUCE_ONLY)


def check_limits(core: ExchangeCore, order: Order) -> int:
    """Return the code of the first limit in the way of this remaining size, 0 if none."""
    instrument = order.instrument
    status = instrument.status
    if status != _ACTIVE:
        if status == _HALTED:
            return _INSTRUMENT_HALTED
        if status >= _EXPIRED:
            return _INSTRUMENT_EXPIRED
        if not is_reducing(order):
            return _INSTRUMENT_CLOSE_ONLY
    if instrument.is_option and instrument.underlying.index_price_e6 == 0:
        return _NO_INDEX_PRICE
    if core.now_ns > instrument.fresh_until_ns:
        if instrument.fresh_until_ns < 0:
            return _NO_MARK_PRICE
        if not is_reducing(order):
            return _STALE_MARK
    account = order.account
    if account.debt_e6:
        return _ACCOUNT_IN_DEBT
    # The same as `is_cash_in_bounds`, without the call that every order would pay for.
    if not -CASH_MAX_E6 < account.cash_e6 < CASH_MAX_E6 and not _only_closes(order):
        return _AMOUNT_ABOVE_LIMIT
    if order.flags & _MMP:
        code = _protection_code(order)
        if code != _ACCEPTED:
            return code
    holding = order.holding
    if len(holding.orders) >= instrument.max_open_orders and not is_reducing(order):
        return _OPEN_ORDERS_LIMIT
    if exceeds_position(holding, order.side, order.remaining_lots):
        return _POSITION_LIMIT
    # What is kept is never too little, so nearly all orders need no more than this sum.
    exposure = account.exposure_e6 + order.remaining_lots * instrument.worst_lot_e6
    if exposure > EXPOSURE_MAX_E6:
        exposure = exposure_e6(account)
        exposure += added_exposure_e6(holding, order.side, order.remaining_lots)
        if exposure > EXPOSURE_MAX_E6:
            return _AMOUNT_ABOVE_LIMIT
    account.exposure_e6 = exposure
    return _ACCEPTED


def exceeds_position(holding: Holding, side: int, qty_lots: int) -> bool:
    """Return whether so many lots more on that side pass the position limit ([ORD-5] step 6)."""
    if side == _BUY:
        worst = holding.qty_lots + holding.open_buy_lots + qty_lots
    else:
        worst = holding.open_sell_lots + qty_lots - holding.qty_lots
    limit = holding.instrument.max_position_lots
    return worst > limit and not reduces(holding, side, qty_lots)


def _only_closes(order: Order) -> bool:
    """Return whether the order reduces, and will whatever happens to the position ([ORD-4])."""
    return order.flags & _REDUCE_ONLY != 0 and is_reducing(order)


def _protection_code(order: Order) -> int:
    """Return why the account may not enter MMP orders in this underlying, 0 if it may."""
    mmp = order.account.mmps.get(order.instrument.underlying.name)
    if mmp is None:
        return _MMP_NOT_CONFIGURED
    return _MMP_FROZEN if mmp.frozen_until_ns else _ACCEPTED

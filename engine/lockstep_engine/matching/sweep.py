"""The sweep: an incoming order meets the best opposite orders, one maker at a time ([EVT-3])."""

from typing import Final

from lockstep_engine.book.queue import detach, note_change, rest
from lockstep_engine.codes import (
    CancelReason,
    CashReason,
    OrderFlag,
    SelfTradeMode,
    Side,
    TimeInForce,
)
from lockstep_engine.events import Trade, TradeSide
from lockstep_engine.matching.protection import is_frozen, protect
from lockstep_engine.matching.reduce_only import cut_reduce_only
from lockstep_engine.matching.relief import cut_relieved, note_relieved
from lockstep_engine.matching.reports import cancelled
from lockstep_engine.matching.self_trade import is_own, prevent_self_trade
from lockstep_engine.money.bounds import CASH_MAX_E6
from lockstep_engine.money.cash import move_cash
from lockstep_engine.money.fees import NO_FEES, fees_of, payable
from lockstep_engine.money.settle import settle_side
from lockstep_engine.state import BookSide, Events, ExchangeCore, Level, Order

# Bound here once: the compiled build looks up any other global by name at each use.
_trade: Final = Trade
_trade_side: Final = TradeSide
_BUY: Final = int(Side.BUY)
_ALLOW: Final = int(SelfTradeMode.ALLOW)
_GTD: Final = int(TimeInForce.GTD)
_MMP: Final = int(OrderFlag.MMP)
_IMMEDIATE: Final = int(CancelReason.IMMEDIATE)
_PROTECTED: Final = int(CancelReason.MMP)
_GOES_ON: Final = 0
_BUILDER_FEE: Final = int(CashReason.BUILDER_FEE)


def enter(core: ExchangeCore, taker: Order, events: Events) -> None:
    """Let an accepted order meet the book; then it rests, or what is left of it ends."""
    # The same as `crosses`, without the call that every passive order would pay for.
    instrument = taker.instrument
    if taker.side == _BUY:
        side, opposite = instrument.bids, instrument.asks
        best = opposite.best
        is_crossing = best is not None and taker.price_ticks >= best.price_ticks
    else:
        side, opposite = instrument.asks, instrument.bids
        best = opposite.best
        is_crossing = best is not None and taker.price_ticks <= best.price_ticks
    if is_crossing:
        reason = _sweep(core, taker, opposite, events)
        if core.relieved:
            cut_relieved(core, instrument.underlying.name, events)
        if reason:
            events.append(cancelled(taker, reason, taker.remaining_lots))
            return
        if taker.remaining_lots == 0:
            return
    if taker.tif > _GTD:
        events.append(cancelled(taker, _IMMEDIATE, taker.remaining_lots))
    else:
        rest(core, taker, side)


def crosses(order: Order, price_ticks: int) -> bool:
    """Return whether the order would trade at that opposite price."""
    if order.side == _BUY:
        return order.price_ticks >= price_ticks
    return order.price_ticks <= price_ticks


def cancel_resting(core: ExchangeCore, order: Order, reason: int, events: Events) -> None:
    """Take a resting order out of the book and say so."""
    detach(core, order)
    events.append(cancelled(order, reason, order.remaining_lots))


def _sweep(core: ExchangeCore, taker: Order, opposite: BookSide, events: Events) -> int:
    """Match while the taker crosses and is not filled; return why it must end before, else 0."""
    account = taker.account
    is_protected = taker.flags & _MMP != 0
    while taker.remaining_lots > 0:
        best = opposite.best
        if best is None or (taker.price_ticks - best.price_ticks) * opposite.sign > 0:
            return _GOES_ON
        maker = best.head
        assert maker is not None  # noqa: S101  # for the type checker: a level is never empty
        if taker.self_trade == _ALLOW or not is_own(maker.account, account):
            _fill(core, best, maker, taker, events)
            if is_protected and taker.remaining_lots > 0 and is_frozen(taker):
                return _PROTECTED
        else:
            reason = prevent_self_trade(core, maker, taker, events)
            if reason:
                return reason
    return _GOES_ON


def _fill(core: ExchangeCore, level: Level, maker: Order, taker: Order, events: Events) -> None:
    """Trade the smaller remaining at the maker's price."""
    instrument = maker.instrument
    lots = maker.remaining_lots
    if taker.remaining_lots < lots:
        lots = taker.remaining_lots
    price = maker.price_ticks
    value = price * lots * instrument.value_e6
    treasury = core.treasury
    fees = fees_of(maker, taker, lots, value) if treasury.fees_e6 < CASH_MAX_E6 else NO_FEES
    if fees[1] or fees[3]:
        fees = payable(core, maker, taker, fees)
    maker_fee, maker_builder, taker_fee, taker_builder = fees
    _take_from_maker(core, level, maker, lots)
    _take_from_taker(taker, lots)
    is_self = maker.account is taker.account
    if is_self:
        maker_side = _self_side(core, maker, maker_fee, maker_builder)
        taker_side = _self_side(core, taker, taker_fee, taker_builder)
    else:
        bought, paid = (lots, value) if taker.side == _BUY else (-lots, -value)
        realised = settle_side(core, maker.holding, -bought, -paid, maker_fee)
        maker_side = _side(maker, maker_fee, maker_builder, realised)
        realised = settle_side(core, taker.holding, bought, paid, taker_fee)
        taker_side = _side(taker, taker_fee, taker_builder, realised)
    treasury.fees_e6 += maker_fee - maker_builder + taker_fee - taker_builder
    if not treasury.is_touched:
        treasury.is_touched = True
        core.touched.append(treasury)
    trade_id = core.next_trade_id
    core.next_trade_id = trade_id + 1
    events.append(
        _trade(
            trade_id,
            instrument.instrument,
            price,
            lots,
            taker.side,
            instrument.underlying.index_price_e6,
            maker_side,
            taker_side,
        )
    )
    if maker_builder:
        move_cash(core, core.accounts[maker.builder], _BUILDER_FEE, maker_builder, events)
    if taker_builder:
        move_cash(core, core.accounts[taker.builder], _BUILDER_FEE, taker_builder, events)
    if (maker.flags | taker.flags) & _MMP:
        protect(core, maker, taker, lots, events)
        note_relieved(core, maker)
        note_relieved(core, taker)
    if not is_self:
        cut_reduce_only(core, maker.holding, events)
        cut_reduce_only(core, taker.holding, events)


def _take_from_maker(core: ExchangeCore, level: Level, maker: Order, lots: int) -> None:
    """Take filled lots off the maker at its place, or the maker out of the book."""
    if maker.remaining_lots == lots:
        detach(core, maker)
        maker.remaining_lots = 0
        return
    if not level.is_changed:
        note_change(core, level)
    level.total_lots -= lots
    if maker.reserve_e6:
        released = maker.reserve_e6 * lots // maker.remaining_lots
        maker.reserve_e6 -= released
        maker.account.reserve_e6 -= released
    maker.remaining_lots -= lots
    holding = maker.holding
    if maker.side == _BUY:
        holding.open_buy_lots -= lots
    else:
        holding.open_sell_lots -= lots
    if not maker.is_touched:
        maker.is_touched = True
        core.touched.append(maker)


def _take_from_taker(taker: Order, lots: int) -> None:
    if taker.reserve_e6:
        taker.reserve_e6 -= taker.reserve_e6 * lots // taker.remaining_lots
    taker.remaining_lots -= lots


def _side(order: Order, fee_e6: int, builder_fee_e6: int, realised_e6: int) -> TradeSide:
    account = order.account
    holding = order.holding
    return _trade_side(
        order.order_id,
        account.account,
        order.client_id,
        order.remaining_lots,
        fee_e6,
        builder_fee_e6,
        realised_e6,
        holding.qty_lots,
        holding.cost_e6,
        account.cash_e6,
        order.lineage,
    )


def _self_side(core: ExchangeCore, order: Order, fee_e6: int, builder_fee_e6: int) -> TradeSide:
    """One side of a trade of an account with itself: nothing moves but the fee."""
    holding = order.holding
    order.account.cash_e6 -= fee_e6
    core.touch(order.account)
    if not holding.is_dirty:
        holding.is_dirty = True
        order.account.dirty.append(holding)
    return _side(order, fee_e6, builder_fee_e6, 0)

"""Matching: the sweep, self-trade, the hooks after a fill, and fill-or-kill on a copy.

A taker is an order that is not in the book; only what rests is in the book and in the sums.
"""

from typing import NamedTuple

from lockstep_engine.codes import (
    AmendReason,
    CancelReason,
    CashReason,
    OrderFlag,
    SelfTradeMode,
    Side,
    TimeInForce,
)
from lockstep_engine.events import Trade
from lockstep_naive.book import (
    best_price,
    by_id,
    cancel,
    cut,
    drop_order,
    emit_amended,
    filled,
    first_at,
    is_crossing,
    put_order,
)
from lockstep_naive.core import NaiveCore
from lockstep_naive.fees import Fee, trade_fees
from lockstep_naive.margin import is_closing, relieve
from lockstep_naive.mmp import count_fill, is_stopped
from lockstep_naive.money import (
    Fill,
    collect_fees,
    may_receive,
    move_cash,
    position_of,
    settle_side,
)
from lockstep_naive.rows import Order
from lockstep_naive.worth import index_e6

_REDUCE_ONLY = int(OrderFlag.REDUCE_ONLY)


class Swept(NamedTuple):
    """A taker after a sweep or a step of it, why it must end, and who traded in MMP orders."""

    taker: Order
    ended: CancelReason | None = None
    mmp_traders: tuple[int, ...] = ()


def is_fillable(core: NaiveCore, order: Order) -> bool:
    """Return whether the real sweep would fill an order whole: run it on a copy ([ORD-2])."""
    swept = _sweep(core.copy(), order)
    return swept.ended is None and swept.taker.remaining_lots == 0


def enter(core: NaiveCore, order: Order) -> None:
    """Let an accepted order meet the book, then rest or end ([ORD-1]).

    In between, whoever traded under relief gives orders up until its margin holds ([MRG-5]).
    """
    taker, ended, mmp_traders = _sweep(core, order)
    for account in sorted({*mmp_traders}):
        relieve(core, account, order.instrument)
    if ended is not None:
        cancel(core, taker, ended)
        return
    if taker.remaining_lots == 0:
        return
    if taker.tif in {TimeInForce.GTC, TimeInForce.GTD}:
        arrival = core.time.next_arrival
        core.time = core.time._replace(next_arrival=arrival + 1)
        put_order(core, taker._replace(arrival=arrival))
    else:
        cancel(core, taker, CancelReason.IMMEDIATE)


def reduce_only_orders(core: NaiveCore, account: int, instrument: int, side: int) -> list[Order]:
    """Return the resting reduce-only orders of an account on a side, by order_id."""
    orders = core.orders.group("holding", (account, instrument, side))
    return by_id(order for order in orders if order.flags & _REDUCE_ONLY)


def keep_reduce_only_bound(core: NaiveCore, account: int, instrument: int) -> None:
    """Cut the reduce-only orders of an account back to its position ([ORD-4])."""
    for side in (Side.BUY, Side.SELL):
        position_lots = position_of(core, account, instrument).qty_lots
        bound = abs(position_lots) if is_closing(position_lots, side) else 0
        orders = reduce_only_orders(core, account, instrument, side)
        excess = sum(order.remaining_lots for order in orders) - bound
        for order in reversed(orders):
            lots = min(excess, order.remaining_lots)
            if lots > 0:
                _cut_reduce_only(core, order, lots)
                excess -= lots


def _sweep(core: NaiveCore, taker: Order) -> Swept:
    """Fill, or deal with self-trade, until the taker ends or nothing crosses ([EVT-3])."""
    mmp_traders: tuple[int, ...] = ()
    while taker.remaining_lots > 0:
        opposite = 1 - taker.side
        price_ticks = best_price(core, taker.instrument, opposite)
        if price_ticks is None or not is_crossing(taker.side, taker.price_ticks, price_ticks):
            break
        maker = first_at(core, taker.instrument, opposite, price_ticks)
        if taker.self_trade != SelfTradeMode.ALLOW and _is_self_trade(core, maker, taker):
            taker, ended, _ = _prevent(core, maker, taker)
        else:
            taker, ended, traders = _fill(core, maker, taker)
            mmp_traders += traders
        if ended is not None:
            return Swept(taker, ended, mmp_traders)
    return Swept(taker, None, mmp_traders)


def _is_self_trade(core: NaiveCore, maker: Order, taker: Order) -> bool:
    if maker.account == taker.account:
        return True
    group = core.accounts.must(maker.account).self_trade_group
    return group != 0 and group == core.accounts.must(taker.account).self_trade_group


def _prevent(core: NaiveCore, maker: Order, taker: Order) -> Swept:
    """Do what the taker's mode says, other than ALLOW ([ORD-3])."""
    match taker.self_trade:
        case SelfTradeMode.CANCEL_TAKER:
            return Swept(taker, CancelReason.SELF_TRADE)
        case SelfTradeMode.CANCEL_MAKER:
            cancel(core, maker, CancelReason.SELF_TRADE)
            return Swept(taker)
        case SelfTradeMode.CANCEL_BOTH:
            cancel(core, maker, CancelReason.SELF_TRADE)
            return Swept(taker, CancelReason.SELF_TRADE)
        case _:
            return _decrement(core, maker, taker)


def _decrement(core: NaiveCore, maker: Order, taker: Order) -> Swept:
    """Take the smaller remaining from both; who has nothing left is cancelled with what it had."""
    lots = min(maker.remaining_lots, taker.remaining_lots)
    if maker.remaining_lots == lots:
        cancel(core, maker, CancelReason.SELF_TRADE)
    else:
        maker = cut(maker, lots)
        put_order(core, maker)
        emit_amended(core, maker, AmendReason.SELF_TRADE)
    if taker.remaining_lots == lots:
        return Swept(taker, CancelReason.SELF_TRADE)
    taker = cut(taker, lots)
    emit_amended(core, taker, AmendReason.SELF_TRADE)
    return Swept(taker)


def _fill(core: NaiveCore, maker: Order, taker: Order) -> Swept:
    """Fill the smaller remaining at the maker's price; MMP may end the taker with what is left."""
    lots = min(maker.remaining_lots, taker.remaining_lots)
    found = zip((maker, taker), trade_fees(core, maker, taker, lots), strict=True)
    fees = [_payable(core, order, fee) for order, fee in found]
    maker, taker = filled(maker, lots), filled(taker, lots)
    if maker.remaining_lots > 0:
        put_order(core, maker)
    else:
        drop_order(core, maker)
    _trade(core, Fill(maker, lots, maker.price_ticks, fees[0]), taker, fees[1])
    for order, fee in ((maker, fees[0]), (taker, fees[1])):
        move_cash(core, order.builder, CashReason.BUILDER_FEE, fee.builder_e6)
    count_fill(core, maker, lots, is_maker=True)
    count_fill(core, taker, lots, is_maker=False)
    for account in (maker.account, taker.account):
        keep_reduce_only_bound(core, account, taker.instrument)
    traders = tuple(order.account for order in (maker, taker) if order.has(OrderFlag.MMP))
    if taker.remaining_lots > 0 and is_stopped(core, taker):
        return Swept(taker, CancelReason.MMP, traders)
    return Swept(taker, None, traders)


def _payable(core: NaiveCore, order: Order, fee: Fee) -> Fee:
    """Return a side's fee with nothing for a builder whose cash is at its bound ([NUM-4])."""
    if fee.builder_e6 and not may_receive(core, order.builder, 0):
        return fee._replace(builder_e6=0)
    return fee


def _trade(core: NaiveCore, maker_fill: Fill, taker: Order, taker_fee: Fee) -> None:
    """Settle the maker's side, then the taker's, and emit the trade."""
    maker, lots, price_ticks, maker_fee = maker_fill
    is_with_itself = maker.account == taker.account
    maker_side = settle_side(core, maker_fill, is_with_itself=is_with_itself)
    taker_fill = Fill(taker, lots, price_ticks, taker_fee)
    taker_side = settle_side(core, taker_fill, is_with_itself=is_with_itself)
    collect_fees(core, (maker_fee, taker_fee))
    trade_id = core.time.next_trade_id
    core.time = core.time._replace(next_trade_id=trade_id + 1)
    instrument = core.instruments.must(taker.instrument)
    core.emit(
        Trade(
            trade_id,
            taker.instrument,
            price_ticks,
            lots,
            taker.side,
            index_e6(core, instrument),
            maker_side,
            taker_side,
        )
    )


def _cut_reduce_only(core: NaiveCore, order: Order, lots: int) -> None:
    if lots == order.remaining_lots:
        cancel(core, order, CancelReason.REDUCE_ONLY)
    else:
        order = cut(order, lots)
        put_order(core, order)
        emit_amended(core, order, AmendReason.REDUCE_ONLY)

"""Market-maker protection at a fill: what counts, and what a breach ends ([MMP-1], [MMP-2])."""

from typing import Final

from lockstep_engine.book.queue import detach
from lockstep_engine.codes import CancelReason, OrderFlag, Side
from lockstep_engine.events import MmpTriggered
from lockstep_engine.lifecycle.timers import schedule_thaw
from lockstep_engine.matching.reports import cancelled
from lockstep_engine.protection import UNTIL_RESET, Mmp, MmpFill
from lockstep_engine.state import Account, Events, ExchangeCore, Order

_BUY: Final = int(Side.BUY)
_MMP: Final = int(OrderFlag.MMP)
_CANCELLED: Final = int(CancelReason.MMP)
_NS_PER_MS: Final = 10**6


def protect(core: ExchangeCore, maker: Order, taker: Order, lots: int, events: Events) -> None:
    """Count a fill for the maker's account and then the taker's, and act on what it breaches."""
    signed = lots if taker.side == _BUY else -lots
    mmp = counting(maker, True)
    if mmp is not None and mmp.frozen_until_ns == 0:
        _count(core, mmp, maker, -signed, events)
    mmp = counting(taker, False)
    if mmp is not None and mmp.frozen_until_ns == 0:
        _count(core, mmp, taker, signed, events)


def counting(order: Order, is_maker: bool) -> Mmp | None:
    """Return the protection under which a fill of the order counts unless frozen, else None."""
    if not order.flags & _MMP:
        return None
    mmp = order.account.mmps.get(order.instrument.underlying.name)
    if mmp is None or is_maker or mmp.counts_takers():
        return mmp
    return None


def is_frozen(order: Order) -> bool:
    """Return whether the order's account is frozen in its underlying."""
    mmp = order.account.mmps.get(order.instrument.underlying.name)
    return mmp is not None and mmp.frozen_until_ns != 0


def empty_window(core: ExchangeCore, mmp: Mmp) -> None:
    """Drop all fills. O(fills)."""
    while mmp.window:
        core.touch(mmp.drop_first())


def cancel_protected(core: ExchangeCore, account: Account, underlying: str, events: Events) -> None:
    """Cancel the account's MMP orders in an underlying. O(live orders of the account).

    Orders leave books that a sweep may be walking: the sweep looks up the best order anew.
    """
    orders = [
        order
        for order in account.orders.values()
        if order.flags & _MMP and order.instrument.underlying.name == underlying
    ]
    orders.sort(key=_order_id)
    for order in orders:
        detach(core, order)
        events.append(cancelled(order, _CANCELLED, order.remaining_lots))


def _count(core: ExchangeCore, mmp: Mmp, order: Order, signed_lots: int, events: Events) -> None:
    """Keep a fill of the order; if that breaches a limit, freeze. O(1) amortised but for that."""
    now_ns = core.now_ns
    start_ns = mmp.window_start_ns(now_ns)
    while mmp.window and mmp.window[0].ts_ns <= start_ns:
        core.touch(mmp.drop_first())
    instrument = order.instrument
    mark = instrument.mark
    fields = (now_ns, instrument.instrument, signed_lots, mark.delta_e9, mark.vega_e9)
    fill = MmpFill(mmp, mmp.next_fill, fields, instrument.unit_e16)
    mmp.next_fill += 1
    mmp.keep(fill)
    core.touch(fill)
    core.touch(mmp)
    breached = mmp.breached(mmp.sums)
    if breached:
        _freeze(core, mmp, breached, events)
        cancel_protected(core, order.account, mmp.underlying, events)


def _freeze(core: ExchangeCore, mmp: Mmp, breached: int, events: Events) -> None:
    empty_window(core, mmp)
    if mmp.frozen_ms:
        mmp.frozen_until_ns = core.now_ns + mmp.frozen_ms * _NS_PER_MS
        schedule_thaw(core, mmp)
    else:
        mmp.frozen_until_ns = UNTIL_RESET
    events.append(MmpTriggered(mmp.account, mmp.underlying, breached, mmp.frozen_until_ns))


def _order_id(order: Order) -> int:
    return order.order_id

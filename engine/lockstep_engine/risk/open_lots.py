"""The open lots of a holding that need margin: all, but for the relief of [MRG-5]."""

from typing import Final

from lockstep_engine.codes import MmpOption, OrderFlag, Side
from lockstep_engine.protection import Mmp
from lockstep_engine.state import Account, Holding, Order
from lockstep_kernel.arith import div_ceil

_BUY: Final = int(Side.BUY)
_SELL: Final = int(Side.SELL)
_MMP: Final = int(OrderFlag.MMP)
_EXCEEDING: Final = int(MmpOption.EXCEEDING)
_RELIEF: Final = int(MmpOption.RELIEF)
_E8: Final = 10**8


def relief_of(account: Account, underlying: str) -> Mmp | None:
    """Return the account's protection in an underlying if it has the option RELIEF."""
    mmp = account.mmps.get(underlying)
    return mmp if mmp is not None and mmp.options & _RELIEF else None


def note_reliefs(account: Account) -> None:
    """Bring the account's flags up to date after a change of its protections or its mode."""
    account.has_relief = False
    for mmp in account.mmps.values():
        if mmp.options & _RELIEF:
            account.has_relief = True
    account.is_plain = account.mode == 0 and not account.has_relief


def follow_relief(account: Account, underlying: str) -> None:
    """Have the margin of MMP orders follow a protection that changed. O(holdings)."""
    note_reliefs(account)
    for holding in account.holdings.values():
        is_there = holding.instrument.underlying.name == underlying
        if is_there and holding.mmp_orders and not holding.is_dirty:
            holding.is_dirty = True
            account.dirty.append(holding)


def counted_lots(
    holding: Holding, entering: Order | None, leaving: Order | None
) -> tuple[int, int]:
    """Return (buys, sells) that need margin, with one order more or one order less.

    O(1), with relief O(MMP orders of the holding).
    """
    buys, sells = holding.open_buy_lots, holding.open_sell_lots
    if entering is not None:
        if entering.side == _BUY:
            buys += entering.remaining_lots
        else:
            sells += entering.remaining_lots
    if leaving is not None:
        if leaving.side == _BUY:
            buys -= leaving.remaining_lots
        else:
            sells -= leaving.remaining_lots
    account = holding.account
    if account.has_relief:
        mmp = relief_of(account, holding.instrument.underlying.name)
        if mmp is not None:
            most = _lots_without_breach(mmp, holding.instrument.unit_e16)
            orders = [order for order in holding.mmp_orders.values() if order is not leaving]
            if entering is not None and entering.flags & _MMP:
                orders.append(entering)
            buys -= _relieved(orders, _BUY, most)
            sells -= _relieved(orders, _SELL, most)
    return buys, sells


def _lots_without_breach(mmp: Mmp, unit_e16: int) -> int:
    """Return how many lots may fill before the next one breaches the limit on quantity."""
    limit = mmp.qty_limit_e8 * _E8
    if mmp.options & _EXCEEDING:
        return limit // unit_e16
    return div_ceil(limit, unit_e16) - 1


def _relieved(orders: list[Order], side: int, most: int) -> int:
    """Return by how much the orders of a side exceed the limit and the largest of them."""
    total = largest = 0
    for order in orders:
        if order.side == side:
            lots = order.remaining_lots
            total += lots
            if lots > largest:
                largest = lots
    excess = total - most - largest
    return excess if excess > 0 else 0

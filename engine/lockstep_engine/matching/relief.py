"""Orders that margin covers no longer: quotes under relief ([MRG-5]), and after deleveraging."""

from typing import Final

from lockstep_engine.book.queue import detach
from lockstep_engine.codes import CancelReason, OrderFlag
from lockstep_engine.matching.reports import cancelled
from lockstep_engine.risk.margin import free_e6
from lockstep_engine.risk.open_lots import relief_of
from lockstep_engine.state import Account, Events, ExchangeCore, Holding, Order

_MMP: Final = int(OrderFlag.MMP)
_CANCELLED: Final = int(CancelReason.MARGIN)


def note_relieved(core: ExchangeCore, order: Order) -> None:
    """Remember the account of an MMP order that traded, if it has relief there. O(1)."""
    account = order.account
    if not account.has_relief or not order.flags & _MMP:
        return
    if relief_of(account, order.instrument.underlying.name) is not None:
        core.relieved.append(account)


def cut_relieved(core: ExchangeCore, underlying: str, events: Events) -> None:
    """After a sweep, cancel MMP orders of those accounts, newest first, while free is below 0."""
    accounts = {account.account: account for account in core.relieved}
    core.relieved.clear()
    for _number, account in sorted(accounts.items()):
        _cut(core, account, underlying, events)


def _cut(core: ExchangeCore, account: Account, underlying: str, events: Events) -> None:
    if free_e6(core, account) >= 0:
        return
    orders = [
        order
        for order in account.orders.values()
        if order.flags & _MMP and order.instrument.underlying.name == underlying
    ]
    _cancel_newest(core, account, orders, events)


def cut_uncovered(core: ExchangeCore, holding: Holding, events: Events) -> None:
    """Cancel orders of an account in an instrument, newest first, while its free is below 0.

    What they close may be gone, so that they would open what no margin was asked for ([LIQ-2]).
    """
    account = holding.account
    if not holding.orders or free_e6(core, account) >= 0:
        return
    orders = [order for order in account.orders.values() if order.instrument is holding.instrument]
    _cancel_newest(core, account, orders, events)


def _cancel_newest(
    core: ExchangeCore, account: Account, orders: list[Order], events: Events
) -> None:
    orders.sort(key=_order_id)
    while orders and free_e6(core, account) < 0:
        newest = orders.pop()
        detach(core, newest)
        events.append(cancelled(newest, _CANCELLED, newest.remaining_lots))


def _order_id(order: Order) -> int:
    return order.order_id

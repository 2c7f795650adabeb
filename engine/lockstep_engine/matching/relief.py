"""Relief ([MRG-5]): who quotes more than its margin covers loses quotes when it falls short."""

from typing import Final

from lockstep_engine.book.queue import detach
from lockstep_engine.codes import CancelReason, OrderFlag
from lockstep_engine.matching.reports import cancelled
from lockstep_engine.risk.margin import free_e6
from lockstep_engine.risk.open_lots import relief_of
from lockstep_engine.state import Account, Events, ExchangeCore, Order

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
    orders.sort(key=_order_id)
    while orders and free_e6(core, account) < 0:
        newest = orders.pop()
        detach(core, newest)
        events.append(cancelled(newest, _CANCELLED, newest.remaining_lots))


def _order_id(order: Order) -> int:
    return order.order_id

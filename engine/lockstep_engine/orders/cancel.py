"""CancelOrder, CancelByClientId and CancelAll ([BOOK-5]): they pass in every status."""

from typing import Final

from lockstep_engine.codes import CancelReason, Code, OrderFlag, Side
from lockstep_engine.commands import CancelAll, CancelByClientId, CancelOrder
from lockstep_engine.events import OrderRejected, OrdersCancelled
from lockstep_engine.matching.sweep import cancel_resting
from lockstep_engine.state import Account, Events, ExchangeCore, Order

CANCEL: Final = 41
CANCEL_BY_CLIENT_ID: Final = 42
CANCEL_ALL: Final = 43
_ACCEPTED: Final = int(Code.ACCEPTED)
_UNKNOWN_ORDER: Final = int(Code.UNKNOWN_ORDER)
_BAD_SIDE: Final = int(Code.BAD_SIDE)
_UNKNOWN_INSTRUMENT: Final = int(Code.UNKNOWN_INSTRUMENT)
_BAD_LINEAGE: Final = int(Code.BAD_LINEAGE)
_UNKNOWN_UNDERLYING: Final = int(Code.UNKNOWN_UNDERLYING)
_USER: Final = int(CancelReason.USER)
_MMP: Final = int(OrderFlag.MMP)
_ANY_SIDE: Final = -1
_SELL: Final = int(Side.SELL)
_LINEAGE_BYTES: Final = 16


def cancel(core: ExchangeCore, account: Account, action: CancelOrder, events: Events) -> int:
    """Cancel one order of the account by order_id."""
    order = account.orders.get(action.order_id)
    if order is None:
        events.append(OrderRejected(account.account, CANCEL, 0, action.order_id, 0, _UNKNOWN_ORDER))
        return _UNKNOWN_ORDER
    cancel_resting(core, order, _USER, events)
    return _ACCEPTED


def cancel_by_client_id(
    core: ExchangeCore, account: Account, action: CancelByClientId, events: Events
) -> int:
    """Cancel one live order of the account by client_id."""
    client_id = action.client_id
    order = account.client_ids.get(client_id)
    if order is None:
        events.append(
            OrderRejected(account.account, CANCEL_BY_CLIENT_ID, 0, 0, client_id, _UNKNOWN_ORDER)
        )
        return _UNKNOWN_ORDER
    cancel_resting(core, order, _USER, events)
    return _ACCEPTED


def cancel_all(core: ExchangeCore, account: Account, action: CancelAll, events: Events) -> int:
    """Cancel every live order of the account in scope. O(live orders of the account)."""
    code = _check_scope(core, action)
    if code != _ACCEPTED:
        events.append(OrderRejected(account.account, CANCEL_ALL, action.instrument, 0, 0, code))
        return code
    matching = [order for order in account.orders.values() if _is_in_scope(order, action)]
    matching.sort(key=_order_id)
    for order in matching:
        cancel_resting(core, order, _USER, events)
    events.append(OrdersCancelled(account.account, len(matching)))
    return _ACCEPTED


def _check_scope(core: ExchangeCore, action: CancelAll) -> int:
    if not _ANY_SIDE <= action.side <= _SELL:
        return _BAD_SIDE
    if action.instrument != 0 and action.instrument not in core.instruments:
        return _UNKNOWN_INSTRUMENT
    if len(action.lineage) not in (0, _LINEAGE_BYTES):
        return _BAD_LINEAGE
    if action.underlying and action.underlying not in core.underlyings:
        return _UNKNOWN_UNDERLYING
    return _ACCEPTED


def _is_in_scope(order: Order, action: CancelAll) -> bool:
    instrument = order.instrument
    return (
        action.instrument in (0, instrument.instrument)
        and action.underlying in ("", instrument.underlying.name)
        and action.side in (_ANY_SIDE, order.side)
        and (not action.mmp or order.flags & _MMP != 0)
        and action.lineage in (b"", order.lineage)
    )


def _order_id(order: Order) -> int:
    return order.order_id

"""AmendOrder: a new price or total size, at its place or re-entering ([BOOK-3])."""

from typing import Final

from lockstep_engine.admission.admit import admit_size
from lockstep_engine.admission.amounts import check_amounts
from lockstep_engine.book.queue import detach, reattach, shrink
from lockstep_engine.codes import AmendReason, CancelReason, Code
from lockstep_engine.commands import AmendOrder
from lockstep_engine.events import OrderRejected
from lockstep_engine.matching.reports import amended
from lockstep_engine.matching.sweep import cancel_resting, enter
from lockstep_engine.state import Account, Events, ExchangeCore, Order

AMEND: Final = 44
_ACCEPTED: Final = int(Code.ACCEPTED)
_UNKNOWN_ORDER: Final = int(Code.UNKNOWN_ORDER)
_SIZE_NOT_POSITIVE: Final = int(Code.SIZE_NOT_POSITIVE)
_SIZE_OFF_LOT: Final = int(Code.SIZE_OFF_LOT)
_AMENDED: Final = int(CancelReason.AMENDED)
_USER: Final = int(AmendReason.USER)


def amend(core: ExchangeCore, account: Account, action: AmendOrder, events: Events) -> int:
    """Change a live order, or leave it as it was."""
    order = account.orders.get(action.order_id)
    if order is None:
        events.append(OrderRejected(account.account, AMEND, 0, action.order_id, 0, _UNKNOWN_ORDER))
        return _UNKNOWN_ORDER
    code = _change(core, order, action, events)
    if code != _ACCEPTED:
        instrument = order.instrument.instrument
        events.append(
            OrderRejected(account.account, AMEND, instrument, order.order_id, order.client_id, code)
        )
    return code


def _change(core: ExchangeCore, order: Order, action: AmendOrder, events: Events) -> int:
    qty = action.qty_lots
    if qty < 1:
        return _SIZE_NOT_POSITIVE
    if qty <= order.qty_lots - order.remaining_lots:
        cancel_resting(core, order, _AMENDED, events)
        return _ACCEPTED
    if action.price_ticks != order.price_ticks or qty > order.qty_lots:
        return _reenter(core, order, action, events)
    if qty % order.instrument.qty_step_lots:
        return _SIZE_OFF_LOT
    if qty < order.qty_lots:
        shrink(core, order, order.qty_lots - qty)
        order.qty_lots = qty
    events.append(amended(order, _USER))
    return _ACCEPTED


def _reenter(core: ExchangeCore, order: Order, action: AmendOrder, events: Events) -> int:
    """Check the order as if it were gone; then let it in anew, or put it back."""
    code = check_amounts(order.instrument, action.price_ticks, action.qty_lots)
    if code != _ACCEPTED:
        return code
    price, qty, remaining = order.price_ticks, order.qty_lots, order.remaining_lots
    reserve = order.reserve_e6
    detach(core, order)
    order.price_ticks = action.price_ticks
    order.qty_lots = action.qty_lots
    order.remaining_lots = remaining + action.qty_lots - qty
    code = admit_size(core, order)
    if code != _ACCEPTED:
        order.price_ticks, order.qty_lots, order.remaining_lots = price, qty, remaining
        order.reserve_e6 = reserve
        reattach(core, order)
        return code
    events.append(amended(order, _USER))
    enter(core, order, events)
    return _ACCEPTED

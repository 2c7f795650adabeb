"""The order actions: place, cancel, amend, replace, batch ([ORD-1], [BOOK-3] to [BOOK-5], [CMD-1]).

"As if the old order were gone" is done in fact: take it from the book, check, put it back if the
new one is refused.
"""

from typing import assert_never

from lockstep_engine.codes import AmendReason, CancelReason, Code, OrderFlag, Side
from lockstep_engine.commands import (
    AmendOrder,
    Batch,
    CancelAll,
    CancelByClientId,
    CancelOrder,
    OrderAction,
    PlaceOrder,
    ReplaceOrder,
)
from lockstep_engine.events import OrderAccepted, OrderRejected, OrdersCancelled
from lockstep_naive.admission import admit, check_order, is_good_lineage
from lockstep_naive.book import (
    by_id,
    cancel,
    cut,
    drop_order,
    emit_amended,
    live_order,
    orders_of_account,
    put_order,
)
from lockstep_naive.core import DONE, NaiveCore, Outcome, Refusal
from lockstep_naive.matching import enter
from lockstep_naive.rows import Order

BATCH_ACTIONS_MAX = 50


def perform_order_action(core: NaiveCore, account: int, action: OrderAction) -> Outcome:
    """Do one order action, with its result among the events."""
    match action:
        case PlaceOrder():
            return _place(core, account, action)
        case CancelOrder():
            return _cancel_order(core, account, action)
        case CancelByClientId():
            return _cancel_by_client_id(core, account, action)
        case CancelAll():
            return _cancel_all(core, account, action)
        case AmendOrder():
            return _amend(core, account, action)
        case ReplaceOrder():
            return _replace(core, account, action)
        case _:
            assert_never(action)


def perform_batch(core: NaiveCore, account: int, batch: Batch) -> Refusal:
    """Do the actions of a batch in order, each with its own result ([CMD-1])."""
    if not 1 <= len(batch.actions) <= BATCH_ACTIONS_MAX:
        return Code.BAD_BATCH
    for action in batch.actions:
        perform_order_action(core, account, action)
    return None


def accept(core: NaiveCore, candidate: Order, order_type: int) -> int:
    """Accept a new order that passed, let it meet the book, and return its order_id."""
    order_id = core.time.next_order_id
    core.time = core.time._replace(next_order_id=order_id + 1)
    order = candidate._replace(order_id=order_id)
    core.emit(
        OrderAccepted(
            order_id,
            order.account,
            order.instrument,
            order.side,
            order.price_ticks,
            order.qty_lots,
            order.tif,
            order_type,
            order.flags,
            order.self_trade,
            order.client_id,
            order.lineage,
            order.expires_ns,
            order.builder,
            order.quote_set,
        )
    )
    enter(core, order)
    return order_id


def _place(core: NaiveCore, account: int, place: PlaceOrder) -> Outcome:
    admitted = admit(core, account, place, quote_set=0)
    if isinstance(admitted, Code):
        core.emit(OrderRejected(account, 40, place.instrument, 0, place.client_id, admitted))
        return Outcome(admitted, 0)
    return Outcome(0, accept(core, admitted, place.order_type))


def _cancel_order(core: NaiveCore, account: int, action: CancelOrder) -> Outcome:
    order = live_order(core, account, action.order_id)
    if order is None:
        code = Code.UNKNOWN_ORDER
        core.emit(OrderRejected(account, 41, 0, action.order_id, 0, code))
        return Outcome(code, 0)
    cancel(core, order, CancelReason.USER)
    return DONE


def _cancel_by_client_id(core: NaiveCore, account: int, action: CancelByClientId) -> Outcome:
    client_id = action.client_id
    orders = orders_of_account(core, account) if client_id else ()
    found = [order for order in orders if order.client_id == client_id]
    if not found:
        code = Code.UNKNOWN_ORDER
        core.emit(OrderRejected(account, 42, 0, 0, client_id, code))
        return Outcome(code, 0)
    cancel(core, found[0], CancelReason.USER)
    return DONE


def _cancel_all(core: NaiveCore, account: int, action: CancelAll) -> Outcome:
    refusal = _check_cancel_all(core, action)
    if refusal is not None:
        core.emit(OrderRejected(account, 43, action.instrument, 0, 0, refusal))
        return Outcome(refusal, 0)
    matches = [o for o in orders_of_account(core, account) if _is_match(core, o, action)]
    for order in by_id(matches):
        cancel(core, order, CancelReason.USER)
    core.emit(OrdersCancelled(account, len(matches)))
    return DONE


def _check_cancel_all(core: NaiveCore, action: CancelAll) -> Refusal:
    if action.side not in {-1, Side.BUY, Side.SELL}:
        return Code.BAD_SIDE
    if action.instrument and core.instruments.get(action.instrument) is None:
        return Code.UNKNOWN_INSTRUMENT
    if not is_good_lineage(action.lineage):
        return Code.BAD_LINEAGE
    if action.underlying and core.underlyings.get(action.underlying) is None:
        return Code.UNKNOWN_UNDERLYING
    return None


def _is_match(core: NaiveCore, order: Order, action: CancelAll) -> bool:
    underlying = core.instruments.must(order.instrument).contract.underlying
    return (
        action.instrument in {0, order.instrument}
        and action.underlying in {"", underlying}
        and action.side in {-1, order.side}
        and (order.has(OrderFlag.MMP) or not action.mmp)
        and action.lineage in {b"", order.lineage}
    )


def _amend(core: NaiveCore, account: int, action: AmendOrder) -> Outcome:
    order = live_order(core, account, action.order_id)
    if order is None:
        code = Code.UNKNOWN_ORDER
        core.emit(OrderRejected(account, 44, 0, action.order_id, 0, code))
        return Outcome(code, 0)
    refusal = _amend_live(core, order, action)
    if refusal is not None:
        core.emit(
            OrderRejected(account, 44, order.instrument, order.order_id, order.client_id, refusal)
        )
        return Outcome(refusal, 0)
    return DONE


def _amend_live(core: NaiveCore, order: Order, action: AmendOrder) -> Refusal:
    if action.qty_lots < 1:
        return Code.SIZE_NOT_POSITIVE
    if action.qty_lots <= order.filled_lots:
        cancel(core, order, CancelReason.AMENDED)
        return None
    if action.price_ticks == order.price_ticks and action.qty_lots <= order.qty_lots:
        return _amend_in_place(core, order, action.qty_lots)
    return _amend_anew(core, order, action)


def _amend_in_place(core: NaiveCore, order: Order, qty_lots: int) -> Refusal:
    if qty_lots % core.instruments.must(order.instrument).qty_step_lots != 0:
        return Code.SIZE_OFF_LOT
    order = cut(order, order.qty_lots - qty_lots)
    put_order(core, order)
    emit_amended(core, order, AmendReason.USER)
    return None


def _amend_anew(core: NaiveCore, order: Order, action: AmendOrder) -> Refusal:
    """Check the amended order like a new one while the old one is gone; then let it enter."""
    drop_order(core, order)
    changed = order._replace(
        price_ticks=action.price_ticks,
        qty_lots=action.qty_lots,
        remaining_lots=action.qty_lots - order.filled_lots,
    )
    admitted = check_order(core, changed)
    if isinstance(admitted, Code):
        put_order(core, order)
        return admitted
    emit_amended(core, admitted, AmendReason.USER)
    enter(core, admitted)
    return None


def _replace(core: NaiveCore, account: int, action: ReplaceOrder) -> Outcome:
    old, new = live_order(core, account, action.order_id), action.order
    if old is None:
        admitted: Order | Code = Code.UNKNOWN_ORDER
    else:
        drop_order(core, old)
        admitted = admit(core, account, new, quote_set=0)
        put_order(core, old)
    if isinstance(admitted, Code):
        core.emit(
            OrderRejected(account, 45, new.instrument, action.order_id, new.client_id, admitted)
        )
    if old is not None and (action.cancel_on_reject or not isinstance(admitted, Code)):
        cancel(core, old, CancelReason.REPLACED)
    if isinstance(admitted, Code):
        return Outcome(admitted, 0)
    return Outcome(0, accept(core, admitted, new.order_type))

"""PlaceOrder and ReplaceOrder ([ORD-1], [BOOK-4])."""

from typing import Final

from msgspec.structs import astuple

from lockstep_engine.admission.admit import admit
from lockstep_engine.book.queue import detach, reattach
from lockstep_engine.codes import CancelReason, Code
from lockstep_engine.commands import PlaceOrder, ReplaceOrder
from lockstep_engine.events import OrderRejected
from lockstep_engine.matching.reports import accepted, cancelled
from lockstep_engine.matching.sweep import cancel_resting, enter
from lockstep_engine.state import Account, Events, ExchangeCore, Order, holding_of

# Bound here once: the compiled build looks up any other global by name at each use.
_fields_of: Final = astuple
PLACE: Final = 40
REPLACE: Final = 45
_ACCEPTED: Final = int(Code.ACCEPTED)
_DUPLICATE_CLIENT_ID: Final = int(Code.DUPLICATE_CLIENT_ID)
_UNKNOWN_INSTRUMENT: Final = int(Code.UNKNOWN_INSTRUMENT)
_UNKNOWN_ORDER: Final = int(Code.UNKNOWN_ORDER)
_REPLACED: Final = int(CancelReason.REPLACED)


def place(core: ExchangeCore, account: Account, action: PlaceOrder, events: Events) -> int:
    """Enter an order or refuse it."""
    order = order_from(core, account, action)
    code = refusal(account, action) if order is None else admit(core, order)
    if code != _ACCEPTED:
        events.append(
            OrderRejected(account.account, PLACE, action.instrument, 0, action.client_id, code)
        )
        return code
    assert order is not None  # noqa: S101  # for the type checker: refused above
    accept(core, order, events)
    return _ACCEPTED


def accept(core: ExchangeCore, order: Order, events: Events) -> None:
    """Give an admitted order its identifier and let it meet the book."""
    order.order_id = core.outcome_order_id = core.next_order_id
    core.next_order_id += 1
    events.append(accepted(order))
    enter(core, order, events)


def replace(core: ExchangeCore, account: Account, action: ReplaceOrder, events: Events) -> int:
    """Cancel one order and enter another, or keep the old one."""
    new = action.order
    old = account.orders.get(action.order_id)
    if old is None:
        events.append(_replace_rejected(account, action, _UNKNOWN_ORDER))
        return _UNKNOWN_ORDER
    detach(core, old)
    order = order_from(core, account, new)
    code = refusal(account, new) if order is None else admit(core, order)
    if code == _ACCEPTED:
        assert order is not None  # noqa: S101  # for the type checker: refused above
        events.append(cancelled(old, _REPLACED, old.remaining_lots))
        accept(core, order, events)
        return _ACCEPTED
    reattach(core, old)
    events.append(_replace_rejected(account, action, code))
    if action.cancel_on_reject:
        cancel_resting(core, old, _REPLACED, events)
    return code


def order_from(core: ExchangeCore, account: Account, action: PlaceOrder) -> Order | None:
    """Build the order of an action, None if its instrument is unknown."""
    fields = _fields_of(action)
    number: int = fields[0]
    holding = account.holdings.get(number)
    if holding is None:
        instrument = core.instruments.get(number)
        if instrument is None:
            return None
        holding = holding_of(account, instrument)
    _number, side, price, qty, tif, order_type, flags, mode, client_id, lineage, expires, by = (
        fields
    )
    return Order(
        holding,
        side,
        price,
        qty,
        tif,
        order_type,
        flags,
        mode,
        client_id,
        lineage,
        expires,
        by,
        0,
    )


def refusal(account: Account, action: PlaceOrder) -> int:
    """Return the code for an order in an unknown instrument."""
    if action.client_id and action.client_id in account.client_ids:
        return _DUPLICATE_CLIENT_ID
    return _UNKNOWN_INSTRUMENT


def _replace_rejected(account: Account, action: ReplaceOrder, code: int) -> OrderRejected:
    new = action.order
    return OrderRejected(
        account.account, REPLACE, new.instrument, action.order_id, new.client_id, code
    )

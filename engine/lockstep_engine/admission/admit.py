"""Admission of an order: every group in order ([ORD-5])."""

from typing import Final

from lockstep_engine.admission.amounts import check_amounts
from lockstep_engine.admission.flags import apply_flags
from lockstep_engine.admission.limits import check_limits
from lockstep_engine.admission.shape import check_shape
from lockstep_engine.codes import Code, MarginMode, TimeInForce
from lockstep_engine.matching.fill_or_kill import is_feasible
from lockstep_engine.risk.margin import admits
from lockstep_engine.risk.modes import portfolio_code
from lockstep_engine.risk.standard import refresh_prices
from lockstep_engine.state import ExchangeCore, Order

_ACCEPTED: Final = int(Code.ACCEPTED)
_DUPLICATE_CLIENT_ID: Final = int(Code.DUPLICATE_CLIENT_ID)
_FOK_UNFILLABLE: Final = int(Code.FOK_UNFILLABLE)
_INSUFFICIENT_MARGIN: Final = int(Code.INSUFFICIENT_MARGIN)
_FOK: Final = int(TimeInForce.FOK)
_PORTFOLIO: Final = int(MarginMode.PORTFOLIO)


def admit(core: ExchangeCore, order: Order) -> int:
    """Return the code of the first check that refuses a new order, 0 if all pass.

    Sets price and size as the flags leave them, and the reserve. The instrument is known already.
    """
    if order.client_id and order.client_id in order.account.client_ids:
        return _DUPLICATE_CLIENT_ID
    return (
        check_shape(core, order)
        or check_amounts(order.instrument, order.price_ticks, order.qty_lots)
        or admit_size(core, order)
    )


def admit_size(core: ExchangeCore, order: Order) -> int:
    """Steps 5 to 10 for the order's remaining size."""
    instrument = order.instrument
    if instrument.seen_version != instrument.underlying.version:
        refresh_prices(instrument)
    code = check_limits(core, order)
    if code == _ACCEPTED and order.flags:
        code = apply_flags(order)
    if code != _ACCEPTED:
        return code
    if order.tif == _FOK and not is_feasible(core, order):
        return _FOK_UNFILLABLE
    if order.account.mode == _PORTFOLIO:
        code = portfolio_code(core, instrument)
        if code != _ACCEPTED:
            return code
    return _ACCEPTED if admits(core, order) else _INSUFFICIENT_MARGIN

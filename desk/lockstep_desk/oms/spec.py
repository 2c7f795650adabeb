"""What an instrument's venue accepts: steps and bounds, checked before an order is let go.

Owns the check of an order against its instrument. It never rounds: an order off its tick or lot is
refused, and who wants it otherwise says so.
"""

from lockstep_desk.core.codes import OrderKind, Refusal, TimeInForce
from lockstep_desk.core.commands import OpenRequest, RegisterInstrument
from lockstep_desk.types import E8, ORDER_QTY_E8_MAX, PRICE_E9_MAX

VALUE_E9_MAX = 2**60
"""No order and no fill is worth more, in 1e-9 of its quote: about 1.15 billion."""


def spec_refusal(spec: RegisterInstrument) -> str | None:
    """Return what is wrong with the specification itself, None if nothing is."""
    if spec.tick_e9 <= 0 or spec.lot_e8 <= 0:
        return f"expected tick and lot above 0, found {spec.tick_e9} and {spec.lot_e8}"
    bounds = (spec.min_qty_e8, spec.max_qty_e8, spec.min_notional_e9)
    if min(bounds) < 0:
        return f"expected bounds of 0 or more, found {bounds}"
    if spec.max_qty_e8 and spec.max_qty_e8 < spec.min_qty_e8:
        return f"expected max_qty_e8 of {spec.min_qty_e8} or more, found {spec.max_qty_e8}"
    return None


def order_refusal(
    spec: RegisterInstrument, request: OpenRequest, price_e9: int, now_ns: int
) -> tuple[Refusal, str] | None:
    """Return why a request may not go to its instrument's venue, None if it may.

    `price_e9` is what the order is valued at: its own price, or the price now.
    """
    return (
        _quantity_refusal(spec, request.qty_e8)
        or _price_refusal(spec, request, price_e9)
        or _value_refusal(spec, request.qty_e8, price_e9)
        or _option_refusal(request, now_ns)
    )


def _quantity_refusal(spec: RegisterInstrument, qty_e8: int) -> tuple[Refusal, str] | None:
    if qty_e8 <= 0:
        return Refusal.BAD_QUANTITY, f"expected qty_e8 above 0, found {qty_e8}"
    if qty_e8 % spec.lot_e8:
        return Refusal.OFF_LOT, f"expected a multiple of {spec.lot_e8}, found qty_e8 {qty_e8}"
    if qty_e8 < spec.min_qty_e8:
        return Refusal.BELOW_MINIMUM, f"expected {spec.min_qty_e8} or more, found qty_e8 {qty_e8}"
    most = spec.max_qty_e8 or ORDER_QTY_E8_MAX
    if qty_e8 > min(most, ORDER_QTY_E8_MAX):
        return Refusal.ABOVE_MAXIMUM, f"expected at most {most}, found qty_e8 {qty_e8}"
    return None


def _price_refusal(
    spec: RegisterInstrument, request: OpenRequest, price_e9: int
) -> tuple[Refusal, str] | None:
    if not 0 < price_e9 <= PRICE_E9_MAX:
        return Refusal.BAD_PRICE, f"expected price_e9 from 1 to {PRICE_E9_MAX}, found {price_e9}"
    if request.kind is OrderKind.LIMIT and price_e9 % spec.tick_e9:
        return Refusal.OFF_TICK, f"expected a multiple of {spec.tick_e9}, found price_e9 {price_e9}"
    return None


def _value_refusal(
    spec: RegisterInstrument, qty_e8: int, price_e9: int
) -> tuple[Refusal, str] | None:
    value_e9 = qty_e8 * price_e9 // E8
    if value_e9 > VALUE_E9_MAX:
        return Refusal.ABOVE_MAXIMUM, f"expected a value up to {VALUE_E9_MAX}, found {value_e9}"
    if value_e9 < spec.min_notional_e9:
        least = spec.min_notional_e9
        return Refusal.BELOW_MINIMUM, f"expected a value of {least} or more, found {value_e9}"
    return None


def _option_refusal(request: OpenRequest, now_ns: int) -> tuple[Refusal, str] | None:
    is_resting = request.tif in (TimeInForce.GTC, TimeInForce.GTD)
    if request.kind is OrderKind.MARKET and is_resting:
        return Refusal.BAD_OPTION, "expected a market order to be IOC or FOK: it cannot rest"
    if request.is_post_only and not is_resting:
        return Refusal.BAD_OPTION, "expected a post-only order to be GTC or GTD"
    if (request.tif is TimeInForce.GTD) != (request.expires_ns > 0):
        found = request.expires_ns
        return Refusal.BAD_OPTION, f"expected expires_ns with GTD and only with it, found {found}"
    if request.expires_ns and request.expires_ns <= now_ns:
        return Refusal.BAD_OPTION, f"expected expires_ns after {now_ns}, found {request.expires_ns}"
    return None

"""Steps 3 and 4 of [ORD-5]: price and size within the instrument's limits."""

from typing import Final

from lockstep_engine.codes import Code
from lockstep_engine.state import Instrument

_ACCEPTED: Final = int(Code.ACCEPTED)
_PRICE_NOT_POSITIVE: Final = int(Code.PRICE_NOT_POSITIVE)
_PRICE_OFF_TICK: Final = int(Code.PRICE_OFF_TICK)
_PRICE_ABOVE_MAX: Final = int(Code.PRICE_ABOVE_MAX)
_PRICE_OUT_OF_BAND: Final = int(Code.PRICE_OUT_OF_BAND)
_SIZE_NOT_POSITIVE: Final = int(Code.SIZE_NOT_POSITIVE)
_SIZE_OFF_LOT: Final = int(Code.SIZE_OFF_LOT)
_SIZE_BELOW_MIN: Final = int(Code.SIZE_BELOW_MIN)
_SIZE_ABOVE_MAX: Final = int(Code.SIZE_ABOVE_MAX)
_NOTIONAL_BELOW_MIN: Final = int(Code.NOTIONAL_BELOW_MIN)
_E4: Final = 10**4


def check_amounts(instrument: Instrument, price_ticks: int, qty_lots: int) -> int:
    """Return the code of the first limit that price or size breaks, 0 if none."""
    if price_ticks < 1:
        return _PRICE_NOT_POSITIVE
    if price_ticks % instrument.price_step_ticks:
        return _PRICE_OFF_TICK
    if price_ticks > instrument.max_price_ticks:
        return _PRICE_ABOVE_MAX
    if instrument.price_band_bps and _is_out_of_band(instrument, price_ticks):
        return _PRICE_OUT_OF_BAND
    if qty_lots < 1:
        return _SIZE_NOT_POSITIVE
    if qty_lots % instrument.qty_step_lots:
        return _SIZE_OFF_LOT
    if qty_lots < instrument.min_order_lots:
        return _SIZE_BELOW_MIN
    if qty_lots > instrument.max_order_lots:
        return _SIZE_ABOVE_MAX
    notional_min = instrument.min_notional_e6
    if notional_min and price_ticks * qty_lots * instrument.value_e6 < notional_min:
        return _NOTIONAL_BELOW_MIN
    return _ACCEPTED


def _is_out_of_band(instrument: Instrument, price_ticks: int) -> bool:
    mark = instrument.mark
    if mark.price_e6 == 0:
        return False
    distance = abs(price_ticks * instrument.tick_e6 - mark.price_e6)
    return distance * _E4 > mark.price_e6 * instrument.price_band_bps

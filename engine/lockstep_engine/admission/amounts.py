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
    code = price_code(instrument, price_ticks)
    if code != _ACCEPTED:
        return code
    band = instrument.price_band_bps
    if band and instrument.mark.price_e6 and is_off_mark(instrument, price_ticks, band):
        return _PRICE_OUT_OF_BAND
    return size_code(instrument, price_ticks, qty_lots, instrument.max_order_lots)


def price_code(instrument: Instrument, price_ticks: int) -> int:
    """Return the code of the first limit that a price breaks, its band apart, 0 if none."""
    if price_ticks < 1:
        return _PRICE_NOT_POSITIVE
    if price_ticks % instrument.price_step_ticks:
        return _PRICE_OFF_TICK
    if price_ticks > instrument.max_price_ticks:
        return _PRICE_ABOVE_MAX
    return _ACCEPTED


def size_code(instrument: Instrument, price_ticks: int, qty_lots: int, most_lots: int) -> int:
    """Return the code of the first limit that a size breaks at a price, 0 if none."""
    if qty_lots < 1:
        return _SIZE_NOT_POSITIVE
    if qty_lots % instrument.qty_step_lots:
        return _SIZE_OFF_LOT
    if qty_lots < instrument.min_order_lots:
        return _SIZE_BELOW_MIN
    if qty_lots > most_lots:
        return _SIZE_ABOVE_MAX
    notional_min = instrument.min_notional_e6
    if notional_min and price_ticks * qty_lots * instrument.value_e6 < notional_min:
        return _NOTIONAL_BELOW_MIN
    return _ACCEPTED


def is_off_mark(instrument: Instrument, price_ticks: int, band_bps: int) -> bool:
    """Return whether a price lies further from the mark than the band, in parts of the mark."""
    mark = instrument.mark.price_e6
    return abs(price_ticks * instrument.tick_e6 - mark) * _E4 > mark * band_bps

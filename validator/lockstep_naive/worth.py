"""What lots are worth: trade value, mark value, index value ([NUM-1], [NUM-3]).

Computes only. A mark or index that is not set is 0 and makes a lot worth 0.
"""

from lockstep_kernel import div_half_even
from lockstep_naive.core import NaiveCore
from lockstep_naive.rows import E16, Instrument, Underlying


def underlying_of(core: NaiveCore, instrument: Instrument) -> Underlying:
    """Return the underlying of an instrument."""
    return core.underlyings.must(instrument.contract.underlying)


def expiry_ns(core: NaiveCore, instrument: Instrument) -> int:
    """Return when an instrument expires, 0 for never."""
    return instrument.contract.expiry_ns(underlying_of(core, instrument).expiry_time_s)


def index_e6(core: NaiveCore, instrument: Instrument) -> int:
    """Return the index that an instrument goes by: its settlement price from its expiry on."""
    if instrument.is_expired:
        key = (instrument.contract.underlying, expiry_ns(core, instrument))
        return core.settlements.must(key).price_e6
    return underlying_of(core, instrument).index_price_e6


def is_price_final(core: NaiveCore, instrument: Instrument) -> bool:
    """Return whether the price at which an instrument settles can change no more."""
    if not instrument.is_expired:
        return False
    return core.settlements.must(
        (instrument.contract.underlying, expiry_ns(core, instrument))
    ).is_final


def trade_value_e6(instrument: Instrument, price_ticks: int, lots: int) -> int:
    """Return price x lots in money; signed like `lots`. Exact."""
    return price_ticks * lots * instrument.value_e6


def lot_value_e6(instrument: Instrument, price_e6: int) -> int:
    """Return one lot at a price of the index or the mark, rounded once."""
    return div_half_even(price_e6 * instrument.one_lot_e16, E16)


def mark_e6(core: NaiveCore, instrument: Instrument) -> int:
    """Return the mark of one unit."""
    mark = core.marks.get(instrument.instrument)
    return 0 if mark is None else mark.price_e6


def mark_lot_e6(core: NaiveCore, instrument: Instrument) -> int:
    """Return one lot at the mark."""
    return lot_value_e6(instrument, mark_e6(core, instrument))


def index_lot_e6(core: NaiveCore, instrument: Instrument) -> int:
    """Return one lot at the index that its instrument goes by."""
    return lot_value_e6(instrument, index_e6(core, instrument))

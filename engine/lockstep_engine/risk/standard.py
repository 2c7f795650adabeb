"""Standard margin ([MRG-2]): what one lot is worth and needs, and what a position needs.

Values per lot are kept with the instrument. The value at the mark is set with the mark; the others
follow mark, index and rates when they are used: each of them raises a version.
"""

from typing import Final

from lockstep_engine.codes import InstrumentKind
from lockstep_engine.entities import Underlying
from lockstep_engine.state import ExchangeCore, Holding, Instrument
from lockstep_kernel.arith import div_ceil, div_half_even

_CALL: Final = int(InstrumentKind.CALL)
_E9: Final = 10**9
_E12: Final = 10**12
_E16: Final = 10**16
_E25: Final = 10**25


def refresh_prices(instrument: Instrument) -> None:
    """Recompute the values per lot if the underlying or the mark changed since ([NUM-3])."""
    underlying = instrument.underlying
    if instrument.seen_version == underlying.version:
        return
    instrument.seen_version = underlying.version
    instrument.version += 1
    unit = instrument.unit_e16
    settlement = instrument.settlement
    index = underlying.index_price_e6 if settlement is None else settlement.price_e6
    instrument.index_lot_e6 = div_half_even(index * unit, _E16)
    if settlement is not None and settlement.is_final:
        _refresh_final(instrument)
    elif instrument.is_option:
        _refresh_short(instrument, underlying, index)
    else:
        mark_lot = instrument.mark_lot_e6
        initial = div_ceil(mark_lot * underlying.future_initial_e9, _E9)
        instrument.long_lot_e6 = initial
        instrument.short_lot_e6 = initial
        instrument.addon_product = underlying.addon_bps * mark_lot * unit


def prices_moved(core: ExchangeCore, instrument: Instrument) -> None:
    """Note that the instrument's own mark, or what it is worth in a scenario, changed."""
    instrument.seen_version = 0
    instrument.mark_version += 1
    instrument.risk = None
    core.price_version += 1


def initial_e6(instrument: Instrument, qty_lots: int) -> int:
    """Return IM of a position of signed lots."""
    if qty_lots >= 0:
        margin = qty_lots * instrument.long_lot_e6
    else:
        margin = -qty_lots * instrument.short_lot_e6
    if instrument.addon_product == 0:
        return margin
    divisor = _E12 * instrument.underlying.addon_size_e8
    margin += div_ceil(qty_lots * qty_lots * instrument.addon_product, divisor)
    whole = abs(qty_lots) * instrument.mark_lot_e6
    return margin if margin < whole else whole


def maintenance_e6(instrument: Instrument, qty_lots: int) -> int:
    """Return MM of a position of signed lots."""
    if instrument.is_option:
        return -qty_lots * instrument.short_maintenance_e6 if qty_lots < 0 else 0
    initial = initial_e6(instrument, qty_lots)
    return div_ceil(initial * instrument.underlying.future_maintenance_e9, _E9)


def unrealised_e6(holding: Holding) -> int:
    """Return the profit of a position at its mark, 0 for options ([MRG-1])."""
    instrument = holding.instrument
    if instrument.is_option:
        return 0
    return holding.qty_lots * instrument.mark_lot_e6 - holding.cost_e6


def _refresh_final(instrument: Instrument) -> None:
    """Set the margin of what pays a known price: what a short option will pay, nothing else."""
    owed = instrument.mark_lot_e6 if instrument.is_option else 0
    instrument.long_lot_e6 = 0
    instrument.addon_product = 0
    instrument.short_lot_e6 = owed
    instrument.short_maintenance_e6 = owed


def _refresh_short(instrument: Instrument, underlying: Underlying, index: int) -> None:
    """Set the margin of one short option: a share of the index less what it is out of the money."""
    strike = instrument.strike_e6
    mark_e15 = _E9 * instrument.mark.price_e6
    out_e6 = strike - index if instrument.kind == _CALL else index - strike
    base_e15 = underlying.option_initial_e9 * index
    if out_e6 > 0:
        base_e15 -= _E9 * out_e6
    floor_e15 = underlying.option_floor_e9 * index
    if base_e15 < floor_e15:
        base_e15 = floor_e15
    maintenance_e15 = underlying.option_maintenance_e9 * index
    if instrument.kind != _CALL:
        by_mark_e15 = underlying.put_mark_e9 * instrument.mark.price_e6
        if by_mark_e15 > maintenance_e15:
            maintenance_e15 = by_mark_e15
    unit = instrument.unit_e16
    initial = div_ceil((base_e15 + mark_e15) * unit, _E25)
    maintenance = div_ceil((maintenance_e15 + mark_e15) * unit, _E25)
    if maintenance > initial:
        initial = maintenance
    instrument.short_lot_e6 = initial
    instrument.short_maintenance_e6 = maintenance

"""Marks: how an instrument is marked, and how an expiry follows its surface ([MRK-1], [MRK-2])."""

from typing import Final

from lockstep_engine.codes import InstrumentKind
from lockstep_engine.entities import Surface
from lockstep_engine.events import InstrumentMark, MarksUpdated
from lockstep_engine.lifecycle.entities import Settlement
from lockstep_engine.risk.detmath import black76
from lockstep_engine.risk.standard import prices_moved
from lockstep_engine.risk.surface import vol_at
from lockstep_engine.state import Events, ExchangeCore, Instrument
from lockstep_kernel.arith import div_half_even

# Bound here once: the compiled build looks up any other global by name at each use.
_instrument_mark: Final = InstrumentMark
_CALL: Final = int(InstrumentKind.CALL)
_ONE_E9: Final = 10**9
_E16: Final = 10**16
_FOR_EVER_NS: Final = 2**62 - 1

MarkValues = tuple[int, int, int, int, int]
"""(price_e6, delta_e9, gamma_e9, vega_e9, theta_e9), per unit of the underlying."""


def outright(instrument: Instrument, price_e6: int) -> MarkValues:
    """Return the mark of an instrument that no surface prices: an option's delta is not known."""
    return price_e6, 0 if instrument.is_option else _ONE_E9, 0, 0, 0


def set_mark(
    core: ExchangeCore, instrument: Instrument, marked_ns: int, values: MarkValues
) -> None:
    """Store a mark and have margins follow it. O(1)."""
    mark = instrument.mark
    mark.marked_ns = marked_ns
    mark.price_e6, mark.delta_e9, mark.gamma_e9, mark.vega_e9, mark.theta_e9 = values
    instrument.mark_lot_e6 = div_half_even(mark.price_e6 * instrument.unit_e16, _E16)
    age_ns = core.max_mark_age_ns
    instrument.fresh_until_ns = marked_ns + age_ns if age_ns else _FOR_EVER_NS
    prices_moved(core, instrument)
    core.touch(mark)


def mark_settled(
    core: ExchangeCore, instrument: Instrument, settlement: Settlement, marked_ns: int
) -> None:
    """Mark an expired instrument at what it pays at the settlement price ([SET-1]). O(1).

    Without any price the mark stays, but no index counts for the instrument any more.
    """
    instrument.settlement = settlement
    price = settlement.price_e6
    if price == 0:
        prices_moved(core, instrument)
        return
    if instrument.is_option:
        price -= instrument.strike_e6
        if instrument.kind != _CALL:
            price = -price
        if price < 0:
            price = 0
    set_mark(core, instrument, marked_ns, (price, 0, 0, 0, 0))


def mark_expiry(core: ExchangeCore, surface: Surface, events: Events) -> None:
    """Mark everything that expires with the surface. O(instruments of that expiry).

    The surface's expiry lies ahead, so none of these instruments is expired.
    """
    instruments = core.expiries.get((surface.underlying, surface.expiry_ns))
    if instruments is None:
        return
    calls: dict[int, MarkValues] = {}
    marks: list[InstrumentMark] = []
    for instrument in instruments:
        if instrument.is_option:
            values = _option_values(core, surface, instrument, calls)
        else:
            values = outright(instrument, surface.forward_e6)
        set_mark(core, instrument, core.now_ns, values)
        marks.append(_instrument_mark(instrument.instrument, *values))
    events.append(MarksUpdated(surface.underlying, surface.expiry_ns, tuple(marks)))


def _option_values(
    core: ExchangeCore, surface: Surface, instrument: Instrument, calls: dict[int, MarkValues]
) -> MarkValues:
    """Return the values of an option; `calls` remembers those of the call at each strike.

    Parity of call and put is exact ([NUM-5]), so one evaluation serves both.
    """
    strike, forward = instrument.strike_e6, surface.forward_e6
    call = calls.get(strike)
    if call is None:
        to_expiry_ns = surface.expiry_ns - core.now_ns
        call = black76(True, forward, strike, to_expiry_ns, vol_at(surface, strike))
        calls[strike] = call
    if instrument.kind == _CALL:
        return call
    price, delta, gamma, vega, theta = call
    return price - forward + strike, delta - _ONE_E9, gamma, vega, theta

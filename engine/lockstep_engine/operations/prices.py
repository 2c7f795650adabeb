"""Index, marks, surfaces and the time that they follow ([MRK-1], [MRK-2], [ADM-10])."""

from typing import Final

from lockstep_engine.codes import Code
from lockstep_engine.commands import (
    AdvanceTime,
    UpdateIndexPrice,
    UpdateMarkPrice,
    UpdateVolSurface,
)
from lockstep_engine.entities import Surface
from lockstep_engine.events import (
    IndexPriceUpdated,
    MarkPriceUpdated,
    TimeAdvanced,
    VolSurfaceUpdated,
)
from lockstep_engine.lifecycle.averages import note_index
from lockstep_engine.risk.marks import mark_expiry, outright, set_mark
from lockstep_engine.risk.surface import are_good_points
from lockstep_engine.state import Events, ExchangeCore

_ACCEPTED: Final = int(Code.ACCEPTED)
_BAD_PARAMETER: Final = int(Code.BAD_PARAMETER)
_BAD_SURFACE: Final = int(Code.BAD_SURFACE)
_INSTRUMENT_EXPIRED: Final = int(Code.INSTRUMENT_EXPIRED)
_SURFACE_EXISTS: Final = int(Code.SURFACE_EXISTS)
_UNKNOWN_INSTRUMENT: Final = int(Code.UNKNOWN_INSTRUMENT)
_UNKNOWN_UNDERLYING: Final = int(Code.UNKNOWN_UNDERLYING)
_DAY_NS: Final = 86_400 * 10**9
_NS_PER_S: Final = 10**9


def update_index_price(core: ExchangeCore, action: UpdateIndexPrice, events: Events) -> int:
    """Set an underlying's index. O(1): instruments and accounts follow when they are used."""
    underlying = core.underlyings.get(action.underlying)
    if underlying is None:
        return _UNKNOWN_UNDERLYING
    if not 1 <= action.price_e6 <= underlying.max_index_price_e6:
        return _BAD_PARAMETER
    note_index(core, underlying)
    underlying.index_price_e6 = action.price_e6
    underlying.version += 1
    core.price_version += 1
    core.touch(underlying)
    events.append(IndexPriceUpdated(action.underlying, action.price_e6))
    return _ACCEPTED


def update_mark_price(core: ExchangeCore, action: UpdateMarkPrice, events: Events) -> int:
    """Set the mark of an instrument that no surface prices. O(1)."""
    instrument = core.instruments.get(action.instrument)
    if instrument is None:
        return _UNKNOWN_INSTRUMENT
    if instrument.is_expired():
        return _INSTRUMENT_EXPIRED
    if (instrument.underlying.name, instrument.expiry_ns) in core.surfaces:
        return _SURFACE_EXISTS
    if not 1 <= action.price_e6 <= instrument.max_price_ticks * instrument.tick_e6:
        return _BAD_PARAMETER
    set_mark(core, instrument, core.now_ns, outright(instrument, action.price_e6))
    events.append(MarkPriceUpdated(action.instrument, action.price_e6))
    return _ACCEPTED


def update_vol_surface(core: ExchangeCore, action: UpdateVolSurface, events: Events) -> int:
    """Replace the surface of one expiry and mark what expires then."""
    underlying = core.underlyings.get(action.underlying)
    if underlying is None:
        return _UNKNOWN_UNDERLYING
    expiry_ns = action.expiry_ns
    if expiry_ns < 0 or expiry_ns % _DAY_NS != underlying.expiry_time_s * _NS_PER_S:
        return _BAD_PARAMETER
    if expiry_ns <= core.now_ns:
        return _INSTRUMENT_EXPIRED
    if not 1 <= action.forward_e6 <= underlying.max_index_price_e6:
        return _BAD_SURFACE
    if not are_good_points(action.points, action.forward_e6, expiry_ns - core.now_ns):
        return _BAD_SURFACE
    key = (action.underlying, expiry_ns)
    surface = core.surfaces.get(key)
    if surface is None:
        surface = core.surfaces[key] = Surface(action.underlying, expiry_ns)
    surface.set(action.forward_e6, action.points)
    core.touch(surface)
    events.append(VolSurfaceUpdated(action.underlying, expiry_ns, action.forward_e6, action.points))
    mark_expiry(core, surface, events)
    return _ACCEPTED


def advance_time(core: ExchangeCore, action: AdvanceTime, events: Events) -> int:
    """Say where the clock stands; it moved, and what was due ran, before this.

    Then marks follow the time, and surfaces whose expiry has come go. O(marked instruments).
    """
    events.append(TimeAdvanced(core.now_ns))
    for key in sorted(core.surfaces):
        surface = core.surfaces[key]
        if surface.expiry_ns > core.now_ns:
            mark_expiry(core, surface, events)
        else:
            del core.surfaces[key]
            surface.is_live = False
            core.touch(surface)
    return _ACCEPTED

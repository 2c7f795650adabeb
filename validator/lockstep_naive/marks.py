"""Index, marks, volatility surfaces, and what time does to them ([ADM-10], [MRK-1], [MRK-2]).

Owns every change of an index, a surface, or the mark of an instrument that has not expired.
"""

from math import isqrt

from lockstep_engine.codes import Code, InstrumentKind
from lockstep_engine.commands import UpdateIndexPrice, UpdateMarkPrice, UpdateVolSurface
from lockstep_engine.events import (
    IndexPriceUpdated,
    InstrumentMark,
    MarkPriceUpdated,
    MarksUpdated,
    TimeAdvanced,
    VolSurfaceUpdated,
)
from lockstep_kernel import div_floor
from lockstep_naive.core import NaiveCore, Refusal
from lockstep_naive.detmath import E9, Greeks, Option, black76
from lockstep_naive.rows import Instrument, Mark, Surface, Underlying
from lockstep_naive.symbols import DAY_NS, SECOND_NS
from lockstep_naive.window import add_sample
from lockstep_naive.worth import expiry_ns

POINTS_MAX = 200
STRIKE_MAX_E6 = 10**15
VOL_MIN_E9 = 10**6
VOL_MAX_E9 = 10**10


def is_stale(core: NaiveCore, mark: Mark) -> bool:
    """Return whether a mark is too old to take risk on."""
    age_max_ns = core.params.max_mark_age_ns
    return age_max_ns != 0 and core.now_ns - mark.marked_ns > age_max_ns


def advance_time(core: NaiveCore) -> Refusal:
    """[ADM-10]: the clock has moved already; the marks follow, and expired surfaces go."""
    core.emit(TimeAdvanced(core.now_ns))
    for surface in core.surfaces.all():
        _mark_expiry(core, surface)
        if surface.expiry_ns <= core.now_ns:
            core.surfaces.drop(surface.key)
    return None


def update_index_price(core: NaiveCore, action: UpdateIndexPrice) -> Refusal:
    """[MRK-1]."""
    underlying = core.underlyings.get(action.underlying)
    if underlying is None:
        return Code.UNKNOWN_UNDERLYING
    if not 1 <= action.price_e6 <= underlying.max_index_price_e6:
        return Code.BAD_PARAMETER
    add_sample(core, underlying)
    core.underlyings.put(underlying._replace(index_price_e6=action.price_e6))
    core.emit(IndexPriceUpdated(action.underlying, action.price_e6))
    return None


def update_mark_price(core: NaiveCore, action: UpdateMarkPrice) -> Refusal:
    """[MRK-1]."""
    instrument = core.instruments.get(action.instrument)
    if instrument is None:
        return Code.UNKNOWN_INSTRUMENT
    if instrument.is_expired:
        return Code.INSTRUMENT_EXPIRED
    expiry = (instrument.contract.underlying, expiry_ns(core, instrument))
    if core.surfaces.get(expiry) is not None:
        return Code.SURFACE_EXISTS
    if not 1 <= action.price_e6 <= instrument.max_price_ticks * instrument.tick_e6:
        return Code.BAD_PARAMETER
    delta_e9 = 0 if instrument.is_option else E9
    core.marks.put(Mark(action.instrument, action.price_e6, core.now_ns, delta_e9, 0, 0, 0))
    core.emit(MarkPriceUpdated(action.instrument, action.price_e6))
    return None


def update_vol_surface(core: NaiveCore, action: UpdateVolSurface) -> Refusal:
    """[MRK-2]."""
    underlying = core.underlyings.get(action.underlying)
    if underlying is None:
        return Code.UNKNOWN_UNDERLYING
    time_of_day_ns = underlying.expiry_time_s * SECOND_NS
    if action.expiry_ns < 0 or action.expiry_ns % DAY_NS != time_of_day_ns:
        return Code.BAD_PARAMETER
    if action.expiry_ns <= core.now_ns:
        return Code.INSTRUMENT_EXPIRED
    surface = Surface((action.underlying, action.expiry_ns), action.forward_e6, action.points)
    if not is_good_surface(underlying, surface) or _is_crossing(core, surface):
        return Code.BAD_SURFACE
    core.surfaces.put(surface)
    core.emit(VolSurfaceUpdated(*surface.key, surface.forward_e6, surface.points))
    _mark_expiry(core, surface)
    return None


def is_good_surface(underlying: Underlying, surface: Surface) -> bool:
    """Return whether forward and points are within their bounds, and the strikes rise."""
    strikes_e6 = [strike_e6 for strike_e6, _ in surface.points]
    vols_e9 = [vol_e9 for _, vol_e9 in surface.points]
    return (
        1 <= surface.forward_e6 <= underlying.max_index_price_e6
        and 1 <= len(surface.points) <= POINTS_MAX
        and all(1 <= strike_e6 <= STRIKE_MAX_E6 for strike_e6 in strikes_e6)
        and strikes_e6 == sorted({*strikes_e6})
        and all(VOL_MIN_E9 <= vol_e9 <= VOL_MAX_E9 for vol_e9 in vols_e9)
    )


def vol_at_e9(surface: Surface, strike_e6: int) -> int:
    """Return the volatility at a strike: total variance is linear between points."""
    first_strike, first_vol = surface.points[0]
    if strike_e6 <= first_strike:
        return first_vol
    for (low, low_vol), (high, high_vol) in zip(surface.points, surface.points[1:], strict=False):
        if strike_e6 <= high:
            weighted = low_vol**2 * (high - strike_e6) + high_vol**2 * (strike_e6 - low)
            return isqrt(div_floor(weighted, high - low))
    return surface.points[-1][1]


def _is_crossing(core: NaiveCore, surface: Surface) -> bool:
    """Return whether a call is worth more than that of the strike below it, or a put less."""
    to_expiry_ns = surface.expiry_ns - core.now_ns
    calls_e6: list[int] = []
    puts_e6: list[int] = []
    for strike_e6, vol_e9 in surface.points:
        call = Option(True, surface.forward_e6, strike_e6, to_expiry_ns, vol_e9)
        calls_e6.append(black76(call).price_e6)
        puts_e6.append(black76(call._replace(is_call=False)).price_e6)
    return calls_e6 != sorted(calls_e6, reverse=True) or puts_e6 != sorted(puts_e6)


def _mark_expiry(core: NaiveCore, surface: Surface) -> None:
    """Mark every instrument of the surface's expiry that is not expired, and tell them all."""
    marks: list[InstrumentMark] = []
    for instrument in core.instruments.all():
        expiry = (instrument.contract.underlying, expiry_ns(core, instrument))
        if expiry == surface.key and not instrument.is_expired:
            greeks = _greeks_on(core, surface, instrument)
            price_e6, *others = greeks
            number = instrument.instrument
            core.marks.put(Mark(number, price_e6, core.now_ns, *others))
            marks.append(InstrumentMark(number, *greeks))
    if marks:
        core.emit(MarksUpdated(*surface.key, tuple(marks)))


def _greeks_on(core: NaiveCore, surface: Surface, instrument: Instrument) -> Greeks:
    contract = instrument.contract
    if not contract.is_option:
        return Greeks(surface.forward_e6, E9, 0, 0, 0)
    return black76(
        Option(
            is_call=contract.kind == InstrumentKind.CALL,
            forward_e6=surface.forward_e6,
            strike_e6=contract.strike_e6,
            to_expiry_ns=surface.expiry_ns - core.now_ns,
            vol_e9=vol_at_e9(surface, contract.strike_e6),
        )
    )

"""One lot of an instrument under the portfolio model, made when it is needed ([MRG-3])."""

from lockstep_engine.entities import Surface
from lockstep_engine.risk.shapes import Grid, Shape, future_lot, option_lot
from lockstep_engine.risk.sums import LotRisk
from lockstep_engine.risk.surface import vol_at
from lockstep_engine.state import ExchangeCore, Instrument


def lot_risk(core: ExchangeCore, instrument: Instrument) -> LotRisk | None:
    """Return one lot at the mark now, None for what is in no sum. O(1), O(scenarios) once per mark.

    In no sum are what is expired, an option without surface, and all without a model. The value per
    lot of the instrument must be up to date.
    """
    model = instrument.underlying.model
    if model is None or instrument.is_expired():
        return None
    risk = instrument.risk
    if risk is None or risk.grid is not model.grid:
        risk = instrument.risk = _new(core, instrument, model.grid)
    return risk


def surface_of(core: ExchangeCore, instrument: Instrument) -> Surface | None:
    """Return the surface that prices an option, None if there is none or the option is expired."""
    if instrument.is_expired():
        return None
    return core.surfaces.get((instrument.underlying.name, instrument.expiry_ns))


def _new(core: ExchangeCore, instrument: Instrument, grid: Grid) -> LotRisk | None:
    mark_lot = instrument.mark_lot_e6
    if not instrument.is_option:
        future = future_lot(grid, instrument.mark.price_e6, instrument.unit_e16, mark_lot)
        return LotRisk(grid, instrument.expiry_ns, None, None, future)
    surface = surface_of(core, instrument)
    if surface is None:
        return None
    shape = _shape(core, instrument, grid, surface.forward_e6)
    vol = vol_at(surface, instrument.strike_e6)
    option = option_lot(shape, instrument.contract, vol, mark_lot)
    return LotRisk(grid, instrument.expiry_ns, shape, option, None)


def _shape(core: ExchangeCore, instrument: Instrument, grid: Grid, forward_e6: int) -> Shape:
    """Return the shape that all options of the expiry share: they are marked together."""
    to_expiry_ns = instrument.expiry_ns - instrument.mark.marked_ns
    if to_expiry_ns < 0:
        to_expiry_ns = 0
    key = (instrument.underlying.name, instrument.expiry_ns)
    shape = core.shapes.get(key)
    if (
        shape is None
        or shape.grid is not grid
        or shape.forward_e6 != forward_e6
        or shape.to_expiry_ns != to_expiry_ns
    ):
        shape = core.shapes[key] = Shape(grid, forward_e6, to_expiry_ns)
    return shape

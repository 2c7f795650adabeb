"""Portfolio margin: the worst of a model's scenarios, and what is added to it ([MRG-3]).

Amounts are exact: the names of sums say how many digits stand behind a dollar (e24 is e6 times two
numbers in parts per billion). Each of initial and maintenance margin is rounded up once.
"""

from typing import NamedTuple

from lockstep_engine.codes import InstrumentKind, VolRule
from lockstep_kernel import div_ceil, div_half_even
from lockstep_naive.core import NaiveCore
from lockstep_naive.detmath import E9, Option, black76, log_ratio_e9
from lockstep_naive.marks import vol_at_e9
from lockstep_naive.rows import Instrument, Model, Scenario, Surface
from lockstep_naive.shapes import Shape, is_skewing, scenario_vol_e9, shape_of
from lockstep_naive.standard import E25, Lots, Margin, position_margin, total
from lockstep_naive.worth import expiry_ns, lot_value_e6, mark_e6, mark_lot_e6

E27 = 10**27
E36 = 10**36


class _Leg(NamedTuple):
    """Some lots of an instrument, with its mark; an option also with its place on the surface."""

    instrument: Instrument
    lots: int
    mark_e6: int
    mark_lot_e6: int
    to_expiry_ns: int
    vol_e9: int = 0
    distance_e9: int = 0


class _Expiry(NamedTuple):
    """The options of one expiry, with the surface that values them."""

    legs: list[_Leg]
    surface: Surface
    shape: Shape

    @property
    def marked_e6(self) -> int:
        """What they are worth at their marks."""
        return sum(leg.lots * leg.mark_lot_e6 for leg in self.legs)


class _Holdings(NamedTuple):
    """What is held in one underlying, and the model for it."""

    model: Model
    index_e6: int
    expiries: list[_Expiry]
    futures: list[_Leg]

    @property
    def options(self) -> list[_Leg]:
        """All options."""
        return [leg for expiry in self.expiries for leg in expiry.legs]


def portfolio_margin(core: NaiveCore, lots: Lots) -> Margin:
    """Return the margin of some holdings: the sum over their underlyings, and what has expired."""
    expired = [number for number in sorted(lots) if core.instruments.must(number).is_expired]
    legs = [_leg(core, number, lots[number]) for number in sorted(lots) if lots[number] != 0]
    names = sorted({leg.instrument.contract.underlying for leg in legs})
    live = [_margin(_holdings(core, name, legs)) for name in names]
    return total([*live, *(_expired_margin(core, number, lots[number]) for number in expired)])


def _expired_margin(core: NaiveCore, number: int, lots: int) -> Margin:
    """Return the margin of what follows no scenario: as standard, less what collateral lacks."""
    instrument, margin = core.instruments.must(number), position_margin(core, number, lots)
    owed_e6 = max(0, -lots) * mark_lot_e6(core, instrument) if instrument.is_option else 0
    return Margin(max(0, margin.initial_e6 - owed_e6), max(0, margin.maintenance_e6 - owed_e6))


def _leg(core: NaiveCore, number: int, lots: int) -> _Leg:
    instrument = core.instruments.must(number)
    mark = core.marks.get(number)
    marked_ns = 0 if mark is None else mark.marked_ns
    return _Leg(
        instrument,
        lots,
        mark_e6(core, instrument),
        mark_lot_e6(core, instrument),
        expiry_ns(core, instrument) - marked_ns,
    )


def _holdings(core: NaiveCore, name: str, all_legs: list[_Leg]) -> _Holdings:
    """Sort out what is held in an underlying: nothing expired, no option without surface."""
    model = core.models.must(name)
    legs = [
        leg
        for leg in all_legs
        if leg.instrument.contract.underlying == name and not leg.instrument.is_expired
    ]
    by_expiry: dict[int, list[_Leg]] = {}
    for leg in legs:
        if leg.instrument.is_option:
            by_expiry.setdefault(expiry_ns(core, leg.instrument), []).append(leg)
    expiries: list[_Expiry] = []
    for at_ns in sorted(by_expiry):
        options, surface = by_expiry[at_ns], core.surfaces.get((name, at_ns))
        if surface is not None:
            shape = shape_of(model, max(0, options[0].to_expiry_ns))
            legs_on_it = [_on_surface(leg, surface) for leg in options]
            expiries.append(_Expiry(legs_on_it, surface, shape))
    futures = [leg for leg in legs if not leg.instrument.is_option]
    return _Holdings(model, core.underlyings.must(name).index_price_e6, expiries, futures)


def _on_surface(leg: _Leg, surface: Surface) -> _Leg:
    strike_e6 = leg.instrument.contract.strike_e6
    return leg._replace(
        vol_e9=vol_at_e9(surface, strike_e6),
        distance_e9=log_ratio_e9(strike_e6, surface.forward_e6),
    )


def _margin(held: _Holdings) -> Margin:
    """Return the margin in one underlying."""
    model = held.model
    loss_e24 = _loss_e24(held)
    floor_e24 = model.short_floor_e9 * E9 * _short_value_e6(held)
    naked_e24 = 100 * held.index_e6 * _naked_e16(held)
    futures_e24 = 100 * held.index_e6 * _futures_e16(held)
    initial_e33 = (
        max(loss_e24 * model.initial_factor_e9, floor_e24 * E9)
        + naked_e24 * (model.option_initial_e9 + model.option_maintenance_e9)
        + futures_e24 * (model.future_initial_e9 + model.future_maintenance_e9)
    )
    maintenance_e33 = (
        loss_e24 * model.maintenance_factor_e9
        + naked_e24 * model.option_maintenance_e9
        + futures_e24 * model.future_maintenance_e9
    )
    if model.maintenance_ratio_e9 > 0:
        maintenance_e6 = div_ceil(initial_e33 * model.maintenance_ratio_e9, E36)
    else:
        maintenance_e6 = div_ceil(maintenance_e33, E27)
    return Margin(div_ceil(initial_e33, E27), maintenance_e6)


def _loss_e24(held: _Holdings) -> int:
    """Return what is lost in the worst scenario, or by the basis if that is worse."""
    results_e24 = [_result_e24(held, scenario) for scenario in held.model.scenarios]
    return -min(0, _basis_e24(held), *results_e24)


def _result_e24(held: _Holdings, scenario: Scenario) -> int:
    """Return what a scenario brings (lost: below 0), by its weight."""
    options_e15 = sum(_gain_e15(held.model, expiry, scenario) for expiry in held.expiries)
    futures_e6 = sum(leg.lots * _future_gain_e6(leg, scenario.spot_e9) for leg in held.futures)
    return (options_e15 + E9 * futures_e6) * scenario.weight_e9


def _gain_e15(model: Model, expiry: _Expiry, scenario: Scenario) -> int:
    """Return what the options of an expiry gain; what a skew moves counts as lost."""
    shape = expiry.shape
    value_e6 = _value_e6(model, expiry, scenario)
    discount_e9 = shape.long_e9 if value_e6 >= 0 else shape.short_e9
    gain_e15 = value_e6 * discount_e9 - expiry.marked_e6 * E9
    return -abs(gain_e15) if is_skewing(scenario) else gain_e15


def _basis_e24(held: _Holdings) -> int:
    """Return what a difference between index and forwards may cost, or 0."""
    model = held.model
    unmoved = int(VolRule.FIXED), E9, E9
    cost_e15 = 0
    for expiry in held.expiries:
        up_e6 = _value_e6(model, expiry, Scenario(model.basis_up_e9, *unmoved))
        down_e6 = _value_e6(model, expiry, Scenario(model.basis_down_e9, *unmoved))
        marked_e6 = expiry.marked_e6
        cost_e15 += min(0, up_e6 - marked_e6, down_e6 - marked_e6) * expiry.shape.basis_e9
    return cost_e15 * E9


def _value_e6(model: Model, expiry: _Expiry, scenario: Scenario) -> int:
    """Return what the options of an expiry are worth in a scenario."""
    forward_e6 = max(1, div_half_even(expiry.surface.forward_e6 * scenario.spot_e9, E9))
    value_e6 = 0
    for leg in expiry.legs:
        contract = leg.instrument.contract
        option = Option(
            is_call=contract.kind == InstrumentKind.CALL,
            forward_e6=forward_e6,
            strike_e6=contract.strike_e6,
            to_expiry_ns=leg.to_expiry_ns,
            vol_e9=scenario_vol_e9(model, expiry.shape, scenario, leg.vol_e9, leg.distance_e9),
        )
        value_e6 += leg.lots * lot_value_e6(leg.instrument, black76(option).price_e6)
    return value_e6


def _future_gain_e6(leg: _Leg, spot_e9: int) -> int:
    moved = leg.mark_e6 * spot_e9 * leg.instrument.one_lot_e16
    return div_half_even(moved, E25) - leg.mark_lot_e6


def _short_value_e6(held: _Holdings) -> int:
    """Return what all options sold are worth at their marks."""
    return sum(max(0, -leg.lots) * leg.mark_lot_e6 for leg in held.options)


def _naked_e16(held: _Holdings) -> int:
    """Return how much of the underlying stands in options sold that none of their strike covers."""
    naked_e16 = 0
    for expiry in held.expiries:
        by_strike: dict[int, int] = {}
        for leg in expiry.legs:
            strike_e6 = leg.instrument.contract.strike_e6
            lots_e16 = leg.lots * leg.instrument.one_lot_e16
            by_strike[strike_e6] = by_strike.get(strike_e6, 0) + lots_e16
        naked_e16 += sum(max(0, -lots_e16) for lots_e16 in by_strike.values())
    return naked_e16


def _futures_e16(held: _Holdings) -> int:
    return sum(abs(leg.lots) * leg.instrument.one_lot_e16 for leg in held.futures)

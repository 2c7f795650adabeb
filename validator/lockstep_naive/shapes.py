"""Portfolio models: which are good, and what they make of an expiry ([MRG-3]). Computes only."""

from math import isqrt
from typing import NamedTuple

from lockstep_engine.codes import VolRule
from lockstep_kernel import div_floor
from lockstep_naive.detmath import E9, decay_e9, growth_e9, power_e9
from lockstep_naive.rows import Model, Scenario
from lockstep_naive.symbols import DAY_NS, SECOND_NS

E10 = 10**10
E18 = 10**18
MONTH_NS = 30 * DAY_NS
YEAR_NS = 365 * DAY_NS
SCENARIOS_MAX = 100
BASIS_MAX_E9 = 8 * E9
VOL_MAX_E9 = 10**11


class Shape(NamedTuple):
    """What a model makes of an expiry: shocks, discounts, skews and the charge for basis."""

    up_e9: int
    down_e9: int
    long_e9: int
    short_e9: int
    linear_cap_e9: int
    wings_cap_e9: int
    width_e9: int
    basis_e9: int


def shape_of(model: Model, to_expiry_ns: int) -> Shape:
    """Return the shape of an expiry, a time before it."""
    power = model.short_power_e9 if to_expiry_ns <= MONTH_NS else model.long_power_e9
    shock_e9 = power_e9(MONTH_NS, max(to_expiry_ns, model.floor_ns), power)
    long_decay_e9 = decay_e9(to_expiry_ns, model.long_rate_e9)
    short_growth_e9 = growth_e9(to_expiry_ns, model.short_rate_e9)
    root_e9 = isqrt(div_floor(to_expiry_ns * E18, YEAR_NS))
    slope_e9 = model.width_vol_e9 + _times(root_e9, model.width_vol_slope_e9)
    width_e9 = div_floor(root_e9 * model.width_scale_e9 * slope_e9, E18)
    yearly_e9 = div_floor(model.basis_yearly_e9 * to_expiry_ns, YEAR_NS)
    return Shape(
        up_e9=E9 + _times(model.up_range_e9, shock_e9),
        down_e9=max(0, E9 - _times(model.down_range_e9, shock_e9)),
        long_e9=_times(model.long_discount_e9, long_decay_e9),
        short_e9=min(E9, _times(model.short_discount_e9, short_growth_e9)),
        linear_cap_e9=max(0, model.linear_cap_e9 + _times(model.linear_slope_e9, root_e9)),
        wings_cap_e9=max(0, model.wings_cap_e9 + _times(model.wings_slope_e9, root_e9)),
        width_e9=max(model.width_min_e9, width_e9),
        basis_e9=min(BASIS_MAX_E9, model.basis_factor_e9 + yearly_e9),
    )


def is_skewing(scenario: Scenario) -> bool:
    """Return whether a scenario moves vols by their distance from the forward."""
    return scenario.vol_rule in {VolRule.LINEAR, VolRule.WINGS}


def scenario_vol_e9(
    model: Model, shape: Shape, scenario: Scenario, vol_e9: int, distance_e9: int
) -> int:
    """Return a volatility in a scenario; the distance is the logarithm of strike by forward."""
    match VolRule(scenario.vol_rule):
        case VolRule.FIXED:
            return _bounded(_times(vol_e9, scenario.vol_e9))
        case VolRule.UP:
            return _bounded(max(model.up_vol_min_e9, _times(vol_e9, shape.up_e9)))
        case VolRule.DOWN:
            return _bounded(_times(vol_e9, shape.down_e9))
        case VolRule.LINEAR:
            tilt_e9 = _tilt_e9(distance_e9, shape.linear_cap_e9, shape.width_e9)
            return _bounded(_tilted(vol_e9, tilt_e9))
        case VolRule.WINGS:
            tilt_e9 = _tilt_e9(abs(distance_e9), shape.wings_cap_e9, shape.width_e9)
            return _bounded(_tilted(vol_e9, tilt_e9))


def is_good_model(model: Model) -> bool:
    """Return whether every number of a model is within its bounds."""
    return (
        1 <= len(model.scenarios) <= SCENARIOS_MAX
        and all(_is_good_scenario(scenario) for scenario in model.scenarios)
        and _are_good_shocks(model)
        and _are_good_skews(model)
        and _are_good_discounts(model)
        and _are_good_charges(model)
        and _are_good_factors(model)
    )


def _times(left: int, right_e9: int) -> int:
    return div_floor(left * right_e9, E9)


def _bounded(vol_e9: int) -> int:
    return min(VOL_MAX_E9, vol_e9)


def _tilt_e9(distance_e9: int, cap_e9: int, width_e9: int) -> int:
    return max(-cap_e9, min(cap_e9, div_floor(distance_e9 * cap_e9, width_e9)))


def _tilted(vol_e9: int, tilt_e9: int) -> int:
    return 0 if tilt_e9 <= -E9 else _times(vol_e9, E9 + tilt_e9)


def _is_good_scenario(scenario: Scenario) -> bool:
    return (
        10**6 <= scenario.spot_e9 <= 8 * E9
        and VolRule.FIXED <= scenario.vol_rule <= VolRule.WINGS
        and 0 <= scenario.vol_e9 <= E10
        and 0 <= scenario.weight_e9 <= E9
    )


def _are_good_shocks(model: Model) -> bool:
    return (
        0 <= model.up_range_e9 <= E10
        and 0 <= model.down_range_e9 <= E10
        and 0 <= model.up_vol_min_e9 <= E10
        and 0 <= model.short_power_e9 <= 2 * E9
        and 0 <= model.long_power_e9 <= 2 * E9
        and 60 * SECOND_NS <= model.floor_ns <= 400 * DAY_NS
    )


def _are_good_skews(model: Model) -> bool:
    return (
        0 <= model.linear_cap_e9 <= E10
        and 0 <= model.wings_cap_e9 <= E10
        and abs(model.linear_slope_e9) <= E10
        and abs(model.wings_slope_e9) <= E10
        and 10**6 <= model.width_min_e9 <= E10
        and 0 <= model.width_scale_e9 <= E10
        and 0 <= model.width_vol_e9 <= E10
        and abs(model.width_vol_slope_e9) <= E10
    )


def _are_good_discounts(model: Model) -> bool:
    return (
        0 <= model.long_discount_e9 <= E9
        and model.long_discount_e9 <= model.short_discount_e9 <= 4 * E9
        and 0 <= model.long_rate_e9 <= E10
        and 0 <= model.short_rate_e9 <= E10
    )


def _are_good_charges(model: Model) -> bool:
    rates_e9 = (
        model.option_initial_e9,
        model.option_maintenance_e9,
        model.future_initial_e9,
        model.future_maintenance_e9,
    )
    return (
        E9 <= model.basis_up_e9 <= 2 * E9
        and 10**6 <= model.basis_down_e9 <= E9
        and 0 <= model.basis_factor_e9 <= E10
        and 0 <= model.basis_yearly_e9 <= E10
        and all(0 <= rate_e9 <= E9 for rate_e9 in rates_e9)
        and 0 <= model.short_floor_e9 <= E10
    )


def _are_good_factors(model: Model) -> bool:
    return (
        1 <= model.initial_factor_e9 <= 2 * E9
        and 0 <= model.maintenance_factor_e9 <= model.initial_factor_e9
        and 0 <= model.maintenance_ratio_e9 <= E9
        and model.maintenance_factor_e9 + model.maintenance_ratio_e9 > 0
    )

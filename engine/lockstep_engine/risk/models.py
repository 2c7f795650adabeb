"""Which portfolio margin models are possible ([MRG-3]).

The bounds keep every amount in proportion to the position: a lot loses at most eight times its
value, the higher of forward and strike, and needs at most twenty times. They also keep MM at most
IM, and sums of portfolios at most their parts (but see docs/portfolio-margin.md on skews).
"""

from typing import Final

from lockstep_engine.codes import VolRule
from lockstep_engine.commands import PortfolioModel, RiskScenario

SCENARIOS_MAX: Final = 100

_E9: Final = 10**9
_SPOT_MIN_E9: Final = 10**6
_SPOT_MAX_E9: Final = 8 * _E9
_BASIS_UP_MAX_E9: Final = 2 * _E9
_FACTOR_MAX_E9: Final = 10 * _E9
_LOSS_FACTOR_MAX_E9: Final = 2 * _E9
_POWER_MAX_E9: Final = 2 * _E9
_SHORT_DISCOUNT_MAX_E9: Final = 4 * _E9
_WIDTH_MIN_E9: Final = 10**6
_FLOOR_NS_MIN: Final = 60 * 10**9
_FLOOR_NS_MAX: Final = 400 * 86_400 * 10**9
_RULES: Final = frozenset(int(rule) for rule in VolRule)


def is_good_model(model: PortfolioModel) -> bool:
    """Return whether every number of the model is in its range. O(scenarios)."""
    if not 1 <= len(model.scenarios) <= SCENARIOS_MAX:
        return False
    for scenario in model.scenarios:
        if not _is_good_scenario(scenario):
            return False
    return (
        _are_good_shocks(model)
        and _are_good_skews(model)
        and _are_good_discounts(model)
        and _are_good_charges(model)
        and _are_good_factors(model)
    )


def _is_good_scenario(scenario: RiskScenario) -> bool:
    return (
        _SPOT_MIN_E9 <= scenario.spot_e9 <= _SPOT_MAX_E9
        and scenario.vol_rule in _RULES
        and 0 <= scenario.vol_e9 <= _FACTOR_MAX_E9
        and 0 <= scenario.weight_e9 <= _E9
    )


def _are_good_shocks(model: PortfolioModel) -> bool:
    return (
        0 <= model.up_range_e9 <= _FACTOR_MAX_E9
        and 0 <= model.down_range_e9 <= _FACTOR_MAX_E9
        and 0 <= model.short_power_e9 <= _POWER_MAX_E9
        and 0 <= model.long_power_e9 <= _POWER_MAX_E9
        and _FLOOR_NS_MIN <= model.floor_ns <= _FLOOR_NS_MAX
        and 0 <= model.up_vol_min_e9 <= _FACTOR_MAX_E9
    )


def _are_good_skews(model: PortfolioModel) -> bool:
    return (
        0 <= model.linear_cap_e9 <= _FACTOR_MAX_E9
        and -_FACTOR_MAX_E9 <= model.linear_slope_e9 <= _FACTOR_MAX_E9
        and 0 <= model.wings_cap_e9 <= _FACTOR_MAX_E9
        and -_FACTOR_MAX_E9 <= model.wings_slope_e9 <= _FACTOR_MAX_E9
        and _WIDTH_MIN_E9 <= model.width_min_e9 <= _FACTOR_MAX_E9
        and 0 <= model.width_scale_e9 <= _FACTOR_MAX_E9
        and 0 <= model.width_vol_e9 <= _FACTOR_MAX_E9
        and -_FACTOR_MAX_E9 <= model.width_vol_slope_e9 <= _FACTOR_MAX_E9
    )


def _are_good_discounts(model: PortfolioModel) -> bool:
    """A long is never worth more than it is, nor a short less than a long: else sums could cost."""
    return (
        0 <= model.long_discount_e9 <= _E9
        and model.long_discount_e9 <= model.short_discount_e9 <= _SHORT_DISCOUNT_MAX_E9
        and 0 <= model.long_rate_e9 <= _FACTOR_MAX_E9
        and 0 <= model.short_rate_e9 <= _FACTOR_MAX_E9
    )


def _are_good_charges(model: PortfolioModel) -> bool:
    return (
        _E9 <= model.basis_up_e9 <= _BASIS_UP_MAX_E9
        and _SPOT_MIN_E9 <= model.basis_down_e9 <= _E9
        and 0 <= model.basis_factor_e9 <= _FACTOR_MAX_E9
        and 0 <= model.basis_yearly_e9 <= _FACTOR_MAX_E9
        and 0 <= model.option_initial_e9 <= _E9
        and 0 <= model.option_maintenance_e9 <= _E9
        and 0 <= model.future_initial_e9 <= _E9
        and 0 <= model.future_maintenance_e9 <= _E9
        and 0 <= model.short_floor_e9 <= _FACTOR_MAX_E9
    )


def _are_good_factors(model: PortfolioModel) -> bool:
    """MM is never above IM, and never nothing by oversight."""
    return (
        1 <= model.initial_factor_e9 <= _LOSS_FACTOR_MAX_E9
        and 0 <= model.maintenance_factor_e9 <= model.initial_factor_e9
        and 0 <= model.maintenance_ratio_e9 <= _E9
        and (model.maintenance_ratio_e9 > 0 or model.maintenance_factor_e9 > 0)
    )

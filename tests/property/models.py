"""Margin rates and portfolio models of the random flows: small grids that use every rule.

Three scenarios or four, so that results can be followed by hand; the numbers are odd, so that every
rounding shows. Some models have contingencies and floors so high that accounts run out of money.
"""

from lockstep_engine.codes import VolRule
from lockstep_engine.commands import MarginRates, PortfolioModel, RiskScenario

_FIXED, _UP, _DOWN, _LINEAR, _WINGS = (int(rule) for rule in VolRule)
_ONE = 10**9

MARGIN_RATES = (
    MarginRates(),
    MarginRates(10**8, 10**9, 7, 350, 333_333_333, 0, 0, 10**9, 3_000),
    MarginRates(0, 0, 0, 1, 0, 0, 0, 10**9, 0),
    MarginRates(33, 1, 10_000, 70, 10**9, 10**9, 10**9, 10**9, 9_999),
    MarginRates(20_000_000, 499_999_999, 300, 7_000, 150_000_001, 99_999_999, 75_000_000, 1, 277),
    MarginRates(10**9, 10**9, 10_000, 1, 0, 10**9, 0, 500_000_000, 10_000),
)
"""Good ones: the defaults, add-ons that reach the cap, puts whose MM is above the rest,
and liquidations that trade at the mark only, or at nearly any price."""

MODELS = (
    PortfolioModel(
        (
            RiskScenario(840_000_001, _FIXED, _ONE, _ONE),
            RiskScenario(1_160_000_003, _FIXED, 1_200_000_007, _ONE),
            RiskScenario(_ONE, _FIXED, 500_000_000, 999_999_999),
        ),
        future_initial_e9=6_000_001,
        future_maintenance_e9=7,
        option_initial_e9=10_000_019,
        option_maintenance_e9=3,
    ),
    PortfolioModel(
        (
            RiskScenario(1_120_000_001, _UP, 0, _ONE),
            RiskScenario(900_000_000, _DOWN, 0, 700_000_001),
            RiskScenario(_ONE, _LINEAR, 0, _ONE),
            RiskScenario(1_010_000_000, _WINGS, 0, 250_000_003),
        ),
        up_range_e9=450_000_001,
        down_range_e9=300_000_007,
        short_power_e9=300_000_000,
        long_power_e9=130_000_000,
        up_vol_min_e9=1_612_345_678,
        linear_cap_e9=320_000_001,
        linear_slope_e9=-130_000_000,
        wings_cap_e9=210_000_000,
        wings_slope_e9=77_000_001,
        width_scale_e9=2 * _ONE,
        width_vol_e9=500_000_000,
        width_vol_slope_e9=-3,
        long_discount_e9=950_000_001,
        long_rate_e9=160_000_000,
        short_discount_e9=1_020_000_000,
        short_rate_e9=160_000_001,
        basis_up_e9=1_017_000_000,
        basis_down_e9=985_000_000,
        basis_factor_e9=400_000_001,
        basis_yearly_e9=200_000_000,
        short_floor_e9=330_000_001,
        initial_factor_e9=1_300_000_001,
        maintenance_factor_e9=1_100_000_000,
        maintenance_ratio_e9=0,
    ),
    PortfolioModel(
        (
            RiskScenario(700_000_000, _WINGS, 0, 500_000_001),
            RiskScenario(8 * _ONE, _UP, 0, 100_000_001),
        ),
        up_range_e9=10**10,
        short_power_e9=2 * _ONE,
        floor_ns=60 * 10**9,
        wings_cap_e9=10**10,
        short_floor_e9=10**10,
        long_discount_e9=0,
        basis_down_e9=10**6,
        basis_factor_e9=10**10,
        option_initial_e9=_ONE,
        maintenance_ratio_e9=_ONE,
    ),
    PortfolioModel((RiskScenario(_ONE, _FIXED, 0, 0),), initial_factor_e9=1),
    PortfolioModel(
        (RiskScenario(_ONE, _LINEAR, 0, _ONE), RiskScenario(_ONE, _WINGS, 0, _ONE)),
        linear_cap_e9=700_000_001,
        wings_cap_e9=500_000_003,
        width_min_e9=10**6,
        initial_factor_e9=2 * _ONE,
        maintenance_factor_e9=1_900_000_000,
        maintenance_ratio_e9=0,
    ),
)
"""A plain grid; every rule with every charge; extremes; one that asks for nothing; skews alone."""

ODD_MODELS: tuple[dict[str, object], ...] = (
    {"scenarios": ()},
    {"scenarios": (RiskScenario(10**6 - 1, 0, 0, 0),)},
    {"scenarios": (RiskScenario(_ONE, 5, 0, 0),)},
    {"scenarios": (RiskScenario(_ONE, 0, 0, _ONE + 1),)},
    {"scenarios": (RiskScenario(_ONE, 0, 0, 0),) * 101},
    {"floor_ns": 0},
    {"long_discount_e9": 1_030_000_000},
    {"basis_up_e9": 999_999_999},
    {"maintenance_ratio_e9": 0, "maintenance_factor_e9": 0},
    {"maintenance_factor_e9": 2 * 10**9 + 1},
)
"""What makes a model bad."""

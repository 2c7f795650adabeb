"""Which portfolio margin models are possible ([MRG-3]): one number out of its range each."""

import msgspec
import pytest

from lockstep_engine.commands import PortfolioModel, RiskScenario
from lockstep_engine.risk.models import SCENARIOS_MAX, is_good_model
from lockstep_engine.risk.portfolio import ExpirySums, Portfolio, requirements
from lockstep_engine.risk.shapes import Contract, Grid, Shape, future_lot, option_lot

E9 = 10**9
PLAIN = RiskScenario(E9, 0, E9, E9)
GOOD = PortfolioModel((PLAIN,))
DAY_NS = 86_400 * 10**9

RANGES = {
    "up_range_e9": (0, 10 * E9),
    "down_range_e9": (0, 10 * E9),
    "short_power_e9": (0, 2 * E9),
    "long_power_e9": (0, 2 * E9),
    "floor_ns": (60 * 10**9, 400 * DAY_NS),
    "up_vol_min_e9": (0, 10 * E9),
    "linear_cap_e9": (0, 10 * E9),
    "linear_slope_e9": (-10 * E9, 10 * E9),
    "wings_cap_e9": (0, 10 * E9),
    "wings_slope_e9": (-10 * E9, 10 * E9),
    "width_min_e9": (10**6, 10 * E9),
    "width_scale_e9": (0, 10 * E9),
    "width_vol_e9": (0, 10 * E9),
    "width_vol_slope_e9": (-10 * E9, 10 * E9),
    "long_discount_e9": (0, E9),
    "long_rate_e9": (0, 10 * E9),
    "short_discount_e9": (E9, 4 * E9),
    "short_rate_e9": (0, 10 * E9),
    "basis_up_e9": (E9, 2 * E9),
    "basis_down_e9": (10**6, E9),
    "basis_factor_e9": (0, 10 * E9),
    "basis_yearly_e9": (0, 10 * E9),
    "option_initial_e9": (0, E9),
    "option_maintenance_e9": (0, E9),
    "future_initial_e9": (0, E9),
    "future_maintenance_e9": (0, E9),
    "short_floor_e9": (0, 10 * E9),
    "initial_factor_e9": (1, 2 * E9),
    "maintenance_factor_e9": (0, E9),
    "maintenance_ratio_e9": (1, E9),
}
SCENARIO_RANGES = {
    "spot_e9": (10**6, 8 * E9),
    "vol_rule": (0, 4),
    "vol_e9": (0, 10 * E9),
    "weight_e9": (0, E9),
}
STRIKES = (1, 2**50, 10**15)
TIMES_NS = (0, DAY_NS, 70 * 365 * DAY_NS)
WORST_OF_RANGE = {name: high for name, (_, high) in RANGES.items()}


def test_every_number_has_a_range() -> None:
    assert set(PortfolioModel.__struct_fields__) == {"scenarios", *RANGES}
    assert set(RiskScenario.__struct_fields__) == SCENARIO_RANGES.keys()


@pytest.mark.parametrize("name", RANGES)
def test_a_number_may_reach_its_bounds_and_not_pass_them(name: str) -> None:
    low, high = RANGES[name]
    for value, good in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
        model = msgspec.structs.replace(GOOD, **{name: value})
        assert good == is_good_model(model), f"{name} {value}"


@pytest.mark.parametrize("name", SCENARIO_RANGES)
def test_a_scenario_may_reach_its_bounds_and_not_pass_them(name: str) -> None:
    low, high = SCENARIO_RANGES[name]
    for value, good in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
        scenario = msgspec.structs.replace(PLAIN, **{name: value})
        model = PortfolioModel((PLAIN, scenario))
        assert good == is_good_model(model), f"{name} {value}"


@pytest.mark.parametrize(
    ("count", "good"), [(0, False), (1, True), (SCENARIOS_MAX, True), (SCENARIOS_MAX + 1, False)]
)
def test_a_model_has_some_scenarios(count: int, good: bool) -> None:
    assert good == is_good_model(PortfolioModel((PLAIN,) * count))


@pytest.mark.parametrize(
    "changes",
    [
        {"long_discount_e9": 900_000_000, "short_discount_e9": 800_000_000},
        {"maintenance_ratio_e9": 0, "maintenance_factor_e9": 0},
        {"maintenance_factor_e9": 900_000_000, "initial_factor_e9": 800_000_000},
    ],
)
def test_numbers_must_fit_each_other(changes: dict[str, int]) -> None:
    assert not is_good_model(msgspec.structs.replace(GOOD, **changes))


def worst_lots(grid: Grid, value: int) -> list[Portfolio]:
    """Return a long and a short lot of every kind, near and far."""
    found: list[Portfolio] = []
    places = [(s, t, c) for s in STRIKES for t in TIMES_NS for c in (True, False)]
    for strike, left_ns, is_call in places:
        shape = Shape(grid, value, left_ns)
        lot = option_lot(shape, Contract(is_call, strike, 10**16), 10**10, value)
        for lots in (-1, 1):
            found.append(Portfolio(grid))
            found[-1].expiries.append(ExpirySums(shape))
            found[-1].expiries[0].move(lot, 0, lots)
    for lots in (-1, 1):
        found.append(Portfolio(grid))
        found[-1].move(future_lot(grid, value, 10**16, value), 0, lots)
    return found


@pytest.mark.parametrize("ratio", [0, 850_000_000, E9])
@pytest.mark.parametrize("spot", [10**6, E9, 8 * E9])
def test_the_worst_good_model_needs_at_most_twenty_values_of_a_lot(spot: int, ratio: int) -> None:
    scenarios = tuple(RiskScenario(spot, rule, 10 * E9, E9) for rule in range(5))
    numbers = {**WORST_OF_RANGE, "maintenance_factor_e9": 2 * E9, "maintenance_ratio_e9": ratio}
    model = PortfolioModel(scenarios, **numbers)
    assert is_good_model(model)
    value = 2**50
    for portfolio in worst_lots(Grid(model), value):
        initial, maintenance = requirements(portfolio, value)
        assert 0 <= maintenance <= initial <= 20 * value

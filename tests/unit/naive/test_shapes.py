"""What a portfolio model makes of an expiry, and which models are good, by hand."""

import pytest

from lockstep_engine.codes import Code
from lockstep_engine.commands import PortfolioModel, RiskScenario, SetPortfolioModel
from lockstep_engine.events import PortfolioModelSet
from lockstep_kernel import InvariantError, sorted_records
from lockstep_naive.detmath import decay_e9, growth_e9, log_ratio_e9, power_e9
from lockstep_naive.rows import Scenario, model_row
from lockstep_naive.shapes import scenario_vol_e9, shape_of
from tests.unit.naive.world import World, code_of
from tests.unit.naive.worlds_of_risk import E9, flat_model

DAY_NS = 86_400 * 10**9
MONTH_NS = 30 * DAY_NS
YEAR_NS = 365 * DAY_NS
E10 = 10**10
FIXED, UP, DOWN, LINEAR, WINGS = range(5)


def shape(to_expiry_ns: int, **numbers: int):
    return shape_of(model_row("BTC", flat_model(**numbers)), to_expiry_ns)


@pytest.mark.rule("MRG-3")
@pytest.mark.parametrize(
    ("days", "numbers", "expected"),
    [
        # at 30 days the shock is whole, whatever the powers
        (30, {"up_range_e9": 300_000_000, "short_power_e9": E9}, (1_300_000_000, E9)),
        # 4 times nearer, power 0.5: twice the shock
        (7.5, {"up_range_e9": 300_000_000, "short_power_e9": E9 // 2}, (1_600_000_000, E9)),
        # 4 times farther, the long power 0.5: half of it
        (120, {"up_range_e9": 300_000_000, "long_power_e9": E9 // 2}, (1_150_000_000, E9)),
        (120, {"up_range_e9": 300_000_000, "short_power_e9": E9 // 2}, (1_300_000_000, E9)),
        # 15 days at least
        (1, {"up_range_e9": E9, "short_power_e9": E9, "floor_ns": 15 * DAY_NS}, (3 * E9, E9)),
        (7.5, {"down_range_e9": 250_000_000, "short_power_e9": E9 // 2}, (E9, 500_000_000)),
        # no vol falls below nothing
        (7.5, {"down_range_e9": 600_000_000, "short_power_e9": E9 // 2}, (E9, 0)),
        # 3 x 333,333,333 / 10^9 is rounded down
        (90, {"up_range_e9": 5, "long_power_e9": E9}, (E9 + 1, E9)),
    ],
)
def test_vol_shocks_follow_a_power_of_the_time(days, numbers, expected) -> None:
    found = shape(int(days * DAY_NS), **numbers)
    assert expected == (found.up_e9, found.down_e9)


@pytest.mark.rule("MRG-3")
def test_longs_are_discounted_more_and_shorts_less_with_time() -> None:
    numbers = {"long_discount_e9": 900_000_000, "short_discount_e9": 950_000_000}
    rates = {"long_rate_e9": E9, "short_rate_e9": 50_000_000}
    assert (900_000_000, 950_000_000) == shape(0, **numbers, **rates)[2:4]
    # 0.9 / e = 0.33109149...; 0.95 e^0.05 = 0.99870754...
    found = shape(YEAR_NS, **numbers, **rates)
    assert (331_091_496, 998_707_541) == found[2:4]
    # never more than the value
    assert E9 == shape(2 * YEAR_NS, **numbers, **rates).short_e9


@pytest.mark.rule("MRG-3")
def test_skews_widen_with_the_root_of_time() -> None:
    # A quarter of a year: root 0.5
    numbers = {
        "linear_cap_e9": 100_000_000,
        "linear_slope_e9": 300_000_000,
        "wings_cap_e9": 100_000_000,
        "wings_slope_e9": -300_000_000,
        "width_scale_e9": 2 * E9,
        "width_vol_e9": 100_000_000,
        "width_vol_slope_e9": 200_000_000,
    }
    found = shape(YEAR_NS // 4, **numbers)
    # 0.1 + 0.15; 0.1 - 0.15 is none; 0.5 x 2 x (0.1 + 0.1)
    assert (250_000_000, 0, 200_000_000) == found[4:7]
    assert 300_000_000 == shape(YEAR_NS // 4, **numbers, width_min_e9=300_000_000).width_e9
    assert (100_000_000, 100_000_000, 10_000_000) == shape(0, **numbers)[4:7]


@pytest.mark.rule("MRG-3")
def test_the_width_has_one_division_behind_that_of_its_vol() -> None:
    # A quarter of a year: 0.5 x 3 x 10^-9 x (10^10 + 1) x 10^-9 = 15 x 10^-9, not 1 x 10
    numbers = {"width_min_e9": 1, "width_scale_e9": 3, "width_vol_e9": E10}
    assert 15 == shape_of(model_row("BTC", flat_model(**numbers)), YEAR_NS // 4).width_e9


@pytest.mark.rule("MRG-3")
def test_the_charge_for_basis_grows_with_time_up_to_eight_times() -> None:
    numbers = {"basis_factor_e9": 100_000_000, "basis_yearly_e9": 400_000_000}
    assert 200_000_000 == shape(YEAR_NS // 4, **numbers).basis_e9
    assert 8 * E9 == shape(20 * YEAR_NS, **numbers).basis_e9


def moved(vol_rule: int, vol_e9: int, distance_e9: int = 0, factor_e9: int = 0) -> int:
    """Return a vol after a scenario: caps 0.3 and 0.2, width 0.1, shocks 0.5, at 30 days."""
    model = model_row(
        "BTC",
        flat_model(
            up_range_e9=500_000_000,
            down_range_e9=500_000_000,
            up_vol_min_e9=400_000_000,
            linear_cap_e9=300_000_000,
            wings_cap_e9=200_000_000,
            width_min_e9=100_000_000,
        ),
    )
    scenario = Scenario(E9, vol_rule, factor_e9, E9)
    return scenario_vol_e9(model, shape_of(model, MONTH_NS), scenario, vol_e9, distance_e9)


@pytest.mark.rule("MRG-3")
@pytest.mark.parametrize(
    ("vol_rule", "vol", "distance", "factor", "expected"),
    [
        (FIXED, 600_000_000, 0, 700_000_000, 420_000_000),
        (FIXED, 600_000_000, 0, 0, 0),
        (FIXED, 3, 0, 500_000_000, 1),
        (UP, 600_000_000, 0, 0, 900_000_000),
        (UP, 100_000_000, 0, 0, 400_000_000),
        (DOWN, 600_000_000, 0, 0, 300_000_000),
        # half a width away: half the cap, up above the forward and down below it
        (LINEAR, 600_000_000, 50_000_000, 0, 690_000_000),
        (LINEAR, 600_000_000, -50_000_000, 0, 510_000_000),
        (LINEAR, 600_000_000, 900_000_000, 0, 780_000_000),
        (LINEAR, 600_000_000, -900_000_000, 0, 420_000_000),
        (LINEAR, 600_000_000, 0, 0, 600_000_000),
        # -1 x 0.3 / 0.1 is -3: floor and not towards zero for the vol
        (LINEAR, 10**9, -1, 0, 999_999_997),
        # wings: up on both sides
        (WINGS, 600_000_000, 50_000_000, 0, 660_000_000),
        (WINGS, 600_000_000, -50_000_000, 0, 660_000_000),
        (WINGS, 600_000_000, -900_000_000, 0, 720_000_000),
        # never above 100 times
        (FIXED, 10**11, 0, 2 * E9, 10**11),
        (UP, 9 * 10**10, 0, 0, 10**11),
        (WINGS, 9 * 10**10, 10**9, 0, 10**11),
    ],
)
def test_a_scenario_moves_vols_by_its_rule(vol_rule, vol, distance, factor, expected) -> None:
    assert expected == moved(vol_rule, vol, distance, factor)


@pytest.mark.rule("MRG-3")
def test_a_tilt_of_all_or_more_leaves_no_vol() -> None:
    model = model_row("BTC", flat_model(linear_cap_e9=3 * E9))
    scenario, at = Scenario(E9, LINEAR, 0, E9), shape_of(model, MONTH_NS)
    assert 0 == scenario_vol_e9(model, at, scenario, E9, -E9)
    assert 4 * E9 == scenario_vol_e9(model, at, scenario, E9, E9)


@pytest.mark.rule("ADM-7", "MRG-3")
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("up_range_e9", 0, E10),
        ("down_range_e9", 0, E10),
        ("up_vol_min_e9", 0, E10),
        ("linear_cap_e9", 0, E10),
        ("wings_cap_e9", 0, E10),
        ("width_scale_e9", 0, E10),
        ("width_vol_e9", 0, E10),
        ("long_rate_e9", 0, E10),
        ("short_rate_e9", 0, E10),
        ("basis_factor_e9", 0, E10),
        ("basis_yearly_e9", 0, E10),
        ("short_floor_e9", 0, E10),
        ("linear_slope_e9", -E10, E10),
        ("wings_slope_e9", -E10, E10),
        ("width_vol_slope_e9", -E10, E10),
        ("width_min_e9", 10**6, E10),
        ("short_power_e9", 0, 2 * E9),
        ("long_power_e9", 0, 2 * E9),
        ("floor_ns", 60 * 10**9, 400 * DAY_NS),
        ("long_discount_e9", 0, E9),
        # at least the discount of longs, which is 1
        ("short_discount_e9", E9, 4 * E9),
        ("basis_up_e9", E9, 2 * E9),
        ("basis_down_e9", 10**6, E9),
        ("option_initial_e9", 0, E9),
        ("option_maintenance_e9", 0, E9),
        ("future_initial_e9", 0, E9),
        ("future_maintenance_e9", 0, E9),
        ("initial_factor_e9", 1, 2 * E9),
        ("maintenance_factor_e9", 0, E9),
        ("maintenance_ratio_e9", 1, E9),
    ],
)
def test_every_number_of_a_model_has_bounds(name: str, low: int, high: int) -> None:
    world = World()
    for value in (low - 1, high + 1):
        action = SetPortfolioModel("BTC", flat_model(**{name: value}))
        assert Code.BAD_MARGIN_MODEL == code_of(world.operate(action))
    assert world.core.models.get("BTC") is None
    for value in (low, high):
        model = flat_model(**{name: value})
        event = world.operate(SetPortfolioModel("BTC", model))
        assert PortfolioModelSet("BTC", model) == event
        assert value == getattr(world.core.models.must("BTC"), name)


@pytest.mark.rule("ADM-7", "MRG-3")
@pytest.mark.parametrize("index", range(4))
def test_every_number_of_a_scenario_has_bounds(index: int) -> None:
    low, high = ((10**6, 8 * E9), (0, 4), (0, E10), (0, E9))[index]
    world = World()
    for value in (low - 1, low, high, high + 1):
        numbers = [E9, 0, E9, E9]
        numbers[index] = value
        scenarios = (RiskScenario(E9, 0, E9, E9), RiskScenario(*numbers))
        event = world.operate(SetPortfolioModel("BTC", PortfolioModel(scenarios)))
        assert isinstance(event, PortfolioModelSet) == (low <= value <= high)


@pytest.mark.rule("ADM-7", "MRG-3")
def test_what_a_model_holds_together_must_fit() -> None:
    world = World()
    for count, is_good in ((0, False), (1, True), (100, True), (101, False)):
        model = PortfolioModel((RiskScenario(E9, 0, E9, E9),) * count)
        event = world.operate(SetPortfolioModel("BTC", model))
        assert is_good == isinstance(event, PortfolioModelSet)
    for numbers, is_good in (
        ({"long_discount_e9": 500, "short_discount_e9": 500}, True),
        ({"long_discount_e9": 500, "short_discount_e9": 499}, False),
        ({"maintenance_factor_e9": 7, "initial_factor_e9": 7}, True),
        ({"maintenance_factor_e9": 8, "initial_factor_e9": 7}, False),
        ({"maintenance_factor_e9": 1, "maintenance_ratio_e9": 0}, True),
        ({"maintenance_factor_e9": 0, "maintenance_ratio_e9": 0}, False),
    ):
        event = world.operate(SetPortfolioModel("BTC", flat_model(**numbers)))
        assert is_good == isinstance(event, PortfolioModelSet), numbers
    action = SetPortfolioModel("XRP", PortfolioModel(()))
    assert Code.UNKNOWN_UNDERLYING == code_of(world.operate(action))


@pytest.mark.rule("MRG-3")
def test_the_record_of_a_model_has_its_fields_in_order() -> None:
    world = World()
    world.operate(SetPortfolioModel("BTC", flat_model(E9, 2 * E9, short_floor_e9=7)))
    record = next(each for each in sorted_records(world.state) if each[0] == 17)
    scenarios = ((E9, 0, E9, E9), (2 * E9, 0, E9, E9))
    assert (17, "BTC", scenarios, 0, 0) == record[:5]
    assert (7, E9, 0, 850_000_000) == record[-4:]
    assert 33 == len(record)


@pytest.mark.rule("MRG-3")
def test_powers_growth_and_logarithms_are_as_by_hand() -> None:
    assert 2 * E9 == power_e9(4, 1, E9 // 2)
    assert 125_000_000 == power_e9(1, 2, 3 * E9)
    assert E9 == power_e9(2**62, 3, 0)
    assert (2_718_281_828, 367_879_441) == (growth_e9(YEAR_NS, E9), decay_e9(YEAR_NS, E9))
    assert (E9, E9) == (growth_e9(0, 10**11), decay_e9(YEAR_NS, 0))
    assert (693_147_181, -693_147_181) == (log_ratio_e9(2, 1), log_ratio_e9(1, 2))
    assert (2**62 - 1, 0) == (power_e9(2**62, 1, 10**10), power_e9(1, 2**62, 10**10))
    assert 0 == log_ratio_e9(2**53, 2**53)


@pytest.mark.rule("MRG-3")
@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (power_e9, (0, 1, 1)),
        (power_e9, (1, 2**62 + 1, 1)),
        (power_e9, (1, 1, 10**10 + 1)),
        (growth_e9, (-1, 1)),
        (decay_e9, (1, 10**11 + 1)),
        (log_ratio_e9, (0, 1)),
        (log_ratio_e9, (1, 2**53 + 1)),
    ],
)
def test_numbers_out_of_their_range_are_errors(function, arguments) -> None:
    with pytest.raises(InvariantError):
        function(*arguments)

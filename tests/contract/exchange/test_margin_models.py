"""Which portfolio models are good: [ADM-7], [MRG-3]."""

import msgspec
import pytest

from lockstep_engine.codes import Code, EntityKind
from lockstep_engine.commands import PortfolioModel, RiskScenario, SetPortfolioModel
from lockstep_engine.events import PortfolioModelSet
from lockstep_runtime.presets import load_preset, preset_names
from tests.support.exchange import Exchange
from tests.support.margins import MODEL, ONE

E10 = 10**10
MINUTE_NS = 60 * 10**9
RANGES: list[tuple[str, int, int]] = [
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
    ("short_power_e9", 0, 2 * ONE),
    ("long_power_e9", 0, 2 * ONE),
    ("floor_ns", MINUTE_NS, 400 * 1_440 * MINUTE_NS),
    ("long_discount_e9", 0, ONE),
    ("short_discount_e9", ONE, 4 * ONE),
    ("basis_up_e9", ONE, 2 * ONE),
    ("basis_down_e9", 10**6, ONE),
    ("option_initial_e9", 0, ONE),
    ("option_maintenance_e9", 0, ONE),
    ("future_initial_e9", 0, ONE),
    ("future_maintenance_e9", 0, ONE),
    ("initial_factor_e9", 1, 2 * ONE),
    ("maintenance_factor_e9", 0, ONE),
    ("maintenance_ratio_e9", 1, ONE),
]
"""Field by field from MODEL: both ends are good, and nothing beyond."""

SCENARIO_RANGES: list[tuple[str, int, int]] = [
    ("spot_e9", 10**6, 8 * ONE),
    ("vol_rule", 0, 4),
    ("vol_e9", 0, E10),
    ("weight_e9", 0, ONE),
]


def with_scenario(**changes: int) -> PortfolioModel:
    """Return MODEL with another scenario at its end."""
    scenario = msgspec.structs.replace(MODEL.scenarios[0], **changes)
    return msgspec.structs.replace(MODEL, scenarios=(*MODEL.scenarios, scenario))


@pytest.mark.rule("ADM-7")
@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_set_and_stands_in_the_records(market: Exchange, name: str) -> None:
    model = load_preset(name).model
    assert [PortfolioModelSet("BTC", model)] == market.send(SetPortfolioModel("BTC", model))
    scenarios = tuple((s.spot_e9, s.vol_rule, s.vol_e9, s.weight_e9) for s in model.scenarios)
    numbers = tuple(getattr(model, field) for field in model.__struct_fields__[1:])
    assert (scenarios, *numbers) == market.record(EntityKind.PORTFOLIO_MODEL, "BTC")
    assert None is market.record(EntityKind.PORTFOLIO_MODEL, "ETH")


@pytest.mark.rule("ADM-7")
def test_an_unknown_underlying_comes_first(market: Exchange) -> None:
    empty = PortfolioModel(())
    assert Code.UNKNOWN_UNDERLYING == market.refusal(SetPortfolioModel("SOL", empty))
    assert Code.BAD_MARGIN_MODEL == market.refusal(SetPortfolioModel("BTC", empty))


@pytest.mark.rule("MRG-3", "ADM-7")
@pytest.mark.parametrize(("field", "low", "high"), RANGES, ids=str)
def test_every_number_of_a_model_has_its_range(
    market: Exchange, field: str, low: int, high: int
) -> None:
    for value in (low, high):
        market.do(SetPortfolioModel("BTC", msgspec.structs.replace(MODEL, **{field: value})))
    for value in (low - 1, high + 1) if field != "maintenance_ratio_e9" else (high + 1,):
        model = msgspec.structs.replace(MODEL, **{field: value})
        assert Code.BAD_MARGIN_MODEL == market.refusal(SetPortfolioModel("BTC", model))


@pytest.mark.rule("MRG-3", "ADM-7")
@pytest.mark.parametrize(("field", "low", "high"), SCENARIO_RANGES, ids=str)
def test_every_number_of_a_scenario_has_its_range(
    market: Exchange, field: str, low: int, high: int
) -> None:
    for value in (low, high):
        market.do(SetPortfolioModel("BTC", with_scenario(**{field: value})))
    for value in (low - 1, high + 1):
        model = with_scenario(**{field: value})
        assert Code.BAD_MARGIN_MODEL == market.refusal(SetPortfolioModel("BTC", model))


@pytest.mark.rule("MRG-3")
def test_a_model_has_one_to_a_hundred_scenarios(market: Exchange) -> None:
    scenario = RiskScenario(ONE, 0, ONE, ONE)
    for count in (1, 100):
        market.do(SetPortfolioModel("BTC", PortfolioModel((scenario,) * count)))
    for count in (0, 101):
        model = PortfolioModel((scenario,) * count)
        assert Code.BAD_MARGIN_MODEL == market.refusal(SetPortfolioModel("BTC", model))


@pytest.mark.rule("MRG-3")
@pytest.mark.parametrize(
    ("changes", "is_good"),
    [
        ({"long_discount_e9": 5 * 10**8, "short_discount_e9": 5 * 10**8}, True),
        ({"long_discount_e9": 5 * 10**8 + 1, "short_discount_e9": 5 * 10**8}, False),
        ({"initial_factor_e9": 7, "maintenance_factor_e9": 7}, True),
        ({"initial_factor_e9": 7, "maintenance_factor_e9": 8}, False),
        ({"maintenance_ratio_e9": 0, "maintenance_factor_e9": 1}, True),
        ({"maintenance_ratio_e9": 0, "maintenance_factor_e9": 0}, False),
        ({"maintenance_ratio_e9": -1, "maintenance_factor_e9": 1}, False),
    ],
)
def test_numbers_that_must_fit_each_other(
    market: Exchange, changes: dict[str, int], is_good: bool
) -> None:
    action = SetPortfolioModel("BTC", msgspec.structs.replace(MODEL, **changes))
    if is_good:
        market.do(action)
    else:
        assert Code.BAD_MARGIN_MODEL == market.refusal(action)

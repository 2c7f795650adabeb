"""Shapes of an expiry ([MRG-3]): shocks, skews, discounts, basis, and the values of a lot."""

import msgspec
import pytest

from lockstep_engine.codes import VolRule
from lockstep_engine.commands import PortfolioModel, RiskScenario
from lockstep_engine.risk.detmath import VOL_MAX_E9, price_e6
from lockstep_engine.risk.shapes import (
    BASIS_MAX_E9,
    Contract,
    Grid,
    Rates,
    Shape,
    future_lot,
    option_lot,
    shocked_vols,
)

E9 = 10**9
ONE = 10**6
UNIT = 10**16
DAY_NS = 86_400 * 10**9
YEAR_NS = 365 * DAY_NS
HUNDRED = 100 * ONE

MODEL = PortfolioModel(
    tuple(RiskScenario(E9, int(rule), 2 * E9, E9) for rule in VolRule),
    up_range_e9=500_000_000,
    down_range_e9=250_000_000,
    short_power_e9=300_000_000,
    long_power_e9=130_000_000,
    linear_cap_e9=150_000_000,
    linear_slope_e9=-50_000_000,
    wings_cap_e9=250_000_000,
    wings_slope_e9=-50_000_000,
    width_scale_e9=4 * E9,
    width_vol_e9=600_000_000,
    width_vol_slope_e9=-100_000_000,
    long_discount_e9=950_000_000,
    long_rate_e9=160_000_000,
    short_discount_e9=1_050_000_000,
    short_rate_e9=160_000_000,
    basis_factor_e9=500_000_000,
    basis_yearly_e9=2 * E9,
)


def shape_of(to_expiry_ns: int, **changes: int) -> Shape:
    grid = Grid(msgspec.structs.replace(MODEL, **changes))
    return Shape(grid, HUNDRED, to_expiry_ns)


@pytest.mark.parametrize(
    ("days", "up", "down"),
    [
        (30, 1_500_000_000, 750_000_000),
        (7.5, 1_757_858_283, 621_070_859),
        (365, 1_361_324_737, 819_337_632),
        (1, 2_387_095_557, 306_452_222),
        (0.001, 2_387_095_557, 306_452_222),
        (0, 2_387_095_557, 306_452_222),
        (-1, 2_387_095_557, 306_452_222),
    ],
)
def test_vol_shocks_follow_a_power_of_the_time_down_to_the_floor(
    days: float, up: int, down: int
) -> None:
    shape = shape_of(int(days * DAY_NS))
    assert (up, down) == (shape.up_e9, shape.down_e9)


def test_the_power_changes_after_thirty_days() -> None:
    at, after = shape_of(30 * DAY_NS), shape_of(30 * DAY_NS + 1)
    assert 1_500_000_000 == at.up_e9 == after.up_e9
    assert shape_of(15 * DAY_NS).up_e9 == E9 + 500_000_000 * 1_231_144_413 // E9
    assert shape_of(60 * DAY_NS).up_e9 == E9 + 500_000_000 * 913_831_450 // E9


def test_thirty_days_are_a_short_term_even_where_the_floor_is_longer() -> None:
    assert E9 + 500_000_000 * 812_252_396 // E9 == shape_of(30 * DAY_NS, floor_ns=60 * DAY_NS).up_e9


def test_volatility_never_falls_below_zero_nor_rises_above_the_highest() -> None:
    assert 0 == shape_of(DAY_NS, down_range_e9=10 * E9).down_e9
    wild = shape_of(DAY_NS, up_range_e9=10 * E9)
    assert VOL_MAX_E9 == shocked_vols(wild, HUNDRED, 10 * E9)[VolRule.UP]


def test_volatility_up_has_a_floor() -> None:
    shape = shape_of(30 * DAY_NS, up_vol_min_e9=400_000_000)
    assert 400_000_000 == shocked_vols(shape, HUNDRED, 200_000_000)[VolRule.UP]
    assert 600_000_000 == shocked_vols(shape, HUNDRED, 400_000_000)[VolRule.UP]


def test_skews_tilt_by_the_distance_up_to_a_cap() -> None:
    shape = shape_of(YEAR_NS)
    assert (100_000_000, 200_000_000) == (shape.linear_cap_e9, shape.wings_cap_e9)
    assert 2_000_000_000 == shape.width_e9
    vol = 500_000_000
    at_the_money = shocked_vols(shape, HUNDRED, vol)
    assert (vol, vol) == (at_the_money[VolRule.LINEAR], at_the_money[VolRule.WINGS])
    # ln 2 = 0.693147181, times a cap of 0.1 or 0.2 and divided by a width of 2.
    above = shocked_vols(shape, 2 * HUNDRED, vol)
    assert vol * 1_034_657_359 // E9 == above[VolRule.LINEAR]
    assert vol * 1_069_314_718 // E9 == above[VolRule.WINGS]
    below = shocked_vols(shape, HUNDRED // 2, vol)
    assert vol * (E9 - 34_657_360) // E9 == below[VolRule.LINEAR]
    assert above[VolRule.WINGS] == below[VolRule.WINGS]
    far = shocked_vols(shape, 100 * HUNDRED, vol)
    assert (550_000_000, 600_000_000) == (far[VolRule.LINEAR], far[VolRule.WINGS])
    low = shocked_vols(shape, HUNDRED // 15, vol)
    assert 450_000_000 == low[VolRule.LINEAR]
    near_zero = shocked_vols(shape, HUNDRED // 100, vol)
    assert (450_000_000, 600_000_000) == (near_zero[VolRule.LINEAR], near_zero[VolRule.WINGS])


def test_a_tilt_of_everything_leaves_no_volatility() -> None:
    shape = shape_of(YEAR_NS, linear_cap_e9=2 * E9)
    assert 0 == shocked_vols(shape, 1, 500_000_000)[VolRule.LINEAR]


def test_caps_never_fall_below_zero_and_the_width_has_a_floor() -> None:
    shape = shape_of(16 * YEAR_NS)
    assert (0, 50_000_000) == (shape.linear_cap_e9, shape.wings_cap_e9)
    assert 4 * 4 * 200_000_000 == shape.width_e9
    assert 10_000_000 == shape_of(49 * YEAR_NS).width_e9
    assert 10_000_000 == shape_of(0).width_e9


def test_discounts_grow_with_time_and_shorts_count_at_most_whole() -> None:
    year = shape_of(YEAR_NS)
    assert (950_000_000 * 852_143_789 // E9, E9) == (year.long_e9, year.short_e9)
    now = shape_of(0, short_discount_e9=960_000_000, short_rate_e9=10_000_000)
    assert (950_000_000, 960_000_000) == (now.long_e9, now.short_e9)
    soon = shape_of(YEAR_NS, short_discount_e9=960_000_000, short_rate_e9=10_000_000)
    assert 960_000_000 * 1_010_050_167 // E9 == soon.short_e9


def test_rates_add_to_the_model_and_raise_what_a_short_may_count() -> None:
    rates = Rates(100_000_000, 904_837_418, E9, 500_000_000)
    shape = Shape(Grid(MODEL), HUNDRED, YEAR_NS, rates)
    assert 950_000_000 * 771_051_586 // E9 == shape.long_e9
    assert 10**18 // 904_837_418 == shape.short_e9
    contract = Contract(True, 90 * ONE, UNIT)
    lot = option_lot(shape, contract, 500_000_000, 0)
    plain = option_lot(Shape(Grid(MODEL), HUNDRED, YEAR_NS), contract, 500_000_000, 0)
    assert lot.values_e6[1] * 10**9 // 904_837_418 in range(
        plain.values_e6[1] - 1, plain.values_e6[1] + 2
    )


def test_rates_of_longs_and_shorts_have_their_own_multiples() -> None:
    grid = Grid(msgspec.structs.replace(MODEL, short_discount_e9=500_000_000, short_rate_e9=0))
    shape = Shape(grid, HUNDRED, YEAR_NS, Rates(100_000_000, E9, 0, 500_000_000))
    assert (950_000_000 * 852_143_789 // E9, 500_000_000 * 1_051_271_096 // E9) == (
        shape.long_e9,
        shape.short_e9,
    )


def test_the_basis_grows_with_the_years_to_eightfold() -> None:
    assert 500_000_000 == shape_of(0).basis_e9
    assert 1_500_000_000 == shape_of(YEAR_NS // 2).basis_e9
    assert BASIS_MAX_E9 == shape_of(100 * YEAR_NS).basis_e9


def test_a_lot_of_an_option_has_the_price_of_each_scenario() -> None:
    model = msgspec.structs.replace(
        MODEL,
        scenarios=(
            RiskScenario(1_100_000_000, int(VolRule.FIXED), 1_500_000_000, E9),
            RiskScenario(900_000_000, int(VolRule.UP), 0, E9),
        ),
        basis_up_e9=1_050_000_000,
        basis_down_e9=950_000_000,
    )
    shape = Shape(Grid(model), HUNDRED, 30 * DAY_NS)
    lot = option_lot(shape, Contract(False, 105 * ONE, UNIT // 10), 400_000_000, 7)
    expected = [
        price_e6(False, forward * ONE, 105 * ONE, 30 * DAY_NS, vol)
        for forward, vol in (
            (110, 600_000_000),
            (90, 600_000_000),
            (105, 400_000_000),
            (95, 400_000_000),
        )
    ]
    found = [*lot.values_e6, lot.basis_up_e6, lot.basis_down_e6]
    assert all(abs(10 * a - b) <= 5 for a, b in zip(found, expected, strict=True))
    assert 7 == lot.mark_lot_e6


def test_a_lot_of_a_future_gains_its_price_times_the_move() -> None:
    model = msgspec.structs.replace(
        MODEL, scenarios=(RiskScenario(1_100_000_000, 0, E9, E9), RiskScenario(0, 0, E9, E9))
    )
    lot = future_lot(Grid(model), 50 * ONE, UNIT // 10, 5 * ONE)
    assert [500_000, -5 * ONE] == lot.gains_e6


@pytest.mark.parametrize(("spot", "gain"), [(1_600_000_000, 1), (1_500_000_000, 1), (E9, 0)])
def test_the_value_of_a_future_is_rounded_to_the_nearest(spot: int, gain: int) -> None:
    model = msgspec.structs.replace(MODEL, scenarios=(RiskScenario(spot, 0, E9, E9),))
    assert [gain] == future_lot(Grid(model), 1, UNIT, 1).gains_e6


def test_a_shocked_forward_is_at_least_the_smallest_price() -> None:
    model = msgspec.structs.replace(MODEL, scenarios=(RiskScenario(10**6, 0, E9, E9),))
    assert [1] == Shape(Grid(model), 3, DAY_NS).forwards_e6

"""Portfolio margin with the sums done by hand.

The forward and the index stand at 100 and vols at 0.1 %, so that options away from the money are
worth what they would pay at once: CALL_90 10, CALL_110 0, PUT_90 0, PUT_110 10.
"""

import pytest

from lockstep_engine.codes import Code
from lockstep_engine.commands import (
    PortfolioModel,
    RiskScenario,
    SetMarginMode,
    SetPortfolioModel,
    UpdateIndexPrice,
    UpdateVolSurface,
    Withdraw,
)
from lockstep_engine.events import CashMoved, MarginModeSet
from lockstep_naive.margin import account_margin, free_e6, holding_of, open_margin_e6
from lockstep_naive.portfolio import portfolio_margin
from lockstep_naive.standard import Margin
from tests.unit.naive.world import (
    BUY,
    FUTURE,
    FUTURE_EXPIRY_NS,
    OPEN_PERP,
    PERP,
    SELL,
    USD,
    World,
    code_of,
    only,
)
from tests.unit.naive.worlds_of_risk import E9, SMALL_CALL, flat_model, skew_model, small_lots

CALL_90, PUT_90, CALL_110, PUT_110 = 21, 22, 23, 24
SYMBOLS = {
    CALL_90: "BTC-20301225-90-C",
    PUT_90: "BTC-20301225-90-P",
    CALL_110: "BTC-20301225-110-C",
    PUT_110: "BTC-20301225-110-P",
}
PORTFOLIO = 2
LINEAR, WINGS = 3, 4
UP_15, DOWN_15 = 1_150_000_000, 850_000_000
ALL_COVERED = {"future_initial_e9": 10_000_000, "future_maintenance_e9": 5_000_000}


def risky(model: PortfolioModel) -> World:
    """Return a world with options and a model, seven weeks before they expire."""
    world = World()
    for instrument, symbol in SYMBOLS.items():
        world.create(instrument, symbol)
    world.jump(FUTURE_EXPIRY_NS - 49 * 86_400 * 10**9)
    points = ((90 * USD, 10**6), (110 * USD, 10**6))
    world.do(0, UpdateVolSurface("BTC", FUTURE_EXPIRY_NS, 100 * USD, points))
    world.operate(SetPortfolioModel("BTC", model))
    return world


def dollars(world: World, lots: dict[int, int]) -> tuple[float, float]:
    margin = portfolio_margin(world.core, lots)
    return margin.initial_e6 / USD, margin.maintenance_e6 / USD


@pytest.mark.rule("MRG-3")
def test_the_marks_are_as_this_page_says() -> None:
    marks = [risky(flat_model()).core.marks.must(number).price_e6 for number in SYMBOLS]
    assert [10 * USD, 0, 0, 10 * USD] == marks


@pytest.mark.rule("MRG-3")
@pytest.mark.parametrize(
    ("model", "lots", "expected"),
    [
        # 10 at 100, 15 % down or up; 85 % of it to stay
        (flat_model(UP_15, DOWN_15), {PERP: 10}, (150, 127.5)),
        (flat_model(UP_15, DOWN_15), {PERP: -10}, (150, 127.5)),
        (flat_model(UP_15), {PERP: 10}, (0, 0)),
        # the future and the perpetual offset each other
        (flat_model(UP_15, DOWN_15), {PERP: 10, FUTURE: -10}, (0, 0)),
        # and 1 % + 0.5 % of all 20
        (flat_model(UP_15, DOWN_15, **ALL_COVERED), {PERP: 10, FUTURE: -10}, (30, 25.5)),
        # the factors: 1.5 x 150, and 0.5 x 150 + 5 to stay
        (
            flat_model(
                DOWN_15,
                **ALL_COVERED,
                initial_factor_e9=1_500_000_000,
                maintenance_factor_e9=500_000_000,
                maintenance_ratio_e9=0,
            ),
            {PERP: 10},
            (240, 80),
        ),
        # long calls can lose what they are worth
        (flat_model(UP_15, DOWN_15), {CALL_90: 3}, (30, 25.5)),
        # sold ones 15 each
        (flat_model(UP_15, DOWN_15), {CALL_90: -2}, (30, 25.5)),
        # from 0 to 5 each
        (flat_model(UP_15, DOWN_15), {CALL_110: -2}, (10, 8.5)),
        # a spread can lose 10 each
        (flat_model(UP_15, DOWN_15), {CALL_90: 2, CALL_110: -2}, (20, 17)),
        # a covered call: at 115 it gains 15 and loses 5
        (flat_model(UP_15, DOWN_15), {CALL_110: -1, PERP: 1}, (15, 12.75)),
        # call less put is the future
        (flat_model(UP_15, DOWN_15), {CALL_90: 1, PUT_90: -1, FUTURE: -1}, (0, 0)),
        # a scenario at half its weight
        (
            PortfolioModel((RiskScenario(DOWN_15, 0, E9, E9 // 2),)),
            {PERP: 10, CALL_90: 2},
            (85, 72.25),
        ),
        ({}, {}, (0, 0)),
    ],
)
def test_the_worst_scenario_counts(model, lots, expected) -> None:
    assert expected == dollars(risky(model or flat_model()), lots)


@pytest.mark.rule("MRG-3")
def test_what_is_worth_something_is_discounted_as_a_long_and_else_as_a_short() -> None:
    # Prices do not move: 10 x 0.9 is 1 less a lot, and -10 x 0.95 would be 0.5 more
    model = flat_model(E9, long_discount_e9=900_000_000, short_discount_e9=950_000_000)
    world = risky(model)
    assert (3, 2.55) == dollars(world, {CALL_90: 3})
    assert (0, 0) == dollars(world, {CALL_90: -3})
    # the sum of an expiry counts: 10 less 10 is 0
    assert (0, 0) == dollars(world, {CALL_90: 3, PUT_110: -3})
    assert (1, 0.85) == dollars(world, {CALL_90: 3, PUT_110: -2})


@pytest.mark.rule("MRG-3")
@pytest.mark.parametrize("vol_rule", [LINEAR, WINGS])
def test_what_a_skew_moves_is_lost_both_ways(vol_rule: int) -> None:
    world = risky(skew_model(vol_rule))
    # from 10 to 25 a lot
    assert (15, 12.75) == dollars(world, {CALL_90: 1})
    assert (15, 12.75) == dollars(world, {CALL_90: -1})
    # but not what futures gain: 15 each
    assert (0, 0) == dollars(world, {CALL_90: -1, PERP: 1})
    assert (30, 25.5) == dollars(world, {CALL_90: 1, PERP: -1})


@pytest.mark.rule("MRG-3")
def test_the_basis_may_be_worse_than_all_scenarios() -> None:
    moves = {"basis_up_e9": 1_200_000_000, "basis_down_e9": 800_000_000}
    world = risky(flat_model(E9, **moves, basis_factor_e9=500_000_000))
    # half of the 10 that it falls; half of the 20 that it rises
    assert (5, 4.25) == dollars(world, {CALL_90: 1})
    assert (10, 8.5) == dollars(world, {CALL_90: -1})
    # futures have no part in it
    assert (10, 8.5) == dollars(world, {CALL_90: -1, FUTURE: 1})
    # 49 days at 0.73 a year
    world.operate(SetPortfolioModel("BTC", flat_model(E9, **moves, basis_yearly_e9=730_000_000)))
    assert (0.98, 0.833) == dollars(world, {CALL_90: 1})
    # the discounts do not enter: only the scenario loses 1 by them, the basis nothing
    discounts = {"long_discount_e9": 900_000_000}
    world.operate(SetPortfolioModel("BTC", flat_model(E9, basis_factor_e9=8 * E9, **discounts)))
    assert (1, 0.85) == dollars(world, {CALL_90: 1})


@pytest.mark.rule("MRG-3")
def test_options_sold_have_a_floor_that_no_factor_touches() -> None:
    model = flat_model(E9, short_floor_e9=200_000_000, initial_factor_e9=2 * E9)
    world = risky(model)
    # 20 % of 30; CALL_110 is worth nothing; what is bought takes nothing off
    assert (6, 5.1) == dollars(world, {CALL_90: -3})
    assert (6, 5.1) == dollars(world, {CALL_90: -3, CALL_110: -5, PUT_110: 3})
    # the loss is more: 2 x 45
    model = flat_model(UP_15, short_floor_e9=200_000_000, initial_factor_e9=2 * E9)
    world.operate(SetPortfolioModel("BTC", model))
    assert (90, 76.5) == dollars(world, {CALL_90: -3})


@pytest.mark.rule("MRG-3")
@pytest.mark.parametrize(
    ("lots", "naked"),
    [
        ({CALL_90: -3}, 3),
        ({CALL_90: 3}, 0),
        # both sold: both count; one bought at the same strike covers
        ({CALL_90: -3, PUT_90: -2}, 5),
        ({CALL_90: -3, PUT_90: 1}, 2),
        ({CALL_90: -3, PUT_90: 3}, 0),
        ({CALL_90: 2, PUT_90: -3}, 1),
        # another strike covers nothing
        ({CALL_90: -3, CALL_110: 3}, 3),
        ({CALL_90: -1, PUT_110: -1}, 2),
    ],
)
def test_naked_shorts_pay_for_contingencies(lots, naked) -> None:
    model = flat_model(
        E9,
        option_initial_e9=10_000_000,
        option_maintenance_e9=5_000_000,
        maintenance_factor_e9=E9,
        maintenance_ratio_e9=0,
    )
    # 1.5 % and 0.5 % of the index of 100
    assert (naked * 1.5, naked * 0.5) == dollars(risky(model), lots)


@pytest.mark.rule("MRG-3", "NUM-2")
def test_each_margin_rounds_up_once() -> None:
    model = flat_model(E9, future_initial_e9=1, maintenance_ratio_e9=1)
    world = risky(model)
    world.operate(UpdateIndexPrice("BTC", 1))
    # 3 x 10^-9 of a micro-dollar; 3 x 10^-18
    assert Margin(1, 1) == portfolio_margin(world.core, {PERP: 3})
    world.operate(UpdateIndexPrice("BTC", 10**9))
    assert Margin(3, 1) == portfolio_margin(world.core, {PERP: -3})
    # half of 3 for the ratio of what is not rounded yet
    model = flat_model(E9, future_initial_e9=1, maintenance_ratio_e9=500_000_000)
    world.operate(SetPortfolioModel("BTC", model))
    assert Margin(3, 2) == portfolio_margin(world.core, {PERP: 3})


@pytest.mark.rule("MRG-3")
def test_a_lot_may_be_a_part_of_the_underlying() -> None:
    model = flat_model(DOWN_15, UP_15, option_initial_e9=10_000_000)
    world = risky(model)
    small_lots(world)
    # tenths of a call of 80: from 20 to 5, and from 20 to 35 with 1 % of the index
    assert (4.5, 3.825) == dollars(world, {SMALL_CALL: 3})
    assert (4.5 + 0.3, 4.08) == dollars(world, {SMALL_CALL: -3})
    # ten of them are a unit
    assert (0, 0) == dollars(world, {SMALL_CALL: 10, FUTURE: -1})


@pytest.mark.rule("MRG-3")
def test_underlyings_are_added_up() -> None:
    world = risky(flat_model(UP_15, DOWN_15))
    world.operate(SetPortfolioModel("ETH", flat_model(UP_15)))
    assert (150, 127.5) == dollars(world, {PERP: 10, OPEN_PERP: 10})
    assert (300, 255) == dollars(world, {PERP: 10, OPEN_PERP: -10})


@pytest.mark.rule("MRG-3", "MRG-1", "MRG-7")
def test_an_expired_option_counts_at_its_mark_and_as_in_the_standard_mode() -> None:
    model = flat_model(UP_15, DOWN_15, short_floor_e9=E9, option_initial_e9=E9)
    world = risky(model)
    world.trade(1, 2, 10, 3, CALL_90)
    assert [MarginModeSet(1, PORTFOLIO)] == world.do(1, SetMarginMode(PORTFOLIO))
    assert 30 * USD == account_margin(world.core, 1).initial_e6
    before = free_e6(world.core, 1)
    world.jump(FUTURE_EXPIRY_NS)
    assert world.core.surfaces.all() == []
    assert Margin(0, 0) == account_margin(world.core, 1)
    assert before + 30 * USD == free_e6(world.core, 1)
    assert [MarginModeSet(2, PORTFOLIO)] == world.do(2, SetMarginMode(PORTFOLIO))
    # sold: 15 % of 100 a lot, and half of that; the mark of 10 is in collateral
    assert Margin(45 * USD, 22_500_000) == account_margin(world.core, 2)
    world.verify()


@pytest.mark.rule("MRG-1")
def test_options_are_collateral_in_portfolio_and_never_leave() -> None:
    world = risky(flat_model(UP_15, DOWN_15))
    world.trade(1, 2, 10, 3, CALL_90)
    for account in (1, 2):
        world.do(account, SetMarginMode(PORTFOLIO))
    # bought: 30 more, all of which may be lost
    assert world.cash(1) == free_e6(world.core, 1)
    # sold: 30 less, and 45 may be lost
    assert world.cash(2) - 75 * USD == free_e6(world.core, 2)
    cash = world.cash(1)
    assert Code.INSUFFICIENT_FUNDS == code_of(world.do(1, Withdraw(cash + 1)))
    assert -cash == only(world.do(1, Withdraw(cash)), CashMoved).amount_e6


@pytest.mark.rule("MRG-4")
def test_open_margin_in_portfolio_is_lots_times_one_alone() -> None:
    world = risky(flat_model(1_300_000_000, DOWN_15, **ALL_COVERED))
    world.do(1, SetMarginMode(PORTFOLIO))
    # a lot bought loses 15, a lot sold 30; both pay 1.5
    free = free_e6(world.core, 1)
    world.rest(1, BUY, 90, 10)
    assert free - 450_000 - 165 * USD == free_e6(world.core, 1)
    world.rest(1, SELL, 110, 5)
    assert free - 450_000 - 275_000 - 165 * USD == free_e6(world.core, 1)
    world.rest(1, SELL, 110, 1)
    assert 189 * USD == open_margin_e6(world.core, 2, [holding_of(world.core, 1, PERP)])
    # and what is held, or open elsewhere, changes nothing
    world.trade(1, 2, 100, 10)
    assert 189 * USD == open_margin_e6(world.core, 2, [holding_of(world.core, 1, PERP)])
    assert 165 * USD == account_margin(world.core, 1).initial_e6


@pytest.mark.rule("MRG-1", "MRG-4")
def test_a_lot_alone_is_rounded_before_it_is_multiplied() -> None:
    world = risky(flat_model(E9, future_initial_e9=1))
    world.operate(UpdateIndexPrice("BTC", 1))
    world.rest(1, BUY, 90, 10)
    assert 10 == open_margin_e6(world.core, 2, [holding_of(world.core, 1, PERP)])


@pytest.mark.rule("MRG-1")
@pytest.mark.parametrize(
    ("instrument", "side", "price", "needed"),
    [
        # 10 lots: fee 0.5 on the index and premium; a lot bought may lose 10
        (CALL_90, BUY, 10, 200_500_000),
        # a lot sold may lose 15, and the premium comes with the fill only
        (CALL_90, SELL, 10, 150_500_000),
        (PERP, SELL, 100, 150_500_000),
    ],
)
def test_an_order_passes_iff_free_covers_it(instrument, side, price, needed) -> None:
    world = risky(flat_model(UP_15, DOWN_15))
    world.do(1, SetMarginMode(PORTFOLIO))
    world.leave(1, needed - 1)
    assert Code.INSUFFICIENT_MARGIN == world.refused(1, side, price, 10, instrument=instrument)
    core = world.core
    core.accounts.put(core.accounts.must(1)._replace(cash_e6=needed))
    world.rest(1, side, price, 10, instrument=instrument)
    assert 0 == free_e6(world.core, 1)


@pytest.mark.rule("MRG-1")
def test_closing_passes_under_water_iff_the_whole_account_gains() -> None:
    world = risky(flat_model(UP_15, DOWN_15))
    # 3 calls sold at 10, with 3 perpetuals: at 115 nothing is lost, at 85 the 45 less 30
    world.trade(2, 1, 10, 3, CALL_90)
    world.trade(1, 2, 100, 3)
    world.do(1, SetMarginMode(PORTFOLIO))
    assert 15 * USD == account_margin(world.core, 1).initial_e6
    core = world.core
    core.accounts.put(core.accounts.must(1)._replace(cash_e6=40 * USD))
    assert -5 * USD == free_e6(core, 1)
    # without the calls the perpetuals may lose 45: margin 30 more
    assert Code.INSUFFICIENT_MARGIN == world.refused(1, BUY, 10, 3, instrument=CALL_90)
    # without the perpetuals the calls may lose 45
    assert Code.INSUFFICIENT_MARGIN == world.refused(1, SELL, 100, 3)
    # bought at 1 they bring 9 each less a fee that the premium caps: too little for 1 of 3 ...
    assert Code.INSUFFICIENT_MARGIN == world.refused(1, BUY, 1, 1, instrument=CALL_90)
    # ... and at 115 the perpetuals sold bring 45 less 0.17
    world.rest(1, SELL, 115, 3)

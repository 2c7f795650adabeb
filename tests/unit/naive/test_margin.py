"""Standard margin, spreads, open margin, relief and modes, with the sums done by hand."""

import pytest

from lockstep_engine.codes import CancelReason, Code
from lockstep_engine.commands import (
    MarginRates,
    SetMarginMode,
    SetMarginModel,
    SetPortfolioModel,
    UpdateIndexPrice,
    UpdateMarkPrice,
    UpdateVolSurface,
)
from lockstep_engine.events import (
    CommandRejected,
    MarginModeSet,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    PortfolioModelSet,
)
from lockstep_naive.margin import account_margin, free_e6, holding_of, open_margin_e6
from lockstep_naive.standard import Margin, position_margin, spread_margin, standard_margin
from tests.unit.naive.world import (
    BUY,
    CALL,
    FUTURE,
    FUTURE_EXPIRY_NS,
    OPEN_PERP,
    PERP,
    PUT,
    SELL,
    USD,
    World,
    code_of,
    kinds,
    of,
    only,
)
from tests.unit.naive.worlds_of_risk import (
    CALL_110,
    LATER_CALL,
    PUT_90,
    SMALL_CALL,
    SMALL_FUTURE,
    flat_model,
    option_world,
    small_lots,
)

MMP, IOC, RELIEF = 8, 2, 4
E8 = 10**8
STANDARD, SPREAD, PORTFOLIO = 0, 1, 2


def set_rates(world: World, **rates: int) -> None:
    world.operate(SetMarginModel("BTC", MarginRates(**rates)))


def dollars(margin: Margin) -> tuple[float, float]:
    return margin.initial_e6 / USD, margin.maintenance_e6 / USD


@pytest.mark.rule("MRG-2")
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("instrument", [PERP, FUTURE])
@pytest.mark.parametrize(
    ("lots", "expected"),
    [
        # 10 lots are 1,000 dollars: 2 %, and 1 % more for each 10 of the underlying
        (10, (30, 15)),
        # 1 lot: 2 dollars and 0.1 %
        (1, (2.1, 1.05)),
        # 1,000 lots are 100,000 dollars: 2 % and 100 % would be more than they are worth
        (1_000, (100_000, 50_000)),
        (0, (0, 0)),
    ],
)
def test_a_future_needs_a_rate_and_more_the_larger_it_is(instrument, sign, lots, expected) -> None:
    world = World()
    set_rates(world, addon_bps=100, addon_size_e8=10 * E8)
    assert expected == dollars(position_margin(world.core, instrument, sign * lots))


@pytest.mark.rule("MRG-2")
def test_the_parts_of_a_futures_margin_round_up_each() -> None:
    world = World()
    set_rates(world, future_initial_e9=1, addon_bps=1, addon_size_e8=10**18)
    # 0.1 a lot rounds up to 1; the addition is 9 / 10^6; a half of 4 is 2, of 2 it is 1
    assert Margin(4, 2) == position_margin(world.core, PERP, 3)
    assert Margin(2, 1) == position_margin(world.core, PERP, -1)
    set_rates(world, future_initial_e9=1, future_maintenance_e9=1)
    assert Margin(3, 1) == position_margin(world.core, PERP, 3)


@pytest.mark.rule("MRG-2")
@pytest.mark.parametrize(
    ("instrument", "index", "mark", "expected"),
    [
        # at the money: 15 and the mark, 7.5 and the mark
        (CALL, 100, 5, (20, 12.5)),
        (PUT, 100, 5, (20, 12.5)),
        # 10 out of the money: 13.5 less 10 is below 9
        (CALL, 90, 5, (14, 11.75)),
        # 5 out of the money: 14.25 less 5 is below 9.5
        (CALL, 95, 5, (14.5, 12.125)),
        # in the money nothing is taken off
        (CALL, 200, 100, (130, 115)),
        # 100 out of the money: 20 at least
        (PUT, 200, 5, (25, 20)),
        # 4 out of the money: 15.6 less 4
        (PUT, 104, 5, (16.6, 12.8)),
        # deep in the money: 7.5 % of the mark is more than 7.5 % of the index, and than 15 % too
        (PUT, 10, 90, (96.75, 96.75)),
    ],
)
def test_a_short_option_needs_what_it_may_move_and_its_mark(
    instrument, index, mark, expected
) -> None:
    world = World()
    world.operate(UpdateIndexPrice("BTC", index * USD))
    world.operate(UpdateMarkPrice(instrument, mark * USD))
    lot = position_margin(world.core, instrument, -1)
    assert expected == dollars(lot)
    three = Margin(3 * lot.initial_e6, 3 * lot.maintenance_e6)
    assert three == position_margin(world.core, instrument, -3)
    assert Margin(0, 0) == position_margin(world.core, instrument, 3)


@pytest.mark.rule("MRG-2", "NUM-2")
def test_the_margin_of_a_short_option_rounds_up_per_lot() -> None:
    world = World()
    set_rates(world, option_initial_e9=1, option_floor_e9=0, option_maintenance_e9=0)
    for instrument in (CALL, PUT):
        world.operate(UpdateMarkPrice(instrument, 1))
    # a call: 0.1 and 1 round up to 2; 7.5 % of a mark of 1 makes a put's maintenance 2 too
    assert Margin(6, 3) == position_margin(world.core, CALL, -3)
    assert Margin(6, 6) == position_margin(world.core, PUT, -3)


@pytest.mark.rule("MRG-2")
def test_a_lot_may_be_a_part_of_the_underlying() -> None:
    world = World()
    small_lots(world)
    set_rates(world, addon_bps=100, addon_size_e8=10 * E8)
    for instrument, mark in ((SMALL_CALL, 25), (SMALL_FUTURE, 100)):
        world.operate(UpdateMarkPrice(instrument, mark * USD))
    # tenths: 1.5 and the mark of 2.5; 0.75 and the mark
    assert (12, 9.75) == dollars(position_margin(world.core, SMALL_CALL, -3))
    # 100 lots are 10 units worth 1,000 dollars: 2 % and 1 %
    assert (30, 15) == dollars(position_margin(world.core, SMALL_FUTURE, 100))
    # ten tenths of a call of 80 cover one of 100, and nine do not
    world.operate(UpdateMarkPrice(CALL, 5 * USD))
    assert (0, 0) == dollars(spread_margin(world.core, {SMALL_CALL: 10, CALL: -1}))
    assert (20, 12.5) == dollars(spread_margin(world.core, {SMALL_CALL: 9, CALL: -1}))


@pytest.mark.rule("MRG-2")
def test_without_an_index_a_short_option_needs_its_mark() -> None:
    world = World()
    world.operate(UpdateMarkPrice(CALL, 5 * USD))
    core = world.core
    core.underlyings.put(core.underlyings.must("BTC")._replace(index_price_e6=0))
    assert (5, 5) == dollars(position_margin(core, CALL, -1))


@pytest.mark.rule("MRG-2")
@pytest.mark.parametrize(
    ("lots", "expected"),
    [
        # alone: CALL 20 and 12.5, PUT the same, CALL_110 12 and 9.5, PUT_90 12 and 9.5
        ({CALL: -3}, (60, 37.5)),
        # the long call above covers all but 10 a lot
        ({CALL: -3, CALL_110: 3}, (30, 30)),
        # the long call below covers all
        ({CALL: 3, CALL_110: -3}, (0, 0)),
        # one call is not covered: no bound
        ({CALL: -3, CALL_110: 2}, (60, 37.5)),
        # more is covered than needed: at 110 it costs 30
        ({CALL: -3, CALL_110: 4}, (30, 30)),
        # puts: at 0 this costs 10 a lot, the other way round nothing
        ({PUT: -1, PUT_90: 1}, (10, 10)),
        ({PUT: 1, PUT_90: -1}, (0, 0)),
        # the most that a put can cost is its strike, and that is more than 20
        ({PUT: -1}, (20, 12.5)),
        # a butterfly never pays less than nothing
        ({CALL: 1, CALL_110: -1, PUT: 1, PUT_90: -1}, (0, 0)),
        # an iron condor: at most 10, on one side only
        ({CALL: -1, CALL_110: 1, PUT: -1, PUT_90: 1}, (10, 10)),
        # a call of another expiry covers nothing
        ({CALL: -1, LATER_CALL: 1}, (20, 12.5)),
        # futures stand beside it: 2 dollars a lot and 1
        ({CALL: -1, CALL_110: 1, PERP: 5}, (20, 15)),
    ],
)
def test_a_spread_needs_at_most_what_it_can_cost(lots, expected) -> None:
    world = option_world()
    assert expected == dollars(spread_margin(world.core, lots))


@pytest.mark.rule("MRG-2")
def test_without_spreads_each_option_stands_alone() -> None:
    world = option_world()
    lots = {CALL: 3, CALL_110: -3, PUT: -1, PERP: -5}
    # 36 and 28.5, 20 and 12.5, 10 and 5
    assert (66, 46) == dollars(standard_margin(world.core, lots))


def spread_account(world: World, cash: int) -> None:
    """Let account 1 sell 3 CALL for 15 and buy 3 CALL_110 for 6, in mode SPREAD."""
    world.do(1, SetMarginMode(SPREAD))
    world.trade(1, 2, 2, 3, CALL_110)
    world.trade(2, 1, 5, 3, CALL)
    world.leave(1, cash)


@pytest.mark.rule("MRG-1", "MRG-7")
def test_a_mode_is_left_only_for_one_that_the_account_can_bear() -> None:
    world = option_world()
    spread_account(world, 40 * USD)
    assert (30, 30) == dollars(account_margin(world.core, 1))
    assert 10 * USD == free_e6(world.core, 1)
    assert Code.INSUFFICIENT_MARGIN == code_of(world.do(1, SetMarginMode(STANDARD)))
    assert SPREAD == world.core.accounts.must(1).margin_mode
    world.operate(UpdateMarkPrice(CALL, 1))
    # 15.000001 a lot in mode STANDARD
    assert Code.INSUFFICIENT_MARGIN == code_of(world.do(1, SetMarginMode(STANDARD)))
    world.do(2, SetMarginMode(STANDARD))
    world.leave(2, 1_000 * USD)
    world.verify()


@pytest.mark.rule("MRG-7")
def test_a_mode_is_set_also_to_what_it_is() -> None:
    world = World()
    for mode in (-1, 3):
        assert Code.BAD_PARAMETER == code_of(world.do(1, SetMarginMode(mode)))
    for mode in (STANDARD, SPREAD, SPREAD, PORTFOLIO, STANDARD):
        assert [MarginModeSet(1, mode)] == world.do(1, SetMarginMode(mode))
        assert mode == world.core.accounts.must(1).margin_mode
    world.verify()


@pytest.mark.rule("MRG-7")
def test_portfolio_needs_a_model_wherever_the_account_has_anything() -> None:
    world = World()
    order_id = world.rest(1, BUY, 90, 1, instrument=OPEN_PERP)
    assert Code.NO_MARGIN_MODEL == code_of(world.do(1, SetMarginMode(PORTFOLIO)))
    event = world.operate(SetPortfolioModel("ETH", flat_model()))
    assert PortfolioModelSet("ETH", flat_model()) == event
    assert [MarginModeSet(1, PORTFOLIO)] == world.do(1, SetMarginMode(PORTFOLIO))
    assert order_id in {order.order_id for order in world.core.orders.all()}
    assert Code.NO_MARGIN_MODEL == world.refused(1, BUY, 90, 1)
    assert isinstance(world.place(1, BUY, 90, 1, instrument=OPEN_PERP)[0], OrderAccepted)


@pytest.mark.rule("MRG-7", "ORD-5")
def test_portfolio_needs_a_surface_for_each_live_option() -> None:
    world = World()
    world.trade(1, 2, 5, 1, PUT)
    assert Code.NO_MARGIN_MODEL == code_of(world.do(1, SetMarginMode(PORTFOLIO)))
    world.operate(SetPortfolioModel("BTC", flat_model()))
    assert Code.NO_SURFACE == code_of(world.do(1, SetMarginMode(PORTFOLIO)))
    surface = UpdateVolSurface("BTC", FUTURE_EXPIRY_NS, 100 * USD, ((100 * USD, 10**8),))
    world.do(0, surface)
    assert [MarginModeSet(1, PORTFOLIO)] == world.do(1, SetMarginMode(PORTFOLIO))
    world.create(9, "BTC-20311225-100-C")
    world.operate(UpdateMarkPrice(9, 5 * USD))
    # a FOK that cannot be filled is refused for that before
    assert Code.FOK_UNFILLABLE == world.refused(1, BUY, 5, 1, instrument=9, tif=3)
    assert Code.NO_SURFACE == world.refused(1, BUY, 5, 1, instrument=9)
    assert Code.NO_SURFACE == world.refused(1, BUY, 5, 10_000, instrument=9)
    assert isinstance(world.place(2, BUY, 5, 1, instrument=9)[0], OrderAccepted)


@pytest.mark.rule("MRG-7")
def test_an_option_that_has_expired_needs_no_surface() -> None:
    world = World()
    world.create(9, "BTC-20010910-100-C")
    world.operate(UpdateMarkPrice(9, 5 * USD))
    world.trade(1, 2, 5, 1, 9)
    world.operate(SetPortfolioModel("BTC", flat_model()))
    assert Code.NO_SURFACE == code_of(world.do(1, SetMarginMode(PORTFOLIO)))
    world.jump(world.now_ns + 2 * 86_400 * 10**9)
    assert [MarginModeSet(1, PORTFOLIO)] == world.do(1, SetMarginMode(PORTFOLIO))


@pytest.mark.rule("MRG-1")
def test_the_order_that_takes_a_spread_apart_must_improve_the_whole_account() -> None:
    world = option_world()
    spread_account(world, 30 * USD)
    world.operate(UpdateMarkPrice(CALL, 100 * USD))
    world.operate(UpdateIndexPrice("BTC", 100 * USD))
    assert 0 == free_e6(world.core, 1)
    core = world.core
    core.accounts.put(core.accounts.must(1)._replace(cash_e6=29 * USD))
    # selling the 3 long calls for 6 leaves 3 short ones that need 345 instead of 30
    assert Code.INSUFFICIENT_MARGIN == world.refused(1, SELL, 2, 3, instrument=CALL_110)
    # buying 3 back at 11 costs 33 and the fee and frees 30; at 9 it is 27
    assert Code.INSUFFICIENT_MARGIN == world.refused(1, BUY, 11, 3, instrument=CALL)
    events = world.place(1, BUY, 9, 3, instrument=CALL)
    assert isinstance(events[0], OrderAccepted)


@pytest.mark.rule("MRG-4")
@pytest.mark.parametrize(
    ("mode", "instrument", "held", "open_lots", "expected"),
    [
        # 2 dollars a lot. STANDARD: up to 15 long or 10 short, less the 5 that are held
        (STANDARD, PERP, 5, (10, 15), 20),
        (STANDARD, PERP, 5, (0, 5), 0),
        (STANDARD, PERP, 5, (0, 10), 0),
        (STANDARD, PERP, 5, (0, 11), 2),
        (STANDARD, PERP, -5, (3, 1), 2),
        # the same in SPREAD
        (SPREAD, PERP, 5, (10, 15), 20),
        (SPREAD, PERP, 5, (0, 5), 0),
        # a short call needs 20; those that close are not counted
        (STANDARD, CALL, 5, (7, 6), 20),
        (SPREAD, CALL, 5, (7, 6), 20),
        (STANDARD, CALL, -5, (5, 0), 0),
        (SPREAD, CALL, -5, (5, 0), 0),
    ],
)
def test_open_margin_is_for_the_worse_side(mode, instrument, held, open_lots, expected) -> None:
    world = option_world()
    price = 5 if instrument == CALL else 100
    buyer, seller = (1, 2) if held > 0 else (2, 1)
    world.trade(buyer, seller, price, abs(held), instrument)
    for side, distance, lots in ((BUY, -1, open_lots[0]), (SELL, 1, open_lots[1])):
        if lots:
            world.rest(1, side, price + distance, lots, instrument=instrument)
    holding = holding_of(world.core, 1, instrument)
    assert expected * USD == open_margin_e6(world.core, mode, [holding])


@pytest.mark.rule("MRG-4", "MRG-2")
def test_open_margin_in_spread_mode_is_for_the_group_with_all_sold() -> None:
    world = option_world()
    world.do(1, SetMarginMode(SPREAD))
    world.trade(1, 2, 2, 3, CALL_110)
    free = free_e6(world.core, 1)
    world.rest(1, SELL, 5, 3, instrument=CALL)
    # fee 3 x 0.05, and 10 a lot, which the sale, once filled, costs at most; alone it needs 20
    assert free - 150_000 - 30 * USD == free_e6(world.core, 1)
    # a fourth is covered by nothing, so nothing is covered: 4 x 20 and the fee
    world.rest(1, SELL, 5, 1, instrument=CALL)
    assert free - 200_000 - 80 * USD == free_e6(world.core, 1)


@pytest.mark.rule("MRG-5")
@pytest.mark.parametrize(
    ("options", "sizes", "plain", "counted"),
    [
        # limit 5: protection stops after 4 lots and one more order
        (RELIEF, (4, 4, 4), 0, 8),
        (RELIEF, (4, 4), 0, 8),
        (RELIEF, (4, 3), 0, 7),
        (RELIEF, (9, 4), 0, 13),
        (RELIEF, (9, 4, 1, 1), 0, 13),
        (RELIEF | 2, (4, 4, 4), 0, 8),
        # what has no protection counts in full, and without the option all does
        (RELIEF, (4, 4, 4), 6, 14),
        (0, (4, 4, 4), 6, 18),
    ],
)
def test_relief_counts_what_protection_lets_through(options, sizes, plain, counted) -> None:
    world = World()
    world.protect(1, qty_limit_e8=5 * E8, options=options)
    for size in sizes:
        world.rest(1, BUY, 90, size, flags=MMP)
    if plain:
        world.rest(1, BUY, 90, plain)
    holding = holding_of(world.core, 1, PERP)
    assert counted * 2 * USD == open_margin_e6(world.core, STANDARD, [holding])


@pytest.mark.rule("MRG-5")
def test_a_limit_that_is_no_whole_lot_rounds_up() -> None:
    world = World()
    world.protect(1, qty_limit_e8=5 * E8 + 1, options=RELIEF)
    for _ in range(3):
        world.rest(1, SELL, 110, 4, flags=MMP)
    # 6 lots reach the limit: 5 and 4 more
    assert 18 * USD == open_margin_e6(world.core, STANDARD, [holding_of(world.core, 1, PERP)])


def relieved(world: World) -> list[int]:
    """Let account 1 offer 3 times 4 lots with relief to 8 of them, and nothing to spare."""
    world.protect(1, qty_limit_e8=5 * E8, options=RELIEF)
    # 16 for 8 lots; fees of 0.2, 0.202 and 0.204
    world.leave(1, 16_606_000)
    ids = [world.rest(1, SELL, price, 4, flags=MMP) for price in (100, 101, 102)]
    assert 0 == free_e6(world.core, 1)
    return ids


@pytest.mark.rule("MRG-5", "EVT-3")
def test_after_the_sweep_the_newest_orders_make_room_before_the_taker_ends() -> None:
    world = World()
    ids = relieved(world)
    events = world.place(2, BUY, 100, 5, tif=IOC)
    assert kinds(events)[:4] == ["OrderAccepted", "Trade", "OrderCancelled", "OrderCancelled"]
    # 4 sold and 8 open need 24 of 16.12; without the newest 16
    margin, end = of(events, OrderCancelled)
    assert (ids[2], 1, 4, CancelReason.MARGIN) == (
        margin.order_id,
        margin.account,
        margin.remaining_lots,
        margin.reason,
    )
    assert (2, CancelReason.IMMEDIATE) == (end.account, end.reason)
    assert 16_606_000 - 80_000 - 202_000 - 16 * USD == free_e6(world.core, 1)
    assert ids[1] in {order.order_id for order in world.core.orders.all()}
    world.verify()


@pytest.mark.rule("MRG-5", "ORD-3", "EVT-3")
def test_a_taker_that_self_trade_ends_does_so_after_the_others_made_room() -> None:
    world = World()
    ids = relieved(world)
    world.rest(2, SELL, 100, 1)
    events = world.place(2, BUY, 100, 5)
    ended = [(event.account, event.reason) for event in of(events, OrderCancelled)]
    assert [(1, CancelReason.MARGIN), (2, CancelReason.SELF_TRADE)] == ended
    assert world.order(ids[2]) is None


@pytest.mark.rule("MRG-5", "MMP-2")
def test_a_taker_that_protection_stops_ends_after_the_others_made_room() -> None:
    world = World()
    relieved(world)
    world.protect(2, qty_limit_e8=4 * E8)
    events = world.place(2, BUY, 101, 9, flags=MMP)
    assert kinds(events)[1:] == [
        "Trade",
        "MmpTriggered",
        "OrderCancelled",
        "OrderCancelled",
        "BookChanged",
    ]
    ended = [(event.account, event.reason) for event in of(events, OrderCancelled)]
    assert [(1, CancelReason.MARGIN), (2, CancelReason.MMP)] == ended


@pytest.mark.rule("MRG-5")
def test_accounts_make_room_in_their_order() -> None:
    world = World()
    for account in (3, 1):
        world.protect(account, qty_limit_e8=5 * E8, options=RELIEF)
        world.leave(account, 16_606_000)
        for price in (100, 101, 102):
            world.rest(account, SELL, price, 4, flags=MMP)
    events = world.place(2, BUY, 100, 8)
    assert [1, 3] == [event.account for event in of(events, OrderCancelled)]


@pytest.mark.rule("MRG-5")
def test_a_taker_under_relief_makes_room_too() -> None:
    world = World()
    world.protect(1, qty_limit_e8=5 * E8, options=RELIEF)
    world.leave(1, 16_606_000)
    ids = [world.rest(1, SELL, price, 4, flags=MMP) for price in (101, 102)]
    world.rest(2, BUY, 100, 4)
    (cancelled,) = of(world.place(1, SELL, 100, 4, flags=MMP, tif=IOC), OrderCancelled)
    assert (ids[1], CancelReason.MARGIN) == (cancelled.order_id, cancelled.reason)


@pytest.mark.rule("MRG-5")
def test_who_trades_without_protection_or_relief_makes_no_room() -> None:
    world = World()
    relieved(world)
    # A plain order of account 1 trades while its free is below 0: no order of MMP traded.
    world.operate(UpdateMarkPrice(PERP, 101 * USD))
    assert free_e6(world.core, 1) < 0
    world.rest(2, BUY, 99, 1)
    events = world.place(1, SELL, 99, 1, tif=IOC)
    assert Code.INSUFFICIENT_MARGIN == only(events, OrderRejected).code
    world.protect(1, qty_limit_e8=5 * E8)
    assert [] == of(world.place(2, BUY, 100, 1, tif=IOC), OrderCancelled)
    assert free_e6(world.core, 1) < 0


@pytest.mark.rule("MRG-5")
def test_all_orders_may_go_and_it_may_not_be_enough() -> None:
    world = World()
    ids = relieved(world)
    world.operate(UpdateMarkPrice(PERP, 110 * USD))
    # 4 sold at 100 of mark 110: 40 lost
    events = world.place(2, BUY, 100, 4, tif=IOC)
    cancelled = of(events, OrderCancelled)
    assert [ids[2], ids[1]] == [event.order_id for event in cancelled]
    assert free_e6(world.core, 1) < 0
    assert [] == of(events, CommandRejected)
    world.verify()

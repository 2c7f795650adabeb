"""Liquidation on the books, against others, by insurance and debt, with the sums done by hand.

A perpetual stands at 100 or below, IM 2 % and MM half of it; fees are 0 unless a test sets them.
"""

import pytest
from msgspec.structs import replace

from lockstep_engine.codes import CancelReason, CashReason, Code, OrderFlag
from lockstep_engine.commands import (
    FundInsurance,
    Liquidate,
    MarginRates,
    SetFeeSchedule,
    SetInstrumentStatus,
    SetMarginMode,
    SetMarginModel,
    SetPortfolioModel,
    SetTradingLimits,
    TradingLimits,
    UpdateMarkPrice,
)
from lockstep_engine.events import (
    AutoDeleveraged,
    CashMoved,
    DeleveragedSide,
    LiquidationEnded,
    LiquidationStarted,
    OrderAccepted,
    OrderCancelled,
    Trade,
)
from lockstep_naive.margin import account_margin, collateral_e6, largest_first
from tests.unit.naive.world import (
    BUY,
    CALL,
    OPEN_PERP,
    PERP,
    PUT,
    RICH,
    SELL,
    USD,
    World,
    kinds,
    of,
    only,
)
from tests.unit.naive.worlds_of_risk import (
    flat_model,
    free_of_charge,
    insured,
    liquidate,
    long_at_100,
    marked,
    option_world,
)

DEAR = MarginRates(future_initial_e9=10**8, future_maintenance_e9=10**9, penalty_bps=300)
"""A tenth of the value to open and to stay, and 3 % of the mark to lose."""


@pytest.mark.rule("LIQ-1")
def test_a_healthy_or_unknown_account_is_not_liquidated() -> None:
    world = marked(long_at_100(), 9_900)
    assert Code.UNKNOWN_ACCOUNT == world.refuse(0, Liquidate(9))
    # collateral 20 - 10 = 10 against MM 1 % of 990 = 9.9
    assert Code.ACCOUNT_HEALTHY == world.refuse(0, Liquidate(1))
    # 20 - 10.11 = 9.89 is just MM of 9.89
    world.operate(UpdateMarkPrice(PERP, 98_989_899))
    assert (9_898_990, 9_898_990) == (
        collateral_e6(world.core, 1),
        account_margin(world.core, 1)[1],
    )
    assert Code.ACCOUNT_HEALTHY == world.refuse(0, Liquidate(1))
    world.operate(UpdateMarkPrice(PERP, 98_989_898))
    assert isinstance(world.do(0, Liquidate(1))[0], LiquidationStarted)


@pytest.mark.rule("LIQ-1", "LIQ-2", "EVT-2")
def test_the_book_takes_what_it_can_and_others_the_rest() -> None:
    world = marked(long_at_100(), 9_890)
    own = [world.rest(1, SELL, price, 1) for price in (120, 110)]
    bids = [world.rest(3, BUY, 98, 4), world.rest(3, BUY, 95, 10)]
    cash = {account: world.cash(account) for account in (2, 3)}
    events = liquidate(world)
    # collateral 20 - 11 = 9, IM 2 % of 989
    assert LiquidationStarted(1, 9 * USD, 19_780_000, 9_890_000) == events[0]
    told = [(event.order_id, event.reason, event.remaining_lots) for event in events[1:3]]
    assert [(each, CancelReason.LIQUIDATION, 1) for each in own] == told
    # the deficit is 0 at (989 - 9) / 10 = 98; 5 % below the mark would be 93.955
    order = OrderAccepted(
        *(bids[1] + 1, 1, PERP, SELL, 98, 10, 2, 0, int(OrderFlag.REDUCE_ONLY), 1),
        *(0, b"", 0, 0, 0),
    )
    assert order == events[3]
    trade = only(events, Trade)
    assert (98, 4, SELL) == (trade.price_ticks, trade.qty_lots, trade.taker_side)
    assert (-8 * USD, 6, 12 * USD) == (
        *(trade.taker.realised_e6, trade.taker.position_lots, trade.taker.cash_e6),
    )
    assert (order.order_id, CancelReason.IMMEDIATE, 6) == (
        *(events[5].order_id, events[5].reason, events[5].remaining_lots),
    )
    # the next round finds 95 below (593.4 - 5.4) / 6 = 98, where account 2 takes the rest
    assert (
        AutoDeleveraged(
            *(PERP, 6, SELL, 98 * USD),
            DeleveragedSide(1, -12 * USD, 0, 0, 0),
            DeleveragedSide(2, 12 * USD, -4, -400 * USD, cash[2] + 12 * USD),
        )
        == events[6]
    )
    assert LiquidationEnded(1, 0, 0, 0, 0, 0) == events[7]
    assert ["BookChanged"] == kinds(events[8:])
    assert ((98, 0),) == events[8].bids
    assert (0, cash[3]) == (world.cash(1), world.cash(3))
    assert world.order(bids[1]) is not None


@pytest.mark.rule("LIQ-1")
@pytest.mark.parametrize(
    ("fund", "bid", "is_filled"),
    [(50, 98, True), (50, 97, False), (5, 98, True), (5, 97, False)],
)
def test_a_closing_order_leaves_no_deficit_whatever_the_fund(
    fund: int, bid: int, is_filled: bool
) -> None:
    world = marked(long_at_100(), 9_890)
    world.operate(FundInsurance(fund * USD))
    world.rest(3, BUY, bid, 10)
    events = liquidate(world)
    # V = 20 - 11 = 9: nothing is left at (989 - 9) / 10 = 98
    assert is_filled == bool(of(events, Trade))
    assert is_filled != bool(of(events, AutoDeleveraged))


@pytest.mark.rule("LIQ-1", "ADM-7")
def test_the_penalty_is_that_of_the_underlying() -> None:
    world = free_of_charge(World())
    world.trade(1, 2, 100, 10)
    world.leave(1, 60 * USD)
    marked(world, 9_890)
    world.operate(SetMarginModel("BTC", DEAR))
    world.rest(3, BUY, 99, 10)
    # 98.9 x 0.97 = 95.933, where V = 49 would go to 94
    assert 96 == only(liquidate(world), OrderAccepted).price_ticks


@pytest.mark.rule("LIQ-1")
def test_a_penalty_below_a_step_is_a_step() -> None:
    world = free_of_charge(World())
    world.trade(1, 2, 100, 10)
    world.leave(1, 60 * USD)
    marked(world, 9_890)
    world.operate(SetMarginModel("BTC", replace(DEAR, penalty_bps=50)))
    world.rest(3, BUY, 99, 10)
    # 98.9 - 1 = 97.9, where 98.9 x 0.995 = 98.4055
    assert 98 == only(liquidate(world), OrderAccepted).price_ticks


@pytest.mark.rule("LIQ-1")
def test_a_short_position_buys_at_most_the_penalty_above_the_mark() -> None:
    world = free_of_charge(World())
    world.trade(2, 1, 100, 10)
    world.leave(1, 60 * USD)
    marked(world, 10_130)
    world.operate(SetMarginModel("BTC", DEAR))
    world.rest(3, SELL, 104, 1)
    world.rest(3, SELL, 105, 10)
    # 104.339, where V = 47 would go to 106
    assert [104] == [event.price_ticks for event in of(liquidate(world), Trade)]


@pytest.mark.rule("LIQ-1")
def test_a_closing_order_has_a_price_that_the_instrument_has() -> None:
    world = free_of_charge(World())
    world.trade(2, 1, 100, 10)
    world.leave(1, 20 * USD)
    marked(world, 10_130)
    world.operate(SetMarginModel("BTC", MarginRates(penalty_bps=10_000)))
    world.operate(SetTradingLimits(PERP, TradingLimits(max_price_ticks=101)))
    world.rest(3, SELL, 100, 10)
    # penalty and V = 7 would go to 102
    assert 101 == only(liquidate(world), OrderAccepted).price_ticks


@pytest.mark.rule("LIQ-1")
def test_without_a_price_that_the_instrument_has_there_is_no_order() -> None:
    world = marked(long_at_100(), 9_890)
    world.rest(3, BUY, 99, 10)
    world.operate(SetTradingLimits(PERP, TradingLimits(max_price_ticks=97)))
    # the bid of 99 stays; the deficit is 0 at (989 - 9) / 10 = 98
    events = liquidate(world)
    assert [] == of(events, OrderAccepted)
    assert 97 * USD == only(events, AutoDeleveraged).lot_e6


@pytest.mark.rule("LIQ-1")
def test_what_a_round_gained_may_pay_for_a_worse_price_in_the_next() -> None:
    world = long_at_100(cash=60)
    world.trade(1, 2, 100, 5, OPEN_PERP)
    world.leave(1, 30 * USD)
    marked(world, 9_790)
    world.rest(3, BUY, 96, 10)
    world.rest(3, BUY, 102, 5, instrument=OPEN_PERP)
    # V = 30 - 21 = 9: PERP goes first, and sells at (979 - 9) / 10 = 97 or more. OPEN_PERP brings
    # 10: V = 19, below IM of 19.58, and PERP sells at 96
    events = liquidate(world)
    assert [OPEN_PERP, PERP] == [event.instrument for event in of(events, Trade)]
    assert LiquidationEnded(1, 0, 0, 0, 0, 0) == only(events, LiquidationEnded)


@pytest.mark.rule("LIQ-1")
def test_the_rounds_end_as_soon_as_initial_margin_is_there() -> None:
    world = long_at_100(cash=60)
    world.trade(1, 2, 100, 10, OPEN_PERP)
    world.trade(3, 4, 100, 5, OPEN_PERP)
    world.leave(1, 40 * USD)
    marked(world, 9_790)
    # collateral 40 - 21 = 19 against MM 9.79 + 10
    world.rest(3, BUY, 100, 10, instrument=OPEN_PERP)
    world.rest(3, BUY, 97, 10)
    events = liquidate(world)
    # OPEN_PERP has the larger MM; sold at 100 it leaves 19, but IM of PERP is 19.58: it goes too
    assert [OPEN_PERP, PERP] == [event.instrument for event in of(events, Trade)]
    assert [] == of(events, AutoDeleveraged)
    assert LiquidationEnded(1, 10 * USD, 0, 0, 0, 0) == of(events, LiquidationEnded)[0]


@pytest.mark.rule("LIQ-1")
def test_what_is_left_after_enough_is_closed_stays() -> None:
    world = long_at_100(cash=60)
    world.trade(1, 2, 100, 5, OPEN_PERP)
    world.leave(1, 30 * USD)
    marked(world, 9_850)
    # collateral 30 - 15 = 15 against MM 9.85 + 5 = 14.85; then 98.4: 14 against 14.84
    assert Code.ACCOUNT_HEALTHY == world.refuse(0, Liquidate(1))
    marked(world, 9_840)
    order_id = world.rest(3, BUY, 98, 10)
    world.rest(3, BUY, 99, 5, instrument=OPEN_PERP)
    events = liquidate(world)
    # 10 sold at 98 leave 10, which is IM of 5 lots at 100
    assert [order_id] == [event.maker.order_id for event in of(events, Trade)]
    assert (5, 500 * USD) == world.position(1, OPEN_PERP)
    assert LiquidationEnded(1, 10 * USD, 10 * USD, 5 * USD, 0, 0) == of(events, LiquidationEnded)[0]


@pytest.mark.rule("LIQ-1", "ADM-5")
@pytest.mark.parametrize(
    ("bid", "fee", "kept"), [(98, 9_800_000, 200_000), (97, 0, 0), (99, 9_900_000, 10_100_000)]
)
def test_the_liquidation_fee_goes_to_the_fund_as_far_as_there_is_value(bid, fee, kept) -> None:
    world = marked(long_at_100(cash=30), 9_790)
    world.operate(SetFeeSchedule(0, *[0] * 6, liquidation_e9=10_000_000))
    world.rest(3, BUY, bid, 10)
    events = liquidate(world)
    # 10 lots from 100 to the bid leave 10, 0 or 20; the fee is 1 % of 980, 970 or 990
    moved = of(events, CashMoved)
    assert [CashMoved(1, CashReason.LIQUIDATION_FEE, -fee, kept)] * bool(fee) == moved
    assert fee == insured(world)
    assert (kept, fee) == (events[-2].collateral_e6, events[-2].insurance_e6)


@pytest.mark.rule("LIQ-1")
def test_the_liquidation_fee_is_at_most_the_value_that_is_left() -> None:
    world = marked(long_at_100(cash=25), 9_840)
    world.operate(SetFeeSchedule(0, *[0] * 6, liquidation_e9=10_000_000))
    world.rest(3, BUY, 98, 10)
    events = liquidate(world)
    # 25 - 20 = 5 is left of 9.8
    assert CashMoved(1, CashReason.LIQUIDATION_FEE, -5 * USD, 0) == only(events, CashMoved)
    assert "OrderCancelled" not in kinds(events)
    assert 5 * USD == insured(world)


@pytest.mark.rule("LIQ-1", "FEE-1")
def test_the_fee_of_one_order_is_rounded_once_and_an_options_fee_is_of_the_index() -> None:
    world = free_of_charge(option_world())
    world.trade(2, 1, 5, 4, CALL)
    # IM 4 x (15 + 5)
    world.leave(1, 80 * USD)
    marked(world, 1_500, CALL)
    world.operate(SetFeeSchedule(0, *[0] * 4, 100_000_000, 0, 0, 0, 1_500_001, 0))
    for price in (14, 15):
        world.rest(3, SELL, price, 1, instrument=CALL)
    # collateral 80 against MM 4 x 22.5 = 90; then 80 - 29 = 51 against MM 45
    events = liquidate(world)
    names = kinds(events)
    told = ["OrderAccepted", "Trade", "Trade", "OrderCancelled", "CashMoved", "LiquidationEnded"]
    assert told == names[1:7]
    # 0.1500001 % of an index of 100 for 2 lots is 0.3000002; 10 % of 29 would be more
    moved = CashMoved(1, CashReason.LIQUIDATION_FEE, -300_001, 51 * USD - 300_001)
    assert moved == only(events, CashMoved)


@pytest.mark.rule("LIQ-1", "ORD-3")
def test_orders_of_the_own_group_are_cancelled_and_fill_nothing() -> None:
    world = free_of_charge(World())
    world.open(8, 100 * USD, group=7)
    world.open(9, RICH, group=7)
    world.trade(8, 2, 100, 10)
    world.leave(8, 20 * USD)
    marked(world, 9_890)
    mate = world.rest(9, BUY, 99, 1)
    events = liquidate(world, 8)
    told = [(event.order_id, event.reason) for event in of(events, OrderCancelled)]
    assert [(mate, CancelReason.SELF_TRADE), (mate + 1, CancelReason.IMMEDIATE)] == told
    assert [] == of(events, Trade)
    assert 10 == only(events, AutoDeleveraged).qty_lots


@pytest.mark.rule("LIQ-1", "LIQ-2")
def test_a_halted_instrument_is_deleveraged_without_a_look_at_its_book() -> None:
    world = marked(long_at_100(), 9_890)
    world.rest(3, BUY, 99, 10)
    world.operate(SetInstrumentStatus(PERP, 3))
    events = liquidate(world)
    assert ["LiquidationStarted", "AutoDeleveraged", "LiquidationEnded"] == kinds(events)


@pytest.mark.rule("LIQ-1")
def test_a_close_only_instrument_is_closed_on_its_book() -> None:
    world = marked(long_at_100(), 9_890)
    world.rest(3, BUY, 99, 10)
    world.operate(SetInstrumentStatus(PERP, 2))
    assert 10 == only(liquidate(world), Trade).qty_lots


@pytest.mark.rule("LIQ-1", "LIQ-2")
def test_portfolio_margin_is_liquidated_at_its_own_margin_and_order() -> None:
    world = free_of_charge(World())
    # a move of 10 % down; MM 85 % of it
    model = flat_model(9 * 10**8)
    for underlying in ("BTC", "ETH"):
        world.operate(SetPortfolioModel(underlying, model))
    world.trade(1, 2, 100, 10)
    world.trade(2, 1, 100, 4, OPEN_PERP)
    world.do(1, SetMarginMode(2))
    world.leave(1, 100 * USD)
    world.rest(3, BUY, 98, 3)
    marked(world, 9_820)
    # 100 - 18 = 82 against 98.2 x 0.85 = 83.47; the short gains in the only scenario
    events = liquidate(world)
    assert LiquidationStarted(1, 82 * USD, 98_200_000, 83_470_000) == events[0]
    # 3 sold at 98 leave 82 - 0.6 = 81.4 against 68.74, MM 58.429: that is enough
    assert [(PERP, 3)] == [(event.instrument, event.qty_lots) for event in of(events, Trade)]
    assert LiquidationEnded(1, 81_400_000, 68_740_000, 58_429_000, 0, 0) == only(
        events, LiquidationEnded
    )


@pytest.mark.rule("LIQ-1")
def test_positions_are_tried_by_falling_margin_and_then_by_instrument() -> None:
    world = option_world()
    for number, lots in ((OPEN_PERP, 10), (PERP, 10)):
        world.trade(1, 2, 100, lots, number)
    world.trade(2, 1, 5, 1, PUT)
    world.trade(1, 2, 5, 1, CALL)
    world.do(1, SetMarginMode(1))
    # MM: 10 each, the short put 12.5, the long call 0
    assert [PUT, PERP, OPEN_PERP, CALL] == [
        position.instrument for position in largest_first(world.core, 1)
    ]


@pytest.mark.rule("LIQ-1")
def test_the_margin_of_a_position_alone_is_in_no_spread_group() -> None:
    world = option_world()
    marked(world, 9_900, PUT)
    world.trade(2, 1, 99, 1, PUT)
    world.trade(1, 2, 100, 103)
    world.do(1, SetMarginMode(1))
    # MM of the put: 7.5 + 99 = 106.5, though it can never cost more than 100; of the other: 103
    assert [PUT, PERP] == [position.instrument for position in largest_first(world.core, 1)]


@pytest.mark.rule("LIQ-1", "LIQ-2")
def test_a_loaded_state_is_liquidated_alike() -> None:
    world = marked(long_at_100(), 9_000)
    world.operate(FundInsurance(40 * USD))
    world.rest(3, BUY, 94, 4)
    twin = world.reloaded()
    assert liquidate(world) == liquidate(twin)
    assert world.records() == twin.records() == twin.reloaded().records()
    assert world.state.hash == twin.state.hash


@pytest.mark.rule("LIQ-1", "MRG-5", "MMP-2")
def test_a_maker_under_protection_is_frozen_and_relieved_by_a_liquidation() -> None:
    world = marked(long_at_100(), 9_890)
    world.protect(3, qty_limit_e8=4 * 10**8)
    world.rest(3, BUY, 99, 4, flags=8)
    other = world.rest(3, BUY, 98, 1, flags=8)
    events = liquidate(world)
    assert "MmpTriggered" in kinds(events)
    cancelled = [event.order_id for event in of(events, OrderCancelled)]
    assert other == cancelled[0]

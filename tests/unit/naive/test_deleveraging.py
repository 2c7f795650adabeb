"""Deleveraging, insurance and debt: what no book takes, and who pays, with the sums done by hand.

The world is that of the tests of liquidation: a perpetual stands at 100 or below, without fees.
"""

import pytest

from lockstep_engine.codes import CancelReason, CashReason, Code
from lockstep_engine.commands import (
    AmendOrder,
    Deposit,
    FundInsurance,
    Liquidate,
    MarginRates,
    MassQuote,
    PlaceOrder,
    Quote,
    SetInstrumentStatus,
    SetMarginMode,
    SetMarginModel,
    SetSettlementPrice,
    SettleExpiry,
    SetTradingLimits,
    TradingLimits,
    Transfer,
    Withdraw,
)
from lockstep_engine.events import (
    AutoDeleveraged,
    CashMoved,
    InsuranceFunded,
    LiquidationEnded,
    LiquidationStarted,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    Trade,
)
from tests.unit.naive.world import (
    BUY,
    CALL,
    NEAR_NS,
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
    CALL_110,
    free_of_charge,
    insured,
    liquidate,
    long_at_100,
    marked,
    option_world,
)


@pytest.mark.rule("LIQ-1")
def test_a_short_position_buys_at_most_where_nothing_is_left() -> None:
    world = free_of_charge(World())
    world.trade(2, 1, 100, 10)
    world.leave(1, 20 * USD)
    marked(world, 10_130)
    world.operate(FundInsurance(25 * USD))
    world.rest(3, SELL, 102, 3)
    world.rest(3, SELL, 105, 10)
    events = liquidate(world)
    # V = 20 - 13 = 7; (1,013 + 7) / 10 = 102; 5 % above the mark 106.365
    first, second = of(events, OrderAccepted)[0], of(events, AutoDeleveraged)[0]
    assert (BUY, 102, 10) == (first.side, first.price_ticks, first.qty_lots)
    # 3 bought at 102: cash 14, value 14 - 7 x 1.3 = 4.9, of 7 lots at 101.3
    assert 1 == len(of(events, Trade))
    assert (BUY, 7, 102 * USD) == (second.side, second.qty_lots, second.lot_e6)
    assert LiquidationEnded(1, 0, 0, 0, 25 * USD, 0) == of(events, LiquidationEnded)[0]


@pytest.mark.rule("LIQ-1", "LIQ-2")
def test_a_spread_is_not_torn_apart_but_deleveraged_whole() -> None:
    world = free_of_charge(option_world())
    world.trade(1, 2, 5, 1, CALL)
    world.trade(2, 1, 2, 1, CALL_110)
    world.do(1, SetMarginMode(1))
    # nothing can be lost with the spread: IM 0. Move cash by hand until it is negative.
    row = world.core.accounts.must(1)
    world.core.accounts.put(row._replace(cash_e6=-USD))
    lender = world.core.accounts.must(2)
    world.core.accounts.put(lender._replace(cash_e6=lender.cash_e6 + row.cash_e6 + USD))
    world.rest(3, BUY, 5, 1, instrument=CALL)
    world.rest(3, SELL, 2, 1, instrument=CALL_110)
    events = liquidate(world)
    assert LiquidationStarted(1, -USD, 0, 0) == events[0]
    # selling the call for 5 would need 12 for the other; buying that for 2 frees nothing
    assert [] == of(events, OrderAccepted)
    # V = 2, but there is no collateral to lose: both go at their marks
    first, second = of(events, AutoDeleveraged)
    assert (CALL_110, BUY, 2_000_000) == (first.instrument, first.side, first.lot_e6)
    # -3 in cash are not enough: the long one goes too
    assert (CALL, SELL, 5_000_000) == (second.instrument, second.side, second.lot_e6)
    assert LiquidationEnded(1, 2_000_000, 0, 0, 0, 0) == events[-1]


@pytest.mark.rule("LIQ-2", "POS-3")
@pytest.mark.parametrize(
    ("fund", "moved", "debt"),
    [
        (0, [(CashReason.DEBT, 30)], 30),
        (12, [(CashReason.INSURANCE, 12), (CashReason.DEBT, 18)], 18),
        (30, [(CashReason.INSURANCE, 30)], 0),
        (40, [(CashReason.INSURANCE, 30)], 0),
    ],
)
def test_a_deficit_is_insured_and_what_is_missing_is_debt(fund, moved, debt) -> None:
    world = marked(long_at_100(), 9_000)
    world.operate(SetTradingLimits(PERP, TradingLimits(max_price_ticks=95)))
    if fund:
        world.operate(FundInsurance(fund * USD))
    events = liquidate(world)
    # V = -80: (900 + 80) / 10 = 98, but 95 is the most: 20 - 50 = -30
    assert 95 * USD == only(events, AutoDeleveraged).lot_e6
    told = [(event.reason, event.amount_e6) for event in of(events, CashMoved)]
    assert [(reason, amount * USD) for reason, amount in moved] == told
    assert 0 == of(events, CashMoved)[-1].balance_e6
    left = max(0, fund - 30) * USD
    assert LiquidationEnded(1, 0, 0, 0, left, debt * USD) == events[-1]
    assert (0, debt * USD) == (world.cash(1), world.core.accounts.must(1).debt_e6)
    assert left == insured(world)


@pytest.mark.rule("LIQ-2")
def test_the_fund_pays_what_the_book_left_missing() -> None:
    world = marked(long_at_100(), 9_000)
    world.operate(SetMarginModel("BTC", MarginRates(penalty_bps=10_000)))
    world.operate(FundInsurance(50 * USD))
    world.rest(3, BUY, 92, 10)
    # (900 + 80 - 50) / 10 = 93 is above the bid: nobody is paid out of the fund for that
    twin = world.reloaded()
    assert [] == of(liquidate(world), Trade)
    twin.rest(3, BUY, 93, 10)
    events = liquidate(twin)
    assert [CashMoved(1, CashReason.INSURANCE, 50 * USD, 0)] == of(events, CashMoved)
    assert 0 == insured(twin)


@pytest.mark.rule("LIQ-2", "ORD-4")
def test_those_who_gained_most_for_their_risk_are_closed_first() -> None:
    world = free_of_charge(World())
    for number in (5, 6):
        world.open(number, 1_000 * USD)
    world.open(7, RICH)
    # shorts of 4: account 2 from 102, 5 from 101 and 6 from 101; 3 at 95 has lost
    for seller, price in ((2, 102), (5, 101), (6, 101)):
        world.trade(7, seller, price, 4)
    world.trade(7, 3, 95, 4)
    world.trade(1, 4, 100, 10)
    world.leave(1, 20 * USD)
    world.do(4, Transfer(7, world.cash(4) - 10_000 * USD))
    reduce_only = world.rest(5, BUY, 90, 4, flags=4)
    marked(world, 9_800)
    # gain x value / collateral, per 392 of value: 2: 16 of 1,000,016; 5 and 6: 12 of 1,012 each;
    # 4: 20 x 980 / 10,020; 3 has lost 12
    events = liquidate(world)
    told = [(e.counterparty.account, e.qty_lots) for e in of(events, AutoDeleveraged)]
    assert [(5, 4), (6, 4), (4, 2)] == told
    # V = 20 - 20 = 0: at the mark
    assert {98 * USD} == {event.lot_e6 for event in of(events, AutoDeleveraged)}
    assert [(5, 0), (6, 0), (4, -8)] == [
        (e.counterparty.account, e.counterparty.position_lots) for e in of(events, AutoDeleveraged)
    ]
    cancelled = only(events, OrderCancelled)
    assert (reduce_only, CancelReason.REDUCE_ONLY) == (cancelled.order_id, cancelled.reason)
    assert "OrderCancelled" == kinds(events)[2]


@pytest.mark.rule("LIQ-2", "ORD-4")
def test_a_counterparty_that_is_closed_in_part_keeps_what_still_reduces() -> None:
    world = long_at_100(qty=10)
    world.trade(3, 2, 100, 5)
    order_id = world.rest(2, BUY, 90, 12, flags=4)
    marked(world, 9_890)
    amended = only(liquidate(world), OrderAmended)
    assert (order_id, 5) == (amended.order_id, amended.remaining_lots)


@pytest.mark.rule("LIQ-2")
def test_the_share_of_each_position_goes_by_its_margin() -> None:
    world = long_at_100(cash=100, qty=10)
    world.trade(1, 2, 100, 30, OPEN_PERP)
    world.leave(1, 80 * USD)
    marked(world, 9_500)
    # with MM as high as IM: 9.5 + 60
    world.operate(SetMarginModel("ETH", MarginRates(future_maintenance_e9=10**9)))
    # V = 80 - 50 = 30; OPEN_PERP first: 30 x 60 / 69.5 = 25.899280 of it
    first, second = of(liquidate(world), AutoDeleveraged)
    # (3,000 - 25.899280) / 30 is rounded up for the seller
    assert (OPEN_PERP, 99_136_691) == (first.instrument, first.lot_e6)
    # 30 - 30 x 0.863309 = 4.100730 is left: (950 - 4.100730) / 10
    assert (PERP, 94_589_927) == (second.instrument, second.lot_e6)
    assert 0 == world.cash(1)


@pytest.mark.rule("LIQ-2")
def test_who_won_nothing_leaves_the_share_of_a_position_to_the_next() -> None:
    world = free_of_charge(option_world())
    world.trade(1, 2, 100, 10)
    world.trade(2, 1, 5, 1, PUT)
    world.leave(1, 40 * USD)
    marked(world, 9_000)
    # V = 40 - 100 - 5 = -65, MM 12.5 + 9: the put would be bought at 5 - 65 x 12.5 / 21.5 = -32.8,
    # but 2 bought it at 5, its mark
    first, second = of(liquidate(world), AutoDeleveraged)
    assert (PUT, BUY, 5 * USD) == (first.instrument, first.side, first.lot_e6)
    # the perpetual bears all of it: (900 + 65) / 10
    assert (PERP, SELL, 96_500_000) == (second.instrument, second.side, second.lot_e6)
    assert 0 == world.cash(1)


@pytest.mark.rule("LIQ-2")
def test_a_large_gain_on_little_counts_less_than_a_small_one_on_much() -> None:
    world = free_of_charge(World())
    for number in (5, 6):
        world.open(number, 1_000 * USD)
    world.trade(3, 5, 101, 4)
    world.trade(3, 6, 99, 10)
    world.trade(1, 4, 100, 10)
    world.leave(1, 20 * USD)
    marked(world, 9_800)
    # 5: 12 x 392 / 1,012 = 4.6; 6: 10 x 980 / 1,010 = 9.7
    assert 6 == only(liquidate(world), AutoDeleveraged).counterparty.account


def expired_short_put() -> World:
    """Return a world where account 1 is short an expired put that pays 60, with 30 in cash."""
    world = free_of_charge(World())
    world.create(21, "BTC-20010910-100-P")
    world.mark(21, 5)
    world.trade(2, 1, 5, 1, 21)
    world.leave(1, 30 * USD)
    world.index("BTC", 40, at_ns=NEAR_NS - 1_800 * 10**9)
    world.jump(NEAR_NS)
    assert 60 * USD == world.core.marks.must(21).price_e6
    return world


@pytest.mark.rule("LIQ-2")
def test_what_has_expired_is_neither_sold_nor_deleveraged_nor_owed_yet() -> None:
    world = expired_short_put()
    events = liquidate(world)
    # MM: 7.5 % of the mark of 60 is more than of 40: 64.5; IM: 10 % of 40 and 60 is less than MM
    assert LiquidationStarted(1, 30 * USD, 66_000_000, 64_500_000) == events[0]
    assert LiquidationEnded(1, 30 * USD, 66_000_000, 64_500_000, 0, 0) == events[1]
    assert 2 == len(events)
    assert (-1, -5 * USD) == world.position(1, 21)


@pytest.mark.rule("LIQ-2", "SET-2")
def test_a_deficit_of_a_settlement_becomes_debt_when_it_is_liquidated() -> None:
    world = expired_short_put()
    world.do(0, SetSettlementPrice("BTC", NEAR_NS, 40 * USD))
    world.do(0, SettleExpiry("BTC", NEAR_NS))
    # 30 - 60
    assert (-30 * USD, 0) == (world.cash(1), world.core.accounts.must(1).debt_e6)
    events = liquidate(world)
    assert [
        LiquidationStarted(1, -30 * USD, 0, 0),
        CashMoved(1, CashReason.DEBT, 30 * USD, 0),
        LiquidationEnded(1, 0, 0, 0, 0, 30 * USD),
    ] == events
    assert Code.ACCOUNT_HEALTHY == world.refuse(0, Liquidate(1))


@pytest.mark.rule("LIQ-2", "SET-2")
def test_negative_cash_is_no_debt_while_something_expired_is_to_be_paid() -> None:
    world = free_of_charge(World())
    world.create(21, "BTC-20010910-40-C")
    world.mark(21, 60)
    world.trade(1, 2, 60, 1, 21)
    world.trade(1, 2, 100, 10)
    world.leave(1, 30 * USD)
    world.jump(NEAR_NS)
    marked(world, 9_200)
    # V = 30 - 80 + 60 = 10, but no collateral to lose: 92 a lot, cash 30 - 80
    events = liquidate(world)
    assert 92 * USD == only(events, AutoDeleveraged).lot_e6
    assert LiquidationEnded(1, -50 * USD, 0, 0, 0, 0) == events[-1]
    world.do(0, SetSettlementPrice("BTC", NEAR_NS, 100 * USD))
    world.do(0, SettleExpiry("BTC", NEAR_NS))
    assert 10 * USD == world.cash(1)
    world.verify()


@pytest.mark.rule("AUT-5")
def test_a_deposit_to_negative_cash_repays_nothing() -> None:
    world = expired_short_put()
    world.do(0, SetSettlementPrice("BTC", NEAR_NS, 40 * USD))
    world.do(0, SettleExpiry("BTC", NEAR_NS))
    told = world.do(0, Deposit(1, 10 * USD))
    assert [CashMoved(1, CashReason.DEPOSIT, 10 * USD, -20 * USD)] == told
    world.verify()


def in_debt() -> World:
    """Return a world where account 1 owes 30."""
    world = marked(long_at_100(), 9_000)
    world.operate(SetTradingLimits(PERP, TradingLimits(max_price_ticks=95)))
    liquidate(world)
    assert 30 * USD == world.core.accounts.must(1).debt_e6
    return world


@pytest.mark.rule("AUT-5", "AUT-3", "POS-4")
def test_a_deposit_and_a_transfer_repay_debt_first() -> None:
    world = in_debt()
    events = world.do(0, Deposit(1, 10 * USD))
    assert [
        CashMoved(1, CashReason.DEPOSIT, 10 * USD, 10 * USD),
        CashMoved(1, CashReason.DEBT_REPAID, -10 * USD, 0),
    ] == events
    world.verify()
    events = world.do(2, Transfer(1, 25 * USD))
    assert [
        CashMoved(1, CashReason.TRANSFER_IN, 25 * USD, 25 * USD),
        CashMoved(1, CashReason.DEBT_REPAID, -20 * USD, 5 * USD),
    ] == events[1:]
    assert [CashMoved(1, CashReason.DEPOSIT, 1, 5 * USD + 1)] == world.do(0, Deposit(1, 1))
    assert [CashMoved(1, CashReason.WITHDRAWAL, -1, 5 * USD)] == world.do(1, Withdraw(1))
    world.verify()


@pytest.mark.rule("AUT-3", "LIQ-2")
def test_an_account_in_debt_sends_nothing_out() -> None:
    world = in_debt()
    assert Code.AMOUNT_NOT_POSITIVE == world.refuse(1, Withdraw(0))
    assert Code.ACCOUNT_IN_DEBT == world.refuse(1, Withdraw(1))
    assert Code.UNKNOWN_ACCOUNT == world.refuse(1, Transfer(1, 1))
    assert Code.ACCOUNT_IN_DEBT == world.refuse(1, Transfer(2, 1))


@pytest.mark.rule("ORD-5", "LIQ-2")
def test_an_account_in_debt_enters_no_order() -> None:
    world = in_debt()
    assert Code.ACCOUNT_IN_DEBT == world.refuse(1, PlaceOrder(PERP, BUY, 90, 1))
    # after the status and the mark, before the protection of MMP orders and the limits
    assert Code.ACCOUNT_IN_DEBT == world.refused(1, BUY, 90, 1, flags=8)
    assert Code.ACCOUNT_IN_DEBT == world.refused(1, BUY, 90, 1, flags=4)
    (event,) = world.do(1, MassQuote(1, (Quote(PERP, 90, 1, 0, 0),)))
    assert isinstance(event, OrderRejected)
    assert Code.ACCOUNT_IN_DEBT == event.code
    world.operate(SetInstrumentStatus(PERP, 3))
    assert Code.INSTRUMENT_HALTED == world.refuse(1, PlaceOrder(PERP, BUY, 90, 1))
    assert Code.UNKNOWN_ORDER == world.refuse(1, AmendOrder(1, 90, 1))


@pytest.mark.rule("POS-4")
def test_the_insurance_fund_is_funded_within_the_net_deposits() -> None:
    world = World(max_total_deposits_e6=4 * RICH + 7)
    assert Code.AMOUNT_NOT_POSITIVE == world.refuse(0, FundInsurance(0))
    assert Code.AMOUNT_ABOVE_LIMIT == world.refuse(0, FundInsurance(8))
    assert InsuranceFunded(5, 5) == world.operate(FundInsurance(5))
    assert InsuranceFunded(2, 7) == world.operate(FundInsurance(2))
    assert Code.AMOUNT_ABOVE_LIMIT == world.refuse(0, FundInsurance(1))
    assert (12, 0, 0, 4 * RICH + 7, 7) in world.records()
    world.do(1, Withdraw(3))
    assert InsuranceFunded(3, 10) == world.operate(FundInsurance(3))
    world.verify()

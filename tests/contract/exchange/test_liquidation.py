"""Liquidation ([LIQ-1]): who, in which order, at which price, at what fee, and when it stops.

Trading is free here; the liquidation fee is 100 bps unless a test says otherwise. A lot at 100 is
worth 100,000 e6 and needs 2,000 of IM, 1,000 of MM.
"""

import pytest
from msgspec.structs import replace

from lockstep_engine.codes import (
    CancelReason,
    CashReason,
    Code,
    InstrumentStatus,
    OrderFlag,
    SelfTradeMode,
    TimeInForce,
)
from lockstep_engine.commands import (
    FundInsurance,
    Liquidate,
    MarginRates,
    SetFeeSchedule,
    SetInstrumentStatus,
    SetMarginModel,
    SetPortfolioModel,
    SetTradingLimits,
    UpdateVolSurface,
)
from lockstep_engine.events import (
    AutoDeleveraged,
    CashMoved,
    InsuranceFunded,
    LiquidationEnded,
    LiquidationStarted,
    MmpTriggered,
    OrderAccepted,
    OrderCancelled,
    Trade,
)
from tests.contract.exchange.liquidations import charge_nothing, closed, ended, liquidate
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    FUTURE,
    GINA,
    HUGO,
    LIMITS,
    MARKET_EXPIRY_NS,
    PERP,
    Exchange,
    of,
    trades,
)
from tests.support.margins import MODEL, PORTFOLIO, SPREAD, choose, leave

C80, C300 = 50, 51
EASY = MarginRates(option_initial_e9=0, option_floor_e9=0, option_maintenance_e9=0)
"""Rates under which a short option needs its mark only."""


# Who


@pytest.mark.rule("LIQ-1")
def test_a_healthy_account_is_not_liquidated(free: Exchange) -> None:
    """At 99 the collateral is the cash less 100,000, MM is 99,000."""
    free.trade(ALICE, BOB, 100, 100)
    leave(free, ALICE, 200_000)
    order_id = free.ask(ALICE, 120, 1, flags=OrderFlag.REDUCE_ONLY)
    free.mark(99)
    assert 200_000 - 100_000 > 99_000
    assert Code.ACCOUNT_HEALTHY == free.refusal(Liquidate(ALICE))
    assert free.order(order_id) is not None
    assert Code.UNKNOWN_ACCOUNT == free.refusal(Liquidate(99))
    assert Code.ACCOUNT_HEALTHY == free.refusal(Liquidate(CAROL))


@pytest.mark.rule("LIQ-1")
@pytest.mark.parametrize(("cash", "code"), [(199_000, Code.ACCOUNT_HEALTHY), (198_999, None)])
def test_the_maintenance_margin_itself_is_enough(
    free: Exchange, cash: int, code: Code | None
) -> None:
    free.do(SetMarginModel("BTC", MarginRates(future_initial_e9=10_000_000)))
    free.trade(ALICE, BOB, 100, 100)
    leave(free, ALICE, cash)
    free.do(SetMarginModel("BTC", MarginRates()))
    free.mark(99)
    if code is None:
        liquidate(free)
    else:
        assert code == free.refusal(Liquidate(ALICE))


@pytest.mark.rule("LIQ-1", "BOOK-5")
def test_its_orders_go_first_by_order_id(sinking: Exchange) -> None:
    second = sinking.ask(ALICE, 120, 3, flags=OrderFlag.REDUCE_ONLY, client_id=4)
    third = sinking.ask(ALICE, 110, 2, flags=OrderFlag.REDUCE_ONLY)
    events = liquidate(sinking)
    assert LiquidationStarted(ALICE, 50_000, 196_000, 98_000) == events[0]
    reason = CancelReason.LIQUIDATION
    assert [
        OrderCancelled(second, ALICE, PERP, 1, 120, 4, reason, 3),
        OrderCancelled(third, ALICE, PERP, 1, 110, 0, reason, 2),
    ] == events[1:3]
    assert [] == sinking.orders(ALICE)


# The book


@pytest.mark.rule("LIQ-1", "LIQ-2")
def test_without_a_fund_a_position_is_closed_where_something_is_left_then_deleveraged(
    sinking: Exchange,
) -> None:
    """50,000 on 100 lots is half a tick: only 98 will do. 30 lots at 98 lose 60,000 and pay 29,400.

    Of the 20,600 left nothing remains when the other 70 lots go to Bob at 98,000 less 294.2857,
    rounded up: 97,706. That loses 160,580 on 7,000,000.
    """
    sinking.bid(CAROL, 98, 30)
    sinking.bid(CAROL, 97, 100)
    bob = sinking.cash(BOB)
    events = liquidate(sinking)
    (accepted,) = of(events, OrderAccepted)
    assert (ALICE, PERP, 1, 98, 100) == (
        *(accepted.account, accepted.instrument, accepted.side),
        *(accepted.price_ticks, accepted.qty_lots),
    )
    assert (TimeInForce.IOC, OrderFlag.REDUCE_ONLY, SelfTradeMode.CANCEL_MAKER) == (
        *(accepted.tif, accepted.flags, accepted.self_trade),
    )
    assert [(98, 30)] == [(trade.price_ticks, trade.qty_lots) for trade in trades(events)]
    assert [CashMoved(ALICE, CashReason.LIQUIDATION_FEE, -29_400, 160_600)] == of(events, CashMoved)
    (deleveraged,) = of(events, AutoDeleveraged)
    assert (PERP, 70, 1, 97_706) == (
        *(deleveraged.instrument, deleveraged.qty_lots),
        *(deleveraged.side, deleveraged.lot_e6),
    )
    sold, bought = deleveraged.liquidated, deleveraged.counterparty
    assert (ALICE, -160_580, 0, 0, 20) == (
        *(sold.account, sold.realised_e6, sold.position_lots, sold.cost_e6, sold.cash_e6),
    )
    assert (BOB, 160_580, -30, -3_000_000, bob + 160_580) == (
        *(bought.account, bought.realised_e6, bought.position_lots),
        *(bought.cost_e6, bought.cash_e6),
    )
    assert LiquidationEnded(ALICE, 20, 0, 0, 29_400, 0) == ended(events)


@pytest.mark.rule("LIQ-1", "LIQ-2")
def test_what_a_gap_left_below_nothing_goes_at_its_mark_and_the_fund_pays(free: Exchange) -> None:
    """100 lots at 100 with 250,000 lose 400,000 at 96: 30 at 97 and 70 at 96 leave -120,000."""
    free.trade(ALICE, BOB, 100, 100)
    leave(free, ALICE, 250_000)
    free.mark(96)
    assert [InsuranceFunded(1_000_000, 1_000_000)] == free.send(FundInsurance(1_000_000))
    free.bid(CAROL, 97, 30)
    free.bid(CAROL, 96, 100)
    events = liquidate(free)
    assert [(PERP, 1, 96, 100)] == closed(events)
    assert [(97, 30), (96, 70)] == [(t.price_ticks, t.qty_lots) for t in trades(events)]
    assert [CashMoved(ALICE, CashReason.INSURANCE, 120_000, 0)] == of(events, CashMoved)
    assert LiquidationEnded(ALICE, 0, 0, 0, 880_000, 0) == ended(events)


@pytest.mark.rule("LIQ-1")
@pytest.mark.parametrize(
    ("fund", "price"), [(0, 98), (10_000, 98), (50_000, 97), (149_999, 97), (150_000, 96)]
)
def test_where_the_fund_is_less_than_what_is_owed_the_price_is_better_than_the_mark(
    free: Exchange, fund: int, price: int
) -> None:
    """At 96 the account is worth -150,000: (9,600,000 + 150,000 - fund) / 100,000, rounded up."""
    free.trade(ALICE, BOB, 100, 100)
    leave(free, ALICE, 250_000)
    free.mark(96)
    if fund:
        free.do(FundInsurance(fund))
    free.bid(CAROL, 98, 1)
    assert [(PERP, 1, price, 100)] == closed(liquidate(free))[:1]


@pytest.mark.rule("LIQ-1")
@pytest.mark.parametrize("fund", [0, 50_000, 10**9])
def test_the_fund_is_no_reason_to_sell_for_less_while_the_account_is_worth_something(
    sinking: Exchange, fund: int
) -> None:
    """50,000 on 100 lots are half a tick: not below 98, whatever a friend bids at 97."""
    if fund:
        sinking.do(FundInsurance(fund))
    sinking.bid(CAROL, 98, 1)
    sinking.bid(CAROL, 97, 100)
    events = liquidate(sinking)
    assert [(PERP, 1, 98, 100)] == closed(events)
    assert fund + 50_000 >= sinking.insurance() >= fund


@pytest.mark.rule("LIQ-1")
@pytest.mark.parametrize(
    ("penalty_bps", "price"),
    [(0, 6), (3_999, 6), (4_000, 7), (10_000, 10)],
)
def test_a_purchase_is_bounded_by_the_penalty_or_a_step(
    free: Exchange, penalty_bps: int, price: int
) -> None:
    """Ten short calls at 5 need MM 125,000; with 120,000 the account is worth 70,000, 7 a lot.

    40 % of 5 are two ticks; anything less than one is one step.
    """
    free.trade(BOB, ALICE, 5, 10, CALL)
    free.do(SetMarginModel("BTC", EASY))
    leave(free, ALICE, 120_000)
    free.do(SetMarginModel("BTC", MarginRates(penalty_bps=penalty_bps)))
    free.ask(CAROL, 5, 1, CALL)
    assert [(CALL, 0, price, 10)] == closed(liquidate(free))[:1]


@pytest.mark.rule("LIQ-1")
@pytest.mark.parametrize(("cash", "price"), [(79_999, 7), (80_000, 8), (99_999, 9), (120_000, 10)])
def test_a_purchase_is_bounded_by_what_the_account_is_worth(
    free: Exchange, cash: int, price: int
) -> None:
    """50,000 at the marks and the value of cash - 50,000 make the cash, 10,000 a tick of ten lots.

    Within a penalty of 100 %, so not above 10.
    """
    free.trade(BOB, ALICE, 5, 10, CALL)
    free.do(SetMarginModel("BTC", EASY))
    leave(free, ALICE, cash)
    free.do(SetMarginModel("BTC", MarginRates(penalty_bps=10_000)))
    free.ask(CAROL, 5, 1, CALL)
    assert [(CALL, 0, price, 10)] == closed(liquidate(free))[:1]


@pytest.mark.rule("LIQ-1")
def test_a_cheap_option_is_bought_back_a_step_above_its_mark(free: Exchange) -> None:
    """Calls at 300 marked at 1: 5 % are less than a tick. At 140 ten need MM 10,500 + 1,000 each.

    112,000 are less than 115,000; at 2 they cost 20,000, and 92,000 are left.
    """
    charge_nothing(free)
    free.create(C300, "BTC-20261225-300-C")
    free.mark(1, C300)
    free.trade(BOB, ALICE, 1, 10, C300)
    leave(free, ALICE, 112_000)
    free.index(140)
    free.ask(CAROL, 2, 10, C300)
    events = liquidate(free)
    assert [(C300, 0, 2, 10)] == closed(events)
    assert LiquidationEnded(ALICE, 92_000, 0, 0, 0, 0) == ended(events)


@pytest.mark.rule("LIQ-1")
@pytest.mark.parametrize(("step", "price"), [(1, 2), (2, 1), (4, 1)])
def test_a_cheap_option_is_sold_a_step_below_its_mark(
    free: Exchange, step: int, price: int
) -> None:
    """Ten long calls at 3 and ten perpetuals that fell to 98: 5,000 stand against MM 9,800."""
    free.mark(3, CALL)
    free.trade(ALICE, BOB, 3, 10, CALL)
    free.trade(ALICE, BOB, 100, 10)
    leave(free, ALICE, 25_000)
    free.mark(98)
    free.bid(CAROL, 3, 1, CALL)
    free.do(SetTradingLimits(CALL, replace(LIMITS, price_step_ticks=step)))
    assert [(CALL, 1, price, 10)] == closed(liquidate(free))[:1]


@pytest.mark.rule("LIQ-1", "FEE-1")
@pytest.mark.parametrize(
    ("taker_e9", "price"), [(-500_000, 97), (0, 97), (408_000, 97), (409_000, 98)]
)
def test_what_is_left_of_the_account_pays_the_fee_of_its_closing_order(
    free: Exchange, taker_e9: int, price: int
) -> None:
    """At 98 the account has 104,000, and 97 takes 100,000 of them.

    The fee is of the mark: of 9,800,000 4.08 bps are 3,998.4, 4.09 bps 4,008.2, which is too much.
    """
    free.trade(ALICE, BOB, 100, 100)
    leave(free, ALICE, 304_000)
    free.do(SetFeeSchedule(0, 0, taker_e9, 0, 0, 0, 0))
    free.do(SetMarginModel("BTC", MarginRates(future_maintenance_e9=10**9)))
    free.mark(98)
    free.do(FundInsurance(10**6))
    free.bid(CAROL, 98, 1)
    free.bid(CAROL, 97, 99)
    events = liquidate(free)
    assert [(PERP, 1, price, 100)] == closed(events)[:1]
    assert 10**6 <= free.insurance()


@pytest.mark.rule("LIQ-1", "FEE-1")
@pytest.mark.parametrize(
    ("cap_e9", "cash", "price"),
    [
        (10**9, 70_199, 6),
        (10**9, 70_200, 7),  # 1 bp of the index, ten lots at 200,000
        (3_000_000, 70_149, 6),
        (3_000_000, 70_150, 7),  # 0.3 % of the mark, ten lots at 5,000
    ],
)
def test_the_fee_of_an_option_is_of_the_index_and_at_most_of_its_mark(
    free: Exchange, cap_e9: int, cash: int, price: int
) -> None:
    """Ten calls at 5 against 70,000 and a fee: 20,000 are two ticks a lot."""
    free.trade(BOB, ALICE, 5, 10, CALL)
    free.do(SetMarginModel("BTC", EASY))
    leave(free, ALICE, cash)
    free.do(SetFeeSchedule(0, 0, 0, 0, 100_000, cap_e9, 0))
    free.index(200)
    free.do(SetMarginModel("BTC", MarginRates(penalty_bps=10_000)))
    free.ask(CAROL, 5, 1, CALL)
    assert [(CALL, 0, price, 10)] == closed(liquidate(free))[:1]


@pytest.mark.rule("LIQ-1")
def test_where_nothing_crosses_no_order_is_sent(sinking: Exchange) -> None:
    sinking.bid(CAROL, 97, 100)
    assert [] == closed(liquidate(sinking))


@pytest.mark.rule("LIQ-1")
def test_the_highest_maintenance_goes_first_and_it_ends_when_there_is_enough(
    free: Exchange,
) -> None:
    """Future at 99 (MM 99,000) before perpetual at 98 (MM 98,000).

    496,995 less 300,000 are 196,995 against MM 197,000. The future's fee of 1 bp, 990, leaves
    196,005 against IM 196,000 of the perpetual, which stays.
    """
    free.trade(ALICE, BOB, 100, 100)
    free.trade(ALICE, BOB, 100, 100, FUTURE)
    leave(free, ALICE, 496_995)
    charge_nothing(free, 100_000)
    free.mark(98)
    free.mark(99, FUTURE)
    free.bid(CAROL, 98, 100)
    free.bid(CAROL, 99, 100, FUTURE)
    events = liquidate(free)
    assert [FUTURE] == [order[0] for order in closed(events)]
    assert LiquidationEnded(ALICE, 196_005, 196_000, 98_000, 990, 0) == ended(events)
    assert 100 == free.position(ALICE)[0]


@pytest.mark.rule("LIQ-1")
def test_equal_maintenance_goes_by_instrument(free: Exchange) -> None:
    charge_nothing(free)
    free.trade(ALICE, BOB, 100, 50, FUTURE)
    free.trade(ALICE, BOB, 100, 50)
    leave(free, ALICE, 250_000)
    for number in (PERP, FUTURE):
        free.mark(98, number)
        free.bid(CAROL, 98, 10, number)
    assert [PERP, FUTURE] == [order[0] for order in closed(liquidate(free))]


@pytest.mark.rule("LIQ-1")
def test_a_step_that_would_lower_what_is_left_is_skipped(free: Exchange) -> None:
    """A short call at 100 under a long one at 80 needs nothing; to close it would cost its mark.

    The long one is worth 24 and frees more than the short one alone would need, 20, so that one
    goes, at the fee's 1 % of the index: then 235,000 stand against 219,600.
    """
    free.create(C80, "BTC-20261225-80-C")
    free.mark(24, C80)
    choose(free, ALICE, SPREAD)
    free.trade(ALICE, BOB, 24, 10, C80)
    free.trade(BOB, ALICE, 5, 10, CALL)
    free.trade(ALICE, BOB, 100, 10)
    leave(free, ALICE, 25_000)
    free.do(SetFeeSchedule(0, 0, 0, 0, 0, 125_000_000, 0, 0, 0, 10**7, 0))
    free.mark(98)
    free.ask(CAROL, 5, 10, CALL)
    free.bid(CAROL, 24, 10, C80)
    events = liquidate(free)
    assert [(C80, 1, 23, 10)] == closed(events)
    assert LiquidationEnded(ALICE, 235_000, 219_600, 134_800, 10_000, 0) == ended(events)


@pytest.mark.rule("LIQ-1")
def test_what_was_skipped_is_tried_again_when_something_filled(free: Exchange) -> None:
    """As above with a fee of half of everything: after the long call the short one helps."""
    free.create(C80, "BTC-20261225-80-C")
    free.mark(24, C80)
    choose(free, ALICE, SPREAD)
    free.trade(ALICE, BOB, 24, 10, C80)
    free.trade(BOB, ALICE, 5, 10, CALL)
    free.trade(ALICE, BOB, 100, 10)
    leave(free, ALICE, 25_000)
    free.do(SetFeeSchedule(0, 0, 0, 0, 0, 10**9, 0, 0, 0, 10**8, 0))
    free.mark(98)
    free.ask(CAROL, 5, 10, CALL)
    free.bid(CAROL, 24, 10, C80)
    events = liquidate(free)
    assert [C80, CALL] == [order[0] for order in closed(events)]
    assert (0, 0) == free.position(ALICE, CALL)


@pytest.mark.rule("LIQ-1", "FEE-1")
@pytest.mark.parametrize(
    ("liquidation_e9", "cash", "fee"),
    [(0, 250_000, 0), (10**7, 250_000, 29_400), (10**8, 250_000, 50_000), (10**7, 200_001, 1)],
)
def test_the_fee_is_at_most_what_the_account_is_worth(
    free: Exchange, liquidation_e9: int, cash: int, fee: int
) -> None:
    free.trade(ALICE, BOB, 100, 100)
    leave(free, ALICE, cash)
    charge_nothing(free, liquidation_e9)
    free.mark(98)
    free.bid(CAROL, 98, 30)
    moved = of(liquidate(free), CashMoved)
    assert ([-fee] if fee else []) == [event.amount_e6 for event in moved]
    assert fee == free.insurance()


@pytest.mark.rule("LIQ-1", "ORD-3")
def test_makers_of_its_own_group_are_cancelled_and_met_by_none(free: Exchange) -> None:
    free.trade(GINA, BOB, 100, 100)
    leave(free, GINA, 250_000)
    free.mark(98)
    own = free.bid(HUGO, 98, 50)
    free.bid(CAROL, 98, 100)
    events = liquidate(free, GINA)
    cancelled = of(events, OrderCancelled)[0]
    assert (own, CancelReason.SELF_TRADE) == (cancelled.order_id, cancelled.reason)
    assert [CAROL] == [trade.maker.account for trade in trades(events)]


@pytest.mark.rule("LIQ-1", "MMP-2")
def test_protection_of_makers_works_in_a_liquidation_too(sinking: Exchange) -> None:
    sinking.protect(CAROL, qty_limit_e8=20 * 10**5)
    for _ in range(3):
        sinking.bid(CAROL, 98, 10, flags=OrderFlag.MMP)
    events = liquidate(sinking)
    assert [10, 10] == [trade.qty_lots for trade in trades(events)]
    assert [CAROL] == [event.account for event in of(events, MmpTriggered)]


@pytest.mark.rule("LIQ-1", "LIQ-2")
def test_what_is_halted_is_not_sent_to_the_book_but_deleveraged(sinking: Exchange) -> None:
    sinking.bid(CAROL, 98, 100)
    sinking.do(SetInstrumentStatus(PERP, InstrumentStatus.HALTED))
    events = liquidate(sinking)
    assert [] == of(events, Trade)
    assert [100] == [event.qty_lots for event in of(events, AutoDeleveraged)]


@pytest.mark.rule("LIQ-1")
def test_what_is_close_only_is_sent_to_the_book(sinking: Exchange) -> None:
    sinking.bid(CAROL, 98, 100)
    sinking.do(SetInstrumentStatus(PERP, InstrumentStatus.CLOSE_ONLY))
    assert [(98, 100)] == [
        (trade.price_ticks, trade.qty_lots) for trade in trades(liquidate(sinking))
    ]


@pytest.mark.rule("LIQ-1", "LIQ-2")
def test_an_account_above_its_maintenance_after_the_book_keeps_the_rest(free: Exchange) -> None:
    """60 lots at 98 lose 120,000: 50,000 stand against MM 39,200 of the other 40, IM 78,400."""
    charge_nothing(free)
    free.trade(ALICE, BOB, 100, 100)
    leave(free, ALICE, 250_000)
    free.mark(98)
    free.bid(CAROL, 98, 60)
    events = liquidate(free)
    assert LiquidationEnded(ALICE, 50_000, 78_400, 39_200, 0, 0) == ended(events)
    assert [] == of(events, AutoDeleveraged)
    assert 40 == free.position(ALICE)[0]


@pytest.mark.rule("LIQ-1", "MRG-3")
def test_a_portfolio_is_closed_by_what_each_position_needs_alone(free: Exchange) -> None:
    """The model takes 10 % down and half of 20 % up: a perpetual alone needs 10,000 a lot.

    Two against each other need nothing; the fall of the future leaves 40,000 against both marks.
    """
    charge_nothing(free)
    free.do(SetPortfolioModel("BTC", MODEL))
    choose(free, ALICE, PORTFOLIO)
    points = ((100 * 10**6, 10**6),)
    free.do(UpdateVolSurface("BTC", MARKET_EXPIRY_NS, 100 * 10**6, points))
    free.trade(ALICE, BOB, 100, 30)
    free.trade(BOB, ALICE, 100, 10, FUTURE)
    leave(free, ALICE, 200_000)
    free.mark(97)
    free.bid(CAROL, 97, 5)
    free.ask(CAROL, 100, 5, FUTURE)
    events = liquidate(free)
    assert [(PERP, 5)] == [(trade.instrument, trade.qty_lots) for trade in trades(events)][:1]


@pytest.mark.rule("LIQ-1")
def test_where_maintenance_is_above_initial_margin_both_are_asked_for(free: Exchange) -> None:
    """Calls that need 40 % of the index to stay and 15 % to open: selling the perpetual goes on.

    Ten short calls at 5: IM 200,000, MM 450,000; at 98 the collateral is between the two.
    """
    charge_nothing(free)
    free.trade(BOB, ALICE, 5, 10, CALL)
    free.trade(ALICE, BOB, 100, 10)
    leave(free, ALICE, 330_000)
    free.do(SetMarginModel("BTC", MarginRates(option_maintenance_e9=400_000_000)))
    free.mark(98)
    free.bid(CAROL, 98, 10)
    free.ask(CAROL, 5, 10, CALL)
    events = liquidate(free)
    assert [CALL] == [order[0] for order in closed(events)]
    assert ended(events).collateral_e6 >= ended(events).maintenance_e6

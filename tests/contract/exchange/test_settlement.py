"""Expiry and settlement ([SET-1], [SET-2]): the average, the price by hand, the payments."""

import pytest

from lockstep_engine.codes import Code, EntityKind, InstrumentStatus
from lockstep_engine.commands import (
    AdvanceTime,
    CreateUnderlying,
    PlaceOrder,
    SetFeeSchedule,
    SetFeeTier,
    SetSettlementPrice,
    SettleExpiry,
    SetTradingLimits,
    UpdateIndexPrice,
)
from lockstep_engine.events import (
    InstrumentExpired,
    InstrumentMark,
    InstrumentSettled,
    MarksUpdated,
    PositionSettled,
    SettlementPriceSet,
)
from lockstep_kernel import Machine
from tests.contract.exchange.giants import GIANT_LOTS, giant_market
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    CASH,
    DAY_NS,
    FUTURE,
    LIMITS,
    MARKET_EXPIRY_NS,
    PUT,
    SECOND_NS,
    START_NS,
    Exchange,
    codes,
    of,
)
from tests.support.margins import choose, requirement

E = MARKET_EXPIRY_NS
MINUTE_NS = 60 * SECOND_NS
OPENS_NS = E - 30 * MINUTE_NS
SETTLE = SettleExpiry("BTC", E)
NO_FEES = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def index_at(market: Exchange, at: int, price_e6: int, underlying: str = "BTC") -> None:
    """Set the index at a time, however far away."""
    market.do(AdvanceTime(), at=at)
    market.do(UpdateIndexPrice(underlying, price_e6))


def expire(market: Exchange, at: int = E) -> SettlementPriceSet:
    """Let the dated instruments expire and return how they settle."""
    (price,) = of(market.send(AdvanceTime(), at=at), SettlementPriceSet)
    found: SettlementPriceSet = price
    return found


def settled_at(market: Exchange, price: int) -> None:
    """Let the dated instruments expire and settle at a price in dollars, by hand."""
    market.do(AdvanceTime(), at=E)
    market.do(SetSettlementPrice("BTC", E, price * 10**6))


# The average


@pytest.mark.rule("SET-1")
def test_without_an_update_in_the_window_the_last_index_is_the_average(market: Exchange) -> None:
    market.index(77)
    assert SettlementPriceSet("BTC", E, 77_000_000, 0, False) == expire(market)


@pytest.mark.rule("SET-1")
def test_each_value_weighs_the_time_until_the_next(market: Exchange) -> None:
    """100 until 10 minutes into the window, 106 for 5, 94 for 15: (1000 + 530 + 1410) / 30 = 98."""
    index_at(market, OPENS_NS + 10 * MINUTE_NS, 106_000_000)
    index_at(market, OPENS_NS + 15 * MINUTE_NS, 94_000_000)
    assert SettlementPriceSet("BTC", E, 98_000_000, 2, False) == expire(market)


@pytest.mark.rule("SET-1")
def test_what_was_before_the_window_counts_from_its_opening_only(market: Exchange) -> None:
    index_at(market, OPENS_NS - 1, 200_000_000)
    assert None is market.record(EntityKind.INDEX_WINDOW, "BTC")
    index_at(market, OPENS_NS, 50_000_000)
    assert SettlementPriceSet("BTC", E, 50_000_000, 1, False) == expire(market)


@pytest.mark.rule("SET-1")
def test_the_last_nanosecond_of_the_window_counts_and_the_expiry_does_not(
    market: Exchange,
) -> None:
    """1,800 x 10^9 ns at 100 e6 but for one at 2,000,100 e6: 10^8 + 2 x 10^12 / (1.8 x 10^12)."""
    index_at(market, E - 1, 100_000_000 + 10**10)
    twin = market.fork()
    assert 100_000_000 == expire(twin).price_e6
    market.do(UpdateIndexPrice("BTC", 10**11), at=E)
    assert (10**8, 1, False) == market.record(EntityKind.SETTLEMENT, ("BTC", E))


@pytest.mark.rule("SET-1", "NUM-3")
@pytest.mark.parametrize(
    ("first_e6", "second_e6", "average_e6"), [(1, 2, 2), (2, 3, 2), (1, 3, 2), (3, 4, 4)]
)
def test_the_average_is_rounded_half_to_even(
    market: Exchange, first_e6: int, second_e6: int, average_e6: int
) -> None:
    """One price for half of the window, another for the other half."""
    index_at(market, OPENS_NS, first_e6)
    index_at(market, OPENS_NS + 15 * MINUTE_NS, second_e6)
    assert average_e6 == expire(market).price_e6


@pytest.mark.rule("SET-1")
def test_without_an_index_before_the_window_the_first_value_opens_it(staffed: Exchange) -> None:
    """SOL has 60 for 6 minutes and 30 for 12 from then on: the average is 40, of 18 minutes."""
    staffed.do(CreateUnderlying("SOL", 10**11, min_samples=2))
    staffed.create(9, "SOL-20260102")
    at = START_NS + DAY_NS + 28_800 * SECOND_NS
    index_at(staffed, at - 18 * MINUTE_NS, 60_000_000, "SOL")
    index_at(staffed, at - 12 * MINUTE_NS, 30_000_000, "SOL")
    assert SettlementPriceSet("SOL", at, 40_000_000, 2, True) == expire(staffed, at)


@pytest.mark.rule("SET-1")
def test_without_any_index_there_is_no_price_and_the_mark_stays(staffed: Exchange) -> None:
    staffed.do(CreateUnderlying("SOL", 10**11, min_samples=0))
    staffed.create(9, "SOL-20260102")
    staffed.mark(70, 9)
    at = START_NS + DAY_NS + 28_800 * SECOND_NS
    events = staffed.send(AdvanceTime(), at=at)
    assert [SettlementPriceSet("SOL", at, 0, 0, False)] == of(events, SettlementPriceSet)
    assert [InstrumentExpired(9, 70_000_000)] == of(events, InstrumentExpired)
    assert Code.NO_SETTLEMENT_PRICE == staffed.refusal(SettleExpiry("SOL", at))


@pytest.mark.rule("SET-1")
@pytest.mark.parametrize(("samples", "is_final"), [(29, False), (30, True)])
def test_thirty_samples_make_the_price_final(
    market: Exchange, samples: int, is_final: bool
) -> None:
    market.do(AdvanceTime(), at=OPENS_NS)
    for _ in range(samples):
        market.index(90)
    price = expire(market)
    assert (90_000_000, samples, is_final) == (price.price_e6, price.samples, price.is_final)


@pytest.mark.rule("SET-1")
def test_a_window_without_an_expiry_is_begun_anew_by_the_next(market: Exchange) -> None:
    day_before = E - DAY_NS
    index_at(market, day_before - 1, 80_000_000)
    assert market.record(EntityKind.INDEX_WINDOW, "BTC") is not None
    index_at(market, E - 10 * MINUTE_NS, 110_000_000)
    assert SettlementPriceSet("BTC", E, 90_000_000, 1, False) == expire(market)
    assert None is market.record(EntityKind.INDEX_WINDOW, "BTC")


@pytest.mark.rule("SET-1")
def test_the_price_is_fixed_once_for_all_instruments_of_the_expiry(market: Exchange) -> None:
    events = market.send(AdvanceTime(), at=E + 5 * DAY_NS)
    assert 1 == len(of(events, SettlementPriceSet))
    assert [(FUTURE, 10**8), (CALL, 0), (PUT, 0)] == [
        (e.instrument, e.price_e6) for e in of(events, InstrumentExpired)
    ]


# From expiry on


@pytest.mark.rule("SET-1", "MRG-2")
@pytest.mark.parametrize("mode", [0, 1])
def test_margin_follows_the_average_and_never_the_index(market: Exchange, mode: int) -> None:
    """A short call at 100 settles at 120: its mark is 20, IM 15 % of 120 and that, MM 7.5 %."""
    market.trade(BOB, ALICE, 5, 10, CALL)
    choose(market, ALICE, mode)
    market.index(120)
    expire(market)
    market.index(500)
    assert (10 * 38_000, 10 * 29_000) == requirement(market, ALICE)


@pytest.mark.rule("SET-1", "MRG-2")
@pytest.mark.parametrize("mode", [0, 1])
def test_a_final_price_leaves_only_what_a_short_option_will_pay_and_the_fees(
    market: Exchange, mode: int
) -> None:
    """Ten short calls at 120 pay 200,000; puts pay nothing, futures carry no risk any more.

    1.5 bps of 120,000 are 18 a lot, for the calls and for the futures; puts that pay nothing are
    free.
    """
    market.trade(BOB, ALICE, 5, 10, CALL)
    market.trade(BOB, ALICE, 5, 10, PUT)
    market.trade(ALICE, BOB, 100, 10, FUTURE)
    choose(market, ALICE, mode)
    settled_at(market, 120)
    market.index(500)
    assert (200_360, 200_360) == requirement(market, ALICE)
    assert (0, 0) == requirement(market, CAROL)


@pytest.mark.rule("SET-1", "MRG-1")
def test_the_collateral_of_an_expired_future_follows_the_price(market: Exchange) -> None:
    """Ten lots bought at 100 and worth 130: 300,000; IM is 2 % of the value. The fee was 500."""
    market.trade(ALICE, BOB, 100, 10, FUTURE)
    market.index(130)
    expire(market)
    market.index(1)
    market.assert_can_withdraw(ALICE, CASH - 500)
    assert (26_000, 13_000) == requirement(market, ALICE)


@pytest.mark.rule("SET-1")
def test_nothing_marks_or_trades_an_expired_instrument(market: Exchange) -> None:
    expire(market)
    market.send(PlaceOrder(FUTURE, 0, 100, 1), ALICE)
    for number in (FUTURE, CALL):
        assert [Code.INSTRUMENT_EXPIRED] == codes(market.buy(ALICE, 100, 1, number))
    settled_at(market, 100)
    market.do(SETTLE)
    assert [Code.INSTRUMENT_EXPIRED] == codes(market.buy(ALICE, 100, 1, FUTURE))
    assert Code.INSTRUMENT_EXPIRED == market.refusal(SetTradingLimits(FUTURE, LIMITS))


# The price by hand


@pytest.mark.rule("SET-1")
def test_a_price_is_set_by_hand_and_marks_all_instruments(market: Exchange) -> None:
    expire(market)
    market.do(AdvanceTime(), at=E + 9)
    marks = (
        InstrumentMark(FUTURE, 108_000_000, 0, 0, 0, 0),
        InstrumentMark(CALL, 8_000_000, 0, 0, 0, 0),
        InstrumentMark(PUT, 0, 0, 0, 0, 0),
    )
    assert [
        SettlementPriceSet("BTC", E, 108_000_000, 0, True),
        MarksUpdated("BTC", E, marks),
    ] == market.send(SetSettlementPrice("BTC", E, 108_000_000))
    assert (8_000_000, E + 9, 0, 0, 0, 0) == market.marked(CALL)


@pytest.mark.rule("SET-1")
def test_the_checks_of_a_price_by_hand_stand_in_order(market: Exchange) -> None:
    assert Code.UNKNOWN_UNDERLYING == market.refusal(SetSettlementPrice("XRP", 7, 0))
    assert Code.UNKNOWN_EXPIRY == market.refusal(SetSettlementPrice("BTC", E + 1, 0))
    assert Code.UNKNOWN_EXPIRY == market.refusal(SetSettlementPrice("ETH", E, 0))
    assert Code.UNKNOWN_EXPIRY == market.refusal(SetSettlementPrice("BTC", 0, 0))
    market.do(AdvanceTime(), at=E - 1)
    assert Code.NOT_EXPIRED == market.refusal(SetSettlementPrice("BTC", E, 0))
    market.do(AdvanceTime(), at=E)
    for bad in (0, -1, 10**11 + 1):
        assert Code.BAD_PARAMETER == market.refusal(SetSettlementPrice("BTC", E, bad))
    market.do(SetSettlementPrice("BTC", E, 10**11))
    assert Code.SETTLEMENT_PRICE_FINAL == market.refusal(SetSettlementPrice("BTC", E, 0))


# Settlement


@pytest.mark.rule("SET-2", "FEE-1")
def test_positions_become_cash_account_by_account_then_the_instrument(market: Exchange) -> None:
    """Futures bought at 100 settle at 110; a fee of 1.5 bps of 110,000 a lot is 16.5, 33 for two.

    Calls pay 10: their fee is the same share of the index, 49.5 for three lots, rounded up.
    """
    market.trade(CAROL, BOB, 100, 2, FUTURE)
    market.trade(ALICE, BOB, 100, 1, FUTURE)
    market.trade(BOB, ALICE, 5, 3, CALL)
    settled_at(market, 110)
    cash = {account: market.cash(account) for account in (ALICE, BOB, CAROL)}
    price = 110_000_000
    assert [
        PositionSettled(
            *(ALICE, FUTURE, 1, 100_000, price, 10_000, 10_000, 17, cash[ALICE] + 9_983)
        ),
        PositionSettled(
            *(BOB, FUTURE, -3, -300_000, price, -30_000, -30_000, 50, cash[BOB] - 30_050)
        ),
        PositionSettled(
            *(CAROL, FUTURE, 2, 200_000, price, 20_000, 20_000, 33, cash[CAROL] + 19_967)
        ),
        InstrumentSettled(FUTURE, price, 3),
        PositionSettled(
            *(ALICE, CALL, -3, -15_000, price, -30_000, -15_000, 50),
            cash[ALICE] + 9_983 - 30_050,
        ),
        PositionSettled(
            *(BOB, CALL, 3, 15_000, price, 30_000, 15_000, 50), cash[BOB] - 30_050 + 29_950
        ),
        InstrumentSettled(CALL, price, 2),
        InstrumentSettled(PUT, price, 0),
    ] == market.send(SETTLE)
    for account in (ALICE, BOB, CAROL):
        assert (0, 0) == market.position(account, FUTURE) == market.position(account, CALL)
    fields = market.record(EntityKind.INSTRUMENT, CALL)
    assert fields is not None
    assert InstrumentStatus.SETTLED == fields[5]


@pytest.mark.rule("SET-2", "FEE-1")
@pytest.mark.parametrize(
    ("settlement_e9", "cap_e9", "fee"),
    [
        (150_000, 125_000_000, 165),  # 1.5 bps of ten lots at 110,000
        (100_000_000, 125_000_000, 12_500),  # 12.5 % of ten lots that pay 10,000
        (100_000_000, 0, 0),
        (0, 10**9, 0),
    ],
)
def test_the_fee_is_a_share_of_the_index_and_at_most_of_the_payoff(
    market: Exchange, settlement_e9: int, cap_e9: int, fee: int
) -> None:
    market.do(SetFeeSchedule(3, 0, 0, 0, 0, 0, 0, settlement_e9, cap_e9))
    market.do(SetFeeTier(ALICE, 3))
    market.trade(ALICE, BOB, 5, 10, CALL)
    settled_at(market, 110)
    fees = market.treasury()[0]
    found = of(market.send(SETTLE), PositionSettled)
    assert [fee, 165] == [event.fee_e6 for event in found]
    assert fees + fee + 165 == market.treasury()[0]


@pytest.mark.rule("SET-2")
@pytest.mark.parametrize(
    ("price", "call", "put"), [(100, 0, 0), (107, 7_000, 0), (93, 0, 7_000), (1, 0, 99_000)]
)
def test_an_option_pays_what_it_is_in_the_money(
    market: Exchange, price: int, call: int, put: int
) -> None:
    market.do(SetFeeSchedule(0, *NO_FEES))
    market.trade(ALICE, BOB, 5, 1, CALL)
    market.trade(ALICE, BOB, 5, 1, PUT)
    settled_at(market, price)
    paid = {
        (e.account, e.instrument): e.amount_e6 for e in of(market.send(SETTLE), PositionSettled)
    }
    assert {(ALICE, CALL): call, (BOB, CALL): -call, (ALICE, PUT): put, (BOB, PUT): -put} == paid


@pytest.mark.rule("SET-2", "NUM-3")
def test_the_payoff_of_a_lot_is_rounded_once_and_zero_sum_stays_exact(market: Exchange) -> None:
    """A lot of 1/1000 at 100.000500 is worth 100,000.5: half to even is 100,000."""
    market.do(SetFeeSchedule(0, *NO_FEES))
    market.trade(ALICE, BOB, 100, 3, FUTURE)
    market.do(AdvanceTime(), at=E)
    market.do(SetSettlementPrice("BTC", E, 100_001_500))
    assert [6, -6] == [e.amount_e6 for e in of(market.send(SETTLE), PositionSettled)]


@pytest.mark.rule("SET-2")
def test_the_checks_of_a_settlement_stand_in_order(market: Exchange) -> None:
    assert Code.UNKNOWN_UNDERLYING == market.refusal(SettleExpiry("XRP", 7))
    assert Code.UNKNOWN_EXPIRY == market.refusal(SettleExpiry("BTC", E + 1))
    assert Code.NOT_EXPIRED == market.refusal(SETTLE)
    market.do(AdvanceTime(), at=E - 1)
    assert Code.NOT_EXPIRED == market.refusal(SETTLE)
    market.do(AdvanceTime(), at=E)
    assert Code.NO_SETTLEMENT_PRICE == market.refusal(SETTLE)
    market.do(SetSettlementPrice("BTC", E, 10**8))
    market.do(SETTLE)
    assert Code.ALREADY_SETTLED == market.refusal(SETTLE)
    assert Code.SETTLEMENT_PRICE_FINAL == market.refusal(SetSettlementPrice("BTC", E, 10**8))


@pytest.mark.rule("SET-2", "POS-3")
def test_a_loss_may_leave_an_account_below_zero_and_the_sum_stays(market: Exchange) -> None:
    market.trade(BOB, ALICE, 5, 10_000, CALL)
    before = market.cash(ALICE) + market.cash(BOB) + market.treasury()[0]
    settled_at(market, 300)
    market.do(SETTLE)
    assert CASH > 0 > market.cash(ALICE)
    assert before == market.cash(ALICE) + market.cash(BOB) + market.treasury()[0]


@pytest.mark.rule("SET-2", "NUM-4")
def test_a_settlement_that_leaves_the_bounds_of_cash_is_not_carried_out(
    machine: Machine,
) -> None:
    """Fundings bring Bob near 2^61; his short future would pay him 7.2 x 10^16 more."""
    market = giant_market(machine)
    market.trade(ALICE, BOB, 72_000, GIANT_LOTS, FUTURE)
    market.do(AdvanceTime(), at=START_NS + 7 * DAY_NS)
    at = START_NS + 7 * DAY_NS + 28_800 * SECOND_NS
    market.do(AdvanceTime(), at=at)
    market.do(SetSettlementPrice("BTC", at, 10**6))
    assert Code.AMOUNT_ABOVE_LIMIT == market.refusal(SettleExpiry("BTC", at))

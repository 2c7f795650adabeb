"""Margin: positions, open orders, reserves and admission: [MRG-1], [MRG-2], [MRG-4].

What is free is read off what may be withdrawn: as long as it is not above the cash, that is `free`.
Standard market: a lot at the mark of 100 is worth 100,000 and needs 2,000 of initial margin.
"""

import pytest

from lockstep_engine.codes import Code, OrderFlag, SelfTradeMode, TimeInForce
from lockstep_engine.commands import (
    CreateInstrument,
    PlaceOrder,
    SetFeeSchedule,
    SetFeeTier,
    SetMarginModel,
    Transfer,
    Withdraw,
)
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    CASH,
    ETH_PERP,
    FUTURE,
    LIMITS,
    ONE_E8,
    PERP,
    PUT,
    Exchange,
    codes,
    fills,
)

BUY, SELL = 0, 1
IOC = TimeInForce.IOC


@pytest.fixture
def free(market: Exchange) -> Exchange:
    """The standard market without fees: reserves are of prices only."""
    market.do(SetFeeSchedule(0, 0, 0, 0, 0, 0, 0))
    return market


def hold(market: Exchange, signed_lots: int, price: int, instrument: int = PERP) -> None:
    """Give Alice a position against Bob."""
    if signed_lots > 0:
        market.trade(ALICE, BOB, price, signed_lots, instrument)
    else:
        market.trade(BOB, ALICE, price, -signed_lots, instrument)


def leave(market: Exchange, account: int, cash_e6: int) -> None:
    """Send cash away until this much is left."""
    market.do(Transfer(BOB, market.cash(account) - cash_e6), account)


def assert_needs(market: Exchange, order: PlaceOrder, amount_e6: int) -> None:
    """Check that Carol, who has nothing else, needs exactly this much cash for the order."""
    poor = market.fork()
    leave(poor, CAROL, amount_e6 - 1)
    assert Code.INSUFFICIENT_MARGIN == poor.refusal(order, CAROL)
    leave(market, CAROL, amount_e6)
    assert [] == codes(market.send(order, CAROL))


# Initial margin of positions


@pytest.mark.rule("MRG-2", "MRG-1")
@pytest.mark.parametrize("signed_lots", [10, -10])
@pytest.mark.parametrize("instrument", [PERP, FUTURE])
def test_a_position_needs_a_share_of_its_value_at_the_mark(
    free: Exchange, signed_lots: int, instrument: int
) -> None:
    hold(free, signed_lots, 100, instrument)
    free.assert_can_withdraw(ALICE, CASH - 20_000)


@pytest.mark.rule("MRG-2", "NUM-2", "ADM-7")
@pytest.mark.parametrize("signed_lots", [10, -10])
def test_the_margin_of_a_lot_is_rounded_up_before_it_is_multiplied(
    free: Exchange, signed_lots: int
) -> None:
    """1.2345678 % of 100,000 is 1,234.5678."""
    hold(free, signed_lots, 100)
    free.do(SetMarginModel("BTC", 12_345_678, 0))
    free.assert_can_withdraw(ALICE, CASH - 12_350)


@pytest.mark.rule("MRG-1", "MRG-2")
@pytest.mark.parametrize(
    ("signed_lots", "mark", "expected"),
    [
        (10, 90, -100_000 - 18_000),
        (10, 50, -500_000 - 10_000),
        (-10, 110, -100_000 - 22_000),
        (-10, 200, -1_000_000 - 40_000),
    ],
)
def test_a_loss_at_the_mark_counts_and_margin_follows_the_mark(
    free: Exchange, signed_lots: int, mark: int, expected: int
) -> None:
    hold(free, signed_lots, 100)
    free.mark(mark)
    free.assert_can_withdraw(ALICE, CASH + expected)


@pytest.mark.rule("MRG-1")
def test_all_positions_of_an_account_count_together(free: Exchange) -> None:
    """A profit of 100,000 in the future makes up for a loss of 60,000 in the perpetual."""
    hold(free, 10, 100, PERP)
    hold(free, 10, 100, FUTURE)
    hold(free, 5, 100, ETH_PERP)
    free.mark(94, PERP)
    free.mark(110, FUTURE)
    free.do(SetMarginModel("ETH", 10**9, 0))
    free.assert_can_withdraw(ALICE, CASH - 60_000 + 100_000 - 18_800 - 22_000 - 500_000)


@pytest.mark.rule("MRG-2", "MRG-1")
@pytest.mark.parametrize("instrument", [CALL, PUT])
def test_a_bought_option_needs_no_margin_and_has_no_worth_as_collateral(
    free: Exchange, instrument: int
) -> None:
    hold(free, 10, 5, instrument)
    free.assert_can_withdraw(ALICE, CASH - 50_000)


@pytest.mark.rule("MRG-2")
def test_a_sold_put_reserves_its_strike(free: Exchange) -> None:
    hold(free, -10, 5, PUT)
    free.assert_can_withdraw(ALICE, CASH + 50_000 - 1_000_000)
    free.index(37)
    free.do(SetMarginModel("BTC", 10**9, 5 * 10**9))
    free.assert_can_withdraw(ALICE, CASH + 50_000 - 1_000_000)


@pytest.mark.rule("MRG-2", "NUM-2")
def test_the_strike_of_a_lot_is_rounded_up(free: Exchange) -> None:
    """A lot of 15e-8 at a strike of 50 is worth 7.5."""
    free.do(CreateInstrument(50, "BTC-20261225-50-P", 10**8, 15, ONE_E8, LIMITS))
    free.mark(1, 50)
    hold(free, -1_000, 1, 50)
    free.assert_can_withdraw(ALICE, CASH + 15_000 - 8_000)


@pytest.mark.rule("MRG-2", "NUM-2", "ADM-7")
def test_a_sold_call_reserves_a_share_of_the_index(free: Exchange) -> None:
    hold(free, -10, 5, CALL)
    free.assert_can_withdraw(ALICE, CASH + 50_000 - 1_000_000)
    free.index(70)
    free.assert_can_withdraw(ALICE, CASH + 50_000 - 700_000)
    free.do(SetMarginModel("BTC", 0, 333_333_333))
    free.assert_can_withdraw(ALICE, CASH + 50_000 - 233_340)


@pytest.mark.rule("MRG-2")
@pytest.mark.parametrize("instrument", [CALL, PUT])
def test_the_mark_of_the_perpetual_is_nothing_to_an_option(free: Exchange, instrument: int) -> None:
    hold(free, -10, 5, instrument)
    free.mark(5_000)
    free.assert_can_withdraw(ALICE, CASH + 50_000 - 1_000_000)


# Open margin


@pytest.mark.rule("MRG-4")
@pytest.mark.parametrize(
    ("position", "buys", "sells", "margin_lots"),
    [
        (0, 5, 0, 5),
        (0, 0, 5, 5),
        (0, 5, 8, 8),
        (0, 8, 5, 8),
        (10, 5, 0, 15),
        (10, 0, 3, 10),
        (10, 0, 20, 10),
        (10, 0, 25, 15),
        (10, 7, 25, 17),
        (10, 3, 25, 15),
        (-10, 0, 5, 15),
        (-10, 25, 0, 15),
        (-10, 25, 7, 17),
        (-10, 3, 0, 10),
    ],
)
def test_open_orders_need_the_margin_of_the_worse_side(
    free: Exchange, position: int, buys: int, sells: int, margin_lots: int
) -> None:
    if position:
        hold(free, position, 100)
    if buys:
        free.bid(ALICE, 90, buys)
    if sells:
        free.ask(ALICE, 110, sells)
    free.assert_can_withdraw(ALICE, CASH - margin_lots * 2_000)


@pytest.mark.rule("MRG-4", "MRG-2")
@pytest.mark.parametrize(
    "lots",
    [(0, 0, 4, 4), (10, 0, 4, 0), (10, 0, 14, 4), (-10, 4, 0, 10), (-10, 4, 3, 13), (0, 5, 0, 0)],
)
@pytest.mark.parametrize("instrument", [CALL, PUT])
def test_open_orders_in_an_option_need_the_margin_of_what_they_could_leave_short(
    free: Exchange, lots: tuple[int, int, int, int], instrument: int
) -> None:
    """Lots held, bid, offered, and short at worst; 5,000 of premium a lot held, 4,000 a lot bid."""
    position, buys, sells, margin_lots = lots
    if position:
        hold(free, position, 5, instrument)
    if buys:
        free.bid(ALICE, 4, buys, instrument)
    if sells:
        free.ask(ALICE, 6, sells, instrument)
    expected = CASH - position * 5_000 - buys * 4_000 - margin_lots * 100_000
    free.assert_can_withdraw(ALICE, min(expected, free.cash(ALICE)))


@pytest.mark.rule("MRG-4")
def test_open_margin_follows_the_mark(free: Exchange) -> None:
    free.bid(ALICE, 100, 10)
    free.mark(250)
    free.assert_can_withdraw(ALICE, CASH - 50_000)


# Reserves


@pytest.mark.rule("MRG-4", "FEE-1")
@pytest.mark.parametrize(
    ("instrument", "side", "price", "expected"),
    [
        (PERP, BUY, 100, 500),
        (PERP, BUY, 90, 450),
        (PERP, BUY, 101, 505 + 10_000),
        (PERP, SELL, 100, 500),
        (PERP, SELL, 110, 550),
        (PERP, SELL, 99, 495 + 10_000),
        (CALL, BUY, 5, 500 + 50_000),
        (CALL, SELL, 5, 500),
        (PUT, BUY, 5, 500 + 50_000),
        (PUT, SELL, 5, 500),
        (PUT, SELL, 1, 500),
    ],
)
def test_the_reserve_of_an_order(
    market: Exchange, instrument: int, side: int, price: int, expected: int
) -> None:
    """10 lots; fees of 5 bps of the value, or of the index value of 1,000,000."""
    market.do(PlaceOrder(instrument, side, price, 10), ALICE)
    assert expected == market.row(1).reserve_e6


@pytest.mark.rule("MRG-4", "FEE-1")
def test_the_fee_in_the_reserve_of_an_option_is_capped(market: Exchange) -> None:
    """At an index of 1,000 the fee would be 5,000; 12.5 % of 10,000 is 1,250."""
    market.index(1_000)
    market.do(PlaceOrder(CALL, BUY, 1, 10), ALICE)
    assert 11_250 == market.row(1).reserve_e6


@pytest.mark.rule("MRG-4", "FEE-1")
def test_a_rebate_is_not_counted_in_the_reserve(market: Exchange) -> None:
    market.do(SetFeeSchedule(3, 10**8, -500_000, 10**8, -500_000, 10**9, 0))
    market.do(SetFeeTier(ALICE, 3))
    for instrument in (PERP, CALL):
        market.do(PlaceOrder(instrument, SELL, 100, 10), ALICE)
    assert [0, 0] == [row.reserve_e6 for row in market.orders()]


@pytest.mark.rule("MRG-4", "NUM-2")
def test_the_fee_in_the_reserve_is_rounded_up(market: Exchange) -> None:
    market.bid(ALICE, 99, 1)
    assert 50 == market.row(1).reserve_e6


@pytest.mark.rule("MRG-4", "FEE-1")
@pytest.mark.parametrize("instrument", [PERP, CALL, PUT])
@pytest.mark.parametrize(("rate", "expected"), [(1, 1), (0, 0), (-1, 0)])
def test_the_smallest_rates_in_the_reserve(
    market: Exchange, instrument: int, rate: int, expected: int
) -> None:
    market.do(SetFeeSchedule(0, 0, rate, 0, rate, 10**9, 0))
    market.do(PlaceOrder(instrument, SELL, 100, 10), ALICE)
    assert expected == market.row(1).reserve_e6


@pytest.mark.rule("MRG-4")
def test_the_reserve_is_frozen_at_admission(market: Exchange) -> None:
    market.bid(ALICE, 101, 10)
    before = market.row(1)
    market.mark(50)
    market.index(50)
    market.do(SetFeeSchedule(0, 10**8, 10**8, 10**8, 10**8, 10**9, 0))
    market.do(SetMarginModel("BTC", 10**9, 10**9))
    assert before == market.row(1)
    market.assert_can_withdraw(ALICE, CASH - 10_505 - 500_000)


@pytest.mark.rule("MRG-4")
def test_the_reserve_is_released_pro_rata_and_the_last_lot_takes_the_rest(
    market: Exchange,
) -> None:
    """7 lots at 101 reserve 354 + 7,000; a seventh is 1,050.57, a sixth of the rest 1,050.67."""
    market.bid(ALICE, 101, 7)
    found = [market.row(1).reserve_e6]
    for _ in range(6):
        market.sell(BOB, 101, 1)
        found.append(market.row(1).reserve_e6)
    assert [7_354, 6_304, 5_254, 4_204, 3_153, 2_102, 1_051] == found
    market.sell(BOB, 101, 1)
    assert None is market.order(1)
    fees = 7 * 21
    market.assert_can_withdraw(ALICE, CASH - fees - 7_000 - 14_000)


@pytest.mark.rule("MRG-4")
def test_a_takers_reserve_is_released_fill_by_fill(market: Exchange) -> None:
    """Three fills of one lot leave 4,204 of 7,354; one release of three lots would leave 4,203."""
    for _ in range(3):
        market.ask(BOB, 101, 1)
    assert 3 == len(fills(market.buy(ALICE, 101, 7)))
    assert (4, 4_204) == (market.row(4).remaining_lots, market.row(4).reserve_e6)


@pytest.mark.rule("MRG-4")
def test_one_release_of_three_lots(market: Exchange) -> None:
    market.ask(BOB, 101, 3)
    market.buy(ALICE, 101, 7)
    assert (4, 4_203) == (market.row(2).remaining_lots, market.row(2).reserve_e6)


@pytest.mark.rule("MRG-4", "ORD-3")
def test_a_decremented_takers_reserve_is_released_too(market: Exchange) -> None:
    market.ask(ALICE, 101, 3)
    market.buy(ALICE, 101, 7, self_trade=SelfTradeMode.DECREMENT)
    assert (4, 4_203) == (market.row(2).remaining_lots, market.row(2).reserve_e6)


@pytest.mark.rule("MRG-4")
def test_only_resting_orders_hold_money(market: Exchange) -> None:
    market.ask(BOB, 100, 4)
    market.buy(ALICE, 100, 10, tif=IOC)
    market.assert_can_withdraw(ALICE, CASH - 200 - 8_000)


# Admission


@pytest.mark.rule("MRG-1", "MRG-4")
@pytest.mark.parametrize(
    ("order", "amount"),
    [
        (PlaceOrder(PERP, BUY, 100, 10), 20_000 + 500),
        (PlaceOrder(PERP, SELL, 100, 10), 20_000 + 500),
        (PlaceOrder(PERP, BUY, 103, 10), 20_000 + 515 + 30_000),
        (PlaceOrder(PERP, SELL, 97, 10), 20_000 + 485 + 30_000),
        (PlaceOrder(CALL, BUY, 5, 10), 50_000 + 500),
        (PlaceOrder(PUT, BUY, 5, 10), 50_000 + 500),
        (PlaceOrder(CALL, SELL, 5, 10), 1_000_000 + 500),
        (PlaceOrder(PUT, SELL, 5, 10), 1_000_000 + 500),
        (PlaceOrder(PERP, BUY, 100, 10, tif=IOC), 20_500),
    ],
)
def test_an_order_passes_with_exactly_the_money_it_needs(
    market: Exchange, order: PlaceOrder, amount: int
) -> None:
    assert_needs(market, order, amount)


@pytest.mark.rule("MRG-1", "MRG-4")
@pytest.mark.parametrize(
    ("before", "side", "qty", "margin_lots"),
    [
        ((0, 5, 0), BUY, 3, 3),
        ((0, 5, 8), BUY, 4, 1),
        ((0, 8, 5), SELL, 4, 1),
        ((0, 5, 8), SELL, 4, 4),
        ((10, 0, 25), BUY, 7, 2),
        ((10, 0, 25), SELL, 3, 3),
        ((10, 7, 0), SELL, 30, 3),
        ((-10, 25, 0), SELL, 7, 2),
        ((-10, 25, 0), BUY, 3, 3),
        ((-10, 0, 7), BUY, 30, 3),
    ],
)
def test_an_order_needs_what_it_adds_to_the_worse_side(
    free: Exchange, before: tuple[int, int, int], side: int, qty: int, margin_lots: int
) -> None:
    """With a position, bids and offers; nothing but the margin of the lots that it adds."""
    position, buys, sells = before
    if position:
        hold(free, position, 100)
    if buys:
        free.bid(ALICE, 90, buys)
    if sells:
        free.ask(ALICE, 110, sells)
    held_lots = max(abs(position + buys), abs(position - sells))
    order = PlaceOrder(PERP, side, 100, qty)
    poor = free.fork()
    leave(poor, ALICE, (held_lots + margin_lots) * 2_000 - 1)
    assert Code.INSUFFICIENT_MARGIN == poor.refusal(order, ALICE)
    leave(free, ALICE, (held_lots + margin_lots) * 2_000)
    assert [] == codes(free.send(order, ALICE))


@pytest.mark.rule("MRG-1")
def test_orders_in_other_instruments_count(market: Exchange) -> None:
    leave(market, CAROL, 41_000)
    market.do(PlaceOrder(FUTURE, BUY, 100, 10), CAROL)
    assert Code.INSUFFICIENT_MARGIN == market.refusal(PlaceOrder(PERP, BUY, 100, 11), CAROL)
    assert [] == codes(market.send(PlaceOrder(PERP, BUY, 100, 10), CAROL))
    market.assert_can_withdraw(CAROL, 0)


@pytest.mark.rule("MRG-1", "MRG-4")
def test_an_order_on_the_other_side_needs_only_its_reserve(market: Exchange) -> None:
    """Ten lots either way need the margin of ten; the sale at 101 has a fee of 505."""
    market.do(PlaceOrder(PERP, BUY, 99, 10), CAROL)
    leave(market, CAROL, 20_000 + 495 + 505)
    eleven = PlaceOrder(PERP, SELL, 101, 11)
    assert Code.INSUFFICIENT_MARGIN == market.refusal(eleven, CAROL)
    assert [] == codes(market.send(PlaceOrder(PERP, SELL, 101, 10), CAROL))


@pytest.mark.rule("MRG-1")
def test_unrealised_profit_carries_orders(free: Exchange) -> None:
    """Ten lots long from 100 at a mark of 200: 1,000,000 of profit; 4,000 of margin a lot."""
    hold(free, 10, 100)
    free.mark(200)
    free.do(Withdraw(CASH), ALICE)
    order = PlaceOrder(PERP, BUY, 200, 241)
    assert Code.INSUFFICIENT_MARGIN == free.refusal(order, ALICE)
    assert [] == codes(free.send(PlaceOrder(PERP, BUY, 200, 240), ALICE))


@pytest.mark.rule("MRG-1")
@pytest.mark.parametrize(("side", "price"), [(BUY, 50), (BUY, 90), (SELL, 110), (SELL, 5_000)])
def test_an_order_that_opens_needs_money_at_any_price(
    market: Exchange, side: int, price: int
) -> None:
    """Filled at its price it would gain more than its margin, but the mark may have moved then."""
    leave(market, CAROL, 2_000)
    order = PlaceOrder(PERP, side, price, 1)
    assert Code.INSUFFICIENT_MARGIN == market.refusal(order, CAROL)


def under_water(market: Exchange, signed_lots: int, mark: int) -> None:
    """Alice holds a position from 100 with little cash when the mark turns against her."""
    hold(market, signed_lots, 100)
    leave(market, ALICE, 30_000)
    market.mark(mark)


@pytest.mark.rule("MRG-1")
@pytest.mark.parametrize(
    ("signed_lots", "mark", "good", "bad"),
    [(10, 50, (50, 60, 500), (49, 1)), (-10, 150, (150, 152, 50), (153, 200))],
)
def test_under_water_a_reducing_order_passes_if_it_does_not_lower_collateral_less_margin(
    *,
    market: Exchange,
    signed_lots: int,
    mark: int,
    good: tuple[int, ...],
    bad: tuple[int, ...],
) -> None:
    """Closing 10 lots at the mark of 50 frees 10,000 and costs 250; at 49 it loses 10,000 more.

    At 150 closing frees 30,000 and costs 750; at 152 it loses 20,760, at 153 it loses 30,765.
    """
    under_water(market, signed_lots, mark)
    side = SELL if signed_lots > 0 else BUY
    for price in bad:
        order = PlaceOrder(PERP, side, price, 10)
        assert Code.INSUFFICIENT_MARGIN == market.refusal(order, ALICE)
    for price in good:
        assert [] == codes(market.fork().send(PlaceOrder(PERP, side, price, 10), ALICE))


@pytest.mark.rule("MRG-1")
def test_under_water_an_increasing_order_is_refused(market: Exchange) -> None:
    under_water(market, 10, 50)
    assert Code.INSUFFICIENT_MARGIN == market.refusal(PlaceOrder(PERP, BUY, 50, 1), ALICE)
    assert Code.INSUFFICIENT_MARGIN == market.refusal(PlaceOrder(PERP, BUY, 1, 1), ALICE)
    assert Code.INSUFFICIENT_MARGIN == market.refusal(PlaceOrder(CALL, BUY, 1, 1), ALICE)


@pytest.mark.rule("MRG-1", "ORD-6")
def test_under_water_an_order_that_could_turn_the_position_is_refused(market: Exchange) -> None:
    """Alone 10 lots reduce and 11 do not; behind 3 lots on the same side 7 do and 8 do not."""
    under_water(market, 10, 50)
    eleven = PlaceOrder(PERP, SELL, 60, 11)
    assert Code.INSUFFICIENT_MARGIN == market.refusal(eleven, ALICE)
    assert [] == codes(market.send(PlaceOrder(PERP, SELL, 60, 3), ALICE))
    eight = PlaceOrder(PERP, SELL, 60, 8)
    assert Code.INSUFFICIENT_MARGIN == market.refusal(eight, ALICE)
    assert [] == codes(market.send(PlaceOrder(PERP, SELL, 60, 7), ALICE))


@pytest.mark.rule("MRG-1", "ORD-5")
def test_under_water_a_reduce_only_order_is_judged_by_its_size_after_the_cut(
    market: Exchange,
) -> None:
    under_water(market, 10, 50)
    reduce_only = OrderFlag.REDUCE_ONLY
    assert [] == codes(market.send(PlaceOrder(PERP, SELL, 50, 500, flags=reduce_only), ALICE))
    assert 10 == market.orders(ALICE)[0].qty_lots


@pytest.mark.rule("MRG-1")
@pytest.mark.parametrize(("price", "expected"), [(100, []), (101, [Code.INSUFFICIENT_MARGIN])])
def test_under_water_a_short_put_is_bought_back_for_no_more_than_its_margin(
    free: Exchange, price: int, expected: list[Code]
) -> None:
    """Buying a lot back costs its premium and frees 100,000."""
    hold(free, 10, 100, PERP)
    hold(free, -10, 5, PUT)
    leave(free, ALICE, 1_020_000)
    free.mark(60)
    assert expected == codes(free.send(PlaceOrder(PUT, BUY, price, 10), ALICE))


@pytest.mark.rule("MRG-1", "FEE-1")
@pytest.mark.parametrize(("price", "expected"), [(99, []), (100, [Code.INSUFFICIENT_MARGIN])])
def test_the_fee_counts_against_buying_back(
    market: Exchange, price: int, expected: list[Code]
) -> None:
    """With a fee of 500 a price of 100 is too much, and 99 leaves 10,000."""
    hold(market, 10, 100, PERP)
    hold(market, -10, 5, PUT)
    leave(market, ALICE, 1_020_000)
    market.mark(60)
    assert expected == codes(market.send(PlaceOrder(PUT, BUY, price, 10), ALICE))


@pytest.mark.rule("MRG-1")
def test_under_water_a_long_option_may_be_sold(free: Exchange) -> None:
    hold(free, 10, 100, PERP)
    hold(free, 10, 5, CALL)
    leave(free, ALICE, 20_000)
    free.mark(60)
    assert Code.INSUFFICIENT_MARGIN == free.refusal(PlaceOrder(CALL, SELL, 1, 11), ALICE)
    assert [] == codes(free.send(PlaceOrder(CALL, SELL, 1, 10), ALICE))

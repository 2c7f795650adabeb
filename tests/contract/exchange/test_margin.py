"""Margin: positions, open orders, reserves and admission: [MRG-1], [MRG-2], [MRG-4].

What is free is read off what may be withdrawn: as long as it is not above the cash, that is `free`.
Standard market: a lot at the mark of 100 is worth 100,000 and needs 2,000 of initial margin.
"""

import pytest

from lockstep_engine.codes import SelfTradeMode, TimeInForce
from lockstep_engine.commands import (
    MarginRates,
    PlaceOrder,
    SetFeeSchedule,
    SetFeeTier,
    SetMarginModel,
)
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CASH,
    ETH_PERP,
    FUTURE,
    PERP,
    PUT,
    Exchange,
    fills,
)
from tests.support.margins import hold

BUY, SELL = 0, 1
IOC = TimeInForce.IOC


# Initial margin of positions


@pytest.mark.rule("MRG-2", "MRG-1")
@pytest.mark.parametrize("signed_lots", [10, -10])
@pytest.mark.parametrize("instrument", [PERP, FUTURE])
def test_a_position_needs_a_share_of_its_value_at_the_mark(
    free: Exchange, signed_lots: int, instrument: int
) -> None:
    hold(free, ALICE, signed_lots, 100, instrument)
    free.assert_can_withdraw(ALICE, CASH - 20_000)


@pytest.mark.rule("MRG-2", "NUM-2", "ADM-7")
@pytest.mark.parametrize("signed_lots", [10, -10])
def test_the_margin_of_a_lot_is_rounded_up_before_it_is_multiplied(
    free: Exchange, signed_lots: int
) -> None:
    """1.2345678 % of 100,000 is 1,234.5678."""
    hold(free, ALICE, signed_lots, 100)
    free.do(SetMarginModel("BTC", MarginRates(12_345_678)))
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
    hold(free, ALICE, signed_lots, 100)
    free.mark(mark)
    free.assert_can_withdraw(ALICE, CASH + expected)


@pytest.mark.rule("MRG-1")
def test_all_positions_of_an_account_count_together(free: Exchange) -> None:
    """A profit of 100,000 in the future makes up for a loss of 60,000 in the perpetual."""
    hold(free, ALICE, 10, 100, PERP)
    hold(free, ALICE, 10, 100, FUTURE)
    hold(free, ALICE, 5, 100, ETH_PERP)
    free.mark(94, PERP)
    free.mark(110, FUTURE)
    free.do(SetMarginModel("ETH", MarginRates(10**9)))
    free.assert_can_withdraw(ALICE, CASH - 60_000 + 100_000 - 18_800 - 22_000 - 500_000)


@pytest.mark.rule("MRG-2", "MRG-1")
@pytest.mark.parametrize("instrument", [CALL, PUT])
def test_a_bought_option_needs_no_margin_and_has_no_worth_as_collateral(
    free: Exchange, instrument: int
) -> None:
    hold(free, ALICE, 10, 5, instrument)
    free.assert_can_withdraw(ALICE, CASH - 50_000)


@pytest.mark.rule("MRG-2")
@pytest.mark.parametrize("instrument", [CALL, PUT])
def test_the_mark_of_the_perpetual_is_nothing_to_an_option(free: Exchange, instrument: int) -> None:
    hold(free, ALICE, -10, 5, instrument)
    free.mark(5_000)
    free.assert_can_withdraw(ALICE, CASH + 50_000 - 200_000)


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
        hold(free, ALICE, position, 100)
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
    """Lots held, bid, offered, and short at worst; premium 5,000 a lot
    held, 4,000 a lot bid; a lot short needs 20,000."""
    position, buys, sells, margin_lots = lots
    if position:
        hold(free, ALICE, position, 5, instrument)
    if buys:
        free.bid(ALICE, 4, buys, instrument)
    if sells:
        free.ask(ALICE, 6, sells, instrument)
    expected = CASH - position * 5_000 - buys * 4_000 - margin_lots * 20_000
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
@pytest.mark.parametrize(
    ("maker_e9", "taker_e9", "expected"),
    [
        (-500_000, -500_000, [0, 0]),
        (10**6, -500_000, [1_000, 1_000]),
        (10**6, 500_000, [1_000, 1_000]),
        (500_000, 10**6, [1_000, 1_000]),
    ],
    ids=["two rebates", "a maker's fee", "a higher fee of makers", "a higher fee of takers"],
)
def test_the_reserve_holds_the_higher_fee_and_no_rebate(
    market: Exchange, maker_e9: int, taker_e9: int, expected: list[int]
) -> None:
    """Ten lots at 100 and at the index are a dollar: 0.1 % of it is 1,000."""
    market.do(SetFeeSchedule(3, maker_e9, taker_e9, maker_e9, taker_e9, 10**9, 0))
    market.do(SetFeeTier(ALICE, 3))
    for instrument in (PERP, CALL):
        market.do(PlaceOrder(instrument, SELL, 100, 10), ALICE)
    assert expected == [row.reserve_e6 for row in market.orders()]


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
    """At a mark of 50 the order may lose 510,000, more than its reserve of 10,505."""
    market.bid(ALICE, 101, 10)
    before = market.row(1)
    market.mark(50)
    market.index(50)
    market.do(SetFeeSchedule(0, 10**8, 10**8, 10**8, 10**8, 10**9, 0))
    market.do(SetMarginModel("BTC", MarginRates(10**9)))
    assert before == market.row(1)
    market.assert_can_withdraw(ALICE, CASH - 510_000 - 500_000)


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

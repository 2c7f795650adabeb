"""Spread margin: options of one expiry need no more than they can lose: [MRG-2], [MRG-4].

A lot is 0.001 of the underlying. Alice is in mode STANDARD_SPREAD; her legs are ten lots, so that a
loss of ten dollars is 100,000. Alone a short call at 100 (mark 5) needs 20,000 a lot, at 110 (mark
2) 12,000, at 120 (mark 1) 11,000; a short put at 110 (mark 12) 27,000, at 90 (mark 2) 12,000.
"""

import pytest

from lockstep_engine.codes import Code
from lockstep_engine.commands import CreateInstrument, PlaceOrder, SetFeeSchedule, SetMarginMode
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CASH,
    LIMITS,
    LOT_E8,
    ONE_E8,
    PERP,
    PUT,
    Exchange,
    codes,
)
from tests.support.margins import SPREAD, STANDARD, choose, hold, leave, requirement

C110, C120, C130, P110, P90 = 50, 51, 52, 53, 54
LATER = 55
"""A call with the strike 110, a week later."""
P10 = 56

PRICES = {CALL: 5, C110: 2, C120: 1, C130: 1, PUT: 5, P110: 12, P90: 2, LATER: 2}


@pytest.fixture
def spread(market: Exchange) -> Exchange:
    """The standard market without fees, with more strikes, and Alice in spread mode."""
    market.do(SetFeeSchedule(0, 0, 0, 0, 0, 0, 0))
    for number, name in (
        *((C110, "20261225-110-C"), (C120, "20261225-120-C"), (C130, "20261225-130-C")),
        *((P110, "20261225-110-P"), (P90, "20261225-90-P"), (LATER, "20270101-110-C")),
    ):
        market.create(number, f"BTC-{name}")
        market.mark(PRICES[number], number)
    choose(market, ALICE, SPREAD)
    return market


def build(market: Exchange, legs: dict[int, int]) -> None:
    """Give Alice tens of lots of options at their marks."""
    for number, tens in legs.items():
        hold(market, ALICE, 10 * tens, PRICES[number], number)


@pytest.mark.rule("MRG-2")
@pytest.mark.parametrize(
    ("legs", "expected"),
    [
        ({CALL: -1, C110: 1}, (100_000, 100_000)),
        ({CALL: 1, C110: -1}, (0, 0)),
        ({PUT: 1, P110: -1}, (100_000, 100_000)),
        ({PUT: -1, P110: 1}, (0, 0)),
        ({CALL: -1, C130: 1}, (200_000, 125_000)),
        ({CALL: 1, C110: -1, PUT: -1, P110: 1}, (0, 0)),
        ({CALL: -1, C110: 1, PUT: 1, P110: -1}, (100_000, 100_000)),
        ({CALL: 1, C110: -2, C120: 1}, (0, 0)),
        ({CALL: -1, C110: 2, C120: -1}, (100_000, 100_000)),
        ({CALL: -1, C110: 1, PUT: -1, P90: 1}, (100_000, 100_000)),
        ({CALL: 1, C110: -2}, (240_000, 190_000)),
        ({CALL: 2, C110: -1, C120: -1}, (0, 0)),
        ({PUT: 1, P90: -2}, (240_000, 190_000)),
        ({PUT: 3, P90: -3}, (0, 0)),
        ({CALL: -1, LATER: 1}, (200_000, 125_000)),
        ({CALL: -1, C110: 1, LATER: -1}, (220_000, 195_000)),
        ({CALL: -1}, (200_000, 125_000)),
        ({CALL: 1, PUT: 1}, (0, 0)),
    ],
    ids=[
        *("vertical short call", "vertical long call", "vertical short put", "vertical long put"),
        *("a cap above the sum", "long box", "short box", "long butterfly", "short butterfly"),
        *("iron butterfly", "ratio with short calls left", "calls all covered"),
        *("ratio of puts", "puts below puts", "two expiries", "one of two expiries"),
        *("a call alone", "long straddle"),
    ],
)
def test_a_group_needs_no_more_than_it_can_lose(
    spread: Exchange, legs: dict[int, int], expected: tuple[int, int]
) -> None:
    build(spread, legs)
    assert expected == requirement(spread, ALICE)


@pytest.mark.rule("MRG-2", "MRG-7")
def test_the_same_positions_need_the_sum_in_standard_mode(spread: Exchange) -> None:
    build(spread, {CALL: -1, C110: 1, PUT: 1, P110: -1})
    free = CASH + 50_000 - 20_000 - 50_000 + 120_000
    spread.assert_can_withdraw(ALICE, free - 100_000)
    choose(spread, ALICE, STANDARD)
    assert (470_000, 320_000) == requirement(spread, ALICE)
    spread.assert_can_withdraw(ALICE, free - 470_000)


@pytest.mark.rule("MRG-2")
def test_a_short_put_needs_no_more_than_its_strike(spread: Exchange) -> None:
    """At an index of 10 and a mark of 99 it needs 7.5 % of the mark on top: 106,425."""
    build(spread, {PUT: -1})
    spread.index(10)
    spread.mark(99, PUT)
    assert (1_000_000, 1_000_000) == requirement(spread, ALICE)
    choose(spread, ALICE, STANDARD)
    assert (1_064_250, 1_064_250) == requirement(spread, ALICE)


@pytest.mark.rule("MRG-2")
def test_lots_of_different_sizes_are_weighed(spread: Exchange) -> None:
    """One lot that is ten times as large covers ten."""
    spread.create(60, "BTC-20261225-105-C", lot_e8=10 * LOT_E8)
    spread.mark(3, 60)
    hold(spread, ALICE, -10, 5, CALL)
    assert (200_000, 125_000) == requirement(spread, ALICE)
    hold(spread, ALICE, 1, 3, 60)
    assert (50_000, 50_000) == requirement(spread, ALICE)


@pytest.mark.rule("MRG-2", "NUM-2")
def test_the_cap_is_rounded_up_once(spread: Exchange) -> None:
    """Three lots of 15e-8 lose 10 dollars each: 4.5; alone they need 2 each."""
    for number, strike in ((61, 60), (62, 50)):
        symbol = f"BTC-20261225-{strike}-P"
        spread.do(CreateInstrument(number, symbol, 10**8, 15, ONE_E8, LIMITS))
        spread.mark(1, number)
    hold(spread, ALICE, -3, 1, 61)
    assert (6, 6) == requirement(spread, ALICE)
    hold(spread, ALICE, 3, 1, 62)
    assert (5, 5) == requirement(spread, ALICE)


@pytest.mark.rule("MRG-2")
def test_futures_are_in_no_group(spread: Exchange) -> None:
    """A call covered by the perpetual is short all the same."""
    build(spread, {CALL: -1})
    hold(spread, ALICE, 10, 100, PERP)
    assert (220_000, 135_000) == requirement(spread, ALICE)


# Open orders


@pytest.mark.rule("MRG-4")
@pytest.mark.parametrize(
    ("bids", "asks", "open_e6"),
    [(0, 10, 0), (0, 14, 80_000), (10, 4, 0), (10, 14, 80_000), (10, 0, 0)],
)
def test_lots_on_offer_that_are_held_need_nothing(
    spread: Exchange, bids: int, asks: int, open_e6: int
) -> None:
    """Ten calls are held, and each beyond them needs 20,000."""
    build(spread, {CALL: 1})
    reserve = 0
    if bids:
        reserve = spread.row(spread.bid(ALICE, 4, bids, CALL)).reserve_e6
    if asks:
        spread.ask(ALICE, 6, asks, CALL)
    spread.assert_can_withdraw(ALICE, CASH - 50_000 - reserve - open_e6)


@pytest.mark.rule("MRG-4")
@pytest.mark.parametrize(
    ("asks", "open_e6"),
    [
        ({CALL: 10}, 100_000),
        ({CALL: 11}, 220_000),
        ({CALL: 10, C110: 1}, 200_000),
        ({CALL: 5, C120: 5}, 50_000),
        ({CALL: 5, C120: 6}, 166_000),
        ({PUT: 1}, 20_000),
        ({CALL: 10, PUT: 1}, 100_000),
    ],
    ids=[
        *("covered", "one not covered", "the cover too", "two that share the cover"),
        *("two that are too many", "another kind", "either calls or put"),
    ],
)
def test_what_is_on_offer_needs_what_the_group_may_lose_without_it(
    spread: Exchange, asks: dict[int, int], open_e6: int
) -> None:
    """Ten calls of 110 are held. Alone a lot needs 20,000, of C120 11,000."""
    build(spread, {C110: 1})
    for number, lots in asks.items():
        spread.ask(ALICE, PRICES[number] + 1, lots, number)
    spread.assert_can_withdraw(ALICE, CASH - 20_000 - open_e6)


@pytest.mark.rule("MRG-4", "MRG-2")
def test_a_bid_covers_nothing_before_it_is_filled(spread: Exchange) -> None:
    """Ten calls sold need 200,000 however many others are bid for."""
    build(spread, {CALL: -1})
    reserve = spread.row(spread.bid(ALICE, 1, 10, C110)).reserve_e6
    spread.assert_can_withdraw(ALICE, CASH + 50_000 - 200_000 - reserve)


@pytest.mark.rule("MRG-4", "MRG-2", "LIQ-1")
def test_selling_a_cover_needs_what_it_covered(spread: Exchange) -> None:
    """Ten puts of 100 cover a hundred of 10, which alone need 1,100,000 and can lose 1,000,000.

    The ten alone would need 200,000 if they were sold short. Who sells them is at once where the
    order said: at initial margin, with nothing to liquidate.
    """
    spread.create(P10, "BTC-20261225-10-P")
    spread.mark(1, P10)
    build(spread, {PUT: 1})
    hold(spread, ALICE, -100, 1, P10)
    assert (0, 0) == requirement(spread, ALICE)
    order = PlaceOrder(PUT, 1, 1, 10)
    leave(spread, ALICE, 999_999 - 10_000)
    assert Code.INSUFFICIENT_MARGIN == spread.refusal(order, ALICE)
    leave(spread, ALICE, 0)
    spread.deposit(ALICE, 1_000_000)
    assert [] == codes(spread.send(order, ALICE))
    spread.assert_can_withdraw(ALICE, 0)
    assert [] == codes(spread.send(PlaceOrder(PUT, 0, 1, 10), BOB))
    assert (1_000_000, 850_000) == requirement(spread, ALICE)
    spread.assert_can_withdraw(ALICE, 10_000)


@pytest.mark.rule("MRG-4")
@pytest.mark.parametrize(
    ("bids", "asks", "needed_e6"), [(5, 0, 30_000), (0, 5, 20_000), (0, 31, 42_000), (5, 3, 30_000)]
)
def test_open_orders_in_a_future_need_what_they_do_in_standard(
    spread: Exchange, bids: int, asks: int, needed_e6: int
) -> None:
    hold(spread, ALICE, 10, 100, PERP)
    if bids:
        spread.bid(ALICE, 90, bids)
    if asks:
        spread.ask(ALICE, 110, asks)
    spread.assert_can_withdraw(ALICE, CASH - needed_e6)
    choose(spread, ALICE, STANDARD)
    spread.assert_can_withdraw(ALICE, CASH - needed_e6)


@pytest.mark.rule("MRG-7", "MRG-4")
def test_open_orders_count_in_the_new_mode(spread: Exchange) -> None:
    """Ten calls on offer that are covered need 100,000 here and 200,000 in STANDARD."""
    build(spread, {C110: 1})
    leave(spread, ALICE, 199_999)
    spread.ask(ALICE, 6, 10, CALL)
    assert Code.INSUFFICIENT_MARGIN == spread.refusal(SetMarginMode(STANDARD), ALICE)
    spread.deposit(ALICE, 1)
    choose(spread, ALICE, STANDARD)
    spread.assert_can_withdraw(ALICE, 0)


# Orders that reduce


@pytest.mark.rule("MRG-1", "ORD-6")
def test_closing_the_short_leg_passes_without_collateral(spread: Exchange) -> None:
    """It frees the 100,000 of the spread; at a price of 10 it costs just that."""
    build(spread, {CALL: -1, C110: 1})
    leave(spread, ALICE, 100_000)
    bad = PlaceOrder(CALL, 0, 11, 10)
    assert Code.INSUFFICIENT_MARGIN == spread.refusal(bad, ALICE)
    assert [] == codes(spread.send(PlaceOrder(CALL, 0, 10, 10), ALICE))


@pytest.mark.rule("MRG-1", "ORD-6")
@pytest.mark.parametrize(("price", "expected"), [(9, [Code.INSUFFICIENT_MARGIN]), (10, [])])
def test_closing_the_long_leg_needs_what_the_short_leg_then_does(
    spread: Exchange, price: int, expected: list[Code]
) -> None:
    """Without it the short leg needs 100,000 more: selling ten lots at 10 pays for that."""
    build(spread, {CALL: -1, C110: 1})
    leave(spread, ALICE, 100_000)
    assert expected == codes(spread.send(PlaceOrder(C110, 1, price, 10), ALICE))

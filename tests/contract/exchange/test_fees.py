"""Fees, rebates, caps and builders: [FEE-1]."""

from typing import NamedTuple

import pytest

from lockstep_engine.codes import CashReason
from lockstep_engine.commands import SetFeeSchedule, SetFeeTier, UpdateIndexPrice
from lockstep_engine.events import CashMoved
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    CASH,
    DAVE,
    ERIN,
    PERP,
    PUT,
    Exchange,
    of,
    trades,
)

BUILDER_FEE = CashReason.BUILDER_FEE
MAKER_TIER, TAKER_TIER = 1, 2
CAP = 125_000_000


class Rates(NamedTuple):
    """The rates of one side's tier for one kind of instrument."""

    rate_e9: int
    cap_e9: int = CAP
    share_bps: int = 0


def fees(
    market: Exchange,
    maker: Rates,
    taker: Rates,
    fill: tuple[int, int, int] = (PERP, 100, 10),
    builders: tuple[int, int] = (0, 0),
) -> tuple[int, int, int, int]:
    """Let Bob make and Alice take; return (maker fee, its builder fee, taker fee, its builder fee).

    Rates of the other role and kind are set to absurd values, so that using one of them shows.
    """
    instrument, price, qty = fill
    absurd = 77_777_777
    for tier, rates, is_maker in ((MAKER_TIER, maker, True), (TAKER_TIER, taker, False)):
        chosen = [absurd] * 4
        kind = 2 if instrument in (CALL, PUT) else 0
        chosen[kind + (0 if is_maker else 1)] = rates.rate_e9
        market.do(SetFeeSchedule(tier, *chosen, rates.cap_e9, rates.share_bps))
    market.do(SetFeeTier(BOB, MAKER_TIER))
    market.do(SetFeeTier(ALICE, TAKER_TIER))
    market.ask(BOB, price, qty, instrument, builder=builders[0])
    (trade,) = trades(market.buy(ALICE, price, qty, instrument, builder=builders[1]))
    return (
        trade.maker.fee_e6,
        trade.maker.builder_fee_e6,
        trade.taker.fee_e6,
        trade.taker.builder_fee_e6,
    )


# Fees


@pytest.mark.rule("FEE-1", "NUM-2")
@pytest.mark.parametrize(
    ("maker", "taker", "expected"),
    [
        (200_000, 500_000, (200, 500)),
        (0, 0, (0, 0)),
        (1, 1, (1, 1)),
        (200_001, 500_001, (201, 501)),
        (10**8, 10**8, (100_000, 100_000)),
    ],
)
def test_fees_are_a_share_of_the_value_rounded_up(
    market: Exchange, maker: int, taker: int, expected: tuple[int, int]
) -> None:
    """10 lots at 100 are worth 1,000,000."""
    found = fees(market, Rates(maker), Rates(taker))
    assert (expected[0], 0, expected[1], 0) == found
    assert (CASH - expected[0], CASH - expected[1]) == (market.cash(BOB), market.cash(ALICE))
    assert sum(expected) == market.treasury()[0]


@pytest.mark.rule("FEE-1", "ADM-6")
def test_a_new_tier_holds_from_the_next_trade_on(market: Exchange) -> None:
    market.ask(BOB, 100, 20)
    (before,) = trades(market.buy(ALICE, 100, 10))
    market.do(SetFeeSchedule(5, 100_000, 300_000, 0, 0, 0, 0))
    market.do(SetFeeTier(ALICE, 5))
    market.do(SetFeeTier(BOB, 5))
    (after,) = trades(market.buy(ALICE, 100, 10))
    assert [(200, 500), (100, 300)] == [
        (trade.maker.fee_e6, trade.taker.fee_e6) for trade in (before, after)
    ]


@pytest.mark.rule("FEE-1", "ADM-5")
def test_a_new_schedule_of_a_tier_holds_from_the_next_trade_on(market: Exchange) -> None:
    market.ask(BOB, 100, 10)
    market.do(SetFeeSchedule(0, 100_000, 300_000, 0, 0, 0, 0))
    (trade,) = trades(market.buy(ALICE, 100, 10))
    assert (100, 300) == (trade.maker.fee_e6, trade.taker.fee_e6)


# Options


@pytest.mark.rule("FEE-1")
@pytest.mark.parametrize("instrument", [CALL, PUT])
def test_the_fee_of_an_option_is_a_share_of_the_index(market: Exchange, instrument: int) -> None:
    """10 lots at an index of 100 are 1,000,000; the premium of 50,000 caps at 6,250."""
    found = fees(market, Rates(200_000), Rates(500_000), (instrument, 5, 10))
    assert (200, 0, 500, 0) == found
    assert CASH - 50_000 - 500 == market.cash(ALICE)
    assert CASH + 50_000 - 200 == market.cash(BOB)


@pytest.mark.rule("FEE-1")
def test_the_fee_of_an_option_is_capped_by_the_premium(market: Exchange) -> None:
    """At an index of 1,000 the fees would be 2,000 and 5,000; 12.5 % of 10,000 is 1,250."""
    market.index(1_000)
    assert (1_250, 0, 1_250, 0) == fees(market, Rates(200_000), Rates(500_000), (CALL, 1, 10))


@pytest.mark.rule("FEE-1", "NUM-2")
@pytest.mark.parametrize(
    ("cap_e9", "expected"), [(0, 0), (1, 1), (33_333_333, 34), (10**9, 500), (499_000_000, 499)]
)
def test_the_cap_is_the_payers_and_rounded_up(market: Exchange, cap_e9: int, expected: int) -> None:
    """One lot at 1: premium 1,000. At an index of 1,000 the fee would be 500."""
    market.index(1_000)
    assert (500, 0, expected, 0) == fees(
        market, Rates(500_000, 10**9), Rates(500_000, cap_e9), (CALL, 1, 1)
    )


@pytest.mark.rule("FEE-1", "NUM-3")
@pytest.mark.parametrize(
    ("index_e6", "index_lot_e6"), [(2_500, 2), (3_500, 4), (99_999_500, 100_000)]
)
def test_the_index_value_of_a_lot_is_rounded_before_it_is_multiplied(
    market: Exchange, index_e6: int, index_lot_e6: int
) -> None:
    """1,000 lots at a rate of 10 %."""
    market.do(UpdateIndexPrice("BTC", index_e6))
    expected = 100 * index_lot_e6
    found = fees(market, Rates(10**8, 10**9), Rates(10**8, 10**9), (CALL, 200, 1_000))
    assert (expected, 0, expected, 0) == found


# Rebates


@pytest.mark.rule("FEE-1", "NUM-2")
@pytest.mark.parametrize(
    ("maker", "taker", "expected"),
    [
        (-100_000, 500_000, (-100, 500)),
        (-100_999, 500_000, (-100, 500)),
        (-600_000, 500_000, (-500, 500)),
        (-1, 500_000, (0, 500)),
        (-100_000, 0, (0, 0)),
        (500_000, -100_000, (500, -100)),
        (500_000, -600_000, (500, -500)),
        (500_000, -100_999, (500, -100)),
        (0, -100_000, (0, 0)),
        (-100_000, -100_000, (0, 0)),
        (-(10**8), -(10**8), (0, 0)),
    ],
)
def test_rebates_are_rounded_down_and_capped_by_the_other_sides_fee(
    market: Exchange, maker: int, taker: int, expected: tuple[int, int]
) -> None:
    found = fees(market, Rates(maker), Rates(taker))
    assert (expected[0], 0, expected[1], 0) == found
    assert (CASH - expected[0], CASH - expected[1]) == (market.cash(BOB), market.cash(ALICE))
    assert sum(expected) == market.treasury()[0]


@pytest.mark.rule("FEE-1")
@pytest.mark.parametrize(
    ("share_bps", "expected"),
    [(0, (-400, 500, 0)), (2_000, (-400, 500, 100)), (4_000, (-300, 500, 200))],
)
def test_a_makers_rebate_leaves_the_takers_builder_its_fee(
    market: Exchange, share_bps: int, expected: tuple[int, int, int]
) -> None:
    taker = Rates(500_000, share_bps=share_bps)
    found = fees(market, Rates(-400_000), taker, builders=(0, DAVE))
    assert (expected[0], 0, expected[1], expected[2]) == found
    assert CASH + expected[2] == market.cash(DAVE)
    assert sum(expected[:2]) - expected[2] == market.treasury()[0]


@pytest.mark.rule("FEE-1")
def test_a_takers_rebate_leaves_the_makers_builder_its_fee(market: Exchange) -> None:
    maker = Rates(500_000, share_bps=4_000)
    found = fees(market, maker, Rates(-400_000), builders=(CAROL, 0))
    assert (500, 200, -300, 0) == found
    assert (CASH + 200, 0) == (market.cash(CAROL), market.treasury()[0])


@pytest.mark.rule("FEE-1")
def test_a_builder_with_the_whole_fee_leaves_no_rebate(market: Exchange) -> None:
    taker = Rates(500_000, share_bps=10_000)
    assert (0, 0, 500, 500) == fees(market, Rates(-400_000), taker, builders=(0, DAVE))


@pytest.mark.rule("FEE-1")
def test_the_rebate_of_an_option_is_capped_by_the_premium(market: Exchange) -> None:
    """At an index of 1,000 the rebate would be 4,000; 12.5 % of 10,000 is 1,250."""
    market.index(1_000)
    taker = Rates(500_000, 10**9)
    assert (-1_250, 0, 5_000, 0) == fees(market, Rates(-400_000), taker, (CALL, 1, 10))


@pytest.mark.rule("FEE-1", "NUM-2")
def test_the_capped_rebate_of_an_option_is_rounded_down(market: Exchange) -> None:
    """One lot at 1: premium 1,000, cap 33.333333."""
    market.index(1_000)
    maker = Rates(-400_000, 33_333_333)
    assert (-33, 0, 500, 0) == fees(market, maker, Rates(500_000, 10**9), (CALL, 1, 1))


# Builders


@pytest.mark.rule("FEE-1", "NUM-2")
@pytest.mark.parametrize(
    ("share_bps", "maker_share", "taker_share"),
    [(0, 0, 0), (1, 0, 0), (50, 1, 2), (3_333, 66, 166), (10_000, 200, 500)],
)
def test_a_builder_gets_its_share_of_the_fee_rounded_down(
    market: Exchange, share_bps: int, maker_share: int, taker_share: int
) -> None:
    rates = (Rates(200_000, share_bps=share_bps), Rates(500_000, share_bps=share_bps))
    found = fees(market, *rates, builders=(CAROL, DAVE))
    assert (200, maker_share, 500, taker_share) == found
    assert CASH + maker_share == market.cash(CAROL)
    assert CASH + taker_share == market.cash(DAVE)
    assert (CASH - 200, CASH - 500) == (market.cash(BOB), market.cash(ALICE))
    assert 700 - maker_share - taker_share == market.treasury()[0]


@pytest.mark.rule("FEE-1")
def test_the_share_is_that_of_the_payers_tier(market: Exchange) -> None:
    rates = (Rates(200_000, share_bps=1_000), Rates(500_000, share_bps=2_000))
    assert (200, 20, 500, 100) == fees(market, *rates, builders=(ERIN, ERIN))
    assert CASH + 120 == market.cash(ERIN)


@pytest.mark.rule("FEE-1")
def test_there_is_no_builder_fee_without_builder_or_on_a_rebate(market: Exchange) -> None:
    rates = (Rates(-100_000, share_bps=10_000), Rates(500_000, share_bps=10_000))
    assert (-100, 0, 500, 0) == fees(market, *rates, builders=(CAROL, 0))
    assert CASH == market.cash(CAROL)


@pytest.mark.rule("FEE-1", "EVT-3")
def test_builders_are_paid_after_both_sides_settled(market: Exchange) -> None:
    """The payers are each other's builders: the trade shows their cash before that."""
    market.do(SetFeeSchedule(0, 200_000, 500_000, 0, 0, 0, 1_000))
    market.ask(BOB, 100, 10, builder=ALICE)
    events = market.buy(ALICE, 100, 10, builder=BOB)
    (trade,) = trades(events)
    assert (CASH - 200, CASH - 500) == (trade.maker.cash_e6, trade.taker.cash_e6)
    assert [
        CashMoved(ALICE, BUILDER_FEE, 20, CASH - 480),
        CashMoved(BOB, BUILDER_FEE, 50, CASH - 150),
    ] == of(events, CashMoved)


@pytest.mark.rule("FEE-1")
def test_a_resting_order_keeps_its_builder_for_every_fill(market: Exchange) -> None:
    market.do(SetFeeSchedule(0, 200_000, 500_000, 0, 0, 0, 1_000))
    market.ask(BOB, 100, 10, builder=CAROL)
    for expected in (CASH + 10, CASH + 20):
        market.buy(ALICE, 100, 5)
        assert expected == market.cash(CAROL)


@pytest.mark.rule("FEE-1", "NUM-2")
@pytest.mark.parametrize(
    ("index", "rate_e9", "expected"),
    [(100, -200_000, -200), (100, -600_000, -500), (1_000, -200_000, -500)],
)
def test_a_takers_rebate_on_an_option_is_of_the_index_and_capped(
    market: Exchange, index: int, rate_e9: int, expected: int
) -> None:
    """10 lots: at 100 their index value is 1,000,000; the cap is 5 % of the premium of 10,000."""
    market.index(index)
    maker, taker = Rates(10**8, 50_000_000), Rates(rate_e9, 50_000_000)
    assert (500, 0, expected, 0) == fees(market, maker, taker, (CALL, 1, 10))

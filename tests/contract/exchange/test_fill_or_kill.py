"""A FOK order trades whole or not at all: [ORD-2]."""

import pytest

from lockstep_engine.codes import CancelReason, Code, OrderFlag, SelfTradeMode, Side, TimeInForce
from lockstep_engine.commands import PlaceOrder, TradingLimits, UpdateMarkPrice
from lockstep_kernel import Machine
from tests.contract.exchange.giants import row_of_giants
from tests.support.exchange import (
    ALICE,
    BOB,
    CAROL,
    ERIN,
    ETH_PERP,
    GINA,
    HUGO,
    PERP,
    Exchange,
    fills,
    names,
)

FOK = TimeInForce.FOK
REDUCE_ONLY = OrderFlag.REDUCE_ONLY
CANCEL_TAKER, CANCEL_MAKER, CANCEL_BOTH, ALLOW = (
    SelfTradeMode.CANCEL_TAKER,
    SelfTradeMode.CANCEL_MAKER,
    SelfTradeMode.CANCEL_BOTH,
    SelfTradeMode.ALLOW,
)
KILLED = Code.FOK_UNFILLABLE


def fok(price: int, qty: int, instrument: int = PERP, **fields: int) -> PlaceOrder:
    return PlaceOrder(instrument, Side.BUY, price, qty, tif=FOK, **fields)


def assert_largest_fok(market: Exchange, price: int, qty: int, **fields: int) -> None:
    """Check on copies that this size fills whole, and one lot more is killed without a trace."""
    assert KILLED == market.fork().refusal(fok(price, qty + 1, **fields), ALICE)
    events = market.fork().do(fok(price, qty, **fields), ALICE)
    assert qty == sum(lots for _maker, _price, lots in fills(events))


@pytest.mark.rule("ORD-2")
def test_a_fok_order_fills_over_several_levels(market: Exchange) -> None:
    first = market.ask(BOB, 100, 4)
    second = market.ask(CAROL, 101, 4)
    events = market.do(fok(101, 6), ALICE)
    assert [(first, 100, 4), (second, 101, 2)] == fills(events)
    assert ["OrderAccepted", "Trade", "Trade", "BookChanged"] == names(events)


@pytest.mark.rule("ORD-2", "INS-3")
def test_a_fok_order_finds_a_price_that_no_float_can_hold(machine: Machine) -> None:
    price = 2**53 + 1
    row = row_of_giants(machine)
    limits = TradingLimits(max_price_ticks=price, max_order_lots=1, max_position_lots=1)
    row.create(20, "BTC-20260201", tick_e6=1, lot_e8=10**8, limits=limits)
    row.do(UpdateMarkPrice(20, price))
    ask = row.ask(BOB, price, 1, 20)
    assert [(ask, price, 1)] == fills(row.do(fok(price, 1, 20), ALICE))


@pytest.mark.rule("ORD-2")
def test_a_fok_order_that_cannot_fill_whole_changes_nothing(market: Exchange) -> None:
    market.ask(BOB, 100, 4)
    market.ask(CAROL, 101, 4)
    market.ask(CAROL, 102, 40)
    assert KILLED == market.refusal(fok(99, 1), ALICE)
    assert_largest_fok(market, 100, 4)
    assert_largest_fok(market, 101, 8)


@pytest.mark.rule("ORD-2")
def test_a_fok_sell_looks_at_the_bids(market: Exchange) -> None:
    first = market.bid(BOB, 100, 4)
    second = market.bid(BOB, 99, 4)
    sell = PlaceOrder(PERP, Side.SELL, 99, 9, tif=FOK)
    assert KILLED == market.refusal(sell, ALICE)
    events = market.sell(ALICE, 99, 8, tif=FOK)
    assert [(first, 100, 4), (second, 99, 4)] == fills(events)


@pytest.mark.rule("ORD-2")
def test_an_empty_book_kills_it(market: Exchange) -> None:
    assert KILLED == market.refusal(fok(100, 1), ALICE)


# Own orders


def mixed_book(market: Exchange, instrument: int = PERP) -> tuple[int, int, int]:
    """Bob 4 at 100, then Alice 5 at 100, then Bob 6 at 101."""
    return (
        market.ask(BOB, 100, 4, instrument),
        market.ask(ALICE, 100, 5, instrument),
        market.ask(BOB, 101, 6, instrument),
    )


@pytest.mark.rule("ORD-2", "ORD-3")
def test_with_cancel_maker_own_orders_are_skipped(market: Exchange) -> None:
    first, own, last = mixed_book(market)
    assert_largest_fok(market, 101, 10, self_trade=CANCEL_MAKER)
    events = market.do(fok(101, 10, self_trade=CANCEL_MAKER), ALICE)
    assert [(first, 100, 4), (last, 101, 6)] == fills(events)
    assert ["OrderAccepted", "Trade", "OrderCancelled", "Trade"] == names(events)[:-1]
    assert (own, CancelReason.SELF_TRADE) == (events[2].order_id, events[2].reason)


@pytest.mark.rule("ORD-2", "ORD-3")
def test_with_cancel_maker_an_own_order_behind_the_end_stays(market: Exchange) -> None:
    first, own, _last = mixed_book(market)
    events = market.do(fok(101, 4, self_trade=CANCEL_MAKER), ALICE)
    assert [(first, 100, 4)] == fills(events)
    assert 5 == market.row(own).remaining_lots


@pytest.mark.rule("ORD-2", "ORD-3")
@pytest.mark.parametrize("mode", [CANCEL_TAKER, CANCEL_BOTH])
def test_an_own_order_met_before_the_end_kills_it(market: Exchange, mode: int) -> None:
    mixed_book(market)
    assert_largest_fok(market, 101, 4, self_trade=mode)


@pytest.mark.rule("ORD-2", "ORD-3")
def test_with_allow_an_own_order_counts_as_a_fill(market: Exchange) -> None:
    first, own, last = mixed_book(market, ETH_PERP)
    assert KILLED == market.refusal(fok(101, 16, ETH_PERP, self_trade=ALLOW), ALICE)
    events = market.do(fok(101, 15, ETH_PERP, self_trade=ALLOW), ALICE)
    assert [(first, 100, 4), (own, 100, 5), (last, 101, 6)] == fills(events)


@pytest.mark.rule("ORD-2", "ORD-3")
@pytest.mark.parametrize(
    ("mode", "expected"), [(CANCEL_TAKER, 4), (CANCEL_BOTH, 4), (CANCEL_MAKER, 10)]
)
def test_orders_of_the_group_are_own_orders(market: Exchange, mode: int, expected: int) -> None:
    market.ask(BOB, 100, 4)
    market.ask(HUGO, 100, 5)
    market.ask(BOB, 101, 6)
    order = fok(101, expected + 1, self_trade=mode)
    assert KILLED == market.refusal(order, GINA)
    events = market.do(fok(101, expected, self_trade=mode), GINA)
    assert expected == sum(lots for _maker, _price, lots in fills(events))


# Reduce-only cuts on the way


def long_bob(market: Exchange, qty: int) -> None:
    market.trade(BOB, CAROL, 100, qty)


@pytest.mark.rule("ORD-2", "ORD-4")
def test_what_the_sweep_would_cut_away_does_not_count(market: Exchange) -> None:
    """Bob is long 10: when 6 are sold at 100, only 4 of his reduce-only 10 at 101 remain."""
    long_bob(market, 10)
    market.ask(BOB, 100, 6)
    market.ask(BOB, 101, 10, flags=REDUCE_ONLY)
    assert_largest_fok(market, 101, 10)


@pytest.mark.rule("ORD-2", "ORD-4")
def test_a_maker_that_turns_short_loses_all_its_reduce_only_orders(market: Exchange) -> None:
    long_bob(market, 10)
    market.ask(BOB, 100, 12)
    market.ask(BOB, 101, 10, flags=REDUCE_ONLY)
    market.ask(CAROL, 101, 3)
    assert_largest_fok(market, 101, 15)


@pytest.mark.rule("ORD-2", "ORD-4")
def test_reduce_only_makers_lower_their_own_bound_as_they_fill(market: Exchange) -> None:
    long_bob(market, 10)
    market.ask(BOB, 100, 5, flags=REDUCE_ONLY)
    market.ask(BOB, 101, 5, flags=REDUCE_ONLY)
    assert_largest_fok(market, 101, 10)


@pytest.mark.rule("ORD-2", "ORD-4")
def test_the_dry_run_cuts_the_newest_first(market: Exchange) -> None:
    """The newer reduce-only order is the nearer one: it is gone when 5 were sold at 100."""
    long_bob(market, 10)
    market.ask(BOB, 102, 5, flags=REDUCE_ONLY)
    market.ask(BOB, 101, 5, flags=REDUCE_ONLY)
    market.ask(BOB, 100, 5)
    assert_largest_fok(market, 101, 5)
    assert_largest_fok(market, 102, 10)


@pytest.mark.rule("ORD-2", "ORD-4")
def test_the_dry_run_cuts_step_by_step(market: Exchange) -> None:
    """Long 10; sold 3 at 100 and 3 at 101: the bound goes 10, 7, 4 for 6 old and 4 new lots."""
    long_bob(market, 10)
    market.ask(BOB, 102, 6, flags=REDUCE_ONLY)
    market.ask(BOB, 103, 4, flags=REDUCE_ONLY)
    market.ask(BOB, 100, 3)
    market.ask(BOB, 101, 3)
    assert_largest_fok(market, 103, 10)


@pytest.mark.rule("ORD-2", "ORD-4")
def test_a_filled_reduce_only_order_is_not_cut_again(market: Exchange) -> None:
    """Long 10: reduce-only 4 filled, then 3 sold: of the other reduce-only 6 the bound leaves 3."""
    long_bob(market, 10)
    market.ask(BOB, 100, 4, flags=REDUCE_ONLY)
    market.ask(BOB, 100, 3)
    market.ask(BOB, 101, 6, flags=REDUCE_ONLY)
    assert_largest_fok(market, 101, 10)


@pytest.mark.rule("ORD-2", "ORD-4")
def test_cuts_of_several_makers_are_kept_apart(market: Exchange) -> None:
    """Bob is long 6 and Erin long 4; each loses what its own sales take."""
    market.trade(BOB, CAROL, 100, 6)
    market.trade(ERIN, CAROL, 100, 4)
    market.ask(BOB, 100, 5)
    market.ask(ERIN, 100, 1)
    market.ask(BOB, 101, 6, flags=REDUCE_ONLY)
    market.ask(ERIN, 101, 4, flags=REDUCE_ONLY)
    assert_largest_fok(market, 101, 10)


@pytest.mark.rule("ORD-2", "ORD-4")
def test_cuts_of_a_short_maker_count_on_the_bid_side(market: Exchange) -> None:
    market.trade(CAROL, BOB, 100, 10)
    market.bid(BOB, 99, 6)
    market.bid(BOB, 98, 10, flags=REDUCE_ONLY)
    sell = PlaceOrder(PERP, Side.SELL, 98, 11, tif=FOK)
    assert KILLED == market.refusal(sell, ALICE)
    events = market.sell(ALICE, 98, 10, tif=FOK)
    assert 10 == sum(lots for _maker, _price, lots in fills(events))


@pytest.mark.rule("ORD-2", "ORD-4", "ORD-3")
def test_own_trades_cut_nothing(market: Exchange) -> None:
    """Alice is long 5 with a reduce-only sale; trading with herself leaves her position."""
    market.trade(ALICE, BOB, 100, 5, ETH_PERP)
    market.ask(ALICE, 100, 4, ETH_PERP)
    market.ask(ALICE, 101, 5, ETH_PERP, flags=REDUCE_ONLY)
    order = fok(101, 9, ETH_PERP, self_trade=ALLOW)
    events = market.do(order, ALICE)
    assert 9 == sum(lots for _maker, _price, lots in fills(events))
    assert 5 == market.position(ALICE, ETH_PERP)[0]


@pytest.mark.rule("ORD-2")
def test_a_fok_order_never_trades_in_part(market: Exchange) -> None:
    """Every size against a book with own, reduce-only and ordinary orders: all or nothing."""
    long_bob(market, 10)
    market.ask(BOB, 100, 3)
    market.ask(ALICE, 100, 2)
    market.ask(BOB, 101, 8, flags=REDUCE_ONLY)
    market.ask(CAROL, 101, 5)
    market.ask(BOB, 102, 9)
    for mode in (CANCEL_TAKER, CANCEL_MAKER, CANCEL_BOTH):
        for qty in range(1, 28):
            events = market.fork().send(fok(102, qty, self_trade=mode), ALICE)
            filled = sum(lots for _maker, _price, lots in fills(events))
            expected = {"OrderRejected": 0, "OrderAccepted": qty}[names(events)[0]]
            assert (mode, expected) == (mode, filled)

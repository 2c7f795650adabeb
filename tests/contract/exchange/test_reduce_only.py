"""Orders that only close: [ORD-4] and step 7 of [ORD-5]."""

import pytest

from lockstep_engine.codes import AmendReason, CancelReason, Code, OrderFlag, Side, TimeInForce
from lockstep_engine.commands import AmendOrder, PlaceOrder, SetTradingLimits, TradingLimits
from lockstep_engine.events import OrderAmended, OrderCancelled
from tests.support.exchange import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    ETH_PERP,
    PERP,
    Exchange,
    accepted_id,
    fills,
    names,
    of,
    trades,
)

REDUCE_ONLY = OrderFlag.REDUCE_ONLY
IOC = TimeInForce.IOC
CANCELLED, CUT = CancelReason.REDUCE_ONLY, AmendReason.REDUCE_ONLY
INCREASE = Code.REDUCE_ONLY_WOULD_INCREASE


@pytest.fixture
def long(market: Exchange) -> Exchange:
    """The standard market with Alice long 10 and Bob short 10, from 100."""
    market.trade(ALICE, BOB, 100, 10)
    return market


def reduce_only(side: int, qty: int) -> PlaceOrder:
    return PlaceOrder(PERP, side, 100, qty, flags=REDUCE_ONLY)


def remaining(market: Exchange, *order_ids: int) -> list[int]:
    """Return what remains of each order, 0 if it does not rest."""
    rows = [market.order(order_id) for order_id in order_ids]
    return [0 if row is None else row.remaining_lots for row in rows]


# Coming in


@pytest.mark.rule("ORD-4", "ORD-5")
def test_without_position_or_on_its_own_side_it_is_refused(long: Exchange) -> None:
    assert INCREASE == long.refusal(reduce_only(Side.BUY, 1), CAROL)
    assert INCREASE == long.refusal(reduce_only(Side.SELL, 1), CAROL)
    assert INCREASE == long.refusal(reduce_only(Side.BUY, 1), ALICE)
    assert INCREASE == long.refusal(reduce_only(Side.SELL, 1), BOB)


@pytest.mark.rule("ORD-4", "ORD-5")
@pytest.mark.parametrize(("qty", "expected"), [(9, 9), (10, 10), (11, 10), (5_000, 10)])
def test_it_is_cut_to_the_position(long: Exchange, qty: int, expected: int) -> None:
    events = long.sell(ALICE, 110, qty, flags=REDUCE_ONLY)
    order_id = accepted_id(events)
    assert (expected, expected) == (events[0].qty_lots, long.row(order_id).remaining_lots)
    assert expected == long.row(order_id).qty_lots


@pytest.mark.rule("ORD-4", "ORD-5")
def test_all_of_one_side_together_are_cut_to_the_position(long: Exchange) -> None:
    long.ask(ALICE, 110, 7, flags=REDUCE_ONLY)
    assert 3 == long.sell(ALICE, 110, 7, flags=REDUCE_ONLY)[0].qty_lots
    assert INCREASE == long.refusal(reduce_only(Side.SELL, 1), ALICE)


@pytest.mark.rule("ORD-4", "ORD-5")
@pytest.mark.parametrize("qty", [1, 2])
def test_the_last_lot_of_the_position_may_be_closed(long: Exchange, qty: int) -> None:
    long.ask(ALICE, 110, 9, flags=REDUCE_ONLY)
    assert 1 == long.sell(ALICE, 110, qty, flags=REDUCE_ONLY)[0].qty_lots


@pytest.mark.rule("ORD-4")
def test_ordinary_orders_do_not_count_against_it(long: Exchange) -> None:
    long.ask(ALICE, 110, 10)
    assert 10 == long.sell(ALICE, 110, 10, flags=REDUCE_ONLY)[0].qty_lots


@pytest.mark.rule("ORD-4")
def test_a_short_position_is_closed_by_buys(long: Exchange) -> None:
    assert 10 == long.buy(BOB, 90, 12, flags=REDUCE_ONLY)[0].qty_lots


@pytest.mark.rule("ORD-4", "ORD-5")
def test_the_cut_size_need_not_be_on_a_lot_or_above_the_minimum(long: Exchange) -> None:
    limits = TradingLimits(
        max_price_ticks=10_000, qty_step_lots=8, min_order_lots=16, min_notional_e6=1_600_000
    )
    long.do(SetTradingLimits(PERP, limits))
    assert 10 == long.sell(ALICE, 110, 16, flags=REDUCE_ONLY)[0].qty_lots


# Being cut


@pytest.mark.rule("ORD-4")
def test_when_the_position_shrinks_the_newest_orders_are_cut_first(long: Exchange) -> None:
    first = long.ask(ALICE, 110, 4, flags=REDUCE_ONLY)
    second = long.ask(ALICE, 109, 3, flags=REDUCE_ONLY, client_id=7)
    third = long.ask(ALICE, 108, 3, flags=REDUCE_ONLY)
    long.bid(CAROL, 100, 5)
    events = long.sell(ALICE, 100, 5)
    assert [
        OrderCancelled(third, ALICE, PERP, 1, 108, 0, CANCELLED, 3),
        OrderAmended(second, ALICE, PERP, CUT, 109, 1, 1),
    ] == events[2:4]
    assert [4, 1, 0] == remaining(long, first, second, third)


@pytest.mark.rule("ORD-4")
def test_newest_means_the_highest_order_id_and_not_the_last_arrival(long: Exchange) -> None:
    first = long.ask(ALICE, 110, 4, flags=REDUCE_ONLY)
    second = long.ask(ALICE, 109, 4, flags=REDUCE_ONLY)
    long.do(AmendOrder(first, 108, 4), ALICE)
    assert long.row(first).arrival > long.row(second).arrival
    long.bid(CAROL, 100, 5)
    long.sell(ALICE, 100, 5)
    assert [4, 1] == remaining(long, first, second)


@pytest.mark.rule("ORD-4")
def test_a_cut_keeps_the_orders_place(long: Exchange) -> None:
    order_id = long.ask(ALICE, 110, 10, flags=REDUCE_ONLY)
    behind = long.ask(DAVE, 110, 5)
    long.bid(CAROL, 100, 4)
    long.sell(ALICE, 100, 4)
    assert [(order_id, 110, 6), (behind, 110, 1)] == fills(long.buy(CAROL, 110, 7))


@pytest.mark.rule("ORD-4")
def test_a_partly_filled_order_loses_total_and_remaining(long: Exchange) -> None:
    order_id = long.ask(ALICE, 110, 10, flags=REDUCE_ONLY)
    long.buy(CAROL, 110, 2)
    long.bid(CAROL, 100, 3)
    (amended,) = of(long.sell(ALICE, 100, 3), OrderAmended)
    assert OrderAmended(order_id, ALICE, PERP, CUT, 110, 7, 5) == amended
    assert (7, 5) == (long.row(order_id).qty_lots, long.row(order_id).remaining_lots)


@pytest.mark.rule("ORD-4", "MRG-4")
def test_a_cut_releases_the_reserve_pro_rata(long: Exchange) -> None:
    """10 lots at 111 reserve a fee of 555; cut by 3: 555 - floor(166.5) = 389."""
    order_id = long.ask(ALICE, 111, 10, flags=REDUCE_ONLY)
    assert 555 == long.row(order_id).reserve_e6
    long.bid(CAROL, 100, 3)
    long.sell(ALICE, 100, 3)
    assert 389 == long.row(order_id).reserve_e6


@pytest.mark.rule("ORD-4")
def test_a_flip_cancels_all_of_them(long: Exchange) -> None:
    first = long.ask(ALICE, 110, 4, flags=REDUCE_ONLY)
    second = long.ask(ALICE, 111, 6, flags=REDUCE_ONLY)
    long.bid(CAROL, 100, 13)
    events = long.sell(ALICE, 100, 13)
    ended = [(e.order_id, e.reason, e.remaining_lots) for e in of(events, OrderCancelled)]
    assert [(second, CANCELLED, 6), (first, CANCELLED, 4)] == ended
    assert -3 == long.position(ALICE)[0]


@pytest.mark.rule("ORD-4")
def test_what_was_cut_does_not_come_back(long: Exchange) -> None:
    order_id = long.ask(ALICE, 110, 10, flags=REDUCE_ONLY)
    long.bid(CAROL, 100, 4)
    long.sell(ALICE, 100, 4)
    long.trade(ALICE, CAROL, 100, 20)
    assert [6] == remaining(long, order_id)


@pytest.mark.rule("ORD-4", "EVT-3")
def test_a_maker_is_cut_before_the_next_maker_is_met(long: Exchange) -> None:
    """Alice sells 6 of her 10 at 100; of the reduce-only 10 at 101 the taker finds 4."""
    plain = long.ask(ALICE, 100, 6)
    cut = long.ask(ALICE, 101, 10, flags=REDUCE_ONLY)
    events = long.buy(CAROL, 101, 12)
    assert [(plain, 100, 6), (cut, 101, 4)] == fills(events)
    expected = ["OrderAccepted", "Trade", "OrderAmended", "Trade", "BookChanged"]
    assert expected == names(events)
    assert OrderAmended(cut, ALICE, PERP, CUT, 101, 4, 4) == events[2]
    assert (0, 0) == (long.position(ALICE)[0], events[3].maker.remaining_lots)


@pytest.mark.rule("ORD-4", "EVT-3")
def test_a_maker_may_vanish_before_it_is_met(long: Exchange) -> None:
    plain = long.ask(ALICE, 100, 10)
    gone = long.ask(ALICE, 100, 10, flags=REDUCE_ONLY)
    other = long.ask(DAVE, 100, 3)
    events = long.buy(CAROL, 100, 13)
    assert [(plain, 100, 10), (other, 100, 3)] == fills(events)
    assert [gone] == [event.order_id for event in of(events, OrderCancelled)]


@pytest.mark.rule("ORD-4")
def test_reduce_only_fills_lower_both_sides_of_the_bound(long: Exchange) -> None:
    order_id = long.ask(ALICE, 110, 10, flags=REDUCE_ONLY)
    events = long.buy(CAROL, 110, 4)
    assert ["OrderAccepted", "Trade", "BookChanged"] == names(events)
    assert [6] == remaining(long, order_id)


@pytest.mark.rule("ORD-4")
def test_an_incoming_order_is_not_cut_by_its_own_fills(long: Exchange) -> None:
    long.bid(CAROL, 100, 4)
    long.bid(CAROL, 99, 3)
    events = long.sell(ALICE, 99, 10, flags=REDUCE_ONLY)
    assert ["OrderAccepted", "Trade", "Trade", "BookChanged"] == names(events)
    order_id = accepted_id(events)
    assert (10, 3) == (long.row(order_id).qty_lots, long.row(order_id).remaining_lots)
    assert 3 == long.position(ALICE)[0]


@pytest.mark.rule("ORD-4")
def test_an_incoming_order_leaves_older_ones_their_share(long: Exchange) -> None:
    older = long.ask(ALICE, 110, 4, flags=REDUCE_ONLY)
    long.bid(CAROL, 100, 10)
    events = long.sell(ALICE, 100, 10, flags=REDUCE_ONLY, tif=IOC)
    assert [6] == [trade.qty_lots for trade in trades(events)]
    assert [4] == remaining(long, older)
    assert 4 == long.position(ALICE)[0]


@pytest.mark.rule("ORD-4")
def test_only_the_excess_is_cut(long: Exchange) -> None:
    order_id = long.ask(ALICE, 110, 6, flags=REDUCE_ONLY)
    long.bid(CAROL, 100, 8)
    assert [] == of(long.sell(ALICE, 100, 4), OrderAmended)
    assert [6] == remaining(long, order_id)
    assert 1 == len(of(long.sell(ALICE, 100, 1), OrderAmended))
    assert [5] == remaining(long, order_id)


@pytest.mark.rule("ORD-4")
def test_buys_of_a_short_position_are_cut_likewise(long: Exchange) -> None:
    first = long.bid(BOB, 90, 4, flags=REDUCE_ONLY)
    second = long.bid(BOB, 91, 6, flags=REDUCE_ONLY)
    long.ask(CAROL, 100, 7)
    events = long.buy(BOB, 100, 7)
    assert [
        OrderCancelled(second, BOB, PERP, 0, 91, 0, CANCELLED, 6),
        OrderAmended(first, BOB, PERP, CUT, 90, 3, 3),
    ] == events[2:4]


@pytest.mark.rule("ORD-4")
def test_instruments_are_apart(long: Exchange) -> None:
    long.trade(ALICE, BOB, 100, 5, ETH_PERP)
    order_id = long.ask(ALICE, 110, 5, ETH_PERP, flags=REDUCE_ONLY)
    long.bid(CAROL, 100, 10)
    long.sell(ALICE, 100, 10)
    assert [5] == remaining(long, order_id)


@pytest.mark.rule("ORD-4", "BOOK-3")
def test_an_amend_is_cut_as_if_the_old_order_were_gone(long: Exchange) -> None:
    long.ask(ALICE, 110, 3, flags=REDUCE_ONLY)
    order_id = long.ask(ALICE, 111, 5, flags=REDUCE_ONLY)
    (amended,) = of(long.do(AmendOrder(order_id, 112, 9), ALICE), OrderAmended)
    assert (AmendReason.USER, 112, 7, 7) == (
        *(amended.reason, amended.price_ticks),
        *(amended.qty_lots, amended.remaining_lots),
    )


@pytest.mark.rule("ORD-4", "BOOK-3")
def test_an_amend_of_a_partly_filled_order_is_cut_to_the_position_left(long: Exchange) -> None:
    order_id = long.ask(ALICE, 111, 8, flags=REDUCE_ONLY)
    long.buy(CAROL, 111, 3)
    (amended,) = of(long.do(AmendOrder(order_id, 112, 30), ALICE), OrderAmended)
    assert (10, 7) == (amended.qty_lots, amended.remaining_lots)

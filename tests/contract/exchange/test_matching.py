"""Price-time priority and the events of a sweep: [BOOK-1], [EVT-3], [POS-3]."""

import pytest

from lockstep_engine.codes import AmendReason, CancelReason, CashReason, OrderFlag, TimeInForce
from lockstep_engine.commands import AmendOrder, SetFeeSchedule
from lockstep_engine.events import (
    BookChanged,
    CashMoved,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    Trade,
    TradeSide,
)
from tests.support.exchange import (
    ALICE,
    BOB,
    CAROL,
    CASH,
    DAVE,
    PERP,
    Exchange,
    fills,
    names,
    of,
    trades,
)

IOC = TimeInForce.IOC
REDUCE_ONLY = OrderFlag.REDUCE_ONLY


@pytest.mark.rule("BOOK-1")
def test_the_best_price_trades_first_at_the_makers_price(market: Exchange) -> None:
    far = market.ask(BOB, 103, 5)
    near = market.ask(BOB, 101, 5)
    middle = market.ask(CAROL, 102, 5)
    events = market.buy(ALICE, 105, 12)
    assert [(near, 101, 5), (middle, 102, 5), (far, 103, 2)] == fills(events)
    assert ([], [(103, 3)]) == market.depth()


@pytest.mark.rule("BOOK-1")
def test_the_highest_bid_trades_first(market: Exchange) -> None:
    low = market.bid(BOB, 97, 5)
    high = market.bid(CAROL, 99, 5)
    events = market.sell(ALICE, 90, 7)
    assert [(high, 99, 5), (low, 97, 2)] == fills(events)


@pytest.mark.rule("BOOK-1")
def test_at_one_price_the_first_to_arrive_trades_first(market: Exchange) -> None:
    first = market.ask(BOB, 101, 3)
    second = market.ask(CAROL, 101, 3)
    third = market.ask(BOB, 101, 3)
    events = market.buy(ALICE, 101, 7)
    assert [(first, 101, 3), (second, 101, 3), (third, 101, 1)] == fills(events)


@pytest.mark.rule("BOOK-1")
def test_a_partial_fill_keeps_the_makers_place(market: Exchange) -> None:
    first = market.ask(BOB, 101, 5)
    second = market.ask(CAROL, 101, 5)
    assert [(first, 101, 2)] == fills(market.buy(ALICE, 101, 2))
    assert [(first, 101, 3), (second, 101, 1)] == fills(market.buy(ALICE, 101, 4))
    assert 5 == market.row(second).qty_lots
    assert 4 == market.row(second).remaining_lots


@pytest.mark.rule("BOOK-1")
def test_a_taker_rests_with_what_is_left_at_its_own_price(market: Exchange) -> None:
    market.ask(BOB, 101, 5)
    (accepted, trade, changed) = market.buy(ALICE, 103, 8)
    assert BookChanged(PERP, 2, ((103, 3),), ((101, 0),)) == changed
    row = market.row(accepted.order_id)
    assert (103, 8, 3) == (row.price_ticks, row.qty_lots, row.remaining_lots)
    assert (0, 3) == (trade.maker.remaining_lots, trade.taker.remaining_lots)
    assert ([(103, 3)], []) == market.depth()


@pytest.mark.rule("BOOK-1")
def test_an_equal_price_trades(market: Exchange) -> None:
    order_id = market.ask(BOB, 100, 1)
    assert [(order_id, 100, 1)] == fills(market.buy(ALICE, 100, 1))


@pytest.mark.rule("BOOK-1")
def test_orders_that_do_not_cross_rest_beside_each_other(market: Exchange) -> None:
    market.ask(BOB, 101, 1)
    market.bid(ALICE, 100, 1)
    market.bid(ALICE, 99, 2)
    assert ([(100, 1), (99, 2)], [(101, 1)]) == market.depth()


@pytest.mark.rule("BOOK-1")
def test_arrival_numbers_are_taken_when_an_order_comes_to_rest(market: Exchange) -> None:
    first = market.bid(ALICE, 90, 1)
    market.buy(ALICE, 90, 1, tif=IOC)
    second = market.bid(ALICE, 90, 1)
    market.do(AmendOrder(first, 90, 2), ALICE)
    assert (1, 3) == (first, second)
    assert (3, 2) == (market.row(first).arrival, market.row(second).arrival)


@pytest.mark.rule("BOOK-1")
def test_queues_are_restored_by_arrival_and_not_by_order_id(market: Exchange) -> None:
    first = market.ask(BOB, 101, 5)
    second = market.ask(BOB, 101, 2)
    third = market.ask(CAROL, 101, 2)
    market.do(AmendOrder(first, 101, 6), BOB)
    market.buy(ALICE, 101, 1)
    expected = [(second, 101, 1), (third, 101, 2), (first, 101, 6)]
    assert expected == fills(market.fork().buy(ALICE, 101, 9))
    assert expected == fills(market.buy(ALICE, 101, 9))


@pytest.mark.rule("BOOK-1")
def test_books_of_instruments_are_apart(market: Exchange) -> None:
    market.ask(BOB, 90, 5)
    assert [] == trades(market.buy(ALICE, 95, 5, instrument=2))


@pytest.mark.rule("EVT-3", "POS-3", "EVT-1")
def test_a_trade_tells_both_sides_as_they_are_after_it(market: Exchange) -> None:
    """3 lots at 101: worth 303,000; fees of 2 and 5 bps are 60.6 and 151.5, rounded up."""
    lineage = bytes(range(16))
    maker_id = market.ask(BOB, 101, 5, client_id=8)
    market.index(123)
    events = market.buy(ALICE, 102, 3, client_id=4, lineage=lineage)
    maker = TradeSide(maker_id, BOB, 8, 2, 61, 0, 0, -3, -303_000, CASH - 61, b"")
    taker = TradeSide(2, ALICE, 4, 0, 152, 0, 0, 3, 303_000, CASH - 152, lineage)
    accepted = (2, ALICE, PERP, 0, 102, 3, 0, 0, 0, 0, 4, lineage, 0, 0, 0)
    assert [
        OrderAccepted(*accepted),
        Trade(1, PERP, 101, 3, 0, 123_000_000, maker, taker),
        BookChanged(PERP, 2, (), ((101, 2),)),
    ] == events
    assert (213, 7 * CASH) == market.treasury()


@pytest.mark.rule("EVT-3")
def test_trade_ids_rise_from_1_over_all_instruments(market: Exchange) -> None:
    market.ask(BOB, 100, 1)
    market.ask(CAROL, 100, 1)
    ids = [trade.trade_id for trade in trades(market.buy(ALICE, 100, 2))]
    ids += [trade.trade_id for trade in trades(market.trade(ALICE, BOB, 100, 1, 2))]
    assert [1, 2, 3] == ids


@pytest.mark.rule("EVT-3")
def test_a_selling_taker_is_told_as_the_seller(market: Exchange) -> None:
    market.bid(BOB, 100, 1)
    (trade,) = trades(market.sell(ALICE, 99, 1))
    assert (1, 100) == (trade.taker_side, trade.price_ticks)
    assert (1, -1) == (trade.maker.position_lots, trade.taker.position_lots)


def staged(market: Exchange) -> None:
    """Bob long 10 and Alice short 10 from 100; Bob's reduce-only sells 3 and 4, Alice's buy 5.

    Bob's ordinary sell 6 pays Carol as its builder.
    """
    market.do(SetFeeSchedule(0, 200_000, 500_000, 0, 0, 0, 2_000))
    market.trade(BOB, ALICE, 100, 10)
    market.ask(BOB, 120, 4, flags=REDUCE_ONLY)
    market.ask(BOB, 121, 6, flags=REDUCE_ONLY, client_id=9)
    market.bid(ALICE, 80, 10, flags=REDUCE_ONLY)
    market.ask(BOB, 105, 7, builder=CAROL)


@pytest.mark.rule("EVT-3", "EVT-1", "ORD-4", "FEE-1", "POS-1")
def test_a_fill_is_the_trade_then_builder_fees_then_reduce_only_cuts(market: Exchange) -> None:
    """7 lots at 105 are 735,000; both close 7 of 10 from 100; a builder gets 20 % of the fee."""
    staged(market)
    events = market.buy(ALICE, 105, 9, tif=IOC, builder=DAVE)
    cash = (CASH - 500 + 35_000 - 147, CASH - 200 - 35_000 - 368)
    maker = TradeSide(6, BOB, 0, 0, 147, 29, 35_000, 3, 300_000, cash[0], b"")
    taker = TradeSide(7, ALICE, 0, 2, 368, 73, -35_000, -3, -300_000, cash[1], b"")
    reason, cut = CancelReason.REDUCE_ONLY, AmendReason.REDUCE_ONLY
    assert [
        OrderAccepted(7, ALICE, PERP, 0, 105, 9, IOC, 0, 0, 0, 0, b"", 0, DAVE, 0),
        Trade(2, PERP, 105, 7, 0, 100_000_000, maker, taker),
        CashMoved(CAROL, CashReason.BUILDER_FEE, 29, CASH + 29),
        CashMoved(DAVE, CashReason.BUILDER_FEE, 73, CASH + 73),
        OrderCancelled(4, BOB, PERP, 1, 121, 9, reason, 6),
        OrderAmended(3, BOB, PERP, cut, 120, 3, 3),
        OrderAmended(5, ALICE, PERP, cut, 80, 3, 3),
        OrderCancelled(7, ALICE, PERP, 0, 105, 0, CancelReason.IMMEDIATE, 2),
        BookChanged(PERP, 7, ((80, 3),), ((105, 0), (120, 3), (121, 0))),
    ] == events
    assert (500 + 200 + 118 + 295, 7 * CASH) == market.treasury()


@pytest.mark.rule("EVT-3")
def test_each_fill_of_a_sweep_is_told_whole_before_the_next(market: Exchange) -> None:
    market.do(SetFeeSchedule(0, 200_000, 500_000, 0, 0, 0, 2_000))
    market.ask(BOB, 100, 7, builder=CAROL)
    market.ask(BOB, 101, 7)
    events = market.buy(ALICE, 101, 14, builder=DAVE)
    expected = ["Trade", "CashMoved", "CashMoved", "Trade", "CashMoved"]
    assert expected == names(events)[1:-1]
    assert [CAROL, DAVE, DAVE] == [event.account for event in of(events, CashMoved)]


@pytest.mark.rule("POS-3")
@pytest.mark.parametrize("instrument", [PERP, 3, 4, 5])
def test_positions_sum_to_zero_and_money_only_moves(market: Exchange, instrument: int) -> None:
    """Whatever the machine's own invariants say: counted here from the records."""
    accounts = (ALICE, BOB, CAROL)
    for number in range(12):
        maker, taker = accounts[number % 3], accounts[(number + 1) % 3]
        price, qty = 90 + 3 * number, 1 + number % 5
        if number % 2:
            market.ask(maker, price, qty, instrument)
            market.buy(taker, price, qty, instrument)
        else:
            market.bid(maker, price, qty, instrument)
            market.sell(taker, price, qty, instrument)
    positions = [market.position(account, instrument) for account in accounts]
    assert 0 == sum(qty for qty, _cost in positions)
    clearing = 0 if instrument in (3, 4) else -sum(cost for _qty, cost in positions)
    cash = sum(record[5] for record in market.records() if record[0] == 1)
    fees, deposits = market.treasury()
    assert deposits == cash + fees + clearing
    assert fees > 0


@pytest.mark.rule("EVT-1")
def test_nothing_is_told_of_zero_amounts(market: Exchange) -> None:
    """A builder share of 1 bps of a fee of 500 is 0: no CashMoved, and no builder fee."""
    market.do(SetFeeSchedule(0, 200_000, 500_000, 0, 0, 0, 1))
    market.ask(BOB, 100, 10, builder=CAROL)
    events = market.buy(ALICE, 100, 10, builder=DAVE)
    assert ["OrderAccepted", "Trade", "BookChanged"] == names(events)

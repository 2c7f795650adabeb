"""AmendOrder: [BOOK-3]."""

import pytest

from lockstep_engine.codes import (
    AmendReason,
    CancelReason,
    Code,
    InstrumentStatus,
    OrderFlag,
    SelfTradeMode,
    TimeInForce,
)
from lockstep_engine.commands import (
    AmendOrder,
    SetInstrumentStatus,
    SetTradingLimits,
    TradingLimits,
    Transfer,
)
from lockstep_engine.events import (
    BookChanged,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    Trade,
)
from tests.support.exchange import (
    ALICE,
    BOB,
    CAROL,
    CASH,
    FUTURE,
    PERP,
    START_NS,
    Exchange,
    codes,
    fills,
    names,
    of,
)

USER = AmendReason.USER
POST_ONLY, REPRICE, REDUCE_ONLY = (
    OrderFlag.POST_ONLY,
    OrderFlag.REPRICE,
    OrderFlag.REDUCE_ONLY,
)
HALTED, CLOSE_ONLY = InstrumentStatus.HALTED, InstrumentStatus.CLOSE_ONLY


@pytest.fixture
def queue(market: Exchange) -> Exchange:
    """Bids at 90: order 1 of Alice (10 lots, client_id 5), then order 2 of Bob (10 lots)."""
    market.bid(ALICE, 90, 10, client_id=5)
    market.bid(BOB, 90, 10)
    return market


def first_in_queue(market: Exchange) -> int:
    """Sell one lot and return who was met: the live queue tells, not a restored one."""
    market.do(SetInstrumentStatus(PERP, InstrumentStatus.ACTIVE))
    ((maker, _price, _lots),) = fills(market.sell(CAROL, 1, 1, tif=TimeInForce.IOC))
    return maker


# Refusals


@pytest.mark.rule("BOOK-3")
@pytest.mark.parametrize("order_id", [0, -1, 99, 2])
def test_an_order_that_is_not_live_or_not_ones_own_is_unknown(
    queue: Exchange, order_id: int
) -> None:
    events = queue.send(AmendOrder(order_id, 0, 0), ALICE)
    assert [OrderRejected(ALICE, 44, 0, order_id, 0, Code.UNKNOWN_ORDER)] == events


@pytest.mark.rule("BOOK-3")
def test_a_filled_or_cancelled_order_is_unknown(queue: Exchange) -> None:
    queue.sell(CAROL, 90, 10)
    assert Code.UNKNOWN_ORDER == queue.refusal(AmendOrder(1, 90, 5), ALICE)
    queue.cancel(BOB, 2)
    assert Code.UNKNOWN_ORDER == queue.refusal(AmendOrder(2, 90, 5), BOB)


@pytest.mark.rule("BOOK-3")
@pytest.mark.parametrize("qty", [0, -1, -(2**61)])
def test_a_size_below_1_is_refused_with_the_orders_client_id_and_instrument(
    queue: Exchange, qty: int
) -> None:
    before = queue.row(1)
    events = queue.send(AmendOrder(1, 0, qty), ALICE)
    assert [OrderRejected(ALICE, 44, PERP, 1, 5, Code.SIZE_NOT_POSITIVE)] == events
    assert before == queue.row(1)


@pytest.mark.rule("BOOK-3")
@pytest.mark.parametrize(
    ("price", "qty", "expected"),
    [
        (0, 10, Code.PRICE_NOT_POSITIVE),
        (-5, 11, Code.PRICE_NOT_POSITIVE),
        (10_001, 10, Code.PRICE_ABOVE_MAX),
        (91, 10_001, Code.SIZE_ABOVE_MAX),
        (90, 10_001, Code.SIZE_ABOVE_MAX),
    ],
)
def test_a_refused_amend_leaves_the_order_and_its_place(
    queue: Exchange, price: int, qty: int, expected: Code
) -> None:
    assert expected == queue.refusal(AmendOrder(1, price, qty), ALICE)
    assert 1 == first_in_queue(queue)


@pytest.mark.rule("BOOK-3", "MRG-1")
def test_an_amend_without_margin_leaves_the_order_with_place_and_reserve(queue: Exchange) -> None:
    """10 lots at 90 hold 20,000 of margin and a fee of 450; nothing else is left to Alice."""
    queue.do(Transfer(CAROL, CASH - 20_450), ALICE)
    before = queue.row(1)
    assert Code.INSUFFICIENT_MARGIN == queue.refusal(AmendOrder(1, 101, 10), ALICE)
    assert Code.INSUFFICIENT_MARGIN == queue.refusal(AmendOrder(1, 100, 11), ALICE)
    assert before == queue.row(1)
    queue.assert_can_withdraw(ALICE, 0)
    assert 1 == first_in_queue(queue)


# Keeping the place


@pytest.mark.rule("BOOK-3", "BOOK-1")
@pytest.mark.parametrize("qty", [10, 9, 1])
def test_the_same_price_and_no_larger_size_keeps_the_place(queue: Exchange, qty: int) -> None:
    events = queue.send(AmendOrder(1, 90, qty), ALICE)
    assert OrderAmended(1, ALICE, PERP, USER, 90, qty, qty) == events[0]
    row = queue.row(1)
    assert (qty, qty, 1) == (row.qty_lots, row.remaining_lots, row.arrival)
    assert 1 == first_in_queue(queue)


@pytest.mark.rule("BOOK-3")
def test_an_amend_to_the_same_size_changes_nothing_else(queue: Exchange) -> None:
    before = queue.records_but(4)
    events = queue.send(AmendOrder(1, 90, 10), ALICE)
    assert [OrderAmended(1, ALICE, PERP, USER, 90, 10, 10)] == events
    assert before == queue.records_but(4)


@pytest.mark.rule("BOOK-3")
def test_the_total_includes_the_filled_part(queue: Exchange) -> None:
    queue.sell(CAROL, 90, 4)
    events = queue.send(AmendOrder(1, 90, 7), ALICE)
    assert OrderAmended(1, ALICE, PERP, USER, 90, 7, 3) == events[0]
    assert 1 == first_in_queue(queue)


@pytest.mark.rule("BOOK-3")
@pytest.mark.parametrize(("price", "qty"), [(90, 4), (90, 3), (95, 4), (0, 1), (90, 1)])
def test_a_total_not_above_the_filled_part_cancels(queue: Exchange, price: int, qty: int) -> None:
    queue.sell(CAROL, 90, 4)
    events = queue.send(AmendOrder(1, price, qty), ALICE)
    assert [
        OrderCancelled(1, ALICE, PERP, 0, 90, 5, CancelReason.AMENDED, 6),
        BookChanged(PERP, 4, ((90, 10),), ()),
    ] == events


@pytest.mark.rule("BOOK-3", "MRG-4")
def test_a_smaller_size_releases_the_reserve_pro_rata(queue: Exchange) -> None:
    """The fee of 450 for 10 lots: 3 lots less release floor(135)."""
    queue.do(AmendOrder(1, 90, 7), ALICE)
    assert 315 == queue.row(1).reserve_e6
    queue.do(AmendOrder(1, 90, 5), ALICE)
    assert 225 == queue.row(1).reserve_e6


@pytest.mark.rule("BOOK-3")
def test_a_smaller_size_must_be_on_a_lot(queue: Exchange) -> None:
    queue.do(SetTradingLimits(PERP, TradingLimits(max_price_ticks=10_000, qty_step_lots=5)))
    assert Code.SIZE_OFF_LOT == queue.refusal(AmendOrder(1, 90, 9), ALICE)
    assert [] == codes(queue.send(AmendOrder(1, 90, 5), ALICE))


@pytest.mark.rule("BOOK-3")
def test_a_smaller_size_may_be_below_the_minimum(queue: Exchange) -> None:
    limits = TradingLimits(max_price_ticks=10_000, min_order_lots=8, min_notional_e6=10**6)
    queue.do(SetTradingLimits(PERP, limits))
    assert [] == codes(queue.send(AmendOrder(1, 90, 1), ALICE))


@pytest.mark.rule("BOOK-3")
@pytest.mark.parametrize("status", [HALTED, CLOSE_ONLY])
def test_keeping_the_place_passes_in_every_status(queue: Exchange, status: int) -> None:
    queue.do(SetInstrumentStatus(PERP, status))
    assert [] == codes(queue.send(AmendOrder(1, 90, 10), ALICE))
    assert [] == codes(queue.send(AmendOrder(1, 90, 5), ALICE))


@pytest.mark.rule("BOOK-3")
def test_cancelling_by_an_amend_passes_in_a_halt(queue: Exchange) -> None:
    queue.sell(CAROL, 90, 4)
    queue.do(SetInstrumentStatus(PERP, HALTED))
    assert ["OrderCancelled", "BookChanged"] == names(queue.send(AmendOrder(1, 90, 4), ALICE))


# Losing the place


@pytest.mark.rule("BOOK-3", "BOOK-1")
def test_a_larger_size_loses_the_place(queue: Exchange) -> None:
    events = queue.send(AmendOrder(1, 90, 11), ALICE)
    assert [
        OrderAmended(1, ALICE, PERP, USER, 90, 11, 11),
        BookChanged(PERP, 3, ((90, 21),), ()),
    ] == events
    assert 3 == queue.row(1).arrival
    assert 2 == first_in_queue(queue)


@pytest.mark.rule("BOOK-3", "BOOK-1")
@pytest.mark.parametrize(("price", "qty"), [(91, 10), (91, 5), (89, 10), (89, 12)])
def test_another_price_moves_the_order(queue: Exchange, price: int, qty: int) -> None:
    events = queue.send(AmendOrder(1, price, qty), ALICE)
    assert OrderAmended(1, ALICE, PERP, USER, price, qty, qty) == events[0]
    row = queue.row(1)
    assert (price, qty, 5, 3) == (row.price_ticks, row.qty_lots, row.client_id, row.arrival)


@pytest.mark.rule("BOOK-3", "BOOK-1")
def test_there_and_back_again_is_behind_the_others(queue: Exchange) -> None:
    queue.do(AmendOrder(1, 91, 10), ALICE)
    queue.do(AmendOrder(1, 90, 10), ALICE)
    assert 2 == first_in_queue(queue)


@pytest.mark.rule("BOOK-3")
def test_a_partly_filled_order_that_moves_keeps_its_filled_part(queue: Exchange) -> None:
    queue.sell(CAROL, 90, 4)
    events = queue.send(AmendOrder(1, 91, 12), ALICE)
    assert OrderAmended(1, ALICE, PERP, USER, 91, 12, 8) == events[0]
    assert (12, 8) == (queue.row(1).qty_lots, queue.row(1).remaining_lots)


@pytest.mark.rule("BOOK-3", "EVT-3")
def test_an_amend_that_crosses_trades_and_rests_with_the_rest(queue: Exchange) -> None:
    ask = queue.ask(CAROL, 100, 4)
    events = queue.send(AmendOrder(1, 101, 10), ALICE)
    assert ["OrderAmended", "Trade", "BookChanged"] == names(events)
    assert OrderAmended(1, ALICE, PERP, USER, 101, 10, 10) == events[0]
    assert [(ask, 100, 4)] == fills(events)
    (trade,) = of(events, Trade)
    assert (1, 5, 6) == (
        trade.taker.order_id,
        trade.taker.client_id,
        trade.taker.remaining_lots,
    )
    assert ([(101, 6), (90, 10)], []) == queue.depth()


@pytest.mark.rule("BOOK-3")
def test_an_amend_may_fill_the_order_whole(queue: Exchange) -> None:
    queue.ask(CAROL, 100, 40)
    queue.send(AmendOrder(1, 101, 10), ALICE)
    assert None is queue.order(1)
    assert 10 == queue.position(ALICE)[0]


@pytest.mark.rule("BOOK-3", "ORD-3")
def test_an_amend_uses_the_orders_own_self_trade_mode(market: Exchange) -> None:
    mine = market.bid(ALICE, 90, 10, self_trade=SelfTradeMode.CANCEL_MAKER)
    market.ask(ALICE, 100, 4)
    events = market.send(AmendOrder(mine, 101, 10), ALICE)
    assert ["OrderAmended", "OrderCancelled", "BookChanged"] == names(events)
    assert 2 == events[1].order_id
    other = market.bid(BOB, 90, 10)
    market.ask(BOB, 105, 4)
    events = market.send(AmendOrder(other, 105, 10), BOB)
    assert (other, 10) == (events[1].order_id, events[1].remaining_lots)


@pytest.mark.rule("BOOK-3", "ORD-5")
def test_a_post_only_order_cannot_be_amended_into_the_market(market: Exchange) -> None:
    order_id = market.bid(ALICE, 90, 10, flags=POST_ONLY)
    market.ask(BOB, 100, 4)
    assert Code.POST_ONLY_WOULD_CROSS == market.refusal(AmendOrder(order_id, 100, 10), ALICE)
    assert [] == codes(market.send(AmendOrder(order_id, 99, 10), ALICE))


@pytest.mark.rule("BOOK-3", "ORD-5")
def test_a_reprice_order_is_repriced_by_an_amend(market: Exchange) -> None:
    order_id = market.bid(ALICE, 90, 10, flags=REPRICE)
    market.ask(BOB, 100, 4)
    events = market.send(AmendOrder(order_id, 105, 10), ALICE)
    assert OrderAmended(order_id, ALICE, PERP, USER, 99, 10, 10) == events[0]


@pytest.mark.rule("BOOK-3")
@pytest.mark.parametrize(
    ("status", "expected"),
    [(HALTED, Code.INSTRUMENT_HALTED), (CLOSE_ONLY, Code.INSTRUMENT_CLOSE_ONLY)],
)
def test_losing_the_place_is_checked_against_the_status(
    queue: Exchange, status: int, expected: Code
) -> None:
    queue.do(SetInstrumentStatus(PERP, status))
    assert expected == queue.refusal(AmendOrder(1, 91, 10), ALICE)
    assert expected == queue.refusal(AmendOrder(1, 90, 11), ALICE)
    assert 1 == first_in_queue(queue)


@pytest.mark.rule("BOOK-3", "ORD-6")
def test_in_close_only_a_closing_order_may_move_as_if_the_old_one_were_gone(
    market: Exchange,
) -> None:
    market.trade(ALICE, BOB, 100, 10)
    order_id = market.ask(ALICE, 110, 10)
    market.do(SetInstrumentStatus(PERP, CLOSE_ONLY))
    assert [] == codes(market.send(AmendOrder(order_id, 109, 10), ALICE))
    assert Code.INSTRUMENT_CLOSE_ONLY == market.refusal(AmendOrder(order_id, 109, 11), ALICE)


@pytest.mark.rule("BOOK-3", "ORD-5")
def test_limits_of_the_account_see_the_old_order_gone(market: Exchange) -> None:
    limits = TradingLimits(
        max_price_ticks=10_000, max_order_lots=100, max_position_lots=100, max_open_orders=1
    )
    market.do(SetTradingLimits(PERP, limits))
    order_id = market.bid(ALICE, 90, 60)
    assert [] == codes(market.send(AmendOrder(order_id, 91, 100), ALICE))


@pytest.mark.rule("BOOK-3", "ORD-5")
def test_sizes_mean_the_new_total_and_limits_the_new_remaining(market: Exchange) -> None:
    """Alice has bought 60 of 100 lots: with a total of 120, 60 are held and 60 open."""
    limits = TradingLimits(max_price_ticks=10_000, max_order_lots=120, max_position_lots=120)
    market.do(SetTradingLimits(PERP, limits))
    order_id = market.bid(ALICE, 100, 100)
    market.sell(BOB, 100, 60)
    assert Code.SIZE_ABOVE_MAX == market.refusal(AmendOrder(order_id, 100, 121), ALICE)
    assert [] == codes(market.send(AmendOrder(order_id, 100, 120), ALICE))


@pytest.mark.rule("BOOK-3", "ORD-5")
def test_the_position_limit_refuses_a_larger_remaining(market: Exchange) -> None:
    limits = TradingLimits(max_price_ticks=10_000, max_order_lots=100, max_position_lots=100)
    market.do(SetTradingLimits(PERP, limits))
    market.trade(ALICE, BOB, 100, 50)
    order_id = market.bid(ALICE, 90, 30)
    assert Code.POSITION_LIMIT == market.refusal(AmendOrder(order_id, 91, 51), ALICE)
    assert [] == codes(market.send(AmendOrder(order_id, 91, 50), ALICE))


@pytest.mark.rule("BOOK-3", "ORD-5")
def test_the_notional_of_an_amend_is_that_of_the_new_total(market: Exchange) -> None:
    order_id = market.bid(ALICE, 100, 10)
    market.sell(BOB, 100, 9)
    limits = TradingLimits(max_price_ticks=10_000, min_notional_e6=990_000, min_order_lots=10)
    market.do(SetTradingLimits(PERP, limits))
    assert Code.NOTIONAL_BELOW_MIN == market.refusal(AmendOrder(order_id, 98, 10), ALICE)
    assert [] == codes(market.send(AmendOrder(order_id, 99, 10), ALICE))


@pytest.mark.rule("BOOK-3", "MRG-4")
def test_the_reserve_of_a_moved_order_is_that_of_its_new_remaining(market: Exchange) -> None:
    """6 lots left at 110 with mark 100: fee 330 and 60,000 for the price above the mark."""
    order_id = market.bid(ALICE, 90, 10)
    market.sell(BOB, 90, 4)
    market.do(AmendOrder(order_id, 110, 10), ALICE)
    assert 60_330 == market.row(order_id).reserve_e6


@pytest.mark.rule("BOOK-3", "TIM-2")
def test_a_moved_gtd_order_keeps_its_expiry(market: Exchange) -> None:
    expires = START_NS + 100
    order_id = market.bid(ALICE, 90, 10, FUTURE, tif=TimeInForce.GTD, expires_ns=expires)
    market.do(AmendOrder(order_id, 91, 20), ALICE)
    row = market.row(order_id)
    assert (TimeInForce.GTD, expires) == (row.tif, row.expires_ns)


@pytest.mark.rule("BOOK-3", "ORD-5")
def test_a_reduce_only_order_without_position_left_to_close_cannot_move(market: Exchange) -> None:
    """Other reduce-only orders hold the whole position; the order's own lots are free again."""
    market.trade(ALICE, BOB, 100, 10)
    order_id = market.ask(ALICE, 110, 4, flags=REDUCE_ONLY)
    market.ask(ALICE, 111, 6, flags=REDUCE_ONLY)
    (amended,) = of(market.do(AmendOrder(order_id, 112, 10), ALICE), OrderAmended)
    assert (4, 4) == (amended.qty_lots, amended.remaining_lots)

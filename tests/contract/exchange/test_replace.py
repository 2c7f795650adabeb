"""ReplaceOrder: [BOOK-4]."""

import pytest

from lockstep_engine.codes import CancelReason, Code, InstrumentStatus, OrderFlag, TimeInForce
from lockstep_engine.commands import (
    MassQuote,
    PlaceOrder,
    Quote,
    ReplaceOrder,
    SetInstrumentStatus,
    SetTradingLimits,
    TradingLimits,
    Transfer,
)
from lockstep_engine.events import (
    BookChanged,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
)
from tests.support.exchange import (
    ALICE,
    BOB,
    CAROL,
    CASH,
    ETH_PERP,
    PERP,
    START_NS,
    Exchange,
    accepted_id,
    codes,
    fills,
    names,
    of,
)

REPLACED = CancelReason.REPLACED
FOK, GTD = TimeInForce.FOK, TimeInForce.GTD
NEW = PlaceOrder(PERP, 0, 91, 4, client_id=6)
BAD = PlaceOrder(PERP, 0, 0, 4, client_id=6)


@pytest.fixture
def queue(market: Exchange) -> Exchange:
    """Bids at 90: order 1 of Bob, 2 of Alice (client_id 5), 3 of Bob; 10 lots each."""
    market.bid(BOB, 90, 10)
    market.bid(ALICE, 90, 10, client_id=5)
    market.bid(BOB, 90, 10)
    return market


def queue_of(market: Exchange) -> list[int]:
    """Sell all of it and return who was met, in order: the live queue tells."""
    return [maker for maker, _price, _lots in fills(market.sell(CAROL, 90, 30))]


@pytest.mark.rule("BOOK-4")
def test_the_old_order_is_cancelled_and_the_new_one_accepted(queue: Exchange) -> None:
    queue.sell(CAROL, 90, 13)
    events = queue.do(ReplaceOrder(2, NEW), ALICE)
    assert [
        OrderCancelled(2, ALICE, PERP, 0, 90, 5, REPLACED, 7),
        OrderAccepted(5, ALICE, PERP, 0, 91, 4, 0, 0, 0, 0, 6, b"", 0, 0, 0),
        BookChanged(PERP, 5, ((91, 4), (90, 10)), ()),
    ] == events
    assert [5] == [row.order_id for row in queue.orders(ALICE)]


@pytest.mark.rule("BOOK-4")
def test_the_new_order_stands_at_the_end_of_the_queue(queue: Exchange) -> None:
    new = accepted_id(queue.do(ReplaceOrder(2, PlaceOrder(PERP, 0, 90, 10)), ALICE))
    assert [1, 3, new] == queue_of(queue)


@pytest.mark.rule("BOOK-4")
def test_the_new_order_may_be_anything_anywhere(queue: Exchange) -> None:
    new = PlaceOrder(ETH_PERP, 1, 105, 3, tif=GTD, expires_ns=START_NS + 5, flags=8)
    order_id = accepted_id(queue.do(ReplaceOrder(2, new), ALICE))
    row = queue.row(order_id)
    assert (ETH_PERP, 1, 105, 3, GTD) == (*row[2:6], row.tif)
    assert ([(90, 20)], []) == queue.depth()


@pytest.mark.rule("BOOK-4", "EVT-3")
def test_the_new_order_meets_the_book_after_the_old_one_left(queue: Exchange) -> None:
    ask = queue.ask(CAROL, 100, 4)
    events = queue.do(ReplaceOrder(2, PlaceOrder(PERP, 0, 100, 6)), ALICE)
    assert ["OrderCancelled", "OrderAccepted", "Trade", "BookChanged"] == names(events)
    assert [(ask, 100, 4)] == fills(events)


@pytest.mark.rule("BOOK-4", "ORD-3")
def test_the_new_order_does_not_meet_the_old_one(queue: Exchange) -> None:
    events = queue.do(ReplaceOrder(2, PlaceOrder(PERP, 1, 91, 6)), ALICE)
    assert [2] == [event.order_id for event in of(events, OrderCancelled)]


@pytest.mark.rule("BOOK-4")
def test_the_old_orders_client_id_may_be_used_by_the_new_one(queue: Exchange) -> None:
    new = PlaceOrder(PERP, 0, 91, 4, client_id=5)
    order_id = accepted_id(queue.do(ReplaceOrder(2, new), ALICE))
    assert 5 == queue.row(order_id).client_id
    assert Code.DUPLICATE_CLIENT_ID == queue.refusal(new, ALICE)


@pytest.mark.rule("BOOK-4")
def test_another_live_orders_client_id_may_not(queue: Exchange) -> None:
    queue.bid(ALICE, 80, 1, client_id=6)
    assert Code.DUPLICATE_CLIENT_ID == queue.refusal(ReplaceOrder(2, NEW), ALICE)


# Refusals


@pytest.mark.rule("BOOK-4")
@pytest.mark.parametrize("order_id", [0, -1, 99, 1])
@pytest.mark.parametrize("cancel_on_reject", [False, True])
def test_an_order_that_is_not_live_or_not_ones_own_is_unknown(
    queue: Exchange, order_id: int, cancel_on_reject: bool
) -> None:
    before = queue.records_but(4)
    events = queue.send(ReplaceOrder(order_id, BAD, cancel_on_reject), ALICE)
    assert [OrderRejected(ALICE, 45, PERP, order_id, 6, Code.UNKNOWN_ORDER)] == events
    assert before == queue.records_but(4)


@pytest.mark.rule("BOOK-4")
def test_a_refused_replace_names_the_old_order_and_the_new_ones_fields(queue: Exchange) -> None:
    new = PlaceOrder(77, 0, 91, 4, client_id=8)
    events = queue.send(ReplaceOrder(2, new), ALICE)
    assert [OrderRejected(ALICE, 45, 77, 2, 8, Code.UNKNOWN_INSTRUMENT)] == events


@pytest.mark.rule("BOOK-4", "BOOK-1")
@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (BAD, Code.PRICE_NOT_POSITIVE),
        (PlaceOrder(77, 0, 91, 4), Code.UNKNOWN_INSTRUMENT),
        (PlaceOrder(PERP, 0, 91, 0), Code.SIZE_NOT_POSITIVE),
        (PlaceOrder(PERP, 0, 91, 4, tif=FOK), Code.FOK_UNFILLABLE),
        (PlaceOrder(PERP, 1, 90, 4, flags=OrderFlag.POST_ONLY), Code.POST_ONLY_WOULD_CROSS),
        (PlaceOrder(PERP, 1, 95, 4, flags=OrderFlag.REDUCE_ONLY), Code.REDUCE_ONLY_WOULD_INCREASE),
    ],
)
def test_a_refused_replace_leaves_the_old_order_in_its_place(
    queue: Exchange, new: PlaceOrder, expected: Code
) -> None:
    before = queue.row(2)
    assert expected == queue.refusal(ReplaceOrder(2, new), ALICE)
    assert before == queue.row(2)
    assert [1, 2, 3] == queue_of(queue)


@pytest.mark.rule("BOOK-4", "BOOK-1")
@pytest.mark.parametrize("position", [1, 3])
def test_the_first_and_the_last_of_a_queue_keep_their_place_too(
    queue: Exchange, position: int
) -> None:
    assert Code.PRICE_NOT_POSITIVE == queue.refusal(ReplaceOrder(position, BAD), BOB)
    assert [1, 2, 3] == queue_of(queue)


@pytest.mark.rule("BOOK-4", "BOOK-1")
def test_the_only_order_of_a_level_comes_back_with_its_level(market: Exchange) -> None:
    market.bid(BOB, 91, 5)
    market.bid(ALICE, 90, 5)
    market.bid(BOB, 89, 5)
    for order_id, owner in ((1, BOB), (2, ALICE), (3, BOB)):
        assert Code.PRICE_NOT_POSITIVE == market.refusal(ReplaceOrder(order_id, BAD), owner)
    assert [(1, 91, 5), (2, 90, 5), (3, 89, 5)] == fills(market.sell(CAROL, 1, 20))


@pytest.mark.rule("BOOK-4", "MRG-1")
def test_a_replace_without_margin_leaves_the_old_order_and_its_reserve(queue: Exchange) -> None:
    """10 lots at 90 hold 20,000 of margin and a fee of 450; nothing else is left to Alice."""
    queue.do(Transfer(CAROL, CASH - 20_450), ALICE)
    new = PlaceOrder(PERP, 0, 100, 11)
    assert Code.INSUFFICIENT_MARGIN == queue.refusal(ReplaceOrder(2, new), ALICE)
    queue.assert_can_withdraw(ALICE, 0)
    assert [1, 2, 3] == queue_of(queue)


@pytest.mark.rule("BOOK-4", "MRG-1")
def test_the_money_of_the_old_order_is_free_for_the_new_one(queue: Exchange) -> None:
    """9 lots at 100 hold 18,000 and 450: no more than the old order."""
    queue.do(Transfer(CAROL, CASH - 20_450), ALICE)
    assert Code.INSUFFICIENT_MARGIN == queue.refusal(PlaceOrder(PERP, 0, 100, 9), ALICE)
    assert [] == codes(queue.send(ReplaceOrder(2, PlaceOrder(PERP, 0, 100, 9)), ALICE))


@pytest.mark.rule("BOOK-4", "ORD-5")
def test_limits_of_the_account_see_the_old_order_gone(queue: Exchange) -> None:
    limits = TradingLimits(
        max_price_ticks=10_000, max_order_lots=100, max_position_lots=100, max_open_orders=1
    )
    queue.do(SetTradingLimits(PERP, limits))
    assert [] == codes(queue.send(ReplaceOrder(2, PlaceOrder(PERP, 0, 90, 100)), ALICE))


@pytest.mark.rule("BOOK-4", "ORD-4")
def test_the_position_held_by_the_old_reduce_only_order_is_free_for_the_new_one(
    market: Exchange,
) -> None:
    market.trade(ALICE, BOB, 100, 10)
    old = market.ask(ALICE, 110, 10, flags=OrderFlag.REDUCE_ONLY)
    new = PlaceOrder(PERP, 1, 111, 12, flags=OrderFlag.REDUCE_ONLY)
    (accepted,) = of(market.do(ReplaceOrder(old, new), ALICE), OrderAccepted)
    assert 10 == accepted.qty_lots


@pytest.mark.rule("BOOK-4")
def test_with_the_flag_a_refused_replace_cancels_the_old_order(queue: Exchange) -> None:
    events = queue.send(ReplaceOrder(2, BAD, cancel_on_reject=True), ALICE)
    assert [
        OrderRejected(ALICE, 45, PERP, 2, 6, Code.PRICE_NOT_POSITIVE),
        OrderCancelled(2, ALICE, PERP, 0, 90, 5, REPLACED, 10),
        BookChanged(PERP, 4, ((90, 20),), ()),
    ] == events
    assert [1, 3] == queue_of(queue)


@pytest.mark.rule("BOOK-4")
def test_the_flag_means_nothing_if_the_new_order_passes(queue: Exchange) -> None:
    events = queue.send(ReplaceOrder(2, NEW, cancel_on_reject=True), ALICE)
    assert ["OrderCancelled", "OrderAccepted", "BookChanged"] == names(events)


@pytest.mark.rule("BOOK-4")
def test_in_a_halt_a_replace_is_refused_and_the_flag_still_cancels(queue: Exchange) -> None:
    queue.do(SetInstrumentStatus(PERP, InstrumentStatus.HALTED))
    assert Code.INSTRUMENT_HALTED == queue.refusal(ReplaceOrder(2, NEW), ALICE)
    events = queue.send(ReplaceOrder(2, NEW, cancel_on_reject=True), ALICE)
    assert ["OrderRejected", "OrderCancelled", "BookChanged"] == names(events)


@pytest.mark.rule("BOOK-4", "CMD-2")
def test_a_replaced_quote_leaves_its_quote_set(market: Exchange) -> None:
    market.do(MassQuote(3, (Quote(PERP, 90, 5, 0, 0),)), ALICE)
    order_id = accepted_id(market.do(ReplaceOrder(1, PlaceOrder(PERP, 0, 90, 5)), ALICE))
    assert 0 == market.row(order_id).quote_set
    events = market.do(MassQuote(3, (Quote(PERP, 80, 1, 0, 0),)), ALICE)
    assert [] == of(events, OrderCancelled)


@pytest.mark.rule("BOOK-4", "ORD-2")
def test_a_fok_order_does_not_count_the_order_that_it_replaces(market: Exchange) -> None:
    """Alice replaces her sale by a FOK purchase that would cancel own makers: hers is gone."""
    own = market.ask(ALICE, 100, 5)
    market.ask(BOB, 100, 5)
    new = PlaceOrder(PERP, 0, 100, 5, tif=FOK)
    events = market.do(ReplaceOrder(own, new), ALICE)
    assert [(2, 100, 5)] == fills(events)

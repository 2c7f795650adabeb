"""Batch: [CMD-1]."""

import pytest

from lockstep_engine.codes import Code, InstrumentStatus
from lockstep_engine.commands import (
    AmendOrder,
    Batch,
    CancelAll,
    CancelByClientId,
    CancelOrder,
    PlaceOrder,
    ReplaceOrder,
    SetInstrumentStatus,
)
from lockstep_engine.events import CommandRejected, OrderAccepted
from tests.support.exchange import (
    ALICE,
    BOB,
    PERP,
    Exchange,
    codes,
    names,
    of,
    root_of,
)


def place(price: int, qty: int = 1, **fields: int) -> PlaceOrder:
    return PlaceOrder(PERP, 0, price, qty, **fields)


@pytest.mark.rule("CMD-1")
def test_actions_are_carried_out_in_order_with_one_result_each(market: Exchange) -> None:
    actions = (
        place(90, client_id=1),
        place(91, client_id=2),
        CancelByClientId(1),
        AmendOrder(2, 92, 5),
        ReplaceOrder(2, place(93, client_id=2)),
        place(94),
        CancelAll(),
    )
    events = market.do(Batch(actions), ALICE)
    assert [
        *("OrderAccepted", "OrderAccepted", "OrderCancelled", "OrderAmended"),
        *("OrderCancelled", "OrderAccepted", "OrderAccepted"),
        *("OrderCancelled", "OrderCancelled", "OrdersCancelled"),
    ] == names(events)
    assert [] == market.orders()


@pytest.mark.rule("CMD-1")
def test_a_failed_item_stops_nothing(market: Exchange) -> None:
    actions = (place(90), place(0), CancelOrder(99), place(91, 0), place(92))
    events = market.send(Batch(actions), ALICE)
    assert [
        Code.PRICE_NOT_POSITIVE,
        Code.UNKNOWN_ORDER,
        Code.SIZE_NOT_POSITIVE,
    ] == codes(events)
    assert [1, 2] == [event.order_id for event in of(events, OrderAccepted)]


@pytest.mark.rule("CMD-1")
def test_a_batch_whose_items_all_fail_is_not_refused(market: Exchange) -> None:
    events = market.send(Batch((CancelOrder(1), CancelOrder(2))), ALICE)
    assert ["OrderRejected", "OrderRejected"] == names(events)


@pytest.mark.rule("CMD-1")
@pytest.mark.parametrize("count", [0, 51, 200])
def test_too_few_or_too_many_actions_are_refused_as_a_whole(market: Exchange, count: int) -> None:
    nonce = market.last_nonce + 1
    events = market.send(Batch((place(90),) * count), ALICE, nonce=nonce)
    assert [CommandRejected(root_of(ALICE), nonce, ALICE, 47, Code.BAD_BATCH)] == events
    assert [] == market.orders()


@pytest.mark.rule("CMD-1")
@pytest.mark.parametrize("count", [1, 50])
def test_one_to_fifty_actions_pass(market: Exchange, count: int) -> None:
    market.do(Batch((place(90),) * count), ALICE)
    assert ([(90, count)], []) == market.depth()


@pytest.mark.rule("CMD-1")
def test_the_items_of_a_batch_see_each_others_effects(market: Exchange) -> None:
    market.ask(BOB, 100, 3)
    buy = PlaceOrder(PERP, 0, 100, 2, tif=3)
    events = market.send(Batch((buy, buy)), ALICE)
    assert ["OrderAccepted", "Trade", "OrderRejected", "BookChanged"] == names(events)
    assert [Code.FOK_UNFILLABLE] == codes(events)


@pytest.mark.rule("CMD-1", "BOOK-5")
def test_cancels_of_a_batch_pass_in_a_halt(market: Exchange) -> None:
    market.bid(ALICE, 90, 1)
    market.do(SetInstrumentStatus(PERP, InstrumentStatus.HALTED))
    events = market.send(Batch((place(90), CancelOrder(1))), ALICE)
    assert ["OrderRejected", "OrderCancelled", "BookChanged"] == names(events)

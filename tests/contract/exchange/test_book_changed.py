"""BookChanged and the order of events in a command: [EVT-1] and [EVT-2].

That the events fold to the book, with `book_sequence` counting them, is checked after every command
of every test by tests.support.exchange.
"""

from typing import Any

import pytest

from lockstep_engine.codes import AmendReason, Code, TimeInForce
from lockstep_engine.commands import (
    AdvanceTime,
    AmendOrder,
    Batch,
    CancelAll,
    CancelByClientId,
    CancelOrder,
    MassQuote,
    PlaceOrder,
    Quote,
    ReplaceOrder,
    Withdraw,
)
from lockstep_engine.events import BookChanged, CommandRejected, OrderRejected
from tests.support.exchange import (
    ALICE,
    BOB,
    CAROL,
    ETH_PERP,
    FUTURE,
    PERP,
    START_NS,
    Events,
    Exchange,
    names,
    of,
    root_of,
)


def changes(events: Events) -> list[BookChanged]:
    return of(events, BookChanged)


@pytest.mark.rule("EVT-2")
def test_a_new_level_and_its_end_are_told(market: Exchange) -> None:
    assert [BookChanged(PERP, 1, ((90, 4),), ())] == changes(market.buy(ALICE, 90, 4))
    assert [BookChanged(PERP, 2, ((90, 6),), ())] == changes(market.buy(BOB, 90, 2))
    assert [BookChanged(PERP, 3, ((90, 2),), ())] == changes(market.cancel(ALICE, 1))
    assert [BookChanged(PERP, 4, ((90, 0),), ())] == changes(market.cancel(BOB, 2))
    assert (4,) == market.record(8, PERP)


@pytest.mark.rule("EVT-2")
def test_levels_stand_best_first_on_both_sides(market: Exchange) -> None:
    for price in (95, 97, 96):
        market.bid(ALICE, price, 1)
        market.ask(ALICE, price + 10, 2)
    (changed,) = changes(market.do(CancelAll(), ALICE))
    bids = ((97, 0), (96, 0), (95, 0))
    asks = ((105, 0), (106, 0), (107, 0))
    assert (bids, asks) == (changed.bids, changed.asks)


@pytest.mark.rule("EVT-2")
def test_only_levels_that_differ_are_told(market: Exchange) -> None:
    market.ask(BOB, 100, 5)
    market.ask(BOB, 101, 5)
    market.ask(BOB, 102, 5)
    assert [BookChanged(PERP, 4, (), ((100, 0), (101, 2)))] == changes(market.buy(ALICE, 102, 8))


@pytest.mark.rule("EVT-2")
def test_a_level_restored_within_the_command_is_not_told(market: Exchange) -> None:
    market.bid(ALICE, 90, 5)
    place = PlaceOrder(PERP, 0, 90, 3, client_id=4)
    events = market.do(Batch((place, CancelByClientId(4))), ALICE)
    assert ["OrderAccepted", "OrderCancelled"] == names(events)
    assert (1,) == market.record(8, PERP)


@pytest.mark.rule("EVT-2")
def test_a_level_made_and_removed_within_the_command_is_not_told(market: Exchange) -> None:
    place = PlaceOrder(PERP, 1, 110, 3, client_id=4)
    assert [] == changes(market.do(Batch((place, CancelByClientId(4))), ALICE))
    assert None is market.record(8, PERP)


@pytest.mark.rule("EVT-2")
def test_a_replace_of_the_same_size_and_price_is_not_told(market: Exchange) -> None:
    order_id = market.bid(ALICE, 90, 5)
    events = market.do(ReplaceOrder(order_id, PlaceOrder(PERP, 0, 90, 5)), ALICE)
    assert ["OrderCancelled", "OrderAccepted"] == names(events)


@pytest.mark.rule("EVT-2")
def test_a_refused_amend_or_replace_is_not_told(market: Exchange) -> None:
    order_id = market.bid(ALICE, 90, 5)
    assert ["OrderRejected"] == names(market.send(AmendOrder(order_id, 0, 9), ALICE))
    replace = ReplaceOrder(order_id, PlaceOrder(PERP, 0, 0, 5))
    assert ["OrderRejected"] == names(market.send(replace, ALICE))
    assert (1,) == market.record(8, PERP)


@pytest.mark.rule("EVT-2")
def test_the_sum_of_a_command_is_told_once(market: Exchange) -> None:
    places = tuple(PlaceOrder(PERP, 0, price, 1) for price in (90, 91, 90))
    (changed,) = changes(market.do(Batch(places), ALICE))
    assert BookChanged(PERP, 1, ((91, 1), (90, 2)), ()) == changed


@pytest.mark.rule("EVT-2")
def test_books_are_told_in_the_order_of_their_instruments(market: Exchange) -> None:
    quotes = tuple(Quote(number, 90, 1, 110, 1) for number in (ETH_PERP, PERP, FUTURE))
    events = market.do(MassQuote(1, quotes), ALICE)
    assert [PERP, FUTURE, ETH_PERP] == [changed.instrument for changed in changes(events)]
    assert ["BookChanged"] * 3 == names(events)[-3:]


@pytest.mark.rule("EVT-2", "TIM-2")
def test_what_timers_did_and_the_command_did_is_one_change(market: Exchange) -> None:
    market.bid(ALICE, 90, 5, tif=TimeInForce.GTD, expires_ns=START_NS + 5)
    market.bid(ALICE, 91, 5, tif=TimeInForce.GTD, expires_ns=START_NS + 5)
    events = market.do(PlaceOrder(PERP, 0, 90, 5), BOB, at=START_NS + 5)
    assert ["OrderCancelled", "OrderCancelled", "OrderAccepted", "BookChanged"] == names(events)
    assert BookChanged(PERP, 3, ((91, 0),), ()) == events[-1]


@pytest.mark.rule("EVT-2")
def test_a_trade_that_leaves_the_totals_as_they_were_is_not_told(market: Exchange) -> None:
    """In one batch a level is filled and filled up again."""
    market.ask(BOB, 100, 5)
    batch = Batch((PlaceOrder(PERP, 0, 100, 2), PlaceOrder(PERP, 1, 100, 2)))
    events = market.do(batch, ALICE)
    assert ["OrderAccepted", "Trade", "OrderAccepted"] == names(events)


ONE, TWO = PlaceOrder(PERP, 0, 90, 1), PlaceOrder(PERP, 0, 90, 2)
TEN = PlaceOrder(PERP, 0, 90, 10, client_id=5)
BAD = PlaceOrder(PERP, 0, 0, 1)
STORIES: list[tuple[tuple[Any, ...], tuple[tuple[int, int], ...]]] = [
    ((CancelOrder(1), TEN), ()),
    ((CancelOrder(1), TWO), ((90, 2),)),
    ((CancelOrder(1), TEN, CancelByClientId(5)), ((90, 0),)),
    ((CancelOrder(1), TEN, CancelByClientId(5), TEN), ()),
    ((CancelOrder(1), TEN, CancelByClientId(5), ONE), ((90, 1),)),
    ((AmendOrder(1, 90, 4), ReplaceOrder(1, BAD)), ((90, 4),)),
    ((ReplaceOrder(1, BAD), AmendOrder(1, 90, 4)), ((90, 4),)),
    ((ReplaceOrder(1, BAD), ReplaceOrder(1, BAD)), ()),
    ((ReplaceOrder(1, BAD), ONE), ((90, 11),)),
    ((ReplaceOrder(1, BAD, True), ONE), ((90, 1),)),
    ((AmendOrder(1, 91, 10), AmendOrder(1, 90, 10)), ()),
    ((AmendOrder(1, 91, 10), ONE), ((91, 10), (90, 1))),
    ((AmendOrder(1, 0, 10), AmendOrder(1, 10_001, 11)), ()),
    ((ReplaceOrder(1, PlaceOrder(PERP, 0, 89, 10)), TWO), ((90, 2), (89, 10))),
]


@pytest.mark.rule("EVT-2")
@pytest.mark.parametrize(("actions", "expected"), STORIES, ids=range(len(STORIES)))
def test_a_level_that_ends_and_begins_again_is_compared_with_before_the_command(
    market: Exchange, actions: tuple[Any, ...], expected: tuple[tuple[int, int], ...]
) -> None:
    """Order 1 is the only one of its level, with 10 lots."""
    market.bid(ALICE, 90, 10)
    found = [changed.bids for changed in changes(market.send(Batch(actions), ALICE))]
    assert ([expected] if expected else []) == found


@pytest.mark.rule("EVT-2", "EVT-3")
def test_a_level_swept_and_quoted_again_in_one_command(market: Exchange) -> None:
    market.ask(BOB, 100, 5)
    sweep, quote = PlaceOrder(PERP, 0, 100, 5), PlaceOrder(PERP, 1, 100, 7)
    assert [((), ((100, 7),))] == [
        (changed.bids, changed.asks) for changed in changes(market.do(Batch((sweep, quote)), ALICE))
    ]


@pytest.mark.rule("EVT-1")
def test_order_actions_are_refused_by_order_events_and_the_others_by_command_events(
    market: Exchange,
) -> None:
    order_actions = [
        PlaceOrder(PERP, 0, 0, 1),
        CancelOrder(99),
        CancelByClientId(99),
        CancelAll(side=2),
        AmendOrder(99, 1, 1),
        ReplaceOrder(99, PlaceOrder(PERP, 0, 1, 1)),
    ]
    for action in order_actions:
        assert [OrderRejected] == [type(event) for event in market.send(action, ALICE)]
    for action in (Withdraw(0), Batch(()), MassQuote(0, ())):
        assert [CommandRejected] == [type(event) for event in market.send(action, ALICE)]


@pytest.mark.rule("EVT-1", "AUT-1")
def test_an_order_action_refused_by_authority_is_a_refused_command(market: Exchange) -> None:
    nonce = market.last_nonce + 1
    events = market.send(CancelOrder(1), ALICE, signer=root_of(BOB), nonce=nonce)
    code = Code.UNKNOWN_SIGNER
    assert [CommandRejected(root_of(BOB), nonce, ALICE, 41, code)] == events


@pytest.mark.rule("EVT-1", "CMD-1")
def test_events_of_a_batch_stand_in_the_order_of_its_actions(market: Exchange) -> None:
    market.ask(BOB, 100, 1)
    own = market.bid(ALICE, 90, 2)
    batch = Batch(
        (
            PlaceOrder(PERP, 0, 100, 1),
            CancelOrder(77),
            AmendOrder(own, 90, 1),
            CancelOrder(own),
        )
    )
    events = market.send(batch, ALICE)
    expected = ["OrderAccepted", "Trade", "OrderRejected", "OrderAmended", "OrderCancelled"]
    assert [*expected, "BookChanged"] == names(events)
    assert AmendReason.USER == events[3].reason


@pytest.mark.rule("EVT-2")
def test_a_book_of_another_instrument_is_not_told(market: Exchange) -> None:
    market.bid(CAROL, 90, 1, FUTURE)
    assert [PERP] == [changed.instrument for changed in changes(market.buy(ALICE, 90, 1))]


def test_advancing_time_alone_tells_no_book(market: Exchange) -> None:
    market.bid(CAROL, 90, 1)
    assert ["TimeAdvanced"] == names(market.do(AdvanceTime(), at=START_NS + 5))

"""MassQuote replaces a quote set as a whole."""

import pytest

from lockstep_engine.codes import CancelReason, Code
from lockstep_engine.commands import AmendOrder, MassQuote, Quote, SetTradingLimits, TradingLimits
from lockstep_engine.events import (
    BookChanged,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    QuoteKept,
    Trade,
)
from tests.unit.naive.world import (
    BUY,
    CALL,
    OPEN_PERP,
    PERP,
    SELL,
    World,
    code_of,
    kinds,
    of,
    only,
)


def quote(bid: tuple[int, int], ask: tuple[int, int], instrument: int = PERP) -> Quote:
    return Quote(instrument, *bid, *ask)


def mass(*quotes: Quote, **fields) -> MassQuote:
    return MassQuote(**{"quote_set": 1, "quotes": quotes} | fields)


GOOD = quote((90, 5), (110, 5))


@pytest.mark.rule("CMD-2")
@pytest.mark.parametrize(
    "bad",
    [
        mass(GOOD, quote_set=0),
        mass(),
        mass(*[quote((1, 1), (2, 1), number) for number in range(51)]),
        mass(GOOD, quote((1, 1), (2, 1), CALL), GOOD),
        *[mass(GOOD, flags=flags) for flags in (3, 4, 5, 6, 11, 12, 15, 16, -1)],
        *[mass(GOOD, self_trade=mode) for mode in (-1, 5)],
        mass(GOOD, lineage=b"x"),
        mass(quote((90, -1), (110, 5))),
        mass(quote((90, 1), (110, -5))),
    ],
)
def test_a_bad_mass_quote_is_refused_whole(bad: MassQuote) -> None:
    world = World()
    world.do(1, mass(GOOD))
    assert Code.BAD_QUOTE == code_of(world.do(1, bad))
    assert 2 == len(world.core.orders.all())


@pytest.mark.rule("CMD-2")
@pytest.mark.parametrize("flags", [0, 1, 2, 8, 9, 10])
def test_good_flags_and_empty_sides(flags: int) -> None:
    world = World()
    world.protect(1)
    assert [] == world.do(1, mass(quote((0, 0), (-5, 0)), flags=flags))
    events = world.do(1, mass(quote((90, 1), (0, 0)), flags=flags))
    assert flags == only(events, OrderAccepted).flags


@pytest.mark.rule("CMD-2")
def test_the_first_quotes_are_new_orders_by_quote_and_bid_first() -> None:
    world = World()
    call = quote((4, 2), (6, 2), CALL)
    events = world.do(1, mass(call, GOOD, quote_set=7, lineage=b"Q" * 16, self_trade=1))
    accepted = [(e.instrument, e.side, e.quote_set) for e in of(events, OrderAccepted)]
    assert [(CALL, 0, 7), (CALL, 1, 7), (PERP, 0, 7), (PERP, 1, 7)] == accepted
    first = events[0]
    assert OrderAccepted(1, 1, CALL, BUY, 4, 2, 0, 0, 0, 1, 0, b"Q" * 16, 0, 0, 7) == first
    assert [PERP, CALL] == [event.instrument for event in of(events, BookChanged)]


@pytest.mark.rule("CMD-2")
def test_a_side_is_kept_shrunk_or_replaced() -> None:
    world = World()
    world.do(1, mass(GOOD, quote((4, 5), (6, 5), CALL)))
    events = world.do(1, mass(quote((90, 5), (110, 3)), quote((4, 6), (7, 5), CALL)))
    assert kinds(events) == [
        *["OrderCancelled"] * 2,
        *["QuoteKept", "OrderAmended", "OrderAccepted", "OrderAccepted"],
        *["BookChanged"] * 2,
    ]
    cancelled = [(event.order_id, event.reason) for event in of(events, OrderCancelled)]
    assert [(3, CancelReason.QUOTE), (4, CancelReason.QUOTE)] == cancelled
    assert QuoteKept(1, 1, PERP, BUY, 90, 5) == events[2]
    assert OrderAmended(2, 1, PERP, 4, 110, 3, 3) == events[3]
    assert (1, 2) == (world.core.orders.must(1).arrival, world.core.orders.must(2).arrival)
    world.verify()


@pytest.mark.rule("CMD-2")
def test_what_is_not_quoted_any_more_is_cancelled_and_other_sets_stay() -> None:
    world = World()
    world.do(1, mass(GOOD))
    world.do(1, mass(GOOD, quote_set=2))
    world.do(2, mass(GOOD))
    plain = world.rest(1, BUY, 90, 5)
    events = world.do(1, mass(quote((90, 5), (110, 0))))
    assert ["OrderCancelled", "QuoteKept", "BookChanged"] == kinds(events)
    assert 2 == events[0].order_id
    assert world.order(plain) is not None
    assert 6 == len(world.core.orders.all())


@pytest.mark.rule("CMD-2")
def test_a_smaller_size_off_the_step_is_a_new_order_and_refused() -> None:
    world = World()
    world.do(1, mass(quote((90, 10), (0, 0))))
    limits = TradingLimits(qty_step_lots=5, max_price_ticks=100_000)
    world.operate(SetTradingLimits(PERP, limits))
    events = world.do(1, mass(quote((90, 7), (0, 0))))
    assert ["OrderCancelled", "OrderRejected", "BookChanged"] == kinds(events)
    assert OrderRejected(1, 46, PERP, 0, 0, Code.SIZE_OFF_LOT) == events[1]


@pytest.mark.rule("CMD-2")
def test_an_item_that_is_refused_stops_no_other() -> None:
    world = World()
    events = world.do(1, mass(quote((90, 1), (0, 1), 77), quote((0, 1), (110, 1))))
    assert [Code.UNKNOWN_INSTRUMENT] * 2 + [Code.PRICE_NOT_POSITIVE] == [
        event.code for event in of(events, OrderRejected)
    ]
    assert 1 == len(of(events, OrderAccepted))


@pytest.mark.rule("CMD-2")
def test_a_kept_side_that_was_traded_by_then_is_quoted_anew() -> None:
    world = World()
    # an own ask of another set is hit by nobody but the own bid, which trades with itself
    world.do(1, mass(quote((0, 0), (100, 5), OPEN_PERP)))
    events = world.do(1, mass(quote((100, 5), (100, 5), OPEN_PERP), self_trade=4))
    # the ask is kept, then the bid takes it whole, so the ask enters as a new order
    assert ["OrderAccepted", "Trade", "OrderAccepted"] == kinds(events)
    assert [2, 3] == [event.order_id for event in of(events, OrderAccepted)]
    assert [] == of(events, BookChanged)
    world.verify()


@pytest.mark.rule("CMD-2")
def test_a_kept_side_that_was_partly_traded_is_kept_with_what_it_has() -> None:
    world = World()
    world.do(1, mass(quote((0, 0), (100, 5), OPEN_PERP)))
    events = world.do(1, mass(quote((100, 2), (100, 4), OPEN_PERP), self_trade=4))
    assert ["OrderAccepted", "Trade", "QuoteKept", "BookChanged"] == kinds(events)
    assert QuoteKept(1, 1, OPEN_PERP, SELL, 100, 3) == only(events, QuoteKept)
    assert 1 == len(of(events, Trade))


@pytest.mark.rule("CMD-2")
def test_an_amended_quote_stays_in_its_set() -> None:
    world = World()
    world.do(1, mass(GOOD))
    world.do(1, AmendOrder(1, 91, 5))
    events = world.do(1, mass(quote((91, 5), (110, 5))))
    assert ["QuoteKept", "QuoteKept"] == kinds(events)

"""MassQuote: a quote set replaces itself: [CMD-2]."""

from typing import Any

import pytest

from lockstep_engine.codes import (
    AmendReason,
    CancelReason,
    Code,
    InstrumentStatus,
    OrderFlag,
    SelfTradeMode,
)
from lockstep_engine.commands import (
    AmendOrder,
    CancelAll,
    MassQuote,
    Quote,
    SetInstrumentStatus,
    SetTradingLimits,
    TradingLimits,
)
from lockstep_engine.events import (
    BookChanged,
    CommandRejected,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    QuoteKept,
)
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    ETH_PERP,
    FUTURE,
    PERP,
    Events,
    Exchange,
    codes,
    fills,
    names,
    of,
    root_of,
)

QUOTE = CancelReason.QUOTE
POST_ONLY, REPRICE, REDUCE_ONLY, MMP = (
    OrderFlag.POST_ONLY,
    OrderFlag.REPRICE,
    OrderFlag.REDUCE_ONLY,
    OrderFlag.MMP,
)
CANCEL_MAKER, DECREMENT, ALLOW = (
    SelfTradeMode.CANCEL_MAKER,
    SelfTradeMode.DECREMENT,
    SelfTradeMode.ALLOW,
)
LINEAGE = bytes(range(16))
BOTH = Quote(PERP, 90, 10, 110, 20)
BOTH_ETH = Quote(ETH_PERP, 92, 1, 112, 1)


def quote(market: Exchange, *quotes: Quote, **fields: Any) -> Events:
    """Let Alice quote in set 7."""
    return market.send(MassQuote(fields.pop("quote_set", 7), quotes, **fields), ALICE)


@pytest.fixture
def quoted(market: Exchange) -> Exchange:
    """Alice's set 7 has order 1, a bid of 10 at 90, and order 2, an ask of 20 at 110."""
    assert [] == codes(quote(market, BOTH))
    return market


# Entering


@pytest.mark.rule("CMD-2")
def test_the_first_quotes_are_new_orders_bid_before_ask(market: Exchange) -> None:
    events = quote(market, BOTH, flags=POST_ONLY | MMP, self_trade=2, lineage=LINEAGE)
    more = (0, 0, POST_ONLY | MMP, 2, 0, LINEAGE, 0, 0, 7)
    assert [
        OrderAccepted(1, ALICE, PERP, 0, 90, 10, *more),
        OrderAccepted(2, ALICE, PERP, 1, 110, 20, *more),
        BookChanged(PERP, 1, ((90, 10),), ((110, 20),)),
    ] == events
    assert [7, 7] == [row.quote_set for row in market.orders()]


@pytest.mark.rule("CMD-2")
def test_quotes_are_entered_in_the_order_given(market: Exchange) -> None:
    events = quote(market, Quote(FUTURE, 90, 1, 110, 1), Quote(PERP, 91, 1, 111, 1))
    found = [(e.instrument, e.side) for e in of(events, OrderAccepted)]
    assert [(FUTURE, 0), (FUTURE, 1), (PERP, 0), (PERP, 1)] == found


@pytest.mark.rule("CMD-2")
def test_a_side_of_size_0_is_empty_whatever_its_price(market: Exchange) -> None:
    events = quote(market, Quote(PERP, -5, 0, 110, 3), Quote(FUTURE, 90, 3, 0, 0))
    assert ["OrderAccepted", "OrderAccepted", "BookChanged", "BookChanged"] == names(events)


@pytest.mark.rule("CMD-2")
def test_a_quoted_side_is_checked_like_any_order_and_refused_alone(market: Exchange) -> None:
    quotes = (Quote(99, 90, 1, 110, 1), Quote(PERP, 0, 1, 110, 1), Quote(CALL, 5, 1, 10_001, 2))
    events = quote(market, *quotes)
    assert [
        OrderRejected(ALICE, 46, 99, 0, 0, Code.UNKNOWN_INSTRUMENT),
        OrderRejected(ALICE, 46, 99, 0, 0, Code.UNKNOWN_INSTRUMENT),
        OrderRejected(ALICE, 46, PERP, 0, 0, Code.PRICE_NOT_POSITIVE),
    ] == events[:3]
    assert [1, 2] == [event.order_id for event in of(events, OrderAccepted)]
    assert OrderRejected(ALICE, 46, CALL, 0, 0, Code.PRICE_ABOVE_MAX) == events[5]


@pytest.mark.rule("CMD-2", "EVT-3")
def test_a_quote_that_crosses_trades(market: Exchange) -> None:
    ask = market.ask(BOB, 100, 4)
    events = quote(market, Quote(PERP, 101, 10, 0, 0))
    assert [(ask, 100, 4)] == fills(events)
    assert 6 == market.row(2).remaining_lots


@pytest.mark.rule("CMD-2", "ORD-5")
def test_a_post_only_quote_that_would_take_is_refused_and_a_reprice_moved(
    market: Exchange,
) -> None:
    market.ask(BOB, 100, 4)
    events = quote(market, Quote(PERP, 101, 10, 110, 1), flags=POST_ONLY)
    assert [Code.POST_ONLY_WOULD_CROSS] == codes(events)
    events = quote(market, Quote(PERP, 101, 10, 110, 1), flags=REPRICE)
    assert 99 == of(events, OrderAccepted)[0].price_ticks


@pytest.mark.rule("CMD-2", "BOOK-5")
def test_quotes_may_be_cancelled_by_their_mmp_mark(market: Exchange) -> None:
    quote(market, BOTH, flags=MMP)
    market.bid(ALICE, 80, 1)
    market.do(CancelAll(mmp=True), ALICE)
    assert [3] == [row.order_id for row in market.orders()]


# Keeping and replacing


@pytest.mark.rule("CMD-2")
def test_the_same_quotes_are_kept(quoted: Exchange) -> None:
    before = quoted.records_but(4)
    events = quote(quoted, BOTH)
    assert [
        QuoteKept(1, ALICE, PERP, 0, 90, 10),
        QuoteKept(2, ALICE, PERP, 1, 110, 20),
    ] == events
    assert before == quoted.records_but(4)


@pytest.mark.rule("CMD-2", "BOOK-1", "MRG-4")
def test_a_smaller_size_is_taken_off_at_its_place(quoted: Exchange) -> None:
    """The bid's fee of 450: 4 of 10 lots less release 180."""
    quoted.bid(BOB, 90, 5)
    events = quote(quoted, Quote(PERP, 90, 6, 110, 20))
    assert [
        OrderAmended(1, ALICE, PERP, AmendReason.QUOTE, 90, 6, 6),
        QuoteKept(2, ALICE, PERP, 1, 110, 20),
        BookChanged(PERP, 3, ((90, 11),), ()),
    ] == events
    assert 270 == quoted.row(1).reserve_e6
    assert [(1, 90, 6), (3, 90, 1)] == fills(quoted.sell(CAROL, 90, 7))


@pytest.mark.rule("CMD-2")
def test_a_larger_size_is_a_new_order(quoted: Exchange) -> None:
    events = quote(quoted, Quote(PERP, 90, 11, 110, 20))
    assert [
        OrderCancelled(1, ALICE, PERP, 0, 90, 0, QUOTE, 10),
        OrderAccepted(3, ALICE, PERP, 0, 90, 11, 0, 0, 0, 0, 0, b"", 0, 0, 7),
        QuoteKept(2, ALICE, PERP, 1, 110, 20),
        BookChanged(PERP, 2, ((90, 11),), ()),
    ] == events


@pytest.mark.rule("CMD-2")
def test_another_price_is_a_new_order_and_all_cancels_come_first(quoted: Exchange) -> None:
    events = quote(quoted, Quote(PERP, 91, 10, 109, 20))
    assert [
        *("OrderCancelled", "OrderCancelled", "OrderAccepted", "OrderAccepted", "BookChanged"),
    ] == names(events)
    assert [1, 2] == [event.order_id for event in of(events, OrderCancelled)]


@pytest.mark.rule("CMD-2")
def test_what_is_not_quoted_any_more_is_cancelled_in_order_id_order(market: Exchange) -> None:
    quote(market, Quote(FUTURE, 90, 1, 110, 1), Quote(PERP, 91, 1, 111, 1), BOTH_ETH)
    events = quote(market, Quote(PERP, 0, 0, 111, 1), Quote(99, 0, 0, 0, 0))
    assert [1, 2, 3, 5, 6] == [event.order_id for event in of(events, OrderCancelled)]
    assert {QUOTE} == {event.reason for event in of(events, OrderCancelled)}
    assert [4] == [event.order_id for event in of(events, QuoteKept)]


@pytest.mark.rule("CMD-2")
def test_a_partly_filled_quote_is_kept_up_to_its_remaining(quoted: Exchange) -> None:
    quoted.sell(BOB, 90, 4)
    same = quoted.fork()
    assert QuoteKept(1, ALICE, PERP, 0, 90, 6) == quote(same, Quote(PERP, 90, 6, 110, 20))[0]
    less = quoted.fork()
    events = quote(less, Quote(PERP, 90, 5, 110, 20))
    assert OrderAmended(1, ALICE, PERP, AmendReason.QUOTE, 90, 9, 5) == events[0]
    events = quote(quoted, Quote(PERP, 90, 7, 110, 20))
    assert OrderCancelled(1, ALICE, PERP, 0, 90, 0, QUOTE, 6) == events[0]
    assert 7 == of(events, OrderAccepted)[0].qty_lots


@pytest.mark.rule("CMD-2")
def test_a_filled_quote_is_quoted_anew(quoted: Exchange) -> None:
    quoted.sell(BOB, 90, 10)
    events = quote(quoted, BOTH)
    assert ["OrderAccepted", "QuoteKept", "BookChanged"] == names(events)


@pytest.mark.rule("CMD-2")
def test_a_kept_order_keeps_its_own_flags_mode_and_lineage(market: Exchange) -> None:
    quote(market, BOTH, flags=MMP, self_trade=1, lineage=LINEAGE)
    before = market.row(1)
    quote(market, BOTH)
    assert before == market.row(1)


@pytest.mark.rule("CMD-2")
def test_a_size_off_the_lot_is_not_kept(quoted: Exchange) -> None:
    limits = TradingLimits(max_price_ticks=10_000, qty_step_lots=4)
    quoted.do(SetTradingLimits(PERP, limits))
    events = quote(quoted, Quote(PERP, 90, 10, 110, 8))
    assert ["OrderCancelled", "OrderRejected", "OrderAmended", "BookChanged"] == names(events)
    assert [Code.SIZE_OFF_LOT] == codes(events)


@pytest.mark.rule("CMD-2")
def test_sets_and_accounts_are_apart(quoted: Exchange) -> None:
    quoted.do(MassQuote(7, (BOTH,)), BOB)
    quote(quoted, BOTH, quote_set=8)
    quoted.bid(ALICE, 90, 3)
    events = quote(quoted, Quote(PERP, 0, 0, 0, 0))
    assert [1, 2] == [event.order_id for event in of(events, OrderCancelled)]
    assert [3, 4, 5, 6, 7] == [row.order_id for row in quoted.orders()]


@pytest.mark.rule("CMD-2", "BOOK-3")
def test_an_amended_quote_is_compared_as_it_is_now(quoted: Exchange) -> None:
    quoted.do(AmendOrder(1, 89, 12), ALICE)
    assert 7 == quoted.row(1).quote_set
    events = quote(quoted, Quote(PERP, 89, 12, 110, 20))
    assert ["QuoteKept", "QuoteKept"] == names(events)


@pytest.mark.rule("CMD-2")
def test_in_a_halt_quotes_are_kept_and_shrunk_but_not_entered(quoted: Exchange) -> None:
    quoted.do(SetInstrumentStatus(PERP, InstrumentStatus.HALTED))
    events = quote(quoted, Quote(PERP, 90, 4, 109, 20))
    expected = ["OrderCancelled", "OrderAmended", "OrderRejected", "BookChanged"]
    assert expected == names(events)
    assert [Code.INSTRUMENT_HALTED] == codes(events)


# Quotes that meet each other


@pytest.mark.rule("CMD-2", "ORD-3")
def test_a_kept_order_that_the_quotes_themselves_filled_stands_with_what_is_left(
    market: Exchange,
) -> None:
    """The new bid trades 4 lots with the kept ask of 10: 8 is no less than the 6 that remain."""
    quote(market, Quote(ETH_PERP, 90, 5, 105, 10))
    events = quote(market, Quote(ETH_PERP, 105, 4, 105, 8), self_trade=ALLOW)
    assert ["OrderCancelled", "OrderAccepted", "Trade", "QuoteKept"] == names(events)[:4]
    assert QuoteKept(2, ALICE, ETH_PERP, 1, 105, 6) == events[3]


@pytest.mark.rule("CMD-2", "ORD-3")
def test_a_kept_order_that_the_quotes_themselves_filled_shrinks_to_its_size(
    market: Exchange,
) -> None:
    quote(market, Quote(ETH_PERP, 90, 5, 105, 10))
    events = quote(market, Quote(ETH_PERP, 105, 4, 105, 5), self_trade=ALLOW)
    assert OrderAmended(2, ALICE, ETH_PERP, AmendReason.QUOTE, 105, 9, 5) == events[3]


@pytest.mark.rule("CMD-2", "ORD-3")
@pytest.mark.parametrize("mode", [CANCEL_MAKER, DECREMENT])
def test_a_kept_order_that_is_gone_by_then_is_entered_anew(market: Exchange, mode: int) -> None:
    """The new bid ends the kept ask; the ask comes back as a new order and meets the bid."""
    quote(market, Quote(PERP, 90, 5, 105, 10))
    events = quote(market, Quote(PERP, 105, 10, 105, 10), self_trade=mode)
    gone = [(e.order_id, e.reason) for e in of(events, OrderCancelled)]
    assert [(1, QUOTE), (2, CancelReason.SELF_TRADE)] == gone[:2]
    assert [3, 4] == [event.order_id for event in of(events, OrderAccepted)]
    assert ([], [(105, 10)]) == market.depth()


# Refused as a whole

BAD: list[tuple[str, dict[str, Any]]] = [
    ("set 0", {"quote_set": 0}),
    ("negative set", {"quote_set": -1}),
    ("no quotes", {"quotes": ()}),
    ("51 quotes", {"quotes": tuple(Quote(n, 1, 0, 1, 0) for n in range(1, 52))}),
    ("an instrument twice", {"quotes": (BOTH, Quote(FUTURE, 1, 1, 2, 1), BOTH)}),
    ("an unknown instrument twice", {"quotes": (Quote(99, 1, 0, 1, 0), Quote(99, 2, 0, 2, 0))}),
    *((f"flags {flags}", {"flags": flags}) for flags in (-1, 3, 4, 5, 6, 11, 12, 15, 16, 2**61)),
    *((f"mode {mode}", {"self_trade": mode}) for mode in (-1, 5)),
    *((f"lineage of {n}", {"lineage": bytes(n)}) for n in (1, 15)),
    ("a negative bid", {"quotes": (Quote(PERP, 90, -1, 110, 1),)}),
    ("a negative ask", {"quotes": (Quote(PERP, 90, 1, 110, -1),)}),
]


@pytest.mark.rule("CMD-2", "EVT-1")
@pytest.mark.parametrize("changes", [row[1] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_mass_quote_is_refused_as_a_whole(quoted: Exchange, changes: dict[str, Any]) -> None:
    before = quoted.orders()
    nonce = quoted.last_nonce + 1
    fields = {"quote_set": 7, "quotes": (Quote(PERP, 91, 1, 109, 1),)} | changes
    events = quoted.send(MassQuote(**fields), ALICE, nonce=nonce)
    assert [CommandRejected(root_of(ALICE), nonce, ALICE, 46, Code.BAD_QUOTE)] == events
    assert before == quoted.orders()


@pytest.mark.rule("CMD-2")
@pytest.mark.parametrize("flags", [0, 1, 2, 8, 9, 10])
def test_the_flags_of_a_mass_quote(market: Exchange, flags: int) -> None:
    assert [] == codes(quote(market, BOTH, flags=flags))
    assert [flags, flags] == [row.flags for row in market.orders()]


@pytest.mark.rule("CMD-2")
def test_allow_is_refused_per_order_where_the_instrument_does_not_permit_it(
    market: Exchange,
) -> None:
    events = quote(market, Quote(PERP, 90, 1, 0, 0), BOTH_ETH, self_trade=ALLOW)
    assert [Code.BAD_SELF_TRADE_MODE] == codes(events)
    assert 2 == len(of(events, OrderAccepted))


@pytest.mark.rule("CMD-2")
def test_fifty_quotes_pass(market: Exchange) -> None:
    quotes = tuple(Quote(n, 90, 1, 110, 1) for n in range(1, 51))
    events = quote(market, *quotes)
    assert (10, 90) == (len(of(events, OrderAccepted)), len(codes(events)))


@pytest.mark.rule("CMD-2", "ORD-4")
def test_quotes_are_never_reduce_only(market: Exchange) -> None:
    market.trade(ALICE, BOB, 100, 5)
    assert [Code.BAD_QUOTE] == codes(quote(market, BOTH, flags=REDUCE_ONLY))

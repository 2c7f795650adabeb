"""The counter-side: orders of the desk that rest fill as a market passes them, at their price."""

import msgspec

from lockstep_desk.adapters.exchange.venue import CounterVenue, Listing, VenueOptions
from lockstep_desk.clock import SequencedClock
from lockstep_desk.core.commands import RecordFill, RecordL1, RecordTrade
from lockstep_desk.strategy import MarketTrade, Quote
from lockstep_desk.types import Side
from lockstep_engine.commands import Command, PlaceOrder
from lockstep_engine.events import OrderAccepted
from lockstep_journal import MemoryJournal

BTC, LOT, DOLLAR, START_NS = "BTC-PERP", 10**5, 10**9, 10**18


def opened() -> tuple[CounterVenue, SequencedClock]:
    clock = SequencedClock(START_NS)
    options = VenueOptions((Listing(BTC, DOLLAR, LOT),))
    venue = CounterVenue(options, START_NS, clock.now_ns, lambda _machine, g: MemoryJournal(g))
    venue.sessions["main"].connect()
    venue.sessions["main"].take()
    return venue, clock


def bid(venue: CounterVenue, clock: SequencedClock, price: int, lots: int) -> None:
    """Let the desk's account rest an order."""
    member = venue.sessions["main"].member
    order = PlaceOrder(1, int(Side.BUY), price, lots)
    # The nonce of this millisecond is that of the account's protection.
    command = Command(member.signer, clock.now_ns() // 10**6 + 1, order, member.number)
    result = venue.sequencer.submit([command])[0]
    assert not isinstance(result, Exception)
    assert any(isinstance(event, OrderAccepted) for event in result[1])


def told(venue: CounterVenue, kind: type[msgspec.Struct]) -> list[msgspec.Struct]:
    return [report for report in venue.sessions["main"].take() if isinstance(report, kind)]


def quote(bid_price: int, ask_price: int) -> Quote:
    return Quote(BTC, START_NS, bid_price * DOLLAR, 5 * LOT, ask_price * DOLLAR, 5 * LOT)


def fills(venue: CounterVenue) -> list[tuple[int, int]]:
    reports = [one for one in venue.sessions["main"].take() if isinstance(one, RecordFill)]
    return [(one.fill.price_e9 // DOLLAR, one.fill.qty_e8 // LOT) for one in reports]


def test_a_recorded_trade_reaches_orders_of_the_desk_that_stand_better() -> None:
    venue, clock = opened()
    venue.quote(BTC, quote(59_990, 60_010))
    bid(venue, clock, 60_000, 3)
    venue.sessions["main"].take()
    venue.trade(BTC, MarketTrade(BTC, START_NS, 60_000 * DOLLAR, 2 * LOT, Side.SELL))
    assert [(60_000, 2)] == fills(venue)
    venue.trade(BTC, MarketTrade(BTC, START_NS, 60_001 * DOLLAR, 2 * LOT, Side.SELL))
    assert [] == fills(venue)


def test_at_one_price_who_came_first_trades_first() -> None:
    venue, clock = opened()
    venue.quote(BTC, quote(60_000, 60_010))
    bid(venue, clock, 60_000, 3)
    venue.sessions["main"].take()
    venue.trade(BTC, MarketTrade(BTC, START_NS, 60_000 * DOLLAR, 6 * LOT, Side.SELL))
    assert [(60_000, 1)] == fills(venue)


def test_an_order_fills_as_the_price_of_a_candle_passes_it() -> None:
    venue, clock = opened()
    venue.show(BTC, 60_000 * DOLLAR)
    bid(venue, clock, 59_900, 2)
    venue.show(BTC, 59_950 * DOLLAR)
    assert [] == fills(venue)
    venue.show(BTC, 59_800 * DOLLAR)
    assert [(59_900, 2)] == fills(venue)


def test_the_desk_is_told_what_was_quoted_and_traded() -> None:
    venue, _clock = opened()
    venue.quote(BTC, quote(59_990, 60_010))
    (best,) = told(venue, RecordL1)
    assert isinstance(best, RecordL1)
    assert (59_990 * DOLLAR, 60_010 * DOLLAR) == (best.bid_price_e9, best.ask_price_e9)
    venue.trade(BTC, MarketTrade(BTC, START_NS, 60_010 * DOLLAR, 2 * LOT, Side.BUY))
    (trade,) = told(venue, RecordTrade)
    assert isinstance(trade, RecordTrade)
    assert (60_010 * DOLLAR, 2 * LOT) == (trade.price_e9, trade.qty_e8)

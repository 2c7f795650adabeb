"""What strategies see of the market: candles, best quotes, trades, and the newest of each.

Owns the values and their coherence. Prices are 1e-9, quantities 1e-8, times nanoseconds UTC. A
value that makes no sense (a high below a low, a negative size) cannot be built.
"""

from typing import Any

import msgspec

from lockstep_desk.errors import InvalidValueError, need_int, need_text
from lockstep_desk.types import Side


class Candle(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Open, high, low and close of a span of time that ended at `ts_ns`.

    Invariant: low <= min(open, close) <= max(open, close) <= high (PIPE-D10).
    """

    instrument: str
    ts_ns: int
    open_e9: int
    high_e9: int
    low_e9: int
    close_e9: int
    volume_e8: int

    def __post_init__(self) -> None:
        _check_place(self.instrument, self.ts_ns)
        need_int("low_e9", self.low_e9, 1)
        need_int("volume_e8", self.volume_e8, 0)
        if not self.low_e9 <= min(self.open_e9, self.close_e9):
            raise _incoherent("low_e9 at most open and close", self)
        if not max(self.open_e9, self.close_e9) <= self.high_e9:
            raise _incoherent("high_e9 at least open and close", self)


class Quote(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """The best bid and ask; an empty side has quantity 0."""

    instrument: str
    ts_ns: int
    bid_e9: int
    bid_qty_e8: int
    ask_e9: int
    ask_qty_e8: int

    def __post_init__(self) -> None:
        _check_place(self.instrument, self.ts_ns)
        need_int("bid_qty_e8", self.bid_qty_e8, 0)
        need_int("ask_qty_e8", self.ask_qty_e8, 0)
        need_int("bid_e9", self.bid_e9, 1 if self.bid_qty_e8 else 0)
        need_int("ask_e9", self.ask_e9, 1 if self.ask_qty_e8 else 0)

    @property
    def middle_e9(self) -> int | None:
        """Return the middle weighted by the volume of the other side; None unless both stand.

        (bid x ask quantity + ask x bid quantity) / both quantities, rounded down ([DESK-2B]).
        """
        if not self.bid_qty_e8 or not self.ask_qty_e8:
            return None
        weighted = self.bid_e9 * self.ask_qty_e8 + self.ask_e9 * self.bid_qty_e8
        return weighted // (self.bid_qty_e8 + self.ask_qty_e8)


class MarketTrade(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """A trade between others; `side` is the taker's."""

    instrument: str
    ts_ns: int
    price_e9: int
    qty_e8: int
    side: Side

    def __post_init__(self) -> None:
        _check_place(self.instrument, self.ts_ns)
        need_int("price_e9", self.price_e9, 1)
        need_int("qty_e8", self.qty_e8, 1)


MarketEvent = Candle | Quote | MarketTrade


class MarketView(msgspec.Struct, frozen=True, array_like=True):
    """The newest of each kind in one instrument, and the event that made this view.

    `missed` counts events that were conflated away since the view before: a strategy that must see
    every candle can tell.
    """

    instrument: str
    event: MarketEvent
    quote: Quote | None = None
    trade: MarketTrade | None = None
    candle: Candle | None = None
    missed: int = 0

    @property
    def price_e9(self) -> int | None:
        """Return the price now: middle of the quote, else last trade, else last close or None."""
        middle = self.quote.middle_e9 if self.quote else None
        if middle is not None:
            return middle
        if self.trade is not None:
            return self.trade.price_e9
        return self.candle.close_e9 if self.candle else None

    def after(self, event: MarketEvent, missed: int = 0) -> "MarketView":
        """Return the view after an event; one that is older than its kind's newest changes nothing.

        Equal times are taken, as the later one is the newer news.
        """
        quote, trade, candle = self.quote, self.trade, self.candle
        match event:
            case Quote():
                quote = event if quote is None or quote.ts_ns <= event.ts_ns else quote
            case MarketTrade():
                trade = event if trade is None or trade.ts_ns <= event.ts_ns else trade
            case Candle():
                candle = event if candle is None or candle.ts_ns <= event.ts_ns else candle
        return MarketView(self.instrument, event, quote, trade, candle, missed)


def first_view(event: MarketEvent) -> MarketView:
    """Return the view of an instrument after its first event."""
    return MarketView(event.instrument, event).after(event)


def _check_place(instrument: Any, ts_ns: Any) -> None:
    need_text("instrument", instrument)
    need_int("ts_ns", ts_ns, 0)


def _incoherent(expected: str, candle: Candle) -> InvalidValueError:
    return InvalidValueError(
        f"candle of {candle.instrument} at {candle.ts_ns}: expected {expected}, found open "
        f"{candle.open_e9}, high {candle.high_e9}, low {candle.low_e9}, close {candle.close_e9}"
    )

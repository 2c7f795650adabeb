"""Contexts for tests of strategies, risk and pipeline."""

from lockstep_desk.strategy import (
    Actions,
    Algo,
    Candle,
    Context,
    Holding,
    Intent,
    MarketEvent,
    MarketView,
    Quote,
    Working,
    first_view,
)
from lockstep_desk.types import Side

E8 = 10**8
E9 = 10**9
BTC = "BTC-PERP"


def candle_of(close: int, ts_ns: int = 0, instrument: str = BTC) -> Candle:
    """Return a candle that stood still, at a price in whole units."""
    price_e9 = close * E9
    return Candle(instrument, ts_ns, price_e9, price_e9, price_e9, price_e9, E8)


def quote_of(bid: int, ask: int, bid_lots: int = 1, ask_lots: int = 1) -> Quote:
    return Quote(BTC, 0, bid * E9, bid_lots * E8, ask * E9, ask_lots * E8)


def context_of(
    event: MarketEvent | None = None,
    held: int = 0,
    orders: tuple[Working, ...] = (),
    market: MarketView | None = None,
) -> Context:
    """Return a context after one event, holding whole units."""
    view = market or first_view(event or candle_of(100))
    return Context("deployment", BTC, view, 1, 7, Holding(held * E8, 100 * E9), orders)


def working(side: Side, price: int | None = None, *, is_confirmed: bool = True) -> Working:
    return Working(f"order-{side.name}", side, E8, price and price * E9, is_confirmed)


def asked(algo: Algo, context: Context) -> list[Intent]:
    """Return the intents of one callback."""
    actions = Actions()
    algo.on_market(context, actions)
    return list(actions)

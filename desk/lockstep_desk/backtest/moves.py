"""From market data to moves of the counter-side, in time: a candle becomes a path of four prices.

Owns the path: open, then low and high, of a falling candle high and low, then close, at the
quarters of the candle's span. Memory is bounded by the candles of one moment.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from lockstep_desk.adapters.exchange.venue import FundingRate, Listing
from lockstep_desk.strategy.market import Candle, MarketEvent

_QUARTERS = 4


class Move(NamedTuple):
    """What happens next in the market of an instrument.

    `price_e9` is a point on a candle's path, otherwise 0; `event` is a quote, a trade, a funding
    rate that is to hold from now on, or a candle at its close.
    """

    due_ns: int
    instrument: str
    price_e9: int
    event: MarketEvent | FundingRate | None


def moves(
    events: Iterable[MarketEvent], names: Mapping[str, str], candle_ns: int
) -> Iterator[Move]:
    """Yield the moves of those events whose instrument is in `names`, under the name found there.

    `candle_ns` is the span of a candle. Events are taken in their order.
    """
    known = (event for event in events if event.instrument in names)
    for _ts_ns, together in groupby(known, key=_group):
        found = [move for event in together for move in _moves_of(event, names, candle_ns)]
        # Paths of several candles run side by side; sorting keeps the order of equal times.
        yield from sorted(found, key=_due)


def rates(listings: Iterable[Listing], start_ns: int) -> list[Move]:
    """Return the funding rates of all listings in time, those from before the start at it."""
    found = [
        Move(max(rate.from_ns, start_ns), listing.name, 0, rate)
        for listing in listings
        for rate in listing.funding
    ]
    return sorted(found, key=_due)


def with_rates(path: Iterable[Move], changes: Sequence[Move]) -> Iterator[Move]:
    """Yield a path with changes at their times, each before what moves then; none after its end."""
    waiting = deque(changes)
    for move in path:
        while waiting and waiting[0].due_ns <= move.due_ns:
            yield waiting.popleft()
        yield move


def _moves_of(event: MarketEvent, names: Mapping[str, str], candle_ns: int) -> list[Move]:
    name = names[event.instrument]
    if not isinstance(event, Candle):
        return [Move(event.ts_ns, name, 0, event)]
    first, second = event.low_e9, event.high_e9
    if event.close_e9 < event.open_e9:
        first, second = second, first
    opened_ns = max(event.ts_ns - candle_ns, 0)
    span_ns = event.ts_ns - opened_ns
    path = (event.open_e9, first, second, event.close_e9)
    return [
        Move(
            opened_ns + span_ns * (place + 1) // _QUARTERS,
            name,
            price_e9,
            event if place == _QUARTERS - 1 else None,
        )
        for place, price_e9 in enumerate(path)
    ]


def _group(event: MarketEvent) -> tuple[int, bool]:
    return event.ts_ns, isinstance(event, Candle)


def _due(move: Move) -> int:
    return move.due_ns

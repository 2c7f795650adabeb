"""What the market says: trades, best prices, candles ([DESK-2B], [DESK-96]).

Every report that is newer moves the price of its instrument, and with it what every open position
in it is worth, at once ([DESK-D7]).
"""

from lockstep_desk.core.codes import Link, Refusal
from lockstep_desk.core.commands import (
    RecordCandle,
    RecordL1,
    RecordMarketDisconnect,
    RecordTrade,
)
from lockstep_desk.core.links import heal, lose
from lockstep_desk.core.notes import Events, ignore, refuse
from lockstep_desk.core.prices import Market
from lockstep_desk.core.state import DeskCore
from lockstep_desk.types import PRICE_E9_MAX

QTY_E8_MAX = 2**61


def record_trade(core: DeskCore, command: RecordTrade, events: Events) -> None:
    """Take the last price from a trade that is strictly newer."""
    wrong = _wrong_level(command.price_e9, command.qty_e8) or _wrong_time(command.time_ns)
    market = _market(core, command, wrong, events)
    if market is None:
        return
    if command.time_ns <= market.trade_ns:
        ignore(events, command, command.instrument)
        return
    market.trade, market.trade_ns = (command.price_e9, command.qty_e8), command.time_ns
    _moved(core, market)


def record_l1(core: DeskCore, command: RecordL1, events: Events) -> None:
    """Take best bid and ask from a report that is strictly newer."""
    wrong = (
        _wrong_side(command.bid_price_e9, command.bid_qty_e8)
        or _wrong_side(command.ask_price_e9, command.ask_qty_e8)
        or _wrong_time(command.time_ns)
    )
    market = _market(core, command, wrong, events)
    if market is None:
        return
    if command.time_ns <= market.l1_ns:
        ignore(events, command, command.instrument)
        return
    market.l1 = (
        *(command.bid_price_e9, command.bid_qty_e8),
        *(command.ask_price_e9, command.ask_qty_e8),
    )
    market.l1_ns = command.time_ns
    _moved(core, market)


def record_candle(core: DeskCore, command: RecordCandle, events: Events) -> None:
    """Take a closed candle that is strictly newer."""
    market = _market(core, command, _wrong_candle(command), events)
    if market is None:
        return
    if command.close_ns <= market.candle_ns:
        ignore(events, command, command.instrument)
        return
    market.candle = (
        *(command.open_e9, command.high_e9, command.low_e9, command.close_e9),
        command.volume_e8,
    )
    market.candle_ns = command.close_ns
    _moved(core, market)


def record_market_disconnect(
    core: DeskCore, command: RecordMarketDisconnect, events: Events
) -> None:
    """Take note that a venue's market data is lost."""
    if command.venue not in core.venues:
        refuse(events, command, Refusal.UNKNOWN_VENUE, command.venue)
        return
    lose(core, events, Link.MARKET, command.venue)


def mark_books(core: DeskCore, instrument: str) -> None:
    """Value every open position of an instrument at its price now. O(books of it)."""
    price = core.markets[instrument].price_e9()
    if price is None:
        return
    for book in core.books_of.get(instrument, ()):
        if book.mark_e9 != price and book.qty_e8:
            book.mark(price)
            core.touch(book)


def _market(
    core: DeskCore,
    command: RecordTrade | RecordL1 | RecordCandle,
    wrong: str | None,
    events: Events,
) -> Market | None:
    """Return what a report is about and heal its link, or refuse the report."""
    instrument = core.instruments.get(command.instrument)
    if instrument is None:
        refuse(events, command, Refusal.UNKNOWN_INSTRUMENT, command.instrument)
        return None
    if wrong is not None:
        refuse(events, command, Refusal.BAD_VALUE, f"{command.instrument}: {wrong}")
        return None
    heal(core, events, Link.MARKET, instrument.spec.venue)
    return core.markets[command.instrument]


def _moved(core: DeskCore, market: Market) -> None:
    core.touch(market)
    mark_books(core, market.instrument)


def _wrong_level(price_e9: int, qty_e8: int) -> str | None:
    if not 0 < price_e9 <= PRICE_E9_MAX:
        return f"expected a price_e9 from 1 to {PRICE_E9_MAX}, found {price_e9}"
    if not 0 < qty_e8 <= QTY_E8_MAX:
        return f"expected a qty_e8 from 1 to {QTY_E8_MAX}, found {qty_e8}"
    return None


def _wrong_side(price_e9: int, qty_e8: int) -> str | None:
    """Say what is wrong with one side of a book, which may be empty."""
    return None if qty_e8 == 0 and price_e9 == 0 else _wrong_level(price_e9, qty_e8)


def _wrong_time(time_ns: int) -> str | None:
    return None if time_ns >= 0 else f"expected a time_ns of 0 or more, found {time_ns}"


def _wrong_candle(candle: RecordCandle) -> str | None:
    body = (candle.open_e9, candle.close_e9)
    if not 0 < candle.low_e9 <= min(body) <= max(body) <= candle.high_e9 <= PRICE_E9_MAX:
        found = (candle.open_e9, candle.high_e9, candle.low_e9, candle.close_e9)
        return f"expected 0 < low <= open, close <= high, found {found}"
    if not 0 <= candle.volume_e8 <= QTY_E8_MAX:
        return f"expected a volume_e8 of 0 or more, found {candle.volume_e8}"
    if not 0 <= candle.open_ns < candle.close_ns:
        return f"expected open_ns before close_ns, found {candle.open_ns} and {candle.close_ns}"
    return None

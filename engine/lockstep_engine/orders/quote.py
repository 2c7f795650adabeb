"""MassQuote: a quote set replaces itself ([CMD-2])."""

from typing import Final

from lockstep_engine.admission.admit import admit
from lockstep_engine.book.queue import shrink
from lockstep_engine.codes import AmendReason, CancelReason, Code, OrderFlag, SelfTradeMode, Side
from lockstep_engine.commands import MassQuote, Quote
from lockstep_engine.events import OrderRejected, QuoteKept
from lockstep_engine.matching.reports import amended
from lockstep_engine.matching.sweep import cancel_resting
from lockstep_engine.orders.place import accept
from lockstep_engine.state import Account, Events, ExchangeCore, Order, holding_of

MASS_QUOTE: Final = 46
_QUOTES_MAX: Final = 50
_ACCEPTED: Final = int(Code.ACCEPTED)
_BAD_QUOTE: Final = int(Code.BAD_QUOTE)
_UNKNOWN_INSTRUMENT: Final = int(Code.UNKNOWN_INSTRUMENT)
_BUY: Final = int(Side.BUY)
_SELL: Final = int(Side.SELL)
_POST_ONLY_ANY: Final = int(OrderFlag.POST_ONLY | OrderFlag.REPRICE)
_QUOTE_FLAGS: Final = int(OrderFlag.POST_ONLY | OrderFlag.REPRICE | OrderFlag.MMP)
_ALLOW: Final = int(SelfTradeMode.ALLOW)
_CANCELLED: Final = int(CancelReason.QUOTE)
_AMENDED: Final = int(AmendReason.QUOTE)
_LINEAGE_BYTES: Final = 16

_QuotedSide = tuple[int, int, int, int]
"""(instrument, side, price_ticks, qty_lots)."""


def mass_quote(core: ExchangeCore, account: Account, action: MassQuote, events: Events) -> int:
    """Replace the account's quote set; the caller refuses the command if the code is not 0."""
    if not _is_good(action):
        return _BAD_QUOTE
    sides = _quoted_sides(action)
    kept = _cancel_others(core, account, action, events)
    for quoted in sides:
        order = kept.get(2 * quoted[0] + quoted[1])
        if order is None or order.level is None:
            _place(core, account, action, quoted, events)
        else:
            _keep(core, order, quoted[3], events)
    return _ACCEPTED


def _is_good(action: MassQuote) -> bool:
    quotes = action.quotes
    if action.quote_set < 1 or not 1 <= len(quotes) <= _QUOTES_MAX:
        return False
    if len(dict.fromkeys(quote.instrument for quote in quotes)) != len(quotes):
        return False
    if any(quote.bid_qty_lots < 0 or quote.ask_qty_lots < 0 for quote in quotes):
        return False
    flags = action.flags
    if flags & ~_QUOTE_FLAGS or flags & _POST_ONLY_ANY == _POST_ONLY_ANY:
        return False
    if not 0 <= action.self_trade <= _ALLOW:
        return False
    return len(action.lineage) in (0, _LINEAGE_BYTES)


def _quoted_sides(action: MassQuote) -> list[_QuotedSide]:
    sides: list[_QuotedSide] = []
    for quote in action.quotes:
        if quote.bid_qty_lots:
            sides.append((quote.instrument, _BUY, quote.bid_price_ticks, quote.bid_qty_lots))
        if quote.ask_qty_lots:
            sides.append((quote.instrument, _SELL, quote.ask_price_ticks, quote.ask_qty_lots))
    return sides


def _cancel_others(
    core: ExchangeCore, account: Account, action: MassQuote, events: Events
) -> dict[int, Order]:
    """Cancel what the new quotes do not keep; return the kept orders by instrument and side."""
    standing = account.quote_sets.get(action.quote_set)
    if standing is None:
        return {}
    quotes = {quote.instrument: quote for quote in action.quotes}
    kept: dict[int, Order] = {}
    others: list[Order] = []
    for place, order in standing.items():
        if _is_kept(order, quotes.get(order.instrument.instrument)):
            kept[place] = order
        else:
            others.append(order)
    others.sort(key=_order_id)
    for order in others:
        cancel_resting(core, order, _CANCELLED, events)
    return kept


def _is_kept(order: Order, quote: Quote | None) -> bool:
    """Return whether the quote leaves this order its place: same price and not larger."""
    if quote is None:
        return False
    if order.side == _BUY:
        price, qty = quote.bid_price_ticks, quote.bid_qty_lots
    else:
        price, qty = quote.ask_price_ticks, quote.ask_qty_lots
    is_on_lot = qty % order.instrument.qty_step_lots == 0
    return price == order.price_ticks and 0 < qty <= order.remaining_lots and is_on_lot


def _keep(core: ExchangeCore, kept: Order, qty_lots: int, events: Events) -> None:
    """Leave an order its place, with the quoted size if that is smaller."""
    if qty_lots < kept.remaining_lots:
        lots = kept.remaining_lots - qty_lots
        shrink(core, kept, lots)
        kept.qty_lots -= lots
        events.append(amended(kept, _AMENDED))
        return
    events.append(
        QuoteKept(
            kept.order_id,
            kept.account.account,
            kept.instrument.instrument,
            kept.side,
            kept.price_ticks,
            kept.remaining_lots,
        )
    )


def _place(
    core: ExchangeCore, account: Account, action: MassQuote, quoted: _QuotedSide, events: Events
) -> None:
    """Enter one side as a new order or refuse it."""
    instrument_id, side, price, qty = quoted
    code = _UNKNOWN_INSTRUMENT
    instrument = core.instruments.get(instrument_id)
    if instrument is not None:
        order = Order(
            holding_of(account, instrument),
            side,
            price,
            qty,
            0,
            0,
            action.flags,
            action.self_trade,
            0,
            action.lineage,
            0,
            0,
            action.quote_set,
        )
        code = admit(core, order)
        if code == _ACCEPTED:
            accept(core, order, events)
            return
    events.append(OrderRejected(account.account, MASS_QUOTE, instrument_id, 0, 0, code))


def _order_id(order: Order) -> int:
    return order.order_id

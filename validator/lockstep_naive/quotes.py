"""MassQuote: one command replaces the whole quote set of an account ([CMD-2])."""

from lockstep_engine.codes import (
    AmendReason,
    CancelReason,
    Code,
    OrderFlag,
    OrderType,
    SelfTradeMode,
    Side,
    TimeInForce,
)
from lockstep_engine.commands import MassQuote, PlaceOrder
from lockstep_engine.events import OrderRejected, QuoteKept
from lockstep_naive.admission import admit, is_good_lineage
from lockstep_naive.book import (
    by_id,
    cancel,
    cut,
    emit_amended,
    orders_of_account,
    put_order,
)
from lockstep_naive.core import NaiveCore, Refusal
from lockstep_naive.orders import accept
from lockstep_naive.rows import Order

QUOTES_MAX = 50
QUOTE_FLAGS = (
    OrderFlag.NONE,
    OrderFlag.POST_ONLY,
    OrderFlag.REPRICE,
    OrderFlag.MMP,
    OrderFlag.POST_ONLY | OrderFlag.MMP,
    OrderFlag.REPRICE | OrderFlag.MMP,
)


def perform_mass_quote(core: NaiveCore, account: int, quote: MassQuote) -> Refusal:
    """Cancel what is not kept, then give one result per quoted side."""
    if not _is_good(quote):
        return Code.BAD_QUOTE
    sides = _quoted_sides(quote)
    quoted = {(side.instrument, side.side): side for side in sides}
    kept: dict[tuple[int, int], int] = {}
    for order in _quote_set(core, account, quote.quote_set):
        place = quoted.get((order.instrument, order.side))
        if place is not None and _is_keeping(core, order, place):
            kept[order.instrument, order.side] = order.order_id
        else:
            cancel(core, order, CancelReason.QUOTE)
    for place in sides:
        order_id = kept.get((place.instrument, place.side), 0)
        live = core.orders.get(order_id)
        if live is not None:
            _keep(core, live, place.qty_lots)
        else:
            _enter_quote(core, account, place, quote.quote_set)
    return None


def _is_good(quote: MassQuote) -> bool:
    instruments = [each.instrument for each in quote.quotes]
    sizes = [size for each in quote.quotes for size in (each.bid_qty_lots, each.ask_qty_lots)]
    return (
        quote.quote_set >= 1
        and 1 <= len(quote.quotes) <= QUOTES_MAX
        and all(instruments.count(instrument) == 1 for instrument in instruments)
        and quote.flags in QUOTE_FLAGS
        and 0 <= quote.self_trade <= SelfTradeMode.ALLOW
        and is_good_lineage(quote.lineage)
        and min(sizes) >= 0
    )


def _quoted_sides(quote: MassQuote) -> list[PlaceOrder]:
    """Return the orders that the quotes stand for: by quote, bid before ask, without empty ones."""
    sides: list[PlaceOrder] = []
    for each in quote.quotes:
        bid = (Side.BUY, each.bid_price_ticks, each.bid_qty_lots)
        ask = (Side.SELL, each.ask_price_ticks, each.ask_qty_lots)
        for side, price_ticks, qty_lots in (bid, ask):
            if qty_lots > 0:
                order = PlaceOrder(
                    instrument=each.instrument,
                    side=int(side),
                    price_ticks=price_ticks,
                    qty_lots=qty_lots,
                    tif=int(TimeInForce.GTC),
                    order_type=int(OrderType.LIMIT),
                    flags=quote.flags,
                    self_trade=quote.self_trade,
                    lineage=quote.lineage,
                )
                sides.append(order)
    return sides


def _quote_set(core: NaiveCore, account: int, quote_set: int) -> list[Order]:
    orders = orders_of_account(core, account)
    return by_id(order for order in orders if order.quote_set == quote_set)


def _is_keeping(core: NaiveCore, order: Order, place: PlaceOrder) -> bool:
    step = core.instruments.must(order.instrument).qty_step_lots
    is_smaller = place.qty_lots <= order.remaining_lots and place.qty_lots % step == 0
    return place.price_ticks == order.price_ticks and is_smaller


def _keep(core: NaiveCore, order: Order, qty_lots: int) -> None:
    if qty_lots < order.remaining_lots:
        order = cut(order, order.remaining_lots - qty_lots)
        put_order(core, order)
        emit_amended(core, order, AmendReason.QUOTE)
        return
    core.emit(
        QuoteKept(
            order.order_id,
            order.account,
            order.instrument,
            order.side,
            order.price_ticks,
            order.remaining_lots,
        )
    )


def _enter_quote(core: NaiveCore, account: int, place: PlaceOrder, quote_set: int) -> None:
    admitted = admit(core, account, place, quote_set)
    if isinstance(admitted, Code):
        core.emit(OrderRejected(account, 46, place.instrument, 0, 0, admitted))
    else:
        accept(core, admitted, place.order_type)

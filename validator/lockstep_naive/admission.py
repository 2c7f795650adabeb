"""Admission: the written order of checks on a new order ([ORD-5], [ORD-6]).

A candidate is an order that is not in the book, with order_id 0 if it is new. Checks change
nothing; they give the candidate as it may be accepted (size cut, price moved, reserve set), or the
code of the first check that fails. Steps 3 to 10 serve amended orders too: total size in
`qty_lots`, what would be new in the book in `remaining_lots`.
"""

from lockstep_engine.codes import (
    Code,
    InstrumentStatus,
    MarginMode,
    OrderFlag,
    OrderType,
    SelfTradeMode,
    Side,
    TimeInForce,
)
from lockstep_engine.commands import PlaceOrder
from lockstep_naive.book import best_price, is_crossing, orders_of_account
from lockstep_naive.core import NaiveCore, Refusal
from lockstep_naive.exposure import is_exposure_bounded
from lockstep_naive.margin import (
    Holding,
    has_margin,
    holding_of,
    is_closing,
    is_reducing,
    margin_mode_of,
    reserve_e6,
)
from lockstep_naive.marks import is_stale
from lockstep_naive.matching import is_fillable, reduce_only_orders
from lockstep_naive.mmp import check_mmp_order
from lockstep_naive.models import check_modelled
from lockstep_naive.money import is_cash_bounded
from lockstep_naive.rows import Instrument, Order
from lockstep_naive.worth import trade_value_e6, underlying_of

ALL_FLAGS = int(OrderFlag.POST_ONLY | OrderFlag.REPRICE | OrderFlag.REDUCE_ONLY | OrderFlag.MMP)
IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)


def admit(core: NaiveCore, account: int, place: PlaceOrder, quote_set: int) -> Order | Code:
    """Check a new order, all steps; return it as it may be accepted, or why it may not."""
    if place.client_id and _has_client_id(core, account, place.client_id):
        return Code.DUPLICATE_CLIENT_ID
    instrument = core.instruments.get(place.instrument)
    if instrument is None:
        return Code.UNKNOWN_INSTRUMENT
    refusal = _check_fields(core, instrument, place)
    if refusal is not None:
        return refusal
    return check_order(core, candidate_of(account, place, quote_set))


def check_order(core: NaiveCore, candidate: Order) -> Order | Code:
    """Run steps 3 to 10 of [ORD-5] on a candidate."""
    instrument = core.instruments.must(candidate.instrument)
    refusal = (
        check_price(instrument, candidate)
        or _check_band(core, instrument, candidate)
        or check_size(instrument, candidate, instrument.max_order_lots)
    )
    if refusal is not None:
        return refusal
    holding = holding_of(core, candidate.account, candidate.instrument)
    refusal = _check_status(core, instrument, candidate, holding) or _check_limits(
        instrument, candidate, holding
    )
    if refusal is not None:
        return refusal
    if not is_exposure_bounded(core, candidate.account, (candidate,)):
        return Code.AMOUNT_ABOVE_LIMIT
    if candidate.has(OrderFlag.REDUCE_ONLY):
        candidate = _cut_to_position(core, candidate, holding.position.qty_lots)
        if candidate.remaining_lots <= 0:
            return Code.REDUCE_ONLY_WOULD_INCREASE
    price_ticks = _passive_price(core, instrument, candidate)
    if price_ticks is None:
        return Code.POST_ONLY_WOULD_CROSS
    if price_ticks != candidate.price_ticks:
        candidate = candidate._replace(price_ticks=price_ticks)
    if candidate.tif == TimeInForce.FOK and not is_fillable(core, candidate):
        return Code.FOK_UNFILLABLE
    if margin_mode_of(core, candidate.account) == MarginMode.PORTFOLIO:
        refusal = check_modelled(core, instrument)
        if refusal is not None:
            return refusal
    candidate = candidate._replace(reserve_e6=reserve_e6(core, candidate))
    return candidate if has_margin(core, candidate) else Code.INSUFFICIENT_MARGIN


def check_price(instrument: Instrument, order: Order) -> Refusal:
    """Step 3 without the band."""
    price = order.price_ticks
    if price < 1:
        return Code.PRICE_NOT_POSITIVE
    if price % instrument.price_step_ticks != 0:
        return Code.PRICE_OFF_TICK
    if price > instrument.max_price_ticks:
        return Code.PRICE_ABOVE_MAX
    return None


def check_size(instrument: Instrument, order: Order, max_lots: int) -> Refusal:
    """Step 4, on the total."""
    qty = order.qty_lots
    if qty < 1:
        return Code.SIZE_NOT_POSITIVE
    if qty % instrument.qty_step_lots != 0:
        return Code.SIZE_OFF_LOT
    if qty < instrument.min_order_lots:
        return Code.SIZE_BELOW_MIN
    if qty > max_lots:
        return Code.SIZE_ABOVE_MAX
    if trade_value_e6(instrument, order.price_ticks, qty) < instrument.min_notional_e6:
        return Code.NOTIONAL_BELOW_MIN
    return None


def check_position_limit(instrument: Instrument, order: Order, others: Holding) -> Refusal:
    """The end of step 6."""
    open_lots = others.open_lots(order.side) + order.remaining_lots
    worst = order.sign * others.position.qty_lots + open_lots
    return Code.POSITION_LIMIT if worst > instrument.max_position_lots else None


def is_good_lineage(lineage: bytes) -> bool:
    """Return whether a lineage has 0 or 16 bytes."""
    return len(lineage) in {0, 16}


def candidate_of(account: int, place: PlaceOrder, quote_set: int) -> Order:
    """Return a new order of an account as it is before any check."""
    return Order(
        order_id=0,
        account=account,
        instrument=place.instrument,
        side=place.side,
        price_ticks=place.price_ticks,
        qty_lots=place.qty_lots,
        remaining_lots=place.qty_lots,
        tif=place.tif,
        flags=place.flags,
        self_trade=place.self_trade,
        client_id=place.client_id,
        lineage=place.lineage,
        expires_ns=place.expires_ns,
        builder=place.builder,
        quote_set=quote_set,
        arrival=0,
        reserve_e6=0,
    )


def _has_client_id(core: NaiveCore, account: int, client_id: int) -> bool:
    return any(order.client_id == client_id for order in orders_of_account(core, account))


def _check_fields(core: NaiveCore, instrument: Instrument, place: PlaceOrder) -> Refusal:
    """Step 2, behind the unknown instrument."""
    if not 0 <= place.side <= Side.SELL:
        return Code.BAD_SIDE
    if not 0 <= place.order_type <= OrderType.MARKET:
        return Code.BAD_ORDER_TYPE
    if not _is_good_tif(place):
        return Code.BAD_TIME_IN_FORCE
    if not _are_good_flags(place):
        return Code.BAD_FLAGS
    if not _is_good_self_trade(instrument, place):
        return Code.BAD_SELF_TRADE_MODE
    if not _is_good_expiry(core, place):
        return Code.BAD_EXPIRY
    if place.client_id < 0:
        return Code.BAD_CLIENT_ID
    if not is_good_lineage(place.lineage):
        return Code.BAD_LINEAGE
    if place.builder and core.accounts.get(place.builder) is None:
        return Code.BAD_BUILDER
    return None


def _is_good_tif(place: PlaceOrder) -> bool:
    if place.order_type == OrderType.MARKET:
        return place.tif == TimeInForce.IOC
    return 0 <= place.tif <= TimeInForce.FOK


def _are_good_flags(place: PlaceOrder) -> bool:
    if not 0 <= place.flags <= ALL_FLAGS:
        return False
    is_post_only = place.flags & int(OrderFlag.POST_ONLY) != 0
    is_reprice = place.flags & int(OrderFlag.REPRICE) != 0
    if is_post_only and is_reprice:
        return False
    if (is_post_only or is_reprice) and place.tif in IMMEDIATE:
        return False
    return not (place.tif == TimeInForce.FOK and place.self_trade == SelfTradeMode.DECREMENT)


def _is_good_self_trade(instrument: Instrument, place: PlaceOrder) -> bool:
    if place.self_trade == SelfTradeMode.ALLOW:
        return instrument.allows_self_trade
    return 0 <= place.self_trade <= SelfTradeMode.ALLOW


def _is_good_expiry(core: NaiveCore, place: PlaceOrder) -> bool:
    if place.tif == TimeInForce.GTD:
        return place.expires_ns > core.now_ns
    return place.expires_ns == 0


def _check_band(core: NaiveCore, instrument: Instrument, order: Order) -> Refusal:
    """The rest of step 3."""
    price = order.price_ticks
    band, mark = instrument.price_band_bps, core.marks.get(instrument.instrument)
    if band > 0 and mark is not None and mark.price_e6 > 0:
        distance_e6 = abs(price * instrument.tick_e6 - mark.price_e6)
        if distance_e6 * 10**4 > mark.price_e6 * band:
            return Code.PRICE_OUT_OF_BAND
    return None


def _check_status(
    core: NaiveCore, instrument: Instrument, order: Order, others: Holding
) -> Refusal:
    """Step 5."""
    if instrument.status == InstrumentStatus.HALTED:
        return Code.INSTRUMENT_HALTED
    if instrument.is_expired:
        return Code.INSTRUMENT_EXPIRED
    if instrument.status == InstrumentStatus.CLOSE_ONLY and not is_reducing(order, others):
        return Code.INSTRUMENT_CLOSE_ONLY
    if instrument.is_option and underlying_of(core, instrument).index_price_e6 == 0:
        return Code.NO_INDEX_PRICE
    mark = core.marks.get(instrument.instrument)
    if mark is None:
        return Code.NO_MARK_PRICE
    if is_stale(core, mark) and not is_reducing(order, others):
        return Code.STALE_MARK
    account = core.accounts.must(order.account)
    if account.debt_e6 > 0:
        return Code.ACCOUNT_IN_DEBT
    is_only_closing = order.has(OrderFlag.REDUCE_ONLY) and is_reducing(order, others)
    if not is_cash_bounded(account.cash_e6) and not is_only_closing:
        return Code.AMOUNT_ABOVE_LIMIT
    return check_mmp_order(core, order)


def _check_limits(instrument: Instrument, order: Order, others: Holding) -> Refusal:
    """Step 6."""
    if is_reducing(order, others):
        return None
    if len(others.orders) >= instrument.max_open_orders:
        return Code.OPEN_ORDERS_LIMIT
    return check_position_limit(instrument, order, others)


def _cut_to_position(core: NaiveCore, order: Order, position_lots: int) -> Order:
    """Step 7: cut total and remaining to what reduce-only may still take; it may be nothing."""
    if not is_closing(position_lots, order.side):
        return order._replace(remaining_lots=0)
    same = reduce_only_orders(core, order.account, order.instrument, order.side)
    left = abs(position_lots) - sum(other.remaining_lots for other in same)
    remaining = min(order.remaining_lots, left)
    return order._replace(qty_lots=order.filled_lots + remaining, remaining_lots=remaining)


def _passive_price(core: NaiveCore, instrument: Instrument, order: Order) -> int | None:
    """Step 8: the price for POST_ONLY and REPRICE, None if it would cross."""
    is_post_only = order.has(OrderFlag.POST_ONLY)
    if not is_post_only and not order.has(OrderFlag.REPRICE):
        return order.price_ticks
    opposite = best_price(core, order.instrument, 1 - order.side)
    if opposite is None or not is_crossing(order.side, order.price_ticks, opposite):
        return order.price_ticks
    if is_post_only:
        return None
    price = opposite - order.sign * instrument.price_step_ticks
    return price if 1 <= price <= instrument.max_price_ticks else None

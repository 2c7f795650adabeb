"""Deliberate refusals: every code that a client or an operator can provoke, each with its case.

A case is a behaviour that provokes its code whatever the state, or returns no steps when it cannot
yet. The feed deals cases from a shuffled deck, so each comes up once before any comes up again.
"""

import msgspec

from lockstep_engine.codes import (
    Code,
    InstrumentStatus,
    OrderFlag,
    OrderType,
    SelfTradeMode,
    Side,
    TimeInForce,
)
from lockstep_engine.commands import (
    AdvanceTime,
    Batch,
    CancelAll,
    CancelOrder,
    MassQuote,
    PlaceOrder,
    Quote,
    ResetMmp,
    SetInstrumentStatus,
    SetMmpConfig,
    UpdateMarkPrice,
)
from lockstep_runtime.feeds.market.days import NS_PER_S
from lockstep_runtime.feeds.market.simulation import Behaviour, Simulation, Step, Steps
from lockstep_runtime.feeds.market.world import (
    BTC_NARROW,
    BTC_PERP,
    BUILDER,
    ETH_PERP,
    MAX_MARK_AGE_NS,
    SOL_PERP,
    SOL_PUT,
)
from lockstep_runtime.signing import Signer

_GTC, _GTD, _IOC, _FOK = (int(tif) for tif in TimeInForce)
_UNKNOWN = 77_777
_HOUR_MS = 3_600_000
_MARKET = int(OrderType.MARKET)
_POST_ONLY, _REPRICE = int(OrderFlag.POST_ONLY), int(OrderFlag.REPRICE)

_ONE_BAD_FIELD: tuple[tuple[Code, dict[str, object]], ...] = (
    (Code.UNKNOWN_INSTRUMENT, {"instrument": _UNKNOWN}),
    (Code.BAD_SIDE, {"side": 2}),
    (Code.BAD_ORDER_TYPE, {"order_type": 2}),
    (Code.BAD_TIME_IN_FORCE, {"tif": 4}),
    (Code.BAD_TIME_IN_FORCE, {"order_type": _MARKET}),
    (Code.BAD_FLAGS, {"flags": 16}),
    (Code.BAD_FLAGS, {"flags": _POST_ONLY | _REPRICE}),
    (Code.BAD_FLAGS, {"flags": _POST_ONLY, "tif": _IOC}),
    (Code.BAD_FLAGS, {"tif": _FOK, "self_trade": int(SelfTradeMode.DECREMENT)}),
    (Code.BAD_SELF_TRADE_MODE, {"self_trade": 5}),
    (Code.BAD_SELF_TRADE_MODE, {"self_trade": int(SelfTradeMode.ALLOW)}),
    (Code.BAD_EXPIRY, {"tif": _GTD}),
    (Code.BAD_EXPIRY, {"expires_ns": 1}),
    (Code.BAD_CLIENT_ID, {"client_id": -1}),
    (Code.BAD_LINEAGE, {"lineage": b"short"}),
    (Code.BAD_BUILDER, {"builder": _UNKNOWN}),
    (Code.PRICE_NOT_POSITIVE, {"price_ticks": 0}),
    (Code.PRICE_OFF_TICK, {"price_ticks": 120_001}),
    (Code.PRICE_ABOVE_MAX, {"price_ticks": 400_002}),
    (Code.PRICE_OUT_OF_BAND, {"price_ticks": 20_000}),
    (Code.SIZE_NOT_POSITIVE, {"qty_lots": 0}),
    (Code.SIZE_OFF_LOT, {"qty_lots": 12}),
    (Code.SIZE_BELOW_MIN, {"qty_lots": 5}),
    (Code.SIZE_ABOVE_MAX, {"qty_lots": 20_005}),
    (Code.NO_MARK_PRICE, {"instrument": SOL_PERP, "price_ticks": 1_000}),
    (Code.NO_INDEX_PRICE, {"instrument": SOL_PUT, "price_ticks": 100_000}),
    (Code.REDUCE_ONLY_WOULD_INCREASE, {"flags": int(OrderFlag.REDUCE_ONLY)}),
    (Code.MMP_NOT_CONFIGURED, {"flags": int(OrderFlag.MMP)}),
)
"""(code, what makes a good order for the BTC perpetual by an account without position bad)."""


def plain_order(sim: Simulation, side: Side = Side.BUY) -> PlaceOrder:
    """Return an order for the BTC perpetual that would rest far from the market."""
    listed = sim.view.listed[BTC_PERP]
    price = listed.on_step(sim.price_near(listed, side, 1_000))
    return PlaceOrder(BTC_PERP, int(side), price, listed.created.limits.min_order_lots)


def bad_field(fields: dict[str, object]) -> Behaviour:
    """Return the case that sends a good order with these fields."""

    def case(sim: Simulation) -> Steps:
        order = msgspec.structs.replace(plain_order(sim), **fields)
        return [Step(sim.world.builder.root, order)]

    return case


def duplicate_client_id(sim: Simulation) -> Steps:
    """Send one client identifier twice, then cancel what rests."""
    trader, number = sim.world.builder.root, sim.next_client_id()
    order = msgspec.structs.replace(plain_order(sim), client_id=number)
    return [Step(trader, order), Step(trader, order), Step(trader, CancelAll())]


def notional(sim: Simulation) -> Steps:
    """Send an order that is worth too little, in an instrument with such a limit and no band."""
    for listed in sim.traded():
        limits = listed.created.limits
        if limits.min_notional_e6 and not limits.price_band_bps:
            return [Step(sim.world.builder.root, PlaceOrder(listed.number, 0, 1, 1))]
    return []


def expired(sim: Simulation) -> Steps:
    """Trade in, halt and mark an instrument that is over."""
    if not sim.view.expired:
        return []
    number = sim.one_of(sim.view.expired).number
    return [Step(sim.world.builder.root, PlaceOrder(number, 0, 1_000, 100))]


def too_many_orders(sim: Simulation) -> Steps:
    """Rest one order more than the narrow future allows, and take them all back."""
    limits = sim.view.listed[BTC_NARROW].created.limits
    order = PlaceOrder(BTC_NARROW, int(Side.BUY), 100_000, 1)
    trader = sim.world.poor.root
    many = Batch((order,) * (limits.max_open_orders + 1))
    return [_young_mark(sim), Step(trader, many), Step(trader, CancelAll(instrument=BTC_NARROW))]


def too_large_a_position(sim: Simulation) -> Steps:
    """Ask for more than the narrow future's position limit in two orders."""
    order = PlaceOrder(BTC_NARROW, int(Side.BUY), 100_000, 40)
    trader = sim.one_of(sim.world.takers).root
    return [
        _young_mark(sim),
        Step(trader, Batch((order, order))),
        Step(trader, CancelAll(instrument=BTC_NARROW)),
    ]


def stale(sim: Simulation) -> Steps:
    """Let the narrow future's mark, which nobody else moves, grow old."""
    order = PlaceOrder(BTC_NARROW, int(Side.BUY), 100_000, 1)
    late = Step(sim.world.poor.root, order, wait_ns=MAX_MARK_AGE_NS + 1)
    return [_young_mark(sim), late, *_all_marked(sim)]


def bad_protection(sim: Simulation) -> Steps:
    """Ask for a protection without limits, for one of nothing, and reset one that is not there."""
    root = sim.world.builder.root
    return [
        Step(root, SetMmpConfig("BTC", 1_000, 1_000)),
        Step(root, SetMmpConfig("DOGE", 1_000, 1_000, 1)),
        Step(root, ResetMmp("BTC")),
    ]


def crossing_post_only(sim: Simulation) -> Steps:
    """Cross the book with an order that must not take, in an instrument with two sides."""
    for listed in sim.traded():
        ask = listed.best(Side.SELL)
        if ask:
            price = listed.on_step(ask + 20 * listed.created.limits.price_step_ticks)
            order = PlaceOrder(listed.number, int(Side.BUY), price, 1_000, flags=_POST_ONLY)
            return [Step(sim.one_of(sim.world.takers).root, order)]
    return []


def unfillable(sim: Simulation) -> Steps:
    """Ask for all or nothing where nothing stands."""
    order = msgspec.structs.replace(plain_order(sim), tif=_FOK)
    return [Step(sim.world.builder.root, order)]


def too_poor(sim: Simulation) -> Steps:
    """Let an account with little money ask for a lot near the market."""
    listed = sim.view.listed[BTC_PERP]
    price = listed.on_step(sim.price_near(listed, Side.BUY, 10))
    order = PlaceOrder(BTC_PERP, int(Side.BUY), price, listed.created.limits.max_order_lots)
    return [Step(sim.world.poor.root, order)]


def halted(sim: Simulation) -> Steps:
    """Let the mischief's own order meet a halted instrument."""
    return _under_status(sim, InstrumentStatus.HALTED)


def close_only(sim: Simulation) -> Steps:
    """Let the mischief's own order meet an instrument that only closes."""
    return _under_status(sim, InstrumentStatus.CLOSE_ONLY)


def unknown_order(sim: Simulation) -> Steps:
    """Name an order that never was."""
    return [Step(sim.world.builder.root, CancelOrder(10**9))]


def unknown_account(sim: Simulation) -> Steps:
    """Act for an account that never was."""
    return [Step(sim.world.builder.root, CancelAll(), account=_UNKNOWN)]


def unknown_signer(sim: Simulation) -> Steps:
    """Sign with a stranger's key."""
    return [Step(Signer("market stranger", BUILDER), CancelAll())]


def old_nonce(sim: Simulation) -> Steps:
    """Use a nonce that lies within the window and below the floor."""
    return [Step(sim.world.staff.oracle, AdvanceTime(), nonce_offset_ms=-_HOUR_MS)]


def far_nonce(sim: Simulation) -> Steps:
    """Use a nonce far behind or ahead of the clock."""
    days = sim.one_of((-30, 30))
    return [Step(sim.world.builder.root, CancelAll(), nonce_offset_ms=days * 24 * _HOUR_MS)]


def reused_nonce(sim: Simulation) -> Steps:
    """Use the same nonce twice."""
    signer = sim.world.builder.root
    return [Step(signer, CancelAll()), Step(signer, CancelAll(), is_repeat=True)]


def repeated_request(sim: Simulation) -> Steps:
    """Repeat a request as it was, then with another payload."""
    signer, request_id = sim.world.builder.root, b"request %d" % sim.next_client_id()
    other = CancelAll(side=0)
    return [
        Step(signer, CancelAll(), request_id),
        Step(signer, CancelAll(), request_id),
        Step(signer, other, request_id),
    ]


def clock_step(sim: Simulation) -> Steps:
    """Let two hours pass at once: only AdvanceTime may step so far."""
    return [
        Step(sim.world.builder.root, CancelAll(), wait_ns=7_200 * NS_PER_S),
        *_all_marked(sim),
    ]


def bad_batch(sim: Simulation) -> Steps:
    """Send an empty batch, or one that is too long."""
    count = sim.one_of((0, 51))
    return [Step(sim.world.builder.root, Batch((CancelAll(),) * count))]


def bad_quote(sim: Simulation) -> Steps:
    """Send a mass quote that is wrong as a whole."""
    quote = Quote(ETH_PERP, 1_000, 10, 2_000, 10)
    good = MassQuote(3, (quote,))
    fields: tuple[dict[str, object], ...] = (
        {"quote_set": 0},
        {"quotes": ()},
        {"quotes": (quote, quote)},
        {"flags": int(OrderFlag.REDUCE_ONLY)},
        {"lineage": b"short"},
        {"self_trade": 5},
        {"quotes": (msgspec.structs.replace(quote, bid_qty_lots=-1),)},
    )
    action = msgspec.structs.replace(good, **sim.one_of(fields))
    return [Step(sim.world.builder.root, action)]


def order_cases() -> list[tuple[Code, Behaviour]]:
    """Return (code, case) for what is wrong with orders, nonces, requests and time."""
    cases = [(code, bad_field(fields)) for code, fields in _ONE_BAD_FIELD]
    named: tuple[tuple[Code, Behaviour], ...] = (
        (Code.DUPLICATE_CLIENT_ID, duplicate_client_id),
        (Code.NOTIONAL_BELOW_MIN, notional),
        (Code.INSTRUMENT_EXPIRED, expired),
        (Code.OPEN_ORDERS_LIMIT, too_many_orders),
        (Code.POSITION_LIMIT, too_large_a_position),
        (Code.STALE_MARK, stale),
        (Code.BAD_MMP_CONFIG, bad_protection),
        (Code.POST_ONLY_WOULD_CROSS, crossing_post_only),
        (Code.FOK_UNFILLABLE, unfillable),
        (Code.INSUFFICIENT_MARGIN, too_poor),
        (Code.INSTRUMENT_HALTED, halted),
        (Code.INSTRUMENT_CLOSE_ONLY, close_only),
        (Code.UNKNOWN_ORDER, unknown_order),
        (Code.UNKNOWN_ACCOUNT, unknown_account),
        (Code.UNKNOWN_SIGNER, unknown_signer),
        (Code.NONCE_TOO_OLD, old_nonce),
        (Code.NONCE_OUT_OF_WINDOW, far_nonce),
        (Code.NONCE_REUSED, reused_nonce),
        (Code.REQUEST_ID_CONFLICT, repeated_request),
        (Code.CLOCK_STEP, clock_step),
        (Code.BAD_BATCH, bad_batch),
        (Code.BAD_QUOTE, bad_quote),
    )
    return [*cases, *named]


def _young_mark(sim: Simulation) -> Step:
    """Mark the narrow future where its orders stand."""
    return Step(sim.world.staff.oracle, UpdateMarkPrice(BTC_NARROW, 50_000_000_000))


def _all_marked(sim: Simulation) -> Steps:
    """Mark everything again after a long time, the perpetuals at their index."""
    index_e6 = sim.index_e6
    marks = ((BTC_PERP, index_e6["BTC"]), (ETH_PERP, index_e6["ETH"]))
    oracle = sim.world.staff.oracle
    perpetuals = [Step(oracle, UpdateMarkPrice(*mark)) for mark in marks]
    return [Step(oracle, AdvanceTime()), *perpetuals]


def _under_status(sim: Simulation, status: InstrumentStatus) -> Steps:
    risk = sim.world.staff.risk
    return [
        Step(risk, SetInstrumentStatus(BTC_PERP, int(status))),
        Step(sim.world.builder.root, plain_order(sim)),
        Step(risk, SetInstrumentStatus(BTC_PERP, int(InstrumentStatus.ACTIVE))),
    ]

"""The checks of a new order one by one, each at its edges: [ORD-5], [ORD-6], [EVT-4]."""

from typing import Any

import pytest

from lockstep_engine.codes import Code, InstrumentStatus, OrderFlag, SelfTradeMode, TimeInForce
from lockstep_engine.commands import (
    AdvanceTime,
    CreateUnderlying,
    PlaceOrder,
    SetInstrumentStatus,
    SetTradingLimits,
    TradingLimits,
    UpdateMarkPrice,
    Withdraw,
)
from lockstep_engine.events import BookChanged, OrderAccepted, OrderRejected
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CASH,
    ETH_PERP,
    FUTURE,
    MARKET_EXPIRY_NS,
    PERP,
    PUT,
    START_NS,
    Exchange,
    codes,
)

GTC, GTD, IOC, FOK = TimeInForce.GTC, TimeInForce.GTD, TimeInForce.IOC, TimeInForce.FOK
POST_ONLY, REPRICE, REDUCE_ONLY, MMP = (
    OrderFlag.POST_ONLY,
    OrderFlag.REPRICE,
    OrderFlag.REDUCE_ONLY,
    OrderFlag.MMP,
)
DECREMENT, ALLOW = SelfTradeMode.DECREMENT, SelfTradeMode.ALLOW
LIMIT, MARKET = 0, 1


def place(exchange: Exchange, **fields: Any) -> list[Code]:
    """Send a good buy order with these fields changed; return the codes."""
    order = {"instrument": PERP, "side": 0, "price_ticks": 90, "qty_lots": 2} | fields
    return codes(exchange.send(PlaceOrder(**order), ALICE))


@pytest.mark.rule("ORD-1", "EVT-4")
def test_an_accepted_order_is_told_with_all_its_fields(market: Exchange) -> None:
    lineage, expires = bytes(range(16)), START_NS + 9
    flags, mode = REDUCE_ONLY | MMP, SelfTradeMode.CANCEL_BOTH
    market.trade(BOB, ALICE, 100, 5)
    events = market.send(
        PlaceOrder(PERP, 0, 90, 4, GTD, LIMIT, flags, mode, 77, lineage, expires, BOB), ALICE
    )
    fields = (3, ALICE, PERP, 0, 90, 4, GTD, LIMIT, flags, mode, 77, lineage, expires, BOB, 0)
    assert [OrderAccepted(*fields), BookChanged(PERP, 3, ((90, 4),), ())] == events
    row = market.row(3)
    recorded = (3, ALICE, PERP, 0, 90, 4, 4, GTD, flags, mode, 77, lineage, expires, BOB, 0, 2)
    assert recorded == row[:-1]


@pytest.mark.rule("EVT-4", "EVT-1")
def test_a_refused_order_is_told_with_instrument_and_client_id_as_given(market: Exchange) -> None:
    events = market.send(PlaceOrder(-3, 0, 90, 1, client_id=-8), ALICE)
    assert [OrderRejected(ALICE, 40, -3, 0, -8, Code.UNKNOWN_INSTRUMENT)] == events


@pytest.mark.rule("ORD-1")
def test_order_ids_rise_from_1_and_a_refused_order_takes_none(market: Exchange) -> None:
    first = market.bid(ALICE, 90, 1)
    market.refusal(PlaceOrder(PERP, 0, 0, 1), ALICE)
    assert (1, 2) == (first, market.bid(BOB, 90, 1))


# Step 1


@pytest.mark.rule("ORD-5")
def test_a_client_id_is_used_by_one_live_order_of_the_account(market: Exchange) -> None:
    order_id = market.bid(ALICE, 90, 1, client_id=5)
    assert [Code.DUPLICATE_CLIENT_ID] == place(market, client_id=5)
    assert [Code.DUPLICATE_CLIENT_ID] == place(market, client_id=5, instrument=ETH_PERP)
    assert [] == place(market, client_id=6)
    assert [] == codes(market.buy(BOB, 90, 1, client_id=5))
    market.cancel(ALICE, order_id)
    assert [] == place(market, client_id=5)


@pytest.mark.rule("ORD-5")
def test_a_filled_order_frees_its_client_id(market: Exchange) -> None:
    market.bid(ALICE, 90, 1, client_id=5)
    market.sell(BOB, 90, 1)
    assert [] == place(market, client_id=5)


@pytest.mark.rule("ORD-5")
def test_client_id_0_is_none_and_may_be_used_again(market: Exchange) -> None:
    assert [[], []] == [place(market, client_id=0), place(market, client_id=0)]


# Step 2

GOOD_SHAPES: list[dict[str, Any]] = [
    {"side": 0},
    {"side": 1, "price_ticks": 110},
    {"order_type": MARKET, "tif": IOC},
    {"tif": IOC},
    {"flags": POST_ONLY},
    {"flags": REPRICE},
    {"flags": MMP},
    {"flags": POST_ONLY | MMP, "tif": GTD, "expires_ns": START_NS + 1},
    {"flags": REPRICE | MMP, "tif": GTD, "expires_ns": START_NS + 1},
    {"tif": IOC, "flags": MMP},
    {"tif": IOC, "self_trade": DECREMENT},
    {"self_trade": SelfTradeMode.CANCEL_MAKER},
    {"self_trade": SelfTradeMode.CANCEL_BOTH},
    {"self_trade": DECREMENT},
    {"self_trade": ALLOW, "instrument": ETH_PERP},
    {"tif": GTD, "expires_ns": START_NS + 1},
    {"tif": GTD, "expires_ns": 2**62 - 1},
    {"client_id": 2**62 - 1},
    {"lineage": bytes(16)},
    {"builder": ALICE},
    {"builder": BOB},
]
BAD_SHAPES: list[tuple[dict[str, Any], Code]] = [
    *(({"instrument": n}, Code.UNKNOWN_INSTRUMENT) for n in (0, -1, 99, 2**61)),
    *(({"side": side}, Code.BAD_SIDE) for side in (-1, 2, 2**61)),
    *(({"order_type": kind}, Code.BAD_ORDER_TYPE) for kind in (-1, 2, 2**61)),
    *(({"tif": tif}, Code.BAD_TIME_IN_FORCE) for tif in (-1, 4, 2**61)),
    *(({"tif": tif, "order_type": MARKET}, Code.BAD_TIME_IN_FORCE) for tif in (GTC, GTD, FOK)),
    *(({"flags": flags}, Code.BAD_FLAGS) for flags in (-1, 16, 17, 2**61, -(2**61))),
    *(({"flags": 3 | more}, Code.BAD_FLAGS) for more in (0, REDUCE_ONLY, MMP, 12)),
    *(({"flags": flag, "tif": IOC}, Code.BAD_FLAGS) for flag in (POST_ONLY, REPRICE, 9)),
    *(({"flags": flag, "tif": FOK}, Code.BAD_FLAGS) for flag in (POST_ONLY, REPRICE, 5)),
    ({"flags": POST_ONLY, "tif": IOC, "order_type": MARKET}, Code.BAD_FLAGS),
    ({"tif": FOK, "self_trade": DECREMENT}, Code.BAD_FLAGS),
    *(({"self_trade": mode}, Code.BAD_SELF_TRADE_MODE) for mode in (-1, 5, 2**61)),
    ({"self_trade": ALLOW}, Code.BAD_SELF_TRADE_MODE),
    ({"self_trade": ALLOW, "tif": FOK}, Code.BAD_SELF_TRADE_MODE),
    *(({"tif": GTD, "expires_ns": at}, Code.BAD_EXPIRY) for at in (0, -1, START_NS)),
    *(({"tif": tif, "expires_ns": START_NS + 1}, Code.BAD_EXPIRY) for tif in (GTC, IOC, FOK)),
    *(({"tif": tif, "expires_ns": -1}, Code.BAD_EXPIRY) for tif in (GTC, IOC, FOK)),
    *(({"client_id": n}, Code.BAD_CLIENT_ID) for n in (-1, -(2**61))),
    *(({"lineage": bytes(n)}, Code.BAD_LINEAGE) for n in (1, 15)),
    *(({"builder": n}, Code.BAD_BUILDER) for n in (-1, 99, 2**61)),
]


@pytest.mark.rule("ORD-5")
@pytest.mark.parametrize("fields", GOOD_SHAPES, ids=str)
def test_fields_that_make_sense_together(market: Exchange, fields: dict[str, Any]) -> None:
    assert [] == place(market, **fields)


@pytest.mark.rule("ORD-5")
@pytest.mark.parametrize(("fields", "expected"), BAD_SHAPES, ids=str)
def test_fields_that_make_no_sense(
    market: Exchange, fields: dict[str, Any], expected: Code
) -> None:
    order = {"instrument": PERP, "side": 0, "price_ticks": 90, "qty_lots": 2} | fields
    assert expected == market.refusal(PlaceOrder(**order), ALICE)


# Steps 3 and 4


@pytest.fixture
def strict(market: Exchange) -> Exchange:
    """The standard market with instrument 20 at 100 that has every limit of price and size."""
    limits = TradingLimits(
        price_step_ticks=5,
        max_price_ticks=1_000,
        qty_step_lots=2,
        min_order_lots=10,
        max_order_lots=100,
        min_notional_e6=1_000_000,
        max_position_lots=100,
        max_open_orders=2,
        price_band_bps=1_000,
    )
    market.create(20, "BTC-20270101", limits=limits)
    market.mark(100, 20)
    return market


@pytest.mark.rule("ORD-5")
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (0, [Code.PRICE_NOT_POSITIVE]),
        (-5, [Code.PRICE_NOT_POSITIVE]),
        (-(2**61), [Code.PRICE_NOT_POSITIVE]),
        (1, [Code.PRICE_OFF_TICK]),
        (101, [Code.PRICE_OFF_TICK]),
        (1_001, [Code.PRICE_OFF_TICK]),
        (1_005, [Code.PRICE_ABOVE_MAX]),
        (5 * 2**58, [Code.PRICE_ABOVE_MAX]),
        (1_000, [Code.PRICE_OUT_OF_BAND]),
        (5, [Code.PRICE_OUT_OF_BAND]),
        (85, [Code.PRICE_OUT_OF_BAND]),
        (115, [Code.PRICE_OUT_OF_BAND]),
        (90, []),
        (110, []),
    ],
)
def test_the_price_of_an_order(
    strict: Exchange, side: int, price: int, expected: list[Code]
) -> None:
    fields = {"instrument": 20, "side": side, "price_ticks": price, "qty_lots": 20}
    assert expected == place(strict, **fields)


@pytest.mark.rule("ORD-5")
@pytest.mark.parametrize(
    ("qty", "expected"),
    [
        (0, [Code.SIZE_NOT_POSITIVE]),
        (-2, [Code.SIZE_NOT_POSITIVE]),
        (-(2**61), [Code.SIZE_NOT_POSITIVE]),
        (1, [Code.SIZE_OFF_LOT]),
        (99, [Code.SIZE_OFF_LOT]),
        (101, [Code.SIZE_OFF_LOT]),
        (8, [Code.SIZE_BELOW_MIN]),
        (102, [Code.SIZE_ABOVE_MAX]),
        (2**61, [Code.SIZE_ABOVE_MAX]),
        (10, [Code.NOTIONAL_BELOW_MIN]),
        (12, []),
        (100, []),
    ],
)
def test_the_size_of_an_order(strict: Exchange, qty: int, expected: list[Code]) -> None:
    """At 95, 10 lots are 950,000 e6, below the minimum of 1,000,000."""
    assert expected == place(strict, instrument=20, price_ticks=95, qty_lots=qty)


@pytest.mark.rule("ORD-5")
def test_the_notional_may_be_exactly_the_minimum(strict: Exchange) -> None:
    assert [] == place(strict, instrument=20, price_ticks=100, qty_lots=10)


@pytest.mark.rule("ORD-5")
def test_the_band_is_measured_exactly(market: Exchange) -> None:
    """With a mark of 100.5 and 100 bps, 1.005 either way: 99.495 to 101.505."""
    market.do(SetTradingLimits(PERP, TradingLimits(max_price_ticks=10_000, price_band_bps=100)))
    market.do(UpdateMarkPrice(PERP, 100_500_000))
    found = [place(market, price_ticks=price) for price in (99, 100, 101, 102)]
    outside = [Code.PRICE_OUT_OF_BAND]
    assert [outside, [], [], outside] == found


@pytest.mark.rule("ORD-5")
def test_no_band_holds_while_there_is_no_mark(market: Exchange) -> None:
    limits = TradingLimits(max_price_ticks=10_000, price_band_bps=1)
    market.create(30, "BTC-20270101", limits=limits)
    market.create(31, "BTC-20270101-100-C", limits=limits)
    for number in (30, 31):
        assert [Code.NO_MARK_PRICE] == place(market, instrument=number, price_ticks=9_000)


# Step 5


@pytest.mark.rule("ORD-5")
def test_a_halted_instrument_takes_no_orders(market: Exchange) -> None:
    market.trade(ALICE, BOB, 100, 5)
    market.do(SetInstrumentStatus(PERP, InstrumentStatus.HALTED))
    assert [Code.INSTRUMENT_HALTED] == place(market)
    assert [Code.INSTRUMENT_HALTED] == place(market, side=1, flags=REDUCE_ONLY)


@pytest.mark.rule("ORD-5")
def test_an_expired_instrument_takes_no_orders(market: Exchange) -> None:
    market.trade(ALICE, BOB, 100, 5, FUTURE)
    market.do(AdvanceTime(), at=MARKET_EXPIRY_NS)
    assert [Code.INSTRUMENT_EXPIRED] == place(market, instrument=FUTURE)
    assert [Code.INSTRUMENT_EXPIRED] == place(market, instrument=FUTURE, side=1)
    assert [Code.INSTRUMENT_EXPIRED] == place(market, instrument=CALL)


@pytest.mark.rule("ORD-5", "ORD-6")
def test_a_close_only_instrument_takes_what_reduces(market: Exchange) -> None:
    market.trade(ALICE, BOB, 100, 5)
    market.do(SetInstrumentStatus(PERP, InstrumentStatus.CLOSE_ONLY))
    refused = [Code.INSTRUMENT_CLOSE_ONLY]
    assert refused == place(market, side=0, qty_lots=1)
    assert refused == place(market, side=1, price_ticks=110, qty_lots=6)
    assert refused == place(market, side=1, price_ticks=110, qty_lots=6, flags=REDUCE_ONLY)
    assert [] == place(market, side=1, price_ticks=110, qty_lots=3)
    assert refused == place(market, side=1, price_ticks=110, qty_lots=3)
    assert [] == place(market, side=1, price_ticks=110, qty_lots=2)
    assert [] == codes(market.buy(BOB, 90, 5))
    assert [Code.INSTRUMENT_CLOSE_ONLY] == codes(market.buy(BOB, 90, 1))


@pytest.mark.rule("ORD-5")
def test_without_position_a_close_only_instrument_takes_nothing(market: Exchange) -> None:
    market.do(SetInstrumentStatus(PERP, InstrumentStatus.CLOSE_ONLY))
    assert [Code.INSTRUMENT_CLOSE_ONLY] == place(market, side=0)
    assert [Code.INSTRUMENT_CLOSE_ONLY] == place(market, side=1)


@pytest.mark.rule("ORD-5")
def test_everything_needs_a_mark_and_an_option_an_index_before_it(market: Exchange) -> None:
    market.do(CreateUnderlying("SOL", 10**11))
    market.create(40, "SOL-PERP")
    market.create(41, "SOL-20261225")
    market.create(42, "SOL-20261225-9-C")
    market.create(43, "SOL-20261225-9-P")
    no_index, no_mark = [Code.NO_INDEX_PRICE], [Code.NO_MARK_PRICE]
    found = [place(market, instrument=number) for number in (40, 41, 42, 43)]
    assert [no_mark, no_mark, no_index, no_index] == found
    market.mark(100, 40)
    market.mark(9, 42)
    market.index(100, "SOL")
    found = [place(market, instrument=number) for number in (40, 41, 42, 43)]
    assert [[], no_mark, [], no_mark] == found


# Step 6


@pytest.mark.rule("ORD-5")
def test_open_orders_are_limited_per_account_and_instrument(market: Exchange) -> None:
    market.do(SetTradingLimits(PERP, TradingLimits(max_price_ticks=10_000, max_open_orders=2)))
    assert [] == place(market)
    assert [] == place(market, side=1, price_ticks=110)
    assert [Code.OPEN_ORDERS_LIMIT] == place(market)
    assert [Code.OPEN_ORDERS_LIMIT] == place(market, tif=IOC)
    assert [] == place(market, instrument=ETH_PERP)
    assert [] == codes(market.buy(BOB, 90, 1))
    market.cancel(ALICE, 1)
    assert [] == place(market)


@pytest.mark.rule("ORD-5", "ORD-6")
def test_a_reducing_order_passes_the_open_orders_limit(market: Exchange) -> None:
    market.trade(ALICE, BOB, 100, 5)
    market.do(SetTradingLimits(PERP, TradingLimits(max_price_ticks=10_000, max_open_orders=1)))
    market.bid(ALICE, 90, 1)
    assert [Code.OPEN_ORDERS_LIMIT] == place(market, side=1, price_ticks=110, qty_lots=6)
    assert [] == place(market, side=1, price_ticks=110, qty_lots=3)
    assert [] == place(market, side=1, price_ticks=110, qty_lots=2)
    assert [Code.OPEN_ORDERS_LIMIT] == place(market, side=1, price_ticks=110, qty_lots=1)


SMALL = TradingLimits(max_price_ticks=10_000, max_order_lots=100, max_position_lots=100)


@pytest.mark.rule("ORD-5")
@pytest.mark.parametrize("side", [0, 1])
def test_open_orders_and_position_together_stay_within_the_position_limit(
    market: Exchange, side: int
) -> None:
    """Alice holds 30 on the side, rests 50 there and 70 on the other side: 20 are left."""
    buyer, seller = (ALICE, BOB) if side == 0 else (BOB, ALICE)
    market.trade(buyer, seller, 100, 30)
    market.do(SetTradingLimits(PERP, SMALL))
    prices = (90, 110) if side == 0 else (110, 90)
    assert [] == place(market, side=side, price_ticks=prices[0], qty_lots=50)
    assert [] == place(market, side=1 - side, price_ticks=prices[1], qty_lots=70)
    more = {"side": side, "price_ticks": prices[0]}
    assert [Code.POSITION_LIMIT] == place(market, qty_lots=21, **more)
    assert [] == place(market, qty_lots=20, **more)
    assert [Code.POSITION_LIMIT] == place(market, qty_lots=1, **more)
    other = {"side": 1 - side, "price_ticks": prices[1]}
    assert [Code.POSITION_LIMIT] == place(market, qty_lots=61, **other)
    assert [] == place(market, qty_lots=60, **other)


@pytest.mark.rule("ORD-6", "ORD-5")
def test_a_reducing_order_passes_the_position_limit(market: Exchange) -> None:
    """The limit falls below the position; what only closes may still come in."""
    market.trade(ALICE, BOB, 100, 250)
    market.do(SetTradingLimits(PERP, SMALL))
    assert [Code.POSITION_LIMIT] == place(market, side=0, qty_lots=1)
    assert [] == place(market, side=1, price_ticks=110, qty_lots=100)
    assert [] == place(market, side=1, price_ticks=110, qty_lots=100)
    assert [] == place(market, side=1, price_ticks=110, qty_lots=50)
    assert [] == place(market, side=1, price_ticks=110, qty_lots=100)
    assert [Code.POSITION_LIMIT] == place(market, side=1, price_ticks=110, qty_lots=1)


@pytest.mark.rule("ORD-6")
def test_reduce_only_orders_count_among_the_open_lots(market: Exchange) -> None:
    market.trade(ALICE, BOB, 100, 10)
    market.do(SetInstrumentStatus(PERP, InstrumentStatus.CLOSE_ONLY))
    assert [] == place(market, side=1, price_ticks=110, qty_lots=7, flags=REDUCE_ONLY)
    assert [Code.INSTRUMENT_CLOSE_ONLY] == place(market, side=1, price_ticks=110, qty_lots=4)
    assert [] == place(market, side=1, price_ticks=110, qty_lots=3)


# Step 10


@pytest.mark.rule("ORD-5", "MRG-1")
@pytest.mark.parametrize("instrument", [PERP, CALL, PUT])
def test_an_order_without_the_money_for_it_is_refused(market: Exchange, instrument: int) -> None:
    market.do(Withdraw(CASH), ALICE)
    for side in (0, 1):
        order = {"instrument": instrument, "side": side, "price_ticks": 100}
        assert [Code.INSUFFICIENT_MARGIN] == place(market, **order)

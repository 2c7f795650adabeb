"""The order of the checks of a new order: of several faults the first one is told ([ORD-5]).

A ladder is an order with many faults; each rung repairs the fault that was told last, so that the
next one shows. Every rung thus proves that its check stands before all checks below it.
"""

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
    Transfer,
)
from tests.support.exchange import (
    ALICE,
    BOB,
    CAROL,
    CASH,
    MARKET_EXPIRY_NS,
    PERP,
    START_NS,
    Exchange,
    codes,
)

GTC, GTD, IOC, FOK = TimeInForce.GTC, TimeInForce.GTD, TimeInForce.IOC, TimeInForce.FOK
POST_ONLY, REDUCE_ONLY = OrderFlag.POST_ONLY, OrderFlag.REDUCE_ONLY
DECREMENT, ALLOW = SelfTradeMode.DECREMENT, SelfTradeMode.ALLOW
STRICT = 20
LIMITS = TradingLimits(
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

FREE = CASH - 53 * 2_000 - (1_800 + 570 + 25)
"""What Alice has beside 53 open lots, at 2,000 margin a lot, and their fees of 5 bps."""

Fields = dict[str, Any]
Rung = tuple[Fields, Code]


@pytest.fixture
def strict(market: Exchange) -> Exchange:
    """The standard market with the halted instrument 20 and Alice's live order with client_id 7."""
    market.create(STRICT, "BTC-20270101", limits=LIMITS)
    market.mark(100, STRICT)
    market.bid(ALICE, 50, 1, client_id=7)
    market.do(SetInstrumentStatus(STRICT, InstrumentStatus.HALTED))
    return market


def climb(exchange: Exchange, order: Fields, rungs: list[Rung]) -> None:
    """Apply the changes of each rung in turn and compare the code."""
    for changes, expected in rungs:
        order |= changes
        assert expected == exchange.refusal(PlaceOrder(**order), ALICE), order


@pytest.mark.rule("ORD-5")
def test_the_fields_of_an_order_are_checked_in_order(strict: Exchange) -> None:
    everything_wrong: Fields = {
        "instrument": 99,
        "side": 2,
        "price_ticks": 0,
        "qty_lots": 0,
        "tif": 4,
        "order_type": 2,
        "flags": 16,
        "self_trade": 5,
        "client_id": 7,
        "lineage": b"x",
        "expires_ns": START_NS,
        "builder": 99,
    }
    rungs: list[Rung] = [
        ({}, Code.DUPLICATE_CLIENT_ID),
        ({"client_id": -1}, Code.UNKNOWN_INSTRUMENT),
        ({"instrument": STRICT}, Code.BAD_SIDE),
        ({"side": 0}, Code.BAD_ORDER_TYPE),
        ({"order_type": 1}, Code.BAD_TIME_IN_FORCE),
        ({"tif": FOK}, Code.BAD_TIME_IN_FORCE),
        ({"order_type": 0}, Code.BAD_FLAGS),
        ({"flags": 0, "self_trade": DECREMENT}, Code.BAD_FLAGS),
        ({"self_trade": 5}, Code.BAD_SELF_TRADE_MODE),
        ({"self_trade": ALLOW}, Code.BAD_SELF_TRADE_MODE),
        ({"self_trade": 0}, Code.BAD_EXPIRY),
        ({"tif": GTD}, Code.BAD_EXPIRY),
        ({"tif": GTC, "expires_ns": 0}, Code.BAD_CLIENT_ID),
        ({"client_id": 0}, Code.BAD_LINEAGE),
        ({"lineage": b""}, Code.BAD_BUILDER),
        ({"builder": 0}, Code.PRICE_NOT_POSITIVE),
        ({"price_ticks": 1_001}, Code.PRICE_OFF_TICK),
        ({"price_ticks": 1_005}, Code.PRICE_ABOVE_MAX),
        ({"price_ticks": 1_000}, Code.PRICE_OUT_OF_BAND),
        ({"price_ticks": 95}, Code.SIZE_NOT_POSITIVE),
        ({"qty_lots": 3}, Code.SIZE_OFF_LOT),
        ({"qty_lots": 101}, Code.SIZE_OFF_LOT),
        ({"qty_lots": 102}, Code.SIZE_ABOVE_MAX),
        ({"qty_lots": 8}, Code.SIZE_BELOW_MIN),
        ({"qty_lots": 10}, Code.NOTIONAL_BELOW_MIN),
        ({"qty_lots": 12}, Code.INSTRUMENT_HALTED),
    ]
    climb(strict, everything_wrong, rungs)


@pytest.mark.rule("ORD-5")
def test_flag_sums_are_checked_before_the_range_of_the_self_trade_mode(strict: Exchange) -> None:
    order: Fields = {"instrument": PERP, "side": 0, "price_ticks": 90, "qty_lots": 1}
    rungs: list[Rung] = [
        ({"flags": 3, "self_trade": -1}, Code.BAD_FLAGS),
        ({"flags": POST_ONLY, "tif": IOC}, Code.BAD_FLAGS),
        ({"flags": -1}, Code.BAD_FLAGS),
        ({"flags": 0}, Code.BAD_SELF_TRADE_MODE),
    ]
    climb(strict, order, rungs)


def own_book(market: Exchange) -> None:
    """Alice has 2 of 2 orders in 20 and no more money; Bob offers 20 lots at 105."""
    market.do(SetInstrumentStatus(STRICT, InstrumentStatus.ACTIVE))
    market.bid(ALICE, 90, 40, STRICT)
    market.bid(ALICE, 95, 12, STRICT)
    market.ask(BOB, 105, 20, STRICT)
    market.do(Transfer(CAROL, FREE), ALICE)
    market.assert_can_withdraw(ALICE, 0)


@pytest.mark.rule("ORD-5")
def test_the_account_and_the_book_are_checked_in_order(strict: Exchange) -> None:
    own_book(strict)
    order: Fields = {"instrument": STRICT, "side": 0, "price_ticks": 105, "qty_lots": 100}
    order["flags"] = REDUCE_ONLY | POST_ONLY
    climb(strict, order, [({}, Code.OPEN_ORDERS_LIMIT)])
    strict.do(SetTradingLimits(STRICT, roomy(max_open_orders=10)))
    rungs: list[Rung] = [
        ({}, Code.POSITION_LIMIT),
        ({"qty_lots": 48}, Code.REDUCE_ONLY_WOULD_INCREASE),
        ({"flags": POST_ONLY}, Code.POST_ONLY_WOULD_CROSS),
        ({"flags": 0, "tif": FOK}, Code.FOK_UNFILLABLE),
        ({"qty_lots": 20}, Code.INSUFFICIENT_MARGIN),
        ({"tif": GTC}, Code.INSUFFICIENT_MARGIN),
    ]
    climb(strict, order, rungs)


@pytest.mark.rule("ORD-5")
def test_a_reduce_only_order_that_cannot_fill_whole_is_cut_before_fok_is_checked(
    strict: Exchange,
) -> None:
    """Bob is long 10: his FOK sale of 14 becomes 10 before the book is asked for it."""
    strict.do(SetInstrumentStatus(STRICT, InstrumentStatus.ACTIVE))
    strict.trade(BOB, CAROL, 100, 10, STRICT)
    strict.bid(CAROL, 100, 10, STRICT)
    events = strict.sell(BOB, 100, 14, STRICT, tif=FOK, flags=REDUCE_ONLY)
    assert [] == codes(events)
    assert 10 == events[0].qty_lots
    assert (0, 0) == strict.position(BOB, STRICT)


def roomy(**changes: int) -> TradingLimits:
    fields = {name: getattr(LIMITS, name) for name in LIMITS.__struct_fields__}
    return TradingLimits(**(fields | changes))


@pytest.mark.rule("ORD-5")
@pytest.mark.parametrize(
    ("symbol", "without_price"),
    [
        ("SOL-20261225", Code.NO_MARK_PRICE),
        ("SOL-20261225-9-C", Code.NO_INDEX_PRICE),
    ],
)
def test_the_status_is_checked_before_prices_and_prices_before_the_rest(
    market: Exchange, symbol: str, without_price: Code
) -> None:
    """Without a price there can be no orders and positions, so reduce-only is the next fault."""
    market.do(CreateUnderlying("SOL", 10**11))
    market.create(30, symbol)
    order: Fields = {"instrument": 30, "side": 0, "price_ticks": 9, "qty_lots": 1}
    order["flags"] = REDUCE_ONLY
    market.do(SetInstrumentStatus(30, InstrumentStatus.HALTED))
    climb(market, order, [({}, Code.INSTRUMENT_HALTED)])
    market.do(SetInstrumentStatus(30, InstrumentStatus.CLOSE_ONLY))
    climb(market, order, [({}, Code.INSTRUMENT_CLOSE_ONLY)])
    market.do(SetInstrumentStatus(30, InstrumentStatus.ACTIVE))
    climb(market, order, [({}, without_price)])
    market.do(AdvanceTime(), at=MARKET_EXPIRY_NS)
    climb(market, order, [({}, Code.INSTRUMENT_EXPIRED)])


@pytest.mark.rule("ORD-5", "ORD-6")
def test_close_only_is_checked_before_the_limits_of_the_account(market: Exchange) -> None:
    market.do(SetTradingLimits(PERP, TradingLimits(max_price_ticks=10_000, max_open_orders=1)))
    market.bid(ALICE, 90, 1)
    order: Fields = {"instrument": PERP, "side": 0, "price_ticks": 90, "qty_lots": 1}
    climb(market, order, [({}, Code.OPEN_ORDERS_LIMIT)])
    market.do(SetInstrumentStatus(PERP, InstrumentStatus.CLOSE_ONLY))
    climb(market, order, [({}, Code.INSTRUMENT_CLOSE_ONLY)])


@pytest.mark.rule("ORD-5", "ORD-6")
def test_limits_look_at_the_size_before_reduce_only_cuts_it(market: Exchange) -> None:
    """Alice is long 5 and rests 10 sells; a reduce-only sale of 96 makes 101 against 100."""
    market.trade(ALICE, BOB, 100, 5)
    limits = TradingLimits(max_price_ticks=10_000, max_order_lots=100, max_position_lots=100)
    market.do(SetTradingLimits(PERP, limits))
    market.ask(ALICE, 110, 10)
    order: Fields = {"instrument": PERP, "side": 1, "price_ticks": 110, "qty_lots": 96}
    order["flags"] = REDUCE_ONLY
    climb(market, order, [({}, Code.POSITION_LIMIT)])
    events = market.sell(ALICE, 110, 95, flags=REDUCE_ONLY)
    assert [] == codes(events)
    assert 5 == events[0].qty_lots

"""Underlyings, instruments, status and limits: [NUM-1], [INS-3], [ADM-1] to [ADM-4]."""

from typing import Any

import msgspec
import pytest

from lockstep_engine.codes import Code, EntityKind, InstrumentKind, InstrumentStatus, Side
from lockstep_engine.commands import (
    AdvanceTime,
    AmendOrder,
    CreateInstrument,
    CreateUnderlying,
    PlaceOrder,
    SetInstrumentStatus,
    SetTradingLimits,
    TradingLimits,
)
from lockstep_engine.events import (
    InstrumentCreated,
    InstrumentStatusChanged,
    OrderAmended,
    TradingLimitsSet,
    UnderlyingCreated,
)
from tests.support.exchange import (
    ALICE,
    BOB,
    FUTURE,
    LIMITS,
    LOT_E8,
    MARKET_EXPIRY_NS,
    ONE_E8,
    PERP,
    TICK_E6,
    Exchange,
    codes,
    fills,
    of,
)

ACTIVE, CLOSE_ONLY, HALTED = (
    InstrumentStatus.ACTIVE,
    InstrumentStatus.CLOSE_ONLY,
    InstrumentStatus.HALTED,
)
EXPIRED = InstrumentStatus.EXPIRED_PENDING_PRICE
AMOUNT_MAX = 2**56


@pytest.fixture
def listing(staffed: Exchange) -> Exchange:
    """An exchange with the underlying BTC and no instrument."""
    staffed.send(CreateUnderlying("BTC", 10**9))
    return staffed


def limits(**changes: int) -> TradingLimits:
    return msgspec.structs.replace(LIMITS, **changes)


def create(number: int = 1, symbol: str = "BTC-PERP", **changes: Any) -> CreateInstrument:
    fields = {"tick_e6": TICK_E6, "lot_e8": LOT_E8, "contract_size_e8": ONE_E8, "limits": LIMITS}
    return CreateInstrument(number, symbol, **(fields | changes))


def instrument(exchange: Exchange, number: int) -> tuple[Any, ...]:
    fields = exchange.record(7, number)
    assert fields is not None
    return fields


# Underlyings


@pytest.mark.rule("ADM-1")
def test_an_underlying_starts_with_default_rates_and_without_index(staffed: Exchange) -> None:
    events = staffed.send(CreateUnderlying("BTC", 5_000, 61))
    assert [UnderlyingCreated("BTC", 5_000, 61, 30)] == events
    rates = (20_000_000, 500_000_000, 0, 10**8, 150_000_000, 10**8, 75_000_000, 75_000_000, 500)
    assert (5_000, 61, 30, 0, *rates) == staffed.record(6, "BTC")
    assert None is staffed.record(EntityKind.PORTFOLIO_MODEL, "BTC")


@pytest.mark.rule("ADM-1")
@pytest.mark.parametrize(
    ("max_index_e6", "expiry_s", "is_good"),
    [
        (1, 0, True),
        (2**50, 86_399, True),
        (0, 0, False),
        (-1, 0, False),
        (2**50 + 1, 0, False),
        (1, -1, False),
        (1, 86_400, False),
    ],
)
def test_the_bounds_of_an_underlying(
    staffed: Exchange, max_index_e6: int, expiry_s: int, is_good: bool
) -> None:
    found = codes(staffed.send(CreateUnderlying("BTC", max_index_e6, expiry_s)))
    assert ([] if is_good else [Code.BAD_PARAMETER]) == found


@pytest.mark.rule("ADM-1")
def test_the_checks_of_an_underlying_stand_in_order(listing: Exchange) -> None:
    assert Code.ALREADY_EXISTS == listing.refusal(CreateUnderlying("BTC", 0))
    assert Code.BAD_SYMBOL == listing.refusal(CreateUnderlying("btc", 0))


# Instruments


@pytest.mark.rule("ADM-2")
def test_an_instrument_starts_active_without_mark_and_changes(listing: Exchange) -> None:
    chosen = limits(price_step_ticks=5, price_band_bps=100)
    events = listing.send(create(7, limits=chosen, allows_self_trade=True))
    kind = InstrumentKind.PERPETUAL
    sizes = (TICK_E6, LOT_E8, ONE_E8)
    assert [InstrumentCreated(7, "BTC-PERP", "BTC", kind, 0, 0, *sizes, chosen, True)] == events
    ten_limits = (5, 10_000, 1, 1, 10_000, 0, 100_000, 1_000, 100, 1_000)
    assert ("BTC-PERP", *sizes, True, ACTIVE, *ten_limits, 10_000) == listing.record(7, 7)
    assert listing.marked(7) is None
    assert None is listing.record(8, 7)


@pytest.mark.rule("ADM-2")
@pytest.mark.parametrize("number", [1, 2**31 - 1])
def test_the_extreme_numbers_of_an_instrument(listing: Exchange, number: int) -> None:
    assert [] == codes(listing.send(create(number)))


@pytest.mark.rule("ADM-2")
@pytest.mark.parametrize("number", [0, -1, 2**31, 2**61])
def test_a_number_that_no_instrument_may_have(listing: Exchange, number: int) -> None:
    assert Code.BAD_PARAMETER == listing.refusal(create(number))


@pytest.mark.rule("ADM-2", "NUM-1")
@pytest.mark.parametrize("name", ["tick_e6", "lot_e8", "contract_size_e8"])
def test_sizes_stand_within_their_bounds(listing: Exchange, name: str) -> None:
    whole = {"tick_e6": 10**8, "lot_e8": 10**8, "contract_size_e8": 10**8}
    for bad in (0, -1, 10**15 + 1):
        assert Code.BAD_PARAMETER == listing.refusal(create(**(whole | {name: bad})))
    small = {"max_price_ticks": 1, "max_order_lots": 1, "max_position_lots": 1}
    largest = {"tick_e6": 10, "lot_e8": 10, "contract_size_e8": 10} | {name: 10**15}
    assert [] == codes(listing.send(create(limits=limits(**small), **largest)))


@pytest.mark.rule("NUM-1", "ADM-2")
@pytest.mark.parametrize(
    ("tick_e6", "lot_e8", "contract_e8", "expected"),
    [
        (10**6, 10**5, 10**8, []),
        (10**6, 10**2, 10**8, []),
        (10**6, 10, 10**8, [Code.VALUE_NOT_WHOLE]),
        (10**6, 15 * 10, 10**8, [Code.VALUE_NOT_WHOLE]),
        (2 * 10**6, 15 * 10, 10**8, []),
        (1, 1, 1, [Code.VALUE_NOT_WHOLE]),
        (3, 10**8, 10**8, []),
        (3, 10**8, 10**8 + 1, [Code.VALUE_NOT_WHOLE]),
    ],
)
def test_the_value_of_a_tick_of_a_lot_is_whole_and_at_least_one(
    listing: Exchange, tick_e6: int, lot_e8: int, contract_e8: int, expected: list[Code]
) -> None:
    action = create(tick_e6=tick_e6, lot_e8=lot_e8, contract_size_e8=contract_e8)
    assert expected == codes(listing.send(action))


@pytest.mark.rule("ADM-2")
def test_the_checks_of_an_instrument_stand_in_order(listing: Exchange) -> None:
    listing.create(5, "BTC-20270101")
    faults = {"tick_e6": 0, "lot_e8": 3, "limits": limits(price_step_ticks=0)}
    ladder = [
        (create(0, "bad", **faults), Code.BAD_PARAMETER),
        (create(5, "bad", **faults), Code.ALREADY_EXISTS),
        (create(1, "bad", **faults), Code.BAD_SYMBOL),
        (create(1, "SOL-20200101", **faults), Code.UNKNOWN_UNDERLYING),
        (create(1, "BTC-1JAN27", **faults), Code.ALREADY_EXISTS),
        (create(1, "BTC-20200101", **faults), Code.INSTRUMENT_EXPIRED),
        (create(1, "BTC-20270102", **faults), Code.BAD_PARAMETER),
        (create(1, "BTC-20270102", **(faults | {"tick_e6": 1})), Code.VALUE_NOT_WHOLE),
        (
            create(1, "BTC-20270102", limits=limits(price_step_ticks=0)),
            Code.BAD_PARAMETER,
        ),
    ]
    assert [code for _action, code in ladder] == [listing.refusal(a) for a, _code in ladder]


@pytest.mark.rule("ADM-2")
def test_an_expired_contract_is_still_the_same_contract(market: Exchange) -> None:
    market.send(AdvanceTime(), at=MARKET_EXPIRY_NS)
    assert Code.ALREADY_EXISTS == market.refusal(create(50, "BTC-25DEC26"))


# Limits

GOOD_LIMITS: list[dict[str, int]] = [
    {},
    {"price_step_ticks": 10_000},
    {"qty_step_lots": 2**55},
    {"min_order_lots": 10_000},
    {"min_order_lots": 100_000, "max_order_lots": 100_000},
    {"min_notional_e6": AMOUNT_MAX},
    {"max_open_orders": 1},
    {"max_open_orders": 10**6},
    {"price_band_bps": 10**6},
    {"max_price_ticks": 1},
]
BAD_LIMITS: list[dict[str, int]] = [
    {"price_step_ticks": 0},
    {"price_step_ticks": -1},
    {"price_step_ticks": 10_001},
    {"max_price_ticks": 0},
    {"qty_step_lots": 0},
    {"qty_step_lots": -1},
    {"min_order_lots": 0},
    {"min_order_lots": -1},
    {"min_order_lots": 10_001},
    {"max_order_lots": 100_001},
    {"max_position_lots": 9_999},
    {"max_order_lots": 0},
    {"min_notional_e6": -1},
    {"min_notional_e6": AMOUNT_MAX + 1},
    {"max_open_orders": 0},
    {"max_open_orders": -1},
    {"max_open_orders": 10**6 + 1},
    {"price_band_bps": -1},
    {"price_band_bps": 10**6 + 1},
    {"max_price_ticks": 2**61, "max_position_lots": 2**61},
]


@pytest.mark.rule("INS-3", "ADM-2", "ADM-4")
@pytest.mark.parametrize("changes", GOOD_LIMITS, ids=str)
def test_good_limits(listing: Exchange, changes: dict[str, int]) -> None:
    chosen = limits(**changes)
    assert [] == codes(listing.send(create(1, limits=chosen)))
    listing.create(2, "BTC-20261225")
    assert [TradingLimitsSet(2, chosen)] == listing.send(SetTradingLimits(2, chosen))
    assert instrument(listing, 1)[6:] == instrument(listing, 2)[6:]
    assert (
        tuple(getattr(chosen, name) for name in chosen.__struct_fields__)
        == (instrument(listing, 2)[6:16])
    )


@pytest.mark.rule("INS-3", "ADM-2", "ADM-4")
@pytest.mark.parametrize("changes", BAD_LIMITS, ids=str)
def test_bad_limits(listing: Exchange, changes: dict[str, int]) -> None:
    chosen = limits(**changes)
    assert Code.BAD_PARAMETER == listing.refusal(create(1, limits=chosen))
    listing.create(2, "BTC-20261225")
    assert Code.BAD_PARAMETER == listing.refusal(SetTradingLimits(2, chosen))


def exposure(max_price_ticks: int, max_position_lots: int) -> TradingLimits:
    return limits(
        max_price_ticks=max_price_ticks, max_position_lots=max_position_lots, max_order_lots=1
    )


@pytest.mark.rule("INS-3", "NUM-4")
def test_the_largest_position_at_the_largest_price_is_bounded(staffed: Exchange) -> None:
    staffed.send(CreateUnderlying("BTC", 1))
    sizes = {"tick_e6": 2**10, "lot_e8": ONE_E8}
    for price, lots in ((2**16 + 1, 2**30), (2**16, 2**30 + 1)):
        refused = staffed.refusal(create(1, limits=exposure(price, lots), **sizes))
        assert Code.BAD_PARAMETER == refused
    assert [] == codes(staffed.send(create(1, limits=exposure(2**16, 2**30), **sizes)))


@pytest.mark.rule("INS-3", "NUM-4")
@pytest.mark.parametrize(
    ("max_index_e6", "expected"),
    [(2**26 * 1_000, []), (2**26 * 1_000 + 1, [Code.BAD_PARAMETER])],
)
def test_the_largest_position_at_the_largest_index_is_bounded_rounding_up(
    staffed: Exchange, max_index_e6: int, expected: list[Code]
) -> None:
    staffed.send(CreateUnderlying("BTC", max_index_e6))
    assert expected == codes(staffed.send(create(1, limits=exposure(1, 2**30))))


@pytest.mark.rule("INS-3", "NUM-4")
@pytest.mark.parametrize("right", ["C", "P"])
@pytest.mark.parametrize(("strike", "is_good"), [(20, True), (21, False), (25, False)])
def test_the_largest_position_at_the_strike_is_bounded_rounding_up(
    staffed: Exchange, right: str, strike: int, is_good: bool
) -> None:
    """A lot is a tenth of a micro-dollar per dollar of strike: 2.0, 2.1 and 2.5, against 2^55."""
    staffed.send(CreateUnderlying("BTC", 1))
    action = create(
        1,
        f"BTC-20261225-{strike}-{right}",
        tick_e6=10**7,
        lot_e8=10,
        contract_size_e8=10**8,
        limits=exposure(1, 2**55),
    )
    assert ([] if is_good else [Code.BAD_PARAMETER]) == codes(staffed.send(action))


@pytest.mark.rule("ADM-4")
def test_the_checks_of_new_limits_stand_in_order(market: Exchange) -> None:
    bad = limits(price_step_ticks=0)
    assert Code.UNKNOWN_INSTRUMENT == market.refusal(SetTradingLimits(99, bad))
    market.send(AdvanceTime(), at=MARKET_EXPIRY_NS)
    assert Code.INSTRUMENT_EXPIRED == market.refusal(SetTradingLimits(FUTURE, bad))
    assert Code.INSTRUMENT_EXPIRED == market.refusal(SetTradingLimits(FUTURE, LIMITS))
    assert Code.BAD_PARAMETER == market.refusal(SetTradingLimits(PERP, bad))


@pytest.mark.rule("ADM-4")
def test_new_limits_leave_live_orders_and_the_mark_alone(market: Exchange) -> None:
    order_id = market.bid(ALICE, 95, 7)
    before, mark = market.row(order_id), market.marked(PERP)
    tight = TradingLimits(price_step_ticks=10, max_price_ticks=50, qty_step_lots=5)
    market.send(SetTradingLimits(PERP, tight))
    assert before == market.row(order_id)
    assert mark == market.marked(PERP)
    assert [(order_id, 95, 5)] == fills(market.sell(BOB, 50, 5))


@pytest.mark.rule("ADM-4", "BOOK-3")
def test_new_limits_hold_for_an_amend_that_loses_its_place(market: Exchange) -> None:
    order_id = market.bid(ALICE, 95, 6)
    market.send(SetTradingLimits(PERP, limits(price_step_ticks=10)))
    refused = market.refusal(AmendOrder(order_id, 94, 6), ALICE)
    assert Code.PRICE_OFF_TICK == refused
    amended = of(market.send(AmendOrder(order_id, 95, 5), ALICE), OrderAmended)
    assert [(95, 5, 5)] == [(e.price_ticks, e.qty_lots, e.remaining_lots) for e in amended]


# Status


@pytest.mark.rule("ADM-3")
@pytest.mark.parametrize("status", [ACTIVE, CLOSE_ONLY, HALTED])
def test_a_status_is_set_also_if_it_is_the_same(market: Exchange, status: int) -> None:
    for _ in range(2):
        events = market.send(SetInstrumentStatus(PERP, status))
        assert [InstrumentStatusChanged(PERP, status)] == events
        assert status == instrument(market, PERP)[5]


@pytest.mark.rule("ADM-3")
@pytest.mark.parametrize("status", [0, EXPIRED, -1, 5])
def test_a_status_that_no_command_may_set(market: Exchange, status: int) -> None:
    assert Code.BAD_PARAMETER == market.refusal(SetInstrumentStatus(PERP, status))


@pytest.mark.rule("ADM-3")
def test_the_checks_of_a_status_stand_in_order(market: Exchange) -> None:
    market.send(AdvanceTime(), at=MARKET_EXPIRY_NS)
    assert Code.UNKNOWN_INSTRUMENT == market.refusal(SetInstrumentStatus(99, 0))
    assert Code.BAD_PARAMETER == market.refusal(SetInstrumentStatus(FUTURE, EXPIRED))
    assert Code.INSTRUMENT_EXPIRED == market.refusal(SetInstrumentStatus(FUTURE, ACTIVE))


@pytest.mark.rule("ADM-3")
def test_a_halt_ends_with_the_next_status(market: Exchange) -> None:
    market.send(SetInstrumentStatus(PERP, HALTED))
    order = PlaceOrder(PERP, Side.BUY, 90, 1)
    assert Code.INSTRUMENT_HALTED == market.refusal(order, ALICE)
    market.send(SetInstrumentStatus(PERP, ACTIVE))
    assert [] == codes(market.send(order, ALICE))

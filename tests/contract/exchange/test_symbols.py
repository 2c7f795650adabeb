"""The spellings of an instrument and when it expires: [INS-1] and [INS-2]."""

import pytest

from lockstep_engine.codes import Code, InstrumentKind
from lockstep_engine.commands import AdvanceTime, CreateInstrument, CreateUnderlying, TradingLimits
from lockstep_engine.events import InstrumentCreated
from tests.support.exchange import (
    LIMITS,
    LOT_E8,
    ONE_E8,
    SECOND_NS,
    TICK_E6,
    Exchange,
    of,
)

MIDNIGHT_S = 1_798_156_800
"""2026-12-25 00:00 UTC."""

SPELLINGS = [
    ("BTC-PERP", "BTC-PERPETUAL", InstrumentKind.PERPETUAL, 0, 0),
    ("BTC-20261225", "BTC-25DEC26", InstrumentKind.FUTURE, MIDNIGHT_S, 0),
    ("BTC-20260205", "BTC-5FEB26", InstrumentKind.FUTURE, 1_770_249_600, 0),
    ("BTC-20280229", "BTC-29FEB28", InstrumentKind.FUTURE, 1_835_395_200, 0),
    ("BTC-20991231", "BTC-31DEC99", InstrumentKind.FUTURE, 4_102_358_400, 0),
    (
        "BTC-20261225-100000-C",
        "BTC-25DEC26-100000-C",
        InstrumentKind.CALL,
        MIDNIGHT_S,
        100_000_000_000,
    ),
    ("BTC-20261225-1-P", "BTC-25DEC26-1-P", InstrumentKind.PUT, MIDNIGHT_S, 1_000_000),
    (
        "BTC-20261225-1000000000-P",
        "BTC-25DEC26-1000000000-P",
        InstrumentKind.PUT,
        MIDNIGHT_S,
        10**15,
    ),
]

GOOD = [
    "A-PERP",
    "Z9-PERP",
    "ABCDEFGHIJKLMNOP-PERP",
    "A234567890123456-PERP",
    "X-20000101",
    "X-1JAN00",
    "X-31DEC99",
    "X-30APR26",
    "X-28FEB26",
    "X-29FEB00",
    "X-20260630-1-C",
    "X-9SEP26-1000000000-P",
]

BAD = [
    *("", "-", "BTC", "BTC-", "-PERP", "--", "BTC--PERP", "BTC-PERP-", "BTC-PERP-X"),
    *("btc-PERP", "BTC-perp", "BTC-Perp", "BTC-PERPETUALS", "BTC-PERPE", "BTC-SPOT"),
    *(" BTC-PERP", "BTC-PERP ", "BTC -PERP", "BTC-PERP\n", "BTC-PERP\0", "BTC/PERP", "BTC_PERP"),
    *("1BTC-PERP", "BT.C-PERP", "B\u00c4R-PERP", "BTC\u2010PERP", "\u0412TC-PERP"),
    *("ABCDEFGHIJKLMNOPQ-PERP", "-20261225", "BTC-PERP-100-C"),
    *("BTC-20260230", "BTC-20260229", "BTC-20260431", "BTC-20261301", "BTC-20260001"),
    *("BTC-20260100", "BTC-20261232", "BTC-19991231", "BTC-21000101", "BTC-00000000"),
    *("BTC-2026122", "BTC-202612255", "BTC-2026-12-25", "BTC-2026 225", "BTC-+2026122"),
    *("BTC-\uff12\uff10\uff12\uff1661225", "BTC-2026122\u0665", "BTC-2026122\u00b2"),
    *("BTC-25DEC2026", "BTC-025DEC26", "BTC-05DEC26", "BTC-0DEC26", "BTC-00DEC26"),
    *("BTC-32DEC26", "BTC-31NOV26", "BTC-29FEB26", "BTC-30FEB28", "BTC-25dec26"),
    *("BTC-25Dec26", "BTC-25DEX26", "BTC-DEC26", "BTC-25DEC6", "BTC-25DEC", "BTC-25DEC-6"),
    *("BTC-2\u0665DEC26", "BTC-25DEC2\u0666", "BTC--5DEC26", "BTC-+5DEC26", "BTC- 5DEC26"),
    *("BTC-20261225-100", "BTC-20261225-C", "BTC-20261225-C-100", "BTC-20261225--C"),
    *("BTC-20261225-100-X", "BTC-20261225-100-c", "BTC-20261225-100-CALL", "BTC-20261225-100-"),
    *("BTC-20261225-100-C-", "BTC-20261225-100-CP", "BTC-20261225-0-C", "BTC-20261225-0100-C"),
    *("BTC-20261225-00-C", "BTC-20261225-1000000001-C", "BTC-20261225-99999999999-C"),
    *("BTC-20261225-10000000000-C", "BTC-20261225-100.5-C", "BTC-20261225-1e3-C"),
    *("BTC-20261225-1_0-C", "BTC-20261225-+1-C", "BTC-20261225- 1-C", "BTC-20261225-\u0661-C"),
    *("BTC-20260230-100-C", "BTC-05DEC26-100-C", "btc-20261225-100-C", "BTC-25DEC26-100-p"),
]


@pytest.fixture
def listing(staffed: Exchange) -> Exchange:
    """An exchange with the underlying BTC, expiring at 08:00, and no instrument."""
    staffed.send(CreateUnderlying("BTC", 10**9))
    return staffed


def create(symbol: str, number: int = 1) -> CreateInstrument:
    return CreateInstrument(number, symbol, TICK_E6, LOT_E8, ONE_E8, LIMITS)


@pytest.mark.rule("INS-1", "INS-2", "ADM-2")
@pytest.mark.parametrize("spelling", [0, 1], ids=["first", "second"])
@pytest.mark.parametrize("row", SPELLINGS, ids=lambda row: row[0])
def test_both_spellings_name_one_contract(
    listing: Exchange, row: tuple[str, str, int, int, int], spelling: int
) -> None:
    symbol, _second, kind, day_s, strike_e6 = row
    expiry_ns = (day_s + 28_800) * SECOND_NS if day_s else 0
    limits = TradingLimits(max_order_lots=7, max_position_lots=7)
    sizes = (TICK_E6, LOT_E8, ONE_E8)
    created = InstrumentCreated(1, symbol, "BTC", kind, expiry_ns, strike_e6, *sizes, limits, False)
    events = listing.send(CreateInstrument(1, row[spelling], *sizes, limits))
    assert [created] == events
    fields = listing.record(7, 1)
    assert fields is not None
    assert symbol == fields[0]


@pytest.mark.rule("INS-1")
@pytest.mark.parametrize("symbol", GOOD)
def test_a_good_symbol_parses(listing: Exchange, symbol: str) -> None:
    assert Code.UNKNOWN_UNDERLYING == listing.refusal(create(symbol))


@pytest.mark.rule("INS-1")
@pytest.mark.parametrize("symbol", BAD, ids=ascii)
def test_nothing_else_parses(listing: Exchange, symbol: str) -> None:
    assert Code.BAD_SYMBOL == listing.refusal(create(symbol))


@pytest.mark.rule("INS-1")
@pytest.mark.parametrize("name", ["A", "Z9", "A234567890123456", "ABCDEFGHIJKLMNOP"])
def test_a_good_underlying_name(staffed: Exchange, name: str) -> None:
    staffed.send(CreateUnderlying(name, 1))
    assert None is not staffed.record(6, name)


@pytest.mark.rule("INS-1", "ADM-1")
@pytest.mark.parametrize(
    "name", ["", "btc", "1A", "A-B", "A B", "A.", "A\n", "\u00c4", "A\u0661", "A" * 17], ids=ascii
)
def test_a_bad_underlying_name(staffed: Exchange, name: str) -> None:
    assert Code.BAD_SYMBOL == staffed.refusal(CreateUnderlying(name, 1))


@pytest.mark.rule("INS-1", "ADM-2")
def test_the_other_spelling_of_a_listed_contract_already_exists(listing: Exchange) -> None:
    listing.create(1, "BTC-PERPETUAL")
    listing.create(2, "BTC-25DEC26-100-C")
    for number, symbol in enumerate(("BTC-PERP", "BTC-20261225-100-C", "BTC-25DEC26-100-C"), 10):
        assert Code.ALREADY_EXISTS == listing.refusal(create(symbol, number))
    listing.create(3, "BTC-20261225-100-P")
    listing.create(4, "BTC-20261225-101-C")
    listing.create(5, "BTC-20261226-100-C")
    listing.create(6, "BTC-20261225")


@pytest.mark.rule("INS-2")
@pytest.mark.parametrize("expiry_time_s", [0, 1, 28_800, 86_399])
def test_expiry_is_the_date_plus_the_underlyings_time(
    staffed: Exchange, expiry_time_s: int
) -> None:
    staffed.send(CreateUnderlying("BTC", 10**9, expiry_time_s))
    (created,) = of(staffed.create(1, "BTC-20261225"), InstrumentCreated)
    assert (MIDNIGHT_S + expiry_time_s) * SECOND_NS == created.expiry_ns


@pytest.mark.rule("INS-2", "ADM-2", "TIM-2")
def test_an_instrument_is_expired_from_its_expiry_on(listing: Exchange) -> None:
    expiry_ns = (MIDNIGHT_S + 28_800) * SECOND_NS
    listing.send(AdvanceTime(), at=expiry_ns - 1)
    listing.create(1, "BTC-20261225")
    listing.send(AdvanceTime(), at=expiry_ns)
    refused = listing.refusal(CreateInstrument(2, "BTC-20261225-5-C", 1, 1, 1, LIMITS))
    assert Code.INSTRUMENT_EXPIRED == refused
    assert Code.INSTRUMENT_EXPIRED == listing.refusal(create("BTC-20260101", 3))

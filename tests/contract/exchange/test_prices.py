"""Index and mark prices: [MRK-1], and the values per lot at them, [NUM-3]."""

import msgspec
import pytest

from lockstep_engine.codes import Code, InstrumentStatus
from lockstep_engine.commands import (
    AdvanceTime,
    MarginRates,
    SetInstrumentStatus,
    SetTradingLimits,
    UpdateIndexPrice,
    UpdateMarkPrice,
)
from lockstep_engine.events import IndexPriceUpdated, MarkPriceUpdated
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    FUTURE,
    LIMITS,
    MARKET_EXPIRY_NS,
    PERP,
    PUT,
    TICK_E6,
    Exchange,
    codes,
)


def mark_of(exchange: Exchange, number: int) -> int:
    fields = exchange.marked(number)
    assert fields is not None
    mark: int = fields[0]
    return mark


@pytest.mark.rule("MRK-1")
@pytest.mark.parametrize("price_e6", [1, 123_456_789, 10**11])
def test_an_index_is_set(market: Exchange, price_e6: int) -> None:
    events = market.send(UpdateIndexPrice("BTC", price_e6))
    assert [IndexPriceUpdated("BTC", price_e6)] == events
    assert (10**11, 28_800, 30, price_e6, *msgspec.structs.astuple(MarginRates())) == market.record(
        6, "BTC"
    )


@pytest.mark.rule("MRK-1")
@pytest.mark.parametrize("price_e6", [0, -1, 10**11 + 1])
def test_an_index_stands_within_its_bounds(market: Exchange, price_e6: int) -> None:
    assert Code.UNKNOWN_UNDERLYING == market.refusal(UpdateIndexPrice("SOL", price_e6))
    assert Code.BAD_PARAMETER == market.refusal(UpdateIndexPrice("BTC", price_e6))


@pytest.mark.rule("MRK-1")
def test_the_index_moves_no_mark(market: Exchange) -> None:
    before = market.records_but(4, 6)
    market.index(5_000)
    assert before == market.records_but(4, 6)


@pytest.mark.rule("MRK-1")
@pytest.mark.parametrize("price_e6", [1, 123_456_789, 10_000 * TICK_E6])
@pytest.mark.parametrize("number", [PERP, FUTURE, CALL, PUT])
def test_a_mark_is_set(market: Exchange, number: int, price_e6: int) -> None:
    events = market.send(UpdateMarkPrice(number, price_e6))
    assert [MarkPriceUpdated(number, price_e6)] == events
    assert price_e6 == mark_of(market, number)


@pytest.mark.rule("MRK-1")
@pytest.mark.parametrize("price_e6", [0, -1, 10_000 * TICK_E6 + 1])
def test_a_mark_stands_within_its_bounds(market: Exchange, price_e6: int) -> None:
    assert Code.BAD_PARAMETER == market.refusal(UpdateMarkPrice(PERP, price_e6))


@pytest.mark.rule("MRK-1")
def test_the_checks_of_a_mark_stand_in_order(market: Exchange) -> None:
    assert Code.UNKNOWN_INSTRUMENT == market.refusal(UpdateMarkPrice(99, 0))
    twin = market.fork()
    twin.send(AdvanceTime(), at=MARKET_EXPIRY_NS)
    for number in (FUTURE, CALL, PUT):
        assert Code.INSTRUMENT_EXPIRED == twin.refusal(UpdateMarkPrice(number, 0))
        assert Code.INSTRUMENT_EXPIRED == twin.refusal(UpdateMarkPrice(number, TICK_E6))
    market.surface(100, (100, 50))
    for number in (FUTURE, CALL, PUT):
        assert Code.SURFACE_EXISTS == market.refusal(UpdateMarkPrice(number, 0))
        assert Code.SURFACE_EXISTS == market.refusal(UpdateMarkPrice(number, TICK_E6))
    market.do(AdvanceTime(), at=MARKET_EXPIRY_NS)
    assert Code.INSTRUMENT_EXPIRED == market.refusal(UpdateMarkPrice(CALL, TICK_E6))


@pytest.mark.rule("MRK-1")
@pytest.mark.parametrize("status", [InstrumentStatus.HALTED, InstrumentStatus.CLOSE_ONLY])
def test_prices_move_in_every_status_but_expired(market: Exchange, status: int) -> None:
    market.send(SetInstrumentStatus(PERP, status))
    assert [] == codes(market.mark(101))


@pytest.mark.rule("MRK-1", "ADM-4")
def test_new_limits_bound_the_next_mark(market: Exchange) -> None:
    market.send(SetTradingLimits(PERP, msgspec.structs.replace(LIMITS, max_price_ticks=99)))
    assert 100 * TICK_E6 == mark_of(market, PERP)
    assert Code.BAD_PARAMETER == market.refusal(UpdateMarkPrice(PERP, 100 * TICK_E6))
    assert [] == codes(market.mark(99))


@pytest.mark.rule("NUM-3", "MRG-1")
@pytest.mark.parametrize(
    ("mark_e6", "mark_lot_e6"),
    [
        (2_499, 2),
        (2_500, 2),
        (2_501, 3),
        (3_499, 3),
        (3_500, 4),
        (3_501, 4),
        (99_999_500, 100_000),
        (99_999_499, 99_999),
        (100_000_500, 100_000),
        (100_000_501, 100_001),
    ],
)
def test_the_value_of_a_lot_at_the_mark_is_rounded_once_half_to_even(
    market: Exchange, mark_e6: int, mark_lot_e6: int
) -> None:
    """Alice is long 1,000 lots; what she may withdraw shows her profit at the mark.

    Cash after the fee of 50,000; the position cost 100,000,000 and needs a margin of 2 % per lot,
    rounded up per lot.
    """
    market.trade(ALICE, BOB, 100, 1_000)
    market.send(UpdateMarkPrice(PERP, mark_e6))
    margin_lot = -(-mark_lot_e6 * 20_000_000 // 10**9)
    unrealised = 1_000 * mark_lot_e6 - 100_000_000
    free = 1_000_000_000 - 50_000 + unrealised - 1_000 * margin_lot
    market.assert_can_withdraw(ALICE, min(free, 999_950_000))

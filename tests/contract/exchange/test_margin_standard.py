"""Standard margin: what each kind of position needs alone, and its rates: [MRG-2], [ADM-7].

A lot of the standard market is 0.001 of the underlying; the index is 100, CALL and PUT have the
strike 100. So 20 dollars of margin for one unit are 20,000 a lot. Requirements are (IM, MM).
"""

import pytest

from lockstep_engine.codes import Code
from lockstep_engine.commands import CreateInstrument, MarginRates, SetMarginModel
from lockstep_engine.events import MarginModelSet
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CASH,
    ETH_PERP,
    FUTURE,
    LIMITS,
    ONE_E8,
    PERP,
    PUT,
    Exchange,
)
from tests.support.margins import hold, requirement

LOW_PUT = 50
"""A put with the strike 50 of 15e-8 of the underlying a lot."""


@pytest.fixture
def small(market: Exchange) -> Exchange:
    """The standard market with the small put, marked at one dollar."""
    market.do(CreateInstrument(LOW_PUT, "BTC-20261225-50-P", 10**8, 15, ONE_E8, LIMITS))
    market.mark(1, LOW_PUT)
    return market


# Futures and perpetuals


@pytest.mark.rule("MRG-2", "ADM-1")
@pytest.mark.parametrize("lots", [10, -10])
@pytest.mark.parametrize("instrument", [PERP, FUTURE, ETH_PERP])
def test_a_future_needs_two_percent_and_half_of_that(
    market: Exchange, instrument: int, lots: int
) -> None:
    hold(market, ALICE, lots, 100, instrument)
    assert (20_000, 10_000) == requirement(market, ALICE)
    market.mark(150, instrument)
    assert (30_000, 15_000) == requirement(market, ALICE)


@pytest.mark.rule("MRG-2", "NUM-2")
def test_the_maintenance_of_a_future_is_rounded_up_once(market: Exchange) -> None:
    """1.2345678 % of 100,000 is 1,234.5678 a lot; a third of 3 x 1,235 is 1,234.99."""
    hold(market, ALICE, 3, 100)
    market.do(SetMarginModel("BTC", MarginRates(12_345_678, 333_333_333)))
    assert (3_705, 1_235) == requirement(market, ALICE)


@pytest.mark.rule("MRG-2", "NUM-2")
@pytest.mark.parametrize(
    ("lots", "addon_bps", "addon_size_e8", "expected"),
    [
        (10, 100, 10**8, 20_100),
        (-10, 100, 10**8, 20_100),
        (20, 100, 10**8, 40_400),
        (3, 7, 10**8, 6_001),
        (1, 7, 10**8, 2_001),
        (10, 500, 10**5, 520_000),
        (10, 1_000, 10**5, 1_000_000),
        (-10, 10_000, 1, 1_000_000),
        (10, 0, 1, 20_000),
        (10, 10_000, 10**18, 20_001),
    ],
)
def test_large_positions_need_more_up_to_their_value(
    market: Exchange, lots: int, addon_bps: int, addon_size_e8: int, expected: int
) -> None:
    """One percent for each unit, and 10 lots are 0.01 units: 0.01 % of 1,000,000 on top."""
    hold(market, ALICE, lots, 100)
    rates = MarginRates(addon_bps=addon_bps, addon_size_e8=addon_size_e8)
    market.do(SetMarginModel("BTC", rates))
    assert (expected, -(-expected // 2)) == requirement(market, ALICE)


@pytest.mark.rule("MRG-2")
def test_a_whole_rate_needs_the_value_and_no_more(market: Exchange) -> None:
    hold(market, ALICE, -10, 100)
    rates = MarginRates(10**9, 10**9, addon_bps=10_000, addon_size_e8=1)
    market.do(SetMarginModel("BTC", rates))
    assert (1_000_000, 1_000_000) == requirement(market, ALICE)


@pytest.mark.rule("MRG-4", "MRG-2")
@pytest.mark.parametrize(
    ("lots", "bids", "asks", "expected"),
    [(0, 10, 0, 20_100), (10, 10, 0, 40_400), (10, 0, 10, 20_100), (10, 0, 30, 40_400)],
)
def test_open_orders_need_the_add_on_of_what_they_could_make(
    market: Exchange, lots: int, bids: int, asks: int, expected: int
) -> None:
    market.do(SetMarginModel("BTC", MarginRates(addon_bps=100)))
    if lots:
        hold(market, ALICE, lots, 100)
    before = market.cash(ALICE)
    reserve = 0
    if bids:
        reserve = market.row(market.bid(ALICE, 90, bids)).reserve_e6
    if asks:
        reserve = market.row(market.ask(ALICE, 110, asks)).reserve_e6
    market.assert_can_withdraw(ALICE, before - reserve - expected)


# Options


@pytest.mark.rule("MRG-2", "ADM-1")
@pytest.mark.parametrize(
    ("instrument", "index", "mark", "expected"),
    [
        (CALL, 100, 5, (20_000, 12_500)),
        (CALL, 97, 5, (16_550, 12_275)),
        (CALL, 90, 5, (14_000, 11_750)),
        (CALL, 120, 25, (43_000, 34_000)),
        (PUT, 100, 5, (20_000, 12_500)),
        (PUT, 104, 5, (16_600, 12_800)),
        (PUT, 110, 5, (16_000, 13_250)),
        (PUT, 80, 25, (37_000, 31_000)),
        (PUT, 10, 90, (96_750, 96_750)),
        (CALL, 10, 90, (91_000, 90_750)),
    ],
    ids=str,
)
def test_a_short_option_needs_a_share_of_the_index_less_what_it_is_out_of_the_money(
    *, market: Exchange, instrument: int, index: int, mark: int, expected: tuple[int, int]
) -> None:
    """At, a little, far out of and in the money.

    CALL at 97: 14.55 - 3 + 5; at 90: at least 9, + 5. The put at an index of 10 and a mark of 90
    needs 7.5 % of its mark, and its IM is not below its MM.
    """
    hold(market, ALICE, -10, 5, instrument)
    market.index(index)
    market.mark(mark, instrument)
    initial, maintenance = expected
    assert (10 * initial, 10 * maintenance) == requirement(market, ALICE)


@pytest.mark.rule("MRG-2")
@pytest.mark.parametrize("instrument", [CALL, PUT])
def test_a_long_option_needs_nothing(market: Exchange, instrument: int) -> None:
    hold(market, ALICE, 10, 5, instrument)
    assert (0, 0) == requirement(market, ALICE)
    market.mark(1, instrument)
    market.assert_can_withdraw(ALICE, market.cash(ALICE))


@pytest.mark.rule("MRG-2", "NUM-2")
def test_the_margin_of_a_short_option_is_rounded_up_once_a_lot(small: Exchange) -> None:
    """10 and 1 dollars for 15e-8: 1.65; 7.5 and 1: 1.275. Rounded apart they would be 2 + 1."""
    hold(small, ALICE, -1_000, 1, LOW_PUT)
    assert (2_000, 2_000) == requirement(small, ALICE)


@pytest.mark.rule("MRG-2")
@pytest.mark.parametrize(
    ("rates", "call", "put"),
    [
        (MarginRates(option_initial_e9=333_333_333), (38_334, 12_500), (38_334, 12_500)),
        (MarginRates(option_initial_e9=0), (15_000, 12_500), (15_000, 12_500)),
        (MarginRates(option_initial_e9=0, option_floor_e9=0), (12_500, 12_500), (12_500, 12_500)),
        (MarginRates(option_maintenance_e9=0), (20_000, 5_000), (20_000, 5_375)),
        (MarginRates(option_maintenance_e9=0, put_mark_e9=0), (20_000, 5_000), (20_000, 5_000)),
        (MarginRates(put_mark_e9=10**9), (20_000, 12_500), (20_000, 12_500)),
    ],
)
def test_the_rates_of_options(
    market: Exchange, rates: MarginRates, call: tuple[int, int], put: tuple[int, int]
) -> None:
    """A third of 100 and the mark of 5 make 38,333.33 a lot; IM is at least MM."""
    market.do(SetMarginModel("BTC", rates))
    hold(market, ALICE, -1, 5, CALL)
    assert call == requirement(market, ALICE)
    hold(market, ALICE, 1, 5, CALL)
    hold(market, ALICE, -1, 5, PUT)
    assert put == requirement(market, ALICE)


@pytest.mark.rule("MRG-2", "MRG-1")
def test_positions_add_up(market: Exchange) -> None:
    """A short call beside a long one and a future: nothing is netted."""
    market.create(51, "BTC-20261225-110-C")
    market.mark(2, 51)
    hold(market, ALICE, 10, 5, CALL)
    hold(market, ALICE, -10, 2, 51)
    hold(market, ALICE, 10, 100, PERP)
    assert (120_000 + 20_000, 95_000 + 10_000) == requirement(market, ALICE)


@pytest.mark.rule("MRG-2", "NUM-2")
def test_what_is_not_set_counts_as_0(market: Exchange) -> None:
    """The other side of a trade needs its margin at the same mark: none is left out."""
    hold(market, ALICE, 10, 5, CALL)
    assert (0, 0) == requirement(market, ALICE)
    assert (200_000, 125_000) == requirement(market, BOB)
    market.assert_can_withdraw(BOB, market.cash(BOB) - 200_000)
    assert CASH < market.cash(BOB) + 1_000


# Rates


@pytest.mark.rule("ADM-7")
@pytest.mark.parametrize(
    "rates",
    [
        MarginRates(0, 0, 0, 1, 0, 0, 0, 0, 0),
        MarginRates(10**9, 10**9, 10**4, 10**18, 10**9, 10**9, 10**9, 10**9, 10**4),
        MarginRates(1, 2, 3, 4, 5, 6, 7, 8, 9),
    ],
)
def test_margin_rates_are_set(market: Exchange, rates: MarginRates) -> None:
    assert [MarginModelSet("BTC", rates)] == market.send(SetMarginModel("BTC", rates))
    fields = tuple(getattr(rates, name) for name in rates.__struct_fields__)
    assert (10**11, 28_800, 30, 10**8, *fields) == market.record(6, "BTC")


@pytest.mark.rule("ADM-7")
@pytest.mark.parametrize(
    ("field", "low", "high"),
    [
        ("future_initial_e9", 0, 10**9),
        ("future_maintenance_e9", 0, 10**9),
        ("addon_bps", 0, 10**4),
        ("penalty_bps", 0, 10**4),
        ("addon_size_e8", 1, 10**18),
        ("option_initial_e9", 0, 10**9),
        ("option_floor_e9", 0, 10**9),
        ("option_maintenance_e9", 0, 10**9),
        ("put_mark_e9", 0, 10**9),
    ],
)
def test_the_bounds_of_the_margin_rates(market: Exchange, field: str, low: int, high: int) -> None:
    for value in (low - 1, high + 1):
        rates = MarginRates(**{field: value})
        assert Code.UNKNOWN_UNDERLYING == market.refusal(SetMarginModel("SOL", rates))
        assert Code.BAD_MARGIN_MODEL == market.refusal(SetMarginModel("BTC", rates))
    for value in (low, high):
        market.do(SetMarginModel("BTC", MarginRates(**{field: value})))

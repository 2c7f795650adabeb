"""Volatility surfaces and the marks that follow them: [MRK-2]."""

from typing import Any

import pytest

from lockstep_engine.codes import Code, InstrumentStatus
from lockstep_engine.commands import (
    AdvanceTime,
    Deposit,
    PlaceOrder,
    SetInstrumentStatus,
    SetTradingLimits,
    TradingLimits,
    UpdateMarkPrice,
    UpdateVolSurface,
)
from lockstep_engine.events import (
    InstrumentExpired,
    InstrumentMark,
    MarksUpdated,
    SettlementPriceSet,
    TimeAdvanced,
    VolSurfaceUpdated,
)
from lockstep_engine.risk.detmath import black76
from lockstep_kernel import dump, load, sorted_records
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CASH,
    DAY_NS,
    ETH_PERP,
    FUTURE,
    MARKET_EXPIRY_NS,
    PERP,
    PUT,
    SECOND_NS,
    START_NS,
    TICK_E6,
    Exchange,
    codes,
    names,
    of,
)

POINTS = ((90 * TICK_E6, 600_000_000), (110 * TICK_E6, 400_000_000))
SKEWED = UpdateVolSurface("BTC", MARKET_EXPIRY_NS, 105 * TICK_E6, POINTS)
TO_EXPIRY = MARKET_EXPIRY_NS - START_NS
VOL_AT_100 = 509_901_951
"""isqrt of (0.36 + 0.16) / 2 x 10^18: the variance halfway, not the volatility halfway."""

SPOT_E6 = 10**8


def flat(*strikes: int, vol_e9: int = 500_000_000) -> tuple[tuple[int, int], ...]:
    """Return points of one volatility at strikes in micro-dollars."""
    return tuple((strike, vol_e9) for strike in strikes)


def surface(expiry_ns: int = MARKET_EXPIRY_NS, **fields: Any) -> UpdateVolSurface:
    """Return a good surface of the standard market with these fields changed."""
    good = {"underlying": "BTC", "forward_e6": SPOT_E6, "points": flat(SPOT_E6)}
    return UpdateVolSurface(expiry_ns=expiry_ns, **(good | fields))


def option_mark(number: int, is_call: bool, *terms: int) -> InstrumentMark:
    """Return the mark of an option by `black76`: terms are forward, strike, time, volatility."""
    return InstrumentMark(number, *black76(is_call, *terms))


# Setting a surface


@pytest.mark.rule("MRK-2", "NUM-5")
def test_a_surface_marks_its_whole_expiry_by_identifier(market: Exchange) -> None:
    terms = (105 * TICK_E6, 100 * TICK_E6, TO_EXPIRY, VOL_AT_100)
    assert [
        VolSurfaceUpdated("BTC", MARKET_EXPIRY_NS, 105 * TICK_E6, POINTS),
        MarksUpdated(
            "BTC",
            MARKET_EXPIRY_NS,
            (
                InstrumentMark(FUTURE, 105 * TICK_E6, 10**9, 0, 0, 0),
                option_mark(CALL, True, *terms),
                option_mark(PUT, False, *terms),
            ),
        ),
    ] == market.send(SKEWED)


@pytest.mark.rule("MRK-2")
def test_a_surface_and_its_marks_are_records(market: Exchange) -> None:
    market.do(SKEWED, at=START_NS + 9)
    price, *greeks = black76(True, 105 * TICK_E6, SPOT_E6, TO_EXPIRY - 9, VOL_AT_100)
    assert (105 * TICK_E6, POINTS) == market.record(14, ("BTC", MARKET_EXPIRY_NS))
    assert (price, START_NS + 9, *greeks) == market.marked(CALL)
    assert (105 * TICK_E6, START_NS + 9, 10**9, 0, 0, 0) == market.marked(FUTURE)


@pytest.mark.rule("MRK-2")
def test_marks_stand_by_identifier_whatever_was_listed_first(market: Exchange) -> None:
    for number, strike in ((30, 110), (20, 120), (25, 90)):
        market.create(number, f"BTC-20261225-{strike}-C")
    for events in (market.do(SKEWED), market.fork().do(AdvanceTime())):
        (marks,) = of(events, MarksUpdated)
        assert [FUTURE, CALL, PUT, 20, 25, 30] == [mark.instrument for mark in marks.marks]


@pytest.mark.rule("MRK-2", "NUM-5")
def test_greeks_end_where_a_record_does(market: Exchange) -> None:
    """At the money a nanosecond before the end, the gamma of a dollar is beyond 62 bits."""
    market.create(20, "BTC-20261225-1-C")
    market.do(AdvanceTime(), at=MARKET_EXPIRY_NS - 1)
    market.do(surface(forward_e6=TICK_E6, points=flat(TICK_E6, vol_e9=10**6)))
    fields = market.marked(20)
    assert fields is not None
    assert 2**62 - 1 == fields[3]
    loaded = load(market.state.machine, market.state.genesis, dump(market.state))
    assert market.records() == sorted_records(loaded)


@pytest.mark.rule("MRK-2")
def test_a_surface_touches_no_other_expiry_or_underlying(market: Exchange) -> None:
    market.create(20, "BTC-20261226")
    market.create(21, "ETH-20261225-100-C")
    for number in (20, 21):
        market.mark(7, number)
    untouched = (PERP, ETH_PERP, 20, 21)
    before = [market.marked(number) for number in untouched]
    market.do(SKEWED)
    assert before == [market.marked(number) for number in untouched]


@pytest.mark.rule("MRK-2")
def test_a_surface_replaces_the_one_before(market: Exchange) -> None:
    market.do(SKEWED)
    market.do(surface())
    assert (SPOT_E6, flat(SPOT_E6)) == market.record(14, ("BTC", MARKET_EXPIRY_NS))
    assert 1 == len([record for record in market.records() if record[0] == 14])


@pytest.mark.rule("MRK-2")
def test_a_surface_without_instruments_marks_nothing(market: Exchange) -> None:
    later = surface(MARKET_EXPIRY_NS + DAY_NS)
    expected = VolSurfaceUpdated("BTC", MARKET_EXPIRY_NS + DAY_NS, SPOT_E6, flat(SPOT_E6))
    assert [expected] == market.send(later)


@pytest.mark.rule("MRK-2")
@pytest.mark.parametrize("status", [InstrumentStatus.HALTED, InstrumentStatus.CLOSE_ONLY])
def test_an_instrument_is_marked_in_every_status_but_expired(market: Exchange, status: int) -> None:
    market.do(SetInstrumentStatus(CALL, status))
    (marks,) = of(market.do(SKEWED), MarksUpdated)
    assert [FUTURE, CALL, PUT] == [mark.instrument for mark in marks.marks]


@pytest.mark.rule("MRK-2", "ADM-2")
def test_what_is_listed_under_a_surface_has_no_mark_before_the_next(market: Exchange) -> None:
    market.do(SKEWED)
    market.create(20, "BTC-20261225-110-P")
    assert Code.SURFACE_EXISTS == market.refusal(UpdateMarkPrice(20, TICK_E6))
    assert Code.NO_MARK_PRICE == market.refusal(PlaceOrder(20, 0, 5, 1), ALICE)
    market.do(AdvanceTime())
    assert [] == codes(market.buy(ALICE, 5, 1, 20))


@pytest.mark.rule("MRK-2", "MRG-1")
def test_a_future_is_worth_the_forward(market: Exchange) -> None:
    """Ten lots from 100 at a forward of 105: 50,000 of profit and 10 x 2,100 of margin."""
    market.trade(ALICE, BOB, 100, 10, FUTURE)
    market.do(SKEWED)
    market.assert_can_withdraw(ALICE, CASH - 500)
    market.assert_can_withdraw(BOB, CASH - 200 - 50_000 - 21_000)


# Volatility at a strike


@pytest.mark.rule("MRK-2")
@pytest.mark.parametrize(
    ("strike", "vol_e9"),
    [
        (80, 600_000_000),
        (90, 600_000_000),
        (95, 556_776_436),
        (100, VOL_AT_100),
        (105, 458_257_569),
        (110, 400_000_000),
        (300, 400_000_000),
    ],
)
def test_total_variance_is_linear_in_strike_and_flat_beyond_the_ends(
    market: Exchange, strike: int, vol_e9: int
) -> None:
    """At 95: (3 x 0.36 + 0.16) / 4 = 0.31; at 105: (0.36 + 3 x 0.16) / 4 = 0.21; rounded down."""
    market.create(20, f"BTC-20261225-{strike}-P" if strike != 100 else "BTC-20261225-101-P")
    number = 20 if strike != 100 else PUT
    market.do(SKEWED)
    price, *greeks = black76(False, 105 * TICK_E6, strike * TICK_E6, TO_EXPIRY, vol_e9)
    assert (price, START_NS, *greeks) == market.marked(number)


@pytest.mark.rule("MRK-2")
def test_the_root_is_rounded_down_after_one_division(market: Exchange) -> None:
    """At 100,000 between 99,999 and 100,002: (2 v1^2 + v2^2) // 3 = 10^18 + 1,333,333,334.

    Its root is 10^9 and two thirds; a nanovol is worth some 40 micro-dollars here.
    """
    market.create(20, "BTC-20261225-100000-C", limits=TradingLimits(max_price_ticks=100_000))
    forward = 10**11
    points = ((99_999 * TICK_E6, 10**9 + 1), (100_002 * TICK_E6, 10**9))
    market.do(surface(forward_e6=forward, points=points))
    price, *greeks = black76(True, forward, 10**11, TO_EXPIRY, 10**9)
    assert (price, START_NS, *greeks) == market.marked(20)
    assert price != black76(True, forward, 10**11, TO_EXPIRY, 10**9 + 1)[0]


@pytest.mark.rule("MRK-2")
def test_every_pair_of_neighbours_is_a_line_of_its_own(market: Exchange) -> None:
    market.surface(100, (90, 50), (100, 45), (110, 50))
    expected = black76(True, SPOT_E6, SPOT_E6, TO_EXPIRY, 450_000_000)[0]
    fields = market.marked(CALL)
    assert fields is not None
    assert expected == fields[0]


# Time


@pytest.mark.rule("MRK-2", "ADM-10")
def test_the_marks_follow_the_time(market: Exchange) -> None:
    market.do(surface())
    later = START_NS + 100 * DAY_NS
    terms = (SPOT_E6, SPOT_E6, MARKET_EXPIRY_NS - later, 500_000_000)
    marks = (
        InstrumentMark(FUTURE, SPOT_E6, 10**9, 0, 0, 0),
        option_mark(CALL, True, *terms),
        option_mark(PUT, False, *terms),
    )
    expected = [TimeAdvanced(later), MarksUpdated("BTC", MARKET_EXPIRY_NS, marks)]
    assert expected == market.send(AdvanceTime(), at=later)
    assert (SPOT_E6, later, 10**9, 0, 0, 0) == market.marked(FUTURE)


@pytest.mark.rule("MRK-1", "MRK-2")
def test_only_advance_time_follows_the_time(market: Exchange) -> None:
    market.do(surface())
    before = [market.marked(number) for number in (FUTURE, CALL, PUT)]
    market.do(Deposit(ALICE, 1), at=START_NS + 60 * SECOND_NS)
    market.index(120)
    market.mark(120)
    assert before == [market.marked(number) for number in (FUTURE, CALL, PUT)]


@pytest.mark.rule("MRK-2")
def test_surfaces_are_followed_by_underlying_and_expiry(market: Exchange) -> None:
    market.create(20, "ETH-20261225")
    market.create(21, "BTC-20261226")
    market.do(surface(underlying="ETH"))
    market.do(surface(MARKET_EXPIRY_NS + DAY_NS))
    market.do(surface(MARKET_EXPIRY_NS + 5 * DAY_NS))
    market.do(surface())
    events = of(market.do(AdvanceTime()), MarksUpdated)
    assert [
        ("BTC", MARKET_EXPIRY_NS),
        ("BTC", MARKET_EXPIRY_NS + DAY_NS),
        ("ETH", MARKET_EXPIRY_NS),
    ] == [(event.underlying, event.expiry_ns) for event in events]


@pytest.mark.rule("MRK-2", "TIM-2")
def test_a_surface_is_dropped_by_the_first_advance_from_its_expiry_on(market: Exchange) -> None:
    market.do(surface())
    last = MARKET_EXPIRY_NS - 1
    assert ["TimeAdvanced", "MarksUpdated"] == names(market.send(AdvanceTime(), at=last))
    events = market.send(AdvanceTime(), at=MARKET_EXPIRY_NS)
    price = SettlementPriceSet("BTC", MARKET_EXPIRY_NS, 10**8, 0, False)
    payoffs = {FUTURE: 10**8, CALL: 0, PUT: 0}
    expired = [InstrumentExpired(number, payoff) for number, payoff in payoffs.items()]
    assert [price, *expired, TimeAdvanced(MARKET_EXPIRY_NS)] == events
    assert market.record(14, ("BTC", MARKET_EXPIRY_NS)) is None


@pytest.mark.rule("MRK-2")
def test_no_other_command_drops_a_surface(market: Exchange) -> None:
    market.do(surface())
    market.do(AdvanceTime(), at=MARKET_EXPIRY_NS - 1)
    market.do(Deposit(ALICE, 1), at=MARKET_EXPIRY_NS)
    assert market.record(14, ("BTC", MARKET_EXPIRY_NS)) is not None
    assert Code.INSTRUMENT_EXPIRED == market.refusal(surface())
    assert [TimeAdvanced(MARKET_EXPIRY_NS)] == market.send(AdvanceTime())
    assert market.record(14, ("BTC", MARKET_EXPIRY_NS)) is None


# Refusals


@pytest.mark.rule("MRK-2")
@pytest.mark.parametrize(
    "expiry_ns",
    [
        -1,
        28_800 * SECOND_NS - DAY_NS,
        0,
        MARKET_EXPIRY_NS + 1,
        MARKET_EXPIRY_NS - SECOND_NS,
        MARKET_EXPIRY_NS - 28_800 * SECOND_NS,
    ],
)
def test_an_expiry_is_a_day_at_the_time_of_the_underlying(market: Exchange, expiry_ns: int) -> None:
    assert Code.BAD_PARAMETER == market.refusal(surface(expiry_ns))


@pytest.mark.rule("MRK-2")
def test_an_expiry_that_is_over_is_refused(market: Exchange) -> None:
    first = START_NS + 28_800 * SECOND_NS
    for expiry_ns in (28_800 * SECOND_NS, first - DAY_NS):
        assert Code.INSTRUMENT_EXPIRED == market.refusal(surface(expiry_ns))
    market.do(AdvanceTime(), at=first - 1)
    assert [] == codes(market.fork().send(surface(first)))
    assert Code.INSTRUMENT_EXPIRED == market.refusal(surface(first), at=first)


BAD_POINTS: list[tuple[tuple[int, int], ...]] = [
    (),
    flat(*range(1, 202)),
    flat(0, SPOT_E6),
    flat(-1),
    flat(10**15 + 1),
    flat(SPOT_E6, SPOT_E6),
    flat(SPOT_E6 + 1, SPOT_E6),
    flat(SPOT_E6, SPOT_E6 + 2, SPOT_E6 + 1),
    flat(SPOT_E6, vol_e9=0),
    flat(SPOT_E6, vol_e9=-1),
    flat(SPOT_E6, vol_e9=10**6 - 1),
    flat(SPOT_E6, vol_e9=10**10 + 1),
    (*flat(90 * TICK_E6), *flat(SPOT_E6, vol_e9=10**10 + 1)),
    # A call of 100 at 300 % is worth more than one of 90 at 20 %.
    ((90 * TICK_E6, 2 * 10**8), (SPOT_E6, 3 * 10**9)),
    # A put of 90 at 300 % is worth more than one of 100 at 20 %.
    ((90 * TICK_E6, 3 * 10**9), (SPOT_E6, 2 * 10**8)),
    # Only the last pair crosses.
    (*flat(80 * TICK_E6, 90 * TICK_E6), (SPOT_E6, 3 * 10**9)),
]
GOOD_POINTS: list[tuple[tuple[int, int], ...]] = [
    flat(1),
    flat(10**15),
    flat(SPOT_E6, vol_e9=10**6),
    flat(SPOT_E6, vol_e9=10**10),
    flat(*range(TICK_E6, 201 * TICK_E6, TICK_E6)),
    # Both calls are worth nothing: equal is not more.
    flat(200 * TICK_E6, 300 * TICK_E6, vol_e9=10**6),
    # Both puts are worth nothing.
    flat(20 * TICK_E6, 30 * TICK_E6, vol_e9=10**6),
]


@pytest.mark.rule("MRK-2")
@pytest.mark.parametrize("points", BAD_POINTS, ids=range(len(BAD_POINTS)))
def test_points_that_are_no_surface_are_refused(
    market: Exchange, points: tuple[tuple[int, int], ...]
) -> None:
    assert Code.BAD_SURFACE == market.refusal(surface(points=points))


@pytest.mark.rule("MRK-2")
@pytest.mark.parametrize("points", GOOD_POINTS, ids=range(len(GOOD_POINTS)))
def test_points_at_the_bounds_are_a_surface(
    market: Exchange, points: tuple[tuple[int, int], ...]
) -> None:
    market.do(surface(points=points))
    assert (SPOT_E6, points) == market.record(14, ("BTC", MARKET_EXPIRY_NS))


@pytest.mark.rule("MRK-2")
@pytest.mark.parametrize("forward_e6", [0, -1, 10**11 + 1])
def test_a_forward_stands_within_the_bounds_of_the_index(market: Exchange, forward_e6: int) -> None:
    assert Code.BAD_SURFACE == market.refusal(surface(forward_e6=forward_e6))
    for good in (1, 10**11):
        assert [] == codes(market.fork().send(surface(forward_e6=good)))


@pytest.mark.rule("MRK-2")
def test_points_cross_or_not_by_their_prices_now(market: Exchange) -> None:
    """With a year left a put of 90 at 60 % is worth more than one of 91 at 56 %; not at the end."""
    points = ((90 * TICK_E6, 600_000_000), (91 * TICK_E6, 560_000_000))
    assert Code.BAD_SURFACE == market.refusal(surface(points=points))
    later = MARKET_EXPIRY_NS - 60 * SECOND_NS
    market.do(AdvanceTime(), at=later)
    assert [] == codes(market.send(surface(points=points)))


@pytest.mark.rule("MRK-2")
def test_a_refused_surface_leaves_the_one_that_stands(market: Exchange) -> None:
    market.do(SKEWED)
    assert Code.BAD_SURFACE == market.refusal(surface(points=()))
    assert (105 * TICK_E6, POINTS) == market.record(14, ("BTC", MARKET_EXPIRY_NS))


@pytest.mark.rule("MRK-2")
def test_the_checks_of_a_surface_stand_in_order(market: Exchange) -> None:
    wrong = UpdateVolSurface("SOL", -1, 0, ())
    assert Code.UNKNOWN_UNDERLYING == market.refusal(wrong)
    assert Code.BAD_PARAMETER == market.refusal(UpdateVolSurface("BTC", -1, 0, ()))
    over = START_NS + 28_800 * SECOND_NS - DAY_NS
    assert Code.INSTRUMENT_EXPIRED == market.refusal(UpdateVolSurface("BTC", over, 0, ()))
    assert Code.BAD_SURFACE == market.refusal(UpdateVolSurface("BTC", MARKET_EXPIRY_NS, 0, ()))


@pytest.mark.rule("ORD-5", "MRK-2")
def test_a_mark_of_nothing_is_a_mark(market: Exchange) -> None:
    """At 1 % a call of 100 with the forward at 50 is worth 0; no band holds around that."""
    market.surface(50, (100, 1))
    fields = market.marked(CALL)
    assert fields is not None
    assert 0 == fields[0]
    assert [] == codes(market.buy(ALICE, 1, 1, CALL))
    limits = TradingLimits(max_price_ticks=10_000, price_band_bps=1)
    market.do(SetTradingLimits(CALL, limits))
    assert [] == codes(market.buy(ALICE, 9_000, 1, CALL))

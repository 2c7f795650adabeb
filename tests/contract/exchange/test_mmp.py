"""Market-maker protection: what counts, in which window, against which limit: [MMP-1], [MMP-2].

A lot of the standard market is 0.001 units, so a limit of n lots is n x LOT_E8 for quantity and for
the delta of a perpetual. Bids of 100 are Alice's, the sales that meet them Carol's.
"""

import pytest

from lockstep_engine.codes import CancelReason, MmpLimit, MmpOption, OrderFlag, SelfTradeMode
from lockstep_engine.commands import Deposit, PlaceOrder, UpdateVolSurface
from lockstep_engine.events import MmpTriggered, OrderCancelled
from lockstep_kernel import dump, load
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    ETH_PERP,
    FUTURE,
    LOT_E8,
    MARKET_EXPIRY_NS,
    PERP,
    PUT,
    START_NS,
    TICK_E6,
    Exchange,
    accepted_id,
    names,
    of,
    trades,
)

MMP = OrderFlag.MMP
QTY, DELTA, VEGA = MmpLimit.QTY, MmpLimit.DELTA, MmpLimit.VEGA
MAKER_ONLY, EXCEEDING = MmpOption.MAKER_ONLY, MmpOption.EXCEEDING
ALLOW = SelfTradeMode.ALLOW
SECOND = 10**9
UNTIL = START_NS + 5 * SECOND


def surface(forward: int) -> UpdateVolSurface:
    """Return a flat surface of 50 % for the dated instruments."""
    points = ((100 * TICK_E6, 500_000_000),)
    return UpdateVolSurface("BTC", MARKET_EXPIRY_NS, forward * TICK_E6, points)


def buy(market: Exchange, lots: int, instrument: int = PERP, price: int = 100) -> list[int]:
    """Let Alice's MMP bid be filled; return what was breached."""
    market.bid(ALICE, price, lots, instrument, flags=MMP)
    return breached(market, 1, lots, instrument, price)


def sell(market: Exchange, lots: int, instrument: int = PERP, price: int = 100) -> list[int]:
    """Let Alice's MMP ask be filled; return what was breached."""
    market.ask(ALICE, price, lots, instrument, flags=MMP)
    return breached(market, 0, lots, instrument, price)


def breached(market: Exchange, side: int, lots: int, instrument: int, price: int) -> list[int]:
    events = market.do(PlaceOrder(instrument, side, price, lots), CAROL)
    assert [lots] == [trade.qty_lots for trade in trades(events)]
    return [event.breached for event in of(events, MmpTriggered)]


def windows(market: Exchange) -> list[tuple[object, ...]]:
    """Return (number, ts_ns, instrument, lots, delta_e9, vega_e9) of Alice's fills."""
    records = [record for record in market.records() if record[0] == 16]
    return [(record[1][2], *record[2:]) for record in records if record[1][0] == ALICE]


# A limit


@pytest.mark.rule("MMP-2")
def test_reaching_a_limit_is_a_breach_and_the_fill_stands(market: Exchange) -> None:
    market.protect(ALICE, qty_limit_e8=8 * LOT_E8)
    assert [] == buy(market, 7)
    assert [QTY] == buy(market, 1)
    assert (8, 800_000) == market.position(ALICE)


@pytest.mark.rule("MMP-2")
def test_under_exceeding_only_passing_it_is_one(market: Exchange) -> None:
    market.protect(ALICE, qty_limit_e8=8 * LOT_E8, options=EXCEEDING)
    assert [] == buy(market, 8)
    assert [QTY] == buy(market, 1)


@pytest.mark.rule("MMP-2")
@pytest.mark.parametrize(
    ("limit_e8", "options", "expected"),
    [
        (8 * LOT_E8 - 1, 0, [QTY]),
        (8 * LOT_E8, 0, [QTY]),
        (8 * LOT_E8 + 1, 0, []),
        (8 * LOT_E8 - 1, EXCEEDING, [QTY]),
        (8 * LOT_E8, EXCEEDING, []),
    ],
)
def test_a_limit_is_exact(
    market: Exchange, limit_e8: int, options: int, expected: list[int]
) -> None:
    market.protect(ALICE, qty_limit_e8=limit_e8, options=options)
    assert expected == buy(market, 8)


@pytest.mark.rule("MMP-2")
def test_quantity_is_gross_and_delta_is_net(market: Exchange) -> None:
    """Bought 5, sold 5: 10 lots of quantity and no delta."""
    market.protect(ALICE, qty_limit_e8=10 * LOT_E8, delta_limit_e8=6 * LOT_E8)
    assert [] == buy(market, 5)
    assert [QTY] == sell(market, 5)


@pytest.mark.rule("MMP-2")
@pytest.mark.parametrize("options", [0, EXCEEDING])
def test_a_delta_limit_holds_for_both_signs(market: Exchange, options: int) -> None:
    limit = 6 - (options == EXCEEDING)
    for fill in (buy, sell):
        twin = market.fork()
        twin.protect(ALICE, delta_limit_e8=limit * LOT_E8, options=options)
        assert [] == fill(twin, 5)
        assert [DELTA] == fill(twin, 1)


@pytest.mark.rule("MMP-2")
def test_what_is_sold_takes_away_from_a_long_delta(market: Exchange) -> None:
    market.protect(ALICE, delta_limit_e8=6 * LOT_E8)
    fills = [buy(market, 5), sell(market, 4), buy(market, 4), buy(market, 1)]
    assert [[], [], [], [DELTA]] == fills


@pytest.mark.rule("MMP-2")
def test_a_limit_of_0_is_none(market: Exchange) -> None:
    market.protect(ALICE, vega_limit_e6=1)
    assert [] == buy(market, 10_000)


@pytest.mark.rule("MMP-2")
def test_all_breached_limits_are_told(market: Exchange) -> None:
    market.do(surface(100))
    market.protect(ALICE, qty_limit_e8=1, delta_limit_e8=1, vega_limit_e6=1)
    assert [QTY | DELTA | VEGA] == buy(market, 1, CALL, 5)


@pytest.mark.rule("MMP-2", "MMP-4")
def test_a_vega_limit_is_exact(market: Exchange) -> None:
    """1,000 lots are one unit, so its vega in e6 is vega_e9 / 1,000 of the mark."""
    market.do(surface(100))
    vega_e9 = vega_of(market, CALL)
    limit_e6 = -(-vega_e9 // 1_000)
    assert 0 < vega_e9 < limit_e6 * 1_000
    for fill in (buy, sell):
        twin = market.fork()
        twin.protect(ALICE, vega_limit_e6=limit_e6)
        assert [] == fill(twin, 1_000, CALL, 5)
        assert [VEGA] == fill(twin, 1, CALL, 5)
        twin = market.fork()
        twin.protect(ALICE, vega_limit_e6=limit_e6 - 1, options=EXCEEDING)
        assert [VEGA] == fill(twin, 1_000, CALL, 5)


def vega_of(market: Exchange, number: int) -> int:
    fields = market.marked(number)
    assert fields is not None
    vega_e9: int = fields[4]
    return vega_e9


@pytest.mark.rule("MMP-2", "MMP-4")
def test_vega_is_net_over_calls_and_puts(market: Exchange) -> None:
    """Call and put of one strike have the same vega; bought and sold make 0."""
    market.do(surface(100))
    market.protect(ALICE, vega_limit_e6=vega_of(market, CALL) // 1_000 // 2)
    assert [] == buy(market, 400, CALL, 5)
    assert [] == sell(market, 400, PUT, 5)
    assert [] == sell(market, 400, PUT, 5)
    assert [VEGA] == sell(market, 200, CALL, 5)


@pytest.mark.rule("MMP-4", "MRK-1")
def test_a_perpetual_and_a_future_have_delta_1_and_no_vega(market: Exchange) -> None:
    market.protect(ALICE, delta_limit_e8=6 * LOT_E8, vega_limit_e6=1)
    assert [] == buy(market, 3, FUTURE)
    assert [DELTA] == buy(market, 3, PERP)


@pytest.mark.rule("MMP-4", "MRK-1")
def test_an_option_without_a_surface_has_no_delta(market: Exchange) -> None:
    market.protect(ALICE, delta_limit_e8=1)
    assert [] == buy(market, 1_000, CALL, 5)


@pytest.mark.rule("MMP-2", "MMP-4")
def test_the_delta_of_a_bought_put_is_short(market: Exchange) -> None:
    """Call and put of one strike, both bought: the deltas add up to that of neither."""
    market.do(surface(100))
    market.protect(ALICE, delta_limit_e8=300 * LOT_E8)
    assert [] == buy(market, 500, PUT, 5)
    assert [] == buy(market, 500, CALL, 5)
    assert [DELTA] == sell(market, 1_000, PUT, 5)


@pytest.mark.rule("MMP-4")
def test_a_fill_keeps_the_delta_and_vega_of_its_time(market: Exchange) -> None:
    """Far out of the money then, in the money later: the first fill is not looked at again."""
    market.do(surface(40))
    then = market.marked(CALL)
    assert then is not None
    market.protect(ALICE, delta_limit_e8=150 * LOT_E8)
    assert [] == buy(market, 100, CALL, 5)
    market.do(surface(300))
    later = market.marked(CALL)
    assert later is not None
    assert then[2] < 10**8 < 9 * 10**8 < later[2]
    assert [] == buy(market, 100, CALL, 5)
    assert [
        (1, START_NS, CALL, 100, then[2], then[4]),
        (2, START_NS, CALL, 100, later[2], later[4]),
    ] == windows(market)
    assert [DELTA] == buy(market, 60, CALL, 5)


@pytest.mark.rule("MMP-2")
def test_lots_of_several_sizes_are_weighed(market: Exchange) -> None:
    """A lot of instrument 20 is ten lots of the others."""
    market.create(20, "BTC-20270101", lot_e8=10 * LOT_E8)
    market.mark(100, 20)
    market.protect(ALICE, qty_limit_e8=33 * LOT_E8, delta_limit_e8=28 * LOT_E8)
    assert [] == buy(market, 2, 20)
    assert [] == sell(market, 3)
    assert [QTY] == buy(market, 1, 20)


# What counts


@pytest.mark.rule("MMP-1")
def test_a_fill_without_the_flag_does_not_count(market: Exchange) -> None:
    market.protect(ALICE, qty_limit_e8=LOT_E8)
    events = market.trade(CAROL, ALICE, 100, 10)
    assert [] == of(events, MmpTriggered)
    assert [] == windows(market)


@pytest.mark.rule("MMP-1")
def test_the_whole_underlying_counts_and_no_other(market: Exchange) -> None:
    market.protect(ALICE, qty_limit_e8=8 * LOT_E8)
    assert [] == buy(market, 4, PERP)
    assert [] == buy(market, 4, ETH_PERP)
    assert [] == buy(market, 3, CALL, 5)
    assert [QTY] == buy(market, 1, FUTURE)


@pytest.mark.rule("MMP-2")
def test_a_breach_cancels_the_mmp_orders_of_all_instruments_of_the_underlying(
    market: Exchange,
) -> None:
    market.protect(ALICE, qty_limit_e8=8 * LOT_E8)
    market.protect(BOB)
    in_future = market.bid(ALICE, 90, 1, FUTURE, flags=MMP)
    kept = [
        market.bid(ALICE, 90, 1, PERP),
        market.bid(BOB, 90, 1, PERP, flags=MMP),
        market.bid(ALICE, 90, 1, ETH_PERP, flags=MMP),
    ]
    in_call = market.ask(ALICE, 9, 2, CALL, flags=MMP)
    other_side = market.ask(ALICE, 110, 3, PERP, flags=MMP)
    assert [] == buy(market, 5, FUTURE)
    market.bid(ALICE, 100, 3, PERP, flags=MMP)
    events = market.sell(CAROL, 100, 3)
    reason = CancelReason.MMP
    assert [
        MmpTriggered(ALICE, "BTC", QTY, UNTIL),
        OrderCancelled(in_future, ALICE, FUTURE, 0, 90, 0, reason, 1),
        OrderCancelled(in_call, ALICE, CALL, 1, 9, 0, reason, 2),
        OrderCancelled(other_side, ALICE, PERP, 1, 110, 0, reason, 3),
    ] == events[2:6]
    assert kept == [row.order_id for row in market.orders()]


@pytest.mark.rule("MMP-1")
@pytest.mark.parametrize(("options", "expected"), [(0, [QTY]), (MAKER_ONLY, [])])
def test_a_fill_as_taker_counts_unless_maker_only(
    market: Exchange, options: int, expected: list[int]
) -> None:
    market.protect(ALICE, qty_limit_e8=8 * LOT_E8, options=options)
    market.ask(BOB, 100, 8)
    events = market.buy(ALICE, 100, 8, flags=MMP)
    assert expected == [event.breached for event in of(events, MmpTriggered)]
    if options:
        assert [] == windows(market)
        assert [QTY] == buy(market, 8)


@pytest.mark.rule("MMP-1", "MMP-2")
def test_maker_and_taker_are_both_counted_the_maker_first(market: Exchange) -> None:
    market.protect(ALICE, qty_limit_e8=LOT_E8)
    market.protect(BOB, qty_limit_e8=LOT_E8)
    market.bid(BOB, 100, 1, flags=MMP)
    events = market.sell(ALICE, 100, 1, flags=MMP)
    assert [BOB, ALICE] == [event.account for event in of(events, MmpTriggered)]


@pytest.mark.rule("MMP-1", "ORD-3")
def test_a_trade_with_oneself_counts_twice_and_has_no_delta(market: Exchange) -> None:
    """ALLOW on one account: 4 sold as maker and 4 bought as taker."""
    market.protect(ALICE, "ETH", qty_limit_e8=9 * LOT_E8, delta_limit_e8=5 * LOT_E8)
    market.ask(ALICE, 100, 4, ETH_PERP, flags=MMP)
    events = market.buy(ALICE, 100, 4, ETH_PERP, flags=MMP, self_trade=ALLOW)
    assert [] == of(events, MmpTriggered)
    expected = [(1, START_NS, ETH_PERP, -4, 10**9, 0), (2, START_NS, ETH_PERP, 4, 10**9, 0)]
    assert expected == windows(market)
    assert [QTY] == buy(market, 1, ETH_PERP)


@pytest.mark.rule("MMP-1", "MMP-2", "ORD-3")
def test_a_trade_with_oneself_that_freezes_as_maker_is_not_counted_as_taker(
    market: Exchange,
) -> None:
    market.protect(ALICE, "ETH", qty_limit_e8=4 * LOT_E8)
    market.ask(ALICE, 100, 4, ETH_PERP, flags=MMP)
    events = market.buy(ALICE, 100, 6, ETH_PERP, flags=MMP, self_trade=ALLOW)
    assert ["OrderAccepted", "Trade", "MmpTriggered", "OrderCancelled"] == names(events)[:4]
    assert (CancelReason.MMP, 2) == (events[3].reason, events[3].remaining_lots)
    assert [] == windows(market)


@pytest.mark.rule("MMP-1", "ORD-3")
def test_the_second_count_of_a_trade_with_oneself_may_be_the_breach(market: Exchange) -> None:
    market.protect(ALICE, "ETH", qty_limit_e8=8 * LOT_E8)
    market.ask(ALICE, 100, 4, ETH_PERP, flags=MMP)
    order_id = market.bid(ALICE, 90, 1, ETH_PERP, flags=MMP)
    events = market.buy(ALICE, 100, 4, ETH_PERP, flags=MMP, self_trade=ALLOW)
    assert [QTY] == [event.breached for event in of(events, MmpTriggered)]
    assert [order_id] == [event.order_id for event in of(events, OrderCancelled)]


@pytest.mark.rule("MMP-1", "ORD-3")
@pytest.mark.parametrize(("options", "numbers"), [(0, [1, 2]), (MAKER_ONLY, [1])])
def test_maker_only_counts_a_trade_with_oneself_once(
    market: Exchange, options: int, numbers: list[int]
) -> None:
    market.protect(ALICE, "ETH", qty_limit_e8=99 * LOT_E8, options=options)
    market.ask(ALICE, 100, 4, ETH_PERP, flags=MMP)
    market.buy(ALICE, 100, 4, ETH_PERP, flags=MMP, self_trade=ALLOW)
    assert numbers == [row[0] for row in windows(market)]


# The window


@pytest.mark.rule("MMP-1")
@pytest.mark.parametrize(
    ("after_ns", "expected"), [(SECOND - 1, [QTY]), (SECOND, []), (SECOND + 1, [])]
)
def test_a_fill_leaves_the_window_when_it_is_as_old_as_the_interval(
    market: Exchange, after_ns: int, expected: list[int]
) -> None:
    market.protect(ALICE, qty_limit_e8=8 * LOT_E8)
    assert [] == buy(market, 4)
    market.do(Deposit(CAROL, 1), at=START_NS + after_ns)
    assert expected == buy(market, 4)


@pytest.mark.rule("MMP-1")
def test_fills_are_dropped_before_the_next_is_kept_and_not_by_time(market: Exchange) -> None:
    market.protect(ALICE, qty_limit_e8=99 * LOT_E8)
    buy(market, 1)
    market.do(Deposit(CAROL, 1), at=START_NS + SECOND // 2)
    buy(market, 2)
    market.do(Deposit(CAROL, 1), at=START_NS + 9 * SECOND // 8)
    assert [1, 2] == [row[0] for row in windows(market)]
    buy(market, 3)
    assert [2, 3] == [row[0] for row in windows(market)]


@pytest.mark.rule("MMP-2")
def test_what_leaves_the_window_is_seen_by_the_next_fill_that_counts(market: Exchange) -> None:
    """Sold 3, then bought 6: without the sale the delta is 6 against 4, but nobody looks yet."""
    market.protect(ALICE, delta_limit_e8=4 * LOT_E8)
    assert [] == sell(market, 3)
    market.do(Deposit(CAROL, 1), at=START_NS + SECOND // 2)
    assert [] == buy(market, 6)
    market.do(Deposit(CAROL, 1), at=START_NS + SECOND)
    assert [] == of(market.trade(CAROL, ALICE, 100, 1), MmpTriggered)
    assert [DELTA] == sell(market, 1)


@pytest.mark.rule("MMP-2")
def test_a_trigger_empties_the_window(market: Exchange) -> None:
    """A window of a minute would still hold the 9 lots when the freeze of 5 seconds is over."""
    market.protect(ALICE, interval_ms=60_000, qty_limit_e8=8 * LOT_E8)
    assert [QTY] == buy(market, 9)
    assert [] == windows(market)
    market.do(Deposit(CAROL, 1), at=UNTIL)
    assert [] == buy(market, 7)
    assert [2] == [row[0] for row in windows(market)]
    assert [QTY] == buy(market, 1)


@pytest.mark.rule("MMP-1")
def test_a_window_and_a_freeze_survive_a_snapshot(market: Exchange) -> None:
    market.protect(ALICE, qty_limit_e8=8 * LOT_E8)
    market.protect(ALICE, "ETH", qty_limit_e8=1)
    buy(market, 4)
    buy(market, 1, ETH_PERP)
    market.state = load(market.state.machine, market.state.genesis, dump(market.state))
    assert [QTY] == buy(market, 4)
    events = market.send(Deposit(CAROL, 1), at=UNTIL)
    assert ["MmpThawed", "MmpThawed", "CashMoved"] == names(events)


@pytest.mark.rule("MMP-1", "ORD-1")
def test_one_fill_may_pass_a_limit_by_any_size(market: Exchange) -> None:
    market.protect(ALICE, qty_limit_e8=1)
    order_id = market.bid(ALICE, 100, 50, flags=MMP)
    events = market.sell(CAROL, 100, 30)
    assert [(order_id, 20)] == [(e.order_id, e.remaining_lots) for e in of(events, OrderCancelled)]
    assert accepted_id(events) == order_id + 1
    assert (30, 3_000_000) == market.position(ALICE)

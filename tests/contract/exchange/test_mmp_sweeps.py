"""A protection in a sweep: makers that stop, takers that end, fill or kill: [MMP-2], [ORD-2]."""

import pytest

from lockstep_engine.codes import (
    AmendReason,
    CancelReason,
    CashReason,
    Code,
    MmpOption,
    OrderFlag,
    SelfTradeMode,
    TimeInForce,
)
from lockstep_engine.commands import (
    AmendOrder,
    Batch,
    MassQuote,
    PlaceOrder,
    Quote,
    SetFeeSchedule,
)
from lockstep_engine.events import (
    BookChanged,
    MmpTriggered,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    Trade,
)
from tests.support.exchange import (
    ALICE,
    BOB,
    CAROL,
    ETH_PERP,
    FUTURE,
    LOT_E8,
    PERP,
    START_NS,
    Events,
    Exchange,
    codes,
    fills,
    names,
    of,
)

MMP, REDUCE_ONLY = OrderFlag.MMP, OrderFlag.REDUCE_ONLY
EXCEEDING, MAKER_ONLY = MmpOption.EXCEEDING, MmpOption.MAKER_ONLY
IOC, FOK = TimeInForce.IOC, TimeInForce.FOK
REASON = CancelReason.MMP
UNTIL = START_NS + 5_000 * 10**6


def protected(market: Exchange, lots: int, options: int = 0, account: int = ALICE) -> None:
    """Allow so many lots of quantity."""
    market.protect(account, qty_limit_e8=lots * LOT_E8, options=options)


def rest_five(market: Exchange, account: int = ALICE, flags: int = MMP) -> list[int]:
    """Rest five asks of 4 lots at 100."""
    return [market.ask(account, 100, 4, flags=flags) for _ in range(5)]


def cancelled(events: Events) -> list[tuple[int, int, int]]:
    """Return (order_id, remaining, reason) of every order that ended."""
    return [(e.order_id, e.remaining_lots, e.reason) for e in of(events, OrderCancelled)]


# A maker


@pytest.mark.rule("MMP-2", "EVT-3")
@pytest.mark.parametrize(
    ("limit_lots", "options", "filled_orders"),
    [
        (8, 0, 2),
        (10, 0, 3),
        (12, 0, 3),
        (8, EXCEEDING, 3),
        (10, EXCEEDING, 3),
        (12, EXCEEDING, 4),
    ],
)
def test_a_maker_of_five_orders_meets_a_sweep_of_20(
    market: Exchange, limit_lots: int, options: int, filled_orders: int
) -> None:
    """Five asks of 4 lots, bought 4 by 4: the window holds 4, 8, 12, 16, 20 lots.

    Reaching stops at the first sum >= limit: 8 at the second fill (8 >= 8), 10 at the third
    (8 < 10 <= 12), 12 at the third (12 >= 12). Exceeding stops at the first sum > limit: 8 at the
    third (8 is not > 8, 12 is), 10 at the third (12 > 10), 12 at the fourth (12 is not > 12, 16
    is). So 8, 12, 12 and 12, 12, 16 lots trade; the other orders end, the taker rests with the
    rest of its 20.
    """
    protected(market, limit_lots, options)
    asks = rest_five(market)
    events = market.buy(BOB, 100, 20)
    done, ended = asks[:filled_orders], asks[filled_orders:]
    assert [(order_id, 100, 4) for order_id in done] == fills(events)
    assert [
        *("OrderAccepted", *["Trade"] * filled_orders, "MmpTriggered"),
        *(*["OrderCancelled"] * len(ended), "BookChanged"),
    ] == names(events)
    assert [(order_id, 4, REASON) for order_id in ended] == cancelled(events)
    assert ([(100, 20 - 4 * filled_orders)], []) == market.depth()
    assert -4 * filled_orders == market.position(ALICE)[0]


@pytest.mark.rule("MMP-2", "EVT-3")
def test_a_sweep_goes_on_behind_a_maker_that_stops(market: Exchange) -> None:
    """Alice 4 4 4, Bob 4 behind her, Alice once more, Bob at 101: she stops after 8."""
    protected(market, 8)
    mine = [market.ask(ALICE, 100, 4, flags=MMP) for _ in range(3)]
    bobs = market.ask(BOB, 100, 4)
    last = market.ask(ALICE, 100, 4, flags=MMP)
    bobs_later = market.ask(BOB, 101, 4)
    events = market.buy(CAROL, 101, 14)
    expected = [(mine[0], 100, 4), (mine[1], 100, 4), (bobs, 100, 4), (bobs_later, 101, 2)]
    assert expected == fills(events)
    assert [(mine[2], 4, REASON), (last, 4, REASON)] == cancelled(events)
    assert 4 == names(events).index("OrderCancelled")


@pytest.mark.rule("MMP-2")
def test_a_partly_filled_order_is_cancelled_too(market: Exchange) -> None:
    protected(market, 6)
    first, second = market.ask(ALICE, 100, 4, flags=MMP), market.ask(ALICE, 100, 4, flags=MMP)
    events = market.buy(BOB, 100, 6)
    assert [(first, 100, 4), (second, 100, 2)] == fills(events)
    assert [(second, 2, REASON)] == cancelled(events)
    assert ([], []) == market.depth()


@pytest.mark.rule("MMP-2")
def test_an_order_of_the_account_without_the_flag_stays_and_is_met(market: Exchange) -> None:
    protected(market, 4)
    first = market.ask(ALICE, 100, 4, flags=MMP)
    plain = market.ask(ALICE, 100, 4)
    market.ask(ALICE, 100, 4, flags=MMP)
    assert [(first, 100, 4), (plain, 100, 4)] == fills(market.buy(BOB, 100, 12))


@pytest.mark.rule("EVT-3", "MMP-2", "ORD-4")
def test_builders_come_before_the_protection_and_reduce_only_after_it(market: Exchange) -> None:
    """Bob is long 5 with a reduce-only ask of 5 and sells 3 to Alice, who has a builder."""
    market.do(SetFeeSchedule(0, 10**6, 10**6, 10**6, 10**6, 0, 5_000))
    market.trade(BOB, CAROL, 100, 5)
    resting = market.ask(BOB, 120, 5, flags=REDUCE_ONLY)
    protected(market, 3)
    market.bid(ALICE, 100, 4, flags=MMP, builder=CAROL)
    events = market.sell(BOB, 100, 3)
    assert [
        *("OrderAccepted", "Trade", "CashMoved", "MmpTriggered", "OrderCancelled"),
        *("OrderAmended", "BookChanged"),
    ] == names(events)
    assert CashReason.BUILDER_FEE == events[2].reason
    amended = events[5]
    assert (resting, AmendReason.REDUCE_ONLY, 2) == (
        amended.order_id,
        amended.reason,
        amended.remaining_lots,
    )


@pytest.mark.rule("MMP-2", "ORD-4")
def test_what_the_protection_cancelled_reduce_only_cuts_no_more(market: Exchange) -> None:
    """Alice is short 5 with a reduce-only MMP bid of 5; her MMP bid of 2 is filled."""
    market.trade(BOB, ALICE, 100, 5)
    protected(market, 2)
    guarded = market.bid(ALICE, 90, 5, flags=MMP | REDUCE_ONLY)
    market.bid(ALICE, 95, 2, flags=MMP)
    events = market.sell(BOB, 95, 2)
    assert [(guarded, 5, REASON)] == cancelled(events)
    assert "OrderAmended" not in names(events)


@pytest.mark.rule("MMP-2", "BOOK-3")
def test_a_breach_cancels_by_order_id_also_what_was_amended(market: Exchange) -> None:
    """The first bid rests behind the second since it was amended."""
    protected(market, 4)
    bids = [market.bid(ALICE, 90, 1, flags=MMP) for _ in range(2)]
    market.do(AmendOrder(bids[0], 91, 1), ALICE)
    market.ask(ALICE, 100, 4, flags=MMP)
    events = market.buy(BOB, 100, 4)
    assert [(order_id, 1, REASON) for order_id in bids] == cancelled(events)


# A taker


@pytest.mark.rule("MMP-2", "ORD-1")
@pytest.mark.parametrize("tif", [TimeInForce.GTC, IOC])
def test_a_taker_that_breaches_stops(market: Exchange, tif: int) -> None:
    protected(market, 8)
    asks = rest_five(market, BOB, 0)
    events = market.buy(ALICE, 100, 20, flags=MMP, tif=tif)
    assert [(asks[0], 100, 4), (asks[1], 100, 4)] == fills(events)
    taker = events[0].order_id
    assert [
        MmpTriggered(ALICE, "BTC", 1, UNTIL),
        OrderCancelled(taker, ALICE, PERP, 0, 100, 0, REASON, 12),
        BookChanged(PERP, 6, (), ((100, 12),)),
    ] == events[3:]


@pytest.mark.rule("MMP-2")
def test_a_taker_whose_last_fill_breaches_is_simply_filled(market: Exchange) -> None:
    protected(market, 8)
    rested = market.bid(ALICE, 90, 1, flags=MMP)
    rest_five(market, BOB, 0)
    events = market.buy(ALICE, 100, 8, flags=MMP)
    assert [(rested, 1, REASON)] == cancelled(events)


@pytest.mark.rule("MMP-2")
def test_a_takers_resting_orders_end_before_it_does(market: Exchange) -> None:
    protected(market, 4)
    rested = market.bid(ALICE, 90, 1, flags=MMP)
    plain = market.bid(ALICE, 90, 1)
    rest_five(market, BOB, 0)
    events = market.buy(ALICE, 100, 6, flags=MMP)
    assert [(rested, 1, REASON), (events[0].order_id, 2, REASON)] == cancelled(events)
    assert plain in [row.order_id for row in market.orders(ALICE)]


@pytest.mark.rule("MMP-2")
def test_a_taker_without_the_flag_goes_on_while_its_account_is_frozen(market: Exchange) -> None:
    """ALLOW on one account: as maker the account freezes; its plain taker goes on."""
    market.protect(ALICE, "ETH", qty_limit_e8=1)
    first = market.ask(ALICE, 100, 4, ETH_PERP, flags=MMP)
    market.ask(ALICE, 100, 4, ETH_PERP, flags=MMP)
    bobs = market.ask(BOB, 100, 4, ETH_PERP)
    events = market.buy(ALICE, 100, 8, ETH_PERP, self_trade=SelfTradeMode.ALLOW)
    assert [(first, 100, 4), (bobs, 100, 4)] == fills(events)


@pytest.mark.rule("MMP-1", "MMP-2")
def test_a_maker_only_taker_does_not_stop(market: Exchange) -> None:
    protected(market, 8, MAKER_ONLY)
    rest_five(market, BOB, 0)
    events = market.buy(ALICE, 100, 20, flags=MMP)
    assert 5 == len(of(events, Trade))
    assert [] == of(events, MmpTriggered)


@pytest.mark.rule("MMP-2", "BOOK-3")
def test_an_amend_that_breaches_ends_the_order(market: Exchange) -> None:
    protected(market, 8)
    mine = market.bid(ALICE, 90, 20, flags=MMP)
    rest_five(market, BOB, 0)
    events = market.send(AmendOrder(mine, 100, 20), ALICE)
    assert 8 == sum(lots for _maker, _price, lots in fills(events))
    assert [(mine, 12, REASON)] == cancelled(events)
    assert ["OrderAmended", "Trade", "Trade", "MmpTriggered", "OrderCancelled"] == names(events)[:5]


@pytest.mark.rule("MMP-2", "CMD-1")
def test_the_rest_of_a_batch_meets_a_frozen_account(market: Exchange) -> None:
    protected(market, 8)
    rested = market.bid(ALICE, 80, 2, flags=MMP)
    rest_five(market, BOB, 0)
    items = (
        PlaceOrder(PERP, 0, 100, 20, flags=MMP),
        AmendOrder(rested, 81, 2),
        PlaceOrder(FUTURE, 0, 90, 1, flags=MMP),
        PlaceOrder(PERP, 0, 90, 1),
    )
    assert [Code.UNKNOWN_ORDER, Code.MMP_FROZEN] == codes(market.send(Batch(items), ALICE))


@pytest.mark.rule("MMP-2", "ORD-3")
def test_what_a_self_trade_cancels_is_no_fill(market: Exchange) -> None:
    protected(market, 4)
    own = market.ask(ALICE, 100, 4, flags=MMP)
    market.ask(BOB, 100, 3)
    mode = SelfTradeMode.CANCEL_MAKER
    events = market.buy(ALICE, 100, 3, flags=MMP, self_trade=mode)
    assert [(own, 4, CancelReason.SELF_TRADE)] == cancelled(events)
    assert [] == of(events, MmpTriggered)


# Mass quotes


@pytest.mark.rule("MMP-2", "CMD-2")
def test_the_sides_after_a_trigger_within_a_mass_quote_are_refused(market: Exchange) -> None:
    protected(market, 8)
    rest_five(market, BOB, 0)
    quotes = (
        Quote(PERP, 100, 20, 110, 5),
        Quote(FUTURE, 90, 1, 0, 0),
        Quote(ETH_PERP, 90, 1, 0, 0),
    )
    events = market.send(MassQuote(1, quotes, MMP), ALICE)
    assert [
        *("OrderAccepted", "Trade", "Trade", "MmpTriggered", "OrderCancelled"),
        *("OrderRejected", "OrderRejected", "OrderAccepted", "BookChanged", "BookChanged"),
    ] == names(events)
    assert [
        OrderRejected(ALICE, 46, PERP, 0, 0, Code.MMP_FROZEN),
        OrderRejected(ALICE, 46, FUTURE, 0, 0, Code.MMP_FROZEN),
    ] == of(events, OrderRejected)


@pytest.mark.rule("MMP-2", "CMD-2")
def test_a_kept_quote_that_a_trigger_cancelled_is_asked_for_anew_and_refused(
    market: Exchange,
) -> None:
    market.do(MassQuote(1, (Quote(PERP, 90, 5, 0, 0), Quote(FUTURE, 90, 5, 0, 0)), MMP), ALICE)
    protected(market, 8)
    rest_five(market, BOB, 0)
    quotes = (Quote(PERP, 100, 9, 0, 0), Quote(FUTURE, 90, 5, 0, 0))
    events = market.send(MassQuote(1, quotes, MMP), ALICE)
    ended = [(1, 5, CancelReason.QUOTE), (2, 5, REASON), (8, 1, REASON)]
    assert ended == cancelled(events)
    rejected = OrderRejected(ALICE, 46, FUTURE, 0, 0, Code.MMP_FROZEN)
    assert [rejected] == of(events, OrderRejected)


# Fill or kill


@pytest.mark.rule("ORD-2", "MMP-2")
@pytest.mark.parametrize("options", [0, MAKER_ONLY])
@pytest.mark.parametrize(("lots", "expected"), [(16, []), (17, [Code.FOK_UNFILLABLE])])
def test_a_fok_does_not_count_what_a_trigger_would_cancel(
    market: Exchange, options: int, lots: int, expected: list[Code]
) -> None:
    """Alice shows 20 and stops after 8; Bob has 8 more behind her."""
    protected(market, 8, options)
    asks = rest_five(market)
    bobs = market.ask(BOB, 100, 8)
    events = market.buy(CAROL, 100, lots, tif=FOK)
    assert expected == codes(events)
    if not expected:
        assert [(asks[0], 100, 4), (asks[1], 100, 4), (bobs, 100, 8)] == fills(events)


@pytest.mark.rule("ORD-2", "MMP-1", "MMP-2")
@pytest.mark.parametrize(
    ("after_ns", "lots", "expected"),
    [(999_999_999, 8, [Code.FOK_UNFILLABLE]), (10**9, 8, [])],
)
def test_a_fok_looks_at_the_window_of_its_time(
    market: Exchange, after_ns: int, lots: int, expected: list[Code]
) -> None:
    """One lot was filled before: with it the first 4 reach the limit of 5, else the second 4."""
    protected(market, 5)
    market.ask(ALICE, 100, 1, flags=MMP)
    market.buy(BOB, 100, 1)
    rest_five(market)
    order = PlaceOrder(PERP, 0, 100, lots, FOK)
    assert expected == codes(market.send(order, BOB, at=START_NS + after_ns))


@pytest.mark.rule("ORD-2", "MMP-2")
@pytest.mark.parametrize(("lots", "expected"), [(8, []), (9, [Code.FOK_UNFILLABLE])])
def test_a_fok_that_its_own_protection_would_stop_is_refused(
    market: Exchange, lots: int, expected: list[Code]
) -> None:
    protected(market, 8)
    rest_five(market, BOB, 0)
    assert expected == codes(market.buy(ALICE, 100, lots, tif=FOK, flags=MMP))


@pytest.mark.rule("ORD-2", "MMP-2")
def test_a_fok_to_sell_takes_away_from_a_long_delta(market: Exchange) -> None:
    """Bought 5 under a limit of 6: to sell 6 in three fills leaves a delta of -1."""
    market.protect(ALICE, delta_limit_e8=6 * LOT_E8)
    market.ask(BOB, 100, 5)
    market.buy(ALICE, 100, 5, flags=MMP)
    bids = [market.bid(BOB, 100, 2) for _ in range(3)]
    events = market.sell(ALICE, 100, 6, tif=FOK, flags=MMP)
    assert [(order_id, 100, 2) for order_id in bids] == fills(events)


@pytest.mark.rule("ORD-2", "MMP-2", "ORD-3")
def test_a_fok_without_the_flag_is_not_stopped_by_a_freeze_of_its_account(
    market: Exchange,
) -> None:
    """ALLOW on one account: as maker it freezes with the first fill and loses its second offer."""
    market.protect(ALICE, "ETH", qty_limit_e8=1)
    first = market.ask(ALICE, 100, 4, ETH_PERP, flags=MMP)
    market.ask(ALICE, 100, 4, ETH_PERP, flags=MMP)
    bobs = market.ask(BOB, 100, 4, ETH_PERP)
    events = market.buy(ALICE, 100, 8, ETH_PERP, tif=FOK, self_trade=SelfTradeMode.ALLOW)
    assert [(first, 100, 4), (bobs, 100, 4)] == fills(events)


@pytest.mark.rule("ORD-2", "MMP-1")
def test_a_maker_only_fok_is_not_stopped(market: Exchange) -> None:
    protected(market, 8, MAKER_ONLY)
    rest_five(market, BOB, 0)
    assert [] == codes(market.buy(ALICE, 100, 20, tif=FOK, flags=MMP))


@pytest.mark.rule("ORD-2", "MMP-2")
@pytest.mark.parametrize(("lots", "expected"), [(12, []), (13, [Code.FOK_UNFILLABLE])])
def test_a_fok_under_exceeding_goes_one_order_further(
    market: Exchange, lots: int, expected: list[Code]
) -> None:
    protected(market, 8, EXCEEDING)
    rest_five(market)
    assert expected == codes(market.buy(BOB, 100, lots, tif=FOK))


@pytest.mark.rule("ORD-2", "MMP-2", "ORD-3")
def test_a_fok_counts_a_trade_with_oneself_twice(market: Exchange) -> None:
    """ALLOW: 4 sold, 4 bought, 4 sold make 12: a taker that is not full by then would end."""
    market.protect(ALICE, "ETH", qty_limit_e8=12 * LOT_E8)
    for _ in range(3):
        market.ask(ALICE, 100, 4, ETH_PERP, flags=MMP)
    more = {"tif": FOK, "flags": MMP, "self_trade": SelfTradeMode.ALLOW}
    for lots, expected in ((9, [Code.FOK_UNFILLABLE]), (8, []), (7, [])):
        twin = market.fork()
        assert expected == codes(twin.buy(ALICE, 100, lots, ETH_PERP, **more))


@pytest.mark.rule("ORD-2", "MMP-2")
def test_a_fok_knows_of_each_maker_when_it_stops(market: Exchange) -> None:
    """Two makers protect themselves; each loses only orders of its own."""
    protected(market, 4)
    protected(market, 4, account=BOB)
    market.ask(ALICE, 100, 4, flags=MMP)
    market.ask(BOB, 100, 4, flags=MMP)
    market.ask(ALICE, 100, 4, flags=MMP)
    market.ask(BOB, 101, 4)
    assert [Code.FOK_UNFILLABLE] == codes(market.buy(CAROL, 101, 13, tif=FOK))
    assert [] == codes(market.buy(CAROL, 101, 12, tif=FOK))


@pytest.mark.rule("ORD-2", "MMP-2")
def test_a_refused_fok_leaves_the_window_alone(market: Exchange) -> None:
    protected(market, 8)
    rest_five(market)
    order = PlaceOrder(PERP, 0, 100, 20, FOK)
    assert Code.FOK_UNFILLABLE == market.refusal(order, BOB)
    assert [] == [record for record in market.records() if record[0] == 16]
    assert [] == codes(market.buy(BOB, 100, 8, tif=FOK))


@pytest.mark.rule("ORD-2", "MMP-2")
def test_a_fok_weighs_lots_of_the_other_instruments_in_the_window(market: Exchange) -> None:
    """Two lots of instrument 20, ten times as large, leave room for less than 10 of the others."""
    market.create(20, "BTC-20270101", lot_e8=10 * LOT_E8)
    market.mark(100, 20)
    protected(market, 28)
    market.ask(ALICE, 100, 2, 20, flags=MMP)
    market.buy(BOB, 100, 2, 20)
    rest_five(market)
    assert [Code.FOK_UNFILLABLE] == codes(market.buy(BOB, 100, 9, tif=FOK))
    assert [] == codes(market.buy(BOB, 100, 8, tif=FOK))


@pytest.mark.rule("ORD-1", "MMP-2")
def test_a_mmp_order_that_meets_nothing_rests(market: Exchange) -> None:
    protected(market, 1)
    events = market.buy(ALICE, 100, 5, flags=MMP)
    assert [OrderAccepted, BookChanged] == [type(event) for event in events]

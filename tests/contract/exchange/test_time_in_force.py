"""How orders live and end, and orders that must not take: [ORD-1], [ORD-5] step 8."""

import pytest

from lockstep_engine.codes import CancelReason, Code, OrderFlag, OrderType, Side, TimeInForce
from lockstep_engine.commands import AdvanceTime, PlaceOrder, SetTradingLimits, TradingLimits
from lockstep_engine.events import BookChanged, OrderAccepted, OrderCancelled
from tests.support.exchange import (
    ALICE,
    BOB,
    DAY_NS,
    PERP,
    START_NS,
    Exchange,
    accepted_id,
    fills,
    names,
    of,
)

GTD, IOC = TimeInForce.GTD, TimeInForce.IOC
POST_ONLY, REPRICE = OrderFlag.POST_ONLY, OrderFlag.REPRICE
MARKET = OrderType.MARKET


@pytest.mark.rule("ORD-1")
def test_a_gtc_order_rests_until_it_is_cancelled(market: Exchange) -> None:
    order_id = market.bid(ALICE, 90, 5)
    market.do(AdvanceTime(), at=START_NS + 300 * DAY_NS)
    assert 5 == market.row(order_id).remaining_lots


@pytest.mark.rule("ORD-1")
def test_a_gtd_order_rests_with_what_is_left(market: Exchange) -> None:
    market.ask(BOB, 100, 2)
    order_id = accepted_id(market.buy(ALICE, 100, 5, tif=GTD, expires_ns=START_NS + 9))
    row = market.row(order_id)
    assert (GTD, 5, 3, START_NS + 9) == (row.tif, row.qty_lots, row.remaining_lots, row.expires_ns)


@pytest.mark.rule("ORD-1")
def test_what_is_left_of_an_ioc_order_ends(market: Exchange) -> None:
    market.ask(BOB, 100, 2)
    events = market.buy(ALICE, 101, 5, tif=IOC, client_id=3)
    assert ["OrderAccepted", "Trade", "OrderCancelled", "BookChanged"] == names(events)
    reason = CancelReason.IMMEDIATE
    assert [OrderCancelled(2, ALICE, PERP, 0, 101, 3, reason, 3)] == of(events, OrderCancelled)
    assert None is market.order(2)


@pytest.mark.rule("ORD-1")
def test_an_ioc_order_that_meets_nothing_ends_whole(market: Exchange) -> None:
    market.ask(BOB, 102, 2)
    events = market.buy(ALICE, 101, 5, tif=IOC)
    assert ["OrderAccepted", "OrderCancelled"] == names(events)
    assert 5 == events[1].remaining_lots


@pytest.mark.rule("ORD-1")
def test_an_ioc_order_filled_whole_is_not_cancelled(market: Exchange) -> None:
    market.ask(BOB, 100, 5)
    events = market.buy(ALICE, 100, 5, tif=IOC)
    assert ["OrderAccepted", "Trade", "BookChanged"] == names(events)


@pytest.mark.rule("ORD-1")
def test_a_market_order_takes_up_to_its_protection_and_ends(market: Exchange) -> None:
    near = market.ask(BOB, 100, 5)
    far = market.ask(BOB, 105, 5)
    market.ask(BOB, 106, 5)
    events = market.buy(ALICE, 105, 20, tif=IOC, order_type=MARKET)
    assert [(near, 100, 5), (far, 105, 5)] == fills(events)
    (accepted,) = of(events, OrderAccepted)
    assert (MARKET, IOC, 105) == (accepted.order_type, accepted.tif, accepted.price_ticks)
    (cancelled,) = of(events, OrderCancelled)
    assert (CancelReason.IMMEDIATE, 10) == (cancelled.reason, cancelled.remaining_lots)


@pytest.mark.rule("ORD-1", "ORD-5")
def test_a_market_order_needs_a_protection(market: Exchange) -> None:
    order = PlaceOrder(PERP, Side.SELL, 0, 5, tif=IOC, order_type=MARKET)
    assert Code.PRICE_NOT_POSITIVE == market.refusal(order, ALICE)


@pytest.mark.rule("ORD-1", "EVT-3")
def test_lineage_is_carried_to_every_trade(market: Exchange) -> None:
    mine, theirs = bytes(range(16)), bytes(range(16, 32))
    market.ask(BOB, 100, 1, lineage=theirs)
    market.ask(BOB, 101, 1)
    events = market.buy(ALICE, 101, 3, lineage=mine)
    sides = [(e.maker.lineage, e.taker.lineage) for e in events if names([e]) == ["Trade"]]
    assert [(theirs, mine), (b"", mine)] == sides
    last = market.sell(BOB, 101, 1)[1]
    assert mine == last.maker.lineage


# Post-only


@pytest.mark.rule("ORD-5")
@pytest.mark.parametrize(("price", "is_refused"), [(99, False), (100, True), (101, True)])
def test_a_post_only_buy_is_refused_if_it_would_take(
    market: Exchange, price: int, is_refused: bool
) -> None:
    market.ask(BOB, 100, 5)
    events = market.buy(ALICE, price, 1, flags=POST_ONLY)
    expected = ["OrderRejected"] if is_refused else ["OrderAccepted", "BookChanged"]
    assert expected == names(events)
    if is_refused:
        assert Code.POST_ONLY_WOULD_CROSS == events[0].code


@pytest.mark.rule("ORD-5")
@pytest.mark.parametrize(("price", "is_refused"), [(101, False), (100, True), (99, True)])
def test_a_post_only_sell_is_refused_if_it_would_take(
    market: Exchange, price: int, is_refused: bool
) -> None:
    market.bid(BOB, 100, 5)
    events = market.sell(ALICE, price, 1, flags=POST_ONLY)
    expected = ["OrderRejected"] if is_refused else ["OrderAccepted", "BookChanged"]
    assert expected == names(events)


@pytest.mark.rule("ORD-5")
def test_a_post_only_order_is_refused_also_against_an_own_order(market: Exchange) -> None:
    market.ask(ALICE, 100, 5)
    order = PlaceOrder(PERP, Side.BUY, 100, 1, flags=POST_ONLY, self_trade=1)
    assert Code.POST_ONLY_WOULD_CROSS == market.refusal(order, ALICE)


@pytest.mark.rule("ORD-5")
@pytest.mark.parametrize("flag", [POST_ONLY, REPRICE])
def test_an_order_that_does_not_cross_keeps_its_price(market: Exchange, flag: int) -> None:
    market.ask(BOB, 100, 5)
    assert 95 == market.row(market.bid(ALICE, 95, 1, flags=flag)).price_ticks
    assert 105 == market.row(market.ask(ALICE, 105, 1, flags=flag)).price_ticks


@pytest.mark.rule("ORD-5")
def test_a_resting_post_only_order_trades_as_a_maker(market: Exchange) -> None:
    order_id = market.bid(ALICE, 95, 5, flags=POST_ONLY)
    assert [(order_id, 95, 2)] == fills(market.sell(BOB, 95, 2))


# Reprice


@pytest.mark.rule("ORD-5")
@pytest.mark.parametrize("price", [100, 101, 5_000])
def test_a_repriced_buy_rests_one_step_below_the_best_ask(market: Exchange, price: int) -> None:
    market.ask(BOB, 100, 5)
    events = market.buy(ALICE, price, 1, flags=REPRICE)
    assert BookChanged(PERP, 2, ((99, 1),), ()) == events[-1]
    assert 99 == events[0].price_ticks
    assert (99, REPRICE) == (market.row(2).price_ticks, market.row(2).flags)


@pytest.mark.rule("ORD-5")
@pytest.mark.parametrize("price", [100, 99, 1])
def test_a_repriced_sell_rests_one_step_above_the_best_bid(market: Exchange, price: int) -> None:
    market.bid(BOB, 100, 5)
    events = market.sell(ALICE, price, 1, flags=REPRICE)
    assert [101, 101] == [events[0].price_ticks, market.row(2).price_ticks]


@pytest.mark.rule("ORD-5")
def test_a_step_is_that_of_the_instrument(market: Exchange) -> None:
    limits = TradingLimits(price_step_ticks=5, max_price_ticks=10_000)
    market.do(SetTradingLimits(PERP, limits))
    market.ask(BOB, 100, 5)
    assert 95 == market.buy(ALICE, 110, 1, flags=REPRICE)[0].price_ticks
    market.cancel(BOB, 1)
    assert 100 == market.sell(BOB, 50, 1, flags=REPRICE)[0].price_ticks


@pytest.mark.rule("ORD-5")
def test_a_reprice_below_1_or_above_the_maximum_is_refused(market: Exchange) -> None:
    market.do(SetTradingLimits(PERP, TradingLimits(max_price_ticks=120)))
    low = market.ask(BOB, 1, 5)
    buy = PlaceOrder(PERP, Side.BUY, 100, 1, flags=REPRICE)
    assert Code.POST_ONLY_WOULD_CROSS == market.refusal(buy, ALICE)
    market.cancel(BOB, low)
    market.bid(BOB, 120, 5)
    sell = PlaceOrder(PERP, Side.SELL, 100, 1, flags=REPRICE)
    assert Code.POST_ONLY_WOULD_CROSS == market.refusal(sell, ALICE)
    market.cancel(BOB, 2)
    market.bid(BOB, 119, 5)
    assert 120 == market.sell(ALICE, 100, 1, flags=REPRICE)[0].price_ticks


@pytest.mark.rule("ORD-5")
def test_a_reprice_to_exactly_1_passes(market: Exchange) -> None:
    market.ask(BOB, 2, 5)
    assert 1 == market.buy(ALICE, 100, 1, flags=REPRICE)[0].price_ticks


@pytest.mark.rule("ORD-5", "MRG-4")
def test_the_reserve_is_for_the_price_as_repriced(market: Exchange) -> None:
    """At 99 and mark 100: a fee of 5 bps of 990,000 and nothing for a price above the mark."""
    market.ask(BOB, 100, 5)
    market.buy(ALICE, 5_000, 10, flags=REPRICE)
    assert 495 == market.row(2).reserve_e6

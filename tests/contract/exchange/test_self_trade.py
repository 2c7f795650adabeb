"""An order that meets an own order: [ORD-3]."""

import pytest

from lockstep_engine.codes import AmendReason, CancelReason, Code, SelfTradeMode, TimeInForce
from lockstep_engine.commands import PlaceOrder, SetFeeSchedule
from lockstep_engine.events import OrderAmended, OrderCancelled
from tests.support.exchange import (
    ALICE,
    BOB,
    CAROL,
    CASH,
    ETH_PERP,
    GINA,
    HUGO,
    PERP,
    Exchange,
    fills,
    names,
    of,
    trades,
)

IOC = TimeInForce.IOC
CANCEL_TAKER, CANCEL_MAKER, CANCEL_BOTH, DECREMENT, ALLOW = SelfTradeMode
REASON = CancelReason.SELF_TRADE
AMENDED = AmendReason.SELF_TRADE


@pytest.mark.rule("ORD-3")
def test_by_default_the_taker_ends_with_its_true_remaining(market: Exchange) -> None:
    market.ask(BOB, 100, 3)
    own = market.ask(ALICE, 100, 5)
    events = market.buy(ALICE, 101, 10, client_id=6)
    assert ["OrderAccepted", "Trade", "OrderCancelled", "BookChanged"] == names(events)
    assert OrderCancelled(3, ALICE, PERP, 0, 101, 6, REASON, 7) == events[2]
    assert 5 == market.row(own).remaining_lots
    assert ([], [(100, 5)]) == market.depth()


@pytest.mark.rule("ORD-3")
def test_a_taker_that_ends_by_self_trade_has_one_cancel_only(market: Exchange) -> None:
    market.ask(ALICE, 100, 5)
    events = market.buy(ALICE, 100, 10, tif=IOC)
    assert ["OrderAccepted", "OrderCancelled"] == names(events)
    assert (REASON, 10) == (events[1].reason, events[1].remaining_lots)


@pytest.mark.rule("ORD-3")
def test_cancel_maker_removes_own_orders_and_goes_on(market: Exchange) -> None:
    first = market.ask(BOB, 100, 3)
    own = market.ask(ALICE, 100, 5, client_id=2)
    last = market.ask(BOB, 101, 4)
    events = market.buy(ALICE, 101, 10, self_trade=CANCEL_MAKER)
    assert ["OrderAccepted", "Trade", "OrderCancelled", "Trade", "BookChanged"] == names(events)
    assert OrderCancelled(own, ALICE, PERP, 1, 100, 2, REASON, 5) == events[2]
    assert [(first, 100, 3), (last, 101, 4)] == fills(events)
    assert ([(101, 3)], []) == market.depth()


@pytest.mark.rule("ORD-3")
def test_cancel_maker_tells_what_remained_of_a_partly_filled_maker(market: Exchange) -> None:
    own = market.ask(ALICE, 100, 5)
    market.buy(BOB, 100, 2)
    (cancelled,) = of(market.buy(ALICE, 100, 1, self_trade=CANCEL_MAKER), OrderCancelled)
    assert (own, 3) == (cancelled.order_id, cancelled.remaining_lots)


@pytest.mark.rule("ORD-3")
def test_cancel_both_ends_the_maker_then_the_taker(market: Exchange) -> None:
    market.ask(BOB, 100, 3)
    own = market.ask(ALICE, 100, 5)
    behind = market.ask(ALICE, 100, 5)
    events = market.buy(ALICE, 101, 10, self_trade=CANCEL_BOTH)
    ended = [(e.order_id, e.reason, e.remaining_lots) for e in of(events, OrderCancelled)]
    assert [(own, REASON, 5), (4, REASON, 7)] == ended
    assert [behind] == [row.order_id for row in market.orders()]


# Decrement


@pytest.mark.rule("ORD-3")
def test_decrement_of_a_larger_taker_ends_the_maker_and_goes_on(market: Exchange) -> None:
    own = market.ask(ALICE, 100, 4)
    other = market.ask(BOB, 100, 2)
    events = market.buy(ALICE, 100, 10, self_trade=DECREMENT)
    assert [
        OrderCancelled(own, ALICE, PERP, 1, 100, 0, REASON, 4),
        OrderAmended(3, ALICE, PERP, AMENDED, 100, 6, 6),
    ] == events[1:3]
    assert [(other, 100, 2)] == fills(events)
    assert (6, 4) == (market.row(3).qty_lots, market.row(3).remaining_lots)


@pytest.mark.rule("ORD-3")
def test_decrement_of_a_larger_maker_keeps_its_place_and_ends_the_taker(market: Exchange) -> None:
    own = market.ask(ALICE, 100, 10)
    behind = market.ask(BOB, 100, 5)
    market.buy(CAROL, 100, 1)
    events = market.buy(ALICE, 102, 4, self_trade=DECREMENT, client_id=3)
    assert [
        OrderAmended(own, ALICE, PERP, AMENDED, 100, 6, 5),
        OrderCancelled(4, ALICE, PERP, 0, 102, 3, REASON, 4),
    ] == events[1:3]
    assert [(own, 100, 5), (behind, 100, 1)] == fills(market.buy(CAROL, 100, 6))


@pytest.mark.rule("ORD-3")
def test_decrement_of_equal_sizes_ends_both(market: Exchange) -> None:
    own = market.ask(ALICE, 100, 4)
    events = market.buy(ALICE, 100, 4, self_trade=DECREMENT)
    ended = [(e.order_id, e.reason, e.remaining_lots) for e in of(events, OrderCancelled)]
    assert [(own, REASON, 4), (2, REASON, 4)] == ended
    assert ["OrderAccepted", "OrderCancelled", "OrderCancelled", "BookChanged"] == names(events)
    assert [] == market.orders()


@pytest.mark.rule("ORD-3")
def test_decrement_after_a_fill_takes_from_the_total_too(market: Exchange) -> None:
    market.ask(BOB, 100, 3)
    market.ask(ALICE, 100, 4)
    events = market.buy(ALICE, 100, 10, self_trade=DECREMENT)
    assert [OrderAmended(3, ALICE, PERP, AMENDED, 100, 6, 3)] == of(events, OrderAmended)
    assert (6, 3) == (market.row(3).qty_lots, market.row(3).remaining_lots)


@pytest.mark.rule("ORD-3")
def test_decrement_works_for_sells_and_over_several_makers(market: Exchange) -> None:
    first = market.bid(ALICE, 100, 2)
    second = market.bid(ALICE, 99, 3)
    events = market.sell(ALICE, 99, 4, self_trade=DECREMENT)
    assert [
        OrderCancelled(first, ALICE, PERP, 0, 100, 0, REASON, 2),
        OrderAmended(3, ALICE, PERP, AMENDED, 99, 2, 2),
        OrderAmended(second, ALICE, PERP, AMENDED, 99, 1, 1),
        OrderCancelled(3, ALICE, PERP, 1, 99, 0, REASON, 2),
    ] == events[1:-1]


@pytest.mark.rule("ORD-3", "MRG-4")
def test_decrement_releases_the_reserve_of_both(market: Exchange) -> None:
    """A sale of 10 at 100 reserves a fee of 500; 4 of 10 lots less release 200."""
    own = market.ask(ALICE, 100, 10)
    market.buy(ALICE, 100, 4, self_trade=DECREMENT)
    assert (6, 300) == (market.row(own).remaining_lots, market.row(own).reserve_e6)
    market.buy(ALICE, 100, 10, self_trade=DECREMENT)
    row = market.row(3)
    assert (4, 200) == (row.remaining_lots, row.reserve_e6)


@pytest.mark.rule("ORD-3", "MRG-4")
def test_decrement_rounds_what_a_taker_releases_down(market: Exchange) -> None:
    """A bid of 7 at 101 reserves 1,000 a lot and a fee of 353.5, so 7,354; 2 of 7 are 2,101.1."""
    market.ask(ALICE, 101, 2)
    market.buy(ALICE, 101, 7, self_trade=DECREMENT)
    row = market.row(2)
    assert (5, 7_354 - 2_101) == (row.remaining_lots, row.reserve_e6)


# Allow


@pytest.mark.rule("ORD-3", "POS-3")
def test_allow_trades_with_oneself_for_the_fees_only(market: Exchange) -> None:
    """10 lots at 100 are worth 1,000,000: fees of 200 and 500, no position, nothing realised."""
    own = market.ask(ALICE, 100, 10, ETH_PERP)
    events = market.buy(ALICE, 100, 10, ETH_PERP, self_trade=ALLOW)
    (trade,) = trades(events)
    maker, taker = trade.maker, trade.taker
    assert (own, ALICE, 200, 0, 0, 0) == (
        *(maker.order_id, maker.account, maker.fee_e6),
        *(maker.realised_e6, maker.position_lots, maker.cost_e6),
    )
    assert (500, 0, 0, 0) == (
        *(taker.fee_e6, taker.realised_e6),
        *(taker.position_lots, taker.cost_e6),
    )
    assert (CASH - 200, CASH - 700) == (maker.cash_e6, taker.cash_e6)
    assert (0, 0) == market.position(ALICE, ETH_PERP)
    assert CASH - 700 == market.cash(ALICE)
    assert (700, 7 * CASH) == market.treasury()


@pytest.mark.rule("ORD-3", "MRG-1")
def test_what_an_own_taker_leaves_of_an_offer_needs_margin_for_the_rest_only(
    market: Exchange,
) -> None:
    """Four lots of ten are traded away: six need 2,000 each and may yet cost a fee of 50."""
    market.ask(ALICE, 100, 10, ETH_PERP)
    market.buy(ALICE, 100, 4, ETH_PERP, self_trade=ALLOW)
    market.assert_can_withdraw(ALICE, CASH - 80 - 200 - 6 * 2_050)


@pytest.mark.rule("ORD-3")
def test_allow_leaves_an_existing_position_as_it_is(market: Exchange) -> None:
    market.trade(ALICE, BOB, 100, 6, ETH_PERP)
    market.ask(ALICE, 110, 4, ETH_PERP)
    (trade,) = trades(market.buy(ALICE, 110, 4, ETH_PERP, self_trade=ALLOW))
    assert (6, 600_000) == market.position(ALICE, ETH_PERP)
    for side in (trade.maker, trade.taker):
        assert (0, 6, 600_000) == (side.realised_e6, side.position_lots, side.cost_e6)


@pytest.mark.rule("ORD-3", "FEE-1")
def test_allow_pays_rebates_and_builders_too(market: Exchange) -> None:
    """Maker rebate 100 of the taker's 500 less the builder's 50."""
    market.do(SetFeeSchedule(0, -100_000, 500_000, 0, 0, 0, 1_000))
    market.ask(ALICE, 100, 10, ETH_PERP)
    events = market.buy(ALICE, 100, 10, ETH_PERP, self_trade=ALLOW, builder=ALICE)
    (trade,) = trades(events)
    assert (-100, 500, 50) == (
        trade.maker.fee_e6,
        trade.taker.fee_e6,
        trade.taker.builder_fee_e6,
    )
    assert (CASH + 100, CASH - 400) == (trade.maker.cash_e6, trade.taker.cash_e6)
    assert CASH - 350 == market.cash(ALICE)
    assert 350 == market.treasury()[0]


@pytest.mark.rule("ORD-3")
def test_without_allow_self_trade_never_trades(market: Exchange) -> None:
    market.ask(ALICE, 100, 5, ETH_PERP)
    for mode in (CANCEL_TAKER, CANCEL_MAKER, CANCEL_BOTH, DECREMENT):
        events = market.fork().buy(ALICE, 100, 5, ETH_PERP, self_trade=mode)
        assert [] == trades(events)


@pytest.mark.rule("ORD-3", "ORD-5")
def test_allow_needs_an_instrument_that_permits_it(market: Exchange) -> None:
    order = PlaceOrder(PERP, 0, 100, 5, self_trade=ALLOW)
    assert Code.BAD_SELF_TRADE_MODE == market.refusal(order, ALICE)


# Groups and modes


@pytest.mark.rule("ORD-3")
@pytest.mark.parametrize("mode", [CANCEL_TAKER, CANCEL_MAKER, CANCEL_BOTH, DECREMENT])
def test_accounts_of_one_group_do_not_trade_with_each_other(market: Exchange, mode: int) -> None:
    market.ask(HUGO, 100, 5)
    events = market.buy(GINA, 100, 5, self_trade=mode)
    assert [] == trades(events)
    ended = [event.account for event in of(events, OrderCancelled)]
    expected = {
        CANCEL_TAKER: [GINA],
        CANCEL_MAKER: [HUGO],
        CANCEL_BOTH: [HUGO, GINA],
        DECREMENT: [HUGO, GINA],
    }
    assert expected[SelfTradeMode(mode)] == ended


@pytest.mark.rule("ORD-3", "POS-1")
def test_allow_within_a_group_is_a_real_trade(market: Exchange) -> None:
    market.ask(HUGO, 100, 10, ETH_PERP)
    market.buy(GINA, 100, 10, ETH_PERP, self_trade=ALLOW)
    assert (10, 1_000_000) == market.position(GINA, ETH_PERP)
    assert (-10, -1_000_000) == market.position(HUGO, ETH_PERP)
    assert (CASH - 500, CASH - 200) == (market.cash(GINA), market.cash(HUGO))


@pytest.mark.rule("ORD-3")
def test_accounts_without_group_trade_with_each_other(market: Exchange) -> None:
    order_id = market.ask(BOB, 100, 5)
    assert [(order_id, 100, 5)] == fills(market.buy(ALICE, 100, 5))


@pytest.mark.rule("ORD-3")
def test_a_group_trades_with_those_outside_it(market: Exchange) -> None:
    order_id = market.ask(BOB, 100, 5)
    assert [(order_id, 100, 5)] == fills(market.buy(GINA, 100, 5))


@pytest.mark.rule("ORD-3")
def test_the_takers_mode_decides(market: Exchange) -> None:
    market.ask(ALICE, 100, 5, self_trade=CANCEL_MAKER)
    events = market.fork().buy(ALICE, 100, 5, self_trade=CANCEL_TAKER)
    assert [2] == [event.order_id for event in of(events, OrderCancelled)]
    events = market.fork().buy(ALICE, 100, 5, self_trade=CANCEL_MAKER)
    assert [1] == [event.order_id for event in of(events, OrderCancelled)]

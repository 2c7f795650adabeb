"""The sweep: priority, self-trade, reduce-only, fill-or-kill, and what the book says."""

import pytest

from lockstep_engine.codes import CancelReason, Code, SelfTradeMode
from lockstep_engine.commands import CancelOrder
from lockstep_engine.events import (
    BookChanged,
    OrderAmended,
    OrderCancelled,
    Trade,
)
from tests.unit.naive.world import (
    BUY,
    FUTURE,
    OPEN_PERP,
    PERP,
    SELL,
    USD,
    World,
    kinds,
    of,
    only,
)

FOK, IOC = 3, 2
REDUCE_ONLY = 4


@pytest.mark.rule("BOOK-1", "EVT-3")
def test_better_price_first_then_earlier_arrival_at_the_makers_price() -> None:
    world = World()
    late = world.rest(1, SELL, 102, 1)
    first = world.rest(2, SELL, 101, 2)
    second = world.rest(3, SELL, 101, 2)
    trades = of(world.place(4, BUY, 102, 4, tif=IOC), Trade)
    expected = [(first, 101, 2), (second, 101, 2)]
    assert expected == [(t.maker.order_id, t.price_ticks, t.qty_lots) for t in trades]
    assert [1, 2] == [trade.trade_id for trade in trades]
    assert world.order(late) is not None
    world.verify()


@pytest.mark.rule("BOOK-1")
def test_a_partial_fill_keeps_the_makers_place() -> None:
    world = World()
    first = world.rest(1, SELL, 100, 5)
    world.rest(2, SELL, 100, 5)
    world.rest(3, BUY, 100, 2, tif=IOC)
    trade = only(world.place(3, BUY, 100, 1), Trade)
    assert (first, 2) == (trade.maker.order_id, trade.maker.remaining_lots)


@pytest.mark.rule("ORD-1")
def test_the_rest_rests_or_ends_and_arrival_is_taken_at_rest() -> None:
    world = World()
    world.rest(1, SELL, 100, 3)
    events = world.place(2, BUY, 100, 5, tif=IOC)
    assert ["OrderAccepted", "Trade", "OrderCancelled", "BookChanged"] == kinds(events)
    cancelled = only(events, OrderCancelled)
    assert (CancelReason.IMMEDIATE, 2) == (cancelled.reason, cancelled.remaining_lots)
    gtc = world.rest(2, BUY, 99, 5)
    order = world.order(gtc)
    assert order is not None
    assert (3, 2) == (gtc, order.arrival)
    market = world.place(1, SELL, 99, 7, tif=IOC, order_type=1)
    assert (5, 2) == (only(market, Trade).qty_lots, only(market, OrderCancelled).remaining_lots)
    assert ["OrderAccepted", "Trade", "OrderCancelled", "BookChanged"] == kinds(market)


@pytest.mark.rule("EVT-2")
def test_book_changed_tells_levels_that_differ_best_first() -> None:
    world = World()
    (_, changed) = world.place(1, SELL, 103, 1)
    assert BookChanged(PERP, 1, (), ((103, 1),)) == changed
    world.place(1, SELL, 101, 2)
    world.place(1, SELL, 102, 4)
    world.place(1, BUY, 99, 9)
    events = world.place(2, BUY, 102, 10)
    # 2 at 101 and 4 at 102 are taken, 4 rest at 102
    assert BookChanged(PERP, 5, ((102, 4),), ((101, 0), (102, 0))) == events[-1]
    (_, trade, changed) = world.place(3, SELL, 99, 6)[:3]
    assert isinstance(trade, Trade)
    events = world.place(3, BUY, 1, 1, instrument=FUTURE)
    assert BookChanged(FUTURE, 1, ((1, 1),), ()) == events[-1]


@pytest.mark.rule("EVT-2")
def test_there_is_no_book_changed_when_totals_are_as_before() -> None:
    world = World()
    world.rest(1, SELL, 100, 3)
    assert ["OrderAccepted", "OrderCancelled"] == kinds(world.place(2, BUY, 99, 1, tif=IOC))
    assert 1 == world.core.books.must(PERP).book_sequence


def self_traders(mode: int, maker_qty: int, taker_qty: int, other_qty: int = 0, tif: int = 0):
    """Let account 1 meet its own sell order at 100; account 2 may stand behind it at 101."""
    world = World()
    maker = world.rest(1, SELL, 100, maker_qty)
    if other_qty:
        world.rest(2, SELL, 101, other_qty)
    events = world.place(1, BUY, 101, taker_qty, self_trade=mode, tif=tif)
    world.verify()
    return world, maker, events


@pytest.mark.rule("ORD-3")
def test_cancel_taker_ends_the_taker_with_its_true_remaining() -> None:
    world, maker, events = self_traders(SelfTradeMode.CANCEL_TAKER, 5, 8)
    assert ["OrderAccepted", "OrderCancelled"] == kinds(events)
    cancelled = only(events, OrderCancelled)
    taker = (2, CancelReason.SELF_TRADE, 8, 101)
    found = (cancelled.order_id, cancelled.reason, cancelled.remaining_lots, cancelled.price_ticks)
    assert taker == found
    assert world.order(maker) is not None


@pytest.mark.rule("ORD-3")
def test_cancel_maker_goes_on() -> None:
    _, maker, events = self_traders(SelfTradeMode.CANCEL_MAKER, 5, 8, other_qty=6)
    expected = ["OrderAccepted", "OrderCancelled", "Trade", "BookChanged"]
    assert expected == kinds(events)
    cancelled = only(events, OrderCancelled)
    assert (maker, 5) == (cancelled.order_id, cancelled.remaining_lots)
    assert 6 == only(events, Trade).qty_lots
    assert BookChanged(PERP, 3, ((101, 2),), ((100, 0), (101, 0))) == events[-1]


@pytest.mark.rule("ORD-3")
def test_cancel_both_ends_maker_then_taker() -> None:
    world, maker, events = self_traders(SelfTradeMode.CANCEL_BOTH, 5, 8, other_qty=6)
    cancels = [(e.order_id, e.remaining_lots) for e in of(events, OrderCancelled)]
    assert [(maker, 5), (3, 8)] == cancels
    assert [] == of(events, Trade)
    assert 1 == len(world.core.orders.all())


@pytest.mark.rule("ORD-3")
def test_decrement_takes_the_smaller_remaining_from_both() -> None:
    _, maker, events = self_traders(SelfTradeMode.DECREMENT, 5, 8, other_qty=1)
    assert kinds(events) == [
        "OrderAccepted",
        "OrderCancelled",
        "OrderAmended",
        "Trade",
        "BookChanged",
    ]
    cancelled = only(events, OrderCancelled)
    assert (maker, 5) == (cancelled.order_id, cancelled.remaining_lots)
    assert OrderAmended(3, 1, PERP, 3, 101, 3, 3) == only(events, OrderAmended)
    assert 2 == only(events, Trade).taker.remaining_lots


@pytest.mark.rule("ORD-3")
def test_decrement_of_a_smaller_taker_ends_it_and_keeps_the_makers_place() -> None:
    world, maker, events = self_traders(SelfTradeMode.DECREMENT, 8, 5)
    assert ["OrderAccepted", "OrderAmended", "OrderCancelled", "BookChanged"] == kinds(events)
    assert OrderAmended(maker, 1, PERP, 3, 100, 3, 3) == only(events, OrderAmended)
    assert 5 == only(events, OrderCancelled).remaining_lots
    order = world.order(maker)
    assert order is not None
    assert (1, 3, 3) == (order.arrival, order.qty_lots, order.remaining_lots)


@pytest.mark.rule("ORD-3")
def test_decrement_of_equals_cancels_both() -> None:
    _, maker, events = self_traders(SelfTradeMode.DECREMENT, 5, 5, other_qty=1)
    cancels = [(e.order_id, e.remaining_lots) for e in of(events, OrderCancelled)]
    assert [(maker, 5), (3, 5)] == cancels


@pytest.mark.rule("ORD-3")
def test_accounts_of_one_group_count_as_one() -> None:
    world = World()
    world.open(5, 1000 * USD, group=7)
    world.open(6, 1000 * USD, group=7)
    world.rest(5, SELL, 100, 1)
    assert [] == of(world.place(6, BUY, 100, 1), Trade)
    assert 1 == len(of(world.place(1, BUY, 100, 1), Trade))


@pytest.mark.rule("ORD-3", "FEE-1")
def test_allow_trades_with_itself_for_the_fees() -> None:
    world = World()
    world.rest(1, SELL, 100, 10, instrument=OPEN_PERP)
    trade = only(world.place(1, BUY, 100, 10, instrument=OPEN_PERP, self_trade=4), Trade)
    # 1,000 dollars at 2 and at 5 basis points
    for side, fee, cash in (
        (trade.maker, 200_000, 10**12 - 200_000),
        (trade.taker, 500_000, 10**12 - 700_000),
    ):
        found = (side.fee_e6, side.cash_e6, side.realised_e6, side.position_lots, side.cost_e6)
        assert (fee, cash, 0, 0, 0) == found
    assert (0, 0) == world.position(1, OPEN_PERP)
    world.verify()


@pytest.mark.rule("ORD-2")
@pytest.mark.parametrize(
    ("mode", "own_first", "qty", "is_filled"),
    [
        (0, False, 10, True),
        (0, False, 11, False),
        (SelfTradeMode.CANCEL_TAKER, True, 1, False),
        (SelfTradeMode.CANCEL_BOTH, True, 1, False),
        (SelfTradeMode.CANCEL_MAKER, True, 10, True),
        (SelfTradeMode.CANCEL_MAKER, True, 11, False),
        (SelfTradeMode.ALLOW, True, 15, True),
        (SelfTradeMode.ALLOW, True, 16, False),
    ],
)
def test_fill_or_kill_is_what_the_real_sweep_would_do(mode, own_first, qty, is_filled) -> None:
    world = World()
    if own_first:
        world.rest(1, SELL, 99, 5, instrument=OPEN_PERP)
    world.rest(2, SELL, 100, 4, instrument=OPEN_PERP)
    world.rest(3, SELL, 101, 6, instrument=OPEN_PERP)
    before = world.core.clocks()[12:], world.core.orders.all()
    fields = {"instrument": OPEN_PERP, "tif": FOK, "self_trade": mode}
    if is_filled:
        trades = of(world.place(1, BUY, 101, qty, **fields), Trade)
        assert qty == sum(trade.qty_lots for trade in trades)
        assert 0 == trades[-1].taker.remaining_lots
    else:
        assert Code.FOK_UNFILLABLE == world.refused(1, BUY, 101, qty, **fields)
        assert before == (world.core.clocks()[12:], world.core.orders.all())
    world.verify()


@pytest.mark.rule("ORD-2")
def test_an_own_order_behind_the_end_of_a_fill_or_kill_does_not_matter() -> None:
    world = World()
    world.rest(2, SELL, 100, 4)
    world.rest(1, SELL, 101, 4)
    assert 1 == len(of(world.place(1, BUY, 101, 4, tif=FOK), Trade))


@pytest.mark.rule("ORD-2", "ORD-4")
def test_what_reduce_only_cuts_away_does_not_count_for_fill_or_kill() -> None:
    world = World()
    world.trade(1, 2, 100, 10)
    world.rest(1, SELL, 100, 6)
    world.rest(1, SELL, 101, 10, flags=REDUCE_ONLY)
    # Filling the 6 leaves a position of 4, so that only 4 of the 10 remain to be met.
    assert Code.FOK_UNFILLABLE == world.refused(3, BUY, 101, 11, tif=FOK)
    events = world.place(3, BUY, 101, 10, tif=FOK)
    assert [6, 4] == [trade.qty_lots for trade in of(events, Trade)]
    world.verify()


@pytest.mark.rule("ORD-4")
def test_a_fill_cuts_reduce_only_orders_highest_id_first() -> None:
    world = World()
    world.trade(1, 2, 100, 10)
    first = world.rest(1, SELL, 105, 4, flags=REDUCE_ONLY)
    second = world.rest(1, SELL, 106, 4, flags=REDUCE_ONLY)
    third = world.rest(1, SELL, 104, 2, flags=REDUCE_ONLY)
    world.rest(2, BUY, 99, 5)
    events = world.place(1, SELL, 99, 5)
    expected = ["OrderAccepted", "Trade", "OrderCancelled", "OrderAmended", "BookChanged"]
    assert expected == kinds(events)
    cancelled = only(events, OrderCancelled)
    found = (cancelled.order_id, cancelled.reason, cancelled.remaining_lots)
    assert (third, CancelReason.REDUCE_ONLY, 2) == found
    assert OrderAmended(second, 1, PERP, 2, 106, 1, 1) == only(events, OrderAmended)
    order = world.order(first)
    assert order is not None
    assert 4 == order.remaining_lots
    world.verify()


@pytest.mark.rule("ORD-4")
def test_a_flip_cancels_all_reduce_only_orders_of_the_maker_and_then_of_the_taker() -> None:
    world = World()
    world.trade(1, 2, 100, 10)
    of_long = world.rest(1, SELL, 105, 10, flags=REDUCE_ONLY)
    of_short = world.rest(2, BUY, 95, 10, flags=REDUCE_ONLY)
    world.rest(2, BUY, 99, 11)
    events = world.place(1, SELL, 99, 11)
    assert [of_short, of_long] == [event.order_id for event in of(events, OrderCancelled)]
    assert (-1, -99 * USD) == world.position(1)
    world.verify()


@pytest.mark.rule("ORD-4")
def test_an_incoming_reduce_only_order_is_not_cut_by_its_own_fills() -> None:
    world = World()
    world.trade(1, 2, 100, 10)
    world.rest(2, BUY, 99, 4)
    events = world.place(1, SELL, 99, 10, flags=REDUCE_ONLY)
    assert ["OrderAccepted", "Trade", "BookChanged"] == kinds(events)
    assert 6 == only(events, Trade).taker.remaining_lots
    world.verify()


@pytest.mark.rule("EVT-4", "BOOK-5")
def test_cancelled_orders_are_gone() -> None:
    world = World()
    order_id = world.rest(1, BUY, 100, 5, client_id=3)
    events = world.do(1, CancelOrder(order_id))
    cancelled = OrderCancelled(order_id, 1, PERP, BUY, 100, 3, CancelReason.USER, 5)
    assert [cancelled, BookChanged(PERP, 2, ((100, 0),), ())] == events
    assert [] == world.core.orders.all()

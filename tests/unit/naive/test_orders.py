"""Cancel, amend, replace and batch."""

import pytest

from lockstep_engine.codes import CancelReason, Code
from lockstep_engine.commands import (
    AmendOrder,
    Batch,
    CancelAll,
    CancelByClientId,
    CancelOrder,
    PlaceOrder,
    ReplaceOrder,
    SetInstrumentStatus,
    SetTradingLimits,
    TradingLimits,
)
from lockstep_engine.events import (
    BookChanged,
    DuplicateRequest,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    OrdersCancelled,
    Trade,
)
from tests.unit.naive.world import (
    BUY,
    CALL,
    OPEN_PERP,
    PERP,
    SELL,
    USD,
    World,
    code_of,
    kinds,
    of,
    only,
)

POST_ONLY, REDUCE_ONLY, MMP = 1, 4, 8
IOC = 2


@pytest.mark.rule("BOOK-5", "BOOK-2")
def test_only_the_accounts_own_live_orders_are_cancelled() -> None:
    world = World()
    order_id = world.rest(1, BUY, 90, 1, client_id=7)
    world.operate(SetInstrumentStatus(PERP, 3))
    for order in (order_id, 99, 0, -5):
        (event,) = world.do(2, CancelOrder(order))
        assert OrderRejected(2, 41, 0, order, 0, Code.UNKNOWN_ORDER) == event
    for client_id in (7, 0, -7):
        (event,) = world.do(2, CancelByClientId(client_id))
        assert OrderRejected(2, 42, 0, 0, client_id, Code.UNKNOWN_ORDER) == event
    (event,) = world.do(1, CancelByClientId(0))
    assert Code.UNKNOWN_ORDER == event.code
    cancelled = only(world.do(1, CancelByClientId(7)), OrderCancelled)
    assert (order_id, CancelReason.USER) == (cancelled.order_id, cancelled.reason)


@pytest.mark.rule("BOOK-5")
@pytest.mark.parametrize(
    ("fields", "matched"),
    [
        ({}, [1, 2, 3, 4]),
        ({"instrument": PERP}, [1, 2]),
        ({"underlying": "BTC"}, [1, 2, 3]),
        ({"underlying": "ETH"}, [4]),
        ({"underlying": "SOL"}, []),
        ({"side": 1}, [2, 3]),
        ({"mmp": True}, [1, 3]),
        ({"lineage": b"L" * 16}, [2]),
        ({"mmp": True, "side": 0}, [1]),
    ],
)
def test_cancel_all_ends_every_match_in_order(fields, matched) -> None:
    world = World()
    for account in (1, 2):
        world.protect(account)
    world.rest(1, BUY, 90, 1, flags=MMP)
    world.rest(1, SELL, 110, 1, lineage=b"L" * 16)
    world.rest(1, SELL, 110, 1, flags=MMP, instrument=CALL)
    world.rest(1, BUY, 90, 1, instrument=OPEN_PERP)
    world.rest(2, BUY, 90, 1, flags=MMP, lineage=b"L" * 16)
    events = world.do(1, CancelAll(**fields))
    assert matched == [event.order_id for event in of(events, OrderCancelled)]
    assert OrdersCancelled(1, len(matched)) == events[len(matched)]


@pytest.mark.rule("BOOK-5")
def test_cancel_all_is_refused_in_a_written_order() -> None:
    world = World()
    fields = {"side": 2, "instrument": -1, "lineage": b"x", "underlying": "?"}
    for code, field in (
        (Code.BAD_SIDE, "side"),
        (Code.UNKNOWN_INSTRUMENT, "instrument"),
        (Code.BAD_LINEAGE, "lineage"),
        (Code.UNKNOWN_UNDERLYING, "underlying"),
    ):
        instrument = fields.get("instrument", 0)
        (event,) = world.do(1, CancelAll(**fields))
        assert OrderRejected(1, 43, instrument, 0, 0, code) == event
        del fields[field]
    assert [OrdersCancelled(1, 0)] == world.do(1, CancelAll())


@pytest.mark.rule("BOOK-3")
def test_a_smaller_size_at_the_same_price_keeps_its_place_in_every_status() -> None:
    world = World()
    order_id = world.rest(1, BUY, 90, 10)
    world.rest(2, SELL, 90, 4, tif=IOC)
    world.operate(SetInstrumentStatus(PERP, 3))
    events = world.do(1, AmendOrder(order_id, 90, 7))
    assert [
        OrderAmended(order_id, 1, PERP, 1, 90, 7, 3),
        BookChanged(PERP, 3, ((90, 3),), ()),
    ] == events
    assert 1 == world.core.orders.must(order_id).arrival
    assert ["OrderAmended"] == kinds(world.do(1, AmendOrder(order_id, 90, 7)))
    assert Code.INSTRUMENT_HALTED == code_of(world.do(1, AmendOrder(order_id, 91, 7)))
    assert Code.INSTRUMENT_HALTED == code_of(world.do(1, AmendOrder(order_id, 90, 8)))
    ended = only(world.do(1, AmendOrder(order_id, 12345, 4)), OrderCancelled)
    assert (CancelReason.AMENDED, 3) == (ended.reason, ended.remaining_lots)


@pytest.mark.rule("BOOK-3")
def test_an_amend_in_place_stands_on_the_size_step() -> None:
    world = World()
    order_id = world.rest(1, BUY, 90, 10)
    limits = TradingLimits(qty_step_lots=5, max_price_ticks=100_000, price_step_ticks=7)
    world.operate(SetTradingLimits(PERP, limits))
    (event,) = world.do(1, AmendOrder(order_id, 90, 9))
    assert OrderRejected(1, 44, PERP, order_id, 0, Code.SIZE_OFF_LOT) == event
    assert 5 == only(world.do(1, AmendOrder(order_id, 90, 5)), OrderAmended).qty_lots


@pytest.mark.rule("BOOK-3")
def test_an_amend_needs_a_live_order_of_the_account_and_a_size() -> None:
    world = World()
    order_id = world.rest(1, BUY, 90, 10, client_id=3)
    for account, wanted in ((2, order_id), (1, 99)):
        (event,) = world.do(account, AmendOrder(wanted, 90, 0))
        assert OrderRejected(account, 44, 0, wanted, 0, Code.UNKNOWN_ORDER) == event
    (event,) = world.do(1, AmendOrder(order_id, 0, 0))
    assert OrderRejected(1, 44, PERP, order_id, 3, Code.SIZE_NOT_POSITIVE) == event


@pytest.mark.rule("BOOK-3", "MRG-4")
def test_another_price_or_more_size_loses_the_place_and_meets_the_book() -> None:
    world = World()
    order_id = world.rest(1, BUY, 90, 10, client_id=3)
    world.rest(2, SELL, 90, 4, tif=IOC)
    world.rest(3, SELL, 95, 2)
    events = world.do(1, AmendOrder(order_id, 95, 12))
    assert ["OrderAmended", "Trade", "BookChanged"] == kinds(events)
    # total 12, filled 4: 8 enter, 2 trade at 95, 6 rest with arrival 3
    assert OrderAmended(order_id, 1, PERP, 1, 95, 12, 8) == events[0]
    assert 6 == only(events, Trade).taker.remaining_lots
    order = world.core.orders.must(order_id)
    assert (95, 12, 6, 3) == (
        order.price_ticks,
        order.qty_lots,
        order.remaining_lots,
        order.arrival,
    )
    # reserve: fee of 760 dollars, less the 2 of 8 lots that traded
    assert 380_000 - 95_000 == order.reserve_e6
    assert BookChanged(PERP, 4, ((95, 6), (90, 0)), ((95, 0),)) == events[2]
    world.verify()


@pytest.mark.rule("BOOK-3")
def test_a_refused_amend_leaves_everything_as_it_was() -> None:
    world = World()
    order_id = world.rest(1, BUY, 90, 10)
    world.rest(3, SELL, 95, 2)
    before, digest = world.core.orders.must(order_id), world.state.digest
    for price, qty, code in (
        (0, 10, Code.PRICE_NOT_POSITIVE),
        (91, 10_001, Code.SIZE_ABOVE_MAX),
        (91, 10_000, Code.ACCEPTED),
    ):
        if code:
            assert code == code_of(world.do(1, AmendOrder(order_id, price, qty)))
            assert before == world.core.orders.must(order_id)
    assert digest != world.state.digest  # nonces
    world.verify()


@pytest.mark.rule("BOOK-3")
def test_an_amend_is_checked_as_if_the_old_order_were_gone() -> None:
    world = World()
    limits = {"max_open_orders": 1, "max_position_lots": 10, "max_order_lots": 10}
    world.operate(SetTradingLimits(PERP, TradingLimits(**limits)))
    order_id = world.rest(1, BUY, 90, 10)
    assert ["OrderAmended", "BookChanged"] == kinds(world.do(1, AmendOrder(order_id, 91, 10)))
    post_only = world.rest(2, SELL, 95, 1, flags=POST_ONLY)
    events = world.do(2, AmendOrder(post_only, 91, 1))
    assert Code.POST_ONLY_WOULD_CROSS == code_of(events)


@pytest.mark.rule("BOOK-3", "ORD-5")
def test_an_amended_reduce_only_order_is_cut_on_its_remaining() -> None:
    world = World()
    world.trade(1, 2, 100, 10)
    order_id = world.rest(1, SELL, 110, 6, flags=REDUCE_ONLY)
    world.rest(3, BUY, 110, 2, tif=IOC)
    world.rest(1, SELL, 120, 3, flags=REDUCE_ONLY)
    # position 8, 3 reserved by the other: 5 are left, so 7 become 5 and the total 2 + 5
    events = world.do(1, AmendOrder(order_id, 111, 9))
    assert OrderAmended(order_id, 1, PERP, 1, 111, 7, 5) == events[0]
    world.verify()


@pytest.mark.rule("BOOK-3", "ORD-3")
def test_an_amended_order_can_end_by_self_trade() -> None:
    world = World()
    own = world.rest(1, SELL, 100, 1)
    order_id = world.rest(1, BUY, 90, 1)
    events = world.do(1, AmendOrder(order_id, 100, 1))
    assert ["OrderAmended", "OrderCancelled", "BookChanged"] == kinds(events)
    assert world.order(own) is not None
    assert world.order(order_id) is None


def replacement(**fields) -> PlaceOrder:
    fields = {"instrument": PERP, "side": BUY, "price_ticks": 91, "qty_lots": 10} | fields
    return PlaceOrder(**fields)


@pytest.mark.rule("BOOK-4", "NON-4")
def test_a_replacement_is_checked_as_if_the_old_order_were_gone() -> None:
    world = World()
    limits = {"max_open_orders": 1, "max_position_lots": 10, "max_order_lots": 10}
    world.operate(SetTradingLimits(PERP, TradingLimits(**limits)))
    old = world.rest(1, BUY, 90, 10, client_id=5)
    action = ReplaceOrder(old, replacement(client_id=5))
    events = world.do(1, action, request_id=b"r")
    assert ["OrderCancelled", "OrderAccepted", "BookChanged"] == kinds(events)
    assert (CancelReason.REPLACED, 10) == (events[0].reason, events[0].remaining_lots)
    new = only(events, OrderAccepted).order_id
    assert old + 1 == new
    assert [DuplicateRequest(1, b"r", 0, new)] == world.do(1, action, request_id=b"r")


@pytest.mark.rule("BOOK-4")
def test_a_refused_replacement_leaves_the_old_order_or_cancels_it_as_asked() -> None:
    world = World()
    old = world.rest(1, BUY, 90, 10)
    bad = replacement(qty_lots=0, client_id=4, instrument=CALL)
    (event,) = world.do(1, ReplaceOrder(old, bad))
    assert OrderRejected(1, 45, CALL, old, 4, Code.SIZE_NOT_POSITIVE) == event
    assert world.order(old) is not None
    world.verify()
    events = world.do(1, ReplaceOrder(old, bad, True), request_id=b"r")
    assert ["OrderRejected", "OrderCancelled", "BookChanged"] == kinds(events)
    assert CancelReason.REPLACED == only(events, OrderCancelled).reason
    assert (Code.SIZE_NOT_POSITIVE, 0) == world.core.requests.must((1, b"r"))[2:4]
    (event,) = world.do(1, ReplaceOrder(old, bad, True))
    assert OrderRejected(1, 45, CALL, old, 4, Code.UNKNOWN_ORDER) == event


@pytest.mark.rule("BOOK-4", "ORD-2")
def test_a_replacement_never_meets_the_order_it_replaces() -> None:
    world = World()
    old = world.rest(1, SELL, 100, 5)
    world.rest(2, SELL, 100, 5)
    events = world.do(1, ReplaceOrder(old, replacement(price_ticks=100, qty_lots=5, tif=3)))
    assert ["OrderCancelled", "OrderAccepted", "Trade", "BookChanged"] == kinds(events)


@pytest.mark.rule("CMD-1")
def test_a_batch_gives_each_action_its_result_and_one_book_changed() -> None:
    world = World()
    actions = (
        replacement(),
        CancelOrder(99),
        AmendOrder(1, 91, 4),
        CancelByClientId(0),
        replacement(price_ticks=92, qty_lots=1),
        CancelOrder(2),
    )
    events = world.do(1, Batch(actions))
    expected = "OrderAccepted OrderRejected OrderAmended OrderRejected OrderAccepted"
    assert [*expected.split(), "OrderCancelled", "BookChanged"] == kinds(events)
    assert [41, 42] == [event.action for event in of(events, OrderRejected)]
    assert BookChanged(PERP, 1, ((91, 4),), ()) == events[-1]


@pytest.mark.rule("CMD-1")
def test_a_batch_has_1_to_50_actions() -> None:
    world = World()
    assert Code.BAD_BATCH == code_of(world.do(1, Batch(())))
    assert Code.BAD_BATCH == code_of(world.do(1, Batch((CancelOrder(1),) * 51)))
    assert 50 == len(world.do(1, Batch((CancelOrder(1),) * 50)))


@pytest.mark.rule("ORD-1")
def test_lineage_and_client_id_are_carried_to_the_trade() -> None:
    world = World()
    world.rest(1, SELL, 100, 1, lineage=b"M" * 16, client_id=8)
    trade = only(world.place(2, BUY, 100, 2, lineage=b"T" * 16, client_id=9), Trade)
    assert (b"M" * 16, 8, 0) == (
        trade.maker.lineage,
        trade.maker.client_id,
        trade.maker.remaining_lots,
    )
    assert (b"T" * 16, 9, 1) == (
        trade.taker.lineage,
        trade.taker.client_id,
        trade.taker.remaining_lots,
    )
    assert (BUY, 100, 1, 100 * USD) == (
        trade.taker_side,
        trade.price_ticks,
        trade.qty_lots,
        trade.index_price_e6,
    )

"""Cancels by order, client id and scope: [BOOK-5]."""

from itertools import product

import pytest

from lockstep_engine.codes import CancelReason, Code, InstrumentStatus, OrderFlag
from lockstep_engine.commands import (
    AdvanceTime,
    CancelAll,
    CancelByClientId,
    CancelOrder,
    PlaceOrder,
    SetInstrumentStatus,
)
from lockstep_engine.events import (
    BookChanged,
    OrderCancelled,
    OrderRejected,
    OrdersCancelled,
)
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    ETH_PERP,
    FUTURE,
    MARKET_EXPIRY_NS,
    PERP,
    PUT,
    Exchange,
    OrderRow,
    codes,
    names,
    of,
)

USER = CancelReason.USER
MMP = OrderFlag.MMP
RED, BLUE = b"R" * 16, b"B" * 16
STATUSES = [InstrumentStatus.ACTIVE, InstrumentStatus.CLOSE_ONLY, InstrumentStatus.HALTED]


# One order


@pytest.mark.rule("BOOK-5")
def test_an_order_is_cancelled_with_what_remains(market: Exchange) -> None:
    market.bid(ALICE, 90, 10, client_id=5)
    market.sell(BOB, 90, 4)
    events = market.cancel(ALICE, 1)
    assert [
        OrderCancelled(1, ALICE, PERP, 0, 90, 5, USER, 6),
        BookChanged(PERP, 3, ((90, 0),), ()),
    ] == events
    assert [] == market.orders()


@pytest.mark.rule("BOOK-5")
@pytest.mark.parametrize("order_id", [0, -1, 2, 99, 2**61])
def test_an_order_that_is_not_live_or_not_ones_own_is_unknown(
    market: Exchange, order_id: int
) -> None:
    market.bid(ALICE, 90, 10)
    market.bid(BOB, 90, 10)
    events = market.send(CancelOrder(order_id), ALICE)
    assert [OrderRejected(ALICE, 41, 0, order_id, 0, Code.UNKNOWN_ORDER)] == events
    assert 2 == len(market.orders())


@pytest.mark.rule("BOOK-5")
def test_an_order_is_cancelled_once(market: Exchange) -> None:
    order_id = market.bid(ALICE, 90, 10)
    market.cancel(ALICE, order_id)
    assert Code.UNKNOWN_ORDER == market.refusal(CancelOrder(order_id), ALICE)


@pytest.mark.rule("BOOK-5")
def test_a_filled_order_is_unknown(market: Exchange) -> None:
    order_id = market.bid(ALICE, 90, 10)
    market.sell(BOB, 90, 10)
    assert Code.UNKNOWN_ORDER == market.refusal(CancelOrder(order_id), ALICE)


@pytest.mark.rule("BOOK-5")
def test_an_order_is_cancelled_by_its_client_id(market: Exchange) -> None:
    market.bid(BOB, 90, 1, client_id=5)
    market.bid(ALICE, 90, 2, client_id=5)
    events = market.send(CancelByClientId(5), ALICE)
    assert OrderCancelled(2, ALICE, PERP, 0, 90, 5, USER, 2) == events[0]
    assert [1] == [row.order_id for row in market.orders()]


@pytest.mark.rule("BOOK-5")
@pytest.mark.parametrize("client_id", [0, 6, -5, 2**61])
def test_a_client_id_that_is_not_live_is_unknown(market: Exchange, client_id: int) -> None:
    market.bid(ALICE, 90, 1)
    market.bid(BOB, 90, 1, client_id=6)
    market.cancel(ALICE, market.bid(ALICE, 90, 1, client_id=7))
    events = market.send(CancelByClientId(client_id), ALICE)
    assert [OrderRejected(ALICE, 42, 0, 0, client_id, Code.UNKNOWN_ORDER)] == events
    assert Code.UNKNOWN_ORDER == market.refusal(CancelByClientId(7), ALICE)


@pytest.mark.rule("BOOK-5")
@pytest.mark.parametrize("status", STATUSES)
def test_cancels_pass_in_every_status(market: Exchange, status: int) -> None:
    for number in range(3):
        market.bid(ALICE, 90, 1, client_id=number + 1)
    market.do(SetInstrumentStatus(PERP, status))
    assert [] == codes(market.send(CancelOrder(1), ALICE))
    assert [] == codes(market.send(CancelByClientId(2), ALICE))
    assert OrdersCancelled(ALICE, 1) in market.send(CancelAll(), ALICE)


# In scope


def populate(market: Exchange) -> None:
    """Give Alice 24 orders over 4 instruments, both sides, with and without MMP, 3 lineages."""
    choices = product((PUT, PERP, FUTURE, ETH_PERP), (0, 1), ((0, b""), (MMP, RED), (0, BLUE)))
    for number, (instrument, side, (flags, lineage)) in enumerate(choices):
        price = 90 - number if side == 0 else 110 + number
        order = PlaceOrder(instrument, side, price, 1, flags=flags, lineage=lineage)
        market.do(order, ALICE)
    market.protect(BOB)
    market.bid(BOB, 90, 1, flags=MMP, lineage=RED)


SCOPES = list(product((0, PERP, PUT, CALL), ("", "BTC", "ETH"), (-1, 0, 1), (False, True)))


def is_in_scope(row: OrderRow, action: CancelAll) -> bool:
    """Say again what the rule says, field by field."""
    underlying = "ETH" if row.instrument == ETH_PERP else "BTC"
    if action.instrument and action.instrument != row.instrument:
        return False
    if action.underlying and action.underlying != underlying:
        return False
    if action.side >= 0 and action.side != row.side:
        return False
    if action.mmp and not row.flags & MMP:
        return False
    return not action.lineage or action.lineage == row.lineage


@pytest.mark.rule("BOOK-5")
@pytest.mark.parametrize("lineage", [b"", RED, BLUE], ids=["any", "red", "blue"])
def test_every_combination_of_scopes_cancels_what_matches_all_of_them(
    market: Exchange, lineage: bytes
) -> None:
    populate(market)
    for instrument, underlying, side, mmp in SCOPES:
        action = CancelAll(instrument, underlying, side, mmp, lineage)
        twin = market.fork()
        events = twin.do(action, ALICE)
        expected = [row.order_id for row in market.orders(ALICE) if is_in_scope(row, action)]
        ended = of(events, OrderCancelled)
        assert expected == [event.order_id for event in ended]
        assert {USER} >= {event.reason for event in ended}
        assert [OrdersCancelled(ALICE, len(expected))] == of(events, OrdersCancelled)
        assert 25 - len(expected) == len(twin.orders())


@pytest.mark.rule("BOOK-5")
def test_the_flag_mmp_selects_orders_that_have_it_among_others(market: Exchange) -> None:
    market.bid(ALICE, 90, 1, flags=MMP | OrderFlag.POST_ONLY)
    market.bid(ALICE, 91, 1, flags=OrderFlag.POST_ONLY)
    events = market.do(CancelAll(mmp=True), ALICE)
    assert [1] == [event.order_id for event in of(events, OrderCancelled)]


@pytest.mark.rule("BOOK-5", "EVT-1")
def test_all_cancels_come_before_their_count(market: Exchange) -> None:
    for price in (93, 91, 92):
        market.bid(ALICE, price, 1)
    events = market.do(CancelAll(), ALICE)
    assert ["OrderCancelled"] * 3 + ["OrdersCancelled", "BookChanged"] == names(events)
    assert [1, 2, 3] == [event.order_id for event in events[:3]]


@pytest.mark.rule("BOOK-5")
def test_nothing_to_cancel_is_a_count_of_0(market: Exchange) -> None:
    market.bid(BOB, 90, 1)
    assert [OrdersCancelled(ALICE, 0)] == market.do(CancelAll(), ALICE)


@pytest.mark.rule("BOOK-5")
@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (CancelAll(-1, "SOL", 2, lineage=b"x"), Code.BAD_SIDE),
        (CancelAll(PERP, side=-2), Code.BAD_SIDE),
        (CancelAll(-1, "SOL", 1, lineage=b"x"), Code.UNKNOWN_INSTRUMENT),
        (CancelAll(99, "SOL", lineage=b"x"), Code.UNKNOWN_INSTRUMENT),
        (CancelAll(0, "SOL", lineage=b"x"), Code.BAD_LINEAGE),
        (CancelAll(PERP, lineage=bytes(15)), Code.BAD_LINEAGE),
        (CancelAll(PERP, "SOL"), Code.UNKNOWN_UNDERLYING),
        (CancelAll(0, "btc"), Code.UNKNOWN_UNDERLYING),
    ],
)
def test_the_checks_of_a_scope_stand_in_order(
    market: Exchange, action: CancelAll, expected: Code
) -> None:
    market.bid(ALICE, 90, 1)
    events = market.send(action, ALICE)
    assert [OrderRejected(ALICE, 43, action.instrument, 0, 0, expected)] == events
    assert 1 == len(market.orders())


@pytest.mark.rule("BOOK-5")
def test_cancel_all_in_an_expired_instrument_finds_nothing(market: Exchange) -> None:
    market.bid(ALICE, 90, 1, FUTURE)
    market.do(AdvanceTime(), at=MARKET_EXPIRY_NS)
    assert [OrdersCancelled(ALICE, 0)] == market.do(CancelAll(FUTURE), ALICE)


@pytest.mark.rule("BOOK-5", "MRG-4")
def test_a_cancelled_order_holds_no_money(market: Exchange) -> None:
    market.bid(CAROL, 100, 1_000)
    market.cancel(CAROL, 1)
    market.assert_can_withdraw(CAROL, 1_000_000_000)

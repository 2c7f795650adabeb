"""Marks: who moves them, what a record of one holds, and orders when it is stale: [MRK-1]."""

import pytest

from lockstep_engine.codes import Code, InstrumentStatus, OrderFlag
from lockstep_engine.commands import (
    AdvanceTime,
    AmendOrder,
    CancelOrder,
    CreateUnderlying,
    Deposit,
    MassQuote,
    PlaceOrder,
    Quote,
    SetInstrumentStatus,
    SetTradingLimits,
    TradingLimits,
    UpdateMarkPrice,
)
from lockstep_engine.events import OrderRejected
from lockstep_kernel import Machine
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    FUTURE,
    MARKET_EXPIRY_NS,
    PERP,
    PUT,
    START_NS,
    TICK_E6,
    Exchange,
    codes,
    names,
    open_market,
)

AGE_NS = 1_000


@pytest.fixture
def aging(machine: Machine) -> Exchange:
    """The standard market in which a mark is stale after 1,000 ns."""
    return open_market(machine, max_mark_age_ns=AGE_NS)


def wait(exchange: Exchange, ns: int) -> None:
    """Let time pass by a command that touches no mark."""
    exchange.do(Deposit(CAROL, 1), at=exchange.now_ns + ns)


# What a mark is


@pytest.mark.rule("MRK-1")
@pytest.mark.parametrize(
    ("number", "delta_e9"), [(PERP, 10**9), (FUTURE, 10**9), (CALL, 0), (PUT, 0)]
)
def test_a_mark_has_its_time_and_the_delta_of_its_kind(
    market: Exchange, number: int, delta_e9: int
) -> None:
    market.do(UpdateMarkPrice(number, 123_456), at=START_NS + 5)
    assert (123_456, START_NS + 5, delta_e9, 0, 0, 0) == market.marked(number)


@pytest.mark.rule("MRK-1")
def test_the_same_mark_again_is_as_young_as_its_command(market: Exchange) -> None:
    market.do(UpdateMarkPrice(PERP, 100 * TICK_E6), at=START_NS + 5)
    assert (100 * TICK_E6, START_NS + 5, 10**9, 0, 0, 0) == market.marked()


@pytest.mark.rule("MRK-1")
def test_neither_time_nor_orders_nor_the_index_touch_a_mark(market: Exchange) -> None:
    before = [market.marked(number) for number in (PERP, FUTURE, CALL, PUT)]
    market.do(AdvanceTime(), at=START_NS + 7)
    market.index(120)
    market.trade(ALICE, BOB, 101, 3)
    assert before == [market.marked(number) for number in (PERP, FUTURE, CALL, PUT)]


@pytest.mark.rule("MRK-1", "TIM-2", "SET-1")
def test_an_expired_instrument_is_marked_at_what_it_pays(market: Exchange) -> None:
    market.index(107)
    market.do(AdvanceTime(), at=MARKET_EXPIRY_NS + 5)
    payoffs = {FUTURE: 107_000_000, CALL: 7_000_000, PUT: 0}
    for number, payoff in payoffs.items():
        assert (payoff, MARKET_EXPIRY_NS, 0, 0, 0, 0) == market.marked(number)


# Stale marks


@pytest.mark.rule("MRK-1", "ORD-5")
@pytest.mark.parametrize("number", [PERP, FUTURE, CALL, PUT])
def test_a_mark_is_stale_when_it_is_older_than_the_limit(aging: Exchange, number: int) -> None:
    wait(aging, AGE_NS)
    assert [] == codes(aging.buy(ALICE, 5, 1, number))
    wait(aging, 1)
    assert Code.STALE_MARK == aging.refusal(PlaceOrder(number, 0, 5, 1), ALICE)


@pytest.mark.rule("MRK-1")
def test_without_a_limit_no_mark_is_ever_stale(market: Exchange) -> None:
    market.do(AdvanceTime(), at=START_NS + 300 * 86_400 * 10**9)
    assert [] == codes(market.buy(ALICE, 90, 1))


@pytest.mark.rule("MRK-1", "ORD-5")
def test_one_stale_mark_is_nothing_to_another_instrument(aging: Exchange) -> None:
    wait(aging, AGE_NS + 1)
    aging.mark(100, FUTURE)
    assert [] == codes(aging.buy(ALICE, 90, 1, FUTURE))
    assert [Code.STALE_MARK] == codes(aging.buy(ALICE, 90, 1, PERP))


@pytest.mark.rule("ORD-5", "ORD-6")
def test_an_order_that_reduces_needs_no_young_mark(aging: Exchange) -> None:
    """Alice is long 5: a sale of 5 reduces, one of 6 does not."""
    aging.trade(ALICE, BOB, 100, 5)
    wait(aging, AGE_NS + 1)
    assert Code.STALE_MARK == aging.refusal(PlaceOrder(PERP, 1, 110, 6), ALICE)
    assert [] == codes(aging.sell(ALICE, 110, 5))
    assert Code.STALE_MARK == aging.refusal(PlaceOrder(PERP, 1, 110, 1), ALICE)


@pytest.mark.rule("ORD-5", "BOOK-3")
def test_an_amend_off_its_place_needs_a_young_mark_and_no_other_does(aging: Exchange) -> None:
    order_id = aging.bid(ALICE, 90, 10)
    wait(aging, AGE_NS + 1)
    assert Code.STALE_MARK == aging.refusal(AmendOrder(order_id, 91, 10), ALICE)
    assert Code.STALE_MARK == aging.refusal(AmendOrder(order_id, 90, 11), ALICE)
    assert [] == codes(aging.send(AmendOrder(order_id, 90, 9), ALICE))
    assert [] == codes(aging.send(CancelOrder(order_id), ALICE))


@pytest.mark.rule("ORD-5", "CMD-2")
def test_a_quote_is_kept_under_a_stale_mark_and_no_new_one_is_taken(aging: Exchange) -> None:
    aging.do(MassQuote(1, (Quote(PERP, 90, 5, 110, 5),)), ALICE)
    wait(aging, AGE_NS + 1)
    events = aging.send(MassQuote(1, (Quote(PERP, 90, 5, 111, 5),)), ALICE)
    assert ["OrderCancelled", "QuoteKept", "OrderRejected", "BookChanged"] == names(events)
    assert OrderRejected(ALICE, 46, PERP, 0, 0, Code.STALE_MARK) == events[2]


@pytest.mark.rule("ORD-5")
def test_a_stale_mark_is_told_after_the_status_and_before_mmp_and_the_limits(
    aging: Exchange,
) -> None:
    """Bob, who has no protection, sends an MMP order over the limit of open orders."""
    aging.do(SetTradingLimits(PERP, TradingLimits(max_price_ticks=10_000, max_open_orders=1)))
    aging.bid(BOB, 90, 1)
    wait(aging, AGE_NS + 1)
    order = PlaceOrder(PERP, 0, 90, 1, flags=OrderFlag.MMP)
    for status, expected in (
        (InstrumentStatus.HALTED, Code.INSTRUMENT_HALTED),
        (InstrumentStatus.CLOSE_ONLY, Code.INSTRUMENT_CLOSE_ONLY),
        (InstrumentStatus.ACTIVE, Code.STALE_MARK),
    ):
        aging.do(SetInstrumentStatus(PERP, status))
        assert expected == aging.refusal(order, BOB)
    aging.mark(100)
    assert Code.MMP_NOT_CONFIGURED == aging.refusal(order, BOB)
    aging.protect(BOB)
    assert Code.OPEN_ORDERS_LIMIT == aging.refusal(order, BOB)


@pytest.mark.rule("ORD-5")
def test_a_missing_index_is_told_before_a_missing_mark(market: Exchange) -> None:
    market.do(CreateUnderlying("SOL", 10**11))
    market.create(40, "SOL-20261225-9-C")
    order = PlaceOrder(40, 0, 5, 1)
    assert Code.NO_INDEX_PRICE == market.refusal(order, ALICE)
    market.mark(5, 40)
    assert Code.NO_INDEX_PRICE == market.refusal(order, ALICE)
    market.index(9, "SOL")
    assert [] == codes(market.send(order, ALICE))


@pytest.mark.rule("MRK-1", "MRK-2")
def test_time_keeps_the_marks_of_a_surface_young_and_no_others(aging: Exchange) -> None:
    aging.surface(100, (100, 50))
    aging.do(AdvanceTime(), at=aging.now_ns + 5 * AGE_NS)
    assert [[], []] == [codes(aging.buy(ALICE, 5, 1, number)) for number in (FUTURE, CALL)]
    assert [Code.STALE_MARK] == codes(aging.buy(ALICE, 90, 1, PERP))

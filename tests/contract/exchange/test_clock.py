"""The clock and what it makes due: [TIM-1] and [TIM-2]."""

import pytest

from lockstep_engine.codes import CancelReason, Code, InstrumentStatus, TimeInForce
from lockstep_engine.commands import (
    AdvanceTime,
    AmendOrder,
    CancelOrder,
    CreateUnderlying,
    PlaceOrder,
    SetInstrumentStatus,
)
from lockstep_engine.events import (
    BookChanged,
    CommandRejected,
    InstrumentExpired,
    OrderCancelled,
    SettlementPriceSet,
    TimeAdvanced,
)
from lockstep_kernel import Machine
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    DAY_NS,
    FUTURE,
    MARKET_EXPIRY_NS,
    PERP,
    PUT,
    ROOT,
    SECOND_NS,
    STAFF,
    START_NS,
    Exchange,
    codes,
    key,
    names,
    of,
    open_market,
    staffed_exchange,
)

HOUR_NS = 3_600 * SECOND_NS
GTD = TimeInForce.GTD


def status_of(exchange: Exchange, instrument: int) -> int:
    fields = exchange.record(7, instrument)
    assert fields is not None
    status: int = fields[5]
    return status


@pytest.mark.rule("TIM-1")
def test_the_clock_starts_at_the_genesis_time(bare: Exchange) -> None:
    assert START_NS == bare.now_ns


@pytest.mark.rule("TIM-1")
def test_time_that_goes_back_is_refused_and_changes_nothing(market: Exchange) -> None:
    market.send(AdvanceTime(), at=START_NS + 10)
    before, clocks = market.records(), market.state.core.clocks()
    assert Code.TIME_REGRESSION == market.refusal(AdvanceTime(), at=START_NS + 9)
    assert before == market.records()
    assert clocks == market.state.core.clocks()


@pytest.mark.rule("TIM-1")
def test_an_equal_time_is_not_a_step_back(market: Exchange) -> None:
    events = market.send(AdvanceTime(), at=START_NS)
    assert [TimeAdvanced(START_NS)] == events


@pytest.mark.rule("TIM-1")
def test_a_step_of_exactly_the_maximum_passes_and_one_more_is_refused(machine: Machine) -> None:
    exchange = staffed_exchange(machine, max_step_ns=1_000)
    before = exchange.records()
    refused = exchange.refusal(CreateUnderlying("BTC", 1), at=START_NS + 1_001)
    assert Code.CLOCK_STEP == refused
    assert (before, START_NS) == (exchange.records(), exchange.now_ns)
    exchange.send(CreateUnderlying("BTC", 1), at=START_NS + 1_000)
    assert START_NS + 1_000 == exchange.now_ns


@pytest.mark.rule("TIM-1")
def test_a_refused_step_runs_no_timers_even_if_they_are_due(market: Exchange) -> None:
    order_id = market.bid(ALICE, 90, 1, tif=GTD, expires_ns=START_NS + 5)
    far = START_NS + HOUR_NS + 1
    refused = market.refusal(PlaceOrder(PERP, 0, 90, 1), BOB, at=far, signer=key("nobody"))
    assert Code.CLOCK_STEP == refused
    assert order_id == market.row(order_id).order_id


@pytest.mark.rule("TIM-1", "ADM-10")
def test_advance_time_may_step_any_distance(market: Exchange) -> None:
    at = START_NS + 100 * DAY_NS
    assert [TimeAdvanced(at)] == market.send(AdvanceTime(), at=at)
    assert at == market.now_ns


@pytest.mark.rule("TIM-1")
@pytest.mark.parametrize("signer", [ROOT, key("nobody")], ids=["root", "nobody"])
def test_advance_time_without_authority_does_not_step(market: Exchange, signer: bytes) -> None:
    at = START_NS + 2 * HOUR_NS
    assert Code.CLOCK_STEP == market.refusal(AdvanceTime(), at=at, signer=signer)
    assert START_NS == market.now_ns


@pytest.mark.rule("TIM-1")
def test_advance_time_for_an_account_does_not_step(market: Exchange) -> None:
    at = START_NS + 2 * HOUR_NS
    assert Code.CLOCK_STEP == market.refusal(AdvanceTime(), ALICE, at=at, signer=STAFF)


@pytest.mark.rule("TIM-1")
def test_advance_time_with_a_bad_nonce_does_not_step(market: Exchange) -> None:
    at = START_NS + 100 * DAY_NS
    assert Code.CLOCK_STEP == market.refusal(AdvanceTime(), at=at, nonce=START_NS // 10**6)
    assert START_NS == market.now_ns


@pytest.mark.rule("TIM-1", "NON-1")
def test_advance_time_as_a_repeat_does_not_step(market: Exchange) -> None:
    market.send(AdvanceTime(), request_id=b"tick")
    at = START_NS + 100 * DAY_NS
    assert Code.CLOCK_STEP == market.refusal(AdvanceTime(), at=at, request_id=b"tick")
    assert START_NS == market.now_ns


@pytest.mark.rule("TIM-1", "NON-1")
def test_advance_time_in_conflict_with_a_request_does_not_step(market: Exchange) -> None:
    market.do(CreateUnderlying("SOL", 1), request_id=b"tick")
    at = START_NS + 100 * DAY_NS
    assert Code.CLOCK_STEP == market.refusal(AdvanceTime(), at=at, request_id=b"tick")
    assert START_NS == market.now_ns


@pytest.mark.rule("TIM-2")
def test_the_clock_moves_also_when_the_command_is_refused(market: Exchange) -> None:
    at = START_NS + 77
    assert Code.UNKNOWN_SIGNER == market.refusal(AdvanceTime(), at=at, signer=key("nobody"))
    assert at == market.now_ns


@pytest.mark.rule("TIM-2")
def test_a_gtd_order_ends_at_its_time_and_not_before(market: Exchange) -> None:
    expires = START_NS + 1_000
    order_id = market.bid(ALICE, 90, 7, tif=GTD, expires_ns=expires, client_id=5)
    market.send(AdvanceTime(), at=expires - 1)
    assert 7 == market.row(order_id).remaining_lots
    events = market.send(AdvanceTime(), at=expires)
    reason = CancelReason.ORDER_EXPIRED
    assert [
        OrderCancelled(order_id, ALICE, PERP, 0, 90, 5, reason, 7),
        TimeAdvanced(expires),
        BookChanged(PERP, 2, ((90, 0),), ()),
    ] == events


@pytest.mark.rule("TIM-2", "EVT-1")
def test_what_came_due_precedes_a_refused_command(market: Exchange) -> None:
    order_id = market.bid(ALICE, 90, 7, tif=GTD, expires_ns=START_NS + 5)
    events = market.send(PlaceOrder(PERP, 0, 90, 1), BOB, signer=key("nobody"), at=START_NS + 5)
    assert ["OrderCancelled", "CommandRejected", "BookChanged"] == names(events)
    assert order_id == events[0].order_id
    assert Code.UNKNOWN_SIGNER == events[1].code


@pytest.mark.rule("TIM-2")
def test_orders_that_come_due_together_end_by_time_and_then_by_order_id(market: Exchange) -> None:
    late = market.bid(ALICE, 90, 1, tif=GTD, expires_ns=START_NS + 30)
    second = market.ask(BOB, 110, 1, tif=GTD, expires_ns=START_NS + 20)
    third = market.bid(ALICE, 91, 1, FUTURE, tif=GTD, expires_ns=START_NS + 20)
    first = market.bid(BOB, 90, 1, tif=GTD, expires_ns=START_NS + 10)
    events = market.send(AdvanceTime(), at=START_NS + 40)
    cancelled = [event.order_id for event in of(events, OrderCancelled)]
    assert [first, second, third, late] == cancelled


@pytest.mark.rule("TIM-2")
def test_a_filled_or_cancelled_gtd_order_does_not_come_due(market: Exchange) -> None:
    expires = START_NS + 10
    gone = market.bid(ALICE, 90, 1, tif=GTD, expires_ns=expires)
    market.cancel(ALICE, gone)
    market.bid(ALICE, 95, 1, tif=GTD, expires_ns=expires)
    market.sell(BOB, 95, 1)
    assert [TimeAdvanced(expires)] == market.send(AdvanceTime(), at=expires)


@pytest.mark.rule("TIM-2")
def test_a_gtd_order_that_was_amended_still_ends_at_its_time(market: Exchange) -> None:
    expires = START_NS + 10
    order_id = market.bid(ALICE, 90, 5, tif=GTD, expires_ns=expires)
    market.send(AmendOrder(order_id, 91, 8), ALICE)
    events = market.send(AdvanceTime(), at=expires)
    assert [(order_id, 91, 8)] == [
        (event.order_id, event.price_ticks, event.remaining_lots)
        for event in of(events, OrderCancelled)
    ]


@pytest.mark.rule("TIM-2", "INS-2")
def test_an_instrument_expires_at_its_time_with_its_orders_in_order_id_order(
    market: Exchange,
) -> None:
    first = market.ask(ALICE, 120, 1, FUTURE)
    second = market.bid(BOB, 90, 2, FUTURE, client_id=4)
    third = market.ask(BOB, 110, 3, FUTURE)
    fourth = market.bid(ALICE, 95, 4, FUTURE)
    market.send(AdvanceTime(), at=MARKET_EXPIRY_NS - 1)
    assert InstrumentStatus.ACTIVE == status_of(market, FUTURE)
    events = market.send(AdvanceTime(), at=MARKET_EXPIRY_NS)
    reason = CancelReason.INSTRUMENT_EXPIRED
    assert [
        SettlementPriceSet("BTC", MARKET_EXPIRY_NS, 10**8, 0, False),
        InstrumentExpired(FUTURE, 10**8),
        OrderCancelled(first, ALICE, FUTURE, 1, 120, 0, reason, 1),
        OrderCancelled(second, BOB, FUTURE, 0, 90, 4, reason, 2),
        OrderCancelled(third, BOB, FUTURE, 1, 110, 0, reason, 3),
        OrderCancelled(fourth, ALICE, FUTURE, 0, 95, 0, reason, 4),
        InstrumentExpired(CALL, 0),
        InstrumentExpired(PUT, 0),
        TimeAdvanced(MARKET_EXPIRY_NS),
        BookChanged(FUTURE, 5, ((95, 0), (90, 0)), ((110, 0), (120, 0))),
    ] == events
    assert InstrumentStatus.EXPIRED_PENDING_PRICE == status_of(market, FUTURE)
    assert InstrumentStatus.ACTIVE == status_of(market, PERP)


@pytest.mark.rule("TIM-2")
def test_at_one_instant_orders_expire_before_instruments(market: Exchange) -> None:
    order_id = market.bid(ALICE, 90, 1, FUTURE, tif=GTD, expires_ns=MARKET_EXPIRY_NS)
    later = market.bid(ALICE, 90, 1, FUTURE, tif=GTD, expires_ns=MARKET_EXPIRY_NS + 1)
    events = market.send(AdvanceTime(), at=MARKET_EXPIRY_NS + 10)
    expected = [
        (order_id, CancelReason.ORDER_EXPIRED),
        (later, CancelReason.INSTRUMENT_EXPIRED),
    ]
    assert expected == [(e.order_id, e.reason) for e in of(events, OrderCancelled)]
    expired = ["SettlementPriceSet", "InstrumentExpired"]
    assert ["OrderCancelled", *expired, "OrderCancelled"] == names(events)[:4]


@pytest.mark.rule("TIM-2")
def test_an_instrument_with_an_earlier_time_expires_before_a_later_order(machine: Machine) -> None:
    market = open_market(machine)
    market.create(9, "BTC-20260102")
    market.mark(100, 9)
    at = START_NS + DAY_NS + 28_800 * SECOND_NS
    order_id = market.bid(ALICE, 90, 1, tif=GTD, expires_ns=at + 1)
    events = market.send(AdvanceTime(), at=at + 1)
    assert [InstrumentExpired(9, 10**8), order_id] == [events[1], events[2].order_id]


@pytest.mark.rule("TIM-2")
def test_an_instrument_expires_once_also_after_a_restore(market: Exchange) -> None:
    market.send(AdvanceTime(), at=MARKET_EXPIRY_NS)
    for later in (MARKET_EXPIRY_NS, MARKET_EXPIRY_NS + DAY_NS):
        market = market.fork()
        assert [TimeAdvanced(later)] == market.send(AdvanceTime(), at=later)


@pytest.mark.rule("TIM-2")
@pytest.mark.parametrize("status", [InstrumentStatus.HALTED, InstrumentStatus.CLOSE_ONLY])
def test_an_instrument_expires_from_every_status(market: Exchange, status: int) -> None:
    market.send(SetInstrumentStatus(FUTURE, status))
    market.send(AdvanceTime(), at=MARKET_EXPIRY_NS)
    assert InstrumentStatus.EXPIRED_PENDING_PRICE == status_of(market, FUTURE)


@pytest.mark.rule("TIM-2")
def test_an_order_due_now_does_not_trade_with_the_command_of_that_time(market: Exchange) -> None:
    market.ask(ALICE, 100, 5, tif=GTD, expires_ns=START_NS + 5)
    events = market.send(PlaceOrder(PERP, 0, 100, 5), BOB, at=START_NS + 5)
    assert ["OrderCancelled", "OrderAccepted", "BookChanged"] == names(events)


@pytest.mark.rule("TIM-2", "NON-1")
def test_what_is_due_runs_before_a_repeat_is_answered(market: Exchange) -> None:
    market.send(CancelOrder(99), ALICE, request_id=b"r")
    order_id = market.bid(ALICE, 90, 1, tif=GTD, expires_ns=START_NS + 5)
    events = market.send(CancelOrder(99), ALICE, request_id=b"r", at=START_NS + 5)
    assert ["OrderCancelled", "DuplicateRequest", "BookChanged"] == names(events)
    assert order_id == events[0].order_id


@pytest.mark.rule("TIM-2", "NON-3")
def test_a_failed_nonce_check_changes_only_what_time_made_due(market: Exchange) -> None:
    market.bid(ALICE, 90, 1, tif=GTD, expires_ns=START_NS + 5)
    nonces = market.nonces(STAFF)
    events = market.send(CreateUnderlying("SOL", 1), nonce=0, at=START_NS + 5)
    assert ["OrderCancelled", "CommandRejected", "BookChanged"] == names(events)
    assert [Code.NONCE_OUT_OF_WINDOW] == codes(events)
    assert nonces == market.nonces(STAFF)
    assert [] == market.orders()


@pytest.mark.rule("TIM-2")
def test_many_expired_orders_leave_only_the_living(market: Exchange) -> None:
    for i in range(200):
        market.cancel(ALICE, market.bid(ALICE, 50, 1, tif=GTD, expires_ns=START_NS + 500 - i))
    order_id = market.bid(ALICE, 50, 1, tif=GTD, expires_ns=START_NS + 350)
    events = market.send(AdvanceTime(), at=START_NS + 600)
    assert [order_id] == [event.order_id for event in of(events, OrderCancelled)]


def test_a_rejection_names_the_command(market: Exchange) -> None:
    nonce = START_NS // 10**6 + 50
    events = market.send(CreateUnderlying("X", 1), signer=key("nobody"), nonce=nonce)
    assert [CommandRejected(key("nobody"), nonce, 0, 1, Code.UNKNOWN_SIGNER)] == events

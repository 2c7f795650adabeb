"""Timers: what time makes due runs first, in its order, whatever becomes of the command."""

import pytest

from lockstep_engine.codes import CancelReason, Code
from lockstep_engine.commands import CancelOrder, SetInstrumentStatus
from lockstep_engine.events import (
    BookChanged,
    CommandRejected,
    InstrumentExpired,
    OrderCancelled,
    OrderRejected,
    TimeAdvanced,
)
from tests.unit.naive.world import (
    BUY,
    CALL,
    FUTURE,
    FUTURE_EXPIRY_NS,
    PERP,
    PUT,
    SELL,
    USD,
    World,
    kinds,
    of,
)


@pytest.mark.rule("TIM-2", "EVT-1")
def test_orders_expire_by_time_and_then_by_id_before_a_refused_command() -> None:
    world = World()
    due_ns = world.now_ns + 10**6
    late = world.rest(1, BUY, 90, 1, tif=1, expires_ns=due_ns + 5)
    second = world.rest(1, BUY, 91, 1, tif=1, expires_ns=due_ns)
    third = world.rest(2, SELL, 110, 2, tif=1, expires_ns=due_ns)
    stays = world.rest(2, SELL, 110, 3, tif=1, expires_ns=due_ns + 6)
    events = world.do(1, CancelOrder(second), at_ns=due_ns + 5)
    expired = of(events, OrderCancelled)
    assert [second, third, late] == [event.order_id for event in expired]
    assert {CancelReason.ORDER_EXPIRED} == {event.reason for event in expired}
    assert OrderRejected(1, 41, 0, second, 0, Code.UNKNOWN_ORDER) == events[3]
    assert BookChanged(PERP, 5, ((91, 0), (90, 0)), ((110, 3),)) == events[4]
    assert world.order(stays) is not None
    world.verify()


@pytest.mark.rule("TIM-2", "NON-3")
def test_time_moves_also_when_nonce_or_signer_are_bad() -> None:
    world = World()
    due_ns = world.now_ns + 10**6
    world.rest(1, BUY, 90, 1, tif=1, expires_ns=due_ns)
    events = world.do(1, CancelOrder(1), at_ns=due_ns, nonce=0)
    assert ["OrderCancelled", "CommandRejected", "BookChanged"] == kinds(events)
    world.do(1, CancelOrder(1), at_ns=due_ns + 7, signer=b"?" * 32)
    assert due_ns + 7 == world.core.now_ns


@pytest.mark.rule("TIM-2", "INS-2")
def test_an_instrument_expires_with_its_orders_in_id_order() -> None:
    world = World()
    last = world.rest(2, BUY, 90, 1, instrument=FUTURE, tif=1, expires_ns=FUTURE_EXPIRY_NS)
    sell = world.rest(1, SELL, 110, 1, instrument=FUTURE)
    buy = world.rest(1, BUY, 91, 1, instrument=FUTURE)
    call = world.rest(1, SELL, 110, 1, instrument=CALL)
    stays = world.rest(1, BUY, 90, 1)
    world.operate(SetInstrumentStatus(FUTURE, 3))
    assert ["TimeAdvanced"] == kinds(world.jump(FUTURE_EXPIRY_NS - 1))
    events = world.jump(FUTURE_EXPIRY_NS)
    # the timed order first (kind 2), then the instruments by number
    told = [
        event.order_id if isinstance(event, OrderCancelled) else event.instrument
        for event in of(events, OrderCancelled | InstrumentExpired)
    ]
    assert [last, CALL, call, PUT, FUTURE, sell, buy] == told
    # between the two, SettlementPriceSet; the index stood at 100 for long: options pay 0
    assert [0, 0, 100 * USD] == [event.price_e6 for event in of(events, InstrumentExpired)]
    assert "SettlementPriceSet" == kinds(events)[1]
    assert TimeAdvanced(FUTURE_EXPIRY_NS) == events[8]
    assert [CALL, FUTURE] == [event.instrument for event in events[9:]]
    assert world.order(stays) is not None
    refused = world.refused(1, BUY, 90, 1, instrument=FUTURE)
    assert Code.INSTRUMENT_EXPIRED == refused
    assert [] == of(world.jump(FUTURE_EXPIRY_NS + 10**15), InstrumentExpired)
    assert 4 == world.core.instruments.must(FUTURE).status
    assert 0 == len(of(events, CommandRejected))
    world.verify()

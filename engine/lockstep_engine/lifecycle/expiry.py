"""What comes due ([TIM-2]): fundings, GTD orders, dated instruments and freezes."""

from typing import Final

from lockstep_engine.book.queue import detach
from lockstep_engine.codes import CancelReason, InstrumentStatus
from lockstep_engine.events import InstrumentExpired, MmpThawed
from lockstep_engine.lifecycle.averages import settlement_of
from lockstep_engine.lifecycle.funding import run_funding
from lockstep_engine.lifecycle.timers import (
    FUNDING,
    INSTRUMENT_EXPIRY,
    ORDER_EXPIRY,
    next_due,
)
from lockstep_engine.matching.reports import cancelled
from lockstep_engine.protection import Mmp
from lockstep_engine.risk.marks import mark_settled
from lockstep_engine.state import BookSide, Events, ExchangeCore, Instrument, Order

_EXPIRED: Final = int(InstrumentStatus.EXPIRED_PENDING_PRICE)
_ORDER_EXPIRED: Final = int(CancelReason.ORDER_EXPIRED)
_INSTRUMENT_EXPIRED: Final = int(CancelReason.INSTRUMENT_EXPIRED)


def run_due(core: ExchangeCore, until_ns: int, events: Events) -> None:
    """Run every timer with due_ns <= until_ns, in order."""
    due = next_due(core, until_ns)
    while due is not None:
        if due[1] == ORDER_EXPIRY:
            order = core.expiring.get(due[2])
            if order is not None and order.expires_ns == due[0]:
                detach(core, order)
                events.append(cancelled(order, _ORDER_EXPIRED, order.remaining_lots))
        elif due[1] == INSTRUMENT_EXPIRY:
            _expire_instrument(core, core.instruments[due[2]], events)
        elif due[1] == FUNDING:
            funding = core.fundings[due[2]]
            if funding.next_ns == due[0]:
                run_funding(core, funding, events)
        else:
            mmp = core.frozen.get((due[2], due[3]))
            if mmp is not None and mmp.frozen_until_ns == due[0]:
                thaw(core, mmp)
                events.append(MmpThawed(mmp.account, mmp.underlying))
        due = next_due(core, until_ns)


def _expire_instrument(core: ExchangeCore, instrument: Instrument, events: Events) -> None:
    settlement = settlement_of(core, instrument, events)
    instrument.status = _EXPIRED
    mark_settled(core, instrument, settlement, instrument.expiry_ns)
    core.touch(instrument)
    events.append(InstrumentExpired(instrument.instrument, instrument.mark.price_e6))
    orders = orders_of(instrument.bids) + orders_of(instrument.asks)
    orders.sort(key=_order_id)
    for order in orders:
        detach(core, order)
        events.append(cancelled(order, _INSTRUMENT_EXPIRED, order.remaining_lots))


def thaw(core: ExchangeCore, mmp: Mmp) -> None:
    """End a freeze, if there is one."""
    mmp.frozen_until_ns = 0
    core.frozen.pop((mmp.account, mmp.underlying), None)
    core.touch(mmp)


def orders_of(side: BookSide) -> list[Order]:
    """Return the orders of one side of a book, best first, in the order of their queues."""
    orders: list[Order] = []
    for key in reversed(side.keys):
        order = side.levels[key * side.sign].head
        while order is not None:
            orders.append(order)
            order = order.behind
    return orders


def _order_id(order: Order) -> int:
    return order.order_id

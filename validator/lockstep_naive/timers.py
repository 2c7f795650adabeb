"""Timers: what time makes due, found by scanning each time ([TIM-2])."""

from typing import NamedTuple

from lockstep_engine.codes import CancelReason, InstrumentStatus
from lockstep_engine.events import InstrumentExpired
from lockstep_naive.book import cancel, orders_of_instrument
from lockstep_naive.core import NaiveCore
from lockstep_naive.mmp import thaw
from lockstep_naive.worth import expiry_ns

ORDER_TIMER = 2
INSTRUMENT_TIMER = 3
MMP_TIMER = 4


class Timer(NamedTuple):
    """Sorts in the order in which timers run."""

    due_ns: int
    kind: int
    id: int
    underlying: str = ""


def run_timers(core: NaiveCore) -> None:
    """Run what is due at the clock, one after the other, each found anew."""
    while (timer := _next_timer(core)) is not None and timer.due_ns <= core.now_ns:
        if timer.kind == ORDER_TIMER:
            cancel(core, core.orders.must(timer.id), CancelReason.ORDER_EXPIRED)
        elif timer.kind == INSTRUMENT_TIMER:
            _expire_instrument(core, timer.id)
        else:
            thaw(core, (timer.id, timer.underlying))


def _next_timer(core: NaiveCore) -> Timer | None:
    """Return the first timer of the state, due or not."""
    timers = [
        Timer(order.expires_ns, ORDER_TIMER, order.order_id)
        for order in core.orders.group("timed", True)
    ]
    for instrument in core.instruments.scan():
        due_ns = expiry_ns(core, instrument)
        if due_ns and not instrument.is_expired:
            timers.append(Timer(due_ns, INSTRUMENT_TIMER, instrument.instrument))
    for mmp in core.mmps.scan():
        if mmp.frozen_until_ns > 0:
            timers.append(Timer(mmp.frozen_until_ns, MMP_TIMER, *mmp.key))
    return min(timers, default=None)


def _expire_instrument(core: NaiveCore, number: int) -> None:
    instrument = core.instruments.must(number)
    status = int(InstrumentStatus.EXPIRED_PENDING_PRICE)
    core.instruments.put(instrument._replace(status=status))
    core.emit(InstrumentExpired(number))
    for order in orders_of_instrument(core, number):
        cancel(core, order, CancelReason.INSTRUMENT_EXPIRED)

"""Timers: what time makes due, found by scanning each time ([TIM-2])."""

from collections.abc import Mapping
from typing import NamedTuple

from lockstep_engine.codes import CancelReason
from lockstep_naive.book import cancel, orders_of_instrument
from lockstep_naive.core import NaiveCore
from lockstep_naive.funding import next_funding_ns, pay_funding
from lockstep_naive.mmp import thaw
from lockstep_naive.settlement import expire
from lockstep_naive.worth import expiry_ns

FUNDING_TIMER = 1
ORDER_TIMER = 2
INSTRUMENT_TIMER = 3
MMP_TIMER = 4


class Timer(NamedTuple):
    """Sorts in the order in which timers run."""

    due_ns: int
    kind: int
    id: int
    underlying: str = ""


def run_timers(core: NaiveCore, since_ns: int) -> None:
    """Run what is due at the clock, one after the other, each found anew.

    Up to `since_ns`, where the clock stood before, everything has run. That is how fundings are
    known that are still to be paid: the state holds no time of the last one.
    """
    paid_ns = {funding.instrument: since_ns for funding in core.fundings.all()}
    while (timer := _next_timer(core, paid_ns)) is not None and timer.due_ns <= core.now_ns:
        if timer.kind == FUNDING_TIMER:
            pay_funding(core, timer.id, timer.due_ns)
            paid_ns[timer.id] = timer.due_ns
        elif timer.kind == ORDER_TIMER:
            cancel(core, core.orders.must(timer.id), CancelReason.ORDER_EXPIRED)
        elif timer.kind == INSTRUMENT_TIMER:
            expire(core, timer.id)
            for order in orders_of_instrument(core, timer.id):
                cancel(core, order, CancelReason.INSTRUMENT_EXPIRED)
        else:
            thaw(core, (timer.id, timer.underlying))


def _next_timer(core: NaiveCore, paid_ns: Mapping[int, int]) -> Timer | None:
    """Return the first timer of the state, due or not."""
    timers = [
        Timer(order.expires_ns, ORDER_TIMER, order.order_id)
        for order in core.orders.group("timed", True)
    ]
    for funding in core.fundings.scan():
        due_ns = next_funding_ns(funding, paid_ns[funding.instrument])
        timers.append(Timer(due_ns, FUNDING_TIMER, funding.instrument))
    for instrument in core.instruments.scan():
        due_ns = expiry_ns(core, instrument)
        if due_ns and not instrument.is_expired:
            timers.append(Timer(due_ns, INSTRUMENT_TIMER, instrument.instrument))
    for mmp in core.mmps.scan():
        if mmp.frozen_until_ns > 0:
            timers.append(Timer(mmp.frozen_until_ns, MMP_TIMER, *mmp.key))
    return min(timers, default=None)

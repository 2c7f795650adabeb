"""The timer heap ([TIM-2]): entries (due_ns, kind, ids), run in that order before each command.

Entries of orders that ended, of freezes that a reset ended and of fundings at another interval stay
until they are due or until they are the larger half of the heap.
"""

from heapq import heapify, heappop, heappush
from typing import Final

from lockstep_engine.lifecycle.entities import Funding
from lockstep_engine.protection import Mmp
from lockstep_engine.state import ExchangeCore, Instrument, Order, Timer

FUNDING: Final = 1
ORDER_EXPIRY: Final = 2
INSTRUMENT_EXPIRY: Final = 3
MMP_THAW: Final = 4
_SLACK: Final = 64


def schedule_funding(core: ExchangeCore, funding: Funding) -> None:
    """Arm the next funding of a perpetual."""
    heappush(core.timers, (funding.next_ns, FUNDING, funding.instrument, ""))
    _compact_if_stale(core)


def schedule_order(core: ExchangeCore, order: Order) -> None:
    """Arm the expiry of a GTD order that came to rest."""
    core.expiring[order.order_id] = order
    heappush(core.timers, (order.expires_ns, ORDER_EXPIRY, order.order_id, ""))
    _compact_if_stale(core)


def schedule_instrument(core: ExchangeCore, instrument: Instrument) -> None:
    """Arm the expiry of a dated instrument."""
    if instrument.expiry_ns > core.now_ns:
        heappush(core.timers, (instrument.expiry_ns, INSTRUMENT_EXPIRY, instrument.instrument, ""))


def schedule_thaw(core: ExchangeCore, mmp: Mmp) -> None:
    """Arm the end of a freeze that has one."""
    core.frozen[mmp.account, mmp.underlying] = mmp
    heappush(core.timers, (mmp.frozen_until_ns, MMP_THAW, mmp.account, mmp.underlying))
    _compact_if_stale(core)


def next_due(core: ExchangeCore, until_ns: int) -> Timer | None:
    """Take the next timer with due_ns <= until_ns off the heap; twins come out as one."""
    timers = core.timers
    if not timers or timers[0][0] > until_ns:
        return None
    due = heappop(timers)
    while timers and timers[0] == due:
        heappop(timers)
    return due


def _compact_if_stale(core: ExchangeCore) -> None:
    """Rebuild the heap when more than half of it may be of what ended. O(1) amortised."""
    live = len(core.expiring) + len(core.frozen) + len(core.instruments) + len(core.fundings)
    if len(core.timers) <= 2 * live + _SLACK:
        return
    timers = [timer for timer in core.timers if timer[1] == INSTRUMENT_EXPIRY]
    for funding in core.fundings.values():
        timers.append((funding.next_ns, FUNDING, funding.instrument, ""))
    for order in core.expiring.values():
        timers.append((order.expires_ns, ORDER_EXPIRY, order.order_id, ""))
    for mmp in core.frozen.values():
        timers.append((mmp.frozen_until_ns, MMP_THAW, mmp.account, mmp.underlying))
    heapify(timers)
    core.timers = timers

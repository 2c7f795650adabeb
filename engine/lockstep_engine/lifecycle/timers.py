"""The timer heap ([TIM-2]): entries (due_ns, kind, id), run in that order before each command.

Entries of orders that ended stay until they are due or until they are the larger half of the heap.
"""

from heapq import heapify, heappop, heappush
from typing import Final

from lockstep_engine.state import ExchangeCore, Instrument, Order

ORDER_EXPIRY: Final = 2
INSTRUMENT_EXPIRY: Final = 3
_SLACK: Final = 64


def schedule_order(core: ExchangeCore, order: Order) -> None:
    """Arm the expiry of a GTD order that came to rest."""
    core.expiring[order.order_id] = order
    heappush(core.timers, (order.expires_ns, ORDER_EXPIRY, order.order_id))
    if len(core.timers) > 2 * (len(core.expiring) + len(core.instruments)) + _SLACK:
        _compact(core)


def schedule_instrument(core: ExchangeCore, instrument: Instrument) -> None:
    """Arm the expiry of a dated instrument."""
    if instrument.expiry_ns > core.now_ns:
        heappush(core.timers, (instrument.expiry_ns, INSTRUMENT_EXPIRY, instrument.instrument))


def next_due(core: ExchangeCore, until_ns: int) -> tuple[int, int, int] | None:
    """Take the next timer with due_ns <= until_ns off the heap; twins come out as one."""
    timers = core.timers
    if not timers or timers[0][0] > until_ns:
        return None
    due = heappop(timers)
    while timers and timers[0] == due:
        heappop(timers)
    return due


def _compact(core: ExchangeCore) -> None:
    live = [timer for timer in core.timers if timer[1] != ORDER_EXPIRY]
    for order in core.expiring.values():
        live.append((order.expires_ns, ORDER_EXPIRY, order.order_id))
    heapify(live)
    core.timers = live

"""The orders that the desk tracks: how they begin, move, end, and are forgotten ([DESK-92]).

Owns `live` and `ended` of the core. What a report does to an order is decided by `oms.states`; here
it is carried out. An ended order is remembered for a while, so that a late fill finds its owner.
"""

from lockstep_desk.core.codes import Origin
from lockstep_desk.core.events import CancelRequested, OrderEnded, OrderMoved, OrderQueried
from lockstep_desk.core.notes import Events
from lockstep_desk.core.state import DeskCore
from lockstep_desk.fund import MANUAL
from lockstep_desk.oms.order import Order
from lockstep_desk.oms.states import OrderError, OrderState, Standing
from lockstep_desk.types import Side


def find(core: DeskCore, client_order_id: str) -> Order | None:
    """Return an order, tracked or ended and not yet forgotten. O(1)."""
    return core.live.get(client_order_id) or core.ended.get(client_order_id)


def track(core: DeskCore, order: Order) -> None:
    """Begin to track an order, or go on with one that came back: in order of their numbers."""
    is_back = core.ended.pop(order.client_order_id, None) is not None
    order.ended_number = order.ended_ns = 0
    core.live[order.client_order_id] = order
    if is_back:
        core.live = dict(sorted(core.live.items(), key=_number_of))
    core.touch(order)


def move(core: DeskCore, events: Events, order: Order, standing: Standing) -> None:
    """Let an order stand elsewhere; nothing is told if it stands there already."""
    if order.standing == standing:
        return
    order.state, order.live = standing
    core.touch(order)
    events.append(OrderMoved(order.client_order_id, order.state, order.done_e8))


def _number_of(item: tuple[str, Order]) -> int:
    return item[1].number


def end(core: DeskCore, events: Events, order: Order, state: OrderState, error: OrderError) -> None:
    """Stop tracking an order, and forget the oldest of those that ended if there are too many."""
    filled_e8 = order.done_e8
    order.state = state
    core.ended_number += 1
    order.ended_number = core.ended_number
    core.touch(order)
    del core.live[order.client_order_id]
    core.ended[order.client_order_id] = order
    release(core, order)
    events.append(OrderEnded(order.client_order_id, state, filled_e8, error))
    if len(core.ended) > core.params.ended_capacity:
        _id, oldest = core.ended.popitem(last=False)
        oldest.is_forgotten = True
        core.touch(oldest)


def unbooked_e8(core: DeskCore, owner: str, instrument: str, side: Side) -> int:
    """Return what an owner's orders of one side may still fill. O(tracked orders)."""
    return sum(
        order.unbooked_e8
        for order in core.live.values()
        if (order.deployment, order.instrument, order.side) == (owner, instrument, side)
    )


def release(core: DeskCore, order: Order) -> None:
    """Take an order off the working orders of its gate."""
    deployment = core.deployments.get(order.deployment or MANUAL)
    if deployment is not None and deployment.gate.record_done(order.client_order_id):
        core.touch(deployment)


def request_cancel(core: DeskCore, events: Events, order: Order, origin: Origin) -> None:
    """Ask the venue to cancel an order. It is never gated; the order must be cancellable."""
    venue = core.instruments[order.instrument].spec.venue
    events.append(
        CancelRequested(
            order.client_order_id,
            order.number,
            origin,
            order.account,
            venue,
            order.instrument,
            order.order_id,
        )
    )
    move(core, events, order, Standing(OrderState.CANCEL_IN_FLIGHT, order.live))


def query(core: DeskCore, events: Events, order: Order) -> None:
    """Let the venue be asked what became of an order, which is unknown until it answers."""
    venue = core.instruments[order.instrument].spec.venue
    move(core, events, order, Standing(OrderState.OPEN_UNKNOWN))
    events.append(
        OrderQueried(order.client_order_id, order.number, order.account, venue, order.instrument)
    )


def forget_cancel(core: DeskCore, events: Events, order: Order) -> None:
    """Take a cancel whose answer may be lost as never asked, so that it can be asked again.

    An order that no venue ever confirmed stays as it is: a query settles it, cancel or not.
    """
    if order.state is OrderState.CANCEL_IN_FLIGHT and order.live is not None:
        move(core, events, order, Standing(OrderState.OPEN, order.live))

"""What strategies decided, and what became of handing requests over to their venues."""

from lockstep_desk.core.codes import Origin, Refusal, SendError
from lockstep_desk.core.commands import (
    RecordSendResults,
    RiskRefusal,
    SendResult,
    SubmitIntents,
)
from lockstep_desk.core.events import CancelRefused, OrderRefused, RequestFailed, RequestSent
from lockstep_desk.core.notes import Events, ignore, refuse
from lockstep_desk.core.orders import end, move, query, request_cancel
from lockstep_desk.core.state import DeskCore
from lockstep_desk.fund import MANUAL
from lockstep_desk.oms.order import Order
from lockstep_desk.oms.states import OrderError, OrderState, Standing, can_cancel
from lockstep_desk.oms.submit import Asker, submit


def submit_intents(core: DeskCore, command: SubmitIntents, events: Events) -> None:
    """Carry out what a strategy decided: cancels first, then opens, each by itself ([DESK-17])."""
    # `sequence` counts this command already: what the strategy saw is before it.
    if not 0 <= command.seq_seen < core.sequence:
        what = f"expected seq_seen before {core.sequence}, found {command.seq_seen}"
        refuse(events, command, Refusal.FUTURE_SEQUENCE, what)
        return
    if command.trader < 0:
        refuse(events, command, Refusal.BAD_VALUE, f"trader {command.trader}")
        return
    if not _is_owner(core, command):
        refuse(events, command, Refusal.UNKNOWN_DEPLOYMENT, command.deployment)
        return
    for name in command.cancels:
        cancel_one(core, events, name, command.origin)
    asker = Asker(command.deployment, command.origin)
    for request in command.opens:
        submit(core, events, asker, request)
    for refusal in command.refused:
        _tell_refused(events, asker, refusal)


def _is_owner(core: DeskCore, command: SubmitIntents) -> bool:
    """Return whether orders may be asked for in this name: a strategy always has a deployment."""
    if command.deployment == "":
        return command.origin is not Origin.ALGO
    return command.deployment != MANUAL and command.deployment in core.deployments


def cancel_one(core: DeskCore, events: Events, client_order_id: str, origin: Origin) -> None:
    """Ask for one cancel, or say why not. Nothing gates it."""
    order = core.live.get(client_order_id)
    if order is None:
        why = Refusal.UNKNOWN_ORDER
        events.append(CancelRefused(client_order_id, origin, why, "it is not tracked"))
    elif not can_cancel(order.standing):
        why = Refusal.NOT_CANCELLABLE
        events.append(CancelRefused(client_order_id, origin, why, "a cancel is in flight"))
    else:
        request_cancel(core, events, order, origin)


def record_send_results(core: DeskCore, command: RecordSendResults, events: Events) -> None:
    """Take note of what was handed over, and undo what was not."""
    for result in command.results:
        order = core.live.get(result.client_order_id)
        if order is None:
            ignore(events, command, result.client_order_id)
        elif result.error is not SendError.NONE:
            _undo(core, events, order, result)
        else:
            order.is_sent = order.is_sent or not result.is_cancel
            core.touch(order)
            events.append(RequestSent(result.client_order_id, result.is_cancel))


def _undo(core: DeskCore, events: Events, order: Order, result: SendResult) -> None:
    """Take a request that never left as not asked; what its venue told meanwhile stands."""
    name, is_cancel = result.client_order_id, result.is_cancel
    events.append(RequestFailed(name, is_cancel, result.error))
    if not is_cancel:
        if order.live is None:
            end(core, events, order, OrderState.OPEN_FAILED, OrderError.NONE)
    elif order.state is OrderState.CANCEL_IN_FLIGHT:
        if order.live is not None:
            move(core, events, order, Standing(OrderState.OPEN, order.live))
        else:
            query(core, events, order)


def _tell_refused(events: Events, asker: Asker, refusal: RiskRefusal) -> None:
    code, why = Refusal.RISK, refusal.reason
    if refusal.request is None:
        events.append(CancelRefused(refusal.client_order_id, asker.origin, code, why))
        return
    told = OrderRefused(asker.deployment, asker.origin, refusal.request, code, why, None)
    events.append(told)

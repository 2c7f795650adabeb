"""What an operator asks for: orders by hand, switches, limits, halts ([DESK-10], [RECON-55])."""

from lockstep_desk.core.closing import closes
from lockstep_desk.core.codes import Link, Origin, Refusal, Scope, TradingState
from lockstep_desk.core.commands import (
    ActivateRules,
    CancelOrders,
    ClearHalt,
    ClosePositions,
    Halt,
    QueryOrders,
    Resume,
    SendCancelRequests,
    SendOpenRequests,
    SetLifecycle,
    SetLimits,
    SetQuarantine,
    SetTradingState,
    Shutdown,
)
from lockstep_desk.core.deployments import Deployment, gate_of, limit_set, manual_row
from lockstep_desk.core.events import (
    DeploymentHalted,
    HaltCleared,
    LifecycleChanged,
    LimitsSet,
    QuarantineSet,
    Resumed,
    RulesActivated,
    ShutDown,
    TradingStateChanged,
)
from lockstep_desk.core.filters import filter_refusal, matches
from lockstep_desk.core.handlers.intents import cancel_one
from lockstep_desk.core.handlers.registration import enter_deployment
from lockstep_desk.core.links import lose
from lockstep_desk.core.notes import Events, refuse
from lockstep_desk.core.orders import forget_cancel, query, request_cancel
from lockstep_desk.core.state import DeskCore
from lockstep_desk.errors import InvalidValueError
from lockstep_desk.fund import MANUAL, LifecycleState, OrderIntent, set_lifecycle
from lockstep_desk.fund import SetLifecycle as Ask
from lockstep_desk.fund.deployment import LifecycleRefused
from lockstep_desk.oms.states import OrderState, can_cancel
from lockstep_desk.oms.submit import Asker, submit
from lockstep_desk.types import HaltAction


def send_open_requests(core: DeskCore, command: SendOpenRequests, events: Events) -> None:
    """Open orders by hand; those that are refused do not keep the others back."""
    for request in command.requests:
        submit(core, events, Asker("", Origin.OPERATOR), request)


def send_cancel_requests(core: DeskCore, command: SendCancelRequests, events: Events) -> None:
    """Cancel orders by their ids."""
    for name in command.client_order_ids:
        cancel_one(core, events, name, Origin.OPERATOR)


def close_positions(core: DeskCore, command: ClosePositions, events: Events) -> None:
    """Send opposite market orders for what matches."""
    refused = filter_refusal(core, command.filter)
    if refused is not None:
        refuse(events, command, *refused)
        return
    for close in closes(core, command.filter):
        submit(core, events, Asker(close.deployment, Origin.CLOSE), close.request)


def cancel_orders(core: DeskCore, command: CancelOrders, events: Events) -> None:
    """Cancel every order that matches and can be cancelled, oldest first."""
    refused = filter_refusal(core, command.filter)
    if refused is not None:
        refuse(events, command, *refused)
        return
    for order in list(core.live.values()):
        place = (order.account, order.instrument, order.deployment)
        if can_cancel(order.standing) and matches(core, command.filter, *place):
            request_cancel(core, events, order, Origin.OPERATOR)


def query_orders(core: DeskCore, command: QueryOrders, events: Events) -> None:
    """Let the venues be asked again for what is unknown, oldest first."""
    refused = filter_refusal(core, command.filter)
    if refused is not None:
        refuse(events, command, *refused)
        return
    for order in list(core.live.values()):
        place = (order.account, order.instrument, order.deployment)
        is_unknown = order.state is OrderState.OPEN_UNKNOWN
        if is_unknown and matches(core, command.filter, *place):
            query(core, events, order)


def set_trading_state(core: DeskCore, command: SetTradingState, events: Events) -> None:
    """Enable or disable the strategies; a repeated state is told as it is."""
    previous = core.desk.trading
    core.desk.trading = command.state
    core.touch(core.desk)
    events.append(TradingStateChanged(previous, command.state))


def change_lifecycle(core: DeskCore, command: SetLifecycle, events: Events) -> None:
    """Move a deployment on; halting blocks its gate, and going live again clears it."""
    deployment = core.deployments.get(command.deployment)
    if deployment is None or command.deployment == MANUAL:
        refuse(events, command, Refusal.UNKNOWN_DEPLOYMENT, command.deployment)
        return
    try:
        asked = Ask(
            command.deployment, LifecycleState(command.source), LifecycleState(command.target)
        )
    except ValueError as error:
        refuse(events, command, Refusal.BAD_VALUE, str(error))
        return
    row, told = set_lifecycle(deployment.row, asked, core.now_ns)
    if isinstance(told, LifecycleRefused):
        refuse(events, command, Refusal.OTHER_STATE, f"{told.reason.name}, in {told.found.name}")
        return
    deployment.row = row
    if row.state is LifecycleState.HALTED:
        deployment.gate.halt(HaltAction.SOFT_HALT)
    elif asked.from_state is LifecycleState.HALTED:
        deployment.gate.clear_halt()
    core.touch(deployment)
    events.append(LifecycleChanged(command.deployment, command.source, command.target))


def set_limits(core: DeskCore, command: SetLimits, events: Events) -> None:
    """Put other limits in force; the first ones for manual orders make their gate."""
    deployment = core.deployments.get(command.deployment)
    try:
        limits = limit_set(command.limits)
    except InvalidValueError as error:
        refuse(events, command, Refusal.BAD_VALUE, str(error))
        return
    if deployment is None and command.deployment != MANUAL:
        refuse(events, command, Refusal.UNKNOWN_DEPLOYMENT, command.deployment)
        return
    if deployment is None:
        enter_deployment(core, manual_row(command.limits, core.now_ns), command)
    else:
        deployment.row = deployment.row.with_limits(limits, core.now_ns)
        deployment.gate.set_limits(limits, _working(core, deployment))
        deployment.limits = command.limits
        deployment.gate = gate_of(
            command.limits, core.mark_e9, deployment.gate.state(), command.deployment
        )
        core.touch(deployment)
    events.append(LimitsSet(command.deployment, command.limits))


def halt(core: DeskCore, command: Halt, events: Events) -> None:
    """Keep a deployment from opening; the severest action asked for is kept."""
    deployment = core.deployments.get(command.deployment)
    if deployment is None:
        refuse(events, command, Refusal.UNKNOWN_DEPLOYMENT, command.deployment)
        return
    if command.action is HaltAction.WARN:
        refuse(events, command, Refusal.BAD_VALUE, "expected an action that blocks, found WARN")
        return
    deployment.gate.halt(command.action)
    core.touch(deployment)
    events.append(DeploymentHalted(command.deployment, command.action, command.reason))


def clear_halt(core: DeskCore, command: ClearHalt, events: Events) -> None:
    """Let a deployment open again."""
    deployment = core.deployments.get(command.deployment)
    if deployment is None:
        refuse(events, command, Refusal.UNKNOWN_DEPLOYMENT, command.deployment)
        return
    if deployment.row.state is LifecycleState.HALTED:
        what = f"{command.deployment} is HALTED: its lifecycle is to go to LIVE"
        refuse(events, command, Refusal.OTHER_STATE, what)
        return
    deployment.gate.clear_halt()
    core.touch(deployment)
    events.append(HaltCleared(command.deployment))


def set_quarantine(core: DeskCore, command: SetQuarantine, events: Events) -> None:
    """Quarantine a venue or an account, or end that; what closes passes nevertheless."""
    if command.scope not in (Scope.VENUES, Scope.ACCOUNTS):
        what = f"expected VENUES or ACCOUNTS, found {command.scope.name}"
        refuse(events, command, Refusal.BAD_VALUE, what)
        return
    link = Link.MARKET if command.scope is Scope.VENUES else Link.ACCOUNT
    end = core.link(link, command.key)
    if end is None:
        is_venue = link is Link.MARKET
        code = Refusal.UNKNOWN_VENUE if is_venue else Refusal.UNKNOWN_ACCOUNT
        refuse(events, command, code, command.key)
        return
    end.is_quarantined = command.is_on
    core.touch(end)
    events.append(QuarantineSet(command.scope, command.key, command.is_on))


def shutdown(core: DeskCore, command: Shutdown, events: Events) -> None:
    """End: no strategy is asked, and nothing is opened any more."""
    core.desk.is_shut_down = True
    core.touch(core.desk)
    events.append(ShutDown())


def resume(core: DeskCore, command: Resume, events: Events) -> None:
    """Begin anew: what was in flight is asked for by client order id, and never sent again."""
    previous = core.desk.trading
    core.desk.trading, core.desk.is_shut_down = TradingState.DISABLED, False
    core.touch(core.desk)
    if previous is TradingState.ENABLED:
        events.append(TradingStateChanged(previous, TradingState.DISABLED))
    for venue in sorted(core.venues):
        lose(core, events, Link.MARKET, venue)
    for account in sorted(core.accounts):
        lose(core, events, Link.ACCOUNT, account)
    unknown = 0
    for order in list(core.live.values()):
        forget_cancel(core, events, order)
        if order.live is None:
            query(core, events, order)
            unknown += 1
    events.append(Resumed(unknown))


def activate_rules(core: DeskCore, command: ActivateRules, events: Events) -> None:
    """Switch to newer rules."""
    if command.rules_version <= core.rules:
        what = f"expected rules after {core.rules}, found {command.rules_version}"
        refuse(events, command, Refusal.BAD_VALUE, what)
        return
    core.rules = command.rules_version
    events.append(RulesActivated(core.rules))


def _working(core: DeskCore, deployment: Deployment) -> list[OrderIntent]:
    """Return the orders of a deployment that still work, for a gate that begins to count them."""
    name = deployment.row.deployment_id
    return [
        OrderIntent.priced(
            order.side, order.instrument, order.working_e8, order.price_e9, order.client_order_id
        )
        for order in core.live.values()
        if (order.deployment or MANUAL) == name and order.working_e8 and order.price_e9
    ]

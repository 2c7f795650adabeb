"""What is to be done about a breach: a pure function, carried out by somebody else (F2, [FUND-22]).

The gate never cancels and never liquidates: it puts an action on the breach. Here that action
becomes steps, one at a time, out of what stands now: asked again with the same state it gives the
same step, and after the last one it gives none. Whoever carries a step out journals it.
"""

from enum import IntEnum
from typing import NamedTuple

from lockstep_desk.errors import need_int
from lockstep_desk.strategy.base import Working
from lockstep_desk.types import Alert, Breach, HaltAction, Severity, Side


class Exposure(NamedTuple):
    """What a deployment has in one instrument: signed position, and the orders that may trade."""

    instrument: str
    position_e8: int
    orders: tuple[Working, ...] = ()


class DeploymentView(NamedTuple):
    """What a deployment looks like now: halted by which action, if any, and what it has."""

    deployment_id: str
    halted: HaltAction | None
    exposures: tuple[Exposure, ...]


class StepKind(IntEnum):
    """What a step does."""

    ALERT = 1
    HALT = 2
    CANCEL_ALL = 3
    CLOSE = 4


class Step(NamedTuple):
    """One thing to do for a deployment.

    HALT and CANCEL_ALL are about the whole deployment. CLOSE is one reduce-only order at market.
    """

    kind: StepKind
    deployment_id: str
    action: HaltAction
    alert: Alert | None = None
    instrument: str = ""
    side: Side = Side.BUY
    qty_e8: int = 0


def steps_of(breach: Breach, standing: DeploymentView) -> tuple[Step, ...]:
    """Return what a breach asks for at once, given how its deployment stands.

    WARN gives an alert. The others halt, unless it is halted as hard already, and alert; HARD_HALT
    and LIQUIDATE cancel what works. A repeated breach gives the alert alone, under the same key:
    what works since a HARD_HALT and only closes is let be, as the gate lets it go.
    """
    action, deployment = breach.action, breach.deployment_id
    steps = [Step(StepKind.ALERT, deployment, action, _alert_of(breach))]
    if action is HaltAction.WARN:
        return tuple(steps)
    is_new = standing.halted is None or standing.halted < action
    if is_new:
        steps.append(Step(StepKind.HALT, deployment, action))
    is_cancelling = action >= HaltAction.HARD_HALT
    spares_closing = action is HaltAction.HARD_HALT and not is_new
    if is_cancelling and any(_to_cancel(each, spares_closing) for each in standing.exposures):
        steps.append(Step(StepKind.CANCEL_ALL, deployment, action))
    return tuple(steps)


def liquidation_steps(standing: DeploymentView, order_max_e8: int) -> tuple[Step, ...]:
    """Return the next steps of a liquidation; none while one works, and none when it is flat.

    First all that rests is cancelled, and gone; then each position is closed by one order of at
    most `order_max_e8`, that is in slices, and again while the fills are partial.
    """
    need_int("order_max_e8", order_max_e8, 1)
    if standing.halted is not HaltAction.LIQUIDATE:
        return ()
    deployment, action = standing.deployment_id, HaltAction.LIQUIDATE
    if any(_to_cancel(exposure) for exposure in standing.exposures):
        return (Step(StepKind.CANCEL_ALL, deployment, action),)
    if any(exposure.orders for exposure in standing.exposures):
        return ()
    return tuple(
        Step(
            kind=StepKind.CLOSE,
            deployment_id=deployment,
            action=action,
            instrument=exposure.instrument,
            side=Side.SELL if exposure.position_e8 > 0 else Side.BUY,
            qty_e8=min(abs(exposure.position_e8), order_max_e8),
        )
        for exposure in standing.exposures
        if exposure.position_e8
    )


def resting(exposure: Exposure) -> tuple[Working, ...]:
    """Return what may rest and nobody cancels yet: a market order ends by itself."""
    return tuple(
        order for order in exposure.orders if order.price_e9 is not None and not order.is_cancelling
    )


def only_closes(exposure: Exposure) -> bool:
    """Return whether all that rests, filled whole, opens nothing."""
    signed = [order.side.sign * order.qty_e8 for order in resting(exposure)]
    held = exposure.position_e8
    return all(qty * held < 0 for qty in signed) and abs(sum(signed)) <= abs(held)


def _to_cancel(exposure: Exposure, spares_closing: bool = False) -> bool:
    """Return whether something rests that has to go."""
    return bool(resting(exposure)) and not (spares_closing and only_closes(exposure))


def _alert_of(breach: Breach) -> Alert:
    """Return the alert; a breach of the same dimension, limit and deployment is the same alert."""
    is_warning = breach.action is HaltAction.WARN
    observed = "unknown" if breach.observed is None else str(breach.observed)
    return Alert(
        severity=Severity.WARNING if is_warning else Severity.CRITICAL,
        code=f"breach.{breach.dimension.name.lower()}",
        dedup_key=f"breach|{breach.deployment_id}|{breach.dimension.name}|{breach.limit}",
        context=(
            ("deployment", breach.deployment_id),
            ("action", breach.action.name),
            ("limit", str(breach.limit)),
            ("observed", observed),
        ),
    )

"""The monitor on the desk's engine: what a breach asks for becomes commands (F2, [FUND-22]).

Owns the translation, and the pace at which a liquidation tries again. What is to be done is decided
in `risk`, out of what stands now; so after a crash a liquidation goes on where it was, and a breach
that repeats does nothing twice. Every step is a command in the journal.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from lockstep_desk.adapters.strategies import working
from lockstep_desk.core.codes import Scope
from lockstep_desk.core.commands import CancelOrders, ClosePositions, Filter, Halt
from lockstep_desk.core.events import BreachFound
from lockstep_desk.core.view import DeskView
from lockstep_desk.fund import MANUAL
from lockstep_desk.risk import (
    DeploymentView,
    Exposure,
    Step,
    StepKind,
    liquidation_steps,
    steps_of,
)
from lockstep_desk.risk.monitor import only_closes, resting
from lockstep_desk.types import ORDER_QTY_E8_MAX, Alert, Breach, HaltAction

_RETRY_NS: Final = 10**9

Left = tuple[object, ...]
"""What a halted deployment has left: the orders that rest, then what it holds."""


class HaltMonitor:
    """A `Monitor` of the engine that carries out halts and liquidations.

    What changed nothing is tried again after `retry_ns`; a close that filled in part, at once.
    `alerts` has one for each breach by its dedup key, for whoever calls people.
    """

    def __init__(self, retry_ns: int = _RETRY_NS) -> None:
        self.alerts: dict[str, Alert] = {}
        self._retry_ns = retry_ns
        self._tried: dict[str, tuple[Left, int]] = {}

    def due(self, view: DeskView, breaches: Sequence[BreachFound]) -> Sequence[msgspec.Struct]:
        """Return what breaches ask for at once; without any, what earlier ones still need."""
        if breaches:
            return self._answer(view, breaches)
        commands: list[msgspec.Struct] = []
        for deployment, action in view.halted():
            if action >= HaltAction.HARD_HALT and not view.is_shut_down:
                commands += self._go_on(view, deployment, action)
        return commands

    def _answer(self, view: DeskView, breaches: Iterable[BreachFound]) -> list[msgspec.Struct]:
        """Return what breaches ask for, the same command once."""
        commands: list[msgspec.Struct] = []
        for found in breaches:
            breach = _breach(found)
            standing = standing_of(view, breach.deployment_id)
            for step in steps_of(breach, standing):
                command = self._command(view, step, breach)
                if command is not None and command not in commands:
                    commands.append(command)
        return commands

    def _command(self, view: DeskView, step: Step, breach: Breach) -> msgspec.Struct | None:
        """Return what a step is as a command; an alert is kept, and who is unknown cannot halt."""
        if step.alert is not None:
            self.alerts[step.alert.dedup_key] = step.alert
            return None
        if view.gate(step.deployment_id) is None:
            return None
        if step.kind is StepKind.HALT:
            what = f"{breach.dimension.name}: {breach.observed} beyond {breach.limit}"
            return Halt(step.deployment_id, step.action, what)
        return CancelOrders(_of(step.deployment_id))

    def _go_on(
        self, view: DeskView, deployment: str, action: HaltAction
    ) -> Sequence[msgspec.Struct]:
        """Return what a halted deployment still needs: its orders gone, then its positions.

        Unless it is liquidated, what only closes is let be: closing is never blocked.
        """
        standing, wanted = standing_of(view, deployment), _of(deployment)
        names = tuple(
            order.client_order_id
            for exposure in standing.exposures
            if action is HaltAction.LIQUIDATE or not only_closes(exposure)
            for order in resting(exposure)
        )
        command: msgspec.Struct | None = None
        if names:
            command = CancelOrders(wanted)
        elif liquidation_steps(standing, ORDER_QTY_E8_MAX) and view.is_closable(wanted):
            command = ClosePositions(wanted)
        if command is None or self._is_early(view, deployment, (names, *_held(view, deployment))):
            return ()
        return [command]

    def _is_early(self, view: DeskView, deployment: str, left: Left) -> bool:
        """Return whether the same was tried just now: what is not possible is no endless loop."""
        tried, at_ns = self._tried.get(deployment, ((), 0))
        if tried == left and view.now_ns < at_ns + self._retry_ns:
            return True
        self._tried[deployment] = left, view.now_ns
        return False


def standing_of(view: DeskView, deployment: str) -> DeploymentView:
    """Return how a deployment, or MANUAL for manual orders, stands."""
    owner = "" if deployment == MANUAL else deployment
    positions = {
        (position.account, position.instrument): position.side.sign * position.qty_e8
        for position in view.holdings(deployment)
    }
    orders = [order for order in view.orders() if order.deployment == owner]
    places = sorted({*positions, *((order.account, order.instrument) for order in orders)})
    exposures = tuple(
        Exposure(
            place[1],
            positions.get(place, 0),
            tuple(working(order) for order in orders if (order.account, order.instrument) == place),
        )
        for place in places
    )
    return DeploymentView(deployment, dict(view.halted()).get(deployment), exposures)


def _held(view: DeskView, deployment: str) -> tuple[tuple[str, int], ...]:
    return tuple(
        (position.position_id, position.side.sign * position.qty_e8)
        for position in view.holdings(deployment)
    )


def _of(deployment: str) -> Filter:
    return Filter(Scope.DEPLOYMENTS, (deployment,))


def _breach(found: BreachFound) -> Breach:
    return Breach(
        dimension=found.dimension,
        limit=found.limit,
        observed=found.observed,
        action=found.action,
        deployment_id=found.deployment,
        reason_code=found.reason_code,
    )

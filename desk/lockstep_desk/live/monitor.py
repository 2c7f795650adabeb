"""Carries out what a breach asks for, on the real desk (F2, [FUND-22]).

Owns the reading of ticks: of every order that was refused or warned about it sees the breach, and
what `risk.monitor` says is to be done becomes commands in the journal. What goes on (a liquidation)
goes on at every tick until its deployment is flat, also after a restart: it is asked of the state.
What is remembered is when each step was tried last.

Whoever drives the engine calls `after` with each tick, in the same turn.
"""

from collections import deque
from collections.abc import Iterator

import msgspec

from lockstep_desk.adapters.strategies import working
from lockstep_desk.core.codes import Scope
from lockstep_desk.core.commands import CancelOrders, ClosePositions, Filter, Halt
from lockstep_desk.core.engine import Engine
from lockstep_desk.core.events import BreachFound, OrderRefused, OrderRequested
from lockstep_desk.core.outputs import (
    AlgoOrders,
    Commanded,
    OnDisconnect,
    OnTradingDisabled,
    Orders,
    Processed,
)
from lockstep_desk.core.view import DeskView, MarketNow
from lockstep_desk.fund import MANUAL
from lockstep_desk.risk.monitor import (
    DeploymentView,
    Exposure,
    Step,
    StepKind,
    liquidation_steps,
    steps_of,
)
from lockstep_desk.types import Alert, AuditTick, Breach, HaltAction

_ALERTS_KEPT = 1_000
_ANY = 2**62
"""A liquidation closes by the desk's own slices, which are within all caps."""

_Tried = tuple[DeploymentView, tuple[MarketNow | None, ...]]


class HaltMonitor:
    """Reads ticks and answers them; `alerts` are the newest that it raised, each key once."""

    def __init__(self) -> None:
        self.alerts: deque[Alert] = deque(maxlen=_ALERTS_KEPT)
        self._liquidating: dict[str, None] = {}
        self._tried: dict[tuple[str, StepKind], _Tried] = {}

    def begin(self, view: DeskView) -> None:
        """Take up the liquidations that were under way before a restart."""
        for name in view.deployments():
            if _halted(view, name) is HaltAction.LIQUIDATE:
                self._liquidating[name] = None

    def after(self, engine: Engine, tick: AuditTick) -> list[AuditTick]:
        """Do what a tick asks for, and go on with liquidations; return the ticks of that."""
        if engine.view.is_shut_down or tick.errors:
            return []
        event = tick.event.event if isinstance(tick.event, Processed) else None
        if isinstance(event, Halt) and event.action is HaltAction.LIQUIDATE:
            self._liquidating[event.deployment] = None
        done: list[AuditTick] = []
        for breach in _breaches(tick):
            for step in steps_of(breach, standing_of_all(engine.view, breach.deployment_id)):
                done += self._carry_out(engine, step, str(breach.dimension.name))
        for name in list(self._liquidating):
            done += self._liquidate(engine, name)
        return done

    def _carry_out(self, engine: Engine, step: Step, why: str) -> list[AuditTick]:
        only = Filter(Scope.DEPLOYMENTS, (step.deployment_id,))
        command: msgspec.Struct
        match step.kind:
            case StepKind.ALERT:
                self._tell(step.alert)
                return []
            case StepKind.HALT:
                if step.action is HaltAction.LIQUIDATE:
                    self._liquidating[step.deployment_id] = None
                command = Halt(step.deployment_id, step.action, f"breach of {why}")
            case StepKind.CANCEL_ALL:
                command = CancelOrders(only)
            case StepKind.CLOSE:
                command = ClosePositions(only)
        return [engine.process(command)]

    def _liquidate(self, engine: Engine, name: str) -> list[AuditTick]:
        """Take the next step of a liquidation.

        The same step is not taken again before position, orders or market are others: what found
        nobody to trade with would be asked for again by its own report, for ever.
        """
        view = engine.view
        standing = standing_of_all(view, name)
        if standing.halted is not HaltAction.LIQUIDATE:
            del self._liquidating[name]
            return []
        markets = tuple(view.market(exposure.instrument) for exposure in standing.exposures)
        steps = liquidation_steps(standing, _ANY)
        if not steps or self._tried.get((name, steps[0].kind)) == (standing, markets):
            return []
        self._tried[(name, steps[0].kind)] = (standing, markets)
        # All closes of a deployment are one command.
        return self._carry_out(engine, steps[0], "LIQUIDATE")

    def _tell(self, alert: Alert | None) -> None:
        if alert is not None and all(alert.dedup_key != one.dedup_key for one in self.alerts):
            self.alerts.append(alert)


def standing_of_all(view: DeskView, deployment: str) -> DeploymentView:
    """Return all that a deployment has, by account and instrument, and how it is halted."""
    held = {(p.account, p.instrument): p for p in view.holdings(_owner(deployment))}
    orders = [order for order in view.orders() if order.deployment == _owner(deployment)]
    places = sorted({*held, *((order.account, order.instrument) for order in orders)})
    exposures: list[Exposure] = []
    for account, instrument in places:
        position = held.get((account, instrument))
        exposures.append(
            Exposure(
                instrument,
                position.side.sign * position.qty_e8 if position else 0,
                tuple(
                    working(order)
                    for order in orders
                    if (order.account, order.instrument) == (account, instrument)
                ),
            )
        )
    return DeploymentView(deployment, _halted(view, deployment), tuple(exposures))


def _owner(deployment: str) -> str:
    return "" if deployment == MANUAL else deployment


def _halted(view: DeskView, deployment: str) -> HaltAction | None:
    gate = view.gate(deployment)
    return HaltAction(gate.halted) if gate is not None and gate.halted else None


def _breaches(tick: AuditTick) -> Iterator[Breach]:
    """Yield the breaches of deployments that the desk knows, in the order of their orders."""
    for output in tick.outputs:
        if isinstance(output, AlgoOrders | Commanded | OnDisconnect | OnTradingDisabled):
            yield from _breaches_of(output.orders)


def _breaches_of(orders: Orders) -> Iterator[Breach]:
    made: tuple[OrderRefused | OrderRequested, ...] = (*orders.refused_opens, *orders.opens)
    for event in made:
        warned = event.warnings if isinstance(event, OrderRequested) else (event.breach,)
        for found in warned:
            if found is not None:
                yield _breach(found)


def _breach(found: BreachFound) -> Breach:
    return Breach(
        dimension=found.dimension,
        limit=found.limit,
        observed=found.observed,
        action=found.action,
        deployment_id=found.deployment,
        reason_code=found.reason_code,
    )

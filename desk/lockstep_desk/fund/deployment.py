"""Deployments: the unit of risk, with the limits that hold for it and the states it goes through.

Owns limits and lifecycle. A deployment is a frozen row: every change gives a new one and an event,
so that a journal can hold both. It never trades, never checks an order and never reads a clock but
the one that its maker is handed.
"""

from enum import IntEnum
from typing import Self

import msgspec

from lockstep_desk import ids
from lockstep_desk.clock import Clock, time_of
from lockstep_desk.errors import need_int, need_kind, need_member
from lockstep_desk.fund.context import StrategyVersion
from lockstep_desk.types import HaltAction

_CENTS_MAX = 10**18


class LifecycleState(IntEnum):
    """PAPER sees the market and sends nothing, LIVE trades, HALTED waits for an operator."""

    PAPER = 1
    LIVE = 2
    HALTED = 3


TRANSITIONS = (
    (LifecycleState.PAPER, LifecycleState.LIVE),
    (LifecycleState.LIVE, LifecycleState.HALTED),
    (LifecycleState.HALTED, LifecycleState.LIVE),
    (LifecycleState.PAPER, LifecycleState.HALTED),
)
"""Every change of state that there is; nothing ever goes back to paper."""


class LimitSet(msgspec.Struct, frozen=True, kw_only=True):
    """How much a deployment may risk, and what a breach asks for. Every cap is at least 1.

    A position or an order exactly at its cap is within it. The last three are options: `caps_open`
    counts working orders against the position cap, the others are off when None.
    """

    max_position_cents: int
    max_order_cents: int
    max_orders_per_sec: int
    halt_action: HaltAction = HaltAction.SOFT_HALT
    caps_open: bool = False
    max_deviation_bps: int | None = None
    max_daily_loss_cents: int | None = None

    def __post_init__(self) -> None:
        need_int("max_position_cents", self.max_position_cents, 1, _CENTS_MAX)
        need_int("max_order_cents", self.max_order_cents, 1, _CENTS_MAX)
        need_int("max_orders_per_sec", self.max_orders_per_sec, 1, 10**9)
        need_member("halt_action", self.halt_action, HaltAction)
        if self.max_deviation_bps is not None:
            need_int("max_deviation_bps", self.max_deviation_bps, 1, 10**9)
        if self.max_daily_loss_cents is not None:
            need_int("max_daily_loss_cents", self.max_daily_loss_cents, 1, _CENTS_MAX)


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable version, running under one name with limits of its own.

    Invariant: `updated_at_ns` is the time of the last change, never before `created_at_ns`.
    """

    deployment_id: str
    name: str
    strategy_id: str
    version_id: str
    limits: LimitSet
    state: LifecycleState
    created_at_ns: int
    updated_at_ns: int

    @classmethod
    def new(
        cls, name: str, version: StrategyVersion, limits: LimitSet, clock: Clock, ordinal: int = 0
    ) -> Self:
        """Return a deployment in PAPER; `ordinal` tells those of one name and version apart."""
        need_kind("version", version, StrategyVersion)
        need_kind("limits", limits, LimitSet)
        now_ns = time_of(clock)
        return cls(
            deployment_id=ids.deployment_id(name, version.version_id, ordinal),
            name=name,
            strategy_id=version.strategy_id,
            version_id=version.version_id,
            limits=limits,
            state=LifecycleState.PAPER,
            created_at_ns=now_ns,
            updated_at_ns=now_ns,
        )

    def with_limits(self, limits: LimitSet, now_ns: int) -> Self:
        """Return the deployment under other limits."""
        need_kind("limits", limits, LimitSet)
        ts_ns = max(need_int("now_ns", now_ns, 0), self.updated_at_ns)
        return msgspec.structs.replace(self, limits=limits, updated_at_ns=ts_ns)


class SetLifecycle(msgspec.Struct, frozen=True):
    """A request to go from one state to another; it names both, so a stale one is seen."""

    deployment_id: str
    from_state: LifecycleState
    to_state: LifecycleState


class LifecycleChanged(msgspec.Struct, frozen=True):
    """A deployment went from one state to another."""

    deployment_id: str
    from_state: LifecycleState
    to_state: LifecycleState
    ts_ns: int


class LifecycleReason(IntEnum):
    """Why a change of state was refused."""

    WRONG_DEPLOYMENT = 1
    WRONG_FROM = 2
    NO_CHANGE = 3
    NO_SUCH_TRANSITION = 4


class LifecycleRefused(msgspec.Struct, frozen=True):
    """A change of state was refused and nothing changed; `found` is the state it is in."""

    asked: SetLifecycle
    found: LifecycleState
    reason: LifecycleReason


def set_lifecycle(
    deployment: Deployment, asked: SetLifecycle, now_ns: int
) -> tuple[Deployment, LifecycleChanged | LifecycleRefused]:
    """Return the deployment after the request, and the event that tells what came of it."""
    need_kind("deployment", deployment, Deployment)
    need_kind("asked", asked, SetLifecycle)
    need_member("to_state", asked.to_state, LifecycleState)
    reason = _refusal(deployment, asked)
    if reason is not None:
        return deployment, LifecycleRefused(asked, deployment.state, reason)
    ts_ns = max(need_int("now_ns", now_ns, 0), deployment.updated_at_ns)
    changed = msgspec.structs.replace(deployment, state=asked.to_state, updated_at_ns=ts_ns)
    event = LifecycleChanged(asked.deployment_id, asked.from_state, asked.to_state, ts_ns)
    return changed, event


def _refusal(deployment: Deployment, asked: SetLifecycle) -> LifecycleReason | None:
    if asked.deployment_id != deployment.deployment_id:
        return LifecycleReason.WRONG_DEPLOYMENT
    if asked.from_state != deployment.state:
        return LifecycleReason.WRONG_FROM
    if asked.from_state == asked.to_state:
        return LifecycleReason.NO_CHANGE
    if (asked.from_state, asked.to_state) not in TRANSITIONS:
        return LifecycleReason.NO_SUCH_TRANSITION
    return None

"""Deployments in the desk's state: the row, and the gate with all that it counted.

Owns the record of a gate, so that its counters are under the hash of the desk: position, working
orders, rate, halt and the day's profit. What the gate decides is in `lockstep_desk.fund`.
"""

from typing import Final

import msgspec

from lockstep_desk.core.codes import EntityKind
from lockstep_desk.core.commands import Limits
from lockstep_desk.fund import (
    MANUAL,
    DeploymentGate,
    GateMode,
    GateOptions,
    GateState,
    LifecycleState,
    LimitSet,
    RateWindow,
    WorkingOrder,
)
from lockstep_desk.fund import (
    Deployment as Row,
)
from lockstep_desk.types import HaltAction, Mark, Side
from lockstep_kernel.entity import Entity, Record

_KIND: Final = int(EntityKind.DEPLOYMENT)
_WIDE_BYTES: Final = 24


class Deployment(Entity):
    """A deployment, or the limits of manual orders under the name `MANUAL`.

    `number` is its place among all; `day_base` is (UTC day, profit when it began).
    """

    __slots__ = ("day_base", "gate", "limits", "number", "row")

    def __init__(self, row: Row, limits: Limits, gate: DeploymentGate, number: int) -> None:
        super().__init__()
        self.row = row
        self.limits = limits
        self.gate = gate
        self.number = number
        self.day_base: tuple[int, int] = (-1, 0)

    @property
    def is_paper(self) -> bool:
        """Whether it sees the market and sends nothing."""
        return self.row.state is LifecycleState.PAPER

    def record(self) -> Record:
        row = self.row
        return (
            *(_KIND, row.deployment_id, row.name, row.strategy_id, row.version_id),
            *(int(row.state), row.created_at_ns, row.updated_at_ns, self.number),
            limits_record(self.limits),
            *(self.day_base[0], wide(self.day_base[1]), gate_record(self.gate.state())),
        )


def manual_row(limits: Limits, now_ns: int) -> Row:
    """Return the row that stands for manual orders: no strategy, and always live."""
    return Row(
        deployment_id=MANUAL,
        name=MANUAL,
        strategy_id="",
        version_id="",
        limits=limit_set(limits),
        state=LifecycleState.LIVE,
        created_at_ns=now_ns,
        updated_at_ns=now_ns,
    )


def limit_set(limits: Limits) -> LimitSet:
    """Return the limits as the fund layer has them; raise `InvalidValueError` for a bad one."""
    return LimitSet(
        max_position_cents=limits.max_position_cents,
        max_order_cents=limits.max_order_cents,
        max_orders_per_sec=limits.max_orders_per_sec,
        halt_action=limits.halt_action,
        caps_open=limits.caps_open,
        max_deviation_bps=limits.max_deviation_bps,
        max_daily_loss_cents=limits.max_daily_loss_cents,
    )


def gate_of(limits: Limits, mark: Mark, state: GateState, deployment_id: str) -> DeploymentGate:
    """Return a gate with these limits that goes on from a state."""
    options = GateOptions(
        GateMode.STRICT if limits.is_strict else GateMode.REDUCE_OK,
        RateWindow.SLIDING if limits.is_sliding else RateWindow.SECONDS,
    )
    gate = DeploymentGate(limit_set(limits), options, mark, state)
    gate.deployment_id = deployment_id
    return gate


def limits_record(limits: Limits) -> tuple[object, ...]:
    """Return limits as a record can hold them."""
    return msgspec.structs.astuple(limits)


def gate_record(state: GateState) -> tuple[object, ...]:
    """Return what a gate remembers as a record can hold it."""
    working = [
        (
            *(order.client_order_id, order.symbol, int(order.side), order.qty_e8),
            wide(order.reserved_e17),
        )
        for order in state.working
    ]
    quantities = [(symbol, wide(qty)) for symbol, qty in state.quantities]
    return (
        *(wide(state.position_e17), quantities, state.halted, state.last_ns, state.bucket),
        *(state.bucket_count, state.recent, working, state.day, state.day_pnl_cents),
    )


def gate_state(fields: Record) -> GateState:
    """Return what was recorded."""
    position, quantities, halted, last_ns, bucket, count, recent, working, day, pnl = fields
    return GateState(
        position_e17=narrow(position),
        quantities=tuple((symbol, narrow(qty)) for symbol, qty in quantities),
        halted=halted,
        last_ns=last_ns,
        bucket=bucket,
        bucket_count=count,
        recent=tuple(recent),
        working=tuple(
            WorkingOrder(order[0], order[1], Side(order[2]), order[3], narrow(order[4]))
            for order in working
        ),
        day=day,
        day_pnl_cents=pnl,
    )


def restored_deployment(fields: Record, mark: Mark) -> Deployment:
    """Return the deployment of a dumped record, with its gate."""
    _kind, deployment_id, name, strategy_id, version_id, state, created, updated, *rest = fields
    number, raw, day, base, counted = rest
    limits = _limits(raw)
    row = Row(
        deployment_id=deployment_id,
        name=name,
        strategy_id=strategy_id,
        version_id=version_id,
        limits=limit_set(limits),
        state=LifecycleState(state),
        created_at_ns=created,
        updated_at_ns=updated,
    )
    gate = gate_of(limits, mark, gate_state(counted), deployment_id)
    deployment = Deployment(row, limits, gate, number)
    deployment.day_base = (day, narrow(base))
    return deployment


def wide(value: int) -> bytes:
    """Return an integer of any size that sums of products reach, as it stands in a record."""
    return value.to_bytes(_WIDE_BYTES, "big", signed=True)


def narrow(raw: bytes) -> int:
    """Return the integer again."""
    return int.from_bytes(raw, "big", signed=True)


def _limits(raw: Record) -> Limits:
    first, second, third, action, caps_open, deviation, loss, is_strict, is_sliding = raw
    action = HaltAction(action)
    return Limits(first, second, third, action, caps_open, deviation, loss, is_strict, is_sliding)

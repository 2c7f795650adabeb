"""The fund layer: deployments, the gate before every order, lineage, and profit by deployment.

Owns four primitives that are usable alone: no database, no runtime, no I/O. Composing them is up to
whoever uses them. Safe under threads.
"""

from lockstep_desk.fund.book import GateState, RateWindow, WorkingOrder
from lockstep_desk.fund.context import FundContext, Strategy, StrategyVersion
from lockstep_desk.fund.deployment import (
    Deployment,
    LifecycleChanged,
    LifecycleReason,
    LifecycleRefused,
    LifecycleState,
    LimitSet,
    SetLifecycle,
    set_lifecycle,
)
from lockstep_desk.fund.gate import (
    MANUAL,
    DeploymentGate,
    GateMode,
    GateOptions,
    PreTradeGate,
)
from lockstep_desk.fund.intent import Admit, OrderIntent
from lockstep_desk.fund.lineage import Lineage, lineage_of
from lockstep_desk.fund.pnl import (
    GroupBy,
    Pnl,
    PnlBucket,
    PnlReport,
    compute_pnl,
)
from lockstep_desk.fund.rows import LegacyFill, as_fill_row, from_legacy_row

__all__ = [
    "Admit",
    "Deployment",
    "DeploymentGate",
    "FundContext",
    "GateMode",
    "GateOptions",
    "GateState",
    "GroupBy",
    "LegacyFill",
    "LifecycleChanged",
    "LifecycleReason",
    "LifecycleRefused",
    "LifecycleState",
    "LimitSet",
    "Lineage",
    "MANUAL",
    "OrderIntent",
    "Pnl",
    "PnlBucket",
    "PnlReport",
    "PreTradeGate",
    "RateWindow",
    "SetLifecycle",
    "Strategy",
    "StrategyVersion",
    "WorkingOrder",
    "as_fill_row",
    "compute_pnl",
    "from_legacy_row",
    "lineage_of",
    "set_lifecycle",
]

"""Risk: checks of wanted orders, and what follows from a breach."""

from lockstep_desk.risk.checks import (
    CheckHigherThan,
    Contract,
    Decision,
    Input,
    KnownContract,
    NotionalCap,
    PriceDeviation,
    RiskCheck,
    RiskManager,
    RiskRefused,
    deviation_bps,
    notional_e9,
    signed_delta_e8,
)
from lockstep_desk.risk.exits import ExitReason, ExitRules, exit_due
from lockstep_desk.risk.monitor import (
    DeploymentView,
    Exposure,
    Step,
    StepKind,
    liquidation_steps,
    steps_of,
)

__all__ = [
    "RiskManager",
    "RiskCheck",
    "Input",
    "Contract",
    "Decision",
    "RiskRefused",
    "CheckHigherThan",
    "KnownContract",
    "NotionalCap",
    "PriceDeviation",
    "notional_e9",
    "deviation_bps",
    "signed_delta_e8",
    "steps_of",
    "liquidation_steps",
    "DeploymentView",
    "Exposure",
    "Step",
    "StepKind",
    "ExitRules",
    "ExitReason",
    "exit_due",
]

"""The exchange's public vocabulary; the machine itself is `lockstep_engine.exchange`.

Importing the vocabulary loads no engine, so that an independent machine can be written from it.
"""

from lockstep_engine.codes import (
    AmendReason,
    CancelReason,
    CashReason,
    Code,
    EntityKind,
    InstrumentKind,
    InstrumentStatus,
    MarginMode,
    MmpLimit,
    MmpOption,
    OrderFlag,
    OrderType,
    Role,
    SelfTradeMode,
    Side,
    TimeInForce,
    VolRule,
)
from lockstep_engine.commands import (
    Command,
    ExchangeParams,
    MarginRates,
    PortfolioModel,
    RiskScenario,
    TradingLimits,
)

__all__ = [
    "AmendReason",
    "CancelReason",
    "CashReason",
    "Code",
    "Command",
    "EntityKind",
    "ExchangeParams",
    "InstrumentKind",
    "InstrumentStatus",
    "MarginMode",
    "MarginRates",
    "MmpLimit",
    "MmpOption",
    "OrderFlag",
    "OrderType",
    "PortfolioModel",
    "RiskScenario",
    "Role",
    "SelfTradeMode",
    "Side",
    "TimeInForce",
    "TradingLimits",
    "VolRule",
]

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
    MmpLimit,
    MmpOption,
    OrderFlag,
    OrderType,
    Role,
    SelfTradeMode,
    Side,
    TimeInForce,
)
from lockstep_engine.commands import Command, ExchangeParams, TradingLimits

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
    "MmpLimit",
    "MmpOption",
    "OrderFlag",
    "OrderType",
    "Role",
    "SelfTradeMode",
    "Side",
    "TimeInForce",
    "TradingLimits",
]

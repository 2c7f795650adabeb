"""What the numbers in commands and events are called, for people."""

from collections.abc import Mapping
from enum import Enum
from typing import Final, get_args

from lockstep_engine.codes import (
    AmendReason,
    CancelReason,
    CashReason,
    Code,
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
from lockstep_engine.commands import Action, action_tag

_ACTION_NAMES: Final[dict[int, str]] = {
    action_tag(action): action.__name__ for action in get_args(Action)
}

_FIELD_LABELS: Final[Mapping[str, type[Enum]]] = {
    "side": Side,
    "taker_side": Side,
    "order_type": OrderType,
    "tif": TimeInForce,
    "flags": OrderFlag,
    "self_trade": SelfTradeMode,
    "roles": Role,
    "kind": InstrumentKind,
    "status": InstrumentStatus,
    "code": Code,
    "options": MmpOption,
    "breached": MmpLimit,
    "mode": MarginMode,
    "vol_rule": VolRule,
    "CashMoved.reason": CashReason,
    "OrderAmended.reason": AmendReason,
    "OrderCancelled.reason": CancelReason,
}


def label(struct: str, field: str, value: int) -> str:
    """Return the name of a number in a field of a struct; empty if it is a number like any other.

    >>> label("OrderCancelled", "reason", 12)
    'LIQUIDATION'
    """
    if field == "action":
        return _ACTION_NAMES.get(value, "")
    found = _FIELD_LABELS.get(field) or _FIELD_LABELS.get(f"{struct}.{field}")
    if found is None:
        return ""
    try:
        name: str | None = found(value).name
    except ValueError:
        # A refused command may hold any number.
        return ""
    return name or ""

"""The desk: the trading side. Here stand the values that its parts share, and nothing else.

Owns no behaviour: `lockstep_desk.fund` is usable alone only as long as importing this package loads
nothing but types, clock, ids and errors. Parts export their own names.
"""

from lockstep_desk.clock import Clock, MockClock, ObservingClock, SequencedClock, WallClock
from lockstep_desk.errors import InvalidValueError
from lockstep_desk.types import (
    Alert,
    AuditTick,
    Breach,
    Dimension,
    Envelope,
    Fill,
    Funding,
    HaltAction,
    LineageTag,
    Liquidity,
    Mark,
    Position,
    RejectCode,
    Severity,
    Side,
    UsdCents,
)

__all__ = [
    "Alert",
    "AuditTick",
    "Breach",
    "Clock",
    "Dimension",
    "Envelope",
    "Fill",
    "Funding",
    "HaltAction",
    "InvalidValueError",
    "LineageTag",
    "Liquidity",
    "Mark",
    "MockClock",
    "ObservingClock",
    "Position",
    "RejectCode",
    "SequencedClock",
    "Severity",
    "Side",
    "UsdCents",
    "WallClock",
]

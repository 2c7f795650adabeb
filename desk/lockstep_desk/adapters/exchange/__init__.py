"""The exchange core in the same process: units, an account's projection, and the session."""

from lockstep_desk.adapters.exchange.account import ExchangeAccount
from lockstep_desk.adapters.exchange.session import (
    ExchangeSequencer,
    ExchangeSession,
    InProcessFeed,
    Membership,
    Past,
)
from lockstep_desk.adapters.exchange.units import Units, registration, units_of

__all__ = [
    "ExchangeAccount",
    "ExchangeSequencer",
    "ExchangeSession",
    "InProcessFeed",
    "Membership",
    "Past",
    "Units",
    "registration",
    "units_of",
]

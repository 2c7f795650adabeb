"""The exchange core in the same process: units, an account's projection, and the session."""

from lockstep_desk.adapters.exchange.account import ExchangeAccount
from lockstep_desk.adapters.exchange.broker import ExchangeView, scopes_of, trade_credentials
from lockstep_desk.adapters.exchange.session import (
    ExchangeSequencer,
    ExchangeSession,
    InProcessFeed,
    Membership,
    Past,
)
from lockstep_desk.adapters.exchange.shared import SharedSession, SharedView
from lockstep_desk.adapters.exchange.units import Units, registration, units_of

__all__ = [
    "ExchangeAccount",
    "ExchangeSequencer",
    "ExchangeSession",
    "ExchangeView",
    "InProcessFeed",
    "Membership",
    "Past",
    "SharedSession",
    "SharedView",
    "Units",
    "registration",
    "scopes_of",
    "trade_credentials",
    "units_of",
]

"""Quarantine of a venue, or of one account at it ([RECON-55]): the rest trades on.

Owns what is quarantined and why. It blocks opens and never a close or a cancel ([RECON-22]), and it
is a mechanism of its own beside the global trading state and the automatic gates ([RECON-23]).
"""

from enum import IntEnum

import msgspec

from lockstep_desk.errors import InvalidValueError, need_text
from lockstep_desk.recon.alerts import make_alert
from lockstep_desk.types import Alert

ALL_ACCOUNTS = ""


class Incident(IntEnum):
    """How much an incident stops: everything, one venue or account, or reports only."""

    P0 = 0
    P1 = 1
    P2 = 2


class Quarantined(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A venue, or an account at it, that takes no opens; `account` empty means every account."""

    venue: str
    account: str
    reason: str
    since_ns: int


class Quarantine:
    """What is quarantined, in the order in which it was."""

    __slots__ = ("places",)

    def __init__(self) -> None:
        self.places: dict[tuple[str, str], Quarantined] = {}

    def enter(self, venue: str, account: str, reason: str, now_ns: int) -> tuple[Alert, ...]:
        """Quarantine a place; alert unless it was already."""
        place = (need_text("venue", venue), account)
        if place in self.places:
            return ()
        self.places[place] = Quarantined(venue, account, need_text("reason", reason), now_ns)
        shown = (("venue", venue), ("account", account or "all"), ("reason", reason))
        return (make_alert("QUARANTINED", f"quarantine|{venue}|{account}|{now_ns}", *shown),)

    def leave(self, venue: str, account: str) -> Quarantined:
        """End the quarantine of exactly this place."""
        place = self.places.pop((venue, account), None)
        if place is None:
            raise InvalidValueError(
                f"quarantine: expected a quarantined place, found {venue!r} account {account!r}"
            )
        return place

    def blocks_open(self, venue: str, account: str) -> Quarantined | None:
        """Return what blocks an open there, None if nothing does; a close is never asked about."""
        return self.places.get((venue, ALL_ACCOUNTS)) or self.places.get((venue, account))

    def incident(self, is_trading_halted: bool) -> Incident:
        """Return the class of what is wrong now."""
        if is_trading_halted:
            return Incident.P0
        return Incident.P1 if self.places else Incident.P2

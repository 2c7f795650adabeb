"""When to sweep: on boot, on demand and at an interval, by the time of commands ([RECON-31]).

Owns the decision and no clock. Until the sweep of the boot is done nothing may be enabled (F5). A
sweep whose pages were not whole is tried again by the back-off, not by the interval.
"""

from enum import IntEnum

import msgspec

from lockstep_desk.errors import need_int
from lockstep_desk.recon.retry import Backoff


class SweepReason(IntEnum):
    """Why a sweep is due."""

    BOOT = 1
    DEMAND = 2
    INTERVAL = 3
    RETRY = 4


class SweepSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """One account's schedule as it is now; every method returns what it is next."""

    interval_ns: int
    backoff: Backoff = Backoff()
    is_booted: bool = False
    is_demanded: bool = False
    last_ns: int = 0
    failures: int = 0

    def __post_init__(self) -> None:
        need_int("interval_ns", self.interval_ns, 1)

    def due(self, now_ns: int) -> SweepReason | None:
        """Return why a sweep is due now, None if none is."""
        if self.failures:
            is_due = now_ns - self.last_ns >= self.backoff.wait_ns(self.failures)
            return SweepReason.RETRY if is_due else None
        if not self.is_booted:
            return SweepReason.BOOT
        if self.is_demanded:
            return SweepReason.DEMAND
        return SweepReason.INTERVAL if now_ns - self.last_ns >= self.interval_ns else None

    def demanded(self) -> "SweepSchedule":
        """Return the schedule after an operator, or a deferred exit, asked for a sweep."""
        return msgspec.structs.replace(self, is_demanded=True)

    def swept(self, now_ns: int, is_whole: bool) -> "SweepSchedule":
        """Return the schedule after a sweep; `is_whole` says whether the broker answered."""
        if not is_whole:
            return msgspec.structs.replace(self, last_ns=now_ns, failures=self.failures + 1)
        return msgspec.structs.replace(
            self, is_booted=True, is_demanded=False, last_ns=now_ns, failures=0
        )

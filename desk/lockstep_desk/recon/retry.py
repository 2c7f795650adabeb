"""When to try again: bounded exponential back-off as a pure schedule.

Owns [RECON-53], [RECON-54] and the numbers of [DESK-72]. It waits for nothing: it says at which
time the next attempt is due, on the same venue, and when to stop and raise an alert.
"""

from enum import IntEnum

import msgspec

from lockstep_desk.errors import need_int
from lockstep_desk.recon.alerts import make_alert
from lockstep_desk.types import Alert

NS_PER_MS = 10**6


class FaultKind(IntEnum):
    """Whether trying again can help."""

    RECOVERABLE = 1
    UNRECOVERABLE = 2


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """First wait, factor, longest wait, and how many attempts before giving up."""

    first_ns: int = 125 * NS_PER_MS
    factor: int = 2
    longest_ns: int = 60_000 * NS_PER_MS
    attempts_max: int = 10

    def __post_init__(self) -> None:
        need_int("first_ns", self.first_ns, 1)
        need_int("factor", self.factor, 1, 1_000)
        need_int("longest_ns", self.longest_ns, self.first_ns)
        need_int("attempts_max", self.attempts_max, 1, 10**6)

    def wait_ns(self, failures: int) -> int:
        """Return how long to wait after that many failures in a row, 1 or more.

        >>> [Backoff().wait_ns(n) // NS_PER_MS for n in (1, 2, 3, 10, 1000)]
        [125, 250, 500, 60000, 60000]
        """
        need_int("failures", failures, 1)
        wait_ns = self.first_ns
        for _ in range(failures - 1):
            if wait_ns >= self.longest_ns or self.factor == 1:
                break
            wait_ns *= self.factor
        return min(wait_ns, self.longest_ns)


class TryAgain(msgspec.Struct, frozen=True):
    """The next attempt is due at `at_ns`, and knows of `failures` before it."""

    failures: int
    at_ns: int


class GiveUp(msgspec.Struct, frozen=True):
    """No more attempts: somebody must be told."""

    alert: Alert


def after_failure(
    backoff: Backoff, what: str, failures: int, fault: FaultKind, now_ns: int
) -> TryAgain | GiveUp:
    """Return what follows failure number `failures` in a row of `what`; a success starts anew at 0.

    An unrecoverable fault alerts at once, a recoverable one after the last attempt.
    """
    need_int("failures", failures, 1)
    if fault is FaultKind.UNRECOVERABLE:
        return GiveUp(make_alert("UNRECOVERABLE", f"unrecoverable|{what}", ("what", what)))
    if failures >= backoff.attempts_max:
        attempts = ("attempts", str(failures))
        return GiveUp(make_alert("RETRIES_EXHAUSTED", f"retries|{what}", ("what", what), attempts))
    return TryAgain(failures, now_ns + backoff.wait_ns(failures))

"""Where the desk's time comes from: one protocol, three clocks.

Owns time at the edge. Nothing else in the desk asks the operating system what time it is: in the
core, time is the timestamp of the command being applied. All times are nanoseconds UTC.
"""

import time
from typing import Protocol

from lockstep_desk.errors import InvalidValueError, need_callable, need_int

NS_PER_S = 10**9


class Clock(Protocol):
    """Says what time it is."""

    def now_ns(self) -> int:
        """Return the time in nanoseconds UTC."""
        ...


class ObservingClock(Clock, Protocol):
    """A clock that is told the time of what happens, and takes its own from it."""

    def observe(self, ts_ns: int) -> None:
        """Take note that something happened at `ts_ns`."""
        ...


def time_of(clock: Clock) -> int:
    """Return what a clock says, in nanoseconds UTC; what is no clock raises."""
    need_callable("clock.now_ns", getattr(clock, "now_ns", None), "for the time")
    return need_int("clock.now_ns()", clock.now_ns(), 0)


class WallClock:
    """The time of the machine it runs on, for production."""

    __slots__ = ()

    def now_ns(self) -> int:
        """Return the machine's time; it may step back when the machine's clock is set."""
        return time.time_ns()


class MockClock:
    """A clock that stands still until it is told to move; it starts at the epoch."""

    __slots__ = ("_now_ns",)

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = need_int("now_ns", now_ns, 0)

    def now_ns(self) -> int:
        """Return the time that it was last moved to."""
        return self._now_ns

    def advance_secs(self, secs: int) -> None:
        """Move on by whole seconds; time never moves back."""
        self.advance_ns(NS_PER_S * need_int("secs", secs, 0))

    def advance_ns(self, ns: int) -> None:
        """Move on by nanoseconds; time never moves back."""
        self._now_ns += need_int("ns", ns, 0)


class SequencedClock:
    """The timestamp of the command being applied: backtests, replay and the core run on it.

    Nothing but `observe` moves it, so a run depends on what is observed alone ([DESK-D13]).
    """

    __slots__ = ("_now_ns",)

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = need_int("now_ns", now_ns, 0)

    def now_ns(self) -> int:
        """Return the newest timestamp observed."""
        return self._now_ns

    def observe(self, ts_ns: int) -> None:
        """Move to `ts_ns`; an equal one is taken, an older one is refused."""
        if need_int("ts_ns", ts_ns, 0) < self._now_ns:
            raise InvalidValueError(
                f"ts_ns: expected {self._now_ns} or later, as commands are in order, found {ts_ns}"
            )
        self._now_ns = ts_ns

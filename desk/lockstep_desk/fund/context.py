"""Where a fund begins: a clock, the strategies under it, and their immutable versions.

Owns which strategies there are. It never asks the machine for the time itself: the clock is handed
in, so that a backtest runs the same code as production on a clock of its own.
"""

from typing import Self

import msgspec

from lockstep_desk import ids
from lockstep_desk.clock import Clock, MockClock, WallClock
from lockstep_desk.errors import need_callable, need_text


class StrategyVersion(msgspec.Struct, frozen=True):
    """A strategy's code at one moment: `version_id` is the hash of it and changes with it."""

    strategy_id: str
    version_id: str


class Strategy:
    """An idea that trades: an id for ever and a name for people.

    Renaming changes nothing that was attributed: everything refers to the id ([FUND-04]).
    """

    __slots__ = ("_id", "_name")

    def __init__(self, name: str) -> None:
        self._id = ids.strategy_id(name)
        self._name = name

    @property
    def id(self) -> str:
        """Return the id, which comes from the first name and stays."""
        return self._id

    @property
    def name(self) -> str:
        """Return what it is called now."""
        return self._name

    def rename(self, name: str) -> None:
        """Call it something else; its id stays."""
        self._name = need_text("name", name)

    def version(self, code: bytes) -> StrategyVersion:
        """Return the version that this code is; the same bytes are the same version."""
        return StrategyVersion(self._id, ids.version_id(code))


class FundContext:
    """A clock and the strategies that were asked for. Safe under threads."""

    __slots__ = ("_clock", "_strategies")

    def __init__(self, clock: Clock) -> None:
        need_callable("clock.now_ns", getattr(clock, "now_ns", None), "for the time")
        self._clock = clock
        self._strategies: dict[str, Strategy] = {}

    @classmethod
    def production(cls) -> Self:
        """Return a context on the machine's clock."""
        return cls(WallClock())

    @classmethod
    def for_tests(cls) -> tuple[Self, MockClock]:
        """Return a context and its clock, which stands at the epoch until it is moved."""
        clock = MockClock()
        return cls(clock), clock

    def clock(self) -> Clock:
        """Return the clock that everything under this context uses."""
        return self._clock

    def strategy(self, name: str) -> Strategy:
        """Return the strategy that was first asked for under `name`; a new one the first time."""
        known = self._strategies.get(name)
        # setdefault is one step of the interpreter: two threads get one strategy.
        return self._strategies.setdefault(name, Strategy(name)) if known is None else known

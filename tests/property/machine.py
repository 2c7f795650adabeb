"""The hypothesis state machine: every step sends one command, or restarts one of the twins."""

import time
from collections.abc import Callable
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from hypothesis.strategies import DataObject

from lockstep_engine.commands import Command
from lockstep_engine.state import ExchangeCore
from lockstep_naive.core import NaiveCore
from lockstep_naive.margin import free_e6
from tests.property.author import FOCUSES, next_item
from tests.property.dice import HypothesisDice, one_in, pick
from tests.property.reach import Reach
from tests.property.scene import Item, Scene
from tests.property.twins import RESTARTS, Twins
from tests.property.world import draw_world

_COMPARE_EVERY = 16
_RESTART_ONE_IN = 24


class Run:
    """What a run of many flows did: counters, and its first failure."""

    def __init__(self) -> None:
        self.reach = Reach()
        self.started = time.perf_counter()
        self.failure: str | None = None
        self.failure_steps = 0
        self.failure_seconds = 0.0

    def fail(self, error: Exception) -> None:
        """Remember the first failure."""
        if self.failure is None:
            self.failure = f"{type(error).__name__}: {error}"
            self.failure_steps = self.reach.steps
            self.failure_seconds = time.perf_counter() - self.started


class Agreement(RuleBasedStateMachine):
    """Engine and naive machine agree on every command. `run` is set by who runs it."""

    run: ClassVar[Run]

    def __init__(self) -> None:
        super().__init__()
        self.history: list[Item] = []

    @initialize(data=st.data())
    def begin(self, data: DataObject) -> None:
        """Build a world."""
        dice = HypothesisDice(data)
        world = draw_world(dice)
        self.focus = pick(dice, FOCUSES)
        self.twins = Twins(world.genesis())
        self.scene = Scene(world, self._free_e6)
        for ts_ns, command in self.scene.setup():
            self._apply(ts_ns, command)
        self._guarded(self.twins.verify)

    @rule(data=st.data())
    def step(self, data: DataObject) -> None:
        """Send the next command, or restart; then check everything."""
        dice = HypothesisDice(data)
        core = self.twins.engine.core
        assert isinstance(core, ExchangeCore)
        self.scene.core = core
        self._apply(*next_item(dice, self.scene, self.focus))
        if one_in(dice, _RESTART_ONE_IN):
            self._restart(dice.below(len(RESTARTS)))
        self._guarded(self.twins.verify)
        if len(self.history) % _COMPARE_EVERY == 0:
            self._guarded(self.twins.compare)

    def teardown(self) -> None:
        """Compare once more what is left at the end."""
        if self.run.failure is None and hasattr(self, "twins"):
            self._guarded(self.twins.finish)

    def _free_e6(self, account: int) -> int:
        """Ask the naive machine what is free: the engine's own answer would refresh its sums."""
        core = self.twins.naive.core
        assert isinstance(core, NaiveCore)
        return free_e6(core, account)

    def _apply(self, ts_ns: int, command: Command) -> None:
        self.history.append((ts_ns, command))
        self._guarded(lambda: self.run.reach.count(command, self.twins.apply(ts_ns, command)))

    def _restart(self, way: int) -> None:
        self.run.reach.note(f"restart {RESTARTS[way]}")
        self._guarded(lambda: self.twins.restart(way))

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do the work; remember the first failure, and show the history with every one."""
        try:
            work()
        except Exception as error:
            self.run.fail(error)
            error.add_note(listed(self.history))
            raise


def listed(history: list[Item]) -> str:
    """Return a history as text that can be pasted into a test."""
    return "\n".join(["history:", *(f"  ({ts_ns}, {command!r})," for ts_ns, command in history)])

"""One flow against the twins, with every check after every command; and how a failure is shrunk."""

import time
from collections.abc import Callable, Sequence

import msgspec

from lockstep_engine.commands import Command
from lockstep_engine.events import Event
from lockstep_kernel import Genesis
from tests.property.answers import NaiveAnswers
from tests.property.author import FOCUSES, begin, next_item
from tests.property.dice import Dice, SeededDice, one_in, pick
from tests.property.reach import Reach
from tests.property.scene import Item, Scene
from tests.property.situations import restart_situations, situations_of
from tests.property.twins import RESTARTS, Twins, engine_core
from tests.property.world import draw_world

_NAIVE_EVERY = 4
_COMPARE_EVERY = 16
_RESTART_ONE_IN = 24


Step = Item | int
"""A command, or the number of a way to restart."""


class Run:
    """What a run of many flows did: counters, its first failure, and the flow that failed last.

    `failure_steps` and `failure_seconds` count from the run before on, if there was one.
    """

    def __init__(self, before: int = 0, started: float | None = None) -> None:
        self.reach = Reach()
        self.started = time.perf_counter() if started is None else started
        self.failure: str | None = None
        self.failure_steps = 0
        self.failure_seconds = 0.0
        self.failed: Flow | None = None
        self._before = before

    @property
    def steps(self) -> int:
        """All commands so far."""
        return self._before + self.reach.steps

    def fail(self, error: Exception, flow: "Flow") -> None:
        """Remember the first failure and the last flow."""
        self.failed = flow
        if self.failure is None:
            self.failure = f"{type(error).__name__}: {error}"
            self.failure_steps = self.steps
            self.failure_seconds = time.perf_counter() - self.started


class Flow:
    """One flow in a world of its own: `step` sends a command or restarts a twin, then checks."""

    def __init__(self, dice: Dice, run: Run) -> None:
        self._run = run
        self.history: list[Step] = []
        world = draw_world(dice)
        self._focus = pick(dice, FOCUSES)
        self.twins = Twins(world.genesis())
        self._answers = NaiveAnswers(self.twins)
        self._scene = Scene(world, self._answers)
        for item in self._scene.setup():
            self._apply(*item)
        self._guarded(self.twins.verify)
        begin(self._scene)

    def step(self, dice: Dice) -> None:
        """Send the next command, perhaps restart one of the twins, and check everything."""
        self._scene.core = engine_core(self.twins)
        self._apply(*next_item(dice, self._scene, self._focus))
        if one_in(dice, _RESTART_ONE_IN):
            self._restart(dice.below(len(RESTARTS)))
        is_naive_due = len(self.history) % _NAIVE_EVERY == 0
        self._guarded(lambda: self.twins.verify(is_naive_due))
        if len(self.history) % _COMPARE_EVERY == 0:
            self._guarded(self.twins.compare)

    def finish(self) -> None:
        """Compare once more what is left at the end."""
        self._guarded(self.twins.finish)

    def _apply(self, ts_ns: int, command: Command) -> None:
        self.history.append((ts_ns, command))
        self._guarded(lambda: self._count(command, self.twins.apply(ts_ns, command)))

    def _count(self, command: Command, events: Sequence[Event]) -> None:
        self._run.reach.count(command, events)
        for name in situations_of(engine_core(self.twins), self._answers, command, events):
            self._run.reach.note(name)

    def _restart(self, way: int) -> None:
        self.history.append(way)
        self._run.reach.note(f"restart {RESTARTS[way]}")
        for name in restart_situations(engine_core(self.twins)):
            self._run.reach.note(name)
        self._guarded(lambda: self.twins.restart(way))

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do the work; a failure is remembered."""
        try:
            work()
        except Exception as error:
            self._run.fail(error, self)
            raise


def run_seeded(flows: int, steps: int, seed: int, run: Run) -> Exception | None:
    """Run flows of seeded dice and return the first failure."""
    for number in range(flows):
        dice = SeededDice(seed + number)
        try:
            flow = Flow(dice, run)
            for _ in range(steps):
                flow.step(dice)
            flow.finish()
        except Exception as error:  # noqa: BLE001  # whatever failed is handed to the caller
            error.add_note(f"seed of the flow: {seed + number}")
            return error
    return None


def shortest(flow: Flow) -> str:
    """Return a shortest list of steps with which a failed flow fails, as text."""
    genesis = flow.twins.genesis
    return "\n".join([f"{genesis}", *map(shown, shrunk(genesis, flow.history))])


def shrunk(genesis: Genesis, history: Sequence[Step]) -> list[Step]:
    """Leave out halves, quarters, ... and single steps for as long as the rest still fails."""
    left = list(history)
    if not fails(genesis, left):
        return left
    size = len(left) // 2
    while size:
        fewer = _without(genesis, left, size)
        # Singles are tried again and again: each that goes may let one before it go.
        size = 1 if size == 1 and len(fewer) < len(left) else size // 2
        left = fewer
    return left


def _without(genesis: Genesis, left: list[Step], size: int) -> list[Step]:
    """Leave out every run of `size` steps that the failure does not need, last first."""
    start = len(left) - size
    while start > -size:
        fewer = left[: max(0, start)] + left[start + size :]
        if fails(genesis, fewer):
            left = fewer
        start -= size
    return left


def fails(genesis: Genesis, history: Sequence[Step]) -> bool:
    """Return whether the twins fail on these steps."""
    twins = Twins(genesis)
    try:
        for step in history:
            if isinstance(step, int):
                twins.restart(step)
            else:
                twins.apply(*step)
            twins.verify()
        twins.finish()
    except Exception:  # noqa: BLE001  # any failure counts
        return True
    return False


def shown(step: object) -> str:
    """Return a step as the text that builds it, without what has its default."""
    if isinstance(step, tuple):
        return f"({', '.join(map(shown, step))}{',' * (len(step) == 1)})"
    if not isinstance(step, msgspec.Struct):
        return repr(step)
    values = [(field, getattr(step, field.name)) for field in msgspec.structs.fields(step)]
    texts = [f"{field.name}={shown(value)}" for field, value in values if value != field.default]
    return f"{type(step).__name__}({', '.join(texts)})"

"""Many runs at a time: each in a process of its own, results in the order of the plan.

Owns the processes. Nothing is shared between runs, so how many run at a time can be seen in no
result. A run that fails, or whose process dies, ends all, by its id; Ctrl-C leaves no process.
"""

import multiprocessing
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from lockstep_desk.backtest.plan import Plan
from lockstep_desk.backtest.result import BacktestResult
from lockstep_desk.backtest.run import run_one
from lockstep_desk.clock import WallClock
from lockstep_desk.errors import InvalidValueError, need_int
from lockstep_desk.strategy.catalog import STRATEGIES, Catalog
from lockstep_kernel import CannotRunError, DamagedError, LockstepError, TornTailError
from lockstep_kernel.errors import EXIT_CANNOT_RUN, EXIT_DAMAGED, EXIT_TORN

_SPAWN = multiprocessing.get_context("spawn")

Tell = Callable[[int, int], object]
"""Is told how many of how many runs are done."""


@dataclass(frozen=True, slots=True)
class MultiBacktestSummary:
    """All results in the order of the plan, and how long it took by the wall (DESK-79)."""

    duration_ns: int
    results: tuple[BacktestResult, ...]

    @property
    def num(self) -> int:
        """How many runs there are."""
        return len(self.results)


@dataclass(frozen=True, slots=True)
class HowToRun:
    """What no result depends on: processes at a time, where journals go, who is told."""

    jobs: int = 1
    folder: Path | None = None
    tell: Tell = lambda done, runs: None
    catalog: Catalog | None = None

    def folder_of(self, run_id: str) -> Path | None:
        """Return where a run's journals go, None for memory."""
        return None if self.folder is None else self.folder / run_id


def run_many(plan: Plan, how: HowToRun | None = None) -> MultiBacktestSummary:
    """Run every run of a plan.

    With one job it all happens in this process. Raises what `run_one` raises, with the run's id.
    """
    how = how or HowToRun()
    need_int("jobs", how.jobs, 1, 1_024)
    clock = WallClock()
    started_ns = clock.now_ns()
    results = _in_turn(plan, how) if how.jobs == 1 else _Processes(plan, how).run()
    return MultiBacktestSummary(max(clock.now_ns() - started_ns, 0), tuple(results))


def _in_turn(plan: Plan, how: HowToRun) -> list[BacktestResult]:
    results: list[BacktestResult] = []
    for place, run in enumerate(plan.runs):
        how.tell(place, len(plan.runs))
        try:
            results.append(_run(plan, place, how))
        except (LockstepError, InvalidValueError) as error:
            _fail(run.run_id, error.exit_code, str(error))
    how.tell(len(plan.runs), len(plan.runs))
    return results


def _run(plan: Plan, place: int, how: HowToRun) -> BacktestResult:
    folder = how.folder_of(plan.runs[place].run_id)
    return run_one(plan, place, folder, how.catalog or STRATEGIES)


class _Running(NamedTuple):
    """A run in a process, and our end of its pipe, of whichever type the system has."""

    place: int
    process: BaseProcess
    ours: Any


class _Processes:
    """Starts one process after the other, as many at a time as there may be."""

    def __init__(self, plan: Plan, how: HowToRun) -> None:
        self._plan = plan
        self._how = how
        self._running: dict[object, _Running] = {}
        self._results: dict[int, BacktestResult] = {}

    def run(self) -> list[BacktestResult]:
        runs = len(self._plan.runs)
        waiting = list(range(runs))
        try:
            while waiting or self._running:
                self._how.tell(len(self._results), runs)
                while waiting and len(self._running) < self._how.jobs:
                    self._start(waiting.pop(0))
                for ready in wait([one.ours for one in self._running.values()]):
                    self._take(self._running.pop(ready))
        finally:
            self._end()
        self._how.tell(runs, runs)
        return [self._results[place] for place in range(runs)]

    def _start(self, place: int) -> None:
        ours, theirs = Pipe(duplex=False)
        work = (theirs, self._plan, place, self._how.folder, self._how.catalog)
        process = _SPAWN.Process(target=_serve, args=work, daemon=True)
        self._running[ours] = _Running(place, process, ours)
        with theirs:
            process.start()

    def _take(self, one: "_Running") -> None:
        run_id = self._plan.runs[one.place].run_id
        with one.ours as ours:
            try:
                answer: Any = ours.recv()
            except EOFError:
                answer = None
        one.process.join()
        if answer is None:
            _fail(run_id, EXIT_CANNOT_RUN, f"its process ended with {one.process.exitcode}")
        if not isinstance(answer, BacktestResult):
            _fail(run_id, *answer)
        self._results[one.place] = answer

    def _end(self) -> None:
        """Stop what still runs: nobody wants its result."""
        for one in self._running.values():
            one.ours.close()
            if one.process.pid is not None:
                one.process.terminate()
                one.process.join()
        self._running.clear()


def _serve(
    theirs: Connection, plan: Plan, place: int, folder: Path | None, catalog: Catalog | None
) -> None:
    """Run one run in this process, and send its result, or (exit code, sentence)."""
    # Ctrl-C is the parent's to handle: it ends its children.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        answer: object = _run(plan, place, HowToRun(folder=folder, catalog=catalog))
    except (LockstepError, InvalidValueError) as error:
        answer = (error.exit_code, str(error))
    except Exception as error:  # noqa: BLE001  # the parent says it in one sentence
        answer = (EXIT_CANNOT_RUN, f"internal error: {type(error).__name__}: {error}")
    # A parent that is gone wants no answer.
    with suppress(OSError):
        theirs.send(answer)


def _fail(run_id: str, code: int, sentence: str) -> NoReturn:
    message = f"run '{run_id}': {sentence}"
    if code == EXIT_DAMAGED:
        raise DamagedError(message, None)
    if code == EXIT_TORN:
        raise TornTailError(message, None)
    raise CannotRunError(message)

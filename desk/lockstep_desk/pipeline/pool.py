"""Worker pools: inline and of threads, behind the protocol that the pool of processes follows too.

A pool takes tasks and gives back outcomes; tasks of one trader run one after the other, in the
order in which they came, tasks of different traders in any. Many traders share few workers, task by
task (PIPE-D1). Which worker ran what can be seen in no outcome.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from lockstep_desk.errors import InvalidValueError, need_int
from lockstep_desk.pipeline.actor import Host, Outcome, Task
from lockstep_desk.pipeline.router import Trader
from lockstep_desk.strategy.catalog import STRATEGIES, Catalog


class PoolCounters(NamedTuple):
    """What a pool did: tasks answered, workers now, those added for slow ones, those that died.

    `unkept` states of strategies could not be pickled: the tasks that rebuild them are kept, and
    grow in number as long as that goes on.
    """

    answered: int
    workers: int
    added: int
    died: int
    unkept: int = 0


class Pool(Protocol):
    """Runs tasks somewhere."""

    def start(self, traders: Sequence[Trader]) -> None:
        """Build all strategies; raise `InvalidValueError` if one cannot be built."""
        ...

    def submit(self, tasks: Sequence[Task]) -> None:
        """Take tasks; never waits for an answer of the threads or processes."""
        ...

    def collect(self, timeout_s: float | None = None) -> list[Outcome]:
        """Return outcomes that are there; if none is, wait for one, a `wake` or the timeout."""
        ...

    def wake(self) -> None:
        """Let a `collect` that waits in another thread return."""
        ...

    def stop(self, timeout_s: float) -> bool:
        """End all workers; return False if one did not end in time."""
        ...

    def counters(self) -> PoolCounters:
        """Return what was done so far."""
        ...


def run_all(pool: Pool, tasks: Sequence[Task]) -> list[Outcome]:
    """Return the outcomes of all tasks, ordered by (sequence number seen, trader)."""
    pool.submit(tasks)
    outcomes: list[Outcome] = []
    while len(outcomes) < len(tasks):
        outcomes.extend(pool.collect())
    return sorted(outcomes, key=lambda outcome: outcome.order)


class InlinePool:
    """Runs every task in the thread that submits it: no isolation of slow strategies."""

    def __init__(self, catalog: Catalog = STRATEGIES) -> None:
        self._host = Host(catalog, has_keyboard=True)
        self._outcomes: list[Outcome] = []
        self._answered = 0
        self._woken = threading.Event()

    def start(self, traders: Sequence[Trader]) -> None:
        """Build all strategies."""
        self._host.add_all(traders)

    def submit(self, tasks: Sequence[Task]) -> None:
        """Run the tasks."""
        self._outcomes.extend(self._host.ask(task) for task in tasks)

    def collect(self, timeout_s: float | None = None) -> list[Outcome]:
        """Return the outcomes, at once; without any it waits for a `wake` or the timeout."""
        outcomes, self._outcomes = self._outcomes, []
        self._answered += len(outcomes)
        if not outcomes:
            self._woken.wait(timeout_s)
        self._woken.clear()
        return outcomes

    def wake(self) -> None:
        """Let a `collect` return."""
        self._woken.set()

    def stop(self, timeout_s: float) -> bool:
        """Return True: there is nothing to end."""
        return True

    def counters(self) -> PoolCounters:
        """Return what was done so far."""
        return PoolCounters(self._answered, 0, 0, 0)


class ThreadPool:
    """Runs tasks on threads: isolates traders from slow ones, makes nothing faster under a GIL.

    When every worker has been at its task for `patience_s` and tasks wait, one more is started, up
    to one per trader: so a strategy that sleeps holds up no other. None never starts one.
    """

    def __init__(
        self,
        workers: int,
        catalog: Catalog = STRATEGIES,
        patience_s: float | None = 0.05,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base = need_int("workers", workers, 1, 1024)
        self._patience_s = patience_s
        self._clock_s = clock_s
        self._host = Host(catalog)
        self._changed = threading.Condition()
        self._waiting: dict[int, deque[Task]] = {}
        self._ready: deque[int] = deque()
        self._busy: dict[int, float] = {}
        self._threads: list[threading.Thread] = []
        self._outcomes: list[Outcome] = []
        self._is_woken = False
        self._is_stopping = False
        self._answered = 0
        self._added = 0

    def start(self, traders: Sequence[Trader]) -> None:
        """Build all strategies and start the workers."""
        self._host.add_all(traders)
        self._waiting = {trader.index: deque() for trader in traders}
        for _ in range(min(self._base, max(len(traders), 1))):
            self._start_worker()

    def submit(self, tasks: Sequence[Task]) -> None:
        """Put the tasks in the queues of their traders."""
        with self._changed:
            if not self._threads or self._is_stopping:
                raise InvalidValueError("pool: expected it to run, found it stopped")
            for task in tasks:
                queue = self._waiting[task.trader]
                if not queue and task.trader not in self._busy:
                    self._ready.append(task.trader)
                queue.append(task)
            self._changed.notify_all()

    def collect(self, timeout_s: float | None = None) -> list[Outcome]:
        """Return outcomes; while it waits it sees to it that slow tasks hold nobody up."""
        deadline = None if timeout_s is None else self._clock_s() + timeout_s
        with self._changed:
            while not self._outcomes and not self._is_woken:
                rest = None if deadline is None else deadline - self._clock_s()
                if rest is not None and rest <= 0:
                    break
                self._relieve()
                self._changed.wait(least_wait(rest, self._patience_s))
            outcomes, self._outcomes = self._outcomes, []
            self._is_woken = False
            self._relieve()
            return outcomes

    def wake(self) -> None:
        """Let a `collect` return."""
        with self._changed:
            self._is_woken = True
            self._changed.notify_all()

    def stop(self, timeout_s: float) -> bool:
        """Let each worker finish its task; the tasks that wait are not run."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        deadline = self._clock_s() + timeout_s
        for thread in self._threads:
            thread.join(max(deadline - self._clock_s(), 0))
        return not any(thread.is_alive() for thread in self._threads)

    def counters(self) -> PoolCounters:
        """Return what was done so far."""
        with self._changed:
            alive = sum(thread.is_alive() for thread in self._threads)
            return PoolCounters(self._answered, alive, self._added, 0)

    def _relieve(self) -> None:
        """Start one more worker if all are stuck and a task waits."""
        if self._patience_s is None or not self._ready or self._is_stopping:
            return
        now_s = self._clock_s()
        stuck = sum(now_s - since >= self._patience_s for since in self._busy.values())
        if stuck >= len(self._threads) and len(self._threads) < len(self._waiting):
            self._added += 1
            self._start_worker()

    def _start_worker(self) -> None:
        name = f"worker-{len(self._threads)}"
        # A daemon: a strategy that never returns must not keep the program from ending.
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        """Run tasks, one of one trader at a time, until the pool stops."""
        while (task := self._next()) is not None:
            outcome = self._host.ask(task)
            with self._changed:
                del self._busy[task.trader]
                if self._waiting[task.trader]:
                    self._ready.append(task.trader)
                self._outcomes.append(outcome)
                self._answered += 1
                self._changed.notify_all()

    def _next(self) -> Task | None:
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._is_stopping)
            if self._is_stopping:
                return None
            trader = self._ready.popleft()
            self._busy[trader] = self._clock_s()
            return self._waiting[trader].popleft()


def least_wait(one: float | None, other: float | None) -> float | None:
    """Return the lesser of two waits, where None is for ever."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)

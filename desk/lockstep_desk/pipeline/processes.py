"""A pool of worker processes that notices a killed worker and loses nothing with it.

Owns the processes and, per trader, what rebuilds its strategy anywhere: a state now and then, and
the tasks since. A worker that dies is replaced; its traders are loaded into the new one and the
tasks that it had not answered are asked again, so its death can be seen in no outcome. A task under
which a worker dies again and again fails, as if its strategy had raised.
Invariant: at most one message is on its way to a worker, so no pipe can fill from both ends.
"""

import contextlib
import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from multiprocessing.context import SpawnProcess
from selectors import EVENT_READ, DefaultSelector
from threading import Lock

from lockstep_desk.errors import InvalidValueError, need_int
from lockstep_desk.pipeline.actor import Outcome, Task, failed
from lockstep_desk.pipeline.pool import PoolCounters, least_wait
from lockstep_desk.pipeline.router import Trader
from lockstep_desk.pipeline.worker import (
    REPLIES,
    Answers,
    Ask,
    CannotHold,
    Load,
    Loaded,
    Reply,
    Stop,
    send,
    work,
)
from lockstep_desk.strategy.catalog import STRATEGIES, Catalog
from lockstep_kernel import CannotRunError

_SPAWN = multiprocessing.get_context("spawn")
_DEATHS_MAX = 3
_LOAD_KILLS_MAX = 20
_FIRST_LOAD_S = 60.0


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """How a pool of processes works.

    `batch_max` tasks go to a worker in one message: 1 keeps traders apart, many make it fast.
    `state_every` tasks a trader's state is fetched. `patience_s`: a worker that is at its message
    for longer gives its other traders away; None lets them wait.
    """

    batch_max: int = 1
    state_every: int = 256
    patience_s: float | None = 0.25

    def __post_init__(self) -> None:
        need_int("batch_max", self.batch_max, 1)
        need_int("state_every", self.state_every, 1)


@dataclass(slots=True)
class _Record:
    """What rebuilds a trader's strategy: a state, and the tasks answered since."""

    trader: Trader
    state: bytes | None = None
    log: list[Task] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Worker:
    """One process: what it was asked and has not answered, and what it is asked next."""

    process: SpawnProcess
    pipe: Connection
    asked: tuple[Task, ...] = ()
    loading: deque[int] = field(default_factory=deque)
    queue: deque[Task] = field(default_factory=deque)
    is_busy: bool = False
    since_s: float = 0.0
    deaths: int = 0
    load_deaths: int = 0


class ProcessPool:
    """Runs tasks in processes started by spawn. One thread submits, collects and stops."""

    def __init__(
        self,
        workers: int,
        catalog: Catalog = STRATEGIES,
        options: ProcessOptions | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`catalog` is sent to the workers: what it holds must be importable there."""
        self._base = need_int("workers", workers, 1, 256)
        self._catalog = catalog
        self._options = options or ProcessOptions()
        self._clock_s = clock_s
        self._records: list[_Record] = []
        self._homes: list[_Worker] = []
        self._workers: list[_Worker] = []
        self._outcomes: list[Outcome] = []
        self._woken, self._waker = Pipe(duplex=False)
        self._selector = DefaultSelector()
        self._selector.register(self._woken, EVENT_READ)
        self._waker_lock = Lock()
        self._answered = 0
        self._added = 0
        self._died = 0
        self._unkept = 0

    @property
    def process_ids(self) -> list[int]:
        """Return the ids of the worker processes, in their order."""
        return [worker.process.pid or 0 for worker in self._workers]

    def start(self, traders: Sequence[Trader]) -> None:
        """Start the workers and load every trader; raise if one cannot be built or pickled."""
        self._records = [_Record(trader) for trader in traders]
        self._workers = [self._new_worker() for _ in range(min(self._base, max(len(traders), 1)))]
        self._homes = [self._workers[place % len(self._workers)] for place in range(len(traders))]
        for place, worker in enumerate(self._homes):
            worker.loading.append(place)
        try:
            self._load_all(self._clock_s() + _FIRST_LOAD_S)
        except BaseException:
            self.stop(1.0)
            raise

    def submit(self, tasks: Sequence[Task]) -> None:
        """Queue the tasks at the workers that hold their traders, and send what can be sent."""
        if not self._workers:
            raise InvalidValueError("pool: expected it to run, found it stopped")
        for task in tasks:
            self._homes[task.trader].queue.append(task)
        for worker in self._workers:
            self._feed(worker)

    def collect(self, timeout_s: float | None = None) -> list[Outcome]:
        """Return outcomes; meanwhile replace workers that died, and relieve those that are slow."""
        deadline = None if timeout_s is None else self._clock_s() + timeout_s
        is_woken = False
        while not self._outcomes and not is_woken:
            rest = None if deadline is None else max(deadline - self._clock_s(), 0)
            is_woken = self._turn(rest)
            if deadline is not None and self._clock_s() >= deadline:
                break
        outcomes, self._outcomes = self._outcomes, []
        self._answered += len(outcomes)
        return outcomes

    def wake(self) -> None:
        """Let a `collect` in another thread return."""
        with self._waker_lock, contextlib.suppress(OSError):
            if not self._woken.poll():
                self._waker.send_bytes(b"!")

    def stop(self, timeout_s: float) -> bool:
        """Ask all to end; whoever does not in time is killed. Return False if one was."""
        workers, self._workers = self._workers, []
        self._selector.close()
        for worker in workers:
            if not worker.is_busy:
                with contextlib.suppress(OSError):
                    send(worker.pipe, Stop())
            worker.pipe.close()
        deadline = self._clock_s() + timeout_s
        for worker in workers:
            worker.process.join(max(deadline - self._clock_s(), 0))
        late = [worker for worker in workers if worker.process.is_alive()]
        for worker in late:
            worker.process.kill()
            worker.process.join()
        with self._waker_lock:
            self._waker.close()
            self._woken.close()
        return not late

    def counters(self) -> PoolCounters:
        """Return what was done so far."""
        workers = len(self._workers)
        return PoolCounters(self._answered, workers, self._added, self._died, self._unkept)

    def _load_all(self, deadline: float) -> None:
        for worker in self._workers:
            self._feed(worker)
        while any(worker.is_busy for worker in self._workers):
            if self._clock_s() > deadline:
                raise CannotRunError("pool: expected its workers to start, found them silent")
            self._turn(1.0)

    def _new_worker(self) -> _Worker:
        ours, theirs = Pipe()
        process = _SPAWN.Process(target=work, args=(theirs, self._catalog), daemon=True)
        process.start()
        theirs.close()
        worker = _Worker(process, ours)  # pyright: ignore[reportArgumentType]  # POSIX has one kind
        self._selector.register(worker.pipe, EVENT_READ, worker)
        return worker

    def _turn(self, timeout_s: float | None) -> bool:
        """Wait for news and deal with it; return whether somebody woke the pool."""
        self._relieve()
        found = self._selector.select(least_wait(timeout_s, self._options.patience_s))
        ready = [key.data for key, _ in found]
        # In the order of the workers, whatever order they were found in.
        for worker in [worker for worker in self._workers if worker in ready]:
            self._hear(worker)
        if None in ready:
            self._woken.recv_bytes()
            return True
        return False

    def _hear(self, worker: _Worker) -> None:
        try:
            reply = REPLIES.decode(worker.pipe.recv_bytes())
        except (EOFError, OSError):
            self._bury(worker)
            return
        worker.is_busy = False
        self._take(worker, reply)
        self._feed(worker)

    def _take(self, worker: _Worker, reply: Reply) -> None:
        match reply:
            case Answers():
                for task, outcome in zip(worker.asked, reply.outcomes, strict=True):
                    self._records[task.trader].log.append(task)
                    self._outcomes.append(outcome)
                for place, state in reply.states:
                    self._records[place].state = state
                    self._records[place].log.clear()
                self._unkept += len(reply.unkept)
                worker.asked, worker.deaths = (), 0
            case Loaded():
                worker.loading.popleft()
            case CannotHold():
                raise InvalidValueError(f"trader {reply.trader}: {reply.error}")

    def _feed(self, worker: _Worker) -> None:
        """Send the next message if none is on its way: what it must hold, then what it is asked."""
        if worker.is_busy or not (worker.loading or worker.queue):
            return
        if worker.loading:
            record = self._records[worker.loading[0]]
            message: Load | Ask = Load(record.trader, record.state, tuple(record.log))
        else:
            # After a death one task at a time, so that the one that kills can be told.
            count = 1 if worker.deaths else self._options.batch_max
            worker.asked = tuple(
                worker.queue.popleft() for _ in range(min(count, len(worker.queue)))
            )
            message = Ask(worker.asked, self._states_due(worker.asked))
        worker.is_busy, worker.since_s = True, self._clock_s()
        # A worker that is gone is noticed where its answer is awaited.
        with contextlib.suppress(OSError):
            send(worker.pipe, message)

    def _states_due(self, tasks: tuple[Task, ...]) -> tuple[int, ...]:
        places = sorted({task.trader for task in tasks})
        every = self._options.state_every
        return tuple(place for place in places if len(self._records[place].log) >= every)

    def _bury(self, worker: _Worker) -> None:
        """Start a worker in the place of one that died, and give it all that the dead one had."""
        self._died += 1
        self._selector.unregister(worker.pipe)
        worker.pipe.close()
        worker.process.kill()
        worker.process.join()
        asked, deaths = worker.asked, worker.deaths + bool(worker.asked)
        if deaths >= _DEATHS_MAX and len(asked) == 1:
            self._give_up(asked[0], f"its worker died {deaths} times")
            asked, deaths = (), 0
        heir = self._new_worker()
        heir.deaths = deaths
        heir.load_deaths = _load_deaths(worker)
        heir.queue.extend((*asked, *worker.queue))
        self._workers[self._workers.index(worker)] = heir
        for place, home in enumerate(self._homes):
            if home is worker:
                self._homes[place] = heir
                heir.loading.append(place)
        self._feed(heir)

    def _give_up(self, task: Task, error: str) -> None:
        """Let a task fail as if the strategy had raised: the next one goes to a fresh strategy."""
        self._outcomes.append(failed(task, error))
        self._records[task.trader] = _Record(self._records[task.trader].trader)

    def _relieve(self) -> None:
        """Take the waiting traders away from workers that are at their message for too long."""
        patience_s = self._options.patience_s
        if patience_s is None:
            return
        now_s = self._clock_s()
        stuck = [
            w for w in self._workers if w.is_busy and w.asked and now_s - w.since_s >= patience_s
        ]
        for worker in stuck:
            held_up = sorted({task.trader for task in worker.queue})
            moving = [place for place in held_up if place not in {t.trader for t in worker.asked}]
            if moving:
                self._move(moving, worker, self._free_worker(stuck))

    def _free_worker(self, stuck: list[_Worker]) -> _Worker:
        """Return the worker with the fewest tasks that is not stuck, or a new one."""
        free = [worker for worker in self._workers if worker not in stuck]
        if free:
            return min(free, key=lambda worker: len(worker.queue))
        self._added += 1
        worker = self._new_worker()
        self._workers.append(worker)
        return worker

    def _move(self, places: list[int], worker: _Worker, heir: _Worker) -> None:
        for place in places:
            self._homes[place] = heir
            heir.loading.append(place)
        staying = [task for task in worker.queue if task.trader not in places]
        heir.queue.extend(task for task in worker.queue if task.trader in places)
        worker.queue = deque(staying)
        self._feed(heir)


def _load_deaths(worker: _Worker) -> int:
    """Return how often in a row a worker died before it held its traders; too often raises.

    One that ends by itself cannot start at all, and is given up soon; one that is killed may have
    been in somebody's way.
    """
    if not worker.loading:
        return 0
    exit_code = worker.process.exitcode or 0
    deaths = worker.load_deaths + 1
    if deaths >= (_DEATHS_MAX if exit_code >= 0 else _LOAD_KILLS_MAX):
        raise CannotRunError(
            f"pool: expected a worker to load its traders, found it dead {deaths} times, last with "
            f"exit code {exit_code}"
        )
    return deaths

"""The host: the process that runs exchange, desk, pipeline and stage of a demo, and may be killed.

Run as `python -m lockstep_desk.demo`. Its first line on stdin says what to run; when stdin
ends, its director is gone, and it ends. It tells what happens in lines on stdout (`messages`), and
in one sentence on stderr why it cannot go on.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from lockstep_desk.adapters.exchange.venue import ACCOUNT, VENUE
from lockstep_desk.clock import WallClock
from lockstep_desk.core.codes import Health, Link, TradingState
from lockstep_desk.core.commands import CancelOrders, SetTradingState
from lockstep_desk.core.view import DeskView
from lockstep_desk.demo.messages import Ended, Message, Opened, to_line
from lockstep_desk.demo.plan import Plan, deployments
from lockstep_desk.demo.post import Post
from lockstep_desk.demo.script import FOUND
from lockstep_desk.demo.stage import Stage, Wings
from lockstep_desk.demo.status import Reporter
from lockstep_desk.live import LiveDesk, live_services
from lockstep_desk.pipeline.live import LiveOptions, Pipeline
from lockstep_desk.pipeline.processes import ProcessPool
from lockstep_desk.pipeline.router import Router
from lockstep_desk.pipeline.supervisor import Service, Supervisor, ThreadService
from lockstep_kernel import CannotRunError
from lockstep_kernel.errors import EXIT_CANNOT_RUN, EXIT_OK, LockstepError

_WORKERS: Final = 4
_TURN_S: Final = 0.05
_QUIET_S: Final = 20.0
_STOP_S: Final = 30.0


class Order(msgspec.Struct, frozen=True):
    """What a host is to run: the demo of a directory, without the parts of the script in `done`."""

    directory: str
    plan: Plan
    done: tuple[str, ...] = ()


class Host:
    """Everything of one demo, in one process beside the strategies' workers."""

    def __init__(self, order: Order, tell: Callable[[Message], None]) -> None:
        self._order = order
        self._tell = tell
        self._clock = WallClock()
        self._post: Post | None = None

    def run(self) -> None:
        """Run the demo to its end, and close both journals."""
        started_s = time.monotonic()
        post = Post(self._order.plan, Path(self._order.directory), self._clock)
        self._post = post
        seconds = time.monotonic() - started_s
        self._tell(Opened(post.recovered, post.replayed, seconds))
        swept = post.boot()
        self._tell(swept)
        done = {*self._order.done, *(FOUND for one in swept.found if one.is_of_stop)}
        self._trade(post, frozenset(done))
        marks = post.marks
        self.close()
        self._tell(Ended(marks))

    def close(self) -> None:
        """Close what is open."""
        if self._post is not None:
            self._post.close()

    def _trade(self, post: Post, done: frozenset[str]) -> None:
        """Let the strategies trade to the end of the market, then wind up."""
        router = Router([named.trader for named in deployments()])
        pool = ProcessPool(_WORKERS)
        pool.start(router.traders)
        try:
            desk = LiveDesk(post.engine, router, self._order.plan.candle_ns)
            pipeline = Pipeline(router, pool, desk, desk.send, LiveOptions())
            wings = Wings(post, pipeline, pool, self._clock, self._tell)
            stage = Stage(self._order.plan, wings, _Relinker(desk, post, self._tell), done)
            services: list[Service] = [
                ThreadService("stage", stage),
                *live_services(pipeline, desk, {VENUE: post.shared}),
                ThreadService("reporter", Reporter(desk, wings, stage)),
            ]
            desk.process(SetTradingState(TradingState.ENABLED))
            with Supervisor(services, _STOP_S) as supervisor:
                while not stage.is_over:
                    supervisor.check()
                    time.sleep(_TURN_S)
                self._wind_up(desk, supervisor)
            self._tell(desk.drive(partial(post.sweep, "at the end", desk.driver)))
            desk.shutdown()
        finally:
            pool.stop(_STOP_S)

    def _wind_up(self, desk: LiveDesk, supervisor: Supervisor) -> None:
        """Let strategies want nothing more, cancel what rests, and wait until all is answered.

        What is never answered is for the last sweep to tell.
        """
        desk.process(SetTradingState(TradingState.DISABLED))
        desk.process(CancelOrders())
        deadline_s = time.monotonic() + _QUIET_S
        while desk.read(lambda view: bool(view.orders())) and time.monotonic() < deadline_s:
            supervisor.check()
            time.sleep(_TURN_S)


class _Relinker:
    """Has the link again, in the order of [RECON-31]: the sweep, the link, and then trading."""

    def __init__(self, desk: LiveDesk, post: Post, tell: Callable[[Message], None]) -> None:
        self._desk = desk
        self._post = post
        self._tell = tell

    def relink(self) -> None:
        """Sweep, have the link deliver again, and enable trading."""
        self._wait_for_loss()
        why = "as the link is back"
        sweep = partial(self._post.sweep, why, self._desk.driver, is_linking=True)
        self._tell(self._desk.drive(sweep))
        self._desk.process(SetTradingState(TradingState.ENABLED))

    def _wait_for_loss(self) -> None:
        """Wait until the desk took the loss in: coming after the sweep it would stop trading."""
        deadline_s = time.monotonic() + _QUIET_S
        while not self._desk.read(is_blind) and time.monotonic() < deadline_s:
            time.sleep(_TURN_S)


def is_blind(view: DeskView) -> bool:
    """Return whether a desk knows that the link to its account is lost.

    Its market's link says nothing: an event that was under way heals it.
    """
    return view.health(Link.ACCOUNT, ACCOUNT) is Health.RECONNECTING


def _teller() -> Callable[[Message], None]:
    """Return what writes messages to stdout: whole lines, from any thread."""
    lock = threading.Lock()

    def tell(message: Message) -> None:
        line = to_line(message)
        with lock:
            os.write(sys.stdout.fileno(), line)

    return tell


def _end_with_director() -> None:
    """Wait for the end of stdin; then nobody is there for whom to go on."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


def _ordered() -> Order:
    line = sys.stdin.buffer.readline()
    try:
        return msgspec.json.decode(line, type=Order)
    except msgspec.DecodeError as error:
        raise CannotRunError(f"expected an order for a host on stdin: {error}") from None


def main() -> int:
    """Run a host and return its exit code."""
    # Ctrl-C goes to the whole process group; it is the director that decides when a host ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        host = Host(_ordered(), _teller())
        threading.Thread(target=_end_with_director, daemon=True).start()
        try:
            host.run()
        finally:
            host.close()
    except LockstepError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"{where}{error.strerror or error}", file=sys.stderr)
        return EXIT_CANNOT_RUN
    except Exception as error:  # noqa: BLE001  # the top guard: one sentence, no traceback
        print(f"internal error: {type(error).__name__}: {error}", file=sys.stderr)
        return EXIT_CANNOT_RUN
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())

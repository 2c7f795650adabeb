"""The stage: the market moves, and at their times the things of the script happen.

Owns the feed's thread. How far the market moved stands in the exchange's journal, so a host that
begins again goes on with the next move. A part of the script that was cut short happens again from
its beginning; one whose trace is in a journal, or that the director noted, does not.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

import msgspec

from lockstep_desk.adapters.exchange.durable import DurableVenue, NativeStop
from lockstep_desk.backtest.moves import Move
from lockstep_desk.clock import Clock
from lockstep_desk.demo.messages import Happened, Message
from lockstep_desk.demo.plan import MAKER, STOPPED, Plan, deployments, index_of
from lockstep_desk.demo.post import Post
from lockstep_desk.demo.script import FOUND, LOST, STOPPED_OUT, WORKER
from lockstep_desk.demo.words import fill_text
from lockstep_desk.pipeline.live import Pipeline
from lockstep_desk.pipeline.processes import ProcessPool
from lockstep_desk.strategy.market import Candle
from lockstep_desk.types import Side

_NOTCH_BPS: Final = 60
_REPLACED_S: Final = 20.0
_POSITION_S: Final = 5.0
_TURN_S: Final = 0.02


class Desk(Protocol):
    """What the stage needs of the desk."""

    def relink(self) -> None:
        """Sweep, have the link deliver again, and enable trading."""
        ...


class Victim(NamedTuple):
    """A worker that was killed; `requested` counts the orders of its strategy when it had an heir,
    -1 before.
    """

    pid: int
    place: int
    killed_s: float
    requested: int = -1


class Wings(msgspec.Struct, frozen=True):
    """What stands around the stage."""

    post: Post
    pipeline: Pipeline
    pool: ProcessPool
    clock: Clock
    tell: Callable[[Message], None]


class Stage:
    """Moves the market to its end. `done` are the parts of the script that happened before."""

    def __init__(self, plan: Plan, wings: Wings, desk: Desk, done: frozenset[str]) -> None:
        self.is_linked = True
        self.is_over = False
        self._plan = plan
        self._wings = wings
        self._desk = desk
        self._done = set(done)
        self._lost_at = 0
        self._victim: Victim | None = None

    def __call__(self, stop: threading.Event) -> None:
        """Run until the market came to its end, or the flag is set."""
        first = self._wings.post.venue.moved
        start_s = time.monotonic()
        for number, move in enumerate(self._plan.moves(first), first):
            due_s = start_s + (number - first) * self._plan.move_us / 1e6
            if stop.wait(max(due_s - time.monotonic(), 0)):
                return
            self._act(number)
            self._move(move)
        self._make_up_for_outage(stop)
        self._see_to_worker(stop)
        self.is_over = True

    def _act(self, number: int) -> None:
        """Let what the script wants before a move happen."""
        plan = self._plan
        if self._victim is not None:
            self._look_after(self._victim)
        elif number >= plan.worker_at and WORKER not in self._done:
            self._kill_worker()
        if number >= plan.lost_at and self.is_linked and FOUND not in self._done:
            self._lose(number)
        has_fired = not self.is_linked and self._wings.post.venue.stop is None
        if has_fired and number - self._lost_at >= plan.back_after:
            self._find()

    def _move(self, move: Move) -> None:
        """Move the market; a candle goes over the link, if it is there."""
        wings, stop = self._wings, self._wings.post.venue.stop
        price_e9 = move.price_e9
        is_time = wings.post.venue.moved - self._lost_at >= self._plan.hit_after
        if stop is not None and move.instrument == stop.instrument and is_time:
            # For a moment the market goes through the native stop.
            price_e9 = _beyond_e9(stop, price_e9)
        self._show(move.instrument, price_e9)
        if isinstance(move.event, Candle) and self.is_linked:
            closed = msgspec.structs.replace(move.event, ts_ns=wings.clock.now_ns())
            wings.pipeline.publish(closed)

    def _show(self, instrument: str, price_e9: int) -> None:
        """Move the market of an instrument, and tell of a native stop that this fires."""
        venue = self._wings.post.venue

        def show() -> str:
            had_stop = venue.stop is not None
            venue.show(instrument, price_e9)
            has_fired = had_stop and venue.stop is None
            return fill_text(venue.session.account.fills[-1]) if has_fired else ""

        fired = self._wings.post.shared.act(show)
        if fired:
            text = f"native stop fires unseen: {instrument}, {fired}"
            self._wings.tell(Happened(STOPPED_OUT, text))

    # The parts

    def _kill_worker(self) -> None:
        """Kill a worker process as the kernel would."""
        workers = self._wings.pool.process_ids
        place = deployments()[index_of(MAKER)].trader.index % len(workers)
        self._victim = Victim(workers[place], place, time.monotonic())
        os.kill(workers[place], signal.SIGKILL)

    def _look_after(self, victim: Victim) -> None:
        """Tell of a killed worker once its strategy wants something again, in another worker.

        When the market stands still, it is enough that it has seen all that there is.
        """
        wings, trader = self._wings, deployments()[index_of(MAKER)].trader
        heir = wings.pool.process_ids[victim.place]
        if heir == victim.pid:
            return
        requested = wings.post.heard.requested(trader.deployment_id)
        if victim.requested < 0:
            # Only now: what the dead one had answered may still have been under way before.
            victim = self._victim = victim._replace(requested=requested)
        wants = requested > victim.requested
        is_still = wings.post.venue.moved >= self._plan.total
        if not wants and not (is_still and wings.pipeline.backlog(trader.index) == 0):
            return
        self._victim = None
        self._done.add(WORKER)
        after_s = time.monotonic() - victim.killed_s
        text = f"worker {victim.pid} of {MAKER} killed by SIGKILL; {heir} goes on"
        wings.tell(Happened(WORKER, f"{text} after {after_s:.1f} s"))

    def _see_to_worker(self, stop: threading.Event) -> None:
        """Kill a worker after all if none was, and wait for the one in its place."""
        if WORKER not in self._done and self._victim is None:
            self._kill_worker()
        deadline_s = time.monotonic() + _REPLACED_S
        while self._victim is not None and time.monotonic() < deadline_s:
            self._look_after(self._victim)
            stop.wait(_TURN_S)

    def _lose(self, number: int) -> None:
        """Lose the link, and leave a native stop at the broker for what is held then."""
        venue = self._wings.post.venue

        def lose() -> NativeStop | None:
            stop = _stop_for(venue)
            if stop is not None:
                venue.session.disconnect()
                venue.stop = stop
            return stop

        stop = self._wings.post.shared.act(lose)
        if stop is None:
            return
        self.is_linked = False
        self._lost_at = number
        self._wings.tell(Happened(LOST, "link to the broker lost; trading stops"))

    def _make_up_for_outage(self, stop: threading.Event) -> None:
        """Let what the script has of an outage, and what there was no time for, happen now."""
        deadline_s = time.monotonic() + _POSITION_S
        while self.is_linked and FOUND not in self._done and time.monotonic() < deadline_s:
            self._lose(self._plan.total)
            stop.wait(_TURN_S)
        native = self._wings.post.venue.stop
        if native is not None:
            self._show(native.instrument, _beyond_e9(native, native.trigger_e9))
        if not self.is_linked:
            self._find()

    def _find(self) -> None:
        """Have the link again: the desk sweeps before it trades."""
        self._desk.relink()
        self.is_linked = True
        self._done.add(FOUND)


def _beyond_e9(stop: NativeStop, price_e9: int) -> int:
    """Return a price at which a native stop fires: this one, or one beyond its trigger."""
    notch_e9 = stop.trigger_e9 * _NOTCH_BPS // 10_000
    if stop.side is Side.SELL:
        return min(price_e9, stop.trigger_e9 - notch_e9)
    return max(price_e9, stop.trigger_e9 + notch_e9)


def _stop_for(venue: DurableVenue) -> NativeStop | None:
    """Return a stop for what the account holds, None if it holds nothing or there is no price."""
    account = venue.session.account
    held = {report.instrument: report.qty_e8 for report in account.position_reports()}
    qty_e8, price_e9 = held.get(STOPPED, 0), venue.shown_e9.get(STOPPED, 0)
    if not qty_e8 or not price_e9:
        return None
    away_e9 = price_e9 * _NOTCH_BPS // 10_000
    if qty_e8 > 0:
        return NativeStop(STOPPED, Side.SELL, qty_e8, price_e9 - away_e9)
    return NativeStop(STOPPED, Side.BUY, -qty_e8, price_e9 + away_e9)

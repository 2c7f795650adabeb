"""The traders of a portfolio at work: who is asked about an event, and what becomes of the answer.

Owns market views, cadences and the guard. It runs on one thread and starts none; which worker
answers is the pool's business. The same events, standings and commands give the same tasks.
"""

import msgspec

from lockstep_desk.pipeline.actor import Outcome, Task
from lockstep_desk.pipeline.guard import FailurePolicy, Guard
from lockstep_desk.pipeline.port import (
    Answer,
    CommandKind,
    DeskPort,
    Seen,
    Standing,
    TraderCommand,
)
from lockstep_desk.pipeline.router import Router
from lockstep_desk.strategy.base import Context
from lockstep_desk.strategy.market import MarketEvent, MarketView, first_view


class Totals(msgspec.Struct):
    """What a portfolio did so far; `unrouted` events are of instruments that nobody trades."""

    events: int = 0
    unrouted: int = 0
    tasks: int = 0
    intents: int = 0
    refused: int = 0
    failures: int = 0
    halts: int = 0


class Portfolio:
    """Traders, the markets they see, and their health."""

    def __init__(self, router: Router, desk: DeskPort, policy: FailurePolicy) -> None:
        self.router = router
        self.guard = Guard.of(len(router.traders), policy)
        self.totals = Totals()
        self._desk = desk
        self._views: dict[str, MarketView] = {}
        self._due_ns = [0] * len(router.traders)
        self._missed = [0] * len(router.traders)

    def observe(self, event: MarketEvent) -> tuple[MarketView, Seen]:
        """Put an event into the desk's journal; return what the market looks like after it."""
        return self.see(event, self._desk.observe(event))

    def see(self, event: MarketEvent, seen: Seen) -> tuple[MarketView, Seen]:
        """Return what the market looks like after an event that is in the desk's journal."""
        before = self._views.get(event.instrument)
        view = first_view(event) if before is None else before.after(event)
        self._views[event.instrument] = view
        self.totals.events += 1
        if not self.router.traders_of(event.instrument):
            self.totals.unrouted += 1
        return view, seen

    def question(
        self, trader: int, view: MarketView, seen: Seen, standing: Standing
    ) -> Task | None:
        """Return the task for a trader, None if it is not to be asked now: the event is missed."""
        if seen.now_ns < self._due_ns[trader] or not self.guard.may_run(trader, seen.now_ns):
            self._missed[trader] += 1
            return None
        who = self.router.traders[trader]
        if who.cadence_ns:
            self._due_ns[trader] = seen.now_ns + who.cadence_ns
        missed, self._missed[trader] = self._missed[trader], 0
        context = Context(
            deployment_id=who.deployment_id,
            instrument=who.instrument,
            market=msgspec.structs.replace(view, missed=missed) if missed else view,
            now_ns=seen.now_ns,
            seq_seen=seen.seq,
            holding=standing.holding,
            orders=standing.orders,
        )
        return Task(trader, context)

    def missed(self, trader: int, events: int) -> None:
        """Count events that never reached a trader."""
        self._missed[trader] += events

    def answer(self, outcome: Outcome) -> Answer | None:
        """Return what a trader wants, None if nothing; a failure is counted, and may halt."""
        self.totals.tasks += outcome.used
        self.totals.refused += outcome.refused
        if outcome.error:
            self._fail(outcome)
            return None
        if not outcome.intents:
            return None
        self.totals.intents += len(outcome.intents)
        who = self.router.traders[outcome.trader]
        return Answer(who, outcome.seq_seen, outcome.now_ns, outcome.intents)

    def command(self, command: TraderCommand) -> None:
        """Write a command down, and carry it out for each trader that it names."""
        named = self.router.named_by(command.target)
        self._desk.record(command)
        for trader in named:
            if command.kind is CommandKind.CLEAR:
                self.guard.clear(trader)
            else:
                self.guard.healths[trader].is_paused = command.kind is CommandKind.PAUSE

    def _fail(self, outcome: Outcome) -> None:
        self.totals.failures += 1
        if self.guard.failed(outcome.trader, outcome.now_ns, outcome.error):
            self.totals.halts += 1
            counted = self.guard.healths[outcome.trader].counted
            reason = f"its strategy failed {counted} times, last with {outcome.error}"
            self._desk.halt(self.router.traders[outcome.trader].deployment_id, reason)

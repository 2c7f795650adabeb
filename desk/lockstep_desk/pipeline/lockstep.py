"""The reproducible way to run: the result is the same for any pool and any number of workers (I15).

Owns the rounds. A round takes `batch` events, asks every trader concerned, waits for all answers
and submits them ordered by (sequence number seen, trader index). What is asked depends on events
and standings alone, so the order in which workers finish shows nowhere. The batch size is part of
the result: within a round nobody sees what the others of that round want.
"""

from collections.abc import Iterable
from itertools import islice

from lockstep_desk.errors import need_int
from lockstep_desk.pipeline.actor import Task
from lockstep_desk.pipeline.guard import FailurePolicy
from lockstep_desk.pipeline.pool import Pool, run_all
from lockstep_desk.pipeline.port import DeskPort, TraderCommand
from lockstep_desk.pipeline.portfolio import Portfolio, Totals
from lockstep_desk.pipeline.router import Router
from lockstep_desk.strategy.market import MarketEvent


class Lockstep:
    """Runs a portfolio on a feed, round by round, in the thread that calls it."""

    def __init__(
        self,
        router: Router,
        pool: Pool,
        desk: DeskPort,
        policy: FailurePolicy | None = None,
        batch: int = 1,
    ) -> None:
        self.portfolio = Portfolio(router, desk, policy or FailurePolicy())
        self._pool = pool
        self._desk = desk
        self._batch = need_int("batch", batch, 1, 1_000_000)

    def run(self, events: Iterable[MarketEvent]) -> Totals:
        """Run the events to their end; return what was done so far. The pool must be started."""
        remaining = iter(events)
        while batch := list(islice(remaining, self._batch)):
            self._round(batch)
        return self.portfolio.totals

    def command(self, command: TraderCommand) -> None:
        """Carry an operator's command out, between two rounds."""
        self.portfolio.command(command)

    def _round(self, events: list[MarketEvent]) -> None:
        tasks: list[Task] = []
        for event in events:
            view, seen = self.portfolio.observe(event)
            for trader in self.portfolio.router.traders_of(event.instrument):
                standing = self._desk.standing(self.portfolio.router.traders[trader])
                task = self.portfolio.question(trader, view, seen, standing)
                if task is not None:
                    tasks.append(task)
        for outcome in run_all(self._pool, tasks):
            answer = self.portfolio.answer(outcome)
            if answer is not None:
                self._desk.submit(answer)

"""The shell of a sweep: when one is due, ask the broker and hand its pages to the desk.

Owns the schedule of one account and the back-off after answers that did not come. It decides
nothing about the books: what it brings goes through the engine as a command, and is journaled.
"""

from typing import Protocol

import msgspec

from lockstep_desk.core.commands import ExitPosition, Reconcile
from lockstep_desk.core.handlers.exits import REFUSED
from lockstep_desk.core.recon.local import local_view
from lockstep_desk.core.state import DeskCore
from lockstep_desk.recon.broker import BrokerView, gather
from lockstep_desk.recon.config import SweepConfig
from lockstep_desk.recon.findings import Kind
from lockstep_desk.recon.retry import FaultKind, GiveUp, after_failure
from lockstep_desk.recon.schedule import SweepReason, SweepSchedule
from lockstep_desk.recon.sweep import request_for
from lockstep_desk.types import Alert, AuditTick
from lockstep_kernel.chain import State


class Driver(Protocol):
    """What a sweeper needs of the engine."""

    @property
    def state(self) -> State:
        """The state after the last durable command."""
        ...

    def process(self, event: msgspec.Struct) -> AuditTick:
        """Take one command to its end."""
        ...


class Sweeper:
    """Sweeps one account on boot, on demand and at an interval, by the time of commands.

    `alerts` are those that only the shell can raise: that it gave up trying for now. Trading should
    be enabled only once `is_booted`.
    """

    def __init__(
        self,
        driver: Driver,
        view: BrokerView,
        schedule: SweepSchedule,
        config: SweepConfig | None = None,
    ) -> None:
        self.driver = driver
        self.view = view
        self.schedule = schedule
        self.config = config or SweepConfig()
        self.alerts: list[Alert] = []

    @property
    def is_booted(self) -> bool:
        """Whether a whole sweep was done since this sweeper began."""
        return self.schedule.is_booted

    def demand(self) -> None:
        """Have the next `sweep_if_due` sweep."""
        self.schedule = self.schedule.demanded()

    def sweep_if_due(self, now_ns: int) -> SweepReason | None:
        """Sweep if it is time to, and return why; None if it was not."""
        reason = self.schedule.due(now_ns)
        if reason is None:
            return None
        pages = gather(self.view, request_for(local_view(self.core, self.view.account)))
        # On boot no stream brings anything yet: nothing is too young to be missed.
        is_boot = not self.is_booted
        config = msgspec.structs.replace(self.config, grace_ns=0) if is_boot else self.config
        self.driver.process(Reconcile(pages, config))
        is_whole = not self._is_unreachable()
        self.schedule = self.schedule.swept(now_ns, is_whole)
        if not is_whole:
            self._note_failure(now_ns)
        return reason

    def exit(self, position_id: str, ordinal: int, qty_e8: int) -> bool:
        """Ask to close a part of a position; say whether it was published or had been before.

        What is deferred demands a sweep. What is refused was not published.
        """
        pages = gather(self.view, request_for(local_view(self.core, self.view.account)))
        self.driver.process(
            ExitPosition(
                position_id, ordinal, qty_e8, pages.positions, pages.fills, pages.since_seq
            )
        )
        if position_id in self.core.reconciliation.deferred:
            self.demand()
        entries = (note.entry for note in self.core.reconciliation.messages.values())
        wanted = (position_id, ordinal)
        return any(
            entry is not None
            and entry.outcome != REFUSED
            and (entry.message.position_id, entry.message.ordinal) == wanted
            for entry in entries
        )

    @property
    def core(self) -> DeskCore:
        """The inside of the desk, for reading."""
        core = self.driver.state.core
        if not isinstance(core, DeskCore):
            raise TypeError(f"expected the state of a desk, found {type(core).__name__}")
        return core

    def _is_unreachable(self) -> bool:
        return any(
            standing.divergence.kind is Kind.UNREACHABLE
            and standing.divergence.account == self.view.account
            for standing in self.core.reconciliation.standing.values()
        )

    def _note_failure(self, now_ns: int) -> None:
        """Raise an alert once the attempts are used up; the waits go on at their longest."""
        schedule = self.schedule
        what = f"{self.view.venue}|{self.view.account}"
        if schedule.failures == schedule.backoff.attempts_max:
            found = after_failure(
                schedule.backoff, what, schedule.failures, FaultKind.RECOVERABLE, now_ns
            )
            if isinstance(found, GiveUp):
                self.alerts.append(found.alert)

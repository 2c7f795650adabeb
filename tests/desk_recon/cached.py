"""Runs in which pages come again that were true once: whole, or mixed with pages of now.

A proxy or a broker's replica answers so. At the end every fill is in the books once.
"""

import msgspec

from lockstep_desk.recon import BrokerPages, Draws, Outcome, gather, request_for
from tests.desk_recon.machine import MachineDesk
from tests.desk_recon.runs import Run

_ANSWERS = ("positions", "fills", "orders", "balances", "queries")


class CachedRun(Run):
    """A run of the desk's machine that keeps all pages; `cached` counts those that came again."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, MachineDesk)
        self.choices = Draws(seed * 2)
        self.past: list[BrokerPages] = []
        self.is_ending = False
        self.cached = 0

    def sweep(self) -> Outcome:
        pages = gather(self.broker, request_for(self.desk.view()))
        for _ in range(self.choices.below(3)):
            if self.past and not self.is_ending:
                self.sweep_cached(pages)
        self.past.append(pages)
        return super().sweep()

    def sweep_cached(self, pages: BrokerPages) -> None:
        """Sweep with pages from before; the same again must change nothing."""
        old = self.choices.pick(self.past)
        if self.choices.below(2):
            taken = {name: getattr(old, name) for name in _ANSWERS if self.choices.below(2)}
            old = msgspec.structs.replace(pages, **taken)
        self.desk.reconcile(old)
        again = self.desk.reconcile(old)
        self.need(again.is_quiet, f"cached pages changed something when they came again: {again}")
        self.cached += 1

    def finish(self) -> None:
        self.is_ending = True
        super().finish()

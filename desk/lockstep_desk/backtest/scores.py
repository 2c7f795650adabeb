"""What a run is judged by: the events of the desk's machine in, tear sheets and curves out.

Owns the account of profit per trader: closed positions as the desk told them, the open one at the
desk's own mark. The sheet PORTFOLIO is their sum. Every sheet is on the run's whole capital, so
the returns of traders add up to that of the portfolio.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from lockstep_desk.core.events import BalanceChanged, FillBooked, HoldingExited, OrderRefused
from lockstep_desk.core.view import DeskView
from lockstep_desk.pipeline.router import Trader
from lockstep_desk.reports import Curve, CurveTracker
from lockstep_desk.stats import Basis, ClosedTrade, SummaryTracker, TradingSummary
from lockstep_desk.types import E8
from lockstep_kernel.arith import div_half_even

PORTFOLIO: Final = "portfolio"


class Counts(msgspec.Struct):
    """How often what happened: executions, positions closed, orders that the desk refused."""

    fills: int = 0
    exits: int = 0
    refused: int = 0


class Scores:
    """A sink of the desk's sequencer. `mark` takes the equities after each event of the engine."""

    def __init__(
        self,
        traders: Sequence[tuple[str, Trader]],
        capital_e9: int,
        basis: Basis,
        clock: Callable[[], int],
    ) -> None:
        """Begin with the traders' names and the time as it is now."""
        self.counts = Counts()
        self._clock = clock
        self._traders = tuple(traders)
        self._name_of = {trader.deployment_id: name for name, trader in traders}
        names = (PORTFOLIO, *(name for name, _trader in traders))
        start_ns = clock()
        self._tracker = SummaryTracker(start_ns, basis, dict.fromkeys(names, capital_e9))
        self._curves = {name: CurveTracker(name, capital_e9, start_ns) for name in names}
        self._closed_e17 = {name: 0 for name, _trader in traders}
        self._pnl_e9 = dict.fromkeys(names, 0)

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        """Take the events of one command."""
        for event in events:
            match event:
                case FillBooked():
                    self.counts.fills += 1
                case HoldingExited():
                    self._close(event)
                case BalanceChanged():
                    self._tracker.balance(event.asset, self._clock(), event.total_e9)
                case OrderRefused():
                    self.counts.refused += 1
                case _:
                    pass

    def mark(self, view: DeskView) -> None:
        """Take what every trader made so far; an equity that did not move is no news."""
        total_e17 = 0
        for name, trader in self._traders:
            pnl_e17 = self._closed_e17[name]
            held = view.holding(trader.account, trader.instrument, trader.deployment_id)
            if held is not None:
                pnl_e17 += held.realised_e17 + (held.unrealised_mark_e17 or 0)
            total_e17 += pnl_e17
            self._mark(name, pnl_e17)
        self._mark(PORTFOLIO, total_e17)

    def report(self, end_ns: int) -> TradingSummary:
        """Return the sheets up to a time."""
        return self._tracker.report(end_ns)

    def curves(self) -> tuple[Curve, ...]:
        """Return the course of the portfolio's equity, then that of each trader's."""
        return tuple(tracker.report() for tracker in self._curves.values())

    def _close(self, exited: HoldingExited) -> None:
        name = self._name_of.get(exited.deployment)
        if name is None:
            return
        self.counts.exits += 1
        self._closed_e17[name] += exited.realised_e9 * E8 + exited.realised_rest
        cost_e9 = max(div_half_even(exited.entry_price_e9 * exited.qty_max_e8, E8), 1)
        trade = ClosedTrade(exited.realised_e9, cost_e9)
        self._tracker.close(name, trade)
        self._tracker.close(PORTFOLIO, trade)

    def _mark(self, name: str, pnl_e17: int) -> None:
        pnl_e9 = div_half_even(pnl_e17, E8)
        if pnl_e9 == self._pnl_e9[name]:
            return
        self._pnl_e9[name] = pnl_e9
        now_ns = self._clock()
        self._tracker.mark(name, now_ns, pnl_e9)
        self._curves[name].mark(now_ns, pnl_e9)

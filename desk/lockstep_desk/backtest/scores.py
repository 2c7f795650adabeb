"""What a run is judged by: the events of the desk's machine in, tear sheets and curves out.

Owns the account of profit per trader: closed positions as the desk told them, the open one at the
desk's own mark, and funding. A trader's sheet is on the capital of its account, that of an account
is the sum of its traders on the same capital, and PORTFOLIO the sum of all on all capital. Where
there is one account it is the portfolio, and has no sheet of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Final

import msgspec

from lockstep_desk.core.codes import Refusal
from lockstep_desk.core.events import (
    BalanceChanged,
    DeploymentHalted,
    FillBooked,
    HoldingExited,
    OrderEnded,
    OrderRefused,
    OrderRequested,
)
from lockstep_desk.core.view import DeskView
from lockstep_desk.oms.states import OrderState
from lockstep_desk.pipeline.router import Trader
from lockstep_desk.reports import Curve, CurveTracker
from lockstep_desk.stats import Basis, ClosedTrade, SummaryTracker, TradingSummary
from lockstep_desk.types import E8
from lockstep_kernel.arith import div_half_even

PORTFOLIO: Final = "portfolio"


def account_sheet(account: str) -> str:
    """Return what the sheet of an account is called."""
    return f"account {account}"


class Counts(msgspec.Struct):
    """How often what happened: executions, positions closed, halts, orders that came to nothing.

    `refused` by the desk, `rejected` by the exchange; `refusals` counts both by what was against,
    and what went with a warning by the limit that it passed.
    """

    fills: int = 0
    exits: int = 0
    halts: int = 0
    refused: int = 0
    rejected: int = 0
    refusals: dict[str, int] = msgspec.field(default_factory=dict[str, int])


class Scores:
    """A sink of the desk's sequencer. `mark` takes the equities after each event of the engine."""

    def __init__(
        self,
        traders: Sequence[tuple[str, Trader]],
        capital_e9: Mapping[str, int],
        basis: Basis,
        clock: Callable[[], int],
    ) -> None:
        """Begin with the traders' names, the capital of each account, and the time as it is now."""
        self.counts = Counts()
        self._clock = clock
        self._traders = tuple(traders)
        self._sums_of = {name: _sums_of(trader, capital_e9) for name, trader in traders}
        self._name_of = {trader.deployment_id: name for name, trader in traders}
        capitals = {PORTFOLIO: sum(capital_e9.values())}
        if len(capital_e9) > 1:
            capitals |= {account_sheet(name): capital for name, capital in capital_e9.items()}
        self._sums = tuple(capitals)
        capitals |= {name: capital_e9[trader.account] for name, trader in traders}
        start_ns = clock()
        self._tracker = SummaryTracker(start_ns, basis, capitals)
        self._curves = {
            name: CurveTracker(name, capital, start_ns) for name, capital in capitals.items()
        }
        self._closed_e17 = {name: 0 for name, _trader in traders}
        self._pnl_e9 = dict.fromkeys(capitals, 0)
        self._accounts = tuple(capital_e9)
        self._balances: dict[str, dict[str, int]] = {}

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        """Take the events of one command."""
        for event in events:
            match event:
                case FillBooked():
                    self.counts.fills += 1
                case HoldingExited():
                    self._close(event)
                case BalanceChanged():
                    self._balance(event)
                case DeploymentHalted():
                    self.counts.halts += 1
                case OrderRefused():
                    self.counts.refused += 1
                    self._count(_refused_by(event))
                case OrderRequested():
                    for breach in event.warnings:
                        self._count(f"warning: {_word(breach.dimension)}")
                case OrderEnded(state=OrderState.OPEN_FAILED):
                    self.counts.rejected += 1
                    self._count(f"exchange: {_word(event.error)}")
                case _:
                    pass

    def mark(self, view: DeskView) -> None:
        """Take what every trader made so far; an equity that did not move is no news."""
        sums_e17 = dict.fromkeys(self._sums, 0)
        for name, trader in self._traders:
            place = (trader.account, trader.instrument, trader.deployment_id)
            pnl_e17 = self._closed_e17[name] + view.funding_e9(*place) * E8
            held = view.holding(*place)
            if held is not None:
                pnl_e17 += held.realised_e17 + (held.unrealised_mark_e17 or 0)
            self._mark(name, pnl_e17)
            for sheet in self._sums_of[name]:
                sums_e17[sheet] += pnl_e17
        for sheet, sum_e17 in sums_e17.items():
            self._mark(sheet, sum_e17)

    def report(self, end_ns: int) -> TradingSummary:
        """Return the sheets up to a time."""
        return self._tracker.report(end_ns)

    def curves(self, end_ns: int) -> tuple[Curve, ...]:
        """Return the courses up to a time: the portfolio's, each account's, each trader's."""
        return tuple(tracker.report(end_ns) for tracker in self._curves.values())

    def _close(self, exited: HoldingExited) -> None:
        name = self._name_of.get(exited.deployment)
        if name is None:
            return
        self.counts.exits += 1
        self._closed_e17[name] += exited.realised_e9 * E8 + exited.realised_rest
        cost_e9 = max(div_half_even(exited.entry_price_e9 * exited.qty_max_e8, E8), 1)
        trade = ClosedTrade(exited.realised_e9, cost_e9)
        for sheet in (name, *self._sums_of[name]):
            self._tracker.close(sheet, trade)

    def _count(self, why: str) -> None:
        refusals = self.counts.refusals
        refusals[why] = refusals.get(why, 0) + 1

    def _balance(self, changed: BalanceChanged) -> None:
        """Take the balance of an account, and the sum over all once each has told its own."""
        now_ns, asset = self._clock(), changed.asset
        known = self._balances.setdefault(asset, {})
        known[changed.account] = changed.total_e9
        if len(self._accounts) > 1:
            self._tracker.balance(f"{asset} in {changed.account}", now_ns, changed.total_e9)
        if len(known) == len(self._accounts):
            self._tracker.balance(asset, now_ns, sum(known.values()))

    def _mark(self, name: str, pnl_e17: int) -> None:
        pnl_e9 = div_half_even(pnl_e17, E8)
        if pnl_e9 == self._pnl_e9[name]:
            return
        self._pnl_e9[name] = pnl_e9
        now_ns = self._clock()
        self._tracker.mark(name, now_ns, pnl_e9)
        self._curves[name].mark(now_ns, pnl_e9)


def _sums_of(trader: Trader, capital_e9: Mapping[str, int]) -> tuple[str, ...]:
    """Return the sheets that a trader's profit is part of."""
    return (PORTFOLIO, account_sheet(trader.account)) if len(capital_e9) > 1 else (PORTFOLIO,)


def _refused_by(event: OrderRefused) -> str:
    """Return what was against an order: a check, which its reason begins with, a limit, a code."""
    if event.code is Refusal.RISK:
        return f"risk: {event.reason.partition(':')[0]}"
    if event.breach is not None:
        return f"gate: {_word(event.breach.dimension)}"
    return _word(event.code)


def _word(one: IntEnum) -> str:
    return one.name.lower().replace("_", " ")

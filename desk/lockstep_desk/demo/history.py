"""What a desk's journal says of a demo: all of the final tables are made of it, and none of memory.

Owns the reading: every command is executed again, with every hash compared, and what happened is
collected. Two readings of one journal say the same.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

import msgspec

from lockstep_desk.adapters.exchange.venue import ACCOUNT
from lockstep_desk.backtest.scores import Scores
from lockstep_desk.core.codes import Health as LinkHealth
from lockstep_desk.core.codes import Link, TradingState
from lockstep_desk.core.events import (
    AlertRaised,
    BrokerDiverged,
    FillBooked,
    FillClaimed,
    HealthChanged,
    OrderRefused,
    OrderRequested,
    Reconciled,
    RequestSent,
    Resumed,
    TradingStateChanged,
)
from lockstep_desk.core.machine import MACHINE_NAME
from lockstep_desk.core.state import DeskCore
from lockstep_desk.core.view import DeskView
from lockstep_desk.demo.plan import CAPITAL_CENTS, deployments
from lockstep_desk.recon.findings import Divergence
from lockstep_desk.recon.match import split
from lockstep_desk.stats import Basis, TradingSummary
from lockstep_desk.stats.intervals import HOURLY, SECOND_NS, Interval
from lockstep_desk.types import Fill, Liquidity, Severity
from lockstep_journal import open_reader
from lockstep_kernel import find_machine, initial
from lockstep_replay import Execution

SECOND: Final = Interval("one second", SECOND_NS)
BASIS: Final = Basis(sample=SECOND, target=HOURLY)
"""A demo lasts a minute: ratios are those of an hour, from returns of seconds."""

_E9_PER_CENT: Final = 10**7


class Outage(msgspec.Struct, frozen=True):
    """How long the account's link was lost; `back_ns` is -1 while it is."""

    lost_ns: int
    back_ns: int


class History(msgspec.Struct):
    """What happened in a desk, in order; `early` are the times trading began without a sweep."""

    last_seq: int = 0
    last_hash: bytes = b""
    start_ns: int = 0
    end_ns: int = 0
    is_shut_down: bool = False
    fills: dict[str, Fill] = {}
    sweeps: list[Reconciled] = []
    found: list[tuple[int, Divergence]] = []
    standing: int = 0
    outages: list[Outage] = []
    resumed_at: list[int] = []
    unknown: int = 0
    early: list[int] = []
    requested: int = 0
    refused: int = 0
    sent: dict[str, int] = {}
    alerts: dict[str, int] = {}
    held: dict[str, int] = {}
    marks: dict[str, int] = {}
    cash_e9: int = 0
    open_orders: int = 0

    def faults(self) -> list[str]:
        """Return what must not be in any desk's journal."""
        found = [
            f"trading was enabled at {seq} before a sweep of the account" for seq in self.early
        ]
        found += [
            f"order {name} was handed over {count} times"
            for name, count in self.sent.items()
            if count > 1
        ]
        return found


class Read(msgspec.Struct, frozen=True):
    """A history, and what it is judged by."""

    history: History
    summary: TradingSummary


def read_history(directory: Path) -> Read:
    """Return what a journal says; raises what reading and re-executing it raise."""
    reader = _Reader()
    named = [(one.name, one.trader) for one in deployments()]
    with open_reader(directory) as journal:
        execution = Execution(initial(find_machine(MACHINE_NAME), journal.genesis))
        scores: Scores | None = None
        for _raws, records in journal.pages(1, journal.end().last_seq):
            for record in records:
                (done,) = execution.page([record])
                reader.ts_ns = record.ts_ns
                if scores is None:
                    capital_e9 = {ACCOUNT: CAPITAL_CENTS * _E9_PER_CENT}
                    scores = Scores(named, capital_e9, BASIS, lambda: reader.ts_ns)
                    reader.history.start_ns = record.ts_ns
                scores.emit(record.seq, done[3])
                reader.take(record.seq, done[3])
                scores.mark(DeskView(execution.state))
        journal.check_end()
        state = execution.state
    history = reader.history
    history.last_seq, history.last_hash, history.end_ns = state.seq, state.hash, state.ts_ns
    _close(history, DeskView(state), cast(DeskCore, state.core))
    scores = scores or Scores(named, {ACCOUNT: CAPITAL_CENTS * _E9_PER_CENT}, BASIS, lambda: 0)
    return Read(history, scores.report(history.end_ns))


class _Reader:
    """Takes the events of one command after the other."""

    def __init__(self) -> None:
        self.history = History()
        self.ts_ns = 0
        self._is_swept = False

    def take(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        history = self.history
        is_beginning = any(isinstance(event, Resumed) for event in events)
        for event in events:
            match event:
                case FillBooked():
                    self._book(event, seq)
                case FillClaimed():
                    self._claim(event)
                case Reconciled():
                    history.sweeps.append(event)
                    self._is_swept = self._is_swept or event.is_whole
                case BrokerDiverged():
                    history.found.append((seq, event.record))
                case HealthChanged() if not is_beginning:
                    self._link(event)
                case Resumed():
                    history.resumed_at.append(seq)
                    history.unknown += event.unknown
                    self._is_swept = False
                case TradingStateChanged():
                    if event.current is TradingState.ENABLED and not self._is_swept:
                        history.early.append(seq)
                case OrderRequested():
                    history.requested += 1
                case OrderRefused():
                    history.refused += 1
                case RequestSent(is_cancel=False):
                    name = event.client_order_id
                    history.sent[name] = history.sent.get(name, 0) + 1
                case AlertRaised():
                    severity = Severity(event.severity).name
                    history.alerts[severity] = history.alerts.get(severity, 0) + 1
                case _:
                    pass

    def _book(self, event: FillBooked, seq: int) -> None:
        """Keep a fill; of one that was booked in parts, each part has a name of its own."""
        name = event.fill_id
        if name in self.history.fills:
            name = f"{name} at {seq}"
        self.history.fills[name] = Fill(
            fill_id=name,
            order_id="",
            client_order_id=event.client_order_id,
            account=event.account,
            instrument=event.instrument,
            side=event.side,
            qty_e8=event.qty_e8,
            price_e9=event.price_e9,
            fee_e9=event.fee_e9,
            liquidity=Liquidity.UNKNOWN,
            ts_ns=event.ts_ns,
            deployment_id=event.deployment or None,
        )

    def _claim(self, event: FillClaimed) -> None:
        """Give a fill, or the part of it that is claimed, to its owner."""
        fills = self.history.fills
        fill = fills[event.fill_id]
        owner, qty_e8 = event.deployment or None, abs(event.qty_e8)
        if qty_e8 < fill.qty_e8:
            part, fill = split(fill, qty_e8)
            name = f"{event.fill_id} for {owner}"
            fills[name] = msgspec.structs.replace(part, fill_id=name, deployment_id=owner)
            fills[event.fill_id] = fill
        else:
            fills[event.fill_id] = msgspec.structs.replace(fill, deployment_id=owner)

    def _link(self, event: HealthChanged) -> None:
        """Follow the account's link; that a host begins without one is no outage."""
        if event.link is not Link.ACCOUNT:
            return
        outages = self.history.outages
        if event.health is LinkHealth.RECONNECTING:
            outages.append(Outage(self.ts_ns, -1))
            self._is_swept = False
        elif outages and outages[-1].back_ns < 0:
            outages[-1] = Outage(outages[-1].lost_ns, self.ts_ns)


def _close(history: History, view: DeskView, core: DeskCore) -> None:
    """Take what stands at the end."""
    history.is_shut_down = view.is_shut_down
    history.standing = len(core.reconciliation.standing)
    history.open_orders = len(view.orders())
    history.held = {one.instrument: one.side.sign * one.qty_e8 for one in view.positions()}
    prices = {name: view.price_e9(name) for name in view.instruments()}
    history.marks = {name: price for name, price in prices.items() if price is not None}
    history.cash_e9 = (view.balance(ACCOUNT, "usd") or (0, 0))[0]

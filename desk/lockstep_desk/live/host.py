"""A host of the live desk: it boots, watches its links, sweeps, and lets nobody trade before (F5).

Owns the order of a start: keys that can do more than trade are refused; the desk begins anew,
disabled; links connect and their snapshots are taken; each account is swept, whole; only then may
strategies be enabled, by whoever asks. After that it watches: a link that falls silent is recorded
as lost, one that comes back is connected anew and its account swept, and sweeps come at their
interval. A quarantine keeps a venue or an account from opening, in the desk's journal.

Everything goes through the desk's turns. A sweep holds one: nothing is booked while it asks.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from lockstep_desk.clock import NS_PER_S, Clock
from lockstep_desk.core.codes import Scope, TradingState
from lockstep_desk.core.commands import (
    RecordAccountDisconnect,
    RecordMarketDisconnect,
    Resume,
    SetQuarantine,
    SetTradingState,
)
from lockstep_desk.core.recon.sweeper import Sweeper
from lockstep_desk.errors import InvalidValueError, need_int
from lockstep_desk.live.desk import LiveDesk
from lockstep_desk.live.services import Link, live_services
from lockstep_desk.pipeline.live import Pipeline
from lockstep_desk.pipeline.supervisor import Service, ThreadService
from lockstep_desk.recon.broker import BrokerView
from lockstep_desk.recon.config import SweepConfig
from lockstep_desk.recon.credentials import KeyScope, TradeCredentials, need_scopes
from lockstep_desk.recon.heartbeat import Heartbeats
from lockstep_desk.recon.quarantine import ALL_ACCOUNTS, Quarantine
from lockstep_desk.recon.retry import Backoff
from lockstep_desk.recon.schedule import SweepSchedule
from lockstep_desk.strategy.market import MarketEvent
from lockstep_desk.types import Alert

_ALERTS_KEPT = 1_000


class HostLink(Link, Protocol):
    """A link that a host connects and watches."""

    def connect(self) -> None:
        """Deliver from now on, the account's snapshot first, with the fills that were missed."""
        ...

    @property
    def is_alive(self) -> bool:
        """Whether something was heard of it just now."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """An account at a venue: its link, its broker to be compared with, and the key that trades.

    `scopes` asks the venue what the key may do.
    """

    link: HostLink
    view: BrokerView
    credentials: TradeCredentials
    scopes: Callable[[], KeyScope]

    def __post_init__(self) -> None:
        expected = (self.view.venue, self.view.account)
        found = (self.credentials.venue, self.credentials.account)
        if found != expected:
            raise InvalidValueError(f"credentials: expected those of {expected}, found {found}")


@dataclass(frozen=True, slots=True)
class HostOptions:
    """How often a host looks, how long a link may be silent, and how sweeps are done.

    What is younger than `sweep.grace_ns` is left to the stream, except on boot.
    """

    look_ns: int = NS_PER_S // 10
    silence_ns: int = 5 * NS_PER_S
    sweep_ns: int = 60 * NS_PER_S
    backoff: Backoff = field(default_factory=Backoff)
    sweep: SweepConfig = field(default_factory=lambda: SweepConfig(grace_ns=2 * NS_PER_S))

    def __post_init__(self) -> None:
        need_int("look_ns", self.look_ns, 1)
        need_int("silence_ns", self.silence_ns, 1)


class LiveHost:
    """Runs a live desk on its places. `alerts` are those that only the shell can raise."""

    def __init__(
        self,
        desk: LiveDesk,
        pipeline: Pipeline,
        places: Mapping[str, Place],
        clock: Clock,
        options: HostOptions | None = None,
    ) -> None:
        self.options = options or HostOptions()
        self.alerts: deque[Alert] = deque(maxlen=_ALERTS_KEPT)
        self.quarantined = Quarantine()
        self._desk = desk
        self._pipeline = pipeline
        self._places = dict(places)
        self._clock = clock
        self._hearts = Heartbeats()
        self._silent: set[str] = set()
        schedule = SweepSchedule(interval_ns=self.options.sweep_ns, backoff=self.options.backoff)
        self._sweepers = {
            name: Sweeper(desk.driver, place.view, schedule, self.options.sweep)
            for name, place in self._places.items()
        }
        desk.guard_enabling(self._why_not)

    # The start

    def boot(self) -> bool:
        """Start from whatever the journal holds; return whether strategies may be enabled.

        Raises `InvalidValueError` for a key that may do more than trade. Where a broker does not
        answer whole, the services go on trying.
        """
        for place in self._places.values():
            need_scopes(place.view.venue, place.scopes())
        self._desk.process(Resume())
        now_ns = self._clock.now_ns()
        for venue, account in self._desk.read(lambda view: view.quarantined()):
            self.quarantined.enter(venue, account, "it was before the start", now_ns)
        for name, place in self._places.items():
            self._hearts.expect(name, self.options.silence_ns, now_ns)
            place.link.connect()
            self._desk.take(place.link.take())
        self._sweep()
        return not self._why_not()

    def enable(self) -> None:
        """Enable strategies; raises `NotBootedError` before every account was swept whole."""
        self._desk.process(SetTradingState(TradingState.ENABLED))

    def disable(self) -> None:
        """Disable strategies."""
        self._desk.process(SetTradingState(TradingState.DISABLED))

    def services(self, feeds: Sequence[tuple[str, Iterable[MarketEvent]]] = ()) -> list[Service]:
        """Return all services of the host, for one supervisor."""
        links = {name: place.link for name, place in self._places.items()}
        watch = ThreadService("watch", self._watch)
        return [watch, *live_services(self._pipeline, self._desk, links, feeds)]

    # What an operator asks for

    def quarantine(self, venue: str, account: str, reason: str) -> None:
        """Let nothing open at a venue, or in one account; what closes and cancels goes on."""
        told = self.quarantined.enter(venue, account, reason, self._clock.now_ns())
        self.alerts.extend(told)
        self._desk.process(_quarantine(venue, account, is_on=True))

    def release(self, venue: str, account: str) -> None:
        """End exactly that quarantine; raises `InvalidValueError` if there is none."""
        self.quarantined.leave(venue, account)
        self._desk.process(_quarantine(venue, account, is_on=False))

    def demand_sweep(self, name: str) -> None:
        """Have a place swept at the next look."""
        self._desk.drive(self._sweepers[name].demand)

    # The watch

    def look(self) -> None:
        """Look at every link and sweep what is due, once."""
        now_ns = self._clock.now_ns()
        for name, place in self._places.items():
            if place.link.is_alive:
                self._hearts.beat(name, now_ns)
                if name in self._silent:
                    self._silent.remove(name)
                    place.link.connect()
                    self.demand_sweep(name)
        for alert in self._hearts.overdue(now_ns):
            self._lose(dict(alert.context)["service"], alert)
        self._sweep()

    def _watch(self, stop: threading.Event) -> None:
        while not stop.wait(self.options.look_ns / NS_PER_S):
            self.look()

    def _lose(self, name: str, alert: Alert) -> None:
        """Record that a link is lost, once for each silence."""
        if name in self._silent:
            return
        self._silent.add(name)
        self.alerts.append(alert)
        view = self._places[name].view
        self._desk.process(RecordAccountDisconnect(view.account))
        self._desk.process(RecordMarketDisconnect(view.venue))

    def _sweep(self) -> None:
        now_ns = self._clock.now_ns()
        for sweeper in self._sweepers.values():
            self._desk.drive(partial(sweeper.sweep_if_due, now_ns))
            self.alerts.extend(sweeper.alerts)
            sweeper.alerts.clear()

    def _why_not(self) -> str:
        """Say which accounts were not swept whole since this host began, "" if all were."""
        waiting = [name for name, sweeper in self._sweepers.items() if not sweeper.is_booted]
        return f"expected a whole sweep first of {', '.join(waiting)}" if waiting else ""


def _quarantine(venue: str, account: str, *, is_on: bool) -> SetQuarantine:
    if account == ALL_ACCOUNTS:
        return SetQuarantine(Scope.VENUES, venue, is_on)
    return SetQuarantine(Scope.ACCOUNTS, account, is_on)

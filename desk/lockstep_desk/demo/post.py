"""The post of a demo: a desk and its exchange, each in its journal, and the sweeps between them.

Owns the order of a start ([RECON-31], F5): the journal is recovered, what was in flight is asked
for, the broker is swept, and only then the link delivers and trading is enabled. The registrations
are the first commands of the journal: one that holds a part of them goes on with the rest.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import msgspec

from lockstep_desk.adapters.exchange import ExchangeView, registration
from lockstep_desk.adapters.exchange.durable import DurableVenue, opened
from lockstep_desk.adapters.exchange.shared import SharedSession
from lockstep_desk.adapters.exchange.venue import ACCOUNT, VENUE
from lockstep_desk.clock import Clock
from lockstep_desk.core.codes import Link
from lockstep_desk.core.commands import (
    Reconcile,
    RegisterAccount,
    RegisterDeployment,
    RegisterVenue,
    SetLifecycle,
)
from lockstep_desk.core.engine import Engine
from lockstep_desk.core.events import BrokerDiverged, CommandRefused, OrderRequested, Reconciled
from lockstep_desk.core.hooks import Controls, NoHooks, Parts
from lockstep_desk.core.recon.local import local_view
from lockstep_desk.core.recon.sweeper import Driver
from lockstep_desk.core.router import Router
from lockstep_desk.core.state import DeskCore
from lockstep_desk.core.view import DeskView
from lockstep_desk.demo.messages import Found, Mark, Marks, Swept, mark_of
from lockstep_desk.demo.plan import LIMITS, STOPPED, Plan, deployments
from lockstep_desk.demo.words import fill_text
from lockstep_desk.fund import LifecycleState
from lockstep_desk.recon import SweepConfig, gather, need_scopes, request_for
from lockstep_desk.recon.findings import Divergence, Status
from lockstep_journal import Outlets
from lockstep_kernel import CannotRunError
from lockstep_replay import LiveOptions, Recovery

SWEEP = SweepConfig(in_flight_ns=0, grace_ns=0)
"""The exchange answers at once: what it does not know when nothing is under way never came."""


class Heard:
    """A sink of the desk's sequencer: what the last sweep said, and how many orders were asked for
    by each deployment.
    """

    def __init__(self) -> None:
        self._requested: dict[str, int] = {}
        self.found: list[Divergence] = []
        self.swept: Reconciled | None = None

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        """Take the events of one command."""
        for event in events:
            if isinstance(event, BrokerDiverged):
                self.found.append(event.record)
            elif isinstance(event, Reconciled):
                self.swept = event
            elif isinstance(event, OrderRequested):
                asked = self._requested.get(event.deployment, 0)
                self._requested[event.deployment] = asked + 1

    def requested(self, deployment: str) -> int:
        """Return how many orders a deployment asked for since this began."""
        return self._requested.get(deployment, 0)

    def take(self, why: str) -> Swept:
        """Return and forget the last sweep, as a message."""
        found, self.found = self.found, []
        swept, self.swept = self.swept, None
        if swept is None:
            raise CannotRunError(f"the sweep {why}: expected it to be taken, found it refused")
        told_of = tuple(Found(told(one), is_of_stop(one)) for one in found)
        return Swept(why, swept.booked, told_of, swept.standing)


class BlindStops(NoHooks):
    """A desk that lost a link does not trade on what it cannot see."""

    def on_disconnect(self, desk: Controls, link: Link, key: str) -> None:
        """Disable trading when an account is lost; a sweep comes before it is enabled again."""
        if link is Link.ACCOUNT:
            desk.disable_trading()


class Post:
    """A desk at its exchange, both open and recovered, everything registered, and the link lost.

    The key that it trades with may trade and nothing else; another one is refused.

    `recovered` is where both journals were found, `replayed` how many commands that took. Threads
    that share it call `sweep` in the desk's turn.
    """

    def __init__(self, plan: Plan, directory: Path, clock: Clock) -> None:
        self.heard = Heard()
        options = LiveOptions(Outlets(sinks=[self.heard]))
        self._live = opened(directory / "desk", plan.desk_genesis(), clock.now_ns, options)
        try:
            numbers = DeskView(self._live.sequencer.state).numbers()
            self.venue = DurableVenue(plan.place(directory / "exchange"), clock.now_ns, numbers)
        except BaseException:
            self._live.close()
            raise
        need_scopes(VENUE, self.venue.scopes())
        self.recovered = Marks(_found(self._live.recovery), _found(self.venue.recovery))
        self.shared = SharedSession(self.venue.session)
        self.engine = self._engine(clock)

    @property
    def replayed(self) -> int:
        """How many commands were executed again."""
        return self._live.recovery.replayed + self.venue.recovery.replayed

    @property
    def marks(self) -> Marks:
        """Where both journals are."""
        desk, exchange = self._live.sequencer.state, self.venue.sequencer.state
        return Marks(mark_of(desk), mark_of(exchange))

    def boot(self) -> Swept:
        """Begin anew: ask what became of what was in flight, sweep, and have the link deliver."""
        if self.recovered.desk.seq:
            self.engine.resume()
        return self.sweep("on boot", self.engine, is_linking=True)

    def sweep(self, why: str, driver: Driver, *, is_linking: bool = False) -> Swept:
        """Ask the broker for everything at one moment, and let the desk compare.

        With `is_linking` the link delivers again from that moment on: nothing is between the pages
        and what it delivers, the account's snapshot first. An order that is not in it is asked for.
        """
        request = request_for(local_view(cast(DeskCore, driver.state.core), ACCOUNT))
        session = self.venue.session

        def look() -> Reconcile:
            pages = gather(ExchangeView(VENUE, session.account), request)
            if is_linking:
                session.connect(session.account.time_ns + 1)
            return Reconcile(pages, SWEEP)

        driver.process(self.shared.act(look))
        return self.heard.take(why)

    def close(self) -> None:
        """Close both journals; harmless when repeated."""
        self._live.close()
        self.venue.close()

    def _engine(self, clock: Clock) -> Engine:
        """Register what is not registered yet, and return the engine."""
        sequencer = self._live.sequencer
        for command in _registrations(self.venue)[sequencer.state.seq :]:
            (result,) = sequencer.submit([command])
            if isinstance(result, Exception):
                raise result
            for event in result[1]:
                if isinstance(event, CommandRefused):
                    raise CannotRunError(
                        f"expected the desk to take a registration, found {event.code.name} of "
                        f"'{event.what}'"
                    )
        parts = Parts(Router({VENUE: self.shared}), hooks=BlindStops())
        return Engine(sequencer, parts, clock)


def is_of_stop(record: Divergence) -> bool:
    """Return whether a divergence was healed by the fill of a native stop: no order of the desk."""
    is_healed = record.status is Status.HEALED and record.instrument == STOPPED
    return is_healed and any(is_foreign(fill.client_order_id) for fill in record.fills)


def is_foreign(client_order_id: str) -> bool:
    """Return whether an order has a name that the desk's adapter gave it, not the desk."""
    return client_order_id.startswith("venue-")


def told(record: Divergence) -> str:
    """Return a divergence in a line: how loud, what, where, what was missed, and what became of it.

    What a sweep heals is told once; what stands waits for a person.
    """
    outcome = "healed" if record.status is Status.HEALED else "STANDS"
    where = record.instrument or record.account
    fills = record.fills
    what = f"{len(fills)} fills, " if fills else ""
    if len(fills) == 1:
        what = f"{fill_text(fills[0])}, "
    return f"{record.severity.name} {record.kind.name} {where}: {what}{outcome}"


def _found(recovery: Recovery) -> Mark:
    return Mark(recovery.last_seq, recovery.last_hash.hex())


def _registrations(venue: DurableVenue) -> list[msgspec.Struct]:
    commands: list[msgspec.Struct] = [RegisterVenue(VENUE), RegisterAccount(ACCOUNT, VENUE)]
    commands += [registration(listed, VENUE) for listed in venue.listed]
    for named in deployments():
        strategy, deployment = named.trader.strategy.name, named.trader.deployment_id
        commands += [
            RegisterDeployment(named.name, strategy, named.version, named.ordinal, LIMITS),
            SetLifecycle(deployment, LifecycleState.PAPER, LifecycleState.LIVE),
        ]
    return commands

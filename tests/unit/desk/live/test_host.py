"""The host of the live desk: what must be before anybody trades, and what it watches then."""

from collections.abc import Sequence

import msgspec
import pytest

from lockstep_desk.adapters.exchange import (
    ExchangeSession,
    ExchangeView,
    Membership,
    SharedSession,
    SharedView,
    scopes_of,
)
from lockstep_desk.core.codes import Health, Link, Refusal, TradingState
from lockstep_desk.core.commands import (
    ClosePositions,
    Reconcile,
    RecordAccountDisconnect,
    RecordMarketDisconnect,
    Resume,
    SendOpenRequests,
    SetTradingState,
)
from lockstep_desk.core.events import OrderRefused
from lockstep_desk.core.state import DeskCore
from lockstep_desk.errors import InvalidValueError
from lockstep_desk.live import HostOptions, LiveHost, NotBootedError, Place
from lockstep_desk.pipeline import Supervisor
from lockstep_desk.recon import KeyScope, TradeCredentials
from lockstep_desk.types import Side
from lockstep_engine.commands import AuthorizeAgent
from lockstep_engine.state import ExchangeCore
from tests.support.desk import all_commands, all_events
from tests.support.desk_exchange import ACCOUNT, DESK_NUMBER, LOT, VENUE, want
from tests.support.desk_live import SOON_S, LiveMarket
from tests.unit.desk.pipeline.support import pool_of, spec

AGENT = bytes(range(32))
S = 10**9


class Hosted:
    """A live market under a host, whose desk trades with an agent's key."""

    def __init__(self, options: HostOptions | None = None) -> None:
        self.rig = rig = LiveMarket((spec("buy_when_flat", qty_e8=LOT),), pool_of("inline", 1))
        exchange = rig.market.exchange
        exchange.send(exchange.desk, AuthorizeAgent(AGENT))
        rig.market.session.member = Membership(VENUE, ACCOUNT, DESK_NUMBER, AGENT)
        rig.market.session.disconnect()
        self.link = Mute(rig.market.session, rig.link)
        self.key = AGENT
        self.host = self.new_host(options)

    def new_host(self, options: HostOptions | None = None) -> LiveHost:
        rig = self.rig
        credentials = TradeCredentials(VENUE, ACCOUNT, self.key, lambda body: body)
        place = Place(self.link, self.link.view(), credentials, self.scopes)
        return LiveHost(rig.desk, rig.pipeline, {VENUE: place}, rig.market.clock, options)

    def scopes(self) -> KeyScope:
        core = self.rig.market.exchange.sequencer.state.core
        assert isinstance(core, ExchangeCore)
        return scopes_of(core, DESK_NUMBER, self.key)

    def start(self) -> None:
        """Boot, enable, and run all but the watch, which the test lets look."""
        assert self.host.boot()
        self.host.enable()
        self.rig.pool.start(self.rig.pipeline.portfolio.router.traders)
        services = self.host.services()
        assert "watch" == services[0].name
        self.rig.supervisor = Supervisor([self.rig.maker, *services[1:]], SOON_S)
        self.rig.supervisor.start()

    def commands(self, *kinds: type[msgspec.Struct]) -> list[str]:
        asked = all_commands(self.rig.market.journal)
        return [type(one).__name__ for one in asked if isinstance(one, kinds)]


class Mute(SharedSession):
    """The link of a live market, that can fall silent without a word."""

    def __init__(self, session: ExchangeSession, shared: SharedSession) -> None:
        self.__dict__.update(shared.__dict__)
        self.is_silent = False
        self.is_away = False

    @property
    def is_alive(self) -> bool:
        return not self.is_silent and super().is_alive

    def view(self, page_size: int = 0) -> SharedView:
        session = self._session
        view = ExchangeView(VENUE, session.account, lambda: not self.is_away, page_size)
        return SharedView(self, view)

    def take(self) -> Sequence[msgspec.Struct]:
        return () if self.is_silent else super().take()


@pytest.mark.desk("F5")
def test_nobody_enables_strategies_before_a_whole_sweep() -> None:
    hosted = Hosted()
    with pytest.raises(NotBootedError, match="expected a whole sweep first of lockstep"):
        hosted.host.enable()
    with pytest.raises(NotBootedError):
        hosted.rig.desk.process(SetTradingState(TradingState.ENABLED))
    assert [] == hosted.commands(SetTradingState)
    assert not hosted.rig.desk.is_trading
    hosted.host.disable()
    assert hosted.host.boot()
    hosted.host.enable()
    assert hosted.rig.desk.is_trading
    assert ["Resume", "Reconcile"] == hosted.commands(Resume, Reconcile)


@pytest.mark.desk("F5", "RECON-31")
def test_a_broker_that_does_not_answer_on_boot_keeps_strategies_disabled_until_it_does() -> None:
    hosted = Hosted()
    hosted.link.is_away = True
    assert not hosted.host.boot()
    with pytest.raises(NotBootedError):
        hosted.host.enable()
    hosted.link.is_away = False
    hosted.rig.market.clock.advance_secs(60)
    hosted.host.look()
    hosted.host.enable()
    assert hosted.rig.desk.is_trading


@pytest.mark.desk("F5", "F6")
def test_a_desk_that_crashed_while_it_traded_begins_disabled_and_swept() -> None:
    hosted = Hosted()
    hosted.start()
    hosted.rig.trade(5)
    assert hosted.rig.supervisor.stop().is_clean
    # Another host on the state as it was: enabled, with all that it held.
    again = hosted.new_host()
    assert again.boot()
    assert not hosted.rig.desk.is_trading
    assert ["SetTradingState"] == hosted.commands(SetTradingState)
    again.enable()
    hosted.rig.desk.shutdown()
    hosted.rig.agree()


@pytest.mark.desk("RECON-12")
def test_a_key_that_can_withdraw_is_refused_at_the_start() -> None:
    hosted = Hosted()
    hosted.key = hosted.rig.market.exchange.desk.key
    with pytest.raises(InvalidValueError, match=r"expected READ, TRADE and no more, found .*WITH"):
        hosted.new_host().boot()
    assert [] == hosted.commands(Resume)
    with pytest.raises(InvalidValueError, match="credentials: expected those of"):
        Place(
            hosted.link,
            hosted.link.view(),
            TradeCredentials(VENUE, "another", AGENT, lambda body: body),
            hosted.scopes,
        )


@pytest.mark.desk("RECON-51", "F3")
def test_a_link_that_falls_silent_is_lost_once_and_made_up_for_when_it_is_back() -> None:
    hosted = Hosted(HostOptions(silence_ns=5 * S, sweep_ns=10**6 * S))
    hosted.start()
    hosted.rig.trade(5)
    hosted.link.is_silent = True
    hosted.host.look()
    clock, desk = hosted.rig.market.clock, hosted.rig.desk
    lost = (RecordAccountDisconnect, RecordMarketDisconnect)
    before = len(hosted.commands(*lost))
    for _ in range(4):
        clock.advance_secs(3)
        hosted.host.look()
    assert ["RecordAccountDisconnect", "RecordMarketDisconnect"] == hosted.commands(*lost)[before:]
    assert Health.RECONNECTING is desk.read(lambda view: view.health(Link.ACCOUNT, ACCOUNT))
    assert ["HEARTBEAT_MISSING"] == [alert.code for alert in hosted.host.alerts]
    swept = len(hosted.commands(Reconcile))
    hosted.link.is_silent = False
    hosted.host.look()
    hosted.rig.trade(5)
    assert swept + 1 == len(hosted.commands(Reconcile))
    assert desk.read(lambda view: view.is_healthy)
    assert hosted.rig.stop().is_clean
    hosted.rig.agree()


@pytest.mark.desk("RECON-55", "RECON-22", "F7")
def test_a_quarantine_keeps_an_account_from_opening_and_lets_it_close() -> None:
    hosted = Hosted()
    hosted.start()
    hosted.rig.trade(5)
    hosted.host.quarantine(VENUE, ACCOUNT, "an incident")
    assert ["QUARANTINED"] == [alert.code for alert in hosted.host.alerts]
    hosted.rig.desk.process(SendOpenRequests((want(Side.BUY, 101, 1),)))
    refused = [e for e in all_events(hosted.rig.market.journal) if isinstance(e, OrderRefused)]
    assert Refusal.QUARANTINED in [event.code for event in refused]
    hosted.rig.desk.process(ClosePositions())
    hosted.rig.wait(lambda: not hosted.rig.desk.read(lambda view: view.positions()))
    again = hosted.new_host()
    assert again.boot()
    again.release(VENUE, ACCOUNT)
    assert () == hosted.rig.desk.read(lambda view: view.quarantined())
    with pytest.raises(InvalidValueError, match="expected a quarantined place"):
        again.release(VENUE, ACCOUNT)
    again.quarantine(VENUE, "", "all of it")
    assert ((VENUE, ""),) == hosted.rig.desk.read(lambda view: view.quarantined())
    assert hosted.rig.stop().is_clean


@pytest.mark.desk("RECON-31", "DESK-74")
def test_sweeps_come_at_their_interval_while_all_runs_and_find_nothing() -> None:
    hosted = Hosted(HostOptions(sweep_ns=S))
    hosted.start()
    for seed in range(5):
        hosted.rig.trade(4, seed)
        hosted.rig.market.clock.advance_secs(2)
        hosted.host.look()
    assert 6 == len(hosted.commands(Reconcile))
    assert hosted.rig.stop().is_clean
    hosted.rig.agree()
    core = hosted.rig.engine.state.core
    assert isinstance(core, DeskCore)
    assert not core.reconciliation.standing


def test_the_watch_looks_by_itself() -> None:
    hosted = Hosted(HostOptions(look_ns=10**6, sweep_ns=1))
    assert hosted.host.boot()
    (watch, *_) = hosted.host.services()
    watch.start()
    hosted.rig.market.clock.advance_secs(1)
    hosted.rig.wait(lambda: len(hosted.commands(Reconcile)) > 1)
    watch.request_stop()
    assert watch.join(SOON_S)
    assert watch.failure is None

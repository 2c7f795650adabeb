"""The exchange core as the broker: the desk's books against the exchange's own account."""

import pytest

from lockstep_desk import InvalidValueError
from lockstep_desk.adapters.exchange import ExchangeView, scopes_of, trade_credentials
from lockstep_desk.core.commands import Reconcile, RecordTrade, SendOpenRequests
from lockstep_desk.core.events import AlertRaised, PositionExited
from lockstep_desk.core.recon.local import local_view
from lockstep_desk.core.recon.sweeper import Sweeper
from lockstep_desk.core.state import DeskCore
from lockstep_desk.recon import (
    Backoff,
    BrokerPages,
    Fault,
    FaultyBroker,
    KeyScope,
    Kind,
    MemoryBroker,
    OrderStatus,
    Page,
    SweepReason,
    SweepRequest,
    SweepSchedule,
    Unknown,
    gather,
    request_for,
)
from lockstep_desk.types import Severity, Side
from lockstep_engine.codes import Code, TimeInForce
from lockstep_engine.commands import AuthorizeAgent, PlaceOrder, Transfer, Withdraw
from lockstep_engine.exchange import MACHINE as EXCHANGE
from lockstep_engine.exchange import account as exchange_account
from lockstep_engine.state import ExchangeCore
from tests.support.desk import all_events
from tests.support.desk_exchange import (
    ACCOUNT,
    DESK_NUMBER,
    LOT,
    PERP,
    START_NS,
    SYMBOL,
    VENUE,
    Market,
    want,
)
from tests.support.exchange import ALICE, BOB, STAFF, Exchange, key, root_of, standard_market
from tests.support.recon import SECOND_NS


class Compared:
    """A desk on an exchange, with the exchange as its broker."""

    def __init__(self) -> None:
        self.market = Market()
        self.is_linked = True
        self.view = ExchangeView(VENUE, self.market.session.account, lambda: self.is_linked, 2)
        self.market.process(RecordTrade(SYMBOL, 100 * 10**9, LOT, Side.BUY, START_NS))

    @property
    def core(self) -> DeskCore:
        core = self.market.sequencer.state.core
        assert isinstance(core, DeskCore)
        return core

    def held(self) -> int:
        return self.core.net(ACCOUNT, SYMBOL) // LOT

    def buy(self, lots: int) -> None:
        """Let the desk buy from the maker."""
        self.market.exchange.make(Side.SELL, 100, lots)
        self.market.process(SendOpenRequests((want(Side.BUY, 100, lots),)))

    def close_by_hand(self, lots: int) -> None:
        """Let somebody sell for the account at the exchange, without the desk."""
        exchange = self.market.exchange
        exchange.make(Side.BUY, 99, lots)
        ioc = int(TimeInForce.IOC)
        exchange.send(exchange.desk, PlaceOrder(PERP, int(Side.SELL), 99, lots, ioc))

    def pages(self) -> BrokerPages:
        return gather(self.view, request_for(local_view(self.core, ACCOUNT)))

    def sweep(self) -> list[Kind]:
        """Sweep; return what is told as new."""
        before = len(self.market.audit.ticks)
        self.market.engine.process(Reconcile(self.pages()))
        assert before < len(self.market.audit.ticks)
        return [s.divergence.kind for s in self.core.reconciliation.standing.values()]


def test_books_that_followed_the_exchange_equal_it() -> None:
    compared = Compared()
    compared.buy(5)
    assert ([], 5) == (compared.sweep(), compared.held())
    assert 1 == compared.core.reconciliation.point(ACCOUNT).seq


@pytest.mark.desk("RECON-32", "DESK-D9")
def test_a_close_during_a_lost_link_is_found_and_booked() -> None:
    compared = Compared()
    compared.buy(5)
    compared.market.session.disconnect()
    compared.close_by_hand(5)
    compared.market.settle()
    assert 5 == compared.held()
    assert ([], 0) == (compared.sweep(), compared.held())
    assert ([], 0) == (compared.sweep(), compared.held())


@pytest.mark.desk("RECON-34g")
def test_an_exchange_out_of_reach_is_unknown() -> None:
    compared = Compared()
    compared.buy(5)
    compared.is_linked = False
    assert ([Kind.UNREACHABLE], 5) == (compared.sweep(), compared.held())
    compared.is_linked = True
    assert [] == compared.sweep()


def test_orders_are_found_by_their_client_order_id() -> None:
    compared = Compared()
    compared.market.process(SendOpenRequests((want(Side.BUY, 90, 2),)))
    (order,) = compared.core.live.values()
    page = compared.view.order(order.client_order_id)
    assert [(OrderStatus.OPEN, 2 * LOT)] == [(o.status, o.qty_e8) for o in page.items]
    assert () == compared.view.order("never").items
    listed = compared.view.open_orders(0)
    assert page.items == listed.items


def test_fills_are_numbered_as_they_happened() -> None:
    compared = Compared()
    for lots in (1, 2, 3):
        compared.buy(lots)
    found = gather(compared.view, SweepRequest(1)).fills
    assert isinstance(found, Page)
    assert [(2, 2), (3, 3)] == [(fill.seq, fill.qty_e8 // LOT) for fill in found.items]
    assert 3 == found.as_of_seq


@pytest.mark.desk("RECON-34g")
def test_faults_go_around_the_exchange_as_around_any_broker() -> None:
    compared = Compared()
    compared.buy(5)
    nobody = MemoryBroker(ACCOUNT)
    for fault in (Fault.HALF_PAGE, Fault.UNREACHABLE):
        faulty = FaultyBroker(compared.view, nobody, 1, {fault: 10**6})
        assert isinstance(gather(faulty, SweepRequest(0)).fills, Unknown)
    plain = FaultyBroker(compared.view, nobody, 1, {})
    assert compared.pages().fills == gather(plain, SweepRequest(0)).fills


def test_the_balance_is_the_exchanges() -> None:
    compared = Compared()
    compared.buy(5)
    page = gather(compared.view, SweepRequest(0)).balances
    assert not isinstance(page, Unknown)
    assert compared.market.session.account.cash_e6 * 1_000 == page.items[0].total_e9


# Credentials

AGENT = key("agent")


def with_agent() -> tuple[Exchange, ExchangeCore]:
    """Return the standard market in which Alice has an agent."""
    exchange = standard_market(EXCHANGE)
    exchange.do(AuthorizeAgent(AGENT), ALICE)
    core = exchange.state.core
    assert isinstance(core, ExchangeCore)
    return exchange, core


@pytest.mark.desk("RECON-12")
def test_the_key_of_an_agent_trades_and_cannot_withdraw() -> None:
    exchange, core = with_agent()
    assert KeyScope.READ | KeyScope.TRADE == scopes_of(core, ALICE, AGENT)
    made = trade_credentials(core, "lockstep", ("alice", ALICE), AGENT, lambda body: body)
    assert ("alice", AGENT) == (made.account, made.signer)
    for action in (Withdraw(1), Transfer(BOB, 1)):
        assert Code.NOT_AUTHORIZED == exchange.refusal(action, ALICE, signer=AGENT)


@pytest.mark.desk("RECON-12")
@pytest.mark.parametrize(
    "signer", [root_of(ALICE), STAFF, key("stranger")], ids=["root", "staff", "stranger"]
)
def test_a_key_that_may_do_more_than_trade_or_less_is_refused(signer: bytes) -> None:
    _exchange, core = with_agent()
    with pytest.raises(InvalidValueError, match="expected READ, TRADE and no more"):
        trade_credentials(core, "lockstep", ("alice", ALICE), signer, lambda body: body)


# The shell


class Swept(Compared):
    """The same with a sweeper, which asks every 10 s."""

    def __init__(self) -> None:
        super().__init__()
        schedule = SweepSchedule(interval_ns=10 * SECOND_NS, backoff=Backoff(attempts_max=2))
        self.sweeper = Sweeper(self.market.engine, self.view, schedule)

    def sweep_at(self, seconds: int) -> SweepReason | None:
        return self.sweeper.sweep_if_due(seconds * SECOND_NS)

    def position_id(self) -> str:
        (position,) = local_view(self.core, ACCOUNT).positions
        return position.position_id


@pytest.mark.desk("RECON-31")
def test_a_sweeper_sweeps_on_boot_and_at_its_interval() -> None:
    swept = Swept()
    swept.buy(5)
    assert not swept.sweeper.is_booted
    assert SweepReason.BOOT is swept.sweep_at(1)
    assert swept.sweeper.is_booted
    assert swept.sweep_at(10) is None
    assert SweepReason.INTERVAL is swept.sweep_at(11)


@pytest.mark.desk("RECON-30", "RECON-31", "F4")
def test_an_exit_that_is_deferred_demands_a_sweep_which_finds_out() -> None:
    swept = Swept()
    swept.buy(5)
    swept.sweep_at(1)
    swept.market.session.disconnect()
    swept.close_by_hand(5)
    swept.market.settle()
    assert not swept.sweeper.exit(swept.position_id(), 0, 5 * LOT)
    assert SweepReason.DEMAND is swept.sweep_at(2)
    assert (0, 0) == (swept.held(), len(swept.core.reconciliation.deferred))
    said = all_events(swept.market.journal)
    # At the broker's price and fees: what the exchange has less than was deposited.
    exits = [event for event in said if isinstance(event, PositionExited)]
    cash_e6 = exchange_account(swept.market.exchange.sequencer.state, DESK_NUMBER).cash_e6
    assert [(cash_e6 - 10**9) * 1_000] == [event.realised_e9 for event in exits]
    alerts = [event for event in said if isinstance(event, AlertRaised)]
    assert Severity.CRITICAL in [event.severity for event in alerts]
    assert (cash_e6 * 1_000,) * 2 == swept.market.engine.view.balance(ACCOUNT, "usd")


@pytest.mark.desk("RECON-30")
def test_an_exit_that_the_exchange_confirms_goes_out() -> None:
    swept = Swept()
    swept.buy(5)
    swept.market.exchange.make(Side.BUY, 99, 5)
    swept.market.settle()
    assert swept.sweeper.exit(swept.position_id(), 0, 5 * LOT)
    swept.market.settle()
    assert 0 == swept.held()


@pytest.mark.desk("RECON-53", "RECON-54")
def test_a_sweeper_tries_again_and_says_when_it_gave_up() -> None:
    swept = Swept()
    swept.is_linked = False
    assert SweepReason.BOOT is swept.sweep_at(1)
    assert SweepReason.RETRY is swept.sweep_at(2)
    assert ["RETRIES_EXHAUSTED"] == [alert.code for alert in swept.sweeper.alerts]
    assert not swept.sweeper.is_booted
    swept.is_linked = True
    assert SweepReason.RETRY is swept.sweep_at(3)
    assert swept.sweeper.is_booted

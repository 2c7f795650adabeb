"""The exchange core as the broker: the desk's books against the exchange's own account."""

import pytest

from lockstep_desk import InvalidValueError
from lockstep_desk.adapters.exchange import ExchangeView, scopes_of, trade_credentials
from lockstep_desk.core.commands import Reconcile, RecordTrade, SendOpenRequests
from lockstep_desk.core.recon.local import local_view
from lockstep_desk.core.state import DeskCore
from lockstep_desk.recon import (
    BrokerPages,
    KeyScope,
    Kind,
    OrderStatus,
    Page,
    SweepRequest,
    Unknown,
    gather,
    request_for,
)
from lockstep_desk.types import Side
from lockstep_engine.codes import Code, TimeInForce
from lockstep_engine.commands import AuthorizeAgent, PlaceOrder, Transfer, Withdraw
from lockstep_engine.exchange import MACHINE as EXCHANGE
from lockstep_engine.state import ExchangeCore
from tests.support.desk_exchange import ACCOUNT, LOT, PERP, START_NS, SYMBOL, VENUE, Market, want
from tests.support.exchange import ALICE, BOB, STAFF, Exchange, key, root_of, standard_market


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

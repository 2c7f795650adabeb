"""The simulated exchange of a backtest: a real one behind a wire, with money that can run out."""

import msgspec
import pytest

from lockstep_desk.adapters.exchange.venue import (
    ACCOUNT,
    VENUE,
    CounterVenue,
    Listing,
    VenueAccount,
    VenueOptions,
)
from lockstep_desk.backtest.link import DelayedLink
from lockstep_desk.clock import SequencedClock
from lockstep_desk.core.codes import OrderKind, Origin, TimeInForce
from lockstep_desk.core.commands import RecordBalance, RecordFill, RecordOrder
from lockstep_desk.core.events import OrderRequested
from lockstep_desk.oms.states import OrderError, OrderState
from lockstep_desk.strategy import Quote
from lockstep_desk.types import Side
from lockstep_engine.exchange import account as exchange_account
from lockstep_journal import MemoryJournal

BTC, LOT, DOLLAR, START_NS, LOTS = "BTC-PERP", 10**5, 10**9, 10**18, 10_000
ONE_WAY_NS = 7 * 10**6
MARGIN_CENTS, FEE_CENTS, LOSS_CENTS = 1_200_000, 60_001, 1_000
"""What 10 BTC at 60,001 take of an account while the mark is 60,000, at a fee of 0.1 %."""

NEEDED_CENTS = MARGIN_CENTS + FEE_CENTS + LOSS_CENTS


class Simulated:
    """A venue that asks 60,001 for 10 BTC, and the wire to it; `reports` has (time, report)."""

    def __init__(self, capital_cents: int) -> None:
        self.clock = clock = SequencedClock(START_NS)
        accounts = (VenueAccount(ACCOUNT, capital_cents),)
        options = VenueOptions((Listing(BTC, DOLLAR, LOT),), accounts=accounts, taker_fee_e9=10**6)
        self.venue = CounterVenue(options, START_NS, clock.now_ns, lambda _m, g: MemoryJournal(g))
        self.session = self.venue.sessions[ACCOUNT]
        self.session.connect()
        qty_e8 = LOTS * LOT
        quote = Quote(BTC, START_NS, 60_000 * DOLLAR, qty_e8, 60_001 * DOLLAR, qty_e8)
        self.venue.quote(BTC, quote)
        self.session.take()
        self.link = DelayedLink(self.venue.sessions, clock, ONE_WAY_NS)
        self.reports: list[tuple[int, msgspec.Struct]] = []

    def buy(self, lots: int = LOTS) -> None:
        """Let the desk buy what is asked, and take what comes back."""
        order = OrderRequested(
            *("order", 1, "", Origin.OPERATOR, ACCOUNT, VENUE, BTC, Side.BUY, lots * LOT),
            *(60_001 * DOLLAR, OrderKind.LIMIT, TimeInForce.IOC, False, False, 0, False, ()),
        )
        self.link.send(order)
        for report in self.link.deliver(START_NS + 10 * ONE_WAY_NS):
            self.reports.append((self.clock.now_ns() - START_NS, report))

    def told(self, kind: type[msgspec.Struct]) -> list[msgspec.Struct]:
        return [report for _at, report in self.reports if isinstance(report, kind)]


@pytest.mark.desk("DESK-73")
def test_a_request_takes_its_way_there_and_its_answers_their_way_back() -> None:
    simulated = Simulated(NEEDED_CENTS)
    simulated.buy()
    assert START_NS + ONE_WAY_NS == simulated.venue.sequencer.state.ts_ns
    assert {2 * ONE_WAY_NS} == {at for at, _report in simulated.reports}
    kinds = [type(report) for _at, report in simulated.reports]
    assert kinds.index(RecordFill) < kinds.index(RecordBalance)


@pytest.mark.desk("DESK-73")
def test_an_order_fills_whole_at_the_price_that_is_asked_with_its_fee() -> None:
    simulated = Simulated(NEEDED_CENTS)
    simulated.buy()
    (fill,) = simulated.told(RecordFill)
    assert isinstance(fill, RecordFill)
    assert ("order", LOTS * LOT, 60_001 * DOLLAR, FEE_CENTS * 10**7) == (
        *(fill.fill.client_order_id, fill.fill.qty_e8, fill.fill.price_e9, fill.fill.fee_e9),
    )
    (balance,) = simulated.told(RecordBalance)
    assert isinstance(balance, RecordBalance)
    assert (NEEDED_CENTS - FEE_CENTS) * 10**7 == balance.balance.total_e9


@pytest.mark.desk("DESK-73")
def test_money_may_be_used_up_and_not_a_cent_more_than_all() -> None:
    enough, short = Simulated(NEEDED_CENTS), Simulated(NEEDED_CENTS - 1)
    for simulated in (enough, short):
        simulated.buy()
    left = exchange_account(enough.venue.sequencer.state, enough.session.member.number)
    assert (LOTS, 0) == (left.positions[0].qty_lots, left.free_e6)
    (refused,) = short.told(RecordOrder)
    assert isinstance(refused, RecordOrder)
    assert (OrderState.OPEN_FAILED, OrderError.BALANCE_INSUFFICIENT) == (
        *(refused.order.state, refused.order.error),
    )
    assert [] == short.told(RecordFill)

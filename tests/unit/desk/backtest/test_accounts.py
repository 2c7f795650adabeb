"""Several accounts and funding in a backtest: each account's books are the exchange's, to the unit.

What the desk says of an account is compared with the exchange's journal, executed again.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from lockstep_desk.backtest import BacktestResult, run_one
from lockstep_desk.backtest.books import BookKeeper
from lockstep_desk.core.commands import RecordTrade
from lockstep_desk.core.machine import MACHINE as DESK
from lockstep_engine.codes import CashReason
from lockstep_engine.events import CashMoved, FundingPaid, Trade
from lockstep_engine.exchange import MACHINE as EXCHANGE
from lockstep_engine.state import ExchangeCore
from lockstep_engine.views import account as account_view
from lockstep_journal import open_reader
from lockstep_kernel import State
from lockstep_kernel.errors import InvariantError
from lockstep_replay import recover, steps
from tests.unit.desk.backtest.support import CATALOG, RSI, SMA, plan_of, run_text

LEFT, RIGHT, COUNTER = 2, 3, 1
E9_PER_CENT, E9_PER_E6 = 10**7, 1_000
ACCOUNTS = '[[account]]\nname = "left"\n[[account]]\nname = "right"\ncapital_cents = 5_000_000\n'
FUNDING = "[[instrument.funding]]\nrate_e9 = 1_000_000\ninterval_s = 3_600\n"
HOLDS = ("buys_at", "number = 2")
CHANGES = FUNDING + "[[instrument.funding]]\nfrom_ns = 7_300_000_000_000\nrate_e9 = -3_000_000\n"


class Ran(NamedTuple):
    """A run, with the exchange that it left behind."""

    found: BacktestResult
    exchange: State
    folder: Path

    def told(self) -> Iterator[object]:
        """Yield every event of the exchange."""
        with open_reader(self.folder / "exchange") as journal:
            for step in steps(journal, EXCHANGE):
                yield from step.events

    @property
    def core(self) -> ExchangeCore:
        core = self.exchange.core
        assert isinstance(core, ExchangeCore)
        return core


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Two accounts that trade one instrument with funding at seven hours."""
    folder = tmp_path_factory.mktemp("run")
    text = run_text("one", (*RSI, "left"), (*SMA, "right"), (*HOLDS, "right"))
    plan = plan_of(text, count=430, more=CHANGES + "interval_s = 3_600\n" + ACCOUNTS)
    found = run_one(plan, 0, folder / "one", CATALOG)
    return Ran(found, recover(folder / "one" / "exchange", EXCHANGE)[0], folder / "one")


@pytest.mark.desk("I17")
def test_positions_and_fees_of_all_accounts_sum_to_zero(ran: Ran) -> None:
    views = [account_view(ran.exchange, number) for number in (COUNTER, LEFT, RIGHT)]
    assert 0 == sum(held.qty_lots for view in views for held in view.positions)
    assert views[0].positions != () != views[2].positions
    treasury = ran.core.treasury
    fees_e9 = sum(books.fees_e9 for books in ran.found.books)
    # The counter-side trades without a fee: what both accounts paid is what the exchange has.
    assert fees_e9 == treasury.fees_e6 * E9_PER_E6 > 0
    cash_e6 = sum(view.cash_e6 for view in views)
    cost_e6 = sum(held.cost_e6 for view in views for held in view.positions)
    assert treasury.net_deposits_e6 == cash_e6 - cost_e6 + treasury.fees_e6


@pytest.mark.desk("I17")
def test_funding_of_all_accounts_sums_to_zero_at_each_time(ran: Ran) -> None:
    paid = [event for event in ran.told() if isinstance(event, FundingPaid)]
    at: dict[int, int] = {}
    for event in paid:
        at[event.funding_ns] = at.get(event.funding_ns, 0) + event.amount_e6
    assert 7 == len(at)
    assert {0} == set(at.values())
    for books, number in zip(ran.found.books, (LEFT, RIGHT), strict=True):
        received = sum(event.amount_e6 for event in paid if event.account == number)
        assert received * E9_PER_E6 == books.funding_e9
    assert any(books.funding_e9 for books in ran.found.books)


def test_the_books_of_each_account_are_those_of_its_broker(ran: Ran) -> None:
    left, right = ran.found.books
    assert [("left", 10**7 * E9_PER_CENT), ("right", 5 * 10**6 * E9_PER_CENT)] == [
        (books.account, books.capital_e9) for books in (left, right)
    ]
    for books, number in ((left, LEFT), (right, RIGHT)):
        view = account_view(ran.exchange, number)
        assert view.cash_e6 * E9_PER_E6 == books.cash_e9
    fees = {LEFT: 0, RIGHT: 0, COUNTER: 0}
    for event in ran.told():
        if isinstance(event, Trade):
            for side in (event.maker, event.taker):
                fees[side.account] += side.fee_e6 * E9_PER_E6
    assert (left.fees_e9, right.fees_e9, 0) == (fees[LEFT], fees[RIGHT], fees[COUNTER])
    deposits = [e for e in ran.told() if isinstance(e, CashMoved)]
    assert {int(CashReason.DEPOSIT)} == {event.reason for event in deposits}


def test_an_account_has_a_sheet_on_its_capital_that_its_traders_add_up_to(ran: Ran) -> None:
    sheets = {sheet.name: sheet for sheet in ran.found.summary.sheets}
    names = ["account left", "account right", "buys_at", "portfolio", "rsi", "sma_cross"]
    assert names == list(sheets)
    whole, left, right = (sheets[n] for n in ("portfolio", "account left", "account right"))
    assert [15, 10, 5] == [s.capital_e9 // (10**6 * E9_PER_CENT) for s in (whole, left, right)]
    assert abs(whole.pnl_e9 - left.pnl_e9 - right.pnl_e9) <= 1
    assert left.pnl_e9 == sheets["rsi"].pnl_e9
    assert abs(right.pnl_e9 - sheets["sma_cross"].pnl_e9 - sheets["buys_at"].pnl_e9) <= 1
    assert right.trades.count == sheets["sma_cross"].trades.count
    assert right.capital_e9 == sheets["sma_cross"].capital_e9
    assert ["portfolio", "account left", "account right"] == [c.name for c in ran.found.curves[:3]]
    assets = {one.name: one.balance_end_e9 for one in ran.found.summary.assets}
    assert {"usd", "usd in left", "usd in right"} == set(assets)
    assert assets["usd"] == assets["usd in left"] + assets["usd in right"]


def test_the_market_is_told_once_however_many_accounts_there_are(ran: Ran) -> None:
    with open_reader(ran.folder / "desk") as journal:
        told = [step.command for step in steps(journal, DESK)]
    trades = [command for command in told if isinstance(command, RecordTrade)]
    assert sum(isinstance(event, Trade) for event in ran.told()) == len(trades) > 0


def test_an_account_that_no_trader_of_a_run_uses_is_not_there() -> None:
    text = run_text("one", (*RSI, "left")) + run_text("two", (*RSI, "right"))
    plan = plan_of(text, count=5, more=ACCOUNTS)
    one, two = (run_one(plan, place, None, CATALOG) for place in (0, 1))
    assert (["left"], ["right"]) == (
        [books.account for books in one.books],
        [books.account for books in two.books],
    )
    assert [5 * 10**6 * E9_PER_CENT] * 2 == [sheet.capital_e9 for sheet in two.summary.sheets]


def test_funding_is_profit_of_who_held_a_position() -> None:
    # A lot of 0.001 at about 60,000 from the second minute on, at a tenth of a percent an hour.
    without = run_one(plan_of(run_text("one", HOLDS), count=61), 0, None, CATALOG)
    funded = run_one(plan_of(run_text("one", HOLDS), count=61, more=FUNDING), 0, None, CATALOG)
    paid_e9 = funded.books[0].funding_e9
    assert -66 * 10**6 < paid_e9 < -54 * 10**6
    assert 0 == without.books[0].funding_e9
    assert paid_e9 == funded.portfolio.pnl_e9 - without.portfolio.pnl_e9
    assert paid_e9 == funded.books[0].cash_e9 - without.books[0].cash_e9


def test_books_that_differ_from_the_brokers_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BookKeeper, "emit", lambda _self, _seq, _events: None)
    with pytest.raises(
        InvariantError, match=r"cash less the cost of positions .* 'main': the desk"
    ):
        run_one(plan_of(run_text("one", HOLDS), count=3), 0, None, CATALOG)

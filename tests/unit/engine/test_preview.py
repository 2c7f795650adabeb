"""The preview of an order: what it says comes true, and asking changes nothing."""

import msgspec
import pytest

from lockstep_engine.codes import Code, MarginMode, OrderFlag, Side, TimeInForce
from lockstep_engine.commands import (
    MarginRates,
    PlaceOrder,
    PortfolioModel,
    RiskScenario,
    SetMarginMode,
    SetMarginModel,
    SetPortfolioModel,
)
from lockstep_engine.derived import derived_values
from lockstep_engine.events import OrderRejected
from lockstep_engine.exchange import MACHINE, account, margin_report, preview
from lockstep_kernel import CannotRunError, dump
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    ETH_PERP,
    FUTURE,
    PERP,
    PUT,
    Exchange,
    codes,
    of,
    standard_market,
)
from tests.support.margins import hold, leave

MODEL = PortfolioModel(
    scenarios=(
        RiskScenario(1_200_000_000, 0, 10**9, 10**9),
        RiskScenario(800_000_000, 0, 10**9, 10**9),
    ),
    option_initial_e9=5_000_000,
    option_maintenance_e9=3_000_000,
    future_initial_e9=10_000_000,
    future_maintenance_e9=30_000_000,
    short_floor_e9=100_000_000,
)

ORDERS = (
    PlaceOrder(PERP, Side.BUY, 90, 30),
    PlaceOrder(PERP, Side.BUY, 105, 30),
    PlaceOrder(PERP, Side.SELL, 100, 3, tif=TimeInForce.IOC),
    PlaceOrder(PERP, Side.SELL, 100, 99, flags=OrderFlag.REDUCE_ONLY),
    PlaceOrder(PERP, Side.BUY, 110, 30, flags=OrderFlag.REPRICE),
    PlaceOrder(PERP, Side.BUY, 90, 9_000),
    PlaceOrder(FUTURE, Side.SELL, 100, 1),
    PlaceOrder(CALL, Side.SELL, 5, 20),
    PlaceOrder(CALL, Side.BUY, 6, 20),
    PlaceOrder(PUT, Side.SELL, 5, 10, flags=OrderFlag.MMP),
    PlaceOrder(ETH_PERP, Side.BUY, 0, 1),
    PlaceOrder(PERP, Side.BUY, 200, 9, tif=TimeInForce.FOK),
    PlaceOrder(99, Side.BUY, 100, 1),
)


@pytest.fixture(params=list(MarginMode))
def market(request: pytest.FixtureRequest) -> Exchange:
    """Alice with a perpetual, a short call, a long put and orders, in every mode."""
    exchange = standard_market(MACHINE)
    for underlying in ("BTC", "ETH"):
        exchange.do(SetPortfolioModel(underlying, MODEL))
    exchange.do(SetMarginModel("BTC", MarginRates(addon_bps=1)))
    exchange.surface(100, (90, 60), (110, 57))
    exchange.do(SetMarginMode(request.param), ALICE)
    exchange.trade(ALICE, BOB, 100, 10)
    exchange.trade(BOB, ALICE, 5, 7, CALL)
    exchange.trade(ALICE, BOB, 5, 7, PUT)
    exchange.bid(ALICE, 95, 5)
    exchange.ask(ALICE, 7, 5, CALL, flags=OrderFlag.MMP)
    exchange.ask(CAROL, 106, 2)
    return exchange


@pytest.mark.parametrize("order", ORDERS)
def test_a_preview_changes_nothing(market: Exchange, order: PlaceOrder) -> None:
    twin = market.fork()
    holdings = sorted(market.state.core.accounts[ALICE].holdings)
    before = market.state.hash, dump(market.state), derived_values(market.state.core)
    first = preview(market.state, ALICE, order)
    assert first == preview(market.state, ALICE, order)
    assert before == (market.state.hash, dump(market.state), derived_values(market.state.core))
    assert holdings == sorted(market.state.core.accounts[ALICE].holdings)
    command = twin.command(order, ALICE)
    assert twin.apply(command) == market.apply(command)
    assert twin.state.hash == market.state.hash


@pytest.mark.parametrize("order", ORDERS)
def test_a_preview_gives_the_answer_of_the_order(market: Exchange, order: PlaceOrder) -> None:
    expected = preview(market.state, ALICE, order)
    events = market.send(order, ALICE)
    refused = of(events, OrderRejected)
    assert [expected.code] == ([event.code for event in refused] or [Code.ACCEPTED])


@pytest.mark.parametrize("order", [ORDERS[0], ORDERS[6], ORDERS[7], ORDERS[9]])
def test_opened_is_the_margin_with_the_order_at_rest(market: Exchange, order: PlaceOrder) -> None:
    expected = preview(market.state, ALICE, order)
    assert expected.before == margin_report(market.state, ALICE).totals
    assert [] == codes(market.send(order, ALICE))
    assert expected.opened == margin_report(market.state, ALICE).totals
    (row,) = [row for row in market.orders() if row.instrument == order.instrument][-1:]
    assert (expected.price_ticks, expected.qty_lots) == (row.price_ticks, row.qty_lots)
    assert expected.reserve_e6 == row.reserve_e6


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize(
    ("instrument", "price", "qty"),
    [(PERP, 99, 4), (PERP, 99, 25), (FUTURE, 103, 3), (CALL, 6, 4), (CALL, 6, 9), (PUT, 4, 11)],
)
def test_filled_is_the_margin_after_a_whole_fill(
    market: Exchange, instrument: int, price: int, qty: int, side: Side
) -> None:
    maker = PlaceOrder(instrument, 1 - side, price, qty)
    assert [] == codes(market.send(maker, BOB))
    order = PlaceOrder(instrument, side, price, qty, self_trade=1)
    expected = preview(market.state, ALICE, order)
    assert Code.ACCEPTED == expected.code
    (trade,) = [event for event in market.send(order, ALICE) if hasattr(event, "trade_id")]
    assert expected.fee_e6 == trade.taker.fee_e6
    assert expected.filled == margin_report(market.state, ALICE).totals


def test_a_preview_has_what_resting_orders_may_lose(market: Exchange) -> None:
    """The five bids at 95 lose 75,000 at a mark of 80."""
    (reserve,) = [row.reserve_e6 for row in market.orders(ALICE) if row.instrument == PERP]
    market.mark(80)
    expected = preview(market.state, ALICE, ORDERS[6])
    assert 75_000 - reserve == expected.before.shortfall_e6
    market.do(ORDERS[6], ALICE)
    assert expected.opened == margin_report(market.state, ALICE).totals
    market.bid(CAROL, 100, 2, PUT)
    sale = PlaceOrder(PUT, Side.SELL, 100, 2)
    expected = preview(market.state, ALICE, sale)
    market.do(sale, ALICE)
    assert expected.filled == margin_report(market.state, ALICE).totals


def test_a_refusal_before_margin_has_no_numbers(market: Exchange) -> None:
    found = preview(market.state, ALICE, PlaceOrder(99, Side.BUY, 1, 1))
    assert (Code.UNKNOWN_INSTRUMENT, 0, 0) == (found.code, found.fee_e6, found.reserve_e6)
    assert (None, None) == (found.opened, found.filled)


def test_too_large_an_order_says_by_how_much(market: Exchange) -> None:
    found = preview(market.state, BOB, PlaceOrder(PERP, Side.BUY, 1_000, 10_000))
    assert Code.INSUFFICIENT_MARGIN == found.code
    assert found.opened is not None
    assert found.opened.free_e6 < 0
    free = found.before.free_e6 - found.opened.open_e6 + found.before.open_e6 - found.reserve_e6
    assert free == found.opened.free_e6


@pytest.mark.rule("MRG-1")
def test_what_reduces_may_pass_though_free_stays_below_0() -> None:
    """Carol has 250,000 for 100 lots at 100, which lose 100,000 and need 198,000 at 99."""
    market = standard_market(MACHINE)
    hold(market, CAROL, 100, 100)
    leave(market, CAROL, 250_000)
    market.mark(99)
    found = preview(market.state, CAROL, PlaceOrder(PERP, Side.SELL, 99, 10))
    assert -48_000 == found.before.free_e6
    assert Code.ACCEPTED == found.code
    assert found.opened is not None
    assert found.filled is not None
    assert found.opened.free_e6 < found.before.free_e6 < found.filled.free_e6 < 0
    assert [] == codes(market.sell(CAROL, 99, 10))


def test_a_preview_is_for_accounts_that_there_are(market: Exchange) -> None:
    with pytest.raises(CannotRunError, match="expected an open account, found 99"):
        preview(market.state, 99, ORDERS[0])


def test_the_account_view_agrees_with_the_report(market: Exchange) -> None:
    view, totals = account(market.state, ALICE), margin_report(market.state, ALICE).totals
    assert msgspec.structs.astuple(totals) == (
        view.collateral_e6,
        view.initial_margin_e6,
        view.maintenance_margin_e6,
        view.open_margin_e6,
        view.reserve_e6,
        view.shortfall_e6,
        view.free_e6,
    )

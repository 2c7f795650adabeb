"""The margin report: every part is there, and the parts make the totals."""

import pytest

from lockstep_engine.codes import MarginMode, MmpOption, OrderFlag, VolRule
from lockstep_engine.commands import (
    AdvanceTime,
    PortfolioModel,
    RiskScenario,
    SetMarginMode,
    SetMmpConfig,
    SetPortfolioModel,
    SetSettlementPrice,
)
from lockstep_engine.exchange import MACHINE, MarginReport, margin_report
from lockstep_engine.margin_report import report_tables
from lockstep_kernel import CannotRunError
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    FUTURE,
    MARKET_EXPIRY_NS,
    PERP,
    PUT,
    Exchange,
    standard_market,
)
from tests.support.margins import sharpen
from tests.unit.engine.test_preview import MODEL

LOT = 100_000
"""One lot at 100, in e6."""


@pytest.fixture
def market() -> Exchange:
    """Alice long 10 perpetuals and 4 puts, short 6 calls, all at a surface."""
    exchange = standard_market(MACHINE)
    for underlying in ("BTC", "ETH"):
        exchange.do(SetPortfolioModel(underlying, MODEL))
    exchange.surface(100, (90, 60), (110, 57))
    exchange.trade(ALICE, BOB, 100, 10)
    exchange.trade(BOB, ALICE, 20, 6, CALL)
    exchange.trade(ALICE, BOB, 20, 4, PUT)
    return exchange


def report_in(market: Exchange, mode: MarginMode) -> MarginReport:
    market.do(SetMarginMode(mode), ALICE)
    return margin_report(market.state, ALICE)


def check_totals(report: MarginReport) -> None:
    totals = report.totals
    collateral = report.cash_e6 + report.unrealised_e6
    if report.mode == MarginMode.PORTFOLIO:
        collateral += report.option_value_e6
    assert collateral == totals.collateral_e6
    aside = totals.reserve_e6 + totals.shortfall_e6
    assert collateral - totals.initial_e6 - totals.open_e6 - aside == totals.free_e6
    assert totals.maintenance_e6 <= totals.initial_e6
    assert totals.open_e6 == sum(row.open_e6 for row in report.open_lots)
    assert totals.reserve_e6 == sum(row.reserve_e6 for row in report.orders)
    assert totals.shortfall_e6 == sum(row.shortfall_e6 for row in report.orders)


@pytest.mark.parametrize("mode", list(MarginMode))
def test_the_totals_follow_from_the_parts(market: Exchange, mode: MarginMode) -> None:
    market.bid(ALICE, 95, 5)
    market.bid(ALICE, 94, 5)
    market.ask(ALICE, 30, 2, CALL)
    report = report_in(market, mode)
    check_totals(report)
    assert [3, 2] == [len(report.orders), len(report.open_lots)]
    assert [PERP, CALL, PUT] == [row.instrument for row in report.positions]
    assert [10, -6, 4] == [row.qty_lots for row in report.positions]


@pytest.mark.parametrize("mode", list(MarginMode))
def test_the_totals_have_what_orders_may_lose_beyond_their_reserves(
    market: Exchange, mode: MarginMode
) -> None:
    """A bid at 95, calls offered at 30, then marks of 60 and 50; options count in PORTFOLIO."""
    bid = market.bid(ALICE, 95, 5)
    ask = market.ask(ALICE, 30, 2, CALL)
    reserves = {row.order_id: row.reserve_e6 for row in market.orders(ALICE)}
    market.mark(60)
    sharpen(market, 150)
    report = report_in(market, mode)
    check_totals(report)
    call = 40_000 - reserves[ask] if mode == MarginMode.PORTFOLIO else 0
    expected = {bid: 175_000 - reserves[bid], ask: call}
    assert expected == {row.order_id: row.shortfall_e6 for row in report.orders}


def test_standard_positions_add_up(market: Exchange) -> None:
    report = report_in(market, MarginMode.STANDARD)
    assert report.totals.initial_e6 == sum(row.initial_e6 for row in report.positions)
    assert report.totals.maintenance_e6 == sum(row.maintenance_e6 for row in report.positions)
    assert 10 * LOT == report.positions[0].value_e6
    assert 10 * LOT // 50 == report.positions[0].initial_e6
    assert ((), ()) == (report.groups, report.portfolios)


def test_a_spread_group_says_what_caps_it(market: Exchange) -> None:
    (group,) = report_in(market, MarginMode.STANDARD_SPREAD).groups
    assert (None, group.initial_sum_e6) == (group.cap_e6, group.initial_e6)
    market.trade(ALICE, BOB, 20, 6, CALL)
    market.trade(BOB, ALICE, 20, 5, PUT)
    report = report_in(market, MarginMode.STANDARD_SPREAD)
    (group,) = report.groups
    assert ("BTC", 1, LOT) == (group.underlying, group.positions, group.cap_e6)
    assert group.initial_e6 == min(LOT, group.initial_sum_e6)
    assert report.totals.initial_e6 == group.initial_e6 + report.positions[0].initial_e6
    check_totals(report)


@pytest.mark.rule("MRG-4")
def test_a_spread_group_shows_the_two_numbers_whose_smaller_it_needs_with_open_lots(
    market: Exchange,
) -> None:
    """One put short of strike 100, two more offered: three times its need, at most 3 x 100."""
    market.trade(ALICE, BOB, 20, 6, CALL)
    market.trade(BOB, ALICE, 20, 5, PUT)
    market.ask(ALICE, 40, 2, PUT)
    (group,) = report_in(market, MarginMode.STANDARD_SPREAD).groups
    assert (3 * group.initial_sum_e6, 3 * LOT) == (group.worst_sum_e6, group.sold_cap_e6)
    assert group.worst_sum_e6 == group.initial_e6 + group.open_e6
    # A put that is worth 95 needs more alone than the 100 that it may pay.
    sharpen(market, 5)
    (group,) = margin_report(market.state, ALICE).groups
    assert (3 * LOT, 3 * LOT) == (group.sold_cap_e6, group.initial_e6 + group.open_e6)
    assert group.worst_sum_e6 > 3 * LOT


@pytest.mark.rule("MRG-4")
def test_calls_on_offer_beyond_those_held_leave_a_spread_group_without_a_bound(
    market: Exchange,
) -> None:
    market.trade(ALICE, BOB, 20, 6, CALL)
    market.ask(ALICE, 30, 1, CALL)
    report = report_in(market, MarginMode.STANDARD_SPREAD)
    (group,) = report.groups
    assert (0, None) == (group.cap_e6, group.sold_cap_e6)
    assert (0, group.worst_sum_e6) == (group.initial_e6, group.open_e6)
    (row,) = report_tables(report)["spread groups"]
    assert (group.worst_sum_e6, None) == (row["worst_sum_e6"], row["sold_cap_e6"])


def test_a_portfolio_says_which_scenario_is_worst(market: Exchange) -> None:
    report = report_in(market, MarginMode.PORTFOLIO)
    (portfolio,) = report.portfolios
    assert ("BTC", 100_000_000) == (portfolio.underlying, portfolio.index_price_e6)
    assert [0, 1] == [row.number for row in portfolio.scenarios]
    (worst,) = [row for row in portfolio.scenarios if row.is_worst]
    assert (-worst.result_e6, worst.result_e6) == (
        portfolio.loss_e6,
        min(row.result_e6 for row in portfolio.scenarios),
    )
    # All weights are 1 here.
    for row in portfolio.scenarios:
        assert abs(row.options_e6 + row.futures_e6 - row.result_e6) <= 1
    assert [200_000, -200_000] == [row.futures_e6 for row in portfolio.scenarios]
    expected = max(portfolio.loss_e6, portfolio.floor_e6) + portfolio.initial_charge_e6
    assert abs(expected - portfolio.initial_e6) <= 1
    assert report.totals.initial_e6 == portfolio.initial_e6
    # 6 calls are naked but for 4 puts of their strike; 10 lots of 0.001.
    assert (200_000, 1_000_000) == (portfolio.naked_e8, portfolio.gross_e8)
    check_totals(report)


def test_tables_name_the_rule_by_which_a_scenario_moves_volatility(market: Exchange) -> None:
    rules = (VolRule.UP, VolRule.DOWN, VolRule.FIXED)
    scenarios = tuple(RiskScenario(10**9, int(rule), 10**9, 10**9) for rule in rules)
    market.do(SetPortfolioModel("BTC", PortfolioModel(scenarios)))
    report = report_in(market, MarginMode.PORTFOLIO)
    assert list(rules) == [row.vol_rule for row in report.portfolios[0].scenarios]
    tables = report_tables(report)
    assert ["UP", "DOWN", "FIXED"] == [row["vol_rule"] for row in tables["scenarios"]]
    assert ["PORTFOLIO"] == [row["mode"] for row in tables["margin"]]


def test_an_order_says_what_it_binds(market: Exchange) -> None:
    first = market.bid(ALICE, 95, 5)
    market.bid(ALICE, 94, 3)
    market.ask(ALICE, 105, 9)
    report = margin_report(market.state, ALICE)
    (row,) = report.open_lots
    assert (8, 9, 8, 9) == (
        row.buy_lots,
        row.sell_lots,
        row.counted_buy_lots,
        row.counted_sell_lots,
    )
    assert {first: 5 * LOT // 50}.items() <= {o.order_id: o.open_e6 for o in report.orders}.items()
    # The sells are the smaller side: they bind nothing but their fee.
    assert [0] == [order.open_e6 for order in report.orders if order.side]
    check_totals(report)


def test_relief_shows_in_the_lots_that_count(market: Exchange) -> None:
    limit = 6 * 100_000
    market.do(SetMmpConfig("BTC", 1_000, 0, limit, options=MmpOption.RELIEF), ALICE)
    for qty in (5, 8, 4):
        market.bid(ALICE, 90, qty, FUTURE, flags=OrderFlag.MMP)
    market.bid(ALICE, 90, 2, FUTURE)
    report = margin_report(market.state, ALICE)
    (row,) = report.open_lots
    assert (19, 6 - 1 + 8 + 2) == (row.buy_lots, row.counted_buy_lots)
    check_totals(report)


def test_a_report_is_of_an_account_that_there_is(market: Exchange) -> None:
    with pytest.raises(CannotRunError, match="expected an open account, found 99"):
        margin_report(market.state, 99)


@pytest.mark.rule("MRG-3", "SET-2")
def test_a_portfolio_says_what_expired_positions_and_their_fees_need() -> None:
    """A short call of ten lots at 100 that expires at 120: 180,000, 90,000; then a fee of 180."""
    market = standard_market(MACHINE)
    market.do(SetPortfolioModel("BTC", MODEL))
    market.surface(100, (90, 60), (110, 57))
    market.trade(BOB, ALICE, 20, 10, CALL)
    market.do(SetMarginMode(MarginMode.PORTFOLIO), ALICE)
    market.index(120)
    market.do(AdvanceTime(), at=MARKET_EXPIRY_NS)
    (row,) = margin_report(market.state, ALICE).positions
    assert (True, 0, 180_000, 90_000) == (
        *(row.is_expired, row.settlement_fee_e6, row.initial_e6, row.maintenance_e6),
    )
    market.do(SetSettlementPrice("BTC", MARKET_EXPIRY_NS, 120 * 10**6))
    report = margin_report(market.state, ALICE)
    (row,) = report.positions
    assert (180, 180, 180) == (row.settlement_fee_e6, row.initial_e6, row.maintenance_e6)
    assert (180, 180) == (report.totals.initial_e6, report.totals.maintenance_e6)

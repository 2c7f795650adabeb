"""Tear sheets and the summary: golden numbers worked by hand, the same when asked twice."""

import json
from collections.abc import Callable
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.stats import (
    ANNUAL_252,
    ANNUAL_365,
    DAILY,
    Basis,
    ClosedTrade,
    Interval,
    SummaryTracker,
    TearSheet,
    TearSheetTracker,
    TradeTracker,
)

E9 = 10**9
DAY_NS = 86_400 * E9


def sheet(equities_e2: list[int], basis: Basis | None = None) -> TearSheet:
    """Mark one equity a day, in hundredths, on a capital of 100."""
    tracker = TearSheetTracker("BTC-PERP", 100 * E9, 0, basis or Basis())
    for day, equity in enumerate(equities_e2, 1):
        tracker.mark(day * DAY_NS - 1, equity * E9 // 100 - 100 * E9)
    return tracker.report(len(equities_e2) * DAY_NS)


@pytest.mark.desk("DESK-80", "DESK-82", "DESK-83", "DESK-D6")
def test_four_days_worked_by_hand() -> None:
    # +10 %, -10 %, +20 %, 0 %: mean 5 %, variance (25 + 225 + 225 + 25) / 4 = 125, so the Sharpe
    # ratio of a day is 5 / sqrt(125) = 1 / sqrt(5), and sqrt(365 / 5) = sqrt(73) of a year.
    found = sheet([11000, 9900, 11880, 11880])
    assert sqrt(73) == found.sharpe
    assert 0.05 * 365 == pytest.approx(found.rate_of_return)
    assert 4 == found.returns.count
    # 110 -> 99 is the one drawdown: 10 %; a year of 5 % a day over it.
    assert 100_000_000 == found.drawdown.depth_max_e9
    assert 0.05 * 365 / 0.1 == pytest.approx(found.calmar)
    assert (18_800_000_000, 188_000_000) == (found.pnl_e9, found.pnl_return_e9)
    # A single loss has no deviation.
    assert found.sortino is None


@pytest.mark.desk("DESK-83")
def test_a_year_of_252_days_scales_by_the_root_of_252() -> None:
    assert sqrt(252 / 5) == sheet([11000, 9900, 11880, 11880], Basis(DAILY, ANNUAL_252)).sharpe


@pytest.mark.desk("DESK-82")
def test_sortino_divides_by_the_deviation_of_the_losses() -> None:
    # +30 %, -10 %, +20 %, -20 %: mean 5 %; the losses lie 5 % about -15 %.
    # From zero, over all four days: sqrt((100 + 400) / 4) = sqrt(125).
    found = sheet([13000, 11700, 14040, 11232])
    assert sqrt(365) == found.sortino
    assert sqrt(73) == found.sortino_downside


@pytest.mark.desk("DESK-82", "DESK-83")
def test_the_risk_free_rate_is_that_of_the_target_interval() -> None:
    # 18.25 a year is 5 % a day: nothing is left above it.
    basis = Basis(DAILY, ANNUAL_365, risk_free_e9=18_250_000_000)
    found = sheet([11000, 9900, 11880, 11880], basis)
    assert (0.0, 0.0) == (found.sharpe, found.calmar)


@pytest.mark.desk("DESK-D5")
@pytest.mark.parametrize("risk_free_e9", [-E9, 0, E9])
def test_without_deviation_there_is_no_sharpe_ratio(risk_free_e9: int) -> None:
    found = sheet([10000, 10000, 10000], Basis(DAILY, ANNUAL_365, risk_free_e9))
    assert (None, None, None) == (found.sharpe, found.sortino, found.calmar)


@pytest.mark.desk("DESK-82")
def test_a_mean_below_the_risk_free_rate_has_a_negative_ratio() -> None:
    basis = Basis(DAILY, ANNUAL_365, risk_free_e9=40 * E9)
    found = sheet([11000, 9900, 11880, 11880], basis)
    assert found.sharpe is not None
    assert found.sharpe < 0


def test_an_equity_that_was_lost_has_no_ratios() -> None:
    found = sheet([11000, 0, 5000])
    assert (None, None, 0) == (found.sharpe, found.rate_of_return, found.returns.count)


def trades(*pnls: int) -> TradeTracker:
    tracker = TradeTracker()
    for pnl in pnls:
        tracker.add(ClosedTrade(pnl * E9, 100 * E9))
    return tracker


@pytest.mark.desk("DESK-D1")
def test_the_win_rate_counts_winners() -> None:
    report = trades(10, 20, 30, -5).report()
    assert (3, 1, 0.75) == (report.wins, report.losses, report.win_rate)


@pytest.mark.desk("DESK-D1")
def test_a_trade_that_made_nothing_is_no_winner_and_no_loser() -> None:
    report = trades(10, 0, 0, 0).report()
    assert (1, 0, 0.25) == (report.wins, report.losses, report.win_rate)


@pytest.mark.desk("DESK-D2")
def test_the_profit_factor_is_money_won_over_money_lost() -> None:
    report = trades(10, 20, -5, -10).report()
    assert (30 * E9, 15 * E9, 2.0) == (
        report.gross_profit_e9,
        report.gross_loss_e9,
        report.profit_factor,
    )


@pytest.mark.desk("DESK-82", "DESK-D2")
def test_the_profit_factor_at_its_edges() -> None:
    assert trades().report().profit_factor is None
    assert trades(10).report().profit_factor is None
    assert 0.0 == trades(-10).report().profit_factor


@pytest.mark.desk("DESK-82")
def test_without_trades_there_is_no_win_rate() -> None:
    assert trades().report().win_rate is None


@pytest.mark.desk("DESK-81")
def test_the_return_of_a_trade_is_its_profit_over_its_cost() -> None:
    # 7000 on 1 bought at 10000: 70 %.
    assert 700_000_000 == ClosedTrade(7000 * E9, 10_000 * E9).return_e9
    returns = trades(10, -10).report().returns
    assert (0.0, 1e8, 2) == (returns.mean, returns.std_dev, returns.count)


def summary() -> SummaryTracker:
    tracker = SummaryTracker(0, Basis(), {"ETH": 100 * E9, "BTC": 200 * E9})
    tracker.balance("USD", 1, 300 * E9)
    tracker.mark("BTC", DAY_NS - 1, 20 * E9)
    tracker.close("BTC", ClosedTrade(20 * E9, 100 * E9))
    tracker.balance("USD", DAY_NS, 240 * E9)
    return tracker


@pytest.mark.desk("DESK-80")
def test_a_summary_has_its_sheets_sorted_by_name() -> None:
    report = summary().report(2 * DAY_NS)
    assert ["BTC", "ETH"] == [found.name for found in report.sheets]
    assert [(20 * E9, 1), (0, 0)] == [(s.pnl_e9, s.trades.count) for s in report.sheets]
    (asset,) = report.assets
    assert (240 * E9, 200_000_000) == (asset.balance_end_e9, asset.drawdown.depth_max_e9)


@pytest.mark.desk("I14", "DESK-D3")
def test_a_summary_asked_twice_says_the_same() -> None:
    tracker = summary()
    first = tracker.report(2 * DAY_NS)
    assert first == tracker.report(2 * DAY_NS)
    assert first.plain() == tracker.report(2 * DAY_NS).plain()


def test_a_summary_is_plain_json() -> None:
    text = json.dumps(summary().report(2 * DAY_NS).plain(), allow_nan=False)
    assert 20 * E9 == json.loads(text)["sheets"][0]["pnl_e9"]


@pytest.mark.desk("I14")
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-150, 150)), max_size=20))
def test_reports_in_between_change_nothing(steps: list[tuple[int, int]]) -> None:
    asked = TearSheetTracker("x", 100 * E9, 0, Basis())
    left = TearSheetTracker("x", 100 * E9, 0, Basis())
    now_ns = 0
    for days, pnl in steps:
        now_ns += days * DAY_NS // 2
        asked.mark(now_ns, pnl * E9)
        left.mark(now_ns, pnl * E9)
        asked.report(now_ns + DAY_NS)
    assert left.report(now_ns + DAY_NS) == asked.report(now_ns + DAY_NS)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda: TearSheetTracker("x", 0, 0, Basis()), "'x': expected a starting capital_e9 above"),
        (lambda: ClosedTrade(1, 0), "expected a cost_e9 above zero, found 0"),
        (lambda: summary().mark("XRP", 0, 0), "one of the sheets BTC, ETH, found 'XRP'"),
        (lambda: summary().report(1), f"expected an end from {DAY_NS} ns on"),
        (lambda: Interval("tick", 5), "'tick': expected at least 1000000000 ns"),
    ],
)
def test_bad_input_is_named(bad: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        bad()

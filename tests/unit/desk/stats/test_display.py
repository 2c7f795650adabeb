"""The summary as text: what stands in it, and how."""

import pytest

from lockstep_desk.stats import Basis, ClosedTrade, SummaryTracker, as_text
from lockstep_desk.stats.display import duration, money, percent, ratio

E9 = 10**9
DAY_NS = 86_400 * E9


@pytest.mark.desk("DESK-85", "DESK-80")
def test_a_summary_is_a_table_of_its_sheets_and_its_assets() -> None:
    tracker = SummaryTracker(0, Basis(), {"BTC": 100 * E9, "ETH": 1000 * E9})
    for day, equity in enumerate((110, 99, 120), 1):
        tracker.mark("BTC", day * DAY_NS - 1, (equity - 100) * E9)
    tracker.close("BTC", ClosedTrade(30 * E9, 100 * E9))
    tracker.close("BTC", ClosedTrade(-10 * E9, 100 * E9))
    tracker.balance("USD", 1, 1100 * E9)
    # Returns of 10 %, -10 % and 21/99: mean 0.0707, deviation 0.1291, below zero sqrt(0.01 / 3).
    assert """\
                         BTC       ETH
capital               100.00  1,000.00
equity                120.00  1,000.00
profit                 20.00      0.00
return               20.00 %    0.00 %
rate of return        25.808     0.000
Sharpe                10.464         -
Sortino                    -         -
Sortino, downside     23.398         -
Calmar               258.081         -
intervals                  3         3
drawdowns                  1         0
deepest drawdown     10.00 %         -
largest drawdown       11.00      0.00
mean drawdown        10.00 %         -
mean drawdown takes       2d        0s
trades                     2         0
win rate               0.500         -
profit factor          3.000         -

                       USD
balance           1,100.00
deepest drawdown         -
largest drawdown      0.00
""" == as_text(tracker.report(3 * DAY_NS))


@pytest.mark.parametrize(
    ("amount_e9", "text"),
    [
        (0, "0.00"),
        (5_000_000, "0.00"),
        (15_000_000, "0.02"),
        (-15_000_000, "-0.02"),
        (-4_000_000, "0.00"),
        (1_000_000_000 * E9, "1,000,000,000.00"),
    ],
)
def test_money_is_rounded_half_to_even_and_zero_has_no_sign(amount_e9: int, text: str) -> None:
    assert text == money(amount_e9)


def test_what_says_nothing_is_a_dash() -> None:
    assert ["-", "-", "-"] == [money(None), percent(None), ratio(None)]


def test_a_duration_leaves_out_what_is_zero() -> None:
    assert ["0s", "1m", "1h", "2d 5s"] == [
        duration(seconds * E9) for seconds in (0, 60, 3600, 172_805)
    ]

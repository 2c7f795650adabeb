"""Statistics of trading: integers in, floats or None out for display, the same when asked twice."""

from lockstep_desk.stats.display import as_text, asset_rows, sheet_rows
from lockstep_desk.stats.drawdown import Drawdown, DrawdownReport, DrawdownTracker
from lockstep_desk.stats.intervals import (
    ANNUAL_252,
    ANNUAL_365,
    DAILY,
    HOURLY,
    Basis,
    Interval,
)
from lockstep_desk.stats.ratios import (
    calmar,
    profit_factor,
    rate_of_return,
    sharpe,
    sortino,
    sortino_downside,
    win_rate,
)
from lockstep_desk.stats.returns import ReturnSamples, ReturnTracker
from lockstep_desk.stats.summary import SummaryTracker, TradingSummary
from lockstep_desk.stats.tearsheet import AssetSheet, AssetTracker, TearSheet, TearSheetTracker
from lockstep_desk.stats.trades import ClosedTrade, TradeReport, TradeTracker
from lockstep_desk.stats.welford import Dispersion, Sample, dispersion_of

__all__ = [
    "Interval",
    "Basis",
    "HOURLY",
    "DAILY",
    "ANNUAL_252",
    "ANNUAL_365",
    "Sample",
    "Dispersion",
    "dispersion_of",
    "Drawdown",
    "DrawdownReport",
    "DrawdownTracker",
    "ReturnSamples",
    "ReturnTracker",
    "sharpe",
    "sortino",
    "sortino_downside",
    "calmar",
    "rate_of_return",
    "win_rate",
    "profit_factor",
    "ClosedTrade",
    "TradeReport",
    "TradeTracker",
    "TearSheet",
    "TearSheetTracker",
    "AssetSheet",
    "AssetTracker",
    "TradingSummary",
    "SummaryTracker",
    "as_text",
    "sheet_rows",
    "asset_rows",
]

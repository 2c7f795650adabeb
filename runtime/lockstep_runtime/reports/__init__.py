"""Reports: what a feed's publisher says must come out, computed from the exchange's events alone.

A reporter is an event sink. It shares no code with the feed whose result it tells.
"""

from lockstep_runtime.reports.base import Figures, Reporter, TextDigest
from lockstep_runtime.reports.market_data import MarketDataReport
from lockstep_runtime.reports.order_flow import FlashReport, FlowReport

__all__ = ["Figures", "FlashReport", "FlowReport", "MarketDataReport", "Reporter", "TextDigest"]

"""Reports of a run: a table on a terminal, JSON, and one page of HTML with its charts."""

from lockstep_desk.reports.chart import Band, Bar, Line, bar_chart, line_chart
from lockstep_desk.reports.curve import STEPS_MAX, Curve, CurveTracker, Step
from lockstep_desk.reports.page import as_html, as_json
from lockstep_desk.reports.terminal import print_summary

__all__ = [
    "CurveTracker",
    "Curve",
    "Step",
    "STEPS_MAX",
    "as_html",
    "as_json",
    "print_summary",
    "line_chart",
    "bar_chart",
    "Line",
    "Band",
    "Bar",
]

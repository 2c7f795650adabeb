"""Pages, charts and tables: whole, escaped, and the same bytes for the same run."""

import json
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from lockstep_desk.reports import (
    Band,
    Bar,
    Curve,
    CurveTracker,
    Line,
    as_html,
    as_json,
    bar_chart,
    line_chart,
    print_summary,
)
from lockstep_desk.stats import Basis, ClosedTrade, SummaryTracker, TradingSummary

E9 = 10**9
DAY_NS = 86_400 * E9
NASTY = "<script>alert('x')</script> & [red]\"y\""


def run(name: str = "BTC") -> tuple[TradingSummary, Curve]:
    tracker, curve = SummaryTracker(0, Basis(), {name: 100 * E9}), CurveTracker(name, 100 * E9, 0)
    for day, pnl in enumerate((10, -1, 20), 1):
        tracker.mark(name, day * DAY_NS - 1, pnl * E9)
        curve.mark(day * DAY_NS - 1, pnl * E9)
    tracker.close(name, ClosedTrade(20 * E9, 100 * E9))
    tracker.balance("USD", 1, 100 * E9)
    return tracker.report(3 * DAY_NS), curve.report()


def numbers(svg: str, tag: str, *attributes: str) -> list[list[int]]:
    """Return attributes of all elements of a kind as integers."""
    root = ElementTree.fromstring(svg)  # noqa: S314  # it was written here, just now
    found = root.iter(f"{{http://www.w3.org/2000/svg}}{tag}")
    return [[int(each.attrib[name]) for name in attributes] for each in found]


def points(svg: str, tag: str) -> list[tuple[int, int]]:
    root = ElementTree.fromstring(svg)  # noqa: S314  # it was written here, just now
    texts = [each.attrib["points"] for each in root.iter(f"{{http://www.w3.org/2000/svg}}{tag}")]
    pairs = [pair.split(",") for text in texts for pair in text.split()]
    return [(int(x), int(y)) for x, y in pairs]


def test_a_page_has_summary_charts_and_tables() -> None:
    summary, curve = run()
    page = as_html("a run", summary, [curve])
    assert 3 == page.count("<svg ")
    assert 2 == page.count('text-anchor="end">1970-01-03 23:59:59 UTC</text>')
    assert "<td>120.00</td>" in page
    assert "1970-01-01 00:00:00 UTC to 1970-01-04 00:00:00 UTC" in page
    assert page == as_html("a run", *run()[:1], [run()[1]])


def test_further_tables_are_escaped_and_stand_under_their_headings() -> None:
    summary, curve = run()
    page = as_html("a run", summary, [curve], [(NASTY, [("account", "cash"), (NASTY, "1.00")])])
    assert "<script>" not in page
    assert "<tr><th>account</th><th>cash</th></tr>" in page
    assert 2 == page.count("&lt;script&gt;")


def test_a_curve_that_never_moves_is_a_line_up_to_its_end() -> None:
    summary, _curve = run()
    page = as_html("a run", summary, [CurveTracker("flat", 100 * E9, 0).report(DAY_NS)])
    assert 2 == page.count('text-anchor="end">1970-01-02 00:00:00 UTC</text>')
    lines = [line for line in page.splitlines() if "<polyline" in line]
    assert ["96,102 708,102"] * 2 == [line.split('points="')[1].split('"')[0] for line in lines]


def test_a_long_name_beside_a_bar_keeps_both_its_ends() -> None:
    names = ["a" * 28, "left " + "x" * 60 + " right"]
    svg = bar_chart("long", [Bar(name, 5) for name in names], str)
    assert f'text-anchor="end">{names[0]}</text>' in svg
    assert 'text-anchor="end">left xxxxxxxx…xxxxxxxx right</text>' in svg


class Tags(HTMLParser):
    """Collects tags, and which of them are open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop()


def test_every_name_is_escaped_and_every_tag_closed() -> None:
    summary, curve = run(NASTY)
    page = as_html(NASTY, summary, [curve])
    tags = Tags()
    tags.feed(page)
    assert [] == tags.open
    assert "script" not in tags.seen
    assert "&lt;script&gt;" in page


def test_a_page_needs_nothing_beside_itself() -> None:
    page = as_html("a run", run()[0], [run()[1]]).replace("http://www.w3.org/2000/svg", "")
    for word in ("http:", "https:", "src=", "<link", "@import", "<script"):
        assert word not in page


def test_a_run_without_points_and_sheets_still_has_a_page() -> None:
    empty = TradingSummary(0, 10**30, (), ())
    page = as_html("nothing", empty, [Curve("x", 1, (), 0)])
    assert "no values" in page
    assert "no points" in page
    assert f"{10**30} ns" in page


def test_json_has_integers_and_the_curves() -> None:
    summary, curve = run()
    plain = json.loads(as_json(summary, [curve]))
    assert 20 * E9 == plain["sheets"][0]["pnl_e9"]
    assert [0, 100 * E9, 100 * E9, 100 * E9, 0] == plain["curves"][0]["steps"][0]
    assert as_json(summary, [curve]) == as_json(*run()[:1], [run()[1]])


@given(
    st.lists(
        st.tuples(st.integers(0, 10**18), st.integers(-(10**15), 10**15)), min_size=1, max_size=20
    )
)
def test_a_line_stays_within_its_chart(drawn: list[tuple[int, int]]) -> None:
    drawn = sorted(drawn)
    band = Band([(x, y - 7, y + 7) for x, y in drawn])
    svg = line_chart("t", [Line("equity", drawn)], [band], str)
    for x, y in (*points(svg, "polyline"), *points(svg, "polygon")):
        assert 96 <= x <= 708
        assert 12 <= y <= 192
    heights = [y for _, y in points(svg, "polyline")]
    for (_, low), (_, high), one, other in zip(
        drawn, drawn[1:], heights, heights[1:], strict=False
    ):
        assert (low <= high and one >= other) or (low >= high and one <= other)


@given(st.integers(-(10**12), 10**12), st.integers(0, 10**12))
def test_the_labels_of_an_axis_are_few_and_round(low: int, span: int) -> None:
    labels: list[int] = []

    def shown(value: int) -> str:
        labels.append(value)
        return str(value)

    line_chart("t", [Line("x", [(0, low), (1, low + span)])], [], shown)
    assert 1 <= len(labels) <= 6
    assert labels[0] <= low
    assert labels[-1] >= low + span


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=8))
def test_bars_start_at_zero_and_stay_within_their_chart(values: list[int]) -> None:
    svg = bar_chart("t", [Bar(f"{n}", value) for n, value in enumerate(values)], str)
    ((zero, *_),) = numbers(svg, "line", "x1", "x2")
    for value, (x, width) in zip(values, numbers(svg, "rect", "x", "width"), strict=True):
        assert 192 <= x <= x + width <= 612
        assert zero in (x, x + width)
        assert value >= 0 or x + width == zero


def printed(*, colours: bool = False) -> str:
    console = Console(
        width=100,
        force_terminal=colours,
        color_system="standard" if colours else None,
        no_color=False,
    )
    with console.capture() as capture:
        print_summary(console, run(NASTY)[0])
    return capture.get()


@pytest.mark.desk("DESK-85")
def test_the_summary_is_printed_as_a_table() -> None:
    text = printed()
    assert NASTY in text
    assert ["profit", "20.00"] == next(
        line.split() for line in text.splitlines() if line.startswith("profit ")
    )
    assert "\x1b" not in text
    line = next(each for each in printed(colours=True).splitlines() if each.startswith("profit "))
    assert "\x1b[32m" in line

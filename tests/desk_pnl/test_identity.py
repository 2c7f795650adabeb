"""Cash flow and average cost agree on random streams; `python -m tests.desk_pnl` takes 10,000."""

import pytest

from lockstep_desk.fund import GroupBy, compute_pnl
from tests.desk_pnl.identity import check_stream, views_agree
from tests.desk_pnl.streams import END_NS, stream

SEEDS = range(300)


@pytest.mark.desk("FUND-5D", "FUND-58", "FUND-54", "FUND-5C", "I1", "I2", "I3")
def test_random_streams_hold_the_identity_and_lose_nothing() -> None:
    for seed in SEEDS:
        check_stream(stream(seed), seed)


def test_the_streams_are_worth_checking() -> None:
    drawn = [stream(seed) for seed in SEEDS]
    assert 60 < sum(one.is_flat and len(one.fills) > 5 for one in drawn) < 200
    assert any(one.fills == [] for one in drawn)
    reports = [compute_pnl(one.fills, 0, END_NS, GroupBy.DEPLOYMENT) for one in drawn]
    assert sum(report.duplicates > 0 for report in reports) > 100
    assert sum(len(report.buckets) == 4 for report in reports) > 100


def test_a_profit_that_is_off_by_the_least_is_seen() -> None:
    drawn = next(one for one in map(stream, SEEDS) if len(one.fills) > 20 and not one.is_flat)
    report = compute_pnl(drawn.fills, 0, END_NS, GroupBy.DEPLOYMENT)
    total = compute_pnl(drawn.fills, 0, END_NS)
    dearer = {symbol: mark + 1 for symbol, mark in drawn.marks.items()}
    with pytest.raises(AssertionError):
        views_agree(drawn, report.enrich_unrealized(dearer.get), total)

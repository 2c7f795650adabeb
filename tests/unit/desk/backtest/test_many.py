"""Many runs: the same results for any number of processes, and every way in which one fails."""

from dataclasses import replace
from pathlib import Path

import pytest

from lockstep_desk.backtest import (
    HowToRun,
    all_curves,
    all_sheets,
    comparison,
    comparison_html,
    comparison_json,
    ranked,
    run_many,
)
from lockstep_desk.errors import InvalidValueError
from lockstep_kernel import CannotRunError, TornTailError
from tests.unit.desk.backtest.support import CATALOG, FLAT, RSI, SMA, plan_of, run_text
from tests.unit.runtime.driving import SAMPLE

RUNS = (run_text("a", RSI), run_text("b", SMA, RSI), run_text("c", FLAT))


@pytest.mark.desk("DESK-79", "DESK-D13")
def test_how_many_run_at_a_time_can_be_seen_in_no_result() -> None:
    plan = plan_of(*RUNS, count=40)
    expected = run_many(plan, HowToRun(catalog=CATALOG))
    assert (3, ["a", "b", "c"]) == (expected.num, [one.run_id for one in expected.results])
    assert 3 == len({one.desk_hash for one in expected.results})
    for jobs in (2, 3):
        found = run_many(plan, HowToRun(jobs=jobs, catalog=CATALOG))
        assert expected.results == found.results, f"{jobs} jobs"
        assert comparison_json(expected) == comparison_json(found)
        assert comparison_html("x", expected) == comparison_html("x", found)


def test_a_run_is_the_same_beside_others_and_alone() -> None:
    beside = run_many(plan_of(*RUNS, count=30), HowToRun(catalog=CATALOG)).results[1]
    alone = run_many(plan_of(RUNS[1], count=30), HowToRun(catalog=CATALOG)).results[0]
    assert beside == alone


@pytest.mark.parametrize("jobs", [1, 2])
def test_progress_is_told_from_none_to_all(jobs: int) -> None:
    told: list[tuple[int, int]] = []
    how = HowToRun(jobs, None, lambda done, runs: told.append((done, runs)), CATALOG)
    run_many(plan_of(*RUNS, count=3), how)
    assert ((0, 3), (3, 3)) == (told[0], told[-1])
    assert sorted(told) == told


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_fails_ends_all_by_its_id_and_its_exit_code(jobs: int, tmp_path: Path) -> None:
    torn = tmp_path / "torn.xz"
    torn.write_bytes(SAMPLE.read_bytes()[:5_000])
    plan = plan_of(*RUNS, count=3)
    feed = replace(plan.shared.feed, path=torn)
    sources = (("BTCUSDT", "BTC-PERP"),)
    plan = replace(plan, shared=replace(plan.shared, feed=feed, sources=sources))
    with pytest.raises(TornTailError, match=r"run '[abc]': .*torn.xz"):
        run_many(plan, HowToRun(jobs, catalog=CATALOG))


def test_a_process_that_dies_is_told_by_the_id_of_its_run() -> None:
    plan = plan_of(run_text("good", RSI), run_text("bad", ("dies_at", "number = 2")), count=5)
    with pytest.raises(CannotRunError, match="run 'bad': its process ended with 7"):
        run_many(plan, HowToRun(2, catalog=CATALOG))


def test_no_jobs_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="jobs"):
        run_many(plan_of(*RUNS), HowToRun(0))


def test_runs_stand_beside_each_other_by_profit() -> None:
    results = run_many(plan_of(*RUNS, count=60), HowToRun(catalog=CATALOG)).results
    order = [one.run_id for one in ranked(results)]
    profits = [one.portfolio.pnl_e9 for one in ranked(results)]
    assert sorted(profits, reverse=True) == profits
    assert order == [sheet.name for sheet in comparison(results).sheets]
    names = {"a", "a/rsi", "b", "b/rsi", "b/sma_cross", "c", "c/buy_when_flat"}
    assert names == {sheet.name for sheet in all_sheets(results).sheets}
    assert names == {curve.name for curve in all_curves(results)}

"""Contexts, strategies and versions, and who is behind a tag."""

import threading

import pytest

from lockstep_desk import InvalidValueError, LineageTag, MockClock, SequencedClock, WallClock
from lockstep_desk.fund import (
    Deployment,
    FundContext,
    LimitSet,
    Lineage,
    Strategy,
    lineage_of,
)

LIMITS = LimitSet(max_position_cents=1, max_order_cents=1, max_orders_per_sec=1)


@pytest.mark.desk("FUND-01")
def test_production_runs_on_the_wall_and_tests_on_a_clock_at_the_epoch() -> None:
    assert isinstance(FundContext.production().clock(), WallClock)
    context, clock = FundContext.for_tests()
    assert context.clock() is clock
    assert isinstance(clock, MockClock)
    assert 0 == clock.now_ns()


@pytest.mark.desk("FUND-02", "FUND-03")
def test_a_context_takes_a_clock_of_somebody_else() -> None:
    clock = SequencedClock(7)
    assert 7 == FundContext(clock).clock().now_ns()


@pytest.mark.desk("FUND-02")
def test_a_strategy_is_one_for_its_first_name() -> None:
    context, _clock = FundContext.for_tests()
    strategy = context.strategy("momentum")
    strategy.rename("trend")
    assert context.strategy("momentum") is strategy
    assert context.strategy("trend").id != strategy.id
    assert FundContext.for_tests()[0].strategy("momentum").id == strategy.id


@pytest.mark.desk("FUND-04", "FUND-15")
def test_renaming_a_strategy_attributes_nothing_anew() -> None:
    context, clock = FundContext.for_tests()
    strategy = context.strategy("momentum")
    before = strategy.version(b"code")
    deployment = Deployment.new("desk", before, LIMITS, clock)
    rows = {deployment.deployment_id: deployment}
    tag = LineageTag(deployment.deployment_id)
    told = lineage_of(tag, rows)
    strategy.rename("trend")
    assert "trend" == strategy.name
    assert before == strategy.version(b"code")
    assert told == lineage_of(tag, rows)


@pytest.mark.desk("FUND-04", "FUND-15")
def test_new_code_is_a_new_version_and_leaves_deployments_as_they_are() -> None:
    context, clock = FundContext.for_tests()
    strategy = context.strategy("momentum")
    deployment = Deployment.new("desk", strategy.version(b"old"), LIMITS, clock)
    assert strategy.version(b"new").version_id != deployment.version_id
    assert strategy.version(b"old").version_id == deployment.version_id


@pytest.mark.desk("FUND-40", "FUND-42")
def test_all_that_is_behind_a_tag_comes_from_the_row_of_its_deployment() -> None:
    context, clock = FundContext.for_tests()
    version = context.strategy("momentum").version(b"code")
    deployment = Deployment.new("desk", version, LIMITS, clock)
    rows = {deployment.deployment_id: deployment}
    expected = Lineage(deployment.deployment_id, "desk", version.strategy_id, version.version_id)
    assert expected == lineage_of(LineageTag(deployment.deployment_id), rows)


@pytest.mark.desk("FUND-41")
def test_no_tag_is_nobody_and_an_unknown_one_is_refused() -> None:
    assert lineage_of(None, {}) is None
    with pytest.raises(InvalidValueError, match="expected one of 0 known deployments, found 'x'"):
        lineage_of(LineageTag("x"), {})


def test_threads_that_ask_at_once_get_one_strategy() -> None:
    context, _clock = FundContext.for_tests()
    found: list[Strategy] = []
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        found.extend(context.strategy(f"s{n}") for n in range(50))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 400 == len(found)
    assert 50 == len({id(strategy) for strategy in found})


@pytest.mark.parametrize("name", ["", None, 5])
def test_a_strategy_needs_a_name(name: str) -> None:
    context, _clock = FundContext.for_tests()
    with pytest.raises(InvalidValueError, match="name: expected a text"):
        context.strategy(name)
    with pytest.raises(InvalidValueError, match="name: expected a text"):
        context.strategy("momentum").rename(name)

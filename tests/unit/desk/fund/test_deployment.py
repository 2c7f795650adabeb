"""Deployments: limits that make sense, and a lifecycle of four transitions."""

import itertools

import msgspec
import pytest

from lockstep_desk import HaltAction, InvalidValueError, MockClock, UsdCents, ids
from lockstep_desk.fund import (
    Deployment,
    FundContext,
    LifecycleChanged,
    LifecycleReason,
    LifecycleRefused,
    LifecycleState,
    LimitSet,
    SetLifecycle,
    set_lifecycle,
)

PAPER, LIVE, HALTED = LifecycleState
LIMITS = LimitSet(max_position_cents=3, max_order_cents=2, max_orders_per_sec=1)


def deployed(clock: MockClock | None = None, ordinal: int = 0) -> Deployment:
    version = FundContext.for_tests()[0].strategy("momentum").version(b"code")
    return Deployment.new("desk", version, LIMITS, clock or MockClock(), ordinal)


def moved(
    deployment: Deployment, to_state: LifecycleState, now_ns: int
) -> tuple[Deployment, LifecycleChanged | LifecycleRefused]:
    asked = SetLifecycle(deployment.deployment_id, deployment.state, to_state)
    return set_lifecycle(deployment, asked, now_ns)


@pytest.mark.desk("FUND-10", "FUND-12", "FUND-13")
def test_a_deployment_begins_in_paper_with_its_caps_and_the_clocks_time() -> None:
    deployment = deployed(MockClock(5))
    assert ("desk", LIMITS, PAPER, 5, 5) == (
        deployment.name,
        deployment.limits,
        deployment.state,
        deployment.created_at_ns,
        deployment.updated_at_ns,
    )
    assert ids.deployment_id("desk", deployment.version_id, 0) == deployment.deployment_id


@pytest.mark.desk("FUND-10")
def test_deployments_of_one_name_and_version_differ_by_their_ordinal() -> None:
    assert deployed().deployment_id == deployed(MockClock(9)).deployment_id
    assert deployed().deployment_id != deployed(ordinal=1).deployment_id


@pytest.mark.desk("FUND-11", "FUND-14")
def test_four_transitions_are_allowed_and_move_the_time() -> None:
    allowed: list[tuple[LifecycleState, LifecycleState]] = []
    for start, end in itertools.product(LifecycleState, LifecycleState):
        deployment = msgspec.structs.replace(deployed(), state=start)
        after, event = moved(deployment, end, now_ns=7)
        if isinstance(event, LifecycleChanged):
            allowed.append((start, end))
            assert LifecycleChanged(deployment.deployment_id, start, end, 7) == event
            assert (end, 7) == (after.state, after.updated_at_ns)
        else:
            assert after is deployment
    assert [(PAPER, LIVE), (PAPER, HALTED), (LIVE, HALTED), (HALTED, LIVE)] == allowed


@pytest.mark.desk("FUND-11")
@pytest.mark.parametrize(
    ("start", "asked_from", "to", "reason"),
    [
        (PAPER, LIVE, HALTED, LifecycleReason.WRONG_FROM),
        (LIVE, PAPER, LIVE, LifecycleReason.WRONG_FROM),
        (PAPER, PAPER, PAPER, LifecycleReason.NO_CHANGE),
        (LIVE, LIVE, LIVE, LifecycleReason.NO_CHANGE),
        (LIVE, LIVE, PAPER, LifecycleReason.NO_SUCH_TRANSITION),
        (HALTED, HALTED, PAPER, LifecycleReason.NO_SUCH_TRANSITION),
    ],
)
def test_what_is_refused_changes_nothing_and_says_why(
    start: LifecycleState,
    asked_from: LifecycleState,
    to: LifecycleState,
    reason: LifecycleReason,
) -> None:
    deployment = msgspec.structs.replace(deployed(), state=start)
    asked = SetLifecycle(deployment.deployment_id, asked_from, to)
    after, event = set_lifecycle(deployment, asked, now_ns=7)
    assert LifecycleRefused(asked, start, reason) == event
    assert after is deployment


@pytest.mark.parametrize("state", [2, 9, "LIVE", None])
def test_a_state_is_one_of_three(state: LifecycleState) -> None:
    with pytest.raises(InvalidValueError, match="to_state: expected a LifecycleState"):
        moved(deployed(), state, now_ns=0)


def test_a_request_for_another_deployment_is_refused() -> None:
    deployment = deployed()
    _after, event = set_lifecycle(deployment, SetLifecycle("other", PAPER, LIVE), now_ns=7)
    assert isinstance(event, LifecycleRefused)
    assert LifecycleReason.WRONG_DEPLOYMENT == event.reason


@pytest.mark.desk("FUND-14")
def test_other_limits_move_the_time_and_time_never_steps_back() -> None:
    wider = msgspec.structs.replace(LIMITS, max_position_cents=9)
    deployment = deployed(MockClock(5)).with_limits(wider, now_ns=8)
    assert (wider, 5, 8) == (
        deployment.limits,
        deployment.created_at_ns,
        deployment.updated_at_ns,
    )
    assert 8 == deployment.with_limits(LIMITS, now_ns=3).updated_at_ns
    assert 8 == moved(deployment, LIVE, now_ns=3)[0].updated_at_ns


@pytest.mark.desk("FUND-20", "FUND-05")
def test_caps_are_cents_however_they_are_written() -> None:
    limits = LimitSet(
        max_position_cents=UsdCents.from_dollars(2_500),
        max_order_cents=100_000,
        max_orders_per_sec=5,
        halt_action=HaltAction.HARD_HALT,
    )
    assert (250_000, 100_000, 5, HaltAction.HARD_HALT) == (
        limits.max_position_cents,
        limits.max_order_cents,
        limits.max_orders_per_sec,
        limits.halt_action,
    )
    assert (False, None, None) == (
        limits.caps_open,
        limits.max_deviation_bps,
        limits.max_daily_loss_cents,
    )


@pytest.mark.desk("FUND-20")
@pytest.mark.parametrize(
    "field",
    "max_position_cents max_order_cents max_orders_per_sec max_deviation_bps"
    " max_daily_loss_cents".split(),
)
@pytest.mark.parametrize("value", [0, -1, True, 1.5, "1", 10**30])
def test_a_cap_is_a_positive_integer(field: str, value: object) -> None:
    with pytest.raises(InvalidValueError, match=rf"^{field}: expected an integer.*, found "):
        msgspec.structs.replace(LIMITS, **{field: value})


@pytest.mark.parametrize("action", [1, "WARN", None])
def test_a_halt_action_is_one_of_four(action: HaltAction) -> None:
    with pytest.raises(InvalidValueError, match="halt_action: expected a HaltAction"):
        msgspec.structs.replace(LIMITS, halt_action=action)

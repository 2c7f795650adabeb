"""From a breach to steps: what each action asks for, once, and a liquidation to flat."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.risk import DeploymentView, Exposure, Step, StepKind, liquidation_steps, steps_of
from lockstep_desk.strategy import Working
from lockstep_desk.types import Breach, Dimension, HaltAction, RejectCode, Severity, Side
from tests.unit.desk.strategy.support import BTC, E8, E9

RESTING = Working("a", Side.BUY, E8, 100 * E9, True)
ENDING = Working("b", Side.BUY, E8, 100 * E9, True, True)
AT_MARKET = Working("c", Side.SELL, E8)


def breach(action: HaltAction) -> Breach:
    return Breach(
        dimension=Dimension.NOTIONAL_CAP,
        limit=100,
        observed=101,
        action=action,
        deployment_id="d",
        reason_code=RejectCode.POSITION_LIMIT,
    )


def standing(*exposures: Exposure, halted: HaltAction | None = None) -> DeploymentView:
    return DeploymentView("d", halted, exposures)


def kinds(steps: tuple[Step, ...]) -> list[str]:
    return [step.kind.name for step in steps]


WORKING = Exposure(BTC, 3 * E8, (RESTING,))


@pytest.mark.desk("FUND-21", "FUND-22")
@pytest.mark.parametrize(
    ("action", "steps"),
    [
        (HaltAction.WARN, ["ALERT"]),
        (HaltAction.SOFT_HALT, ["ALERT", "HALT"]),
        (HaltAction.HARD_HALT, ["ALERT", "HALT", "CANCEL_ALL"]),
        (HaltAction.LIQUIDATE, ["ALERT", "HALT", "CANCEL_ALL"]),
    ],
)
def test_each_action_asks_for_more_than_the_one_before(
    action: HaltAction, steps: list[str]
) -> None:
    assert steps == kinds(steps_of(breach(action), standing(WORKING)))


@pytest.mark.desk("FUND-22")
@pytest.mark.parametrize("action", list(HaltAction)[1:])
def test_a_breach_that_repeats_only_alerts_under_the_same_key(action: HaltAction) -> None:
    first = steps_of(breach(action), standing(WORKING))
    done = standing(Exposure(BTC, 3 * E8, (ENDING,)), halted=action)
    (again,) = steps_of(breach(action), done)
    assert first[0] == again
    assert again.alert is not None
    assert (Severity.CRITICAL, "breach|d|NOTIONAL_CAP|100") == (
        again.alert.severity,
        again.alert.dedup_key,
    )


@pytest.mark.desk("FUND-21")
def test_a_harder_breach_halts_harder_and_a_softer_one_does_not_soften() -> None:
    soft = standing(halted=HaltAction.SOFT_HALT)
    assert ["ALERT", "HALT"] == kinds(steps_of(breach(HaltAction.LIQUIDATE), soft))
    hard = standing(halted=HaltAction.LIQUIDATE)
    assert ["ALERT"] == kinds(steps_of(breach(HaltAction.SOFT_HALT), hard))


def test_a_warning_warns() -> None:
    (step,) = steps_of(breach(HaltAction.WARN), standing())
    assert step.alert is not None
    assert Severity.WARNING is step.alert.severity


def liquidation(*exposures: Exposure, order_max_e8: int = 10 * E8) -> tuple[Step, ...]:
    return liquidation_steps(standing(*exposures, halted=HaltAction.LIQUIDATE), order_max_e8)


@pytest.mark.desk("FUND-21")
def test_a_liquidation_cancels_waits_and_then_closes() -> None:
    assert ["CANCEL_ALL"] == kinds(liquidation(WORKING))
    assert () == liquidation(Exposure(BTC, 3 * E8, (ENDING,)))
    (close,) = liquidation(Exposure(BTC, 3 * E8))
    assert (StepKind.CLOSE, BTC, Side.SELL, 3 * E8) == (
        close.kind,
        close.instrument,
        close.side,
        close.qty_e8,
    )
    assert () == liquidation(Exposure(BTC, 3 * E8, (AT_MARKET,)))
    assert () == liquidation(Exposure(BTC, 0))


def test_a_liquidation_keeps_to_the_order_cap_by_slicing() -> None:
    (close,) = liquidation(Exposure(BTC, -3 * E8), order_max_e8=2 * E8)
    assert (Side.BUY, 2 * E8) == (close.side, close.qty_e8)


def test_only_a_liquidation_closes() -> None:
    for halted in (None, HaltAction.SOFT_HALT, HaltAction.HARD_HALT):
        assert () == liquidation_steps(standing(Exposure(BTC, E8), halted=halted), E8)


@pytest.mark.desk("FUND-21")
@given(st.integers(-50, 50), st.lists(st.integers(1, 10), min_size=60, max_size=60))
def test_a_liquidation_ends_flat_and_never_turns_over(position: int, fills: list[int]) -> None:
    """Each close is filled in part, by what is drawn; after the last one nothing is asked for."""
    held = position
    for filled in fills:
        steps = liquidation(Exposure(BTC, held), order_max_e8=10)
        if not held:
            assert () == steps
            return
        (close,) = steps
        assert steps == liquidation(Exposure(BTC, held), order_max_e8=10)
        held += close.side.sign * min(filled, close.qty_e8)
        assert 0 <= held * (1 if position > 0 else -1) < abs(position)
    assert 0 == held


def test_a_cap_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="order_max_e8: expected an integer from 1"):
        liquidation_steps(standing(halted=HaltAction.LIQUIDATE), 0)

"""When a position is to be left: the stop that trails, and the longest it is held."""

import msgspec
import pytest

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.risk import ExitReason, ExitRules, exit_due
from lockstep_desk.types import Side
from tests.support.recon import E9, position

LONG = position(Side.BUY, 5, 100)
SHORT = position(Side.SELL, 5, 100)
TENTH = ExitRules(trail_bps=1_000)


def at(made: object, best: float, mark: float) -> object:
    prices = {"best_e9": int(best * E9), "mark_e9": int(mark * E9)}
    return msgspec.structs.replace(made, **prices)


@pytest.mark.desk("RECON-24")
@pytest.mark.parametrize(
    ("made", "best", "mark", "reason"),
    [
        (LONG, 200, 180.5, None),
        (LONG, 200, 180, ExitReason.TRAIL),
        (LONG, 200, 90, ExitReason.TRAIL),
        (SHORT, 50, 54.5, None),
        (SHORT, 50, 55, ExitReason.TRAIL),
        (LONG, 90, 90, None),
    ],
)
def test_a_stop_that_trails_is_reached_so_far_below_the_best(
    made, best: float, mark: float, reason: ExitReason | None
) -> None:
    assert reason is exit_due(at(made, best, mark), TENTH, 0)


@pytest.mark.desk("RECON-24")
def test_a_position_is_left_when_its_time_is_over() -> None:
    rules = ExitRules(hold_ns=10)
    assert exit_due(LONG, rules, LONG.time_enter_ns + 9) is None
    assert ExitReason.HELD is exit_due(LONG, rules, LONG.time_enter_ns + 10)


def test_without_rules_or_without_a_price_nothing_is_left() -> None:
    assert exit_due(at(LONG, 200, 1), ExitRules(), 10**18) is None
    assert exit_due(LONG, TENTH, 0) is None


@pytest.mark.parametrize("rules", [{"trail_bps": 0}, {"trail_bps": 10_000}, {"hold_ns": 0}])
def test_rules_that_cannot_be_are_refused(rules: dict[str, int]) -> None:
    (name,) = rules
    with pytest.raises(InvalidValueError, match=f"{name}: expected an integer from 1"):
        ExitRules(**rules)

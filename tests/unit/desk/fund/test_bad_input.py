"""What cannot be right is told at the fund layer's doors: what was expected, what was found."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from lockstep_desk import Fill, InvalidValueError, Side
from lockstep_desk.clock import MockClock
from lockstep_desk.fund import (
    Deployment,
    DeploymentGate,
    FundContext,
    GateState,
    LimitSet,
    OrderIntent,
    PreTradeGate,
    compute_pnl,
    from_legacy_row,
    set_lifecycle,
)
from lockstep_desk.types import Liquidity, UsdCents

ONE, E9 = 10**8, 10**9
LIMITS = LimitSet(max_position_cents=1_000, max_order_cents=500, max_orders_per_sec=5)
INTENT = OrderIntent.priced(Side.BUY, "BTC", ONE, E9)
FILL = Fill(
    fill_id="1",
    order_id="1",
    instrument="BTC",
    side=Side.BUY,
    qty_e8=ONE,
    price_e9=E9,
    ts_ns=1,
)


def gate(**changes: Any) -> DeploymentGate:
    return DeploymentGate(**{"limits": LIMITS, "mark": lambda symbol: E9, **changes})


def gates() -> PreTradeGate:
    registry = PreTradeGate()
    registry.register("d", gate())
    return registry


def deployment(**changes: Any) -> Deployment:
    version = FundContext(MockClock()).strategy("s").version(b"code")
    given = {"name": "d", "version": version, "limits": LIMITS, "clock": MockClock()}
    return Deployment.new(**{**given, **changes})


BAD: list[tuple[str, Callable[[Any], object], Any]] = [
    ("now_ns: expected an integer, found None", lambda no: gate().check(INTENT, no), None),
    ("now_ns: expected an integer, found 'x'", lambda no: gate().check(INTENT, no), "x"),
    ("now_ns: expected an integer, found 1.5", lambda no: gate().check_all(INTENT, no), 1.5),
    ("now_ns: expected an integer from 0", lambda no: gate().admit(INTENT, no), -1),
    ("now_ns: expected an integer, found True", lambda no: gates().check("d", INTENT, no), True),
    ("intent: expected an OrderIntent, found None", lambda no: gate().check(no, 0), None),
    ("intent: expected an OrderIntent, found 'x'", lambda no: gate().closing_e8(no), "x"),
    ("working_e8: expected an integer", lambda no: gate().check(INTENT, 0, no), -1),
    ("working_e8: expected an integer", lambda no: gate().closing_e8(INTENT, no), 0.5),
    ("deployment_id: expected a text", lambda no: gates().check(no, INTENT, 0), 5),
    ("deployment_id: expected a text", lambda no: gates().get(no), []),
    ("gate: expected a DeploymentGate", lambda no: gates().register("e", no), LIMITS),
    ("limits: expected a LimitSet, found None", DeploymentGate, None),
    ("options: expected a GateOptions", lambda no: gate(options=no), None),
    ("mark: expected a callable", lambda no: gate(mark=no), {"BTC": 1}),
    ("limits: expected a LimitSet", lambda no: gate().set_limits(no), None),
    ("fill: expected a Fill, found 'x'", lambda no: gates().apply_fill(no), "x"),
    ("state: expected a GateState", lambda no: gate(state=no), None),
    ("halted: expected an integer from 0 to 4", lambda no: gate(state=no), GateState(halted=99)),
    ("position_e17: expected an int", lambda no: gate(state=no), GateState(position_e17="x")),  # type: ignore[arg-type]  # a bad one
    ("fills: expected an iterable", lambda no: compute_pnl(no, 0, 1), None),
    ("one of fills: expected a Fill", lambda no: compute_pnl([no], 0, 1), None),
    ("one of fills: expected a Fill", lambda no: compute_pnl([no], 0, 1), {}),
    ("one of fundings: expected a Funding", lambda no: compute_pnl([], 0, 1, fundings=[no]), FILL),
    ("mark: expected a callable", lambda no: compute_pnl([], 0, 1).enrich_unrealized(no), {}),
    ("asked: expected a SetLifecycle", lambda no: set_lifecycle(deployment(), no, 0), "LIVE"),
    ("limits: expected a LimitSet", lambda no: deployment(limits=no), None),
    ("version: expected a StrategyVersion", lambda no: deployment(version=no), "v"),
    ("clock.now_ns: expected a callable", lambda no: deployment(clock=no), None),
    ("clock.now_ns: expected a callable", FundContext, None),
    ("limits: expected a LimitSet", lambda no: deployment().with_limits(no, 0), None),
    ("now_ns: expected an integer", lambda no: deployment().with_limits(LIMITS, no), "x"),
    ("row: expected a mapping, found None", from_legacy_row, None),
    ("cents: expected an integer, found 1.5", UsdCents, 1.5),
    ("cents: expected an integer, found '5'", UsdCents, "5"),
]


@pytest.mark.parametrize(("message", "ask", "value"), BAD, ids=[f"{n}" for n in range(len(BAD))])
def test_it_raises_and_says_why(message: str, ask: Callable[[Any], object], value: object) -> None:
    with pytest.raises(InvalidValueError, match=message):
        ask(value)


@pytest.mark.desk("FUND-52")
@pytest.mark.parametrize(
    "changes",
    [
        *({"order_id": None}, {"client_order_id": None}, {"account": None}, {"seq": -5}),
        *({"seq": "1"}, {"liquidity": "x"}, {"liquidity": 1}, {"broker_closed_pnl_e9": "x"}),
    ],
    ids=str,
)
def test_a_fill_with_a_field_that_cannot_be_is_none(changes: dict[str, Any]) -> None:
    (name,) = changes
    with pytest.raises(InvalidValueError, match=f"^{name}: expected"):
        msgspec.structs.replace(FILL, **changes)
    assert Liquidity.MAKER == msgspec.structs.replace(FILL, liquidity=Liquidity.MAKER).liquidity


@pytest.mark.desk("FUND-33", "I6")
@pytest.mark.parametrize("price", [0, -1, -(10**9)])
@pytest.mark.parametrize("caps_open", [False, True])
def test_a_price_of_zero_or_below_values_nothing_and_nothing_opens(
    price: int, caps_open: bool
) -> None:
    limits = msgspec.structs.replace(LIMITS, caps_open=caps_open, max_deviation_bps=1)
    asked = gate(limits=limits, mark=lambda symbol: price)
    huge = OrderIntent(side=Side.BUY, notional_cents=1, symbol="BTC", qty_e8=10**15, price_e9=1)
    found = asked.check_all(huge, 0)
    names = ["NOTIONAL_CAP", *(["OPEN_EXPOSURE_CAP"] if caps_open else []), "PRICE_DEVIATION"]
    assert [(name, None) for name in names] == [(one.dimension.name, one.observed) for one in found]
    asked.apply_fill(FILL)
    closing = OrderIntent.priced(Side.SELL, "BTC", ONE, E9)
    assert () == asked.check_all(closing, 0)


@pytest.mark.desk("FUND-33", "I6")
def test_a_price_below_zero_of_one_symbol_makes_no_room_for_another() -> None:
    asked = gate(mark={"A": -(10**9), "BTC": 10**9}.get)
    asked.apply_fill(msgspec.structs.replace(FILL, instrument="A", qty_e8=10**12))
    (breach,) = asked.check_all(INTENT, 0)
    assert ("NOTIONAL_CAP", None) == (breach.dimension.name, breach.observed)


@pytest.mark.parametrize("price", [1.5, "x", True, [1]])
def test_a_price_that_is_no_integer_raises(price: object) -> None:
    asked = gate(mark=lambda symbol: price)
    with pytest.raises(InvalidValueError, match="mark of BTC: expected an integer"):
        asked.check(INTENT, 0)


@pytest.mark.desk("FUND-37", "FUND-73")
def test_a_profit_of_a_day_before_changes_nothing() -> None:
    day = 86_400 * 10**9
    asked = gate(limits=msgspec.structs.replace(LIMITS, max_daily_loss_cents=10))
    asked.record_pnl(-11, 10 * day)
    asked.record_pnl(0, 10 * day - 1)
    assert ["DAILY_LOSS_LIMIT"] == [one.dimension.name for one in asked.check_all(INTENT, 10 * day)]
    asked.record_pnl(-10, 10 * day)
    assert () == asked.check_all(INTENT, 10 * day)

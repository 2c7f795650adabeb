"""The limits that are options: working orders, price deviation, and the day's loss."""

import msgspec
import pytest

from lockstep_desk import Breach, Fill, HaltAction, InvalidValueError, RejectCode, Side
from lockstep_desk.fund import (
    Admit,
    DeploymentGate,
    GateMode,
    GateOptions,
    LimitSet,
    OrderIntent,
)

ONE = 10**8
DAY = 86_400 * 10**9
LIMITS = LimitSet(max_position_cents=10_000, max_order_cents=10_000, max_orders_per_sec=100)
OPEN = msgspec.structs.replace(LIMITS, caps_open=True)
STRICT = GateOptions(GateMode.STRICT)
USUAL = GateOptions()


def mark(symbol: str) -> int | None:
    """Return ten dollars for all symbols but one: a lot is 1,000 cents."""
    return None if symbol == "UNKNOWN" else 10 * 10**9


def order(key: str | None, lots: int, symbol: str = "BTC", price: int = 10) -> OrderIntent:
    return OrderIntent.priced(
        Side.BUY if lots > 0 else Side.SELL, symbol, abs(lots) * ONE, price * 10**9, key
    )


def fill(key: str, lots: int, price: int = 10) -> Fill:
    return Fill(
        fill_id="f",
        order_id="o",
        client_order_id=key,
        instrument="BTC",
        side=Side.BUY if lots > 0 else Side.SELL,
        qty_e8=abs(lots) * ONE,
        price_e9=price * 10**9,
        ts_ns=0,
    )


def gate(limits: LimitSet, options: GateOptions = USUAL) -> DeploymentGate:
    return DeploymentGate(limits, options, mark)


def failed(gate: DeploymentGate, intent: OrderIntent, now_ns: int = 0) -> list[str]:
    return [breach.dimension.name for breach in gate.check_all(intent, now_ns)]


MODES = pytest.mark.parametrize("options", [STRICT, USUAL], ids=["strict", "reduce_ok"])


@MODES
@pytest.mark.desk("FUND-3A")
def test_without_the_option_working_orders_together_may_pass_the_cap(options: GateOptions) -> None:
    plain = gate(LIMITS, options)
    assert 3 == sum(isinstance(plain.admit(order(str(n), 6), 0), Admit) for n in range(3))
    assert () == plain.state().working


@MODES
@pytest.mark.desk("FUND-3A")
def test_working_orders_of_one_side_count_together(options: GateOptions) -> None:
    counting = gate(OPEN, options)
    assert isinstance(counting.admit(order("a", 6), 0), Admit)
    assert ["OPEN_EXPOSURE_CAP"] == failed(counting, order("b", 5))
    breach = counting.check(order("b", 5), 0)
    assert isinstance(breach, Breach)
    assert (11_000, RejectCode.POSITION_LIMIT) == (breach.observed, breach.reason_code)
    assert isinstance(counting.admit(order("b", 4), 0), Admit)
    assert isinstance(counting.admit(order("c", -10), 0), Admit)
    assert ["OPEN_EXPOSURE_CAP"] == failed(counting, order("d", -1))


@MODES
@pytest.mark.desk("FUND-3A")
def test_an_order_that_ends_makes_room_and_one_that_fills_does_not(options: GateOptions) -> None:
    counting = gate(OPEN, options)
    counting.admit(order("a", 6), 0)
    counting.admit(order("b", 4), 0)
    counting.apply_fill(fill("a", 2))
    assert ["OPEN_EXPOSURE_CAP"] == failed(counting, order("c", 1))
    assert counting.record_done("a")
    assert [] == failed(counting, order("c", 4))
    assert ["OPEN_EXPOSURE_CAP"] == failed(counting, order("c", 5))
    assert not counting.record_done("a")
    counting.apply_fill(fill("b", 4))
    assert () == counting.state().working


@MODES
def test_a_fill_of_an_order_that_is_not_known_moves_the_position(options: GateOptions) -> None:
    counting = gate(OPEN, options)
    counting.apply_fill(fill("", 3))
    assert (("BTC", 3 * ONE),) == counting.state().quantities
    assert 3 * ONE * 10 * 10**9 == counting.state().position_e17


def test_an_order_that_fills_cheaper_keeps_the_rest_of_its_value_in_strict() -> None:
    counting = gate(OPEN, STRICT)
    counting.admit(order("a", 4), 0)
    counting.apply_fill(fill("a", 1, price=5))
    (working,) = counting.state().working
    assert (3 * ONE, 3 * ONE * 10 * 10**9) == (working.qty_e8, working.reserved_e17)


def test_an_intent_without_a_quantity_reserves_its_amount_in_strict() -> None:
    counting = gate(OPEN, STRICT)
    bare = OrderIntent(side=Side.BUY, notional_cents=6_000, symbol="BTC", client_order_id="a")
    counting.admit(bare, 0)
    counting.apply_fill(fill("a", 2))
    (working,) = counting.state().working
    assert (0, 4_000 * 10**15) == (working.qty_e8, working.reserved_e17)
    counting.apply_fill(fill("a", 4))
    assert () == counting.state().working


@pytest.mark.desk("RECON-22", "I13")
def test_a_position_can_be_closed_once_and_not_turned_round_by_closing_twice() -> None:
    counting = gate(OPEN)
    counting.apply_fill(fill("", 30))
    counting.halt(HaltAction.HARD_HALT)
    assert isinstance(counting.admit(order("a", -20), 0), Admit)
    assert 10 * ONE == counting.closing_e8(order("b", -30))
    assert "HALTED" == failed(counting, order("b", -11))[0]
    assert isinstance(counting.admit(order("b", -10), 0), Admit)
    assert "HALTED" == failed(counting, order("c", -1))[0]
    counting.record_done("a")
    assert [] == failed(counting, order("c", -20))


def test_counting_working_orders_needs_their_ids() -> None:
    counting = gate(OPEN)
    before = counting.state()
    with pytest.raises(InvalidValueError, match="client_order_id: expected one"):
        counting.admit(order(None, 1), 0)
    with pytest.raises(InvalidValueError, match="intent: expected one"):
        counting.record_submitted(0)
    assert before == counting.state()
    counting.admit(order("a", 1), 0)
    with pytest.raises(InvalidValueError, match="'a' is working"):
        counting.admit(order("a", 1), 0)
    assert 1 == counting.state().bucket_count


def test_limits_that_begin_to_count_take_the_orders_that_work() -> None:
    changing = gate(LIMITS)
    changing.admit(order("a", 6), 0)
    changing.set_limits(OPEN, [order("a", 6)])
    assert OPEN == changing.limits
    assert ["OPEN_EXPOSURE_CAP"] == failed(changing, order("b", 5))
    changing.set_limits(OPEN, [order("a", 6)])
    assert 1 == len(changing.state().working)
    changing.set_limits(LIMITS)
    assert () == changing.state().working
    assert [] == failed(changing, order("b", 5))


def test_limits_that_cannot_be_taken_change_nothing() -> None:
    changing = gate(LIMITS)
    for orders in ([order("a", 1), order("a", 2)], [order("a", 1), order(None, 1)]):
        with pytest.raises(InvalidValueError, match="working: expected an id of its own each"):
            changing.set_limits(OPEN, orders)
        assert (LIMITS, ()) == (changing.limits, changing.state().working)


@MODES
def test_working_orders_survive_in_the_state(options: GateOptions) -> None:
    counting = gate(OPEN, options)
    for key, lots in (("b", 3), ("a", -4), ("c", 2)):
        counting.admit(order(key, lots), 0)
    counting.apply_fill(fill("b", 1))
    again = DeploymentGate(OPEN, options, mark, counting.state())
    assert counting.state() == again.state()
    for lots in (4, 5, 6, -6, -7):
        assert counting.check_all(order("x", lots), 0) == again.check_all(order("x", lots), 0)


def test_a_working_order_that_cannot_be_valued_takes_no_more() -> None:
    marks: dict[str, int] = {"BTC": 10 * 10**9, "ETH": 10 * 10**9}
    counting = DeploymentGate(OPEN, mark=marks.get)
    counting.admit(order("a", 1, "ETH"), 0)
    del marks["ETH"]
    assert ["OPEN_EXPOSURE_CAP"] == failed(counting, order("b", 1))


@pytest.mark.desk("FUND-73")
@pytest.mark.parametrize(
    ("price_e9", "observed"),
    [
        *[(10_100_000_000, None), (10_100_000_001, 101), (9_900_000_000, None)],
        *[(9_899_999_999, 101), (20 * 10**9, 10_000)],
    ],
)
def test_a_price_may_deviate_so_far_and_no_further(price_e9: int, observed: int | None) -> None:
    limits = msgspec.structs.replace(
        LIMITS, max_deviation_bps=100, max_order_cents=10**9, max_position_cents=10**9
    )
    intent = OrderIntent.priced(Side.BUY, "BTC", ONE, price_e9)
    found = gate(limits).check_all(intent, 0)
    assert ([] if observed is None else [observed]) == [breach.observed for breach in found]
    assert all(RejectCode.PRICE_DEVIATION == breach.reason_code for breach in found)


@pytest.mark.desk("FUND-73")
def test_a_deviation_that_cannot_be_known_is_refused() -> None:
    limits = msgspec.structs.replace(LIMITS, max_deviation_bps=100)
    unpriced = msgspec.structs.replace(order("a", 1), price_e9=None)
    assert ["PRICE_DEVIATION"] == failed(gate(limits), unpriced)
    assert ["PRICE_DEVIATION"] == failed(gate(limits, STRICT), order("a", 1, "UNKNOWN"))
    worthless = DeploymentGate(limits, mark=lambda _symbol: 0)
    assert ["NOTIONAL_CAP", "PRICE_DEVIATION"] == failed(worthless, order("a", 1))


@MODES
@pytest.mark.desk("FUND-73")
def test_a_loss_may_reach_its_limit_and_a_day_begins_at_zero(options: GateOptions) -> None:
    losing = gate(msgspec.structs.replace(LIMITS, max_daily_loss_cents=500), options)
    losing.record_pnl(-500, 3 * DAY)
    assert [] == failed(losing, order("a", 1), 3 * DAY)
    losing.record_pnl(-501, 3 * DAY + 1)
    assert ["DAILY_LOSS_LIMIT"] == failed(losing, order("a", 1), 4 * DAY - 1)
    (breach,) = losing.check_all(order("a", 1), 3 * DAY)
    assert (500, 501, RejectCode.DAILY_LOSS_LIMIT) == (
        breach.limit,
        breach.observed,
        breach.reason_code,
    )
    assert [] == failed(losing, order("a", 1), 4 * DAY)
    assert ["DAILY_LOSS_LIMIT"] == failed(losing, order("a", 1), 2 * DAY)
    losing.record_pnl(400, 3 * DAY + 2)
    assert [] == failed(losing, order("a", 1), 3 * DAY)


@pytest.mark.parametrize("pnl", [True, 1.5, None, 10**30])
def test_a_profit_is_an_integer(pnl: int) -> None:
    with pytest.raises(InvalidValueError, match="pnl_cents: expected an integer"):
        gate(LIMITS).record_pnl(pnl, 0)

"""A gate that lets closing orders pass counts quantities and values them at a mark."""

import itertools

import msgspec
import pytest

from lockstep_desk import Breach, Fill, HaltAction, InvalidValueError, Side
from lockstep_desk.fund import (
    Admit,
    DeploymentGate,
    GateMode,
    LimitSet,
    OrderIntent,
    PreTradeGate,
)

ONE = 10**8
LIMITS = LimitSet(max_position_cents=10_000, max_order_cents=4_000, max_orders_per_sec=2)
MARKS = {"BTC": 10 * 10**9, "ETH": 5 * 10**9}
"""Ten and five dollars: a lot of BTC is 1,000 cents."""


def order(symbol: str, signed_lots: int, cents: int | None = None) -> OrderIntent:
    lots = abs(signed_lots)
    return OrderIntent(
        side=Side.BUY if signed_lots > 0 else Side.SELL,
        notional_cents=cents or lots * MARKS.get(symbol, 10**9) // 10**7,
        symbol=symbol,
        qty_e8=lots * ONE,
    )


def fill(symbol: str, signed_lots: int, deployment_id: str | None = None) -> Fill:
    return Fill(
        fill_id="f",
        order_id="o",
        instrument=symbol,
        side=Side.BUY if signed_lots > 0 else Side.SELL,
        qty_e8=abs(signed_lots) * ONE,
        price_e9=7 * 10**9,
        ts_ns=0,
        deployment_id=deployment_id,
    )


def gate_with(limits: LimitSet = LIMITS, **lots: int) -> DeploymentGate:
    gate = DeploymentGate(limits, mark=MARKS.get)
    for symbol, held in lots.items():
        if held:
            gate.apply_fill(fill(symbol, held))
    return gate


def failed(gate: DeploymentGate, intent: OrderIntent, now_ns: int = 0) -> list[str]:
    return [breach.dimension.name for breach in gate.check_all(intent, now_ns)]


def test_it_is_the_usual_mode() -> None:
    assert GateMode.REDUCE_OK == gate_with().options.mode


@pytest.mark.desk("FUND-33")
@pytest.mark.parametrize(
    ("held", "lots", "is_admitted"),
    [(7, 3, True), (8, 3, False), (-7, -3, True), (-8, -3, False), (10, 1, False), (0, 4, True)],
)
def test_an_opening_order_may_reach_the_cap_at_the_mark(
    held: int, lots: int, is_admitted: bool
) -> None:
    assert ([] if is_admitted else ["NOTIONAL_CAP"]) == failed(
        gate_with(BTC=held), order("BTC", lots)
    )


@pytest.mark.desk("FUND-3B", "RECON-22")
@pytest.mark.parametrize("sign", [1, -1])
def test_a_position_beyond_its_cap_is_reduced_in_steps(sign: int) -> None:
    gate = gate_with(BTC=sign * 300)
    for lots in (1, 25, 200, 300):
        assert [] == failed(gate, order("BTC", -sign * lots))
    assert ["ORDER_SIZE_CAP", "NOTIONAL_CAP"] == failed(gate, order("BTC", sign * 25))


@pytest.mark.desk("I13", "RECON-22")
@pytest.mark.parametrize("action", list(HaltAction)[1:])
@pytest.mark.parametrize("held", [3, -3])
def test_closing_passes_in_every_halt_state_over_every_limit(action: HaltAction, held: int) -> None:
    tight = msgspec.structs.replace(
        LIMITS, max_order_cents=1, max_position_cents=1, max_deviation_bps=1, max_daily_loss_cents=1
    )
    gate = gate_with(tight, BTC=held)
    gate.record_pnl(-1_000_000, 0)
    gate.halt(action)
    sign = 1 if held > 0 else -1
    for now_ns, lots in itertools.product((0, 10**9), (1, 2, 3)):
        assert isinstance(gate.admit(order("BTC", -sign * lots), now_ns), Admit)
        assert isinstance(gate.admit(order("BTC", -sign * lots), now_ns), Admit)
    for lots in (sign, -4 * sign):
        breach = gate.check(order("BTC", lots), 0)
        assert isinstance(breach, Breach)
        assert ("HALTED", action) == (breach.dimension.name, breach.action)


@pytest.mark.desk("RECON-22")
def test_closing_needs_no_mark() -> None:
    gate = DeploymentGate(LIMITS)
    gate.apply_fill(fill("BTC", 5))
    assert [] == failed(gate, order("BTC", -5))
    assert ["NOTIONAL_CAP"] == failed(gate, order("BTC", 1))


def test_a_position_that_cannot_be_valued_takes_no_more() -> None:
    gate = gate_with(BTC=1, DOGE=1)
    breach = gate.check(order("BTC", 1), 0)
    assert isinstance(breach, Breach)
    assert ("NOTIONAL_CAP", None) == (breach.dimension.name, breach.observed)
    gate.apply_fill(fill("DOGE", -1))
    assert isinstance(gate.check(order("BTC", 1), 0), Admit)


@pytest.mark.parametrize(
    ("held", "lots", "closing"),
    [(5, -3, 3), (5, -5, 5), (5, -8, 5), (-5, 8, 5), (5, 3, 0), (0, -3, 0), (-5, -1, 0)],
)
def test_what_of_an_order_closes_is_known(held: int, lots: int, closing: int) -> None:
    assert closing * ONE == gate_with(BTC=held).closing_e8(order("BTC", lots))


@pytest.mark.desk("FUND-34")
def test_of_a_flip_only_the_opening_part_is_checked_for_size() -> None:
    gate = gate_with(BTC=50)
    assert [] == failed(gate, order("BTC", -54))
    assert ["ORDER_SIZE_CAP"] == failed(gate, order("BTC", -55))
    assert ["ORDER_SIZE_CAP", "NOTIONAL_CAP"] == failed(gate, order("BTC", -61))
    breach = gate.check(order("BTC", -55), 0)
    assert isinstance(breach, Breach)
    assert 5_000 == breach.observed


def test_the_cap_is_on_the_sum_of_the_sizes_of_all_symbols() -> None:
    gate = gate_with(BTC=5, ETH=-8)
    assert [] == failed(gate, order("BTC", 1))
    assert ["NOTIONAL_CAP"] == failed(gate, order("BTC", 2))
    assert [] == failed(gate, order("ETH", -2))
    assert ["NOTIONAL_CAP"] == failed(gate, order("ETH", -3))
    assert [] == failed(gate, order("ETH", 8))


@pytest.mark.desk("I18")
def test_a_round_trip_at_different_prices_leaves_nothing() -> None:
    gate = gate_with()
    for number, (signed, price) in enumerate([(10, 7), (-4, 9), (-6, 11)]):
        made = fill("BTC", signed)
        gate.apply_fill(msgspec.structs.replace(made, fill_id=str(number), price_e9=price * 10**9))
    assert () == gate.state().quantities
    assert [] == failed(gate, order("BTC", 4))


@pytest.mark.desk("FUND-35")
def test_closing_orders_count_for_the_rate_and_are_never_refused_by_it() -> None:
    gate = gate_with(BTC=5)
    for _ in range(5):
        assert isinstance(gate.admit(order("BTC", -1), 0), Admit)
    assert ["ORDERS_PER_SECOND"] == failed(gate, order("BTC", 1))
    assert 5 == gate.state().bucket_count
    assert [] == failed(gate, order("BTC", 1), now_ns=10**9)


@pytest.mark.desk("FUND-60", "I3")
def test_a_fill_moves_the_gate_of_its_deployment_only() -> None:
    gates = PreTradeGate()
    one, two, manual = gate_with(), gate_with(), gate_with()
    for name, gate in (("one", one), ("two", two), (None, manual)):
        gates.register(name, gate)
    assert [True, True, True, False] == [
        gates.apply_fill(fill("BTC", lots, owner))
        for lots, owner in ((3, "one"), (-1, "two"), (2, None), (9, "three"))
    ]
    assert [(("BTC", 3 * ONE),), (("BTC", -ONE),), (("BTC", 2 * ONE),)] == [
        gate.state().quantities for gate in (one, two, manual)
    ]


def test_it_needs_quantities() -> None:
    gate = gate_with(BTC=1)
    bare = OrderIntent(side=Side.SELL, notional_cents=5, symbol="BTC")
    with pytest.raises(InvalidValueError, match="qty_e8: expected a quantity"):
        gate.check(bare, 0)
    with pytest.raises(InvalidValueError, match="fill: expected a Fill"):
        gate.apply_fill(5)


def test_a_gate_goes_on_from_its_state() -> None:
    gate = gate_with(BTC=5, ETH=-3)
    gate.admit(order("BTC", 1), 5)
    again = DeploymentGate(LIMITS, mark=MARKS.get, state=gate.state())
    assert gate.state() == again.state()
    for intent in (order("BTC", 4), order("BTC", -5), order("ETH", 9)):
        assert gate.check_all(intent, 5) == again.check_all(intent, 5)


@pytest.mark.desk("RECON-22", "I13")
@pytest.mark.parametrize("sign", [1, -1])
def test_what_the_caller_knows_to_work_is_not_closed_again(sign: int) -> None:
    gates, gate = PreTradeGate(), gate_with(BTC=5 * sign)
    gates.register("one", gate)
    gate.halt(HaltAction.LIQUIDATE)
    for working, most in ((0, 5), (1, 4), (4, 1), (5, 0), (9, 0)):
        for lots in range(1, 7):
            intent = order("BTC", -sign * lots)
            assert min(lots, most) * ONE == gate.closing_e8(intent, working * ONE)
            for ask in (gates.check, gates.admit):
                verdict = ask("one", intent, 0, working * ONE)
                assert (lots <= most) == isinstance(verdict, Admit)


def test_a_part_that_closes_already_is_checked_as_opening() -> None:
    gate = gate_with(BTC=10)
    assert isinstance(gate.check(order("BTC", -10), 0, 4 * ONE), Admit)
    breach = gate.check(order("BTC", -10), 0, 5 * ONE)
    assert isinstance(breach, Breach)
    assert ("ORDER_SIZE_CAP", 5_000) == (breach.dimension.name, breach.observed)

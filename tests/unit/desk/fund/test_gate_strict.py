"""A strict gate counts cents at fill price and refuses whatever projects beyond its cap."""

import msgspec
import pytest

from lockstep_desk import (
    Breach,
    Dimension,
    Fill,
    HaltAction,
    InvalidValueError,
    RejectCode,
    Side,
    UsdCents,
)
from lockstep_desk.fund import (
    MANUAL,
    Admit,
    DeploymentGate,
    GateMode,
    GateOptions,
    GateState,
    LimitSet,
    OrderIntent,
    PreTradeGate,
    RateWindow,
)

STRICT = GateOptions(GateMode.STRICT)
SLIDING = GateOptions(GateMode.STRICT, RateWindow.SLIDING)
LIMITS = LimitSet(max_position_cents=1_000, max_order_cents=600, max_orders_per_sec=3)
SECOND = 10**9


def intent(signed_cents: int) -> OrderIntent:
    side = Side.BUY if signed_cents > 0 else Side.SELL
    return OrderIntent(side=side, notional_cents=abs(signed_cents), venue="X", symbol="BTC")


def strict(position_cents: int = 0, limits: LimitSet = LIMITS) -> DeploymentGate:
    gate = DeploymentGate(limits, STRICT)
    gate.apply_fill(position_cents)
    return gate


def dimensions(found: tuple[Breach, ...]) -> list[str]:
    return [breach.dimension.name for breach in found]


@pytest.mark.desk("FUND-31")
def test_an_intent_has_a_signed_amount() -> None:
    assert (5, -5) == (intent(5).signed_delta(), intent(-5).signed_delta())


@pytest.mark.desk("FUND-34")
@pytest.mark.parametrize("cents", [0, -1, True, 1.5, None, 10**30])
def test_an_intent_is_worth_something(cents: int) -> None:
    with pytest.raises(InvalidValueError, match="notional_cents: expected an integer"):
        OrderIntent(side=Side.BUY, notional_cents=cents, symbol="BTC")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("side", 0),
        ("side", "buy"),
        ("symbol", ""),
        ("qty_e8", -1),
        ("qty_e8", 0),
        ("price_e9", 0),
        ("client_order_id", ""),
    ],
)
def test_an_intent_refuses_what_cannot_be_right(field: str, value: object) -> None:
    with pytest.raises(InvalidValueError, match=f"^{field}: expected"):
        msgspec.structs.replace(intent(1), **{field: value})


def test_an_intent_at_a_price_is_valued_upwards() -> None:
    priced = OrderIntent.priced(Side.SELL, "BTC", qty_e8=10**8 + 1, price_e9=2 * 10**9)
    assert (201, 10**8 + 1, 2 * 10**9) == (priced.notional_cents, priced.qty_e8, priced.price_e9)


@pytest.mark.desk("FUND-33", "I6")
@pytest.mark.parametrize(
    ("position", "order", "is_admitted"),
    [
        *[(500, 500, True), (500, 501, False), (-500, -500, True), (-500, -501, False)],
        *[(0, 600, True), (900, -600, True), (-900, 600, True), (999, 1, True), (1_000, 1, False)],
    ],
)
def test_the_position_may_reach_its_cap_and_not_pass_it(
    position: int, order: int, is_admitted: bool
) -> None:
    assert is_admitted == isinstance(strict(position).check(intent(order), 0), Admit)


@pytest.mark.desk("FUND-32", "FUND-33", "FUND-73")
def test_a_breach_says_what_was_seen_and_what_was_allowed() -> None:
    assert Breach(
        dimension=Dimension.NOTIONAL_CAP,
        limit=1_000,
        observed=1_100,
        action=HaltAction.SOFT_HALT,
        deployment_id="",
        reason_code=RejectCode.POSITION_LIMIT,
    ) == strict(900).check(intent(200), 0)


@pytest.mark.desk("FUND-3B")
def test_a_position_beyond_its_cap_cannot_be_reduced_in_steps() -> None:
    assert isinstance(strict(300_000).check(intent(-600), 0), Breach)


@pytest.mark.desk("FUND-34")
@pytest.mark.parametrize(("cents", "is_admitted"), [(600, True), (601, False)])
def test_an_order_may_reach_its_cap_and_not_pass_it(cents: int, is_admitted: bool) -> None:
    found = strict().check_all(intent(cents), 0)
    assert ([] if is_admitted else ["ORDER_SIZE_CAP"]) == dimensions(found)


@pytest.mark.desk("FUND-35")
def test_the_rate_counts_what_was_submitted_and_nothing_else() -> None:
    gate = strict()
    for _ in range(100):
        gate.check(intent(1), 0)
        gate.check(intent(999), 0)
        gate.check_all(intent(1), 0)
    for _ in range(3):
        assert isinstance(gate.check(intent(1), SECOND - 1), Admit)
        gate.record_submitted(SECOND - 1)
    breach = gate.check(intent(1), SECOND - 1)
    assert isinstance(breach, Breach)
    assert (Dimension.ORDERS_PER_SECOND, 3, 4) == (breach.dimension, breach.limit, breach.observed)


@pytest.mark.desk("FUND-35")
def test_a_bucket_ends_with_its_second_so_twice_the_cap_passes_a_boundary() -> None:
    gate = strict()
    sent = [gate.admit(intent(1), ns) for ns in (*[SECOND - 1] * 4, *[SECOND] * 4, 2 * SECOND)]
    assert [True] * 3 + [False] + [True] * 3 + [False, True] == [
        isinstance(verdict, Admit) for verdict in sent
    ]


@pytest.mark.desk("FUND-35")
def test_a_sliding_second_never_holds_more_than_the_cap() -> None:
    gate = DeploymentGate(LIMITS, SLIDING)
    times = [0, SECOND - 1, SECOND - 1, SECOND - 1, SECOND, SECOND, 2 * SECOND - 2, 2 * SECOND - 1]
    sent = [ns for ns in times if isinstance(gate.admit(intent(1), ns), Admit)]
    assert [0, SECOND - 1, SECOND - 1, SECOND, 2 * SECOND - 1] == sent


@pytest.mark.desk("FUND-37")
@pytest.mark.parametrize("options", [STRICT, SLIDING])
def test_a_time_that_steps_back_counts_as_the_last_one(options: GateOptions) -> None:
    gate = DeploymentGate(LIMITS, options)
    for _ in range(3):
        gate.record_submitted(5 * SECOND)
    assert isinstance(gate.check(intent(1), SECOND), Breach)
    gate.record_submitted(SECOND)
    assert 5 * SECOND == gate.state().last_ns
    assert isinstance(gate.check(intent(1), 6 * SECOND), Admit)


@pytest.mark.parametrize("now_ns", [-1, True, 0.5, None])
def test_a_time_is_an_integer(now_ns: int) -> None:
    with pytest.raises(InvalidValueError, match="now_ns: expected an integer"):
        strict().record_submitted(now_ns)


@pytest.mark.desk("FUND-36")
def test_breaches_come_in_their_order_and_the_first_one_wins() -> None:
    gate = strict(1_000)
    for _ in range(3):
        gate.record_submitted(0)
    gate.halt(HaltAction.HARD_HALT)
    every = ["HALTED", "ORDER_SIZE_CAP", "NOTIONAL_CAP", "ORDERS_PER_SECOND"]
    assert every == dimensions(gate.check_all(intent(601), 0))
    assert gate.check_all(intent(601), 0)[0] == gate.check(intent(601), 0)
    gate.clear_halt()
    assert every[1:] == dimensions(gate.check_all(intent(601), 0))


@pytest.mark.desk("FUND-36", "FUND-73")
def test_a_halt_blocks_everything_and_names_its_action() -> None:
    gate = strict(500)
    gate.halt(HaltAction.HARD_HALT)
    gate.halt(HaltAction.SOFT_HALT)
    for cents in (1, -1, -500):
        breach = gate.check(intent(cents), 0)
        assert isinstance(breach, Breach)
        assert (Dimension.HALTED, HaltAction.HARD_HALT) == (breach.dimension, breach.action)
        assert RejectCode.KILL_SWITCH == breach.reason_code
    gate.clear_halt()
    assert isinstance(gate.check(intent(-500), 0), Admit)


def test_a_warning_halts_nothing() -> None:
    with pytest.raises(InvalidValueError, match="action: expected one that blocks, found WARN"):
        strict().halt(HaltAction.WARN)


@pytest.mark.parametrize("action", [1, 2, "HARD_HALT", None])
def test_a_halt_is_one_of_the_actions(action: HaltAction) -> None:
    gate = strict()
    with pytest.raises(InvalidValueError, match="action: expected a HaltAction"):
        gate.halt(action)
    assert 0 == gate.state().halted


def test_a_mode_and_a_window_are_never_guessed() -> None:
    with pytest.raises(InvalidValueError, match=r"mode: expected a GateMode \(STRICT, REDUCE_OK\)"):
        GateOptions("strict")  # type: ignore[arg-type]  # what must be refused
    with pytest.raises(InvalidValueError, match="window: expected a RateWindow"):
        GateOptions(GateMode.STRICT, 1)  # type: ignore[arg-type]  # what must be refused


@pytest.mark.desk("FUND-21")
def test_a_breach_that_only_warns_lets_the_order_go() -> None:
    gate = strict(900, msgspec.structs.replace(LIMITS, halt_action=HaltAction.WARN))
    verdict = gate.admit(intent(601), 0)
    assert isinstance(verdict, Admit)
    assert ["ORDER_SIZE_CAP", "NOTIONAL_CAP"] == dimensions(verdict.warnings)
    assert {HaltAction.WARN} == {breach.action for breach in verdict.warnings}
    assert 1 == gate.state().bucket_count
    gate.halt(HaltAction.SOFT_HALT)
    blocked = gate.check(intent(601), 0)
    assert isinstance(blocked, Breach)
    assert Dimension.HALTED == blocked.dimension


@pytest.mark.desk("FUND-22")
@pytest.mark.parametrize("action", list(HaltAction)[1:])
def test_a_breach_carries_its_action_and_the_gate_does_nothing_about_it(action: HaltAction) -> None:
    gate = strict(1_000, msgspec.structs.replace(LIMITS, halt_action=action))
    before = gate.state()
    breach = gate.admit(intent(1), 0)
    assert isinstance(breach, Breach)
    assert action == breach.action
    assert before == gate.state()
    assert isinstance(gate.check(intent(-1), 0), Admit)


@pytest.mark.desk("FUND-38", "I3")
def test_only_fills_move_the_position() -> None:
    gate = strict()
    for cents in (500, -500, 500, -500):
        gate.check(intent(cents), 0)
        gate.admit(intent(cents), 0)
        gate.record_submitted(0)
    assert 0 == gate.state().position_e17
    gate.apply_fill(UsdCents(500))
    gate.apply_fill(-200)
    assert 300 * 10**15 == gate.state().position_e17


@pytest.mark.desk("FUND-38")
def test_balanced_intents_of_which_one_side_fills_trip_the_cap() -> None:
    gate = strict()
    for second in range(3):
        for cents in (500, -500):
            verdict = gate.admit(intent(cents), second * SECOND)
            if cents > 0 and isinstance(verdict, Admit):
                gate.apply_fill(cents)
    assert 1_000 * 10**15 == gate.state().position_e17
    assert ["NOTIONAL_CAP"] == dimensions(gate.check_all(intent(1), 9 * SECOND))


@pytest.mark.desk("I18")
def test_cents_at_fill_price_drift_after_a_round_trip_and_quantities_do_not() -> None:
    gate = strict()
    for number, (side, price) in enumerate([(Side.BUY, 100), (Side.SELL, 110)]):
        gate.apply_fill(
            Fill(
                fill_id=str(number),
                order_id="1",
                instrument="BTC",
                side=side,
                qty_e8=10**8,
                price_e9=price * 10**9,
                ts_ns=0,
            )
        )
    assert -10 * 100 * 10**15 == gate.state().position_e17
    assert () == gate.state().quantities
    assert isinstance(gate.check(intent(-1), 0), Breach)


@pytest.mark.desk("FUND-30", "FUND-37")
def test_a_registry_finds_gates_and_refuses_whom_it_does_not_know() -> None:
    gates = PreTradeGate()
    gate = strict()
    gates.register("d", gate)
    with pytest.raises(InvalidValueError, match="'d' is registered already"):
        gates.register("d", strict())
    assert gates.get("d") is gate
    assert gates.get("e") is None
    assert ["d"] == gates.deployment_ids()
    assert isinstance(gates.check("d", intent(1), 0), Admit)
    for breach in (
        gates.check("e", intent(-1), 0),
        gates.admit("e", intent(-1), 0),
        *gates.check_all("e", intent(-1), 0),
    ):
        assert isinstance(breach, Breach)
        assert (Dimension.UNREGISTERED, "e") == (breach.dimension, breach.deployment_id)
    assert () == gates.check_all("d", intent(1), 0)
    assert isinstance(gates.admit("d", intent(1), 0), Admit)
    assert 1 == gate.state().bucket_count


@pytest.mark.desk("FUND-30", "FUND-37")
def test_an_id_and_a_gate_are_registered_once() -> None:
    gates = PreTradeGate()
    gate = strict()
    gates.register("d", gate)
    with pytest.raises(InvalidValueError, match="'d' is registered already"):
        gates.register("d", strict())
    with pytest.raises(InvalidValueError, match="expected one of its own, found that of 'd'"):
        gates.register("e", gate)
    with pytest.raises(InvalidValueError, match="deployment_id: expected a text"):
        gates.register("", strict())
    assert gates.get("d") is gate
    assert gates.get("e") is None


def test_orders_without_a_deployment_have_a_gate_of_their_own_or_none() -> None:
    gates = PreTradeGate()
    breach = gates.check(None, intent(1), 0)
    assert isinstance(breach, Breach)
    assert (Dimension.UNREGISTERED, MANUAL) == (breach.dimension, breach.deployment_id)
    gates.register(None, strict())
    assert isinstance(gates.check(None, intent(1), 0), Admit)


@pytest.mark.desk("FUND-30")
def test_a_breach_of_a_registered_gate_names_its_deployment() -> None:
    gates = PreTradeGate()
    gate = strict(1_000)
    gates.register("d", gate)
    breach = gates.check("d", intent(1), 0)
    assert isinstance(breach, Breach)
    assert "d" == breach.deployment_id
    with pytest.raises(InvalidValueError, match="expected one of its own, found that of 'd'"):
        gates.register("e", gate)
    assert breach == gates.check("d", intent(1), 0)


@pytest.mark.desk("I5", "FUND-33")
def test_checks_change_nothing() -> None:
    gates = PreTradeGate()
    gates.register("d", strict(700))
    gate = gates.get("d")
    assert gate is not None
    gate.record_submitted(7)
    before = gate.state()
    for now_ns in (0, 7, 10 * SECOND):
        for cents in (1, -1, 400, -400, 700):
            gates.check("d", intent(cents), now_ns)
            gates.check_all("d", intent(cents), now_ns)
    assert before == gate.state()


@pytest.mark.desk("FUND-3C")
def test_admit_is_a_check_and_a_record() -> None:
    one, two = strict(900), strict(900)
    for number in range(20):
        order, now_ns = intent(150 if number % 2 else 50), number * SECOND // 4
        verdict = one.check(order, now_ns)
        if isinstance(verdict, Admit):
            one.record_submitted(now_ns)
        assert verdict == two.admit(order, now_ns)
        assert one.state() == two.state()


@pytest.mark.parametrize("options", [STRICT, SLIDING])
def test_a_gate_goes_on_from_its_state(options: GateOptions) -> None:
    gate = DeploymentGate(LIMITS, options)
    gate.apply_fill(700)
    gate.halt(HaltAction.SOFT_HALT)
    gate.record_pnl(-5, 3 * SECOND)
    gate.record_submitted(3 * SECOND)
    gate.record_submitted(3 * SECOND + 5)
    again = DeploymentGate(LIMITS, options, state=gate.state())
    packed = msgspec.json.encode(gate.state())
    assert gate.state() == msgspec.json.decode(packed, type=GateState)
    for order in (intent(1), intent(400), intent(-1)):
        for now_ns in (0, 3 * SECOND, 4 * SECOND, 4 * SECOND + 5):
            assert gate.check_all(order, now_ns) == again.check_all(order, now_ns)


@pytest.mark.parametrize("delta", [True, 1.5, None, "1", 10**30])
def test_a_fill_in_cents_is_an_integer(delta: int) -> None:
    gate = strict()
    with pytest.raises(InvalidValueError, match="fill: expected an integer"):
        gate.apply_fill(delta)
    assert 0 == gate.state().position_e17

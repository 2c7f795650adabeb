"""The boundary that every order passes: whoever asks, the gate of its lineage decides."""

from typing import Any

import msgspec
import pytest

from lockstep_desk.core.codes import OrderKind, Origin, Refusal, Scope, TimeInForce, TradingState
from lockstep_desk.core.commands import (
    CancelOrders,
    ClearHalt,
    ClosePositions,
    Filter,
    Halt,
    Limits,
    OpenRequest,
    RegisterDeployment,
    RiskRefusal,
    SendCancelRequests,
    SendOpenRequests,
    SetLifecycle,
    SetLimits,
    SetQuarantine,
    SetTradingState,
    Shutdown,
    SubmitIntents,
)
from lockstep_desk.core.events import (
    CancelRefused,
    CancelRequested,
    CommandRefused,
    DeploymentHalted,
    OrderRefused,
    OrderRequested,
    PaperOrderRecorded,
)
from lockstep_desk.fund import MANUAL, LifecycleState
from lockstep_desk.ids import client_order_id
from lockstep_desk.oms.states import OrderState
from lockstep_desk.types import Dimension, HaltAction, Side
from tests.contract.desk.conftest import Trading
from tests.support.desk import (
    ACCOUNT,
    BTC,
    E8,
    E9,
    ETH,
    VENUE,
    WIDE,
    Desk,
    intents,
    limit_buy,
    limit_sell,
    market,
    of,
    report,
)

TIGHT = Limits(1_000_000, 1_000_000, 100)
"""Ten thousand dollars: one bitcoin at the price of these tests, exactly."""


def only(events: list[Any]) -> Any:
    (event,) = events
    return event


def code_of(events: list[Any]) -> Refusal:
    event = only(events)
    assert isinstance(event, OrderRefused), event
    return event.code


@pytest.mark.desk("DESK-45")
def test_client_order_ids_are_derived_and_never_the_same(trading: Trading) -> None:
    first = only(trading.desk.want(trading.alpha, limit_buy()))
    second = only(trading.desk.want(trading.alpha, limit_buy()))
    assert client_order_id(trading.alpha, BTC, 1) == first.client_order_id
    assert client_order_id(trading.alpha, BTC, 2) == second.client_order_id
    assert 23 == len(first.client_order_id)


@pytest.mark.desk("DESK-17", "DESK-40")
def test_an_order_that_passes_is_in_flight_and_asked_for(trading: Trading) -> None:
    event = only(trading.desk.want(trading.alpha, limit_buy()))
    assert isinstance(event, OrderRequested)
    assert (trading.alpha, Origin.ALGO, VENUE) == (event.deployment, event.origin, event.venue)
    (order,) = trading.desk.view.orders()
    assert (OrderState.OPEN_IN_FLIGHT, E8, 0) == (order.state, order.qty_e8, order.filled_e8)


@pytest.mark.desk("DESK-D17", "DESK-D19")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"account": "nobody"}, Refusal.UNKNOWN_ACCOUNT),
        ({"instrument": "nothing"}, Refusal.UNKNOWN_INSTRUMENT),
        ({"qty_e8": -E8}, Refusal.BAD_QUANTITY),
        ({"qty_e8": 0}, Refusal.BAD_QUANTITY),
        ({"qty_e8": E8 + 1}, Refusal.OFF_LOT),
        ({"price_e9": 10**12 + 1}, Refusal.OFF_TICK),
        ({"price_e9": 0}, Refusal.BAD_PRICE),
        ({"kind": OrderKind.MARKET}, Refusal.BAD_OPTION),
    ],
    ids=str,
)
@pytest.mark.parametrize("is_manual", [False, True])
def test_a_bad_order_is_refused_whoever_asks_and_changes_nothing(
    trading: Trading, changes: dict[str, Any], expected: Refusal, is_manual: bool
) -> None:
    desk = trading.desk
    desk.allow_manual()
    request = msgspec.structs.replace(limit_buy(), **changes)
    command = SendOpenRequests((request,)) if is_manual else intents(trading.alpha, request)
    before = desk.state.digest
    assert expected == code_of(desk.send(command))
    assert before == desk.state.digest


def test_a_market_order_without_any_price_is_refused(trading: Trading) -> None:
    assert Refusal.NO_PRICE == code_of(trading.desk.want(trading.alpha, market(Side.BUY, E8, ETH)))


@pytest.mark.desk("DESK-D19", "I4")
def test_without_manual_limits_no_manual_order_goes(trading: Trading) -> None:
    desk = trading.desk
    event = only(desk.send(SendOpenRequests((limit_buy(),))))
    assert isinstance(event, OrderRefused)
    assert event.breach is not None
    assert (Dimension.UNREGISTERED, MANUAL) == (event.breach.dimension, event.breach.deployment)
    assert () == desk.view.orders()


@pytest.mark.desk("DESK-D19", "DESK-12")
def test_a_manual_order_is_nobodys_and_passes_the_manual_gate(trading: Trading) -> None:
    desk = trading.desk
    desk.allow_manual(TIGHT)
    fits = only(desk.send(SendOpenRequests((limit_buy(E8, 10_000),))))
    assert isinstance(fits, OrderRequested)
    assert ("", Origin.OPERATOR) == (fits.deployment, fits.origin)
    assert client_order_id(None, BTC, fits.number) == fits.client_order_id
    fat = only(desk.send(SendOpenRequests((limit_buy(E8, 10_001),))))
    assert isinstance(fat, OrderRefused)
    assert fat.breach is not None
    assert (Dimension.ORDER_SIZE_CAP, 1_000_000, 1_000_100) == (
        *(fat.breach.dimension, fat.breach.limit, fat.breach.observed),
    )


@pytest.mark.desk("DESK-10", "DESK-13")
def test_a_refused_order_does_not_keep_the_others_of_its_batch_back(trading: Trading) -> None:
    desk = trading.desk
    desk.allow_manual()
    batch = (limit_buy(), limit_buy(-1), limit_sell())
    kinds = [type(event) for event in desk.send(SendOpenRequests(batch))]
    assert [OrderRequested, OrderRefused, OrderRequested] == kinds


@pytest.mark.desk("FUND-60", "I4")
def test_an_order_over_its_cap_is_refused_with_the_breach(trading: Trading) -> None:
    desk = trading.desk
    beta = desk.deploy("beta", TIGHT)
    desk.fill(desk.opened(beta, limit_buy(E8, 10_000)), E8, 10_000)
    event = only(desk.want(beta, limit_buy(10**6, 10_000)))
    assert isinstance(event, OrderRefused)
    assert (Refusal.GATE, "NOTIONAL_CAP") == (event.code, event.reason)
    assert event.breach is not None
    assert (1_000_000, 1_010_000) == (event.breach.limit, event.breach.observed)


def test_a_breach_that_only_warns_lets_the_order_go_with_it(trading: Trading) -> None:
    desk = trading.desk
    warned = msgspec.structs.replace(TIGHT, halt_action=HaltAction.WARN)
    event = only(desk.want(desk.deploy("beta", warned), limit_buy(2 * E8, 10_000)))
    assert isinstance(event, OrderRequested)
    assert [Dimension.ORDER_SIZE_CAP, Dimension.NOTIONAL_CAP] == [
        breach.dimension for breach in event.warnings
    ]


@pytest.mark.desk("FUND-35", "I5")
def test_refused_orders_cost_no_rate_and_sent_ones_do(trading: Trading) -> None:
    desk = trading.desk
    beta = desk.deploy("beta", Limits(10**14, 10**14, 2))
    second = desk.now_ns // 10**9 + 1
    desk.now_ns = second * 10**9
    desk.want(beta, *(limit_buy(-1) for _ in range(5)))
    kinds = [type(event) for event in desk.want(beta, limit_buy(), limit_buy(), limit_buy())]
    assert [OrderRequested, OrderRequested, OrderRefused] == kinds
    desk.now_ns = (second + 1) * 10**9
    assert isinstance(only(desk.want(beta, limit_buy())), OrderRequested)


@pytest.mark.desk("FUND-3A")
def test_with_open_exposure_capped_working_orders_count(trading: Trading) -> None:
    desk = trading.desk
    beta = desk.deploy("beta", msgspec.structs.replace(TIGHT, caps_open=True))
    first = desk.opened(beta, limit_buy(E8 // 2, 10_000))
    assert Refusal.GATE == code_of(desk.want(beta, limit_buy(E8, 10_000)))
    desk.send(SendCancelRequests((first.client_order_id,)))
    gate = desk.view.gate(beta)
    assert gate is not None
    assert 1 == len(gate.working)


@pytest.mark.desk("FUND-73")
def test_a_daily_loss_beyond_its_limit_refuses_what_opens(trading: Trading) -> None:
    desk = trading.desk
    beta = desk.deploy("beta", msgspec.structs.replace(WIDE, max_daily_loss_cents=10_000))
    desk.fill(desk.opened(beta), E8, 10_000)
    desk.price(BTC, 9_900)
    assert isinstance(only(desk.want(beta, limit_buy())), OrderRequested)
    desk.price(BTC, 9_899)
    event = only(desk.want(beta, limit_buy()))
    assert isinstance(event, OrderRefused)
    assert "DAILY_LOSS_LIMIT" == event.reason
    assert isinstance(only(desk.want(beta, limit_sell())), OrderRequested)


@pytest.mark.desk("DESK-21", "RECON-22", "RECON-23")
def test_while_disabled_strategies_may_reduce_and_not_open(trading: Trading) -> None:
    desk, alpha = trading
    desk.fill(desk.opened(alpha), E8, 10_000)
    desk.send(SetTradingState(TradingState.DISABLED))
    assert Refusal.TRADING_DISABLED == code_of(desk.want(alpha, limit_buy()))
    assert isinstance(only(desk.want(alpha, limit_sell())), OrderRequested)


@pytest.mark.desk("DESK-10")
def test_while_disabled_commands_and_closes_work(trading: Trading) -> None:
    desk, alpha = trading
    desk.allow_manual()
    desk.fill(desk.opened(alpha), E8, 10_000)
    desk.send(SetTradingState(TradingState.DISABLED))
    assert isinstance(only(desk.send(SendOpenRequests((limit_buy(),)))), OrderRequested)
    assert 1 == len(of(OrderRequested, desk.send(ClosePositions())))


@pytest.mark.desk("FUND-36", "I13", "DESK-24")
@pytest.mark.parametrize(
    "action", [HaltAction.SOFT_HALT, HaltAction.HARD_HALT, HaltAction.LIQUIDATE]
)
def test_a_halted_deployment_may_close_and_not_open(trading: Trading, action: HaltAction) -> None:
    desk, alpha = trading
    desk.fill(desk.opened(alpha), E8, 10_000)
    assert DeploymentHalted(alpha, action, "why") == desk.one(Halt(alpha, action, "why"))
    event = only(desk.want(alpha, limit_buy()))
    assert isinstance(event, OrderRefused)
    assert event.breach is not None
    assert (Dimension.HALTED, action) == (event.breach.dimension, event.breach.action)
    assert isinstance(only(desk.want(alpha, limit_sell(E8 // 2))), OrderRequested)
    desk.send(ClearHalt(alpha))
    assert isinstance(only(desk.want(alpha, limit_buy())), OrderRequested)


def test_a_halt_outlives_going_live_and_a_halted_lifecycle_outlives_clearing_it(
    trading: Trading,
) -> None:
    desk, _alpha = trading
    paper, live, halted = (int(state) for state in LifecycleState)
    beta = desk.one(RegisterDeployment("beta", "s", "v", 0, WIDE)).deployment
    desk.send(Halt(beta, HaltAction.HARD_HALT))
    desk.send(SetLifecycle(beta, paper, live))
    assert Refusal.GATE == code_of(desk.want(beta, limit_buy()))
    desk.send(ClearHalt(beta))
    assert isinstance(only(desk.want(beta, limit_buy())), OrderRequested)
    desk.send(SetLifecycle(beta, live, halted))
    assert Refusal.OTHER_STATE == desk.one(ClearHalt(beta)).code
    assert Refusal.GATE == code_of(desk.want(beta, limit_buy()))


@pytest.mark.desk("RECON-55")
@pytest.mark.parametrize(("scope", "key"), [(Scope.VENUES, VENUE), (Scope.ACCOUNTS, ACCOUNT)])
def test_in_quarantine_nothing_opens_and_closes_pass(
    trading: Trading, scope: Scope, key: str
) -> None:
    desk, alpha = trading
    desk.allow_manual()
    desk.fill(desk.opened(alpha), E8, 10_000)
    desk.send(SetQuarantine(scope, key, True))
    assert Refusal.QUARANTINED == code_of(desk.want(alpha, limit_buy()))
    assert Refusal.QUARANTINED == code_of(desk.send(SendOpenRequests((limit_buy(),))))
    assert isinstance(only(desk.want(alpha, limit_sell())), OrderRequested)
    desk.send(SetQuarantine(scope, key, False))
    assert isinstance(only(desk.want(alpha, limit_buy())), OrderRequested)


@pytest.mark.desk("RECON-56", "FUND-11")
def test_a_deployment_on_paper_records_what_it_would_send(trading: Trading) -> None:
    desk = trading.desk
    paper = desk.one(RegisterDeployment("paper", "s", "v", 0, TIGHT)).deployment
    event = only(desk.want(paper, limit_buy()))
    assert isinstance(event, PaperOrderRecorded)
    assert (paper, limit_buy()) == (event.deployment, event.request)
    assert () == desk.view.orders()
    assert Refusal.GATE == code_of(desk.want(paper, limit_buy(2 * E8)))


@pytest.mark.desk("FUND-11")
def test_lifecycle_moves_by_its_transitions_only(trading: Trading) -> None:
    desk, alpha = trading
    paper, live, halted = (int(state) for state in LifecycleState)
    assert isinstance(desk.one(SetLifecycle(alpha, paper, live)), CommandRefused)
    assert isinstance(desk.one(SetLifecycle(alpha, live, paper)), CommandRefused)
    assert isinstance(desk.one(SetLifecycle(alpha, live, 9)), CommandRefused)
    assert isinstance(desk.one(SetLifecycle("nobody", live, halted)), CommandRefused)
    desk.send(SetLifecycle(alpha, live, halted))
    assert Refusal.GATE == code_of(desk.want(alpha, limit_buy()))
    desk.send(SetLifecycle(alpha, halted, live))
    assert isinstance(only(desk.want(alpha, limit_buy())), OrderRequested)


def test_intents_of_an_unknown_deployment_or_from_the_future_are_refused(trading: Trading) -> None:
    desk, alpha = trading
    desk.allow_manual()
    for owner in ("nobody", MANUAL, ""):
        assert Refusal.UNKNOWN_DEPLOYMENT == only(desk.want(owner, limit_buy())).code
    hook = intents("", limit_buy(), origin=Origin.HOOK)
    assert isinstance(desk.one(hook), OrderRequested)
    late = SubmitIntents(Origin.ALGO, alpha, 0, desk.state.seq + 1, (), (limit_buy(),))
    assert Refusal.FUTURE_SEQUENCE == desk.one(late).code
    seen = SubmitIntents(Origin.ALGO, alpha, 0, desk.state.seq, (), (limit_buy(),))
    assert isinstance(desk.one(seen), OrderRequested)
    nobody = SubmitIntents(Origin.ALGO, alpha, -1, 0, (), (limit_buy(),))
    assert Refusal.BAD_VALUE == desk.one(nobody).code


@pytest.mark.desk("DESK-17", "DESK-50")
def test_intents_cancel_first_then_open_then_tell_what_risk_refused(trading: Trading) -> None:
    desk, alpha = trading
    resting = desk.resting(alpha)
    cancels = (resting.client_order_id,)
    refused = (RiskRefusal("too fat", "", limit_buy()), RiskRefusal("not that", "x"))
    command = SubmitIntents(Origin.ALGO, alpha, 0, 0, cancels, (limit_sell(),), refused)
    events = desk.send(command)
    told = [event for event in events if not type(event).__name__.endswith("Moved")]
    assert [CancelRequested, OrderRequested, OrderRefused, CancelRefused] == [
        type(event) for event in told
    ]
    assert (Refusal.RISK, "too fat") == (told[2].code, told[2].reason)
    assert (Refusal.RISK, "not that") == (told[3].code, told[3].reason)


@pytest.mark.desk("DESK-15")
def test_cancels_are_never_gated(trading: Trading) -> None:
    desk, alpha = trading
    order = desk.resting(alpha)
    desk.send(Halt(alpha, HaltAction.HARD_HALT))
    desk.send(SetQuarantine(Scope.ACCOUNTS, ACCOUNT, True))
    desk.send(SetTradingState(TradingState.DISABLED))
    desk.send(Shutdown())
    (request,) = of(CancelRequested, desk.send(SendCancelRequests((order.client_order_id,))))
    assert f"venue {order.number}" == request.order_id


@pytest.mark.desk("DESK-43", "DESK-45")
def test_an_id_that_a_venue_made_known_is_never_given_again(trading: Trading) -> None:
    desk, alpha = trading
    first = desk.resting(alpha)
    taken = client_order_id(alpha, BTC, first.number + 2)
    strange = msgspec.structs.replace(first, client_order_id=taken)
    desk.send(report(strange, OrderState.OPEN, 0, 5))
    again = only(desk.want(alpha, limit_buy()))
    assert (first.number + 3, False) == (again.number, taken == again.client_order_id)
    assert 3 == len(desk.view.orders())


@pytest.mark.desk("DESK-15", "DESK-43", "DESK-D17")
def test_a_cancel_of_an_unknown_order_or_one_being_cancelled_is_refused(trading: Trading) -> None:
    desk, alpha = trading
    order = desk.resting(alpha)
    assert Refusal.UNKNOWN_ORDER == desk.one(SendCancelRequests(("nobody",))).code
    desk.send(SendCancelRequests((order.client_order_id,)))
    again = desk.one(SendCancelRequests((order.client_order_id,)))
    assert Refusal.NOT_CANCELLABLE == again.code


@pytest.mark.desk("DESK-15", "DESK-11")
def test_a_filter_cancels_what_matches_and_can_be_cancelled(trading: Trading) -> None:
    desk, alpha = trading
    desk.price(ETH, 1)
    in_flight = desk.opened(alpha)
    resting = desk.resting(alpha)
    desk.resting(alpha, limit_buy(E8, 1, ETH))
    wanted = CancelOrders(Filter(Scope.INSTRUMENTS, (BTC,)))
    requests = of(CancelRequested, desk.send(wanted))
    assert [in_flight.client_order_id, resting.client_order_id] == [
        request.client_order_id for request in requests
    ]
    assert ["", f"venue {resting.number}"] == [request.order_id for request in requests]
    assert [] == desk.send(wanted)


@pytest.mark.desk("DESK-11", "DESK-D17")
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(Scope.VENUES, ("x",)), Refusal.UNKNOWN_VENUE),
        (Filter(Scope.INSTRUMENTS, (BTC, "x")), Refusal.UNKNOWN_INSTRUMENT),
        (Filter(Scope.UNDERLYINGS, ("x",)), Refusal.UNKNOWN_UNDERLYING),
        (Filter(Scope.DEPLOYMENTS, ("x",)), Refusal.UNKNOWN_DEPLOYMENT),
        (Filter(Scope.ACCOUNTS, ("x",)), Refusal.UNKNOWN_ACCOUNT),
        (Filter(Scope.ALL, ("x",)), Refusal.BAD_VALUE),
        (Filter(Scope.VENUES, ()), Refusal.BAD_VALUE),
    ],
    ids=str,
)
def test_a_filter_that_names_what_is_not_there_is_refused(
    trading: Trading, wanted: Filter, expected: Refusal
) -> None:
    desk, alpha = trading
    desk.resting(alpha)
    assert expected == desk.one(CancelOrders(wanted)).code
    assert expected == desk.one(ClosePositions(wanted)).code


@pytest.mark.desk("DESK-06")
def test_after_a_shutdown_nothing_opens(trading: Trading) -> None:
    desk, alpha = trading
    desk.allow_manual()
    desk.fill(desk.opened(alpha), E8, 10_000)
    desk.send(Shutdown())
    assert Refusal.SHUT_DOWN == code_of(desk.want(alpha, limit_buy()))
    assert Refusal.SHUT_DOWN == code_of(desk.send(SendOpenRequests((limit_buy(),))))


def test_the_mode_strict_counts_cents_and_may_refuse_a_close(trading: Trading) -> None:
    desk = trading.desk
    beta = desk.deploy("beta", msgspec.structs.replace(TIGHT, is_strict=True))
    desk.fill(desk.opened(beta, limit_buy(E8, 10_000)), E8, 10_000)
    desk.send(SetLimits(beta, msgspec.structs.replace(TIGHT, max_position_cents=1, is_strict=True)))
    assert Refusal.GATE == code_of(desk.want(beta, limit_sell(E8 // 2)))
    desk.send(SetLimits(beta, msgspec.structs.replace(TIGHT, max_position_cents=1)))
    assert isinstance(only(desk.want(beta, limit_sell(E8 // 2))), OrderRequested)


def test_limits_of_nobody_known_or_that_are_bad_are_refused(trading: Trading) -> None:
    desk, alpha = trading
    assert Refusal.UNKNOWN_DEPLOYMENT == desk.one(SetLimits("nobody", WIDE)).code
    assert Refusal.BAD_VALUE == desk.one(SetLimits(alpha, Limits(0, 1, 1))).code
    assert Refusal.BAD_VALUE == desk.one(SetLimits(MANUAL, Limits(0, 1, 1))).code
    assert Refusal.UNKNOWN_DEPLOYMENT == desk.one(Halt("nobody")).code
    assert Refusal.UNKNOWN_DEPLOYMENT == desk.one(ClearHalt("nobody")).code
    assert Refusal.BAD_VALUE == desk.one(Halt(alpha, HaltAction.WARN)).code


def test_a_quarantine_of_what_is_not_there_is_refused(trading: Trading) -> None:
    desk = trading.desk
    assert Refusal.UNKNOWN_VENUE == desk.one(SetQuarantine(Scope.VENUES, "x", True)).code
    assert Refusal.UNKNOWN_ACCOUNT == desk.one(SetQuarantine(Scope.ACCOUNTS, "x", True)).code
    assert Refusal.BAD_VALUE == desk.one(SetQuarantine(Scope.INSTRUMENTS, BTC, True)).code


def test_limits_for_manual_orders_begin_with_what_nobody_holds_already() -> None:
    desk = Desk()
    desk.open_market()
    desk.heal()
    stray = OrderRequested(
        *("stray", 9, "", Origin.OPERATOR, ACCOUNT, VENUE, BTC, Side.BUY, E8, 10_000 * E9),
        *(OrderKind.LIMIT, TimeInForce.GTC, False, False, 0, False, ()),
    )
    desk.fill(stray, E8, 10_000)
    desk.allow_manual(TIGHT)
    sell = OpenRequest(ACCOUNT, BTC, Side.SELL, E8, 10_000 * E9)
    desk.send(Halt(MANUAL))
    assert isinstance(only(desk.send(SendOpenRequests((sell,)))), OrderRequested)

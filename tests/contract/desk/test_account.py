"""What an account says of orders and balances, and what its snapshot replaces."""

from typing import Any

import msgspec
import pytest

from lockstep_desk.core.codes import Divergence, Origin, Refusal, SendError
from lockstep_desk.core.commands import (
    BalanceReport,
    PositionReport,
    QueryOrders,
    RecordAccountDisconnect,
    RecordBalance,
    RecordCancelResponse,
    RecordFill,
    RecordOrder,
    RegisterInstrument,
    RegisterVenue,
    ReplaceAccount,
    Resume,
    SendCancelRequests,
    SettleOrder,
)
from lockstep_desk.core.events import (
    AlertRaised,
    BalanceChanged,
    DivergenceRecorded,
    FillBooked,
    FillIgnored,
    OrderEnded,
    OrderMoved,
    OrderQueried,
    OrderRequested,
    ReportIgnored,
    RequestFailed,
    RequestSent,
    Resumed,
)
from lockstep_desk.core.params import DeskParams
from lockstep_desk.oms.states import Live, OrderError, OrderState
from lockstep_desk.types import Severity, Side
from tests.contract.desk.conftest import Trading
from tests.support.desk import (
    ACCOUNT,
    BTC,
    E8,
    E9,
    Desk,
    fill_of,
    limit_buy,
    of,
    report,
    reported,
    sent,
)


def states(desk: Desk) -> list[OrderState]:
    return [order.state for order in desk.view.orders()]


def snapshot(desk: Desk, *orders: OrderRequested, time_ns: int = 10**9, **fields: Any) -> Any:
    """Return a snapshot in which some orders rest."""
    reports = tuple(reported(order, OrderState.OPEN, 0, time_ns) for order in orders)
    return ReplaceAccount(ACCOUNT, time_ns, (), reports, fields.pop("positions", None), **fields)


def cancel(desk: Desk, order: OrderRequested) -> None:
    desk.send(SendCancelRequests((order.client_order_id,)))


# Orders


@pytest.mark.desk("DESK-14", "RECON-44")
def test_an_order_is_in_flight_before_it_is_sent_and_gone_if_it_was_not(trading: Trading) -> None:
    desk, alpha = trading
    (first,) = desk.want(alpha, limit_buy())
    assert [OrderState.OPEN_IN_FLIGHT] == states(desk)
    failed = desk.send(sent(first.client_order_id, error=SendError.UNHEALTHY))
    assert [RequestFailed, OrderEnded] == [type(event) for event in failed]
    assert [] == states(desk)


@pytest.mark.desk("DESK-14")
def test_what_the_venue_told_before_the_failure_of_sending_stands(trading: Trading) -> None:
    desk, alpha = trading
    (first,) = desk.want(alpha, limit_buy())
    desk.send(report(first, OrderState.OPEN, 0, 5))
    desk.send(sent(first.client_order_id, error=SendError.UNHEALTHY))
    assert [OrderState.OPEN] == states(desk)


def test_a_cancel_that_was_not_sent_was_never_asked(trading: Trading) -> None:
    desk, alpha = trading
    order = desk.resting(alpha)
    cancel(desk, order)
    desk.send(sent(order.client_order_id, error=SendError.UNHEALTHY, cancel=True))
    assert [OrderState.OPEN] == states(desk)
    flying = desk.opened(alpha)
    cancel(desk, flying)
    events = desk.send(sent(flying.client_order_id, error=SendError.UNHEALTHY, cancel=True))
    assert [flying.client_order_id] == [query.client_order_id for query in of(OrderQueried, events)]


def test_results_of_unknown_orders_are_ignored(trading: Trading) -> None:
    assert isinstance(trading.desk.one(sent("nobody")), ReportIgnored)
    order = trading.desk.resting(trading.alpha)
    cancel(trading.desk, order)
    told = trading.desk.one(sent(order.client_order_id, cancel=True))
    assert RequestSent(order.client_order_id, True) == told


@pytest.mark.desk("DESK-41", "DESK-42")
def test_an_order_lives_from_flight_to_cancel(trading: Trading) -> None:
    desk, alpha = trading
    order = desk.opened(alpha)
    moved = desk.one(report(order, OrderState.OPEN, E8 // 4, 7))
    assert OrderMoved(order.client_order_id, OrderState.OPEN, E8 // 4) == moved
    cancel(desk, order)
    assert [OrderState.CANCEL_IN_FLIGHT] == states(desk)
    ended = desk.one(RecordCancelResponse(ACCOUNT, order.client_order_id))
    expected = OrderEnded(order.client_order_id, OrderState.CANCELLED, E8 // 4, OrderError.NONE)
    assert expected == ended
    assert [] == states(desk)


@pytest.mark.desk("DESK-42")
def test_a_refused_cancel_puts_the_order_back(trading: Trading) -> None:
    desk, alpha = trading
    order = desk.resting(alpha)
    cancel(desk, order)
    desk.send(RecordCancelResponse(ACCOUNT, order.client_order_id, OrderError.RATE_LIMIT))
    assert [OrderState.OPEN] == states(desk)
    assert isinstance(desk.one(RecordCancelResponse(ACCOUNT, "nobody")), ReportIgnored)


@pytest.mark.desk("DESK-D8")
def test_an_open_report_with_nothing_left_ends_the_order(trading: Trading) -> None:
    desk, alpha = trading
    order = desk.resting(alpha)
    (ended,) = of(OrderEnded, desk.send(report(order, OrderState.OPEN, E8, desk.now_ns)))
    assert (OrderState.FULLY_FILLED, E8) == (ended.state, ended.filled_e8)


@pytest.mark.desk("DESK-44", "DESK-70")
def test_a_refused_open_ends_with_its_error(trading: Trading) -> None:
    desk, alpha = trading
    order = desk.opened(alpha)
    error = OrderError.BALANCE_INSUFFICIENT
    ended = desk.one(report(order, OrderState.OPEN_FAILED, None, 5, error))
    assert OrderEnded(order.client_order_id, OrderState.OPEN_FAILED, 0, error) == ended


@pytest.mark.desk("DESK-D11", "DESK-70", "RECON-27")
def test_an_open_that_timed_out_is_tracked_and_asked_for(trading: Trading) -> None:
    desk, alpha = trading
    order = desk.opened(alpha)
    timeout = report(order, OrderState.OPEN_FAILED, None, 5, OrderError.TIMEOUT)
    (query,) = of(OrderQueried, desk.send(timeout))
    assert (order.client_order_id, order.number) == (query.client_order_id, query.number)
    assert [OrderState.OPEN_UNKNOWN] == states(desk)
    again = of(OrderQueried, desk.send(QueryOrders()))
    assert [query] == again


@pytest.mark.desk("DESK-D11")
@pytest.mark.parametrize("is_found", [True, False])
def test_a_query_settles_what_was_unknown(trading: Trading, is_found: bool) -> None:
    desk, alpha = trading
    order = desk.opened(alpha)
    desk.send(report(order, OrderState.OPEN_FAILED, None, 5, OrderError.TIMEOUT))
    found = reported(order, OrderState.OPEN, 10, 9) if is_found else None
    events = desk.send(SettleOrder(ACCOUNT, order.client_order_id, found))
    if is_found:
        assert [OrderState.OPEN] == states(desk)
    else:
        (ended,) = of(OrderEnded, events)
        assert (OrderState.OPEN_FAILED, OrderError.NOT_FOUND) == (ended.state, ended.error)
    repeated = desk.one(SettleOrder(ACCOUNT, order.client_order_id, found))
    assert isinstance(repeated, ReportIgnored)


def test_an_answer_about_another_order_is_refused(trading: Trading) -> None:
    desk, alpha = trading
    order, other = desk.opened(alpha), desk.opened(alpha)
    desk.send(report(order, OrderState.OPEN_FAILED, None, 5, OrderError.TIMEOUT))
    wrong = SettleOrder(ACCOUNT, order.client_order_id, reported(other, OrderState.OPEN, 0, 9))
    assert Refusal.BAD_VALUE == desk.one(wrong).code


def test_an_order_that_ended_comes_back_only_by_a_newer_report(trading: Trading) -> None:
    desk, alpha = trading
    order = desk.resting(alpha)
    desk.send(report(order, OrderState.CANCELLED, None, 10**9))
    assert isinstance(desk.one(report(order, OrderState.OPEN, 0, 10**9)), ReportIgnored)
    events = desk.send(report(order, OrderState.OPEN, 0, 10**9 + 1))
    assert [Divergence.ORDER_CAME_BACK] == [d.code for d in of(DivergenceRecorded, events)]
    assert [Severity.WARNING] == [alert.severity for alert in of(AlertRaised, events)]
    assert [OrderState.OPEN] == states(desk)


def test_an_order_whose_fills_are_complete_never_comes_back(trading: Trading) -> None:
    desk, alpha = trading
    order = desk.resting(alpha)
    desk.fill(order, E8, 10_000)
    assert isinstance(desk.one(report(order, OrderState.OPEN, 0, 10**12)), ReportIgnored)


def test_orders_that_came_back_stand_by_number_again(trading: Trading) -> None:
    desk, alpha = trading
    first, second = desk.resting(alpha), desk.resting(alpha)
    desk.send(report(first, OrderState.CANCELLED, None, 10**9))
    desk.send(report(first, OrderState.OPEN, 0, 10**9 + 1))
    assert [first.client_order_id, second.client_order_id] == [
        order.client_order_id for order in desk.view.orders()
    ]


def test_an_order_that_the_desk_never_asked_for_is_tracked_as_the_venues(trading: Trading) -> None:
    desk, alpha = trading
    mine = desk.resting(alpha)
    strange = msgspec.structs.replace(mine, client_order_id="stranger")
    events = desk.send(report(strange, OrderState.OPEN, 0, 5))
    assert [Divergence.ORDER_NOT_OURS] == [d.code for d in of(DivergenceRecorded, events)]
    assert 2 == len(desk.view.orders())
    assert Origin.VENUE == desk.core.live["stranger"].origin
    ended = report(strange, OrderState.CANCELLED, None, 6)
    assert [OrderEnded] == [type(event) for event in desk.send(ended)]
    never = msgspec.structs.replace(mine, client_order_id="never")
    assert isinstance(desk.one(report(never, OrderState.CANCELLED)), ReportIgnored)


@pytest.mark.desk("DESK-D17")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"instrument": "nothing"}, Divergence.UNKNOWN_NAME),
        ({"state": OrderState.OPEN_UNKNOWN}, Divergence.ORDER_MALFORMED),
        ({"state": OrderState.OPEN, "live": None}, Divergence.ORDER_MALFORMED),
        ({"live": Live("v", -1, 0)}, Divergence.ORDER_MALFORMED),
        ({"live": Live("v", 5, -1)}, Divergence.ORDER_MALFORMED),
        ({"client_order_id": ""}, Divergence.ORDER_MALFORMED),
        ({"client_order_id": "new", "qty_e8": -1}, Divergence.ORDER_MALFORMED),
        ({"instrument": "eth_btc"}, Divergence.ORDER_MALFORMED),
    ],
    ids=str,
)
def test_a_report_that_makes_no_sense_is_written_down_and_moves_nothing(
    trading: Trading, changes: dict[str, Any], expected: Divergence
) -> None:
    desk, alpha = trading
    order = desk.resting(alpha)
    before = desk.view.orders()
    wrong = msgspec.structs.replace(reported(order, OrderState.OPEN, 0, 9), **changes)
    events = desk.send(RecordOrder(ACCOUNT, wrong))
    assert expected == of(DivergenceRecorded, events)[0].code
    assert before == desk.view.orders()


def test_what_an_unknown_account_says_is_refused(trading: Trading) -> None:
    desk, alpha = trading
    order = desk.resting(alpha)
    for command in (
        RecordOrder("x", reported(order, OrderState.CANCELLED)),
        RecordFill("x", fill_of(order, "f", E8, E9)),
        RecordBalance("x", BalanceReport("usd", 1, 1, 1)),
        RecordCancelResponse("x", order.client_order_id),
        SettleOrder("x", order.client_order_id, None),
        ReplaceAccount("x", 1, (), (), None),
        RecordAccountDisconnect("x"),
    ):
        assert Refusal.UNKNOWN_ACCOUNT == desk.one(command).code
    assert [OrderState.OPEN] == states(desk)


def test_what_an_account_says_of_an_instrument_elsewhere_is_written_down(trading: Trading) -> None:
    desk, alpha = trading
    order = desk.resting(alpha)
    desk.send(RegisterVenue("other"))
    desk.send(RegisterInstrument("there", "other", "btc", "usd", 1, 1))
    fill = msgspec.structs.replace(fill_of(order, "f", E8, E9), instrument="there")
    stray = msgspec.structs.replace(reported(order, OrderState.OPEN, 0, 9), instrument="there")
    for command in (RecordFill(ACCOUNT, fill), RecordOrder(ACCOUNT, stray)):
        events = desk.send(command)
        assert [Divergence.UNKNOWN_NAME] == [d.code for d in of(DivergenceRecorded, events)]
    assert desk.view.position(ACCOUNT, "there") is None
    assert [OrderState.OPEN] == states(desk)


def test_the_oldest_ended_orders_are_forgotten() -> None:
    desk = Desk(DeskParams("small", ended_capacity=2))
    alpha = desk.open_market()
    desk.heal()
    desk.enable()
    orders = [desk.resting(alpha) for _ in range(3)]
    for order in orders:
        desk.send(report(order, OrderState.CANCELLED, None, desk.now_ns))
    assert [order.client_order_id for order in orders[1:]] == list(desk.core.ended)
    events = desk.fill(orders[0], E8, 10_000)
    assert [Divergence.FILL_OF_UNKNOWN_ORDER] == [d.code for d in of(DivergenceRecorded, events)]


# Balances


@pytest.mark.desk("DESK-2A")
def test_a_balance_is_taken_unless_it_is_older(trading: Trading) -> None:
    desk = trading.desk
    told = desk.one(RecordBalance(ACCOUNT, BalanceReport("usd", 100, 60, 5)))
    assert BalanceChanged(ACCOUNT, "usd", 100, 60) == told
    assert 40 == desk.core.balances[(ACCOUNT, "usd")].used_e9
    assert isinstance(
        desk.one(RecordBalance(ACCOUNT, BalanceReport("usd", 1, 1, 4))), ReportIgnored
    )
    desk.send(RecordBalance(ACCOUNT, BalanceReport("usd", 90, 50, 5)))
    assert (90, 50) == desk.view.balance(ACCOUNT, "usd")
    assert desk.view.balance(ACCOUNT, "eur") is None


# Snapshots


@pytest.mark.desk("DESK-D9", "DESK-71")
def test_an_order_that_a_snapshot_does_not_name_does_not_live(trading: Trading) -> None:
    desk, alpha = trading
    kept, gone = desk.resting(alpha), desk.resting(alpha)
    events = desk.send(snapshot(desk, kept))
    assert [(gone.client_order_id, OrderState.VANISHED)] == [
        (end.client_order_id, end.state) for end in of(OrderEnded, events)
    ]
    assert [Divergence.ORDER_VANISHED] == [d.code for d in of(DivergenceRecorded, events)]
    assert [kept.client_order_id] == [order.client_order_id for order in desk.view.orders()]


@pytest.mark.desk("DESK-D9", "DESK-D11")
def test_an_order_in_flight_that_a_snapshot_does_not_name_is_unknown(trading: Trading) -> None:
    desk, alpha = trading
    flying = desk.opened(alpha)
    events = desk.send(snapshot(desk))
    assert [flying.client_order_id] == [query.client_order_id for query in of(OrderQueried, events)]
    assert [OrderState.OPEN_UNKNOWN] == states(desk)


def test_an_order_that_is_newer_than_the_snapshot_stays(trading: Trading) -> None:
    desk, alpha = trading
    order = desk.opened(alpha)
    desk.send(report(order, OrderState.OPEN, 0, 2 * 10**9))
    desk.send(snapshot(desk, time_ns=10**9))
    assert [OrderState.OPEN] == states(desk)


@pytest.mark.desk("DESK-D9", "DESK-D10")
def test_fills_that_were_missed_are_booked_once_from_a_snapshot(trading: Trading) -> None:
    desk, alpha = trading
    order = desk.resting(alpha)
    seen, missed = fill_of(order, "seen", E8 // 2, E9), fill_of(order, "missed", E8 // 4, E9)
    desk.send(RecordFill(ACCOUNT, seen))
    held = (PositionReport(BTC, 3 * E8 // 4),)
    events = desk.send(snapshot(desk, order, positions=held, fills=(seen, missed)))
    assert ["missed"] == [booked.fill_id for booked in of(FillBooked, events)]
    assert ["seen"] == [ignored.fill_id for ignored in of(FillIgnored, events)]
    assert [] == of(DivergenceRecorded, events)


@pytest.mark.parametrize(
    "held", [(), (PositionReport(BTC, -E8),), (PositionReport(BTC, E8), PositionReport("x", 1))]
)
def test_a_position_that_differs_is_written_down_and_never_taken_over(
    trading: Trading, held: tuple[PositionReport, ...]
) -> None:
    desk, alpha = trading
    desk.fill(desk.opened(alpha), E8, 10_000)
    events = desk.send(snapshot(desk, positions=held))
    assert [Divergence.POSITION_DIFFERS] == [d.code for d in of(DivergenceRecorded, events)]
    assert [] == of(DivergenceRecorded, desk.send(snapshot(desk, positions=held)))
    position = desk.view.position(ACCOUNT, BTC)
    assert position is not None
    assert (Side.BUY, E8) == (position.side, position.qty_e8)


@pytest.mark.desk("DESK-2D", "DESK-28")
def test_the_desks_own_snapshot_of_an_account_changes_nothing_when_told_back(
    trading: Trading,
) -> None:
    desk, alpha = trading
    desk.send(RecordBalance(ACCOUNT, BalanceReport("usd", 9, 5, 5)))
    desk.fill(desk.opened(alpha), E8, 10_000)
    resting = desk.resting(alpha)
    told = desk.view.snapshot(ACCOUNT)
    assert [resting.client_order_id] == [order.client_order_id for order in told.orders]
    assert (PositionReport(BTC, E8),) == told.positions
    assert (BalanceReport("usd", 9, 5, 5),) == told.balances
    assert [BalanceChanged] == [type(event) for event in desk.send(told)]
    desk.opened(alpha)
    assert told.orders == desk.view.snapshot(ACCOUNT).orders


def test_a_lost_link_lets_a_cancel_be_asked_again(trading: Trading) -> None:
    desk, alpha = trading
    order = desk.resting(alpha)
    cancel(desk, order)
    desk.send(RecordAccountDisconnect(ACCOUNT))
    assert [OrderState.OPEN] == states(desk)


@pytest.mark.desk("DESK-2C", "RECON-44")
def test_a_restart_disables_loses_all_links_and_asks_for_what_is_in_flight(
    trading: Trading,
) -> None:
    desk, alpha = trading
    resting, flying = desk.resting(alpha), desk.opened(alpha)
    cancel(desk, resting)
    events = desk.send(Resume())
    assert [flying.client_order_id] == [query.client_order_id for query in of(OrderQueried, events)]
    assert Resumed(1) == events[-1]
    assert [OrderState.OPEN, OrderState.OPEN_UNKNOWN] == states(desk)
    assert not desk.view.is_healthy
    assert "DISABLED" == desk.view.trading.name

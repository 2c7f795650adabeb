"""Orders in a sweep: settled by asking, never sent again, and left alone if they are not ours."""

import pytest

from lockstep_desk import Severity
from lockstep_desk.recon import (
    Kind,
    LocalOrder,
    LocalOrderState,
    OrderQuery,
    OrderStatus,
    Outcome,
    RefreshOrder,
    SettleOrder,
    Unknown,
    UnknownReason,
    make_page,
)
from tests.support.recon import (
    ALPHA,
    BTC,
    BUY,
    E8,
    SECOND_NS,
    asked,
    broker_order,
    moment,
    pages,
    swept,
    view,
)

UNKNOWN, OPEN = LocalOrderState.UNKNOWN, LocalOrderState.OPEN


def order(state: LocalOrderState, order_id: str = "", filled: int = 0) -> LocalOrder:
    return LocalOrder(
        client_order_id="c",
        order_id=order_id,
        deployment_id=ALPHA,
        instrument=BTC,
        side=BUY,
        qty_e8=5 * E8,
        filled_e8=filled * E8,
        state=state,
        sent_ns=50 * SECOND_NS,
    )


def sweep_one(local: LocalOrder, *queries: OrderQuery, **fields: object) -> Outcome:
    return swept(view(orders=(local,), owners={"c": ALPHA}), pages(0, queries=queries, **fields))


@pytest.mark.desk("DESK-D11", "RECON-44")
@pytest.mark.parametrize(
    "status",
    [OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.EXPIRED],
)
def test_an_order_of_unknown_fate_is_settled_by_asking(status: OrderStatus) -> None:
    outcome = sweep_one(order(UNKNOWN), asked("c", broker_order("c", 2, status)))
    assert (SettleOrder("c", status, 2 * E8),) == outcome.repairs


@pytest.mark.desk("DESK-D11", "RECON-44")
def test_an_order_of_unknown_fate_that_works_is_open() -> None:
    working = broker_order("c", 2)
    expected = (RefreshOrder(working),)
    assert expected == sweep_one(order(UNKNOWN), asked("c", working)).repairs
    listed = make_page([working], moment(100))
    assert expected == sweep_one(order(UNKNOWN), orders=listed).repairs


@pytest.mark.desk("DESK-D11", "RECON-44")
def test_an_order_that_the_broker_never_had_failed_and_is_not_sent_again() -> None:
    outcome = sweep_one(order(UNKNOWN), asked("c", at=60))
    assert (SettleOrder("c", None, 0),) == outcome.repairs
    (record,) = outcome.opened
    assert (Kind.ORDER_SETTLED, Severity.WARNING) == (record.kind, record.severity)


@pytest.mark.desk("DESK-D11")
def test_an_order_that_may_still_be_on_its_way_is_left_unknown() -> None:
    assert sweep_one(order(UNKNOWN), asked("c", at=59)).is_quiet


def test_an_order_that_was_sent_after_the_broker_was_asked_is_left_alone() -> None:
    assert sweep_one(order(LocalOrderState.IN_FLIGHT)).is_quiet


@pytest.mark.desk("RECON-34g")
def test_an_order_of_which_the_broker_says_nothing_stays_and_is_told() -> None:
    silent = OrderQuery("c", Unknown(UnknownReason.UNREACHABLE))
    outcome = sweep_one(order(UNKNOWN), silent)
    assert () == outcome.repairs
    assert [Kind.UNREACHABLE] == [record.kind for record in outcome.opened]


def test_an_acknowledged_order_that_the_broker_does_not_know_stands() -> None:
    outcome = sweep_one(order(OPEN, "o-c"), asked("c", at=60))
    assert () == outcome.repairs
    (record,) = outcome.opened
    assert (Kind.ORDER_LOST, Severity.CRITICAL) == (record.kind, record.severity)
    assert sweep_one(order(OPEN, "o-c"), asked("c", at=59)).is_quiet


@pytest.mark.desk("DESK-D9")
def test_an_order_that_ended_unseen_is_settled() -> None:
    ended = broker_order("c", 5, OrderStatus.FILLED)
    outcome = sweep_one(order(OPEN, "o-c", 2), asked("c", ended))
    assert (SettleOrder("c", OrderStatus.FILLED, 5 * E8),) == outcome.repairs


@pytest.mark.desk("DESK-41")
@pytest.mark.parametrize(
    ("ours", "theirs", "is_refreshed"), [(2, 3, True), (2, 2, False), (3, 2, False)]
)
def test_a_working_order_is_refreshed_by_newer_news_only(
    ours: int, theirs: int, is_refreshed: bool
) -> None:
    listed = make_page([broker_order("c", theirs)], moment(100))
    outcome = sweep_one(order(OPEN, "o-c", ours), orders=listed)
    assert is_refreshed == bool(outcome.repairs)


def test_a_working_order_that_nobody_here_sent_is_told_and_left_alone() -> None:
    listed = make_page([broker_order("stranger")], moment(100))
    first = swept(view(), pages(0, orders=listed))
    assert () == first.repairs
    (record,) = first.opened
    assert (Kind.FOREIGN_ORDER, Severity.CRITICAL) == (record.kind, record.severity)
    assert swept(view(standing=first.opened), pages(0, orders=listed)).is_quiet
    gone = swept(view(standing=first.opened), pages(0))
    assert (record.divergence_id,) == gone.ended


def test_a_foreign_order_in_a_line_that_is_clean_does_not_hold_back_its_floor() -> None:
    listed = make_page([broker_order("stranger")], moment(100))
    assert 100 == swept(view(), pages(0, orders=listed)).synced.seq

"""Orders in a sweep: settled by asking, never sent again, and left alone if they are not ours."""

import pytest
from msgspec.structs import replace

from lockstep_desk import Severity
from lockstep_desk.recon import (
    Adopted,
    Adoption,
    BookFill,
    BrokerOrder,
    Kind,
    LocalOrder,
    LocalOrderState,
    LocalView,
    OrderQuery,
    OrderStatus,
    Outcome,
    Page,
    RefreshOrder,
    SettleOrder,
    Unknown,
    UnknownReason,
    adopt,
    make_page,
)
from tests.support.recon import (
    ALPHA,
    BTC,
    BUY,
    E8,
    ETH,
    SECOND_NS,
    SELL,
    asked,
    broker_order,
    fill,
    moment,
    pages,
    swept,
    view,
)

UNKNOWN, OPEN = LocalOrderState.UNKNOWN, LocalOrderState.OPEN


def order(
    state: LocalOrderState, order_id: str = "", filled: int = 0, booked: int = 0
) -> LocalOrder:
    return LocalOrder(
        client_order_id="c",
        order_id=order_id,
        deployment_id=ALPHA,
        instrument=BTC,
        side=BUY,
        qty_e8=5 * E8,
        filled_e8=filled * E8,
        booked_e8=booked * E8,
        state=state,
        sent_ns=50 * SECOND_NS,
    )


def books_with(local: LocalOrder, **fields: object) -> LocalView:
    return view(orders=(local,), owners={"c": ALPHA}, wants={"c": (BTC, BUY)}, **fields)


def sweep_one(local: LocalOrder, *queries: OrderQuery, **fields: object) -> Outcome:
    """Sweep at 60 seconds, ten after the order was sent."""
    return swept(books_with(local), pages(0, **{"queries": queries, "at": 60, **fields}))


def listed(*orders: BrokerOrder, at: int = 60) -> Page[BrokerOrder]:
    return make_page(orders, moment(at))


def why_unknown(outcome: Outcome) -> str:
    """Return what is not known; nothing may be repaired."""
    assert () == outcome.repairs
    (record,) = outcome.opened
    assert (Kind.UNREACHABLE, Severity.CRITICAL) == (record.kind, record.severity)
    return record.note


@pytest.mark.desk("DESK-D11", "RECON-44")
@pytest.mark.parametrize(
    "status",
    [OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.EXPIRED],
)
def test_an_order_of_unknown_fate_is_settled_by_asking(status: OrderStatus) -> None:
    filled = 5 if status is OrderStatus.FILLED else 2
    ended = asked("c", broker_order("c", filled, status), at=60)
    outcome = sweep_one(order(UNKNOWN, booked=filled), ended)
    assert (SettleOrder("c", status, filled * E8),) == outcome.repairs


@pytest.mark.desk("DESK-D11", "RECON-44")
def test_an_order_of_unknown_fate_that_works_is_open() -> None:
    working = broker_order("c", 2)
    expected = (RefreshOrder(working),)
    assert expected == sweep_one(order(UNKNOWN), asked("c", working, at=60)).repairs
    assert expected == sweep_one(order(UNKNOWN), orders=listed(working)).repairs


@pytest.mark.desk("DESK-D11", "RECON-44")
def test_an_order_that_the_broker_never_had_failed_and_is_not_sent_again() -> None:
    outcome = sweep_one(order(UNKNOWN), asked("c", at=60))
    assert (SettleOrder("c", None, 0),) == outcome.repairs
    (record,) = outcome.opened
    assert (Kind.ORDER_SETTLED, Severity.WARNING) == (record.kind, record.severity)


@pytest.mark.desk("DESK-D11")
def test_an_order_that_may_still_be_on_its_way_is_left_unknown() -> None:
    assert sweep_one(order(UNKNOWN), asked("c", at=59), at=59).is_quiet


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
    assert sweep_one(order(OPEN, "o-c"), asked("c", at=59), at=59).is_quiet


@pytest.mark.desk("DESK-D9")
def test_an_order_that_ended_unseen_is_settled() -> None:
    ended = broker_order("c", 5, OrderStatus.FILLED)
    outcome = sweep_one(order(OPEN, "o-c", 2, booked=5), asked("c", ended, at=60))
    assert (SettleOrder("c", OrderStatus.FILLED, 5 * E8),) == outcome.repairs


@pytest.mark.desk("DESK-41")
@pytest.mark.parametrize(
    ("ours", "theirs", "is_refreshed"), [(2, 3, True), (2, 2, False), (3, 2, False)]
)
def test_a_working_order_is_refreshed_by_newer_news_only(
    ours: int, theirs: int, is_refreshed: bool
) -> None:
    outcome = sweep_one(order(OPEN, "o-c", ours), orders=listed(broker_order("c", theirs)))
    assert is_refreshed == bool(outcome.repairs)


def test_a_working_order_that_nobody_here_sent_is_told_and_left_alone() -> None:
    page = listed(broker_order("stranger"), at=100)
    first = swept(view(), pages(0, orders=page))
    assert () == first.repairs
    (record,) = first.opened
    assert (Kind.FOREIGN_ORDER, Severity.CRITICAL) == (record.kind, record.severity)
    assert swept(view(standing=first.opened), pages(0, orders=page)).is_quiet
    gone = swept(view(standing=first.opened), pages(0))
    assert (record.divergence_id,) == gone.ended


def test_a_foreign_order_in_a_line_that_is_clean_does_not_hold_back_its_floor() -> None:
    page = listed(broker_order("stranger"), at=100)
    assert 100 == swept(view(), pages(0, orders=page)).synced.seq


# What the broker cannot mean


@pytest.mark.desk("RECON-34g", "DESK-D11", "I10")
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ([broker_order("y", 0, OrderStatus.CANCELLED)], "about order 'y'"),
        ([broker_order("y")], "about order 'y'"),
        ([broker_order("c", 0, OrderStatus.CANCELLED), broker_order("c")], "one order, found 2"),
        ([replace(broker_order("c"), side=SELL)], "expected BUY BTC-PERP, found SELL BTC-PERP"),
        ([replace(broker_order("c"), instrument=ETH)], "found BUY ETH-PERP"),
    ],
)
def test_an_answer_about_another_order_is_no_answer(answer: list[BrokerOrder], why: str) -> None:
    outcome = sweep_one(order(UNKNOWN), asked("c", *answer, at=60))
    assert why in why_unknown(outcome)


@pytest.mark.desk("RECON-34g", "DESK-D11", "I10")
@pytest.mark.parametrize("at", [59, 61])
def test_an_answer_of_another_moment_is_no_answer(at: int) -> None:
    outcome = sweep_one(order(UNKNOWN), asked("c", at=at))
    assert f"stale expected it as of 60 to 60, found {at}" in why_unknown(outcome)


@pytest.mark.desk("RECON-34g", "I10")
@pytest.mark.parametrize("at", [1, 61])
def test_working_orders_of_another_moment_are_unknown(at: int) -> None:
    outcome = sweep_one(order(UNKNOWN), asked("c", at=60), orders=listed(at=at))
    assert f"stale: expected orders as of 60 to 60, found {at}" == why_unknown(outcome)
    assert 0 == outcome.synced.seq


@pytest.mark.desk("RECON-34g", "I10")
@pytest.mark.parametrize(
    "twice",
    [
        (broker_order("s"), broker_order("s")),
        (broker_order("s"), replace(broker_order("s"), order_id="other")),
        (broker_order("s"), replace(broker_order("t"), order_id="o-s")),
    ],
)
def test_an_order_that_is_listed_twice_makes_the_page_unknown(
    twice: tuple[BrokerOrder, ...],
) -> None:
    outcome = sweep_one(order(UNKNOWN), orders=listed(*twice))
    assert "is listed twice" in why_unknown(outcome)


@pytest.mark.desk("RECON-34g")
@pytest.mark.parametrize(
    ("strange", "why"),
    [
        (broker_order("c", 0, OrderStatus.CANCELLED), "CANCELLED, and among those that work"),
        (replace(broker_order("c"), side=SELL), "expected BUY BTC-PERP, found SELL BTC-PERP"),
    ],
)
def test_a_working_order_that_cannot_be_ours_is_not_taken_over(
    strange: BrokerOrder, why: str
) -> None:
    assert why in why_unknown(sweep_one(order(UNKNOWN), orders=listed(strange)))


# Orders and their fills


FILLED = asked("c", broker_order("c", 5, OrderStatus.FILLED), at=60)


@pytest.mark.desk("RECON-31", "RECON-35")
@pytest.mark.parametrize("status", [OrderStatus.FILLED, OrderStatus.CANCELLED])
def test_an_order_that_filled_without_a_fill_stands_and_holds_back_the_floor(
    status: OrderStatus,
) -> None:
    filled = 5 if status is OrderStatus.FILLED else 2
    answer = asked("c", broker_order("c", filled, status), at=60)
    outcome = sweep_one(order(OPEN, "o-c", booked=1), answer)
    assert ((), 0) == (outcome.repairs, outcome.synced.floor(BTC))
    (record,) = outcome.opened
    assert (Kind.FILL_MISSING, Severity.CRITICAL) == (record.kind, record.severity)
    assert (E8, filled * E8) == (record.local_e8, record.broker_e8)
    books = books_with(order(OPEN, "o-c", booked=1), standing=outcome.opened)
    assert swept(books, pages(0, queries=(answer,), at=60)).is_quiet


@pytest.mark.desk("RECON-31")
@pytest.mark.parametrize("key", ["client_order_id", "order_id"])
def test_the_fill_that_was_missing_is_booked_when_it_comes_and_the_order_ends(key: str) -> None:
    first = sweep_one(order(OPEN, "o-c"), FILLED)
    books = books_with(order(OPEN, "o-c"), standing=first.opened)
    books = replace(books, owners={"c": ALPHA, "o-c": ALPHA})
    late = fill(55, BUY, 5, 100, **{key: "c" if key == "client_order_id" else "o-c"})
    outcome = swept(books, pages(5, (late,), queries=(FILLED,), at=60))
    assert [BookFill, SettleOrder] == [type(repair) for repair in outcome.repairs]
    assert (first.opened[0].divergence_id,) == outcome.ended
    assert 60 == outcome.synced.seq


@pytest.mark.desk("RECON-34e")
def test_an_order_waits_for_a_history_that_is_long_enough() -> None:
    short = make_page([], moment(60, from_seq=30))
    said = replace(pages(0, queries=(FILLED,), at=60), fills=short)
    outcome = swept(books_with(order(OPEN, "o-c")), said)
    assert ((), [Kind.WINDOW_TOO_SHORT]) == (outcome.repairs, [r.kind for r in outcome.opened])


@pytest.mark.desk("RECON-34a")
def test_an_operator_ends_an_order_whose_fills_never_come() -> None:
    first = sweep_one(order(OPEN, "o-c"), FILLED)
    books = books_with(order(OPEN, "o-c"), standing=first.opened)
    found = adopt(books, Adoption(first.opened[0].divergence_id), 0)
    assert isinstance(found, Adopted)
    assert (SettleOrder("c", OrderStatus.FILLED, 5 * E8),) == found.repairs
    assert books.synced == found.synced


@pytest.mark.desk("RECON-35", "RECON-50")
@pytest.mark.parametrize("order_id", ["", "o-c"])
def test_an_order_whose_fills_are_all_there_is_not_lost(order_id: str) -> None:
    whole = fill(55, BUY, 5, 100, client_order_id="c")
    books = books_with(order(OPEN, order_id))
    outcome = swept(books, pages(5, (whole,), queries=(asked("c", at=60),), at=60))
    assert [Kind.MISSED_FILL] == [record.kind for record in outcome.opened]
    assert [BookFill] == [type(repair) for repair in outcome.repairs]


def test_an_order_that_traded_and_is_not_known_any_more_is_lost() -> None:
    partly = fill(55, BUY, 2, 100, client_order_id="c")
    outcome = swept(
        books_with(order(UNKNOWN)), pages(2, (partly,), queries=(asked("c", at=60),), at=60)
    )
    assert [Kind.MISSED_FILL, Kind.ORDER_LOST] == [record.kind for record in outcome.opened]

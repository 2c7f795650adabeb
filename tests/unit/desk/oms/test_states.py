"""The order state machine: every cell of the table, and the answers to cancels."""

from itertools import product

import pytest

from lockstep_desk.oms.states import (
    TABLE,
    Column,
    Live,
    OrderError,
    OrderState,
    Report,
    Standing,
    after_cancel_response,
    after_report,
    can_cancel,
    column_of,
)

IN_FLIGHT = OrderState.OPEN_IN_FLIGHT
OPEN = OrderState.OPEN
CANCELLING = OrderState.CANCEL_IN_FLIGHT
UNKNOWN = OrderState.OPEN_UNKNOWN
ENDS = (
    *(OrderState.CANCELLED, OrderState.FULLY_FILLED, OrderState.OPEN_FAILED),
    *(OrderState.EXPIRED, OrderState.VANISHED),
)
QTY = 100
OLD, NEW = Live("v", 10, 20), Live("v", 11, 40)
FULL = Live("v", 12, QTY)
TIMEOUT = Report(OrderState.OPEN_FAILED, QTY, None, OrderError.TIMEOUT)


def snapshot(state: OrderState, live: Live | None = None) -> Report:
    return Report(state, QTY, live)


def standings() -> list[Standing | None]:
    """Return every way in which an order can stand, with and without a venue's word."""
    return [
        None,
        Standing(IN_FLIGHT),
        Standing(OPEN, OLD),
        Standing(CANCELLING),
        Standing(CANCELLING, OLD),
        Standing(UNKNOWN),
    ]


EXPECTED: dict[tuple[Standing | None, str], Standing | None] = {
    (None, "in flight"): Standing(IN_FLIGHT),
    (None, "open"): Standing(OPEN, NEW),
    (None, "cancelling"): Standing(CANCELLING, NEW),
    (Standing(IN_FLIGHT), "in flight"): Standing(IN_FLIGHT),
    (Standing(IN_FLIGHT), "open"): Standing(OPEN, NEW),
    (Standing(IN_FLIGHT), "cancelling"): Standing(CANCELLING, NEW),
    (Standing(OPEN, OLD), "in flight"): Standing(OPEN, OLD),
    (Standing(OPEN, OLD), "open"): Standing(OPEN, NEW),
    (Standing(OPEN, OLD), "cancelling"): Standing(CANCELLING, NEW),
    (Standing(CANCELLING), "in flight"): Standing(CANCELLING),
    (Standing(CANCELLING), "open"): Standing(CANCELLING, NEW),
    (Standing(CANCELLING), "cancelling"): Standing(CANCELLING),
    (Standing(CANCELLING, OLD), "in flight"): Standing(CANCELLING, OLD),
    (Standing(CANCELLING, OLD), "open"): Standing(CANCELLING, NEW),
    (Standing(CANCELLING, OLD), "cancelling"): Standing(CANCELLING, OLD),
    (Standing(UNKNOWN), "in flight"): Standing(UNKNOWN),
    (Standing(UNKNOWN), "open"): Standing(OPEN, NEW),
    (Standing(UNKNOWN), "cancelling"): Standing(CANCELLING, NEW),
}
REPORTS = {
    "in flight": snapshot(IN_FLIGHT),
    "open": snapshot(OPEN, NEW),
    "cancelling": snapshot(CANCELLING, NEW),
}


@pytest.mark.desk("DESK-40", "DESK-41")
@pytest.mark.parametrize(("standing", "name"), EXPECTED, ids=str)
def test_an_active_report_moves_an_order_as_the_table_says(
    standing: Standing | None, name: str
) -> None:
    assert EXPECTED[(standing, name)] == after_report(standing, REPORTS[name]).standing


@pytest.mark.desk("DESK-41")
def test_the_table_has_a_cell_for_every_state_and_every_kind_of_report() -> None:
    rows = (None, *(state for state in OrderState if state.is_active))
    assert set(product(rows, Column)) == set(TABLE)
    assert {(s, n) for s in standings() for n in REPORTS} == set(EXPECTED)


@pytest.mark.desk("DESK-41")
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("standing", standings(), ids=str)
def test_an_inactive_report_ends_any_order_and_begins_none(
    standing: Standing | None, end: OrderState
) -> None:
    assert after_report(standing, snapshot(end)).standing is None


@pytest.mark.desk("DESK-D8")
@pytest.mark.parametrize("state", [OPEN, CANCELLING])
@pytest.mark.parametrize("standing", standings(), ids=str)
def test_a_live_report_with_nothing_left_ends_any_order_and_begins_none(
    standing: Standing | None, state: OrderState
) -> None:
    assert after_report(standing, snapshot(state, FULL)).standing is None


@pytest.mark.desk("DESK-41")
def test_an_older_open_does_not_replace_a_newer_one_and_an_equal_one_does() -> None:
    assert NEW == _live(after_report(Standing(OPEN, NEW), snapshot(OPEN, OLD)).standing)
    same = Live("v", 11, 60)
    assert same == _live(after_report(Standing(OPEN, NEW), snapshot(OPEN, same)).standing)
    assert NEW == _live(after_report(Standing(CANCELLING, NEW), snapshot(OPEN, OLD)).standing)
    assert NEW == _live(after_report(Standing(OPEN, NEW), snapshot(CANCELLING, OLD)).standing)


@pytest.mark.desk("DESK-D11")
def test_an_open_that_timed_out_is_unknown_and_not_dead() -> None:
    assert Standing(UNKNOWN) == after_report(Standing(IN_FLIGHT), TIMEOUT).standing
    assert Standing(UNKNOWN) == after_report(Standing(UNKNOWN), TIMEOUT).standing
    assert Standing(OPEN, OLD) == after_report(Standing(OPEN, OLD), TIMEOUT).standing
    assert Standing(CANCELLING) == after_report(Standing(CANCELLING), TIMEOUT).standing
    assert after_report(None, TIMEOUT).standing is None


@pytest.mark.desk("DESK-44", "DESK-D11")
@pytest.mark.parametrize("error", OrderError)
def test_only_an_error_of_the_venue_itself_ends_an_open(error: OrderError) -> None:
    failed = Report(OrderState.OPEN_FAILED, QTY, None, error)
    is_unknown = error in (OrderError.OFFLINE, OrderError.TIMEOUT, OrderError.SOCKET)
    expected = Standing(UNKNOWN) if is_unknown else None
    assert expected == after_report(Standing(IN_FLIGHT), failed).standing


@pytest.mark.desk("DESK-42")
@pytest.mark.parametrize("standing", standings(), ids=str)
def test_a_cancel_that_was_carried_out_ends_an_order_in_any_state(
    standing: Standing | None,
) -> None:
    assert after_cancel_response(standing, OrderError.NONE).standing is None


@pytest.mark.desk("DESK-42")
@pytest.mark.parametrize("error", [error for error in OrderError if error])
@pytest.mark.parametrize("standing", [Standing(IN_FLIGHT), Standing(OPEN, OLD), Standing(UNKNOWN)])
def test_a_refused_cancel_that_nobody_waits_for_changes_nothing(
    standing: Standing, error: OrderError
) -> None:
    assert standing == after_cancel_response(standing, error).standing


@pytest.mark.desk("DESK-42")
@pytest.mark.parametrize("error", [error for error in OrderError if error])
def test_a_refused_cancel_puts_an_open_order_back(error: OrderError) -> None:
    standing = after_cancel_response(Standing(CANCELLING, OLD), error).standing
    assert Standing(OPEN, OLD) == standing


@pytest.mark.desk("DESK-42", "DESK-D11")
@pytest.mark.parametrize("error", [error for error in OrderError if error])
def test_a_refused_cancel_ends_an_unconfirmed_order_only_if_it_says_that_it_is_gone(
    error: OrderError,
) -> None:
    says_gone = error in (
        *(OrderError.REJECTED, OrderError.ALREADY_CANCELLED),
        *(OrderError.ALREADY_FULLY_FILLED, OrderError.NOT_FOUND),
    )
    expected = None if says_gone else Standing(UNKNOWN)
    assert expected == after_cancel_response(Standing(CANCELLING), error).standing


@pytest.mark.desk("DESK-15")
def test_everything_active_can_be_cancelled_but_what_is_being_cancelled() -> None:
    can = {state for state in OrderState if can_cancel(Standing(state))}
    assert {IN_FLIGHT, OPEN, UNKNOWN} == can


def test_what_is_unknown_is_no_report_of_a_venue() -> None:
    assert Column.UNANSWERED == column_of(snapshot(UNKNOWN))


def _live(standing: Standing | None) -> Live | None:
    assert standing is not None
    return standing.live

"""Brokers and accounts that say what cannot be: the machine takes it, tells it, and goes on."""

from typing import Any

import msgspec
import pytest

from lockstep_desk.core import codes
from lockstep_desk.core.codes import Refusal
from lockstep_desk.core.commands import (
    AdoptBrokerPosition,
    BalanceReport,
    ClosePositions,
    ExitPosition,
    Reconcile,
    RecordBalance,
    RecordFill,
    ReplaceAccount,
)
from lockstep_desk.core.events import (
    AlertRaised,
    BrokerDiverged,
    CommandRefused,
    DivergenceRecorded,
    ExitDeferred,
    ExitReleased,
    FillBooked,
    HoldingExited,
    OrderEnded,
    OrderRequested,
    PositionAdjusted,
    Reconciled,
)
from lockstep_desk.core.handlers import broker
from lockstep_desk.core.recon.carry import Sweep, carry_out, report_of
from lockstep_desk.core.recon.local import local_view
from lockstep_desk.oms.states import OrderState
from lockstep_desk.recon import (
    BookFill,
    BrokerBalance,
    BrokerOrder,
    BrokerPosition,
    Kind,
    OrderQuery,
    OrderStatus,
    Outcome,
    PreState,
    SyncPoint,
    make_page,
)
from lockstep_desk.types import Fill, Side
from tests.support.desk import ACCOUNT, BTC, E8, ETH, limit_sell, of
from tests.unit.desk.core.test_reconcile import Book, fill, moment, pages


def codes_in(events: list[Any]) -> list[codes.Divergence]:
    return [event.code for event in of(DivergenceRecorded, events)]


def kinds(events: list[Any]) -> list[Kind]:
    return [event.record.kind for event in of(BrokerDiverged, events)]


def quiet(events: list[Any]) -> bool:
    return [Reconciled] == [type(event) for event in events]


# Booked once


@pytest.mark.desk("RECON-42", "I8", "I10")
@pytest.mark.parametrize("fills_at", [85, 100])
def test_a_page_from_before_books_nothing_twice_while_another_instrument_stands(
    fills_at: int,
) -> None:
    book = Book()
    closing = fill(92, Side.SELL, 5, 9_000)

    def sweep(at: int, *fills: Fill) -> list[Any]:
        eth = make_page([BrokerPosition(ETH, 7 * E8)], moment(at))
        history = make_page(list(fills), moment(fills_at if at == 85 else at))
        said = msgspec.structs.replace(pages(0, at=at), positions=eth, fills=history)
        return book.desk.send(Reconcile(said))

    assert 1 == len(of(HoldingExited, sweep(100, book.opening, closing)))
    shown = (book.opening,) if fills_at == 85 else (book.opening, closing)
    assert [Kind.UNREACHABLE] == kinds(sweep(85, *shown))
    assert SyncPoint(0, ((BTC, 100),)) == local_view(book.desk.core, ACCOUNT).synced
    events = sweep(100, book.opening, closing)
    assert ([], []) == (of(FillBooked, events), of(HoldingExited, events))


@pytest.mark.desk("RECON-42", "I7")
def test_the_books_refuse_a_fill_that_they_have() -> None:
    book = Book()
    book.sweep(5)
    core = book.desk.core
    events: list[Any] = []
    shared = Sweep(core.accounts[ACCOUNT], {}, 0, 70)
    assert not carry_out(core, events, shared, BookFill(book.opening))
    assert [codes.Divergence.FILL_OTHER_CONTENT] == codes_in(events)
    assert 5 == book.held()


# Listed twice


@pytest.mark.desk("RECON-35", "RECON-34g")
def test_a_foreign_order_that_is_listed_twice_leaves_one_record_and_a_sound_state() -> None:
    book = Book()
    order = BrokerOrder("9", "", BTC, Side.BUY, 10, 0, OrderStatus.OPEN, 1)
    page = make_page([order, order], moment(100))
    assert [Kind.UNREACHABLE] == kinds(book.sweep(5, orders=page))
    assert quiet(book.sweep(5, orders=page))
    once = book.sweep(5, orders=make_page([order], moment(100)))
    assert [Kind.FOREIGN_ORDER] == kinds(once)


@pytest.mark.desk("RECON-35")
def test_a_divergence_that_comes_twice_stands_once(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = of(BrokerDiverged, Book().sweep(3))
    twice = Outcome((), (found.record, found.record), (), (), SyncPoint())
    monkeypatch.setattr(broker, "sweep", lambda view, pages, config: twice)
    assert [Kind.SIZE_DIFFERS] == kinds(Book().sweep(3))


@pytest.mark.desk("RECON-35")
def test_an_asset_that_is_listed_twice_changes_no_balance() -> None:
    book = Book()
    twice = make_page([BrokerBalance("usd", 1, 1), BrokerBalance("usd", 2, 2)], moment(100))
    assert [Kind.UNREACHABLE] == kinds(book.sweep(5, balances=twice))
    assert quiet(book.sweep(5, balances=twice))


# Balances of nothing


@pytest.mark.desk("DESK-2A", "RECON-31")
@pytest.mark.parametrize("is_snapshot", [False, True])
def test_a_balance_of_no_asset_is_told_and_no_sweep_dies_of_it(is_snapshot: bool) -> None:
    book = Book()
    report = BalanceReport("", 1, 1, 1)
    command = RecordBalance(ACCOUNT, report)
    snapshot = ReplaceAccount(ACCOUNT, 0, (report,), (), None)
    events = book.desk.send(snapshot if is_snapshot else command)
    assert [codes.Divergence.BALANCE_MALFORMED] == codes_in(events)
    assert {} == book.desk.core.balances
    assert 1 == len(of(Reconciled, book.sweep(5)))


# Orders


def filled(book: Book, at: int = 100) -> OrderQuery:
    """Return the answer that the order of the book filled wholly."""
    order = book.order
    name = order.client_order_id
    said = BrokerOrder("v", name, BTC, order.side, 9 * E8, 9 * E8, OrderStatus.FILLED, 5)
    return OrderQuery(name, make_page([said], moment(at)))


@pytest.mark.desk("RECON-31", "RECON-34a")
def test_an_order_that_filled_without_a_fill_waits_for_it() -> None:
    book = Book(ordered=9)
    events = book.sweep(5, queries=(filled(book),))
    assert ([Kind.FILL_MISSING], []) == (kinds(events), of(OrderEnded, events))
    assert quiet(book.sweep(5, queries=(filled(book),)))
    late = fill(60, Side.BUY, 4, 10_000, book.order.client_order_id)
    came = book.desk.send(RecordFill(ACCOUNT, report_of(late)))
    assert [OrderState.FULLY_FILLED] == [event.state for event in of(OrderEnded, came)]
    assert 9 == book.held()
    assert 1 == book.sweep(9, late, queries=(filled(book),))[-1].ended


@pytest.mark.desk("RECON-34a")
def test_an_operator_ends_an_order_whose_fills_never_come() -> None:
    book = Book(ordered=9)
    (found,) = of(BrokerDiverged, book.sweep(5, queries=(filled(book),)))
    ended = book.desk.send(AdoptBrokerPosition(ACCOUNT, found.record.divergence_id, ""))
    assert [OrderState.FULLY_FILLED] == [event.state for event in of(OrderEnded, ended)]
    assert 5 == book.held()
    assert quiet(book.sweep(5, queries=(filled(book),)))


@pytest.mark.desk("RECON-31")
def test_a_fill_that_was_moved_to_its_owner_counts_for_its_order() -> None:
    book = Book(ordered=9)
    nameless = msgspec.structs.replace(fill(60, Side.BUY, 4, 10_000), order_id="v")
    book.desk.send(RecordFill(ACCOUNT, report_of(nameless)))
    working = BrokerOrder(
        "v", book.order.client_order_id, BTC, Side.BUY, 9 * E8, 0, OrderStatus.OPEN, 5
    )
    book.sweep(9, nameless, orders=make_page([working], moment(100)))
    events = book.sweep(9, nameless, at=101, queries=(filled(book, 101),))
    assert [] == kinds(events)


# Fills of another order


@pytest.mark.desk("DESK-D10", "RECON-32")
@pytest.mark.parametrize("way", ["stream", "sweep", "both"])
def test_stream_and_sweep_agree_on_a_fill_that_cannot_be_of_its_order(way: str) -> None:
    book = Book(ordered=9)
    wrong = fill(60, Side.SELL, 1, 10_000, book.order.client_order_id)
    wrong = msgspec.structs.replace(wrong, deployment_id=book.alpha)
    events: list[Any] = []
    if way != "sweep":
        events += book.desk.send(RecordFill(ACCOUNT, report_of(wrong)))
        assert (5, -1) == (book.held(), book.held(""))
    if way != "stream":
        events += book.sweep(4, wrong)
        assert (4, 0) == (book.held(), book.held(""))
        assert quiet(book.sweep(4, wrong))
    assert [codes.Divergence.FILL_OF_OTHER_ORDER] == codes_in(events)
    assert 5 * E8 == book.desk.core.live[book.order.client_order_id].filled_e8


@pytest.mark.desk("RECON-31", "RECON-34a")
def test_a_fill_that_only_the_stream_had_is_found_by_the_first_sweep() -> None:
    book = Book()
    book.desk.send(RecordFill(ACCOUNT, report_of(fill(20, Side.SELL, 3, 10_000))))
    events = book.sweep(5)
    assert [Kind.PHANTOM_FILL] == kinds(events)
    assert quiet(book.sweep(5))
    (record,) = [event.record for event in of(BrokerDiverged, events)]
    adopted = book.desk.send(AdoptBrokerPosition(ACCOUNT, record.divergence_id, ""))
    assert [3 * E8] == [event.qty_e8 for event in of(PositionAdjusted, adopted)]
    assert (5, 0) == (book.held(), book.held(""))
    assert quiet(book.sweep(5))


# Exits


@pytest.mark.desk("RECON-40", "RECON-43", "DESK-24")
def test_exits_close_no_more_than_is_held_and_only_reduce() -> None:
    book = Book()
    sent = [event for n, qty in ((0, 3), (1, 2)) for event in book.exit(5, n, qty)]
    assert [(3 * E8, True), (2 * E8, True)] == [(e.qty_e8, e.is_reduce_only) for e in sent]
    for qty in (1, 5):
        (refused,) = book.exit(5, 2, qty)
        assert isinstance(refused, CommandRefused)
        assert Refusal.BAD_QUANTITY is refused.code
    assert [] == of(OrderRequested, book.desk.send(ClosePositions()))


@pytest.mark.desk("DESK-24")
def test_an_exit_counts_what_an_operator_closes_already() -> None:
    book = Book()
    assert [5 * E8] == [e.qty_e8 for e in of(OrderRequested, book.desk.send(ClosePositions()))]
    assert Refusal.BAD_QUANTITY is book.exit(5, 0, 1)[0].code


@pytest.mark.desk("RECON-30")
def test_a_deferred_position_publishes_nothing_before_a_sweep_releases_it() -> None:
    book = Book()
    book.exit(0)
    (again,) = book.exit(5)
    assert isinstance(again, ExitDeferred)
    assert PreState.DEFERRED is again.pre_state
    assert [] == of(AlertRaised, [again])
    assert ExitReleased(book.position_id) in book.sweep(5)
    assert [OrderRequested] == [type(event) for event in book.exit(5)]


@pytest.mark.desk("RECON-30")
def test_an_exit_beside_another_side_is_not_said_to_reduce() -> None:
    book = Book()
    beta = book.desk.deploy("beta")
    order = book.desk.resting(beta, limit_sell(4 * E8))
    short = fill(2, Side.SELL, 4, 10_000, order.client_order_id)
    book.desk.send(RecordFill(ACCOUNT, report_of(short)))
    said = pages(1, (book.opening, short))
    (sent,) = book.desk.send(
        ExitPosition(book.position_id, 0, 5 * E8, said.positions, said.fills, 0)
    )
    assert (5 * E8, False) == (sent.qty_e8, sent.is_reduce_only)

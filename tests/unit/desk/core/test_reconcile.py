"""Sweeps, adoptions and exits as commands of the desk's machine: each is done at once."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from lockstep_desk import Severity
from lockstep_desk.core.codes import Refusal
from lockstep_desk.core.commands import (
    AdoptBrokerPosition,
    ExitPosition,
    OpenRequest,
    Reconcile,
    RecordFill,
)
from lockstep_desk.core.events import (
    AlertCleared,
    AlertRaised,
    BrokerAgreed,
    BrokerDiverged,
    CommandRefused,
    DivergenceRecorded,
    ExitDeferred,
    ExitReleased,
    FillBooked,
    FillClaimed,
    FillIgnored,
    HoldingExited,
    MessageAnswered,
    OrderEnded,
    OrderRefused,
    OrderRequested,
    PositionAdjusted,
    PositionExited,
    Reconciled,
)
from lockstep_desk.core.params import DeskParams
from lockstep_desk.core.recon.carry import report_of
from lockstep_desk.core.recon.local import local_view
from lockstep_desk.fund import MANUAL
from lockstep_desk.oms.states import OrderError, OrderState
from lockstep_desk.recon import (
    BrokerPages,
    BrokerPosition,
    Kind,
    Moment,
    OrderQuery,
    PreState,
    Unknown,
    UnknownReason,
    Verdict,
    make_page,
)
from lockstep_desk.types import Fill, Liquidity, Side
from tests.support.desk import ACCOUNT, BTC, E8, E9, VENUE, Desk, limit_buy, of, report

NAMED = (BrokerDiverged, AlertRaised, Reconciled)


def moment(at: int) -> Moment:
    return Moment(at, at * 10**9)


def fill(seq: int, side: Side, qty: int, price: int, cid: str = "") -> Fill:
    """Return a fill of the broker; `qty` in units."""
    return Fill(
        fill_id=f"f{seq}",
        order_id=f"o{seq}",
        client_order_id=cid,
        account=ACCOUNT,
        instrument=BTC,
        side=side,
        qty_e8=qty * E8,
        price_e9=price * E9,
        liquidity=Liquidity.TAKER,
        ts_ns=seq * 10**9,
        seq=seq,
    )


def pages(held: int, fills: Sequence[Fill] = (), at: int = 100, **fields: Any) -> BrokerPages:
    """Return whole pages of a broker that holds units of BTC."""
    positions = [BrokerPosition(BTC, held * E8)] if held else []
    made = BrokerPages(
        VENUE,
        ACCOUNT,
        0,
        make_page(positions, moment(at)),
        make_page(list(fills), moment(at)),
        make_page([], moment(at)),
        make_page([], moment(at)),
    )
    return msgspec.structs.replace(made, **fields)


class Book:
    """A desk whose deployment is long 5 units at 10,000, known to the broker as fill 1."""

    def __init__(self, params: DeskParams | None = None, ordered: int = 5) -> None:
        self.desk = Desk(params) if params else Desk()
        self.alpha = self.desk.open_market()
        self.desk.price(BTC, 10_000)
        self.desk.heal()
        self.desk.enable()
        self.order = self.desk.resting(self.alpha, limit_buy(ordered * E8))
        self.opening = fill(1, Side.BUY, 5, 10_000, self.order.client_order_id)
        self.desk.send(RecordFill(ACCOUNT, report_of(self.opening)))

    def sweep(self, held: int, *fills: Fill, **fields: Any) -> list[Any]:
        return self.desk.send(Reconcile(pages(held, (self.opening, *fills), **fields)))

    def held(self, owner: str | None = None) -> int:
        """Return what a deployment holds, in units."""
        core = self.desk.core
        return core.book((ACCOUNT, BTC, self.alpha if owner is None else owner)).qty_e8 // E8

    @property
    def position_id(self) -> str:
        return self.desk.core.book((ACCOUNT, BTC, self.alpha)).position_id

    def exit(self, held: int, ordinal: int = 0, qty: int = 5, fills: Sequence[Fill] = ()) -> Any:
        said = pages(held, (self.opening, *fills))
        return self.desk.send(
            ExitPosition(self.position_id, ordinal, qty * E8, said.positions, said.fills, 0)
        )


# Sweeps


@pytest.mark.desk("RECON-31", "RECON-35", "I8")
def test_a_sweep_that_finds_nothing_tells_only_that() -> None:
    book = Book()
    (event,) = book.sweep(5)
    assert Reconciled(ACCOUNT, True, 0, 0, 0, 0, 100) == event
    (again,) = book.sweep(5)
    assert event == again


@pytest.mark.desk("RECON-32", "I9")
def test_a_close_that_the_desk_did_not_see_is_booked_at_its_real_price() -> None:
    book = Book()
    events = book.sweep(0, fill(10, Side.SELL, 5, 9_000))
    (exited,) = of(PositionExited, events)
    assert (9_000 * E9, -5_000 * E9) == (exited.exit_price_e9, exited.realised_e9)
    assert [book.alpha] == [event.deployment for event in of(HoldingExited, events)]
    assert [] == of(OrderRequested, events)
    (alert,) = of(AlertRaised, events)
    assert (Severity.CRITICAL, "RECON_CLOSED_AT_BROKER") == (alert.severity, alert.code)
    assert [Reconciled] == [type(event) for event in book.sweep(0, fill(10, Side.SELL, 5, 9_000))]


@pytest.mark.desk("RECON-34d", "RECON-35")
def test_what_stands_is_told_once_and_cleared_when_it_ends() -> None:
    book = Book()
    first = book.sweep(0)
    assert [NAMED] == [tuple(type(event) for event in first)]
    assert [Kind.NO_MATCH] == [event.record.kind for event in of(BrokerDiverged, first)]
    assert [Reconciled] == [type(event) for event in book.sweep(0)]
    last = book.sweep(0, fill(10, Side.SELL, 5, 9_000))
    assert 1 == len(of(BrokerAgreed, last)) == len(of(AlertCleared, last))


@pytest.mark.desk("RECON-34g", "I10")
def test_a_broker_that_does_not_answer_changes_no_book() -> None:
    book = Book()
    said = pages(0, (), positions=Unknown(UnknownReason.UNREACHABLE, "no answer"))
    events = book.desk.send(Reconcile(said))
    assert [NAMED] == [tuple(type(event) for event in events)]
    assert not events[-1].is_whole
    assert 5 == book.held()


@pytest.mark.desk("RECON-42", "DESK-D10")
def test_the_stream_cannot_book_again_what_a_sweep_booked() -> None:
    book = Book()
    closing = fill(10, Side.SELL, 5, 9_000)
    book.sweep(0, closing)
    assert FillIgnored("f10", ACCOUNT) == book.desk.one(RecordFill(ACCOUNT, report_of(closing)))
    late = fill(11, Side.SELL, 1, 9_000)
    assert [FillIgnored] == [
        type(event) for event in book.desk.send(RecordFill(ACCOUNT, report_of(late)))
    ]


@pytest.mark.desk("RECON-32")
def test_a_fill_that_the_stream_booked_for_nobody_moves_to_its_owner() -> None:
    book = Book()
    closing = fill(10, Side.SELL, 5, 9_000)
    book.desk.send(RecordFill(ACCOUNT, report_of(closing)))
    assert (5, -5) == (book.held(), book.held(""))
    events = book.sweep(0, closing)
    assert FillClaimed("f10", ACCOUNT, BTC, book.alpha, -5 * E8) in events
    assert (0, 0) == (book.held(), book.held(""))
    assert [] == of(FillBooked, events)
    (exited,) = of(HoldingExited, events)
    assert (book.alpha, -5_000 * E9) == (exited.deployment, exited.realised_e9)


@pytest.mark.desk("RECON-34b", "RECON-33")
def test_what_a_close_has_beyond_zero_stays_nobodys_until_it_is_adopted() -> None:
    book = Book()
    crossing = fill(10, Side.SELL, 8, 9_000)
    book.desk.send(RecordFill(ACCOUNT, report_of(crossing)))
    events = book.sweep(-3, crossing)
    assert (0, -3) == (book.held(), book.held(""))
    (standing,) = [r for r in of(BrokerDiverged, events) if r.record.kind is Kind.BROKER_ONLY]
    adopted = book.desk.send(
        AdoptBrokerPosition(ACCOUNT, standing.record.divergence_id, book.alpha)
    )
    assert FillClaimed("f10", ACCOUNT, BTC, book.alpha, -3 * E8) in adopted
    assert (-3, 0) == (book.held(), book.held(""))
    assert [Reconciled] == [type(event) for event in book.sweep(-3, crossing)]


@pytest.mark.desk("DESK-D11", "RECON-44")
def test_an_order_of_unknown_fate_is_settled_by_the_sweep() -> None:
    book = Book()
    order = book.desk.opened(book.alpha, limit_buy(E8))
    book.desk.send(report(order, OrderState.OPEN_FAILED, None, 0, OrderError.TIMEOUT))
    nothing = OrderQuery(order.client_order_id, make_page([], moment(100)))
    events = book.sweep(5, queries=(nothing,))
    (ended,) = of(OrderEnded, events)
    assert (order.client_order_id, OrderState.OPEN_FAILED) == (ended.client_order_id, ended.state)
    assert [] == of(OrderRequested, events)


def test_what_is_in_an_instrument_that_is_not_registered_is_told_once() -> None:
    book = Book()
    held = [BrokerPosition(BTC, 5 * E8), BrokerPosition("strange", E8)]
    positions = make_page(held, moment(100))
    events = book.sweep(5, positions=positions)
    assert ["strange"] == [event.instrument for event in of(DivergenceRecorded, events)]
    assert [Reconciled] == [type(event) for event in book.sweep(5, positions=positions)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"account": "other"}, Refusal.UNKNOWN_ACCOUNT),
        ({"venue": "other"}, Refusal.OTHER_VENUE),
        ({"since_seq": 1}, Refusal.BAD_VALUE),
    ],
)
def test_pages_that_are_not_for_these_books_are_refused(
    change: dict[str, Any], code: Refusal
) -> None:
    event = Book().desk.one(Reconcile(pages(5, (), **change)))
    assert code is event.code


def test_a_desk_that_forgets_its_oldest_fills_takes_them_for_complete() -> None:
    book = Book(DeskParams("test", fill_capacity=2))
    for seq in (2, 3):
        more = fill(seq, Side.BUY, 1, 10_000, book.order.client_order_id)
        book.desk.send(RecordFill(ACCOUNT, report_of(more)))
    assert 1 == local_view(book.desk.core, ACCOUNT).synced.seq


# Adoptions


@pytest.mark.desk("RECON-34a", "F7")
def test_an_operator_adopts_a_smaller_size_without_profit() -> None:
    book = Book()
    (found,) = of(BrokerDiverged, book.sweep(3))
    events = book.desk.send(AdoptBrokerPosition(ACCOUNT, found.record.divergence_id, book.alpha))
    adjusted = PositionAdjusted(
        found.record.divergence_id, ACCOUNT, BTC, book.alpha, -2 * E8, 10_000 * E9
    )
    assert adjusted in events
    assert BrokerAgreed(found.record.divergence_id, ACCOUNT, BTC, is_adopted=True) in events
    assert (3, 0) == (book.held(), book.desk.core.book((ACCOUNT, BTC, book.alpha)).realised_e17)
    assert [Reconciled] == [type(event) for event in book.sweep(3)]


@pytest.mark.desk("RECON-34a", "RECON-52")
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"account": "other"}, Refusal.UNKNOWN_ACCOUNT),
        ({"deployment": "other"}, Refusal.UNKNOWN_DEPLOYMENT),
        ({"deployment": MANUAL}, Refusal.UNKNOWN_DEPLOYMENT),
        ({"divergence_id": "other"}, Refusal.OTHER_STATE),
        ({"price_e9": -1}, Refusal.BAD_PRICE),
        ({"deployment": ""}, Refusal.NO_PRICE),
    ],
)
def test_an_adoption_that_cannot_be_is_refused(fields: dict[str, Any], code: Refusal) -> None:
    book = Book()
    (found,) = of(BrokerDiverged, book.sweep(3))
    command = AdoptBrokerPosition(ACCOUNT, found.record.divergence_id, book.alpha)
    event = book.desk.one(msgspec.structs.replace(command, **fields))
    assert (CommandRefused, code) == (type(event), event.code)
    assert 5 == book.held()


# Exits


@pytest.mark.desk("RECON-30", "RECON-10", "RECON-24")
def test_an_exit_goes_out_if_the_broker_holds_the_position() -> None:
    book = Book()
    (event,) = book.exit(5)
    assert isinstance(event, OrderRequested)
    assert (Side.SELL, 5 * E8, book.alpha) == (event.side, event.qty_e8, event.deployment)


@pytest.mark.desk("RECON-30")
def test_an_exit_from_what_the_broker_does_not_hold_is_deferred_until_a_sweep() -> None:
    book = Book()
    position_id = book.position_id
    deferred, alert = book.exit(0)
    assert isinstance(deferred, ExitDeferred)
    assert PreState.BROKER_FLAT is deferred.pre_state
    assert Severity.WARNING is alert.severity
    assert [ExitDeferred] == [type(event) for event in book.exit(0)]
    events = book.sweep(0, fill(10, Side.SELL, 5, 9_000))
    assert ExitReleased(position_id) in events
    assert 0 == book.held()


@pytest.mark.desk("RECON-40", "RECON-42", "RECON-45", "I7")
def test_an_exit_that_comes_again_has_no_second_effect() -> None:
    book = Book()
    (sent,) = book.exit(5)
    (answer,) = book.exit(5)
    assert isinstance(answer, MessageAnswered)
    assert (Verdict.REPEATED, f"sent {sent.client_order_id}") == (answer.verdict, answer.outcome)


@pytest.mark.desk("RECON-43")
def test_two_partial_exits_of_a_position_both_go_out() -> None:
    book = Book()
    kinds = [type(event) for n in (0, 1) for event in book.exit(5, ordinal=n, qty=2)]
    assert [OrderRequested, OrderRequested] == kinds


@pytest.mark.desk("RECON-45")
def test_an_exit_under_a_known_key_with_another_quantity_calls_somebody() -> None:
    book = Book()
    book.exit(5)
    answer, alert = book.exit(5, qty=4)
    assert Verdict.CONFLICT is answer.verdict
    assert ("IDEMPOTENCY_CONFLICT", Severity.CRITICAL) == (alert.code, alert.severity)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"position_id": "acc|btc|x|9"}, Refusal.OTHER_STATE),
        ({"position_id": "nonsense"}, Refusal.BAD_VALUE),
        ({"position_id": ""}, Refusal.BAD_VALUE),
        ({"ordinal": -1}, Refusal.BAD_VALUE),
        ({"qty_e8": 0}, Refusal.BAD_QUANTITY),
        ({"qty_e8": 5 * E8 + 1}, Refusal.BAD_QUANTITY),
    ],
)
def test_an_exit_that_cannot_be_is_refused(change: dict[str, Any], code: Refusal) -> None:
    book = Book()
    said = pages(5, (book.opening,))
    command = ExitPosition(book.position_id, 0, 5 * E8, said.positions, said.fills, 0)
    assert code is book.desk.one(msgspec.structs.replace(command, **change)).code


@pytest.mark.desk("RECON-46")
def test_exits_of_positions_that_ended_are_forgotten_and_stay_without_effect() -> None:
    book = Book(DeskParams("test", ended_capacity=1))
    first = book.position_id
    said = pages(5, (book.opening,))
    command = ExitPosition(first, 0, 5 * E8, said.positions, said.fills, 0)
    (sent,) = book.desk.send(command)
    closing = fill(2, Side.SELL, 5, 10_000, sent.client_order_id)
    book.desk.send(RecordFill(ACCOUNT, report_of(closing)))
    again = book.desk.resting(book.alpha, limit_buy(5 * E8))
    opening = fill(3, Side.BUY, 5, 10_000, again.client_order_id)
    book.desk.send(RecordFill(ACCOUNT, report_of(opening)))
    book.exit(5, fills=(closing, opening))
    (answer,) = book.desk.send(command)
    assert (Verdict.EXPIRED, "") == (answer.verdict, answer.outcome)


def test_an_exit_that_the_boundary_refuses_is_answered_as_refused() -> None:
    book = Book()
    request = OpenRequest(ACCOUNT, BTC, Side.SELL, 5 * E8, 0)
    assert request.qty_e8 == 5 * E8
    said = pages(5, (book.opening,))
    odd = ExitPosition(book.position_id, 0, 5 * E8 - 1, said.positions, said.fills, 0)
    (refused,) = book.desk.send(odd)
    assert isinstance(refused, OrderRefused)
    (answer,) = book.desk.send(odd)
    assert (Verdict.REPEATED, "refused") == (answer.verdict, answer.outcome)

"""What a broker says against itself, or against what it said before: told, never booked twice."""

import pytest
from msgspec.structs import replace

from lockstep_desk import Fill, Severity
from lockstep_desk.recon import (
    AdjustPosition,
    Adopted,
    Adoption,
    AdoptRefusal,
    BookFill,
    BrokerBalance,
    BrokerPosition,
    Kind,
    Outcome,
    SyncPoint,
    adopt,
    check_pre_state,
    make_page,
)
from lockstep_desk.recon.reactive import PreState
from tests.support.recon import (
    ALPHA,
    BTC,
    BUY,
    E8,
    E9,
    ETH,
    SELL,
    fill,
    moment,
    pages,
    position,
    swept,
    view,
)

LONG = position(BUY, 5, 100)
OPENING = fill(1, BUY, 5, 100, fee_e9=10)


def kinds(outcome: Outcome) -> list[Kind]:
    return [record.kind for record in outcome.opened]


# Floors


@pytest.mark.desk("RECON-42", "I8", "I10")
def test_a_page_that_is_older_than_any_floor_is_unknown_and_moves_none_back() -> None:
    floors = SyncPoint(0, ((BTC, 100),))
    eth = make_page([BrokerPosition(ETH, 7 * E8)], moment(85))
    trip = (fill(90, BUY, 5, 100, client_order_id="c"), fill(92, SELL, 5, 90, client_order_id="c"))
    books = view(synced=floors, owners={"c": ALPHA})
    for fills in (make_page([], moment(85)), make_page(trip, moment(100))):
        old = replace(pages(0, at=85), positions=eth, fills=fills)
        outcome = swept(books, old)
        assert (floors, ()) == (outcome.synced, outcome.repairs)
        assert [Kind.UNREACHABLE] == kinds(outcome)
        assert "stale: expected positions as of 100 to" in outcome.opened[0].note
    fresh = pages(0, trip, positions=make_page([BrokerPosition(ETH, 7 * E8)], moment(100)))
    assert () == swept(books, fresh).repairs


@pytest.mark.desk("RECON-30", "RECON-34g")
def test_an_exit_is_not_published_by_a_page_that_is_older_than_the_books() -> None:
    said = pages(5, at=85)
    books = view(LONG, synced=SyncPoint(0, ((BTC, 100),)))
    checked = check_pre_state(books, BTC, said.positions, said.fills, 0)
    assert PreState.UNKNOWN is checked.pre_state


@pytest.mark.desk("RECON-42", "I7")
@pytest.mark.parametrize("place", [{}, {"instrument": ETH}])
def test_a_fill_whose_id_is_in_the_books_is_never_booked_again(place: dict[str, str]) -> None:
    again = replace(fill(90, BUY, 5, 100, client_order_id="c"), **place)
    books = view(owners={"c": ALPHA}, seen={"f90"})
    held = make_page([BrokerPosition(again.instrument, 5 * E8)], moment(100))
    outcome = swept(books, pages(0, (again,), positions=held))
    assert ((), [Kind.FILL_CONFLICT]) == (outcome.repairs, kinds(outcome))


@pytest.mark.desk("RECON-31")
def test_one_id_in_two_instruments_stands_in_both() -> None:
    here = fill(9, BUY, 5, 100, client_order_id="c")
    there = replace(here, instrument=ETH)
    outcome = swept(view(owners={"c": ALPHA}), pages(5, (here, there)))
    assert ((), [Kind.FILL_CONFLICT, Kind.FILL_CONFLICT]) == (outcome.repairs, kinds(outcome))


# Fees


@pytest.mark.desk("RECON-01", "RECON-31")
def test_a_known_fill_with_another_fee_stands() -> None:
    other = replace(OPENING, fee_e9=50)
    outcome = swept(view(LONG, booked=(OPENING,)), pages(5, (other,)))
    assert ((), [Kind.FILL_CONFLICT]) == (outcome.repairs, kinds(outcome))
    assert Severity.CRITICAL is outcome.opened[0].severity
    again = view(LONG, booked=(OPENING,), standing=outcome.opened)
    assert swept(again, pages(5, (other,))).is_quiet


@pytest.mark.desk("RECON-01", "RECON-34b")
def test_the_fees_of_parts_are_those_of_the_whole() -> None:
    parts = (replace(OPENING, qty_e8=2 * E8, fee_e9=3), replace(OPENING, qty_e8=3 * E8, fee_e9=7))
    books = view(LONG, booked=parts)
    assert swept(books, pages(5, (OPENING,))).is_quiet
    off = replace(OPENING, fee_e9=11)
    assert [Kind.FILL_CONFLICT] == kinds(swept(books, pages(5, (off,))))


@pytest.mark.desk("RECON-01", "RECON-34b")
@pytest.mark.parametrize(("fee_e9", "is_same"), [(3, True), (4, True), (5, True), (6, False)])
def test_a_part_has_its_share_of_the_fee_to_a_unit(fee_e9: int, is_same: bool) -> None:
    part = replace(OPENING, qty_e8=2 * E8, fee_e9=fee_e9, client_order_id="c")
    books = view(position(BUY, 2, 100), booked=(part,), owners={"c": ALPHA})
    outcome = swept(books, pages(5, (replace(OPENING, client_order_id="c"),)))
    fees = [repair.fill.fee_e9 for repair in outcome.repairs if isinstance(repair, BookFill)]
    assert ([10 - fee_e9] if is_same else []) == fees


# What is booked for nobody


@pytest.mark.desk("RECON-31", "I8")
def test_an_unclaimed_fill_that_the_broker_does_not_have_stands_at_once() -> None:
    ghost = fill(20, SELL, 3, 100)
    books = view(unclaimed=(ghost,), seen={"f20"})
    outcome = swept(books, pages(0))
    (record,) = outcome.opened
    assert (Kind.PHANTOM_FILL, -3 * E8, 3 * E8) == (record.kind, record.local_e8, record.gap_e8)
    assert 0 == outcome.synced.seq
    standing = replace(books, standing=outcome.opened)
    assert swept(standing, pages(0)).is_quiet
    found = adopt(standing, Adoption(record.divergence_id), 0)
    assert isinstance(found, Adopted)
    (moved,) = found.repairs
    assert isinstance(moved, AdjustPosition)
    assert (3 * E8, None) == (moved.delta_e8, moved.price_e9)
    other = adopt(standing, Adoption(record.divergence_id, ALPHA), 0)
    assert AdoptRefusal.PRICE_NEEDED is other


@pytest.mark.desk("RECON-31")
@pytest.mark.parametrize("other", [{"price_e9": 99 * E9}, {"fee_e9": 1}, {"qty_e8": 2 * E8}])
def test_an_unclaimed_fill_with_another_content_is_not_moved(other: dict[str, int]) -> None:
    ours = fill(20, SELL, 3, 100)
    said = replace(ours, **other)
    outcome = swept(view(unclaimed=(ours,), seen={"f20"}), pages(-3, (said,)))
    assert ((), [Kind.FILL_CONFLICT]) == (outcome.repairs, kinds(outcome))
    assert 0 == outcome.opened[0].gap_e8


def test_an_unclaimed_fill_after_the_page_is_no_phantom() -> None:
    assert swept(view(unclaimed=(fill(101, SELL, 3, 100),)), pages(0)).is_quiet


# Fills under an order that they cannot be of


@pytest.mark.desk("RECON-32", "DESK-D10")
@pytest.mark.parametrize(
    "wrong",
    [
        fill(9, SELL, 5, 100, client_order_id="c"),
        fill(9, BUY, 5, 100, client_order_id="c", instrument=ETH),
        fill(9, SELL, 5, 100, order_id="o-c"),
        fill(9, SELL, 5, 100, client_order_id="c", deployment_id=ALPHA),
    ],
)
def test_a_fill_that_cannot_be_of_its_order_is_nobodys(wrong: Fill) -> None:
    books = view(
        owners={"c": ALPHA, "o-c": ALPHA},
        wants={"c": (BTC, BUY), "o-c": (BTC, BUY)},
        deployments=(ALPHA,),
    )
    held = make_page([BrokerPosition(wrong.instrument, wrong.signed_qty_e8)], moment(100))
    outcome = swept(books, pages(0, (wrong,), positions=held))
    assert ((), [Kind.BROKER_ONLY]) == (outcome.repairs, kinds(outcome))


# Balances


@pytest.mark.desk("RECON-34g", "RECON-35")
def test_an_asset_that_is_listed_twice_makes_balances_unknown() -> None:
    twice = make_page([BrokerBalance("usd", 1, 1), BrokerBalance("usd", 2, 2)], moment(100))
    outcome = swept(view(), pages(0, balances=twice))
    assert ((), [Kind.UNREACHABLE]) == (outcome.repairs, kinds(outcome))
    assert "balances: cut usd is listed twice" == outcome.opened[0].note

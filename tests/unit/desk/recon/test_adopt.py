"""AdoptBrokerPosition: an operator's word, for a divergence that stands, and nothing else."""

import pytest

from lockstep_desk.recon import (
    AdjustPosition,
    Adopted,
    Adoption,
    AdoptRefusal,
    BookFill,
    Kind,
    LocalView,
    SyncPoint,
    Unknown,
    UnknownReason,
    adopt,
)
from tests.support.recon import (
    ALPHA,
    BETA,
    BTC,
    BUY,
    E8,
    E9,
    SECOND_NS,
    SELL,
    fill,
    pages,
    position,
    swept,
    view,
)

LONG = position(BUY, 5, 100)
NOW = 200 * SECOND_NS


def standing(books: LocalView, *said: object, **fields: object) -> tuple[LocalView, str]:
    """Return the books after a sweep that let one divergence stand, and its id."""
    outcome = swept(books, pages(*said, **fields))  # type: ignore[arg-type]  # passed through
    (record,) = [r for r in outcome.opened if r.kind is not Kind.REOPENED]
    return view(*books.positions, owners=books.owners, standing=(record,)), record.divergence_id


def adopted(books: LocalView, name: str, *rest: object) -> Adopted:
    found = adopt(books, Adoption(name, *rest), NOW)  # type: ignore[arg-type]  # passed through
    assert isinstance(found, Adopted), found
    return found


@pytest.mark.desk("RECON-34a")
def test_a_smaller_size_is_adopted_at_average_cost() -> None:
    books, name = standing(view(LONG), 3)
    found = adopted(books, name, ALPHA)
    assert (AdjustPosition(name, BTC, ALPHA, -2 * E8, None, NOW),) == found.repairs
    assert SyncPoint(0, ((BTC, 100),)) == found.synced


@pytest.mark.desk("RECON-34a")
@pytest.mark.parametrize(("held", "owner"), [(7, ALPHA), (-1, ALPHA), (3, BETA), (3, None)])
def test_what_opens_or_turns_a_position_needs_a_price(held: int, owner: str | None) -> None:
    books, name = standing(view(LONG), held)
    assert AdoptRefusal.PRICE_NEEDED is adopt(books, Adoption(name, owner), NOW)
    found = adopted(books, name, owner, 90 * E9)
    assert (AdjustPosition(name, BTC, owner, (held - 5) * E8, 90 * E9, NOW),) == found.repairs


@pytest.mark.desk("RECON-33")
def test_a_position_that_only_the_broker_has_is_booked_from_its_fills() -> None:
    books, name = standing(view(), 4, [fill(10, BUY, 4, 90)])
    (repair,) = adopted(books, name, ALPHA).repairs
    assert isinstance(repair, BookFill)
    assert ("f10", ALPHA, 90 * E9) == (
        *(repair.fill.fill_id, repair.fill.deployment_id, repair.fill.price_e9),
    )


def test_fills_of_own_orders_stay_with_their_deployment() -> None:
    own = fill(10, SELL, 1, 90, client_order_id="c-1")
    books, name = standing(view(LONG, owners={"c-1": ALPHA}), 2, [own])
    repairs = adopted(books, name, ALPHA).repairs
    assert [ALPHA] == [r.fill.deployment_id for r in repairs if isinstance(r, BookFill)]
    assert [-2 * E8] == [r.delta_e8 for r in repairs if isinstance(r, AdjustPosition)]


def test_a_fill_that_was_booked_meanwhile_is_not_booked_twice() -> None:
    own = fill(10, SELL, 1, 90, client_order_id="c-1")
    books, name = standing(view(LONG, owners={"c-1": ALPHA}), 2, [own])
    later = view(position(BUY, 4, 100), owners=books.owners, standing=books.standing, booked=(own,))
    repairs = adopted(later, name, ALPHA).repairs
    assert [AdjustPosition] == [type(repair) for repair in repairs]


@pytest.mark.desk("RECON-52")
def test_a_divergence_that_does_not_stand_is_refused() -> None:
    books, _name = standing(view(LONG), 3)
    assert AdoptRefusal.UNKNOWN_DIVERGENCE is adopt(books, Adoption("other", ALPHA), NOW)


def test_what_is_not_about_a_position_is_refused() -> None:
    outcome = swept(view(), pages(0, balances=Unknown(UnknownReason.UNREACHABLE)))
    books = view(standing=outcome.opened)
    name = outcome.opened[0].divergence_id
    assert AdoptRefusal.NOT_A_POSITION is adopt(books, Adoption(name), NOW)


def test_a_negative_price_is_refused() -> None:
    books, name = standing(view(LONG), 3)
    assert AdoptRefusal.BAD_PRICE is adopt(books, Adoption(name, ALPHA, -1), NOW)


@pytest.mark.desk("RECON-34a", "RECON-35")
def test_after_an_adoption_the_next_sweep_is_quiet() -> None:
    books, name = standing(view(LONG), 3)
    found = adopted(books, name, ALPHA)
    after = view(position(BUY, 3, 100), synced=found.synced)
    assert swept(after, pages(3)).is_quiet


@pytest.mark.desk("RECON-34e")
def test_a_history_that_is_too_short_is_adopted_after_its_instruments() -> None:
    outcome = swept(view(LONG), pages(3, from_seq=1))
    line, account = outcome.opened
    books = view(LONG, standing=outcome.opened)
    refused = adopt(books, Adoption(account.divergence_id), NOW)
    assert AdoptRefusal.INSTRUMENTS_FIRST is refused
    assert [-2 * E8] == [
        repair.delta_e8
        for repair in adopted(books, line.divergence_id, ALPHA).repairs
        if isinstance(repair, AdjustPosition)
    ]
    found = adopted(view(standing=(account,)), account.divergence_id)
    assert ((), SyncPoint(100)) == (found.repairs, found.synced)

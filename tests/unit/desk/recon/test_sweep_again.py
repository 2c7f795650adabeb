"""The recovery sweep, again and beside fills: a second one changes nothing; balances and exits."""

import msgspec
import pytest

from lockstep_desk import InvalidValueError
from lockstep_desk.recon import (
    BookFill,
    BrokerBalance,
    BrokerPosition,
    LocalView,
    Outcome,
    RefreshBalance,
    ReleaseExit,
    Status,
    SyncPoint,
    make_page,
    sweep,
)
from tests.support.recon import (
    BTC,
    BUY,
    CONFIG,
    E8,
    SELL,
    fill,
    moment,
    pages,
    position,
    swept,
    view,
)

LONG = position(BUY, 5, 100)


# The same again


def carried_out(books: LocalView, outcome: Outcome) -> LocalView:
    """Return books that have the fills of an outcome, and are flat."""
    fills = tuple(r.fill for r in outcome.repairs if isinstance(r, BookFill))
    standing = tuple(r for r in outcome.opened if r.status is Status.UNRESOLVED)
    return msgspec.structs.replace(
        books, positions=(), booked=fills, standing=standing, synced=outcome.synced
    )


@pytest.mark.desk("RECON-35", "I8")
def test_a_second_sweep_changes_nothing_and_tells_nothing() -> None:
    said = pages(0, [fill(10, SELL, 2, 90), fill(11, SELL, 3, 91)])
    first = swept(view(LONG), said)
    assert not first.is_quiet
    assert swept(carried_out(view(LONG), first), said).is_quiet


@pytest.mark.desk("RECON-35")
def test_the_same_divergence_keeps_its_id_while_the_desk_trades_on() -> None:
    first = swept(view(LONG), pages(3))
    more = position(BUY, 7, 100)
    second = swept(view(more, standing=first.opened), pages(5, at=120))
    assert second.is_quiet
    assert (first.opened[0].divergence_id,) == second.standing


@pytest.mark.desk("RECON-35")
def test_a_divergence_that_is_no_more_ends() -> None:
    first = swept(view(LONG), pages(3))
    outcome = swept(view(LONG, standing=first.opened), pages(5))
    assert (first.opened[0].divergence_id,) == outcome.ended
    assert SyncPoint(100) == outcome.synced


def test_a_line_that_stands_holds_back_its_own_floor_only() -> None:
    eth = msgspec.structs.replace(position(BUY, 1, 10), instrument="ETH-PERP")
    held = [BrokerPosition(BTC, 3 * E8), BrokerPosition("ETH-PERP", E8)]
    said = pages(0, positions=make_page(held, moment(100)))
    outcome = sweep(view(LONG, eth), said, CONFIG)
    assert SyncPoint(0, (("ETH-PERP", 100),)) == outcome.synced


# The rest


@pytest.mark.desk("RECON-01", "DESK-2A")
def test_a_balance_that_differs_is_taken_over() -> None:
    cash = BrokerBalance("USD", 10, 9)
    said = pages(0, balances=make_page([cash], moment(100)))
    assert (RefreshBalance(cash),) == sweep(view(), said, CONFIG).repairs
    assert sweep(view(balances=(cash,)), said, CONFIG).is_quiet


@pytest.mark.desk("RECON-30")
def test_a_deferred_exit_goes_on_once_its_line_is_clean() -> None:
    books = view(LONG, deferred=((LONG.position_id, BTC),))
    assert (ReleaseExit(LONG.position_id),) == swept(books, pages(5)).repairs
    assert () == swept(books, pages(3)).repairs


def test_pages_of_another_account_are_an_error() -> None:
    with pytest.raises(InvalidValueError, match="expected those of venue account acc"):
        sweep(view(), pages(0, account="other"), CONFIG)


def test_pages_that_start_behind_the_books_are_an_error() -> None:
    with pytest.raises(InvalidValueError, match="since_seq: expected at most 0"):
        sweep(view(), pages(0, since_seq=1), CONFIG)

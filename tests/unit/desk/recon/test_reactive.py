"""The check before an order: only what the broker confirms is published."""

import msgspec
import pytest

from lockstep_desk import Fill, Position
from lockstep_desk.recon import PreState, Unknown, UnknownReason, check_pre_state, make_page
from tests.support.recon import BTC, BUY, E8, SELL, fill, moment, pages, position, view

LONG = position(BUY, 5, 100)


def pre_state(held: int, *positions: Position, fills: tuple[Fill, ...] = ()) -> PreState:
    said = pages(held, fills)
    checked = check_pre_state(view(*positions), BTC, said.positions, said.fills, 0)
    assert checked.publishes == (checked.pre_state is PreState.MATCHES)
    return checked.pre_state


@pytest.mark.desk("RECON-30", "RECON-10")
@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (5, PreState.MATCHES),
        (0, PreState.BROKER_FLAT),
        (3, PreState.SIZE_DIFFERS),
        (-5, PreState.SIDE_DIFFERS),
    ],
)
def test_an_exit_is_published_only_if_the_broker_holds_the_position(
    held: int, expected: PreState
) -> None:
    assert expected is pre_state(held, LONG)


@pytest.mark.desk("RECON-11")
def test_an_open_expects_a_broker_that_is_flat() -> None:
    assert PreState.MATCHES is pre_state(0)
    assert PreState.BROKER_OPEN is pre_state(4)


@pytest.mark.desk("RECON-02", "RECON-34f")
def test_fills_that_the_books_miss_defer_even_where_sizes_agree() -> None:
    reopened = (fill(10, SELL, 5, 90), fill(11, BUY, 5, 80))
    assert PreState.FILLS_MISSED is pre_state(5, LONG, fills=reopened)


@pytest.mark.desk("RECON-30", "RECON-34g")
@pytest.mark.parametrize("part", ["positions", "fills"])
def test_unknown_is_not_flat(part: str) -> None:
    said = msgspec.structs.replace(pages(5), **{part: Unknown(UnknownReason.UNREACHABLE)})
    checked = check_pre_state(view(LONG), BTC, said.positions, said.fills, 0)
    assert (PreState.UNKNOWN, None) == (checked.pre_state, checked.broker_e8)


def test_a_cut_page_defers() -> None:
    said = pages(5, (fill(10, SELL, 5, 90), fill(11, BUY, 5, 80)))
    cut = msgspec.structs.replace(make_page([fill(1, BUY, 5, 1)], moment(9)), items=())
    checked = check_pre_state(view(LONG), BTC, said.positions, cut, 0)
    assert PreState.UNKNOWN is checked.pre_state


def test_positions_of_all_deployments_count_together() -> None:
    other = position(SELL, 2, 100, "beta")
    said = pages(3)
    checked = check_pre_state(view(LONG, other), BTC, said.positions, said.fills, 0)
    assert (True, 3 * E8) == (checked.publishes, checked.local_e8)

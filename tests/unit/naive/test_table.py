"""The table: groups follow every put and drop, and a copy goes its own way."""

import pytest

from lockstep_engine.codes import EntityKind
from lockstep_kernel import Entity, InvariantError
from lockstep_naive.margin import holdings_of
from lockstep_naive.rows import Position
from lockstep_naive.table import Table
from tests.unit.naive.world import BUY, FUTURE, PERP, SELL, World


def positions(*rows: Position) -> Table[tuple[int, int], Position]:
    touched: list[Entity] = []
    grouping = {"account": lambda row: row.account, "long": lambda row: row.qty_lots > 0}
    table: Table[tuple[int, int], Position] = Table(
        EntityKind.POSITION, Position, touched, grouping
    )
    for row in rows:
        table.put(row)
    return table


def test_a_row_leaves_the_group_that_it_no_longer_belongs_to() -> None:
    table = positions(Position((1, 1), 5, 0), Position((1, 2), 7, 0))
    table.put(Position((1, 1), -5, 0))
    assert [Position((1, 2), 7, 0)] == list(table.group("long", True))
    assert [Position((1, 1), -5, 0)] == list(table.group("long", False))
    table.put(Position((1, 1), -6, 0))
    assert [Position((1, 1), -6, 0)] == list(table.group("long", False))
    assert 2 == len(table.group("account", 1)) == len(table.scan())
    table.check_groups()
    table.drop((1, 1))
    table.drop((1, 1))
    assert 0 == len(table.group("long", False))
    table.check_groups()


def test_a_copy_goes_its_own_way() -> None:
    table = positions(Position((1, 1), 5, 0))
    twin = table.copy()
    twin.drop((1, 1))
    twin.put(Position((2, 1), 3, 0))
    assert [Position((1, 1), 5, 0)] == list(table.scan()) == list(table.group("account", 1))
    assert [Position((2, 1), 3, 0)] == list(twin.scan()) == list(twin.group("account", 2))
    table.check_groups()


def test_a_group_that_lost_a_row_is_found() -> None:
    table = positions(Position((1, 1), 5, 0))
    table._groups["long"].clear()
    with pytest.raises(InvariantError, match="groups of kind 10"):
        table.check_groups()


def test_holdings_are_the_same_whichever_instrument_is_asked_for_first() -> None:
    world = World()
    world.rest(1, BUY, 90, 3)
    world.rest(1, SELL, 110, 2)
    asked = holdings_of(world.core, 1, PERP)
    assert asked == holdings_of(world.core, 1)
    assert (2, 3, 2) == asked[PERP][1:4]
    world.rest(1, BUY, 90, 4, instrument=FUTURE)
    everything = holdings_of(world.core, 1)
    assert {PERP, FUTURE} == everything.keys()
    assert everything == holdings_of(world.core, 1, PERP) == holdings_of(world.core, 1, FUTURE)
    assert (1, 4, 0) == everything[FUTURE][1:4]
    assert 0 == holdings_of(world.core, 2, PERP)[PERP].orders

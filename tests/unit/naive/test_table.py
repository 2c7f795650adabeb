"""The table: groups follow every put and drop, and a copy goes its own way."""

import pytest

from lockstep_engine.codes import EntityKind
from lockstep_kernel import Entity, InvariantError
from lockstep_naive.margin import holding_of, instruments_of
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


def test_a_holding_is_what_the_account_has_in_the_instrument() -> None:
    world = World()
    for side, price, qty in ((BUY, 90, 3), (SELL, 110, 2)):
        world.rest(1, side, price, qty)
    world.rest(1, BUY, 90, 4, instrument=FUTURE)
    world.trade(3, 1, 100, 5, FUTURE)
    holding = holding_of(world.core, 1, PERP)
    assert (2, 3, 2) == (len(holding.orders), holding.open_lots(BUY), holding.open_lots(SELL))
    assert 0 == holding.position.qty_lots
    assert -5 == holding_of(world.core, 1, FUTURE).position.qty_lots
    assert [PERP, FUTURE] == instruments_of(world.core, 1)
    assert [FUTURE] == instruments_of(world.core, 3)
    assert () == holding_of(world.core, 2, PERP).orders
    assert [] == instruments_of(world.core, 2)

"""What every store below a journal does: LMDB in a directory, and the one of the simulator."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import lmdb
import pytest

from lockstep_journal.environment import open_for_writing
from lockstep_journal.keyvalue import Environment
from lockstep_journal.layout import DATABASES
from lockstep_runtime.simulate.disk import Disk, Process
from lockstep_runtime.simulate.faults import Board, Plan
from lockstep_runtime.simulate.store import SimulatedEnvironment

MAP_BYTES = 4 << 20


def simulated(map_bytes: int = MAP_BYTES) -> SimulatedEnvironment:
    return SimulatedEnvironment(Disk(Board(Plan({}), Random(1))), Process(), map_bytes)


@pytest.fixture(params=["lmdb", "simulated"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Environment]:
    environment = open_for_writing(tmp_path, MAP_BYTES) if request.param == "lmdb" else simulated()
    yield environment
    environment.close()


def key(number: int) -> bytes:
    return number.to_bytes(8, "big")


def filled(store: Environment, numbers: range) -> object:
    with store.begin(write=True) as txn:
        database = store.open_db(b"commands", txn=txn)
        items = [(key(number), bytes([number % 256]) * 90) for number in numbers]
        assert (len(items), len(items)) == txn.cursor(database).putmulti(
            items, overwrite=False, append=True
        )
    return database


def everything(store: Environment, database: object) -> list[tuple[bytes, bytes]]:
    with store.begin() as txn:
        cursor = txn.cursor(database)
        return list(cursor) if cursor.first() else []


def test_what_was_committed_is_there_in_order(store: Environment) -> None:
    database = filled(store, range(1, 200))
    assert [key(number) for number in range(1, 200)] == [k for k, _ in everything(store, database)]
    with store.begin() as txn:
        assert 199 == txn.stat(database)["entries"]
        assert bytes([7]) * 90 == txn.get(key(7), db=database)
        assert None is txn.get(key(200), db=database)


def test_what_was_raised_out_of_is_not_there(store: Environment) -> None:
    database = filled(store, range(1, 5))
    with pytest.raises(ValueError, match="no"), store.begin(write=True) as txn:
        txn.put(key(9), b"nine", db=database)
        raise ValueError("no")
    assert 4 == len(everything(store, database))


def test_a_cursor_goes_where_it_is_sent(store: Environment) -> None:
    database = filled(store, range(10, 100, 10))
    with store.begin() as txn:
        cursor = txn.cursor(database)
        assert [True, key(10)] == [cursor.first(), cursor.key()]
        assert [True, key(90)] == [cursor.last(), cursor.key()]
        assert not cursor.next()
        assert [True, key(40)] == [cursor.set_range(key(31)), cursor.key()]
        assert [key(40), key(50)] == list(cursor.iternext(values=False))[:2]
        assert not cursor.set_range(key(91))


def test_an_append_leaves_out_what_is_not_behind_the_rest(store: Environment) -> None:
    database = filled(store, range(1, 4))
    with store.begin(write=True) as txn:
        items = [(key(4), b"four"), (key(2), b"two"), (key(6), b"six")]
        taken, added = txn.cursor(database).putmulti(items, overwrite=False, append=True)
    assert (3, 2) == (taken, added)
    assert [key(number) for number in (1, 2, 3, 4, 6)] == [
        k for k, _ in everything(store, database)
    ]


def test_a_full_map_refuses_a_commit_and_keeps_what_is_there(tmp_path: Path) -> None:
    for store in (open_for_writing(tmp_path, 1 << 16), simulated(1 << 16)):
        database = filled(store, range(1, 5))
        with pytest.raises(lmdb.MapFullError), store.begin(write=True) as txn:
            txn.put(key(9), bytes(1 << 17), db=database)
        assert 4 == len(everything(store, database))
        store.close()


def test_a_database_that_is_not_there_is_not_found(store: Environment) -> None:
    with pytest.raises(lmdb.NotFoundError):
        store.open_db(b"commands", create=False)


def carry_out(store: Environment, databases: list[object], work: list[tuple]) -> None:
    with store.begin(write=True) as txn:
        for index, name, value in work:
            if value is None:
                txn.delete(name, db=databases[index])
            else:
                txn.put(name, value, db=databases[index])


def test_both_stores_hold_the_same_after_the_same_random_work(tmp_path: Path) -> None:
    dice = Random(7)
    stores: list[Environment] = [open_for_writing(tmp_path, MAP_BYTES), simulated()]
    handles = []
    for store in stores:
        with store.begin(write=True) as txn:
            handles.append([store.open_db(name, txn=txn) for name in DATABASES])
    for _ in range(120):
        work = [
            (
                dice.randrange(len(DATABASES)),
                key(dice.randrange(60)),
                bytes(dice.choice((5, 150, 2_500, 9_000))) if dice.randrange(3) else None,
            )
            for _ in range(dice.randrange(1, 9))
        ]
        for store, databases in zip(stores, handles, strict=True):
            carry_out(store, databases, work)
        found = [
            [everything(store, database) for database in databases]
            for store, databases in zip(stores, handles, strict=True)
        ]
        assert found[0] == found[1]
    for store in stores:
        store.close()

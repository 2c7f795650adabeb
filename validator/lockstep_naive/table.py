"""A table of immutable rows, changed by `put` and `drop` only.

Because nothing else can change a row, no record can change without standing in the touched list.
Groups are the rows by a property, kept so that one book is scanned and not all; their order means
nothing, and `check_groups` compares them with the rows.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import Generic, TypeVar, cast

import msgspec

from lockstep_engine.codes import EntityKind
from lockstep_kernel import Entity, InvariantError, Record, check

K = TypeVar(
    "K",
    int,
    str,
    bytes,
    tuple[int, int],
    tuple[int, bytes],
    tuple[str, int],
    tuple[int, str],
    tuple[int, str, int],
)
R = TypeVar("R", bound=tuple[object, ...])

Grouping = Mapping[str, Callable[[R], Hashable]]


class Cell(Entity):
    """The kernel's handle on one row: gives its record, or None once it is dropped."""

    __slots__ = ("kind", "row")

    def __init__(self, kind: int) -> None:
        super().__init__()
        self.kind = kind
        self.row: tuple[object, ...] | None = None

    def record(self) -> Record | None:
        """Give the record as it is now."""
        return None if self.row is None else (self.kind, *self.row)


class Table(Generic[K, R]):
    """Rows of one kind by key, the first field of a row."""

    def __init__(
        self, kind: EntityKind, row_type: type[R], touched: list[Entity], grouping: Grouping[R]
    ) -> None:
        self.kind = int(kind)
        self._row_type = row_type
        self._touched = touched
        self._grouping = grouping
        self._rows: dict[K, R] = {}
        self._cells: dict[K, Cell] = {}
        self._groups: dict[str, dict[Hashable, dict[K, R]]] = {name: {} for name in grouping}

    def get(self, key: K) -> R | None:
        """Return the row of a key, or None."""
        return self._rows.get(key)

    def must(self, key: K) -> R:
        """Return the row of a key that must be there; raise `InvariantError` if it is not."""
        row = self._rows.get(key)
        if row is None:
            raise InvariantError(f"expected a row of kind {self.kind} for key {key!r}, found none")
        return row

    def all(self) -> list[R]:
        """Return all rows by rising key."""
        return [self._rows[key] for key in sorted(self._rows)]

    def scan(self) -> Collection[R]:
        """Give all rows as they stand, in no order that means anything: see `group`."""
        return self._rows.values()

    def group(self, name: str, of: Hashable) -> Collection[R]:
        """Give the rows of a group as they stand, in no order that means anything.

        Add them up, take the first or sort them; put or drop nothing while you scan them.
        """
        rows = self._groups[name].get(of)
        return () if rows is None else rows.values()

    def put(self, row: R) -> None:
        """Insert a row, or replace the one with its key."""
        key = cast("K", row[0])
        before = self._rows.get(key)
        self._rows[key] = row
        for name, property_of in self._grouping.items():
            groups, of = self._groups[name], property_of(row)
            if before is not None and property_of(before) != of:
                _leave(groups, property_of(before), key)
            if of in groups:
                groups[of][key] = row
            else:
                groups[of] = {key: row}
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = Cell(self.kind)
        self._touch(cell, row)

    def drop(self, key: K) -> None:
        """Remove the row of a key; nothing happens if there is none."""
        row = self._rows.pop(key, None)
        if row is not None:
            for name, property_of in self._grouping.items():
                _leave(self._groups[name], property_of(row), key)
            cell = self._cells.pop(key, None)
            if cell is not None:
                self._touch(cell, None)

    def records(self) -> Iterable[Record]:
        """Yield all records by rising key."""
        for row in self.all():
            fields: tuple[object, ...] = row
            yield (self.kind, *fields)

    def restore(self, record: Record) -> None:
        """Put the row of a dumped record; raise `msgspec.ValidationError` if it is none."""
        self.put(msgspec.convert(list(record[1:]), self._row_type))

    def copy(self) -> "Table[K, R]":
        """Return an independent table with the same rows, for trying something out.

        It has no cells of its own: its changes touch nothing that the kernel has counted.
        """
        twin: Table[K, R] = Table(EntityKind(self.kind), self._row_type, [], self._grouping)
        twin._rows = dict(self._rows)
        twin._groups = {
            name: {of: dict(rows) for of, rows in groups.items()}
            for name, groups in self._groups.items()
        }
        return twin

    def check_groups(self) -> None:
        """Raise `InvariantError` unless groups and cells hold exactly the rows."""
        expected: dict[str, dict[Hashable, dict[K, R]]] = {name: {} for name in self._grouping}
        for key, row in self._rows.items():
            check(row[0] == key, f"row of kind {self.kind} stands under {key!r}, not its key")
            cell = self._cells.get(key)
            check(cell is not None and cell.row == row, f"cell of {key!r} has another row")
            for name, property_of in self._grouping.items():
                expected[name].setdefault(property_of(row), {})[key] = row
        check(len(self._cells) == len(self._rows), f"kind {self.kind} has cells without rows")
        check(self._groups == expected, f"groups of kind {self.kind} differ from its rows")

    def _touch(self, cell: Cell, row: R | None) -> None:
        cell.row = row
        if not cell.is_touched:
            cell.is_touched = True
            self._touched.append(cell)


def _leave(groups: dict[Hashable, dict[K, R]], of: Hashable, key: K) -> None:
    """Take a key out of its group; an empty group is absent."""
    rows = groups[of]
    del rows[key]
    if not rows:
        del groups[of]

"""A table of immutable rows, changed by `put` and `drop` only.

Because nothing else can change a row, no record can change without standing in the touched list.
Groups are lists of rows by a property, kept so that one book is scanned and not all; their order
means nothing, and `check_groups` compares them with the rows.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, TypeVar, cast

import msgspec

from lockstep_engine.codes import EntityKind
from lockstep_kernel import Entity, InvariantError, Record, check

K = TypeVar("K", int, str, bytes, tuple[int, int], tuple[int, bytes])
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
        self._groups: dict[tuple[str, Hashable], dict[K, R]] = {}

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

    def group(self, name: str, of: Hashable) -> list[R]:
        """Return the rows of a group, in no order that means anything: add them up or sort them."""
        return list(self._groups.get((name, of), {}).values())

    def put(self, row: R) -> None:
        """Insert a row, or replace the one with its key."""
        key = cast("K", row[0])
        self._ungroup(key)
        self._rows[key] = row
        for group in self._groups_of(row):
            self._groups.setdefault(group, {})[key] = row
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = Cell(self.kind)
        self._touch(cell, row)

    def drop(self, key: K) -> None:
        """Remove the row of a key; nothing happens if there is none."""
        if key in self._rows:
            self._ungroup(key)
            del self._rows[key]
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
        twin._groups = {group: dict(rows) for group, rows in self._groups.items()}
        return twin

    def check_groups(self) -> None:
        """Raise `InvariantError` unless groups and cells hold exactly the rows."""
        expected: dict[tuple[str, Hashable], dict[K, R]] = {}
        for key, row in self._rows.items():
            check(row[0] == key, f"row of kind {self.kind} stands under {key!r}, not its key")
            cell = self._cells.get(key)
            check(cell is not None and cell.row == row, f"cell of {key!r} has another row")
            for group in self._groups_of(row):
                expected.setdefault(group, {})[key] = row
        check(len(self._cells) == len(self._rows), f"kind {self.kind} has cells without rows")
        check(self._groups == expected, f"groups of kind {self.kind} differ from its rows")

    def _groups_of(self, row: R) -> list[tuple[str, Hashable]]:
        return [(name, property_of(row)) for name, property_of in self._grouping.items()]

    def _ungroup(self, key: K) -> None:
        row = self._rows.get(key)
        if row is None:
            return
        for group in self._groups_of(row):
            del self._groups[group][key]
            if not self._groups[group]:
                del self._groups[group]

    def _touch(self, cell: Cell, row: R | None) -> None:
        cell.row = row
        if not cell.is_touched:
            cell.is_touched = True
            self._touched.append(cell)

"""Differences between two states or dumps, entity by entity."""

from collections.abc import Iterable

import msgspec

from lockstep_kernel.entity import Record, name_of


class Change(msgspec.Struct, frozen=True):
    """One entity that differs; None stands for absent."""

    kind: int
    key: object
    before: Record | None
    after: Record | None


def changes(before: Iterable[Record], after: Iterable[Record]) -> list[Change]:
    """Return the entities that differ, by (kind, key)."""
    old = {name_of(record): record for record in before}
    new = {name_of(record): record for record in after}
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return [Change(name[0], name[1], old.get(name), new.get(name)) for name in names]

"""An entity: one record of a machine's state, with the digest that was counted for it.

A machine appends an entity to its `touched` list whenever a field in its record changes, and the
chain rehashes the touched ones only. Compiled machines subclass this class natively; the counter
of the tests subclasses it in the interpreter.
"""

from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")

try:
    from mypy_extensions import mypyc_attr
except ImportError:

    def mypyc_attr(*attrs: str, **kwattrs: object) -> Callable[[_T], _T]:
        """Stand in for the compiler's decorator, which means nothing to the interpreter."""
        return lambda decorated: decorated


Record = tuple[Any, ...]  # pyright: ignore[reportExplicitAny]  # each kind has its own fields
"""(kind, key, *fields): kind is a small integer, (kind, key) is unique in a state."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Entity:
    """Base of everything that is in the state digest.

    Invariants: `digest` is the hash of the record that the running total contains (0: none);
    `is_touched` is true exactly while the entity stands in its machine's touched list.
    """

    __slots__ = ("digest", "is_touched")

    def __init__(self) -> None:
        self.digest = 0
        self.is_touched = False

    def record(self) -> Record | None:
        """Give the record as it is now, or None while the entity is at its default."""
        return None


def name_of(record: Record) -> tuple[int, object]:
    """Return (kind, key), which names an entity and sorts with others of its machine."""
    return record[0], record[1]

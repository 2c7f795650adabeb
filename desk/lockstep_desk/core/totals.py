"""What came in or went out beside trades, added up for each asset or instrument and owner.

Fees in another asset than the quote are totals of what was paid of it, negative what was received;
funding is what was received for a position in its instrument's quote, negative what was paid.
"""

from lockstep_desk.core.codes import EntityKind
from lockstep_desk.core.deployments import narrow, wide
from lockstep_kernel.entity import Entity, Record

TotalKey = tuple[str, str, str]
"""(account, asset or instrument, deployment id or "" for nobody)."""


class Total(Entity):
    """A sum of `count` amounts; nothing added is no entity. `kind` is FEE or FUNDING."""

    __slots__ = ("count", "key", "kind", "total_e9")

    def __init__(self, kind: EntityKind, key: TotalKey) -> None:
        super().__init__()
        self.kind = int(kind)
        self.key = key
        self.count = 0
        self.total_e9 = 0

    def record(self) -> Record | None:
        """Give the record as it is now."""
        return (self.kind, self.key, self.count, wide(self.total_e9)) if self.count else None

    def add(self, amount_e9: int) -> None:
        """Add an amount."""
        self.count += 1
        self.total_e9 += amount_e9


def total_of(totals: dict[TotalKey, Total], kind: EntityKind, key: TotalKey) -> Total:
    """Return the total of a key; one that is not there begins."""
    total = totals.get(key)
    if total is None:
        total = totals[key] = Total(kind, key)
    return total


def restored_total(fields: Record) -> Total:
    """Return the total of a dumped record."""
    kind, key, count, amount = fields
    total = Total(EntityKind(kind), (key[0], key[1], key[2]))
    total.count, total.total_e9 = count, narrow(amount)
    return total

"""What was paid of an asset in fees, where that is not the quote: one total for each owner."""

from typing import Final

from lockstep_desk.core.codes import EntityKind
from lockstep_desk.core.deployments import narrow, wide
from lockstep_kernel.entity import Entity, Record

_KIND: Final = int(EntityKind.FEE)

FeeKey = tuple[str, str, str]
"""(account, asset, deployment id or "" for nobody)."""


class FeeTotal(Entity):
    """What was paid of an asset in fees; negative is what was received. No fee is no entity."""

    __slots__ = ("count", "key", "total_e9")

    def __init__(self, key: FeeKey) -> None:
        super().__init__()
        self.key = key
        self.count = 0
        self.total_e9 = 0

    def record(self) -> Record | None:
        return (_KIND, self.key, self.count, wide(self.total_e9)) if self.count else None


def restored_fee(fields: Record) -> FeeTotal:
    """Return the total of a dumped record."""
    _kind, key, count, total = fields
    fee = FeeTotal((key[0], key[1], key[2]))
    fee.count, fee.total_e9 = count, narrow(total)
    return fee

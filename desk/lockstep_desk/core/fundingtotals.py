"""What funding paid for a position: one total for each instrument and owner."""

from typing import Final

from lockstep_desk.core.codes import EntityKind
from lockstep_desk.core.deployments import narrow, wide
from lockstep_kernel.entity import Entity, Record

_KIND: Final = int(EntityKind.FUNDING)

FundingKey = tuple[str, str, str]
"""(account, instrument, deployment id or "" for nobody)."""


class FundingTotal(Entity):
    """What was received in the instrument's quote; negative is what was paid. None is no entity."""

    __slots__ = ("count", "key", "total_e9")

    def __init__(self, key: FundingKey) -> None:
        super().__init__()
        self.key = key
        self.count = 0
        self.total_e9 = 0

    def record(self) -> Record | None:
        return (_KIND, self.key, self.count, wide(self.total_e9)) if self.count else None


def restored_funding(fields: Record) -> FundingTotal:
    """Return the total of a dumped record."""
    _kind, key, count, total = fields
    funding = FundingTotal((key[0], key[1], key[2]))
    funding.count, funding.total_e9 = count, narrow(total)
    return funding

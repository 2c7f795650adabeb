"""What a sweep finds and what it asks to be done: divergences and repairs.

Owns the vocabulary. A divergence is named by its evidence, so that a repeated sweep finds the same
one again; a repair is carried out by the desk's machine in the same command, and not one of them
opens or closes anything at the broker ([RECON-33], I9). All of it is a value that can be journaled.
"""

from enum import IntEnum
from typing import Final

import msgspec

from lockstep_desk.ids import repair_id
from lockstep_desk.recon.pages import BrokerBalance, BrokerOrder, OrderStatus
from lockstep_desk.types import Fill, Severity


class Kind(IntEnum):
    """What differs. (a) to (g) are the cases of [RECON-34]."""

    SIZE_DIFFERS = 1  # (a)
    SIDE_DIFFERS = 2  # (a)
    SEVERAL_FILLS = 3  # (b)
    AMBIGUOUS = 4  # (c)
    NO_MATCH = 5  # (d)
    WINDOW_TOO_SHORT = 6  # (e)
    REOPENED = 7  # (f)
    UNREACHABLE = 8  # (g)
    BROKER_ONLY = 9  # [RECON-33]
    CLOSED_AT_BROKER = 10  # [RECON-32], by one fill
    MISSED_FILL = 11
    FILL_CONFLICT = 12
    PHANTOM_FILL = 13
    FOREIGN_ORDER = 14
    ORDER_LOST = 15
    ORDER_SETTLED = 16
    PNL_DIFFERS = 17
    FOREIGN_ROUND_TRIP = 18
    FILL_MISSING = 19


class Status(IntEnum):
    """HEALED is done and told once; UNRESOLVED stands until a sweep or an operator ends it."""

    HEALED = 1
    UNRESOLVED = 2


CASE_OF: Final[dict[Kind, str]] = {
    Kind.SIZE_DIFFERS: "a",
    Kind.SIDE_DIFFERS: "a",
    Kind.SEVERAL_FILLS: "b",
    Kind.AMBIGUOUS: "c",
    Kind.NO_MATCH: "d",
    Kind.WINDOW_TOO_SHORT: "e",
    Kind.REOPENED: "f",
    Kind.UNREACHABLE: "g",
}
"""The case of [RECON-34] that a kind is."""


class _Wire(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Base of what stands in events and in the state."""


class Divergence(_Wire, frozen=True, kw_only=True):
    """One difference between the books and the broker, with all that was known of it.

    `gap_e8` is what the broker holds beyond the books and the unbooked `fills` together; 0 where
    the fills explain everything. `floor_seq` and `as_of_seq` bound the history that was looked at.
    """

    divergence_id: str
    kind: Kind
    status: Status
    severity: Severity
    venue: str
    account: str
    instrument: str = ""
    local_e8: int = 0
    broker_e8: int = 0
    gap_e8: int = 0
    floor_seq: int = 0
    as_of_seq: int = 0
    fills: tuple[Fill, ...] = ()
    note: str = ""


class BookFill(_Wire, frozen=True, tag=1):
    """Book a fill, or the part of one, that the broker has and the books have not.

    `fill.deployment_id` says whose it is; the price is the broker's. A part keeps the fill's id and
    has its share of quantity and fee.
    """

    fill: Fill


class SettleOrder(_Wire, frozen=True, tag=2):
    """End an order; `status` None means that the broker never had it ([DESK-D11])."""

    client_order_id: str
    status: OrderStatus | None
    filled_e8: int


class RefreshOrder(_Wire, frozen=True, tag=3):
    """Take over what the broker says of a working order."""

    order: BrokerOrder


class RefreshBalance(_Wire, frozen=True, tag=4):
    """Take over a balance."""

    balance: BrokerBalance


class ReleaseExit(_Wire, frozen=True, tag=5):
    """Let a deferred exit go on: the books of its instrument equal the broker's again."""

    position_id: str


class AdjustPosition(_Wire, frozen=True, tag=6):
    """Move the books by `delta_e8` without a fill, because an operator said so.

    `price_e9` None is possible where it only lessens: the quantity leaves at its average cost.
    """

    divergence_id: str
    instrument: str
    deployment_id: str | None
    delta_e8: int
    price_e9: int | None
    ts_ns: int


Repair = BookFill | SettleOrder | RefreshOrder | RefreshBalance | ReleaseExit | AdjustPosition


class SyncPoint(_Wire, frozen=True):
    """Up to which sequence number of the broker the books are complete.

    `seq` holds for all instruments; `floors` names those that are complete further on. Fills at or
    below a floor are accounted for and are never booked again, however late they come.
    """

    seq: int = 0
    floors: tuple[tuple[str, int], ...] = ()

    def floor(self, instrument: str) -> int:
        """Return up to where an instrument is complete."""
        for name, seq in self.floors:
            if name == instrument:
                return max(seq, self.seq)
        return self.seq

    @property
    def newest_seq(self) -> int:
        """The furthest of all: what is older than this cannot be compared with these books."""
        return max(self.seq, *(seq for _name, seq in self.floors), 0)


class Outcome(_Wire, frozen=True):
    """What a sweep came to.

    `opened` are new, `standing` were known and are still there, `ended` are ids that are no more.
    """

    repairs: tuple[Repair, ...]
    opened: tuple[Divergence, ...]
    standing: tuple[str, ...]
    ended: tuple[str, ...]
    synced: SyncPoint

    @property
    def is_quiet(self) -> bool:
        """Return whether nothing is to be done and nothing is to be said ([RECON-35])."""
        return not (self.repairs or self.opened or self.ended)


def divergence_id(kind: Kind, where: tuple[str, str, str], *evidence: str) -> str:
    """Return the id of a difference at (venue, account, instrument), a function of its evidence."""
    return repair_id(f"divergence.{kind.name}", *(part or "-" for part in (*where, *evidence)))

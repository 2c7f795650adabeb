"""What one call of the desk's engine gives out ([DESK-05]), and the ticks of the audit stream.

Owns plain values only.
"""

import msgspec

from lockstep_desk.core.codes import Link, SendError
from lockstep_desk.core.events import (
    CancelRefused,
    CancelRequested,
    OrderQueried,
    OrderRefused,
    OrderRequested,
    PaperOrderRecorded,
    PositionExited,
)
from lockstep_desk.types import AuditTick
from lockstep_kernel.values import Genesis


class _Output(msgspec.Struct, frozen=True):
    """Base of what comes out."""


class Failure(_Output, frozen=True):
    """A request that was not handed over, with the reason ([DESK-1A])."""

    client_order_id: str
    is_cancel: bool
    error: SendError

    def __str__(self) -> str:
        what = "cancel of" if self.is_cancel else "order"
        return f"{what} {self.client_order_id}: {self.error.name}"


class Orders(_Output, frozen=True):
    """What became of cancels and opens; cancels stand before opens, each in its own order."""

    cancels: tuple[CancelRequested, ...] = ()
    opens: tuple[OrderRequested, ...] = ()
    paper: tuple[PaperOrderRecorded, ...] = ()
    refused_cancels: tuple[CancelRefused, ...] = ()
    refused_opens: tuple[OrderRefused, ...] = ()
    failed: tuple[Failure, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was asked for."""
        return self == NO_ORDERS

    def joined(self, other: "Orders") -> "Orders":
        """Return both, this one first."""
        return Orders(
            self.cancels + other.cancels,
            self.opens + other.opens,
            self.paper + other.paper,
            self.refused_cancels + other.refused_cancels,
            self.refused_opens + other.refused_opens,
            self.failed + other.failed,
        )


NO_ORDERS = Orders()


class Commanded(_Output, frozen=True, tag=True):
    """What a command of an operator made."""

    orders: Orders


class OnBreach(_Output, frozen=True, tag=True):
    """What the monitor did about breaches of limits."""

    orders: Orders


class OnTradingDisabled(_Output, frozen=True, tag=True):
    """What the hook did when strategies were disabled."""

    orders: Orders


class OnDisconnect(_Output, frozen=True, tag=True):
    """What the hook did when a link was lost: AccountDisconnect or MarketDisconnect by `link`."""

    link: Link
    key: str
    orders: Orders


class Queried(_Output, frozen=True, tag=True):
    """Venues were asked what became of orders; `failed` could not be, and stay unknown."""

    queries: tuple[OrderQueried, ...]
    failed: tuple[Failure, ...]


class OutletLost(_Output, frozen=True, tag=True):
    """Somebody who listened to the journal raised, and gets nothing any more."""

    what: str


class PositionExit(_Output, frozen=True, tag=True):
    """A position was closed."""

    exited: PositionExited


class AlgoOrders(_Output, frozen=True, tag=True):
    """What the strategies made after the event."""

    orders: Orders


Output = (
    Commanded
    | OnBreach
    | OnTradingDisabled
    | OnDisconnect
    | PositionExit
    | AlgoOrders
    | Queried
    | OutletLost
)


class Journaled(msgspec.Struct, frozen=True, array_like=True):
    """A command that the journal holds: all that a replica needs to do the same."""

    seq: int
    ts_ns: int
    body: bytes
    hash: bytes


class Processed(msgspec.Struct, frozen=True, tag=True):
    """The engine took an event; these are the commands that came of it, in order."""

    event: msgspec.Struct
    journaled: tuple[Journaled, ...]
    is_shutdown: bool


class Observed(msgspec.Struct, frozen=True, tag=True):
    """What the engine was told and took together, with one commit; stands in `Processed.event`."""

    events: tuple[msgspec.Struct, ...]


class SnapshotTaken(msgspec.Struct, frozen=True, tag=True):
    """Where a replica begins: the whole state after command `seq`."""

    genesis: Genesis
    seq: int
    dump: bytes


class FeedEnded(msgspec.Struct, frozen=True, tag=True):
    """There are no more events; these commands took what still came back."""

    journaled: tuple[Journaled, ...]


def is_terminal(tick: AuditTick) -> bool:
    """Return whether nothing follows a tick: feed ended, shutdown, or an error ([DESK-61])."""
    event = tick.event
    is_shutdown = isinstance(event, Processed) and event.is_shutdown
    return isinstance(event, FeedEnded) or is_shutdown or bool(tick.errors)

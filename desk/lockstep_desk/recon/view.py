"""What the desk believes of one account, as a sweep compares it.

Owns the record that the desk's machine makes of its state, and what can be asked of it. It is built
anew for each sweep and changes nothing.
"""

from collections.abc import Set as AbstractSet
from enum import IntEnum

import msgspec

from lockstep_desk.recon.findings import Divergence, SyncPoint
from lockstep_desk.recon.pages import BrokerBalance
from lockstep_desk.types import Fill, Position, Side


class LocalOrderState(IntEnum):
    """How far the desk knows an order to be; UNKNOWN timed out and may be live ([DESK-D11])."""

    IN_FLIGHT = 1
    OPEN = 2
    CANCELLING = 3
    UNKNOWN = 4


class LocalOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that the desk has not seen the end of; `order_id` is empty before its ack.

    `filled_e8` is the most that anybody said of it, `booked_e8` what its booked fills come to.
    """

    client_order_id: str
    order_id: str = ""
    deployment_id: str | None
    instrument: str
    side: Side
    qty_e8: int
    filled_e8: int = 0
    booked_e8: int = 0
    state: LocalOrderState
    sent_ns: int


class LocalView(msgspec.Struct, frozen=True, kw_only=True):
    """The desk's books of one account.

    `booked` are the fills above the floor of their instrument, parts included; `unclaimed` are
    those that are booked for nobody until a sweep says whose they are: no position has them.
    `seen` has the id of every fill that is remembered, these and those below the floors. `owners`
    gives the deployment of every order that may still have fills above the floor, under its client
    order id and under the broker's id; None is a manual order of this desk. `wants` gives the
    instrument and the side of those orders. `deferred` are the ids of positions whose exit waits
    for a sweep, with their instruments. Balances older than `balances_ns` are not taken over. A
    fill of no known order belongs to the deployment that the broker names, if it is one of
    `deployments`.
    """

    venue: str
    account: str
    synced: SyncPoint = SyncPoint()
    positions: tuple[Position, ...] = ()
    orders: tuple[LocalOrder, ...] = ()
    booked: tuple[Fill, ...] = ()
    unclaimed: tuple[Fill, ...] = ()
    seen: AbstractSet[str] = frozenset()
    owners: dict[str, str | None] = {}
    wants: dict[str, tuple[str, Side]] = {}
    balances: tuple[BrokerBalance, ...] = ()
    balances_ns: int = 0
    standing: tuple[Divergence, ...] = ()
    deferred: tuple[tuple[str, str], ...] = ()
    deployments: tuple[str, ...] = ()

    @property
    def where(self) -> tuple[str, str]:
        """Return venue and account."""
        return self.venue, self.account

    def local_e8(self, instrument: str) -> int:
        """Return the sum of all positions in an instrument, signed."""
        return sum(
            position.side.sign * position.qty_e8
            for position in self.positions
            if position.instrument == instrument
        )

    def is_misplaced(self, fill: Fill) -> bool:
        """Return whether the fill names an order of this desk that it cannot be of.

        Such a fill is nobody's, whomever else it names.
        """
        is_known = fill.client_order_id in self.wants
        wanted = self.wants.get(fill.client_order_id if is_known else fill.order_id)
        return wanted is not None and wanted != (fill.instrument, fill.side)

    def is_owned(self, fill: Fill) -> bool:
        """Return whether the fill belongs to an order, or to a deployment, of this desk."""
        if self.is_misplaced(fill):
            return False
        is_of_order = fill.client_order_id in self.owners or fill.order_id in self.owners
        return is_of_order or fill.deployment_id in self.deployments

    def owner_of(self, fill: Fill) -> str | None:
        """Return the deployment of an owned fill: by client order id, broker's id, or name."""
        if fill.client_order_id in self.owners:
            return self.owners[fill.client_order_id]
        return self.owners.get(fill.order_id, fill.deployment_id)

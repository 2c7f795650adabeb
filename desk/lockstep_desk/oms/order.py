"""An order as the desk tracks it, from the request on until it is forgotten.

Owns one order's record. What a report does to its standing is in `oms.states`.
"""

from typing import Final

from lockstep_desk.core.codes import EntityKind, OrderKind, Origin, TimeInForce
from lockstep_desk.oms.states import Live, OrderState, Standing
from lockstep_desk.types import Side
from lockstep_kernel.entity import Entity, Record

_KIND: Final = int(EntityKind.ORDER)


class Order(Entity):
    """One order. Its client order id is its key.

    `number` is its own in this desk, 0 for one that the desk never asked for. `deployment` "" is
    nobody's. `is_sent` is false until its venue's channel took it: after a crash, such an order is
    asked for and never sent again. `filled_e8` is what fills say, `live.filled_e8` what the venue
    says; `ended_number` orders those that ended, 0 as long as it is tracked; `ended_ns` is the
    venue's time of the end, 0 if the desk ended it.
    """

    __slots__ = (
        *("account", "client_order_id", "deployment", "ended_ns", "ended_number", "filled_e8"),
        *(
            "instrument",
            "is_forgotten",
            "is_sent",
            "kind",
            "live",
            "number",
            "origin",
            "price_e9",
            "qty_e8",
        ),
        *("requested_ns", "side", "state", "tif"),
    )

    def __init__(self, client_order_id: str, number: int, account: str, instrument: str) -> None:
        super().__init__()
        self.client_order_id = client_order_id
        self.number = number
        self.account = account
        self.instrument = instrument
        self.deployment = ""
        self.origin = Origin.OPERATOR
        self.side = Side.BUY
        self.qty_e8 = 0
        self.price_e9 = 0
        self.kind = OrderKind.LIMIT
        self.tif = TimeInForce.GTC
        self.requested_ns = 0
        self.is_sent = False
        self.is_forgotten = False
        self.state = OrderState.OPEN_IN_FLIGHT
        self.live: Live | None = None
        self.filled_e8 = 0
        self.ended_ns = 0
        self.ended_number = 0

    def record(self) -> Record | None:
        if self.is_forgotten:
            return None
        return (
            *(_KIND, self.client_order_id, self.number, self.account, self.instrument),
            *(self.deployment, int(self.origin), int(self.side), self.qty_e8, self.price_e9),
            *(int(self.kind), int(self.tif), self.requested_ns, self.is_sent, int(self.state)),
            *(_told(self.live), self.filled_e8, self.ended_ns, self.ended_number),
        )

    @property
    def standing(self) -> Standing:
        """Where the order stands in the state machine."""
        return Standing(self.state, self.live)

    @property
    def done_e8(self) -> int:
        """What is filled by what is known: of fills and the venue's count the larger."""
        told = self.live.filled_e8 if self.live else 0
        return min(self.qty_e8, max(told, self.filled_e8))

    @property
    def working_e8(self) -> int:
        """What may still trade; 0 once it ended."""
        return self.qty_e8 - self.done_e8 if self.state.is_active else 0

    @property
    def unbooked_e8(self) -> int:
        """What it may still add to the books: of a fill that its venue counts and none told, too.

        What an order of the venue's own had filled before it was tracked, no book waits for.
        """
        if self.origin is Origin.VENUE:
            return self.working_e8
        return max(self.qty_e8 - self.filled_e8, 0) if self.state.is_active else 0

    @property
    def signed_working_e8(self) -> int:
        """What may still be added to a position; negative for a sell."""
        return self.working_e8 * self.side.sign

    @property
    def order_id(self) -> str:
        """The venue's own id, "" as long as it gave none."""
        return self.live.order_id if self.live else ""


def _told(live: Live | None) -> tuple[str, int, int] | None:
    return (live.order_id, live.time_ns, live.filled_e8) if live else None


def restored_order(fields: Record) -> Order:
    """Return the order of a dumped record."""
    _kind, client_order_id, number, account, instrument, *rest = fields
    deployment, origin, side, qty, price, kind, tif, requested, is_sent, state, *end = rest
    live, filled, ended_ns, ended_number = end
    order = Order(client_order_id, number, account, instrument)
    order.deployment, order.origin, order.side = deployment, Origin(origin), Side(side)
    order.qty_e8, order.price_e9 = qty, price
    order.kind, order.tif = OrderKind(kind), TimeInForce(tif)
    order.requested_ns, order.is_sent = requested, is_sent
    order.state = OrderState(state)
    order.live = Live(live[0], live[1], live[2]) if live is not None else None
    order.filled_e8, order.ended_ns, order.ended_number = filled, ended_ns, ended_number
    return order

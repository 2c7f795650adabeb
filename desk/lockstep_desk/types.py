"""The values that all parts of the desk share: one definition each.

Owns fills, funding, positions, lineage, breaches, envelopes, audit ticks and alerts. It never reads
a clock, draws nothing at random and changes nothing: every value is frozen.

Units: quantities are integers of 1e-8 (`qty_e8`), prices and fees integers of 1e-9 (`_e9`), so a
quantity times a price is exact at 1e-17 (`_e17`); limits are US cents, times nanoseconds UTC.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Any, Self

import msgspec

from lockstep_desk.errors import (
    InvalidValueError,
    need_int,
    need_member,
    need_string,
    need_text,
)

E8 = 10**8
E9 = 10**9
ORDER_QTY_E8_MAX = 2**58
"""The largest quantity of one order, whatever its instrument allows."""

PRICE_E9_MAX = 2**60
"""The highest price of an order."""

E17_PER_CENT = 10**15
"""One cent at the scale of quantity times price."""

Mark = Callable[[str], int | None]
"""Symbol -> price at 1e-9, None if there is none."""


class Side(IntEnum):
    """Which way an order or a fill goes; the exchange's own numbers."""

    BUY = 0
    SELL = 1

    @property
    def sign(self) -> int:
        """Return +1 for BUY and -1 for SELL: what a fill does to a position."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        """Return the other side."""
        return Side.SELL if self is Side.BUY else Side.BUY

    @classmethod
    def parse(cls, text: Any) -> "Side":
        """Return the side called "BUY" or "SELL", exactly so; anything else raises."""
        for side in cls:
            if text == side.name:
                return side
        raise InvalidValueError(f"side: expected 'BUY' or 'SELL', found {text!r}")


class Liquidity(IntEnum):
    """Whether a fill's order rested in the book."""

    UNKNOWN = 0
    MAKER = 1
    TAKER = 2


class HaltAction(IntEnum):
    """What a breach asks for, by rising severity ([FUND-21]).

    WARN lets the order go; SOFT_HALT blocks new orders; HARD_HALT cancels working orders too;
    LIQUIDATE closes every position as well. It is metadata: who reads the breach acts on it.
    """

    WARN = 1
    SOFT_HALT = 2
    HARD_HALT = 3
    LIQUIDATE = 4


class Dimension(IntEnum):
    """What a breach is a breach of, in the order in which a gate looks at them."""

    UNREGISTERED = 1
    HALTED = 2
    ORDER_SIZE_CAP = 3
    NOTIONAL_CAP = 4
    ORDERS_PER_SECOND = 5
    OPEN_EXPOSURE_CAP = 6
    PRICE_DEVIATION = 7
    DAILY_LOSS_LIMIT = 8


class RejectCode(IntEnum):
    """Why an order was refused: 0 to 6 by the venue, from 100 on by the desk ([FUND-73])."""

    UNKNOWN = 0
    BALANCE = 1
    PARAMS = 2
    RATE_LIMIT = 3
    BUSY = 4
    NETWORK = 5
    AUTH = 6
    RISK = 100
    POSITION_LIMIT = 101
    KILL_SWITCH = 102
    PRICE_DEVIATION = 103
    DAILY_LOSS_LIMIT = 104


class Severity(IntEnum):
    """How loud an alert is: INFO is written down, WARNING is told, CRITICAL pages somebody."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3


class UsdCents(int):
    """An amount of US cents; it is an int, and mixes with plain cents."""

    __slots__ = ()

    def __new__(cls, cents: int = 0) -> Self:
        """Return the amount; what is no whole number of cents raises."""
        return super().__new__(cls, need_int("cents", cents, -(10**18), 10**18))

    @classmethod
    def from_dollars(cls, dollars: int) -> Self:
        """Return whole dollars as cents."""
        return cls(100 * need_int("dollars", dollars, -(10**16), 10**16))

    def cents(self) -> int:
        """Return the plain number of cents."""
        return int(self)


class LineageTag(msgspec.Struct, frozen=True):
    """Which deployment an order, a fill or an adjustment belongs to; all else is derived."""

    deployment_id: str

    def __post_init__(self) -> None:
        need_text("deployment_id", self.deployment_id)

    @classmethod
    def from_kernel_column(cls, value: str | None) -> Self | None:
        """Return the tag of a nullable column; None stays None, which means unattributed."""
        return None if value is None else cls(value)


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of one order: the one record that all accounts of profit are made from.

    `qty_e8` is a magnitude, `side` gives its sign; `fee_e9` is positive when paid, negative when
    received. `deployment_id` None means unattributed. `broker_closed_pnl_e9` is what a broker says
    it closed, None if it says nothing.
    """

    fill_id: str
    order_id: str
    client_order_id: str = ""
    account: str = ""
    instrument: str
    side: Side
    qty_e8: int
    price_e9: int
    fee_e9: int = 0
    liquidity: Liquidity = Liquidity.UNKNOWN
    ts_ns: int
    seq: int = 0
    deployment_id: str | None = None
    broker_closed_pnl_e9: int | None = None

    def __post_init__(self) -> None:
        need_text("fill_id", self.fill_id)
        need_string("order_id", self.order_id)
        need_string("client_order_id", self.client_order_id)
        need_string("account", self.account)
        need_text("instrument", self.instrument)
        need_member("side", self.side, Side)
        need_int("qty_e8", self.qty_e8, 1)
        need_int("price_e9", self.price_e9, 0)
        need_int("fee_e9", self.fee_e9, -(2**63))
        need_member("liquidity", self.liquidity, Liquidity)
        need_int("ts_ns", self.ts_ns, 0)
        need_int("seq", self.seq, 0)
        if self.deployment_id is not None:
            need_text("deployment_id", self.deployment_id)
        if self.broker_closed_pnl_e9 is not None:
            need_int("broker_closed_pnl_e9", self.broker_closed_pnl_e9, -(2**63))

    @property
    def signed_qty_e8(self) -> int:
        """Return what the fill adds to a position."""
        return self.qty_e8 if self.side is Side.BUY else -self.qty_e8

    @property
    def value_e17(self) -> int:
        """Return quantity times price, unsigned and exact."""
        return self.qty_e8 * self.price_e9


class Funding(msgspec.Struct, frozen=True, kw_only=True):
    """What one owner was paid for a position at a funding time; negative is what it paid.

    One payment of a venue may have a part for each deployment: they share its id.
    """

    funding_id: str
    instrument: str
    amount_e9: int
    ts_ns: int
    deployment_id: str | None = None

    def __post_init__(self) -> None:
        need_text("funding_id", self.funding_id)
        need_text("instrument", self.instrument)
        need_int("amount_e9", self.amount_e9, -(2**63))
        need_int("ts_ns", self.ts_ns, 0)
        if self.deployment_id is not None:
            need_text("deployment_id", self.deployment_id)


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """One open position of one deployment in one instrument, at average cost ([DESK-30]).

    `side` and `qty_e8` say how much is open, `qty_max_e8` the most that ever was. `cost_e17` is
    what the open quantity cost, exact: a reduction takes its share out of it, so nothing is lost to
    rounding and the average price is derived. `realised_e17` includes the fees of both ways.
    `version` counts the changes. `mark_e9` None means that no price is known; `best_e9` is the best
    mark since it was opened.
    """

    position_id: str
    version: int
    account: str
    instrument: str
    deployment_id: str | None
    side: Side
    qty_e8: int
    qty_max_e8: int
    cost_e17: int
    realised_e17: int
    fees_enter_e9: int
    fees_exit_e9: int
    time_enter_ns: int
    time_update_ns: int
    fill_ids: tuple[str, ...]
    mark_e9: int | None = None
    best_e9: int | None = None

    @property
    def entry_price_e9(self) -> int:
        """Return the average entry price, to the nearest; 0 when nothing is open."""
        return average_price_e9(self.cost_e17, self.qty_e8)

    @property
    def unrealised_mark_e17(self) -> int | None:
        """Return what closing at the mark would bring, without fees; None without a mark."""
        if self.mark_e9 is None:
            return None
        return self.side.sign * (self.qty_e8 * self.mark_e9 - self.cost_e17)

    @property
    def exit_fee_estimate_e9(self) -> int:
        """Return the entry fees' share of the open quantity, towards zero ([DESK-34])."""
        return exit_fee_e9(self.fees_enter_e9, self.qty_e8, self.qty_max_e8)


def average_price_e9(cost_e17: int, qty_e8: int) -> int:
    """Return the average price of a quantity, to the nearest, of two the even one; 0 of nothing.

    Both are signed alike, or the cost is 0.
    """
    if not qty_e8:
        return 0
    price, rest = divmod(abs(cost_e17), abs(qty_e8))
    return price + (2 * rest + price % 2 > abs(qty_e8))


def exit_fee_e9(fees_enter_e9: int, qty_e8: int, qty_max_e8: int) -> int:
    """Return the entry fees' share of what is open, rounded towards zero ([DESK-34])."""
    if not qty_max_e8:
        return 0
    share = abs(qty_e8 * fees_enter_e9) // qty_max_e8
    return share if fees_enter_e9 > 0 else -share


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """An order is over a limit: `observed` against `limit`, in the unit of the dimension.

    Caps are cents, the rate is orders in a window, a deviation is basis points; `observed` None
    means that it could not be known, which refuses. `action` is what to do, done by somebody else.
    """

    dimension: Dimension
    limit: int
    observed: int | None
    action: HaltAction
    deployment_id: str
    reason_code: RejectCode


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What every execution message carries, so that it has at most one effect ([RECON-41]).

    `payload_hash` tells a repeated message from another one under the same key.
    """

    idempotency_key: str
    source: str
    ts_ns: int
    payload_hash: str
    client_order_id: str | None = None


class AuditTick(msgspec.Struct, frozen=True, kw_only=True):
    """What one sequence number of the desk did: event in, outputs and errors out, state hash."""

    seq: int
    ts_ns: int
    event: msgspec.Struct
    outputs: tuple[msgspec.Struct, ...]
    errors: tuple[str, ...]
    state_hash: bytes


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person should know; alerts of one `dedup_key` are one alert.

    `context` holds pairs of a name and a text, in the order in which they are shown.
    """

    severity: Severity
    code: str
    dedup_key: str
    context: tuple[tuple[str, str], ...] = ()

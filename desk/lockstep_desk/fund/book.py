"""What a gate remembers of one deployment: position, working orders, rate, halt and the day's loss.

Owns the numbers and how each moves. It decides nothing and knows no limit. Everything in it can be
read as plain integers and text (`GateState`) and made again from them.

Invariants: a symbol with no quantity is absent; `open_buy` and `open_sell` of a symbol are the sums
over its working orders; times in `recent` rise.
"""

from collections import deque
from enum import IntEnum

import msgspec

from lockstep_desk.errors import InvalidValueError, need_int, need_kind
from lockstep_desk.fund.intent import OrderIntent
from lockstep_desk.types import E17_PER_CENT, Fill, HaltAction, Side

NS_PER_S = 10**9
NS_PER_DAY = 86_400 * NS_PER_S
_E17_MAX = 2**190
"""More than any sum of fills comes to; a record has room for it."""


class RateWindow(IntEnum):
    """What a second is. SECONDS: the clock's own, cheap, though twice the cap may pass around a
    boundary. SLIDING: the last 1e9 ns before any order."""

    SECONDS = 1
    SLIDING = 2


_SECONDS = RateWindow.SECONDS


class WorkingOrder(msgspec.Struct, frozen=True):
    """An order that was sent and not yet ended: what of it may still fill.

    `qty_e8` is 0 if the intent named none; `reserved_e17` is the value that it may still add.
    """

    client_order_id: str
    symbol: str
    side: Side
    qty_e8: int
    reserved_e17: int


class GateState(msgspec.Struct, frozen=True, kw_only=True):
    """All that a gate remembers, in a fixed order: plain integers, texts and tuples of them."""

    position_e17: int = 0
    quantities: tuple[tuple[str, int], ...] = ()
    halted: int = 0
    last_ns: int = 0
    bucket: int = 0
    bucket_count: int = 0
    recent: tuple[int, ...] = ()
    working: tuple[WorkingOrder, ...] = ()
    day: int = 0
    day_pnl_cents: int = 0


class GateBook:
    """The mutable numbers of one deployment. Whoever owns it takes care of threads."""

    __slots__ = (
        *("bucket", "bucket_count", "day", "day_pnl_cents", "halted", "last_ns", "open_qty"),
        *("open_value", "position_e17", "quantities", "recent", "working"),
    )

    def __init__(self, state: GateState) -> None:
        _check(state)
        self.position_e17 = state.position_e17
        self.quantities = {symbol: qty for symbol, qty in state.quantities if qty}
        self.halted = state.halted
        self.last_ns = state.last_ns
        self.bucket = state.bucket
        self.bucket_count = state.bucket_count
        self.recent = deque(state.recent)
        self.day = state.day
        self.day_pnl_cents = state.day_pnl_cents
        self.working: dict[str, WorkingOrder] = {}
        self.open_qty: dict[tuple[str, Side], int] = {}
        """(symbol, side) -> quantity of working orders, at 1e-8."""
        self.open_value = [0, 0]
        """Value of working buys and of working sells, at 1e-17."""
        for order in state.working:
            self._put(order)

    def state(self) -> GateState:
        """Return all numbers; equal books give equal states."""
        return GateState(
            position_e17=self.position_e17,
            quantities=tuple(sorted(self.quantities.items())),
            halted=self.halted,
            last_ns=self.last_ns,
            bucket=self.bucket,
            bucket_count=self.bucket_count,
            recent=tuple(self.recent),
            working=tuple(self.working[key] for key in sorted(self.working)),
            day=self.day,
            day_pnl_cents=self.day_pnl_cents,
        )

    def sent_within_second(self, now_ns: int, window: RateWindow) -> int:
        """Return how many orders were sent in the second that holds `now_ns`.

        A time before the last one counts as the last one. Changes nothing.
        """
        if now_ns < self.last_ns:
            now_ns = self.last_ns
        if window is _SECONDS:
            return self.bucket_count if now_ns // NS_PER_S == self.bucket else 0
        start_ns = now_ns - NS_PER_S
        return sum(sent_ns > start_ns for sent_ns in self.recent)

    def count_sent(self, now_ns: int, window: RateWindow) -> None:
        """Count an order as sent."""
        now_ns = max(need_int("now_ns", now_ns, 0), self.last_ns)
        self.last_ns = now_ns
        if window is _SECONDS:
            bucket = now_ns // NS_PER_S
            self.bucket_count = self.bucket_count + 1 if bucket == self.bucket else 1
            self.bucket = bucket
            return
        while self.recent and self.recent[0] <= now_ns - NS_PER_S:
            self.recent.popleft()
        self.recent.append(now_ns)

    def track(self, intent: OrderIntent) -> None:
        """Remember a sent order as working."""
        key = intent.client_order_id
        if key is None:
            raise InvalidValueError(
                "client_order_id: expected one, as working orders are counted, found None"
            )
        if key in self.working:
            raise InvalidValueError(f"client_order_id: expected a new one, {key!r} is working")
        reserved_e17 = intent.notional_cents * E17_PER_CENT
        if intent.qty_e8 and intent.price_e9:
            reserved_e17 = intent.qty_e8 * intent.price_e9
        self._put(WorkingOrder(key, intent.symbol, intent.side, intent.qty_e8 or 0, reserved_e17))

    def untrack(self, client_order_id: str) -> WorkingOrder | None:
        """Forget a working order and return it; None if it is not known."""
        order = self.working.pop(client_order_id, None)
        if order is not None:
            self._count(order, -1)
        return order

    def move(self, fill: Fill) -> None:
        """Move the position by a fill, and take it off its working order."""
        self.position_e17 += fill.side.sign * fill.value_e17
        qty = self.quantities.pop(fill.instrument, 0) + fill.signed_qty_e8
        if qty:
            self.quantities[fill.instrument] = qty
        order = self.untrack(fill.client_order_id)
        rest = None if order is None else _rest(order, fill)
        if rest is not None:
            self._put(rest)

    def _put(self, order: WorkingOrder) -> None:
        self.working[order.client_order_id] = order
        self._count(order, 1)

    def _count(self, order: WorkingOrder, sign: int) -> None:
        key = (order.symbol, order.side)
        qty = self.open_qty.pop(key, 0) + sign * order.qty_e8
        if qty:
            self.open_qty[key] = qty
        self.open_value[order.side] += sign * order.reserved_e17


def _check(state: GateState) -> None:
    """Raise for a state that no gate can have told."""
    need_kind("state", state, GateState)
    need_int("position_e17", state.position_e17, -_E17_MAX, _E17_MAX)
    need_int("halted", state.halted, 0, int(HaltAction.LIQUIDATE))
    for name in ("last_ns", "bucket", "bucket_count", "day"):
        need_int(name, getattr(state, name), 0)
    need_int("day_pnl_cents", state.day_pnl_cents, -(10**18), 10**18)
    for order in state.working:
        need_kind("working", order, WorkingOrder)
    for symbol, qty in state.quantities:
        need_int(f"quantity of {symbol}", qty, -_E17_MAX, _E17_MAX)


def _rest(order: WorkingOrder, fill: Fill) -> WorkingOrder | None:
    """Return what of a working order is left after a fill, None if nothing is.

    Of an order that named its quantity the value goes in proportion, rounded so that what is left
    stays reserved; of one that did not, the value of the fill goes.
    """
    if order.qty_e8:
        qty = order.qty_e8 - fill.qty_e8
        reserved = -(-order.reserved_e17 * qty // order.qty_e8)
        return (
            msgspec.structs.replace(order, qty_e8=qty, reserved_e17=reserved) if qty > 0 else None
        )
    reserved = order.reserved_e17 - fill.value_e17
    return msgspec.structs.replace(order, reserved_e17=reserved) if reserved > 0 else None

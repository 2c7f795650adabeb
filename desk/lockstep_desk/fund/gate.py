"""The gate before every order: what a deployment may send, checked in one call.

Owns the limits' arithmetic and the order in which they are looked at. It never sends, cancels or
closes anything: a breach names an action, and somebody else does it.

Invariants: `check` and `check_all` change nothing; only `apply_fill` moves the position; only
`record_submitted` (and `admit`, which is check and record under one lock) moves the rate. A closing
order passes a gate in REDUCE_OK in every halt state.

Two modes. STRICT counts cents at fill price over all symbols and refuses whatever projects beyond
the cap. REDUCE_OK (default) counts quantities by symbol and values them at a mark: an order that
lowers a position without changing its sign always passes, of a flip only the opening part is
checked, and the position cap holds for the sum of the absolute values. What working orders close
already no other order closes: those that the gate counts itself (`caps_open`), and `working_e8`,
which a caller says that knows. A gate that is told of none lets every order close on its own.
"""

from collections.abc import Iterable
from enum import IntEnum
from threading import Lock

import msgspec

from lockstep_desk.errors import (
    InvalidValueError,
    need_callable,
    need_int,
    need_kind,
    need_member,
    need_text,
)
from lockstep_desk.fund.book import NS_PER_DAY, GateBook, GateState, RateWindow
from lockstep_desk.fund.deployment import LimitSet
from lockstep_desk.fund.intent import ADMITTED, Admit, OrderIntent, cents_above
from lockstep_desk.types import (
    E17_PER_CENT,
    Breach,
    Dimension,
    Fill,
    HaltAction,
    Mark,
    RejectCode,
    Side,
)

MANUAL = "manual"
"""The name of the gate for orders without a deployment; without one they are refused."""

REASON_CODES = {
    Dimension.UNREGISTERED: RejectCode.RISK,
    Dimension.HALTED: RejectCode.KILL_SWITCH,
    Dimension.ORDER_SIZE_CAP: RejectCode.RISK,
    Dimension.NOTIONAL_CAP: RejectCode.POSITION_LIMIT,
    Dimension.ORDERS_PER_SECOND: RejectCode.RISK,
    Dimension.OPEN_EXPOSURE_CAP: RejectCode.POSITION_LIMIT,
    Dimension.PRICE_DEVIATION: RejectCode.PRICE_DEVIATION,
    Dimension.DAILY_LOSS_LIMIT: RejectCode.DAILY_LOSS_LIMIT,
}

_CENTS_MAX = 10**18
_BUY = Side.BUY


class GateMode(IntEnum):
    """Whether the cap binds every order, or every order but those that close."""

    STRICT = 1
    REDUCE_OK = 2


class GateOptions(msgspec.Struct, frozen=True):
    """How a gate counts: its mode, and what a second is."""

    mode: GateMode = GateMode.REDUCE_OK
    window: RateWindow = RateWindow.SECONDS

    def __post_init__(self) -> None:
        need_member("mode", self.mode, GateMode)
        need_member("window", self.window, RateWindow)


_USUAL = GateOptions()
_FRESH = GateState()


def no_mark(symbol: str) -> int | None:
    """Return no price for any symbol: a gate in REDUCE_OK then admits closing orders only."""
    return None


class DeploymentGate:
    """The limits of one deployment and what counts against them. Safe under threads.

    `mark` says what a symbol is worth; it is asked while the gate is locked and must not call it.
    """

    __slots__ = (
        *("_book", "_has_options", "_is_strict", "_limits", "_lock", "_mark", "_options"),
        "deployment_id",
    )

    def __init__(
        self,
        limits: LimitSet,
        options: GateOptions = _USUAL,
        mark: Mark = no_mark,
        state: GateState = _FRESH,
    ) -> None:
        self.deployment_id = ""
        self._limits = need_kind("limits", limits, LimitSet)
        self._has_options = _has_options(limits)
        self._options = need_kind("options", options, GateOptions)
        need_callable("mark", mark, "from a symbol to its price")
        self._is_strict = options.mode is GateMode.STRICT
        self._mark = mark
        self._book = GateBook(state)
        self._lock = Lock()

    @property
    def limits(self) -> LimitSet:
        """Return the limits in force."""
        return self._limits

    @property
    def options(self) -> GateOptions:
        """Return how it counts."""
        return self._options

    def state(self) -> GateState:
        """Return all that it remembers; a gate made with it goes on from there."""
        with self._lock:
            return self._book.state()

    @property
    def halted(self) -> HaltAction | None:
        """The severest action that the gate was halted with, None while it is not."""
        halted = self._book.halted
        return HaltAction(halted) if halted else None

    def check(self, intent: OrderIntent, now_ns: int, working_e8: int = 0) -> Admit | Breach:
        """Return whether the order may go; of several breaches the first. Changes nothing.

        `working_e8` is what orders on its side of its symbol may still fill, as the caller knows.
        """
        with self._lock:
            return self._verdict(intent, now_ns, working_e8)

    def check_all(self, intent: OrderIntent, now_ns: int) -> tuple[Breach, ...]:
        """Return every breach, those that only warn as well. Changes nothing."""
        with self._lock:
            return tuple(self._breaches(intent, now_ns, 0))

    def admit(self, intent: OrderIntent, now_ns: int, working_e8: int = 0) -> Admit | Breach:
        """Check the order and, if it may go, count it as sent, as one step among threads."""
        with self._lock:
            verdict = self._verdict(intent, now_ns, working_e8)
            if isinstance(verdict, Admit):
                self._record(now_ns, intent)
            return verdict

    def record_submitted(self, now_ns: int, intent: OrderIntent | None = None) -> None:
        """Count an order as sent; a gate that caps working orders needs the intent as well."""
        with self._lock:
            self._record(now_ns, intent)

    def apply_fill(self, fill: Fill | int) -> None:
        """Move the position by a fill; in STRICT signed cents will do, which name no order."""
        with self._lock:
            if isinstance(fill, Fill):
                self._book.move(fill)
                return
            if not self._is_strict:
                raise InvalidValueError(
                    f"fill: expected a Fill, as this gate counts quantities, found {fill!r}"
                )
            cents = need_int("fill", fill, -_CENTS_MAX, _CENTS_MAX)
            self._book.position_e17 += cents * E17_PER_CENT

    def record_done(self, client_order_id: str) -> bool:
        """Forget a working order that ended; return whether it was known."""
        with self._lock:
            return self._book.untrack(client_order_id) is not None

    def record_pnl(self, pnl_cents: int, now_ns: int) -> None:
        """Take note of the day's profit so far; a day is a UTC day and begins at zero.

        What comes late, of a day before the last one, changes nothing: time never steps back.
        """
        need_int("pnl_cents", pnl_cents, -_CENTS_MAX, _CENTS_MAX)
        day = need_int("now_ns", now_ns, 0) // NS_PER_DAY
        with self._lock:
            if day >= self._book.day:
                self._book.day, self._book.day_pnl_cents = day, pnl_cents

    def halt(self, action: HaltAction) -> None:
        """Block what opens until it is cleared; the severest action asked for is kept."""
        if need_member("action", action, HaltAction) is HaltAction.WARN:
            raise InvalidValueError("action: expected one that blocks, found WARN")
        with self._lock:
            self._book.halted = max(self._book.halted, int(action))

    def clear_halt(self) -> None:
        """Let orders pass again."""
        with self._lock:
            self._book.halted = 0

    def set_limits(self, limits: LimitSet, working: Iterable[OrderIntent] = ()) -> None:
        """Put other limits in force.

        `working` are the orders now working, for a gate that begins to count them; one that no
        longer counts them forgets them.
        """
        need_kind("limits", limits, LimitSet)
        with self._lock:
            orders = list(working) if limits.caps_open and not self._limits.caps_open else []
            keys = [order.client_order_id for order in orders]
            if None in keys or len(set(keys)) < len(keys):
                raise InvalidValueError(f"working: expected an id of its own each, found {keys}")
            if not limits.caps_open:
                for key in sorted(self._book.working):
                    self._book.untrack(key)
            for intent in orders:
                self._book.track(intent)
            self._limits = limits
            self._has_options = _has_options(limits)

    def closing_e8(self, intent: OrderIntent, working_e8: int = 0) -> int:
        """Return how much of the order closes a position; the rest opens one.

        What `working_e8` of other orders close already, this one does not close.
        """
        _check_question(intent, 0, working_e8)
        with self._lock:
            return self._closing_e8(intent.symbol, _signed_e8(intent), working_e8)

    def _verdict(self, intent: OrderIntent, now_ns: int, working_e8: int) -> Admit | Breach:
        breaches = self._breaches(intent, now_ns, working_e8)
        if not breaches:
            return ADMITTED
        for breach in breaches:
            if breach.action is not HaltAction.WARN:
                return breach
        return Admit(tuple(breaches))

    def _record(self, now_ns: int, intent: OrderIntent | None) -> None:
        need_int("now_ns", now_ns, 0)
        if self._limits.caps_open:
            if intent is None:
                raise InvalidValueError("intent: expected one, as working orders are counted")
            self._book.track(intent)
        self._book.count_sent(now_ns, self._options.window)

    def _breaches(self, intent: OrderIntent, now_ns: int, working_e8: int) -> list[Breach]:
        """Return the breaches in their written order; an order that only closes has none."""
        if not (
            type(intent) is OrderIntent
            and type(now_ns) is type(working_e8) is int
            and now_ns >= 0 <= working_e8
        ):
            _check_question(intent, now_ns, working_e8)
        limits, book = self._limits, self._book
        size, signed = intent.notional_cents, 0
        if not self._is_strict:
            signed = _signed_e8(intent)
            qty = abs(signed)
            opening = qty - self._closing_e8(intent.symbol, signed, working_e8)
            if opening == 0:
                return []
            size = -(-size * opening // qty)
        found: list[Breach] = []
        if book.halted:
            found.append(self._halted())
        if size > limits.max_order_cents:
            found.append(self._over(Dimension.ORDER_SIZE_CAP, limits.max_order_cents, size))
        position_e17 = self._projected_e17(intent, signed)
        if position_e17 is None or position_e17 > limits.max_position_cents * E17_PER_CENT:
            found.append(self._over_position(Dimension.NOTIONAL_CAP, position_e17))
        sent = book.sent_within_second(now_ns, self._options.window)
        if sent >= limits.max_orders_per_sec:
            most = limits.max_orders_per_sec
            found.append(self._over(Dimension.ORDERS_PER_SECOND, most, sent + 1))
        if self._has_options:
            self._add_optional(intent, signed, now_ns, found)
        return found

    def _add_optional(
        self, intent: OrderIntent, signed: int, now_ns: int, found: list[Breach]
    ) -> None:
        """Add the breaches of the limits that are options."""
        limits = self._limits
        if limits.caps_open:
            worst_e17 = self._worst_e17(intent, signed)
            if worst_e17 is None or worst_e17 > limits.max_position_cents * E17_PER_CENT:
                found.append(self._over_position(Dimension.OPEN_EXPOSURE_CAP, worst_e17))
        most = limits.max_deviation_bps
        if most is not None:
            bps = _deviation_bps(intent.price_e9, self._price_e9(intent.symbol))
            if bps is None or bps > most:
                found.append(self._over(Dimension.PRICE_DEVIATION, most, bps))
        most = limits.max_daily_loss_cents
        if most is not None:
            is_today = now_ns // NS_PER_DAY <= self._book.day
            loss = -self._book.day_pnl_cents if is_today else 0
            if loss > most:
                found.append(self._over(Dimension.DAILY_LOSS_LIMIT, most, loss))

    def _closing_e8(self, symbol: str, signed: int, working_e8: int) -> int:
        """Return how much of an order closes; what working orders close already is taken."""
        held = self._book.quantities.get(symbol, 0)
        if held == 0 or (held > 0) == (signed > 0):
            return 0
        if self._limits.caps_open:
            side = Side.BUY if signed > 0 else Side.SELL
            working_e8 = max(working_e8, self._book.open_qty.get((symbol, side), 0))
        return min(abs(signed), max(abs(held) - working_e8, 0))

    def _projected_e17(self, intent: OrderIntent, signed: int) -> int | None:
        """Return the size of the position if the order filled, None if a mark is missing."""
        if self._is_strict:
            return abs(self._book.position_e17 + intent.signed_delta() * E17_PER_CENT)
        quantities = self._book.quantities
        total = 0
        for symbol, qty in quantities.items():
            if symbol != intent.symbol:
                mark = self._price_e9(symbol)
                if mark is None:
                    return None
                total += abs(qty) * mark
        mark = self._price_e9(intent.symbol)
        after = quantities.get(intent.symbol, 0) + signed
        return None if mark is None else total + abs(after) * mark

    def _worst_e17(self, intent: OrderIntent, signed: int) -> int | None:
        """Return the largest position that this and all working orders can make by filling."""
        book = self._book
        if self._is_strict:
            values = list(book.open_value)
            values[intent.side] += intent.notional_cents * E17_PER_CENT
            return _worst(book.position_e17, values[Side.BUY], values[Side.SELL])
        open_qty = {**book.open_qty}
        key = (intent.symbol, intent.side)
        open_qty[key] = open_qty.get(key, 0) + abs(signed)
        total = 0
        for symbol in sorted({*book.quantities, *(symbol for symbol, _ in open_qty)}):
            buys, sells = (open_qty.get((symbol, side), 0) for side in (Side.BUY, Side.SELL))
            mark = self._price_e9(symbol)
            if mark is None:
                return None
            total += mark * _worst(book.quantities.get(symbol, 0), buys, sells)
        return total

    def _price_e9(self, symbol: str) -> int | None:
        """Return the price of a symbol, None if it is unknown: one of zero or below values nothing.

        A price that is no integer raises.
        """
        price = self._mark(symbol)
        if type(price) is int:
            return price if price > 0 else None
        if price is None:
            return None
        known = need_int(f"mark of {symbol}", price, -(2**63))
        return known if known > 0 else None

    def _halted(self) -> Breach:
        action = HaltAction(self._book.halted)
        return msgspec.structs.replace(self._over(Dimension.HALTED, 0, int(action)), action=action)

    def _over_position(self, dimension: Dimension, value_e17: int | None) -> Breach:
        observed = None if value_e17 is None else cents_above(value_e17)
        return self._over(dimension, self._limits.max_position_cents, observed)

    def _over(self, dimension: Dimension, limit: int, observed: int | None) -> Breach:
        return Breach(
            dimension=dimension,
            limit=limit,
            observed=observed,
            action=self._limits.halt_action,
            deployment_id=self.deployment_id,
            reason_code=REASON_CODES[dimension],
        )


class PreTradeGate:
    """The gates of all deployments, by id; an id that is not registered is refused.

    The id None is that of orders without a deployment, whose gate is called `MANUAL`. Safe under
    threads: one deployment never waits for another.
    """

    __slots__ = ("_gates", "_lock")

    def __init__(self) -> None:
        self._gates: dict[str, DeploymentGate] = {}
        self._lock = Lock()

    def register(self, deployment_id: str | None, gate: DeploymentGate) -> None:
        """Give a deployment its gate; an id and a gate are registered once."""
        name = need_text("deployment_id", MANUAL if deployment_id is None else deployment_id)
        need_kind("gate", gate, DeploymentGate)
        with self._lock:
            if name in self._gates:
                raise InvalidValueError(
                    f"deployment_id: expected a new one, {name!r} is registered already"
                )
            if gate.deployment_id:
                raise InvalidValueError(
                    f"gate: expected one of its own, found that of {gate.deployment_id!r}"
                )
            gate.deployment_id = name
            self._gates[name] = gate

    def get(self, deployment_id: str | None) -> DeploymentGate | None:
        """Return the gate of a deployment, None if it has none."""
        if type(deployment_id) is str:
            return self._gates.get(deployment_id)
        name = MANUAL if deployment_id is None else need_text("deployment_id", deployment_id)
        return self._gates.get(name)

    def deployment_ids(self) -> list[str]:
        """Return the registered ids, sorted."""
        with self._lock:
            return sorted(self._gates)

    def check(
        self, deployment_id: str | None, intent: OrderIntent, now_ns: int, working_e8: int = 0
    ) -> Admit | Breach:
        """Return whether the order may go; see `DeploymentGate.check`."""
        gate = self.get(deployment_id)
        if gate is None:
            return _unregistered(deployment_id)
        return gate.check(intent, now_ns, working_e8)

    def check_all(
        self, deployment_id: str | None, intent: OrderIntent, now_ns: int
    ) -> tuple[Breach, ...]:
        """Return every breach; see `DeploymentGate.check_all`."""
        gate = self.get(deployment_id)
        return (_unregistered(deployment_id),) if gate is None else gate.check_all(intent, now_ns)

    def admit(
        self, deployment_id: str | None, intent: OrderIntent, now_ns: int, working_e8: int = 0
    ) -> Admit | Breach:
        """Check and record as one step; see `DeploymentGate.admit`."""
        gate = self.get(deployment_id)
        if gate is None:
            return _unregistered(deployment_id)
        return gate.admit(intent, now_ns, working_e8)

    def apply_fill(self, fill: Fill) -> bool:
        """Move the position of the fill's deployment; return whether it is registered.

        A fill that comes twice moves it twice: whoever receives fills drops those it has seen.
        """
        gate = self.get(need_kind("fill", fill, Fill).deployment_id)
        if gate is not None:
            gate.apply_fill(fill)
        return gate is not None


def _unregistered(deployment_id: str | None) -> Breach:
    return Breach(
        dimension=Dimension.UNREGISTERED,
        limit=0,
        observed=None,
        action=HaltAction.SOFT_HALT,
        deployment_id=MANUAL if deployment_id is None else deployment_id,
        reason_code=REASON_CODES[Dimension.UNREGISTERED],
    )


def _check_question(intent: OrderIntent, now_ns: int, working_e8: int) -> None:
    """Raise for what no gate can be asked."""
    need_kind("intent", intent, OrderIntent)
    need_int("now_ns", now_ns, 0)
    need_int("working_e8", working_e8, 0)


def _signed_e8(intent: OrderIntent) -> int:
    qty = intent.qty_e8
    if qty is None:
        raise InvalidValueError("qty_e8: expected a quantity, as this gate counts them, found None")
    return qty if intent.side is _BUY else -qty


def _has_options(limits: LimitSet) -> bool:
    return (
        limits.caps_open
        or limits.max_deviation_bps is not None
        or limits.max_daily_loss_cents is not None
    )


def _worst(held: int, buys: int, sells: int) -> int:
    """Return the larger of the two sizes that filling one side alone leads to."""
    return max(abs(held + buys), abs(held - sells))


def _deviation_bps(price_e9: int | None, mark_e9: int | None) -> int | None:
    """Return how far a price is from the mark, rounded up; None if that cannot be known."""
    if price_e9 is None or not mark_e9:
        return None
    return -(-abs(price_e9 - mark_e9) * 10_000 // mark_e9)

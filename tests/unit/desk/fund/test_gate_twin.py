"""The gate against a naive twin that keeps whole histories and adds them up anew at every question.

Random limits, modes and histories; at every step both are asked about random orders.
"""

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from lockstep_desk import Breach, Dimension, Fill, HaltAction, Side
from lockstep_desk.fund import (
    Admit,
    DeploymentGate,
    GateMode,
    GateOptions,
    LimitSet,
    OrderIntent,
    RateWindow,
)

E8, E15 = 10**8, 10**15
SECOND, DAY = 10**9, 86_400 * 10**9
SYMBOLS = ("BTC", "ETH", "DOGE")
MARKS = {"BTC": 10 * 10**9, "ETH": 3 * 10**9 + 1}
"""DOGE has none."""


@dataclass
class Twin:
    """What happened, in full."""

    limits: LimitSet
    options: GateOptions
    fills: list[Fill] = field(default_factory=list)
    sent: list[tuple[int, OrderIntent]] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    halted: HaltAction | None = None
    day_pnl: tuple[int, int] = (0, 0)

    def held(self, symbol: str) -> int:
        return sum(fill.signed_qty_e8 for fill in self.fills if fill.instrument == symbol)

    def rest(self, symbol: str, side: Side) -> int:
        """Return the quantity that orders of one side may still fill."""
        return sum(
            self._rest(one) for _, one in self.sent if (one.symbol, one.side) == (symbol, side)
        )

    def _rest(self, intent: OrderIntent) -> int:
        if intent.client_order_id in self.done:
            return 0
        key = intent.client_order_id
        filled = sum(fill.qty_e8 for fill in self.fills if fill.client_order_id == key)
        return (intent.qty_e8 or 0) - filled

    def closing(self, intent: OrderIntent, told_e8: int = 0) -> int:
        held = self.held(intent.symbol)
        if held * intent.side.sign >= 0:
            return 0
        known = self.rest(intent.symbol, intent.side) if self.limits.caps_open else 0
        free = abs(held) - max(known, told_e8)
        return max(0, min(free, intent.qty_e8 or 0))

    def effective(self, now_ns: int) -> int:
        return max([now_ns, *(ns for ns, _ in self.sent)])

    def sent_in_second(self, now_ns: int) -> int:
        now, latest, count = self.effective(now_ns), 0, 0
        for ns, _ in self.sent:
            latest = max(latest, ns)
            if self.options.window is RateWindow.SECONDS:
                count += latest // SECOND == now // SECOND
            else:
                count += now - latest < SECOND
        return count

    def failed(self, intent: OrderIntent, now_ns: int, told_e8: int = 0) -> list[Dimension]:
        """Return the dimensions that fail, in their order."""
        limits, strict = self.limits, self.options.mode is GateMode.STRICT
        qty = intent.qty_e8 or 0
        opening = qty if strict else qty - self.closing(intent, told_e8)
        if opening == 0:
            return []
        size = intent.notional_cents if strict else intent.notional_cents * opening / qty
        position = self.strict_size(intent) if strict else self.size_at_marks(intent)
        rate = self.sent_in_second(now_ns)
        tests = [
            (Dimension.HALTED, self.halted is not None),
            (Dimension.ORDER_SIZE_CAP, size > limits.max_order_cents),
            (
                Dimension.NOTIONAL_CAP,
                position is None or position > limits.max_position_cents * E15,
            ),
            (Dimension.ORDERS_PER_SECOND, rate + 1 > limits.max_orders_per_sec),
        ]
        if limits.caps_open:
            worst = self.worst(intent)
            is_over = worst is None or worst > limits.max_position_cents * E15
            tests.append((Dimension.OPEN_EXPOSURE_CAP, is_over))
        if limits.max_daily_loss_cents is not None:
            day, pnl = self.day_pnl
            is_over = now_ns // DAY <= day and -pnl > limits.max_daily_loss_cents
            tests.append((Dimension.DAILY_LOSS_LIMIT, is_over))
        return [dimension for dimension, is_over in tests if is_over]

    def strict_size(self, intent: OrderIntent) -> int:
        """Return the position in the strict sense if the order filled."""
        signed = sum(fill.side.sign * fill.qty_e8 * fill.price_e9 for fill in self.fills)
        return abs(signed + intent.side.sign * intent.notional_cents * E15)

    def size_at_marks(self, intent: OrderIntent) -> int | None:
        """Return the sum of the positions at their marks if the order filled."""
        total = 0
        for symbol in SYMBOLS:
            qty = self.held(symbol)
            if symbol == intent.symbol:
                qty += intent.side.sign * (intent.qty_e8 or 0)
            if qty and symbol not in MARKS:
                return None
            total += abs(qty) * MARKS.get(symbol, 0)
        return total

    def worst(self, intent: OrderIntent) -> int | None:
        """Return the largest position that filling one side of each symbol makes."""
        total = 0
        for symbol in SYMBOLS:
            held = self.held(symbol)
            buys, sells = (self.rest(symbol, side) for side in Side)
            if symbol == intent.symbol:
                buys += (intent.qty_e8 or 0) * (intent.side is Side.BUY)
                sells += (intent.qty_e8 or 0) * (intent.side is Side.SELL)
            if symbol not in MARKS:
                if held or buys or sells:
                    return None
                continue
            total += MARKS[symbol] * max(abs(held + buys), abs(held - sells))
        return total


def limits(dice: random.Random, caps_open: bool) -> LimitSet:
    return LimitSet(
        max_position_cents=dice.randint(1, 60) * 500,
        max_order_cents=dice.randint(1, 20) * 500,
        max_orders_per_sec=dice.randint(1, 6),
        caps_open=caps_open,
        max_daily_loss_cents=dice.choice((None, 1_000)),
    )


def intent(dice: random.Random, key: str) -> OrderIntent:
    symbol = dice.choices(SYMBOLS, (8, 4, 1))[0]
    side = dice.choice((Side.BUY, Side.SELL))
    price = MARKS.get(symbol, 10**9)
    return OrderIntent.priced(
        side, symbol, dice.randint(1, 12) * E8 // dice.choice((1, 3)), price, key
    )


class Story:
    """A gate and its twin, living through the same things."""

    def __init__(self, seed: int, options: GateOptions) -> None:
        self.dice = random.Random(seed)
        caps_open = options.mode is GateMode.REDUCE_OK and self.dice.random() < 0.5
        self.twin = Twin(limits(self.dice, caps_open), options)
        self.gate = DeploymentGate(self.twin.limits, options, MARKS.get)
        self.now_ns = 0
        self.seen: Counter[str] = Counter()

    def step(self, number: int) -> None:
        dice, gate, twin = self.dice, self.gate, self.twin
        self.now_ns = max(
            0, self.now_ns + dice.choice((0, 0, SECOND // 3, SECOND, -SECOND, DAY // 2))
        )
        order = intent(dice, str(number))
        before = gate.state()
        found = gate.check_all(order, self.now_ns)
        assert twin.failed(order, self.now_ns) == [breach.dimension for breach in found]
        verdict = gate.check(order, self.now_ns)
        assert verdict == (found[0] if found else Admit())
        self.check_told(order)
        assert before == gate.state()
        self.seen.update(breach.dimension.name for breach in found)
        self.seen["admitted"] += not found
        self.seen["closing"] += gate.closing_e8(order) > 0
        if not isinstance(gate.admit(order, self.now_ns), Breach):
            self.check_strict_cap(order)
            twin.sent.append((self.now_ns, order))
        self.happen(number)
        again = DeploymentGate(twin.limits, twin.options, MARKS.get, gate.state())
        assert gate.state() == again.state()
        self.gate = again

    def check_told(self, order: OrderIntent) -> None:
        """Ask as somebody who knows what works: all of it, or any quantity."""
        gate, twin = self.gate, self.twin
        all_e8 = twin.rest(order.symbol, order.side)
        for told_e8 in (all_e8, self.dice.randint(0, 20) * E8 // 3):
            closing = twin.closing(order, told_e8)
            assert closing == gate.closing_e8(order, told_e8)
            self.seen["taken"] += closing < twin.closing(order)
            failed = twin.failed(order, self.now_ns, told_e8)
            verdict = gate.check(order, self.now_ns, told_e8)
            first = verdict.dimension if isinstance(verdict, Breach) else None
            assert (failed[0] if failed else None) == first

    def check_strict_cap(self, order: OrderIntent) -> None:
        if self.twin.options.mode is GateMode.STRICT:
            assert self.twin.strict_size(order) <= self.twin.limits.max_position_cents * E15

    def happen(self, number: int) -> None:
        """Fill, end, halt, clear or lose."""
        dice, twin = self.dice, self.twin
        working = [one for _, one in twin.sent if twin._rest(one) > 0]
        if working and dice.random() < 0.7:
            self.fill(number, dice.choice(working))
        elif working and dice.random() < 0.5:
            key = dice.choice(working).client_order_id or ""
            twin.done.add(key)
            assert twin.limits.caps_open == self.gate.record_done(key)
        elif dice.random() < 0.2:
            twin.halted = HaltAction.HARD_HALT
            self.gate.halt(HaltAction.HARD_HALT)
        elif dice.random() < 0.5:
            twin.halted = None
            self.gate.clear_halt()
        else:
            pnl = dice.randint(-2_000, 1_000)
            if self.now_ns // DAY >= twin.day_pnl[0]:
                twin.day_pnl = (self.now_ns // DAY, pnl)
            self.gate.record_pnl(pnl, self.now_ns)

    def fill(self, number: int, order: OrderIntent) -> None:
        rest = self.twin._rest(order)
        made = Fill(
            fill_id=str(number),
            order_id="o",
            client_order_id=order.client_order_id or "",
            instrument=order.symbol,
            side=order.side,
            qty_e8=self.dice.choice((rest, self.dice.randint(1, rest))),
            price_e9=self.dice.randint(1, 12 * 10**9),
            ts_ns=self.now_ns,
        )
        self.twin.fills.append(made)
        self.gate.apply_fill(made)


@pytest.mark.desk(
    "FUND-33", "FUND-34", "FUND-35", "FUND-36", "FUND-3A", "FUND-73", "I3", "I5", "I6"
)
@pytest.mark.parametrize("mode", GateMode)
@pytest.mark.parametrize("window", RateWindow)
def test_the_gate_agrees_with_its_twin(mode: GateMode, window: RateWindow) -> None:
    seen: Counter[str] = Counter()
    for seed in range(60):
        story = Story(seed, GateOptions(mode, window))
        for number in range(60):
            story.step(number)
        seen += story.seen
    reached = {"HALTED", "ORDER_SIZE_CAP", "NOTIONAL_CAP", "ORDERS_PER_SECOND", "DAILY_LOSS_LIMIT"}
    reached |= {"admitted", "closing", "taken"} | (
        {"OPEN_EXPOSURE_CAP"} if mode is GateMode.REDUCE_OK else set()
    )
    assert [] == sorted(name for name in reached if seen[name] < 50), dict(seen)

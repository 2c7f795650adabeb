"""The floor: a bare price-time matcher, which tells what this machine and CPython can do.

It matches and lists trades, and does nothing else: no validation, accounts, money, events, bytes or
hashes. It is never compiled, and the exchange never uses it. Its speed is the unit of all others.
It is written and called as a matcher is: one call per message, an object per order, a deque per
level. A cancelled order stays in its level with nothing left, and goes when it is met.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from lockstep_runtime.flows import SIDE_LETTERS, Message

LIMIT, IMMEDIATE, MARKET, CANCEL, REDUCE, REPRICE = range(6)
_OPS = "NIMCRA"
_NO_LIMIT = (1 << 60, -1)

Step = tuple[int, int, int, int, int, int]
"""(op, instrument, order_id, side, price, qty): a flow's message with numbers only."""

Trade = tuple[int, int, int, int]
"""(taker, maker, price, qty)."""


def steps_of(messages: Iterable[Message]) -> list[Step]:
    """Turn the messages of a flow into steps; a market order gets a price that always crosses."""
    steps: list[Step] = []
    for _seq, op, instrument, order_id, _account, letter, price, qty in messages:
        side = SIDE_LETTERS.index(letter)
        limit = _NO_LIMIT[side] if op == "M" else price
        steps.append((_OPS.index(op), instrument, order_id, side, limit, qty))
    return steps


@dataclass(slots=True)
class Order:
    """An order and what is left of it."""

    order_id: int
    side: int
    price: int
    left: int


class Book:
    """One instrument. Heaps hold bids negated; each price with a level stands there once."""

    def __init__(self) -> None:
        self.levels: tuple[dict[int, deque[Order]], ...] = ({}, {})
        self.heaps: tuple[list[int], ...] = ([], [])
        self.orders: dict[int, Order] = {}

    def handle(self, step: Step) -> list[Trade]:
        """Carry out one step and return its trades, in order."""
        op, _instrument, order_id, side, price, qty = step
        if op == CANCEL:
            self.orders.pop(order_id).left = 0
            return []
        if op == REDUCE:
            self.orders[order_id].left = qty
            return []
        trades: list[Trade] = []
        taker = Order(order_id, side, price, qty)
        if op == REPRICE:
            self.orders[order_id].left = 0
        else:
            self._match(taker, trades)
        if taker.left and op in (LIMIT, REPRICE):
            self._rest(taker)
        return trades

    def _match(self, taker: Order, trades: list[Trade]) -> None:
        """Trade with the best opposite orders while the taker's limit allows."""
        side, levels, heap = taker.side, self.levels[1 - taker.side], self.heaps[1 - taker.side]
        while heap and taker.left:
            price = -heap[0] if side else heap[0]
            if (price < taker.price) if side else (price > taker.price):
                return
            self._take(levels[price], taker, trades)
            if not levels[price]:
                del levels[price]
                heappop(heap)

    def _take(self, level: deque[Order], taker: Order, trades: list[Trade]) -> None:
        """Trade with the orders of one level, first come first."""
        while level and taker.left:
            maker = level[0]
            lots = maker.left if maker.left < taker.left else taker.left
            if lots:
                maker.left -= lots
                taker.left -= lots
                trades.append((taker.order_id, maker.order_id, maker.price, lots))
                if not maker.left:
                    del self.orders[maker.order_id]
            if not maker.left:
                level.popleft()

    def _rest(self, order: Order) -> None:
        """Put what is left of an order at the end of its level."""
        self.orders[order.order_id] = order
        level = self.levels[order.side].get(order.price)
        if level is None:
            level = self.levels[order.side][order.price] = deque()
            heappush(self.heaps[order.side], order.price if order.side else -order.price)
        level.append(order)


class Floor:
    """All books of a flow."""

    def __init__(self, instruments: int) -> None:
        self._books = [Book() for _ in range(instruments)]

    def run(self, steps: Sequence[Step]) -> list[Trade]:
        """Carry out the steps, one call each, and return the trades, in order."""
        books = self._books
        return [trade for step in steps for trade in books[step[1]].handle(step)]

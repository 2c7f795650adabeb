"""The floor: a bare price-time matcher, which tells what this machine and CPython can do at all.

It matches and lists trades, and does nothing else: no validation, accounts, money, events, bytes or
hashes. It is never compiled, and the exchange never uses it. Its speed is the unit of all others.

An order is a list [left, order_id], a level a deque of orders, a side a dict of levels and a heap
of their prices. A cancelled order stays in its level with nothing left, and goes when it is met.
"""

from collections import deque
from collections.abc import Iterable, Sequence
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


class Book:
    """One instrument. Heaps hold bids negated; each price with a level stands there once."""

    __slots__ = ("heaps", "levels")

    def __init__(self) -> None:
        self.levels: tuple[dict[int, deque[list[int]]], ...] = ({}, {})
        self.heaps: tuple[list[int], ...] = ([], [])


class Floor:
    """All books and live orders of a flow."""

    def __init__(self, instruments: int) -> None:
        self._books = [Book() for _ in range(instruments)]
        self._orders: dict[int, list[int]] = {}

    def run(self, steps: Sequence[Step]) -> list[Trade]:
        """Carry out the steps and return the trades, in order."""
        books, orders = self._books, self._orders
        trades: list[Trade] = []
        for op, instrument, order_id, side, price, left in steps:
            if op == CANCEL:
                orders.pop(order_id)[0] = 0
                continue
            if op == REDUCE:
                orders[order_id][0] = left
                continue
            book = books[instrument]
            if op == REPRICE:
                orders[order_id][0] = 0
                rest = left
            else:
                heap = book.heaps[1 - side]
                if heap and (heap[0] <= price if side == 0 else -heap[0] >= price):
                    rest = self._take(book, (order_id, side, price, left), trades)
                else:
                    rest = left
                if op != LIMIT or not rest:
                    continue
            order = [rest, order_id]
            orders[order_id] = order
            level = book.levels[side].get(price)
            if level is None:
                book.levels[side][price] = deque((order,))
                heappush(book.heaps[side], price if side else -price)
            else:
                level.append(order)
        return trades

    def _take(self, book: Book, taker: tuple[int, int, int, int], trades: list[Trade]) -> int:
        """Match a taker (order_id, side, limit, qty) and return what is left of it."""
        order_id, side, limit, left = taker
        orders, levels, heap = self._orders, book.levels[1 - side], book.heaps[1 - side]
        while heap:
            price = -heap[0] if side else heap[0]
            if (price < limit) if side else (price > limit):
                break
            level = levels[price]
            while level:
                maker = level[0]
                lots = maker[0]
                if lots > left:
                    maker[0] = lots - left
                    trades.append((order_id, maker[1], price, left))
                    return 0
                level.popleft()
                if not lots:
                    continue
                left -= lots
                trades.append((order_id, maker[1], price, lots))
                del orders[maker[1]]
                if not left:
                    return 0
            del levels[price]
            heappop(heap)
        return left

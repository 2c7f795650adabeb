"""A bare price-time book, for feeds and generators that must know what is live.

It matches and keeps what is left, and nothing else: no accounts, money, rules or events. The
exchange never uses it. Invariants: a level in `_levels` is never empty; every price of a level
stands in the heap of its side at least once; `orders` holds exactly the resting orders.
"""

import heapq

BUY = 0
SELL = 1


class Resting:
    """A resting order: `label` is what its user ties to it, `filled` the lots it traded so far."""

    __slots__ = ("filled", "label", "order_id", "price", "remaining", "side")

    def __init__(self, order_id: int, label: int, side: int, price: int, remaining: int) -> None:
        self.order_id = order_id
        self.label = label
        self.side = side
        self.price = price
        self.remaining = remaining
        self.filled = 0


Fill = tuple[Resting, int]
"""(maker, lots); the price is the maker's, and a maker with `remaining` 0 is gone."""


class PriceTimeBook:
    """Orders by price, then by arrival."""

    __slots__ = ("_heaps", "_levels", "orders")

    def __init__(self) -> None:
        self.orders: dict[int, Resting] = {}
        self._levels: tuple[dict[int, dict[int, Resting]], ...] = ({}, {})
        self._heaps: tuple[list[int], ...] = ([], [])

    def best(self, side: int) -> int | None:
        """Return the best price of a side, None if it is empty. Amortised O(log levels)."""
        heap, levels = self._heaps[side], self._levels[side]
        while heap:
            price = heap[0] if side else -heap[0]
            if price in levels:
                return price
            heapq.heappop(heap)
        return None

    def take(self, side: int, limit: int | None, lots: int) -> list[Fill]:
        """Match an incoming order against the other side; None is no limit. O(fills log levels)."""
        fills: list[Fill] = []
        levels = self._levels[1 - side]
        while lots:
            price = self.best(1 - side)
            if price is None or (limit is not None and (limit < price, limit > price)[side]):
                break
            level = levels[price]
            while lots and level:
                maker = next(iter(level.values()))
                filled = min(lots, maker.remaining)
                lots -= filled
                maker.remaining -= filled
                maker.filled += filled
                fills.append((maker, filled))
                if not maker.remaining:
                    del level[maker.order_id], self.orders[maker.order_id]
            if not level:
                del levels[price]
        return fills

    def rest(self, order: Resting) -> None:
        """Put an order behind the others of its price. O(log levels)."""
        levels = self._levels[order.side]
        level = levels.get(order.price)
        if level is None:
            level = levels[order.price] = {}
            heapq.heappush(self._heaps[order.side], order.price if order.side else -order.price)
        level[order.order_id] = order
        self.orders[order.order_id] = order

    def drop(self, order_id: int) -> Resting:
        """Take a resting order out and return it. O(1)."""
        order = self.orders.pop(order_id)
        level = self._levels[order.side][order.price]
        del level[order_id]
        if not level:
            del self._levels[order.side][order.price]
        return order

    def level_count(self) -> int:
        """Return how many prices have orders."""
        return len(self._levels[BUY]) + len(self._levels[SELL])

    def in_priority(self, side: int) -> list[Resting]:
        """Return the orders of a side, best price first, oldest first."""
        levels = self._levels[side]
        prices = sorted(levels, reverse=side == BUY)
        return [order for price in prices for order in levels[price].values()]

"""Views of the exchange that are folded from its events alone: live orders, and price levels."""

from collections.abc import Iterator, Sequence

import msgspec

from lockstep_engine.codes import Side
from lockstep_engine.events import (
    BookChanged,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    Trade,
    TradeSide,
)


class LiveOrder:
    """An order as the events say it is."""

    __slots__ = (
        *("account", "client_id", "instrument", "order_id"),
        *("price_ticks", "qty_lots", "remaining_lots", "side"),
    )

    def __init__(self, accepted: OrderAccepted) -> None:
        self.order_id = accepted.order_id
        self.account = accepted.account
        self.instrument = accepted.instrument
        self.side = accepted.side
        self.price_ticks = accepted.price_ticks
        self.qty_lots = accepted.qty_lots
        self.remaining_lots = accepted.qty_lots
        self.client_id = accepted.client_id

    @property
    def level(self) -> tuple[int, int, int]:
        """What the order queues at: (instrument, side, price)."""
        return self.instrument, self.side, self.price_ticks


class LiveOrders:
    """All live orders, in priority. Invariant: `_levels` holds exactly `orders`, none empty."""

    def __init__(self) -> None:
        self.orders: dict[int, LiveOrder] = {}
        self._levels: dict[tuple[int, int, int], dict[int, LiveOrder]] = {}

    def fold(self, events: Sequence[msgspec.Struct]) -> None:
        """Follow the events of one command. O(events)."""
        for event in events:
            match event:
                case Trade(maker=maker, taker=taker):
                    self._fill(maker)
                    self._fill(taker)
                case OrderAccepted():
                    order = LiveOrder(event)
                    self.orders[order.order_id] = order
                    self._queue(order)
                case OrderCancelled(order_id=order_id):
                    self._remove(self.orders[order_id])
                case OrderAmended():
                    self._amend(event)
                case _:
                    pass

    def in_priority(self, instrument: int, side: int) -> Iterator[LiveOrder]:
        """Yield the orders of one side of a book, best price first, oldest first."""
        levels = [key for key in self._levels if key[:2] == (instrument, side)]
        for key in sorted(levels, reverse=side == Side.BUY):
            yield from self._levels[key].values()

    def instruments(self) -> list[int]:
        """Return the instruments with live orders, rising."""
        return sorted({key[0] for key in self._levels})

    def _fill(self, side: TradeSide) -> None:
        order = self.orders[side.order_id]
        order.remaining_lots = side.remaining_lots
        if not side.remaining_lots:
            self._remove(order)

    def _amend(self, event: OrderAmended) -> None:
        """An order keeps its place iff its price stays and its size does not grow."""
        order = self.orders[event.order_id]
        is_behind = event.price_ticks != order.price_ticks or event.qty_lots > order.qty_lots
        if is_behind:
            self._unqueue(order)
        order.price_ticks = event.price_ticks
        order.qty_lots = event.qty_lots
        order.remaining_lots = event.remaining_lots
        if is_behind:
            self._queue(order)

    def _queue(self, order: LiveOrder) -> None:
        self._levels.setdefault(order.level, {})[order.order_id] = order

    def _unqueue(self, order: LiveOrder) -> None:
        level = self._levels[order.level]
        del level[order.order_id]
        if not level:
            del self._levels[order.level]

    def _remove(self, order: LiveOrder) -> None:
        self._unqueue(order)
        del self.orders[order.order_id]


class Levels:
    """The totals of one instrument's price levels, folded from its BookChanged events."""

    def __init__(self) -> None:
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}

    def fold(self, event: BookChanged) -> None:
        """Take the levels that changed; 0 lots removes one."""
        for levels, changes in ((self.bids, event.bids), (self.asks, event.asks)):
            for price_ticks, lots in changes:
                if lots:
                    levels[price_ticks] = lots
                else:
                    levels.pop(price_ticks, None)

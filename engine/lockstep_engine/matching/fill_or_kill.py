"""Fill-or-kill: a dry run of the real sweep, without touching anything ([ORD-2])."""

from collections.abc import Iterator
from typing import Final

from lockstep_engine.codes import SelfTradeMode, Side
from lockstep_engine.matching.reduce_only import closing_lots
from lockstep_engine.matching.self_trade import is_own
from lockstep_engine.matching.sweep import crosses
from lockstep_engine.state import Order

_BUY: Final = int(Side.BUY)
_ALLOW: Final = int(SelfTradeMode.ALLOW)
_CANCEL_MAKER: Final = int(SelfTradeMode.CANCEL_MAKER)


class _DryRun:
    """What the sweep would have changed so far: positions of makers, lots gone from orders."""

    __slots__ = ("gone", "positions")

    def __init__(self) -> None:
        self.positions: dict[int, int] = {}
        self.gone: dict[int, int] = {}

    def fill(self, maker: Order, lots: int, is_self: bool) -> None:
        """Book a fill of a maker and what [ORD-4] would cut for it; a self-trade moves nothing."""
        self.gone[maker.order_id] = self.gone.get(maker.order_id, 0) + lots
        if is_self:
            return
        holding = maker.holding
        account = maker.account.account
        qty = self.positions.get(account, holding.qty_lots)
        qty += lots if maker.side == _BUY else -lots
        self.positions[account] = qty
        is_buy = maker.side == _BUY
        orders = holding.reduce_only_buys if is_buy else holding.reduce_only_sells
        if orders:
            self._cut(orders, closing_lots(qty, maker.side))

    def _cut(self, orders: list[Order], bound: int) -> None:
        total = 0
        for order in orders:
            total += self.left(order)
        for order in reversed(orders):
            if total <= bound:
                return
            lots = min(total - bound, self.left(order))
            self.gone[order.order_id] = self.gone.get(order.order_id, 0) + lots
            total -= lots

    def left(self, order: Order) -> int:
        """Return what would be left of an order."""
        return order.remaining_lots - self.gone.get(order.order_id, 0)


def is_feasible(taker: Order) -> bool:
    """Return whether the sweep would fill the order whole. O(orders met)."""
    run = _DryRun()
    needed = taker.remaining_lots
    for maker in _makers(taker):
        left = run.left(maker)
        if left == 0:
            continue
        if taker.self_trade != _ALLOW and is_own(maker.account, taker.account):
            if taker.self_trade != _CANCEL_MAKER:
                return False
            continue
        lots = min(left, needed)
        needed -= lots
        if needed == 0:
            return True
        run.fill(maker, lots, maker.account is taker.account)
    return False


def _makers(taker: Order) -> Iterator[Order]:
    """Yield the orders that the taker would meet, in the order of the sweep."""
    side = taker.instrument.asks if taker.side == _BUY else taker.instrument.bids
    for key in reversed(side.keys):
        level = side.levels[key * side.sign]
        if not crosses(taker, level.price_ticks):
            return
        maker = level.head
        while maker is not None:
            yield maker
            maker = maker.behind

"""Fill-or-kill: a dry run of the real sweep, without touching anything ([ORD-2])."""

from typing import Final

from lockstep_engine.codes import OrderFlag, SelfTradeMode, Side
from lockstep_engine.matching.reduce_only import closing_lots
from lockstep_engine.matching.self_trade import is_own
from lockstep_engine.matching.sweep import crosses
from lockstep_engine.state import Order

_BUY: Final = int(Side.BUY)
_ALLOW: Final = int(SelfTradeMode.ALLOW)
_CANCEL_MAKER: Final = int(SelfTradeMode.CANCEL_MAKER)
_REDUCE_ONLY: Final = int(OrderFlag.REDUCE_ONLY)


class _DryRun:
    """What the sweep would have changed so far: positions of makers, lots gone from orders."""

    __slots__ = ("gone", "positions")

    def __init__(self) -> None:
        self.positions: dict[int, int] = {}
        self.gone: dict[int, int] = {}

    def fill(self, maker: Order, lots: int) -> None:
        """Book a fill of a maker and what [ORD-4] would cut for it."""
        self.gone[maker.order_id] = self.gone.get(maker.order_id, 0) + lots
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
    instrument = taker.instrument
    side = instrument.asks if taker.side == _BUY else instrument.bids
    run = _DryRun()
    needed = taker.remaining_lots
    for key in reversed(side.keys):
        level = side.levels[key * side.sign]
        if not crosses(taker, level.price_ticks):
            return False
        maker = level.head
        while maker is not None:
            verdict = _meet(run, maker, taker)
            if verdict < 0:
                return False
            lots = min(verdict, needed)
            if lots:
                needed -= lots
                if needed == 0:
                    return True
                if maker.account is taker.account:
                    run.gone[maker.order_id] = lots
                else:
                    run.fill(maker, lots)
            maker = maker.behind
    return False


def _meet(run: _DryRun, maker: Order, taker: Order) -> int:
    """Return how many lots this maker offers, -1 if meeting it ends the taker."""
    left = run.left(maker)
    if left == 0 or taker.self_trade == _ALLOW or not is_own(maker.account, taker.account):
        return left
    return 0 if taker.self_trade == _CANCEL_MAKER else -1

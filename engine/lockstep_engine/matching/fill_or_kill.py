"""Fill-or-kill: a dry run of the real sweep, without touching anything ([ORD-2])."""

from collections.abc import Iterator
from typing import Final

from lockstep_engine.codes import OrderFlag, SelfTradeMode, Side
from lockstep_engine.matching.protection import counting
from lockstep_engine.matching.reduce_only import closing_lots
from lockstep_engine.matching.self_trade import is_own
from lockstep_engine.matching.sweep import crosses
from lockstep_engine.protection import Mmp, MmpSums
from lockstep_engine.state import ExchangeCore, Order

_BUY: Final = int(Side.BUY)
_ALLOW: Final = int(SelfTradeMode.ALLOW)
_CANCEL_MAKER: Final = int(SelfTradeMode.CANCEL_MAKER)
_MMP: Final = int(OrderFlag.MMP)


class _DryRun:
    """What the sweep would have changed so far.

    Positions of makers, lots gone from orders, sums of windows and accounts frozen, the last three
    by account: a sweep stays in one instrument, so in one underlying.
    """

    __slots__ = ("frozen", "gone", "now_ns", "positions", "sums", "taker")

    def __init__(self, taker: Order, now_ns: int) -> None:
        self.taker = taker
        self.now_ns = now_ns
        self.positions: dict[int, int] = {}
        self.gone: dict[int, int] = {}
        self.sums: dict[int, MmpSums] = {}
        self.frozen: dict[int, None] = {}

    def fill(self, maker: Order, lots: int) -> None:
        """Book a fill of all that is left of a maker: with one that leaves a rest, the run ends.

        With it goes what [MMP-2] would freeze and what [ORD-4] would cut. A self-trade moves no
        position.
        """
        self.gone[maker.order_id] = maker.remaining_lots
        signed = lots if maker.side == _BUY else -lots
        taker = self.taker
        if (maker.flags | taker.flags) & _MMP:
            self._count(counting(maker, True), maker, signed)
            self._count(counting(taker, False), taker, -signed)
        if maker.account is taker.account:
            return
        holding = maker.holding
        account = maker.account.account
        qty = self.positions.get(account, holding.qty_lots) + signed
        self.positions[account] = qty
        is_buy = maker.side == _BUY
        orders = holding.reduce_only_buys if is_buy else holding.reduce_only_sells
        if orders:
            self._cut(orders, closing_lots(qty, maker.side))

    def left(self, order: Order) -> int:
        """Return what would be left of an order."""
        if order.flags & _MMP and order.account.account in self.frozen:
            return 0
        return order.remaining_lots - self.gone.get(order.order_id, 0)

    def is_stopped(self) -> bool:
        """Return whether [MMP-2] would have ended the taker."""
        return self.taker.flags & _MMP != 0 and self.taker.account.account in self.frozen

    def _count(self, mmp: Mmp | None, order: Order, signed_lots: int) -> None:
        """Count a fill into the sums of the account, and freeze it if they breach a limit.

        Of an account that was frozen before the run, no MMP order rests and none is admitted.
        """
        account = order.account.account
        if mmp is None or account in self.frozen:
            return
        sums = self.sums.get(account)
        if sums is None:
            sums = self.sums[account] = mmp.sums_at(self.now_ns)
        mark = order.instrument.mark
        sums.add(signed_lots * order.instrument.unit_e16, mark.delta_e9, mark.vega_e9)
        if mmp.breached(sums):
            self.frozen[account] = None

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


def is_feasible(core: ExchangeCore, taker: Order) -> bool:
    """Return whether the sweep would fill the order whole. O(orders met)."""
    run = _DryRun(taker, core.now_ns)
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
        run.fill(maker, lots)
        if run.is_stopped():
            return False
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

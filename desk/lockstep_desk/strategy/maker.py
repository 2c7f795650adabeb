"""A market maker that quotes two sides under market-maker protection.

Its orders carry the MMP flag: when the exchange sees too many fills in a window it cancels all of
them and freezes the account, whatever this strategy does.
"""

from dataclasses import dataclass

from lockstep_desk.errors import need_int
from lockstep_desk.strategy.base import Actions, Cancel, Context, Open, Working
from lockstep_desk.types import ORDER_QTY_E8_MAX, Side
from lockstep_kernel.arith import div_ceil, div_floor

BPS = 10_000


@dataclass(frozen=True, slots=True)
class MakerOptions:
    """Options of `MarketMaker`.

    `half_spread_bps` from the middle to each side; `skew_bps` moves both sides against a full
    inventory of `inventory_max_e8`; a quote follows when it is more than `follow_ticks` off.
    """

    qty_e8: int
    tick_e9: int
    half_spread_bps: int = 10
    skew_bps: int = 5
    inventory_max_e8: int = 10**9
    follow_ticks: int = 1

    def __post_init__(self) -> None:
        need_int("qty_e8", self.qty_e8, 1, ORDER_QTY_E8_MAX)
        need_int("tick_e9", self.tick_e9, 1)
        need_int("half_spread_bps", self.half_spread_bps, 1, BPS - 1)
        need_int("skew_bps", self.skew_bps, 0, BPS - 1)
        need_int("inventory_max_e8", self.inventory_max_e8, self.qty_e8)
        need_int("follow_ticks", self.follow_ticks, 0)


class MarketMaker:
    """Keeps one post-only order on each side of the price; converges resting orders to that.

    A side that would take the inventory beyond its bound is not quoted. An order is replaced by a
    cancel, and by a new order when it is gone: never two on one side.
    """

    def __init__(self, options: MakerOptions) -> None:
        self._options = options

    def on_market(self, context: Context, actions: Actions) -> None:
        """Look at both sides."""
        for side in (Side.BUY, Side.SELL):
            self._converge(side, context, actions)

    def _converge(self, side: Side, context: Context, actions: Actions) -> None:
        wanted_e9 = self._wanted_e9(side, context)
        orders = [order for order in context.orders if order.side is side]
        if not orders and wanted_e9 is not None:
            actions.add(self._quote(side, wanted_e9, context))
        for order in orders:
            is_off = wanted_e9 is None or self._is_off(order, wanted_e9)
            if is_off and order.is_confirmed and not order.is_cancelling:
                actions.add(Cancel(context.instrument, order.client_order_id))

    def _wanted_e9(self, side: Side, context: Context) -> int | None:
        """Return the price to quote, rounded away from the middle; None for no quote."""
        options, held = self._options, context.holding.qty_e8
        middle_e9 = context.market.price_e9
        if middle_e9 is None or side.sign * held + options.qty_e8 > options.inventory_max_e8:
            return None
        # In 1e-4 of the middle, over the inventory bound: one exact division at the end.
        bound = options.inventory_max_e8
        share = (BPS - side.sign * options.half_spread_bps) * bound - options.skew_bps * held
        steps, whole = middle_e9 * share, BPS * bound * options.tick_e9
        ticks = div_floor(steps, whole) if side is Side.BUY else div_ceil(steps, whole)
        return ticks * options.tick_e9 if ticks > 0 else None

    def _is_off(self, order: Working, wanted_e9: int) -> bool:
        if order.price_e9 is None:
            return True
        off_e9 = abs(order.price_e9 - wanted_e9)
        return off_e9 > self._options.follow_ticks * self._options.tick_e9

    def _quote(self, side: Side, price_e9: int, context: Context) -> Open:
        return Open(
            instrument=context.instrument,
            side=side,
            qty_e8=self._options.qty_e8,
            price_e9=price_e9,
            is_post_only=True,
            is_mmp=True,
        )

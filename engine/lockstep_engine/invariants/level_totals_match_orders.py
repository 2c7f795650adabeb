"""LevelTotalsMatchOrders: a level's total is the sum of its queue, and no level is empty."""

from lockstep_engine.state import BookSide, ExchangeCore
from lockstep_kernel.errors import check


def level_totals_match_orders(core: ExchangeCore) -> None:
    """Walk every queue of every book."""
    for instrument in core.instruments.values():
        _check_side(instrument.instrument, instrument.bids)
        _check_side(instrument.instrument, instrument.asks)


def _check_side(instrument: int, side: BookSide) -> None:
    for price, level in side.levels.items():
        total = 0
        order = level.head
        while order is not None:
            check(order.remaining_lots > 0, f"order {order.order_id} rests with nothing left")
            total += order.remaining_lots
            order = order.behind
        where = f"level {price} of instrument {instrument}"
        check(level.head is not None, f"{where} is empty")
        check(level.total_lots == total, f"{where}: expected {total}, found {level.total_lots}")

"""The events of an order's life, built from the order."""

from typing import Final

from lockstep_engine.events import OrderAccepted, OrderAmended, OrderCancelled
from lockstep_engine.state import Order

# Bound here once: the compiled build looks up any other global by name at each use.
_order_accepted: Final = OrderAccepted
_order_cancelled: Final = OrderCancelled


def cancelled(order: Order, reason: int, remaining_lots: int) -> OrderCancelled:
    """Return the event of an order's end."""
    return _order_cancelled(
        order.order_id,
        order.account.account,
        order.instrument.instrument,
        order.side,
        order.price_ticks,
        order.client_id,
        reason,
        remaining_lots,
    )


def amended(order: Order, reason: int) -> OrderAmended:
    """Return the event of an order's change without a trade."""
    return OrderAmended(
        order.order_id,
        order.account.account,
        order.instrument.instrument,
        reason,
        order.price_ticks,
        order.qty_lots,
        order.remaining_lots,
    )


def accepted(order: Order) -> OrderAccepted:
    """Return the event of an order's admission."""
    return _order_accepted(
        order.order_id,
        order.account.account,
        order.instrument.instrument,
        order.side,
        order.price_ticks,
        order.qty_lots,
        order.tif,
        order.order_type,
        order.flags,
        order.self_trade,
        order.client_id,
        order.lineage,
        order.expires_ns,
        order.builder,
        order.quote_set,
    )

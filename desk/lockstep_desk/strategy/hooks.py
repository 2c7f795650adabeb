"""How positions are closed, and what happens on a lost link or when trading is disabled.

All are values without state: the same contexts give the same intents.
"""

from collections.abc import Sequence

from lockstep_desk.strategy.base import Cancel, Context, Intent, closing


class CloseAtMarket:
    """Cancels what works, then sends an equal and opposite market order ([DESK-24]).

    An instrument without a price is skipped: nobody could say what the order is worth.
    """

    def close_positions(self, contexts: Sequence[Context]) -> list[Intent]:
        """Return all cancels, then a reduce-only IOC order for each position that has a price."""
        priced = [c for c in contexts if c.market.price_e9 is not None]
        return [
            *cancels_of(contexts),
            *(closing(context) for context in priced if context.holding.qty_e8),
        ]


class CancelOrders:
    """Cancels what works, on a lost link and when trading is disabled; positions stay."""

    def on_disconnect(self, link: str, contexts: Sequence[Context]) -> list[Intent]:
        """Return a cancel for every order of the contexts behind the lost link."""
        return list(cancels_of(contexts))

    def on_trading_disabled(self, contexts: Sequence[Context]) -> list[Intent]:
        """Return a cancel for every order."""
        return list(cancels_of(contexts))


class CloseOrders(CancelOrders):
    """Cancels what works and closes what is held when trading is disabled."""

    def on_trading_disabled(self, contexts: Sequence[Context]) -> list[Intent]:
        """Return cancels, then closes."""
        return CloseAtMarket().close_positions(contexts)


class DoNothing:
    """Leaves orders and positions as they are."""

    def on_disconnect(self, link: str, contexts: Sequence[Context]) -> list[Intent]:
        """Return nothing."""
        return []

    def on_trading_disabled(self, contexts: Sequence[Context]) -> list[Intent]:
        """Return nothing."""
        return []


def cancels_of(contexts: Sequence[Context]) -> list[Cancel]:
    """Return a cancel for every order that is not being cancelled already ([DESK-15])."""
    return [
        Cancel(context.instrument, order.client_order_id)
        for context in contexts
        for order in context.orders
        if not order.is_cancelling
    ]

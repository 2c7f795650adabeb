"""What resting orders lose if they fill at the marks now, and what of it they did not reserve.

A reserve is frozen at admission; the mark moves on. `max(reserve, loss)` is what an order sets
aside ([MRG-1]): the reserve, and a shortfall. An order that is admitted reserves what it would lose
at the mark of that moment, and a part of it that is left keeps at least its share (what is released
is rounded down, the loss of a lot is whole). So while the mark and the mode stay, no order that has
no shortfall comes to have one.
"""

from typing import Final

from lockstep_engine.codes import MarginMode, Side
from lockstep_engine.state import Account, Holding, Order

_BUY: Final = int(Side.BUY)
_PORTFOLIO: Final = int(MarginMode.PORTFOLIO)


def loss_e6(order: Order) -> int:
    """Return by how much what remains of the order is traded for less than its mark, 0 if not."""
    instrument = order.instrument
    loss = order.price_ticks * instrument.value_e6 - instrument.mark_lot_e6
    if order.side != _BUY:
        loss = -loss
    return loss * order.remaining_lots if loss > 0 else 0


def shortfall_e6(order: Order) -> int:
    """Return what the loss of an order exceeds its reserve by, where the loss is of collateral."""
    if order.instrument.is_option and order.account.mode != _PORTFOLIO:
        return 0
    shortfall = loss_e6(order) - order.reserve_e6
    return shortfall if shortfall > 0 else 0


def holding_shortfall_e6(holding: Holding) -> int:
    """Return the sum over its orders. O(1) if no order of the book loses, else O(its orders)."""
    if not holding.orders:
        return 0
    instrument = holding.instrument
    if instrument.is_option and holding.account.mode != _PORTFOLIO:
        return 0
    value, mark = instrument.value_e6, instrument.mark_lot_e6
    bid, ask = instrument.bids.best, instrument.asks.best
    is_low = bid is None or bid.price_ticks * value <= mark
    if is_low and (ask is None or ask.price_ticks * value >= mark):
        return 0
    return sum([shortfall_e6(order) for order in holding.orders.values()])


def account_shortfall_e6(account: Account) -> int:
    """Return the sum over the account's orders, from nothing; for checks and reports."""
    return sum([shortfall_e6(order) for order in account.orders.values()])


def set_aside_e6(account: Account) -> int:
    """Return the most that the resting orders may take from the account's value ([MRG-1]).

    Options that are sold count in every mode: they are part of the value. O(its orders).
    """
    return sum([max(order.reserve_e6, loss_e6(order)) for order in account.orders.values()])

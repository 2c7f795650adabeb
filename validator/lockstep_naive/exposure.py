"""The exposure of an account: what it can come to hold, at the most that it can be worth ([NUM-4]).

Added up anew from positions and orders each time it is asked for.
"""

from collections.abc import Iterable

from lockstep_engine.codes import Side
from lockstep_kernel import div_ceil
from lockstep_naive.core import NaiveCore
from lockstep_naive.margin import holding_of, instruments_of
from lockstep_naive.rows import E16, Instrument, Order
from lockstep_naive.worth import trade_value_e6, underlying_of

EXPOSURE_BOUND_E6 = 2**57


def is_exposure_bounded(core: NaiveCore, account: int, asked: Iterable[Order] = ()) -> bool:
    """Return whether an account may have what it has, and some orders more."""
    return exposure_e6(core, account, asked) <= EXPOSURE_BOUND_E6


def exposure_e6(core: NaiveCore, account: int, asked: Iterable[Order] = ()) -> int:
    """Return the exposure of an account, with some orders more."""
    more = list(asked)
    numbers = {*instruments_of(core, account), *(order.instrument for order in more)}
    return sum(
        _worst_lots(core, account, [order for order in more if order.instrument == number], number)
        * worst_lot_e6(core, core.instruments.must(number))
        for number in sorted(numbers)
    )


def accounts_in(core: NaiveCore, instrument: int) -> list[int]:
    """Return the accounts with a position or a live order in an instrument, rising."""
    orders = [order for order in core.orders.scan() if order.instrument == instrument]
    positions = core.positions.group("instrument", instrument)
    return sorted({each.account for each in orders} | {each.account for each in positions})


def worst_lot_e6(core: NaiveCore, instrument: Instrument) -> int:
    """Return what a lot is worth at the highest index, the strike or the highest price."""
    prices_e6 = (
        underlying_of(core, instrument).max_index_price_e6,
        instrument.contract.strike_e6,
    )
    return max(
        trade_value_e6(instrument, instrument.highest_price_ticks, 1),
        *(div_ceil(price * instrument.one_lot_e16, E16) for price in prices_e6),
    )


def _worst_lots(core: NaiveCore, account: int, asked: list[Order], number: int) -> int:
    """Return max(long, open sells) + max(short, open buys)."""
    holding = holding_of(core, account, number)
    for order in asked:
        holding = holding.with_order(order)
    held = holding.position.qty_lots
    return max(held, holding.open_lots(Side.SELL)) + max(-held, holding.open_lots(Side.BUY))

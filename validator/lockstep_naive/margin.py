"""Margin: collateral, initial margin, open margin, reserves ([MRG-1], [MRG-2], [MRG-4]).

Everything is added up anew from the account's positions and orders each time.
"""

from collections.abc import Sequence

from lockstep_engine.codes import InstrumentKind, Side
from lockstep_kernel import div_ceil
from lockstep_naive.book import orders_of_account
from lockstep_naive.core import NaiveCore
from lockstep_naive.fees import E9, taker_fee_e6
from lockstep_naive.money import position_of
from lockstep_naive.rows import E16, Instrument, Order
from lockstep_naive.worth import index_lot_e6, mark_lot_e6, trade_value_e6, underlying_of


def initial_margin_e6(core: NaiveCore, instrument: Instrument, qty_lots: int) -> int:
    """Return IM(q) of [MRG-2]."""
    if qty_lots >= 0:
        return qty_lots * _long_lot_e6(core, instrument)
    return -qty_lots * _short_lot_e6(core, instrument)


def free_e6(core: NaiveCore, account: int, extra: Sequence[Order] = ()) -> int:
    """Return what is free of an account, with `extra` orders counted as if they rested too."""
    orders = [*orders_of_account(core, account), *extra]
    held = [row.instrument for row in core.positions.group("account", account)]
    free = core.accounts.must(account).cash_e6 - sum(order.reserve_e6 for order in orders)
    for number in sorted({*held, *(order.instrument for order in orders)}):
        instrument = core.instruments.must(number)
        free += _profit_e6(core, account, instrument)
        free -= _margin_e6(core, account, instrument, orders)
    return free


def reserve_e6(core: NaiveCore, order: Order) -> int:
    """Return the reserve of an order that is admitted now, for its price and what remains."""
    instrument = core.instruments.must(order.instrument)
    signed_lots = order.sign * order.remaining_lots
    signed_value = trade_value_e6(instrument, order.price_ticks, signed_lots)
    fee = taker_fee_e6(core, order)
    if instrument.is_option:
        return fee + max(0, signed_value)
    return fee + max(0, signed_value - signed_lots * mark_lot_e6(instrument))


def has_margin(core: NaiveCore, order: Order, is_reducing: bool) -> bool:
    """Return whether an order with its reserve, not in the book, passes [MRG-1]."""
    if free_e6(core, order.account, [order]) >= 0:
        return True
    return is_reducing and _change_if_filled_e6(core, order) >= 0


def _change_if_filled_e6(core: NaiveCore, order: Order) -> int:
    """Return the change of collateral less initial margin, if the order filled whole."""
    instrument = core.instruments.must(order.instrument)
    before = position_of(core, order.account, order.instrument).qty_lots
    signed_lots = order.sign * order.remaining_lots
    change = -trade_value_e6(instrument, order.price_ticks, signed_lots)
    if not instrument.is_option:
        change += signed_lots * mark_lot_e6(instrument)
    change -= taker_fee_e6(core, order)
    margin_after = initial_margin_e6(core, instrument, before + signed_lots)
    return change - (margin_after - initial_margin_e6(core, instrument, before))


def _profit_e6(core: NaiveCore, account: int, instrument: Instrument) -> int:
    """Return the unrealised profit in a future or perpetual; an option counts nothing."""
    if instrument.is_option:
        return 0
    position = position_of(core, account, instrument.instrument)
    return position.qty_lots * mark_lot_e6(instrument) - position.cost_e6


def _margin_e6(
    core: NaiveCore, account: int, instrument: Instrument, orders: Sequence[Order]
) -> int:
    """Return IM(position) and open margin together: the worse of all buys and all sells filled."""
    number = instrument.instrument
    qty = position_of(core, account, number).qty_lots
    buys = sum(o.remaining_lots for o in orders if (o.instrument, o.side) == (number, Side.BUY))
    sells = sum(o.remaining_lots for o in orders if (o.instrument, o.side) == (number, Side.SELL))
    return max(
        initial_margin_e6(core, instrument, qty + buys),
        initial_margin_e6(core, instrument, qty - sells),
    )


def _long_lot_e6(core: NaiveCore, instrument: Instrument) -> int:
    if instrument.is_option:
        return 0
    rate = underlying_of(core, instrument).initial_rate_e9
    return div_ceil(mark_lot_e6(instrument) * rate, E9)


def _short_lot_e6(core: NaiveCore, instrument: Instrument) -> int:
    contract = instrument.contract
    if contract.kind == InstrumentKind.PUT:
        return div_ceil(contract.strike_e6 * instrument.lot_e8 * instrument.contract_size_e8, E16)
    if contract.kind == InstrumentKind.CALL:
        rate = underlying_of(core, instrument).short_call_rate_e9
        return div_ceil(index_lot_e6(core, instrument) * rate, E9)
    return _long_lot_e6(core, instrument)

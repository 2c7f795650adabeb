"""Margin: collateral, initial margin, open margin, reserves ([MRG-1], [MRG-2], [MRG-4]).

Everything is added up anew from the account's positions and orders for each order that is checked.
"""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import NamedTuple

from lockstep_engine.codes import InstrumentKind, Side
from lockstep_kernel import div_ceil
from lockstep_naive.book import orders_of_account
from lockstep_naive.core import NaiveCore
from lockstep_naive.fees import E9, taker_fee_e6
from lockstep_naive.money import position_of
from lockstep_naive.rows import E16, Instrument, Order, Position
from lockstep_naive.worth import index_lot_e6, mark_lot_e6, trade_value_e6, underlying_of

_instrument: Callable[[Order | Position], int] = attrgetter("instrument")
_remaining_lots: Callable[[Order], int] = attrgetter("remaining_lots")
_reserve_e6: Callable[[Order], int] = attrgetter("reserve_e6")


class Holding(NamedTuple):
    """What an account has in an instrument: its position, and its resting orders added up."""

    position: Position
    orders: int
    buy_lots: int
    sell_lots: int
    reserve_e6: int

    def open_lots(self, side: int) -> int:
        """Return the open lots of a side."""
        return self.buy_lots if side == Side.BUY else self.sell_lots

    def with_order(self, order: Order) -> "Holding":
        """Return it as if one more order rested."""
        lots, is_buy = order.remaining_lots, order.side == Side.BUY
        return Holding(
            self.position,
            self.orders + 1,
            self.buy_lots + (lots if is_buy else 0),
            self.sell_lots + (0 if is_buy else lots),
            self.reserve_e6 + order.reserve_e6,
        )


def holdings_of(core: NaiveCore, account: int, asked: int | None = None) -> dict[int, Holding]:
    """Add up what an account has, by instrument: the one asked for and those with anything in it.

    Where all its orders are in the one asked for, they are not asked again for their instruments.
    """
    found = {} if asked is None else {asked: _holding_of(core, account, asked)}
    orders = orders_of_account(core, account)
    counted = sum(holding.orders for holding in found.values())
    elsewhere = orders if len(orders) > counted else ()
    positions = core.positions.group("account", account)
    for number in sorted({*map(_instrument, positions), *map(_instrument, elsewhere)}):
        if number != asked:
            found[number] = _holding_of(core, account, number)
    return found


def initial_margin_e6(core: NaiveCore, instrument: Instrument, qty_lots: int) -> int:
    """Return IM(q) of [MRG-2]."""
    if qty_lots >= 0:
        return qty_lots * _long_lot_e6(core, instrument)
    return -qty_lots * _short_lot_e6(core, instrument)


def free_e6(core: NaiveCore, account: int) -> int:
    """Return what is free of an account."""
    return _free_e6(core, account, holdings_of(core, account).values())


def reserve_e6(core: NaiveCore, order: Order) -> int:
    """Return the reserve of an order that is admitted now, for its price and what remains."""
    instrument = core.instruments.must(order.instrument)
    signed_lots = order.sign * order.remaining_lots
    signed_value = trade_value_e6(instrument, order.price_ticks, signed_lots)
    fee = taker_fee_e6(core, order)
    if instrument.is_option:
        return fee + max(0, signed_value)
    return fee + max(0, signed_value - signed_lots * mark_lot_e6(core, instrument))


def has_margin(core: NaiveCore, order: Order, others: dict[int, Holding]) -> bool:
    """Return whether an order with its reserve passes [MRG-1], beside what the account has."""
    holding = others[order.instrument]
    with_order = others | {order.instrument: holding.with_order(order)}
    if _free_e6(core, order.account, with_order.values()) >= 0:
        return True
    return is_reducing(order, holding) and _change_if_filled_e6(core, order) >= 0


def is_closing(position_lots: int, side: int) -> bool:
    """Return whether orders of a side close a position: sells a long one, buys a short one."""
    return position_lots > 0 if side == Side.SELL else position_lots < 0


def is_reducing(order: Order, others: Holding) -> bool:
    """Return whether an order and all open ones of its side together only close ([ORD-6])."""
    position_lots = others.position.qty_lots
    fits = order.remaining_lots + others.open_lots(order.side) <= abs(position_lots)
    return is_closing(position_lots, order.side) and fits


def _holding_of(core: NaiveCore, account: int, number: int) -> Holding:
    buys = core.orders.group("holding", (account, number, Side.BUY))
    sells = core.orders.group("holding", (account, number, Side.SELL))
    return Holding(
        position_of(core, account, number),
        len(buys) + len(sells),
        sum(map(_remaining_lots, buys)),
        sum(map(_remaining_lots, sells)),
        sum(map(_reserve_e6, buys)) + sum(map(_reserve_e6, sells)),
    )


def _free_e6(core: NaiveCore, account: int, holdings: Iterable[Holding]) -> int:
    free = core.accounts.must(account).cash_e6
    for holding in holdings:
        instrument = core.instruments.must(holding.position.instrument)
        free += _profit_e6(core, instrument, holding.position)
        free -= _margin_e6(core, instrument, holding) + holding.reserve_e6
    return free


def _change_if_filled_e6(core: NaiveCore, order: Order) -> int:
    """Return the change of collateral less initial margin, if the order filled whole."""
    instrument = core.instruments.must(order.instrument)
    before = position_of(core, order.account, order.instrument).qty_lots
    signed_lots = order.sign * order.remaining_lots
    change = -trade_value_e6(instrument, order.price_ticks, signed_lots)
    if not instrument.is_option:
        change += signed_lots * mark_lot_e6(core, instrument)
    change -= taker_fee_e6(core, order)
    margin_after = initial_margin_e6(core, instrument, before + signed_lots)
    return change - (margin_after - initial_margin_e6(core, instrument, before))


def _profit_e6(core: NaiveCore, instrument: Instrument, position: Position) -> int:
    """Return the unrealised profit in a future or perpetual; an option counts nothing."""
    if instrument.is_option:
        return 0
    return position.qty_lots * mark_lot_e6(core, instrument) - position.cost_e6


def _margin_e6(core: NaiveCore, instrument: Instrument, holding: Holding) -> int:
    """Return IM(position) and open margin together: the worse of all buys and all sells filled."""
    qty = holding.position.qty_lots
    return max(
        initial_margin_e6(core, instrument, qty + holding.buy_lots),
        initial_margin_e6(core, instrument, qty - holding.sell_lots),
    )


def _long_lot_e6(core: NaiveCore, instrument: Instrument) -> int:
    if instrument.is_option:
        return 0
    rate = underlying_of(core, instrument).initial_rate_e9
    return div_ceil(mark_lot_e6(core, instrument) * rate, E9)


def _short_lot_e6(core: NaiveCore, instrument: Instrument) -> int:
    contract = instrument.contract
    if contract.kind == InstrumentKind.PUT:
        return div_ceil(contract.strike_e6 * instrument.lot_e8 * instrument.contract_size_e8, E16)
    if contract.kind == InstrumentKind.CALL:
        rate = underlying_of(core, instrument).short_call_rate_e9
        return div_ceil(index_lot_e6(core, instrument) * rate, E9)
    return _long_lot_e6(core, instrument)

"""Margin of accounts: collateral, open margin, reserves, relief ([MRG-1], [MRG-4], [MRG-5]).

Everything is added up anew from the account's positions and orders each time it is asked for.
"""

from collections.abc import Iterable
from typing import NamedTuple

from lockstep_engine.codes import CancelReason, MarginMode, MmpOption, OrderFlag, Side
from lockstep_kernel import div_ceil, div_floor
from lockstep_naive.book import cancel, orders_of_account, protected_orders, protection_of
from lockstep_naive.core import NaiveCore
from lockstep_naive.fees import order_fee_e6, settlement_fee_e6
from lockstep_naive.money import position_of
from lockstep_naive.portfolio import portfolio_margin
from lockstep_naive.rows import Instrument, Mmp, Order, Position
from lockstep_naive.standard import (
    Lots,
    Margin,
    OpenSize,
    position_margin,
    spread_bounds,
    spread_margin,
    spread_open_margin_e6,
    standard_margin,
    total,
    worse_margin_e6,
)
from lockstep_naive.worth import expiry_ns, is_price_final, mark_lot_e6, trade_value_e6


class Holding(NamedTuple):
    """What an account has in an instrument: its position, and its resting orders by side."""

    position: Position
    buys: tuple[Order, ...]
    sells: tuple[Order, ...]

    @property
    def orders(self) -> tuple[Order, ...]:
        """Return the orders of both sides."""
        return (*self.buys, *self.sells)

    def orders_of(self, side: int) -> tuple[Order, ...]:
        """Return the orders of a side."""
        return self.buys if side == Side.BUY else self.sells

    def open_lots(self, side: int) -> int:
        """Return the open lots of a side."""
        return open_lots(self.orders_of(side))

    def with_order(self, order: Order) -> "Holding":
        """Return it as if one more order rested."""
        if order.side == Side.BUY:
            return self._replace(buys=(*self.buys, order))
        return self._replace(sells=(*self.sells, order))


def open_lots(orders: Iterable[Order]) -> int:
    """Return what remains of orders."""
    # A list is summed faster than what is made one by one, and a book may have thousands.
    return sum([order.remaining_lots for order in orders])


def holding_of(core: NaiveCore, account: int, instrument: int) -> Holding:
    """Return what an account has in an instrument; it may be nothing."""
    return Holding(
        position_of(core, account, instrument),
        tuple(core.orders.group("holding", (account, instrument, Side.BUY))),
        tuple(core.orders.group("holding", (account, instrument, Side.SELL))),
    )


def instruments_of(core: NaiveCore, account: int) -> list[int]:
    """Return the instruments in which an account has a position or a live order, rising."""
    positions = core.positions.group("account", account)
    orders = orders_of_account(core, account)
    return sorted(
        {*(position.instrument for position in positions), *(order.instrument for order in orders)}
    )


def margin_mode_of(core: NaiveCore, account: int) -> MarginMode:
    """Return how the margin of an account is computed."""
    return MarginMode(core.accounts.must(account).margin_mode)


def account_margin(core: NaiveCore, account: int) -> Margin:
    """Return the margin of what an account holds, without its orders."""
    return margin_in(core, account, margin_mode_of(core, account), _lots_of(core, account))


def margin_in(core: NaiveCore, account: int, mode: MarginMode, lots: Lots) -> Margin:
    """Return the margin of some holdings in a mode; what settles soon pays the account's fee."""
    fee_e6 = sum(_final_fee_e6(core, account, number, lots[number]) for number in sorted(lots))
    return total([_margin_without_fees(core, mode, lots), Margin(fee_e6, fee_e6)])


def _margin_without_fees(core: NaiveCore, mode: MarginMode, lots: Lots) -> Margin:
    match mode:
        case MarginMode.STANDARD:
            return standard_margin(core, lots)
        case MarginMode.STANDARD_SPREAD:
            return spread_margin(core, lots)
        case MarginMode.PORTFOLIO:
            return portfolio_margin(core, lots)


def _final_fee_e6(core: NaiveCore, account: int, number: int, lots: int) -> int:
    """Return the fee of settling a position, 0 as long as its price may change."""
    instrument = core.instruments.must(number)
    if not is_price_final(core, instrument):
        return 0
    return settlement_fee_e6(core, account, instrument, lots)


def margin_alone(core: NaiveCore, position: Position) -> Margin:
    """Return the margin of a position as if its account had no other, in no spread group."""
    mode = margin_mode_of(core, position.account)
    if mode == MarginMode.STANDARD_SPREAD:
        mode = MarginMode.STANDARD
    return margin_in(core, position.account, mode, {position.instrument: position.qty_lots})


def largest_first(core: NaiveCore, account: int) -> list[Position]:
    """Return the positions of an account that have not expired, in the order of [LIQ-1]."""
    positions = [
        position
        for position in core.positions.group("account", account)
        if position.qty_lots and not core.instruments.must(position.instrument).is_expired
    ]
    return sorted(
        positions,
        key=lambda each: (-margin_alone(core, each).maintenance_e6, each.instrument),
    )


def collateral_e6(core: NaiveCore, account: int) -> int:
    """Return what of an account stands against margin."""
    return collateral_in_e6(core, account, margin_mode_of(core, account))


def collateral_in_e6(core: NaiveCore, account: int, mode: MarginMode) -> int:
    """Return what of an account would stand against margin in a mode."""
    positions = core.positions.group("account", account)
    unrealised = sum(_unrealised_e6(core, mode, position) for position in positions)
    return core.accounts.must(account).cash_e6 + unrealised


def value_e6(core: NaiveCore, account: int) -> int:
    """Return what an account would have if all it holds were closed at the marks: V of [LIQ-1].

    That is its collateral where everything counts at its mark.
    """
    return collateral_in_e6(core, account, MarginMode.PORTFOLIO)


def headroom_e6(core: NaiveCore, account: int) -> int:
    """Return collateral less initial margin, whatever the orders."""
    return collateral_e6(core, account) - account_margin(core, account).initial_e6


def has_enough(core: NaiveCore, account: int) -> bool:
    """Return whether collateral covers initial and maintenance margin, whichever is higher."""
    return collateral_e6(core, account) >= max(account_margin(core, account))


def headroom_without_e6(core: NaiveCore, position: Position) -> int:
    """Return what it would be if a position were closed whole at its mark without fee."""
    mode = margin_mode_of(core, position.account)
    instrument = core.instruments.must(position.instrument)
    collateral = collateral_e6(core, position.account)
    if not _counts_at_mark(instrument, mode):
        collateral += position.qty_lots * mark_lot_e6(core, instrument)
    lots = _lots_of(core, position.account)
    others = {number: lots[number] for number in lots if number != position.instrument}
    return collateral - margin_in(core, position.account, mode, others).initial_e6


def free_e6(core: NaiveCore, account: int) -> int:
    """Return what is free of an account."""
    return free_in_e6(core, account, margin_mode_of(core, account))


def free_in_e6(
    core: NaiveCore, account: int, mode: MarginMode, candidate: Order | None = None
) -> int:
    """Return what would be free of an account in a mode, with one more order if one is given."""
    free = collateral_in_e6(core, account, mode)
    free -= margin_in(core, account, mode, _lots_of(core, account)).initial_e6
    numbers = {*instruments_of(core, account)}
    if candidate is not None:
        numbers.add(candidate.instrument)
    holdings = [holding_of(core, account, number) for number in sorted(numbers)]
    if candidate is not None:
        holdings = [
            holding.with_order(candidate)
            if holding.position.instrument == candidate.instrument
            else holding
            for holding in holdings
        ]
    for holding in holdings:
        free -= _set_aside_e6(core, mode, holding.position.instrument, holding.orders)
    return free - open_margin_e6(core, mode, holdings)


def open_margin_e6(core: NaiveCore, mode: MarginMode, holdings: list[Holding]) -> int:
    """Return the open margin of [MRG-4] over holdings, in the order of their instruments."""
    open_sizes = [_open_size(core, holding) for holding in holdings]
    match mode:
        case MarginMode.STANDARD:
            return sum(_standard_open_margin_e6(core, each) for each in open_sizes)
        case MarginMode.STANDARD_SPREAD:
            return spread_open_margin_e6(core, open_sizes)
        case MarginMode.PORTFOLIO:
            return sum(_portfolio_open_margin_e6(core, each) for each in open_sizes)


def _open_size(core: NaiveCore, holding: Holding) -> OpenSize:
    held = holding.position.qty_lots
    return OpenSize(
        holding.position.instrument,
        held,
        held + _counted_lots(core, holding.orders_of(Side.BUY)),
        held - _counted_lots(core, holding.orders_of(Side.SELL)),
    )


def _standard_open_margin_e6(core: NaiveCore, size: OpenSize) -> int:
    """Return what the worse of all buys and all sells needs more than what is held."""
    held_e6 = position_margin(core, size.instrument, size.held).initial_e6
    return worse_margin_e6(core, size) - held_e6


def _portfolio_open_margin_e6(core: NaiveCore, size: OpenSize) -> int:
    """Return what the lots of the worse side need, each alone."""
    number, buys, sells = size.instrument, size.bought - size.held, size.held - size.sold
    bought_e6 = buys * portfolio_margin(core, {number: 1}).initial_e6 if buys else 0
    sold_e6 = sells * portfolio_margin(core, {number: -1}).initial_e6 if sells else 0
    return max(bought_e6, sold_e6)


def reserve_e6(core: NaiveCore, order: Order) -> int:
    """Return the reserve of an order that is admitted now, for its price and what remains."""
    instrument = core.instruments.must(order.instrument)
    fee = order_fee_e6(core, order)
    if instrument.is_option and order.side == Side.BUY:
        return fee + trade_value_e6(instrument, order.price_ticks, order.remaining_lots)
    if _counts_at_mark(instrument, margin_mode_of(core, order.account)):
        return fee + max(0, -_gain_at_mark_e6(core, order))
    return fee


def has_margin(core: NaiveCore, order: Order) -> bool:
    """Return whether an order with its reserve passes [MRG-1], beside what the account has."""
    mode = margin_mode_of(core, order.account)
    if free_in_e6(core, order.account, mode, order) >= 0:
        return True
    holding = holding_of(core, order.account, order.instrument)
    if not is_reducing(order, holding) or _change_if_filled_e6(core, mode, order) < 0:
        return False
    if not _is_safe_beside_others(core, mode, order):
        return False
    change = _gain_at_mark_e6(core, order)
    value_after = value_e6(core, order.account) + change - order_fee_e6(core, order)
    return has_no_hole(core, order.account, value_after, change)


def has_others_open(core: NaiveCore, account: int, underlying: str) -> bool:
    """Return whether any order of an account rests in an underlying."""
    return any(
        core.instruments.must(order.instrument).contract.underlying == underlying
        for order in orders_of_account(core, account)
    )


def _is_safe_beside_others(core: NaiveCore, mode: MarginMode, order: Order) -> bool:
    """Return whether filling an order also pays for what it does beside other resting orders."""
    instrument = core.instruments.must(order.instrument)
    holding = holding_of(core, order.account, order.instrument)
    gain_e6 = _gain_if_filled_e6(core, mode, order)
    if mode == MarginMode.PORTFOLIO:
        return not has_others_open(core, order.account, instrument.contract.underlying)
    if mode == MarginMode.STANDARD_SPREAD and instrument.is_option:
        group = _group_of(core, order.account, instrument)
        now = spread_bounds(core, [_open_size(core, each) for each in group])
        then = spread_bounds(core, [_open_size(core, _filled(each, order)) for each in group])
        if now.most_e6 is None or now.worst_e6 <= now.most_e6:
            return gain_e6 >= then.worst_e6 - now.worst_e6
        return then.most_e6 is not None and gain_e6 >= then.most_e6 - now.most_e6
    closed = holding.position.qty_lots + order.sign * holding.open_lots(order.side)
    before = position_margin(core, order.instrument, closed)
    after = position_margin(core, order.instrument, closed + order.sign * order.remaining_lots)
    return gain_e6 >= after.initial_e6 - before.initial_e6


def _group_of(core: NaiveCore, account: int, option: Instrument) -> list[Holding]:
    """Return what an account has in the options of one underlying and expiry."""
    name, ends_ns = option.contract.underlying, expiry_ns(core, option)
    options = [core.instruments.must(number) for number in instruments_of(core, account)]
    return [
        holding_of(core, account, each.instrument)
        for each in options
        if each.is_option and each.contract.underlying == name and expiry_ns(core, each) == ends_ns
    ]


def _filled(holding: Holding, order: Order) -> Holding:
    """Return it as if an order had filled whole, if it is in that instrument."""
    position = holding.position
    if position.instrument != order.instrument:
        return holding
    lots = position.qty_lots + order.sign * order.remaining_lots
    return holding._replace(position=position._replace(qty_lots=lots))


def has_no_hole(core: NaiveCore, account: int, value_after_e6: int, change_e6: int) -> bool:
    """Return whether a change of value, fees apart, costs an account no more than it has to spare.

    What its resting orders may cost it is not to spare: everything counts at its mark in value, so
    sold options too, in every mode.
    """
    if change_e6 >= 0:
        return True
    promised = sum(
        _set_aside_e6(core, MarginMode.PORTFOLIO, order.instrument, [order])
        for order in orders_of_account(core, account)
    )
    return value_after_e6 >= promised


def relieve(core: NaiveCore, account: int, instrument: int) -> None:
    """Cancel MMP orders while an account's free is below 0, the newest first ([MRG-5]).

    Only where its protection has option RELIEF.
    """
    key = (account, core.instruments.must(instrument).contract.underlying)
    mmp = core.mmps.get(key)
    if mmp is None or not mmp.has(MmpOption.RELIEF):
        return
    while free_e6(core, account) < 0:
        orders = protected_orders(core, key)
        if not orders:
            return
        cancel(core, orders[-1], CancelReason.MARGIN)


def is_closing(position_lots: int, side: int) -> bool:
    """Return whether orders of a side close a position: sells a long one, buys a short one."""
    return position_lots > 0 if side == Side.SELL else position_lots < 0


def is_reducing(order: Order, others: Holding) -> bool:
    """Return whether an order and all open ones of its side together only close ([ORD-6])."""
    position_lots = others.position.qty_lots
    fits = order.remaining_lots + others.open_lots(order.side) <= abs(position_lots)
    return is_closing(position_lots, order.side) and fits


def _lots_of(core: NaiveCore, account: int) -> dict[int, int]:
    positions = core.positions.group("account", account)
    return {position.instrument: position.qty_lots for position in sorted(positions)}


def _counted_lots(core: NaiveCore, orders: tuple[Order, ...]) -> int:
    """Return the lots of a side of an instrument that need margin.

    Under relief its MMP orders count with what fills before their protection stops them: one less
    than the limit, and the whole of the fill that passes it.
    """
    mmp = core.mmps.get(protection_of(core, orders[0])) if orders else None
    if mmp is None or not mmp.has(MmpOption.RELIEF):
        return open_lots(orders)
    mmp_orders = [order for order in orders if order.has(OrderFlag.MMP)]
    if not mmp_orders:
        return open_lots(orders)
    instrument = core.instruments.must(mmp_orders[0].instrument)
    largest = max(order.remaining_lots for order in mmp_orders)
    bound = largest + _lots_before_a_breach(mmp, instrument)
    unprotected = [order for order in orders if not order.has(OrderFlag.MMP)]
    return open_lots(unprotected) + min(open_lots(mmp_orders), bound)


def _lots_before_a_breach(mmp: Mmp, instrument: Instrument) -> int:
    """Return the most lots that fill without a breach of the limit on quantity."""
    limit_e16 = mmp.qty_limit_e8 * 10**8
    if mmp.has(MmpOption.EXCEEDING):
        return div_floor(limit_e16, instrument.one_lot_e16)
    return div_ceil(limit_e16, instrument.one_lot_e16) - 1


def _change_if_filled_e6(core: NaiveCore, mode: MarginMode, order: Order) -> int:
    """Return the change of collateral less initial margin, if the order filled whole."""
    signed_lots = order.sign * order.remaining_lots
    change = _gain_if_filled_e6(core, mode, order)
    before = _lots_of(core, order.account)
    after = before | {order.instrument: before.get(order.instrument, 0) + signed_lots}
    margin_before = margin_in(core, order.account, mode, before).initial_e6
    margin_after = margin_in(core, order.account, mode, after).initial_e6
    return change - (margin_after - margin_before)


def _gain_if_filled_e6(core: NaiveCore, mode: MarginMode, order: Order) -> int:
    """Return the change of collateral, if the order filled whole."""
    instrument = core.instruments.must(order.instrument)
    signed_lots = order.sign * order.remaining_lots
    gain = -trade_value_e6(instrument, order.price_ticks, signed_lots)
    if _counts_at_mark(instrument, mode):
        gain += signed_lots * mark_lot_e6(core, instrument)
    return gain - order_fee_e6(core, order)


def _set_aside_e6(core: NaiveCore, mode: MarginMode, number: int, orders: Iterable[Order]) -> int:
    """Return what resting orders of an instrument take from what is free.

    Each takes its reserve, or what it may lose at the mark now, if that is more.
    """
    instrument = core.instruments.must(number)
    if not _counts_at_mark(instrument, mode):
        return sum(order.reserve_e6 for order in orders)
    # The same for every order of a book, of which there may be thousands.
    tick_e6, mark_e6 = trade_value_e6(instrument, 1, 1), mark_lot_e6(core, instrument)
    total = 0
    for order in orders:
        loss = order.remaining_lots * (order.price_ticks * tick_e6 - mark_e6)
        if order.side == Side.SELL:
            loss = -loss
        total += loss if loss > order.reserve_e6 else order.reserve_e6
    return total


def _gain_at_mark_e6(core: NaiveCore, order: Order) -> int:
    """Return what an order is worth at the mark now beyond what it pays, if it filled whole."""
    instrument = core.instruments.must(order.instrument)
    signed_lots = order.sign * order.remaining_lots
    value = trade_value_e6(instrument, order.price_ticks, signed_lots)
    return signed_lots * mark_lot_e6(core, instrument) - value


def _unrealised_e6(core: NaiveCore, mode: MarginMode, position: Position) -> int:
    """Return what a position adds to collateral beside the cash that it moved already."""
    instrument = core.instruments.must(position.instrument)
    if not _counts_at_mark(instrument, mode):
        return 0
    value = position.qty_lots * mark_lot_e6(core, instrument)
    return value if instrument.is_option else value - position.cost_e6


def _counts_at_mark(instrument: Instrument, mode: MarginMode) -> bool:
    return not instrument.is_option or mode == MarginMode.PORTFOLIO

"""What an order would do to its account's margin, without entering it ([ORD-5], [MRG-1])."""

from typing import Final

import msgspec

from lockstep_engine.admission.admit import admit
from lockstep_engine.codes import Code, Side
from lockstep_engine.commands import PlaceOrder
from lockstep_engine.margin_report import MarginTotals, totals_of
from lockstep_engine.orders.place import order_from, refusal
from lockstep_engine.risk.assessment import Position, assess, positions_of
from lockstep_engine.risk.margin import gain_if_filled_e6, order_fee_e6
from lockstep_engine.risk.open_lots import counted_lots
from lockstep_engine.risk.open_margin import open_margin_e6
from lockstep_engine.state import Account, ExchangeCore, Order

_WITH_NUMBERS: Final = (int(Code.ACCEPTED), int(Code.INSUFFICIENT_MARGIN))


class OrderPreview(msgspec.Struct, frozen=True):
    """The answer that an order would get, and the margin of its account before and after.

    With `code` 0 it is accepted, at `price_ticks` and `qty_lots` as REPRICE and REDUCE_ONLY leave
    them. `fee_e6` is the fee at worst: the taker fee on all of it at its price. `reserve_e6` is
    what it binds while it is open. `opened` is with the order open: at a `free_e6` of 0 or more the
    order passes; below 0 it may still pass, with `code` 0, by the second way of [MRG-1], for one
    that reduces. `filled` is with all of it filled at its price for that fee, and nothing else
    changed. Both are None, and fee and reserve 0, where the order is refused before its margin is
    computed.
    """

    code: int
    price_ticks: int
    qty_lots: int
    fee_e6: int
    reserve_e6: int
    before: MarginTotals
    opened: MarginTotals | None
    filled: MarginTotals | None


def preview_of(core: ExchangeCore, account: Account, action: PlaceOrder) -> OrderPreview:
    """Return what PlaceOrder would do to the account now. O(its positions x scenarios)."""
    number = action.instrument
    is_new = number not in account.holdings
    order = order_from(core, account, action)
    code = refusal(account, action) if order is None else admit(core, order)
    before = totals_of(core, account, assess(core, account, positions_of(account)))
    if order is None or code not in _WITH_NUMBERS:
        found = OrderPreview(code, action.price_ticks, action.qty_lots, 0, 0, before, None, None)
    else:
        found = _with_numbers(core, order, code, before)
    if is_new:
        account.holdings.pop(number, None)
    return found


def _with_numbers(
    core: ExchangeCore, order: Order, code: int, before: MarginTotals
) -> OrderPreview:
    lots = order.remaining_lots
    value = order.price_ticks * lots * order.instrument.value_e6
    fee = order_fee_e6(order.account, order.instrument, lots, value)
    return OrderPreview(
        code,
        order.price_ticks,
        lots,
        fee,
        order.reserve_e6,
        before,
        _opened(core, order, before),
        _filled(core, order, before, gain_if_filled_e6(order, value, fee)),
    )


def _opened(core: ExchangeCore, order: Order, before: MarginTotals) -> MarginTotals:
    holding = order.holding
    now = open_margin_e6(core, holding, counted_lots(holding, None, None), holding.qty_lots)
    then = open_margin_e6(core, holding, counted_lots(holding, order, None), holding.qty_lots)
    return MarginTotals(
        before.collateral_e6,
        before.initial_e6,
        before.maintenance_e6,
        before.open_e6 + then - now,
        before.reserve_e6 + order.reserve_e6,
        before.shortfall_e6,
        before.free_e6 - (then - now) - order.reserve_e6,
    )


def _filled(core: ExchangeCore, order: Order, before: MarginTotals, gain_e6: int) -> MarginTotals:
    account, holding, instrument = order.account, order.holding, order.instrument
    qty = holding.qty_lots
    after = qty + (order.remaining_lots if order.side == Side.BUY else -order.remaining_lots)
    others = [found for found in positions_of(account) if found.instrument is not instrument]
    # What the position costs is of no matter: the gain has it.
    assessed = assess(core, account, [*others, Position(instrument, after, 0)])
    counted = counted_lots(holding, None, None)
    opened = before.open_e6 - open_margin_e6(core, holding, counted, qty)
    opened += open_margin_e6(core, holding, counted, after)
    collateral = before.collateral_e6 + gain_e6
    return MarginTotals(
        collateral,
        assessed.initial_e6,
        assessed.maintenance_e6,
        opened,
        before.reserve_e6,
        before.shortfall_e6,
        collateral - assessed.initial_e6 - opened - before.reserve_e6 - before.shortfall_e6,
    )

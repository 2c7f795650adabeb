"""Liquidation ([LIQ-1]): an account below its maintenance margin is closed in one command.

Orders go first; then positions are closed in the books, as far as the bounds let them; what is left
is auto-deleveraged, and what is missing the insurance fund pays ([LIQ-2]).
"""

from typing import Final

from lockstep_engine.codes import (
    CancelReason,
    CashReason,
    Code,
    InstrumentStatus,
    OrderFlag,
    SelfTradeMode,
    Side,
    TimeInForce,
)
from lockstep_engine.commands import Liquidate
from lockstep_engine.events import LiquidationEnded, LiquidationStarted, Trade
from lockstep_engine.lifecycle.deleveraging import by_maintenance, cover_deficit, deleverage
from lockstep_engine.matching.sweep import cancel_resting, crosses
from lockstep_engine.money.bounds import CASH_MAX_E6
from lockstep_engine.money.cash import move_cash
from lockstep_engine.money.fees import fee_at_e6
from lockstep_engine.orders.place import accept
from lockstep_engine.risk.standing import Standing, closing_helps, standing_of
from lockstep_engine.state import Account, Events, ExchangeCore, Holding, Order
from lockstep_kernel.arith import div_ceil, div_floor

_ACCEPTED: Final = int(Code.ACCEPTED)
_ACCOUNT_HEALTHY: Final = int(Code.ACCOUNT_HEALTHY)
_UNKNOWN_ACCOUNT: Final = int(Code.UNKNOWN_ACCOUNT)
_LIQUIDATION: Final = int(CancelReason.LIQUIDATION)
_LIQUIDATION_FEE: Final = int(CashReason.LIQUIDATION_FEE)
_HALTED: Final = int(InstrumentStatus.HALTED)
_CANCEL_MAKER: Final = int(SelfTradeMode.CANCEL_MAKER)
_IOC: Final = int(TimeInForce.IOC)
_REDUCE_ONLY: Final = int(OrderFlag.REDUCE_ONLY)
_BUY: Final = int(Side.BUY)
_SELL: Final = int(Side.SELL)
_E4: Final = 10**4


def liquidate(core: ExchangeCore, action: Liquidate, events: Events) -> int:
    """Run the waterfall for an account, or refuse one that has enough."""
    account = core.accounts.get(action.account)
    if account is None:
        return _UNKNOWN_ACCOUNT
    standing = standing_of(core, account)
    if not standing.is_below_maintenance():
        return _ACCOUNT_HEALTHY
    events.append(LiquidationStarted(account.account, *standing[:3]))
    for _order_id, order in sorted(account.orders.items()):
        cancel_resting(core, order, _LIQUIDATION, events)
    _close_in_books(core, account, events)
    standing = standing_of(core, account)
    if standing.is_below_maintenance():
        deleverage(core, account, events)
        cover_deficit(core, account, events)
        standing = standing_of(core, account)
    insurance = core.treasury.insurance_e6
    events.append(LiquidationEnded(account.account, *standing[:3], insurance, account.debt_e6))
    return _ACCEPTED


def closing_price_ticks(core: ExchangeCore, holding: Holding, side: int, value_e6: int) -> int:
    """Return the worst price at which a position may be closed in the book, 0 if there is none.

    Within the penalty of the mark or a step of the price, and no further than where the taker fee
    takes the last of the account, worth `value_e6` at its marks; one that is worth less than
    nothing goes at its mark, or better if the insurance fund is less than what it owes.
    """
    instrument = holding.instrument
    lots, mark_e10 = abs(holding.qty_lots), _E4 * instrument.mark.price_e6
    tick_e10 = _E4 * instrument.tick_e6
    away_e10 = max(
        instrument.mark.price_e6 * instrument.underlying.penalty_bps,
        instrument.price_step_ticks * tick_e10,
    )
    marked, per_tick = lots * instrument.mark_lot_e6, lots * instrument.value_e6
    fees = holding.account.fees
    rate = fees.option_taker_e9 if instrument.is_option else fees.future_taker_e9
    fee = fee_at_e6(instrument, fees, max(rate, 0), lots, marked)
    cushion = min(value_e6 + core.treasury.insurance_e6, max(value_e6 - fee, 0))
    if side == _SELL:
        price = max(
            div_ceil(mark_e10 - away_e10, tick_e10),
            div_ceil(marked - cushion, per_tick),
            1,
        )
        return price if price <= instrument.max_price_ticks else 0
    price = min(
        div_floor(mark_e10 + away_e10, tick_e10),
        div_floor(marked + cushion, per_tick),
        instrument.max_price_ticks,
    )
    return max(price, 0)


def _close_in_books(core: ExchangeCore, account: Account, events: Events) -> None:
    """Close position after position, in rounds, until there is enough or nothing fills."""
    is_filling = True
    while is_filling:
        is_filling = False
        for holding, _maintenance in by_maintenance(core, account, _HALTED):
            standing = standing_of(core, account)
            if standing.is_enough():
                return
            if closing_helps(core, holding) and _close(core, holding, standing, events):
                is_filling = True


def _close(core: ExchangeCore, holding: Holding, standing: Standing, events: Events) -> bool:
    """Send the position to the book; return whether anything of it filled."""
    qty, instrument = holding.qty_lots, holding.instrument
    side = _SELL if qty > 0 else _BUY
    price = closing_price_ticks(core, holding, side, standing.value_e6)
    order = Order(
        holding,
        side,
        price,
        abs(qty),
        _IOC,
        0,
        _REDUCE_ONLY,
        _CANCEL_MAKER,
        0,
        b"",
        0,
        0,
        0,
    )
    best = (instrument.bids if side == _SELL else instrument.asks).best
    if price == 0 or best is None or not crosses(order, best.price_ticks):
        return False
    first = len(events)
    accept(core, order, events)
    if holding.qty_lots == qty:
        return False
    _charge(core, holding, order, events, first)
    return True


def _charge(core: ExchangeCore, holding: Holding, order: Order, events: Events, first: int) -> None:
    """Take the liquidation fee on what the order traded.

    As far as the account is worth it and the fund may have more ([NUM-4]).
    """
    account, instrument = holding.account, holding.instrument
    lots = value = 0
    for event in events[first:]:
        if type(event) is Trade and event.taker.order_id == order.order_id:
            lots += event.qty_lots
            value += event.qty_lots * event.price_ticks * instrument.value_e6
    fees = account.fees
    fee = fee_at_e6(instrument, fees, fees.liquidation_e9, lots, value)
    fee = min(fee, standing_of(core, account).value_e6)
    fee = min(fee, CASH_MAX_E6 - core.treasury.insurance_e6)
    if fee > 0:
        core.treasury.insurance_e6 += fee
        core.touch(core.treasury)
        move_cash(core, account, _LIQUIDATION_FEE, -fee, events)

"""Margin: one cached sum per account, the reserve of an order, and its admission ([MRG]).

A holding's part in the sum is IM(position) plus its open margin less its unrealised profit. It is
recomputed when its position or open lots changed (it is dirty) or when its instrument's prices
moved (versions differ); so admission costs no more with more instruments of others ([MRG-6]).
"""

from typing import Final

from lockstep_engine.codes import InstrumentKind, Side
from lockstep_engine.matching.reduce_only import is_reducing
from lockstep_engine.state import Account, ExchangeCore, Holding, Instrument, Order
from lockstep_kernel.arith import div_ceil, div_half_even

_BUY: Final = int(Side.BUY)
_CALL: Final = int(InstrumentKind.CALL)
_E9: Final = 10**9
_E16: Final = 10**16


def refresh_prices(instrument: Instrument) -> None:
    """Recompute the values per lot if the underlying changed since ([NUM-3], [MRG-2])."""
    underlying = instrument.underlying
    if instrument.seen_version == underlying.version:
        return
    instrument.seen_version = underlying.version
    instrument.version += 1
    lot = instrument.lot_e8 * instrument.contract_size_e8
    instrument.index_lot_e6 = div_half_even(underlying.index_price_e6 * lot, _E16)
    instrument.mark_lot_e6 = div_half_even(instrument.mark.price_e6 * lot, _E16)
    if not instrument.is_option:
        initial = div_ceil(instrument.mark_lot_e6 * underlying.initial_rate_e9, _E9)
        instrument.long_lot_e6 = initial
        instrument.short_lot_e6 = initial
    elif instrument.kind == _CALL:
        rate = underlying.short_call_rate_e9
        instrument.short_lot_e6 = div_ceil(instrument.index_lot_e6 * rate, _E9)
    else:
        instrument.short_lot_e6 = div_ceil(instrument.strike_e6 * lot, _E16)


def prices_moved(core: ExchangeCore, instrument: Instrument) -> None:
    """Note that the instrument's own mark changed."""
    instrument.seen_version = 0
    core.price_version += 1


def refresh_account(core: ExchangeCore, account: Account) -> None:
    """Bring the margin sum up to date. O(changed holdings), or O(holdings) after a move."""
    dirty = account.dirty
    if dirty:
        for holding in dirty:
            holding.is_dirty = False
            _refresh_holding(account, holding)
        dirty.clear()
    if account.seen_prices != core.price_version:
        account.seen_prices = core.price_version
        for holding in account.holdings.values():
            refresh_prices(holding.instrument)
            if holding.seen_version != holding.instrument.version:
                _refresh_holding(account, holding)


def free_e6(core: ExchangeCore, account: Account) -> int:
    """Return collateral less initial margin, open margins and reserves ([MRG-1])."""
    refresh_account(core, account)
    return account.cash_e6 - account.margin_e6 - account.reserve_e6


def admits(core: ExchangeCore, order: Order) -> bool:
    """Set the order's reserve and return whether margin admits it ([MRG-1], [MRG-4]).

    The sum of the account is needed without this holding only: if no other is out of date, none is
    recomputed.
    """
    account, holding, instrument = order.account, order.holding, order.instrument
    dirty = account.dirty
    is_current = not dirty or (len(dirty) == 1 and dirty[0] is holding)
    if not is_current or account.seen_prices != core.price_version:
        refresh_account(core, account)
    lots = order.remaining_lots
    value = order.price_ticks * lots * instrument.value_e6
    fee = _taker_fee_e6(account, instrument, lots, value)
    up = held = down = holding.qty_lots
    if order.side == _BUY:
        adverse = value if instrument.is_option else value - instrument.mark_lot_e6 * lots
        up += lots
    else:
        adverse = 0 if instrument.is_option else instrument.mark_lot_e6 * lots - value
        down -= lots
    order.reserve_e6 = reserve = fee + adverse if adverse > 0 else fee
    up += holding.open_buy_lots
    down -= holding.open_sell_lots
    long_lot, short_lot = instrument.long_lot_e6, instrument.short_lot_e6
    margin = up * long_lot if up >= 0 else -up * short_lot
    margin_down = down * long_lot if down >= 0 else -down * short_lot
    if margin_down > margin:
        margin = margin_down
    if not instrument.is_option:
        margin -= held * instrument.mark_lot_e6 - holding.cost_e6
    others = account.margin_e6 - holding.margin_e6
    free = account.cash_e6 - others - margin - account.reserve_e6 - reserve
    return free >= 0 or (is_reducing(order) and _helps(order, value, fee))


def initial_e6(instrument: Instrument, qty_lots: int) -> int:
    """Return IM(q) of a position ([MRG-2])."""
    if qty_lots >= 0:
        return qty_lots * instrument.long_lot_e6
    return -qty_lots * instrument.short_lot_e6


def unrealised_e6(holding: Holding) -> int:
    """Return the profit of a position at its mark, 0 for options ([MRG-1])."""
    instrument = holding.instrument
    if instrument.is_option:
        return 0
    return holding.qty_lots * instrument.mark_lot_e6 - holding.cost_e6


def _taker_fee_e6(account: Account, instrument: Instrument, qty_lots: int, value_e6: int) -> int:
    """Return the taker fee on a trade of that value, 0 where the rate is a rebate ([FEE-1])."""
    fees = account.fees
    if instrument.is_option:
        rate = fees.option_taker_e9
        if rate <= 0:
            return 0
        numerator = rate * instrument.index_lot_e6 * qty_lots
        capped = fees.option_cap_e9 * value_e6
        return -(-(numerator if numerator < capped else capped) // _E9)
    rate = fees.future_taker_e9
    return -(-rate * value_e6 // _E9) if rate > 0 else 0


def _helps(order: Order, value_e6: int, fee_e6: int) -> bool:
    """Return whether the order, filled whole at its price, does not lower collateral - IM."""
    instrument = order.instrument
    signed = order.remaining_lots if order.side == _BUY else -order.remaining_lots
    signed_value = value_e6 if order.side == _BUY else -value_e6
    gain = -signed_value - fee_e6
    if not instrument.is_option:
        gain += signed * instrument.mark_lot_e6
    before = order.holding.qty_lots
    return gain - initial_e6(instrument, before + signed) + initial_e6(instrument, before) >= 0


def _refresh_holding(account: Account, holding: Holding) -> None:
    instrument = holding.instrument
    refresh_prices(instrument)
    up = initial_e6(instrument, holding.qty_lots + holding.open_buy_lots)
    down = initial_e6(instrument, holding.qty_lots - holding.open_sell_lots)
    margin = (up if up > down else down) - unrealised_e6(holding)
    account.margin_e6 += margin - holding.margin_e6
    holding.margin_e6 = margin
    holding.seen_version = instrument.version

"""Margin: cached sums per account, the reserve of an order, and its admission ([MRG]).

An account's sums hold the last contribution of each of its holdings. A holding is recomputed when
its position or open lots changed (it is dirty) or when its instrument's prices moved (versions
differ); so the cost of admission grows with the account's own instruments only ([MRG-6]).
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
    instrument.mark_lot_e6 = div_half_even(instrument.mark_price_e6 * lot, _E16)
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
    """Bring the margin sums up to date. O(changed holdings), or O(holdings) after a move."""
    dirty = account.dirty
    if dirty:
        for holding in dirty:
            holding.is_dirty = False
            refresh_prices(holding.instrument)
            _refresh_holding(holding)
        dirty.clear()
    if account.seen_prices != core.price_version:
        account.seen_prices = core.price_version
        for holding in account.holdings.values():
            refresh_prices(holding.instrument)
            if holding.seen_version != holding.instrument.version:
                _refresh_holding(holding)


def free_e6(core: ExchangeCore, account: Account) -> int:
    """Return collateral less initial margin, open margins and reserves ([MRG-1])."""
    refresh_account(core, account)
    collateral = account.cash_e6 + account.unrealised_e6
    return collateral - account.initial_e6 - account.open_e6 - account.reserve_e6


def taker_fee_e6(account: Account, instrument: Instrument, qty_lots: int, value_e6: int) -> int:
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


def admits(core: ExchangeCore, order: Order) -> bool:
    """Set the order's reserve and return whether margin admits it ([MRG-1], [MRG-4])."""
    account = order.account
    holding = order.holding
    instrument = order.instrument
    qty = order.remaining_lots
    value = order.price_ticks * qty * instrument.value_e6
    fee = taker_fee_e6(account, instrument, qty, value)
    is_buy = order.side == _BUY
    if instrument.is_option:
        order.reserve_e6 = fee + value if is_buy else fee
    else:
        at_mark = instrument.mark_lot_e6 * qty
        adverse = value - at_mark if is_buy else at_mark - value
        order.reserve_e6 = fee + adverse if adverse > 0 else fee
    if account.dirty or account.seen_prices != core.price_version:
        refresh_account(core, account)
    if is_buy:
        up = holding.qty_lots + holding.open_buy_lots + qty
        down = holding.qty_lots - holding.open_sell_lots
    else:
        up = holding.qty_lots + holding.open_buy_lots
        down = holding.qty_lots - holding.open_sell_lots - qty
    open_e6 = _open_margin(instrument, up, down) - holding.initial_e6
    free = (
        account.cash_e6
        + account.unrealised_e6
        - account.initial_e6
        - account.open_e6
        - account.reserve_e6
        + holding.open_e6
        - open_e6
        - order.reserve_e6
    )
    return free >= 0 or (is_reducing(order) and _helps(order, value, fee))


def initial_e6(instrument: Instrument, qty_lots: int) -> int:
    """Return IM(q) of a position ([MRG-2])."""
    if qty_lots >= 0:
        return qty_lots * instrument.long_lot_e6
    return -qty_lots * instrument.short_lot_e6


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


def _open_margin(instrument: Instrument, up: int, down: int) -> int:
    """Return max(IM(up), IM(down))."""
    long_lot, short_lot = instrument.long_lot_e6, instrument.short_lot_e6
    margin_up = up * long_lot if up >= 0 else -up * short_lot
    margin_down = down * long_lot if down >= 0 else -down * short_lot
    return margin_up if margin_up > margin_down else margin_down


def _refresh_holding(holding: Holding) -> None:
    account = holding.account
    instrument = holding.instrument
    qty = holding.qty_lots
    long_lot, short_lot = instrument.long_lot_e6, instrument.short_lot_e6
    initial = qty * long_lot if qty >= 0 else -qty * short_lot
    up = qty + holding.open_buy_lots
    down = qty - holding.open_sell_lots
    margin_up = up * long_lot if up >= 0 else -up * short_lot
    margin_down = down * long_lot if down >= 0 else -down * short_lot
    open_e6 = (margin_up if margin_up > margin_down else margin_down) - initial
    unrealised = 0 if instrument.is_option else qty * instrument.mark_lot_e6 - holding.cost_e6
    account.initial_e6 += initial - holding.initial_e6
    account.open_e6 += open_e6 - holding.open_e6
    account.unrealised_e6 += unrealised - holding.unrealised_e6
    holding.initial_e6 = initial
    holding.open_e6 = open_e6
    holding.unrealised_e6 = unrealised
    holding.seen_version = instrument.version

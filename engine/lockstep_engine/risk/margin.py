"""Margin: one cached sum per account, the reserve of an order, and its admission ([MRG]).

The sum is that of the parts: each holding has its own, and beyond STANDARD spread groups or the
underlyings of a portfolio have theirs. A part is recomputed when its positions or open lots changed
(a holding is dirty, a group stale) or when its prices moved (versions differ); so admission costs
no more with more instruments of others ([MRG-6]).
"""

from typing import Final

from lockstep_engine.codes import MarginMode, Side
from lockstep_engine.matching.reduce_only import is_reducing
from lockstep_engine.risk.expired import expired_margin
from lockstep_engine.risk.lots import lot_risk
from lockstep_engine.risk.open_lots import counted_lots
from lockstep_engine.risk.shortfall import holding_shortfall_e6, set_aside_e6
from lockstep_engine.risk.spread import SpreadGroup, SpreadLeg
from lockstep_engine.risk.standard import (
    initial_e6,
    maintenance_e6,
    refresh_prices,
    unrealised_e6,
)
from lockstep_engine.risk.sums import UnderlyingPortfolio
from lockstep_engine.state import Account, ExchangeCore, Holding, Instrument, Order

_BUY: Final = int(Side.BUY)
_STANDARD: Final = int(MarginMode.STANDARD)
_SPREAD: Final = int(MarginMode.STANDARD_SPREAD)
_PORTFOLIO: Final = int(MarginMode.PORTFOLIO)
_E9: Final = 10**9


def refresh_account(core: ExchangeCore, account: Account) -> None:
    """Bring the margin sum up to date. O(changed holdings), or O(holdings) after a move."""
    dirty = account.dirty
    if dirty:
        for holding in dirty:
            holding.is_dirty = False
            _refresh_holding(core, account, holding)
        dirty.clear()
    if account.seen_prices != core.price_version:
        account.seen_prices = core.price_version
        if account.mode == _PORTFOLIO:
            _follow_marks(core, account)
        else:
            _follow_prices(core, account)
    if account.mode != _STANDARD:
        _refresh_groups(core, account)


def free_e6(core: ExchangeCore, account: Account) -> int:
    """Return collateral less initial margin, open margins and what orders set aside ([MRG-1])."""
    refresh_account(core, account)
    return account.cash_e6 - account.margin_e6 - account.reserve_e6


def admits(core: ExchangeCore, order: Order) -> bool:
    """Set the order's reserve and return whether margin admits it ([MRG-1], [MRG-4]).

    The sum of the account is needed without this holding only: if no other is out of date, none is
    recomputed. A shortfall of 0 stays 0 while no price moves (see risk.shortfall), but any other
    follows the orders.
    """
    account, holding, instrument = order.account, order.holding, order.instrument
    lots = order.remaining_lots
    value = order.price_ticks * lots * instrument.value_e6
    fee = taker_fee_e6(account, instrument, lots, value)
    if order.side == _BUY:
        adverse = value if instrument.is_option else value - instrument.mark_lot_e6 * lots
    else:
        adverse = instrument.mark_lot_e6 * lots - value
        if instrument.is_option and account.mode != _PORTFOLIO:
            adverse = 0
    order.reserve_e6 = reserve = fee + adverse if adverse > 0 else fee
    if not account.is_plain or instrument.addon_product:
        return _admits_any(core, order, value, fee)
    dirty = account.dirty
    is_current = not dirty or (len(dirty) == 1 and dirty[0] is holding and not holding.shortfall_e6)
    if not is_current or account.seen_prices != core.price_version:
        refresh_account(core, account)
    up = held = down = holding.qty_lots
    if order.side == _BUY:
        up += lots
    else:
        down -= lots
    up += holding.open_buy_lots
    down -= holding.open_sell_lots
    long_lot, short_lot = instrument.long_lot_e6, instrument.short_lot_e6
    margin = up * long_lot if up >= 0 else -up * short_lot
    margin_down = down * long_lot if down >= 0 else -down * short_lot
    if margin_down > margin:
        margin = margin_down
    if not instrument.is_option:
        margin -= held * instrument.mark_lot_e6 - holding.cost_e6
    margin += account.margin_e6 - holding.margin_e6 + holding.shortfall_e6
    free = account.cash_e6 - margin - account.reserve_e6 - reserve
    return free >= 0 or (is_reducing(order) and _helps(core, order, value, fee))


def part_e6(core: ExchangeCore, holding: Holding, buys: int, sells: int) -> int:
    """Return a holding's own part in the account's sum with so many open lots ([MRG-4]).

    Everything but its shortfall, what its group needs with its open lots, the IM that its
    underlying has, and what an expired position needs beside it; prices must be up to date.
    """
    instrument, qty = holding.instrument, holding.qty_lots
    mode = holding.account.mode
    if mode == _SPREAD and instrument.is_option:
        return 0
    if mode != _PORTFOLIO:
        up = initial_e6(instrument, qty + buys)
        down = initial_e6(instrument, qty - sells)
        return (up if up > down else down) - unrealised_e6(holding)
    margin = 0
    if buys or sells:
        risk = lot_risk(core, instrument)
        if risk is not None:
            margin = risk.open_e6(buys, sells, instrument.underlying.index_price_e6)
    if instrument.is_option:
        return margin - qty * instrument.mark_lot_e6
    return margin - unrealised_e6(holding)


def group_key(instrument: Instrument) -> tuple[str, int]:
    """Return which spread group an option belongs to: underlying and expiry."""
    return instrument.underlying.name, instrument.expiry_ns


def spread_leg(instrument: Instrument, qty_lots: int, buys: int, sells: int) -> SpreadLeg:
    """Return a position in an option as a leg of its group, with its open lots."""
    bought = initial_e6(instrument, qty_lots + buys)
    sold = initial_e6(instrument, qty_lots - sells)
    return SpreadLeg(
        instrument.contract,
        qty_lots,
        initial_e6(instrument, qty_lots),
        maintenance_e6(instrument, qty_lots),
        bought if bought > sold else sold,
        qty_lots - sells,
    )


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


def gain_if_filled_e6(order: Order, value_e6: int, fee_e6: int) -> int:
    """Return the change of collateral if the order filled whole at its price ([MRG-1])."""
    instrument = order.instrument
    is_buy = order.side == _BUY
    gain = -fee_e6 - (value_e6 if is_buy else -value_e6)
    if not instrument.is_option or order.account.mode == _PORTFOLIO:
        marked = order.remaining_lots * instrument.mark_lot_e6
        gain += marked if is_buy else -marked
    return gain


def account_value_e6(account: Account) -> int:
    """Return what would be left if all positions closed at their marks: V of [LIQ-1]."""
    value = account.cash_e6
    for holding in account.holdings.values():
        if holding.qty_lots:
            value += holding.qty_lots * holding.instrument.mark_lot_e6
            if not holding.instrument.is_option:
                value -= holding.cost_e6
    return value


def leaves_no_hole(account: Account, value_e6: int, change_e6: int) -> bool:
    """Return whether a loss of value is the account's own: what open orders may take is not.

    `value_e6` is V after it; `change_e6` leaves fees out, so whoever owes may close at the mark.
    """
    return change_e6 >= 0 or value_e6 >= set_aside_e6(account)


def initial_change_e6(core: ExchangeCore, holding: Holding, before: int, after: int) -> int:
    """Return by how much IM of the account grows if one position changes from `before`.

    The account must be up to date.
    """
    account, instrument = holding.account, holding.instrument
    mode = account.mode
    if mode == _STANDARD or (mode == _SPREAD and not instrument.is_option):
        return initial_e6(instrument, after) - initial_e6(instrument, before)
    number = instrument.instrument
    if mode == _SPREAD:
        group = account.groups[group_key(instrument)]
        leg = spread_leg(instrument, after, 0, 0)
        return group.margin_if(number, leg).initial_e6 - group.initial_e6
    risk = lot_risk(core, instrument)
    portfolio = account.portfolios.get(instrument.underlying.name)
    if risk is None or portfolio is None:
        return 0
    index = instrument.underlying.index_price_e6
    return portfolio.initial_if(number, risk, after, index) - portfolio.initial_e6


def _admits_any(core: ExchangeCore, order: Order, value_e6: int, fee_e6: int) -> bool:
    """Decide on the whole sum of the account, for all that the short way above leaves out."""
    account, holding = order.account, order.holding
    refresh_account(core, account)
    buys, sells = counted_lots(holding, order, None)
    others = account.margin_e6 - holding.margin_e6
    margin = others + part_e6(core, holding, buys, sells) + holding.shortfall_e6
    instrument = order.instrument
    if account.mode == _SPREAD and instrument.is_option:
        leg = spread_leg(instrument, holding.qty_lots, buys, sells)
        group = account.groups.get(group_key(instrument)) or SpreadGroup()
        margin += group.margin_if(instrument.instrument, leg).with_open_e6 - group.with_open_e6
    free = account.cash_e6 - margin - account.reserve_e6 - order.reserve_e6
    return free >= 0 or (is_reducing(order) and _helps(core, order, value_e6, fee_e6))


def _helps(core: ExchangeCore, order: Order, value_e6: int, fee_e6: int) -> bool:
    """Return whether the order, filled whole at its price, does not lower collateral - IM.

    Nor may it, at whatever price, make the account owe what it does not have.
    """
    before = order.holding.qty_lots
    after = before + (order.remaining_lots if order.side == _BUY else -order.remaining_lots)
    gain = gain_if_filled_e6(order, value_e6, fee_e6)
    if gain - initial_change_e6(core, order.holding, before, after) < 0:
        return False
    cost = value_e6 if order.side == _BUY else -value_e6
    change = (after - before) * order.instrument.mark_lot_e6 - cost
    value = account_value_e6(order.account) + change - fee_e6
    return leaves_no_hole(order.account, value, change)


def _follow_prices(core: ExchangeCore, account: Account) -> None:
    """Bring the holdings of a standard account up to date."""
    for holding in account.holdings.values():
        refresh_prices(holding.instrument)
        if holding.seen_version != holding.instrument.version:
            _refresh_holding(core, account, holding)


def _follow_marks(core: ExchangeCore, account: Account) -> None:
    """Bring the holdings of a portfolio up to date.

    Beside marks, the index matters to what is open, and the rates to what is expired.
    """
    for holding in account.holdings.values():
        is_expired = holding.qty_lots != 0 and holding.instrument.settlement is not None
        is_moved = holding.seen_version != holding.instrument.mark_version
        if is_moved or holding.orders or is_expired:
            _refresh_holding(core, account, holding)


def _refresh_holding(core: ExchangeCore, account: Account, holding: Holding) -> None:
    instrument, qty = holding.instrument, holding.qty_lots
    is_expired = instrument.settlement is not None
    if account.mode != _PORTFOLIO or is_expired:
        refresh_prices(instrument)
    if account.is_plain:
        buys, sells = holding.open_buy_lots, holding.open_sell_lots
    else:
        buys, sells = counted_lots(holding, None, None)
        if account.mode == _PORTFOLIO:
            _count_in_portfolio(core, account, holding)
        elif account.mode == _SPREAD and instrument.is_option:
            _count_in_group(account, instrument, spread_leg(instrument, qty, buys, sells))
    is_portfolio = account.mode == _PORTFOLIO
    version = instrument.mark_version if is_portfolio else instrument.version
    if holding.shortfall_e6 or holding.seen_version != version:
        holding.seen_version = version
        holding.shortfall_e6 = holding_shortfall_e6(holding)
    margin = part_e6(core, holding, buys, sells) + holding.shortfall_e6
    if is_expired:
        margin += expired_margin(account, instrument, qty)[0]
    account.margin_e6 += margin - holding.margin_e6
    holding.margin_e6 = margin


def _count_in_group(account: Account, instrument: Instrument, leg: SpreadLeg) -> None:
    """Enter a position and its open lots in the spread group."""
    key = group_key(instrument)
    group = account.groups.get(key)
    if group is None:
        group = account.groups[key] = SpreadGroup()
    group.count(instrument.instrument, leg)


def _count_in_portfolio(core: ExchangeCore, account: Account, holding: Holding) -> None:
    """Enter a position in the sums of its underlying: new ones if the model is new.

    Scenario values are not asked for where the position is flat.
    """
    instrument, qty = holding.instrument, holding.qty_lots
    name = instrument.underlying.name
    portfolio = account.portfolios.get(name)
    risk = lot_risk(core, instrument) if qty else None
    if risk is None:
        if portfolio is not None:
            portfolio.drop(instrument.instrument)
        return
    if portfolio is None or portfolio.portfolio.grid is not risk.grid:
        if portfolio is not None:
            account.margin_e6 -= portfolio.initial_e6
        portfolio = account.portfolios[name] = UnderlyingPortfolio(risk.grid)
    portfolio.count(instrument.instrument, risk, qty)


def _refresh_groups(core: ExchangeCore, account: Account) -> None:
    """Recompute the margin of groups and portfolios whose positions or prices moved."""
    for group in account.groups.values():
        if group.is_stale:
            account.margin_e6 -= group.with_open_e6
            group.refresh()
            account.margin_e6 += group.with_open_e6
    for name, portfolio in account.portfolios.items():
        index = core.underlyings[name].index_price_e6
        if portfolio.is_stale or portfolio.index_e6 != index:
            account.margin_e6 -= portfolio.initial_e6
            portfolio.refresh(index)
            account.margin_e6 += portfolio.initial_e6

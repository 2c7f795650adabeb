"""Every derived value of a core, as plain comparable data: what no digest can see ([MRG-4])."""

from lockstep_engine.lifecycle.expiry import orders_of
from lockstep_engine.lifecycle.timers import (
    FUNDING,
    INSTRUMENT_EXPIRY,
    MMP_THAW,
    ORDER_EXPIRY,
)
from lockstep_engine.risk.margin import refresh_account
from lockstep_engine.risk.spread import SpreadGroup
from lockstep_engine.risk.standard import refresh_prices
from lockstep_engine.risk.sums import UnderlyingPortfolio
from lockstep_engine.state import Account, BookSide, ExchangeCore, Holding, Instrument, Order

Derived = dict[str, object]
"""Name of a value -> the value; equal states have equal ones."""


def derived_values(core: ExchangeCore) -> Derived:
    """Return all derived values after bringing the lazy ones up to date. O(state log state)."""
    values: Derived = {"changed levels": len(core.changed_levels)}
    values["relieved"] = len(core.relieved)
    values["GTD orders"] = sorted(core.expiring)
    values["frozen"] = sorted(core.frozen)
    values["expiries"] = sorted(
        (key, [instrument.instrument for instrument in instruments])
        for key, instruments in core.expiries.items()
    )
    for surface in core.surfaces.values():
        values[f"surface {surface.underlying}/{surface.expiry_ns} strikes"] = surface.strikes
    for instrument in core.instruments.values():
        _add_instrument(values, instrument)
    for account in core.accounts.values():
        refresh_account(core, account)
        _add_account(values, core, account)
        for holding in account.holdings.values():
            _add_holding(values, holding)
    _add_unarmed(values, core)
    return values


def _add_unarmed(values: Derived, core: ExchangeCore) -> None:
    """Add what has no timer and should have one."""
    due = dict.fromkeys(core.timers)
    values["unarmed GTD orders"] = sorted(
        order.order_id
        for order in core.expiring.values()
        if (order.expires_ns, ORDER_EXPIRY, order.order_id, "") not in due
    )
    values["fundings"] = sorted(
        (found.instrument, found.next_ns) for found in core.fundings.values()
    )
    values["unarmed fundings"] = sorted(
        funding.instrument
        for funding in core.fundings.values()
        if (funding.next_ns, FUNDING, funding.instrument, "") not in due
    )
    values["unarmed instruments"] = sorted(
        instrument.instrument
        for instrument in core.instruments.values()
        if instrument.expiry_ns > core.now_ns
        and (instrument.expiry_ns, INSTRUMENT_EXPIRY, instrument.instrument, "") not in due
    )
    values["unarmed thaws"] = sorted(
        key for key, mmp in core.frozen.items() if (mmp.frozen_until_ns, MMP_THAW, *key) not in due
    )


def _add_instrument(values: Derived, instrument: Instrument) -> None:
    refresh_prices(instrument)
    name = f"instrument {instrument.instrument}"
    settlement = instrument.settlement
    values[f"{name} clearing"] = instrument.clearing_e6
    values[f"{name} settlement"] = None if settlement is None else settlement.price_e6
    values[f"{name} lots"] = (
        instrument.mark_lot_e6,
        instrument.index_lot_e6,
        instrument.long_lot_e6,
        instrument.short_lot_e6,
        instrument.short_maintenance_e6,
        instrument.addon_product,
    )
    values[f"{name} fresh until"] = instrument.fresh_until_ns
    values[f"{name} bids"] = _side(instrument.bids)
    values[f"{name} asks"] = _side(instrument.asks)


def _side(side: BookSide) -> object:
    """Return the queues of a side as the keys, the best and what the levels say."""
    queues = [(order.price_ticks, order.order_id, _is_linked(order)) for order in orders_of(side)]
    totals = sorted((price, level.total_lots) for price, level in side.levels.items())
    best = None if side.best is None else side.best.price_ticks
    return queues, totals, list(side.keys), best, sorted(side.emptied)


def _is_linked(order: Order) -> bool:
    """Return whether the order's neighbours and level agree with it."""
    level = order.level
    if level is None or level.price_ticks != order.price_ticks:
        return False
    ahead = level.head is order if order.ahead is None else order.ahead.behind is order
    behind = level.tail is order if order.behind is None else order.behind.ahead is order
    return ahead and behind


def _add_account(values: Derived, core: ExchangeCore, account: Account) -> None:
    name = f"account {account.account}"
    values[f"{name} orders"] = sorted(account.orders)
    values[f"{name} client ids"] = sorted(
        (client_id, order.order_id) for client_id, order in account.client_ids.items()
    )
    values[f"{name} quotes"] = sorted(
        (quote_set, place, order.order_id)
        for quote_set, quotes in account.quote_sets.items()
        for place, order in quotes.items()
    )
    root_nonces = account.root_nonces
    is_linked = root_nonces is None or root_nonces is core.nonces.get(account.root)
    values[f"{name} root nonces"] = is_linked
    values[f"{name} sums"] = (account.margin_e6, account.reserve_e6)
    values[f"{name} margin mode"] = (account.has_relief, account.is_plain)
    for (underlying, expiry_ns), group in account.groups.items():
        if group.legs:
            key = f"{name} group {underlying}/{expiry_ns}"
            values[key] = _group(group)
    for underlying, portfolio in account.portfolios.items():
        if portfolio.legs:
            values[f"{name} portfolio {underlying}"] = _portfolio(portfolio)
    for mmp in account.mmps.values():
        sums = mmp.sums
        window = [(fill.number, fill.amount_e16) for fill in mmp.window]
        values[f"{name} protection {mmp.underlying}"] = (
            window,
            (sums.qty_e16, sums.delta_e25, sums.vega_e25),
        )


def _group(found: SpreadGroup) -> object:
    """Return the legs of a spread group and its margin."""
    return (sorted(found.legs), found.initial_e6, found.maintenance_e6, found.with_open_e6)


def _portfolio(found: UnderlyingPortfolio) -> object:
    """Return the sums of a portfolio, by expiry."""
    expiries = [
        (
            expiry_ns,
            found.counts[expiry_ns],
            list(sums.values_e6),
            (sums.basis_up_e6, sums.basis_down_e6, sums.marks_e6, sums.short_marks_e6),
            sums.naked_e16,
            sorted(net for net in sums.nets_e16.items() if net[1]),
        )
        for expiry_ns, sums in sorted(found.expiries.items())
    ]
    sums = found.portfolio
    margin = (found.initial_e6, found.maintenance_e6)
    return margin, list(sums.gains_e6), sums.gross_e16, len(sums.expiries), expiries


def _add_holding(values: Derived, holding: Holding) -> None:
    """Add a holding unless it is empty: an empty one is the same as none."""
    if not (holding.qty_lots or holding.cost_e6 or holding.orders):
        return
    name = f"holding {holding.account.account}/{holding.instrument.instrument}"
    values[name] = (
        holding.open_buy_lots,
        holding.open_sell_lots,
        sorted(holding.orders),
        [order.order_id for order in holding.reduce_only_buys],
        [order.order_id for order in holding.reduce_only_sells],
        sorted(holding.mmp_orders),
        holding.margin_e6,
        holding.shortfall_e6,
    )

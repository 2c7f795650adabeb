"""Every derived value of a core, as plain comparable data: what no digest can see ([MRG-4])."""

from lockstep_engine.lifecycle.expiry import orders_of
from lockstep_engine.risk.margin import refresh_account, refresh_prices
from lockstep_engine.state import Account, BookSide, ExchangeCore, Holding, Instrument, Order

Derived = dict[str, object]
"""Name of a value -> the value; equal states have equal ones."""


def derived_values(core: ExchangeCore) -> Derived:
    """Return all derived values after bringing the lazy ones up to date. O(state log state)."""
    values: Derived = {"changed levels": len(core.changed_levels)}
    values["GTD orders"] = sorted(core.expiring)
    for instrument in core.instruments.values():
        _add_instrument(values, instrument)
    for account in core.accounts.values():
        refresh_account(core, account)
        _add_account(values, core, account)
        for holding in account.holdings.values():
            _add_holding(values, holding)
    due = dict.fromkeys(core.timers)
    values["unarmed GTD orders"] = sorted(
        order.order_id
        for order in core.expiring.values()
        if (order.expires_ns, 2, order.order_id) not in due
    )
    values["unarmed instruments"] = sorted(
        instrument.instrument
        for instrument in core.instruments.values()
        if instrument.expiry_ns > core.now_ns
        and (instrument.expiry_ns, 3, instrument.instrument) not in due
    )
    return values


def _add_instrument(values: Derived, instrument: Instrument) -> None:
    refresh_prices(instrument)
    name = f"instrument {instrument.instrument}"
    values[f"{name} clearing"] = instrument.clearing_e6
    values[f"{name} lots"] = (
        instrument.mark_lot_e6,
        instrument.index_lot_e6,
        instrument.long_lot_e6,
        instrument.short_lot_e6,
    )
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


def _add_holding(values: Derived, holding: Holding) -> None:
    """Add a holding unless it is empty: an empty one is the same as none."""
    if not (holding.qty_lots or holding.cost_e6 or holding.open_orders):
        return
    name = f"holding {holding.account.account}/{holding.instrument.instrument}"
    values[name] = (
        holding.open_buy_lots,
        holding.open_sell_lots,
        holding.open_orders,
        [order.order_id for order in holding.reduce_only_buys],
        [order.order_id for order in holding.reduce_only_sells],
        holding.margin_e6,
    )

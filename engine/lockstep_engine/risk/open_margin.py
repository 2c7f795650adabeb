"""Open margin as [MRG-4] says it, computed from nothing; for checks and reports."""

from typing import Final

from lockstep_engine.codes import MarginMode
from lockstep_engine.risk.lots import lot_risk
from lockstep_engine.risk.margin import group_key, spread_leg
from lockstep_engine.risk.open_lots import counted_lots
from lockstep_engine.risk.spread import SpreadGroup
from lockstep_engine.risk.standard import initial_e6, refresh_prices
from lockstep_engine.state import Account, ExchangeCore, Holding

_SPREAD: Final = int(MarginMode.STANDARD_SPREAD)
_PORTFOLIO: Final = int(MarginMode.PORTFOLIO)


def open_margin_e6(core: ExchangeCore, holding: Holding, counted: tuple[int, int], qty: int) -> int:
    """Return the open margin with (buys, sells) that count in a holding, and `qty` lots held in it.

    It is that of the holding; of an option in STANDARD_SPREAD that of its whole group, so only
    differences say something of one holding.
    """
    instrument = holding.instrument
    refresh_prices(instrument)
    buys, sells = counted
    mode = holding.account.mode
    if mode == _SPREAD and instrument.is_option:
        group = _group_of(holding)
        margin = group.margin_if(instrument.instrument, spread_leg(instrument, qty, buys, sells))
        return margin.with_open_e6 - margin.initial_e6
    if mode != _PORTFOLIO:
        worst = max(initial_e6(instrument, qty + buys), initial_e6(instrument, qty - sells))
        return worst - initial_e6(instrument, qty)
    risk = lot_risk(core, instrument) if buys or sells else None
    if risk is None:
        return 0
    index = instrument.underlying.index_price_e6
    return max(buys * risk.alone_e6(1, index)[0], sells * risk.alone_e6(-1, index)[0])


def account_open_margin_e6(core: ExchangeCore, account: Account) -> int:
    """Return the open margin of an account. Where no lots are open there is none in any mode."""
    total = 0
    counted_groups: list[tuple[str, int]] = []
    for holding in account.holdings.values():
        if not holding.orders:
            continue
        if account.mode == _SPREAD and holding.instrument.is_option:
            key = group_key(holding.instrument)
            if key in counted_groups:
                continue
            counted_groups.append(key)
        total += open_margin_e6(core, holding, counted_lots(holding, None, None), holding.qty_lots)
    return total


def _group_of(holding: Holding) -> SpreadGroup:
    """Return the spread group of an option with its open lots, made anew."""
    group = SpreadGroup()
    key = group_key(holding.instrument)
    for other in holding.account.holdings.values():
        instrument = other.instrument
        if instrument.is_option and group_key(instrument) == key:
            refresh_prices(instrument)
            leg = spread_leg(instrument, other.qty_lots, *counted_lots(other, None, None))
            group.count(instrument.instrument, leg)
    return group

"""Margin of any positions under any mode, computed from nothing ([MRG-1] to [MRG-3]).

What the cached sums of risk.margin must come to: the invariants compare with it, and previews and
reports are built on it. It reads instruments and prices and changes nothing that counts.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from lockstep_engine.codes import MarginMode
from lockstep_engine.risk.expired import expired_margin
from lockstep_engine.risk.lots import lot_risk
from lockstep_engine.risk.margin import group_key, spread_leg
from lockstep_engine.risk.spread import SpreadGroup
from lockstep_engine.risk.standard import initial_e6, maintenance_e6, refresh_prices
from lockstep_engine.risk.sums import UnderlyingPortfolio
from lockstep_engine.state import Account, ExchangeCore, Instrument

_SPREAD: Final = int(MarginMode.STANDARD_SPREAD)
_PORTFOLIO: Final = int(MarginMode.PORTFOLIO)


class Position(NamedTuple):
    """Signed lots of an instrument and what they cost."""

    instrument: Instrument
    qty_lots: int
    cost_e6: int


class Assessment(NamedTuple):
    """What positions are worth and need. `option_value_e6` counts as collateral in PORTFOLIO."""

    unrealised_e6: int
    option_value_e6: int
    initial_e6: int
    maintenance_e6: int
    groups: dict[tuple[str, int], SpreadGroup]
    portfolios: dict[str, UnderlyingPortfolio]


def positions_of(account: Account) -> list[Position]:
    """Return the positions of an account that are not flat, by instrument."""
    return [
        Position(holding.instrument, holding.qty_lots, holding.cost_e6)
        for _number, holding in sorted(account.holdings.items())
        if holding.qty_lots
    ]


def assess(core: ExchangeCore, account: Account, positions: Sequence[Position]) -> Assessment:
    """Return what the positions are worth and need together in the account's mode and fee tier.

    O(positions x scenarios).
    """
    mode = account.mode
    groups: dict[tuple[str, int], SpreadGroup] = {}
    portfolios: dict[str, UnderlyingPortfolio] = {}
    unrealised = option_value = initial = maintenance = 0
    for instrument, qty, cost in positions:
        refresh_prices(instrument)
        name = instrument.underlying.name
        if instrument.is_option:
            option_value += qty * instrument.mark_lot_e6
        else:
            unrealised += qty * instrument.mark_lot_e6 - cost
        beside = expired_margin(account, instrument, qty)
        initial += beside[0]
        maintenance += beside[1]
        if mode == _PORTFOLIO:
            _count(core, portfolios, instrument, qty)
        elif mode == _SPREAD and instrument.is_option:
            group = groups.setdefault(group_key(instrument), SpreadGroup())
            group.count(instrument.instrument, spread_leg(instrument, qty, 0, 0))
        else:
            initial += initial_e6(instrument, qty)
            maintenance += maintenance_e6(instrument, qty)
    for group in groups.values():
        group.refresh()
        initial += group.initial_e6
        maintenance += group.maintenance_e6
    for name, portfolio in portfolios.items():
        portfolio.refresh(core.underlyings[name].index_price_e6)
        initial += portfolio.initial_e6
        maintenance += portfolio.maintenance_e6
    return Assessment(unrealised, option_value, initial, maintenance, groups, portfolios)


def collateral_e6(account: Account, assessment: Assessment) -> int:
    """Return what stands against the margin of the account ([MRG-1])."""
    collateral = account.cash_e6 + assessment.unrealised_e6
    return collateral + assessment.option_value_e6 if account.mode == _PORTFOLIO else collateral


def _count(
    core: ExchangeCore,
    portfolios: dict[str, UnderlyingPortfolio],
    instrument: Instrument,
    qty_lots: int,
) -> None:
    risk = lot_risk(core, instrument)
    if risk is None:
        return
    name = instrument.underlying.name
    portfolio = portfolios.setdefault(name, UnderlyingPortfolio(risk.grid))
    portfolio.count(instrument.instrument, risk, qty_lots)

"""How an account stands: what liquidation decides by ([LIQ-1])."""

from typing import Final, NamedTuple

from lockstep_engine.codes import MarginMode
from lockstep_engine.risk.assessment import assess, collateral_e6, positions_of
from lockstep_engine.risk.expired import expired_margin
from lockstep_engine.risk.lots import lot_risk
from lockstep_engine.risk.margin import (
    account_value_e6,
    initial_change_e6,
    refresh_account,
)
from lockstep_engine.risk.standard import initial_e6, maintenance_e6, refresh_prices
from lockstep_engine.state import Account, ExchangeCore, Holding

_PORTFOLIO: Final = int(MarginMode.PORTFOLIO)


class Standing(NamedTuple):
    """Collateral and margin of an account, and its value: what is left if all closes at marks."""

    collateral_e6: int
    initial_e6: int
    maintenance_e6: int
    value_e6: int

    def is_below_maintenance(self) -> bool:
        """Return whether the account may be liquidated."""
        return self.collateral_e6 < self.maintenance_e6

    def losable_e6(self) -> int:
        """Return what closing positions may take from it: all its value, but no more than its
        collateral; what options add to the value of a standard account is not at stake.
        """
        return min(self.value_e6, max(0, self.collateral_e6))

    def is_enough(self) -> bool:
        """Return whether a liquidation may end: IM is there, and MM, which may be the higher."""
        return self.collateral_e6 >= max(self.initial_e6, self.maintenance_e6)


def standing_of(core: ExchangeCore, account: Account) -> Standing:
    """Return how the account stands at the marks now. O(positions x scenarios)."""
    found = assess(core, account, positions_of(account))
    return Standing(
        collateral_e6(account, found),
        found.initial_e6,
        found.maintenance_e6,
        account_value_e6(account),
    )


def alone_e6(core: ExchangeCore, holding: Holding) -> tuple[int, int]:
    """Return IM and MM of a position by itself in its account's mode, outside every group."""
    instrument, qty = holding.instrument, holding.qty_lots
    refresh_prices(instrument)
    initial, maintenance = expired_margin(holding.account, instrument, qty)
    if holding.account.mode != _PORTFOLIO:
        return initial + initial_e6(instrument, qty), maintenance + maintenance_e6(instrument, qty)
    risk = lot_risk(core, instrument)
    if risk is None:
        return initial, maintenance
    return risk.alone_e6(qty, instrument.underlying.index_price_e6)


def closing_helps(core: ExchangeCore, holding: Holding) -> bool:
    """Return whether closing a position at its mark would not lower collateral - IM."""
    account, instrument, qty = holding.account, holding.instrument, holding.qty_lots
    refresh_account(core, account)
    is_paid = instrument.is_option and account.mode != _PORTFOLIO
    gain = qty * instrument.mark_lot_e6 if is_paid else 0
    return gain - initial_change_e6(core, holding, qty, 0) >= 0

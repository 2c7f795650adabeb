"""CashIsConserved: cash less debt, fees, insurance and clearing cash are net deposits ([POS-3])."""

from lockstep_engine.state import ExchangeCore
from lockstep_kernel.errors import check


def cash_is_conserved(core: ExchangeCore) -> None:
    """Sum all cash less debt, fees, insurance and -(open cost of futures and perpetuals)."""
    total = core.treasury.fees_e6 + core.treasury.insurance_e6
    for account in core.accounts.values():
        total += account.cash_e6 - account.debt_e6
        for holding in account.holdings.values():
            if not holding.instrument.is_option:
                total -= holding.cost_e6
    expected = core.treasury.net_deposits_e6
    check(total == expected, f"cash is conserved: expected {expected} e6, found {total} e6")

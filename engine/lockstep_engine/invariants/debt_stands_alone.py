"""DebtStandsAlone: who owes has no positions, no orders and no negative cash ([LIQ-2])."""

from lockstep_engine.state import ExchangeCore
from lockstep_kernel.errors import check


def debt_stands_alone(core: ExchangeCore) -> None:
    """Look at every account with debt."""
    for account in core.accounts.values():
        debt, cash = account.debt_e6, account.cash_e6
        if debt == 0:
            continue
        positions = sum(1 for holding in account.holdings.values() if holding.qty_lots)
        check(
            debt > 0 and cash >= 0 and not account.orders and not positions,
            f"debt stands alone: account {account.account} owes {debt} e6 and has {cash} e6 cash, "
            f"{len(account.orders)} orders, {positions} positions",
        )

"""MarginMatchesPositions: the sum of an account is what its positions and orders need ([MRG-6])."""

from lockstep_engine.risk.assessment import assess, collateral_e6, positions_of
from lockstep_engine.risk.margin import free_e6
from lockstep_engine.risk.open_margin import account_open_margin_e6
from lockstep_engine.risk.shortfall import account_shortfall_e6
from lockstep_engine.state import ExchangeCore
from lockstep_kernel.errors import check


def margin_matches_positions(core: ExchangeCore) -> None:
    """Compute the margin of every account from nothing and compare what is free."""
    for account in core.accounts.values():
        assessed = assess(core, account, positions_of(account))
        opened = account_open_margin_e6(core, account)
        collateral = collateral_e6(account, assessed)
        aside = account.reserve_e6 + account_shortfall_e6(account)
        expected = collateral - assessed.initial_e6 - opened - aside
        found = free_e6(core, account)
        where = f"account {account.account}"
        check(found == expected, f"free of {where}: expected {expected}, found {found}")

"""ClearingMatchesOpenCost: clearing cash is minus the cost of all open positions ([POS-2])."""

from lockstep_engine.state import ExchangeCore
from lockstep_kernel.errors import check


def clearing_matches_open_cost(core: ExchangeCore) -> None:
    """Compare the running clearing cash of every instrument with its positions."""
    totals = dict.fromkeys(core.instruments, 0)
    for account in core.accounts.values():
        for number, holding in account.holdings.items():
            if not holding.instrument.is_option:
                totals[number] -= holding.cost_e6
    for number, total in totals.items():
        found = core.instruments[number].clearing_e6
        check(found == total, f"clearing of instrument {number}: expected {total}, found {found}")

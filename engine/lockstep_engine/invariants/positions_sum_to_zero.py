"""PositionsSumToZero: per instrument, what some are long others are short ([POS-3])."""

from lockstep_engine.state import ExchangeCore
from lockstep_kernel.errors import check


def positions_sum_to_zero(core: ExchangeCore) -> None:
    """Sum the positions of every instrument."""
    totals = dict.fromkeys(core.instruments, 0)
    for account in core.accounts.values():
        for number, holding in account.holdings.items():
            totals[number] += holding.qty_lots
    for number, total in totals.items():
        check(total == 0, f"positions sum to zero: instrument {number} has {total} lots")

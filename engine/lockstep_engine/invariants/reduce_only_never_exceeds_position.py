"""ReduceOnlyNeverExceedsPosition: reduce-only orders can close, and never open ([ORD-4])."""

from lockstep_engine.codes import Side
from lockstep_engine.matching.reduce_only import reduce_only_left
from lockstep_engine.state import ExchangeCore
from lockstep_kernel.errors import check


def reduce_only_never_exceeds_position(core: ExchangeCore) -> None:
    """Compare the reduce-only orders of every holding with its position."""
    for account in core.accounts.values():
        for number, holding in account.holdings.items():
            if not holding.reduce_only_buys and not holding.reduce_only_sells:
                continue
            left = min(reduce_only_left(holding, Side.BUY), reduce_only_left(holding, Side.SELL))
            where = f"account {account.account} in {number}"
            check(left >= 0, f"reduce-only orders of {where} exceed its position by {-left}")

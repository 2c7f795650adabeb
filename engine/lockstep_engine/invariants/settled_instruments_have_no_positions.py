"""SettledInstrumentsHaveNoPositions: what is settled is closed ([SET-2])."""

from typing import Final

from lockstep_engine.codes import InstrumentStatus
from lockstep_engine.state import ExchangeCore
from lockstep_kernel.errors import check

_SETTLED: Final = int(InstrumentStatus.SETTLED)


def settled_instruments_have_no_positions(core: ExchangeCore) -> None:
    """Look at every position."""
    for account in core.accounts.values():
        for number, holding in account.holdings.items():
            if holding.qty_lots == 0 and holding.cost_e6 == 0:
                continue
            check(
                holding.instrument.status != _SETTLED,
                f"settled instruments have no positions: account {account.account} has "
                f"{holding.qty_lots} lots in {number}",
            )

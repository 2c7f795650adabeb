"""What expired positions need beyond [MRG-2], outside every group and portfolio ([MRG-3]).

They follow no index and stand in no scenario; once their price is final, only what they pay and the
fee of settling them are left.
"""

from typing import Final

from lockstep_engine.codes import MarginMode
from lockstep_engine.money.fees import settlement_fee_e6
from lockstep_engine.risk.standard import initial_e6, maintenance_e6
from lockstep_engine.state import Account, Instrument

_PORTFOLIO: Final = int(MarginMode.PORTFOLIO)


def expired_margin(account: Account, instrument: Instrument, qty_lots: int) -> tuple[int, int]:
    """Return what a position adds to IM and MM beside its group and portfolio, 0 if it is live.

    In PORTFOLIO, which has it in no sum, that is what STANDARD asks, less the mark of a short
    option: collateral lacks that already. Values per lot must be up to date.
    """
    if instrument.settlement is None or qty_lots == 0:
        return 0, 0
    fee = final_fee_e6(account, instrument, qty_lots)
    if account.mode != _PORTFOLIO:
        return fee, fee
    is_short_option = instrument.is_option and qty_lots < 0
    beside = fee + qty_lots * instrument.mark_lot_e6 if is_short_option else fee
    return beside + initial_e6(instrument, qty_lots), beside + maintenance_e6(instrument, qty_lots)


def final_fee_e6(account: Account, instrument: Instrument, qty_lots: int) -> int:
    """Return the fee of settling a position, 0 as long as its price may change."""
    settlement = instrument.settlement
    if settlement is None or not settlement.is_final:
        return 0
    return settlement_fee_e6(instrument, account.fees, qty_lots)


def note_fees(account: Account) -> None:
    """Have the margin of expired positions computed anew: it has a fee of the account's tier.

    O(holdings).
    """
    for holding in account.holdings.values():
        is_concerned = holding.qty_lots != 0 and holding.instrument.settlement is not None
        if is_concerned and not holding.is_dirty:
            holding.is_dirty = True
            account.dirty.append(holding)

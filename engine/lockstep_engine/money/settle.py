"""One fill's effect on a position and its account ([POS-1], [POS-2])."""

from lockstep_engine.state import ExchangeCore, Holding
from lockstep_kernel.arith import div_trunc


def note_moved(core: ExchangeCore, holding: Holding) -> None:
    """Have a position that changed, and its account, rehashed and their margin computed anew."""
    if not holding.is_dirty:
        holding.is_dirty = True
        holding.account.dirty.append(holding)
    core.touch(holding)
    core.touch(holding.account)


def settle_side(
    core: ExchangeCore, holding: Holding, signed_lots: int, signed_value_e6: int, fee_e6: int
) -> int:
    """Book a fill of `signed_lots` worth `signed_value_e6` and its fee; return the realised profit.

    old cost + signed value = new cost - realised, exactly. Futures and perpetuals move realised
    profit against the instrument's clearing cash; options move their value.
    """
    account = holding.account
    instrument = holding.instrument
    qty = holding.qty_lots
    cost = holding.cost_e6
    realised = 0
    if (qty >= 0) == (signed_lots > 0) or qty == 0:
        new_cost = cost + signed_value_e6
    else:
        lots = signed_lots if signed_lots > 0 else -signed_lots
        held = qty if qty > 0 else -qty
        closed = lots if lots < held else held
        released = cost if closed == held else div_trunc(cost * closed, held)
        closed_value = signed_value_e6 * closed // lots
        realised = -released - closed_value
        new_cost = cost - released + signed_value_e6 - closed_value
    holding.qty_lots = qty + signed_lots
    holding.cost_e6 = new_cost
    if instrument.is_option:
        account.cash_e6 -= signed_value_e6 + fee_e6
    else:
        account.cash_e6 += realised - fee_e6
        instrument.clearing_e6 -= new_cost - cost
    if not holding.is_dirty:
        holding.is_dirty = True
        account.dirty.append(holding)
    if not holding.is_touched:
        holding.is_touched = True
        core.touched.append(holding)
    if not account.is_touched:
        account.is_touched = True
        core.touched.append(account)
    return realised

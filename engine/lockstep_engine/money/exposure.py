"""How much an account can come to hold at worst ([NUM-4]): what keeps all its amounts in 64 bits.

The worst lots of a holding never rise by what others do: neither a fill, a cancel nor an
auto-deleveraging raises them. So an account is looked at where it asks for more.
"""

from typing import Final

from lockstep_engine.codes import Side
from lockstep_engine.state import Account, ExchangeCore, Holding, Instrument
from lockstep_kernel.arith import div_ceil

EXPOSURE_MAX_E6: Final = 2**57

_BUY: Final = int(Side.BUY)


def exposure_e6(account: Account) -> int:
    """Return the exposure of an account: all its worst lots at their worst value. O(holdings)."""
    exposure = 0
    for holding in account.holdings.values():
        lots = _worst_lots(holding.qty_lots, holding.open_buy_lots, holding.open_sell_lots)
        exposure += lots * holding.instrument.worst_lot_e6
    return exposure


def added_exposure_e6(holding: Holding, side: int, qty_lots: int) -> int:
    """Return by how much so many open lots more on that side raise the exposure."""
    qty, buys, sells = holding.qty_lots, holding.open_buy_lots, holding.open_sell_lots
    before = _worst_lots(qty, buys, sells)
    if side == _BUY:
        buys += qty_lots
    else:
        sells += qty_lots
    return (_worst_lots(qty, buys, sells) - before) * holding.instrument.worst_lot_e6


def change_highest_price(core: ExchangeCore, instrument: Instrument, max_price_ticks: int) -> bool:
    """Have the instrument remember a new maximum price, unless it would expose somebody too much.

    It forgets the old ones when nobody is in it. O(accounts + holdings of those that are).
    """
    number, before = instrument.instrument, instrument.highest_price_ticks
    found: list[Account] = []
    for account in core.accounts.values():
        holding = account.holdings.get(number)
        if holding is not None and (holding.qty_lots or holding.orders):
            found.append(account)
    least = before if found else div_ceil(instrument.mark.price_e6, instrument.tick_e6)
    instrument.set_highest_price(max(max_price_ticks, least))
    exposures = [exposure_e6(account) for account in found]
    if exposures and max(exposures) > EXPOSURE_MAX_E6:
        instrument.set_highest_price(before)
        return False
    for account, exposure in zip(found, exposures, strict=True):
        account.exposure_e6 = exposure
    return True


def _worst_lots(qty_lots: int, buys: int, sells: int) -> int:
    """Return how many lots may be held or open at once: a side beyond the position it closes."""
    if qty_lots > sells:
        sells = qty_lots
    if -qty_lots > buys:
        buys = -qty_lots
    return buys + sells

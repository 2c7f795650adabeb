"""The open margin of a holding as [MRG-4] says it, from nothing; for checks and reports."""

from typing import Final

from lockstep_engine.codes import MarginMode
from lockstep_engine.risk.lots import lot_risk
from lockstep_engine.risk.standard import initial_e6, refresh_prices
from lockstep_engine.state import ExchangeCore, Holding

_STANDARD: Final = int(MarginMode.STANDARD)
_SPREAD: Final = int(MarginMode.STANDARD_SPREAD)


def open_margin_e6(core: ExchangeCore, holding: Holding, counted: tuple[int, int], qty: int) -> int:
    """Return the open margin of (buys, sells) that count, beside a position of `qty` lots."""
    instrument = holding.instrument
    refresh_prices(instrument)
    buys, sells = counted
    mode = holding.account.mode
    if mode == _STANDARD:
        worst = max(initial_e6(instrument, qty + buys), initial_e6(instrument, qty - sells))
        return worst - initial_e6(instrument, qty)
    if mode == _SPREAD:
        return max(initial_e6(instrument, buys), initial_e6(instrument, -sells))
    risk = lot_risk(core, instrument) if buys or sells else None
    if risk is None:
        return 0
    index = instrument.underlying.index_price_e6
    return max(buys * risk.alone_e6(1, index)[0], sells * risk.alone_e6(-1, index)[0])

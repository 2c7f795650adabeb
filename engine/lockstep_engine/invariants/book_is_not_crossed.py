"""BookIsNotCrossed: between commands the best bid is below the best ask ([BOOK-1])."""

from lockstep_engine.state import ExchangeCore
from lockstep_kernel.errors import check


def book_is_not_crossed(core: ExchangeCore) -> None:
    """Compare the extreme prices of both sides of every book."""
    for instrument in core.instruments.values():
        bids, asks = instrument.bids.levels, instrument.asks.levels
        if bids and asks:
            bid, ask = max(bids), min(asks)
            check(bid < ask, f"book {instrument.instrument} is crossed: bid {bid}, ask {ask}")

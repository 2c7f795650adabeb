"""Index and mark prices ([MRK-1])."""

from typing import Final

from lockstep_engine.codes import Code, InstrumentStatus
from lockstep_engine.commands import UpdateIndexPrice, UpdateMarkPrice
from lockstep_engine.events import IndexPriceUpdated, MarkPriceUpdated
from lockstep_engine.risk.margin import prices_moved
from lockstep_engine.state import Events, ExchangeCore

_ACCEPTED: Final = int(Code.ACCEPTED)
_BAD_PARAMETER: Final = int(Code.BAD_PARAMETER)
_INSTRUMENT_EXPIRED: Final = int(Code.INSTRUMENT_EXPIRED)
_UNKNOWN_INSTRUMENT: Final = int(Code.UNKNOWN_INSTRUMENT)
_UNKNOWN_UNDERLYING: Final = int(Code.UNKNOWN_UNDERLYING)
_EXPIRED: Final = int(InstrumentStatus.EXPIRED_PENDING_PRICE)


def update_index_price(core: ExchangeCore, action: UpdateIndexPrice, events: Events) -> int:
    """Set an underlying's index. O(1): instruments and accounts follow when they are used."""
    underlying = core.underlyings.get(action.underlying)
    if underlying is None:
        return _UNKNOWN_UNDERLYING
    if not 1 <= action.price_e6 <= underlying.max_index_price_e6:
        return _BAD_PARAMETER
    underlying.index_price_e6 = action.price_e6
    underlying.version += 1
    core.price_version += 1
    core.touch(underlying)
    events.append(IndexPriceUpdated(action.underlying, action.price_e6))
    return _ACCEPTED


def update_mark_price(core: ExchangeCore, action: UpdateMarkPrice, events: Events) -> int:
    """Set the mark of a future or perpetual. O(1)."""
    instrument = core.instruments.get(action.instrument)
    if instrument is None:
        return _UNKNOWN_INSTRUMENT
    if instrument.is_option:
        return _BAD_PARAMETER
    if instrument.status == _EXPIRED:
        return _INSTRUMENT_EXPIRED
    if not 1 <= action.price_e6 <= instrument.max_price_ticks * instrument.tick_e6:
        return _BAD_PARAMETER
    instrument.mark_price_e6 = action.price_e6
    prices_moved(core, instrument)
    core.touch(instrument)
    events.append(MarkPriceUpdated(action.instrument, action.price_e6))
    return _ACCEPTED

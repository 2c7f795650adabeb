"""The average of the index in which an expiry settles ([SET-1]): kept at each update, used once."""

from typing import Final

from lockstep_engine.entities import Underlying
from lockstep_engine.events import SettlementPriceSet
from lockstep_engine.lifecycle.entities import WINDOW_NS, IndexWindow, Settlement
from lockstep_engine.state import Events, ExchangeCore, Instrument

_DAY_NS: Final = 86_400 * 10**9
_NS_PER_S: Final = 10**9


def note_index(core: ExchangeCore, underlying: Underlying) -> None:
    """Count an update of the index, before it is made, if an expiry is near. O(1)."""
    now_ns = core.now_ns
    expiry_ns = _next_expiry_ns(underlying, now_ns)
    opens_ns = expiry_ns - WINDOW_NS
    if now_ns < opens_ns:
        return
    name, price = underlying.name, underlying.index_price_e6
    window = core.windows.get(name)
    if window is None or window.expiry_ns != expiry_ns:
        if window is not None:
            _drop(core, window)
        window = core.windows[name] = IndexWindow(name, expiry_ns, opens_ns if price else now_ns)
    window.add(price, now_ns)
    core.touch(window)


def settlement_of(core: ExchangeCore, instrument: Instrument, events: Events) -> Settlement:
    """Return the settlement of an instrument that expires now, fixed when it is the first one."""
    underlying, expiry_ns = instrument.underlying, instrument.expiry_ns
    name, price, samples = underlying.name, underlying.index_price_e6, 0
    settlement = core.settlements.get((name, expiry_ns))
    if settlement is not None:
        return settlement
    window = core.windows.get(name)
    if window is not None and window.expiry_ns == expiry_ns:
        price, samples = window.average_e6(price), window.samples
        _drop(core, window)
    is_final = price > 0 and samples >= underlying.min_samples
    settlement = Settlement(name, expiry_ns, price, samples, is_final)
    core.settlements[name, expiry_ns] = settlement
    core.touch(settlement)
    events.append(SettlementPriceSet(name, expiry_ns, price, samples, is_final))
    return settlement


def _next_expiry_ns(underlying: Underlying, now_ns: int) -> int:
    """Return the next time after now at which instruments of the underlying may expire."""
    time_ns = underlying.expiry_time_s * _NS_PER_S
    return ((now_ns - time_ns) // _DAY_NS + 1) * _DAY_NS + time_ns


def _drop(core: ExchangeCore, window: IndexWindow) -> None:
    window.is_live = False
    core.touch(window)
    del core.windows[window.underlying]

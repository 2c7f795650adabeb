"""The index in the last half hour before an expiry, and its average over time ([SET-1]).

Owns the records INDEX_WINDOW. Each underlying has at most one: of the window that was begun last.
"""

from lockstep_kernel import div_floor, div_half_even
from lockstep_naive.core import NaiveCore
from lockstep_naive.rows import IndexWindow, Underlying
from lockstep_naive.symbols import DAY_NS, SECOND_NS

WINDOW_NS = 1_800 * SECOND_NS
WEIGHED_BYTES = 16


def add_sample(core: NaiveCore, underlying: Underlying) -> None:
    """Weigh an index that is about to be replaced now, if now is in a window."""
    window = core.windows.get(underlying.name)
    expiry_ns = _next_expiry_ns(core, underlying)
    if core.now_ns < expiry_ns - WINDOW_NS:
        return
    if window is None or window.expiry_ns != expiry_ns:
        window = _begun(core, underlying, expiry_ns)
    weighed = _weighed_until(window, underlying, core.now_ns)
    core.windows.put(
        window._replace(
            since_ns=core.now_ns,
            samples=window.samples + 1,
            weighed=weighed.to_bytes(WEIGHED_BYTES, "big"),
        )
    )


def close_window(core: NaiveCore, key: tuple[str, int]) -> tuple[int, int]:
    """Return the average of (underlying, expiry_ns) and its samples; its record goes.

    Without an update in the window the index stood still in it, and the average is the index.
    """
    underlying = core.underlyings.must(key[0])
    window = core.windows.get(key[0])
    if window is None or window.expiry_ns != key[1]:
        return underlying.index_price_e6, 0
    core.windows.drop(key[0])
    weighed = _weighed_until(window, underlying, window.expiry_ns)
    return div_half_even(weighed, window.expiry_ns - window.open_ns), window.samples


def _next_expiry_ns(core: NaiveCore, underlying: Underlying) -> int:
    """Return the next time after now at which anything of an underlying can expire."""
    time_of_day_ns = underlying.expiry_time_s * SECOND_NS
    days = div_floor(core.now_ns - time_of_day_ns, DAY_NS) + 1
    return days * DAY_NS + time_of_day_ns


def _begun(core: NaiveCore, underlying: Underlying, expiry_ns: int) -> IndexWindow:
    """Return a window with nothing weighed yet: from its start, or from its first index."""
    is_first = underlying.index_price_e6 == 0
    open_ns = core.now_ns if is_first else expiry_ns - WINDOW_NS
    return IndexWindow(underlying.name, expiry_ns, open_ns, open_ns, 0, bytes(WEIGHED_BYTES))


def _weighed_until(window: IndexWindow, underlying: Underlying, at_ns: int) -> int:
    weighed = int.from_bytes(window.weighed, "big")
    return weighed + underlying.index_price_e6 * (at_ns - window.since_ns)

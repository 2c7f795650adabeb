"""Volatility surfaces ([MRK-2]): which ones are possible, and the volatility at a strike."""

from bisect import bisect_left
from math import isqrt
from typing import Final

from lockstep_engine.entities import Surface
from lockstep_engine.risk.detmath import price_e6
from lockstep_kernel.arith import div_floor

_POINTS_MAX: Final = 200
_STRIKE_MAX_E6: Final = 10**15
_VOL_MIN_E9: Final = 10**6
_VOL_MAX_E9: Final = 10**10

Points = tuple[tuple[int, int], ...]
"""(strike_e6, vol_e9), strikes rising strictly."""


def are_good_points(points: Points, forward_e6: int, to_expiry_ns: int) -> bool:
    """Return whether the points are in range, in order and do not cross. O(points)."""
    if not 1 <= len(points) <= _POINTS_MAX:
        return False
    last = 0
    for strike, vol in points:
        if not last < strike <= _STRIKE_MAX_E6 or not _VOL_MIN_E9 <= vol <= _VOL_MAX_E9:
            return False
        last = strike
    return not _is_crossing(points, forward_e6, to_expiry_ns)


def vol_at(surface: Surface, strike_e6: int) -> int:
    """Return the vol_e9 at a strike: variance is linear in it, flat beyond. O(log points)."""
    points = surface.points
    place = bisect_left(surface.strikes, strike_e6)
    if place == len(points):
        return points[-1][1]
    above, vol_above = points[place]
    if place == 0 or above == strike_e6:
        return vol_above
    below, vol_below = points[place - 1]
    weighted = vol_below * vol_below * (above - strike_e6)
    weighted += vol_above * vol_above * (strike_e6 - below)
    return isqrt(div_floor(weighted, above - below))


def _is_crossing(points: Points, forward_e6: int, to_expiry_ns: int) -> bool:
    """Return whether a call is worth more than the one below it, or a put worth less.

    By parity the value of a put is that of the call less the forward plus the strike.
    """
    below, vol = points[0]
    call_below = price_e6(True, forward_e6, below, to_expiry_ns, vol)
    for strike, vol in points[1:]:
        call = price_e6(True, forward_e6, strike, to_expiry_ns, vol)
        if call > call_below or call + strike < call_below + below:
            return True
        below, call_below = strike, call
    return False

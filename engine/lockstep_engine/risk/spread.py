"""Spread margin: the options of one account in one underlying and expiry ([MRG-2]).

Owns the group and its cap: no settlement price costs more than the least payoff. Pure integers; it
knows no account and no price, only what each position needs alone.
"""

from typing import Final, NamedTuple

from lockstep_engine.risk.shapes import Contract
from lockstep_kernel.arith import div_ceil

NO_CAP: Final = -1
"""The cap of a group with more short calls than long ones: its loss has no bound."""

_E16: Final = 10**16


class SpreadLeg(NamedTuple):
    """A position in an option with the margin that it needs alone."""

    contract: Contract
    lots: int
    initial_e6: int
    maintenance_e6: int


class SpreadMargin(NamedTuple):
    """The margin of a group: sums of what the legs need alone, each at most `cap_e6`."""

    cap_e6: int
    initial_e6: int
    maintenance_e6: int


class SpreadGroup:
    """The legs by instrument, and the margin as it was computed last. Flat legs are not kept."""

    __slots__ = ("initial_e6", "is_stale", "legs", "maintenance_e6")

    def __init__(self) -> None:
        self.legs: dict[int, SpreadLeg] = {}
        self.initial_e6 = 0
        self.maintenance_e6 = 0
        self.is_stale = False

    def count(self, instrument: int, leg: SpreadLeg) -> None:
        """Set the position in an instrument. O(1)."""
        if leg.lots:
            self.legs[instrument] = leg
        elif self.legs.pop(instrument, None) is None:
            return
        self.is_stale = True

    def refresh(self) -> None:
        """Compute the margin. O(legs log legs)."""
        margin = spread_margin(list(self.legs.values()))
        self.initial_e6, self.maintenance_e6 = margin.initial_e6, margin.maintenance_e6
        self.is_stale = False

    def initial_if(self, instrument: int, leg: SpreadLeg) -> int:
        """Return IM with another position in one instrument."""
        legs = dict(self.legs)
        legs[instrument] = leg
        return spread_margin(list(legs.values())).initial_e6


def spread_margin(legs: list[SpreadLeg]) -> SpreadMargin:
    """Return the margin of a group. O(legs log legs)."""
    initial = maintenance = 0
    for leg in legs:
        initial += leg.initial_e6
        maintenance += leg.maintenance_e6
    cap = cap_e6(legs)
    if cap == NO_CAP:
        return SpreadMargin(cap, initial, maintenance)
    return SpreadMargin(
        cap, initial if initial < cap else cap, maintenance if maintenance < cap else cap
    )


def cap_e6(legs: list[SpreadLeg]) -> int:
    """Return the most that the group can lose at expiry, NO_CAP if there is no most.

    The payoff is linear between strikes. At 0 it is that of the puts; at each strike its slope
    grows by the lots there, calls and puts alike; beyond the last it is that of the calls.
    """
    payoff = slope = 0
    turns: list[tuple[int, int]] = []
    for leg in legs:
        amount = leg.lots * leg.contract.unit_e16
        turns.append((leg.contract.strike_e6, amount))
        if not leg.contract.is_call:
            payoff += amount * leg.contract.strike_e6
            slope -= amount
    turns.sort()
    least = payoff if payoff < 0 else 0
    price = 0
    for strike, amount in turns:
        payoff += slope * (strike - price)
        price = strike
        if payoff < least:
            least = payoff
        slope += amount
    return NO_CAP if slope < 0 else div_ceil(-least, _E16)

"""Spread margin: the options of one account in one underlying and expiry ([MRG-2], [MRG-4]).

Owns the group and its cap: no settlement price costs more than the least payoff. Pure integers; it
knows no account and no price, only what each position needs alone. Whichever open lots fill, the
group then needs no more than `with_open_e6`: each leg no more than after all its buys or all its
sells, and no payoff is less than with every sell filled and no buy.
"""

from typing import Final, NamedTuple

from lockstep_engine.risk.shapes import Contract
from lockstep_kernel.arith import div_ceil

NO_CAP: Final = -1
"""The cap of a group with more short calls than long ones: its loss has no bound."""

_E16: Final = 10**16


class SpreadLeg(NamedTuple):
    """A position in an option with the margin that it needs alone.

    `worst_e6` is what it would need alone after all its open buys or all its open sells, whichever
    is more, and `sold_lots` what would be left of it after all its open sells.
    """

    contract: Contract
    lots: int
    initial_e6: int
    maintenance_e6: int
    worst_e6: int
    sold_lots: int


class SpreadMargin(NamedTuple):
    """The margin of a group: sums of what the legs need alone, each at most `cap_e6`.

    `with_open_e6` is IM and open margin together.
    """

    cap_e6: int
    initial_e6: int
    maintenance_e6: int
    with_open_e6: int


class SpreadGroup:
    """The legs by instrument, and the margin as it was computed last.

    Not kept are legs that need nothing and pay nothing: flat, and nothing of them for sale.
    """

    __slots__ = ("initial_e6", "is_stale", "legs", "maintenance_e6", "with_open_e6")

    def __init__(self) -> None:
        self.legs: dict[int, SpreadLeg] = {}
        self.initial_e6 = 0
        self.maintenance_e6 = 0
        self.with_open_e6 = 0
        self.is_stale = False

    def count(self, instrument: int, leg: SpreadLeg) -> None:
        """Set the position and the open lots in an instrument. O(1)."""
        if leg.lots or leg.sold_lots:
            self.legs[instrument] = leg
        elif self.legs.pop(instrument, None) is None:
            return
        self.is_stale = True

    def refresh(self) -> None:
        """Compute the margin. O(legs log legs)."""
        margin = spread_margin(list(self.legs.values()))
        self.initial_e6, self.maintenance_e6 = margin.initial_e6, margin.maintenance_e6
        self.with_open_e6 = margin.with_open_e6
        self.is_stale = False

    def margin_if(self, instrument: int, leg: SpreadLeg) -> SpreadMargin:
        """Return the margin with another leg in one instrument. O(legs log legs)."""
        legs = dict(self.legs)
        legs[instrument] = leg
        return spread_margin(list(legs.values()))


def spread_margin(legs: list[SpreadLeg]) -> SpreadMargin:
    """Return the margin of a group. O(legs log legs)."""
    initial = maintenance = worst = 0
    held: list[tuple[Contract, int]] = []
    sold: list[tuple[Contract, int]] = []
    for leg in legs:
        initial += leg.initial_e6
        maintenance += leg.maintenance_e6
        worst += leg.worst_e6
        held.append((leg.contract, leg.lots))
        sold.append((leg.contract, leg.sold_lots))
    cap = cap_e6(held)
    return SpreadMargin(
        cap, _capped(initial, cap), _capped(maintenance, cap), _capped(worst, cap_e6(sold))
    )


def cap_e6(positions: list[tuple[Contract, int]]) -> int:
    """Return the most that positions can lose at expiry, NO_CAP if there is no most.

    The payoff is linear between strikes. At 0 it is that of the puts; at each strike its slope
    grows by the lots there, calls and puts alike; beyond the last it is that of the calls.
    """
    payoff = slope = 0
    turns: list[tuple[int, int]] = []
    for contract, lots in positions:
        amount = lots * contract.unit_e16
        turns.append((contract.strike_e6, amount))
        if not contract.is_call:
            payoff += amount * contract.strike_e6
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


def _capped(need_e6: int, cap: int) -> int:
    return need_e6 if cap == NO_CAP or need_e6 < cap else cap

"""The margin of a spread group: its cap against every settlement price ([MRG-2]).

Signed lots and kinds of two or three legs are split into cases; strikes, the settlement price and
what each leg needs alone are any integers. So the cap is proved to bound the loss at every price,
not only at the strikes at which it was computed.
"""

from typing import Annotated

from lockstep_engine.risk.shapes import Contract as OptionContract
from lockstep_engine.risk.spread import NO_CAP, SpreadLeg, spread_margin
from tests.proofs.contract import Between, Contract, OneOf, each, planted

E16 = 10**16
LegCode = Annotated[int, each(-4, 5)]
"""Two signed lots in each kind: odd is a call, even a put, half of it rounded down the lots."""
ThirdCode = Annotated[int, OneOf((-3, -2, 2, 5))]
LongCode = Annotated[int, each(2, 5)]
Strike = Annotated[int, Between(1, 10**15)]
Need = Annotated[int, Between(0, 2**62)]
Settlement = Annotated[int, Between(0, 2**62)]
FILLS = (
    ((-1, 1, 0), (0, 0, 0)),
    ((-1, 2, 1), (0, 1, 1)),
    ((-1, 2, 1), (-2, 2, 0)),
    ((0, 0, 1), (-1, 0, 0)),
    ((0, 1, 1), (-1, 1, 0)),
    ((1, 0, 2), (0, 0, 1)),
    ((1, 0, 1), (0, 0, 0)),
    ((2, 1, 1), (3, 0, 1)),
)
"""Lots held, open buys and open sells, before and after one lot is filled."""
Fill = Annotated[int, each(0, len(FILLS) - 1)]
"""The number of one of the fills."""
Unit = Annotated[int, OneOf((7 * 10**12, E16))]

FILE = "lockstep_engine/risk/spread.py"


def _leg(code: int, strike_e6: int, needs: tuple[int, int] = (0, 0), unit: int = E16) -> SpreadLeg:
    contract = OptionContract(code % 2 == 1, strike_e6, unit)
    return SpreadLeg(contract, code // 2, *needs, needs[0], code // 2)


def _open_leg(contract: OptionContract, size: tuple[int, int, int], need_e6: int) -> SpreadLeg:
    """Return a leg of (lots, open buys, open sells) that needs so much for each lot short."""
    lots, buys, sells = size
    initial = _short(lots) * need_e6
    worst = max(_short(lots + buys), _short(lots - sells)) * need_e6
    return SpreadLeg(contract, lots, initial, initial, worst, lots - sells)


def _short(lots: int) -> int:
    return max(0, -lots)


def _payoff_e22(legs: list[SpreadLeg], price_e6: int) -> int:
    total = 0
    for leg in legs:
        inside = price_e6 - leg.contract.strike_e6
        if not leg.contract.is_call:
            inside = -inside
        if inside > 0:
            total += leg.lots * leg.contract.unit_e16 * inside
    return total


def _is_bound(legs: list[SpreadLeg], settled_e6: int) -> bool:
    """Return whether the cap bounds the loss at a price; there is none iff calls are short."""
    cap = spread_margin(legs).cap_e6
    if cap == NO_CAP:
        return sum([leg.lots for leg in legs if leg.contract.is_call]) < 0
    return cap >= 0 and -_payoff_e22(legs, settled_e6) <= cap * E16


def no_settlement_price_costs_more_than_the_cap(
    first: LegCode, second: LegCode, low: Strike, high: Strike, settled: Settlement
) -> None:
    """The loss of any two legs, at any strikes in any order, is at most the cap."""
    assert _is_bound([_leg(first, low), _leg(second, high)], settled)


def three_legs_never_cost_more_than_their_cap(
    first: LegCode, second: ThirdCode, third: ThirdCode, step: Strike, settled: Settlement
) -> None:
    """The same for three legs whose strikes stand one step apart, as in a butterfly."""
    legs = [_leg(third, 3 * step), _leg(first, step), _leg(second, 2 * step)]
    assert _is_bound(legs, settled)


def a_cap_is_reached_at_0_or_at_a_strike(
    first: LegCode, second: LegCode, low: Strike, high: Strike, unit: Unit
) -> None:
    """The cap is no more than needed: some price costs it, but for the rounding up."""
    legs = [_leg(first, low, (0, 0), unit), _leg(second, high, (0, 0), unit)]
    cap = spread_margin(legs).cap_e6
    if cap != NO_CAP:
        losses = [-_payoff_e22(legs, price) for price in (0, low, high)]
        assert max(losses) <= cap * E16
        assert cap == 0 or max(losses) > (cap - 1) * E16


def a_group_needs_at_most_its_legs(
    first: LegCode, second: LegCode, low: Strike, one: Need, two: Need
) -> None:
    """0 <= IM <= the sum of what the legs need alone, and <= the cap if there is one."""
    margin = spread_margin([_leg(first, low, (one, one)), _leg(second, 10**9, (two, two))])
    assert 0 <= margin.initial_e6 <= one + two
    assert margin.cap_e6 == NO_CAP or margin.initial_e6 <= margin.cap_e6
    assert margin.initial_e6 == margin.maintenance_e6


def maintenance_of_a_group_is_at_most_its_initial(
    first: LegCode, low: Strike, upkeep: Need, above: Need, other: Need
) -> None:
    """MM <= IM for the group where it is so for its legs."""
    legs = [_leg(first, low, (upkeep + above, upkeep)), _leg(-2, 10**9, (other, other))]
    margin = spread_margin(legs)
    assert margin.maintenance_e6 <= margin.initial_e6


def a_long_leg_never_raises_the_requirement(
    first: LegCode, more: LongCode, low: Strike, high: Strike, need: Need
) -> None:
    """A group with one more long option, which needs nothing alone, needs no more."""
    legs = [_leg(first, low, (need, need)), _leg(-2, 10**9, (need, need))]
    with_long = spread_margin([*legs, _leg(more, high)])
    assert with_long.initial_e6 <= spread_margin(legs).initial_e6


def no_fill_raises_what_is_needed_with_open_lots(
    fill: Fill, is_call: bool, low: Strike, high: Strike, need: Need
) -> None:
    """A fill of open lots leaves IM and open margin of a group where they were, or lower.

    The other leg is short, of the same kind: it may be covered by what is sold, or cover nothing.
    """
    other = _open_leg(OptionContract(is_call, high, E16), (-1, 0, 1), need)
    contract = OptionContract(is_call, low, E16)
    before, after = FILLS[fill]
    needed = spread_margin([_open_leg(contract, before, need), other]).with_open_e6
    left = spread_margin([_open_leg(contract, after, need), other])
    assert left.initial_e6 <= left.with_open_e6 <= needed


CONTRACTS = (
    Contract(
        no_settlement_price_costs_more_than_the_cap,
        ("MRG-2",),
        (
            planted(
                FILE,
                "a spread is judged at its strikes only, not at 0",
                ("least = payoff if payoff < 0 else 0", "least = 0"),
                {"first": -4, "second": 3, "low": 1, "high": 1, "settled": 0},
            ),
            planted(
                FILE,
                "more calls short than long have a cap too",
                (
                    "return NO_CAP if slope < 0 else div_ceil(-least, _E16)",
                    "return div_ceil(-least, _E16)",
                ),
                {"first": -4, "second": -3, "low": 2, "high": 1, "settled": 4},
            ),
        ),
    ),
    Contract(
        three_legs_never_cost_more_than_their_cap,
        ("MRG-2",),
        (
            planted(
                FILE,
                "the last strike is not looked at",
                ("for strike, amount in turns:", "for strike, amount in turns[:-1]:"),
                {"first": 1, "second": -2, "third": -3, "step": 1, "settled": 5},
            ),
        ),
    ),
    Contract(
        a_cap_is_reached_at_0_or_at_a_strike,
        ("MRG-2", "NUM-2"),
        (
            planted(
                FILE,
                "strikes are not sorted",
                ("    turns.sort()\n", ""),
                {"first": 5, "second": 3, "low": 2, "high": 1, "unit": 7000000000000},
            ),
            planted(
                FILE,
                "a cap is rounded down",
                ("else div_ceil(-least, _E16)", "else -least // _E16"),
                {"first": -4, "second": 1, "low": 2, "high": 1, "unit": 7000000000000},
            ),
            planted(
                FILE,
                "the cap adds losses at 0 and at a strike",
                ("            least = payoff\n", "            least += payoff\n"),
                {"first": -2, "second": 4, "low": 3, "high": 1, "unit": 10000000000000000},
            ),
        ),
    ),
    Contract(
        a_group_needs_at_most_its_legs,
        ("MRG-2",),
        (
            planted(
                FILE,
                "a group needs its cap, not at most its cap",
                ("cap, _capped(initial, cap),", "cap, cap,"),
                {"first": -4, "second": 5, "low": 1000000000, "one": 0, "two": 0},
            ),
        ),
    ),
    Contract(
        maintenance_of_a_group_is_at_most_its_initial,
        ("MRG-2",),
        (
            planted(
                FILE,
                "maintenance of a group has no cap",
                ("_capped(maintenance, cap),", "maintenance,"),
                {"first": 0, "low": 1000000001, "upkeep": 1000000001, "above": 0, "other": 0},
            ),
        ),
    ),
    Contract(
        a_long_leg_never_raises_the_requirement,
        ("MRG-2",),
        (
            planted(
                FILE,
                "a leg counts by its size in the payoff",
                (
                    "amount = lots * contract.unit_e16",
                    "amount = -abs(lots) * contract.unit_e16",
                ),
                {"first": -4, "more": 4, "low": 1000000000, "high": 1000000001, "need": 2500000001},
            ),
        ),
    ),
    Contract(
        no_fill_raises_what_is_needed_with_open_lots,
        ("MRG-4",),
        (
            planted(
                FILE,
                "what is on offer covers others until it is sold",
                (
                    "sold.append((leg.contract, leg.sold_lots))",
                    "sold.append((leg.contract, leg.lots))",
                ),
                {
                    "fill": 6,
                    "is_call": False,
                    "low": 2,
                    "high": 1,
                    "need": 10,
                },
            ),
            planted(
                FILE,
                "open lots of a group need nothing",
                ("worst += leg.worst_e6", "worst += leg.initial_e6"),
                {
                    "fill": 3,
                    "is_call": True,
                    "low": 2,
                    "high": 1,
                    "need": 10,
                },
            ),
        ),
    ),
)

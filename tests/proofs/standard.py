"""Standard margin of one position ([MRG-2], [NUM-2], [NUM-3]).

Positions, index, mark, strike, what a lot needs and the add-on are any integers in their range.
Rates that multiply a rounded value are split into cases: none, an odd one, the default, all; so are
the sizes of a lot and of the add-on, which are in divisors.
"""

from typing import Annotated

from lockstep_engine.codes import MarginMode
from lockstep_engine.risk.open_margin import open_margin_e6
from lockstep_engine.risk.standard import initial_e6, maintenance_e6, refresh_prices
from lockstep_engine.state import ExchangeCore, Instrument
from tests.proofs.contract import Between, Contract, OneOf, planted
from tests.proofs.world import (
    CALL,
    ONE_E8,
    PERPETUAL,
    PUT,
    new_account,
    new_core,
    new_holding,
    new_instrument,
    set_price,
)

E9, E16 = 10**9, 10**16
ODD_LOT_E8 = 100_003
Kind = Annotated[int, OneOf((PERPETUAL, CALL, PUT))]
Option = Annotated[int, OneOf((CALL, PUT))]
Held = Annotated[int, Between(-(2**56), 2**56)]
More = Annotated[int, Between(1, 2**56)]
Lots = Annotated[int, Between(1, 2**56)]
Open = Annotated[int, Between(0, 2**56)]
Price = Annotated[int, Between(0, 2**50)]
PerLot = Annotated[int, Between(0, 2**56)]
Addon = Annotated[int, Between(0, 2**100)]
AnyRate = Annotated[int, Between(0, 10**9)]
Rate = Annotated[int, OneOf((0, 1, 20_000_000, 10**9))]
OptionRate = Annotated[int, OneOf((0, 150_000_000, 10**9))]
LotE8 = Annotated[int, OneOf((ONE_E8, 100_000, 7))]
AddonSize = Annotated[int, OneOf((1, ONE_E8))]

FILE = "lockstep_engine/risk/standard.py"
OPEN = "lockstep_engine/risk/open_margin.py"


def _instrument(kind: int, lot_e8: int = ONE_E8) -> tuple[ExchangeCore, Instrument]:
    core = new_core()
    return core, new_instrument(core, kind, 10**8, lot_e8)


def _option(kind: int, prices: tuple[int, int, int], rate_e9: int, lot_e8: int) -> Instrument:
    """Return an option at (index, mark, strike), its initial and maintenance rates the same."""
    core, instrument = _instrument(kind, lot_e8)
    underlying = instrument.underlying
    underlying.index_price_e6, mark_e6, instrument.strike_e6 = prices
    underlying.option_initial_e9 = underlying.option_maintenance_e9 = rate_e9
    underlying.option_floor_e9 = underlying.put_mark_e9 = rate_e9
    set_price(core, instrument, mark_e6)
    return instrument


def _with_addon(instrument: Instrument, lot_e6: int, below_e6: int, addon: tuple[int, int]) -> None:
    """Set what a future needs per lot, at most its value, and its add-on as (product, size)."""
    instrument.mark_lot_e6 = lot_e6 + below_e6
    instrument.long_lot_e6 = instrument.short_lot_e6 = lot_e6
    instrument.addon_product, instrument.underlying.addon_size_e8 = addon


def a_future_needs_its_rate_rounded_up(mark: Price, rate: Rate, upkeep: Rate, lot: LotE8) -> None:
    """IM per lot is the rate on the mark of a lot and less than one more; MM is its share of IM."""
    core, instrument = _instrument(PERPETUAL, lot)
    instrument.underlying.future_initial_e9 = rate
    instrument.underlying.future_maintenance_e9 = upkeep
    set_price(core, instrument, mark)
    initial = initial_e6(instrument, -1)
    assert 0 <= initial * E9 - rate * instrument.mark_lot_e6 < E9
    assert 0 <= maintenance_e6(instrument, -1) * E9 - upkeep * initial < E9


def a_lot_is_marked_to_the_nearest(index: Price, mark: Price, lot: LotE8) -> None:
    """The value of a lot at mark and index is off by at most one half ([NUM-3])."""
    core, instrument = _instrument(PERPETUAL, lot)
    instrument.underlying.index_price_e6 = index
    set_price(core, instrument, mark)
    unit = instrument.unit_e16
    assert -E16 <= 2 * (mark * unit - instrument.mark_lot_e6 * E16) <= E16
    assert -E16 <= 2 * (index * unit - instrument.index_lot_e6 * E16) <= E16


def a_short_option_needs_at_least_its_mark(
    kind: Option, index: Price, mark: Price, strike: Price, rate: OptionRate
) -> None:
    """IM and MM of a short lot are what closing it costs, or more; of a long lot they are 0."""
    instrument = _option(kind, (index, mark, strike), rate, ODD_LOT_E8)
    cost_e22 = mark * instrument.unit_e16
    assert initial_e6(instrument, -1) * E16 >= cost_e22
    assert maintenance_e6(instrument, -1) * E16 >= cost_e22
    assert (0, 0) == (initial_e6(instrument, 1), maintenance_e6(instrument, 1))


def a_short_option_needs_its_floor_and_at_most_its_rate(
    kind: Option, index: Price, mark: Price, strike: Price, rate: OptionRate
) -> None:
    """Floor and rate are one here: IM is that share of the index and the mark, rounded up.

    Maintenance, which may raise it, asks for the mark only.
    """
    instrument = _option(kind, (index, mark, strike), rate, ODD_LOT_E8)
    instrument.underlying.option_maintenance_e9 = instrument.underlying.put_mark_e9 = 0
    instrument.seen_version = 0
    refresh_prices(instrument)
    exact_e31 = (rate * index + E9 * mark) * instrument.unit_e16
    assert 0 <= initial_e6(instrument, -1) * E9 * E16 - exact_e31 < E9 * E16


def maintenance_of_a_put_is_at_most_its_initial(
    index: Price, mark: Price, strike: Price, upkeep: AnyRate, by_mark: AnyRate
) -> None:
    """Whatever the rates: the initial margin of a short put is raised to its maintenance."""
    instrument = _option(PUT, (index, mark, strike), 0, ONE_E8)
    underlying = instrument.underlying
    underlying.option_maintenance_e9, underlying.put_mark_e9 = upkeep, by_mark
    instrument.seen_version = 0
    refresh_prices(instrument)
    assert 0 <= maintenance_e6(instrument, -2) <= initial_e6(instrument, -2)


def maintenance_of_a_future_is_at_most_its_initial(
    held: Held, lot: PerLot, below: PerLot, addon: Addon, upkeep: AnyRate
) -> None:
    """MM is a share of IM, add-on included; both are between 0 and the value of the position."""
    instrument = _instrument(PERPETUAL)[1]
    _with_addon(instrument, lot, below, (addon, 1))
    instrument.underlying.future_maintenance_e9 = upkeep
    initial = initial_e6(instrument, held)
    assert 0 <= maintenance_e6(instrument, held) <= initial
    assert initial <= abs(held) * instrument.mark_lot_e6


def a_long_option_never_raises_the_requirement(
    kind: Option, held: Held, more: More, initial: PerLot, upkeep: PerLot
) -> None:
    """More long lots need no more, and more short ones no less, of IM and of MM."""
    instrument = _instrument(kind)[1]
    instrument.short_lot_e6, instrument.short_maintenance_e6 = initial, upkeep
    assert initial_e6(instrument, held + more) <= initial_e6(instrument, held)
    assert maintenance_e6(instrument, held + more) <= maintenance_e6(instrument, held)


def a_larger_future_never_lowers_the_requirement(
    held: Lots, more: More, lot: PerLot, below: PerLot, addon: Addon
) -> None:
    """More lots of the same sign need no less, add-on and its bound included."""
    instrument = _instrument(PERPETUAL)[1]
    _with_addon(instrument, lot, below, (addon, 1))
    assert initial_e6(instrument, held) <= initial_e6(instrument, held + more)
    assert initial_e6(instrument, held) == initial_e6(instrument, -held)


def an_addon_rounds_up_and_stays_below_the_value(
    held: Lots, lot: PerLot, below: PerLot, addon: Addon, size: AddonSize
) -> None:
    """IM is that without add-on and the square's share rounded up, or the whole value."""
    instrument = _instrument(PERPETUAL)[1]
    _with_addon(instrument, lot, below, (addon, size))
    over = initial_e6(instrument, held) - held * lot
    divisor = 10**12 * size
    if over < held * below:
        assert 0 <= over * divisor - held * held * addon < divisor
    else:
        assert held * below == over


def open_orders_never_lower_the_requirement(
    kind: Kind, held: Held, buys: Open, sells: Open, mark: Price
) -> None:
    """The open margin of any open lots is at least 0, in STANDARD and STANDARD_SPREAD."""
    core, instrument = _instrument(kind)
    instrument.underlying.index_price_e6 = 10**9
    set_price(core, instrument, mark)
    holding = new_holding(new_account(core), instrument, held)
    for mode in (MarginMode.STANDARD, MarginMode.STANDARD_SPREAD):
        holding.account.mode = int(mode)
        assert open_margin_e6(core, holding, (buys, sells), held) >= 0


CONTRACTS = (
    Contract(
        a_future_needs_its_rate_rounded_up,
        ("MRG-2", "NUM-2"),
        (
            planted(
                FILE,
                "the margin of a future is rounded down",
                (
                    "initial = div_ceil(mark_lot * underlying.future_initial_e9, _E9)",
                    "initial = mark_lot * underlying.future_initial_e9 // _E9",
                ),
                {"mark": 4300000000, "rate": 20000000, "upkeep": 0, "lot": 7},
            ),
            planted(
                FILE,
                "maintenance of a future is rounded down",
                (
                    "return div_ceil(initial * instrument.underlying.future_maintenance_e9, _E9)",
                    "return initial * instrument.underlying.future_maintenance_e9 // _E9",
                ),
                {"mark": 100000000, "rate": 1000000000, "upkeep": 20000000, "lot": 7},
            ),
        ),
    ),
    Contract(
        a_lot_is_marked_to_the_nearest,
        ("NUM-3",),
        (
            planted(
                FILE,
                "the index of a lot is rounded up",
                (
                    "instrument.index_lot_e6 = div_half_even(index * unit, _E16)",
                    "instrument.index_lot_e6 = div_ceil(index * unit, _E16)",
                ),
                {"index": 1, "mark": 100000000, "lot": 7},
            ),
        ),
    ),
    Contract(
        a_short_option_needs_at_least_its_mark,
        ("MRG-2", "NUM-2"),
        (
            planted(
                FILE,
                "maintenance of an option leaves its mark out",
                ("(maintenance_e15 + mark_e15) * unit", "maintenance_e15 * unit"),
                {"kind": 4, "index": 0, "mark": 1, "strike": 0, "rate": 0},
            ),
        ),
    ),
    Contract(
        a_short_option_needs_its_floor_and_at_most_its_rate,
        ("MRG-2",),
        (
            planted(
                FILE,
                "an option in the money needs more than its rate",
                (
                    "    if out_e6 > 0:\n        base_e15 -= _E9 * out_e6\n",
                    "    base_e15 -= _E9 * out_e6\n",
                ),
                {"kind": 3, "index": 72233333, "mark": 150000000, "strike": 72232833, "rate": 0},
            ),
            planted(
                FILE,
                "the margin of a short option is rounded down",
                (
                    "initial = div_ceil((base_e15 + mark_e15) * unit, _E25)",
                    "initial = (base_e15 + mark_e15) * unit // _E25",
                ),
                {"kind": 4, "index": 27766667, "mark": 27766668, "strike": 0, "rate": 150000000},
            ),
            planted(
                FILE,
                "a short option has no floor",
                (
                    "    if base_e15 < floor_e15:\n        base_e15 = floor_e15\n",
                    "",
                ),
                {"kind": 4, "index": 150000000, "mark": 0, "strike": 1, "rate": 1000000000},
            ),
        ),
    ),
    Contract(
        maintenance_of_a_put_is_at_most_its_initial,
        ("MRG-2",),
        (
            planted(
                FILE,
                "initial margin is not raised to maintenance",
                ("    if maintenance > initial:\n        initial = maintenance\n", ""),
                {
                    "index": 1125899906842624,
                    "mark": 1125899906842624,
                    "strike": 1125899906842624,
                    "upkeep": 1000000000,
                    "by_mark": 1000000000,
                },
            ),
        ),
    ),
    Contract(
        maintenance_of_a_future_is_at_most_its_initial,
        ("MRG-2",),
        (
            planted(
                FILE,
                "an add-on has no bound",
                ("return margin if margin < whole else whole", "return margin"),
                {"held": -1, "lot": 0, "below": 0, "addon": 1000000000000, "upkeep": 1},
            ),
        ),
    ),
    Contract(
        a_long_option_never_raises_the_requirement,
        ("MRG-2",),
        (
            planted(
                FILE,
                "the sign of a short option is lost in maintenance",
                (
                    "return -qty_lots * instrument.short_maintenance_e6 if qty_lots < 0 else 0",
                    "return abs(qty_lots) * instrument.short_maintenance_e6",
                ),
                {"kind": 4, "held": -1, "more": 3, "initial": 0, "upkeep": 1},
            ),
            planted(
                FILE,
                "a long option needs what a short one needs",
                (
                    "margin = qty_lots * instrument.long_lot_e6",
                    "margin = qty_lots * instrument.short_lot_e6",
                ),
                {"kind": 4, "held": -1, "more": 3, "initial": 1, "upkeep": 0},
            ),
        ),
    ),
    Contract(
        a_larger_future_never_lowers_the_requirement,
        ("MRG-2",),
        (
            planted(
                FILE,
                "an add-on has the sign of the position",
                ("qty_lots * qty_lots * instrument", "abs(qty_lots) * qty_lots * instrument"),
                {
                    "held": 1,
                    "more": 72057594037927936,
                    "lot": 0,
                    "below": 1,
                    "addon": 1000000000000,
                },
            ),
        ),
    ),
    Contract(
        an_addon_rounds_up_and_stays_below_the_value,
        ("MRG-2", "NUM-2"),
        (
            planted(
                FILE,
                "an add-on is rounded down",
                (
                    "margin += div_ceil(qty_lots * qty_lots * instrument.addon_product, divisor)",
                    "margin += qty_lots * qty_lots * instrument.addon_product // divisor",
                ),
                {"held": 2, "lot": 0, "below": 3, "addon": 1000000000003, "size": 1},
            ),
        ),
    ),
    Contract(
        open_orders_never_lower_the_requirement,
        ("MRG-4",),
        (
            planted(
                OPEN,
                "open buys make up for open sells",
                (
                    (
                        "worst = max(initial_e6(instrument, qty + buys), "
                        "initial_e6(instrument, qty - sells))"
                    ),
                    "worst = initial_e6(instrument, qty + buys - sells)",
                ),
                {"kind": 4, "held": -72057594037927935, "buys": 2, "sells": 0, "mark": 0},
            ),
        ),
    ),
)

"""Standard margin: position by position, and with spreads of options ([MRG-2]). Computes only."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lockstep_engine.codes import InstrumentKind
from lockstep_kernel import div_ceil
from lockstep_naive.core import NaiveCore
from lockstep_naive.fees import E9
from lockstep_naive.rows import E16, Instrument
from lockstep_naive.worth import (
    expiry_ns,
    index_e6,
    is_price_final,
    mark_e6,
    mark_lot_e6,
    underlying_of,
)

E25 = 10**25

Lots = Mapping[int, int]
"""Signed lots by instrument: what an account holds, or would hold."""


class Margin(NamedTuple):
    """What must be there to open, and what must be there to stay."""

    initial_e6: int
    maintenance_e6: int


NO_MARGIN = Margin(0, 0)


class OpenSize(NamedTuple):
    """Signed lots of an instrument: held, after all its open buys, and after all its open sells."""

    instrument: int
    held: int
    bought: int
    sold: int


def position_margin(core: NaiveCore, number: int, lots: int) -> Margin:
    """Return the margin of a position, looked at alone."""
    instrument = core.instruments.must(number)
    if is_price_final(core, instrument):
        owed_e6 = max(0, -lots) * mark_lot_e6(core, instrument) if instrument.is_option else 0
        return Margin(owed_e6, owed_e6)
    if not instrument.is_option:
        return _future_margin(core, instrument, abs(lots))
    if lots >= 0:
        return NO_MARGIN
    lot = _short_lot_margin(core, instrument)
    return Margin(-lots * lot.initial_e6, -lots * lot.maintenance_e6)


def standard_margin(core: NaiveCore, lots: Lots) -> Margin:
    """Return the margin of an account: the sum over its positions."""
    return total(position_margin(core, number, lots[number]) for number in sorted(lots))


def spread_margin(core: NaiveCore, lots: Lots) -> Margin:
    """Return the margin of an account whose options of one expiry stand together."""
    groups: dict[tuple[str, int], dict[int, int]] = {}
    others: dict[int, int] = {}
    for number in sorted(lots):
        instrument = core.instruments.must(number)
        if instrument.is_option:
            expiry = (instrument.contract.underlying, expiry_ns(core, instrument))
            groups.setdefault(expiry, {})[number] = lots[number]
        else:
            others[number] = lots[number]
    margins = [_group_margin(core, groups[expiry]) for expiry in sorted(groups)]
    return total([standard_margin(core, others), *margins])


def worse_margin_e6(core: NaiveCore, size: OpenSize) -> int:
    """Return the initial margin after all buys or after all sells, whichever is more."""
    bought = position_margin(core, size.instrument, size.bought)
    sold = position_margin(core, size.instrument, size.sold)
    return max(bought.initial_e6, sold.initial_e6)


def spread_open_margin_e6(core: NaiveCore, sizes: Iterable[OpenSize]) -> int:
    """Return the open margin of an account whose options of one expiry stand together ([MRG-4]).

    What open lots may leave of a group needs no more than its parts at their worst, and loses no
    more than if everything on offer were sold and nothing bought.
    """
    groups: dict[tuple[str, int], list[OpenSize]] = {}
    open_e6 = 0
    for size in sizes:
        instrument = core.instruments.must(size.instrument)
        if instrument.is_option:
            expiry = (instrument.contract.underlying, expiry_ns(core, instrument))
            groups.setdefault(expiry, []).append(size)
        else:
            held_e6 = position_margin(core, size.instrument, size.held).initial_e6
            open_e6 += worse_margin_e6(core, size) - held_e6
    for expiry in sorted(groups):
        worst_e6 = sum(worse_margin_e6(core, size) for size in groups[expiry])
        most_e6 = _most_e6(core, {size.instrument: size.sold for size in groups[expiry]})
        held = {size.instrument: size.held for size in groups[expiry]}
        needed_e6 = worst_e6 if most_e6 is None else min(worst_e6, most_e6)
        open_e6 += needed_e6 - _group_margin(core, held).initial_e6
    return open_e6


def total(margins: Iterable[Margin]) -> Margin:
    """Add margins up."""
    initial_e6 = maintenance_e6 = 0
    for margin in margins:
        initial_e6 += margin.initial_e6
        maintenance_e6 += margin.maintenance_e6
    return Margin(initial_e6, maintenance_e6)


def _future_margin(core: NaiveCore, instrument: Instrument, lots: int) -> Margin:
    """Return the margin of a future or perpetual: a rate, and more the larger it is."""
    rates = underlying_of(core, instrument)
    lot_e6 = mark_lot_e6(core, instrument)
    at_rate_e6 = lots * div_ceil(lot_e6 * rates.future_initial_e9, E9)
    addon = lots**2 * lot_e6 * rates.addon_bps * 10**5 * instrument.one_lot_e16
    addon_e6 = div_ceil(addon, 10**17 * rates.addon_size_e8)
    initial_e6 = min(lots * lot_e6, at_rate_e6 + addon_e6)
    return Margin(initial_e6, div_ceil(initial_e6 * rates.future_maintenance_e9, E9))


def _short_lot_margin(core: NaiveCore, instrument: Instrument) -> Margin:
    """Return the margin of one lot of an option sold."""
    rates = underlying_of(core, instrument)
    contract, spot_e6 = instrument.contract, index_e6(core, instrument)
    is_call = contract.kind == InstrumentKind.CALL
    gap_e6 = contract.strike_e6 - spot_e6
    out_e6 = max(0, gap_e6 if is_call else -gap_e6)
    mark_e15 = E9 * mark_e6(core, instrument)
    base_e15 = max(rates.option_initial_e9 * spot_e6 - E9 * out_e6, rates.option_floor_e9 * spot_e6)
    kept_e15 = rates.option_maintenance_e9 * spot_e6
    if not is_call:
        kept_e15 = max(kept_e15, rates.put_mark_e9 * mark_e6(core, instrument))
    initial_e6 = div_ceil((base_e15 + mark_e15) * instrument.one_lot_e16, E25)
    maintenance_e6 = div_ceil((kept_e15 + mark_e15) * instrument.one_lot_e16, E25)
    return Margin(initial_e6 if is_call else max(initial_e6, maintenance_e6), maintenance_e6)


def _group_margin(core: NaiveCore, lots: Lots) -> Margin:
    """Return the margin of the options of one expiry: at most what they can cost at expiry."""
    alone = standard_margin(core, lots)
    most_e6 = _most_e6(core, lots)
    if most_e6 is None:
        return alone
    return Margin(min(alone.initial_e6, most_e6), min(alone.maintenance_e6, most_e6))


def _most_e6(core: NaiveCore, lots: Lots) -> int | None:
    """Return the most that options of one expiry can cost at expiry, None if there is no most."""
    instruments = [core.instruments.must(number) for number in sorted(lots)]
    calls = [each for each in instruments if each.contract.kind == InstrumentKind.CALL]
    if sum(lots[call.instrument] * call.one_lot_e16 for call in calls) < 0:
        return None
    held = [each for each in instruments if lots[each.instrument] != 0]
    prices_e6 = [0, *(each.contract.strike_e6 for each in held)]
    least = min(_payoff(instruments, lots, price_e6) for price_e6 in prices_e6)
    return div_ceil(-min(0, least), E16)


def _payoff(instruments: list[Instrument], lots: Lots, price_e6: int) -> int:
    """Return what options pay together if they expire at a price, in units of 10^-22."""
    paid = 0
    for each in instruments:
        gain_e6 = price_e6 - each.contract.strike_e6
        is_call = each.contract.kind == InstrumentKind.CALL
        paid += lots[each.instrument] * each.one_lot_e16 * max(0, gain_e6 if is_call else -gain_e6)
    return paid

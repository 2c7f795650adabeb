"""Fees, rebates and builder shares of a trade ([FEE-1]), fees of settlement. Computes only."""

from typing import NamedTuple

from lockstep_kernel import div_ceil, div_floor
from lockstep_naive.core import NaiveCore
from lockstep_naive.rows import FeeSchedule, Instrument, Order
from lockstep_naive.worth import index_lot_e6, mark_lot_e6, trade_value_e6

E9 = 10**9
E4 = 10**4
FEES_BOUND_E6 = 2**61


class Fee(NamedTuple):
    """What one side pays, and how much of it is the builder's. A negative fee is a rebate."""

    fee_e6: int
    builder_e6: int


class Volume(NamedTuple):
    """How many lots, and what they are worth at their prices."""

    lots: int
    value_e6: int


class _Rate(NamedTuple):
    """One side's rate, and its fee (or rebate) before rounding, without sign."""

    rate_e9: int
    exact_e15: int


def order_fee_e6(core: NaiveCore, order: Order) -> int:
    """Return the fee of [MRG-4]: the higher of both, at its price, for what remains.

    A rebate counts as 0.
    """
    as_either = [
        _rate(core, order, order.price_ticks, order.remaining_lots, is_maker=is_maker)
        for is_maker in (True, False)
    ]
    return max(div_ceil(rate.exact_e15, E9) if rate.rate_e9 >= 0 else 0 for rate in as_either)


def trade_fees(core: NaiveCore, maker: Order, taker: Order, lots: int) -> tuple[Fee, Fee]:
    """Return the fees of the maker and of the taker for a fill at the maker's price."""
    if not are_fees_due(core):
        return (Fee(0, 0), Fee(0, 0))
    maker_rate = _rate(core, maker, maker.price_ticks, lots, is_maker=True)
    taker_rate = _rate(core, taker, maker.price_ticks, lots, is_maker=False)
    maker_fee = _positive_fee(core, maker, maker_rate)
    taker_fee = _positive_fee(core, taker, taker_rate)
    return (
        _or_rebate(maker_fee, maker_rate, taker_fee),
        _or_rebate(taker_fee, taker_rate, maker_fee),
    )


def are_fees_due(core: NaiveCore) -> bool:
    """Return whether the exchange may have more fees ([NUM-4])."""
    treasury = core.treasuries.get(0)
    return treasury is None or treasury.fees_e6 < FEES_BOUND_E6


def charge_e6(core: NaiveCore, account: int, number: int, rate_e9: int, volume: Volume) -> int:
    """Return the fee of [FEE-1] at another rate than that of a maker or taker, 0 or more."""
    instrument, schedule = core.instruments.must(number), schedule_of(core, account)
    return div_ceil(_exact_e15(core, instrument, schedule, rate_e9, volume), E9)


def volume_fee_e6(core: NaiveCore, account: int, instrument: Instrument, volume: Volume) -> int:
    """Return the fee of a taker of a volume; a rebate counts as 0."""
    rate_e9 = _rate_e9(schedule_of(core, account), instrument, is_maker=False)
    return charge_e6(core, account, instrument.instrument, max(0, rate_e9), volume)


def settlement_fee_e6(core: NaiveCore, account: int, instrument: Instrument, lots: int) -> int:
    """Return the fee of [SET-2] for settling some lots: of the index, up to a cap of the payoff."""
    schedule = schedule_of(core, account)
    rate_e15 = min(
        schedule.settlement_e9 * index_lot_e6(core, instrument),
        schedule.settlement_cap_e9 * mark_lot_e6(core, instrument),
    )
    return div_ceil(rate_e15 * abs(lots), E9)


def schedule_of(core: NaiveCore, account: int) -> FeeSchedule:
    """Return the fee schedule of an account's tier."""
    return core.fee_schedules.must(core.accounts.must(account).fee_tier)


def _rate(core: NaiveCore, order: Order, price_ticks: int, lots: int, *, is_maker: bool) -> _Rate:
    instrument = core.instruments.must(order.instrument)
    schedule = schedule_of(core, order.account)
    rate = _rate_e9(schedule, instrument, is_maker=is_maker)
    volume = Volume(lots, trade_value_e6(instrument, price_ticks, lots))
    return _Rate(rate, _exact_e15(core, instrument, schedule, abs(rate), volume))


def _exact_e15(
    core: NaiveCore, instrument: Instrument, schedule: FeeSchedule, rate_e9: int, volume: Volume
) -> int:
    """Return a fee before rounding: of the value, for options of the index up to a cap."""
    if not instrument.is_option:
        return rate_e9 * volume.value_e6
    notional = index_lot_e6(core, instrument) * volume.lots
    return min(rate_e9 * notional, schedule.option_cap_e9 * volume.value_e6)


def _rate_e9(schedule: FeeSchedule, instrument: Instrument, *, is_maker: bool) -> int:
    if instrument.is_option:
        return schedule.option_maker_e9 if is_maker else schedule.option_taker_e9
    return schedule.future_maker_e9 if is_maker else schedule.future_taker_e9


def _positive_fee(core: NaiveCore, order: Order, rate: _Rate) -> Fee:
    if rate.rate_e9 < 0:
        return Fee(0, 0)
    fee = div_ceil(rate.exact_e15, E9)
    share = schedule_of(core, order.account).builder_share_bps if order.builder else 0
    return Fee(fee, div_floor(fee * share, E4))


def _or_rebate(fee: Fee, rate: _Rate, other: Fee) -> Fee:
    """Return the fee, or for a negative rate the rebate that the other side's fee can pay."""
    if rate.rate_e9 >= 0:
        return fee
    rebate = div_floor(rate.exact_e15, E9)
    return Fee(-min(rebate, max(0, other.fee_e6 - other.builder_e6)), 0)

"""The fees of a trade ([FEE-1]), rebates and the builders' shares; the fee of a settlement."""

from typing import Final

from lockstep_engine.entities import FeeSchedule
from lockstep_engine.money.bounds import CASH_MAX_E6
from lockstep_engine.state import ExchangeCore, Instrument, Order
from lockstep_kernel.arith import div_ceil

_E9: Final = 10**9
_E4: Final = 10**4

Fees = tuple[int, int, int, int]
"""(maker fee, maker's builder fee, taker fee, taker's builder fee); negative fees are rebates."""

NO_FEES: Final[Fees] = (0, 0, 0, 0)
"""What a trade costs while the exchange may take no more ([NUM-4])."""


def fees_of(maker: Order, taker: Order, qty_lots: int, value_e6: int) -> Fees:
    """Return the fees of a fill of that value at the instrument's index now."""
    instrument = maker.instrument
    maker_fees, taker_fees = maker.account.fees, taker.account.fees
    if instrument.is_option:
        maker_rate, taker_rate = maker_fees.option_maker_e9, taker_fees.option_taker_e9
    else:
        maker_rate, taker_rate = maker_fees.future_maker_e9, taker_fees.future_taker_e9
    maker_fee = maker_builder = taker_fee = taker_builder = 0
    if maker_rate > 0:
        maker_fee = -(-_charge(instrument, maker_fees, maker_rate, qty_lots, value_e6) // _E9)
        if maker.builder:
            maker_builder = maker_fee * maker_fees.builder_share_bps // _E4
    if taker_rate > 0:
        taker_fee = -(-_charge(instrument, taker_fees, taker_rate, qty_lots, value_e6) // _E9)
        if taker.builder:
            taker_builder = taker_fee * taker_fees.builder_share_bps // _E4
    if maker_rate < 0:
        rebate = _charge(instrument, maker_fees, -maker_rate, qty_lots, value_e6) // _E9
        maker_fee = -min(rebate, taker_fee - taker_builder)
    if taker_rate < 0:
        rebate = _charge(instrument, taker_fees, -taker_rate, qty_lots, value_e6) // _E9
        taker_fee = -min(rebate, max(0, maker_fee) - maker_builder)
    return maker_fee, maker_builder, taker_fee, taker_builder


def payable(core: ExchangeCore, maker: Order, taker: Order, fees: Fees) -> Fees:
    """Return the fees with nothing for a builder who may have no more cash ([NUM-4])."""
    maker_fee, maker_builder, taker_fee, taker_builder = fees
    if maker_builder and core.accounts[maker.builder].cash_e6 >= CASH_MAX_E6:
        maker_builder = 0
    if taker_builder and core.accounts[taker.builder].cash_e6 >= CASH_MAX_E6:
        taker_builder = 0
    return maker_fee, maker_builder, taker_fee, taker_builder


def fee_at_e6(
    instrument: Instrument, fees: FeeSchedule, rate_e9: int, qty_lots: int, value_e6: int
) -> int:
    """Return the fee on a trade of that value at a rate of 0 or more."""
    return div_ceil(_charge(instrument, fees, rate_e9, qty_lots, value_e6), _E9)


def settlement_fee_e6(instrument: Instrument, fees: FeeSchedule, qty_lots: int) -> int:
    """Return the fee of settling a position at its mark ([SET-2]).

    The value of a lot at the settlement price must be up to date.
    """
    charge = min(
        fees.settlement_e9 * instrument.index_lot_e6,
        fees.settlement_cap_e9 * instrument.mark_lot_e6,
    )
    return div_ceil(charge * abs(qty_lots), _E9)


def _charge(
    instrument: Instrument, fees: FeeSchedule, rate_e9: int, qty_lots: int, value_e6: int
) -> int:
    """Return the numerator over 10^9 of a fee or rebate."""
    if not instrument.is_option:
        return rate_e9 * value_e6
    numerator = rate_e9 * instrument.index_lot_e6 * qty_lots
    capped = fees.option_cap_e9 * value_e6
    return numerator if numerator < capped else capped

"""Funding: what longs of a perpetual pay to its shorts at fixed times ([SET-3])."""

from lockstep_engine.codes import Code, InstrumentKind
from lockstep_engine.commands import UpdateFundingRate
from lockstep_engine.events import FundingPaid, FundingRateUpdated, FundingSkipped
from lockstep_kernel import div_floor, div_half_even
from lockstep_naive.core import NaiveCore, Refusal
from lockstep_naive.money import add_cash, is_cash_bounded
from lockstep_naive.rows import Funding
from lockstep_naive.symbols import SECOND_NS
from lockstep_naive.worth import mark_e6

E25 = 10**25
RATE_MAX_E9 = 10**8
INTERVAL_MIN_S = 3_600
INTERVAL_MAX_S = 604_800


def update_funding_rate(core: NaiveCore, action: UpdateFundingRate) -> Refusal:
    """[SET-3]."""
    instrument = core.instruments.get(action.instrument)
    if instrument is None:
        return Code.UNKNOWN_INSTRUMENT
    if instrument.contract.kind != InstrumentKind.PERPETUAL:
        return Code.NOT_PERPETUAL
    funding = Funding(action.instrument, action.rate_e9, action.interval_s)
    if not is_good_funding(funding):
        return Code.BAD_PARAMETER
    core.fundings.put(funding)
    core.emit(FundingRateUpdated(*funding, next_funding_ns(funding, core.now_ns)))
    return None


def is_good_funding(funding: Funding) -> bool:
    """Return whether rate and interval are within their bounds."""
    is_good_interval = INTERVAL_MIN_S <= funding.interval_s <= INTERVAL_MAX_S
    return abs(funding.rate_e9) <= RATE_MAX_E9 and is_good_interval


def next_funding_ns(funding: Funding, after_ns: int) -> int:
    """Return the first time of funding after a time."""
    interval_ns = funding.interval_s * SECOND_NS
    return (div_floor(after_ns, interval_ns) + 1) * interval_ns


def pay_funding(core: NaiveCore, number: int, funding_ns: int) -> None:
    """Let all positions in a perpetual pay or get what is due, by account; or none of them."""
    instrument, rate_e9 = core.instruments.must(number), core.fundings.must(number).rate_e9
    moved = rate_e9 * mark_e6(core, instrument) * instrument.one_lot_e16
    lot_e6 = div_half_even(moved, E25)
    positions = sorted(core.positions.group("instrument", number)) if lot_e6 else []
    for position in positions:
        cash_e6 = core.accounts.must(position.account).cash_e6
        if not is_cash_bounded(cash_e6 - position.qty_lots * lot_e6):
            core.emit(FundingSkipped(number, funding_ns, lot_e6))
            return
    for position in positions:
        lots, amount_e6 = position.qty_lots, -position.qty_lots * lot_e6
        account = add_cash(core, position.account, amount_e6)
        core.emit(
            FundingPaid(
                number, position.account, funding_ns, lots, lot_e6, amount_e6, account.cash_e6
            )
        )

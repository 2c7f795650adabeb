"""Funding of perpetuals ([SET-3]): its rate, and what it moves at each funding time."""

from typing import Final

from lockstep_engine.codes import Code, InstrumentKind
from lockstep_engine.commands import UpdateFundingRate
from lockstep_engine.events import FundingPaid, FundingRateUpdated, FundingSkipped
from lockstep_engine.lifecycle.entities import Funding
from lockstep_engine.lifecycle.holders import holders_of
from lockstep_engine.lifecycle.timers import schedule_funding
from lockstep_engine.money.bounds import is_cash_in_bounds
from lockstep_engine.state import Events, ExchangeCore
from lockstep_kernel.arith import div_half_even

_ACCEPTED: Final = int(Code.ACCEPTED)
_BAD_PARAMETER: Final = int(Code.BAD_PARAMETER)
_NOT_PERPETUAL: Final = int(Code.NOT_PERPETUAL)
_UNKNOWN_INSTRUMENT: Final = int(Code.UNKNOWN_INSTRUMENT)
_PERPETUAL: Final = int(InstrumentKind.PERPETUAL)
_RATE_MAX_E9: Final = 10**8
_INTERVAL_MIN_S: Final = 3_600
_INTERVAL_MAX_S: Final = 604_800
_E25: Final = 10**25


def update_funding_rate(core: ExchangeCore, action: UpdateFundingRate, events: Events) -> int:
    """Set a perpetual's funding rate and interval, from the next funding time on."""
    instrument = core.instruments.get(action.instrument)
    if instrument is None:
        return _UNKNOWN_INSTRUMENT
    if instrument.kind != _PERPETUAL:
        return _NOT_PERPETUAL
    if not -_RATE_MAX_E9 <= action.rate_e9 <= _RATE_MAX_E9:
        return _BAD_PARAMETER
    if not _INTERVAL_MIN_S <= action.interval_s <= _INTERVAL_MAX_S:
        return _BAD_PARAMETER
    facts = (action.instrument, action.rate_e9, action.interval_s)
    funding = core.fundings.get(action.instrument)
    if funding is None:
        funding = core.fundings[action.instrument] = Funding(*facts, core.now_ns)
    else:
        funding.set(action.rate_e9, action.interval_s, core.now_ns)
    schedule_funding(core, funding)
    core.touch(funding)
    events.append(FundingRateUpdated(*facts, funding.next_ns))
    return _ACCEPTED


def run_funding(core: ExchangeCore, funding: Funding, events: Events) -> None:
    """Pay what is due now between all positions, or nothing. O(accounts log accounts)."""
    due_ns, number = funding.next_ns, funding.instrument
    funding.step()
    schedule_funding(core, funding)
    instrument = core.instruments[number]
    numerator = funding.rate_e9 * instrument.mark.price_e6 * instrument.unit_e16
    lot = div_half_even(numerator, _E25)
    if lot == 0:
        return
    (holders,) = holders_of(core, [instrument])
    for holding in holders:
        if not is_cash_in_bounds(holding.account.cash_e6 - holding.qty_lots * lot):
            events.append(FundingSkipped(number, due_ns, lot))
            return
    for holding in holders:
        account, qty = holding.account, holding.qty_lots
        account.cash_e6 -= qty * lot
        core.touch(account)
        events.append(
            FundingPaid(number, account.account, due_ns, qty, lot, -qty * lot, account.cash_e6)
        )

"""Settlement of an expiry ([SET-1], [SET-2]): its price by hand, and positions turned into cash."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from lockstep_engine.codes import Code, InstrumentStatus
from lockstep_engine.commands import SetSettlementPrice, SettleExpiry
from lockstep_engine.events import (
    InstrumentMark,
    InstrumentSettled,
    MarksUpdated,
    PositionSettled,
    SettlementPriceSet,
)
from lockstep_engine.lifecycle.holders import holders_of
from lockstep_engine.money.bounds import CASH_MAX_E6, is_cash_in_bounds
from lockstep_engine.money.fees import settlement_fee_e6
from lockstep_engine.money.settle import note_moved
from lockstep_engine.risk.marks import mark_settled
from lockstep_engine.risk.standard import refresh_prices
from lockstep_engine.state import Events, ExchangeCore, Holding, Instrument

_ACCEPTED: Final = int(Code.ACCEPTED)
_ALREADY_SETTLED: Final = int(Code.ALREADY_SETTLED)
_AMOUNT_ABOVE_LIMIT: Final = int(Code.AMOUNT_ABOVE_LIMIT)
_BAD_PARAMETER: Final = int(Code.BAD_PARAMETER)
_NO_SETTLEMENT_PRICE: Final = int(Code.NO_SETTLEMENT_PRICE)
_NOT_EXPIRED: Final = int(Code.NOT_EXPIRED)
_SETTLEMENT_PRICE_FINAL: Final = int(Code.SETTLEMENT_PRICE_FINAL)
_UNKNOWN_EXPIRY: Final = int(Code.UNKNOWN_EXPIRY)
_UNKNOWN_UNDERLYING: Final = int(Code.UNKNOWN_UNDERLYING)
_SETTLED: Final = int(InstrumentStatus.SETTLED)


class Payout(NamedTuple):
    """What a position becomes: cash (negative: to pay) and a fee."""

    holding: Holding
    amount_e6: int
    fee_e6: int


def set_settlement_price(core: ExchangeCore, action: SetSettlementPrice, events: Events) -> int:
    """Set the final price of an expiry that has none, and mark its instruments at it."""
    code = _expiry_code(core, action.underlying, action.expiry_ns)
    if code != _ACCEPTED:
        return code
    key = (action.underlying, action.expiry_ns)
    settlement = core.settlements[key]
    if settlement.is_final:
        return _SETTLEMENT_PRICE_FINAL
    if not 1 <= action.price_e6 <= core.underlyings[action.underlying].max_index_price_e6:
        return _BAD_PARAMETER
    settlement.price_e6 = action.price_e6
    settlement.is_final = True
    core.touch(settlement)
    events.append(SettlementPriceSet(*key, action.price_e6, settlement.samples, True))
    marks: list[InstrumentMark] = []
    for instrument in core.expiries[key]:
        mark_settled(core, instrument, settlement, core.now_ns)
        marks.append(InstrumentMark(instrument.instrument, instrument.mark.price_e6, 0, 0, 0, 0))
    events.append(MarksUpdated(*key, tuple(marks)))
    return _ACCEPTED


def settle_expiry(core: ExchangeCore, action: SettleExpiry, events: Events) -> int:
    """Settle every position of an expiry, or refuse. O(accounts log accounts + all holdings)."""
    code = _expiry_code(core, action.underlying, action.expiry_ns)
    if code != _ACCEPTED:
        return code
    key = (action.underlying, action.expiry_ns)
    instruments = core.expiries[key]
    if instruments[0].status == _SETTLED:
        return _ALREADY_SETTLED
    settlement = core.settlements[key]
    if not settlement.is_final:
        return _NO_SETTLEMENT_PRICE
    payouts = _payouts(core, instruments)
    if not _are_in_bounds(payouts):
        return _AMOUNT_ABOVE_LIMIT
    for instrument, rows in zip(instruments, payouts, strict=True):
        for payout in rows:
            _pay(core, payout, settlement.price_e6, events)
        instrument.status = _SETTLED
        core.touch(instrument)
        number = instrument.instrument
        events.append(InstrumentSettled(number, settlement.price_e6, len(rows)))
    return _ACCEPTED


def _expiry_code(core: ExchangeCore, underlying: str, expiry_ns: int) -> int:
    """Return why there is nothing that has expired then, 0 if there is."""
    if underlying not in core.underlyings:
        return _UNKNOWN_UNDERLYING
    if (underlying, expiry_ns) not in core.expiries:
        return _UNKNOWN_EXPIRY
    return _NOT_EXPIRED if core.now_ns < expiry_ns else _ACCEPTED


def _payouts(core: ExchangeCore, instruments: Sequence[Instrument]) -> list[list[Payout]]:
    """Return what each position becomes, without fee once the exchange may take no more."""
    payouts: list[list[Payout]] = []
    taken = core.treasury.fees_e6
    for holders in holders_of(core, instruments):
        rows: list[Payout] = []
        for holding in holders:
            payout = _payout(holding)
            if taken >= CASH_MAX_E6:
                payout = payout._replace(fee_e6=0)
            taken += payout.fee_e6
            rows.append(payout)
        payouts.append(rows)
    return payouts


def _payout(holding: Holding) -> Payout:
    instrument, qty = holding.instrument, holding.qty_lots
    refresh_prices(instrument)
    amount = qty * instrument.mark_lot_e6
    if not instrument.is_option:
        amount -= holding.cost_e6
    return Payout(holding, amount, settlement_fee_e6(instrument, holding.account.fees, qty))


def _are_in_bounds(payouts: Sequence[Sequence[Payout]]) -> bool:
    """Return whether every account's cash stays in its bounds, all its positions settled."""
    cash: dict[int, int] = {}
    for rows in payouts:
        for holding, amount, fee in rows:
            account = holding.account
            before = cash.get(account.account, account.cash_e6)
            cash[account.account] = before + amount - fee
    return all(is_cash_in_bounds(after) for after in cash.values())


def _pay(core: ExchangeCore, payout: Payout, price_e6: int, events: Events) -> None:
    holding, amount, fee = payout
    account, instrument = holding.account, holding.instrument
    qty, cost = holding.qty_lots, holding.cost_e6
    account.cash_e6 += amount - fee
    core.treasury.fees_e6 += fee
    core.touch(core.treasury)
    if not instrument.is_option:
        instrument.clearing_e6 += cost
    holding.qty_lots = holding.cost_e6 = 0
    note_moved(core, holding)
    events.append(
        PositionSettled(
            account.account,
            instrument.instrument,
            qty,
            cost,
            price_e6,
            amount,
            qty * instrument.mark_lot_e6 - cost,
            fee,
            account.cash_e6,
        )
    )

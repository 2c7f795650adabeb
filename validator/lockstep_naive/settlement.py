"""Expiry and settlement: the price of an expiry, and what positions become ([SET-1], [SET-2]).

Owns every change of a settlement price and of the status of what has expired.
"""

from typing import NamedTuple

from lockstep_engine.codes import Code, InstrumentKind, InstrumentStatus
from lockstep_engine.commands import SetSettlementPrice, SettleExpiry
from lockstep_engine.events import (
    InstrumentExpired,
    InstrumentMark,
    InstrumentSettled,
    MarksUpdated,
    PositionSettled,
    SettlementPriceSet,
)
from lockstep_naive.core import NaiveCore, Refusal
from lockstep_naive.fees import Fee, are_fees_due, settlement_fee_e6
from lockstep_naive.money import add_cash, collect_fees, is_cash_bounded, put_position
from lockstep_naive.rows import Instrument, Mark, Position, Settlement
from lockstep_naive.window import close_window
from lockstep_naive.worth import expiry_ns, mark_e6, mark_lot_e6


class _Payment(NamedTuple):
    """What a position of an expired instrument becomes."""

    amount_e6: int
    realised_e6: int
    fee_e6: int


def expire(core: NaiveCore, number: int) -> None:
    """Let an instrument expire: fix the price of its expiry if it is the first, mark it."""
    instrument = core.instruments.must(number)
    key = (instrument.contract.underlying, expiry_ns(core, instrument))
    settlement = core.settlements.get(key) or _fix_price(core, key)
    status = int(InstrumentStatus.EXPIRED_PENDING_PRICE)
    core.instruments.put(instrument._replace(status=status))
    if settlement.price_e6:
        _mark_at(core, instrument, settlement.price_e6, key[1])
    core.emit(InstrumentExpired(number, mark_e6(core, instrument)))


def set_settlement_price(core: NaiveCore, action: SetSettlementPrice) -> Refusal:
    """[SET-1]."""
    key = (action.underlying, action.expiry_ns)
    refusal = _check_expired(core, key)
    if refusal is not None:
        return refusal
    settlement = core.settlements.must(key)
    if settlement.is_final:
        return Code.SETTLEMENT_PRICE_FINAL
    max_price_e6 = core.underlyings.must(action.underlying).max_index_price_e6
    if not 1 <= action.price_e6 <= max_price_e6:
        return Code.BAD_PARAMETER
    _put_price(core, settlement._replace(price_e6=action.price_e6, is_final=True))
    marks: list[InstrumentMark] = []
    for instrument in _instruments_of(core, key):
        mark = _mark_at(core, instrument, action.price_e6, core.now_ns)
        marks.append(InstrumentMark(instrument.instrument, mark.price_e6, 0, 0, 0, 0))
    core.emit(MarksUpdated(*key, tuple(marks)))
    return None


def settle_expiry(core: NaiveCore, action: SettleExpiry) -> Refusal:
    """[SET-2]."""
    key = (action.underlying, action.expiry_ns)
    refusal = _check_expired(core, key)
    if refusal is not None:
        return refusal
    instruments = _instruments_of(core, key)
    if any(each.status == InstrumentStatus.SETTLED for each in instruments):
        return Code.ALREADY_SETTLED
    if not core.settlements.must(key).is_final:
        return Code.NO_SETTLEMENT_PRICE
    if not _are_bounded(core, instruments):
        return Code.AMOUNT_ABOVE_LIMIT
    for instrument in instruments:
        _settle_instrument(core, instrument)
    return None


def _fix_price(core: NaiveCore, key: tuple[str, int]) -> Settlement:
    """Make the average of the index the settlement price; it is final if it rests on enough."""
    price_e6, samples = close_window(core, key)
    is_final = price_e6 > 0 and samples >= core.underlyings.must(key[0]).min_samples
    settlement = Settlement(key, price_e6, samples, is_final)
    _put_price(core, settlement)
    return settlement


def _put_price(core: NaiveCore, settlement: Settlement) -> None:
    core.settlements.put(settlement)
    _, price_e6, samples, is_final = settlement
    core.emit(SettlementPriceSet(*settlement.key, price_e6, samples, is_final))


def _mark_at(core: NaiveCore, instrument: Instrument, price_e6: int, marked_ns: int) -> Mark:
    """Mark an expired instrument at what a unit of it pays at a settlement price."""
    payoff_e6 = _payoff_e6(instrument, price_e6)
    mark = Mark(instrument.instrument, payoff_e6, marked_ns, 0, 0, 0, 0)
    core.marks.put(mark)
    return mark


def _payoff_e6(instrument: Instrument, price_e6: int) -> int:
    contract = instrument.contract
    match contract.kind:
        case InstrumentKind.CALL:
            return max(0, price_e6 - contract.strike_e6)
        case InstrumentKind.PUT:
            return max(0, contract.strike_e6 - price_e6)
        case _:
            return price_e6


def _instruments_of(core: NaiveCore, key: tuple[str, int]) -> list[Instrument]:
    """Return the instruments of (underlying, expiry_ns), which no perpetual is, by number."""
    return [
        each
        for each in core.instruments.all()
        if each.contract.date is not None
        and (each.contract.underlying, expiry_ns(core, each)) == key
    ]


def _check_expired(core: NaiveCore, key: tuple[str, int]) -> Refusal:
    if core.underlyings.get(key[0]) is None:
        return Code.UNKNOWN_UNDERLYING
    if not _instruments_of(core, key):
        return Code.UNKNOWN_EXPIRY
    return Code.NOT_EXPIRED if core.now_ns < key[1] else None


def _are_bounded(core: NaiveCore, instruments: list[Instrument]) -> bool:
    """Return whether the cash of every account stays in its bounds, all settled ([NUM-4])."""
    settled = core.copy()
    for instrument in instruments:
        _settle_instrument(settled, instrument)
    holders = {each.account for number in instruments for each in _positions_of(core, number)}
    return all(is_cash_bounded(settled.accounts.must(holder).cash_e6) for holder in sorted(holders))


def _settle_instrument(core: NaiveCore, instrument: Instrument) -> None:
    """Turn all positions into cash, by account."""
    key = (instrument.contract.underlying, expiry_ns(core, instrument))
    price_e6 = core.settlements.must(key).price_e6
    positions = _positions_of(core, instrument)
    for position in positions:
        payment = _payment(core, instrument, position)
        put_position(core, position._replace(qty_lots=0, cost_e6=0))
        account = add_cash(core, position.account, payment.amount_e6 - payment.fee_e6)
        collect_fees(core, [Fee(payment.fee_e6, 0)])
        core.emit(
            PositionSettled(
                position.account,
                position.instrument,
                position.qty_lots,
                position.cost_e6,
                price_e6,
                *payment,
                account.cash_e6,
            )
        )
    core.instruments.put(instrument._replace(status=int(InstrumentStatus.SETTLED)))
    core.emit(InstrumentSettled(instrument.instrument, price_e6, len(positions)))


def _positions_of(core: NaiveCore, instrument: Instrument) -> list[Position]:
    """Return the positions in an instrument by account."""
    return sorted(core.positions.group("instrument", instrument.instrument))


def _payment(core: NaiveCore, instrument: Instrument, position: Position) -> _Payment:
    lot_e6 = mark_lot_e6(core, instrument)
    value_e6 = position.qty_lots * lot_e6
    realised_e6 = value_e6 - position.cost_e6
    fee_e6 = 0
    if are_fees_due(core):
        fee_e6 = settlement_fee_e6(core, position.account, instrument, position.qty_lots)
    return _Payment(value_e6 if instrument.is_option else realised_e6, realised_e6, fee_e6)

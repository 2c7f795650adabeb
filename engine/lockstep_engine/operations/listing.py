"""Underlyings, instruments, their status and limits ([INS-3], [ADM-1] to [ADM-4])."""

from bisect import insort
from typing import Final

from lockstep_engine.codes import Code, InstrumentStatus
from lockstep_engine.commands import (
    CreateInstrument,
    CreateUnderlying,
    SetInstrumentStatus,
    SetTradingLimits,
    TradingLimits,
)
from lockstep_engine.entities import Underlying
from lockstep_engine.events import (
    InstrumentCreated,
    InstrumentStatusChanged,
    TradingLimitsSet,
    UnderlyingCreated,
)
from lockstep_engine.lifecycle.timers import schedule_instrument
from lockstep_engine.money.exposure import change_highest_price
from lockstep_engine.state import Events, ExchangeCore, Instrument
from lockstep_engine.symbols import Symbol, expiry_of, is_underlying_name, parse_symbol

_ACCEPTED: Final = int(Code.ACCEPTED)
_ALREADY_EXISTS: Final = int(Code.ALREADY_EXISTS)
_AMOUNT_ABOVE_LIMIT: Final = int(Code.AMOUNT_ABOVE_LIMIT)
_BAD_PARAMETER: Final = int(Code.BAD_PARAMETER)
_BAD_SYMBOL: Final = int(Code.BAD_SYMBOL)
_INSTRUMENT_EXPIRED: Final = int(Code.INSTRUMENT_EXPIRED)
_UNKNOWN_INSTRUMENT: Final = int(Code.UNKNOWN_INSTRUMENT)
_UNKNOWN_UNDERLYING: Final = int(Code.UNKNOWN_UNDERLYING)
_VALUE_NOT_WHOLE: Final = int(Code.VALUE_NOT_WHOLE)
_HALTED: Final = int(InstrumentStatus.HALTED)
_ID_MAX: Final = 2**31 - 1
_INDEX_MAX_E6: Final = 2**50
_DAY_S: Final = 86_400
_SAMPLES_MAX: Final = 10**6
_SIZE_MAX: Final = 10**15
_POSITION_MAX_E6: Final = 2**56
_BAND_MAX_BPS: Final = 10**6
_OPEN_ORDERS_MAX: Final = 10**6
_E16: Final = 10**16


def create_underlying(core: ExchangeCore, action: CreateUnderlying, events: Events) -> int:
    """List an underlying."""
    name = action.underlying
    if name in core.underlyings:
        return _ALREADY_EXISTS
    if not is_underlying_name(name):
        return _BAD_SYMBOL
    if not 1 <= action.max_index_price_e6 <= _INDEX_MAX_E6:
        return _BAD_PARAMETER
    if not 0 <= action.expiry_time_s < _DAY_S or not 0 <= action.min_samples <= _SAMPLES_MAX:
        return _BAD_PARAMETER
    facts = (name, action.max_index_price_e6, action.expiry_time_s, action.min_samples)
    underlying = Underlying(*facts)
    core.underlyings[name] = underlying
    core.touch(underlying)
    events.append(UnderlyingCreated(*facts))
    return _ACCEPTED


def create_instrument(core: ExchangeCore, action: CreateInstrument, events: Events) -> int:
    """List an instrument."""
    if not 1 <= action.instrument <= _ID_MAX:
        return _BAD_PARAMETER
    if action.instrument in core.instruments:
        return _ALREADY_EXISTS
    symbol = parse_symbol(action.symbol)
    if symbol is None:
        return _BAD_SYMBOL
    underlying = core.underlyings.get(symbol.underlying)
    if underlying is None:
        return _UNKNOWN_UNDERLYING
    if symbol.canonical in core.symbols:
        return _ALREADY_EXISTS
    expiry_ns = expiry_of(symbol, underlying.expiry_time_s)
    if expiry_ns and expiry_ns <= core.now_ns:
        return _INSTRUMENT_EXPIRED
    sizes = (action.tick_e6, action.lot_e8, action.contract_size_e8)
    code = _check_sizes(sizes)
    if code != _ACCEPTED:
        return code
    instrument = _instrument(action, symbol, underlying, expiry_ns)
    if not are_good_limits(instrument, action.limits):
        return _BAD_PARAMETER
    enter_instrument(core, instrument)
    schedule_instrument(core, instrument)
    events.append(_created(instrument))
    return _ACCEPTED


def enter_instrument(core: ExchangeCore, instrument: Instrument) -> None:
    """Put an instrument into the tables."""
    core.instruments[instrument.instrument] = instrument
    core.symbols[instrument.symbol] = instrument
    if instrument.expiry_ns:
        key = (instrument.underlying.name, instrument.expiry_ns)
        insort(core.expiries.setdefault(key, []), instrument, key=_instrument_id)
    core.touch(instrument)


def set_instrument_status(core: ExchangeCore, action: SetInstrumentStatus, events: Events) -> int:
    """Open, restrict or halt trading."""
    instrument = core.instruments.get(action.instrument)
    if instrument is None:
        return _UNKNOWN_INSTRUMENT
    if not 1 <= action.status <= _HALTED:
        return _BAD_PARAMETER
    if instrument.is_expired():
        return _INSTRUMENT_EXPIRED
    instrument.status = action.status
    core.touch(instrument)
    events.append(InstrumentStatusChanged(action.instrument, action.status))
    return _ACCEPTED


def set_trading_limits(core: ExchangeCore, action: SetTradingLimits, events: Events) -> int:
    """Replace an instrument's limits."""
    instrument = core.instruments.get(action.instrument)
    if instrument is None:
        return _UNKNOWN_INSTRUMENT
    if instrument.is_expired():
        return _INSTRUMENT_EXPIRED
    if not are_good_limits(instrument, action.limits):
        return _BAD_PARAMETER
    if not change_highest_price(core, instrument, action.limits.max_price_ticks):
        return _AMOUNT_ABOVE_LIMIT
    instrument.set_limits(action.limits)
    core.touch(instrument)
    events.append(TradingLimitsSet(action.instrument, action.limits))
    return _ACCEPTED


def are_good_limits(instrument: Instrument, limits: TradingLimits) -> bool:
    """Return whether the limits make sense and keep every amount small enough ([INS-3])."""
    if limits.price_step_ticks < 1 or limits.qty_step_lots < 1 or limits.min_order_lots < 1:
        return False
    if not limits.min_order_lots <= limits.max_order_lots <= limits.max_position_lots:
        return False
    if limits.price_step_ticks > limits.max_price_ticks:
        return False
    if not 0 <= limits.min_notional_e6 <= _POSITION_MAX_E6:
        return False
    if not 1 <= limits.max_open_orders <= _OPEN_ORDERS_MAX:
        return False
    if not 0 <= limits.price_band_bps <= _BAND_MAX_BPS:
        return False
    if not 0 <= limits.block_band_bps <= _BAND_MAX_BPS:
        return False
    worst_lot = instrument.worst_lot_at_e6(limits.max_price_ticks)
    return limits.max_position_lots * worst_lot <= _POSITION_MAX_E6


def _check_sizes(sizes: tuple[int, int, int]) -> int:
    for size in sizes:
        if not 1 <= size <= _SIZE_MAX:
            return _BAD_PARAMETER
    value = sizes[0] * sizes[1] * sizes[2]
    return _VALUE_NOT_WHOLE if value % _E16 else _ACCEPTED


def _instrument(
    action: CreateInstrument, symbol: Symbol, underlying: Underlying, expiry_ns: int
) -> Instrument:
    return Instrument(
        action.instrument,
        symbol.canonical,
        underlying,
        symbol.kind,
        expiry_ns,
        symbol.strike_e6,
        (action.tick_e6, action.lot_e8, action.contract_size_e8),
        action.limits,
        action.allows_self_trade,
    )


def _instrument_id(instrument: Instrument) -> int:
    return instrument.instrument


def _created(instrument: Instrument) -> InstrumentCreated:
    return InstrumentCreated(
        instrument.instrument,
        instrument.symbol,
        instrument.underlying.name,
        instrument.kind,
        instrument.expiry_ns,
        instrument.strike_e6,
        instrument.tick_e6,
        instrument.lot_e8,
        instrument.contract_size_e8,
        instrument.limits,
        instrument.allows_self_trade,
    )

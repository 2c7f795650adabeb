"""ExecuteBlock: two accounts trade all legs outside the book, or none ([CMD-3])."""

from typing import Final, NamedTuple

from lockstep_engine.admission.amounts import is_off_mark, price_code, size_code
from lockstep_engine.admission.limits import exceeds_position
from lockstep_engine.codes import Code, InstrumentStatus, MarginMode, Side
from lockstep_engine.commands import BlockLeg, ExecuteBlock
from lockstep_engine.events import BlockSide, BlockTraded
from lockstep_engine.matching.reduce_only import cut_reduce_only, reduces
from lockstep_engine.money.bounds import CASH_MAX_E6, is_cash_in_bounds
from lockstep_engine.money.exposure import EXPOSURE_MAX_E6, added_exposure_e6, exposure_e6
from lockstep_engine.money.fees import fee_at_e6
from lockstep_engine.money.settle import note_moved, settle_side
from lockstep_engine.risk.margin import account_value_e6, free_e6, has_orders, leaves_no_hole
from lockstep_engine.risk.modes import portfolio_code
from lockstep_engine.risk.standard import refresh_prices
from lockstep_engine.risk.standing import standing_of
from lockstep_engine.state import (
    Account,
    Events,
    ExchangeCore,
    Holding,
    Instrument,
    holding_of,
)

_ACCEPTED: Final = int(Code.ACCEPTED)
_ACCOUNT_IN_DEBT: Final = int(Code.ACCOUNT_IN_DEBT)
_AMOUNT_ABOVE_LIMIT: Final = int(Code.AMOUNT_ABOVE_LIMIT)
_BAD_BLOCK: Final = int(Code.BAD_BLOCK)
_BAD_LINEAGE: Final = int(Code.BAD_LINEAGE)
_BAD_SIDE: Final = int(Code.BAD_SIDE)
_BLOCK_OFF_MARKET: Final = int(Code.BLOCK_OFF_MARKET)
_INSTRUMENT_CLOSE_ONLY: Final = int(Code.INSTRUMENT_CLOSE_ONLY)
_INSTRUMENT_EXPIRED: Final = int(Code.INSTRUMENT_EXPIRED)
_INSTRUMENT_HALTED: Final = int(Code.INSTRUMENT_HALTED)
_INSUFFICIENT_MARGIN: Final = int(Code.INSUFFICIENT_MARGIN)
_NO_INDEX_PRICE: Final = int(Code.NO_INDEX_PRICE)
_NO_MARK_PRICE: Final = int(Code.NO_MARK_PRICE)
_POSITION_LIMIT: Final = int(Code.POSITION_LIMIT)
_STALE_MARK: Final = int(Code.STALE_MARK)
_UNKNOWN_INSTRUMENT: Final = int(Code.UNKNOWN_INSTRUMENT)
_CLOSE_ONLY: Final = int(InstrumentStatus.CLOSE_ONLY)
_HALTED: Final = int(InstrumentStatus.HALTED)
_PORTFOLIO: Final = int(MarginMode.PORTFOLIO)
_BUY: Final = int(Side.BUY)
_LEGS_MAX: Final = 20
_LINEAGE_BYTES: Final = 16


class _Party:
    """One account of a block, with what it was before: cash, value, collateral - IM, free.

    `exposure_e6` is with all legs so far, each as if it were an open order; `has_others`: orders
    rest beside a leg that a portfolio looks at together with it.
    """

    __slots__ = (
        *("account", "cash_e6", "cushion_e6", "exposure_e6", "fees_e6", "free_e6", "has_others"),
        *("is_reducing", "lineage", "value_e6"),
    )

    def __init__(self, account: Account, lineage: bytes) -> None:
        self.account = account
        self.lineage = lineage
        self.is_reducing = True
        self.has_others = False
        self.cash_e6 = account.cash_e6
        self.cushion_e6 = 0
        self.free_e6 = 0
        self.value_e6 = 0
        self.fees_e6 = 0
        self.exposure_e6 = exposure_e6(account)


class _Trade(NamedTuple):
    """One party's part in a leg, with its position before."""

    holding: Holding
    side: int
    qty_lots: int
    cost_e6: int


class _Leg(NamedTuple):
    """A leg that passed its checks, as both parties trade it."""

    leg: BlockLeg
    instrument: Instrument
    first: _Trade
    second: _Trade


def execute_block(
    core: ExchangeCore, account: Account, action: ExecuteBlock, events: Events
) -> int:
    """Trade every leg, or none; authority and nonces of both parties were checked before."""
    first = _Party(account, action.lineage)
    second = _Party(core.accounts[action.counter_account], action.counter_lineage)
    code = _shape_code(action, first, second)
    if code != _ACCEPTED:
        return code
    legs: list[_Leg] = []
    for leg in action.legs:
        code = _leg_code(core, first, second, leg)
        if code != _ACCEPTED:
            return code
        legs.append(_leg(core, first, second, leg))
    for party in (first, second):
        party.account.exposure_e6 = party.exposure_e6
        if party.is_reducing:
            party.cushion_e6 = _cushion_e6(core, party.account)
            party.free_e6 = free_e6(core, party.account)
            party.value_e6 = account_value_e6(party.account)
    fees, traded = core.treasury.fees_e6, _settle(core, legs, first, second)
    if not (_is_covered(core, first) and _is_covered(core, second)):
        core.treasury.fees_e6 = fees
        _undo(core, legs, first, second)
        return _INSUFFICIENT_MARGIN
    core.next_trade_id += len(legs)
    events.extend(traded)
    for found in legs:
        cut_reduce_only(core, found.first.holding, events)
        cut_reduce_only(core, found.second.holding, events)
    return _ACCEPTED


def _shape_code(action: ExecuteBlock, first: _Party, second: _Party) -> int:
    """Return why the block as a whole makes no sense, 0 if it does."""
    legs = action.legs
    if not 1 <= len(legs) <= _LEGS_MAX:
        return _BAD_BLOCK
    if len(dict.fromkeys(leg.instrument for leg in legs)) != len(legs):
        return _BAD_BLOCK
    for party in (first, second):
        if len(party.lineage) not in (0, _LINEAGE_BYTES):
            return _BAD_LINEAGE
    if first.account.debt_e6 or second.account.debt_e6:
        return _ACCOUNT_IN_DEBT
    if not (is_cash_in_bounds(first.cash_e6) and is_cash_in_bounds(second.cash_e6)):
        return _AMOUNT_ABOVE_LIMIT
    return _ACCEPTED


def _leg_code(core: ExchangeCore, first: _Party, second: _Party, leg: BlockLeg) -> int:
    """Return why a leg may not be traded, 0 if it may; note what it is to each party."""
    instrument = core.instruments.get(leg.instrument)
    if instrument is None:
        return _UNKNOWN_INSTRUMENT
    if leg.side not in (_BUY, 1 - _BUY):
        return _BAD_SIDE
    most = instrument.max_position_lots
    code = (
        price_code(instrument, leg.price_ticks)
        or size_code(instrument, leg.price_ticks, leg.qty_lots, most)
        or _market_code(core, instrument)
    )
    if code != _ACCEPTED:
        return code
    if is_off_mark(instrument, leg.price_ticks, instrument.limits.block_band_bps):
        return _BLOCK_OFF_MARKET
    code = _party_code(core, first, instrument, leg.side, leg.qty_lots)
    if code != _ACCEPTED:
        return code
    return _party_code(core, second, instrument, 1 - leg.side, leg.qty_lots)


def _market_code(core: ExchangeCore, instrument: Instrument) -> int:
    """Return why the instrument takes no block now, 0 if it may take one."""
    if instrument.status == _HALTED:
        return _INSTRUMENT_HALTED
    if instrument.is_expired():
        return _INSTRUMENT_EXPIRED
    if instrument.is_option and instrument.underlying.index_price_e6 == 0:
        return _NO_INDEX_PRICE
    if core.now_ns > instrument.fresh_until_ns:
        return _NO_MARK_PRICE if instrument.fresh_until_ns < 0 else _STALE_MARK
    return _ACCEPTED


def _party_code(
    core: ExchangeCore, party: _Party, instrument: Instrument, side: int, qty_lots: int
) -> int:
    """Return why the account may not have that leg, 0 if it may."""
    holding = holding_of(party.account, instrument)
    if not reduces(holding, side, qty_lots):
        party.is_reducing = False
        if instrument.status == _CLOSE_ONLY:
            return _INSTRUMENT_CLOSE_ONLY
    if exceeds_position(holding, side, qty_lots):
        return _POSITION_LIMIT
    party.exposure_e6 += added_exposure_e6(holding, side, qty_lots)
    if party.exposure_e6 > EXPOSURE_MAX_E6:
        return _AMOUNT_ABOVE_LIMIT
    if party.account.mode == _PORTFOLIO:
        if has_orders(party.account, instrument.underlying.name):
            party.has_others = True
        return portfolio_code(core, instrument)
    return _ACCEPTED


def _leg(core: ExchangeCore, first: _Party, second: _Party, leg: BlockLeg) -> _Leg:
    instrument = core.instruments[leg.instrument]
    refresh_prices(instrument)
    mine, theirs = holding_of(first.account, instrument), holding_of(second.account, instrument)
    return _Leg(
        leg,
        instrument,
        _Trade(mine, leg.side, mine.qty_lots, mine.cost_e6),
        _Trade(theirs, 1 - leg.side, theirs.qty_lots, theirs.cost_e6),
    )


def _cushion_e6(core: ExchangeCore, account: Account) -> int:
    """Return collateral - IM."""
    standing = standing_of(core, account)
    return standing.collateral_e6 - standing.initial_e6


def _is_covered(core: ExchangeCore, party: _Party) -> bool:
    """Return whether margin admits what the party has now ([MRG-1])."""
    account = party.account
    if free_e6(core, account) >= 0:
        return True
    if not party.is_reducing or party.has_others or _cushion_e6(core, account) < party.cushion_e6:
        return False
    if free_e6(core, account) < party.free_e6:
        return False
    value = account_value_e6(account)
    return leaves_no_hole(account, value, value + party.fees_e6 - party.value_e6)


def _settle(
    core: ExchangeCore, legs: list[_Leg], first: _Party, second: _Party
) -> list[BlockTraded]:
    """Move positions, cash and fees of all legs; return their events."""
    traded: list[BlockTraded] = []
    for leg, instrument, mine, theirs in legs:
        traded.append(
            BlockTraded(
                core.next_trade_id + len(traded),
                instrument.instrument,
                leg.price_ticks,
                leg.qty_lots,
                leg.side,
                instrument.underlying.index_price_e6,
                _settle_side(core, first, mine, leg),
                _settle_side(core, second, theirs, leg),
            )
        )
    core.touch(core.treasury)
    return traded


def _settle_side(core: ExchangeCore, party: _Party, trade: _Trade, leg: BlockLeg) -> BlockSide:
    account, holding = party.account, trade.holding
    instrument, fees = holding.instrument, account.fees
    lots, value = leg.qty_lots, leg.price_ticks * leg.qty_lots * instrument.value_e6
    fee = fee_at_e6(instrument, fees, fees.block_e9, lots, value)
    if core.treasury.fees_e6 >= CASH_MAX_E6:
        fee = 0
    if trade.side != _BUY:
        lots, value = -lots, -value
    realised = settle_side(core, holding, lots, value, fee)
    core.treasury.fees_e6 += fee
    party.fees_e6 += fee
    return BlockSide(
        account.account,
        fee,
        realised,
        holding.qty_lots,
        holding.cost_e6,
        account.cash_e6,
        party.lineage,
    )


def _undo(core: ExchangeCore, legs: list[_Leg], first: _Party, second: _Party) -> None:
    """Put everything back that `_settle` moved, fees apart."""
    for found in legs:
        for trade in (found.first, found.second):
            holding = trade.holding
            if not found.instrument.is_option:
                found.instrument.clearing_e6 += holding.cost_e6 - trade.cost_e6
            holding.qty_lots, holding.cost_e6 = trade.qty_lots, trade.cost_e6
            note_moved(core, holding)
    for party in (first, second):
        party.account.cash_e6 = party.cash_e6

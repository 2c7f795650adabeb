"""Blocks: two accounts exchange all legs outside the books, or none ([CMD-3])."""

from lockstep_engine.codes import Code, InstrumentStatus, MarginMode, Side
from lockstep_engine.commands import BlockLeg, ExecuteBlock, PlaceOrder
from lockstep_engine.events import BlockSide, BlockTraded
from lockstep_naive.admission import (
    candidate_of,
    check_position_limit,
    check_price,
    check_size,
    is_good_lineage,
)
from lockstep_naive.core import NaiveCore, Refusal
from lockstep_naive.exposure import is_exposure_bounded
from lockstep_naive.fees import E4, Fee, Volume, are_fees_due, charge_e6, schedule_of
from lockstep_naive.margin import (
    free_e6,
    has_no_hole,
    has_others_open,
    headroom_e6,
    holding_of,
    is_reducing,
    margin_mode_of,
    value_e6,
)
from lockstep_naive.marks import is_stale
from lockstep_naive.matching import keep_reduce_only_bound
from lockstep_naive.models import check_modelled
from lockstep_naive.money import Settled, collect_fees, is_cash_bounded, settle
from lockstep_naive.rows import Instrument, Order
from lockstep_naive.worth import index_e6, mark_lot_e6, trade_value_e6

LEGS_MAX = 20


def execute_block(core: NaiveCore, account: int, action: ExecuteBlock) -> Refusal:
    """[CMD-3]: margin is looked at on a copy of the state in which the block is settled."""
    parties = (account, action.counter_account)
    refusal = _check_block(core, parties, action)
    if refusal is not None:
        return refusal
    for place in range(len(action.legs)):
        refusal = _check_leg(core, parties, action.legs[: place + 1])
        if refusal is not None:
            return refusal
    settled = core.copy()
    _settle(settled, account, action)
    for place, party in enumerate(parties):
        if not _has_margin(core, settled, _orders(party, action, is_first=place == 0)):
            return Code.INSUFFICIENT_MARGIN
    _settle(core, account, action)
    for leg in action.legs:
        for party in parties:
            keep_reduce_only_bound(core, party, leg.instrument)
    return None


def _check_block(core: NaiveCore, parties: tuple[int, int], action: ExecuteBlock) -> Refusal:
    instruments = [leg.instrument for leg in action.legs]
    if not 1 <= len(instruments) <= LEGS_MAX or len({*instruments}) < len(instruments):
        return Code.BAD_BLOCK
    if not (is_good_lineage(action.lineage) and is_good_lineage(action.counter_lineage)):
        return Code.BAD_LINEAGE
    if any(core.accounts.must(party).debt_e6 > 0 for party in parties):
        return Code.ACCOUNT_IN_DEBT
    if not all(is_cash_bounded(core.accounts.must(party).cash_e6) for party in parties):
        return Code.AMOUNT_ABOVE_LIMIT
    return None


def _check_leg(core: NaiveCore, parties: tuple[int, int], legs: tuple[BlockLeg, ...]) -> Refusal:
    """Check the last leg for itself, and then, beside the others, as an order of each party."""
    leg = legs[-1]
    instrument = core.instruments.get(leg.instrument)
    if instrument is None:
        return Code.UNKNOWN_INSTRUMENT
    if leg.side not in {Side.BUY, Side.SELL}:
        return Code.BAD_SIDE
    order = _order(parties[0], leg, is_first=True)
    refusal = (
        check_price(instrument, order)
        or check_size(instrument, order, instrument.max_position_lots)
        or _check_market(core, instrument, leg)
    )
    for place, party in enumerate(parties):
        orders = [_order(party, each, is_first=place == 0) for each in legs]
        refusal = refusal or _check_party(core, instrument, orders)
    return refusal


def _check_market(core: NaiveCore, instrument: Instrument, leg: BlockLeg) -> Refusal:
    """Check status, index and mark, and that the price is not far from the mark."""
    if instrument.status == InstrumentStatus.HALTED:
        return Code.INSTRUMENT_HALTED
    if instrument.is_expired:
        return Code.INSTRUMENT_EXPIRED
    if instrument.is_option and index_e6(core, instrument) == 0:
        return Code.NO_INDEX_PRICE
    mark = core.marks.get(leg.instrument)
    if mark is None:
        return Code.NO_MARK_PRICE
    if is_stale(core, mark):
        return Code.STALE_MARK
    distance_e6 = abs(leg.price_ticks * instrument.tick_e6 - mark.price_e6)
    if distance_e6 * E4 > mark.price_e6 * instrument.block_band_bps:
        return Code.BLOCK_OFF_MARKET
    return None


def _check_party(core: NaiveCore, instrument: Instrument, orders: list[Order]) -> Refusal:
    order = orders[-1]
    holding = holding_of(core, order.account, order.instrument)
    if not is_reducing(order, holding):
        if instrument.status == InstrumentStatus.CLOSE_ONLY:
            return Code.INSTRUMENT_CLOSE_ONLY
        refusal = check_position_limit(instrument, order, holding)
        if refusal is not None:
            return refusal
    if not is_exposure_bounded(core, order.account, orders):
        return Code.AMOUNT_ABOVE_LIMIT
    if margin_mode_of(core, order.account) == MarginMode.PORTFOLIO:
        return check_modelled(core, instrument)
    return None


def _has_margin(core: NaiveCore, settled: NaiveCore, orders: list[Order]) -> bool:
    """Return whether a party may have its legs: it has what is free, or it only reduces."""
    party = orders[0].account
    if free_e6(settled, party) >= 0:
        return True
    is_smaller = all(
        is_reducing(order, holding_of(core, party, order.instrument)) for order in orders
    )
    if not is_smaller or headroom_e6(settled, party) < headroom_e6(core, party):
        return False
    if free_e6(settled, party) < free_e6(core, party):
        return False
    underlyings = {core.instruments.must(order.instrument).contract.underlying for order in orders}
    if margin_mode_of(core, party) == MarginMode.PORTFOLIO and any(
        has_others_open(core, party, underlying) for underlying in sorted(underlyings)
    ):
        return False
    change = sum(_gain_at_mark_e6(core, order) for order in orders)
    return has_no_hole(core, party, value_e6(settled, party), change)


def _gain_at_mark_e6(core: NaiveCore, order: Order) -> int:
    """Return what a leg is worth to a party at the mark, beyond what it pays, fees apart."""
    instrument, lots = core.instruments.must(order.instrument), order.sign * order.remaining_lots
    return lots * mark_lot_e6(core, instrument) - trade_value_e6(
        instrument, order.price_ticks, lots
    )


def _orders(party: int, action: ExecuteBlock, *, is_first: bool) -> list[Order]:
    return [_order(party, leg, is_first=is_first) for leg in action.legs]


def _order(party: int, leg: BlockLeg, *, is_first: bool) -> Order:
    """Return a leg as if it were an order of a party."""
    side = leg.side if is_first else 1 - leg.side
    place = PlaceOrder(leg.instrument, side, leg.price_ticks, leg.qty_lots)
    return candidate_of(party, place, quote_set=0)


def _settle(core: NaiveCore, account: int, action: ExecuteBlock) -> None:
    """Settle both sides of all legs, and tell each."""
    for leg in action.legs:
        instrument = core.instruments.must(leg.instrument)
        first_order = _order(account, leg, is_first=True)
        second_order = _order(action.counter_account, leg, is_first=False)
        first = _settled_side(core, first_order, action.lineage)
        second = _settled_side(core, second_order, action.counter_lineage)
        trade_id = core.time.next_trade_id
        core.time = core.time._replace(next_trade_id=trade_id + 1)
        core.emit(
            BlockTraded(
                trade_id,
                leg.instrument,
                leg.price_ticks,
                leg.qty_lots,
                leg.side,
                index_e6(core, instrument),
                first,
                second,
            )
        )


def _settled_side(core: NaiveCore, order: Order, lineage: bytes) -> BlockSide:
    """Settle a party's side of a leg whole."""
    instrument = core.instruments.must(order.instrument)
    volume = Volume(order.qty_lots, trade_value_e6(instrument, order.price_ticks, order.qty_lots))
    rate_e9 = schedule_of(core, order.account).block_e9
    fee_e6 = 0
    if are_fees_due(core):
        fee_e6 = charge_e6(core, order.account, order.instrument, rate_e9, volume)
    key, signed_lots = (order.account, order.instrument), order.sign * order.qty_lots
    lot_price_e6 = trade_value_e6(instrument, order.price_ticks, 1)
    side: Settled = settle(core, key, signed_lots, lot_price_e6, fee_e6)
    collect_fees(core, [Fee(fee_e6, 0)])
    return BlockSide(order.account, fee_e6, *side, lineage)

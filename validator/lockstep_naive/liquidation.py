"""Liquidation: an account without its maintenance margin is closed ([LIQ-1], [LIQ-2]).

First on the books, as far as they take its positions at bearable prices; then against other
accounts; at last the insurance fund pays, and what it cannot pay is owed.
"""

from lockstep_engine.codes import (
    CancelReason,
    CashReason,
    Code,
    InstrumentStatus,
    OrderFlag,
    OrderType,
    SelfTradeMode,
    Side,
    TimeInForce,
)
from lockstep_engine.commands import Liquidate, PlaceOrder
from lockstep_engine.events import LiquidationEnded, LiquidationStarted, Trade
from lockstep_kernel import div_ceil, div_floor
from lockstep_naive.admission import candidate_of
from lockstep_naive.book import best_price, by_id, cancel, is_crossing, orders_of_account
from lockstep_naive.core import NaiveCore, Refusal
from lockstep_naive.deleveraging import deleverage
from lockstep_naive.fees import E4, Volume, charge_e6, schedule_of, volume_fee_e6
from lockstep_naive.margin import (
    account_margin,
    collateral_e6,
    has_enough,
    headroom_e6,
    headroom_without_e6,
    largest_first,
    value_e6,
)
from lockstep_naive.money import insure, lend, treasury_of
from lockstep_naive.orders import accept
from lockstep_naive.rows import Instrument, Position
from lockstep_naive.worth import mark_e6, mark_lot_e6, trade_value_e6, underlying_of

FUND_BOUND_E6 = 2**61
TRADING = (InstrumentStatus.ACTIVE, InstrumentStatus.CLOSE_ONLY)


def liquidate(core: NaiveCore, action: Liquidate) -> Refusal:
    """[LIQ-1], [LIQ-2]."""
    account = action.account
    if core.accounts.get(account) is None:
        return Code.UNKNOWN_ACCOUNT
    if _is_healthy(core, account):
        return Code.ACCOUNT_HEALTHY
    margin = account_margin(core, account)
    core.emit(LiquidationStarted(account, collateral_e6(core, account), *margin))
    for order in by_id(orders_of_account(core, account)):
        cancel(core, order, CancelReason.LIQUIDATION)
    while _close_round(core, account):
        pass
    if not _is_healthy(core, account):
        deleverage(core, account)
    _cover_deficit(core, account)
    margin = account_margin(core, account)
    core.emit(
        LiquidationEnded(
            account,
            collateral_e6(core, account),
            *margin,
            treasury_of(core).insurance_e6,
            core.accounts.must(account).debt_e6,
        )
    )
    return None


def _is_healthy(core: NaiveCore, account: int) -> bool:
    return collateral_e6(core, account) >= account_margin(core, account).maintenance_e6


def _close_round(core: NaiveCore, account: int) -> bool:
    """Try to close each position once; return whether another round makes sense."""
    has_filled = False
    for position in largest_first(core, account):
        if core.instruments.must(position.instrument).status not in TRADING:
            continue
        if has_enough(core, account):
            return False
        headroom = headroom_e6(core, account)
        if headroom_without_e6(core, position) >= headroom and _close_on_book(core, position):
            has_filled = True
    return has_filled


def _close_on_book(core: NaiveCore, position: Position) -> bool:
    """Close what the book takes of a position; return whether it took anything."""
    side = int(Side.SELL if position.qty_lots > 0 else Side.BUY)
    price_ticks = _worst_price_ticks(core, position)
    opposite = best_price(core, position.instrument, 1 - side)
    max_price_ticks = core.instruments.must(position.instrument).max_price_ticks
    is_price = 1 <= price_ticks <= max_price_ticks
    if not is_price or opposite is None or not is_crossing(side, price_ticks, opposite):
        return False
    place = PlaceOrder(
        instrument=position.instrument,
        side=side,
        price_ticks=price_ticks,
        qty_lots=abs(position.qty_lots),
        tif=int(TimeInForce.IOC),
        flags=int(OrderFlag.REDUCE_ONLY),
        self_trade=int(SelfTradeMode.CANCEL_MAKER),
    )
    events_before = len(core.events)
    accept(core, candidate_of(position.account, place, quote_set=0), int(OrderType.LIMIT))
    trades = [event for event in core.events[events_before:] if isinstance(event, Trade)]
    _charge(core, position, trades)
    return bool(trades)


def _worst_price_ticks(core: NaiveCore, position: Position) -> int:
    """Return the price of a closing order; it may lie outside what the instrument permits.

    Near the mark, and no worse than the account can bear with the fee, or, if it is worth less than
    nothing, the insurance fund.
    """
    instrument = core.instruments.must(position.instrument)
    lots = abs(position.qty_lots)
    mark, distance = E4 * mark_e6(core, instrument), _distance_e10(core, instrument)
    tick = E4 * instrument.tick_e6
    one_tick_value = trade_value_e6(instrument, 1, lots)
    marked_value = lots * mark_lot_e6(core, instrument)
    value = value_e6(core, position.account)
    fee = volume_fee_e6(core, position.account, instrument, Volume(lots, marked_value))
    loss_max = min(value + treasury_of(core).insurance_e6, max(value - fee, 0))
    if position.qty_lots > 0:
        by_mark = div_ceil(mark - distance, tick)
        return max(by_mark, div_ceil(marked_value - loss_max, one_tick_value), 1)
    by_mark = div_floor(mark + distance, tick)
    by_deficit = div_floor(marked_value + loss_max, one_tick_value)
    return min(by_mark, by_deficit, instrument.max_price_ticks)


def _distance_e10(core: NaiveCore, instrument: Instrument) -> int:
    """Return how far from the mark a closing order may go: the penalty, or a step of the price."""
    by_penalty = mark_e6(core, instrument) * underlying_of(core, instrument).penalty_bps
    return max(by_penalty, E4 * instrument.price_step_ticks * instrument.tick_e6)


def _charge(core: NaiveCore, position: Position, trades: list[Trade]) -> None:
    """Take the liquidation fee for what was traded, as far as the account has a value."""
    instrument, account = core.instruments.must(position.instrument), position.account
    volume = Volume(
        sum(trade.qty_lots for trade in trades),
        sum(trade_value_e6(instrument, trade.price_ticks, trade.qty_lots) for trade in trades),
    )
    rate_e9 = schedule_of(core, account).liquidation_e9
    fee_e6 = charge_e6(core, account, position.instrument, rate_e9, volume)
    room_e6 = FUND_BOUND_E6 - treasury_of(core).insurance_e6
    paid_e6 = min(fee_e6, max(0, value_e6(core, account)), room_e6)
    insure(core, account, CashReason.LIQUIDATION_FEE, -paid_e6)


def _cover_deficit(core: NaiveCore, account: int) -> None:
    """Bring the cash of an account without positions back to 0: by insurance, then by debt."""
    deficit_e6 = -core.accounts.must(account).cash_e6
    if deficit_e6 <= 0 or core.positions.group("account", account):
        return
    insured_e6 = min(deficit_e6, treasury_of(core).insurance_e6)
    insure(core, account, CashReason.INSURANCE, insured_e6)
    lend(core, account, deficit_e6 - insured_e6)

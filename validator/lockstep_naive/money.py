"""Positions, cash and the treasury: what a fill does to both sides ([POS-1], [POS-2], [POS-3]).

Owns every change of cash, position and treasury.
"""

from typing import NamedTuple

from lockstep_engine.codes import CashReason
from lockstep_engine.events import CashMoved, TradeSide
from lockstep_kernel import div_trunc
from lockstep_naive.core import NaiveCore
from lockstep_naive.fees import Fee
from lockstep_naive.rows import Account, Order, Position, Treasury
from lockstep_naive.worth import trade_value_e6


class Fill(NamedTuple):
    """What one side of a trade gets: its order after it, lots, price and fee."""

    order: Order
    lots: int
    price_ticks: int
    fee: Fee


def position_of(core: NaiveCore, account: int, instrument: int) -> Position:
    """Return a position, one of 0 lots if there is none."""
    key = (account, instrument)
    return core.positions.get(key) or Position(key, 0, 0)


def treasury_of(core: NaiveCore) -> Treasury:
    """Return the treasury."""
    return core.treasuries.get(0) or Treasury(0, 0, 0)


def put_treasury(core: NaiveCore, treasury: Treasury) -> None:
    """Change the treasury; at 0 and 0 it is absent."""
    if treasury.fees_e6 or treasury.net_deposits_e6:
        core.treasuries.put(treasury)
    else:
        core.treasuries.drop(0)


def add_cash(core: NaiveCore, account: int, amount_e6: int) -> Account:
    """Change the cash of an account and return it as it is now."""
    row = core.accounts.must(account)
    row = row._replace(cash_e6=row.cash_e6 + amount_e6)
    core.accounts.put(row)
    return row


def move_cash(core: NaiveCore, account: int, reason: CashReason, amount_e6: int) -> None:
    """Change the cash of an account other than by a trade; nothing happens for 0."""
    if amount_e6:
        row = add_cash(core, account, amount_e6)
        core.emit(CashMoved(account, reason, amount_e6, row.cash_e6))


def after_fill(before: Position, signed_lots: int, lot_price_e6: int) -> tuple[Position, int]:
    """Return the position after a fill, and the realised profit ([POS-1]).

    A fill against the position closes lots of it first; what is left of the fill opens.
    """
    is_against = before.qty_lots * signed_lots < 0
    held_lots = abs(before.qty_lots)
    closed = min(abs(signed_lots), held_lots) if is_against else 0
    signed_closed = closed if signed_lots > 0 else -closed
    released = div_trunc(before.cost_e6 * closed, held_lots) if closed else 0
    opening_value = (signed_lots - signed_closed) * lot_price_e6
    after = before._replace(
        qty_lots=before.qty_lots + signed_lots,
        cost_e6=before.cost_e6 - released + opening_value,
    )
    return after, -released - signed_closed * lot_price_e6


def settle_side(core: NaiveCore, fill: Fill, *, is_with_itself: bool) -> TradeSide:
    """Settle one side whole: position, cash, fee ([POS-3]); return it as it is afterwards.

    An account that trades with itself pays its fees and nothing else ([ORD-3]).
    """
    order, fee = fill.order, fill.fee
    position = position_of(core, order.account, order.instrument)
    realised = cash_change = 0
    if not is_with_itself:
        instrument = core.instruments.must(order.instrument)
        signed_lots = order.sign * fill.lots
        lot_price = trade_value_e6(instrument, fill.price_ticks, 1)
        position, realised = after_fill(position, signed_lots, lot_price)
        _put_position(core, position)
        cash_change = -signed_lots * lot_price if instrument.is_option else realised
    account = add_cash(core, order.account, cash_change - fee.fee_e6)
    return TradeSide(
        order.order_id,
        order.account,
        order.client_id,
        order.remaining_lots,
        fee.fee_e6,
        fee.builder_e6,
        realised,
        position.qty_lots,
        position.cost_e6,
        account.cash_e6,
        order.lineage,
    )


def collect_fees(core: NaiveCore, fees: tuple[Fee, Fee]) -> None:
    """Give the exchange what the builders do not get."""
    treasury = treasury_of(core)
    kept = sum(fee.fee_e6 - fee.builder_e6 for fee in fees)
    put_treasury(core, treasury._replace(fees_e6=treasury.fees_e6 + kept))


def _put_position(core: NaiveCore, position: Position) -> None:
    if position.qty_lots or position.cost_e6:
        core.positions.put(position)
    else:
        core.positions.drop(position.key)

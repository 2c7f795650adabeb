"""Positions, cash, debt and the treasury: what a fill does to both sides ([POS-1] to [POS-3]).

Owns every change of cash, debt, position and treasury.
"""

from collections.abc import Iterable
from typing import NamedTuple

from lockstep_engine.codes import CashReason
from lockstep_engine.events import CashMoved, TradeSide
from lockstep_kernel import div_trunc
from lockstep_naive.core import NaiveCore
from lockstep_naive.fees import Fee
from lockstep_naive.rows import Account, Order, Position, Treasury
from lockstep_naive.worth import trade_value_e6

CASH_BOUND_E6 = 2**61


class Settled(NamedTuple):
    """A side of a fill, as it is after it."""

    realised_e6: int
    position_lots: int
    cost_e6: int
    cash_e6: int


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
    return core.treasuries.get(0) or Treasury(0, 0, 0, 0)


def put_treasury(core: NaiveCore, treasury: Treasury) -> None:
    """Change the treasury; with nothing in it it is absent."""
    if treasury.fees_e6 or treasury.net_deposits_e6 or treasury.insurance_e6:
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


def is_cash_bounded(cash_e6: int) -> bool:
    """Return whether cash, or what came in less what went out, may be this much ([NUM-4])."""
    return abs(cash_e6) < CASH_BOUND_E6


def may_receive(core: NaiveCore, account: int, amount_e6: int) -> bool:
    """Return whether an account's cash stays below its bound with an amount more."""
    return core.accounts.must(account).cash_e6 + amount_e6 < CASH_BOUND_E6


def repay_debt(core: NaiveCore, account: int) -> None:
    """Pay what an account owes with the cash that it has ([AUT-5])."""
    row = core.accounts.must(account)
    amount = min(row.debt_e6, max(0, row.cash_e6))
    core.accounts.put(row._replace(debt_e6=row.debt_e6 - amount))
    move_cash(core, account, CashReason.DEBT_REPAID, -amount)


def insure(core: NaiveCore, account: int, reason: CashReason, amount_e6: int) -> None:
    """Move cash from the insurance fund to an account; a negative amount goes to the fund."""
    treasury = treasury_of(core)
    put_treasury(core, treasury._replace(insurance_e6=treasury.insurance_e6 - amount_e6))
    move_cash(core, account, reason, amount_e6)


def lend(core: NaiveCore, account: int, amount_e6: int) -> None:
    """Turn negative cash into debt."""
    row = core.accounts.must(account)
    core.accounts.put(row._replace(debt_e6=row.debt_e6 + amount_e6))
    move_cash(core, account, CashReason.DEBT, amount_e6)


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
    lot_price = trade_value_e6(core.instruments.must(order.instrument), fill.price_ticks, 1)
    signed_lots = 0 if is_with_itself else order.sign * fill.lots
    key = (order.account, order.instrument)
    settled = settle(core, key, signed_lots, lot_price, fee.fee_e6)
    return TradeSide(
        order.order_id,
        order.account,
        order.client_id,
        order.remaining_lots,
        fee.fee_e6,
        fee.builder_e6,
        *settled,
        order.lineage,
    )


def settle(
    core: NaiveCore, key: tuple[int, int], signed_lots: int, lot_price_e6: int, fee_e6: int
) -> Settled:
    """Fill lots of (account, instrument) at a price: position, cash, fee ([POS-1], [POS-2])."""
    position, realised = after_fill(position_of(core, *key), signed_lots, lot_price_e6)
    put_position(core, position)
    is_option = core.instruments.must(key[1]).is_option
    cash_change = -signed_lots * lot_price_e6 if is_option else realised
    account = add_cash(core, key[0], cash_change - fee_e6)
    return Settled(realised, position.qty_lots, position.cost_e6, account.cash_e6)


def collect_fees(core: NaiveCore, fees: Iterable[Fee]) -> None:
    """Give the exchange what the builders do not get."""
    treasury = treasury_of(core)
    kept = sum(fee.fee_e6 - fee.builder_e6 for fee in fees)
    put_treasury(core, treasury._replace(fees_e6=treasury.fees_e6 + kept))


def put_position(core: NaiveCore, position: Position) -> None:
    """Change a position; with nothing in it it is absent."""
    if position.qty_lots or position.cost_e6:
        core.positions.put(position)
    else:
        core.positions.drop(position.key)

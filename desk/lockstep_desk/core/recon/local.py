"""The books of one account as a sweep compares them, made from the desk's state.

Owns the translation. What nobody claimed is left out of what is held and of what is booked: to the
sweep it is a fill of the broker that still waits for its owner.
"""

from collections.abc import Set as AbstractSet
from itertools import chain
from typing import Final

import msgspec

from lockstep_desk.core.codes import Origin
from lockstep_desk.core.positions import FILL_IDS_MAX, NET, Book
from lockstep_desk.core.state import DeskCore
from lockstep_desk.fund import MANUAL
from lockstep_desk.ids import position_id
from lockstep_desk.oms.order import Order
from lockstep_desk.oms.states import OrderState
from lockstep_desk.recon.pages import BrokerBalance
from lockstep_desk.recon.view import LocalOrder, LocalOrderState, LocalView
from lockstep_desk.types import Position, Side

_STATES: Final = {
    OrderState.OPEN_IN_FLIGHT: LocalOrderState.IN_FLIGHT,
    OrderState.OPEN: LocalOrderState.OPEN,
    OrderState.CANCEL_IN_FLIGHT: LocalOrderState.CANCELLING,
    OrderState.OPEN_UNKNOWN: LocalOrderState.UNKNOWN,
}


def local_view(core: DeskCore, account: str) -> LocalView:
    """Return the books of a registered account. O(books + orders + fills above the floor)."""
    state = core.reconciliation
    balances = [held for (owner, _), held in core.balances.items() if owner == account]
    return LocalView(
        venue=core.accounts[account].venue,
        account=account,
        synced=state.point(account),
        positions=_positions(core, account),
        orders=tuple(_order(order) for order in core.live.values() if _is_own(order, account)),
        booked=tuple(noted.fill for noted in state.fills_of(account) if noted.is_claimed),
        unclaimed=tuple(noted.fill for noted in state.fills_of(account) if not noted.is_claimed),
        seen=_seen(core, account),
        owners=_owners(core, account),
        wants=_wants(core, account),
        deployments=tuple(name for name in core.deployments if name != MANUAL),
        balances=tuple(BrokerBalance(b.asset, b.total_e9, b.free_e9) for b in balances),
        balances_ns=max((balance.time_ns for balance in balances), default=0),
        standing=tuple(
            standing.divergence
            for standing in state.standing.values()
            if standing.divergence.account == account
        ),
        deferred=tuple(
            (deferred.position_id, deferred.instrument)
            for deferred in state.deferred.values()
            if deferred.account == account
        ),
    )


def _positions(core: DeskCore, account: str) -> tuple[Position, ...]:
    found: list[Position] = []
    for key in sorted(core.books):
        if key[0] == account and key[2] != NET:
            position = _position(core, core.books[key])
            if position is not None:
                found.append(position)
    return tuple(found)


def _position(core: DeskCore, book: Book) -> Position | None:
    """Return a holding, without what is unclaimed in it."""
    account, instrument, owner = book.key
    unclaimed_e8 = 0 if owner else _unclaimed_e8(core, account, instrument)
    if not unclaimed_e8:
        return _opened_when(book.view())
    qty_e8 = book.qty_e8 - unclaimed_e8
    if not qty_e8:
        return None
    return Position(
        position_id=position_id(account, instrument, None, book.open_seq),
        version=book.version,
        account=account,
        instrument=instrument,
        deployment_id=None,
        side=Side.BUY if qty_e8 > 0 else Side.SELL,
        qty_e8=abs(qty_e8),
        qty_max_e8=abs(qty_e8),
        cost_e17=abs(qty_e8 * book.entry_price_e9),
        realised_e17=0,
        fees_enter_e9=0,
        fees_exit_e9=0,
        time_enter_ns=book.opened_ns,
        time_update_ns=book.updated_ns,
        fill_ids=(),
    )


def _opened_when(position: Position | None) -> Position | None:
    """Return a position without fill ids if the one that opened it may be among those forgotten."""
    if position is None or len(position.fill_ids) < FILL_IDS_MAX:
        return position
    return msgspec.structs.replace(position, fill_ids=())


def _unclaimed_e8(core: DeskCore, account: str, instrument: str) -> int:
    return sum(
        noted.fill.signed_qty_e8
        for noted in core.reconciliation.fills_of(account)
        if not noted.is_claimed and noted.fill.instrument == instrument
    )


def _is_own(order: Order, account: str) -> bool:
    """Return whether this desk asked for the order."""
    return order.account == account and order.origin is not Origin.VENUE


def _order(order: Order) -> LocalOrder:
    return LocalOrder(
        client_order_id=order.client_order_id,
        order_id=order.order_id,
        deployment_id=order.deployment or None,
        instrument=order.instrument,
        side=order.side,
        qty_e8=order.qty_e8,
        filled_e8=order.done_e8,
        booked_e8=order.filled_e8,
        state=_STATES[order.state],
        sent_ns=order.requested_ns,
    )


def _owners(core: DeskCore, account: str) -> dict[str, str | None]:
    """Return the deployment of every order of this desk, under both of its ids."""
    owners: dict[str, str | None] = {}
    for order in chain(core.live.values(), core.ended.values()):
        if _is_own(order, account):
            owners[order.client_order_id] = order.deployment or None
            if order.order_id:
                owners[order.order_id] = order.deployment or None
    return owners


def _seen(core: DeskCore, account: str) -> AbstractSet[str]:
    """Return the ids of the fills that are remembered, as they are now: nothing is copied."""
    notes = core.fills.get(account)
    return frozenset() if notes is None else notes.keys()


def _wants(core: DeskCore, account: str) -> dict[str, tuple[str, Side]]:
    """Return what every order of this desk is for, under both of its ids."""
    wants: dict[str, tuple[str, Side]] = {}
    for order in chain(core.live.values(), core.ended.values()):
        if _is_own(order, account):
            wants[order.client_order_id] = (order.instrument, order.side)
            if order.order_id:
                wants[order.order_id] = (order.instrument, order.side)
    return wants

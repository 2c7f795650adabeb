"""A fill, from the account's word to the books ([DESK-D10], [RECON-42] to [RECON-46]).

Owns the order in which a fill is doubted: malformed, told before, too old, not ours. A fill that
did happen is booked even if its order is unknown: the account holds it. What cannot be booked is
written down as a divergence, and changes nothing else.
"""

import hashlib
from typing import NamedTuple

import msgspec

from lockstep_desk.core.codes import Divergence
from lockstep_desk.core.commands import FillReport
from lockstep_desk.core.deployments import Deployment
from lockstep_desk.core.events import FillBooked, FillIgnored, HoldingExited, PositionExited
from lockstep_desk.core.handlers.market import mark_books
from lockstep_desk.core.memory import Seen, recall, remember
from lockstep_desk.core.notes import Events, Finding, diverge, diverge_once
from lockstep_desk.core.orders import end, find
from lockstep_desk.core.positions import (
    NET,
    Book,
    Execution,
    Exit,
    book_fill,
    is_in_range,
    split,
)
from lockstep_desk.core.recon.entities import BrokerFill
from lockstep_desk.core.state import Account, DeskCore
from lockstep_desk.fund import MANUAL
from lockstep_desk.oms.order import Order
from lockstep_desk.oms.spec import VALUE_E9_MAX
from lockstep_desk.oms.states import OrderError, OrderState
from lockstep_desk.types import E8, ORDER_QTY_E8_MAX, PRICE_E9_MAX, Fill, Side

_encode = msgspec.msgpack.Encoder().encode
_CONTENT_BYTES = 16


class Told(NamedTuple):
    """A fill, the account that tells it, and where what comes of it goes."""

    core: DeskCore
    events: Events
    account: Account
    fill: FillReport

    def diverge(self, code: Divergence, what: str) -> None:
        """Write down that the fill is not what was expected."""
        fill, account = self.fill, self.account.name
        evidence = (fill.fill_id, hashlib.sha256(_encode(fill)).hexdigest())
        diverge(self.core, self.events, Finding(code, account, fill.instrument, what, evidence))


def take_fill(core: DeskCore, events: Events, account: Account, fill: FillReport) -> None:
    """Book a fill once, or write down why not."""
    told = Told(core, events, account, fill)
    wrong = _wrong(core, fill)
    if wrong is not None:
        told.diverge(*wrong)
        return
    known = recall(core, account, fill.fill_id)
    if known is not None:
        if known.content == _content(fill):
            events.append(FillIgnored(fill.fill_id, account.name))
        else:
            what = f"fill {fill.fill_id} was told before with another content"
            told.diverge(Divergence.FILL_OTHER_CONTENT, what)
        return
    if fill.ts_ns <= account.fill_floor_ns:
        floor = account.fill_floor_ns
        what = f"fill {fill.fill_id} is not after {floor}, up to where ids are forgotten"
        told.diverge(Divergence.FILL_TOO_OLD, what)
        return
    if 0 < fill.seq <= core.reconciliation.point(account.name).floor(fill.instrument):
        events.append(FillIgnored(fill.fill_id, account.name))
        return
    order = _order_of(told)
    owner = _owner(core, order, fill)
    if enter_fill(told, owner, order):
        remember_fill(told)
        note_broker_fill(told, owner, is_claimed=order is not None or owner != "")


def enter_fill(told: Told, owner: str, order: Order | None) -> bool:
    """Book a fill for its owner and its order; return whether the books can hold it."""
    core, fill = told.core, told.fill
    books = [core.book((told.account.name, fill.instrument, key)) for key in (NET, owner)]
    execution = execution_of(core, fill)
    if not all(is_in_range(book, execution) for book in books):
        what = f"fill {fill.fill_id} takes the position out of range"
        told.diverge(Divergence.FILL_OUT_OF_RANGE, what)
        return False
    _book(told, books, execution)
    count_fill(told, owner)
    if order is not None:
        fill_order(told, order)
    return True


def note_broker_fill(told: Told, owner: str, is_claimed: bool) -> None:
    """Remember a booked fill for the sweep; of too many the oldest goes, and raises the floor."""
    core = told.core
    state = core.reconciliation
    core.note_number += 1
    key = (told.account.name, told.fill.fill_id, core.note_number)
    noted = state.fills[key] = BrokerFill(key, shared_fill(told, owner), is_claimed)
    core.touch(noted)
    if len(state.fills) > core.params.fill_capacity:
        oldest = state.fills.pop(next(iter(state.fills)))
        oldest.is_gone = True
        core.touch(oldest)
        core.touch(state.raise_point(oldest.key[0], oldest.fill.seq))


def _content(fill: FillReport) -> bytes:
    """Return what tells a fill from another one under its id."""
    return hashlib.sha256(_encode(fill)).digest()[:_CONTENT_BYTES]


def _wrong(core: DeskCore, fill: FillReport) -> tuple[Divergence, str] | None:
    """Return what makes a fill one that nobody can book."""
    is_sound = (
        fill.fill_id != ""
        and 0 < fill.qty_e8 <= ORDER_QTY_E8_MAX
        and 0 <= fill.price_e9 <= PRICE_E9_MAX
        and fill.ts_ns >= 0
        and fill.seq >= 0
        and fill.deployment != ""
    )
    if not is_sound:
        found = (fill.fill_id, fill.qty_e8, fill.price_e9, fill.ts_ns)
        what = f"expected an id, qty_e8 above 0, price_e9 and ts_ns of 0 or more, found {found}"
        return Divergence.FILL_MALFORMED, what
    if fill.qty_e8 * fill.price_e9 // E8 > VALUE_E9_MAX:
        return Divergence.FILL_OUT_OF_RANGE, f"fill {fill.fill_id} is worth too much"
    if fill.instrument not in core.instruments:
        what = f"fill {fill.fill_id} is in '{fill.instrument}', which is not registered"
        return Divergence.UNKNOWN_NAME, what
    return None


def _order_of(told: Told) -> Order | None:
    """Return the order that a fill belongs to; say so if there is none, or if it cannot be."""
    fill = told.fill
    order = find(told.core, fill.client_order_id)
    if order is None:
        what = f"fill {fill.fill_id} is of order '{fill.client_order_id}', which is not known"
        told.diverge(Divergence.FILL_OF_UNKNOWN_ORDER, what)
        return None
    if (order.account, order.instrument, order.side) != (
        *(told.account.name, fill.instrument, fill.side),
    ):
        tell_misplaced(told.core, told.events, told.account, fill)
        return None
    return order


def tell_misplaced(core: DeskCore, events: Events, account: Account, fill: FillReport) -> None:
    """Write down, once, that a fill cannot be of the order that it names."""
    what = f"fill {fill.fill_id} is not on the side, instrument or account of its order"
    code = Divergence.FILL_OF_OTHER_ORDER
    diverge_once(core, events, Finding(code, account.name, fill.instrument, what, (fill.fill_id,)))


def _owner(core: DeskCore, order: Order | None, fill: FillReport) -> str:
    """Return the deployment that holds the fill: its order's, or the one that the venue names.

    A fill that cannot be of the order that it names is nobody's.
    """
    if order is not None:
        return order.deployment
    if find(core, fill.client_order_id) is not None:
        return ""
    named = fill.deployment
    if named is None or named == MANUAL or named not in core.deployments:
        return ""
    return named


def execution_of(core: DeskCore, fill: FillReport) -> Execution:
    sign = 1 if fill.side is Side.BUY else -1
    return Execution(
        sign * fill.qty_e8, fill.price_e9, fill.fee_e9, fill.ts_ns, core.sequence, fill.fill_id
    )


def remember_fill(told: Told) -> None:
    """Keep the id of a fill, and what was told of it."""
    seen = Seen(_content(told.fill), told.fill.ts_ns)
    remember(told.core, told.account, told.fill.fill_id, seen)


def _book(told: Told, books: list[Book], execution: Execution) -> None:
    """Move the account's position and the owner's holding, and tell what was closed."""
    core, events, fill = told.core, told.events, told.fill
    net, holding = books
    exited, released = book_fill(net, execution), book_fill(holding, execution)
    events.append(
        FillBooked(
            fill.fill_id,
            fill.client_order_id,
            net.key[0],
            fill.instrument,
            holding.key[2],
            fill.side,
            fill.qty_e8,
            fill.price_e9,
            fill.fee_e9,
            fill.ts_ns,
            net.qty_e8,
        )
    )
    for book in books:
        book.mark_e9 = -1
        core.touch(book)
    mark_books(core, fill.instrument)
    if exited is not None:
        events.append(_position_exited(net, exited, fill))
    if released is not None:
        events.append(holding_exited(holding, released, fill))


def count_fill(told: Told, owner: str) -> None:
    """Let the gate of the owner move its position."""
    deployment: Deployment | None = told.core.deployments.get(owner or MANUAL)
    if deployment is not None:
        deployment.gate.apply_fill(shared_fill(told, owner))
        told.core.touch(deployment)


def shared_fill(told: Told, owner: str) -> Fill:
    """Return a fill as the desk's parts share it."""
    fill = told.fill
    return Fill(
        fill_id=fill.fill_id,
        order_id=fill.order_id,
        client_order_id=fill.client_order_id,
        account=told.account.name,
        instrument=fill.instrument,
        side=fill.side,
        qty_e8=fill.qty_e8,
        price_e9=fill.price_e9,
        fee_e9=fill.fee_e9,
        liquidity=fill.liquidity,
        ts_ns=fill.ts_ns,
        seq=fill.seq,
        deployment_id=owner or None,
        broker_closed_pnl_e9=fill.broker_closed_pnl_e9,
    )


def fill_order(told: Told, order: Order) -> None:
    """Count a fill for its order, which ends when nothing of it is left."""
    core, fill = told.core, told.fill
    order.filled_e8 += fill.qty_e8
    core.touch(order)
    if order.filled_e8 > order.qty_e8:
        what = f"order {order.client_order_id} of {order.qty_e8} has fills of {order.filled_e8}"
        told.diverge(Divergence.FILL_OVER_QUANTITY, what)
    if order.filled_e8 >= order.qty_e8 and order.state.is_active:
        order.ended_ns = fill.ts_ns
        end(core, told.events, order, OrderState.FULLY_FILLED, OrderError.NONE)


def _position_exited(net: Book, exited: Exit, fill: FillReport) -> PositionExited:
    realised_e9, rest = split(exited.realised_e17)
    return PositionExited(
        exited.position_id,
        net.key[0],
        fill.instrument,
        exited.side,
        exited.qty_max_e8,
        exited.entry_price_e9,
        fill.price_e9,
        realised_e9,
        rest,
        exited.fees_enter_e9,
        exited.fees_exit_e9,
        exited.opened_ns,
        fill.ts_ns,
    )


def holding_exited(holding: Book, exited: Exit, fill: FillReport) -> HoldingExited:
    realised_e9, rest = split(exited.realised_e17)
    return HoldingExited(
        exited.position_id,
        holding.key[0],
        fill.instrument,
        holding.key[2],
        exited.side,
        exited.qty_max_e8,
        exited.entry_price_e9,
        fill.price_e9,
        realised_e9,
        rest,
        exited.fees_enter_e9,
        exited.fees_exit_e9,
        exited.opened_ns,
        fill.ts_ns,
    )

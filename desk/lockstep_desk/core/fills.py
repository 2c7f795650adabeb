"""A fill, from the account's word to the books ([DESK-D10], [RECON-42] to [RECON-46]).

Owns the order in which a fill is doubted: malformed, told before, too old, not ours. A fill that
did happen is booked even if its order is unknown: the account holds it. What cannot be booked is
written down as a divergence, and changes nothing else.
"""

import hashlib
from collections import OrderedDict

import msgspec

from lockstep_desk.core.codes import Divergence
from lockstep_desk.core.commands import FillReport
from lockstep_desk.core.deployments import Deployment
from lockstep_desk.core.events import FillBooked, FillIgnored, HoldingExited, PositionExited
from lockstep_desk.core.handlers.market import mark_books
from lockstep_desk.core.notes import Events, Finding, diverge
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
from lockstep_desk.core.state import Account, DeskCore, FillNote
from lockstep_desk.fund import MANUAL
from lockstep_desk.oms.order import Order
from lockstep_desk.oms.spec import ORDER_QTY_E8_MAX, PRICE_E9_MAX, VALUE_E9_MAX
from lockstep_desk.oms.states import OrderError, OrderState
from lockstep_desk.types import E8, Fill, Side

_encode = msgspec.msgpack.Encoder().encode
_CONTENT_BYTES = 16


def take_fill(core: DeskCore, events: Events, account: Account, fill: FillReport) -> None:
    """Book a fill once, or write down why not."""
    content = hashlib.sha256(_encode(fill)).digest()[:_CONTENT_BYTES]
    wrong = _wrong(core, fill)
    if wrong is not None:
        _diverge(core, events, account, fill, *wrong)
        return
    known = core.fills.get(account.name, {}).get(fill.fill_id)
    if known is not None:
        if known.content == content:
            events.append(FillIgnored(fill.fill_id, account.name))
        else:
            what = f"fill {fill.fill_id} was told before with another content"
            _diverge(core, events, account, fill, Divergence.FILL_OTHER_CONTENT, what)
        return
    if fill.ts_ns <= account.fill_floor_ns:
        what = f"fill {fill.fill_id} is not after {account.fill_floor_ns}, up to where ids are forgotten"
        _diverge(core, events, account, fill, Divergence.FILL_TOO_OLD, what)
        return
    order = _order_of(core, events, account, fill)
    owner = _owner(core, order, fill)
    books = [core.book((account.name, fill.instrument, key)) for key in (NET, owner)]
    execution = _execution(core, fill)
    if not all(is_in_range(book, execution) for book in books):
        what = f"fill {fill.fill_id} takes the position out of range"
        _diverge(core, events, account, fill, Divergence.FILL_OUT_OF_RANGE, what)
        return
    _remember(core, account, fill, content)
    _book(core, events, fill, books, execution)
    _count(core, account, fill, owner)
    if order is not None:
        _fill_order(core, events, account, order, fill)


def _wrong(core: DeskCore, fill: FillReport) -> tuple[Divergence, str] | None:
    """Return what makes a fill one that nobody can book."""
    is_sound = (
        fill.fill_id
        and 0 < fill.qty_e8 <= ORDER_QTY_E8_MAX
        and 0 <= fill.price_e9 <= PRICE_E9_MAX
        and fill.ts_ns >= 0
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


def _order_of(core: DeskCore, events: Events, account: Account, fill: FillReport) -> Order | None:
    """Return the order that a fill belongs to; say so if there is none, or if it cannot be."""
    order = find(core, fill.client_order_id)
    if order is None:
        what = f"fill {fill.fill_id} is of order '{fill.client_order_id}', which is not known"
        _diverge(core, events, account, fill, Divergence.FILL_OF_UNKNOWN_ORDER, what)
        return None
    if (order.account, order.instrument, order.side) != (
        *(account.name, fill.instrument, fill.side),
    ):
        what = f"fill {fill.fill_id} is not on the side, instrument or account of its order"
        _diverge(core, events, account, fill, Divergence.FILL_OF_OTHER_ORDER, what)
        return None
    return order


def _owner(core: DeskCore, order: Order | None, fill: FillReport) -> str:
    """Return the deployment that holds the fill: its order's, or the one that the venue names."""
    if order is not None:
        return order.deployment
    named = fill.deployment
    return named if named in core.deployments and named is not None and named != MANUAL else ""


def _execution(core: DeskCore, fill: FillReport) -> Execution:
    sign = 1 if fill.side is Side.BUY else -1
    return Execution(
        sign * fill.qty_e8, fill.price_e9, fill.fee_e9, fill.ts_ns, core.sequence, fill.fill_id
    )


def _remember(core: DeskCore, account: Account, fill: FillReport, content: bytes) -> None:
    """Keep the id of a fill, and let the oldest go if there are too many."""
    core.note_number += 1
    note = FillNote(account.name, fill.fill_id, core.note_number)
    note.content, note.ts_ns = content, fill.ts_ns
    notes = core.fills.setdefault(account.name, OrderedDict())
    notes[fill.fill_id] = note
    core.touch(note)
    if len(notes) > core.params.fill_capacity:
        _id, oldest = notes.popitem(last=False)
        oldest.content = b""
        core.touch(oldest)
        account.fill_floor_ns = max(account.fill_floor_ns, oldest.ts_ns)
        core.touch(account)


def _book(
    core: DeskCore, events: Events, fill: FillReport, books: list[Book], execution: Execution
) -> None:
    """Move the account's position and the owner's holding, and tell what was closed."""
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
        events.append(_holding_exited(holding, released, fill))


def _count(core: DeskCore, account: Account, fill: FillReport, owner: str) -> None:
    """Let the gate of the owner move its position."""
    deployment: Deployment | None = core.deployments.get(owner or MANUAL)
    if deployment is None:
        return
    deployment.gate.apply_fill(
        Fill(
            fill_id=fill.fill_id,
            order_id=fill.order_id,
            client_order_id=fill.client_order_id,
            account=account.name,
            instrument=fill.instrument,
            side=fill.side,
            qty_e8=fill.qty_e8,
            price_e9=fill.price_e9,
            fee_e9=fill.fee_e9,
            liquidity=fill.liquidity,
            ts_ns=fill.ts_ns,
            deployment_id=owner or None,
        )
    )
    core.touch(deployment)


def _fill_order(
    core: DeskCore, events: Events, account: Account, order: Order, fill: FillReport
) -> None:
    """Count a fill for its order, which ends when nothing of it is left."""
    order.filled_e8 += fill.qty_e8
    core.touch(order)
    if order.filled_e8 > order.qty_e8:
        what = f"order {order.client_order_id} of {order.qty_e8} has fills of {order.filled_e8}"
        _diverge(core, events, account, fill, Divergence.FILL_OVER_QUANTITY, what)
    if order.filled_e8 >= order.qty_e8 and order.state.is_active:
        order.ended_ns = fill.ts_ns
        end(core, events, order, OrderState.FULLY_FILLED, OrderError.NONE)


def _diverge(
    core: DeskCore,
    events: Events,
    account: Account,
    fill: FillReport,
    code: Divergence,
    what: str,
) -> None:
    content = hashlib.sha256(_encode(fill)).hexdigest()
    evidence = (fill.fill_id, content)
    diverge(core, events, Finding(code, account.name, fill.instrument, what, evidence))


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


def _holding_exited(holding: Book, exited: Exit, fill: FillReport) -> HoldingExited:
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

"""Doing what a sweep or an operator said: in the books and nowhere else.

Owns the carrying out of repairs. A fill is booked at the broker's price for its owner; one that is
in the books for nobody moves to its owner, and what the account holds stays as it is.
"""

from typing import Final, assert_never

import msgspec

from lockstep_desk.core.codes import Divergence
from lockstep_desk.core.commands import FillReport, OrderReport
from lockstep_desk.core.events import (
    BalanceChanged,
    ExitReleased,
    FillBooked,
    FillClaimed,
    PositionAdjusted,
)
from lockstep_desk.core.fills import (
    Told,
    count_fill,
    enter_fill,
    execution_of,
    fill_order,
    holding_exited,
    note_broker_fill,
    remember_fill,
)
from lockstep_desk.core.handlers.market import mark_books
from lockstep_desk.core.notes import Events
from lockstep_desk.core.orders import end, find
from lockstep_desk.core.positions import book_fill
from lockstep_desk.core.recon.entities import BrokerFill
from lockstep_desk.core.reports import take_report
from lockstep_desk.core.state import Account, Balance, DeskCore
from lockstep_desk.oms.order import Order
from lockstep_desk.oms.states import Live, OrderError, OrderState
from lockstep_desk.recon.findings import (
    AdjustPosition,
    BookFill,
    RefreshBalance,
    RefreshOrder,
    ReleaseExit,
    Repair,
    SettleOrder,
)
from lockstep_desk.recon.match import split
from lockstep_desk.recon.pages import OrderStatus
from lockstep_desk.types import Fill, Liquidity, Side

_ENDS: Final = {
    OrderStatus.FILLED: (OrderState.FULLY_FILLED, OrderError.NONE),
    OrderStatus.CANCELLED: (OrderState.CANCELLED, OrderError.NONE),
    OrderStatus.REJECTED: (OrderState.OPEN_FAILED, OrderError.REJECTED),
    OrderStatus.EXPIRED: (OrderState.EXPIRED, OrderError.NONE),
}


class Sweep(msgspec.Struct, frozen=True):
    """What the repairs of one command share: the broker's own fills by id, and its time."""

    account: Account
    whole: dict[str, Fill]
    as_of_ns: int
    tag: int


def carry_out(core: DeskCore, events: Events, sweep: Sweep, repair: Repair) -> bool:
    """Do what a repair says; return False if the books cannot hold it."""
    match repair:
        case BookFill():
            return _book(core, events, sweep, repair.fill)
        case SettleOrder():
            _settle(core, events, sweep, repair)
        case RefreshOrder():
            _refresh(core, events, sweep, repair)
        case RefreshBalance():
            _balance(core, events, sweep, repair)
        case ReleaseExit():
            deferred = core.reconciliation.deferred.pop(repair.position_id)
            deferred.is_gone = True
            core.touch(deferred)
            events.append(ExitReleased(repair.position_id))
        case AdjustPosition():
            return _adjust(core, events, sweep, repair)
        case _:
            assert_never(repair)
    return True


def report_of(fill: Fill) -> FillReport:
    """Return a fill as its account would have told it."""
    return FillReport(
        fill.fill_id,
        fill.order_id,
        fill.client_order_id,
        fill.instrument,
        fill.side,
        fill.qty_e8,
        fill.price_e9,
        fill.fee_e9,
        fill.liquidity,
        fill.ts_ns,
        fill.deployment_id,
        fill.broker_closed_pnl_e9,
        fill.seq,
    )


def _book(core: DeskCore, events: Events, sweep: Sweep, fill: Fill) -> bool:
    """Book a fill for its deployment: first what is in the books for nobody, then what is not."""
    owner = fill.deployment_id or ""
    rest: Fill | None = fill
    name, account = fill.fill_id, sweep.account.name
    remembered = core.reconciliation.fills.items()
    parts = [noted for key, noted in remembered if key[1] == name and key[0] == account]
    for noted in parts:
        if rest is None:
            return True
        if not noted.is_claimed:
            rest = _claim(core, events, sweep.account, noted, rest)
    if rest is None:
        return True
    told = Told(core, events, sweep.account, report_of(rest))
    notes = core.fills.get(sweep.account.name)
    is_known = notes is not None and fill.fill_id in notes
    if is_known and not parts:
        told.diverge(Divergence.FILL_OTHER_CONTENT, f"fill {fill.fill_id} is in the books already")
        return False
    if not enter_fill(told, owner, _order_of(told)):
        return False
    if not is_known:
        remember_fill(told._replace(fill=report_of(sweep.whole.get(fill.fill_id, fill))))
    note_broker_fill(told, owner, is_claimed=True)
    return True


def _order_of(told: Told) -> Order | None:
    """Return the order of this desk that made a fill, by either of its ids; None if none did."""
    fill = told.fill
    order = find(told.core, fill.client_order_id) or _by_venue_id(told)
    if order is None:
        return None
    wanted = (told.account.name, fill.instrument, fill.side)
    return order if wanted == (order.account, order.instrument, order.side) else None


def _by_venue_id(told: Told) -> Order | None:
    """Return the tracked order that the venue knows under a fill's order id. O(orders)."""
    wanted = (told.account.name, told.fill.order_id)
    for order in told.core.live.values():
        if order.order_id and (order.account, order.order_id) == wanted:
            return order
    return None


def _claim(
    core: DeskCore, events: Events, account: Account, noted: BrokerFill, fill: Fill
) -> Fill | None:
    """Move what a fill names from nobody to its owner; return what of it is not there."""
    owner = fill.deployment_id or ""
    taken, left = fill, None
    if fill.qty_e8 > noted.fill.qty_e8:
        taken, left = split(fill, noted.fill.qty_e8)
    unclaimed = None if taken.qty_e8 == noted.fill.qty_e8 else split(noted.fill, taken.qty_e8)[1]
    noted.is_gone = True
    core.touch(noted)
    del core.reconciliation.fills[noted.key]
    if unclaimed is not None:
        note_broker_fill(Told(core, events, account, report_of(unclaimed)), "", is_claimed=False)
    told = Told(core, events, account, report_of(taken))
    note_broker_fill(told, owner, is_claimed=True)
    events.append(
        FillClaimed(fill.fill_id, account.name, fill.instrument, owner, taken.signed_qty_e8)
    )
    if owner:
        _move(told, owner)
    order = _order_of(told)
    if order is not None:
        fill_order(told, order)
    return left


def _move(told: Told, owner: str) -> None:
    """Take an execution out of what nobody holds, at its own price, and give it to its owner."""
    core, fill = told.core, told.fill
    undone = msgspec.structs.replace(fill, side=fill.side.opposite, fee_e9=-fill.fee_e9)
    for holder, report in (("", undone), (owner, fill)):
        book = core.book((told.account.name, fill.instrument, holder))
        exited = book_fill(book, execution_of(core, report))
        book.mark_e9 = -1
        core.touch(book)
        count_fill(told._replace(fill=report), holder)
        if exited is not None and holder:
            told.events.append(holding_exited(book, exited, report))
    mark_books(core, fill.instrument)


def _settle(core: DeskCore, events: Events, sweep: Sweep, repair: SettleOrder) -> None:
    """End an order that its broker says has ended, or never had."""
    order = core.live.get(repair.client_order_id)
    if order is None:
        return
    if repair.status is None:
        end(core, events, order, OrderState.OPEN_FAILED, OrderError.NOT_FOUND)
        return
    order.ended_ns = sweep.as_of_ns
    end(core, events, order, *_ENDS[repair.status])


def _refresh(core: DeskCore, events: Events, sweep: Sweep, repair: RefreshOrder) -> None:
    """Let an order stand where its broker says, by the table of the order states."""
    seen = repair.order
    order = core.live.get(seen.client_order_id)
    if order is None:
        return
    # A broker's time of an order need not move with its fills: the page is newer than what we know.
    known_ns = order.live.time_ns if order.live else 0
    live = Live(seen.order_id, max(seen.ts_ns, known_ns), seen.filled_e8)
    report = OrderReport(
        seen.client_order_id,
        seen.instrument,
        seen.side,
        seen.qty_e8,
        order.price_e9,
        OrderState.OPEN,
        live,
        time_ns=live.time_ns,
    )
    take_report(core, events, sweep.account.name, report, sweep.tag)


def _balance(core: DeskCore, events: Events, sweep: Sweep, repair: RefreshBalance) -> None:
    seen = repair.balance
    key = (sweep.account.name, seen.asset)
    balance = core.balances.get(key)
    if balance is None:
        balance = core.balances[key] = Balance(*key)
    balance.total_e9, balance.free_e9 = seen.total_e9, seen.free_e9
    balance.time_ns = sweep.as_of_ns
    core.touch(balance)
    events.append(BalanceChanged(sweep.account.name, seen.asset, seen.total_e9, seen.free_e9))


def _adjust(core: DeskCore, events: Events, sweep: Sweep, repair: AdjustPosition) -> bool:
    """Move the books without a fill; what only lessens leaves at the holding's average cost."""
    owner = repair.deployment_id or ""
    place = (sweep.account.name, repair.instrument)
    price_e9 = repair.price_e9
    if price_e9 is None:
        price_e9 = core.book((*place, owner)).entry_price_e9
    report = FillReport(
        f"adjusted-{repair.divergence_id[:32]}",
        "",
        "",
        repair.instrument,
        Side.BUY if repair.delta_e8 > 0 else Side.SELL,
        abs(repair.delta_e8),
        price_e9,
        0,
        Liquidity.UNKNOWN,
        repair.ts_ns,
    )
    found: Events = []
    if not enter_fill(Told(core, found, sweep.account, report), owner, None):
        events += found
        return False
    events += [event for event in found if not isinstance(event, FillBooked)]
    events.append(PositionAdjusted(repair.divergence_id, *place, owner, repair.delta_e8, price_e9))
    return True

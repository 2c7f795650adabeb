"""What an account says of its orders, carried out on those that the desk tracks.

Owns the doubts about a report: malformed, older than the end of its order, of an order that is not
ours. The transition itself is `oms.states`.
"""

from typing import NamedTuple

from lockstep_desk.core.codes import Divergence, OrderKind, Origin
from lockstep_desk.core.commands import OrderReport
from lockstep_desk.core.events import OrderMoved, ReportIgnored
from lockstep_desk.core.notes import Events, Finding, diverge
from lockstep_desk.core.orders import end, move, query, track
from lockstep_desk.core.state import DeskCore
from lockstep_desk.oms.order import Order
from lockstep_desk.oms.states import (
    Move,
    OrderError,
    OrderState,
    Outcome,
    Report,
    after_cancel_response,
    after_report,
)
from lockstep_desk.types import ORDER_QTY_E8_MAX, PRICE_E9_MAX


class _Told(NamedTuple):
    """A report, the account that tells it, and where what comes of it goes."""

    core: DeskCore
    events: Events
    account: str
    report: OrderReport

    def diverge(self, code: Divergence, what: str) -> None:
        """Write down that the report is not what was expected."""
        report = self.report
        evidence = (report.client_order_id, report.state.name, str(time_of(report)))
        finding = Finding(code, self.account, report.instrument, what, evidence)
        diverge(self.core, self.events, finding)


def take_report(
    core: DeskCore, events: Events, account: str, report: OrderReport, tag: int
) -> None:
    """Carry out one report of an order of an account; `tag` is that of the command it came in."""
    told = _Told(core, events, account, report)
    code, what = _wrong(core, report)
    if code is not None:
        told.diverge(code, what)
        return
    order = core.live.get(report.client_order_id)
    if order is None:
        _take_untracked(told, tag)
        return
    if (order.account, order.instrument) != (account, report.instrument):
        what = f"order {report.client_order_id} is of {order.account} in {order.instrument}"
        told.diverge(Divergence.ORDER_MALFORMED, what)
        return
    seen = Report(report.state, order.qty_e8, report.live, report.error)
    outcome = after_report(order.standing, seen)
    if outcome.standing is not None:
        _stand(core, events, order, outcome)
        return
    if report.live is not None:
        order.live = report.live
    order.ended_ns = time_of(report)
    state = OrderState.FULLY_FILLED if report.state.is_active else report.state
    end(core, events, order, state, report.error)


def take_cancel_response(
    core: DeskCore, events: Events, order: Order, error: OrderError, time_ns: int
) -> None:
    """Carry out the answer to a cancel of a tracked order."""
    outcome = after_cancel_response(order.standing, error)
    if outcome.standing is not None:
        _stand(core, events, order, outcome)
        return
    order.ended_ns = max(time_ns, 0)
    end(core, events, order, OrderState.CANCELLED, error)


def time_of(report: OrderReport) -> int:
    """Return when the venue says that a report was true."""
    return max(report.live.time_ns if report.live else 0, report.time_ns)


def _stand(core: DeskCore, events: Events, order: Order, outcome: Outcome) -> None:
    """Let an order stand where the table says; what became unknown is asked for."""
    if outcome.move is Move.UNKNOWN:
        query(core, events, order)
    elif outcome.standing is not None:
        move(core, events, order, outcome.standing)


def _wrong(core: DeskCore, report: OrderReport) -> tuple[Divergence | None, str]:
    """Return what makes a report one that nobody can carry out."""
    if report.instrument not in core.instruments:
        return Divergence.UNKNOWN_NAME, f"'{report.instrument}' is not registered"
    live = report.live
    is_sound = report.client_order_id and report.state is not OrderState.OPEN_UNKNOWN
    if live is not None:
        is_sound = is_sound and live.time_ns >= 0 and live.filled_e8 >= 0
    if report.state is OrderState.OPEN:
        is_sound = is_sound and live is not None
    if not is_sound:
        found = (report.client_order_id, report.state.name, live)
        return Divergence.ORDER_MALFORMED, f"expected a state with what rests of it, found {found}"
    return None, ""


def _take_untracked(told: _Told, tag: int) -> None:
    """Carry out a report of an order that ended, or that the desk never asked for.

    An order that ended comes back only by a report that is newer than its end.
    """
    core, events, report = told.core, told.events, told.report
    ended = core.ended.get(report.client_order_id)
    if ended is None and report.state.is_active and not _is_sized(told):
        return
    qty_e8 = ended.qty_e8 if ended else report.qty_e8
    seen = Report(report.state, qty_e8, report.live, report.error)
    standing = after_report(None, seen).standing
    is_stale = ended is not None and _is_before_end(ended, report)
    if standing is None or is_stale:
        events.append(ReportIgnored(tag, report.client_order_id))
        return
    if ended is not None:
        what = f"order {report.client_order_id} ended as {ended.state.name} and lives"
        told.diverge(Divergence.ORDER_CAME_BACK, what)
    else:
        ended = _order_of_venue(told)
    ended.state, ended.live = standing
    track(core, ended)
    events.append(OrderMoved(ended.client_order_id, ended.state, ended.done_e8))


def _is_before_end(ended: Order, report: OrderReport) -> bool:
    """Return whether a report of an order that ended tells nothing new.

    An end that the desk itself concluded has no time: any report of it is news.
    """
    is_full = ended.filled_e8 >= ended.qty_e8
    return is_full or 0 < ended.ended_ns >= time_of(report)


def _is_sized(told: _Told) -> bool:
    """Return whether an order that the desk does not know has a price and a quantity."""
    price, qty = told.report.price_e9, told.report.qty_e8
    if 0 <= price <= PRICE_E9_MAX and 0 < qty <= ORDER_QTY_E8_MAX:
        return True
    what = f"order {told.report.client_order_id} has price_e9 {price} and qty_e8 {qty}"
    told.diverge(Divergence.ORDER_MALFORMED, what)
    return False


def _order_of_venue(told: _Told) -> Order:
    """Return an order that the desk never asked for, to be tracked as nobody's."""
    core, account, report = told.core, told.account, told.report
    what = f"order {report.client_order_id} lives, and the desk never asked for it"
    told.diverge(Divergence.ORDER_NOT_OURS, what)
    core.order_number += 1
    order = Order(report.client_order_id, core.order_number, account, report.instrument)
    order.origin, order.kind = Origin.VENUE, OrderKind.LIMIT
    order.side, order.qty_e8, order.price_e9 = report.side, report.qty_e8, report.price_e9
    order.is_sent, order.requested_ns = True, core.now_ns
    return order

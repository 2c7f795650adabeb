"""What an account says of its orders, carried out on those that the desk tracks.

Owns the doubts about a report: malformed, older than the end of its order, of an order that is not
ours. The transition itself is `oms.states`.
"""

from lockstep_desk.core.codes import Divergence, OrderKind, Origin
from lockstep_desk.core.commands import OrderReport
from lockstep_desk.core.events import OrderMoved, ReportIgnored
from lockstep_desk.core.notes import Events, Finding, diverge
from lockstep_desk.core.orders import end, move, track
from lockstep_desk.core.state import DeskCore
from lockstep_desk.oms.order import Order
from lockstep_desk.oms.spec import ORDER_QTY_E8_MAX, PRICE_E9_MAX
from lockstep_desk.oms.states import (
    OrderError,
    OrderState,
    Report,
    after_cancel_response,
    after_report,
)


def take_report(core: DeskCore, events: Events, account: str, report: OrderReport, tag: int) -> None:
    """Carry out one report of an order of an account; `tag` is that of the command it came in."""
    code, what = _wrong(core, report)
    if code is not None:
        _diverge(core, events, account, report, code, what)
        return
    order = core.live.get(report.client_order_id)
    if order is None:
        _take_untracked(core, events, account, report, tag)
        return
    if (order.account, order.instrument) != (account, report.instrument):
        what = f"order {report.client_order_id} is of {order.account} in {order.instrument}"
        _diverge(core, events, account, report, Divergence.ORDER_MALFORMED, what)
        return
    seen = Report(report.state, order.qty_e8, report.live, report.error)
    standing = after_report(order.standing, seen).standing
    if standing is not None:
        move(core, events, order, standing)
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
    standing = after_cancel_response(order.standing, error).standing
    if standing is not None:
        move(core, events, order, standing)
        return
    order.ended_ns = max(time_ns, 0)
    end(core, events, order, OrderState.CANCELLED, error)


def time_of(report: OrderReport) -> int:
    """Return when the venue says that a report was true."""
    return max(report.live.time_ns if report.live else 0, report.time_ns)


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


def _take_untracked(
    core: DeskCore, events: Events, account: str, report: OrderReport, tag: int
) -> None:
    """Carry out a report of an order that ended, or that the desk never asked for.

    An order that ended comes back only by a report that is newer than its end.
    """
    ended = core.ended.get(report.client_order_id)
    qty_e8 = ended.qty_e8 if ended else report.qty_e8
    seen = Report(report.state, qty_e8, report.live, report.error)
    standing = after_report(None, seen).standing
    is_stale = ended is not None and _is_before_end(ended, report)
    if standing is None or is_stale:
        events.append(ReportIgnored(tag, report.client_order_id))
        return
    if ended is not None:
        what = f"order {report.client_order_id} ended as {ended.state.name} and lives"
        _diverge(core, events, account, report, Divergence.ORDER_CAME_BACK, what)
    else:
        ended = _order_of_venue(core, events, account, report)
    if ended is None:
        return
    ended.state, ended.live = standing
    track(core, ended)
    events.append(OrderMoved(ended.client_order_id, ended.state, ended.done_e8))


def _is_before_end(ended: Order, report: OrderReport) -> bool:
    """Return whether a report of an order that ended tells nothing new.

    An end that the desk itself concluded has no time: any report of it is news.
    """
    is_full = ended.filled_e8 >= ended.qty_e8
    return is_full or 0 < ended.ended_ns >= time_of(report)


def _order_of_venue(
    core: DeskCore, events: Events, account: str, report: OrderReport
) -> Order | None:
    """Return an order that the desk never asked for, to be tracked as nobody's."""
    price, qty = report.price_e9, report.qty_e8
    if not (0 <= price <= PRICE_E9_MAX and 0 < qty <= ORDER_QTY_E8_MAX):
        what = f"order {report.client_order_id} has price_e9 {price} and qty_e8 {qty}"
        _diverge(core, events, account, report, Divergence.ORDER_MALFORMED, what)
        return None
    what = f"order {report.client_order_id} lives, and the desk never asked for it"
    _diverge(core, events, account, report, Divergence.ORDER_NOT_OURS, what)
    core.order_number += 1
    order = Order(report.client_order_id, core.order_number, account, report.instrument)
    order.origin, order.kind = Origin.VENUE, OrderKind.LIMIT
    order.side, order.qty_e8, order.price_e9 = report.side, qty, price
    order.is_sent, order.requested_ns = True, core.now_ns
    return order


def _diverge(
    core: DeskCore,
    events: Events,
    account: str,
    report: OrderReport,
    code: Divergence,
    what: str,
) -> None:
    evidence = (report.client_order_id, report.state.name, str(time_of(report)))
    diverge(core, events, Finding(code, account, report.instrument, what, evidence))

"""The orders of a sweep: what the desk has in flight against what the broker has working.

Owns how an order whose fate is not known is settled: by asking for its client order id, never by
sending it again ([RECON-44], [DESK-D11]). Orders that this desk did not send are told and left
alone.
"""

from typing import Final

import msgspec

from lockstep_desk.recon.config import SweepConfig
from lockstep_desk.recon.findings import (
    Divergence,
    Kind,
    RefreshOrder,
    Repair,
    SettleOrder,
    Status,
    divergence_id,
)
from lockstep_desk.recon.pages import BrokerOrder, BrokerPages, Page, Unknown, whole
from lockstep_desk.recon.view import LocalOrder, LocalOrderState, LocalView
from lockstep_desk.types import Severity

_SENT: Final = (LocalOrderState.IN_FLIGHT, LocalOrderState.UNKNOWN)


class Orders(msgspec.Struct):
    """What the orders came to; `unknown` names those about which the broker gave no answer."""

    found: list[Divergence]
    repairs: list[Repair]
    unknown: list[str]


def compare_orders(
    view: LocalView, pages: BrokerPages, working: Page[BrokerOrder], config: SweepConfig
) -> Orders:
    """Settle what is known to have ended, refresh what works, and tell what is not ours."""
    listed = {order.client_order_id: order for order in working.items if order.client_order_id}
    answers = {query.client_order_id: whole(query.answer) for query in pages.queries}
    # Also of an order that ended meanwhile: the same pages are the same sweep.
    unknown = [name for name, answer in answers.items() if isinstance(answer, Unknown)]
    result = Orders([], [], unknown)
    for local in view.orders:
        seen = listed.get(local.client_order_id)
        if seen is not None:
            _refresh(result, local, seen)
            continue
        answer = answers.get(local.client_order_id)
        if answer is None or isinstance(answer, Unknown):
            # Without an answer, or sent after the broker was asked: the next sweep asks again.
            continue
        if answer.items:
            _settle(result, local, answer.items[0])
        else:
            _absent(result, view, local, answer.as_of_ns >= local.sent_ns + config.in_flight_ns)
    _tell_foreign(result, view, working)
    return result


def _refresh(result: Orders, local: LocalOrder, seen: BrokerOrder) -> None:
    """Take over a working order, unless the desk knows more of it than the page."""
    if seen.filled_e8 < local.filled_e8:
        return
    is_new = local.state in _SENT
    if is_new or (seen.order_id, seen.filled_e8) != (local.order_id, local.filled_e8):
        result.repairs.append(RefreshOrder(seen))


def _settle(result: Orders, local: LocalOrder, seen: BrokerOrder) -> None:
    if seen.status.is_terminal:
        repair = SettleOrder(local.client_order_id, seen.status, seen.filled_e8)
        result.repairs.append(repair)
    else:
        _refresh(result, local, seen)


def _absent(result: Orders, view: LocalView, local: LocalOrder, is_late: bool) -> None:
    """The broker has no such order: it never came, or the broker lost one that it had answered."""
    if not is_late:
        return
    if local.order_id:
        made = _divergence(view, Kind.ORDER_LOST, Status.UNRESOLVED, local.client_order_id)
        result.found.append(msgspec.structs.replace(made, instrument=local.instrument))
    else:
        result.repairs.append(SettleOrder(local.client_order_id, None, 0))
        made = _divergence(view, Kind.ORDER_SETTLED, Status.HEALED, local.client_order_id)
        result.found.append(
            msgspec.structs.replace(made, severity=Severity.WARNING, instrument=local.instrument)
        )


def _tell_foreign(result: Orders, view: LocalView, working: Page[BrokerOrder]) -> None:
    for order in working.items:
        is_known = order.client_order_id in view.owners or order.order_id in view.owners
        if not is_known:
            made = _divergence(view, Kind.FOREIGN_ORDER, Status.UNRESOLVED, order.order_id)
            result.found.append(msgspec.structs.replace(made, instrument=order.instrument))


def _divergence(view: LocalView, kind: Kind, status: Status, order: str) -> Divergence:
    return Divergence(
        divergence_id=divergence_id(kind, (*view.where, ""), order),
        kind=kind,
        status=status,
        severity=Severity.CRITICAL,
        venue=view.venue,
        account=view.account,
        note=f"order {order}",
    )

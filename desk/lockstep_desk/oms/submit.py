"""The boundary: every order of the desk is let go here, and nowhere else (D3).

Owns the order of the checks: names, price, specification, quarantine and trading state, gate. What
passes gets a derived client order id, counts for its gate, is tracked in flight, and only then is
asked for by an event; so an order whose event was lost in a crash is known and never sent twice.
Cancels do not come here: nothing gates them.
"""

from typing import NamedTuple

import msgspec

from lockstep_desk.core.codes import OrderKind, Origin, Refusal, TradingState
from lockstep_desk.core.commands import OpenRequest, RegisterInstrument
from lockstep_desk.core.days import note_profit
from lockstep_desk.core.deployments import Deployment
from lockstep_desk.core.equity import opening_refusal
from lockstep_desk.core.events import (
    BreachFound,
    OrderRefused,
    OrderRequested,
    PaperOrderRecorded,
)
from lockstep_desk.core.notes import Events
from lockstep_desk.core.orders import find, track, unbooked_e8
from lockstep_desk.core.state import DeskCore
from lockstep_desk.fund import MANUAL, OrderIntent
from lockstep_desk.ids import client_order_id
from lockstep_desk.oms.order import Order
from lockstep_desk.oms.spec import order_refusal
from lockstep_desk.types import Breach, Dimension, HaltAction, RejectCode


class Asker(NamedTuple):
    """Who asks for an order; `deployment` "" is nobody, whose limits are those called manual."""

    deployment: str
    origin: Origin


class _Refused(NamedTuple):
    code: Refusal
    reason: str
    breach: Breach | None = None


class _Priced(NamedTuple):
    """A request that its instrument's venue would take."""

    spec: RegisterInstrument
    price_e9: int
    number: int
    client_order_id: str
    intent: OrderIntent


def submit(core: DeskCore, events: Events, asker: Asker, request: OpenRequest) -> None:
    """Let an order go, or say why not. One event, whatever comes of it."""
    priced = _priced(core, asker, request)
    if isinstance(priced, _Refused):
        events.append(_refused(asker, request, priced))
        return
    deployment = core.deployments.get(asker.deployment or MANUAL)
    if deployment is None:
        breach = _unregistered(asker.deployment or MANUAL)
        why = _Refused(Refusal.GATE, breach.dimension.name, breach)
        events.append(_refused(asker, request, why))
        return
    block = _block(core, asker, request, priced)
    working_e8 = _working_e8(core, asker, deployment, priced.intent)
    is_closing = deployment.gate.closing_e8(priced.intent, working_e8) == request.qty_e8
    if block is not None and (not is_closing or block.code is Refusal.SHUT_DOWN):
        events.append(_refused(asker, request, block))
        return
    if block is not None or deployment.gate.halted is not None:
        request = _reduce_only(core, request)
    note_profit(core, deployment)
    verdict = deployment.gate.check(priced.intent, core.now_ns, working_e8)
    if isinstance(verdict, Breach):
        why = _Refused(Refusal.GATE, verdict.dimension.name, verdict)
        events.append(_refused(asker, request, why))
    elif deployment.is_paper:
        told = PaperOrderRecorded(priced.client_order_id, asker.deployment, request)
        core.order_number = priced.number
        events.append(told)
    else:
        warnings = tuple(_found(breach) for breach in verdict.warnings)
        _let_go(core, asker, request, deployment, priced)
        events.append(_requested(asker, request, priced, warnings))


def _priced(core: DeskCore, asker: Asker, request: OpenRequest) -> _Priced | _Refused:
    """Return the request with its price, id and value, or why its venue would not take it."""
    account, instrument = request.account, core.instruments.get(request.instrument)
    if account not in core.accounts:
        return _Refused(Refusal.UNKNOWN_ACCOUNT, account)
    if instrument is None:
        return _Refused(Refusal.UNKNOWN_INSTRUMENT, request.instrument)
    spec = instrument.spec
    if core.accounts[account].venue != spec.venue:
        return _Refused(Refusal.OTHER_VENUE, f"{account} is not at {spec.venue}")
    price_e9: int | None = request.price_e9
    if request.kind is OrderKind.MARKET and price_e9 == 0:
        price_e9 = core.mark_e9(request.instrument)
    if price_e9 is None:
        return _Refused(Refusal.NO_PRICE, f"{request.instrument} has no price yet")
    wrong = order_refusal(spec, request, price_e9, core.now_ns)
    if wrong is not None:
        return _Refused(*wrong)
    number, name = _next_id(core, asker, request.instrument)
    intent = OrderIntent.priced(request.side, request.instrument, request.qty_e8, price_e9, name)
    return _Priced(spec, price_e9, number, name, intent)


def _next_id(core: DeskCore, asker: Asker, instrument: str) -> tuple[int, str]:
    """Return the next number and the id derived from it, past those that a venue made known."""
    number = core.order_number + 1
    while True:
        name = client_order_id(asker.deployment or None, instrument, number)
        if find(core, name) is None:
            return number, name
        number += 1


def _block(core: DeskCore, asker: Asker, request: OpenRequest, priced: _Priced) -> _Refused | None:
    """Return what keeps an order from opening; one that only closes it does not keep back."""
    if core.desk.is_shut_down:
        return _Refused(Refusal.SHUT_DOWN, "the desk has ended")
    if asker.origin is Origin.ALGO and core.desk.trading is TradingState.DISABLED:
        return _Refused(Refusal.TRADING_DISABLED, "strategies are disabled")
    if core.venues[priced.spec.venue].is_quarantined:
        return _Refused(Refusal.QUARANTINED, f"venue {priced.spec.venue}")
    if core.accounts[request.account].is_quarantined:
        return _Refused(Refusal.QUARANTINED, f"account {request.account}")
    refused = opening_refusal(core, asker.deployment, request)
    return None if refused is None else _Refused(*refused)


def _working_e8(core: DeskCore, asker: Asker, deployment: Deployment, intent: OrderIntent) -> int:
    """Return what works on an order's side already; 0 if that is nothing to an order that opens."""
    if not deployment.gate.closing_e8(intent):
        return 0
    return unbooked_e8(core, asker.deployment, intent.symbol, intent.side)


def _reduce_only(core: DeskCore, request: OpenRequest) -> OpenRequest:
    """Have the venue see to it that a closing order opens nothing, whatever fills before it.

    A venue knows the account's position only: where that is smaller than the order, since
    deployments hold both sides, the order goes as it is.
    """
    net = core.net(request.account, request.instrument) * request.side.sign
    if -net < request.qty_e8:
        return request
    return msgspec.structs.replace(request, is_reduce_only=True)


def _let_go(
    core: DeskCore,
    asker: Asker,
    request: OpenRequest,
    deployment: Deployment,
    priced: _Priced,
) -> None:
    """Count an order for its gate and track it in flight."""
    deployment.gate.record_submitted(core.now_ns, priced.intent)
    core.touch(deployment)
    core.order_number = priced.number
    order = Order(priced.client_order_id, priced.number, request.account, request.instrument)
    order.deployment, order.origin = asker.deployment, asker.origin
    order.side, order.qty_e8, order.price_e9 = request.side, request.qty_e8, priced.price_e9
    order.kind, order.tif = request.kind, request.tif
    order.requested_ns = core.now_ns
    track(core, order)


def _requested(
    asker: Asker, request: OpenRequest, priced: _Priced, warnings: tuple[BreachFound, ...]
) -> OrderRequested:
    return OrderRequested(
        priced.client_order_id,
        priced.number,
        asker.deployment,
        asker.origin,
        request.account,
        priced.spec.venue,
        request.instrument,
        request.side,
        request.qty_e8,
        priced.price_e9,
        request.kind,
        request.tif,
        request.is_post_only,
        request.is_reduce_only,
        request.expires_ns,
        request.is_mmp,
        warnings,
    )


def _refused(asker: Asker, request: OpenRequest, why: _Refused) -> OrderRefused:
    breach = None if why.breach is None else _found(why.breach)
    return OrderRefused(asker.deployment, asker.origin, request, why.code, why.reason, breach)


def _unregistered(name: str) -> Breach:
    """Return why nothing goes without a gate: who has no limits may not trade."""
    return Breach(
        dimension=Dimension.UNREGISTERED,
        limit=0,
        observed=None,
        action=HaltAction.SOFT_HALT,
        deployment_id=name,
        reason_code=RejectCode.RISK,
    )


def _found(breach: Breach) -> BreachFound:
    return BreachFound(
        breach.dimension,
        breach.limit,
        breach.observed,
        breach.action,
        breach.deployment_id,
        breach.reason_code,
    )

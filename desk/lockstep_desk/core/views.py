"""What a desk shows of its state: named tables for people, and the names of its numbers."""

from enum import IntEnum
from typing import Final

from lockstep_desk.core import codes
from lockstep_desk.core.positions import NET, Book, split
from lockstep_desk.core.state import DeskCore
from lockstep_desk.fund import LifecycleState
from lockstep_desk.oms.order import Order
from lockstep_desk.oms.states import OrderError, OrderState
from lockstep_desk.recon.findings import Divergence, Kind, Status
from lockstep_desk.recon.ledger import Verdict
from lockstep_desk.recon.pages import OrderStatus, UnknownReason
from lockstep_desk.recon.reactive import PreState
from lockstep_desk.types import E8, Dimension, HaltAction, Liquidity, RejectCode, Severity, Side

Row = dict[str, object]

_NAMES: Final[dict[str, type[IntEnum]]] = {
    "action": HaltAction,
    "code": codes.Refusal,
    "current": codes.TradingState,
    "dimension": Dimension,
    "error": OrderError,
    "health": codes.Health,
    "halt_action": HaltAction,
    "kind": codes.OrderKind,
    "link": codes.Link,
    "liquidity": Liquidity,
    "origin": codes.Origin,
    "previous": codes.TradingState,
    "reason_code": RejectCode,
    "scope": codes.Scope,
    "severity": Severity,
    "side": Side,
    "source": LifecycleState,
    "state": OrderState,
    "target": LifecycleState,
    "tif": codes.TimeInForce,
}
_NAMES_OF: Final[dict[tuple[str, str], type[IntEnum]]] = {
    ("BrokerOrder", "status"): OrderStatus,
    ("Divergence", "kind"): Kind,
    ("Divergence", "status"): Status,
    ("DivergenceRecorded", "code"): codes.Divergence,
    ("ExitDeferred", "pre_state"): PreState,
    ("MessageAnswered", "verdict"): Verdict,
    ("RequestFailed", "error"): codes.SendError,
    ("SendResult", "error"): codes.SendError,
    ("SetTradingState", "state"): codes.TradingState,
    ("Unknown", "reason"): UnknownReason,
}


def label(struct: str, field: str, value: int) -> str:
    """Return what a number in a field of a command or event is called, empty if nothing."""
    names = _NAMES_OF.get((struct, field)) or _NAMES.get(field)
    if names is None or value not in names._value2member_map_:
        return ""
    return names(value).name


def tables(core: DeskCore) -> dict[str, list[Row]]:
    """Return the desk as named tables, in the order in which they are to be shown."""
    books = [core.books[key] for key in sorted(core.books)]
    return {
        "desk": [
            {
                "trading": core.desk.trading.name,
                "is_shut_down": core.desk.is_shut_down,
                "is_healthy": core.is_global_healthy(),
                "sequence": core.sequence,
            }
        ],
        "links": _links(core),
        "positions": [_book(book) for book in books if book.key[2] == NET],
        "holdings": [_book(book) for book in books if book.key[2] != NET],
        "orders": [_order(order) for order in core.live.values()],
        "deployments": _deployments(core),
        "balances": _balances(core),
        "fees": _fees(core),
        "funding": _fundings(core),
        "account_limits": [
            {
                "account": account,
                "equity_e9": one.equity_e17 // E8,
                "peak_e9": one.peak_e17 // E8,
                "max_drawdown_bps": one.limits.max_drawdown_bps,
                "is_blocked": one.is_blocked,
                "is_one_directional": one.limits.is_one_directional,
            }
            for account, one in sorted(core.limited.items())
        ],
        "divergences": [
            {"id": one.divergence_id, "code": codes.Divergence(one.code).name, "count": one.count}
            for one in core.divergences.values()
        ],
        "reconciled": [
            {"account": account, "synced_seq": synced.point.seq, "floors": len(synced.point.floors)}
            for account, synced in core.reconciliation.synced.items()
        ],
        "standing": [_standing(one.divergence) for one in core.reconciliation.standing.values()],
        "deferred": [
            {"position": one.position_id, "account": one.account, "instrument": one.instrument}
            for one in core.reconciliation.deferred.values()
        ],
    }


def _standing(record: Divergence) -> Row:
    return {
        "id": record.divergence_id,
        "kind": record.kind.name,
        "account": record.account,
        "instrument": record.instrument,
        "local_e8": record.local_e8,
        "broker_e8": record.broker_e8,
        "gap_e8": record.gap_e8,
        "note": record.note,
    }


def _links(core: DeskCore) -> list[Row]:
    venues: list[Row] = [
        {"link": "MARKET", "of": name, "health": end.health.name, "quarantine": end.is_quarantined}
        for name, end in core.venues.items()
    ]
    accounts: list[Row] = [
        {"link": "ACCOUNT", "of": name, "health": end.health.name, "quarantine": end.is_quarantined}
        for name, end in core.accounts.items()
    ]
    return [*venues, *accounts]


def _book(book: Book) -> Row:
    account, instrument, owner = book.key
    return {
        "account": account,
        "instrument": instrument,
        "deployment": "" if owner == NET else owner,
        "qty_e8": book.qty_e8,
        "entry_price_e9": book.entry_price_e9,
        "mark_e9": book.mark_e9,
        "unrealised_e9": split(book.unrealised_e17)[0],
        "exit_fee_estimate_e9": book.exit_fee_estimate_e9,
        "realised_e9": split(book.realised_e17 + book.total_e17)[0],
        "opens": book.opens,
    }


def _order(order: Order) -> Row:
    return {
        "client_order_id": order.client_order_id,
        "deployment": order.deployment,
        "account": order.account,
        "instrument": order.instrument,
        "side": order.side.name,
        "qty_e8": order.qty_e8,
        "price_e9": order.price_e9,
        "done_e8": order.done_e8,
        "state": order.state.name,
        "is_sent": order.is_sent,
    }


def _deployments(core: DeskCore) -> list[Row]:
    rows: list[Row] = []
    for name, deployment in core.deployments.items():
        state = deployment.gate.state()
        rows.append(
            {
                "deployment": name,
                "name": deployment.row.name,
                "state": deployment.row.state.name,
                "halted": state.halted,
                "max_position_cents": deployment.limits.max_position_cents,
                "max_order_cents": deployment.limits.max_order_cents,
                "working": len(state.working),
            }
        )
    return rows


def _balances(core: DeskCore) -> list[Row]:
    return [
        {
            "account": account,
            "asset": asset,
            "total_e9": core.balances[(account, asset)].total_e9,
            "free_e9": core.balances[(account, asset)].free_e9,
        }
        for account, asset in sorted(core.balances)
    ]


def _fees(core: DeskCore) -> list[Row]:
    return [
        {
            "account": account,
            "asset": asset,
            "deployment": owner,
            "total_e9": core.fees[(account, asset, owner)].total_e9,
        }
        for account, asset, owner in sorted(core.fees)
    ]


def _fundings(core: DeskCore) -> list[Row]:
    return [
        {
            "account": account,
            "instrument": instrument,
            "deployment": owner,
            "total_e9": core.fundings[(account, instrument, owner)].total_e9,
        }
        for account, instrument, owner in sorted(core.fundings)
    ]

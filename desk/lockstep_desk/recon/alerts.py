"""Alerts: how loud each thing is, and that nobody is told the same thing twice.

Owns the table of alert codes with their severities ([RECON-50]) and the making of alerts from
divergences. The dedup key of an alert is the id of what it is about ([RECON-35]); when that ends,
the key is free again, and an `AlertCleared` says so.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from lockstep_desk.recon.findings import CASE_OF, Divergence, Kind, Outcome
from lockstep_desk.types import Alert, Severity

SEVERITIES: Final[dict[str, Severity]] = {
    **{f"RECON_{kind.name}": Severity.CRITICAL for kind in Kind},
    "RECON_MISSED_FILL": Severity.WARNING,
    "RECON_ORDER_SETTLED": Severity.WARNING,
    "RECON_PNL_DIFFERS": Severity.WARNING,
    "RECON_SWEPT": Severity.INFO,
    "CONNECTION_LOST": Severity.CRITICAL,
    "RETRIES_EXHAUSTED": Severity.CRITICAL,
    "UNRECOVERABLE": Severity.CRITICAL,
    "KILL_SWITCH": Severity.CRITICAL,
    "DRAWDOWN": Severity.CRITICAL,
    "QUARANTINED": Severity.CRITICAL,
    "HEARTBEAT_MISSING": Severity.CRITICAL,
    "IDEMPOTENCY_CONFLICT": Severity.CRITICAL,
    "EXIT_DEFERRED": Severity.WARNING,
    "FALLBACK_ACTIVE": Severity.WARNING,
    "SCHEMA_DRIFT": Severity.WARNING,
    "DEPLOYED": Severity.INFO,
}
"""The least severity of each code: a missed fill that opened a position unseen is critical."""


class AlertCleared(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the alerts of this key were about is over."""

    dedup_key: str


def make_alert(code: str, dedup_key: str, *context: tuple[str, str]) -> Alert:
    """Return the alert of a code with the severity that the table gives it."""
    return Alert(severity=SEVERITIES[code], code=code, dedup_key=dedup_key, context=context)


def alert_of(record: Divergence) -> Alert:
    """Return the alert of a divergence; its dedup key is the divergence id."""
    shown = {
        "case": CASE_OF.get(record.kind, ""),
        "status": record.status.name,
        "venue": record.venue,
        "account": record.account,
        "instrument": record.instrument,
        "local_e8": str(record.local_e8),
        "broker_e8": str(record.broker_e8),
        "fills": " ".join(fill.fill_id for fill in record.fills),
        "note": record.note,
    }
    context = tuple((name, text) for name, text in shown.items() if text)
    return Alert(
        severity=record.severity,
        code=f"RECON_{record.kind.name}",
        dedup_key=record.divergence_id,
        context=context,
    )


def alerts_of(outcome: Outcome) -> tuple[tuple[Alert, ...], tuple[AlertCleared, ...]]:
    """Return what a sweep has to tell: one alert per new divergence, one clearing per ended one."""
    alerts = tuple(alert_of(record) for record in outcome.opened)
    return alerts, tuple(AlertCleared(name) for name in outcome.ended)


def unseen(alerts: Iterable[Alert], seen: Iterable[str]) -> tuple[Alert, ...]:
    """Return the alerts whose key is not among those that were seen, each key once."""
    known = dict.fromkeys(seen)
    fresh: list[Alert] = []
    for alert in alerts:
        if alert.dedup_key not in known:
            known[alert.dedup_key] = None
            fresh.append(alert)
    return tuple(fresh)

"""Alerts, heartbeats, retries, quarantine, the schedule of sweeps and credentials."""

import inspect

import pytest

from lockstep_desk import InvalidValueError, Severity
from lockstep_desk.recon import (
    SEVERITIES,
    AlertCleared,
    Backoff,
    FaultKind,
    GiveUp,
    Heartbeats,
    Incident,
    KeyScope,
    Kind,
    Quarantine,
    SweepReason,
    SweepSchedule,
    TradeCredentials,
    TryAgain,
    after_failure,
    alerts_of,
    make_alert,
    need_scopes,
    unseen,
)
from lockstep_desk.recon.retry import NS_PER_MS
from tests.support.recon import BUY, SECOND_NS, SELL, fill, pages, position, swept, view

LONG = position(BUY, 5, 100)


# Alerts


@pytest.mark.desk("RECON-50", "RECON-32")
def test_a_close_that_healed_itself_still_pages_somebody() -> None:
    alerts, cleared = alerts_of(swept(view(LONG), pages(0, [fill(10, SELL, 5, 90)])))
    assert [Severity.CRITICAL] == [alert.severity for alert in alerts]
    assert ("RECON_CLOSED_AT_BROKER", ()) == (alerts[0].code, cleared)
    assert ("fills", "f10") in alerts[0].context


@pytest.mark.desk("RECON-35", "RECON-50")
def test_the_dedup_key_of_an_alert_is_the_id_of_its_divergence() -> None:
    outcome = swept(view(LONG), pages(3))
    (alert,), _cleared = alerts_of(outcome)
    assert outcome.opened[0].divergence_id == alert.dedup_key
    again, _cleared = alerts_of(swept(view(LONG, standing=outcome.opened), pages(3)))
    assert () == again


def test_what_ended_is_cleared() -> None:
    first = swept(view(LONG), pages(3))
    _alerts, cleared = alerts_of(swept(view(LONG, standing=first.opened), pages(5)))
    assert (AlertCleared(first.opened[0].divergence_id),) == cleared


@pytest.mark.desk("RECON-50")
def test_every_kind_of_divergence_has_a_severity() -> None:
    assert [] == [kind.name for kind in Kind if f"RECON_{kind.name}" not in SEVERITIES]


@pytest.mark.desk("RECON-50")
@pytest.mark.parametrize(
    ("code", "severity"),
    [
        ("CONNECTION_LOST", Severity.CRITICAL),
        ("KILL_SWITCH", Severity.CRITICAL),
        ("RECON_BROKER_ONLY", Severity.CRITICAL),
        ("FALLBACK_ACTIVE", Severity.WARNING),
        ("SCHEMA_DRIFT", Severity.WARNING),
        ("DEPLOYED", Severity.INFO),
        ("RECON_SWEPT", Severity.INFO),
    ],
)
def test_alerts_are_as_loud_as_the_table_says(code: str, severity: Severity) -> None:
    assert severity is make_alert(code, "key").severity


@pytest.mark.desk("RECON-35")
def test_alerts_of_one_key_are_told_once() -> None:
    alerts = [make_alert("DEPLOYED", key) for key in ("a", "b", "a", "c")]
    assert ["b", "c"] == [alert.dedup_key for alert in unseen(alerts, ["a"])]


# Heartbeats


@pytest.mark.desk("RECON-51")
def test_a_service_is_overdue_only_behind_its_window() -> None:
    beats = Heartbeats()
    beats.expect("feed", 10, 100)
    assert () == beats.overdue(110)
    assert 1 == len(beats.overdue(111))
    beats.beat("feed", 105)
    assert () == beats.overdue(115)


@pytest.mark.desk("RECON-51", "RECON-35")
def test_a_silence_is_one_alert_and_the_next_silence_another() -> None:
    beats = Heartbeats()
    beats.expect("feed", 10, 100)
    (first,), (same,) = beats.overdue(111), beats.overdue(150)
    assert first.dedup_key == same.dedup_key
    assert Severity.CRITICAL is first.severity
    beats.beat("feed", 200)
    (second,) = beats.overdue(300)
    assert first.dedup_key != second.dedup_key


def test_a_beat_out_of_order_changes_nothing() -> None:
    beats = Heartbeats()
    beats.expect("feed", 10, 100)
    beats.beat("feed", 120)
    beats.beat("feed", 90)
    assert () == beats.overdue(130)


def test_a_beat_of_an_unknown_service_is_an_error() -> None:
    with pytest.raises(InvalidValueError, match="expected one of none, found 'feed'"):
        Heartbeats().beat("feed", 1)


# Retries


@pytest.mark.desk("DESK-72", "RECON-53")
def test_the_waits_double_up_to_a_bound() -> None:
    waits = [Backoff().wait_ns(n) // NS_PER_MS for n in range(1, 12)]
    assert [125, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] == waits
    assert 60_000 == Backoff().wait_ns(10**9) // NS_PER_MS
    assert 125 == Backoff(factor=1).wait_ns(10**9) // NS_PER_MS


@pytest.mark.desk("RECON-53", "RECON-54")
def test_a_recoverable_fault_is_tried_again_so_often_and_then_told() -> None:
    backoff = Backoff(attempts_max=3)
    first = after_failure(backoff, "venue", 1, FaultKind.RECOVERABLE, 1_000)
    assert TryAgain(1, 1_000 + 125 * NS_PER_MS) == first
    last = after_failure(backoff, "venue", 3, FaultKind.RECOVERABLE, 1_000)
    assert isinstance(last, GiveUp)
    assert ("RETRIES_EXHAUSTED", Severity.CRITICAL) == (last.alert.code, last.alert.severity)


@pytest.mark.desk("RECON-53")
def test_an_unrecoverable_fault_is_told_at_once() -> None:
    found = after_failure(Backoff(), "venue", 1, FaultKind.UNRECOVERABLE, 0)
    assert isinstance(found, GiveUp)
    assert "UNRECOVERABLE" == found.alert.code


@pytest.mark.parametrize(
    "bad", [{"first_ns": 0}, {"factor": 0}, {"longest_ns": 1}, {"attempts_max": 0}]
)
def test_a_back_off_that_cannot_be_is_an_error(bad: dict[str, int]) -> None:
    with pytest.raises(InvalidValueError, match=next(iter(bad))):
        Backoff(**bad)


# Quarantine


@pytest.mark.desk("RECON-55")
def test_an_account_in_quarantine_leaves_the_others_alone() -> None:
    quarantine = Quarantine()
    (alert,) = quarantine.enter("venue", "one", "margin call", 5)
    assert Severity.CRITICAL is alert.severity
    assert quarantine.blocks_open("venue", "one") is not None
    assert quarantine.blocks_open("venue", "two") is None
    assert quarantine.blocks_open("other", "one") is None
    assert () == quarantine.enter("venue", "one", "again", 6)


@pytest.mark.desk("RECON-55")
def test_a_venue_in_quarantine_blocks_all_its_accounts() -> None:
    quarantine = Quarantine()
    quarantine.enter("venue", "", "unresponsive", 5)
    assert quarantine.blocks_open("venue", "any") is not None
    assert "unresponsive" == quarantine.leave("venue", "").reason
    assert quarantine.blocks_open("venue", "any") is None


def test_a_quarantine_that_is_not_there_cannot_end() -> None:
    with pytest.raises(InvalidValueError, match="expected a quarantined place"):
        Quarantine().leave("venue", "one")


@pytest.mark.desk("RECON-55")
def test_incidents_have_classes() -> None:
    quarantine = Quarantine()
    assert Incident.P2 is quarantine.incident(is_trading_halted=False)
    quarantine.enter("venue", "one", "margin call", 5)
    assert Incident.P1 is quarantine.incident(is_trading_halted=False)
    assert Incident.P0 is quarantine.incident(is_trading_halted=True)


# The schedule


@pytest.mark.desk("RECON-31")
def test_sweeps_are_due_on_boot_on_demand_and_at_the_interval() -> None:
    schedule = SweepSchedule(interval_ns=10 * SECOND_NS)
    assert SweepReason.BOOT is schedule.due(5)
    swept_once = schedule.swept(5, is_whole=True)
    assert swept_once.due(4 + 10 * SECOND_NS) is None
    assert SweepReason.INTERVAL is swept_once.due(5 + 10 * SECOND_NS)
    assert SweepReason.DEMAND is swept_once.demanded().due(6)
    assert swept_once.demanded().swept(6, is_whole=True).due(7) is None


@pytest.mark.desk("RECON-31", "RECON-53")
def test_a_sweep_that_came_to_nothing_is_tried_again_and_the_boot_is_not_over() -> None:
    failed = SweepSchedule(interval_ns=10 * SECOND_NS).swept(0, is_whole=False)
    assert not failed.is_booted
    assert failed.due(125 * NS_PER_MS - 1) is None
    assert SweepReason.RETRY is failed.due(125 * NS_PER_MS)
    assert failed.swept(125 * NS_PER_MS, is_whole=True).is_booted


# Credentials


@pytest.mark.desk("RECON-12")
def test_credentials_sign_orders_and_cancels_and_nothing_else() -> None:
    public = [name for name in dir(TradeCredentials) if not name.startswith("_")]
    assert ["account", "sign_cancel", "sign_order", "signer", "venue"] == sorted(public)
    methods = [name for name, _ in inspect.getmembers(TradeCredentials, inspect.isfunction)]
    banned = ("withdraw", "transfer", "move", "send")
    assert [] == [name for name in methods if any(word in name for word in banned)]


@pytest.mark.desk("RECON-12")
def test_credentials_do_not_show_their_key() -> None:
    made = TradeCredentials("venue", "acc", b"public", lambda body: b"hidden" + body)
    assert "hidden" not in repr(made)
    assert b"hiddenbody" == made.sign_order(b"body") == made.sign_cancel(b"body")


@pytest.mark.desk("RECON-12")
@pytest.mark.parametrize(
    "scopes",
    [KeyScope.TRADE | KeyScope.WITHDRAW, KeyScope.TRADE | KeyScope.TRANSFER, KeyScope.READ],
)
def test_a_key_that_may_do_more_or_cannot_trade_is_refused(scopes: KeyScope) -> None:
    with pytest.raises(InvalidValueError, match="expected READ, TRADE and no more"):
        need_scopes("venue", scopes)
    need_scopes("venue", KeyScope.TRADE)

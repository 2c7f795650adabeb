"""The broker is the source of truth: comparing the books with it, and healing what can be healed.

Owns the sweep, the check before an order, the ledger of processed messages, alerts, heartbeats,
retries and quarantine: pure functions and plain values, usable without the desk's machine. It sends
nothing, opens nothing and closes nothing.
"""

from lockstep_desk.recon.adopt import Adopted, Adoption, AdoptRefusal, adopt
from lockstep_desk.recon.alerts import (
    SEVERITIES,
    AlertCleared,
    alert_of,
    alerts_of,
    make_alert,
    unseen,
)
from lockstep_desk.recon.broker import (
    BrokerUnreachableError,
    BrokerView,
    SweepRequest,
    gather,
    read_all,
)
from lockstep_desk.recon.config import SweepConfig
from lockstep_desk.recon.credentials import TRADE_SCOPES, KeyScope, TradeCredentials, need_scopes
from lockstep_desk.recon.faulty import Draws, Fault, FaultyBroker
from lockstep_desk.recon.findings import (
    CASE_OF,
    AdjustPosition,
    BookFill,
    Divergence,
    Kind,
    Outcome,
    RefreshBalance,
    RefreshOrder,
    ReleaseExit,
    Repair,
    SettleOrder,
    Status,
    SyncPoint,
)
from lockstep_desk.recon.heartbeat import Heartbeats
from lockstep_desk.recon.ledger import Answer, Entry, Ledger, Message, Verdict, payload_hash
from lockstep_desk.recon.match import Exit, Walk, split, walk
from lockstep_desk.recon.memory import Life, MemoryBroker, NewOrder, Working
from lockstep_desk.recon.pages import (
    BrokerBalance,
    BrokerOrder,
    BrokerPages,
    BrokerPosition,
    Moment,
    OrderQuery,
    OrderStatus,
    Page,
    Unknown,
    UnknownReason,
    join,
    make_page,
    whole,
)
from lockstep_desk.recon.quarantine import ALL_ACCOUNTS, Incident, Quarantine, Quarantined
from lockstep_desk.recon.reactive import PreCheck, PreState, check_pre_state
from lockstep_desk.recon.retry import Backoff, FaultKind, GiveUp, TryAgain, after_failure
from lockstep_desk.recon.schedule import SweepReason, SweepSchedule
from lockstep_desk.recon.sweep import request_for, sweep
from lockstep_desk.recon.view import LocalOrder, LocalOrderState, LocalView

__all__ = [
    "ALL_ACCOUNTS",
    "CASE_OF",
    "SEVERITIES",
    "TRADE_SCOPES",
    "AdjustPosition",
    "AdoptRefusal",
    "Adopted",
    "Adoption",
    "AlertCleared",
    "Answer",
    "Backoff",
    "BookFill",
    "BrokerBalance",
    "BrokerOrder",
    "BrokerPages",
    "BrokerPosition",
    "BrokerUnreachableError",
    "BrokerView",
    "Divergence",
    "Draws",
    "Entry",
    "Exit",
    "Fault",
    "FaultKind",
    "FaultyBroker",
    "GiveUp",
    "Heartbeats",
    "Incident",
    "KeyScope",
    "Kind",
    "Ledger",
    "Life",
    "LocalOrder",
    "LocalOrderState",
    "LocalView",
    "MemoryBroker",
    "Message",
    "Moment",
    "NewOrder",
    "OrderQuery",
    "OrderStatus",
    "Outcome",
    "Page",
    "PreCheck",
    "PreState",
    "Quarantine",
    "Quarantined",
    "RefreshBalance",
    "RefreshOrder",
    "ReleaseExit",
    "Repair",
    "SettleOrder",
    "Status",
    "SweepConfig",
    "SweepReason",
    "SweepRequest",
    "SweepSchedule",
    "SyncPoint",
    "TradeCredentials",
    "TryAgain",
    "Unknown",
    "UnknownReason",
    "Verdict",
    "Walk",
    "Working",
    "adopt",
    "after_failure",
    "alert_of",
    "alerts_of",
    "check_pre_state",
    "gather",
    "join",
    "make_alert",
    "make_page",
    "need_scopes",
    "payload_hash",
    "read_all",
    "request_for",
    "split",
    "sweep",
    "unseen",
    "walk",
    "whole",
]

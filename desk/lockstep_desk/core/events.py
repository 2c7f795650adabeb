"""The events of the desk: what happened, in the past tense, complete without a look-up.

A released struct never changes: a new field is a new tag. Units are in the names, as in commands.
`OrderRequested` and `CancelRequested` are what an adapter carries out once they are durable.
"""

import msgspec

from lockstep_desk.core.codes import (
    Divergence,
    Health,
    Link,
    OrderKind,
    Origin,
    Refusal,
    Scope,
    SendError,
    TimeInForce,
    TradingState,
)
from lockstep_desk.core.commands import AccountLimits, Limits, OpenRequest
from lockstep_desk.oms.states import OrderError, OrderState
from lockstep_desk.recon.findings import Divergence as BrokerDivergence
from lockstep_desk.recon.ledger import Verdict
from lockstep_desk.recon.reactive import PreState
from lockstep_desk.types import Dimension, HaltAction, RejectCode, Severity, Side


class _Event(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """Base of all structs on the wire."""


class BreachFound(_Event, frozen=True):
    """An order is over a limit: `lockstep_desk.types.Breach` on the wire."""

    dimension: Dimension
    limit: int
    observed: int | None
    action: HaltAction
    deployment: str
    reason_code: RejectCode


class CommandRefused(_Event, frozen=True, tag=1):
    """A command changed nothing; `command` is its tag, `what` the name or value that is wrong."""

    command: int
    code: Refusal
    what: str


class VenueRegistered(_Event, frozen=True, tag=2):
    """A venue is known."""

    venue: str


class AccountRegistered(_Event, frozen=True, tag=3):
    """An account is known."""

    account: str
    venue: str


class InstrumentRegistered(_Event, frozen=True, tag=4):
    """An instrument is known."""

    instrument: str
    venue: str
    underlying: str


class DeploymentRegistered(_Event, frozen=True, tag=5):
    """A deployment is known, under this id, in state Paper."""

    deployment: str
    name: str
    strategy: str
    version: str


class TradingStateChanged(_Event, frozen=True, tag=10):
    """Strategies were enabled or disabled; a repeated state is told too ([DESK-20])."""

    previous: TradingState
    current: TradingState


class HealthChanged(_Event, frozen=True, tag=11):
    """A link was lost or heals; `is_global_healthy` says whether all links are healthy now."""

    link: Link
    key: str
    health: Health
    is_global_healthy: bool


class LifecycleChanged(_Event, frozen=True, tag=12):
    """A deployment is in another lifecycle state."""

    deployment: str
    source: int
    target: int


class LimitsSet(_Event, frozen=True, tag=13):
    """A deployment has other limits."""

    deployment: str
    limits: Limits


class DeploymentHalted(_Event, frozen=True, tag=14):
    """A deployment opens no more."""

    deployment: str
    action: HaltAction
    reason: str


class HaltCleared(_Event, frozen=True, tag=15):
    """A deployment opens again."""

    deployment: str


class QuarantineSet(_Event, frozen=True, tag=16):
    """A venue or an account is quarantined, or no longer."""

    scope: Scope
    key: str
    is_on: bool


class ShutDown(_Event, frozen=True, tag=17):
    """The desk ended."""


class Resumed(_Event, frozen=True, tag=18):
    """The desk began anew; `unknown` orders were in flight and are to be asked for."""

    unknown: int


class RulesActivated(_Event, frozen=True, tag=19):
    """Newer rules are in force from the next command on."""

    rules_version: int


class AccountLimitsSet(_Event, frozen=True, tag=20):
    """An account has other limits."""

    account: str
    limits: AccountLimits


class OrderRequested(_Event, frozen=True, tag=30):
    """An order passed its specification and its gate, and is to be sent.

    `number` is the order's own in this desk; `warnings` are breaches that let it go.
    """

    client_order_id: str
    number: int
    deployment: str
    origin: Origin
    account: str
    venue: str
    instrument: str
    side: Side
    qty_e8: int
    price_e9: int
    kind: OrderKind
    tif: TimeInForce
    is_post_only: bool
    is_reduce_only: bool
    expires_ns: int
    is_mmp: bool
    warnings: tuple[BreachFound, ...]


class CancelRequested(_Event, frozen=True, tag=31):
    """A cancel is to be sent; `order_id` is the venue's own, "" before it gave one."""

    client_order_id: str
    number: int
    origin: Origin
    account: str
    venue: str
    instrument: str
    order_id: str


class OrderRefused(_Event, frozen=True, tag=32):
    """An order was not let go; `breaches` has one for code GATE."""

    deployment: str
    origin: Origin
    request: OpenRequest
    code: Refusal
    reason: str
    breach: BreachFound | None


class CancelRefused(_Event, frozen=True, tag=33):
    """A cancel was not let go."""

    client_order_id: str
    origin: Origin
    code: Refusal
    reason: str


class PaperOrderRecorded(_Event, frozen=True, tag=34):
    """A deployment in state Paper would have sent this order, and its gate would have passed it."""

    client_order_id: str
    deployment: str
    request: OpenRequest


class RequestSent(_Event, frozen=True, tag=35):
    """A request was handed over to its venue."""

    client_order_id: str
    is_cancel: bool


class RequestFailed(_Event, frozen=True, tag=36):
    """A request was not handed over: an order is gone, a cancel changed nothing."""

    client_order_id: str
    is_cancel: bool
    error: SendError


class OrderQueried(_Event, frozen=True, tag=37):
    """Nobody knows what became of an order: its venue is to be asked by client order id."""

    client_order_id: str
    number: int
    account: str
    venue: str
    instrument: str


class OrderMoved(_Event, frozen=True, tag=38):
    """A tracked order stands elsewhere."""

    client_order_id: str
    state: OrderState
    filled_e8: int


class OrderEnded(_Event, frozen=True, tag=39):
    """An order is not tracked any more."""

    client_order_id: str
    state: OrderState
    filled_e8: int
    error: OrderError


class FillBooked(_Event, frozen=True, tag=50):
    """An execution is in the books; `deployment` "" is nobody's."""

    fill_id: str
    client_order_id: str
    account: str
    instrument: str
    deployment: str
    side: Side
    qty_e8: int
    price_e9: int
    fee_e9: int
    ts_ns: int
    position_qty_e8: int


class FillIgnored(_Event, frozen=True, tag=51):
    """An execution that is in the books already was told again."""

    fill_id: str
    account: str


class PositionExited(_Event, frozen=True, tag=52):
    """A position of an account was closed. Money is exact: `_rest` completes `_e9` at 1e-17."""

    position_id: str
    account: str
    instrument: str
    side: Side
    qty_max_e8: int
    entry_price_e9: int
    exit_price_e9: int
    realised_e9: int
    realised_rest: int
    fees_enter_e9: int
    fees_exit_e9: int
    opened_ns: int
    closed_ns: int


class HoldingExited(_Event, frozen=True, tag=53):
    """What one deployment, or nobody (""), held of an instrument was closed."""

    position_id: str
    account: str
    instrument: str
    deployment: str
    side: Side
    qty_max_e8: int
    entry_price_e9: int
    exit_price_e9: int
    realised_e9: int
    realised_rest: int
    fees_enter_e9: int
    fees_exit_e9: int
    opened_ns: int
    closed_ns: int


class BalanceChanged(_Event, frozen=True, tag=54):
    """An account holds this of an asset."""

    account: str
    asset: str
    total_e9: int
    free_e9: int


class FeeBooked(_Event, frozen=True, tag=56):
    """A fee in another asset than the quote is in the books; `deployment` "" is nobody's."""

    fill_id: str
    account: str
    asset: str
    deployment: str
    fee_e9: int


class FundingBooked(_Event, frozen=True, tag=57):
    """An owner's part of a funding payment is in the books; `deployment` "" is nobody's."""

    funding_id: str
    account: str
    instrument: str
    deployment: str
    qty_e8: int
    amount_e9: int
    ts_ns: int


class EquityChanged(_Event, frozen=True, tag=58):
    """A trade or funding moved the equity of an account with a drawdown limit, or openings stop.

    `peak_e9` is its highest, `drawdown_bps` how far it is below that, rounded down.
    """

    account: str
    equity_e9: int
    peak_e9: int
    drawdown_bps: int
    is_blocked: bool


class ReportIgnored(_Event, frozen=True, tag=55):
    """A report of the market or an account was older than what is known, or said nothing new."""

    command: int
    key: str


class DivergenceRecorded(_Event, frozen=True, tag=60):
    """An account and the desk disagree; repeats of one `divergence_id` are not told again."""

    divergence_id: str
    code: Divergence
    account: str
    instrument: str
    what: str


class AlertRaised(_Event, frozen=True, tag=61):
    """Something that a person should know: `lockstep_desk.types.Alert` on the wire."""

    severity: Severity
    code: str
    dedup_key: str
    context: tuple[tuple[str, str], ...]


class AlertCleared(_Event, frozen=True, tag=62):
    """What the alert of this key was about is over."""

    dedup_key: str


class Reconciled(_Event, frozen=True, tag=70):
    """A sweep compared an account with its broker: how much it found, and how far that reaches."""

    account: str
    is_whole: bool
    booked: int
    opened: int
    standing: int
    ended: int
    synced_seq: int


class BrokerDiverged(_Event, frozen=True, tag=71):
    """Books and broker differ, or did and were healed; the record holds all that is known."""

    record: BrokerDivergence


class BrokerAgreed(_Event, frozen=True, tag=72):
    """A divergence that stood is no more; `is_adopted` says whether an operator ended it."""

    divergence_id: str
    account: str
    instrument: str
    is_adopted: bool


class FillClaimed(_Event, frozen=True, tag=73):
    """A fill that was booked for nobody belongs to a deployment; `qty_e8` of it, signed."""

    fill_id: str
    account: str
    instrument: str
    deployment: str
    qty_e8: int


class PositionAdjusted(_Event, frozen=True, tag=74):
    """The books moved by `qty_e8`, signed, without a fill, because an operator said so."""

    divergence_id: str
    account: str
    instrument: str
    deployment: str
    qty_e8: int
    price_e9: int


class ExitDeferred(_Event, frozen=True, tag=75):
    """An exit was not published: the broker does not hold what the books say, or says nothing."""

    position_id: str
    account: str
    instrument: str
    pre_state: PreState
    local_e8: int
    broker_e8: int | None


class ExitReleased(_Event, frozen=True, tag=76):
    """A deferred exit may be asked for again."""

    position_id: str


class MessageAnswered(_Event, frozen=True, tag=77):
    """A message that came before, or is none: its first outcome, and no effect."""

    key: str
    verdict: Verdict
    outcome: str


Event = (
    CommandRefused
    | VenueRegistered
    | AccountRegistered
    | InstrumentRegistered
    | DeploymentRegistered
    | TradingStateChanged
    | HealthChanged
    | LifecycleChanged
    | LimitsSet
    | DeploymentHalted
    | HaltCleared
    | QuarantineSet
    | ShutDown
    | Resumed
    | RulesActivated
    | AccountLimitsSet
    | OrderRequested
    | CancelRequested
    | OrderRefused
    | CancelRefused
    | PaperOrderRecorded
    | RequestSent
    | RequestFailed
    | OrderQueried
    | OrderMoved
    | OrderEnded
    | FillBooked
    | FillIgnored
    | PositionExited
    | HoldingExited
    | BalanceChanged
    | EquityChanged
    | ReportIgnored
    | FeeBooked
    | FundingBooked
    | DivergenceRecorded
    | AlertRaised
    | AlertCleared
    | Reconciled
    | BrokerDiverged
    | BrokerAgreed
    | FillClaimed
    | PositionAdjusted
    | ExitDeferred
    | ExitReleased
    | MessageAnswered
)

"""The commands of the desk: everything that it learns, and everything that it is told.

A released struct never changes: a new field is a new tag. Names are texts of at most 64 characters;
quantities are 1e-8, prices, fees and money 1e-9, limits US cents, times nanoseconds UTC, all within
+-2^62. What is out of its bounds is refused by an event or written down as a divergence, never by
an exception. docs/desk.md says what each does.
"""

from typing import Annotated

import msgspec

from lockstep_desk.core.codes import (
    OrderKind,
    Origin,
    Scope,
    SendError,
    TimeInForce,
    TradingState,
)
from lockstep_desk.oms.states import Live, OrderError, OrderState
from lockstep_desk.recon.config import SweepConfig
from lockstep_desk.recon.pages import BrokerPages, FillsAnswer, PositionsAnswer
from lockstep_desk.types import HaltAction, Liquidity, Side

Int = Annotated[int, msgspec.Meta(gt=-(2**62), lt=2**62)]
Name = Annotated[str, msgspec.Meta(max_length=64)]
Text = Annotated[str, msgspec.Meta(max_length=256)]


class _Part(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """Base of all structs on the wire."""


class Limits(_Part, frozen=True):
    """`lockstep_desk.fund.LimitSet` on the wire, and the modes of the gate that holds them.

    `is_strict` is the gate's mode STRICT, otherwise REDUCE_OK; `is_sliding` its sliding window.
    """

    max_position_cents: Int
    max_order_cents: Int
    max_orders_per_sec: Int
    halt_action: HaltAction = HaltAction.SOFT_HALT
    caps_open: bool = False
    max_deviation_bps: Int | None = None
    max_daily_loss_cents: Int | None = None
    is_strict: bool = False
    is_sliding: bool = False


class AccountLimits(_Part, frozen=True):
    """What an account is held to beside the limits of its deployments; the default is nothing.

    Beyond a drawdown of `max_drawdown_bps` of its highest equity nothing opens. Its equity is
    `equity_e9` of `asset`, to which profit in instruments quoted in that asset adds up from now on.
    `is_one_directional` keeps all that it holds of an underlying on one side.
    """

    asset: Name = ""
    equity_e9: Int = 0
    max_drawdown_bps: Int | None = None
    is_one_directional: bool = False


NO_ACCOUNT_LIMITS = AccountLimits()


class Filter(_Part, frozen=True):
    """Which orders or positions a command is about ([DESK-11])."""

    scope: Scope = Scope.ALL
    keys: tuple[Name, ...] = ()


EVERYTHING = Filter()


class OpenRequest(_Part, frozen=True):
    """An order that somebody wants; `price_e9` of a market order 0 is the price now.

    `expires_ns` goes with GTD only; `is_mmp` puts the order under the account's market-maker
    protection at its venue.
    """

    account: Name
    instrument: Name
    side: Side
    qty_e8: Int
    price_e9: Int
    kind: OrderKind = OrderKind.LIMIT
    tif: TimeInForce = TimeInForce.GTC
    is_post_only: bool = False
    is_reduce_only: bool = False
    expires_ns: Int = 0
    is_mmp: bool = False


class OrderReport(_Part, frozen=True):
    """What an account says of one order: an `OrderState`, and what rests of it if it lives.

    Side, price and quantity matter only for an order that the desk does not know.
    """

    client_order_id: Name
    instrument: Name
    side: Side
    qty_e8: Int
    price_e9: Int
    state: OrderState
    live: Live | None = None
    error: OrderError = OrderError.NONE
    time_ns: Int = 0


class FillReport(_Part, frozen=True):
    """One execution, as an account tells it: `lockstep_desk.types.Fill` on the wire.

    `seq` is the venue's own number of it, by which a sweep orders fills; 0 if it has none.
    """

    fill_id: Name
    order_id: Name
    client_order_id: Name
    instrument: Name
    side: Side
    qty_e8: Int
    price_e9: Int
    fee_e9: Int
    liquidity: Liquidity
    ts_ns: Int
    deployment: Name | None = None
    broker_closed_pnl_e9: Int | None = None
    seq: Int = 0


class BalanceReport(_Part, frozen=True):
    """What an account holds of an asset, and what of it is free."""

    asset: Name
    total_e9: Int
    free_e9: Int
    time_ns: Int


class PositionReport(_Part, frozen=True):
    """What an account holds of an instrument, by the venue's own count; negative is short."""

    instrument: Name
    qty_e8: Int


class FeeReport(_Part, frozen=True):
    """What a venue took for one execution in another asset than the quote of its instrument.

    The fill itself then has a fee of 0. Negative is what the account received.
    """

    fill_id: Name
    client_order_id: Name
    asset: Name
    fee_e9: Int
    ts_ns: Int


class FundingReport(_Part, frozen=True):
    """What an account was paid for a position at a funding time; negative is what it paid.

    `qty_e8` is the position that it was for, by the venue's own count; negative is short. Only a
    position has funding, so it is never 0.
    """

    funding_id: Name
    instrument: Name
    qty_e8: Int
    amount_e9: Int
    ts_ns: Int


class RiskRefusal(_Part, frozen=True):
    """An order or a cancel that the risk manager did not let pass; "" is no client order id."""

    reason: Text
    client_order_id: Name
    request: OpenRequest | None = None


class SendResult(_Part, frozen=True):
    """Whether a request was handed over to its venue."""

    client_order_id: Name
    is_cancel: bool
    error: SendError


# What is there to trade


class RegisterVenue(_Part, frozen=True, tag=1):
    """Add a venue: a link for its market data."""

    venue: Name


class RegisterAccount(_Part, frozen=True, tag=2):
    """Add an account at a venue: a link for what happens in it."""

    account: Name
    venue: Name


class RegisterInstrument(_Part, frozen=True, tag=3):
    """Add an instrument with the steps and bounds that its venue holds orders to; 0 is none."""

    instrument: Name
    venue: Name
    underlying: Name
    quote: Name
    tick_e9: Int
    lot_e8: Int
    min_qty_e8: Int = 0
    max_qty_e8: Int = 0
    min_notional_e9: Int = 0


class RegisterDeployment(_Part, frozen=True, tag=4):
    """Add a deployment in state Paper; its id is derived from name, version and ordinal."""

    name: Name
    strategy: Name
    version: Name
    ordinal: Int
    limits: Limits


# What happens in the market


class RecordTrade(_Part, frozen=True, tag=10):
    """A trade happened in the market."""

    instrument: Name
    price_e9: Int
    qty_e8: Int
    side: Side
    time_ns: Int


class RecordL1(_Part, frozen=True, tag=11):
    """The best bid and ask are these; quantity 0 is an empty side."""

    instrument: Name
    bid_price_e9: Int
    bid_qty_e8: Int
    ask_price_e9: Int
    ask_qty_e8: Int
    time_ns: Int


class RecordCandle(_Part, frozen=True, tag=12):
    """A candle closed."""

    instrument: Name
    open_e9: Int
    high_e9: Int
    low_e9: Int
    close_e9: Int
    volume_e8: Int
    open_ns: Int
    close_ns: Int


class RecordMarketDisconnect(_Part, frozen=True, tag=13):
    """The link to a venue's market data is lost and reconnects."""

    venue: Name


# What happens in an account


class ReplaceAccount(_Part, frozen=True, tag=20):
    """All that an account holds, in place of what the desk believed ([DESK-D9]).

    `fills` are those since the last one seen, booked first. An order that is not in `orders` does
    not live any more; of one in flight nobody knows. `positions` are compared, never taken over.
    """

    account: Name
    time_ns: Int
    balances: tuple[BalanceReport, ...]
    orders: tuple[OrderReport, ...]
    positions: tuple[PositionReport, ...] | None
    fills: tuple[FillReport, ...] = ()


class RecordBalance(_Part, frozen=True, tag=21):
    """A balance changed."""

    account: Name
    balance: BalanceReport


class RecordOrder(_Part, frozen=True, tag=22):
    """An order changed: a reply to an open, or an update."""

    account: Name
    order: OrderReport


class RecordCancelResponse(_Part, frozen=True, tag=23):
    """A cancel was answered."""

    account: Name
    client_order_id: Name
    error: OrderError = OrderError.NONE
    time_ns: Int = 0


class RecordFill(_Part, frozen=True, tag=24):
    """An execution happened."""

    account: Name
    fill: FillReport


class RecordAccountDisconnect(_Part, frozen=True, tag=25):
    """The link to an account is lost and reconnects."""

    account: Name


class SettleOrder(_Part, frozen=True, tag=26):
    """The answer to a query by client order id: the order, or None if the venue has none such.

    A venue that did not answer is no answer, and nothing to be recorded.
    """

    account: Name
    client_order_id: Name
    order: OrderReport | None


class RecordFee(_Part, frozen=True, tag=27):
    """A fee was taken in another asset than the quote."""

    account: Name
    fee: FeeReport


class RecordFunding(_Part, frozen=True, tag=28):
    """Funding of a position was paid or received."""

    account: Name
    funding: FundingReport


# What an operator asks for


class SendOpenRequests(_Part, frozen=True, tag=40):
    """Open these orders by hand: nobody's lineage, and the limits called manual."""

    requests: tuple[OpenRequest, ...]


class SendCancelRequests(_Part, frozen=True, tag=41):
    """Cancel these orders."""

    client_order_ids: tuple[Name, ...]


class ClosePositions(_Part, frozen=True, tag=42):
    """Close what matches at the market, each order in the name of the deployment that holds it."""

    filter: Filter = EVERYTHING


class CancelOrders(_Part, frozen=True, tag=43):
    """Cancel every tracked order that matches and can be cancelled."""

    filter: Filter = EVERYTHING


class SetTradingState(_Part, frozen=True, tag=44):
    """Enable or disable the strategies."""

    state: TradingState


class SetLifecycle(_Part, frozen=True, tag=45):
    """Move a deployment from one lifecycle state to another; a wrong `source` is refused."""

    deployment: Name
    source: Int
    target: Int


class SetLimits(_Part, frozen=True, tag=46):
    """Replace the limits of a deployment, "manual" for those of manual orders."""

    deployment: Name
    limits: Limits


class Halt(_Part, frozen=True, tag=47):
    """Stop a deployment from opening, "manual" for manual orders; WARN is refused."""

    deployment: Name
    action: HaltAction = HaltAction.SOFT_HALT
    reason: Text = ""


class ClearHalt(_Part, frozen=True, tag=48):
    """Let it open again."""

    deployment: Name


class SetQuarantine(_Part, frozen=True, tag=49):
    """Let no order open at a venue or in an account, or let them again ([RECON-55])."""

    scope: Scope
    key: Name
    is_on: bool


class Shutdown(_Part, frozen=True, tag=50):
    """End. Reports of what still happens in accounts are taken; nothing is opened any more."""


class Resume(_Part, frozen=True, tag=51):
    """Begin anew after a restart: disabled, every link reconnecting, what is in flight unknown."""


class ActivateRules(_Part, frozen=True, tag=52):
    """Switch to newer rules from the next command on."""

    rules_version: Int


class QueryOrders(_Part, frozen=True, tag=53):
    """Ask again what became of every order that matches and of which nobody knows."""

    filter: Filter = EVERYTHING


class SetAccountLimits(_Part, frozen=True, tag=54):
    """Replace the limits of an account: its highest drawdown, and whether it has one direction."""

    account: Name
    limits: AccountLimits = NO_ACCOUNT_LIMITS


# What strategies and the host do


class SubmitIntents(_Part, frozen=True, tag=60):
    """What a strategy decided on what it had seen, and what the risk manager left of it.

    `seq_seen` is the number of the last command in what it saw, `trader` its place among all.
    """

    origin: Origin
    deployment: Name
    trader: Int
    seq_seen: Int
    cancels: tuple[Name, ...] = ()
    opens: tuple[OpenRequest, ...] = ()
    refused: tuple[RiskRefusal, ...] = ()


class RecordSendResults(_Part, frozen=True, tag=61):
    """What became of handing requests over to their venues."""

    results: tuple[SendResult, ...]


# The broker's word


class Reconcile(_Part, frozen=True, tag=70):
    """Compare an account with what its broker says of it, and book what explains the difference."""

    pages: BrokerPages
    config: SweepConfig = SweepConfig()


class AdoptBrokerPosition(_Part, frozen=True, tag=71):
    """Let the books follow the broker where a divergence stands ([RECON-34] (a)).

    `deployment` "" takes it out of every deployment's books. `price_e9` None is possible where
    that only lessens what is held.
    """

    account: Name
    divergence_id: Text
    deployment: Name = ""
    price_e9: Int | None = None


class ExitPosition(_Part, frozen=True, tag=72):
    """Close `qty_e8` of a position at the market if the broker holds what the books say.

    `ordinal` counts the exits of the position: one that comes again has no second effect.
    """

    position_id: Text
    ordinal: Int
    qty_e8: Int
    positions: PositionsAnswer
    fills: FillsAnswer
    since_seq: Int

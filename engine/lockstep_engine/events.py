"""The events of the exchange: what happened, in the past tense, complete without a look-up.

A released struct never changes: a new field is a new tag. Units are in the names, as in commands.
"""

import msgspec

from lockstep_engine.commands import MarginRates, PortfolioModel, TradingLimits


class _Event(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """Base of all structs on the wire."""


class CommandRejected(_Event, frozen=True, tag=1):
    """A command was refused with `code`; `action` is the tag of its action."""

    signer: bytes
    nonce: int
    account: int
    action: int
    code: int


class DuplicateRequest(_Event, frozen=True, tag=2):
    """A repeated request: nothing was done again; `code` and `order_id` are the first outcome."""

    account: int
    request_id: bytes
    code: int
    order_id: int


class UnderlyingCreated(_Event, frozen=True, tag=10):
    """An underlying exists."""

    underlying: str
    max_index_price_e6: int
    expiry_time_s: int


class InstrumentCreated(_Event, frozen=True, tag=11):
    """An instrument exists and is active; `expiry_ns` and `strike_e6` are 0 where there is none."""

    instrument: int
    symbol: str
    underlying: str
    kind: int
    expiry_ns: int
    strike_e6: int
    tick_e6: int
    lot_e8: int
    contract_size_e8: int
    limits: TradingLimits
    allows_self_trade: bool


class InstrumentStatusChanged(_Event, frozen=True, tag=12):
    """An instrument has a new status by command."""

    instrument: int
    status: int


class TradingLimitsSet(_Event, frozen=True, tag=13):
    """An instrument has new limits."""

    instrument: int
    limits: TradingLimits


class FeeScheduleSet(_Event, frozen=True, tag=14):
    """A fee tier has new rates."""

    tier: int
    future_maker_e9: int
    future_taker_e9: int
    option_maker_e9: int
    option_taker_e9: int
    option_cap_e9: int
    builder_share_bps: int


class FeeTierSet(_Event, frozen=True, tag=15):
    """An account is in another fee tier."""

    account: int
    tier: int


class MarginModelSet(_Event, frozen=True, tag=16):
    """An underlying has new standard margin rates."""

    underlying: str
    rates: MarginRates


class RoleGranted(_Event, frozen=True, tag=17):
    """A key has `roles` now."""

    key: bytes
    roles: int


class RoleRevoked(_Event, frozen=True, tag=18):
    """A key has `roles` left."""

    key: bytes
    roles: int


class RulesActivated(_Event, frozen=True, tag=19):
    """Newer rules are in force from the next command on."""

    rules_version: int


class TimeAdvanced(_Event, frozen=True, tag=20):
    """The clock was moved by AdvanceTime."""

    now_ns: int


class AccountOpened(_Event, frozen=True, tag=21):
    """An account exists."""

    account: int
    root: bytes
    self_trade_group: int


class AgentAuthorized(_Event, frozen=True, tag=22):
    """A key may trade for the account."""

    account: int
    agent: bytes


class AgentRevoked(_Event, frozen=True, tag=23):
    """A key may no longer trade for the account."""

    account: int
    agent: bytes


class IndexPriceUpdated(_Event, frozen=True, tag=24):
    """The index moved."""

    underlying: str
    price_e6: int


class MarkPriceUpdated(_Event, frozen=True, tag=25):
    """The mark moved."""

    instrument: int
    price_e6: int


class CashMoved(_Event, frozen=True, tag=26):
    """Cash of an account changed other than by a trade; `balance_e6` is what it has now."""

    account: int
    reason: int
    amount_e6: int
    balance_e6: int


class InstrumentExpired(_Event, frozen=True, tag=27):
    """An instrument reached its expiry; its orders are cancelled by the events that follow."""

    instrument: int


class VolSurfaceUpdated(_Event, frozen=True, tag=28):
    """An expiry has a new forward and new points (strike_e6, vol_e9)."""

    underlying: str
    expiry_ns: int
    forward_e6: int
    points: tuple[tuple[int, int], ...]


class InstrumentMark(_Event, frozen=True):
    """The mark and greeks of one instrument, per unit of the underlying: `lockstep_engine.risk`."""

    instrument: int
    price_e6: int
    delta_e9: int
    gamma_e9: int
    vega_e9: int
    theta_e9: int


class MarksUpdated(_Event, frozen=True, tag=29):
    """The marks of one expiry followed its surface or the time, by instrument."""

    underlying: str
    expiry_ns: int
    marks: tuple[InstrumentMark, ...]


class MmpConfigSet(_Event, frozen=True, tag=30):
    """An account has these limits on the fills of its MMP orders in an underlying."""

    account: int
    underlying: str
    interval_ms: int
    frozen_ms: int
    qty_limit_e8: int
    delta_limit_e8: int
    vega_limit_e6: int
    options: int


class MmpConfigDeleted(_Event, frozen=True, tag=31):
    """The protection is gone; the account's MMP orders there end by the events that follow."""

    account: int
    underlying: str


class MmpTriggered(_Event, frozen=True, tag=32):
    """Fills breached limits (a sum of `MmpLimit`); the MMP orders end by the events that follow.

    `frozen_until_ns` is exclusive; -1 means until ResetMmp.
    """

    account: int
    underlying: str
    breached: int
    frozen_until_ns: int


class MmpThawed(_Event, frozen=True, tag=33):
    """A freeze is over."""

    account: int
    underlying: str


class MmpReset(_Event, frozen=True, tag=34):
    """The account ended its freeze, if there was one, and emptied its window."""

    account: int
    underlying: str


class PortfolioModelSet(_Event, frozen=True, tag=35):
    """An underlying has a new portfolio margin model."""

    underlying: str
    model: PortfolioModel


class MarginModeSet(_Event, frozen=True, tag=36):
    """An account's margin is computed in this mode from now on."""

    account: int
    mode: int


class OrderAccepted(_Event, frozen=True, tag=40):
    """An order passed admission, with its price and size as accepted."""

    order_id: int
    account: int
    instrument: int
    side: int
    price_ticks: int
    qty_lots: int
    tif: int
    order_type: int
    flags: int
    self_trade: int
    client_id: int
    lineage: bytes
    expires_ns: int
    builder: int
    quote_set: int


class OrderRejected(_Event, frozen=True, tag=41):
    """An order action was refused with `code` and changed nothing; `action` is its tag."""

    account: int
    action: int
    instrument: int
    order_id: int
    client_id: int
    code: int


class OrderAmended(_Event, frozen=True, tag=42):
    """A live order has a new price or total size; `remaining_lots` is what is left of it."""

    order_id: int
    account: int
    instrument: int
    reason: int
    price_ticks: int
    qty_lots: int
    remaining_lots: int


class OrderCancelled(_Event, frozen=True, tag=43):
    """An order ended with `remaining_lots` unfilled."""

    order_id: int
    account: int
    instrument: int
    side: int
    price_ticks: int
    client_id: int
    reason: int
    remaining_lots: int


class OrdersCancelled(_Event, frozen=True, tag=44):
    """A CancelAll ended `count` orders, each with its own OrderCancelled before this."""

    account: int
    count: int


class QuoteKept(_Event, frozen=True, tag=45):
    """A side of a MassQuote stands as it stood."""

    order_id: int
    account: int
    instrument: int
    side: int
    price_ticks: int
    remaining_lots: int


class TradeSide(_Event, frozen=True):
    """One side of a trade, as it is after the trade; remaining 0 is the order's end."""

    order_id: int
    account: int
    client_id: int
    remaining_lots: int
    fee_e6: int
    builder_fee_e6: int
    realised_e6: int
    position_lots: int
    cost_e6: int
    cash_e6: int
    lineage: bytes


class Trade(_Event, frozen=True, tag=46):
    """A fill at the maker's price. A negative fee is a rebate; a builder fee is part of the fee."""

    trade_id: int
    instrument: int
    price_ticks: int
    qty_lots: int
    taker_side: int
    index_price_e6: int
    maker: TradeSide
    taker: TradeSide


class BookChanged(_Event, frozen=True, tag=47):
    """Price levels whose total changed: (price_ticks, new_total_lots), best first, 0 removes."""

    instrument: int
    book_sequence: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]


Event = (
    CommandRejected
    | DuplicateRequest
    | UnderlyingCreated
    | InstrumentCreated
    | InstrumentStatusChanged
    | TradingLimitsSet
    | FeeScheduleSet
    | FeeTierSet
    | MarginModelSet
    | RoleGranted
    | RoleRevoked
    | RulesActivated
    | TimeAdvanced
    | AccountOpened
    | AgentAuthorized
    | AgentRevoked
    | IndexPriceUpdated
    | MarkPriceUpdated
    | CashMoved
    | InstrumentExpired
    | VolSurfaceUpdated
    | MarksUpdated
    | MmpConfigSet
    | MmpConfigDeleted
    | MmpTriggered
    | MmpThawed
    | MmpReset
    | PortfolioModelSet
    | MarginModeSet
    | OrderAccepted
    | OrderRejected
    | OrderAmended
    | OrderCancelled
    | OrdersCancelled
    | QuoteKept
    | Trade
    | BookChanged
)

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
    min_samples: int


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
    settlement_e9: int
    settlement_cap_e9: int
    liquidation_e9: int
    block_e9: int


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
    """An instrument reached its expiry, is marked at `price_e6` from then on, and trades no more.

    Its orders are cancelled by the events that follow.
    """

    instrument: int
    price_e6: int


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


class FundingRateUpdated(_Event, frozen=True, tag=37):
    """A perpetual has this funding rate per interval, paid at `next_ns` first."""

    instrument: int
    rate_e9: int
    interval_s: int
    next_ns: int


class FundingPaid(_Event, frozen=True, tag=38):
    """An account paid (negative) or got funding for its position: `lot_e6` per lot that is long."""

    instrument: int
    account: int
    funding_ns: int
    qty_lots: int
    lot_e6: int
    amount_e6: int
    cash_e6: int


class FundingSkipped(_Event, frozen=True, tag=39):
    """A funding was not carried out for anybody: the cash of an account would leave its bounds."""

    instrument: int
    funding_ns: int
    lot_e6: int


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


class BlockSide(_Event, frozen=True):
    """One party of a block's leg, as it is after that leg."""

    account: int
    fee_e6: int
    realised_e6: int
    position_lots: int
    cost_e6: int
    cash_e6: int
    lineage: bytes


class BlockTraded(_Event, frozen=True, tag=48):
    """A leg of a block: `side` is that of `first`, the account that the command acted for."""

    trade_id: int
    instrument: int
    price_ticks: int
    qty_lots: int
    side: int
    index_price_e6: int
    first: BlockSide
    second: BlockSide


class SettlementPriceSet(_Event, frozen=True, tag=49):
    """An expiry has a settlement price; unless it is final, SetSettlementPrice will replace it.

    `samples` counts the index prices in the window that the average is taken over.
    """

    underlying: str
    expiry_ns: int
    price_e6: int
    samples: int
    is_final: bool


class PositionSettled(_Event, frozen=True, tag=50):
    """A position of an expired instrument became cash: `amount_e6`, less the fee."""

    account: int
    instrument: int
    qty_lots: int
    cost_e6: int
    price_e6: int
    amount_e6: int
    realised_e6: int
    fee_e6: int
    cash_e6: int


class InstrumentSettled(_Event, frozen=True, tag=51):
    """An expired instrument has no positions any more; `positions` were settled before this."""

    instrument: int
    price_e6: int
    positions: int


class InsuranceFunded(_Event, frozen=True, tag=52):
    """The insurance fund got cash from outside and holds `insurance_e6` now."""

    amount_e6: int
    insurance_e6: int


class LiquidationStarted(_Event, frozen=True, tag=53):
    """An account has less collateral than maintenance margin; what follows closes its positions."""

    account: int
    collateral_e6: int
    initial_e6: int
    maintenance_e6: int


class LiquidationEnded(_Event, frozen=True, tag=54):
    """The liquidation of an account is over; this is what is left, and the insurance fund."""

    account: int
    collateral_e6: int
    initial_e6: int
    maintenance_e6: int
    insurance_e6: int
    debt_e6: int


class DeleveragedSide(_Event, frozen=True):
    """One side of an auto-deleveraging, as it is after it."""

    account: int
    realised_e6: int
    position_lots: int
    cost_e6: int
    cash_e6: int


class AutoDeleveraged(_Event, frozen=True, tag=55):
    """A liquidated position was closed against another account's at its bankruptcy price.

    `lot_e6` is paid per lot, `side` is that of the liquidated account: SELL closes a long position.
    """

    instrument: int
    qty_lots: int
    side: int
    lot_e6: int
    liquidated: DeleveragedSide
    counterparty: DeleveragedSide


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
    | FundingRateUpdated
    | FundingPaid
    | FundingSkipped
    | OrderAccepted
    | OrderRejected
    | OrderAmended
    | OrderCancelled
    | OrdersCancelled
    | QuoteKept
    | Trade
    | BookChanged
    | BlockTraded
    | SettlementPriceSet
    | PositionSettled
    | InstrumentSettled
    | InsuranceFunded
    | LiquidationStarted
    | LiquidationEnded
    | AutoDeleveraged
)

"""The commands of the exchange: one signed envelope around one action.

A released struct never changes: a new field is a new tag. Integers are in named units and within
+-2^62; `bytes` keys have 32 bytes. Times are UTC nanoseconds, nonces UTC milliseconds. What an
action does and refuses is in docs/rules.md.
"""

from typing import Annotated

import msgspec

Int = Annotated[int, msgspec.Meta(gt=-(2**62), lt=2**62)]
Key = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Auth = Annotated[bytes, msgspec.Meta(max_length=1024)]
RequestId = Annotated[bytes, msgspec.Meta(max_length=32)]
Lineage = Annotated[bytes, msgspec.Meta(max_length=16)]
Name = Annotated[str, msgspec.Meta(max_length=64)]


class _Action(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """Base of all structs on the wire."""


class TradingLimits(_Action, frozen=True):
    """Limits of one instrument.

    `price_band_bps` 0 means no band; blocks trade within `block_band_bps` of the mark.
    """

    price_step_ticks: Int = 1
    max_price_ticks: Int = 1_000_000
    qty_step_lots: Int = 1
    min_order_lots: Int = 1
    max_order_lots: Int = 10_000
    min_notional_e6: Int = 0
    max_position_lots: Int = 100_000
    max_open_orders: Int = 1_000
    price_band_bps: Int = 0
    block_band_bps: Int = 1_000


class MarginRates(_Action, frozen=True):
    """The standard margin of one underlying, in parts per billion of index, mark or margin.

    A future pays `addon_bps` more for each `addon_size_e8` of the underlying that it stands for.
    A liquidation trades within `penalty_bps` of the mark.
    """

    future_initial_e9: Int = 20_000_000
    future_maintenance_e9: Int = 500_000_000
    addon_bps: Int = 0
    addon_size_e8: Int = 100_000_000
    option_initial_e9: Int = 150_000_000
    option_floor_e9: Int = 100_000_000
    option_maintenance_e9: Int = 75_000_000
    put_mark_e9: Int = 75_000_000
    penalty_bps: Int = 500


class RiskScenario(_Action, frozen=True):
    """One scenario of a portfolio margin model: prices times `spot_e9`, vols by `vol_rule`.

    `vol_e9` is the factor of rule FIXED, and not used by others. `weight_e9` scales the result.
    """

    spot_e9: Int
    vol_rule: Int
    vol_e9: Int
    weight_e9: Int


class PortfolioModel(_Action, frozen=True):
    """The portfolio margin of one underlying: scenarios and what is added to the worst of them.

    Parts per billion throughout; `floor_ns` is a time to expiry. docs/rules.md says how each enters
    ([MRG-3]).
    """

    scenarios: tuple[RiskScenario, ...]
    up_range_e9: Int = 0
    down_range_e9: Int = 0
    short_power_e9: Int = 0
    long_power_e9: Int = 0
    floor_ns: Int = 86_400_000_000_000
    up_vol_min_e9: Int = 0
    linear_cap_e9: Int = 0
    linear_slope_e9: Int = 0
    wings_cap_e9: Int = 0
    wings_slope_e9: Int = 0
    width_min_e9: Int = 10_000_000
    width_scale_e9: Int = 0
    width_vol_e9: Int = 0
    width_vol_slope_e9: Int = 0
    long_discount_e9: Int = 1_000_000_000
    long_rate_e9: Int = 0
    short_discount_e9: Int = 1_000_000_000
    short_rate_e9: Int = 0
    basis_up_e9: Int = 1_000_000_000
    basis_down_e9: Int = 1_000_000_000
    basis_factor_e9: Int = 0
    basis_yearly_e9: Int = 0
    option_initial_e9: Int = 0
    option_maintenance_e9: Int = 0
    future_initial_e9: Int = 0
    future_maintenance_e9: Int = 0
    short_floor_e9: Int = 0
    initial_factor_e9: Int = 1_000_000_000
    maintenance_factor_e9: Int = 0
    maintenance_ratio_e9: Int = 850_000_000


class CreateUnderlying(_Action, frozen=True, tag=1):
    """Create an underlying; its instruments expire `expiry_time_s` seconds after 00:00 UTC.

    An average of fewer than `min_samples` index prices settles nothing by itself.
    """

    underlying: Name
    max_index_price_e6: Int
    expiry_time_s: Int = 28_800
    min_samples: Int = 30


class CreateInstrument(_Action, frozen=True, tag=2):
    """Create the instrument that `symbol` spells, under the identifier that orders will use."""

    instrument: Int
    symbol: Name
    tick_e6: Int
    lot_e8: Int
    contract_size_e8: Int
    limits: TradingLimits
    allows_self_trade: bool = False


class SetInstrumentStatus(_Action, frozen=True, tag=3):
    """Set ACTIVE, CLOSE_ONLY or HALTED."""

    instrument: Int
    status: Int


class SetTradingLimits(_Action, frozen=True, tag=4):
    """Replace the limits of an instrument; live orders keep their place."""

    instrument: Int
    limits: TradingLimits


class SetFeeSchedule(_Action, frozen=True, tag=5):
    """Set the fees of a tier. Rates are parts per billion; a negative rate is a rebate.

    `liquidation_e9` goes to the insurance fund, `block_e9` is what each party of a block pays.
    """

    tier: Int
    future_maker_e9: Int
    future_taker_e9: Int
    option_maker_e9: Int
    option_taker_e9: Int
    option_cap_e9: Int
    builder_share_bps: Int
    settlement_e9: Int = 150_000
    settlement_cap_e9: Int = 125_000_000
    liquidation_e9: Int = 10_000_000
    block_e9: Int = 300_000


class SetFeeTier(_Action, frozen=True, tag=6):
    """Put an account into a fee tier that exists."""

    account: Int
    tier: Int


class SetMarginModel(_Action, frozen=True, tag=7):
    """Set the standard margin of an underlying."""

    underlying: Name
    rates: MarginRates


class GrantRole(_Action, frozen=True, tag=8):
    """Give a key more roles (a sum of `Role` values)."""

    key: Key
    roles: Int


class RevokeRole(_Action, frozen=True, tag=9):
    """Take roles from a key."""

    key: Key
    roles: Int


class ActivateRules(_Action, frozen=True, tag=10):
    """Switch to newer rules from the next command on."""

    rules_version: Int


class AdvanceTime(_Action, frozen=True, tag=11):
    """Move the clock to the command's time, by any step, and run what is due."""


class OpenAccount(_Action, frozen=True, tag=12):
    """Open an account. Accounts with the same `self_trade_group` other than 0 count as one."""

    account: Int
    root: Key
    self_trade_group: Int = 0


class Deposit(_Action, frozen=True, tag=13):
    """Credit cash that arrived from outside."""

    account: Int
    amount_e6: Int


class UpdateIndexPrice(_Action, frozen=True, tag=14):
    """Set the index of an underlying, in micro-dollars per unit."""

    underlying: Name
    price_e6: Int


class UpdateMarkPrice(_Action, frozen=True, tag=15):
    """Set the mark of an instrument without a surface, in micro-dollars per unit."""

    instrument: Int
    price_e6: Int


class UpdateVolSurface(_Action, frozen=True, tag=16):
    """Set the forward and the volatilities of one expiry: points (strike_e6, vol_e9), rising.

    The marks and greeks of everything that expires then follow at once.
    """

    underlying: Name
    expiry_ns: Int
    forward_e6: Int
    points: tuple[tuple[Int, Int], ...]


class SetPortfolioModel(_Action, frozen=True, tag=17):
    """Set the portfolio margin of an underlying."""

    underlying: Name
    model: PortfolioModel


class UpdateFundingRate(_Action, frozen=True, tag=18):
    """Set what a perpetual's longs pay to its shorts at each multiple of the interval since 1970.

    The rate is in parts per billion of the mark, per interval; a negative one is paid by shorts.
    """

    instrument: Int
    rate_e9: Int
    interval_s: Int = 28_800


class SetSettlementPrice(_Action, frozen=True, tag=19):
    """Set the price of an expiry whose index had too few samples."""

    underlying: Name
    expiry_ns: Int
    price_e6: Int


class SettleExpiry(_Action, frozen=True, tag=20):
    """Turn every position of an expiry into cash at its settlement price."""

    underlying: Name
    expiry_ns: Int


class FundInsurance(_Action, frozen=True, tag=21):
    """Credit the insurance fund with cash that arrived from outside."""

    amount_e6: Int


class Liquidate(_Action, frozen=True, tag=22):
    """Close the positions of an account whose collateral is below its maintenance margin."""

    account: Int


class Withdraw(_Action, frozen=True, tag=30):
    """Send cash out."""

    amount_e6: Int


class Transfer(_Action, frozen=True, tag=31):
    """Move cash to another account."""

    to_account: Int
    amount_e6: Int


class AuthorizeAgent(_Action, frozen=True, tag=32):
    """Let another key trade and cancel for the account."""

    agent: Key


class RevokeAgent(_Action, frozen=True, tag=33):
    """Take that back; the key's nonces stay burnt."""

    agent: Key


class SetMarginMode(_Action, frozen=True, tag=34):
    """Choose how the account's margin is computed: a `MarginMode`."""

    mode: Int


class PlaceOrder(_Action, frozen=True, tag=40):
    """Enter an order. `expires_ns` goes with GTD only; 0 and empty mean none."""

    instrument: Int
    side: Int
    price_ticks: Int
    qty_lots: Int
    tif: Int = 0
    order_type: Int = 0
    flags: Int = 0
    self_trade: Int = 0
    client_id: Int = 0
    lineage: Lineage = b""
    expires_ns: Int = 0
    builder: Int = 0


class CancelOrder(_Action, frozen=True, tag=41):
    """Cancel one order by its identifier."""

    order_id: Int


class CancelByClientId(_Action, frozen=True, tag=42):
    """Cancel one live order by the client's identifier."""

    client_id: Int


class CancelAll(_Action, frozen=True, tag=43):
    """Cancel every live order of the account that matches all given fields.

    0, "", -1, False and b"" match everything; `mmp` True matches orders with the MMP flag.
    """

    instrument: Int = 0
    underlying: Name = ""
    side: Int = -1
    mmp: bool = False
    lineage: Lineage = b""


class AmendOrder(_Action, frozen=True, tag=44):
    """Change price and total size (filled part included) of a live order."""

    order_id: Int
    price_ticks: Int
    qty_lots: Int


class ReplaceOrder(_Action, frozen=True, tag=45):
    """Cancel one order and enter another, or neither; with the flag, at least the cancel."""

    order_id: Int
    order: PlaceOrder
    cancel_on_reject: bool = False


class Quote(_Action, frozen=True):
    """Both sides of one instrument in a MassQuote; size 0 leaves that side empty."""

    instrument: Int
    bid_price_ticks: Int
    bid_qty_lots: Int
    ask_price_ticks: Int
    ask_qty_lots: Int


class MassQuote(_Action, frozen=True, tag=46):
    """Replace the whole quote set `quote_set` of the account by these quotes."""

    quote_set: Int
    quotes: tuple[Quote, ...]
    flags: Int = 0
    self_trade: Int = 0
    lineage: Lineage = b""


OrderAction = PlaceOrder | CancelOrder | CancelByClientId | CancelAll | AmendOrder | ReplaceOrder


class Batch(_Action, frozen=True, tag=47):
    """Up to 50 order actions, in order, each with its own result."""

    actions: tuple[OrderAction, ...]


class SetMmpConfig(_Action, frozen=True, tag=48):
    """Protect the account's MMP orders in an underlying: limits on their fills in a window.

    A limit of 0 is none; `frozen_ms` 0 freezes until ResetMmp; `options` is a sum of `MmpOption`.
    """

    underlying: Name
    interval_ms: Int
    frozen_ms: Int
    qty_limit_e8: Int = 0
    delta_limit_e8: Int = 0
    vega_limit_e6: Int = 0
    options: Int = 0


class DeleteMmpConfig(_Action, frozen=True, tag=49):
    """Take the protection away and cancel the account's MMP orders in the underlying."""

    underlying: Name


class ResetMmp(_Action, frozen=True, tag=50):
    """End the freeze and empty the window."""

    underlying: Name


class BlockLeg(_Action, frozen=True):
    """One trade of a block; `side` is that of the account that the command acts for."""

    instrument: Int
    side: Int
    price_ticks: Int
    qty_lots: Int


class ExecuteBlock(_Action, frozen=True, tag=51):
    """Trade all legs with another account that agreed to them, outside the book, or none.

    `counter_signer`, `counter_nonce` and `counter_auth` are the other party's, as in the envelope.
    """

    counter_account: Int
    counter_signer: Key
    counter_nonce: Int
    legs: tuple[BlockLeg, ...]
    counter_auth: Auth = b""
    lineage: Lineage = b""
    counter_lineage: Lineage = b""


OperatorAction = (
    CreateUnderlying
    | CreateInstrument
    | SetInstrumentStatus
    | SetTradingLimits
    | SetFeeSchedule
    | SetFeeTier
    | SetMarginModel
    | GrantRole
    | RevokeRole
    | ActivateRules
    | AdvanceTime
    | OpenAccount
    | Deposit
    | UpdateIndexPrice
    | UpdateMarkPrice
    | UpdateVolSurface
    | SetPortfolioModel
    | UpdateFundingRate
    | SetSettlementPrice
    | SettleExpiry
    | FundInsurance
    | Liquidate
)
MmpAction = SetMmpConfig | DeleteMmpConfig | ResetMmp
MoneyAction = Withdraw | Transfer | AuthorizeAgent | RevokeAgent | SetMarginMode
AccountAction = MoneyAction | OrderAction | MassQuote | Batch | MmpAction | ExecuteBlock
Action = OperatorAction | AccountAction


def action_tag(action: msgspec.Struct) -> int:
    """Return the number that stands for the action's type on the wire."""
    tag = action.__struct_config__.tag
    return tag if isinstance(tag, int) else 0


class Command(_Action, frozen=True, tag=1):
    """An action, who asks for it, and for which account (0 for operator actions).

    `auth` is the signature that the gateway checked; it is hashed and never interpreted.
    `request_id` makes a repeat harmless; empty means none.
    """

    signer: Key
    nonce: Int
    action: Action
    account: Int = 0
    request_id: RequestId = b""
    auth: Auth = b""


class ExchangeParams(_Action, frozen=True, tag=1):
    """The genesis parameters of an exchange.

    `max_total_deposits_e6` is at most 2^60; the nonce window is in milliseconds before and after
    the command's time; `request_capacity` is the number of remembered requests per account. A mark
    older than `max_mark_age_ns` is stale (0: none ever is).
    """

    operator_root: Key
    start_ns: Int
    max_step_ns: Int = 3_600_000_000_000
    max_total_deposits_e6: Int = 2**60
    nonce_past_ms: Int = 172_800_000
    nonce_future_ms: Int = 86_400_000
    nonce_capacity: Int = 100
    request_capacity: Int = 100
    max_mark_age_ns: Int = 0

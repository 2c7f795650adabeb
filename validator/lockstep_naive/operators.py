"""The operator actions but those on prices and margin ([ADM-1] to [ADM-11], [INS-3]).

Checks in the written order, then one event.
"""

from lockstep_engine.codes import Code, InstrumentStatus, MarginMode, Role
from lockstep_engine.commands import (
    ActivateRules,
    CreateInstrument,
    CreateUnderlying,
    GrantRole,
    MarginRates,
    OpenAccount,
    RevokeRole,
    SetFeeSchedule,
    SetFeeTier,
    SetInstrumentStatus,
    SetTradingLimits,
    TradingLimits,
)
from lockstep_engine.events import (
    AccountOpened,
    FeeScheduleSet,
    FeeTierSet,
    InstrumentCreated,
    InstrumentStatusChanged,
    RoleGranted,
    RoleRevoked,
    RulesActivated,
    TradingLimitsSet,
    UnderlyingCreated,
)
from lockstep_kernel import div_ceil
from lockstep_naive.core import NaiveCore, Refusal
from lockstep_naive.exposure import accounts_in, is_exposure_bounded
from lockstep_naive.rows import (
    E16,
    Account,
    FeeSchedule,
    Instrument,
    RoleHolder,
    Underlying,
)
from lockstep_naive.symbols import Contract, is_underlying_name, parse
from lockstep_naive.worth import mark_e6, underlying_of

ID_MAX = 2**31 - 1
MONEY_MAX = 2**56
MULTIPLIER_MAX = 10**15
ALL_ROLES = Role.ADMIN | Role.ORACLE | Role.TREASURY | Role.RISK
SAMPLES_MAX = 10**6
DEFAULT_FEES = FeeSchedule(
    tier=0,
    future_maker_e9=200_000,
    future_taker_e9=500_000,
    option_maker_e9=200_000,
    option_taker_e9=500_000,
    option_cap_e9=125_000_000,
    builder_share_bps=0,
    settlement_e9=150_000,
    settlement_cap_e9=125_000_000,
    liquidation_e9=10_000_000,
    block_e9=300_000,
)
DEFAULT_MARGIN = MarginRates()


def create_underlying(core: NaiveCore, action: CreateUnderlying) -> Refusal:
    """[ADM-1]."""
    if core.underlyings.get(action.underlying) is not None:
        return Code.ALREADY_EXISTS
    if not is_underlying_name(action.underlying):
        return Code.BAD_SYMBOL
    if not (
        1 <= action.max_index_price_e6 <= 2**50
        and 0 <= action.expiry_time_s <= 86_399
        and 0 <= action.min_samples <= SAMPLES_MAX
    ):
        return Code.BAD_PARAMETER
    core.underlyings.put(
        Underlying(
            name=action.underlying,
            max_index_price_e6=action.max_index_price_e6,
            expiry_time_s=action.expiry_time_s,
            min_samples=action.min_samples,
            index_price_e6=0,
            future_initial_e9=DEFAULT_MARGIN.future_initial_e9,
            future_maintenance_e9=DEFAULT_MARGIN.future_maintenance_e9,
            addon_bps=DEFAULT_MARGIN.addon_bps,
            addon_size_e8=DEFAULT_MARGIN.addon_size_e8,
            option_initial_e9=DEFAULT_MARGIN.option_initial_e9,
            option_floor_e9=DEFAULT_MARGIN.option_floor_e9,
            option_maintenance_e9=DEFAULT_MARGIN.option_maintenance_e9,
            put_mark_e9=DEFAULT_MARGIN.put_mark_e9,
            penalty_bps=DEFAULT_MARGIN.penalty_bps,
        )
    )
    core.emit(
        UnderlyingCreated(
            action.underlying, action.max_index_price_e6, action.expiry_time_s, action.min_samples
        )
    )
    return None


def create_instrument(core: NaiveCore, action: CreateInstrument) -> Refusal:
    """[ADM-2]."""
    if not 1 <= action.instrument <= ID_MAX:
        return Code.BAD_PARAMETER
    if core.instruments.get(action.instrument) is not None:
        return Code.ALREADY_EXISTS
    contract = parse(action.symbol)
    if contract is None:
        return Code.BAD_SYMBOL
    underlying = core.underlyings.get(contract.underlying)
    if underlying is None:
        return Code.UNKNOWN_UNDERLYING
    if any(other.symbol == contract.symbol for other in core.instruments.all()):
        return Code.ALREADY_EXISTS
    expiry_ns = contract.expiry_ns(underlying.expiry_time_s)
    if contract.date is not None and expiry_ns <= core.now_ns:
        return Code.INSTRUMENT_EXPIRED
    multipliers = (action.tick_e6, action.lot_e8, action.contract_size_e8)
    if not all(1 <= multiplier <= MULTIPLIER_MAX for multiplier in multipliers):
        return Code.BAD_PARAMETER
    if action.tick_e6 * action.lot_e8 * action.contract_size_e8 % E16 != 0:
        return Code.VALUE_NOT_WHOLE
    instrument = _new_instrument(action, contract)
    if not _are_good_limits(action.limits, instrument, underlying):
        return Code.BAD_PARAMETER
    core.instruments.put(instrument)
    core.emit(
        InstrumentCreated(
            instrument.instrument,
            instrument.symbol,
            underlying.name,
            contract.kind,
            expiry_ns,
            contract.strike_e6,
            instrument.tick_e6,
            instrument.lot_e8,
            instrument.contract_size_e8,
            action.limits,
            instrument.allows_self_trade,
        )
    )
    return None


def set_instrument_status(core: NaiveCore, action: SetInstrumentStatus) -> Refusal:
    """[ADM-3]."""
    instrument = core.instruments.get(action.instrument)
    if instrument is None:
        return Code.UNKNOWN_INSTRUMENT
    if not InstrumentStatus.ACTIVE <= action.status <= InstrumentStatus.HALTED:
        return Code.BAD_PARAMETER
    if instrument.is_expired:
        return Code.INSTRUMENT_EXPIRED
    core.instruments.put(instrument._replace(status=action.status))
    core.emit(InstrumentStatusChanged(action.instrument, action.status))
    return None


def set_trading_limits(core: NaiveCore, action: SetTradingLimits) -> Refusal:
    """[ADM-4]."""
    instrument = core.instruments.get(action.instrument)
    if instrument is None:
        return Code.UNKNOWN_INSTRUMENT
    if instrument.is_expired:
        return Code.INSTRUMENT_EXPIRED
    if not _are_good_limits(action.limits, instrument, underlying_of(core, instrument)):
        return Code.BAD_PARAMETER
    accounts = accounts_in(core, action.instrument)
    oldest = instrument.highest_price_ticks
    if not accounts:
        oldest = div_ceil(mark_e6(core, instrument), instrument.tick_e6)
    highest = max(oldest, action.limits.max_price_ticks)
    changed = instrument.with_limits(action.limits)._replace(highest_price_ticks=highest)
    core.instruments.put(changed)
    if not all(is_exposure_bounded(core, account) for account in accounts):
        core.instruments.put(instrument)
        return Code.AMOUNT_ABOVE_LIMIT
    core.emit(TradingLimitsSet(action.instrument, action.limits))
    return None


def set_fee_schedule(core: NaiveCore, action: SetFeeSchedule) -> Refusal:
    """[ADM-5]."""
    schedule = FeeSchedule(
        tier=action.tier,
        future_maker_e9=action.future_maker_e9,
        future_taker_e9=action.future_taker_e9,
        option_maker_e9=action.option_maker_e9,
        option_taker_e9=action.option_taker_e9,
        option_cap_e9=action.option_cap_e9,
        builder_share_bps=action.builder_share_bps,
        settlement_e9=action.settlement_e9,
        settlement_cap_e9=action.settlement_cap_e9,
        liquidation_e9=action.liquidation_e9,
        block_e9=action.block_e9,
    )
    rates = schedule[1:5]
    never_rebates = (schedule.settlement_e9, schedule.liquidation_e9, schedule.block_e9)
    if not (
        0 <= schedule.tier <= 1000
        and all(-(10**8) <= rate <= 10**8 for rate in rates)
        and all(0 <= rate <= 10**8 for rate in never_rebates)
        and 0 <= schedule.option_cap_e9 <= 10**9
        and 0 <= schedule.settlement_cap_e9 <= 10**9
        and 0 <= schedule.builder_share_bps <= 10**4
    ):
        return Code.BAD_PARAMETER
    core.fee_schedules.put(schedule)
    core.emit(FeeScheduleSet(*schedule))
    return None


def set_fee_tier(core: NaiveCore, action: SetFeeTier) -> Refusal:
    """[ADM-6]."""
    account = core.accounts.get(action.account)
    if account is None:
        return Code.UNKNOWN_ACCOUNT
    if core.fee_schedules.get(action.tier) is None:
        return Code.UNKNOWN_FEE_TIER
    core.accounts.put(account._replace(fee_tier=action.tier))
    core.emit(FeeTierSet(action.account, action.tier))
    return None


def grant_role(core: NaiveCore, action: GrantRole) -> Refusal:
    """[ADM-8]."""
    if not 1 <= action.roles <= ALL_ROLES:
        return Code.UNKNOWN_ROLE
    roles = _roles_of(core, action.key) | action.roles
    _put_roles(core, action.key, roles)
    core.emit(RoleGranted(action.key, roles))
    return None


def revoke_role(core: NaiveCore, action: RevokeRole) -> Refusal:
    """[ADM-8]."""
    if not 1 <= action.roles <= ALL_ROLES:
        return Code.UNKNOWN_ROLE
    roles = _roles_of(core, action.key) & ~action.roles
    _put_roles(core, action.key, roles)
    core.emit(RoleRevoked(action.key, roles))
    return None


def activate_rules(core: NaiveCore, action: ActivateRules) -> Refusal:
    """[ADM-9]."""
    if action.rules_version <= core.time.rules:
        return Code.RULES_NOT_NEWER
    core.time = core.time._replace(rules=action.rules_version)
    core.emit(RulesActivated(action.rules_version))
    return None


def open_account(core: NaiveCore, action: OpenAccount) -> Refusal:
    """[ADM-11]."""
    is_good_group = 0 <= action.self_trade_group <= ID_MAX
    if not (1 <= action.account <= ID_MAX and is_good_group):
        return Code.BAD_PARAMETER
    if core.accounts.get(action.account) is not None:
        return Code.ALREADY_EXISTS
    core.accounts.put(
        Account(
            account=action.account,
            root=action.root,
            self_trade_group=action.self_trade_group,
            fee_tier=0,
            cash_e6=0,
            margin_mode=int(MarginMode.STANDARD),
            debt_e6=0,
        )
    )
    core.emit(AccountOpened(action.account, action.root, action.self_trade_group))
    return None


def _new_instrument(action: CreateInstrument, contract: Contract) -> Instrument:
    limits = action.limits
    return Instrument(
        instrument=action.instrument,
        symbol=contract.symbol,
        tick_e6=action.tick_e6,
        lot_e8=action.lot_e8,
        contract_size_e8=action.contract_size_e8,
        allows_self_trade=action.allows_self_trade,
        status=int(InstrumentStatus.ACTIVE),
        price_step_ticks=limits.price_step_ticks,
        max_price_ticks=limits.max_price_ticks,
        qty_step_lots=limits.qty_step_lots,
        min_order_lots=limits.min_order_lots,
        max_order_lots=limits.max_order_lots,
        min_notional_e6=limits.min_notional_e6,
        max_position_lots=limits.max_position_lots,
        max_open_orders=limits.max_open_orders,
        price_band_bps=limits.price_band_bps,
        block_band_bps=limits.block_band_bps,
        highest_price_ticks=limits.max_price_ticks,
    )


def _are_good_limits(limits: TradingLimits, instrument: Instrument, underlying: Underlying) -> bool:
    """[INS-3], for the instrument's multipliers and strike."""
    position = limits.max_position_lots
    prices_e6 = (underlying.max_index_price_e6, instrument.contract.strike_e6)
    one_lot = instrument.lot_e8 * instrument.contract_size_e8
    return (
        min(limits.price_step_ticks, limits.qty_step_lots, limits.min_order_lots) >= 1
        and limits.min_order_lots <= limits.max_order_lots <= position
        and limits.price_step_ticks <= limits.max_price_ticks
        and 0 <= limits.min_notional_e6 <= MONEY_MAX
        and 1 <= limits.max_open_orders <= 10**6
        and 0 <= limits.price_band_bps <= 10**6
        and 0 <= limits.block_band_bps <= 10**6
        and limits.max_price_ticks * position * instrument.value_e6 <= MONEY_MAX
        and all(div_ceil(price * one_lot, E16) * position <= MONEY_MAX for price in prices_e6)
    )


def _roles_of(core: NaiveCore, key: bytes) -> int:
    holder = core.roles.get(key)
    return 0 if holder is None else holder.roles


def _put_roles(core: NaiveCore, key: bytes, roles: int) -> None:
    if roles:
        core.roles.put(RoleHolder(key, roles))
    else:
        core.roles.drop(key)

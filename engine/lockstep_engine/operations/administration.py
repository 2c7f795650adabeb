"""Fees, roles, rules, accounts ([ADM-5], [ADM-6], [ADM-8], [ADM-9], [ADM-11])."""

from typing import Final

from lockstep_engine.codes import Code
from lockstep_engine.commands import (
    ActivateRules,
    GrantRole,
    OpenAccount,
    RevokeRole,
    SetFeeSchedule,
    SetFeeTier,
)
from lockstep_engine.entities import FeeSchedule, RoleGrant
from lockstep_engine.events import (
    AccountOpened,
    FeeScheduleSet,
    FeeTierSet,
    RoleGranted,
    RoleRevoked,
    RulesActivated,
)
from lockstep_engine.risk.expired import note_fees
from lockstep_engine.state import Account, Events, ExchangeCore

_ACCEPTED: Final = int(Code.ACCEPTED)
_ALREADY_EXISTS: Final = int(Code.ALREADY_EXISTS)
_BAD_PARAMETER: Final = int(Code.BAD_PARAMETER)
_RULES_NOT_NEWER: Final = int(Code.RULES_NOT_NEWER)
_UNKNOWN_ACCOUNT: Final = int(Code.UNKNOWN_ACCOUNT)
_UNKNOWN_FEE_TIER: Final = int(Code.UNKNOWN_FEE_TIER)
_UNKNOWN_ROLE: Final = int(Code.UNKNOWN_ROLE)
_TIER_MAX: Final = 1000
_RATE_MAX_E9: Final = 10**8
_E9: Final = 10**9
_E4: Final = 10**4
_ROLES_ALL: Final = 15
_ID_MAX: Final = 2**31 - 1


def set_fee_schedule(core: ExchangeCore, action: SetFeeSchedule, events: Events) -> int:
    """Set the rates of a tier, from the next trade on. O(accounts + holdings of the tier)."""
    rates = (
        action.future_maker_e9,
        action.future_taker_e9,
        action.option_maker_e9,
        action.option_taker_e9,
        action.option_cap_e9,
        action.builder_share_bps,
        action.settlement_e9,
        action.settlement_cap_e9,
        action.liquidation_e9,
        action.block_e9,
    )
    if not 0 <= action.tier <= _TIER_MAX or not _are_good_fees(action):
        return _BAD_PARAMETER
    fees = core.fee_schedules.get(action.tier)
    if fees is None:
        fees = core.fee_schedules[action.tier] = FeeSchedule(action.tier, rates)
    fees.set(rates)
    core.touch(fees)
    for account in core.accounts.values():
        if account.fees is fees:
            note_fees(account)
    events.append(FeeScheduleSet(action.tier, *rates))
    return _ACCEPTED


def _are_good_fees(action: SetFeeSchedule) -> bool:
    two_sided = (
        *(action.future_maker_e9, action.future_taker_e9),
        *(action.option_maker_e9, action.option_taker_e9),
    )
    charges = (action.settlement_e9, action.liquidation_e9, action.block_e9)
    if min(two_sided) < -_RATE_MAX_E9 or max(*two_sided, *charges) > _RATE_MAX_E9:
        return False
    if min(charges) < 0 or not 0 <= action.builder_share_bps <= _E4:
        return False
    return 0 <= action.option_cap_e9 <= _E9 and 0 <= action.settlement_cap_e9 <= _E9


def set_fee_tier(core: ExchangeCore, action: SetFeeTier, events: Events) -> int:
    """Put an account into another tier. O(holdings)."""
    account = core.accounts.get(action.account)
    if account is None:
        return _UNKNOWN_ACCOUNT
    fees = core.fee_schedules.get(action.tier)
    if fees is None:
        return _UNKNOWN_FEE_TIER
    account.fees = fees
    core.touch(account)
    note_fees(account)
    events.append(FeeTierSet(action.account, action.tier))
    return _ACCEPTED


def grant_role(core: ExchangeCore, action: GrantRole, events: Events) -> int:
    """Give a key more roles."""
    if not 1 <= action.roles <= _ROLES_ALL:
        return _UNKNOWN_ROLE
    grant = core.roles.get(action.key)
    if grant is None:
        grant = core.roles[action.key] = RoleGrant(action.key, 0)
    grant.roles |= action.roles
    core.touch(grant)
    events.append(RoleGranted(action.key, grant.roles))
    return _ACCEPTED


def revoke_role(core: ExchangeCore, action: RevokeRole, events: Events) -> int:
    """Take roles from a key."""
    if not 1 <= action.roles <= _ROLES_ALL:
        return _UNKNOWN_ROLE
    left = 0
    grant = core.roles.get(action.key)
    if grant is not None:
        left = grant.roles = grant.roles & ~action.roles
        core.touch(grant)
        if left == 0:
            del core.roles[action.key]
    events.append(RoleRevoked(action.key, left))
    return _ACCEPTED


def activate_rules(core: ExchangeCore, action: ActivateRules, events: Events) -> int:
    """Switch to newer rules; that this release has them was checked before."""
    if action.rules_version <= core.rules:
        return _RULES_NOT_NEWER
    core.rules = action.rules_version
    events.append(RulesActivated(core.rules))
    return _ACCEPTED


def open_account(core: ExchangeCore, action: OpenAccount, events: Events) -> int:
    """Open an empty account."""
    if not 1 <= action.account <= _ID_MAX or not 0 <= action.self_trade_group <= _ID_MAX:
        return _BAD_PARAMETER
    if action.account in core.accounts:
        return _ALREADY_EXISTS
    fees = core.fee_schedules[0]
    account = Account(action.account, action.root, action.self_trade_group, fees, 0)
    core.accounts[action.account] = account
    core.touch(account)
    events.append(AccountOpened(action.account, action.root, action.self_trade_group))
    return _ACCEPTED

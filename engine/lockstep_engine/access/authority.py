"""Who may do what ([AUT-1]): roles for operator actions, root and agent keys for an account's."""

from typing import Final

import msgspec

from lockstep_engine.codes import Code, Role
from lockstep_engine.commands import (
    ActivateRules,
    AdvanceTime,
    AuthorizeAgent,
    CreateInstrument,
    CreateUnderlying,
    Deposit,
    ExecuteBlock,
    FundInsurance,
    GrantRole,
    Liquidate,
    OpenAccount,
    RevokeAgent,
    RevokeRole,
    SetFeeSchedule,
    SetFeeTier,
    SetInstrumentStatus,
    SetMarginMode,
    SetMarginModel,
    SetPortfolioModel,
    SetSettlementPrice,
    SettleExpiry,
    SetTradingLimits,
    Transfer,
    UpdateFundingRate,
    UpdateIndexPrice,
    UpdateMarkPrice,
    UpdateVolSurface,
    Withdraw,
)
from lockstep_engine.matching.self_trade import is_own
from lockstep_engine.state import Account, ExchangeCore

_ACCEPTED: Final = int(Code.ACCEPTED)
_UNKNOWN_SIGNER: Final = int(Code.UNKNOWN_SIGNER)
_NOT_AUTHORIZED: Final = int(Code.NOT_AUTHORIZED)
_UNKNOWN_ACCOUNT: Final = int(Code.UNKNOWN_ACCOUNT)
_BLOCK_SAME_PARTY: Final = int(Code.BLOCK_SAME_PARTY)
_ROOT_ONLY: Final = 0
_ADMIN: Final = int(Role.ADMIN)

ROLES_OF: Final[dict[type[msgspec.Struct], int]] = {
    CreateUnderlying: _ADMIN,
    CreateInstrument: _ADMIN,
    SetInstrumentStatus: int(Role.ADMIN | Role.RISK),
    SetTradingLimits: _ADMIN,
    SetFeeSchedule: _ADMIN,
    SetFeeTier: _ADMIN,
    SetMarginModel: _ADMIN,
    SetPortfolioModel: _ADMIN,
    GrantRole: _ROOT_ONLY,
    RevokeRole: _ROOT_ONLY,
    ActivateRules: _ADMIN,
    AdvanceTime: int(Role.ADMIN | Role.ORACLE),
    OpenAccount: _ADMIN,
    Deposit: int(Role.TREASURY),
    UpdateIndexPrice: int(Role.ORACLE),
    UpdateMarkPrice: int(Role.ORACLE),
    UpdateVolSurface: int(Role.ORACLE),
    UpdateFundingRate: int(Role.ORACLE),
    SetSettlementPrice: int(Role.ORACLE),
    SettleExpiry: int(Role.ORACLE),
    FundInsurance: int(Role.TREASURY),
    Liquidate: int(Role.RISK),
}
"""The roles of which any one suffices, for every operator action."""

ROOT_KEY_ACTIONS: Final[dict[type[msgspec.Struct], None]] = {
    Withdraw: None,
    Transfer: None,
    AuthorizeAgent: None,
    RevokeAgent: None,
    SetMarginMode: None,
}
"""The account actions that an agent may not use."""


def operator_code(core: ExchangeCore, signer: bytes, kind: type[msgspec.Struct]) -> int:
    """Return why the signer may not use this operator action, 0 if it may."""
    is_root = signer == core.params.operator_root
    grant = core.roles.get(signer)
    roles = 0 if grant is None else grant.roles
    needed = ROLES_OF[kind]
    if needed == _ROOT_ONLY:
        if is_root:
            return _ACCEPTED
    elif roles & needed:
        return _ACCEPTED
    return _NOT_AUTHORIZED if is_root or roles else _UNKNOWN_SIGNER


def account_code(account: Account, signer: bytes, kind: type[msgspec.Struct]) -> int:
    """Return why the signer may not use this action for the account, 0 if it may."""
    if signer == account.root:
        return _ACCEPTED
    if signer not in account.agents:
        return _UNKNOWN_SIGNER
    return _NOT_AUTHORIZED if kind in ROOT_KEY_ACTIONS else _ACCEPTED


def counterparty_code(core: ExchangeCore, account: Account, action: ExecuteBlock) -> int:
    """Return why the other party of a block is none, 0 if it may trade with the account."""
    other = core.accounts.get(action.counter_account)
    if other is None:
        return _UNKNOWN_ACCOUNT
    if is_own(other, account):
        return _BLOCK_SAME_PARTY
    return account_code(other, action.counter_signer, ExecuteBlock)

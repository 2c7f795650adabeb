"""One command: time, timers, authority, repeat, nonce, action, book changes, in this order.

`step` is total: whatever a well-formed command asks, the answer is events: docs/rules.md,
"A command, step by step".
"""

from typing import Final

import msgspec

from lockstep_engine.access.authority import (
    ROLES_OF,
    account_code,
    counterparty_code,
    operator_code,
)
from lockstep_engine.access.nonces import accept_both_nonces, accept_nonce, nonce_code
from lockstep_engine.access.requests import (
    REQUEST_ID_CONFLICT,
    find_request,
    payload_hash,
    remember,
    repeated,
)
from lockstep_engine.book.changes import emit_changes
from lockstep_engine.codes import Code
from lockstep_engine.commands import (
    ActivateRules,
    AdvanceTime,
    AuthorizeAgent,
    Batch,
    Command,
    CreateInstrument,
    CreateUnderlying,
    DeleteMmpConfig,
    Deposit,
    ExecuteBlock,
    FundInsurance,
    GrantRole,
    Liquidate,
    MassQuote,
    OpenAccount,
    ResetMmp,
    RevokeAgent,
    RevokeRole,
    SetFeeSchedule,
    SetFeeTier,
    SetInstrumentStatus,
    SetMarginMode,
    SetMarginModel,
    SetMmpConfig,
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
    action_tag,
)
from lockstep_engine.events import CommandRejected
from lockstep_engine.lifecycle import funding, liquidation, settlement
from lockstep_engine.lifecycle.expiry import run_due
from lockstep_engine.operations import administration, funds, listing, margins, mmp, prices
from lockstep_engine.orders.block import execute_block
from lockstep_engine.orders.handlers import ORDER_HANDLERS, Handler, batch
from lockstep_engine.orders.quote import mass_quote
from lockstep_engine.state import Account, Events, ExchangeCore

_ACCEPTED: Final = int(Code.ACCEPTED)
_TIME_REGRESSION: Final = int(Code.TIME_REGRESSION)
_CLOCK_STEP: Final = int(Code.CLOCK_STEP)
_UNKNOWN_ACCOUNT: Final = int(Code.UNKNOWN_ACCOUNT)
_BAD_PARAMETER: Final = int(Code.BAD_PARAMETER)

OPERATOR_HANDLERS: Final[dict[type[msgspec.Struct], Handler]] = {
    CreateUnderlying: listing.create_underlying,
    CreateInstrument: listing.create_instrument,
    SetInstrumentStatus: listing.set_instrument_status,
    SetTradingLimits: listing.set_trading_limits,
    SetFeeSchedule: administration.set_fee_schedule,
    SetFeeTier: administration.set_fee_tier,
    SetMarginModel: margins.set_margin_model,
    SetPortfolioModel: margins.set_portfolio_model,
    GrantRole: administration.grant_role,
    RevokeRole: administration.revoke_role,
    ActivateRules: administration.activate_rules,
    AdvanceTime: prices.advance_time,
    OpenAccount: administration.open_account,
    Deposit: funds.deposit,
    UpdateIndexPrice: prices.update_index_price,
    UpdateMarkPrice: prices.update_mark_price,
    UpdateVolSurface: prices.update_vol_surface,
    UpdateFundingRate: funding.update_funding_rate,
    SetSettlementPrice: settlement.set_settlement_price,
    SettleExpiry: settlement.settle_expiry,
    FundInsurance: funds.fund_insurance,
    Liquidate: liquidation.liquidate,
}

ACCOUNT_HANDLERS: Final[dict[type[msgspec.Struct], Handler]] = {
    Withdraw: funds.withdraw,
    Transfer: funds.transfer,
    AuthorizeAgent: funds.authorize_agent,
    RevokeAgent: funds.revoke_agent,
    SetMarginMode: margins.set_margin_mode,
    MassQuote: mass_quote,
    Batch: batch,
    SetMmpConfig: mmp.set_mmp_config,
    DeleteMmpConfig: mmp.delete_mmp_config,
    ResetMmp: mmp.reset_mmp,
    ExecuteBlock: execute_block,
}
"""Their refusals are CommandRejected."""


def step(core: ExchangeCore, ts_ns: int, command: Command) -> Events:
    """Carry out one command in place and return its events."""
    events: Events = []
    elapsed = ts_ns - core.now_ns
    if elapsed < 0:
        events.append(_rejected(command, _TIME_REGRESSION))
        return events
    if elapsed > core.max_step_ns and not _may_step(core, ts_ns, command):
        events.append(_rejected(command, _CLOCK_STEP))
        return events
    core.now_ns = ts_ns
    if core.timers and core.timers[0][0] <= ts_ns:
        run_due(core, ts_ns, events)
    account = core.accounts.get(command.account)
    action = command.action
    handler = ORDER_HANDLERS.get(type(action))
    signer = command.signer
    # Nearly all commands are an order action by the root key, without a request_id.
    if handler is None or account is None or signer != account.root or command.request_id:
        _check_and_act(core, account, ts_ns, command, events)
    else:
        code = accept_nonce(core, account, signer, command.nonce, ts_ns)
        if code == _ACCEPTED:
            handler(core, account, action, events)
        else:
            events.append(_rejected(command, code))
    if core.changed_levels:
        emit_changes(core, events)
    return events


def _check_and_act(
    core: ExchangeCore, account: Account | None, ts_ns: int, command: Command, events: Events
) -> None:
    """Check authority, repeat and nonce of any command; act and remember, or refuse."""
    code = _authority(core, account, command)
    if code == _ACCEPTED:
        if command.request_id and _is_repeat(core, ts_ns, command, events):
            return
        code = _burn(core, account, ts_ns, command)
    if code != _ACCEPTED:
        events.append(_rejected(command, code))
        return
    core.outcome_order_id = 0
    code = _act(core, account, command, events)
    if command.request_id:
        remember(core, command, code)


def _burn(core: ExchangeCore, account: Account | None, ts_ns: int, command: Command) -> int:
    """Burn the nonce of the command, and of the other party of a block, or say why not."""
    action = command.action
    if type(action) is ExecuteBlock:
        return accept_both_nonces(core, command, action, ts_ns)
    return accept_nonce(core, account, command.signer, command.nonce, ts_ns)


def _may_step(core: ExchangeCore, ts_ns: int, command: Command) -> bool:
    """Return whether the command may move the clock by any step ([TIM-1])."""
    if type(command.action) is not AdvanceTime:
        return False
    if _authority(core, core.accounts.get(command.account), command) != _ACCEPTED:
        return False
    if command.request_id and find_request(core, command) is not None:
        return False
    return nonce_code(core, command, ts_ns) == _ACCEPTED


def _authority(core: ExchangeCore, account: Account | None, command: Command) -> int:
    kind = type(command.action)
    if kind in ROLES_OF:
        if command.account != 0:
            return _BAD_PARAMETER
        return operator_code(core, command.signer, kind)
    if account is None:
        return _UNKNOWN_ACCOUNT
    code = account_code(account, command.signer, kind)
    action = command.action
    if code == _ACCEPTED and type(action) is ExecuteBlock:
        return counterparty_code(core, account, action)
    return code


def _is_repeat(core: ExchangeCore, ts_ns: int, command: Command, events: Events) -> bool:
    """Answer a remembered request; return whether it was one ([NON-1])."""
    request = find_request(core, command)
    if request is None:
        return False
    if request.payload_hash != payload_hash(command):
        events.append(_rejected(command, REQUEST_ID_CONFLICT))
        return True
    account = core.accounts.get(command.account)
    accept_nonce(core, account, command.signer, command.nonce, ts_ns)
    events.append(repeated(request))
    return True


def _act(core: ExchangeCore, account: Account | None, command: Command, events: Events) -> int:
    """Carry out the action, or refuse the command; return the code."""
    action = command.action
    if account is None:
        code = OPERATOR_HANDLERS[type(action)](core, action, events)
        core.outcome_order_id = 0
    else:
        handler = ORDER_HANDLERS.get(type(action))
        if handler is not None:
            return handler(core, account, action, events)
        code = ACCOUNT_HANDLERS[type(action)](core, account, action, events)
        core.outcome_order_id = 0
    if code != _ACCEPTED:
        events.append(_rejected(command, code))
    return code


def _rejected(command: Command, code: int) -> CommandRejected:
    tag = action_tag(command.action)
    return CommandRejected(command.signer, command.nonce, command.account, tag, code)

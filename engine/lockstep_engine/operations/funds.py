"""Deposits, withdrawals, transfers and agents ([POS-4], [AUT-3] to [AUT-5])."""

from typing import Final

from lockstep_engine.codes import CashReason, Code
from lockstep_engine.commands import (
    AuthorizeAgent,
    Deposit,
    FundInsurance,
    RevokeAgent,
    Transfer,
    Withdraw,
)
from lockstep_engine.entities import Agent
from lockstep_engine.events import AgentAuthorized, AgentRevoked, InsuranceFunded
from lockstep_engine.money.bounds import CASH_MAX_E6
from lockstep_engine.money.cash import move_cash
from lockstep_engine.risk.margin import free_e6
from lockstep_engine.state import Account, Events, ExchangeCore

_ACCOUNT_IN_DEBT: Final = int(Code.ACCOUNT_IN_DEBT)
_ACCEPTED: Final = int(Code.ACCEPTED)
_ALREADY_EXISTS: Final = int(Code.ALREADY_EXISTS)
_AMOUNT_ABOVE_LIMIT: Final = int(Code.AMOUNT_ABOVE_LIMIT)
_AMOUNT_NOT_POSITIVE: Final = int(Code.AMOUNT_NOT_POSITIVE)
_INSUFFICIENT_FUNDS: Final = int(Code.INSUFFICIENT_FUNDS)
_UNKNOWN_ACCOUNT: Final = int(Code.UNKNOWN_ACCOUNT)
_UNKNOWN_AGENT: Final = int(Code.UNKNOWN_AGENT)
_DEPOSIT: Final = int(CashReason.DEPOSIT)
_WITHDRAWAL: Final = int(CashReason.WITHDRAWAL)
_TRANSFER_OUT: Final = int(CashReason.TRANSFER_OUT)
_TRANSFER_IN: Final = int(CashReason.TRANSFER_IN)
_DEBT_REPAID: Final = int(CashReason.DEBT_REPAID)


def deposit(core: ExchangeCore, action: Deposit, events: Events) -> int:
    """Credit cash from outside."""
    account = core.accounts.get(action.account)
    if account is None:
        return _UNKNOWN_ACCOUNT
    if action.amount_e6 > 0 and account.cash_e6 + action.amount_e6 >= CASH_MAX_E6:
        return _AMOUNT_ABOVE_LIMIT
    code = _take_in(core, action.amount_e6)
    if code == _ACCEPTED:
        move_cash(core, account, _DEPOSIT, action.amount_e6, events)
        _repay(core, account, events)
    return code


def fund_insurance(core: ExchangeCore, action: FundInsurance, events: Events) -> int:
    """Credit the insurance fund with cash from outside."""
    if action.amount_e6 > 0 and core.treasury.insurance_e6 + action.amount_e6 >= CASH_MAX_E6:
        return _AMOUNT_ABOVE_LIMIT
    code = _take_in(core, action.amount_e6)
    if code == _ACCEPTED:
        core.treasury.insurance_e6 += action.amount_e6
        events.append(InsuranceFunded(action.amount_e6, core.treasury.insurance_e6))
    return code


def withdraw(core: ExchangeCore, account: Account, action: Withdraw, events: Events) -> int:
    """Send cash out, as far as it is free."""
    amount = action.amount_e6
    code = _check_amount(core, account, amount)
    if code == _ACCEPTED and core.treasury.net_deposits_e6 - amount <= -CASH_MAX_E6:
        return _AMOUNT_ABOVE_LIMIT
    if code == _ACCEPTED:
        core.treasury.net_deposits_e6 -= amount
        core.touch(core.treasury)
        move_cash(core, account, _WITHDRAWAL, -amount, events)
    return code


def transfer(core: ExchangeCore, account: Account, action: Transfer, events: Events) -> int:
    """Move cash to another account, as far as it is free."""
    receiver = core.accounts.get(action.to_account)
    if receiver is None or receiver is account:
        return _UNKNOWN_ACCOUNT
    code = _check_amount(core, account, action.amount_e6)
    if code == _ACCEPTED and receiver.cash_e6 + action.amount_e6 >= CASH_MAX_E6:
        return _AMOUNT_ABOVE_LIMIT
    if code == _ACCEPTED:
        move_cash(core, account, _TRANSFER_OUT, -action.amount_e6, events)
        move_cash(core, receiver, _TRANSFER_IN, action.amount_e6, events)
        _repay(core, receiver, events)
    return code


def authorize_agent(
    core: ExchangeCore, account: Account, action: AuthorizeAgent, events: Events
) -> int:
    """Let another key trade for the account."""
    if action.agent == account.root or action.agent in account.agents:
        return _ALREADY_EXISTS
    agent = account.agents[action.agent] = Agent(account.account, action.agent)
    core.touch(agent)
    events.append(AgentAuthorized(account.account, action.agent))
    return _ACCEPTED


def revoke_agent(core: ExchangeCore, account: Account, action: RevokeAgent, events: Events) -> int:
    """Take that back."""
    agent = account.agents.pop(action.agent, None)
    if agent is None:
        return _UNKNOWN_AGENT
    agent.is_live = False
    core.touch(agent)
    events.append(AgentRevoked(account.account, action.agent))
    return _ACCEPTED


def _check_amount(core: ExchangeCore, account: Account, amount_e6: int) -> int:
    if amount_e6 < 1:
        return _AMOUNT_NOT_POSITIVE
    if account.debt_e6:
        return _ACCOUNT_IN_DEBT
    if amount_e6 > account.cash_e6 or amount_e6 > free_e6(core, account):
        return _INSUFFICIENT_FUNDS
    return _ACCEPTED


def _take_in(core: ExchangeCore, amount_e6: int) -> int:
    """Count cash that comes from outside, or return why there may not be so much."""
    if amount_e6 < 1:
        return _AMOUNT_NOT_POSITIVE
    treasury = core.treasury
    if treasury.net_deposits_e6 + amount_e6 > core.params.max_total_deposits_e6:
        return _AMOUNT_ABOVE_LIMIT
    treasury.net_deposits_e6 += amount_e6
    core.touch(treasury)
    return _ACCEPTED


def _repay(core: ExchangeCore, account: Account, events: Events) -> None:
    """Pay off debt from the cash that is there ([AUT-5])."""
    repaid = min(account.debt_e6, account.cash_e6)
    if repaid > 0:
        account.debt_e6 -= repaid
        move_cash(core, account, _DEBT_REPAID, -repaid, events)

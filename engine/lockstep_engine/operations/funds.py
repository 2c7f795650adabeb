"""Deposits, withdrawals, transfers and agents ([POS-4], [AUT-3], [AUT-4])."""

from typing import Final

from lockstep_engine.codes import CashReason, Code
from lockstep_engine.commands import AuthorizeAgent, Deposit, RevokeAgent, Transfer, Withdraw
from lockstep_engine.entities import Agent
from lockstep_engine.events import AgentAuthorized, AgentRevoked, CashMoved
from lockstep_engine.risk.margin import free_e6
from lockstep_engine.state import Account, Events, ExchangeCore

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


def deposit(core: ExchangeCore, action: Deposit, events: Events) -> int:
    """Credit cash from outside."""
    account = core.accounts.get(action.account)
    amount = action.amount_e6
    if account is None:
        return _UNKNOWN_ACCOUNT
    if amount < 1:
        return _AMOUNT_NOT_POSITIVE
    treasury = core.treasury
    if treasury.net_deposits_e6 + amount > core.params.max_total_deposits_e6:
        return _AMOUNT_ABOVE_LIMIT
    treasury.net_deposits_e6 += amount
    core.touch(treasury)
    _move(core, account, _DEPOSIT, amount, events)
    return _ACCEPTED


def withdraw(core: ExchangeCore, account: Account, action: Withdraw, events: Events) -> int:
    """Send cash out, as far as it is free."""
    amount = action.amount_e6
    code = _check_amount(core, account, amount)
    if code == _ACCEPTED:
        core.treasury.net_deposits_e6 -= amount
        core.touch(core.treasury)
        _move(core, account, _WITHDRAWAL, -amount, events)
    return code


def transfer(core: ExchangeCore, account: Account, action: Transfer, events: Events) -> int:
    """Move cash to another account, as far as it is free."""
    receiver = core.accounts.get(action.to_account)
    if receiver is None or receiver is account:
        return _UNKNOWN_ACCOUNT
    code = _check_amount(core, account, action.amount_e6)
    if code == _ACCEPTED:
        _move(core, account, _TRANSFER_OUT, -action.amount_e6, events)
        _move(core, receiver, _TRANSFER_IN, action.amount_e6, events)
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
    if amount_e6 > account.cash_e6 or amount_e6 > free_e6(core, account):
        return _INSUFFICIENT_FUNDS
    return _ACCEPTED


def _move(
    core: ExchangeCore, account: Account, reason: int, amount_e6: int, events: Events
) -> None:
    account.cash_e6 += amount_e6
    core.touch(account)
    events.append(CashMoved(account.account, reason, amount_e6, account.cash_e6))

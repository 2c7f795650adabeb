"""Money actions: deposits, withdrawals, transfers, insurance ([POS-4], [AUT-3], [AUT-5])."""

from lockstep_engine.codes import CashReason, Code
from lockstep_engine.commands import Deposit, FundInsurance, Transfer, Withdraw
from lockstep_engine.events import InsuranceFunded
from lockstep_naive.core import NaiveCore, Refusal
from lockstep_naive.margin import free_e6
from lockstep_naive.money import (
    is_cash_bounded,
    may_receive,
    move_cash,
    put_treasury,
    repay_debt,
    treasury_of,
)


def deposit(core: NaiveCore, action: Deposit) -> Refusal:
    """Credit cash from outside."""
    if core.accounts.get(action.account) is None:
        return Code.UNKNOWN_ACCOUNT
    if action.amount_e6 > 0 and not may_receive(core, action.account, action.amount_e6):
        return Code.AMOUNT_ABOVE_LIMIT
    refusal = _take_in(core, action.amount_e6)
    if refusal is not None:
        return refusal
    move_cash(core, action.account, CashReason.DEPOSIT, action.amount_e6)
    repay_debt(core, action.account)
    return None


def fund_insurance(core: NaiveCore, action: FundInsurance) -> Refusal:
    """Credit the insurance fund from outside."""
    fund_e6 = treasury_of(core).insurance_e6 + action.amount_e6
    if action.amount_e6 > 0 and not is_cash_bounded(fund_e6):
        return Code.AMOUNT_ABOVE_LIMIT
    refusal = _take_in(core, action.amount_e6)
    if refusal is not None:
        return refusal
    treasury = treasury_of(core)
    treasury = treasury._replace(insurance_e6=fund_e6)
    put_treasury(core, treasury)
    core.emit(InsuranceFunded(action.amount_e6, treasury.insurance_e6))
    return None


def withdraw(core: NaiveCore, account: int, action: Withdraw) -> Refusal:
    """Send cash out."""
    refusal = _check_leaving(core, account, action.amount_e6)
    if refusal is not None:
        return refusal
    treasury = treasury_of(core)
    net_deposits = treasury.net_deposits_e6 - action.amount_e6
    if not is_cash_bounded(net_deposits):
        return Code.AMOUNT_ABOVE_LIMIT
    put_treasury(core, treasury._replace(net_deposits_e6=net_deposits))
    move_cash(core, account, CashReason.WITHDRAWAL, -action.amount_e6)
    return None


def transfer(core: NaiveCore, account: int, action: Transfer) -> Refusal:
    """Move cash to another account."""
    if action.to_account == account or core.accounts.get(action.to_account) is None:
        return Code.UNKNOWN_ACCOUNT
    refusal = _check_leaving(core, account, action.amount_e6)
    if refusal is not None:
        return refusal
    if not may_receive(core, action.to_account, action.amount_e6):
        return Code.AMOUNT_ABOVE_LIMIT
    move_cash(core, account, CashReason.TRANSFER_OUT, -action.amount_e6)
    move_cash(core, action.to_account, CashReason.TRANSFER_IN, action.amount_e6)
    repay_debt(core, action.to_account)
    return None


def _take_in(core: NaiveCore, amount_e6: int) -> Refusal:
    """Count an amount from outside among the net deposits, if it may come in."""
    if amount_e6 < 1:
        return Code.AMOUNT_NOT_POSITIVE
    net_deposits = treasury_of(core).net_deposits_e6 + amount_e6
    if net_deposits > core.params.max_total_deposits_e6:
        return Code.AMOUNT_ABOVE_LIMIT
    put_treasury(core, treasury_of(core)._replace(net_deposits_e6=net_deposits))
    return None


def _check_leaving(core: NaiveCore, account: int, amount_e6: int) -> Refusal:
    row = core.accounts.must(account)
    if amount_e6 < 1:
        return Code.AMOUNT_NOT_POSITIVE
    if row.debt_e6 > 0:
        return Code.ACCOUNT_IN_DEBT
    if amount_e6 > min(row.cash_e6, free_e6(core, account)):
        return Code.INSUFFICIENT_FUNDS
    return None

"""Deposits, withdrawals and transfers: [POS-4], [AUT-3], and the bound of all amounts, [NUM-4]."""

import msgspec
import pytest

from lockstep_engine.codes import CashReason, Code
from lockstep_engine.commands import (
    CreateInstrument,
    Deposit,
    MarginRates,
    OpenAccount,
    SetMarginModel,
    SetTradingLimits,
    TradingLimits,
    Transfer,
    UpdateMarkPrice,
    Withdraw,
)
from lockstep_engine.events import CashMoved
from lockstep_kernel import Machine
from tests.support.exchange import (
    ACCOUNTS,
    ALICE,
    BOB,
    CASH,
    LIMITS,
    PERP,
    Exchange,
    codes,
    fills,
    open_market,
    root_of,
    staffed_exchange,
)

DEPOSIT, WITHDRAWAL, OUT, IN = (
    CashReason.DEPOSIT,
    CashReason.WITHDRAWAL,
    CashReason.TRANSFER_OUT,
    CashReason.TRANSFER_IN,
)
TOTAL = len(ACCOUNTS) * CASH


# Deposits


@pytest.mark.rule("POS-4")
def test_a_deposit_is_credited_and_counted(market: Exchange) -> None:
    events = market.send(Deposit(ALICE, 25))
    assert [CashMoved(ALICE, DEPOSIT, 25, CASH + 25)] == events
    assert (0, TOTAL + 25) == market.treasury()


@pytest.mark.rule("POS-4")
@pytest.mark.parametrize("amount", [0, -1, -(2**61)])
def test_a_deposit_is_positive_and_goes_to_an_account_that_exists(
    market: Exchange, amount: int
) -> None:
    assert Code.UNKNOWN_ACCOUNT == market.refusal(Deposit(99, amount))
    assert Code.AMOUNT_NOT_POSITIVE == market.refusal(Deposit(ALICE, amount))


@pytest.mark.rule("POS-4", "NUM-4")
def test_net_deposits_stay_within_the_limit(machine: Machine) -> None:
    exchange = staffed_exchange(machine, max_total_deposits_e6=100)
    for account in (ALICE, BOB):
        exchange.send(OpenAccount(account, root_of(account)))
    exchange.deposit(ALICE, 60)
    assert Code.AMOUNT_ABOVE_LIMIT == exchange.refusal(Deposit(BOB, 41))
    assert Code.AMOUNT_ABOVE_LIMIT == exchange.refusal(Deposit(BOB, 2**61))
    exchange.deposit(BOB, 40)
    assert Code.AMOUNT_ABOVE_LIMIT == exchange.refusal(Deposit(ALICE, 1))
    exchange.send(Withdraw(30), ALICE)
    assert (0, 70) == exchange.treasury()
    assert Code.AMOUNT_ABOVE_LIMIT == exchange.refusal(Deposit(ALICE, 31))
    exchange.deposit(ALICE, 30)
    assert (0, 100) == exchange.treasury()


@pytest.mark.rule("POS-4")
def test_a_transfer_does_not_change_net_deposits(market: Exchange) -> None:
    market.send(Transfer(BOB, 10), ALICE)
    assert (0, TOTAL) == market.treasury()


# Withdrawals and transfers


@pytest.mark.rule("AUT-3")
def test_a_withdrawal_takes_cash_out(market: Exchange) -> None:
    events = market.send(Withdraw(400), ALICE)
    assert [CashMoved(ALICE, WITHDRAWAL, -400, CASH - 400)] == events
    assert (0, TOTAL - 400) == market.treasury()


@pytest.mark.rule("AUT-3")
def test_all_cash_may_leave_an_idle_account(market: Exchange) -> None:
    market.assert_can_withdraw(ALICE, CASH)
    market.send(Withdraw(CASH), ALICE)
    assert 0 == market.cash(ALICE)
    assert Code.INSUFFICIENT_FUNDS == market.refusal(Withdraw(1), ALICE)


@pytest.mark.rule("AUT-3")
def test_a_transfer_moves_cash_out_first(market: Exchange) -> None:
    events = market.send(Transfer(BOB, 400), ALICE)
    assert [
        CashMoved(ALICE, OUT, -400, CASH - 400),
        CashMoved(BOB, IN, 400, CASH + 400),
    ] == events


@pytest.mark.rule("AUT-3")
@pytest.mark.parametrize("amount", [0, -1, -(2**61)])
def test_an_amount_is_positive(market: Exchange, amount: int) -> None:
    assert Code.AMOUNT_NOT_POSITIVE == market.refusal(Withdraw(amount), ALICE)
    assert Code.AMOUNT_NOT_POSITIVE == market.refusal(Transfer(BOB, amount), ALICE)
    for receiver in (ALICE, 99, 0, -1):
        assert Code.UNKNOWN_ACCOUNT == market.refusal(Transfer(receiver, amount), ALICE)


@pytest.mark.rule("AUT-3")
def test_a_transfer_above_the_cash_is_refused(market: Exchange) -> None:
    assert Code.INSUFFICIENT_FUNDS == market.refusal(Transfer(BOB, CASH + 1), ALICE)
    assert Code.UNKNOWN_ACCOUNT == market.refusal(Transfer(ALICE, 2**61), ALICE)
    assert [] == codes(market.send(Transfer(BOB, CASH), ALICE))


@pytest.mark.rule("AUT-3", "MRG-1")
def test_reserved_money_cannot_leave(market: Exchange) -> None:
    """A bid for 1,000 lots at 100: the fee is 50,000, the open margin 2,000 per lot."""
    market.bid(ALICE, 100, 1_000)
    market.assert_can_withdraw(ALICE, CASH - 50_000 - 2_000_000)
    limit = CASH - 2_050_000
    assert Code.INSUFFICIENT_FUNDS == market.refusal(Transfer(BOB, limit + 1), ALICE)
    assert [] == codes(market.send(Transfer(BOB, limit), ALICE))


@pytest.mark.rule("AUT-3", "MRG-1")
def test_unrealised_profit_cannot_leave(market: Exchange) -> None:
    """The mark doubles: 1,000 lots are 100,000,000 e6 in profit, but only cash may go."""
    market.trade(ALICE, BOB, 100, 1_000)
    market.mark(200)
    cash = CASH - 50_000
    market.assert_can_withdraw(ALICE, cash)
    assert Code.INSUFFICIENT_FUNDS == market.refusal(Transfer(BOB, cash + 1), ALICE)


@pytest.mark.rule("AUT-3", "MRG-1")
def test_unrealised_loss_cannot_leave(market: Exchange) -> None:
    """Bob is short 1,000 lots from 100 at a mark of 200: loss 100,000,000, margin 4,000 a lot."""
    market.trade(ALICE, BOB, 100, 1_000)
    market.mark(200)
    market.assert_can_withdraw(BOB, CASH - 20_000 - 100_000_000 - 4_000_000)


@pytest.mark.rule("AUT-3")
def test_profit_may_cover_margin_so_that_all_cash_is_free(market: Exchange) -> None:
    market.trade(ALICE, BOB, 100, 1_000)
    market.mark(200)
    market.send(Withdraw(CASH - 50_000), ALICE)
    assert 0 == market.cash(ALICE)
    market.mark(150)
    assert Code.INSUFFICIENT_FUNDS == market.refusal(Withdraw(1), ALICE)


# The bound of all amounts


@pytest.mark.rule("NUM-4", "INS-3")
def test_the_largest_amounts_stay_below_2_to_the_62(machine: Machine) -> None:
    """The largest deposit, and the largest position at the largest price, both ways."""
    market = open_market(machine)
    size = 2**17
    limits = TradingLimits(
        max_price_ticks=2**29, max_order_lots=size, max_position_lots=size, max_open_orders=10**6
    )
    market.do(CreateInstrument(50, "ETH-20261225", 10**5, 10**5, 10**9, limits))
    market.do(UpdateMarkPrice(50, 2**29 * 10**5))
    market.do(SetMarginModel("ETH", MarginRates(10**9, 10**9)))
    market.deposit(ALICE, 2**59)
    market.deposit(BOB, 2**59 - len(ACCOUNTS) * CASH)
    market.ask(BOB, 2**29, size, 50)
    assert [(1, 2**29, size)] == fills(market.buy(ALICE, 2**29, size, 50))
    market.do(UpdateMarkPrice(50, 1))
    market.ask(ALICE, 1, size, 50)
    assert [(3, 1, size)] == fills(market.buy(BOB, 1, size, 50))
    numbers = [n for record in market.records() for n in record if type(n) is int]
    assert max(abs(number) for number in numbers) < 2**62
    assert 2**60 == market.treasury()[1]


@pytest.mark.rule("NUM-4", "POS-4")
def test_limits_are_checked_before_anything_changes(market: Exchange) -> None:
    assert Code.AMOUNT_ABOVE_LIMIT == market.refusal(Deposit(ALICE, 2**60))
    too_wide = msgspec.structs.replace(LIMITS, max_position_lots=2**50)
    assert Code.BAD_PARAMETER == market.refusal(SetTradingLimits(PERP, too_wide))

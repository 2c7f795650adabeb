"""Deficits ([LIQ-2], [AUT-5]): the insurance fund pays what it has, the rest is debt."""

import pytest

from lockstep_engine.codes import CashReason, Code, EntityKind
from lockstep_engine.commands import (
    AdvanceTime,
    Batch,
    BlockLeg,
    Deposit,
    ExecuteBlock,
    FundInsurance,
    Liquidate,
    PlaceOrder,
    SetFeeSchedule,
    SetSettlementPrice,
    SettleExpiry,
    Transfer,
    Withdraw,
)
from lockstep_engine.events import CashMoved, InsuranceFunded, LiquidationEnded
from lockstep_kernel import dump, load
from tests.support.exchange import (
    ACCOUNTS,
    ALICE,
    BOB,
    CALL,
    CAROL,
    CASH,
    MARKET_EXPIRY_NS,
    PERP,
    Exchange,
    codes,
    of,
    root_of,
)
from tests.support.margins import leave


@pytest.fixture
def broke(free: Exchange) -> Exchange:
    """Alice is short ten calls that settle at 200 each: she has -1,000,000 + 300,000 + 50,000."""
    free.do(SetFeeSchedule(0, *(0,) * 10))
    free.trade(BOB, ALICE, 5, 10, CALL)
    leave(free, ALICE, 350_000)
    free.do(AdvanceTime(), at=MARKET_EXPIRY_NS)
    free.do(SetSettlementPrice("BTC", MARKET_EXPIRY_NS, 200 * 10**6))
    free.do(SettleExpiry("BTC", MARKET_EXPIRY_NS))
    assert -650_000 == free.cash(ALICE)
    return free


@pytest.fixture
def indebted(broke: Exchange) -> Exchange:
    """The same after a liquidation without a fund."""
    broke.do(Liquidate(ALICE))
    return broke


@pytest.mark.rule("POS-4")
def test_the_fund_is_filled_from_outside(market: Exchange) -> None:
    net = market.treasury()[1]
    assert [InsuranceFunded(5, 5)] == market.send(FundInsurance(5))
    assert [InsuranceFunded(7, 12)] == market.send(FundInsurance(7))
    assert (12, net + 12) == (market.insurance(), market.treasury()[1])
    for bad in (0, -1):
        assert Code.AMOUNT_NOT_POSITIVE == market.refusal(FundInsurance(bad))
    rest = 2**60 - market.treasury()[1]
    assert Code.AMOUNT_ABOVE_LIMIT == market.refusal(FundInsurance(rest + 1))
    market.do(FundInsurance(rest))


@pytest.mark.rule("LIQ-2")
@pytest.mark.parametrize(
    ("fund", "left", "debt"),
    [(0, 0, 650_000), (1, 0, 649_999), (649_999, 0, 1), (650_000, 0, 0), (650_001, 1, 0)],
)
def test_the_fund_pays_what_it_has_and_the_rest_is_debt(
    broke: Exchange, fund: int, left: int, debt: int
) -> None:
    if fund:
        broke.do(FundInsurance(fund))
    moved = [
        CashMoved(ALICE, CashReason.INSURANCE, 650_000 - debt, -debt),
        CashMoved(ALICE, CashReason.DEBT, debt, 0),
    ]
    events = broke.send(Liquidate(ALICE))
    assert [event for event in moved if event.amount_e6] == of(events, CashMoved)
    assert LiquidationEnded(ALICE, 0, 0, 0, left, debt) == events[-1]
    assert (left, debt, 0) == (broke.insurance(), broke.debt(ALICE), broke.cash(ALICE))
    assert Code.ACCOUNT_HEALTHY == broke.refusal(Liquidate(ALICE))


@pytest.mark.rule("LIQ-2")
def test_what_is_not_closed_yet_leaves_the_deficit_where_it_is(free: Exchange) -> None:
    """The calls have expired and wait for their price: 150,000 stand against 1,000,000 and more."""
    free.trade(BOB, ALICE, 5, 10, CALL)
    leave(free, ALICE, 300_000)
    free.index(200)
    free.do(AdvanceTime(), at=MARKET_EXPIRY_NS)
    free.do(FundInsurance(10**9))
    events = free.send(Liquidate(ALICE))
    assert ["LiquidationStarted", "LiquidationEnded"] == [type(e).__name__ for e in events]
    assert (300_000, -10) == (free.cash(ALICE), free.position(ALICE, CALL)[0])


@pytest.mark.rule("LIQ-2", "ORD-5", "CMD-3", "AUT-3")
def test_debt_enters_no_orders_no_blocks_and_withdraws_nothing(indebted: Exchange) -> None:
    order = PlaceOrder(PERP, 0, 90, 1)
    assert Code.ACCOUNT_IN_DEBT == indebted.refusal(order, ALICE)
    assert [Code.ACCOUNT_IN_DEBT] == codes(indebted.send(Batch((order,)), ALICE))
    assert Code.ACCOUNT_IN_DEBT == indebted.refusal(Withdraw(1), ALICE)
    assert Code.AMOUNT_NOT_POSITIVE == indebted.refusal(Withdraw(0), ALICE)
    assert Code.ACCOUNT_IN_DEBT == indebted.refusal(Transfer(BOB, 1), ALICE)
    for number, (party, other) in enumerate(((ALICE, CAROL), (CAROL, ALICE))):
        nonce = indebted.now_ns // 10**6 + 500 + number
        block = ExecuteBlock(other, root_of(other), nonce, (BlockLeg(99, 0, 0, 0),))
        assert Code.ACCOUNT_IN_DEBT == indebted.refusal(block, party)


@pytest.mark.rule("AUT-5", "POS-3")
def test_deposits_and_transfers_repay_debt_first(indebted: Exchange) -> None:
    assert [
        CashMoved(ALICE, CashReason.DEPOSIT, 600_000, 600_000),
        CashMoved(ALICE, CashReason.DEBT_REPAID, -600_000, 0),
    ] == indebted.send(Deposit(ALICE, 600_000))
    assert Code.ACCOUNT_IN_DEBT == indebted.refusal(PlaceOrder(PERP, 0, 90, 1), ALICE)
    bob = indebted.cash(BOB)
    assert [
        CashMoved(BOB, CashReason.TRANSFER_OUT, -70_000, bob - 70_000),
        CashMoved(ALICE, CashReason.TRANSFER_IN, 70_000, 70_000),
        CashMoved(ALICE, CashReason.DEBT_REPAID, -50_000, 20_000),
    ] == indebted.send(Transfer(ALICE, 70_000), BOB)
    assert 0 == indebted.debt(ALICE)
    assert [] == codes(indebted.buy(ALICE, 90, 1))
    assert [CashMoved(ALICE, CashReason.DEPOSIT, 1, 20_001)] == indebted.send(Deposit(ALICE, 1))


@pytest.mark.rule("POS-3", "LIQ-2")
def test_cash_less_debt_and_all_funds_are_what_was_deposited(indebted: Exchange) -> None:
    cash = sum(indebted.cash(account) - indebted.debt(account) for account in ACCOUNTS)
    fees, deposits = indebted.treasury()
    assert len(ACCOUNTS) * CASH == deposits == cash + fees + indebted.insurance()


@pytest.mark.rule("LIQ-2", "AUT-5")
def test_debt_outlives_a_restart(indebted: Exchange) -> None:
    indebted.state = load(indebted.state.machine, indebted.state.genesis, dump(indebted.state))
    fields = indebted.record(EntityKind.ACCOUNT, ALICE)
    assert fields is not None
    assert (0, 0, 650_000) == fields[3:]
    assert Code.ACCOUNT_IN_DEBT == indebted.refusal(Withdraw(1), ALICE)

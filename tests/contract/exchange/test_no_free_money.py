"""No free money: what somebody might try, and the refusal, or the sum that stays the same.

Alice and Bob are one person here. `total` is what [POS-3] conserves: all cash less debt, fees and
the insurance fund, less what open futures cost; it equals what was deposited.
"""

import pytest

from lockstep_engine.codes import Code, EntityKind, OrderFlag, SelfTradeMode
from lockstep_engine.commands import (
    AdvanceTime,
    Batch,
    BlockLeg,
    Deposit,
    ExecuteBlock,
    FundInsurance,
    Liquidate,
    MarginRates,
    PlaceOrder,
    SetFeeSchedule,
    SetFeeTier,
    SetMarginModel,
    SetPortfolioModel,
    SetSettlementPrice,
    SettleExpiry,
    Transfer,
    UpdateMarkPrice,
    Withdraw,
)
from lockstep_engine.events import AutoDeleveraged
from tests.support.exchange import (
    ACCOUNTS,
    ALICE,
    BOB,
    CALL,
    CAROL,
    CASH,
    ETH_PERP,
    FUTURE,
    MARKET_EXPIRY_NS,
    PERP,
    PUT,
    Exchange,
    codes,
    of,
    root_of,
)
from tests.support.margins import MODEL, PORTFOLIO, choose, hold, leave, sharpen

FUTURES = (PERP, FUTURE, ETH_PERP)
C80 = 50


def total(market: Exchange) -> int:
    """Return all cash less debt, fees and insurance less the cost of open futures."""
    costs = sum(
        record[3]
        for record in market.records()
        if record[0] == EntityKind.POSITION and record[1][1] in FUTURES
    )
    cash = sum(market.cash(account) - market.debt(account) for account in ACCOUNTS)
    return cash + market.treasury()[0] + market.insurance() - costs


@pytest.fixture
def conserved(market: Exchange) -> Exchange:
    """The standard market, whose deposits are all there is."""
    assert len(ACCOUNTS) * CASH == total(market) == market.treasury()[1]
    return market


def assert_conserved(market: Exchange) -> None:
    """Check that everything is still there."""
    assert market.treasury()[1] == total(market)


# Options on credit


@pytest.mark.rule("MRG-1", "MRG-4")
def test_an_option_is_not_bought_on_credit(conserved: Exchange) -> None:
    """Ten calls at 5 cost 50,000 and a fee of 500; those bought pay for no more."""
    leave(conserved, ALICE, 50_499)
    order = PlaceOrder(CALL, 0, 5, 10)
    assert Code.INSUFFICIENT_MARGIN == conserved.refusal(order, ALICE)
    conserved.deposit(ALICE, 1)
    conserved.ask(BOB, 5, 20, CALL)
    conserved.do(order, ALICE)
    assert 0 == conserved.cash(ALICE)
    assert Code.INSUFFICIENT_MARGIN == conserved.refusal(PlaceOrder(CALL, 0, 1, 1), ALICE)
    assert Code.INSUFFICIENT_FUNDS == conserved.refusal(Withdraw(1), ALICE)
    assert_conserved(conserved)


@pytest.mark.rule("MRG-1", "MRG-3", "AUT-3")
def test_in_portfolio_mode_options_pay_for_options_only_as_far_as_their_margin(
    conserved: Exchange,
) -> None:
    """A call at 80 is worth 20 and may lose 10: 200,000 carry twenty lots.

    Each needs its premium and its margin, 30,000, when it is bought, so eighteen are. The cash is
    below zero then, what is owed is covered by the options, and nothing may leave.
    """
    conserved.do(SetFeeSchedule(0, 0, 0, 0, 0, 0, 0))
    conserved.create(C80, "BTC-20261225-80-C")
    sharpen(conserved, 100)
    conserved.do(SetPortfolioModel("BTC", MODEL))
    choose(conserved, ALICE, PORTFOLIO)
    leave(conserved, ALICE, 200_000)
    conserved.ask(BOB, 20, 1_000, C80)
    bought = 0
    while [] == codes(conserved.buy(ALICE, 20, 1, C80)):
        bought += 1
    assert 18 == bought
    assert 200_000 - 18 * 20_000 == conserved.cash(ALICE) < 0
    assert Code.INSUFFICIENT_FUNDS == conserved.refusal(Withdraw(1), ALICE)
    assert Code.INSUFFICIENT_FUNDS == conserved.refusal(Transfer(BOB, 1), ALICE)
    assert_conserved(conserved)


@pytest.mark.rule("MRG-1", "MRG-4")
def test_an_option_bought_for_more_than_it_is_worth_is_paid_in_full(conserved: Exchange) -> None:
    """In portfolio mode only the mark counts as collateral: the rest must be there."""
    conserved.do(SetFeeSchedule(0, 0, 0, 0, 0, 0, 0))
    sharpen(conserved, 50)
    conserved.do(SetPortfolioModel("BTC", MODEL))
    choose(conserved, ALICE, PORTFOLIO)
    leave(conserved, ALICE, 99_999)
    order = PlaceOrder(CALL, 0, 10, 10)
    assert Code.INSUFFICIENT_MARGIN == conserved.refusal(order, ALICE)
    conserved.deposit(ALICE, 1)
    conserved.trade(ALICE, BOB, 10, 10, CALL)
    conserved.assert_can_withdraw(ALICE, 0)
    assert_conserved(conserved)


# Trades with oneself


@pytest.mark.rule("FEE-1", "POS-3")
@pytest.mark.parametrize(
    "rates",
    [(-(10**8), 500_000), (-500_000, -500_000), (500_000, -(10**8)), (-(10**8), 10**8), (0, -1)],
)
@pytest.mark.parametrize("share_bps", [0, 5_000, 10_000])
@pytest.mark.parametrize("traded", [(101, 7, PERP), (7, 7, CALL), (1, 7, PUT)])
def test_wash_trades_earn_no_rebate(
    conserved: Exchange, rates: tuple[int, int], share_bps: int, traded: tuple[int, int, int]
) -> None:
    """Not even with a third account of one's own as the builder of both sides."""
    conserved.do(SetFeeSchedule(1, *rates, *rates, 10**9, share_bps))
    for account in (ALICE, BOB):
        conserved.do(SetFeeTier(account, 1))
    for buyer, seller in ((ALICE, BOB), (BOB, ALICE)) * 3:
        conserved.ask(seller, *traded, builder=CAROL)
        conserved.buy(buyer, *traded, builder=CAROL)
    assert (0, 0) == conserved.position(ALICE, traded[2])
    together = sum(conserved.cash(account) for account in (ALICE, BOB, CAROL))
    assert 3 * CASH >= together
    assert conserved.treasury()[0] >= 0
    assert_conserved(conserved)


@pytest.mark.rule("ORD-3", "FEE-1")
def test_a_trade_with_the_same_account_costs_both_fees(conserved: Exchange) -> None:
    """Where it is allowed: 5 and 2 bps of 700,000; no position, no profit at any price."""
    for price in (100, 5_000, 1):
        before = conserved.cash(ALICE)
        conserved.ask(ALICE, price, 7, ETH_PERP)
        conserved.buy(ALICE, price, 7, ETH_PERP, self_trade=SelfTradeMode.ALLOW)
        assert before > conserved.cash(ALICE)
    assert (0, 0) == conserved.position(ALICE, ETH_PERP)
    assert_conserved(conserved)


# Value drained at a silly price


@pytest.mark.rule("MRG-1", "ORD-6")
@pytest.mark.parametrize("flags", [0, OrderFlag.REDUCE_ONLY])
@pytest.mark.parametrize(("lots", "silly", "fair"), [(10, 1, 60), (-10, 300, 140)])
def test_a_losing_account_cannot_hand_what_it_has_left_to_a_friend(
    conserved: Exchange, lots: int, silly: int, fair: int, flags: int
) -> None:
    """Closing is free of collateral, but not at a price that leaves the exchange with a hole."""
    hold(conserved, ALICE, lots, 100)
    leave(conserved, ALICE, 30_000)
    conserved.mark(fair)
    side = 1 if lots > 0 else 0
    order = PlaceOrder(PERP, side, silly, 10, flags=flags)
    assert Code.INSUFFICIENT_MARGIN == conserved.refusal(order, ALICE)
    assert [] == codes(conserved.send(PlaceOrder(PERP, side, fair, 10, flags=flags), ALICE))


@pytest.mark.rule("MRG-4", "MRG-1")
def test_a_healthy_account_gives_away_no_more_than_it_has(conserved: Exchange) -> None:
    """Ten lots sold at 53 lose 470,000: that, the fee and the margin until then must be there."""
    hold(conserved, ALICE, 10, 100)
    leave(conserved, ALICE, 500_000)
    low = PlaceOrder(PERP, 1, 52, 10, flags=OrderFlag.REDUCE_ONLY)
    assert Code.INSUFFICIENT_MARGIN == conserved.refusal(low, ALICE)
    conserved.bid(BOB, 53, 10)
    sell = PlaceOrder(PERP, 1, 53, 10, flags=OrderFlag.REDUCE_ONLY)
    assert [] == codes(conserved.send(sell, ALICE))
    assert 500_000 - 470_000 - 265 == conserved.cash(ALICE)
    assert_conserved(conserved)


@pytest.mark.rule("MRG-1")
def test_a_short_option_is_not_bought_back_for_more_than_it_frees(conserved: Exchange) -> None:
    hold(conserved, ALICE, -10, 5, CALL)
    leave(conserved, ALICE, 200_000)
    for price in (20, 21, 1_000):
        order = PlaceOrder(CALL, 0, price, 10, flags=OrderFlag.REDUCE_ONLY)
        assert Code.INSUFFICIENT_MARGIN == conserved.refusal(order, ALICE)


# Money that is not there


@pytest.mark.rule("AUT-3", "MRG-1")
@pytest.mark.parametrize("lots", [10, -10])
def test_unrealised_profit_does_not_leave(conserved: Exchange, lots: int) -> None:
    """Alice gains what Bob loses; out go no more than her own cash and what is free of his."""
    hold(conserved, ALICE, lots, 100)
    conserved.mark(5_000 if lots > 0 else 1)
    cash = conserved.cash(ALICE)
    for action in (Withdraw(cash + 1), Transfer(CAROL, cash + 1)):
        assert Code.INSUFFICIENT_FUNDS == conserved.refusal(action, ALICE)
    conserved.do(Withdraw(cash), ALICE)
    assert Code.INSUFFICIENT_FUNDS == conserved.refusal(Withdraw(1), ALICE)
    loss = 10 * (4_900_000 if lots > 0 else -99_000) * (1 if lots > 0 else -1)
    margin = 10 * (100_000 if lots > 0 else 20)
    conserved.assert_can_withdraw(BOB, conserved.cash(BOB) - loss - margin)
    assert_conserved(conserved)


@pytest.mark.rule("AUT-3", "MRG-1")
def test_profit_moved_in_a_circle_grows_nothing(conserved: Exchange) -> None:
    """Both sides of a move in the mark, realised against a third: the sum stays."""
    hold(conserved, ALICE, 10, 100)
    conserved.mark(150)
    hold(conserved, ALICE, -10, 150)
    conserved.mark(80)
    hold(conserved, CAROL, 10, 80)
    assert_conserved(conserved)
    assert (0, 0) == conserved.position(ALICE)


# Money from nowhere


@pytest.mark.rule("AUT-1", "POS-4")
def test_nobody_deposits_for_himself(conserved: Exchange) -> None:
    own = root_of(ALICE)
    assert Code.UNKNOWN_SIGNER == conserved.refusal(Deposit(ALICE, 1), signer=own)
    assert Code.BAD_PARAMETER == conserved.refusal(Deposit(ALICE, 1), ALICE, signer=own)
    assert_conserved(conserved)


@pytest.mark.rule("AUT-3")
def test_nothing_is_moved_to_oneself_or_backwards(conserved: Exchange) -> None:
    assert Code.UNKNOWN_ACCOUNT == conserved.refusal(Transfer(ALICE, 1), ALICE)
    for amount in (0, -1, -CASH):
        assert Code.AMOUNT_NOT_POSITIVE == conserved.refusal(Transfer(BOB, amount), ALICE)
        assert Code.AMOUNT_NOT_POSITIVE == conserved.refusal(Withdraw(amount), ALICE)
    assert_conserved(conserved)


# A gap through the bankruptcy price


@pytest.mark.rule("LIQ-1", "LIQ-2", "POS-3")
def test_a_gap_gives_the_other_side_no_more_than_was_there(conserved: Exchange) -> None:
    """Alice is 100 lots long at 100 with 210,000 when the price halves; her own Bob is short.

    He gains her 210,000 and not the 5,000,000 that the mark promises: a lot closes at 97,900. A bid
    at 48 that would cost the fund everything is not met.
    """
    conserved.do(SetFeeSchedule(0, *(0,) * 10))
    conserved.trade(ALICE, BOB, 100, 100)
    leave(conserved, ALICE, 210_000)
    conserved.do(FundInsurance(100_000))
    conserved.mark(50)
    conserved.bid(CAROL, 48, 100)
    bob = conserved.cash(BOB)
    (event,) = of(conserved.do(Liquidate(ALICE)), AutoDeleveraged)
    assert (BOB, 100, 97_900) == (event.counterparty.account, event.qty_lots, event.lot_e6)
    assert (0, 0) == (conserved.cash(ALICE), conserved.debt(ALICE))
    assert bob + 210_000 == conserved.cash(BOB)
    assert (100_000, [(48, 100)]) == (conserved.insurance(), conserved.depth()[0])
    assert_conserved(conserved)


@pytest.mark.rule("LIQ-2", "SET-2", "POS-3")
def test_a_gap_at_expiry_is_paid_by_the_fund_and_owed_for_the_rest(conserved: Exchange) -> None:
    """Ten calls sold at 5 for all that Alice has settle at 1,100: she owes 10,000,000."""
    conserved.do(SetFeeSchedule(0, *(0,) * 10))
    conserved.trade(BOB, ALICE, 5, 10, CALL)
    leave(conserved, ALICE, 200_000)
    conserved.do(FundInsurance(1_000_000))
    conserved.do(AdvanceTime(), at=MARKET_EXPIRY_NS)
    conserved.do(SetSettlementPrice("BTC", MARKET_EXPIRY_NS, 1_100 * 10**6))
    conserved.do(SettleExpiry("BTC", MARKET_EXPIRY_NS))
    assert_conserved(conserved)
    conserved.do(Liquidate(ALICE))
    assert (0, 8_800_000, 0) == (
        conserved.cash(ALICE),
        conserved.debt(ALICE),
        conserved.insurance(),
    )
    assert Code.ACCOUNT_IN_DEBT == conserved.refusal(Withdraw(1), ALICE)
    assert_conserved(conserved)


@pytest.mark.rule("CMD-3", "MRG-1")
def test_a_block_moves_no_value_beyond_its_band_and_its_margin(conserved: Exchange) -> None:
    """Alice sells Bob futures at 90, the end of the band: what she loses must be free."""
    leave(conserved, ALICE, 120_000 + 270 - 1)
    nonce = conserved.now_ns // 10**6 + 500
    for price, code in ((89, Code.BLOCK_OFF_MARKET), (90, Code.INSUFFICIENT_MARGIN)):
        nonce += 1
        legs = (BlockLeg(PERP, 1, price, 10),)
        assert code == conserved.refusal(ExecuteBlock(BOB, root_of(BOB), nonce, legs), ALICE)
    conserved.deposit(ALICE, 1)
    conserved.do(ExecuteBlock(BOB, root_of(BOB), nonce + 1, legs), ALICE)
    assert_conserved(conserved)


@pytest.mark.rule("MRG-1", "CMD-3")
@pytest.mark.parametrize(("price", "is_good"), [(99, True), (98, True), (97, False)])
def test_a_losing_account_gives_a_friend_no_more_than_it_is_worth(
    conserved: Exchange, price: int, is_good: bool
) -> None:
    """Ten lots at 100 with 25,000 are worth 15,000 at 99: what IM frees is not there to be lost.

    At 98 the loss is 10,000 more; at 97 20,000: 5,000 that nobody has. By a block or in the book.
    """
    conserved.do(SetFeeSchedule(0, *(0,) * 10))
    conserved.trade(ALICE, BOB, 100, 10)
    leave(conserved, ALICE, 25_000)
    conserved.mark(99)
    expected = [] if is_good else [Code.INSUFFICIENT_MARGIN]
    twin = conserved.fork()
    nonce = twin.now_ns // 10**6 + 500
    block = ExecuteBlock(BOB, root_of(BOB), nonce, (BlockLeg(PERP, 1, price, 10),))
    assert expected == codes(twin.send(block, ALICE))
    conserved.bid(BOB, price, 10, flags=OrderFlag.REDUCE_ONLY)
    assert expected == codes(conserved.sell(ALICE, price, 10, flags=OrderFlag.REDUCE_ONLY))
    assert min(twin.cash(ALICE), conserved.cash(ALICE)) >= 0
    assert_conserved(conserved)


@pytest.mark.rule("MRG-1")
def test_what_open_orders_may_lose_is_not_lost_a_second_time(conserved: Exchange) -> None:
    """Worth 15,000 at 99: one order that may lose 10,000 rests, a second one is refused."""
    conserved.do(SetFeeSchedule(0, *(0,) * 10))
    conserved.trade(ALICE, BOB, 100, 10)
    leave(conserved, ALICE, 25_000)
    conserved.mark(99)
    conserved.do(SetMarginModel("BTC", MarginRates(future_initial_e9=40_000_000)))
    assert [] == codes(conserved.sell(ALICE, 97, 5))
    assert Code.INSUFFICIENT_MARGIN == conserved.refusal(PlaceOrder(PERP, 1, 97, 5), ALICE)
    assert [] == codes(conserved.sell(ALICE, 99, 5))


# Profit promised away by orders that rest


@pytest.mark.rule("MRG-4", "MRG-1")
def test_calls_that_are_hedged_are_not_sold_to_a_friend_for_a_tick(conserved: Exchange) -> None:
    """Twenty calls worth 20 each, a future sold against each, and cash of -200,000: worth 200,000.

    The pairs need no margin, an offer of all the calls 200,000 and what it loses at the mark.
    """
    conserved.do(SetFeeSchedule(0, *(0,) * 10))
    conserved.create(C80, "BTC-20261225-80-C")
    sharpen(conserved, 100)
    conserved.do(SetPortfolioModel("BTC", MODEL))
    choose(conserved, ALICE, PORTFOLIO)
    leave(conserved, ALICE, 200_000)
    for _ in range(20):
        conserved.trade(ALICE, BOB, 20, 1, C80)
        conserved.trade(CAROL, ALICE, 100, 1)
    assert (-200_000, 20, -20) == (
        conserved.cash(ALICE),
        conserved.position(ALICE, C80)[0],
        conserved.position(ALICE)[0],
    )
    for price in (1, 10, 19):
        sale = PlaceOrder(C80, 1, price, 20)
        assert Code.INSUFFICIENT_MARGIN == conserved.refusal(sale, ALICE)
    assert [] == codes(conserved.send(PlaceOrder(C80, 1, 20, 20), ALICE))
    assert_conserved(conserved)


def _give_away(market: Exchange, price: int) -> ExecuteBlock:
    """Return the block in which Alice sells Bob her ten perpetuals at a price."""
    nonce = market.now_ns // 10**6 + 500
    return ExecuteBlock(BOB, root_of(BOB), nonce, (BlockLeg(PERP, 1, price, 100),))


@pytest.mark.rule("MRG-1", "CMD-3")
@pytest.mark.parametrize(("price", "is_good"), [(1, False), (8, False), (9, True)])
def test_value_that_an_order_gives_away_is_not_given_away_again(
    conserved: Exchange, price: int, is_good: bool
) -> None:
    """210,000, ten calls worth 50 and a loss of 110,000: worth 600,000, and short of margin.

    A sale of the perpetuals at 97 leaves 410,000. At 9 the calls lose as much, at 8 420,000; in the
    order in which they come only the second may be too much. In the book, in one batch or a block.
    """
    conserved.do(SetFeeSchedule(0, *(0,) * 10))
    conserved.do(FundInsurance(1_000_000))
    conserved.mark(50, CALL)
    conserved.trade(ALICE, BOB, 100, 100)
    conserved.trade(ALICE, CAROL, 50, 10, CALL)
    leave(conserved, ALICE, 210_000)
    conserved.send(UpdateMarkPrice(PERP, 98_900_000))
    expected = [] if is_good else [Code.INSUFFICIENT_MARGIN]
    conserved.bid(BOB, 97, 100, flags=OrderFlag.REDUCE_ONLY)
    twin = conserved.fork()
    orders = (PlaceOrder(CALL, 1, price, 10), PlaceOrder(PERP, 1, 97, 100))
    assert expected == codes(conserved.send(Batch(orders), ALICE))
    twin.do(orders[0], ALICE)
    assert expected == codes(twin.send(_give_away(twin, 97), ALICE))
    for market in (conserved, twin):
        market.buy(BOB, price, 10, CALL)
        assert market.cash(ALICE) >= 0
        assert_conserved(market)


@pytest.mark.rule("MRG-1", "AUT-3")
def test_a_profit_that_an_old_order_gives_away_does_not_leave(conserved: Exchange) -> None:
    """Twenty lots bought at 120 are offered at 99, the mark of that time: a reserve of 0.

    At 119 Alice is worth 480,000 again; 47,600 are margin, and 400,000 are Bob's to take.
    """
    conserved.do(SetFeeSchedule(0, *(0,) * 10))
    conserved.mark(120)
    conserved.trade(ALICE, BOB, 120, 20)
    leave(conserved, ALICE, 500_000)
    conserved.mark(99)
    order = conserved.ask(ALICE, 99, 20, flags=OrderFlag.REDUCE_ONLY)
    conserved.mark(119)
    assert 0 == conserved.row(order).reserve_e6
    conserved.assert_can_withdraw(ALICE, 480_000 - 47_600 - 400_000)
    conserved.do(Withdraw(32_400), ALICE)
    conserved.buy(BOB, 99, 20)
    assert 47_600 == conserved.cash(ALICE)
    assert_conserved(conserved)

"""What resting orders may lose at the mark now counts, however little they reserved: [MRG-1].

A perpetual needs 2 % of its value at the mark, and one tick of ten lots is 10,000. In PORTFOLIO a
call at 80 is worth 20 under `sharpen(100)`; ten of them need 100,000, and so do ten offered ones.
"""

import pytest

from lockstep_engine.codes import Code
from lockstep_engine.commands import (
    AmendOrder,
    Batch,
    BlockLeg,
    CancelOrder,
    ExecuteBlock,
    PlaceOrder,
    ReplaceOrder,
    SetMarginMode,
    SetPortfolioModel,
    Withdraw,
)
from lockstep_kernel import dump, load
from tests.support.exchange import ALICE, BOB, CAROL, CASH, PERP, Exchange, codes, root_of
from tests.support.margins import MODEL, PORTFOLIO, SPREAD, STANDARD, choose, hold, leave, sharpen

C80 = 50


@pytest.fixture
def calls(free: Exchange) -> Exchange:
    """No fees; Alice holds ten calls at 80 that are worth 20 each, in mode STANDARD."""
    free.create(C80, "BTC-20261225-80-C")
    sharpen(free, 100)
    free.do(SetPortfolioModel("BTC", MODEL))
    hold(free, ALICE, 10, 20, C80)
    return free


def assert_free(market: Exchange, amount_e6: int) -> None:
    """Check what Alice may withdraw, now and in a state that is loaded from a snapshot."""
    market.assert_can_withdraw(ALICE, amount_e6)
    loaded = market.fork()
    loaded.state = load(loaded.state.machine, loaded.state.genesis, dump(market.state))
    loaded.assert_can_withdraw(ALICE, amount_e6)


# A mark that moves


@pytest.mark.rule("MRG-1")
@pytest.mark.parametrize(("side", "through", "away"), [(0, 97, 103), (1, 103, 97)])
def test_a_mark_that_passes_an_order_takes_what_the_order_loses_until_it_is_back(
    free: Exchange, side: int, through: int, away: int
) -> None:
    """Ten lots at 100 lose 30,000 at a mark three ticks through."""
    free.do(PlaceOrder(PERP, side, 100, 10), ALICE)
    for mark, loss in ((100, 0), (through, 30_000), (100, 0), (away, 0), (through, 30_000)):
        free.mark(mark)
        assert_free(free, CASH - mark * 200 - loss)
    assert 0 == free.row(1).reserve_e6


@pytest.mark.rule("MRG-1", "MRG-4")
def test_the_larger_of_reserve_and_loss_counts_for_each_order(free: Exchange) -> None:
    """At 100, bids at 103 and 100 reserve 30,000 and 0; at 98 they lose 50,000 and 20,000."""
    free.bid(ALICE, 103, 10)
    free.bid(ALICE, 100, 10)
    free.bid(ALICE, 97, 10)
    assert [30_000, 0, 0] == [row.reserve_e6 for row in free.orders(ALICE)]
    for mark, aside in ((100, 30_000), (98, 50_000 + 20_000), (102, 30_000), (110, 30_000)):
        free.mark(mark)
        assert_free(free, CASH - 3 * mark * 200 - aside)


@pytest.mark.rule("MRG-1", "MRG-4")
def test_after_a_partial_fill_what_remains_loses_its_part(market: Exchange) -> None:
    """Seven lots at 101 reserve 7,354 at a mark of 100, and lose 14,000 at 99.

    Three fill: a fee of 61, a loss of 6,000 at 99. The other four reserve 4,203 and lose 8,000; at
    101 the reserve is more. Cut to three they lose 6,000 at 99.
    """
    order = market.bid(ALICE, 101, 7)
    market.mark(99)
    assert_free(market, CASH - 7 * 1_980 - 14_000)
    market.sell(BOB, 101, 3)
    assert 4_203 == market.row(order).reserve_e6
    assert_free(market, CASH - 61 - 6_000 - 7 * 1_980 - 8_000)
    market.mark(101)
    assert_free(market, CASH - 61 - 7 * 2_020 - 4_203)
    market.mark(99)
    market.do(AmendOrder(order, 101, 6), ALICE)
    assert_free(market, CASH - 61 - 6_000 - 6 * 1_980 - 6_000)
    market.sell(BOB, 101, 3)
    assert_free(market, CASH - 61 - 61 - 12_000 - 6 * 1_980)


@pytest.mark.rule("MRG-1", "BOOK-3", "BOOK-4")
@pytest.mark.parametrize("is_looked_at", [True, False])
def test_an_order_that_a_refused_change_left_in_place_loses_what_it_did(
    free: Exchange, is_looked_at: bool
) -> None:
    """A thousand lots cannot be had: the ten stay, and lose 30,000 at 97."""
    order = free.bid(ALICE, 100, 10)
    leave(free, ALICE, 100_000)
    free.mark(97)
    large = PlaceOrder(PERP, 0, 100, 1_000)
    for change in (AmendOrder(order, 100, 1_000), ReplaceOrder(order, large)):
        if is_looked_at:
            assert_free(free, 100_000 - 19_400 - 30_000)
        assert Code.INSUFFICIENT_MARGIN == free.refusal(change, ALICE)
        assert Code.INSUFFICIENT_FUNDS == free.refusal(Withdraw(50_601), ALICE)
        assert_free(free, 100_000 - 19_400 - 30_000)
    free.do(AmendOrder(order, 96, 10), ALICE)
    assert_free(free, 100_000 - 19_400)


@pytest.mark.rule("MRG-1")
@pytest.mark.parametrize("mode", [STANDARD, SPREAD])
def test_a_new_order_is_admitted_beside_what_others_lose(free: Exchange, mode: int) -> None:
    """At 97 the bid needs 19,400 and loses 30,000; one lot more needs 1,940."""
    choose(free, ALICE, mode)
    free.bid(ALICE, 100, 10)
    free.mark(97)
    leave(free, ALICE, 19_400 + 30_000 + 1_940 - 1)
    one = PlaceOrder(PERP, 0, 96, 1)
    assert Code.INSUFFICIENT_MARGIN == free.refusal(one, ALICE)
    twin = free.fork()
    twin.deposit(ALICE, 1)
    twin.do(one, ALICE)
    free.mark(98)
    free.do(one, ALICE)


@pytest.mark.rule("MRG-1", "CMD-1")
def test_within_one_command_orders_lose_what_they_are_by_then(free: Exchange) -> None:
    """A lot more is refused behind a refused amend, and accepted behind a cancel."""
    order = free.bid(ALICE, 100, 10)
    free.mark(97)
    leave(free, ALICE, 19_400 + 30_000 + 1_940 - 1)
    one = PlaceOrder(PERP, 0, 96, 1)
    refused = [Code.INSUFFICIENT_MARGIN, Code.INSUFFICIENT_MARGIN]
    amend, after = AmendOrder(order, 100, 1_000), PlaceOrder(PERP, 0, 96, 11)
    assert refused == codes(free.send(Batch((amend, one)), ALICE))
    assert [] == codes(free.send(Batch((CancelOrder(order), after)), ALICE))


@pytest.mark.rule("MRG-1", "CMD-3")
def test_a_block_is_admitted_beside_what_orders_lose(free: Exchange) -> None:
    """One lot more needs 1,940, and a fee of 30."""
    free.bid(ALICE, 100, 10)
    free.mark(97)
    leave(free, ALICE, 19_400 + 30_000 + 1_940 + 30 - 1)
    nonce = free.now_ns // 10**6 + 500
    legs = (BlockLeg(PERP, 0, 97, 1),)
    block = ExecuteBlock(BOB, root_of(BOB), nonce, legs)
    assert Code.INSUFFICIENT_MARGIN == free.refusal(block, ALICE)
    free.deposit(ALICE, 1)
    free.do(ExecuteBlock(BOB, root_of(BOB), nonce + 1, legs), ALICE)


# Options


@pytest.mark.rule("MRG-1", "MRG-4")
def test_an_option_offered_below_its_mark_binds_nothing_outside_portfolio(calls: Exchange) -> None:
    """There a long option is no collateral: what the sale gives away was never counted."""
    calls.ask(ALICE, 1, 10, C80)
    assert_free(calls, CASH - 200_000)
    sharpen(calls, 150)
    assert_free(calls, CASH - 200_000)


@pytest.mark.rule("MRG-4", "MRG-1")
@pytest.mark.parametrize(("price", "adverse"), [(1, 190_000), (19, 10_000), (20, 0), (25, 0)])
def test_an_option_offered_in_portfolio_reserves_what_it_loses_at_the_mark(
    calls: Exchange, price: int, adverse: int
) -> None:
    choose(calls, ALICE, PORTFOLIO)
    order = calls.ask(ALICE, price, 10, C80)
    assert adverse == calls.row(order).reserve_e6
    assert_free(calls, CASH - 200_000 + 200_000 - 100_000 - 100_000 - adverse)


@pytest.mark.rule("MRG-1")
def test_in_portfolio_an_offered_option_follows_its_mark(calls: Exchange) -> None:
    """Offered at 20; worth 30 at a forward of 110: ten lose 100,000, and gain as much as held.

    Ten per cent down is eleven there: ten need 110,000, and ten more sold too.
    """
    choose(calls, ALICE, PORTFOLIO)
    order = calls.ask(ALICE, 20, 10, C80)
    calls.index(110)
    sharpen(calls, 110)
    assert_free(calls, CASH - 200_000 + 300_000 - 110_000 - 110_000 - 100_000)
    assert 0 == calls.row(order).reserve_e6
    calls.buy(BOB, 20, 4, C80)
    assert_free(calls, CASH - 200_000 + 80_000 + 180_000 - 66_000 - 66_000 - 60_000)
    calls.index(100)
    sharpen(calls, 100)
    assert_free(calls, CASH - 200_000 + 80_000 + 120_000 - 60_000 - 60_000)


@pytest.mark.rule("MRG-1", "MRG-4")
def test_the_premium_of_an_option_that_is_bid_for_covers_all_it_can_lose(calls: Exchange) -> None:
    """A bid of 25 for ten reserves 250,000: 50,000 are lost at 20, 250,000 at a mark of 0."""
    choose(calls, ALICE, PORTFOLIO)
    hold(calls, ALICE, -10, 20, C80)
    calls.bid(ALICE, 25, 10, C80)
    assert_free(calls, CASH - 250_000 - 100_000)
    calls.index(70)
    sharpen(calls, 70)
    assert_free(calls, CASH - 250_000)


@pytest.mark.rule("MRG-7", "MRG-1")
def test_who_offers_options_for_less_than_they_are_worth_pays_for_it_to_enter_portfolio(
    calls: Exchange,
) -> None:
    """Ten calls for one tick: without any reserve in STANDARD, 190,000 in PORTFOLIO."""
    order = calls.ask(ALICE, 1, 10, C80)
    leave(calls, ALICE, 189_999)
    assert Code.INSUFFICIENT_MARGIN == calls.refusal(SetMarginMode(PORTFOLIO), ALICE)
    assert_free(calls, 189_999)
    calls.deposit(ALICE, 1)
    choose(calls, ALICE, PORTFOLIO)
    assert Code.INSUFFICIENT_FUNDS == calls.refusal(Withdraw(1), ALICE)
    choose(calls, ALICE, STANDARD)
    assert 0 == calls.row(order).reserve_e6
    assert_free(calls, 190_000)


@pytest.mark.rule("MRG-4", "MRG-7")
def test_a_reserve_that_was_made_in_portfolio_stays_in_other_modes(calls: Exchange) -> None:
    choose(calls, ALICE, PORTFOLIO)
    order = calls.ask(ALICE, 11, 10, C80)
    choose(calls, ALICE, STANDARD)
    assert 90_000 == calls.row(order).reserve_e6
    assert_free(calls, CASH - 200_000 - 90_000)
    assert [] == codes(calls.buy(CAROL, 11, 10, C80))
    assert_free(calls, CASH - 200_000 + 110_000)

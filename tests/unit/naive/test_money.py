"""Positions, fees, builders, margin and reserves, with the sums done by hand."""

import pytest

from lockstep_engine.codes import CashReason, Code
from lockstep_engine.commands import (
    AmendOrder,
    Deposit,
    SetFeeSchedule,
    SetFeeTier,
    Transfer,
    UpdateIndexPrice,
    UpdateMarkPrice,
    Withdraw,
)
from lockstep_engine.events import CashMoved, Trade
from lockstep_naive.margin import free_e6
from lockstep_naive.money import after_fill, treasury_of
from lockstep_naive.rows import Position
from lockstep_naive.worth import lot_value_e6
from tests.unit.naive.world import (
    BUY,
    CALL,
    FINE,
    FUTURE,
    PERP,
    PUT,
    RICH,
    SELL,
    USD,
    World,
    code_of,
    of,
    only,
)


@pytest.mark.rule("POS-1", "NUM-2")
@pytest.mark.parametrize(
    ("before", "lots", "price", "after", "realised"),
    [
        ((0, 0), 3, 10, (3, 30), 0),
        ((3, 30), 2, 20, (5, 70), 0),
        ((-3, -30), -2, 20, (-5, -70), 0),
        # 101 x 1 / 3 truncates to 33: sold at 40 it realises 7
        ((3, 101), -1, 40, (2, 68), 7),
        # -101 x 1 / 3 truncates to -33: bought back at 40 it realises -7
        ((-3, -101), 1, 40, (-2, -68), -7),
        ((3, 101), -3, 40, (0, 0), 19),
        # a flip: 3 close at 40 for 19, 2 open short at 40
        ((3, 101), -5, 40, (-2, -80), 19),
        ((-3, -101), 5, 40, (2, 80), -19),
    ],
)
def test_a_fill_adds_or_releases_cost(before, lots, price, after, realised) -> None:
    position, found = after_fill(Position((1, 1), *before), lots, price)
    assert (*after, realised) == (position.qty_lots, position.cost_e6, found)
    assert before[1] + lots * price == position.cost_e6 - found


@pytest.mark.rule("NUM-3")
@pytest.mark.parametrize(("price_e6", "expected"), [(5, 0), (15, 2), (25, 2), (35, 4), (26, 3)])
def test_a_lot_at_the_mark_is_rounded_half_even(price_e6: int, expected: int) -> None:
    tenth = World().core.instruments.must(PERP)._replace(lot_e8=10**7)
    assert expected == lot_value_e6(tenth, price_e6)


@pytest.mark.rule("POS-2", "POS-3", "FEE-1")
def test_a_future_moves_cash_by_realised_profit_and_fees() -> None:
    world = World()
    world.trade(2, 1, 100, 10)
    assert (10, 1000 * USD) == world.position(2)
    assert (-10, -1000 * USD) == world.position(1)
    # 1,000 dollars: the maker pays 2 basis points, the taker 5
    assert RICH - 200_000 == world.cash(1)
    assert RICH - 500_000 == world.cash(2)
    world.rest(1, BUY, 110, 4)
    trade = only(world.place(2, SELL, 110, 4), Trade)
    # 440 dollars: fees 0.088 and 0.22; the buyer of 4 at 100 realises 40, the seller -40
    assert (-40 * USD, 88_000) == (trade.maker.realised_e6, trade.maker.fee_e6)
    assert (40 * USD, 220_000) == (trade.taker.realised_e6, trade.taker.fee_e6)
    assert (6, 600 * USD) == (trade.taker.position_lots, trade.taker.cost_e6)
    assert RICH + 40 * USD - 720_000 == world.cash(2) == trade.taker.cash_e6
    assert 700_000 + 308_000 == treasury_of(world.core).fees_e6
    world.verify()


@pytest.mark.rule("POS-2", "FEE-1")
def test_an_option_moves_the_premium_and_its_fee_is_on_the_index() -> None:
    world = World()
    world.rest(1, SELL, 5, 10, instrument=CALL)
    trade = only(world.place(2, BUY, 5, 10, instrument=CALL), Trade)
    # notional 100 x 10 = 1,000 dollars; premium 50 dollars, whose eighth is above both fees
    assert (200_000, 500_000) == (trade.maker.fee_e6, trade.taker.fee_e6)
    assert RICH + 50 * USD - 200_000 == world.cash(1)
    assert RICH - 50 * USD - 500_000 == world.cash(2)
    assert (10, 50 * USD) == world.position(2, CALL)
    assert 100 * USD == trade.index_price_e6
    world.rest(1, BUY, 8, 10, instrument=CALL)
    trade = only(world.place(2, SELL, 8, 10, instrument=CALL), Trade)
    assert (-30 * USD, 30 * USD) == (trade.maker.realised_e6, trade.taker.realised_e6)
    assert RICH + 30 * USD - 1_000_000 == world.cash(2)
    assert (0, 0) == world.position(2, CALL)
    world.verify()


@pytest.mark.rule("FEE-1")
def test_an_option_fee_is_capped_by_the_premium() -> None:
    world = World()
    world.operate(UpdateIndexPrice("BTC", 10_000 * USD))
    world.rest(1, SELL, 5, 3, instrument=PUT)
    trade = only(world.place(2, BUY, 5, 3, instrument=PUT), Trade)
    # 5 basis points of 30,000 dollars is 15; an eighth of the premium of 15 dollars is 1.875
    assert (1_875_000, 1_875_000) == (trade.maker.fee_e6, trade.taker.fee_e6)


@pytest.mark.rule("FEE-1", "NUM-2")
def test_fees_round_up() -> None:
    world = World()
    world.rest(1, SELL, 100, 1, instrument=FINE)
    trade = only(world.place(2, BUY, 100, 1, instrument=FINE), Trade)
    assert (1, 1) == (trade.maker.fee_e6, trade.taker.fee_e6)


def tiers(world: World, maker: tuple[int, ...], taker: tuple[int, ...]) -> None:
    """Give account 1 and 2 their own (maker rate, taker rate, builder share)."""
    for account, (maker_e9, taker_e9, share) in ((1, maker), (2, taker)):
        world.operate(SetFeeSchedule(account, maker_e9, taker_e9, 0, 0, 0, share))
        world.operate(SetFeeTier(account, account))


@pytest.mark.rule("FEE-1", "EVT-3", "EVT-1")
def test_builders_get_their_share_after_both_sides_settled() -> None:
    world = World()
    tiers(world, (200_000, 0, 2_500), (0, 500_000, 3_333))
    world.rest(1, SELL, 100, 10, builder=3)
    events = world.place(2, BUY, 100, 10, builder=2)
    # shares of 200,000 and 500,000: 50,000 and 166,650
    trade = only(events, Trade)
    assert (50_000, 166_650) == (trade.maker.builder_fee_e6, trade.taker.builder_fee_e6)
    assert RICH - 500_000 == trade.taker.cash_e6
    assert [
        CashMoved(3, CashReason.BUILDER_FEE, 50_000, RICH + 50_000),
        CashMoved(2, CashReason.BUILDER_FEE, 166_650, RICH - 500_000 + 166_650),
    ] == of(events, CashMoved)
    assert 700_000 - 216_650 == treasury_of(world.core).fees_e6
    world.verify()


@pytest.mark.rule("FEE-1", "EVT-1")
@pytest.mark.parametrize(
    ("maker", "taker", "fees", "builder"),
    [
        # a rebate of 100,000 is less than the taker's 500,000
        ((-100_000, 0, 0), (0, 500_000, 0), (-100_000, 500_000), 0),
        # it is at most the taker's fee of 50,000 ...
        ((-100_000, 0, 0), (0, 50_000, 0), (-50_000, 50_000), 0),
        # ... less what the builder gets of it
        ((-100_000, 0, 9_000), (0, 50_000, 6_000), (-20_000, 50_000), 30_000),
        ((0, 0, 0), (0, -100_000, 0), (0, 0), 0),
        ((300_000, 0, 0), (0, -100_000, 5_000), (300_000, -100_000), 0),
        ((-300_000, 0, 0), (0, -100_000, 0), (0, 0), 0),
    ],
)
def test_a_rebate_is_paid_from_the_other_sides_fee(maker, taker, fees, builder) -> None:
    world = World()
    tiers(world, maker, taker)
    world.rest(1, SELL, 100, 10, builder=0)
    events = world.place(2, BUY, 100, 10, builder=3)
    trade = only(events, Trade)
    assert fees == (trade.maker.fee_e6, trade.taker.fee_e6)
    assert [builder] * bool(builder) == [event.amount_e6 for event in of(events, CashMoved)]
    assert sum(fees) - builder == treasury_of(world.core).fees_e6
    world.verify()


@pytest.mark.rule("FEE-1", "NUM-2")
def test_rebates_round_down() -> None:
    world = World()
    tiers(world, (-15_000_000, 0, 0), (0, 50_000_000, 0))
    world.rest(1, SELL, 100, 1, instrument=FINE)
    trade = only(world.place(2, BUY, 100, 1, instrument=FINE), Trade)
    # 1.5 millionths of a dollar and 5
    assert (-1, 5) == (trade.maker.fee_e6, trade.taker.fee_e6)


@pytest.mark.rule("MRG-1", "MRG-2", "MRG-4")
@pytest.mark.parametrize(
    ("instrument", "side", "price", "needed"),
    [
        # 10 lots at 100: fee 0.5; 2 % of 1,000
        (PERP, BUY, 100, 20_500_000),
        (FUTURE, SELL, 100, 20_500_000),
        # bought at 105: fee 0.525, loss 50 at once
        (PERP, BUY, 105, 70_525_000),
        # bought at 99: fee 0.495, and the gain of 10 does not count
        (PERP, BUY, 99, 20_495_000),
        (PERP, SELL, 95, 70_475_000),
        # fee 0.5 on the index, premium 50, no margin for a long
        (CALL, BUY, 5, 50_500_000),
        # fee 0.5; a short option 15 % of the index and its mark of 100
        (CALL, SELL, 5, 1_150_500_000),
        (PUT, SELL, 5, 1_150_500_000),
    ],
)
def test_an_order_passes_iff_free_covers_reserve_and_margin(
    instrument: int, side: int, price: int, needed: int
) -> None:
    world = World()
    world.leave(1, needed - 1)
    assert Code.INSUFFICIENT_MARGIN == world.refused(1, side, price, 10, instrument=instrument)
    world.operate(Deposit(1, 1))
    world.rest(1, side, price, 10, instrument=instrument)
    assert 0 == free_e6(world.core, 1)


@pytest.mark.rule("MRG-4")
def test_open_margin_counts_the_worse_side_only() -> None:
    world = World()
    free = free_e6(world.core, 1)
    world.rest(1, BUY, 90, 10)
    world.rest(1, SELL, 110, 15)
    # fees 0.45 and 0.825; 15 short lots need 30
    assert free - 450_000 - 825_000 - 30 * USD == free_e6(world.core, 1)
    world.trade(1, 2, 100, 10)
    # long 10 is now the start: 20 long need 40, 5 short need 10; the fee paid was 0.5
    assert free - 450_000 - 825_000 - 500_000 - 40 * USD == free_e6(world.core, 1)


@pytest.mark.rule("MRG-4")
def test_a_reserve_is_released_as_the_remaining_falls() -> None:
    world = World()
    # bought at 101 of mark 100: 3 lots lose 3 dollars, fee 303 x 5 bps = 0.1515
    order_id = world.rest(1, BUY, 101, 3)
    reserves = [world.core.orders.must(order_id).reserve_e6]
    for _ in range(2):
        world.rest(2, SELL, 101, 1, tif=2)
        reserves.append(world.core.orders.must(order_id).reserve_e6)
    assert [3_151_500, 2_101_000, 1_050_500] == reserves
    world.rest(2, SELL, 101, 1, tif=2)
    assert world.order(order_id) is None


@pytest.mark.rule("MRG-4")
def test_a_release_rounds_down_and_the_last_lot_takes_the_rest() -> None:
    world = World()
    order_id = world.rest(1, BUY, 100, 7, instrument=FINE)
    assert 1 == world.core.orders.must(order_id).reserve_e6
    world.do(1, AmendOrder(order_id, 100, 1))
    assert 1 == world.core.orders.must(order_id).reserve_e6


@pytest.mark.rule("MRG-4")
def test_a_takers_reserve_is_released_fill_by_fill() -> None:
    world = World()
    world.rest(2, SELL, 101, 1)
    order_id = world.rest(1, BUY, 101, 3)
    assert 2_101_000 == world.core.orders.must(order_id).reserve_e6


@pytest.mark.rule("MRG-4")
def test_a_taker_rebate_reserves_no_fee() -> None:
    world = World()
    tiers(world, (0, -100, 0), (0, 0, 0))
    order_id = world.rest(1, BUY, 100, 10)
    assert 0 == world.core.orders.must(order_id).reserve_e6


@pytest.mark.rule("MRG-1")
def test_an_order_that_improves_the_account_passes_under_water() -> None:
    world = World()
    world.leave(1, 21 * USD)
    world.trade(1, 2, 100, 10)
    world.operate(UpdateMarkPrice(PERP, 90 * USD))
    # cash 20.5, loss 100, margin 18
    assert 20_500_000 - 100 * USD - 18 * USD == free_e6(world.core, 1)
    assert Code.INSUFFICIENT_MARGIN == world.refused(1, BUY, 90, 1)
    # selling 10 at 88 loses 20 and the fee to the mark and frees only 18; at 90 only the fee
    assert Code.INSUFFICIENT_MARGIN == world.refused(1, SELL, 88, 10)
    world.rest(1, SELL, 90, 10)


@pytest.mark.rule("MRG-1")
def test_without_cash_no_order_that_opens_passes_however_good_its_price() -> None:
    world = World()
    world.leave(1, 0)
    # at 97 a fill would gain 30 against 20 of margin, but not if the mark falls before it fills
    assert Code.INSUFFICIENT_MARGIN == world.refused(1, BUY, 97, 10)


@pytest.mark.rule("AUT-3")
def test_profit_that_is_not_realised_never_leaves() -> None:
    world = World()
    world.trade(1, 2, 100, 10)
    world.operate(UpdateMarkPrice(PERP, 200 * USD))
    cash = world.cash(1)
    assert cash < free_e6(world.core, 1)
    assert Code.INSUFFICIENT_FUNDS == code_of(world.do(1, Withdraw(cash + 1)))
    assert [CashMoved(1, CashReason.WITHDRAWAL, -cash, 0)] == world.do(1, Withdraw(cash))
    # the other side lost 1,000 and needs 40 of margin
    free = world.cash(2) - 1_000 * USD - 40 * USD
    assert Code.INSUFFICIENT_FUNDS == code_of(world.do(2, Withdraw(free + 1)))
    assert 1 == len(world.do(2, Withdraw(free)))
    world.verify()


@pytest.mark.rule("AUT-3")
def test_a_transfer_is_two_movements() -> None:
    world = World()
    for to_account in (1, 9, 0):
        assert Code.UNKNOWN_ACCOUNT == code_of(world.do(1, Transfer(to_account, 0)))
    assert Code.AMOUNT_NOT_POSITIVE == code_of(world.do(1, Transfer(2, 0)))
    assert Code.INSUFFICIENT_FUNDS == code_of(world.do(1, Transfer(2, RICH + 1)))
    assert [
        CashMoved(1, CashReason.TRANSFER_OUT, -RICH, 0),
        CashMoved(2, CashReason.TRANSFER_IN, RICH, 2 * RICH),
    ] == world.do(1, Transfer(2, RICH))
    world.verify()


@pytest.mark.rule("MRG-6")
def test_free_is_what_the_account_has_alone() -> None:
    world = World()
    before = free_e6(world.core, 1)
    world.trade(3, 2, 100, 10)
    world.rest(2, BUY, 90, 5)
    assert before == free_e6(world.core, 1)

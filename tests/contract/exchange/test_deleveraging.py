"""Auto-deleveraging ([LIQ-2]): who takes what no book took, at which price, and what is left.

Trading is free here.
"""

from unittest.mock import ANY

import pytest
from msgspec.structs import replace

from lockstep_engine.codes import (
    CancelReason,
    CashReason,
    OrderFlag,
)
from lockstep_engine.commands import (
    AdvanceTime,
    FundInsurance,
    SetPortfolioModel,
    SetSettlementPrice,
    SettleExpiry,
)
from lockstep_engine.events import (
    AutoDeleveraged,
    CashMoved,
    LiquidationEnded,
    LiquidationStarted,
    OrderCancelled,
)
from lockstep_kernel import dump, load
from tests.contract.exchange.liquidations import charge_nothing, ended, liquidate, sold_to
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    CASH,
    DAVE,
    ERIN,
    ETH_PERP,
    FUTURE,
    MARKET_EXPIRY_NS,
    PERP,
    Exchange,
    names,
    of,
)
from tests.support.margins import MODEL, PORTFOLIO, choose, leave


@pytest.mark.rule("LIQ-2")
def test_counterparties_go_by_profit_times_value_over_collateral_then_by_account(
    free: Exchange,
) -> None:
    """At 97 Bob has 50,000 profit on 2 x 10^9, Carol and Dave 30,000 on 10^9 each.

    Alice is 15 lots long at 1,520,000 with 50,000 cash: 15,000 short, so a lot goes for 98,000.
    """
    free.trade(ALICE, BOB, 102, 10)
    free.trade(ALICE, CAROL, 100, 5)
    free.trade(ERIN, CAROL, 100, 5)
    free.trade(ERIN, DAVE, 100, 10)
    leave(free, ALICE, 50_000)
    free.mark(97)
    events = of(liquidate(free), AutoDeleveraged)
    assert [(CAROL, 10, 98_000), (DAVE, 5, 98_000)] == [
        (event.counterparty.account, event.qty_lots, event.lot_e6) for event in events
    ]
    assert 0 == free.cash(ALICE)


@pytest.mark.rule("LIQ-2")
def test_the_leverage_of_a_counterparty_is_over_its_collateral_not_its_cash(
    free: Exchange,
) -> None:
    """Carol has a million less in cash than Dave, and five million more in another perpetual."""
    for account in (CAROL, DAVE):
        free.trade(ALICE, account, 100, 10)
    free.trade(CAROL, BOB, 100, 100, ETH_PERP)
    leave(free, CAROL, CASH - 1_000_000)
    free.mark(150, ETH_PERP)
    leave(free, ALICE, 55_000)
    free.mark(98)
    events = of(liquidate(free), AutoDeleveraged)
    assert [DAVE, CAROL] == [event.counterparty.account for event in events]


@pytest.mark.rule("LIQ-2")
def test_a_short_position_is_deleveraged_at_a_price_rounded_down(free: Exchange) -> None:
    """70 lots short at 100 with 150,001: at 102 there are 10,001, or 142.87 a lot: 102,142."""
    free.trade(BOB, ALICE, 100, 70)
    leave(free, ALICE, 150_001)
    free.mark(102)
    events = liquidate(free)
    assert [(BOB, 70, 0, 102_142)] == [
        (event.counterparty.account, event.qty_lots, event.side, event.lot_e6)
        for event in of(events, AutoDeleveraged)
    ]
    assert 150_001 - 70 * 2_142 == free.cash(ALICE) == 61


@pytest.mark.rule("LIQ-2")
def test_each_position_takes_its_share_of_what_the_account_is_worth(free: Exchange) -> None:
    """Perpetual MM 98,000, future MM 49,500; 50,001 are shared 33,221 and 16,780.

    50,001 x 98,000 // 147,500 = 33,221: 98,000 - 332.21, rounded up, 97,668, which gives back 21.
    The future then takes all of the 16,801 that are left: 99,000 - 336.02, so 98,664 a lot.
    """
    free.trade(ALICE, BOB, 100, 100)
    free.trade(ALICE, BOB, 100, 50, FUTURE)
    leave(free, ALICE, 300_001)
    free.mark(98)
    free.mark(99, FUTURE)
    events = of(liquidate(free), AutoDeleveraged)
    assert [(PERP, 97_668), (FUTURE, 98_664)] == [(e.instrument, e.lot_e6) for e in events]
    assert 1 == free.cash(ALICE)


@pytest.mark.rule("LIQ-2")
def test_what_is_no_collateral_is_not_lost_through_another_position(free: Exchange) -> None:
    """100 long calls are worth 500,000; ten perpetuals at 98 leave 5,000 against MM 9,800.

    They go for 980,000 - 4,999, rounded up by the lot: 97,501. The calls' own share, which weighs
    1 against 9,800, is not asked for: nothing is left that needs margin, and they stay.
    """
    charge_nothing(free)
    free.trade(ALICE, BOB, 5, 100, CALL)
    free.trade(ALICE, BOB, 100, 10)
    leave(free, ALICE, 25_000)
    free.mark(98)
    events = liquidate(free)
    (event,) = of(events, AutoDeleveraged)
    assert (PERP, 10, 97_501) == (event.instrument, event.qty_lots, event.lot_e6)
    assert 100 == free.position(ALICE, CALL)[0]
    assert LiquidationEnded(ALICE, 10, 0, 0, 0, 0) == ended(events)


@pytest.mark.rule("LIQ-2")
def test_without_collateral_but_with_value_positions_go_at_their_marks(free: Exchange) -> None:
    """At 97 the perpetuals leave -5,000; with the calls the account is worth 495,000.

    To end with enough one of the calls' lots must go as well, and all of them do.
    """
    charge_nothing(free)
    free.trade(ALICE, BOB, 5, 100, CALL)
    free.trade(ALICE, BOB, 100, 10)
    leave(free, ALICE, 25_000)
    free.mark(97)
    events = of(liquidate(free), AutoDeleveraged)
    assert [(PERP, 97_000), (CALL, 5_000)] == [(e.instrument, e.lot_e6) for e in events]
    assert 495_000 == free.cash(ALICE)


@pytest.mark.rule("LIQ-2")
def test_what_one_position_cannot_take_the_next_takes(free: Exchange) -> None:
    """Short ten calls worth 50,000 (MM 125,000), long 100 perpetuals at 92 (MM 92,000).

    500,000 - 800,000 - 50,000 is -350,000, of which the calls would have to bear 201,613; but Bob
    bought them at their mark and won nothing. They go at 5, and the perpetuals bear all: 95,500.
    """
    free.trade(BOB, ALICE, 5, 10, CALL)
    free.trade(ALICE, BOB, 100, 100)
    leave(free, ALICE, 500_000)
    free.mark(92)
    events = of(liquidate(free), AutoDeleveraged)
    assert [(CALL, 5_000), (PERP, 95_500)] == [(e.instrument, e.lot_e6) for e in events]
    assert 0 == free.cash(ALICE)


@pytest.mark.rule("LIQ-2")
def test_a_price_never_falls_below_nothing(free: Exchange) -> None:
    """A model that asks for all of the value and a tenth: 1,100,000 for ten perpetuals at 100.

    1,050,000 are less, and all of them would be lost on what is worth 1,000,000.
    """
    free.do(SetPortfolioModel("BTC", MODEL))
    choose(free, ALICE, PORTFOLIO)
    free.trade(ALICE, BOB, 100, 10)
    leave(free, ALICE, 1_050_000)
    dear = replace(MODEL, future_maintenance_e9=10**9, maintenance_factor_e9=10**9)
    free.do(SetPortfolioModel("BTC", replace(dear, maintenance_ratio_e9=0)))
    events = liquidate(free)
    assert LiquidationStarted(ALICE, 1_050_000, ANY, 1_100_000) == events[0]
    assert [0] == [event.lot_e6 for event in of(events, AutoDeleveraged)]
    assert 50_000 == free.cash(ALICE)


@pytest.mark.rule("LIQ-2", "POS-3")
@pytest.mark.parametrize(("fund", "debt"), [(100_000, 4_690_000), (10**9, 0)])
def test_who_won_nothing_pays_nothing_for_a_gap(free: Exchange, fund: int, debt: int) -> None:
    """100 lots bought at 100 with 210,000 lose 5,000,000 at 50. Who won that has gone by then.

    Carol sold at 50, the mark, and buys there; 4,790,000 are the fund's, and then debt.
    """
    charge_nothing(free)
    free.do(FundInsurance(fund))
    free.trade(ALICE, ERIN, 100, 100)
    leave(free, ALICE, 210_000)
    free.mark(50)
    free.trade(ERIN, CAROL, 50, 100)
    carol = free.cash(CAROL)
    events = liquidate(free)
    assert [(CAROL, 50_000)] == sold_to(events)
    assert carol == free.cash(CAROL)
    paid = 4_790_000 - debt
    moved = [
        CashMoved(ALICE, CashReason.INSURANCE, paid, -debt),
        CashMoved(ALICE, CashReason.DEBT, debt, 0),
    ]
    assert [event for event in moved if event.amount_e6] == of(events, CashMoved)
    assert LiquidationEnded(ALICE, 0, 0, 0, fund - paid, debt) == ended(events)


@pytest.mark.rule("LIQ-2")
def test_a_winner_gives_up_all_it_won_and_no_more(free: Exchange) -> None:
    """One lot is left of 101 at 96, and 250,000 - 404,000: Dave would have to buy it for 250.

    He sold it at 100, so he won 4,000 by it; they go, and the fund has the other 150,000.
    """
    charge_nothing(free)
    free.do(FundInsurance(10**6))
    free.trade(ALICE, ERIN, 100, 100)
    free.trade(ALICE, DAVE, 100, 1)
    leave(free, ALICE, 250_000)
    free.mark(96)
    free.bid(ERIN, 96, 100, flags=OrderFlag.REDUCE_ONLY)
    dave = free.cash(DAVE)
    events = liquidate(free)
    assert [(DAVE, 100_000)] == sold_to(events)
    assert dave == free.cash(DAVE)
    assert LiquidationEnded(ALICE, 0, 0, 0, 850_000, 0) == ended(events)


@pytest.mark.rule("LIQ-2")
def test_a_hole_of_one_instrument_is_not_paid_by_the_winners_of_none(free: Exchange) -> None:
    """Ten calls at 100 settle at 200 and leave 210,000 - 1,000,000.

    Dave is short one lot of another underlying at its mark: it goes there.
    """
    charge_nothing(free)
    free.do(FundInsurance(10**6))
    free.trade(ERIN, ALICE, 5, 10, CALL)
    free.trade(ALICE, DAVE, 100, 1, ETH_PERP)
    leave(free, ALICE, 210_000)
    free.do(AdvanceTime(), at=MARKET_EXPIRY_NS)
    free.do(SetSettlementPrice("BTC", MARKET_EXPIRY_NS, 200 * 10**6))
    free.do(SettleExpiry("BTC", MARKET_EXPIRY_NS))
    events = liquidate(free)
    assert [(DAVE, 100_000)] == sold_to(events)
    assert LiquidationEnded(ALICE, 0, 0, 0, 210_000, 0) == ended(events)


@pytest.mark.rule("LIQ-2", "NUM-2")
@pytest.mark.parametrize(
    ("entries", "mark", "price"),
    [
        ((97, 97, 98), 96, 97_333),  # 292,000 for three lots, rounded down
        ((95, 95, 94), 96, 96_000),  # lost, so no worse than the mark
    ],
)
def test_each_short_buys_at_its_own_entry_or_the_mark(
    free: Exchange, entries: tuple[int, ...], mark: int, price: int
) -> None:
    """13 lots bought at 200 with 100,000: they have to go for 2,500,000 / 13, rounded up, a lot.

    Dave sold ten of them at 200 and can bear that; Carol has three of other prices, and cannot.
    """
    free.mark(200)
    free.trade(ALICE, DAVE, 200, 10)
    free.trade(ALICE, BOB, 200, 3)
    leave(free, ALICE, 100_000)
    free.mark(mark)
    for entry in entries:
        free.trade(BOB, CAROL, entry, 1)
    assert [(DAVE, 192_308), (CAROL, price)] == sold_to(liquidate(free))


@pytest.mark.rule("LIQ-2", "NUM-2")
@pytest.mark.parametrize(
    ("entries", "mark", "price"),
    [
        ((103, 103, 102), 104, 102_667),  # 308,000 for three lots, rounded up
        ((105, 105, 106), 104, 104_000),
    ],
)
def test_each_long_sells_at_its_own_entry_or_the_mark(
    free: Exchange, entries: tuple[int, ...], mark: int, price: int
) -> None:
    """The same upwards: 13 lots sold at 50 have to go for 750,000 / 13, rounded down, a lot."""
    free.mark(50)
    free.trade(DAVE, ALICE, 50, 10)
    free.trade(BOB, ALICE, 50, 3)
    leave(free, ALICE, 100_000)
    free.mark(mark)
    for entry in entries:
        free.trade(CAROL, BOB, entry, 1)
    assert [(DAVE, 57_692), (CAROL, price)] == sold_to(liquidate(free))


@pytest.mark.rule("LIQ-2")
def test_a_restored_machine_deleverages_at_the_same_prices(free: Exchange) -> None:
    free.mark(200)
    free.trade(ALICE, DAVE, 200, 10)
    free.trade(ALICE, CAROL, 200, 3)
    leave(free, ALICE, 100_000)
    free.mark(97)
    free.trade(CAROL, BOB, 97, 3)
    free.trade(BOB, CAROL, 98, 3)
    twin = free.fork()
    twin.state = load(twin.state.machine, twin.state.genesis, dump(twin.state))
    events = liquidate(free)
    assert [(DAVE, 192_308), (CAROL, 98_000)] == sold_to(events)
    assert events == liquidate(twin)


@pytest.mark.rule("LIQ-2", "ORD-4")
def test_a_deleveraged_account_loses_what_its_reduce_only_orders_no_longer_close(
    sinking: Exchange,
) -> None:
    order_id = sinking.bid(BOB, 90, 60, flags=OrderFlag.REDUCE_ONLY)
    sinking.trade(BOB, DAVE, 98, 50)
    events = liquidate(sinking)
    (cancelled,) = of(events, OrderCancelled)
    assert (order_id, CancelReason.REDUCE_ONLY) == (cancelled.order_id, cancelled.reason)
    kinds = names(events)
    assert kinds.index("OrderCancelled") > kinds.index("AutoDeleveraged")


@pytest.mark.rule("LIQ-2", "MRG-1")
def test_orders_of_a_deleveraged_account_go_newest_first_while_its_free_is_below_nothing(
    free: Exchange,
) -> None:
    """Dave offers 100 calls that he holds. At 13 Alice needs 2,050,000 for them and has 2,000,000.

    So he gets 20 a lot, and 2,002,000 in all. A call sold needs 15 and the mark, 28,000, and his
    bid for a perpetual 2,000: for 75 calls that is too much, for 40 it is not.
    """
    charge_nothing(free)
    free.trade(DAVE, ALICE, 5, 100, CALL)
    leave(free, DAVE, 2_000)
    leave(free, ALICE, 2_000_000)
    covered = free.ask(DAVE, 20, 40, CALL)
    first = free.ask(DAVE, 21, 35, CALL)
    newest = free.ask(DAVE, 20, 25, CALL)
    other = free.bid(DAVE, 90, 1)
    free.mark(13, CALL)
    events = liquidate(free)
    assert [(DAVE, 20_000)] == sold_to(events)
    assert [
        (newest, CancelReason.MARGIN),
        (first, CancelReason.MARGIN),
    ] == [(e.order_id, e.reason) for e in of(events, OrderCancelled)]
    assert [covered, other] == [row.order_id for row in free.orders(DAVE)]

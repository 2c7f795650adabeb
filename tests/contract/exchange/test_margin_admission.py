"""Which orders the margin admits: [MRG-1].

Standard market: a lot at the mark of 100 is worth 100,000 and needs 2,000 of initial margin; a
short option at 5 needs 20,000.
"""

import pytest

from lockstep_engine.codes import Code, OrderFlag, TimeInForce
from lockstep_engine.commands import (
    PlaceOrder,
    Withdraw,
)
from tests.support.exchange import (
    ALICE,
    CALL,
    CAROL,
    CASH,
    FUTURE,
    PERP,
    PUT,
    Exchange,
    codes,
)
from tests.support.margins import assert_needs, hold, leave

BUY, SELL = 0, 1
IOC = TimeInForce.IOC


@pytest.mark.rule("MRG-1", "MRG-4")
@pytest.mark.parametrize(
    ("order", "amount"),
    [
        (PlaceOrder(PERP, BUY, 100, 10), 20_000 + 500),
        (PlaceOrder(PERP, SELL, 100, 10), 20_000 + 500),
        (PlaceOrder(PERP, BUY, 103, 10), 20_000 + 515 + 30_000),
        (PlaceOrder(PERP, SELL, 97, 10), 20_000 + 485 + 30_000),
        (PlaceOrder(CALL, BUY, 5, 10), 50_000 + 500),
        (PlaceOrder(PUT, BUY, 5, 10), 50_000 + 500),
        (PlaceOrder(CALL, SELL, 5, 10), 200_000 + 500),
        (PlaceOrder(PUT, SELL, 5, 10), 200_000 + 500),
        (PlaceOrder(PERP, BUY, 100, 10, tif=IOC), 20_500),
    ],
)
def test_an_order_passes_with_exactly_the_money_it_needs(
    market: Exchange, order: PlaceOrder, amount: int
) -> None:
    assert_needs(market, order, amount)


@pytest.mark.rule("MRG-1", "MRG-4")
@pytest.mark.parametrize(
    ("before", "side", "qty", "margin_lots"),
    [
        ((0, 5, 0), BUY, 3, 3),
        ((0, 5, 8), BUY, 4, 1),
        ((0, 8, 5), SELL, 4, 1),
        ((0, 5, 8), SELL, 4, 4),
        ((10, 0, 25), BUY, 7, 2),
        ((10, 0, 25), SELL, 3, 3),
        ((10, 7, 0), SELL, 30, 3),
        ((-10, 25, 0), SELL, 7, 2),
        ((-10, 25, 0), BUY, 3, 3),
        ((-10, 0, 7), BUY, 30, 3),
    ],
)
def test_an_order_needs_what_it_adds_to_the_worse_side(
    free: Exchange, before: tuple[int, int, int], side: int, qty: int, margin_lots: int
) -> None:
    """With a position, bids and offers; nothing but the margin of the lots that it adds."""
    position, buys, sells = before
    if position:
        hold(free, ALICE, position, 100)
    if buys:
        free.bid(ALICE, 90, buys)
    if sells:
        free.ask(ALICE, 110, sells)
    held_lots = max(abs(position + buys), abs(position - sells))
    order = PlaceOrder(PERP, side, 100, qty)
    poor = free.fork()
    leave(poor, ALICE, (held_lots + margin_lots) * 2_000 - 1)
    assert Code.INSUFFICIENT_MARGIN == poor.refusal(order, ALICE)
    leave(free, ALICE, (held_lots + margin_lots) * 2_000)
    assert [] == codes(free.send(order, ALICE))


@pytest.mark.rule("MRG-1")
def test_orders_in_other_instruments_count(market: Exchange) -> None:
    leave(market, CAROL, 41_000)
    market.do(PlaceOrder(FUTURE, BUY, 100, 10), CAROL)
    assert Code.INSUFFICIENT_MARGIN == market.refusal(PlaceOrder(PERP, BUY, 100, 11), CAROL)
    assert [] == codes(market.send(PlaceOrder(PERP, BUY, 100, 10), CAROL))
    market.assert_can_withdraw(CAROL, 0)


@pytest.mark.rule("MRG-1", "MRG-4")
def test_an_order_on_the_other_side_needs_only_its_reserve(market: Exchange) -> None:
    """Ten lots either way need the margin of ten; the sale at 101 has a fee of 505."""
    market.do(PlaceOrder(PERP, BUY, 99, 10), CAROL)
    leave(market, CAROL, 20_000 + 495 + 505)
    eleven = PlaceOrder(PERP, SELL, 101, 11)
    assert Code.INSUFFICIENT_MARGIN == market.refusal(eleven, CAROL)
    assert [] == codes(market.send(PlaceOrder(PERP, SELL, 101, 10), CAROL))


@pytest.mark.rule("MRG-1")
def test_unrealised_profit_carries_orders(free: Exchange) -> None:
    """Ten lots long from 100 at a mark of 200: 1,000,000 of profit; 4,000 of margin a lot."""
    hold(free, ALICE, 10, 100)
    free.mark(200)
    free.do(Withdraw(CASH), ALICE)
    order = PlaceOrder(PERP, BUY, 200, 241)
    assert Code.INSUFFICIENT_MARGIN == free.refusal(order, ALICE)
    assert [] == codes(free.send(PlaceOrder(PERP, BUY, 200, 240), ALICE))


@pytest.mark.rule("MRG-1")
@pytest.mark.parametrize(("side", "price"), [(BUY, 50), (BUY, 90), (SELL, 110), (SELL, 5_000)])
def test_an_order_that_opens_needs_money_at_any_price(
    market: Exchange, side: int, price: int
) -> None:
    """Filled at its price it would gain more than its margin, but the mark may have moved then."""
    leave(market, CAROL, 2_000)
    order = PlaceOrder(PERP, side, price, 1)
    assert Code.INSUFFICIENT_MARGIN == market.refusal(order, CAROL)


def under_water(market: Exchange, signed_lots: int, mark: int) -> None:
    """Alice holds a position from 100 with little cash when the mark turns against her."""
    hold(market, ALICE, signed_lots, 100)
    leave(market, ALICE, 30_000)
    market.mark(mark)


@pytest.mark.rule("MRG-1")
@pytest.mark.parametrize(
    ("signed_lots", "mark", "good", "bad"),
    [(10, 50, (50, 60, 500), (49, 1)), (-10, 150, (150, 149, 50), (151, 152, 153, 200))],
)
def test_under_water_a_reducing_order_passes_if_it_does_not_lower_collateral_less_margin(
    *,
    market: Exchange,
    signed_lots: int,
    mark: int,
    good: tuple[int, ...],
    bad: tuple[int, ...],
) -> None:
    """Closing 10 lots at the mark of 50 frees 10,000 and costs 250; at 49 it loses 10,000 more.

    At 150 closing frees 30,000 and costs 750; at 151 it loses 10,000 that Alice does not have.
    """
    under_water(market, signed_lots, mark)
    side = SELL if signed_lots > 0 else BUY
    for price in bad:
        order = PlaceOrder(PERP, side, price, 10)
        assert Code.INSUFFICIENT_MARGIN == market.refusal(order, ALICE)
    for price in good:
        assert [] == codes(market.fork().send(PlaceOrder(PERP, side, price, 10), ALICE))


@pytest.mark.rule("MRG-1")
def test_under_water_an_increasing_order_is_refused(market: Exchange) -> None:
    under_water(market, 10, 50)
    assert Code.INSUFFICIENT_MARGIN == market.refusal(PlaceOrder(PERP, BUY, 50, 1), ALICE)
    assert Code.INSUFFICIENT_MARGIN == market.refusal(PlaceOrder(PERP, BUY, 1, 1), ALICE)
    assert Code.INSUFFICIENT_MARGIN == market.refusal(PlaceOrder(CALL, BUY, 1, 1), ALICE)


@pytest.mark.rule("MRG-1", "ORD-6")
def test_under_water_an_order_that_could_turn_the_position_is_refused(market: Exchange) -> None:
    """Alone 10 lots reduce and 11 do not; behind 3 lots on the same side 7 do and 8 do not."""
    under_water(market, 10, 50)
    eleven = PlaceOrder(PERP, SELL, 60, 11)
    assert Code.INSUFFICIENT_MARGIN == market.refusal(eleven, ALICE)
    assert [] == codes(market.send(PlaceOrder(PERP, SELL, 60, 3), ALICE))
    eight = PlaceOrder(PERP, SELL, 60, 8)
    assert Code.INSUFFICIENT_MARGIN == market.refusal(eight, ALICE)
    assert [] == codes(market.send(PlaceOrder(PERP, SELL, 60, 7), ALICE))


@pytest.mark.rule("MRG-1", "ORD-5")
def test_under_water_a_reduce_only_order_is_judged_by_its_size_after_the_cut(
    market: Exchange,
) -> None:
    under_water(market, 10, 50)
    reduce_only = OrderFlag.REDUCE_ONLY
    assert [] == codes(market.send(PlaceOrder(PERP, SELL, 50, 500, flags=reduce_only), ALICE))
    assert 10 == market.orders(ALICE)[0].qty_lots


@pytest.mark.rule("MRG-1")
@pytest.mark.parametrize(("price", "expected"), [(7, []), (8, [Code.INSUFFICIENT_MARGIN])])
def test_under_water_a_short_put_is_bought_back_for_no_more_than_there_is(
    free: Exchange, price: int, expected: list[Code]
) -> None:
    """At 85 there are 220,000 - 150,000, and the puts' mark of 50,000 is owed: 7 ticks at most."""
    hold(free, ALICE, 10, 100, PERP)
    hold(free, ALICE, -10, 5, PUT)
    leave(free, ALICE, 220_000)
    free.mark(85)
    assert expected == codes(free.send(PlaceOrder(PUT, BUY, price, 10), ALICE))


@pytest.mark.rule("MRG-1", "FEE-1")
@pytest.mark.parametrize(("price", "expected"), [(6, []), (7, [Code.INSUFFICIENT_MARGIN])])
def test_the_fee_counts_against_buying_back(
    market: Exchange, price: int, expected: list[Code]
) -> None:
    """With a fee of 500 a price of 7 is too much, and 6 leaves 9,500."""
    hold(market, ALICE, 10, 100, PERP)
    hold(market, ALICE, -10, 5, PUT)
    leave(market, ALICE, 220_000)
    market.mark(85)
    assert expected == codes(market.send(PlaceOrder(PUT, BUY, price, 10), ALICE))


@pytest.mark.rule("MRG-1")
def test_under_water_a_long_option_may_be_sold(free: Exchange) -> None:
    hold(free, ALICE, 10, 100, PERP)
    hold(free, ALICE, 10, 5, CALL)
    leave(free, ALICE, 20_000)
    free.mark(60)
    assert Code.INSUFFICIENT_MARGIN == free.refusal(PlaceOrder(CALL, SELL, 1, 11), ALICE)
    assert Code.INSUFFICIENT_MARGIN == free.refusal(PlaceOrder(CALL, SELL, 4, 10), ALICE)
    assert [] == codes(free.send(PlaceOrder(CALL, SELL, 5, 10), ALICE))

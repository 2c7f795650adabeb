"""Relief: quotes under protection need margin up to its limit, and end if that is not enough.

[MRG-5]. Alice's MMP orders are bids of 4 lots; her limit is 8 lots, so of any number of them 7 + 4
lots count, at 2,000 a lot. Nobody pays a fee.
"""

import pytest

from lockstep_engine.codes import CancelReason, Code, MmpOption, OrderFlag, TimeInForce
from lockstep_engine.commands import (
    AmendOrder,
    CancelOrder,
    MassQuote,
    PlaceOrder,
    Quote,
    SetFeeSchedule,
    SetMarginMode,
    SetMmpConfig,
    SetPortfolioModel,
)
from lockstep_engine.events import OrderCancelled
from lockstep_kernel import dump, load
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    ETH_PERP,
    FUTURE,
    LOT_E8,
    PERP,
    Events,
    Exchange,
    codes,
    fills,
    names,
    of,
)
from tests.support.margins import MODEL, PORTFOLIO, SPREAD, leave

MMP = OrderFlag.MMP
RELIEF = MmpOption.RELIEF
MARGIN = CancelReason.MARGIN


@pytest.fixture
def relieved(market: Exchange) -> Exchange:
    """The standard market without fees; Alice has relief up to 8 lots of BTC."""
    market.do(SetFeeSchedule(0, 0, 0, 0, 0, 0, 0))
    market.protect(ALICE, qty_limit_e8=8 * LOT_E8, options=RELIEF)
    return market


def rest(market: Exchange, count: int = 5, account: int = ALICE) -> list[int]:
    """Rest bids of 4 lots under protection, the first at 100, the others at 99."""
    return [
        market.bid(account, 100 if number == 0 else 99, 4, flags=MMP) for number in range(count)
    ]


def ended(events: Events) -> list[tuple[int, int]]:
    """Return (order_id, reason) of all cancelled orders."""
    return [(event.order_id, event.reason) for event in of(events, OrderCancelled)]


def assert_needs(market: Exchange, amount_e6: int) -> None:
    """Check what Alice's cash less what she may withdraw is."""
    market.assert_can_withdraw(ALICE, market.cash(ALICE) - amount_e6)


# What counts


@pytest.mark.rule("MRG-5", "MRG-4")
@pytest.mark.parametrize(
    ("sizes", "limit_e8", "counted"),
    [
        ((4, 4, 4, 4, 4), 8 * LOT_E8, 11),
        ((4, 4), 8 * LOT_E8, 8),
        ((4, 4, 3), 8 * LOT_E8, 11),
        ((4, 4, 4), 8 * LOT_E8, 11),
        ((20,), 8 * LOT_E8, 20),
        ((1, 20, 1), 8 * LOT_E8, 22),
        ((10, 20, 10), 8 * LOT_E8, 27),
        ((4, 4, 4, 4), 8 * LOT_E8 - 1, 11),
        ((4, 4, 4, 4), 8 * LOT_E8 + 1, 12),
        ((4, 4, 4, 4), 1, 4),
    ],
)
def test_orders_under_protection_count_up_to_the_limit_and_one_order_more(
    market: Exchange, sizes: tuple[int, ...], limit_e8: int, counted: int
) -> None:
    market.do(SetFeeSchedule(0, 0, 0, 0, 0, 0, 0))
    market.protect(ALICE, qty_limit_e8=limit_e8, options=RELIEF)
    for size in sizes:
        market.bid(ALICE, 99, size, flags=MMP)
    assert_needs(market, 2_000 * counted)


@pytest.mark.rule("MRG-5", "MMP-2")
@pytest.mark.parametrize(
    ("sizes", "limit_e8", "counted", "filled"),
    [
        ((4, 4, 4, 4, 4), 8 * LOT_E8, 12, 12),
        ((4, 4, 4, 4), 8 * LOT_E8 - 1, 11, 8),
        ((4, 4, 4, 4), 8 * LOT_E8 + 1, 12, 12),
        ((1, 1, 1), LOT_E8, 2, 2),
    ],
)
def test_where_only_passing_the_limit_breaches_one_lot_more_counts(
    market: Exchange, sizes: tuple[int, ...], limit_e8: int, counted: int, filled: int
) -> None:
    """And so many may fill: the lots that reach the limit, and the order that passes it."""
    market.do(SetFeeSchedule(0, 0, 0, 0, 0, 0, 0))
    market.protect(ALICE, qty_limit_e8=limit_e8, options=RELIEF | MmpOption.EXCEEDING)
    for size in sizes:
        market.bid(ALICE, 99, size, flags=MMP)
    assert_needs(market, 2_000 * counted)
    market.send(PlaceOrder(PERP, 1, 99, sum(sizes)), BOB)
    assert filled == market.position(ALICE, PERP)[0] <= counted


@pytest.mark.rule("MMP-1", "MRG-5")
@pytest.mark.parametrize(
    "options", [RELIEF | MmpOption.EXCEEDING, 0, RELIEF], ids=["later breach", "none", "higher"]
)
def test_relief_is_not_taken_from_orders_that_need_it(relieved: Exchange, options: int) -> None:
    """Neither whole, nor in part by a higher limit; with the margin for it, it may be."""
    rest(relieved)
    limit_e8 = 9 * LOT_E8 if options == RELIEF else 8 * LOT_E8
    counted = 20 if options == 0 else 12
    leave(relieved, ALICE, 2_000 * counted - 1)
    config = SetMmpConfig("BTC", 1_000, 0, limit_e8, options=int(options))
    assert Code.INSUFFICIENT_MARGIN == relieved.refusal(config, ALICE)
    relieved.deposit(ALICE, 1)
    assert ["MmpConfigSet"] == names(relieved.send(config, ALICE))
    assert_needs(relieved, 2_000 * counted)


@pytest.mark.rule("MMP-1", "MRG-5")
def test_whoever_is_short_already_may_still_lower_a_limit(relieved: Exchange) -> None:
    """What does not ask for more is not refused, however little is free."""
    rest(relieved)
    leave(relieved, ALICE, 22_000)
    relieved.mark(400)
    for limit in (8, 7, 4):
        config = SetMmpConfig("BTC", 1_000, 0, limit * LOT_E8, options=int(RELIEF))
        assert ["MmpConfigSet"] == names(relieved.send(config, ALICE))
    config = SetMmpConfig("BTC", 1_000, 0, 5 * LOT_E8, options=int(RELIEF))
    assert Code.INSUFFICIENT_MARGIN == relieved.refusal(config, ALICE)


@pytest.mark.rule("MRG-5")
def test_other_orders_count_whole_and_the_worse_side_decides(relieved: Exchange) -> None:
    rest(relieved)
    relieved.bid(ALICE, 98, 3)
    assert_needs(relieved, 2_000 * (11 + 3))
    for _ in range(4):
        relieved.ask(ALICE, 110, 5, flags=MMP)
    assert_needs(relieved, 2_000 * 14)
    relieved.ask(ALICE, 110, 5)
    assert_needs(relieved, 2_000 * (7 + 5 + 5))


@pytest.mark.rule("MRG-5")
def test_each_instrument_counts_for_itself_and_other_underlyings_have_no_relief(
    relieved: Exchange,
) -> None:
    rest(relieved)
    relieved.bid(ALICE, 99, 20, FUTURE, flags=MMP)
    relieved.bid(ALICE, 99, 20, ETH_PERP, flags=MMP)
    assert_needs(relieved, 2_000 * (11 + 20 + 20))


@pytest.mark.rule("MRG-5", "MMP-3")
def test_relief_goes_with_the_protection(relieved: Exchange) -> None:
    rest(relieved)
    assert_needs(relieved, 22_000)
    relieved.protect(ALICE, qty_limit_e8=8 * LOT_E8)
    assert_needs(relieved, 40_000)
    relieved.protect(ALICE, qty_limit_e8=2 * LOT_E8, options=RELIEF)
    assert_needs(relieved, 10_000)


@pytest.mark.rule("MRG-5", "MRG-4")
@pytest.mark.parametrize(("mode", "needed"), [(SPREAD, 22_000), (PORTFOLIO, 110_000)])
def test_relief_counts_in_every_mode(relieved: Exchange, mode: int, needed: int) -> None:
    relieved.do(SetPortfolioModel("BTC", MODEL))
    relieved.do(SetMarginMode(mode), ALICE)
    rest(relieved)
    assert_needs(relieved, needed)


@pytest.mark.rule("MRG-5", "MMP-1")
def test_relief_needs_a_limit_of_quantity(market: Exchange) -> None:
    for limits in ((0, 1, 0), (0, 0, 1), (0, 5, 5)):
        config = SetMmpConfig("BTC", 1_000, 0, *limits, int(RELIEF))
        assert Code.BAD_MMP_CONFIG == market.refusal(config, ALICE)
    market.do(SetMmpConfig("BTC", 1_000, 0, 1, 0, 0, 7), ALICE)


@pytest.mark.rule("MRG-5", "MRG-1")
def test_admission_counts_with_relief(relieved: Exchange) -> None:
    """The fourth bid of 4 needs nothing more; one of 5 raises the largest."""
    leave(relieved, ALICE, 22_000)
    rest(relieved, 3)
    assert Code.INSUFFICIENT_MARGIN == relieved.refusal(PlaceOrder(PERP, 0, 99, 4), ALICE)
    five = PlaceOrder(PERP, 0, 99, 5, flags=MMP)
    assert Code.INSUFFICIENT_MARGIN == relieved.refusal(five, ALICE)
    assert [] == codes(relieved.buy(ALICE, 99, 4, flags=MMP))


# What ends


@pytest.mark.rule("MRG-5", "EVT-3")
def test_what_a_fill_leaves_without_margin_ends_newest_first(relieved: Exchange) -> None:
    """4 lots held and 11 counted need 30,000: three orders must go until 4 + 4 need 16,000."""
    leave(relieved, ALICE, 22_000)
    bids = rest(relieved)
    events = relieved.sell(BOB, 100, 4)
    assert [(bids[0], 100, 4)] == fills(events)
    assert [(order, MARGIN) for order in (bids[4], bids[3], bids[2])] == ended(events)
    assert ["OrderAccepted", "Trade", *["OrderCancelled"] * 3, "BookChanged"] == names(events)
    assert [bids[1]] == [row.order_id for row in relieved.orders(ALICE)]
    relieved.assert_can_withdraw(ALICE, 22_000 - 16_000)


@pytest.mark.rule("MRG-5", "MRG-1")
@pytest.mark.parametrize(("cash", "count"), [(30_000, 0), (29_999, 2), (24_000, 2), (23_999, 3)])
def test_no_more_ends_than_must(relieved: Exchange, cash: int, count: int) -> None:
    """With four orders left 11 lots count, with three too, with two 8."""
    leave(relieved, ALICE, cash)
    rest(relieved)
    assert count == len(ended(relieved.sell(BOB, 100, 4)))


@pytest.mark.rule("MRG-5", "ORD-1")
def test_relief_comes_before_the_taker_ends(relieved: Exchange) -> None:
    leave(relieved, ALICE, 22_000)
    bids = rest(relieved)
    events = relieved.sell(BOB, 100, 6, tif=TimeInForce.IOC)
    reasons = [reason for _order, reason in ended(events)]
    assert [MARGIN, MARGIN, MARGIN, CancelReason.IMMEDIATE] == reasons
    assert bids[1] == relieved.orders(ALICE)[0].order_id


@pytest.mark.rule("MRG-5")
def test_accounts_are_relieved_in_their_order(relieved: Exchange) -> None:
    relieved.protect(CAROL, qty_limit_e8=8 * LOT_E8, options=RELIEF)
    leave(relieved, ALICE, 22_000)
    leave(relieved, CAROL, 22_000)
    carols = rest(relieved, account=CAROL)
    mine = rest(relieved)
    events = relieved.sell(BOB, 100, 8)
    expected = [*mine[:1:-1], *carols[:1:-1]]
    assert [(order, MARGIN) for order in expected] == ended(events)


@pytest.mark.rule("MRG-5")
def test_a_taker_under_relief_loses_its_resting_orders(relieved: Exchange) -> None:
    leave(relieved, ALICE, 22_000)
    bids = [relieved.bid(ALICE, 99, 4, flags=MMP) for _ in range(4)]
    relieved.ask(BOB, 100, 4)
    events = relieved.buy(ALICE, 100, 4, flags=MMP)
    assert [(order, MARGIN) for order in bids[:0:-1]] == ended(events)


@pytest.mark.rule("MRG-5")
def test_only_orders_under_protection_in_that_underlying_end(relieved: Exchange) -> None:
    """The others stay although nothing is left to pay for them."""
    leave(relieved, ALICE, 22_000 + 8_000)
    relieved.bid(ALICE, 98, 2)
    relieved.bid(ALICE, 99, 2, ETH_PERP, flags=MMP)
    bids = rest(relieved)
    relieved.do(SetFeeSchedule(0, 10**8, 10**8, 0, 0, 0, 0))
    events = relieved.sell(BOB, 100, 4)
    assert [(order, MARGIN) for order in bids[:0:-1]] == ended(events)
    assert [2, 2] == [row.remaining_lots for row in relieved.orders(ALICE)]


@pytest.mark.rule("MRG-5")
def test_a_fill_of_another_order_ends_nothing(relieved: Exchange) -> None:
    """A plain bid fills; free is below zero then all the same."""
    leave(relieved, ALICE, 22_000 + 8_000)
    relieved.bid(ALICE, 100, 4)
    rest(relieved)
    relieved.do(SetFeeSchedule(0, 10**8, 10**8, 0, 0, 0, 0))
    assert [] == ended(relieved.sell(BOB, 100, 4))


@pytest.mark.rule("MRG-5")
def test_a_fill_of_another_order_by_a_taker_under_protection_ends_nothing(
    relieved: Exchange,
) -> None:
    """Bob's order has the flag, Alice's has not; her free is below zero then all the same."""
    relieved.protect(BOB)
    leave(relieved, ALICE, 22_000 + 8_000)
    relieved.bid(ALICE, 100, 4)
    rest(relieved)
    relieved.do(SetFeeSchedule(0, 10**8, 10**8, 0, 0, 0, 0))
    assert [] == ended(relieved.sell(BOB, 100, 4, flags=MMP))


@pytest.mark.rule("MRG-5", "BOOK-3")
def test_the_newest_is_that_of_the_highest_order_id_also_after_an_amend(
    relieved: Exchange,
) -> None:
    """The second bid rests behind all others since it was amended, but is the oldest left."""
    leave(relieved, ALICE, 22_000)
    bids = rest(relieved)
    relieved.do(AmendOrder(bids[1], 98, 4), ALICE)
    events = relieved.sell(BOB, 100, 4)
    assert [(order, MARGIN) for order in (bids[4], bids[3], bids[2])] == ended(events)


@pytest.mark.rule("MRG-5", "MMP-2")
def test_a_breach_ends_them_all_before(relieved: Exchange) -> None:
    leave(relieved, ALICE, 22_000)
    rest(relieved)
    events = relieved.sell(BOB, 99, 8)
    assert [CancelReason.MMP] * 3 == [reason for _order, reason in ended(events)]


@pytest.mark.rule("MRG-5", "CMD-2")
def test_a_mass_quote_is_relieved_too(relieved: Exchange) -> None:
    """11 lots of the future and 18 of 22 of the perpetual count; 5 fill, and the newest goes."""
    leave(relieved, ALICE, 58_000)
    quotes = (Quote(PERP, 100, 11, 0, 0), Quote(FUTURE, 99, 11, 0, 0))
    relieved.do(MassQuote(1, quotes, int(MMP)), ALICE)
    relieved.bid(ALICE, 98, 11, flags=MMP)
    events = relieved.sell(BOB, 100, 5)
    assert [MARGIN] == [reason for _order, reason in ended(events)]
    assert [98] == [event.price_ticks for event in of(events, OrderCancelled)]


@pytest.mark.rule("MRG-5")
def test_relief_outlives_a_restart(relieved: Exchange) -> None:
    leave(relieved, ALICE, 22_000)
    bids = rest(relieved)
    state = relieved.state
    relieved.state = load(state.machine, state.genesis, dump(state))
    assert_needs(relieved, 22_000)
    relieved.do(CancelOrder(bids[4]), ALICE)
    events = relieved.sell(BOB, 100, 4)
    assert [(order, MARGIN) for order in (bids[3], bids[2])] == ended(events)


@pytest.mark.rule("MRG-5", "MRG-4")
def test_offered_options_have_relief(relieved: Exchange) -> None:
    """A call short needs 20,000; of five offers of 4 eleven lots count."""
    for _ in range(5):
        relieved.ask(ALICE, 6, 4, CALL, flags=MMP)
    assert_needs(relieved, 220_000)

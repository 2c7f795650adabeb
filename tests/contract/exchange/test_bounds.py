"""What keeps every amount in 64 bits ([NUM-4]): the exposure of accounts, and cash at its bound."""

from collections.abc import Iterator

import msgspec
import pytest

from lockstep_engine.codes import CashReason, Code, EntityKind, OrderFlag
from lockstep_engine.commands import (
    AdvanceTime,
    AmendOrder,
    BlockLeg,
    CancelAll,
    Deposit,
    ExecuteBlock,
    FundInsurance,
    Liquidate,
    MassQuote,
    PlaceOrder,
    Quote,
    ReplaceOrder,
    SetFeeSchedule,
    SetSettlementPrice,
    SettleExpiry,
    SetTradingLimits,
    TradingLimits,
    Transfer,
    UpdateFundingRate,
    Withdraw,
)
from lockstep_engine.events import (
    CashMoved,
    FundingPaid,
    FundingSkipped,
    OrderRejected,
    PositionSettled,
)
from lockstep_kernel import Machine, dump, load
from tests.contract.exchange.giants import (
    GIANT_LOTS,
    GIANT_PRICE,
    GIANTS,
    SPARE_LOTS,
    row_of_giants,
    with_records,
)
from tests.support.exchange import (
    ALICE,
    BOB,
    CAROL,
    CASH,
    ERIN,
    FUTURE,
    HUGO,
    MARKET_EXPIRY_NS,
    PERP,
    START_NS,
    Exchange,
    codes,
    of,
    root_of,
    trades,
)
from tests.support.margins import leave

FIRST, SECOND, THIRD, FOURTH = GIANTS
ABOVE = Code.AMOUNT_ABOVE_LIMIT
BOUND_E6 = 2**61
HOUR_NS = 3_600 * 10**9
HIGHEST = -1
"""Where the highest price stands among the fields of an instrument."""

WIDE = TradingLimits(
    max_price_ticks=GIANT_PRICE, max_order_lots=GIANT_LOTS, max_position_lots=GIANT_LOTS
)


@pytest.fixture
def row(machine: Machine) -> Exchange:
    """Futures for giants, and nobody in them."""
    return row_of_giants(machine)


@pytest.fixture
def full(row: Exchange) -> Exchange:
    """Alice is long as a giant in the first, bids for as much in the second and is at the bound."""
    row.trade(ALICE, BOB, GIANT_PRICE, GIANT_LOTS, FIRST)
    row.bid(ALICE, 1, GIANT_LOTS, SECOND)
    row.bid(ALICE, 1, SPARE_LOTS, THIRD)
    return row


def one_more(exchange: Exchange) -> Iterator[Code]:
    """Yield what is said to an order of one lot in each instrument, on either side."""
    for number in GIANTS:
        for side in (0, 1):
            (event,) = exchange.fork().send(
                PlaceOrder(number, side, (1, GIANT_PRICE)[side], 1), ALICE
            )[:1]
            yield Code(event.code) if isinstance(event, OrderRejected) else Code.ACCEPTED


def reloaded(exchange: Exchange) -> Exchange:
    """Return the exchange as it goes on from a snapshot."""
    twin = exchange.fork()
    twin.state = load(exchange.state.machine, exchange.state.genesis, dump(exchange.state))
    twin.unverified = twin.state.fork()
    return twin


# The exposure of an account


@pytest.mark.rule("NUM-4", "ORD-5")
def test_an_account_in_many_instruments_reaches_the_bound_to_the_lot(row: Exchange) -> None:
    row.bid(ALICE, 1, GIANT_LOTS, FIRST)
    row.ask(ALICE, GIANT_PRICE, GIANT_LOTS, SECOND)
    too_many = PlaceOrder(THIRD, 0, 1, SPARE_LOTS + 1)
    assert ABOVE == row.refusal(too_many, ALICE)
    assert [] == codes(row.fork().send(too_many, BOB))
    row.bid(ALICE, 1, SPARE_LOTS, THIRD)
    assert ABOVE == row.refusal(PlaceOrder(FOURTH, 1, 1, 1), ALICE)


@pytest.mark.rule("NUM-4")
def test_at_the_bound_an_account_may_only_reduce(full: Exchange) -> None:
    """To sell in the first closes; the second has room for neither side beyond its bid."""
    limit = Code.POSITION_LIMIT
    assert [limit, Code.ACCEPTED, limit, *[ABOVE] * 5] == list(one_more(full))
    full.ask(ALICE, GIANT_PRICE, GIANT_LOTS, FIRST)
    assert ABOVE == full.refusal(PlaceOrder(FIRST, 1, GIANT_PRICE, 1), ALICE)


@pytest.mark.rule("NUM-4")
def test_what_opens_keeps_an_exposure_and_what_closes_lowers_it(full: Exchange) -> None:
    full.ask(ALICE, GIANT_PRICE, GIANT_LOTS, FIRST)
    half = GIANT_LOTS // 2
    for number in (SECOND, THIRD):
        full.mark(1, number)
    full.sell(BOB, 1, half, SECOND)
    full.sell(BOB, 1, SPARE_LOTS, THIRD)
    assert [half, SPARE_LOTS] == [full.position(ALICE, each)[0] for each in (SECOND, THIRD)]
    assert ABOVE == full.refusal(PlaceOrder(FOURTH, 0, 1, 1), ALICE)
    full.buy(CAROL, GIANT_PRICE, half, FIRST)
    assert ABOVE == full.refusal(PlaceOrder(FOURTH, 0, 1, half + 1), ALICE)
    full.bid(ALICE, 1, half, FOURTH)


@pytest.mark.rule("NUM-4")
def test_who_is_flat_again_may_be_as_large_elsewhere(full: Exchange) -> None:
    assert ABOVE == full.refusal(PlaceOrder(FOURTH, 0, 1, GIANT_LOTS), ALICE)
    full.trade(BOB, ALICE, GIANT_PRICE, GIANT_LOTS, FIRST)
    full.bid(ALICE, 1, GIANT_LOTS, FOURTH)
    assert ABOVE == full.refusal(PlaceOrder(FIRST, 0, 1, 1), ALICE)
    full.do(CancelAll(instrument=SECOND), ALICE)
    full.bid(ALICE, 1, GIANT_LOTS, FIRST)


@pytest.mark.rule("NUM-4")
def test_what_comes_and_goes_does_not_add_up(row: Exchange) -> None:
    for _ in range(5):
        row.cancel(ALICE, row.bid(ALICE, 1, GIANT_LOTS, FIRST))
        row.trade(ALICE, BOB, GIANT_PRICE, GIANT_LOTS, SECOND)
        row.trade(BOB, ALICE, GIANT_PRICE, GIANT_LOTS, SECOND)


@pytest.mark.rule("NUM-4")
def test_a_restored_exchange_decides_the_same(row: Exchange) -> None:
    for _ in range(3):
        row.cancel(ALICE, row.bid(ALICE, 1, GIANT_LOTS, FIRST))
    row.bid(ALICE, 1, GIANT_LOTS, FIRST)
    row.trade(BOB, ALICE, GIANT_PRICE, GIANT_LOTS, SECOND)
    for lots, expected in ((SPARE_LOTS + 1, [ABOVE]), (SPARE_LOTS, [])):
        for twin in (row.fork(), reloaded(row)):
            assert expected == codes(twin.buy(ALICE, 1, lots, THIRD))
    row.bid(ALICE, 1, SPARE_LOTS, THIRD)
    assert list(one_more(row)) == list(one_more(reloaded(row)))


@pytest.mark.rule("NUM-4", "BOOK-3")
def test_an_amended_order_counts_as_it_would_be(full: Exchange) -> None:
    order_id = full.orders(ALICE)[-1].order_id
    assert ABOVE == full.refusal(AmendOrder(order_id, 1, SPARE_LOTS + 1), ALICE)
    assert [] == codes(full.send(AmendOrder(order_id, 2, SPARE_LOTS), ALICE))
    assert ABOVE == full.refusal(PlaceOrder(FOURTH, 0, 1, 1), ALICE)


@pytest.mark.rule("NUM-4", "BOOK-4")
def test_an_order_that_is_not_replaced_still_counts(full: Exchange) -> None:
    """The new one is looked at as if the old one were gone; then it crosses, and the old stays."""
    full.mark(3, SECOND)
    full.ask(BOB, 3, 1, SECOND)
    order_id = next(row.order_id for row in full.orders(ALICE) if row.instrument == SECOND)
    crossing = PlaceOrder(SECOND, 0, 3, 1, flags=int(OrderFlag.POST_ONLY))
    refused = full.refusal(ReplaceOrder(order_id, crossing), ALICE)
    assert Code.POST_ONLY_WOULD_CROSS == refused
    assert ABOVE == full.refusal(PlaceOrder(FOURTH, 0, 1, GIANT_LOTS // 2), ALICE)
    assert [] == codes(full.send(ReplaceOrder(order_id, PlaceOrder(FOURTH, 0, 1, 7)), ALICE))


@pytest.mark.rule("NUM-4", "CMD-2")
def test_a_quote_beyond_the_bound_is_refused_and_the_others_stand(row: Exchange) -> None:
    quotes = tuple(
        Quote(number, 1, GIANT_LOTS, GIANT_PRICE, GIANT_LOTS) for number in (FIRST, SECOND)
    )
    events = row.send(MassQuote(1, quotes), ALICE)
    assert [ABOVE] * 2 == codes(events)
    assert [FIRST] * 2 == [order.instrument for order in row.orders(ALICE)]


# Limits of an instrument


@pytest.mark.rule("NUM-4", "ADM-4")
def test_a_maximum_price_that_exposes_somebody_too_much_is_refused(row: Exchange) -> None:
    """Few lots at a high price are good limits; the giant of before is not."""
    row.trade(ALICE, BOB, GIANT_PRICE, GIANT_LOTS, FIRST)
    high = TradingLimits(max_price_ticks=GIANT_PRICE * 1_000, max_position_lots=10**6)
    assert ABOVE == row.refusal(SetTradingLimits(FIRST, high))
    assert [] == codes(row.send(SetTradingLimits(SECOND, high)))
    row.trade(BOB, ALICE, GIANT_PRICE, GIANT_LOTS, FIRST)
    assert [] == codes(row.send(SetTradingLimits(FIRST, high)))


@pytest.mark.rule("NUM-4", "ADM-4")
def test_one_account_exposed_too_much_is_enough_to_refuse_a_maximum_price(row: Exchange) -> None:
    row.bid(BOB, 1, 1, FIRST)
    row.bid(ALICE, 1, GIANT_LOTS, FIRST)
    high = TradingLimits(max_price_ticks=GIANT_PRICE * 1_000, max_position_lots=10**6)
    assert ABOVE == row.refusal(SetTradingLimits(FIRST, high))


@pytest.mark.rule("NUM-4", "ADM-4")
def test_a_live_order_alone_counts_for_the_maximum_price(row: Exchange) -> None:
    row.bid(ALICE, 1, GIANT_LOTS, FIRST)
    row.bid(ALICE, 1, GIANT_LOTS, SECOND)
    higher = msgspec.structs.replace(WIDE, max_price_ticks=GIANT_PRICE + 1)
    assert [] == codes(row.fork().send(SetTradingLimits(FIRST, higher)))
    twice = TradingLimits(max_price_ticks=GIANT_PRICE * 2, max_position_lots=GIANT_LOTS // 2)
    assert ABOVE == row.refusal(SetTradingLimits(FIRST, twice))
    row.do(CancelAll(instrument=SECOND), ALICE)
    assert [] == codes(row.send(SetTradingLimits(FIRST, twice)))
    assert ABOVE == row.refusal(PlaceOrder(SECOND, 0, 1, SPARE_LOTS + 1), ALICE)
    row.bid(ALICE, 1, SPARE_LOTS, SECOND)


@pytest.mark.rule("NUM-4", "ADM-4")
def test_a_maximum_price_is_remembered_while_somebody_is_in_the_instrument(row: Exchange) -> None:
    """At three times the price a lot counts three times, also after the price is low again."""
    row.bid(ALICE, 1, 1, FIRST)
    high = TradingLimits(max_price_ticks=3 * GIANT_PRICE, max_position_lots=10**6)
    row.do(SetTradingLimits(FIRST, high))
    row.do(SetTradingLimits(FIRST, WIDE))
    assert 3 * GIANT_PRICE == (row.record(EntityKind.INSTRUMENT, FIRST) or ())[HIGHEST]
    third = (2 * GIANT_LOTS + SPARE_LOTS) // 3
    for twin in (row.fork(), reloaded(row)):
        assert [ABOVE] == codes(twin.buy(ALICE, 1, third, FIRST))
        assert [] == codes(twin.buy(ALICE, 1, third - 1, FIRST))
    row.do(CancelAll(), ALICE)
    row.do(SetTradingLimits(FIRST, WIDE))
    assert GIANT_PRICE == (row.record(EntityKind.INSTRUMENT, FIRST) or ())[HIGHEST]
    assert [] == codes(row.buy(ALICE, 1, GIANT_LOTS, FIRST))


@pytest.mark.rule("NUM-4", "ADM-4")
def test_a_mark_above_the_new_maximum_price_counts(market: Exchange) -> None:
    market.mark(9_000)
    low = TradingLimits(max_price_ticks=100)
    market.do(SetTradingLimits(PERP, low))
    assert 9_000 == (market.record(EntityKind.INSTRUMENT, PERP) or ())[HIGHEST]
    market.mark(50)
    market.do(SetTradingLimits(PERP, low))
    assert 100 == (market.record(EntityKind.INSTRUMENT, PERP) or ())[HIGHEST]


@pytest.mark.rule("NUM-4", "ADM-4")
def test_a_maximum_price_may_expose_somebody_to_the_bound_itself(row: Exchange) -> None:
    """2^29 lots bid and as many offered; at 2^17 ticks of 2^10 for a lot they are 2^57."""
    lots, price = 2**29, 2**17
    low = TradingLimits(max_price_ticks=price - 1, max_order_lots=lots, max_position_lots=lots)
    row.create(20, "BTC-20260201", tick_e6=1_024_000, limits=low)
    row.mark(2, 20)
    row.bid(ALICE, 1, lots, 20)
    row.ask(ALICE, price - 1, lots, 20)
    above = TradingLimits(max_price_ticks=price + 1, max_position_lots=lots // 2)
    assert ABOVE == row.refusal(SetTradingLimits(20, above))
    exact = msgspec.structs.replace(low, max_price_ticks=price)
    assert [] == codes(row.send(SetTradingLimits(20, exact)))
    assert ABOVE == row.refusal(PlaceOrder(FIRST, 0, 1, 1), ALICE)


# Blocks


def block(exchange: Exchange, other: int, *legs: BlockLeg) -> ExecuteBlock:
    """Return a block with another account."""
    exchange.last_nonce += 1
    return ExecuteBlock(other, root_of(other), exchange.last_nonce + 1_000, legs)


def leg(number: int, side: int, lots: int = GIANT_LOTS) -> BlockLeg:
    return BlockLeg(number, side, GIANT_PRICE, lots)


@pytest.mark.rule("NUM-4", "CMD-3")
def test_a_block_counts_all_its_legs_for_each_party(row: Exchange) -> None:
    legs = (leg(FIRST, 0), leg(SECOND, 1), leg(THIRD, 0, SPARE_LOTS))
    more = (*legs[:2], leg(THIRD, 0, SPARE_LOTS + 1))
    assert ABOVE == row.refusal(block(row, BOB, *more), ALICE)
    assert ABOVE == row.refusal(block(row, BOB, *legs, leg(FOURTH, 1, 1)), ALICE)
    assert [] == codes(row.send(block(row, BOB, *legs), ALICE))
    assert ABOVE == row.refusal(PlaceOrder(FOURTH, 0, 1, 1), ALICE)


@pytest.mark.rule("NUM-4", "CMD-3")
def test_a_block_looks_at_the_other_party_too(full: Exchange) -> None:
    assert ABOVE == full.refusal(block(full, ALICE, leg(FOURTH, 0, 1)), CAROL)
    assert [] == codes(full.fork().send(block(full, CAROL, leg(FOURTH, 0, 1)), BOB))
    assert [] == codes(full.send(block(full, ALICE, leg(FIRST, 0, 1)), CAROL))
    assert GIANT_LOTS - 1 == full.position(ALICE, FIRST)[0]


@pytest.mark.rule("NUM-4", "CMD-3")
def test_a_block_is_refused_for_price_and_position_limit_before(full: Exchange) -> None:
    beyond = leg(FIRST, 0, 1)
    assert Code.POSITION_LIMIT == full.refusal(block(full, BOB, beyond), ALICE)
    off_market = BlockLeg(FOURTH, 0, 1, 1)
    assert Code.BLOCK_OFF_MARKET == full.refusal(block(full, BOB, off_market), ALICE)


# Cash, fees and the fund


def rich(market: Exchange, account: int, cash_e6: int) -> Exchange:
    """Return the market with so much cash in an account; Hugo, who does nothing, owes it."""
    return with_records(
        market,
        _account(market, account, cash_e6),
        _account(market, HUGO, market.cash(HUGO) - (cash_e6 - market.cash(account))),
    )


def _account(market: Exchange, account: int, cash_e6: int) -> tuple[object, ...]:
    fields = list(market.record(EntityKind.ACCOUNT, account) or ())
    fields[3] = cash_e6
    return (int(EntityKind.ACCOUNT), account, *fields)


def with_treasury(market: Exchange, fees_e6: int, net_e6: int, fund_e6: int) -> Exchange:
    """Return the market with other sums of the exchange; Hugo's cash makes up for them."""
    fees, net = market.treasury()
    owed = (fees_e6 - fees) + (fund_e6 - market.insurance()) - (net_e6 - net)
    return with_records(
        market,
        (int(EntityKind.TREASURY), 0, fees_e6, net_e6, fund_e6),
        _account(market, HUGO, market.cash(HUGO) - owed),
    )


@pytest.mark.rule("NUM-4", "POS-4")
def test_a_deposit_that_reaches_the_bound_of_cash_is_refused(market: Exchange) -> None:
    richest = rich(market, ALICE, BOUND_E6 - 10)
    assert Code.AMOUNT_NOT_POSITIVE == richest.refusal(Deposit(ALICE, 0))
    assert ABOVE == richest.refusal(Deposit(ALICE, 10))
    assert [] == codes(richest.send(Deposit(ALICE, 9)))
    assert [] == codes(richest.send(Deposit(BOB, 10)))


@pytest.mark.rule("NUM-4", "AUT-3")
def test_a_transfer_that_reaches_the_bound_of_cash_is_refused(market: Exchange) -> None:
    richest = rich(market, ALICE, BOUND_E6 - 10)
    assert ABOVE == richest.refusal(Transfer(ALICE, 10), BOB)
    assert Code.INSUFFICIENT_FUNDS == richest.refusal(Transfer(ALICE, CASH + 1), BOB)
    assert [] == codes(richest.send(Transfer(ALICE, 9), BOB))
    assert BOUND_E6 - 1 == richest.cash(ALICE)


@pytest.mark.rule("NUM-4", "AUT-3")
def test_net_deposits_stay_above_their_bound(market: Exchange) -> None:
    empty = with_treasury(market, 0, 10 - BOUND_E6, 0)
    assert ABOVE == empty.refusal(Withdraw(10), ALICE)
    assert Code.INSUFFICIENT_FUNDS == empty.refusal(Withdraw(CASH + 1), ALICE)
    assert [] == codes(empty.send(Withdraw(9), ALICE))
    assert 1 - BOUND_E6 == empty.treasury()[1]


@pytest.mark.rule("NUM-4", "POS-4")
def test_the_fund_stays_below_its_bound(market: Exchange) -> None:
    insured = with_treasury(market, 0, 7 * CASH, BOUND_E6 - 10)
    assert Code.AMOUNT_NOT_POSITIVE == insured.refusal(FundInsurance(0))
    assert ABOVE == insured.refusal(FundInsurance(10))
    assert [] == codes(insured.send(FundInsurance(9)))
    assert BOUND_E6 - 1 == insured.insurance()


@pytest.mark.rule("NUM-4", "SET-3")
@pytest.mark.parametrize(("account", "sign"), [(ALICE, -1), (BOB, 1)])
@pytest.mark.parametrize(("room", "event"), [(0, FundingSkipped), (1, FundingPaid)])
def test_a_funding_that_brings_cash_to_its_bound_is_skipped(
    market: Exchange, account: int, sign: int, room: int, event: type
) -> None:
    """0.1 % of ten lots at 100,000 are 1,000, which Alice pays to Bob."""
    market.trade(ALICE, BOB, 100, 10)
    market.do(UpdateFundingRate(PERP, 10**6, 3_600))
    near = rich(market, account, sign * (BOUND_E6 - room - 1_000))
    told = of(near.send(AdvanceTime(), at=START_NS + HOUR_NS), event)
    assert 1 + room == len(told)


@pytest.mark.rule("NUM-4", "FEE-1")
def test_from_their_bound_on_fees_are_not_charged(market: Exchange) -> None:
    """A tenth of 100,000 for each; the next trade is free, and so is a block."""
    market.do(SetFeeSchedule(0, 10**8, 10**8, 10**8, 10**8, 10**9, 0, 0, 0, 0, 10**8))
    paid = with_treasury(market, BOUND_E6 - 1, 7 * CASH, 0)
    fees = [_fees(paid.trade(ALICE, BOB, 100, 1)) for _ in range(2)]
    assert [(10_000, 10_000), (0, 0)] == fees
    (told,) = paid.send(block(paid, BOB, BlockLeg(PERP, 0, 100, 1)), ALICE)
    assert (0, 0) == (told.first.fee_e6, told.second.fee_e6)
    assert BOUND_E6 - 1 + 20_000 == paid.treasury()[0]


@pytest.mark.rule("NUM-4", "FEE-1")
def test_nor_are_rebates_paid_then(market: Exchange) -> None:
    market.do(SetFeeSchedule(0, -(10**8), 10**8, 0, 0, 0, 0, 0, 0, 0, 0))
    assert (-10_000, 10_000) == _fees(market.fork().trade(ALICE, BOB, 100, 1))
    paid = with_treasury(market, BOUND_E6, 7 * CASH, 0)
    assert (0, 0) == _fees(paid.trade(ALICE, BOB, 100, 1))


@pytest.mark.rule("NUM-4", "FEE-1")
def test_a_builder_whose_cash_is_at_its_bound_gets_nothing(market: Exchange) -> None:
    """Half of each fee is Erin's while she has less; what brings her there is the last."""
    market.do(SetFeeSchedule(0, 10**8, 10**8, 0, 0, 0, 5_000, 0, 0, 0, 0))
    rich_builder = rich(market, ERIN, BOUND_E6 - 1)
    shares = []
    for _ in range(2):
        rich_builder.ask(BOB, 100, 1, builder=ERIN)
        events = rich_builder.buy(ALICE, 100, 1, builder=ERIN)
        (trade,) = trades(events)
        shares.append((trade.maker.builder_fee_e6, trade.taker.builder_fee_e6))
        assert (10_000, 10_000) == _fees(events)
    assert [(5_000, 5_000), (0, 0)] == shares
    assert BOUND_E6 - 1 + 10_000 == rich_builder.cash(ERIN)
    assert 10_000 + 20_000 == rich_builder.treasury()[0]


@pytest.mark.rule("NUM-4", "FEE-1")
@pytest.mark.parametrize("is_maker", [False, True])
def test_the_only_builder_of_a_trade_gets_nothing_at_its_bound(
    market: Exchange, is_maker: bool
) -> None:
    """The other side pays no fee and has no builder."""
    rates = (10**8, 0) if is_maker else (0, 10**8)
    market.do(SetFeeSchedule(0, *rates, 0, 0, 0, 5_000, 0, 0, 0, 0))
    rich_builder = rich(market, ERIN, BOUND_E6)
    maker, taker = (ERIN, 0) if is_maker else (0, ERIN)
    rich_builder.ask(BOB, 100, 1, builder=maker)
    (trade,) = trades(rich_builder.buy(ALICE, 100, 1, builder=taker))
    assert (0, 0) == (trade.maker.builder_fee_e6, trade.taker.builder_fee_e6)
    assert BOUND_E6 == rich_builder.cash(ERIN)


@pytest.mark.rule("NUM-4", "SET-2")
def test_a_settlement_charges_fees_up_to_their_bound(market: Exchange) -> None:
    """1.5 bps of 100,000 are 15: Alice's, in the order of accounts; Bob's is not charged."""
    market.trade(ALICE, BOB, 100, 1, FUTURE)
    market.do(AdvanceTime(), at=MARKET_EXPIRY_NS)
    market.do(SetSettlementPrice("BTC", MARKET_EXPIRY_NS, 10**8))
    paid = with_treasury(market, BOUND_E6 - 1, 7 * CASH, 0)
    settled = of(paid.do(SettleExpiry("BTC", MARKET_EXPIRY_NS)), PositionSettled)
    assert [(ALICE, 15), (BOB, 0)] == [(each.account, each.fee_e6) for each in settled]
    assert BOUND_E6 + 14 == paid.treasury()[0]


@pytest.mark.rule("NUM-4", "LIQ-1")
@pytest.mark.parametrize(("room", "paid"), [(60_000, 50_000), (7, 7), (0, 0)])
def test_a_liquidation_fee_fills_the_fund_up_to_its_bound(
    free: Exchange, room: int, paid: int
) -> None:
    """Alice is 100 lots long at 100 with 250,000. Closed at 98 she has 50,000; 1 % are 98,000."""
    free.do(SetFeeSchedule(0, *(0,) * 8, 10**7, 0))
    free.trade(ALICE, BOB, 100, 100)
    leave(free, ALICE, 250_000)
    free.mark(98)
    free.bid(CAROL, 98, 100)
    sinking = with_treasury(free, 0, free.treasury()[1], BOUND_E6 - room)
    moved = of(sinking.do(Liquidate(ALICE)), CashMoved)
    expected = [CashMoved(ALICE, CashReason.LIQUIDATION_FEE, -paid, 50_000 - paid)] if paid else []
    assert expected == moved
    assert BOUND_E6 - room + paid == sinking.insurance()


def _fees(events: object) -> tuple[int, int]:
    (trade,) = trades(events)
    return trade.maker.fee_e6, trade.taker.fee_e6

"""Blocks ([CMD-3]): two parties, all legs or none, outside the book."""

from typing import Any

import pytest

from lockstep_engine.codes import (
    CancelReason,
    Code,
    EntityKind,
    InstrumentStatus,
    OrderFlag,
)
from lockstep_engine.commands import (
    AdvanceTime,
    AuthorizeAgent,
    BlockLeg,
    ExecuteBlock,
    OpenAccount,
    SetFeeSchedule,
    SetFeeTier,
    SetInstrumentStatus,
    SetPortfolioModel,
    SetTradingLimits,
    TradingLimits,
    Transfer,
)
from lockstep_engine.events import BlockSide, BlockTraded, OrderCancelled
from lockstep_kernel import Machine
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    CASH,
    FUTURE,
    GINA,
    HUGO,
    MARKET_EXPIRY_NS,
    PERP,
    PUT,
    Exchange,
    codes,
    key,
    of,
    open_market,
    root_of,
)
from tests.support.margins import MODEL, PORTFOLIO, choose, hold, leave

LINEAGE, OTHER_LINEAGE = bytes(range(16)), bytes(16)
BUY_PERP = BlockLeg(PERP, 0, 100, 10)
SPREAD = (BlockLeg(FUTURE, 0, 102, 10), BlockLeg(CALL, 1, 5, 20))


def block(market: Exchange, *legs: BlockLeg, other: int = BOB, **fields: Any) -> ExecuteBlock:
    """Return a block of Alice's with another account."""
    signer = fields.pop("counter_signer", root_of(other))
    nonce = fields.pop("counter_nonce", 0) or unused_nonce(market, signer)
    return ExecuteBlock(other, signer, nonce, tuple(legs), **fields)


def unused_nonce(market: Exchange, signer: bytes) -> int:
    """Return a nonce above all that the signer has used, a little ahead of the tests' own."""
    found = market.nonces(signer)
    now_ms = market.now_ns // 10**6
    return max([now_ms + 500, *(nonce + 1 for nonce in (found[1] if found else []))])


def refused(market: Exchange, *legs: BlockLeg, **fields: Any) -> Code:
    """Send a block of Alice's that must change nothing but nonces; return the code."""
    return market.refusal(block(market, *legs, **fields), ALICE)


def burnt(market: Exchange, signer: bytes) -> int:
    """Return how many nonces a signer has burnt."""
    found = market.nonces(signer)
    return 0 if found is None else len(found[1])


# Trading


@pytest.mark.rule("CMD-3", "POS-1", "POS-2")
def test_all_legs_trade_with_both_sides_told(market: Exchange) -> None:
    """Ten futures at 102 are worth 1,020,000, 3 bps of it 306; the calls' fee is 600 of 100,000.

    20 calls at 5: 3 bps of 2,000,000 are 600, less than 12.5 % of the premium.
    """
    action = block(market, *SPREAD, lineage=LINEAGE, counter_lineage=OTHER_LINEAGE)
    premium = 20 * 5_000
    first, second = CASH - 306, CASH - 306
    assert [
        BlockTraded(
            *(1, FUTURE, 102, 10, 0, 100_000_000),
            BlockSide(ALICE, 306, 0, 10, 1_020_000, first, LINEAGE),
            BlockSide(BOB, 306, 0, -10, -1_020_000, second, OTHER_LINEAGE),
        ),
        BlockTraded(
            *(2, CALL, 5, 20, 1, 100_000_000),
            BlockSide(ALICE, 600, 0, -20, -premium, first + premium - 600, LINEAGE),
            BlockSide(BOB, 600, 0, 20, premium, second - premium - 600, OTHER_LINEAGE),
        ),
    ] == market.send(action, ALICE)
    assert (10, 1_020_000) == market.position(ALICE, FUTURE)
    assert 2 * (306 + 600) == market.treasury()[0]


@pytest.mark.rule("CMD-3")
def test_a_block_takes_trade_ids_and_no_order_ids(market: Exchange) -> None:
    market.do(block(market, BUY_PERP), ALICE)
    events = market.trade(ALICE, BOB, 100, 1)
    ids = {
        name: getattr(event, name)
        for event in events
        for name in ("trade_id", "order_id")
        if hasattr(event, name)
    }
    assert {"trade_id": 2, "order_id": 2} == ids


@pytest.mark.rule("CMD-3", "FEE-1")
def test_each_party_pays_the_block_fee_of_its_tier(market: Exchange) -> None:
    market.do(SetFeeSchedule(3, 0, 0, 0, 0, 10**7, 0, 0, 0, 0, 10**8))
    market.do(SetFeeTier(BOB, 3))
    (event,) = market.do(block(market, BlockLeg(CALL, 0, 5, 10)), ALICE)
    assert (300, 500) == (event.first.fee_e6, event.second.fee_e6)


@pytest.mark.rule("CMD-3", "MMP-1")
def test_a_block_counts_for_no_protection_and_meets_no_order(market: Exchange) -> None:
    market.protect(BOB, qty_limit_e8=1)
    market.ask(BOB, 99, 5, flags=OrderFlag.MMP)
    market.do(block(market, BUY_PERP), ALICE)
    assert None is market.record(EntityKind.MMP_FILL, (BOB, "BTC", 1))
    assert [(99, 5)] == market.depth()[1]


@pytest.mark.rule("CMD-3", "ORD-4")
def test_reduce_only_orders_are_cut_in_leg_order_after_all_trades(market: Exchange) -> None:
    hold(market, ALICE, 10, 100)
    hold(market, ALICE, 10, 100, FUTURE)
    mine = market.ask(ALICE, 120, 10, flags=OrderFlag.REDUCE_ONLY)
    theirs = market.bid(BOB, 80, 10, FUTURE, flags=OrderFlag.REDUCE_ONLY)
    legs = (BlockLeg(FUTURE, 1, 100, 10), BlockLeg(PERP, 1, 100, 10))
    events = market.do(block(market, *legs), ALICE)
    assert [theirs, mine] == [event.order_id for event in of(events, OrderCancelled)]
    assert {CancelReason.REDUCE_ONLY} == {event.reason for event in of(events, OrderCancelled)}
    assert ["BlockTraded", "BlockTraded"] == [type(event).__name__ for event in events[:2]]


# The parties


@pytest.mark.rule("AUT-1", "CMD-3")
def test_the_other_party_must_be_one(market: Exchange) -> None:
    """And none of these refusals burns a nonce, of either party."""
    before = burnt(market, root_of(ALICE)), burnt(market, root_of(BOB))
    assert Code.UNKNOWN_ACCOUNT == refused(market, BUY_PERP, other=99)
    assert Code.BLOCK_SAME_PARTY == refused(market, BUY_PERP, other=ALICE)
    twins = block(market, BUY_PERP, other=HUGO)
    assert Code.BLOCK_SAME_PARTY == market.refusal(twins, GINA)
    assert Code.UNKNOWN_SIGNER == refused(market, BUY_PERP, counter_signer=root_of(CAROL))
    assert before == (burnt(market, root_of(ALICE)), burnt(market, root_of(BOB)))


@pytest.mark.rule("AUT-1")
def test_agents_of_both_parties_may_agree_to_a_block(market: Exchange) -> None:
    agent, other = key("agent"), key("other agent")
    market.do(AuthorizeAgent(agent), ALICE)
    market.do(AuthorizeAgent(other), BOB)
    action = block(market, BUY_PERP, counter_signer=other)
    assert Code.UNKNOWN_SIGNER == market.refusal(action, ALICE, signer=other)
    market.do(action, ALICE, signer=agent)
    assert 10 == market.position(ALICE)[0]


@pytest.mark.rule("NON-2", "CMD-3")
def test_both_nonces_are_checked_before_either_is_burnt(market: Exchange) -> None:
    used = market.now_ns // 10**6 + 5
    market.do(AuthorizeAgent(key("agent")), BOB, nonce=used)
    alice, bob = market.nonces(root_of(ALICE)), market.nonces(root_of(BOB))
    assert Code.NONCE_REUSED == refused(market, BUY_PERP, counter_nonce=used)
    late = market.now_ns // 10**6 + 86_400_001
    assert Code.NONCE_OUT_OF_WINDOW == refused(market, BUY_PERP, counter_nonce=late)
    mine = market.refusal(block(market, BUY_PERP), ALICE, nonce=late)
    assert Code.NONCE_OUT_OF_WINDOW == mine
    assert (alice, bob) == (market.nonces(root_of(ALICE)), market.nonces(root_of(BOB)))


@pytest.mark.rule("NON-2", "NON-3")
def test_both_nonces_are_burnt_by_a_block_and_by_its_refusal(market: Exchange) -> None:
    for legs, count in (((BUY_PERP,), 1), ((), 2)):
        before = burnt(market, root_of(ALICE)), burnt(market, root_of(BOB))
        nonce = market.now_ns // 10**6 + 600 + count
        market.send(block(market, *legs, counter_nonce=nonce), ALICE)
        after = burnt(market, root_of(ALICE)), burnt(market, root_of(BOB))
        assert (before[0] + 1, before[1] + 1) == after
    assert Code.NONCE_REUSED == refused(market, BUY_PERP, counter_nonce=nonce)


@pytest.mark.rule("NON-2")
def test_one_key_for_both_needs_two_nonces(market: Exchange) -> None:
    market.do(OpenAccount(60, root_of(ALICE)))
    market.deposit(60, CASH)
    nonce = market.now_ns // 10**6 + 500
    same = block(market, BUY_PERP, other=60, counter_signer=root_of(ALICE), counter_nonce=nonce)
    assert Code.NONCE_REUSED == market.refusal(same, ALICE, nonce=nonce)
    market.do(same, ALICE, nonce=nonce + 1)
    assert 10 == market.position(ALICE)[0]


@pytest.mark.rule("NON-2")
def test_two_nonces_of_one_key_are_entered_whatever_the_first_pushes_out(
    machine: Machine,
) -> None:
    """With room for one the higher one stays, and the lower becomes the floor."""
    market = open_market(machine, nonce_capacity=1)
    market.do(OpenAccount(60, root_of(ALICE)))
    market.deposit(60, CASH)
    high = market.now_ns // 10**6 + 500
    action = block(
        market, BUY_PERP, other=60, counter_signer=root_of(ALICE), counter_nonce=high - 100
    )
    market.do(action, ALICE, nonce=high)
    assert (high - 100, [high]) == market.nonces(root_of(ALICE))


@pytest.mark.rule("NON-1")
def test_a_repeated_block_is_answered_with_the_first_outcome(market: Exchange) -> None:
    action = block(market, BUY_PERP)
    market.do(action, ALICE, request_id=b"b")
    bob = market.nonces(root_of(BOB))
    events = market.send(action, ALICE, request_id=b"b")
    assert [("DuplicateRequest", 0, 0)] == [
        (type(event).__name__, event.code, event.order_id) for event in events
    ]
    assert (10, bob) == (market.position(ALICE)[0], market.nonces(root_of(BOB)))


# Refusals


@pytest.mark.rule("CMD-3")
def test_a_block_has_1_to_20_legs_in_different_instruments(market: Exchange) -> None:
    assert Code.BAD_BLOCK == refused(market)
    assert Code.BAD_BLOCK == refused(market, BUY_PERP, BlockLeg(PERP, 1, 100, 10))
    many = [BlockLeg(number, 0, 100, 1) for number in range(101, 122)]
    assert Code.BAD_BLOCK == refused(market, *many)
    assert Code.UNKNOWN_INSTRUMENT == refused(market, *many[:20])


@pytest.mark.rule("CMD-3", "ORD-5")
@pytest.mark.parametrize(
    ("leg", "code"),
    [
        (BlockLeg(99, 7, 0, 0), Code.UNKNOWN_INSTRUMENT),
        (BlockLeg(PERP, 2, 0, 0), Code.BAD_SIDE),
        (BlockLeg(PERP, -1, 0, 0), Code.BAD_SIDE),
        (BlockLeg(PERP, 0, 0, 0), Code.PRICE_NOT_POSITIVE),
        (BlockLeg(PERP, 0, 103, 0), Code.PRICE_OFF_TICK),
        (BlockLeg(PERP, 0, 10_002, 0), Code.PRICE_ABOVE_MAX),
        (BlockLeg(PERP, 0, 102, 0), Code.SIZE_NOT_POSITIVE),
        (BlockLeg(PERP, 0, 102, 4), Code.SIZE_OFF_LOT),
        (BlockLeg(PERP, 0, 102, 3), Code.SIZE_BELOW_MIN),
        (BlockLeg(PERP, 0, 102, 303), Code.SIZE_ABOVE_MAX),
        (BlockLeg(PERP, 0, 2, 6), Code.NOTIONAL_BELOW_MIN),
        (BlockLeg(PERP, 0, 112, 6), Code.BLOCK_OFF_MARKET),
        (BlockLeg(PERP, 0, 88, 6), Code.BLOCK_OFF_MARKET),
    ],
)
def test_each_leg_is_checked_like_an_order(market: Exchange, leg: BlockLeg, code: Code) -> None:
    """Band 1 % for orders, 10 % for blocks; orders of 30 lots at most, positions of 300."""
    market.do(
        SetTradingLimits(PERP, TradingLimits(2, 10_000, 3, 6, 30, 60_000, 300, 10, 100, 1_000))
    )
    good = BlockLeg(FUTURE, 0, 100, 1)
    assert code == refused(market, good, leg)
    assert (0, 0) == market.position(ALICE, FUTURE)


@pytest.mark.rule("CMD-3", "INS-3")
@pytest.mark.parametrize(
    ("band_bps", "price", "is_good"),
    [(0, 100, True), (0, 101, False), (1_000, 110, True), (1_000, 90, True), (999, 110, False)],
)
def test_the_band_of_blocks_is_around_the_mark(
    market: Exchange, band_bps: int, price: int, is_good: bool
) -> None:
    limits = TradingLimits(max_price_ticks=10_000, block_band_bps=band_bps)
    market.do(SetTradingLimits(PERP, limits))
    found = codes(market.send(block(market, BlockLeg(PERP, 1, price, 1)), ALICE))
    assert ([] if is_good else [Code.BLOCK_OFF_MARKET]) == found


@pytest.mark.rule("INS-3")
def test_the_bounds_of_the_band(market: Exchange) -> None:
    for bad in (-1, 10**6 + 1):
        limits = TradingLimits(max_price_ticks=10_000, block_band_bps=bad)
        assert Code.BAD_PARAMETER == market.refusal(SetTradingLimits(PERP, limits))


@pytest.mark.rule("CMD-3")
def test_the_instrument_must_be_open_and_freshly_marked(machine: Machine) -> None:
    market = open_market(machine, max_mark_age_ns=10**9)
    market.do(SetInstrumentStatus(PERP, InstrumentStatus.HALTED))
    assert Code.INSTRUMENT_HALTED == refused(market, BUY_PERP)
    market.do(SetInstrumentStatus(PERP, InstrumentStatus.ACTIVE))
    market.create(20, "BTC-20270101")
    assert Code.NO_MARK_PRICE == refused(market, BlockLeg(20, 0, 100, 1))
    hold(market, ALICE, -10, 100)
    market.do(AdvanceTime(), at=market.now_ns + 10**9 + 1)
    assert Code.STALE_MARK == refused(market, BUY_PERP)
    market.do(AdvanceTime(), at=MARKET_EXPIRY_NS)
    assert Code.INSTRUMENT_EXPIRED == refused(market, BlockLeg(FUTURE, 0, 100, 1))


@pytest.mark.rule("CMD-3", "ORD-6")
def test_close_only_takes_a_block_that_closes_for_both(market: Exchange) -> None:
    hold(market, ALICE, 10, 100)
    market.do(SetInstrumentStatus(PERP, InstrumentStatus.CLOSE_ONLY))
    assert Code.INSTRUMENT_CLOSE_ONLY == refused(market, BUY_PERP)
    closing = BlockLeg(PERP, 1, 100, 10)
    assert Code.INSTRUMENT_CLOSE_ONLY == refused(market, closing, other=CAROL)
    assert Code.INSTRUMENT_CLOSE_ONLY == refused(market, BlockLeg(PERP, 1, 100, 11))
    market.do(block(market, closing), ALICE)
    assert (0, 0) == (market.position(ALICE)[0], market.position(BOB)[0])


@pytest.mark.rule("CMD-3", "ORD-5")
def test_positions_stay_within_their_limit_with_open_orders(market: Exchange) -> None:
    market.do(
        SetTradingLimits(
            PERP, TradingLimits(max_price_ticks=10_000, max_order_lots=5, max_position_lots=30)
        )
    )
    market.bid(ALICE, 90, 5)
    for leg, who in ((BlockLeg(PERP, 0, 100, 26), BOB), (BlockLeg(PERP, 1, 100, 26), CAROL)):
        if who == CAROL:
            market.bid(CAROL, 90, 5)
        assert Code.POSITION_LIMIT == refused(market, leg, other=who)
    market.do(block(market, BlockLeg(PERP, 0, 100, 25)), ALICE)


@pytest.mark.rule("CMD-3", "MRG-7")
def test_a_portfolio_needs_a_model_and_a_surface_for_every_leg(market: Exchange) -> None:
    market.do(SetPortfolioModel("BTC", MODEL))
    for party in (ALICE, BOB):
        twin = market.fork()
        choose(twin, party, PORTFOLIO)
        assert Code.NO_SURFACE == refused(twin, BUY_PERP, BlockLeg(CALL, 0, 5, 1))
        assert Code.NO_MARGIN_MODEL == refused(twin, BUY_PERP, BlockLeg(5, 0, 100, 1))
        twin.do(block(twin, BUY_PERP), ALICE)


@pytest.mark.rule("CMD-3")
def test_lineages_have_0_or_16_bytes(market: Exchange) -> None:
    assert Code.BAD_LINEAGE == refused(market, BUY_PERP, lineage=b"x")
    assert Code.BAD_LINEAGE == refused(market, BUY_PERP, counter_lineage=bytes(15))


# Margin


@pytest.mark.rule("CMD-3", "MRG-1")
@pytest.mark.parametrize("poor", [ALICE, BOB])
@pytest.mark.parametrize(("cash", "is_good"), [(20_300, True), (20_299, False)])
def test_margin_is_asked_of_both_after_fees(
    market: Exchange, poor: int, cash: int, is_good: bool
) -> None:
    """Ten lots at 100 need 20,000 and a fee of 300."""
    market.do(Transfer(CAROL, market.cash(poor) - cash), poor)
    before = market.records_but(EntityKind.NONCES)
    found = codes(market.send(block(market, BUY_PERP), ALICE))
    assert ([] if is_good else [Code.INSUFFICIENT_MARGIN]) == found
    assert is_good == (before != market.records_but(EntityKind.NONCES))


@pytest.mark.rule("CMD-3", "MRG-1")
def test_margin_is_asked_once_for_the_whole(market: Exchange) -> None:
    """A sold call of ten needs 150,000 and pays 50,000: the future bought beside it is no help.

    In the spread mode a call bought at 80 covers it, whichever leg stands first.
    """
    market.create(50, "BTC-20261225-80-C")
    market.mark(24, 50)
    choose(market, ALICE, 1)
    leave(market, ALICE, 190_000 + 30 * 10 * 2)
    legs = (BlockLeg(CALL, 1, 5, 10), BlockLeg(50, 0, 24, 10))
    assert Code.INSUFFICIENT_MARGIN == refused(market.fork(), legs[1])
    for order in (legs, legs[::-1]):
        market.fork().do(block(market, *order), ALICE)


@pytest.mark.rule("CMD-3", "MRG-1")
def test_an_account_in_trouble_may_close_by_block_if_that_does_not_cost_it(
    market: Exchange,
) -> None:
    """100 lots bought at 100 with 250,000; at 98 it is short, and selling at 98 frees 1,960 a lot.

    The fee is 30 a lot; at 96 the loss is 2,000 more.
    """
    hold(market, ALICE, 100, 100)
    leave(market, ALICE, 250_000)
    market.mark(98)
    legs = {price: BlockLeg(PERP, 1, price, 50) for price in (98, 96)}
    assert Code.INSUFFICIENT_MARGIN == refused(market, legs[96])
    assert Code.INSUFFICIENT_MARGIN == refused(market, legs[98], BlockLeg(FUTURE, 0, 100, 1))
    market.do(block(market, legs[98]), ALICE)
    assert 50 == market.position(ALICE)[0]


@pytest.mark.rule("CMD-3")
def test_a_refused_block_leaves_every_sum_as_it_was(market: Exchange) -> None:
    """Positions, costs, cash, fees and clearing: the tests' own check compares all records."""
    hold(market, ALICE, 7, 101)
    hold(market, ALICE, -3, 5, PUT)
    market.do(Transfer(CAROL, market.cash(BOB) - 1_000_000), BOB)
    legs = (
        BlockLeg(PERP, 1, 99, 20),
        BlockLeg(PUT, 0, 5, 30),
        BlockLeg(FUTURE, 0, 101, 3_000),
    )
    assert Code.INSUFFICIENT_MARGIN == refused(market, *legs)
    market.do(block(market, *legs[:2]), ALICE)
    assert (-13, 27) == (market.position(ALICE)[0], market.position(ALICE, PUT)[0])


@pytest.mark.rule("CMD-3")
def test_the_default_band_is_10_percent() -> None:
    assert 1_000 == TradingLimits().block_band_bps

"""Blocks: authority and nonces of two parties, checks in order, and the sums done by hand."""

import pytest

from lockstep_engine.codes import Code, OrderFlag
from lockstep_engine.commands import (
    AuthorizeAgent,
    BlockLeg,
    CancelOrder,
    CreateUnderlying,
    Deposit,
    ExecuteBlock,
    GrantRole,
    Liquidate,
    OpenAccount,
    SetFeeSchedule,
    SetFeeTier,
    SetInstrumentStatus,
    SetMarginMode,
    SetPortfolioModel,
    SetTradingLimits,
    TradingLimits,
    UpdateIndexPrice,
    UpdateMarkPrice,
)
from lockstep_engine.events import (
    BlockSide,
    BlockTraded,
    CommandRejected,
    DuplicateRequest,
    OrderAmended,
    OrderCancelled,
)
from lockstep_naive.access import unpacked_nonces
from tests.unit.naive.world import (
    BUY,
    CALL,
    FUTURE,
    FUTURE_EXPIRY_NS,
    OPEN_PERP,
    PERP,
    RICH,
    ROOT,
    SELL,
    START_NS,
    USD,
    World,
    code_of,
    key,
    kinds,
    of,
    only,
)
from tests.unit.naive.worlds_of_risk import flat_model

START_MS = START_NS // 10**6
AGENT = b"a" * 32
LEG = BlockLeg(PERP, BUY, 100, 10)


def block(world: World, *legs: BlockLeg, other: int = 2, **changes: object) -> ExecuteBlock:
    """Return a block with another account, by its root key and with a nonce of its own."""
    fields = {"counter_signer": key(other), "counter_nonce": world.nonce + 1} | changes
    return ExecuteBlock(counter_account=other, legs=legs or (LEG,), **fields)


def nonces(world: World, signer: bytes) -> list[int]:
    """Return the burnt nonces of a signer, as what they are more than the start."""
    row = world.core.nonces.get(signer)
    return [] if row is None else [nonce - START_MS for nonce in unpacked_nonces(row)]


def held(world: World) -> list:
    """Return everything but nonces and requests."""
    return [record for record in world.records() if record[0] != 5]


def legs_of(count: int) -> tuple[BlockLeg, ...]:
    return tuple(BlockLeg(number, BUY, 1, 1) for number in range(1, count + 1))


@pytest.mark.rule("CMD-3", "FEE-1", "POS-3")
def test_both_parties_trade_all_legs_outside_the_book() -> None:
    world = World()
    resting = [world.rest(3, SELL, 100, 1), world.rest(3, BUY, 99, 1)]
    legs = (BlockLeg(PERP, BUY, 101, 10), BlockLeg(CALL, SELL, 95, 2))
    first, second = b"1" * 16, b"2" * 16
    action = block(world, *legs, lineage=first, counter_lineage=second)
    events = world.do(1, action)
    # 3 bps of 1,010 = 0.303; of an index of 100 for 2 lots 0.06, below 12.5 % of 190
    perp_cash = RICH - 303_000
    perp = BlockTraded(
        *(1, PERP, 101, 10, BUY, 100 * USD),
        BlockSide(1, 303_000, 0, 10, 1_010 * USD, perp_cash, first),
        BlockSide(2, 303_000, 0, -10, -1_010 * USD, perp_cash, second),
    )
    call = BlockTraded(
        *(2, CALL, 95, 2, SELL, 100 * USD),
        BlockSide(1, 60_000, 0, -2, -190 * USD, perp_cash + 190 * USD - 60_000, first),
        BlockSide(2, 60_000, 0, 2, 190 * USD, perp_cash - 190 * USD - 60_000, second),
    )
    assert [perp, call] == events
    assert (12, 0, 726_000, 4 * RICH, 0) in world.records()
    assert all(world.order(order_id) is not None for order_id in resting)
    # the other way round half of it closes again: 5 x 1 is realised
    events = world.do(2, block(world, BlockLeg(PERP, BUY, 100, 5), other=1))
    (told,) = of(events, BlockTraded)
    assert (3, 2, 5 * USD, -5, -505 * USD) == (
        *(told.trade_id, told.first.account, told.first.realised_e6),
        *(told.first.position_lots, told.first.cost_e6),
    )
    assert (1, -5 * USD, 5, 505 * USD) == (
        *(told.second.account, told.second.realised_e6),
        *(told.second.position_lots, told.second.cost_e6),
    )
    world.verify()


@pytest.mark.rule("CMD-3", "ADM-5")
def test_each_party_pays_by_its_own_tier_rounded_up() -> None:
    world = World()
    world.operate(SetFeeSchedule(1, *[0] * 4, option_cap_e9=1_001, builder_share_bps=10_000))
    world.operate(SetFeeSchedule(2, *[0] * 6, block_e9=1))
    for account in (1, 2):
        world.operate(SetFeeTier(account, account))
    (told,) = world.do(1, block(world, BlockLeg(CALL, BUY, 95, 1)))
    # the cap of 1,001 x 95 / 1000 = 95.095; and 0 x 95 at a cap of 0
    assert (96, 0) == (told.first.fee_e6, told.second.fee_e6)
    (told,) = world.do(1, block(world, BlockLeg(PERP, BUY, 101, 1)))
    assert (30_300, 1) == (told.first.fee_e6, told.second.fee_e6)


@pytest.mark.rule("AUT-1")
def test_the_other_party_is_looked_at_after_the_first_and_burns_no_nonce() -> None:
    world = World()
    for account, group in ((7, 5), (8, 5), (9, 0)):
        world.open(account, RICH, group)
    assert Code.UNKNOWN_ACCOUNT == world.refuse(11, block(world, other=12))
    assert Code.UNKNOWN_ACCOUNT == world.refuse(1, block(world, other=12))
    assert Code.BLOCK_SAME_PARTY == world.refuse(1, block(world, other=1))
    assert Code.BLOCK_SAME_PARTY == world.refuse(7, block(world, other=8, counter_signer=AGENT))
    assert Code.UNKNOWN_SIGNER == world.refuse(1, block(world, counter_signer=AGENT))
    unknown = world.do(1, block(world, other=12), signer=AGENT)
    assert Code.UNKNOWN_SIGNER == code_of(unknown)
    assert [] == nonces(world, key(1)) + nonces(world, key(2)) + nonces(world, key(7))
    assert ["BlockTraded"] == kinds(world.do(7, block(world, other=9)))


@pytest.mark.rule("AUT-1")
def test_agents_of_both_sides_may_agree_on_a_block() -> None:
    world = World()
    other = b"b" * 32
    world.do(1, AuthorizeAgent(AGENT))
    world.do(2, AuthorizeAgent(other))
    action = block(world, counter_signer=other)
    assert ["BlockTraded"] == kinds(world.do(1, action, signer=AGENT))
    assert [action.counter_nonce - START_MS] == nonces(world, other)
    assert Code.UNKNOWN_SIGNER == world.refuse(1, block(world, counter_signer=AGENT))


@pytest.mark.rule("NON-2", "CMD-3")
def test_a_nonce_of_either_side_must_pass_and_both_are_burnt() -> None:
    world = World(nonce_past_ms=10**6)
    bad = world.do(1, block(world), nonce=0)
    assert Code.NONCE_OUT_OF_WINDOW == code_of(bad)
    for nonce, code in ((0, 311), (2**61, 311)):
        assert code == world.refuse(1, block(world, counter_nonce=nonce))
    assert [] == nonces(world, key(1)) + nonces(world, key(2))
    assert ["BlockTraded"] == kinds(world.do(1, block(world, counter_nonce=START_MS + 7)))
    envelope = world.nonce - START_MS
    assert ([envelope], [7]) == (nonces(world, key(1)), nonces(world, key(2)))
    assert Code.NONCE_REUSED == world.refuse(1, block(world, counter_nonce=START_MS + 7))
    assert [envelope] == nonces(world, key(1))
    # the action is refused: both stay burnt
    empty = ExecuteBlock(2, key(2), START_MS + 9, ())
    assert Code.BAD_BLOCK == world.refuse(1, empty)
    assert ([envelope, world.nonce - START_MS], [7, 9]) == (
        nonces(world, key(1)),
        nonces(world, key(2)),
    )


def same_key(**changes: int) -> World:
    """Return a world where account 8 has the key of account 1, without a group."""
    world = World(**changes)
    world.operate(OpenAccount(8, key(1)))
    world.trade(3, 1, 100, 1)
    return world


@pytest.mark.rule("NON-2", "CMD-3")
def test_one_key_for_both_parties_needs_two_nonces() -> None:
    world = same_key()
    before = nonces(world, key(1))
    equal = block(world, other=8, counter_signer=key(1), counter_nonce=world.nonce + 1)
    assert Code.NONCE_REUSED == world.refuse(1, equal)
    assert before == nonces(world, key(1))
    leg = BlockLeg(PERP, SELL, 100, 1)
    action = block(world, leg, other=3, counter_signer=key(3))
    assert ["BlockTraded"] == kinds(world.do(1, action))
    # one after the other, in the order of the parties
    action = block(world, leg, other=8, counter_signer=key(1), counter_nonce=START_MS + 1)
    assert Code.INSUFFICIENT_MARGIN == code_of(world.do(1, action))
    assert 1 in nonces(world, key(1))
    assert world.nonce - START_MS in nonces(world, key(1))


@pytest.mark.rule("NON-2")
def test_the_second_nonce_of_one_key_never_lowers_its_floor() -> None:
    world = same_key(nonce_capacity=1)
    (last,) = nonces(world, key(1))
    # both are checked before either is added: the second is above the floor until the first is
    action = block(world, other=8, counter_signer=key(1), counter_nonce=START_MS + last + 1)
    code = code_of(world.do(1, action, nonce=START_MS + last + 2))
    assert Code.INSUFFICIENT_MARGIN == code
    row = world.core.nonces.must(key(1))
    # last goes when the first comes, and the second at once
    assert (last + 1, [last + 2]) == (row.floor - START_MS, nonces(world, key(1)))
    world.do(1, CancelOrder(1), nonce=START_MS + last + 9)
    action = block(world, other=8, counter_signer=key(1), counter_nonce=START_MS + last + 3)
    world.do(1, action, nonce=START_MS + last + 10)
    row = world.core.nonces.must(key(1))
    # the first makes 9 the floor; 3, dropped at once, does not bring it down
    assert (last + 9, [last + 10]) == (row.floor - START_MS, nonces(world, key(1)))
    world.verify()


@pytest.mark.rule("NON-1", "NON-2")
def test_a_repeat_of_a_block_burns_the_nonce_of_the_envelope_only() -> None:
    world = World()
    action = block(world)
    assert ["BlockTraded"] == kinds(world.do(1, action, request_id=b"r"))
    before = nonces(world, key(2))
    assert [DuplicateRequest(1, b"r", 0, 0)] == world.do(1, action, request_id=b"r")
    assert world.nonce - START_MS in nonces(world, key(1))
    assert before == nonces(world, key(2))
    other = block(world)
    (event,) = world.do(1, other, request_id=b"r")
    assert isinstance(event, CommandRejected)
    assert Code.REQUEST_ID_CONFLICT == event.code
    assert before == nonces(world, key(2))
    refused = ExecuteBlock(2, key(2), world.nonce + 1, ())
    world.do(1, refused, request_id=b"s")
    told = world.do(1, refused, request_id=b"s")
    assert [DuplicateRequest(1, b"s", Code.BAD_BLOCK, 0)] == told


@pytest.mark.rule("CMD-3")
@pytest.mark.parametrize(
    ("legs", "lineages", "code"),
    [
        ((), (b"?", b""), Code.BAD_BLOCK),
        (legs_of(21), (b"?", b""), Code.BAD_BLOCK),
        ((LEG, BlockLeg(CALL, 9, 0, 0), LEG), (b"", b"?"), Code.BAD_BLOCK),
        ((BlockLeg(99, 9, 0, 0),), (b"?", b""), Code.BAD_LINEAGE),
        ((BlockLeg(99, 9, 0, 0),), (b"L" * 16, b"?" * 15), Code.BAD_LINEAGE),
        ((LEG, BlockLeg(99, 9, 0, 0)), (b"", b""), Code.UNKNOWN_INSTRUMENT),
        ((BlockLeg(PERP, 2, 0, 0), BlockLeg(99, 9, 0, 0)), (b"", b""), Code.BAD_SIDE),
        ((BlockLeg(PERP, -1, 0, 0),), (b"", b""), Code.BAD_SIDE),
        (legs_of(20), (b"", b""), Code.BLOCK_OFF_MARKET),
    ],
)
def test_a_block_is_looked_at_before_its_legs_and_these_in_order(legs, lineages, code) -> None:
    world = World()
    first, second = lineages
    action = ExecuteBlock(2, key(2), world.nonce + 1, legs, b"", first, second)
    assert code == world.refuse(1, action)


@pytest.mark.rule("CMD-3", "ORD-5")
@pytest.mark.parametrize(
    ("price", "qty", "code"),
    [
        (0, 0, Code.PRICE_NOT_POSITIVE),
        (101, 0, Code.PRICE_OFF_TICK),
        (1_002, 0, Code.PRICE_ABOVE_MAX),
        (100, 0, Code.SIZE_NOT_POSITIVE),
        (100, 7, Code.SIZE_OFF_LOT),
        (100, 3, Code.SIZE_BELOW_MIN),
        (100, 63, Code.SIZE_ABOVE_MAX),
        (50, 6, Code.NOTIONAL_BELOW_MIN),
        (88, 60, Code.BLOCK_OFF_MARKET),
        (112, 60, Code.BLOCK_OFF_MARKET),
        # as large as a position may be, though no order may: outside the band of orders
        (90, 60, None),
        (110, 60, None),
    ],
)
def test_a_leg_has_the_limits_of_an_order_but_for_band_and_largest_size(price, qty, code) -> None:
    world = World()
    limits = TradingLimits(2, 1_000, 3, 6, 12, 400 * USD, 60, 1_000, 100)
    world.operate(SetTradingLimits(PERP, limits))
    action = block(world, BlockLeg(PERP, SELL, price, qty))
    if code is None:
        assert ["BlockTraded"] == kinds(world.do(1, action))
    else:
        assert code == world.refuse(1, action)


@pytest.mark.rule("CMD-3", "INS-3")
@pytest.mark.parametrize(("band", "ok"), [(0, 100), (100, 101), (10**6, 10_100)])
def test_a_block_stays_within_its_band_around_the_mark(band: int, ok: int) -> None:
    world = World()
    world.operate(
        SetTradingLimits(PERP, TradingLimits(max_price_ticks=20_000, block_band_bps=band))
    )
    off = world.refuse(1, block(world, BlockLeg(PERP, BUY, ok + 1, 1)))
    assert Code.BLOCK_OFF_MARKET == off
    assert ["BlockTraded"] == kinds(world.do(1, block(world, BlockLeg(PERP, BUY, ok, 1))))


@pytest.mark.rule("INS-3")
@pytest.mark.parametrize("band", [-1, 10**6 + 1])
def test_the_band_of_blocks_has_bounds(band: int) -> None:
    action = SetTradingLimits(PERP, TradingLimits(max_price_ticks=100_000, block_band_bps=band))
    assert Code.BAD_PARAMETER == World().refuse(0, action)


@pytest.mark.rule("CMD-3")
def test_status_index_and_mark_are_looked_at_like_those_of_an_order() -> None:
    world = World(max_mark_age_ns=10**9)
    world.operate(CreateUnderlying("XRP", 1_000 * USD))
    world.create(21, "XRP-20301225-100-C")
    world.create(22, "XRP-PERP")
    world.trade(1, 2, 100, 10)
    for number, code in ((21, Code.NO_INDEX_PRICE), (22, Code.NO_MARK_PRICE)):
        assert code == world.refuse(1, block(world, BlockLeg(number, BUY, 1, 1)))
    world.operate(UpdateIndexPrice("XRP", 100 * USD))
    assert Code.NO_MARK_PRICE == world.refuse(1, block(world, BlockLeg(21, BUY, 1, 1)))
    world.jump(world.now_ns + 2 * 10**9)
    # whether or not it reduces, and before the band
    stale = BlockLeg(PERP, SELL, 500, 1)
    assert Code.STALE_MARK == world.refuse(1, block(world, stale))
    world.operate(SetInstrumentStatus(PERP, 3))
    assert Code.INSTRUMENT_HALTED == world.refuse(1, block(world, stale))
    world.jump(FUTURE_EXPIRY_NS)
    for number in (FUTURE, CALL):
        expired = BlockLeg(number, BUY, 500, 1)
        assert Code.INSTRUMENT_EXPIRED == world.refuse(1, block(world, expired))


@pytest.mark.rule("CMD-3", "ORD-6")
def test_in_a_close_only_instrument_each_party_must_reduce() -> None:
    world = World()
    world.trade(1, 2, 100, 10)
    world.rest(1, SELL, 120, 4)
    world.operate(SetInstrumentStatus(PERP, 2))
    code = Code.INSTRUMENT_CLOSE_ONLY
    assert code == world.refuse(1, block(world, BlockLeg(PERP, BUY, 100, 1)))
    assert code == world.refuse(1, block(world, BlockLeg(PERP, SELL, 100, 1), other=3))
    # with the order of 4 no more than 6 reduce
    assert code == world.refuse(1, block(world, BlockLeg(PERP, SELL, 100, 7)))
    events = world.do(1, block(world, BlockLeg(PERP, SELL, 100, 6)))
    assert (4, -4) == (events[0].first.position_lots, events[0].second.position_lots)


@pytest.mark.rule("CMD-3", "ORD-5")
def test_a_position_stays_within_its_limit_with_what_is_open() -> None:
    world = World()
    world.operate(SetTradingLimits(PERP, TradingLimits(max_order_lots=10, max_position_lots=20)))
    world.rest(2, SELL, 150, 6)
    assert Code.POSITION_LIMIT == world.refuse(1, block(world, BlockLeg(PERP, BUY, 100, 15)))
    assert ["BlockTraded"] == kinds(world.do(1, block(world, BlockLeg(PERP, BUY, 100, 14))))
    assert Code.POSITION_LIMIT == world.refuse(3, block(world, BlockLeg(PERP, BUY, 100, 1)))
    # what reduces passes, also beyond the order limit
    assert ["BlockTraded"] == kinds(world.do(1, block(world, BlockLeg(PERP, SELL, 100, 8))))


@pytest.mark.rule("CMD-3", "MRG-7")
def test_a_party_with_portfolio_margin_needs_model_and_surface() -> None:
    world = World()
    world.do(2, SetMarginMode(2))
    leg = BlockLeg(CALL, BUY, 100, 1)
    assert Code.NO_MARGIN_MODEL == world.refuse(1, block(world, leg))
    world.operate(SetPortfolioModel("BTC", flat_model()))
    assert Code.NO_SURFACE == world.refuse(1, block(world, leg))
    assert ["BlockTraded"] == kinds(world.do(1, block(world, BlockLeg(PERP, BUY, 100, 1))))


@pytest.mark.rule("CMD-3", "MRG-1")
@pytest.mark.parametrize("poor", [1, 2])
def test_both_parties_need_margin_with_all_legs_settled_and_fees_paid(poor: int) -> None:
    world = World()
    # 10 lots at 100 need 2 % of 1,000 and 0.3 of fee
    world.leave(poor, 20 * USD + 299_999)
    before = held(world)
    assert Code.INSUFFICIENT_MARGIN == code_of(world.do(1, block(world)))
    assert before == held(world)
    world.operate(Deposit(poor, 1))
    assert ["BlockTraded"] == kinds(world.do(1, block(world)))
    world.verify()


@pytest.mark.rule("CMD-3", "MRG-1")
def test_legs_that_hedge_each_other_are_margined_together() -> None:
    world = World()
    world.operate(UpdateMarkPrice(CALL, 5 * USD))
    world.create(31, "BTC-20301225-110-C")
    world.operate(UpdateMarkPrice(31, 2 * USD))
    world.do(1, SetMarginMode(1))
    world.leave(1, 4 * USD)
    short, bought = BlockLeg(31, SELL, 2, 1), BlockLeg(CALL, BUY, 5, 1)
    # alone the short call needs 12; with the other one nothing, and 4 - 3 less fees is enough
    assert Code.INSUFFICIENT_MARGIN == world.refuse(1, block(world, short))
    assert ["BlockTraded", "BlockTraded"] == kinds(world.do(1, block(world, short, bought)))
    world.verify()


@pytest.mark.rule("CMD-3", "MRG-1", "ORD-6")
def test_a_party_under_water_may_reduce_if_it_is_not_worse_off_then() -> None:
    world = World()
    world.operate(SetFeeSchedule(0, *[0] * 6, block_e9=0))
    world.trade(1, 2, 100, 10)
    world.leave(1, 20 * USD)
    world.operate(UpdateMarkPrice(PERP, 98 * USD))
    # collateral 0 against 19.6; 5 at 97 free 9.8 and cost 5 that are not there; at 98 nothing
    at_97, at_98 = (BlockLeg(PERP, SELL, price, 5) for price in (97, 98))
    assert Code.INSUFFICIENT_MARGIN == world.refuse(1, block(world, at_97))
    # with a leg that does not reduce it is refused
    other = BlockLeg(OPEN_PERP, BUY, 100, 1)
    assert Code.INSUFFICIENT_MARGIN == world.refuse(1, block(world, at_98, other))
    assert ["BlockTraded"] == kinds(world.do(1, block(world, at_98)))
    world.verify()


@pytest.mark.rule("CMD-3", "ORD-4")
def test_reduce_only_orders_are_cut_after_all_legs_first_party_first() -> None:
    world = World()
    for number in (PERP, FUTURE):
        world.trade(1, 2, 100, 10, number)
    flags = int(OrderFlag.REDUCE_ONLY)
    first = world.rest(1, SELL, 150, 10, flags=flags)
    second = world.rest(2, BUY, 60, 8, flags=flags)
    third = world.rest(2, BUY, 60, 10, flags=flags, instrument=FUTURE)
    legs = (BlockLeg(FUTURE, SELL, 100, 10), BlockLeg(PERP, SELL, 100, 4))
    events = world.do(1, block(world, *legs))
    names = ["BlockTraded", "BlockTraded", "OrderCancelled", "OrderAmended", "OrderAmended"]
    assert [*names, "BookChanged", "BookChanged"] == kinds(events)
    assert third == only(events, OrderCancelled).order_id
    told = [(event.order_id, event.remaining_lots) for event in of(events, OrderAmended)]
    assert [(first, 6), (second, 6)] == told
    world.verify()


@pytest.mark.rule("CMD-3", "LIQ-2")
@pytest.mark.parametrize("first", [1, 2])
def test_no_party_may_be_in_debt(first: int) -> None:
    world = World()
    world.operate(SetFeeSchedule(0, *[0] * 10))
    world.trade(1, 2, 100, 10)
    world.leave(1, 20 * USD)
    world.operate(UpdateMarkPrice(PERP, 90 * USD))
    world.operate(SetTradingLimits(PERP, TradingLimits(max_price_ticks=95)))
    world.do(0, Liquidate(1))
    unknown = BlockLeg(99, BUY, 1, 1)
    assert Code.ACCOUNT_IN_DEBT == world.refuse(first, block(world, unknown, other=3 - first))


@pytest.mark.rule("CMD-3", "MMP-1")
def test_blocks_do_not_count_for_protection() -> None:
    world = World()
    world.protect(2, qty_limit_e8=10**8)
    assert ["BlockTraded"] == kinds(world.do(1, block(world)))
    assert [] == world.core.mmp_fills.all()


@pytest.mark.rule("CMD-3")
def test_a_loaded_state_knows_both_nonces() -> None:
    world = World()
    action = block(world)
    world.do(1, action)
    twin = world.reloaded()
    again = block(world, counter_nonce=action.counter_nonce)
    for each in (world, twin):
        assert Code.NONCE_REUSED == each.refuse(1, again)
        each.do(1, block(each, BlockLeg(PERP, SELL, 99, 3)))
    assert world.state.hash == twin.state.hash


@pytest.mark.rule("AUT-1")
def test_a_block_is_no_action_of_the_operator() -> None:
    world = World()
    assert Code.UNKNOWN_SIGNER == code_of(world.do(1, block(world), signer=ROOT))
    world.operate(GrantRole(AGENT, 15))
    assert Code.UNKNOWN_ACCOUNT == code_of(world.do(0, block(world), signer=AGENT))

"""New orders: every check of the written order, and that order itself."""

import pytest

from lockstep_engine.codes import Code
from lockstep_engine.commands import (
    CreateInstrument,
    CreateUnderlying,
    PlaceOrder,
    SetInstrumentStatus,
    SetTradingLimits,
    TradingLimits,
    UpdateIndexPrice,
    UpdateMarkPrice,
)
from lockstep_engine.events import OrderAccepted, OrderRejected
from tests.unit.naive.world import (
    BUY,
    CALL,
    FUTURE,
    OPEN_PERP,
    PERP,
    SELL,
    START_NS,
    USD,
    World,
    code_of,
    of,
    only,
)

POST_ONLY, REPRICE, REDUCE_ONLY, MMP = 1, 2, 4, 8


def limit(world: World, instrument: int = PERP, **limits: int) -> None:
    limits = {"max_price_ticks": 100_000} | limits
    world.operate(SetTradingLimits(instrument, TradingLimits(**limits)))


@pytest.mark.rule("ORD-5", "EVT-4")
def test_a_refusal_echoes_instrument_and_client_id() -> None:
    world = World()
    (event,) = world.place(1, 7, 100, 1, instrument=77, client_id=5)
    assert OrderRejected(1, 40, 77, 0, 5, Code.UNKNOWN_INSTRUMENT) == event


@pytest.mark.rule("ORD-5", "ORD-1")
def test_an_accepted_order_is_told_with_all_it_has() -> None:
    world = World()
    world.protect(1)
    fields = {"flags": MMP, "self_trade": 2, "client_id": 9, "lineage": b"L" * 16, "builder": 3}
    expires_ns = world.now_ns + 10**9
    events = world.place(1, BUY, 90, 4, tif=1, expires_ns=expires_ns, **fields)
    assert (
        OrderAccepted(1, 1, PERP, BUY, 90, 4, 1, 0, MMP, 2, 9, b"L" * 16, expires_ns, 3, 0)
        == events[0]
    )
    order = world.core.orders.must(1)
    # fee 360 x 5 bps = 0.18
    expected = (1, 1, PERP, BUY, 90, 4, 4, 1, MMP, 2, 9, b"L" * 16, expires_ns, 3, 0, 1, 180_000)
    assert expected == tuple(order)


@pytest.mark.rule("ORD-5")
def test_a_client_id_is_unique_among_the_live_orders_of_the_account() -> None:
    world = World()
    world.rest(1, BUY, 90, 1, client_id=5)
    assert Code.DUPLICATE_CLIENT_ID == world.refused(1, 9, 90, 1, client_id=5, instrument=77)
    world.rest(2, SELL, 90, 1, client_id=5)
    world.rest(1, BUY, 90, 1, client_id=5)


@pytest.mark.rule("ORD-5")
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"instrument": 0}, Code.UNKNOWN_INSTRUMENT),
        ({"side": 2}, Code.BAD_SIDE),
        ({"side": -1}, Code.BAD_SIDE),
        ({"order_type": 2, "tif": 9}, Code.BAD_ORDER_TYPE),
        ({"tif": 4, "flags": 16}, Code.BAD_TIME_IN_FORCE),
        ({"tif": -1}, Code.BAD_TIME_IN_FORCE),
        ({"order_type": 1}, Code.BAD_TIME_IN_FORCE),
        ({"order_type": 1, "tif": 3}, Code.BAD_TIME_IN_FORCE),
        ({"flags": 16, "self_trade": 9}, Code.BAD_FLAGS),
        ({"flags": -1}, Code.BAD_FLAGS),
        ({"flags": 3}, Code.BAD_FLAGS),
        ({"flags": 1, "tif": 2}, Code.BAD_FLAGS),
        ({"flags": 2, "tif": 3}, Code.BAD_FLAGS),
        ({"tif": 3, "self_trade": 3}, Code.BAD_FLAGS),
        ({"self_trade": 5, "tif": 1}, Code.BAD_SELF_TRADE_MODE),
        ({"self_trade": -1}, Code.BAD_SELF_TRADE_MODE),
        ({"self_trade": 4}, Code.BAD_SELF_TRADE_MODE),
        ({"tif": 1, "client_id": -1}, Code.BAD_EXPIRY),
        ({"tif": 1, "expires_ns": START_NS}, Code.BAD_EXPIRY),
        ({"expires_ns": 1}, Code.BAD_EXPIRY),
        ({"expires_ns": -1}, Code.BAD_EXPIRY),
        ({"client_id": -1, "lineage": b"x"}, Code.BAD_CLIENT_ID),
        ({"lineage": b"x" * 15, "builder": 9}, Code.BAD_LINEAGE),
        ({"builder": 9, "price_ticks": 0}, Code.BAD_BUILDER),
        ({"builder": -1}, Code.BAD_BUILDER),
        ({"price_ticks": 0, "qty_lots": 0}, Code.PRICE_NOT_POSITIVE),
        ({"price_ticks": 100_001, "qty_lots": 0}, Code.PRICE_ABOVE_MAX),
        ({"qty_lots": 0}, Code.SIZE_NOT_POSITIVE),
        ({"qty_lots": 10_001}, Code.SIZE_ABOVE_MAX),
        ({"price_ticks": 2**61, "qty_lots": 2**61}, Code.PRICE_ABOVE_MAX),
        ({"qty_lots": 2**61}, Code.SIZE_ABOVE_MAX),
    ],
)
def test_bad_fields_have_their_codes_in_order(fields, code: Code) -> None:
    world = World()
    good = {"instrument": PERP, "side": BUY, "price_ticks": 90, "qty_lots": 1}
    (event,) = world.do(1, PlaceOrder(**good | fields))
    assert isinstance(event, OrderRejected)
    assert code == event.code


@pytest.mark.rule("ORD-5")
def test_an_expiry_must_lie_behind_the_time_of_the_command() -> None:
    world = World()
    now_ns = world.now_ns + 1000
    assert Code.BAD_EXPIRY == world.refused(1, BUY, 90, 1, tif=1, expires_ns=now_ns)
    world.rest(1, BUY, 90, 1, tif=1, expires_ns=now_ns + 1001)


@pytest.mark.rule("ORD-5")
def test_prices_and_sizes_stand_on_their_steps() -> None:
    world = World()
    limit(world, price_step_ticks=5, qty_step_lots=4, min_order_lots=6, min_notional_e6=800 * USD)
    assert Code.PRICE_OFF_TICK == world.refused(1, BUY, 101, 7)
    assert Code.SIZE_OFF_LOT == world.refused(1, BUY, 100, 7)
    assert Code.SIZE_BELOW_MIN == world.refused(1, BUY, 100, 4)
    assert Code.NOTIONAL_BELOW_MIN == world.refused(1, BUY, 95, 8)
    world.rest(1, BUY, 100, 8)


@pytest.mark.rule("ORD-5")
def test_the_band_is_measured_from_the_mark_if_there_is_one() -> None:
    world = World()
    limit(world, price_band_bps=500)
    assert Code.PRICE_OUT_OF_BAND == world.refused(1, BUY, 94, 1)
    assert Code.PRICE_OUT_OF_BAND == world.refused(1, SELL, 106, 1)
    world.rest(1, BUY, 95, 1)
    world.rest(1, SELL, 105, 1)
    limit(world, CALL, price_band_bps=500)
    assert Code.PRICE_OUT_OF_BAND == world.refused(1, BUY, 94, 1, instrument=CALL)
    world.create(9, "BTC-20301226", price_band_bps=500)
    assert Code.NO_MARK_PRICE == world.refused(1, BUY, 1, 1, instrument=9)


@pytest.mark.rule("ORD-5", "ORD-6")
def test_statuses_stop_orders() -> None:
    world = World()
    world.trade(1, 2, 100, 10)
    for status, code in (
        (3, Code.INSTRUMENT_HALTED),
        (2, Code.INSTRUMENT_CLOSE_ONLY),
    ):
        world.operate(SetInstrumentStatus(PERP, status))
        assert code == world.refused(1, BUY, 100, 1)
        assert code == world.refused(1, SELL, 100, 11)
    world.rest(1, SELL, 101, 6)
    assert Code.INSTRUMENT_CLOSE_ONLY == world.refused(1, SELL, 101, 5)
    assert Code.INSTRUMENT_CLOSE_ONLY == world.refused(1, SELL, 101, 5, flags=REDUCE_ONLY)
    world.rest(1, SELL, 101, 4)
    world.rest(2, BUY, 99, 10)


@pytest.mark.rule("ORD-5")
def test_without_index_or_mark_there_is_no_order() -> None:
    world = World()
    world.operate(CreateUnderlying("XRP", 1000 * USD))
    for number, symbol, code in (
        (11, "XRP-PERP", Code.NO_MARK_PRICE),
        (12, "XRP-20301225", Code.NO_MARK_PRICE),
        (13, "XRP-20301225-1-C", Code.NO_INDEX_PRICE),
    ):
        limits = TradingLimits(max_price_ticks=1000)
        world.operate(CreateInstrument(number, symbol, USD, 10**8, 10**8, limits))
        assert code == world.refused(1, BUY, 1, 1, instrument=number)
    world.operate(UpdateIndexPrice("XRP", USD))
    assert Code.NO_MARK_PRICE == world.refused(1, BUY, 1, 1, instrument=13)
    world.operate(UpdateMarkPrice(13, 1))
    world.rest(1, BUY, 1, 1, instrument=13)


@pytest.mark.rule("ORD-5", "MRK-1")
def test_a_stale_mark_takes_orders_that_reduce() -> None:
    age_ns = 10**6
    world = World(max_mark_age_ns=age_ns)
    world.operate(UpdateMarkPrice(PERP, 100 * USD))
    marked_ns = world.now_ns
    world.trade(1, 2, 100, 10)
    late = PlaceOrder(PERP, BUY, 90, 1)
    assert [] == of(world.do(1, late, at_ns=marked_ns + age_ns), OrderRejected)
    assert Code.STALE_MARK == code_of(world.do(1, late, at_ns=marked_ns + age_ns + 1))
    assert Code.STALE_MARK == world.refused(1, BUY, 90, 1, flags=MMP)
    assert Code.STALE_MARK == world.refused(1, SELL, 110, 11)
    world.rest(1, SELL, 110, 10)
    assert Code.STALE_MARK == world.refused(1, SELL, 110, 1)
    world.operate(UpdateMarkPrice(PERP, 100 * USD))
    world.rest(1, SELL, 110, 1)


@pytest.mark.rule("ORD-5", "MRK-1")
def test_without_a_maximal_age_no_mark_is_stale() -> None:
    world = World()
    world.jump(START_NS + 10**17)
    world.rest(1, BUY, 90, 1)


@pytest.mark.rule("ORD-5", "MMP-1")
def test_protection_is_asked_for_behind_the_mark_and_before_the_limits() -> None:
    world = World()
    limit(world, max_open_orders=1)
    world.rest(1, BUY, 90, 1)
    world.protect(1, "ETH")
    assert Code.MMP_NOT_CONFIGURED == world.refused(1, BUY, 90, 1, flags=MMP)
    assert Code.OPEN_ORDERS_LIMIT == world.refused(1, BUY, 90, 1)
    world.protect(1, "BTC")
    assert Code.OPEN_ORDERS_LIMIT == world.refused(1, BUY, 90, 1, flags=MMP)
    world.create(9, "ETH-20301226")
    assert Code.NO_MARK_PRICE == world.refused(2, BUY, 90, 1, flags=MMP, instrument=9)


@pytest.mark.rule("ORD-5", "ORD-6")
def test_the_number_of_open_orders_is_limited_but_for_reducing_ones() -> None:
    world = World()
    world.trade(1, 2, 100, 10)
    limit(world, max_open_orders=2)
    world.rest(1, BUY, 90, 1)
    world.rest(1, BUY, 90, 1)
    world.rest(1, BUY, 90, 1, instrument=FUTURE)
    assert Code.OPEN_ORDERS_LIMIT == world.refused(1, BUY, 90, 1)
    assert Code.OPEN_ORDERS_LIMIT == world.refused(1, SELL, 110, 11)
    world.rest(1, SELL, 110, 10)
    assert Code.OPEN_ORDERS_LIMIT == world.refused(1, SELL, 110, 1)


@pytest.mark.rule("ORD-5", "ORD-6")
def test_position_and_open_orders_of_a_side_are_limited_together() -> None:
    world = World()
    world.trade(1, 2, 100, 10)
    limit(world, max_position_lots=20, max_order_lots=20)
    world.rest(1, BUY, 90, 6)
    assert Code.POSITION_LIMIT == world.refused(1, BUY, 90, 5)
    world.rest(1, BUY, 90, 4)
    assert Code.POSITION_LIMIT == world.refused(2, SELL, 110, 11)
    world.rest(2, SELL, 110, 10)
    limit(world, max_position_lots=5, max_order_lots=5)
    world.rest(1, SELL, 111, 5)
    world.rest(1, SELL, 111, 5)
    # now it does not reduce, and -10 + 10 + 6 is above 5
    limit(world, max_position_lots=5, max_order_lots=5)
    assert Code.POSITION_LIMIT == world.refused(1, BUY, 90, 1)
    world.rest(1, SELL, 111, 5)
    assert Code.POSITION_LIMIT == world.refused(1, SELL, 111, 1)


@pytest.mark.rule("ORD-5")
def test_reduce_only_is_cut_to_what_is_left_of_the_position() -> None:
    world = World()
    assert Code.REDUCE_ONLY_WOULD_INCREASE == world.refused(1, SELL, 100, 1, flags=REDUCE_ONLY)
    world.trade(1, 2, 100, 10)
    assert Code.REDUCE_ONLY_WOULD_INCREASE == world.refused(1, BUY, 90, 1, flags=REDUCE_ONLY)
    world.rest(1, SELL, 110, 50)
    assert 7 == only(world.place(1, SELL, 110, 7, flags=REDUCE_ONLY), OrderAccepted).qty_lots
    assert 3 == only(world.place(1, SELL, 110, 7, flags=REDUCE_ONLY), OrderAccepted).qty_lots
    assert Code.REDUCE_ONLY_WOULD_INCREASE == world.refused(1, SELL, 110, 1, flags=REDUCE_ONLY)
    world.rest(2, BUY, 90, 10, flags=REDUCE_ONLY)
    world.verify()


@pytest.mark.rule("ORD-5")
def test_post_only_never_takes_and_reprice_steps_away() -> None:
    world = World()
    limit(world, price_step_ticks=5)
    world.rest(1, SELL, 100, 1)
    world.rest(1, BUY, 90, 1)
    assert Code.POST_ONLY_WOULD_CROSS == world.refused(2, BUY, 100, 1, flags=POST_ONLY)
    assert Code.POST_ONLY_WOULD_CROSS == world.refused(2, SELL, 90, 1, flags=POST_ONLY)
    world.rest(2, BUY, 95, 1, flags=POST_ONLY)
    repriced = world.place(2, BUY, 120, 1, flags=REPRICE)
    assert 95 == only(repriced, OrderAccepted).price_ticks
    repriced = world.place(3, SELL, 5, 1, flags=REPRICE)
    assert 100 == only(repriced, OrderAccepted).price_ticks


@pytest.mark.rule("ORD-5")
def test_reprice_has_nowhere_to_go_at_the_ends() -> None:
    world = World()
    world.rest(1, SELL, 1, 1, instrument=CALL)
    assert Code.POST_ONLY_WOULD_CROSS == world.refused(2, BUY, 1, 1, flags=REPRICE, instrument=CALL)
    world.rest(1, BUY, 100, 1, instrument=OPEN_PERP)
    limit(world, OPEN_PERP, max_price_ticks=100)
    assert Code.POST_ONLY_WOULD_CROSS == world.refused(
        2, SELL, 100, 1, flags=REPRICE, instrument=OPEN_PERP
    )


@pytest.mark.rule("ORD-5")
def test_fill_or_kill_is_asked_before_margin() -> None:
    world = World()
    world.open(9, 0)
    assert Code.FOK_UNFILLABLE == world.refused(9, BUY, 100, 1, tif=3)
    world.rest(1, SELL, 100, 1)
    assert Code.INSUFFICIENT_MARGIN == world.refused(9, BUY, 100, 1, tif=3)

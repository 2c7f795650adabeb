"""Market-maker protection: what counts, what breaches, what a freeze does and how it ends.

One lot is one unit: 5 lots reach a limit of 5 x 10^8 in quantity and, of a perpetual, in delta.
"""

import pytest

from lockstep_engine.codes import CancelReason, Code, MmpLimit
from lockstep_engine.commands import (
    AmendOrder,
    DeleteMmpConfig,
    MassQuote,
    PlaceOrder,
    Quote,
    ResetMmp,
    SetMmpConfig,
    UpdateMarkPrice,
    UpdateVolSurface,
)
from lockstep_engine.events import (
    MmpConfigDeleted,
    MmpConfigSet,
    MmpReset,
    MmpThawed,
    MmpTriggered,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    QuoteKept,
    Trade,
)
from tests.unit.naive.world import (
    BUY,
    CALL,
    FUTURE,
    FUTURE_EXPIRY_NS,
    OPEN_PERP,
    PERP,
    SELL,
    USD,
    World,
    code_of,
    kinds,
    of,
    only,
)

MMP, REDUCE_ONLY, IOC, FOK, ALLOW = 8, 4, 2, 3, 4
MAKER_ONLY, EXCEEDING = 1, 2
E8 = 10**8
E9 = 10**9
MS_NS = 10**6
BTC1 = (1, "BTC")


def ended_by_mmp(events) -> list[tuple[int, int]]:
    """Return (order_id, remaining) of the orders that protection cancelled, in order."""
    ended = [event for event in of(events, OrderCancelled) if event.reason == CancelReason.MMP]
    return [(event.order_id, event.remaining_lots) for event in ended]


def window(world: World) -> list[tuple[int, ...]]:
    """Return number and fields of the fills in the window of account 1 in BTC."""
    return [(row.key[2], *row[1:]) for row in world.core.mmp_fills.all() if row.window == BTC1]


def hit(world: World, lots: int, side: int = BUY, **fields):
    """Let account 2 take lots at 100, and return the events."""
    return world.place(2, side, 100, lots, tif=IOC, **fields)


@pytest.mark.rule("MMP-1")
def test_a_configuration_is_set_with_all_it_has() -> None:
    world = World()
    action = SetMmpConfig("BTC", 1, 86_400_000, 1, 2, 3, MAKER_ONLY | EXCEEDING)
    assert [MmpConfigSet(1, "BTC", 1, 86_400_000, 1, 2, 3, 3)] == world.do(1, action)
    assert (BTC1, 1, 86_400_000, 1, 2, 3, 3, 0, 1) == tuple(world.core.mmps.must(BTC1))
    assert world.core.mmps.get((2, "BTC")) is None
    world.verify()


@pytest.mark.rule("MMP-1")
@pytest.mark.parametrize(
    ("action", "code"),
    [
        (SetMmpConfig("XRP", 0, -1), Code.UNKNOWN_UNDERLYING),
        (SetMmpConfig("BTC", 0, 0, 1), Code.BAD_MMP_CONFIG),
        (SetMmpConfig("BTC", 86_400_001, 0, 1), Code.BAD_MMP_CONFIG),
        (SetMmpConfig("BTC", 1, -1, 1), Code.BAD_MMP_CONFIG),
        (SetMmpConfig("BTC", 1, 86_400_001, 1), Code.BAD_MMP_CONFIG),
        (SetMmpConfig("BTC", 1, 0, -1, 1, 1), Code.BAD_MMP_CONFIG),
        (SetMmpConfig("BTC", 1, 0, 1, -1, 1), Code.BAD_MMP_CONFIG),
        (SetMmpConfig("BTC", 1, 0, 1, 1, -1), Code.BAD_MMP_CONFIG),
        (SetMmpConfig("BTC", 1, 0), Code.BAD_MMP_CONFIG),
        (SetMmpConfig("BTC", 1, 0, 1, 0, 0, 8), Code.BAD_MMP_CONFIG),
        (SetMmpConfig("BTC", 1, 0, 0, 1, 1, 4), Code.BAD_MMP_CONFIG),
        (SetMmpConfig("BTC", 1, 0, 1, 0, 0, -1), Code.BAD_MMP_CONFIG),
        (DeleteMmpConfig("XRP"), Code.MMP_NOT_CONFIGURED),
        (DeleteMmpConfig("BTC"), Code.MMP_NOT_CONFIGURED),
        (ResetMmp("XRP"), Code.MMP_NOT_CONFIGURED),
        (ResetMmp("BTC"), Code.MMP_NOT_CONFIGURED),
    ],
)
def test_a_configuration_is_refused_in_a_written_order(action, code: Code) -> None:
    world = World()
    assert code == code_of(world.do(1, action))
    assert [] == world.core.mmps.all()


@pytest.mark.rule("MMP-1", "MMP-4")
def test_fills_of_mmp_orders_are_kept_as_maker_and_as_taker_with_their_greeks() -> None:
    world = World()
    world.protect(1)
    world.rest(1, SELL, 100, 5, flags=MMP)
    world.rest(1, SELL, 100, 5)
    hit(world, 10)
    first_ns = world.now_ns
    world.rest(2, SELL, 101, 3)
    world.rest(1, BUY, 101, 3, flags=MMP)
    # of 10 lots 5 met the order with the flag; then 3 were bought as taker
    expected = [(1, first_ns, PERP, -5, E9, 0), (2, world.now_ns, PERP, 3, E9, 0)]
    assert expected == window(world)
    assert 3 == world.core.mmps.must(BTC1).next_fill
    world.verify()


@pytest.mark.rule("MMP-1")
def test_only_the_protected_underlying_and_account_count() -> None:
    world = World()
    world.protect(1)
    world.protect(2)
    world.protect(1, "ETH")
    world.rest(1, SELL, 100, 5, flags=MMP, instrument=OPEN_PERP)
    hit(world, 5, instrument=OPEN_PERP)
    assert [(1, "ETH", 1)] == [row.key for row in world.core.mmp_fills.all()]


@pytest.mark.rule("MMP-1")
def test_maker_only_leaves_out_what_was_taken() -> None:
    world = World()
    world.protect(1, options=MAKER_ONLY)
    world.rest(2, SELL, 100, 5)
    world.rest(1, BUY, 100, 2, flags=MMP)
    assert [] == window(world)
    world.rest(1, BUY, 99, 2, flags=MMP)
    world.rest(2, SELL, 99, 1, tif=IOC)
    assert [(1, world.now_ns, PERP, 1, E9, 0)] == window(world)


@pytest.mark.rule("MMP-1")
def test_the_window_is_open_at_its_start() -> None:
    world = World()
    world.protect(1, interval_ms=10)
    world.rest(1, SELL, 100, 50, flags=MMP)
    hit(world, 1)
    first_ns = world.now_ns
    world.now_ns = first_ns + 10 * MS_NS - 1001
    hit(world, 2)  # one nanosecond before the first is out
    assert [-1, -2] == [fill[3] for fill in window(world)]
    world.now_ns = first_ns + 10 * MS_NS - 1000
    hit(world, 3)
    assert [(2, -2), (3, -3)] == [(fill[0], fill[3]) for fill in window(world)]
    world.jump(first_ns + 10**12)
    assert 2 == len(window(world))
    hit(world, 4)
    assert [(4, -4)] == [(fill[0], fill[3]) for fill in window(world)]
    world.verify()


@pytest.mark.rule("MMP-2", "EVT-3")
def test_a_breach_freezes_and_cancels_in_order_after_the_fill_that_stands() -> None:
    world = World()
    world.protect(1, qty_limit_e8=5 * E8, delta_limit_e8=4 * E8, frozen_ms=7)
    plain = world.rest(1, BUY, 90, 1)
    far = world.rest(1, BUY, 90, 2, flags=MMP, instrument=FUTURE)
    maker = world.rest(1, SELL, 100, 8, flags=MMP, builder=3)
    call = world.rest(1, BUY, 90, 3, flags=MMP, instrument=CALL)
    world.protect(1, "ETH")
    eth = world.rest(1, BUY, 90, 4, flags=MMP, instrument=OPEN_PERP)
    other = world.rest(3, SELL, 100, 1)
    assert [] == ended_by_mmp(hit(world, 3))
    events = hit(world, 5)
    until_ns = world.now_ns + 7 * MS_NS
    # 3 + 2 lots would do, but a fill is whole: 5 lots at the maker's price
    assert ["OrderAccepted", "Trade", "MmpTriggered"] == kinds(events)[:3]
    assert MmpTriggered(1, "BTC", MmpLimit.QTY | MmpLimit.DELTA, until_ns) == events[2]
    assert [(far, 2), (call, 3)] == ended_by_mmp(events)
    assert world.order(maker) is None
    for order_id in (plain, eth, other):
        assert world.order(order_id) is not None
    assert [] == window(world)
    assert (until_ns, 3) == tuple(world.core.mmps.must(BTC1))[-2:]
    assert Code.MMP_FROZEN == world.refused(1, BUY, 90, 1, flags=MMP)
    world.rest(1, BUY, 90, 1)
    world.verify()


@pytest.mark.rule("MMP-2")
def test_the_maker_that_breached_ends_with_what_is_left_and_the_taker_goes_on() -> None:
    world = World()
    world.protect(1, qty_limit_e8=2 * E8)
    first = world.rest(1, SELL, 100, 2, flags=MMP)
    second = world.rest(1, SELL, 100, 4, flags=MMP)
    last = world.rest(3, SELL, 101, 9)
    events = world.place(2, BUY, 101, 5)
    assert [(first, 2), (last, 3)] == [(t.maker.order_id, t.qty_lots) for t in of(events, Trade)]
    assert [(second, 4)] == ended_by_mmp(events)
    world.do(1, ResetMmp("BTC"))
    partial = world.rest(1, SELL, 100, 10, flags=MMP)
    assert [(partial, 7)] == ended_by_mmp(hit(world, 3))


@pytest.mark.rule("MMP-2")
@pytest.mark.parametrize(
    ("options", "limits", "lots", "breached"),
    [
        (0, {"qty_limit_e8": 5 * E8}, 5, MmpLimit.QTY),
        (0, {"qty_limit_e8": 5 * E8 + 1}, 5, 0),
        (EXCEEDING, {"qty_limit_e8": 5 * E8}, 5, 0),
        (EXCEEDING, {"qty_limit_e8": 5 * E8 - 1}, 5, MmpLimit.QTY),
        (0, {"delta_limit_e8": 5 * E8}, 5, MmpLimit.DELTA),
        (0, {"delta_limit_e8": 5 * E8 + 1}, 5, 0),
        (EXCEEDING, {"delta_limit_e8": 5 * E8}, 5, 0),
        (EXCEEDING, {"delta_limit_e8": 5 * E8 - 1}, 5, MmpLimit.DELTA),
        (0, {"vega_limit_e6": 1}, 5, 0),
        (0, {"qty_limit_e8": 1, "delta_limit_e8": 1, "vega_limit_e6": 1}, 5, 3),
    ],
)
@pytest.mark.parametrize("side", [BUY, SELL])
def test_reaching_or_exceeding_a_limit(options, limits, lots, breached, side) -> None:
    world = World()
    world.protect(1, **{"qty_limit_e8": 0} | limits, options=options)
    world.rest(1, 1 - side, 100, 9, flags=MMP)
    found = of(hit(world, lots, side), MmpTriggered)
    assert [breached] * (breached > 0) == [event.breached for event in found]


@pytest.mark.rule("MMP-2")
def test_delta_is_netted_and_quantity_is_not() -> None:
    world = World()
    world.protect(1, qty_limit_e8=0, delta_limit_e8=3 * E8)
    bid, ask = (world.rest(1, side, 100 + side, 50, flags=MMP) for side in (BUY, SELL))
    for _ in range(3):
        world.rest(2, SELL, 100, 2, tif=IOC)
        events = world.rest(2, BUY, 101, 2, tif=IOC)
    world.rest(2, SELL, 100, 2, tif=IOC)
    assert 7 == len(window(world))
    events = world.place(2, SELL, 100, 1, tif=IOC)
    # + 2 - 2 + 2 - 2 + 2 - 2 + 2 + 1 = 3 lots of delta 1
    assert MmpLimit.DELTA == only(events, MmpTriggered).breached
    assert [(bid, 41), (ask, 44)] == ended_by_mmp(events)


@pytest.mark.rule("MMP-2", "MMP-4")
def test_greeks_are_those_at_the_fill_and_a_later_mark_changes_nothing() -> None:
    world = World()
    # 2 lots of the call; whatever its greeks are, one microdollar of vega more is not reached
    world.do(0, UpdateVolSurface("BTC", FUTURE_EXPIRY_NS, 100 * USD, ((100 * USD, 10**8),)))
    mark = world.core.marks.must(CALL)
    assert 0 < mark.vega_e9 and 0 < mark.delta_e9 < E9
    reached_e6 = 3 * mark.vega_e9 // 1000
    world.protect(1, qty_limit_e8=0, vega_limit_e6=reached_e6)
    world.rest(1, SELL, 10, 9, flags=MMP, instrument=CALL)
    world.rest(2, BUY, 10, 2, instrument=CALL, tif=IOC)
    expected = (1, world.now_ns, CALL, -2, mark.delta_e9, mark.vega_e9)
    assert [expected] == window(world)
    world.do(0, UpdateVolSurface("BTC", FUTURE_EXPIRY_NS, 100 * USD, ((100 * USD, 10**7),)))
    assert [expected] == window(world)
    after = world.core.marks.must(CALL)
    missing = reached_e6 * 1000 - 2 * mark.vega_e9
    assert after.vega_e9 != mark.vega_e9
    lots = -(-missing // after.vega_e9)
    if lots > 1:
        world.rest(2, BUY, 10, lots - 1, instrument=CALL, tif=IOC)
    events = world.place(2, BUY, 10, 1, instrument=CALL, tif=IOC)
    assert MmpLimit.VEGA == only(events, MmpTriggered).breached


@pytest.mark.rule("MMP-4", "MRK-1")
def test_an_option_marked_by_command_has_no_delta_for_protection() -> None:
    world = World()
    world.protect(1, qty_limit_e8=0, delta_limit_e8=1)
    world.rest(1, SELL, 10, 9, flags=MMP, instrument=CALL)
    assert [] == of(world.place(2, BUY, 10, 5, instrument=CALL, tif=IOC), MmpTriggered)
    assert (1, world.now_ns, CALL, -5, 0, 0) == window(world)[0]
    world.operate(UpdateMarkPrice(CALL, 7))
    assert 1 == len(window(world))


@pytest.mark.rule("MMP-2")
def test_a_taker_under_the_flag_is_stopped_with_what_is_left() -> None:
    world = World()
    world.protect(1, qty_limit_e8=3 * E8)
    rest = world.rest(1, BUY, 90, 6, flags=MMP)
    for _ in range(3):
        world.rest(2, SELL, 100, 2)
    events = world.place(1, BUY, 100, 9, flags=MMP)
    taker = rest + 4
    assert ["OrderAccepted", "Trade", "Trade", "MmpTriggered"] == kinds(events)[:4]
    assert ["OrderCancelled", "OrderCancelled", "BookChanged"] == kinds(events)[4:]
    assert [(rest, 6), (taker, 5)] == ended_by_mmp(events)
    world.do(1, ResetMmp("BTC"))
    # filled to the last lot, it has nothing to end with
    world.rest(2, SELL, 100, 1)
    assert [] == ended_by_mmp(world.place(1, BUY, 100, 3, flags=MMP))
    world.verify()


@pytest.mark.rule("MMP-2", "EVT-3", "ORD-4")
def test_protection_comes_before_the_reduce_only_bound() -> None:
    world = World()
    world.trade(1, 2, 100, 10)
    world.protect(1, qty_limit_e8=4 * E8)
    cut = world.rest(1, SELL, 120, 8, flags=REDUCE_ONLY)
    ended = world.rest(1, SELL, 121, 2, flags=REDUCE_ONLY | MMP)
    world.rest(1, SELL, 100, 4, flags=MMP)
    events = hit(world, 4)
    assert ["OrderAccepted", "Trade", "MmpTriggered", "OrderCancelled"] == kinds(events)[:4]
    assert [(ended, 2)] == ended_by_mmp(events)
    # 6 lots are left of the position: 8 are cut to 6
    assert (cut, 6) == (events[4].order_id, events[4].remaining_lots)


@pytest.mark.rule("MMP-2", "ORD-3")
def test_an_account_that_trades_with_itself_counts_as_maker_first_and_is_stopped() -> None:
    world = World()
    world.protect(1, "ETH", qty_limit_e8=3 * E8, options=MAKER_ONLY)
    fields = {"instrument": OPEN_PERP, "self_trade": ALLOW, "flags": MMP}
    world.rest(1, SELL, 100, 3, **fields)
    behind = world.rest(1, SELL, 100, 4, **fields)
    events = world.place(1, BUY, 100, 5, **fields)
    assert 1 == len(of(events, Trade)) == len(of(events, MmpTriggered))
    assert [(behind, 4), (behind + 1, 2)] == ended_by_mmp(events)
    world.protect(1, "ETH", qty_limit_e8=3 * E8)
    world.do(1, ResetMmp("ETH"))
    world.rest(1, SELL, 100, 2, **fields)
    world.rest(1, BUY, 100, 1, **fields)
    # maker and taker, 1 lot each
    assert [-1, 1] == [row.lots for row in world.core.mmp_fills.all()]
    # the maker's fill breaches; the taker's no longer counts
    assert 1 == len(of(world.place(1, BUY, 100, 1, **fields), MmpTriggered))
    assert [] == world.core.mmp_fills.all()
    assert 5 == world.core.mmps.must((1, "ETH")).next_fill
    world.verify()


@pytest.mark.rule("MMP-2", "ORD-2")
def test_fill_or_kill_knows_what_protection_will_cancel() -> None:
    world = World()
    world.protect(1, qty_limit_e8=5 * E8)
    for _ in range(2):
        world.rest(1, SELL, 100, 5, flags=MMP)
    assert Code.FOK_UNFILLABLE == world.refused(2, BUY, 100, 6, tif=FOK)
    assert [] == window(world)
    assert 2 == len(world.core.orders.all())
    events = world.place(2, BUY, 100, 5, tif=FOK)
    assert [5] == [trade.qty_lots for trade in of(events, Trade)]
    assert 1 == len(of(events, MmpTriggered))


@pytest.mark.rule("MMP-2", "ORD-2")
def test_fill_or_kill_knows_what_is_in_the_window_already() -> None:
    world = World()
    world.protect(1, qty_limit_e8=5 * E8)
    for lots in (3, 2, 5):
        world.rest(1, SELL, 100, lots, flags=MMP)
    hit(world, 3)
    # 3 + 2 lots reach the limit, so the order of 5 lots would be gone
    assert Code.FOK_UNFILLABLE == world.refused(2, BUY, 100, 7, tif=FOK)
    assert 1 == len(of(world.place(2, BUY, 100, 2, tif=FOK), MmpTriggered))


@pytest.mark.rule("MMP-2", "ORD-2")
def test_fill_or_kill_knows_where_its_own_protection_stops_it() -> None:
    world = World()
    world.protect(1, qty_limit_e8=5 * E8)
    for _ in range(2):
        world.rest(2, SELL, 100, 5)
    assert Code.FOK_UNFILLABLE == world.refused(1, BUY, 100, 6, tif=FOK, flags=MMP)
    events = world.place(1, BUY, 100, 5, tif=FOK, flags=MMP)
    assert ["OrderAccepted", "Trade", "MmpTriggered", "BookChanged"] == kinds(events)
    world.place(1, BUY, 100, 5, tif=FOK)


@pytest.mark.rule("MMP-3", "TIM-2")
def test_a_freeze_ends_at_its_time_or_by_a_reset() -> None:
    world = World()
    for account, frozen_ms in ((1, 5), (2, 0)):
        world.protect(account, qty_limit_e8=E8, frozen_ms=frozen_ms)
        world.rest(account, SELL, 100, 1, flags=MMP)
        world.place(3, BUY, 100, 1, tif=IOC)
    until_ns = world.core.mmps.must(BTC1).frozen_until_ns
    assert -1 == world.core.mmps.must((2, "BTC")).frozen_until_ns
    world.now_ns = until_ns - 1001
    assert Code.MMP_FROZEN == world.refused(1, SELL, 100, 1, flags=MMP)
    events = world.place(1, SELL, 100, 1, flags=MMP)
    assert MmpThawed(1, "BTC") == events[0]
    assert isinstance(events[1], OrderAccepted)
    assert ["TimeAdvanced"] == kinds(world.jump(until_ns + 10**15))
    assert Code.MMP_FROZEN == world.refused(2, SELL, 101, 1, flags=MMP)
    assert [MmpReset(2, "BTC")] == world.do(2, ResetMmp("BTC"))
    world.rest(2, SELL, 101, 1, flags=MMP)
    world.verify()


@pytest.mark.rule("TIM-2", "MMP-3")
def test_freezes_end_by_time_account_and_underlying_behind_the_other_timers() -> None:
    world = World()
    due_ns = world.now_ns + 10**9
    for account, underlying, instrument in (
        (2, "BTC", PERP),
        (1, "ETH", OPEN_PERP),
        (1, "BTC", PERP),
    ):
        world.protect(account, underlying, qty_limit_e8=E8, frozen_ms=10)
        world.rest(account, SELL, 100, 1, flags=MMP, instrument=instrument)
    for instrument in (PERP, PERP, OPEN_PERP):
        world.do(3, PlaceOrder(instrument, BUY, 100, 1, tif=IOC), at_ns=due_ns)
    until_ns = due_ns + 10 * MS_NS
    order_id = world.rest(3, BUY, 90, 1, tif=1, expires_ns=until_ns)
    assert {until_ns} == {row.frozen_until_ns for row in world.core.mmps.all()}
    events = world.jump(until_ns)
    assert order_id == only(events, OrderCancelled).order_id
    assert ["OrderCancelled", "MmpThawed", "MmpThawed", "MmpThawed"] == kinds(events)[:4]
    thawed = [(event.account, event.underlying) for event in of(events, MmpThawed)]
    assert [(1, "BTC"), (1, "ETH"), (2, "BTC")] == thawed


@pytest.mark.rule("MMP-1", "MMP-3")
def test_a_new_configuration_keeps_a_freeze_and_the_count_and_empties_the_window() -> None:
    world = World()
    world.protect(1, qty_limit_e8=4 * E8, frozen_ms=5)
    world.rest(1, SELL, 100, 10, flags=MMP)
    hit(world, 3)
    world.protect(1, qty_limit_e8=4 * E8, frozen_ms=5)
    assert [] == window(world)
    hit(world, 3)
    assert [2] == [fill[0] for fill in window(world)]
    hit(world, 1)
    until_ns = world.core.mmps.must(BTC1).frozen_until_ns
    world.protect(1, frozen_ms=0)
    assert (until_ns, 4) == tuple(world.core.mmps.must(BTC1))[-2:]
    assert Code.MMP_FROZEN == world.refused(1, SELL, 100, 1, flags=MMP)
    assert [MmpReset(1, "BTC")] == world.do(1, ResetMmp("BTC"))
    assert (0, 4) == tuple(world.core.mmps.must(BTC1))[-2:]


@pytest.mark.rule("MMP-3")
def test_a_reset_empties_the_window_without_a_freeze_too() -> None:
    world = World()
    world.protect(1, qty_limit_e8=4 * E8)
    order_id = world.rest(1, SELL, 100, 10, flags=MMP)
    hit(world, 3)
    assert [MmpReset(1, "BTC")] == world.do(1, ResetMmp("BTC"))
    assert [] == window(world)
    assert [] == of(hit(world, 3), MmpTriggered)
    assert 4 == world.core.orders.must(order_id).remaining_lots


@pytest.mark.rule("MMP-3")
def test_deleting_ends_the_orders_and_forgets_window_freeze_and_count() -> None:
    world = World()
    world.protect(1, qty_limit_e8=4 * E8)
    first = world.rest(1, SELL, 110, 1, flags=MMP, instrument=FUTURE)
    second = world.rest(1, SELL, 100, 10, flags=MMP)
    plain = world.rest(1, BUY, 90, 1)
    hit(world, 3)
    events = world.do(1, DeleteMmpConfig("BTC"))
    assert MmpConfigDeleted(1, "BTC") == events[0]
    assert [(first, 1), (second, 7)] == ended_by_mmp(events)
    assert ["BookChanged", "BookChanged"] == kinds(events)[3:]
    assert world.order(plain) is not None
    assert [] == world.core.mmps.all() == world.core.mmp_fills.all()
    world.protect(1, qty_limit_e8=E8)
    world.rest(1, SELL, 100, 1, flags=MMP)
    hit(world, 1)
    assert (-1, 2) == tuple(world.core.mmps.must(BTC1))[-2:]
    world.do(1, DeleteMmpConfig("BTC"))
    world.protect(1)
    assert (0, 1) == tuple(world.core.mmps.must(BTC1))[-2:]
    world.rest(1, SELL, 100, 1, flags=MMP)
    world.verify()


@pytest.mark.rule("MMP-2", "CMD-2")
def test_quotes_under_the_flag_end_together_and_come_back_after_a_reset() -> None:
    world = World()
    world.protect(1, qty_limit_e8=2 * E8)
    quotes = MassQuote(1, (Quote(PERP, 99, 5, 101, 5), Quote(FUTURE, 98, 5, 102, 5)), MMP)
    world.do(1, quotes)
    events = world.place(2, BUY, 101, 2, tif=IOC)
    assert [(1, 5), (2, 3), (3, 5), (4, 5)] == ended_by_mmp(events)
    assert [PERP, FUTURE] == sorted(e.instrument for e in events if "Book" in type(e).__name__)
    refused = of(world.do(1, quotes), OrderRejected)
    assert [Code.MMP_FROZEN] * 4 == [event.code for event in refused]
    world.do(1, ResetMmp("BTC"))
    assert 4 == len(of(world.do(1, quotes), OrderAccepted))
    assert 4 == len(of(world.do(1, quotes), QuoteKept))


@pytest.mark.rule("MMP-2", "BOOK-3")
def test_an_amended_order_that_takes_is_stopped_too() -> None:
    world = World()
    world.protect(1, qty_limit_e8=2 * E8)
    world.rest(2, SELL, 100, 2)
    world.rest(2, SELL, 100, 2)
    order_id = world.rest(1, BUY, 90, 9, flags=MMP)
    events = world.do(1, AmendOrder(order_id, 100, 9))
    assert ["OrderAmended", "Trade", "MmpTriggered", "OrderCancelled"] == kinds(events)[:4]
    assert [(order_id, 7)] == ended_by_mmp(events)
    world.verify()

"""Index, marks and surfaces: who sets them, what follows from them, and in which order."""

import pytest

from lockstep_engine.codes import Code
from lockstep_engine.commands import (
    AdvanceTime,
    CreateUnderlying,
    SetInstrumentStatus,
    UpdateIndexPrice,
    UpdateMarkPrice,
    UpdateVolSurface,
)
from lockstep_engine.events import (
    IndexPriceUpdated,
    InstrumentMark,
    MarkPriceUpdated,
    MarksUpdated,
    TimeAdvanced,
    VolSurfaceUpdated,
)
from lockstep_naive.marks import vol_at_e9
from lockstep_naive.rows import Mark, Surface
from lockstep_naive.symbols import DAY_NS
from tests.unit.naive.world import (
    BUY,
    CALL,
    FUTURE,
    FUTURE_EXPIRY_NS,
    NEAR_NS,
    OPEN_PERP,
    PERP,
    PUT,
    START_NS,
    USD,
    World,
    code_of,
    kinds,
    of,
    only,
)

E9 = 10**9
PERCENT = 10**7
FLAT = ((100 * USD, 20 * PERCENT),)


def mark_of(world: World, instrument: int) -> tuple[int, ...]:
    """Return price, time and greeks."""
    return tuple(world.core.marks.must(instrument))[1:]


def surface(world: World, *points: tuple[int, int], forward: int = 100, **fields):
    """Set points (dollars, per cent) of BTC at the expiry of CALL, PUT and FUTURE."""
    in_units = tuple((strike * USD, vol * PERCENT) for strike, vol in points)
    expiry_ns = fields.get("expiry_ns", FUTURE_EXPIRY_NS)
    return world.do(0, UpdateVolSurface("BTC", expiry_ns, forward * USD, in_units))


@pytest.mark.rule("MRK-1")
def test_marks_and_indexes_have_bounds_and_do_not_move_each_other() -> None:
    world = World()
    assert Code.UNKNOWN_UNDERLYING == code_of(world.operate(UpdateIndexPrice("XRP", 1)))
    assert Code.UNKNOWN_INSTRUMENT == code_of(world.operate(UpdateMarkPrice(9, 1)))
    for price_e6 in (0, -1, 200_000 * USD + 1):
        assert Code.BAD_PARAMETER == code_of(world.operate(UpdateIndexPrice("BTC", price_e6)))
    for price_e6 in (0, -1, 100_000 * USD + 1):
        for instrument in (PERP, CALL):
            refused = world.operate(UpdateMarkPrice(instrument, price_e6))
            assert Code.BAD_PARAMETER == code_of(refused)
    top = world.operate(UpdateIndexPrice("BTC", 200_000 * USD))
    assert IndexPriceUpdated("BTC", 200_000 * USD) == top
    assert 100 * USD == world.core.marks.must(PERP).price_e6
    assert MarkPriceUpdated(PERP, 1) == world.operate(UpdateMarkPrice(PERP, 1))
    assert 200_000 * USD == world.core.underlyings.must("BTC").index_price_e6


@pytest.mark.rule("MRK-1")
def test_a_mark_by_command_has_delta_one_or_for_an_option_no_greeks() -> None:
    world = World()
    for instrument, delta_e9 in ((PERP, E9), (FUTURE, E9), (CALL, 0), (PUT, 0)):
        event = world.operate(UpdateMarkPrice(instrument, 7))
        assert MarkPriceUpdated(instrument, 7) == event
        assert (7, world.now_ns, delta_e9, 0, 0, 0) == mark_of(world, instrument)


@pytest.mark.rule("MRK-1")
def test_a_surface_sets_the_marks_of_its_expiry_alone() -> None:
    world = World()
    surface(world, (100, 20))
    for instrument in (CALL, PUT, FUTURE):
        refused = world.operate(UpdateMarkPrice(instrument, 0))
        assert Code.SURFACE_EXISTS == code_of(refused)
    assert isinstance(world.operate(UpdateMarkPrice(PERP, 1)), MarkPriceUpdated)
    assert isinstance(world.operate(UpdateMarkPrice(OPEN_PERP, 1)), MarkPriceUpdated)
    world.create(9, "BTC-20301226-100-C")
    assert isinstance(world.operate(UpdateMarkPrice(9, 1)), MarkPriceUpdated)
    # an instrument that joins the expiry has no mark before the next surface or advance of time
    world.create(10, "BTC-20301225-90-C")
    assert Code.NO_MARK_PRICE == world.refused(1, BUY, 1, 1, instrument=10)
    assert Code.SURFACE_EXISTS == code_of(world.operate(UpdateMarkPrice(10, 1)))
    world.do(0, AdvanceTime())
    world.rest(1, BUY, 1, 1, instrument=10)


@pytest.mark.rule("MRK-2")
@pytest.mark.parametrize(
    ("action", "code"),
    [
        (UpdateVolSurface("XRP", -1, 0, ()), Code.UNKNOWN_UNDERLYING),
        (UpdateVolSurface("BTC", -1, 0, ()), Code.BAD_PARAMETER),
        (UpdateVolSurface("BTC", 28_800 * E9 - DAY_NS, 0, ()), Code.BAD_PARAMETER),
        (UpdateVolSurface("BTC", 0, 0, ()), Code.BAD_PARAMETER),
        (UpdateVolSurface("BTC", NEAR_NS + 1, 0, ()), Code.BAD_PARAMETER),
        (UpdateVolSurface("BTC", 28_800 * E9, 0, ()), Code.INSTRUMENT_EXPIRED),
        (UpdateVolSurface("BTC", NEAR_NS - DAY_NS, 0, ()), Code.BAD_SURFACE),
        (UpdateVolSurface("BTC", NEAR_NS - 2 * DAY_NS, 0, ()), Code.INSTRUMENT_EXPIRED),
        (UpdateVolSurface("BTC", NEAR_NS, 0, FLAT), Code.BAD_SURFACE),
        (UpdateVolSurface("BTC", NEAR_NS, 200_000 * USD + 1, FLAT), Code.BAD_SURFACE),
        (UpdateVolSurface("BTC", NEAR_NS, 1, ()), Code.BAD_SURFACE),
        (UpdateVolSurface("BTC", NEAR_NS, 1, ((0, E9),)), Code.BAD_SURFACE),
        (UpdateVolSurface("BTC", NEAR_NS, 1, ((10**15 + 1, E9),)), Code.BAD_SURFACE),
        (UpdateVolSurface("BTC", NEAR_NS, 1, ((5, E9), (5, E9))), Code.BAD_SURFACE),
        (UpdateVolSurface("BTC", NEAR_NS, 1, ((6, E9), (5, E9))), Code.BAD_SURFACE),
        (UpdateVolSurface("BTC", NEAR_NS, 1, ((5, 10**6 - 1),)), Code.BAD_SURFACE),
        (UpdateVolSurface("BTC", NEAR_NS, 1, ((5, 10**10 + 1),)), Code.BAD_SURFACE),
        (
            UpdateVolSurface("BTC", NEAR_NS, 1, tuple((k, E9) for k in range(1, 202))),
            Code.BAD_SURFACE,
        ),
    ],
)
def test_a_surface_is_refused_in_a_written_order(action: UpdateVolSurface, code: Code) -> None:
    world = World()
    assert code == code_of(world.operate(action))
    assert [] == world.core.surfaces.all()


@pytest.mark.rule("MRK-2")
def test_a_surface_is_good_up_to_its_bounds() -> None:
    world = World()
    for action in (
        UpdateVolSurface("BTC", NEAR_NS, 1, ((1, 10**6), (10**15, 10**10))),
        UpdateVolSurface("BTC", NEAR_NS, 200_000 * USD, tuple((k, E9) for k in range(1, 201))),
    ):
        told = VolSurfaceUpdated("BTC", NEAR_NS, action.forward_e6, action.points)
        assert told == world.operate(action)
    assert [(("BTC", NEAR_NS), action.forward_e6, action.points)] == world.core.surfaces.all()
    world.verify()


@pytest.mark.rule("MRK-2")
def test_a_surface_needs_an_expiry_behind_the_time_of_the_command() -> None:
    action = UpdateVolSurface("BTC", NEAR_NS, 1, ((1, E9),))
    for at_ns, expected in ((NEAR_NS - 1, "VolSurfaceUpdated"), (NEAR_NS, "CommandRejected")):
        world = World()
        world.jump(at_ns - 1)
        assert [expected] == kinds(world.do(0, action, at_ns=at_ns))


@pytest.mark.rule("MRK-2")
def test_points_that_cross_are_refused() -> None:
    world = World()
    # a day: 100 % gives 2.1 dollars of time value at the money, 5 % a tenth of that
    for points in (
        ((100, 5), (101, 100)),  # the call at 101 is worth more than the one at 100
        ((100, 100), (101, 5)),  # the put at 101 is worth less than the one at 100
        ((99, 5), (100, 5), (101, 100)),
    ):
        (refused,) = surface(world, *points, expiry_ns=NEAR_NS)
        assert Code.BAD_SURFACE == code_of(refused)
    for points in (((100, 100), (101, 90)), ((300, 5), (400, 5)), ((100, 5), (200, 100))):
        assert ["VolSurfaceUpdated"] == kinds(surface(world, *points, expiry_ns=NEAR_NS))


@pytest.mark.rule("MRK-2")
def test_total_variance_is_linear_in_the_strike_between_points() -> None:
    points = ((80 * USD, 50 * PERCENT), (120 * USD, 70 * PERCENT), (160 * USD, 60 * PERCENT))
    smile = Surface(("BTC", NEAR_NS), 1, points)
    found = {strike: vol_at_e9(smile, strike * USD) for strike in (1, 80, 100, 120, 130, 160, 999)}
    # at 100: sqrt((0.25 + 0.49) / 2) = sqrt(0.37); at 130: sqrt((0.49 x 30 + 0.36 x 10) / 40)
    assert {
        1: 500_000_000,
        80: 500_000_000,
        100: 608_276_253,
        120: 700_000_000,
        130: 676_387_462,
        160: 600_000_000,
        999: 600_000_000,
    } == found
    odd = Surface(("BTC", NEAR_NS), 1, ((1, 10**6), (4, 10**6 + 1)))
    # (10^12 x 2 + 1,000,002,000,001) / 3 = 10^12 + 666,667 and less than the next square
    assert 10**6 == vol_at_e9(odd, 2)


@pytest.mark.rule("MRK-2")
def test_a_surface_marks_its_expiry_by_the_rules_of_option_values() -> None:
    world = World()
    now_ns = START_NS + E9  # the start is 6,400 seconds behind midnight
    year_ns = now_ns + 365 * DAY_NS
    world.operate(CreateUnderlying("XRP", 1000 * USD, 6_401))
    for number, symbol in ((12, "-100-C"), (11, "-100-P"), (13, "")):
        world.create(number, f"XRP-20020909{symbol}")
    action = UpdateVolSurface("XRP", year_ns, 100 * USD, ((100 * USD, 20 * PERCENT),))
    told, marked = world.do(0, action, at_ns=now_ns)
    assert VolSurfaceUpdated("XRP", year_ns, 100 * USD, action.points) == told
    # d+ = 0.1: N = 0.5398278373, n = 0.3969525475; price 100 x (2 N - 1)
    greeks = (19_847_627, 396_952_547, -10_875_412)
    put = (7_965_567, 539_827_837 - E9, *greeks)
    call = (7_965_567, 539_827_837, *greeks)
    future = (100 * USD, E9, 0, 0, 0)
    expected = (InstrumentMark(11, *put), InstrumentMark(12, *call), InstrumentMark(13, *future))
    assert MarksUpdated("XRP", year_ns, expected) == marked
    for number, (price_e6, *others) in ((11, put), (12, call), (13, future)):
        assert (price_e6, now_ns, *others) == mark_of(world, number)


@pytest.mark.rule("MRK-2", "ADM-10")
def test_time_marks_every_surface_anew_in_order_and_drops_the_expired() -> None:
    world = World()
    eth = ((USD, 20 * PERCENT),)
    for number, symbol in ((21, "ETH-20010910"), (22, "BTC-20010910"), (23, "BTC-20010910-100-C")):
        world.create(number, symbol)
    world.do(0, UpdateVolSurface("ETH", NEAR_NS, USD, eth))
    surface(world, (100, 20))
    surface(world, (100, 20), expiry_ns=NEAR_NS)
    surface(world, (100, 20), expiry_ns=NEAR_NS + DAY_NS)
    before_e6 = world.core.marks.must(23).price_e6
    world.operate(SetInstrumentStatus(22, 3))
    events = world.jump(NEAR_NS - 1)
    assert TimeAdvanced(NEAR_NS - 1) == events[0]
    expected = [("BTC", NEAR_NS, 22), ("BTC", FUTURE_EXPIRY_NS, CALL), ("ETH", NEAR_NS, 21)]
    found = [(e.underlying, e.expiry_ns, e.marks[0].instrument) for e in of(events, MarksUpdated)]
    assert expected == found
    assert before_e6 > world.core.marks.must(23).price_e6
    assert NEAR_NS - 1 == world.core.marks.must(21).marked_ns
    events = world.jump(NEAR_NS)
    expired = ["SettlementPriceSet", *["InstrumentExpired"] * 2]
    assert [*expired[:2], *expired, "TimeAdvanced", "MarksUpdated"] == kinds(events)
    assert FUTURE_EXPIRY_NS == only(events, MarksUpdated).expiry_ns
    keys = [row.key for row in world.core.surfaces.all()]
    assert [("BTC", NEAR_NS + DAY_NS), ("BTC", FUTURE_EXPIRY_NS)] == keys
    # at the settlement price, which is the index: the surface has no say any more
    assert Mark(22, 100 * USD, NEAR_NS, 0, 0, 0, 0) == world.core.marks.must(22)
    assert Code.INSTRUMENT_EXPIRED == code_of(world.operate(UpdateMarkPrice(22, 0)))
    world.verify()


@pytest.mark.rule("MRK-2", "TIM-2")
def test_another_command_neither_marks_nor_drops() -> None:
    world = World()
    surface(world, (100, 20))
    world.jump(FUTURE_EXPIRY_NS - 1500)
    before = world.core.marks.all()
    world.operate(UpdateIndexPrice("BTC", USD))
    assert before == world.core.marks.all()
    events = world.do(0, UpdateIndexPrice("BTC", USD))
    told = ["SettlementPriceSet", *["InstrumentExpired"] * 3, "IndexPriceUpdated"]
    assert told == kinds(events)
    assert 1 == len(world.core.surfaces.all())
    assert ["TimeAdvanced"] == kinds(world.do(0, AdvanceTime()))
    assert [] == world.core.surfaces.all()


@pytest.mark.rule("MRK-1", "ORD-5")
def test_a_mark_of_zero_is_a_mark_around_which_there_is_no_band() -> None:
    world = World()
    world.create(9, "BTC-20010910-500-C", price_band_bps=10**6)
    surface(world, (100, 1), expiry_ns=NEAR_NS)
    assert 0 == world.core.marks.must(9).price_e6
    assert "OrderAccepted" in kinds(world.place(1, BUY, 1, 1, instrument=9))
    world.verify()

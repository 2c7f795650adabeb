"""Expiry and settlement: averages of the index, payoffs and fees, with the sums done by hand."""

import pytest

from lockstep_engine.codes import Code, InstrumentStatus
from lockstep_engine.commands import (
    CreateUnderlying,
    Deposit,
    SetFeeSchedule,
    SetMarginMode,
    SetPortfolioModel,
    SetSettlementPrice,
    SettleExpiry,
    UpdateIndexPrice,
)
from lockstep_engine.events import (
    InstrumentExpired,
    InstrumentMark,
    InstrumentSettled,
    MarksUpdated,
    OrderCancelled,
    PositionSettled,
    SettlementPriceSet,
)
from lockstep_naive.margin import account_margin, collateral_e6
from lockstep_naive.rows import IndexWindow, Mark, Settlement
from lockstep_naive.symbols import DAY_NS, SECOND_NS
from tests.unit.naive.world import (
    BUY,
    NEAR_NS,
    PERP,
    RICH,
    START_NS,
    USD,
    World,
    code_of,
    kinds,
    of,
    only,
)
from tests.unit.naive.worlds_of_risk import flat_model

XRP_FUTURE, XRP_CALL, XRP_PUT = 21, 22, 23
XRP = ("XRP", NEAR_NS)
HALF_HOUR_NS = 1_800 * SECOND_NS


def xrp_world(*, min_samples: int = 2, index: int = 100) -> World:
    """Return a world with a future, a 90 call and a 110 put on XRP that expire at NEAR_NS."""
    world = World()
    world.operate(CreateUnderlying("XRP", 200_000 * USD, 28_800, min_samples))
    if index:
        world.operate(UpdateIndexPrice("XRP", index * USD))
    symbols = ("XRP-20010910", "XRP-20010910-90-C", "XRP-20010910-110-P")
    for number, symbol in zip((XRP_FUTURE, XRP_CALL, XRP_PUT), symbols, strict=True):
        world.create(number, symbol)
    return world


def marked(world: World) -> World:
    """Mark the future at 100 and the options at 12."""
    for number, price in ((XRP_FUTURE, 100), (XRP_CALL, 12), (XRP_PUT, 12)):
        world.mark(number, price)
    return world


def held() -> World:
    """Return a world with positions in all three: 3 futures, 2 calls, 4 puts."""
    world = marked(xrp_world())
    world.trade(1, 2, 100, 3, XRP_FUTURE)
    world.trade(3, 1, 12, 2, XRP_CALL)
    world.trade(2, 4, 12, 4, XRP_PUT)
    return world


def update(world: World, before_s: int, price: int) -> None:
    """Set the index some seconds before the expiry."""
    world.index("XRP", price, at_ns=NEAR_NS - before_s * SECOND_NS)


def expired_at_110() -> World:
    """Return the held world after its expiry, at a final price of 110."""
    world = held()
    # (100 x 600 s + 130 x 900 s + 70 x 300 s) / 1,800 s = 110
    update(world, 1_200, 130)
    update(world, 300, 70)
    world.jump(NEAR_NS)
    return world


@pytest.mark.rule("SET-1")
@pytest.mark.parametrize(
    ("index", "updates", "expected", "samples"),
    [
        # the value before the window weighs from its start: (60,000 + 117,000 + 21,000) / 1,800
        (100, ((1_200, 130), (300, 70)), 110, 2),
        # without one, the window starts with the first: (90 x 400 + 120 x 200) / 600
        (0, ((600, 90), (200, 120)), 100, 2),
        # at the start of the window it is a sample, and what was before has no weight
        (100, ((1_800, 50),), 50, 1),
        # before it is none, and the last value weighs whole
        (100, ((1_801, 50),), 50, 0),
        # two at one time: both are samples, the first has no weight: (100 + 60) / 2
        (100, ((900, 7_000), (900, 60)), 80, 2),
        # nothing in the window
        (100, (), 100, 0),
        # no index at all
        (0, (), 0, 0),
    ],
)
def test_the_price_is_the_average_over_time(index, updates, expected, samples) -> None:
    world = xrp_world(index=index)
    for before_s, price in updates:
        update(world, before_s, price)
    told = only(world.jump(NEAR_NS), SettlementPriceSet)
    assert SettlementPriceSet(*XRP, expected * USD, samples, samples >= 2) == told
    row = Settlement(XRP, expected * USD, samples, samples >= 2)
    assert row == world.core.settlements.must(XRP)
    assert None is world.core.windows.get("XRP")
    world.verify()


@pytest.mark.rule("SET-1", "NUM-2")
@pytest.mark.parametrize(("first", "second", "expected"), [(1, 2, 2), (3, 2, 2), (3, 4, 4)])
def test_the_average_is_rounded_half_even(first: int, second: int, expected: int) -> None:
    world = xrp_world()
    for before_s, price_e6 in ((1_800, first), (900, second)):
        world.jump(NEAR_NS - before_s * SECOND_NS)
        world.operate(UpdateIndexPrice("XRP", price_e6), at_ns=world.now_ns)
    assert expected == only(world.jump(NEAR_NS), SettlementPriceSet).price_e6


@pytest.mark.rule("SET-1")
def test_an_index_at_the_expiry_comes_too_late() -> None:
    world = xrp_world(min_samples=0)
    world.jump(NEAR_NS - 1)
    events = world.do(0, UpdateIndexPrice("XRP", USD), at_ns=NEAR_NS)
    assert SettlementPriceSet(*XRP, 100 * USD, 0, True) == events[0]
    assert "IndexPriceUpdated" == kinds(events)[-1]
    # nor is it in a window of the next day
    assert None is world.core.windows.get("XRP")
    assert ["InstrumentSettled"] * 3 == kinds(world.do(0, SettleExpiry(*XRP), at_ns=NEAR_NS))


@pytest.mark.rule("SET-1")
def test_without_samples_that_are_needed_the_index_is_final() -> None:
    world = xrp_world(min_samples=0)
    assert SettlementPriceSet(*XRP, 100 * USD, 0, True) == world.jump(NEAR_NS)[0]


@pytest.mark.rule("SET-1")
def test_without_any_index_nothing_is_final_however_few_samples_are_needed() -> None:
    world = xrp_world(min_samples=0, index=0)
    world.mark(XRP_FUTURE, 70)
    before = world.core.marks.must(XRP_FUTURE)
    events = world.jump(NEAR_NS)
    assert SettlementPriceSet(*XRP, 0, 0, False) == events[0]
    told = [(event.instrument, event.price_e6) for event in of(events, InstrumentExpired)]
    assert [(XRP_FUTURE, 70 * USD), (XRP_CALL, 0), (XRP_PUT, 0)] == told
    assert before == world.core.marks.must(XRP_FUTURE)
    assert None is world.core.marks.get(XRP_CALL)
    world.verify()


@pytest.mark.rule("SET-1")
def test_the_record_of_a_window_holds_what_is_weighed_so_far() -> None:
    world = xrp_world()
    update(world, 1_200, 130)
    open_ns, since_ns = NEAR_NS - HALF_HOUR_NS, NEAR_NS - 1_200 * SECOND_NS
    weighed = 100 * USD * 600 * SECOND_NS
    row = IndexWindow("XRP", NEAR_NS, open_ns, since_ns, 1, weighed.to_bytes(16, "big"))
    assert row == world.core.windows.must("XRP")
    update(world, 300, 70)
    weighed += 130 * USD * 900 * SECOND_NS
    since_ns = NEAR_NS - 300 * SECOND_NS
    row = row._replace(since_ns=since_ns, samples=2, weighed=weighed.to_bytes(16, "big"))
    assert [(18, *row)] == [each for each in world.records() if each[0] == 18]
    world.verify()


@pytest.mark.rule("SET-1")
def test_the_first_index_begins_its_window_when_it_comes() -> None:
    world = xrp_world(index=0)
    update(world, 600, 90)
    at_ns = NEAR_NS - 600 * SECOND_NS
    assert IndexWindow("XRP", NEAR_NS, at_ns, at_ns, 1, bytes(16)) == world.core.windows.must("XRP")


@pytest.mark.rule("SET-1")
def test_a_window_of_a_day_without_expiry_stays_until_the_next_begins() -> None:
    world = xrp_world()
    start_ns = NEAR_NS - DAY_NS
    assert start_ns > START_NS
    world.index("XRP", 7, at_ns=start_ns - 60 * SECOND_NS)
    first = world.core.windows.must("XRP")
    world.index("XRP", 40, at_ns=start_ns + 5)
    assert first == world.core.windows.must("XRP")
    # of the day after, the index is 40 for half of the window and 60 then
    update(world, 900, 60)
    assert NEAR_NS == world.core.windows.must("XRP").expiry_ns
    assert SettlementPriceSet(*XRP, 50 * USD, 1, False) == world.jump(NEAR_NS)[0]


@pytest.mark.rule("SET-1")
def test_a_window_of_a_day_without_expiry_is_no_part_of_a_later_average() -> None:
    world = xrp_world()
    world.index("XRP", 7, at_ns=NEAR_NS - DAY_NS - 60 * SECOND_NS)
    world.jump(NEAR_NS - 1)
    assert SettlementPriceSet(*XRP, 7 * USD, 0, False) == world.jump(NEAR_NS)[0]
    world.verify()


@pytest.mark.rule("SET-1", "TIM-2")
def test_an_expiry_fixes_the_price_then_each_instrument_tells_its_mark() -> None:
    world = held()
    order_id = world.rest(1, BUY, 20, 1, instrument=XRP_CALL)
    update(world, 1_200, 130)
    update(world, 300, 70)
    events = world.jump(NEAR_NS)
    told = ["SettlementPriceSet", "InstrumentExpired", "InstrumentExpired", "OrderCancelled"]
    assert [*told, "InstrumentExpired", "TimeAdvanced", "BookChanged"] == kinds(events)
    assert [
        InstrumentExpired(XRP_FUTURE, 110 * USD),
        InstrumentExpired(XRP_CALL, 20 * USD),
        InstrumentExpired(XRP_PUT, 0),
    ] == of(events, InstrumentExpired)
    assert order_id == only(events, OrderCancelled).order_id
    for number, price in ((XRP_FUTURE, 110), (XRP_CALL, 20), (XRP_PUT, 0)):
        expected = Mark(number, price * USD, NEAR_NS, 0, 0, 0, 0)
        assert expected == world.core.marks.must(number)
        assert Code.INSTRUMENT_EXPIRED == world.refused(1, BUY, 90, 1, instrument=number)
    world.verify()


@pytest.mark.rule("SET-1", "TIM-2")
def test_one_step_of_time_runs_over_several_expiries_in_order() -> None:
    world = xrp_world(min_samples=0)
    world.create(31, "XRP-20010911")
    world.create(32, "SOL-20010910")
    events = world.jump(NEAR_NS + 5 * DAY_NS)
    told = [event.instrument for event in of(events, InstrumentExpired)]
    assert [XRP_FUTURE, XRP_CALL, XRP_PUT, 32, 31] == told
    prices = [(e.underlying, e.expiry_ns) for e in of(events, SettlementPriceSet)]
    assert [XRP, ("SOL", NEAR_NS), ("XRP", NEAR_NS + DAY_NS)] == prices
    assert NEAR_NS + DAY_NS == world.core.marks.must(31).marked_ns
    world.verify()


@pytest.mark.rule("SET-1")
def test_a_price_is_set_where_too_few_samples_made_none() -> None:
    world = held()
    update(world, 900, 130)
    # (100 + 130) / 2, from one sample
    assert SettlementPriceSet(*XRP, 115 * USD, 1, False) == world.jump(NEAR_NS)[0]
    events = world.do(0, SetSettlementPrice(*XRP, 95 * USD))
    marks = (
        InstrumentMark(XRP_FUTURE, 95 * USD, 0, 0, 0, 0),
        InstrumentMark(XRP_CALL, 5 * USD, 0, 0, 0, 0),
        InstrumentMark(XRP_PUT, 15 * USD, 0, 0, 0, 0),
    )
    told = [SettlementPriceSet(*XRP, 95 * USD, 1, True), MarksUpdated(*XRP, marks)]
    assert told == events
    assert Mark(XRP_PUT, 15 * USD, world.now_ns, 0, 0, 0, 0) == world.core.marks.must(XRP_PUT)
    assert Code.SETTLEMENT_PRICE_FINAL == world.refuse(0, SetSettlementPrice(*XRP, 95 * USD))
    world.verify()


@pytest.mark.rule("SET-1")
def test_setting_a_price_is_refused_in_the_written_order() -> None:
    world = held()
    assert Code.UNKNOWN_UNDERLYING == world.refuse(0, SetSettlementPrice("?", NEAR_NS, 0))
    assert Code.UNKNOWN_EXPIRY == world.refuse(0, SetSettlementPrice("XRP", NEAR_NS + 1, 0))
    # a perpetual never expires, not even in 1970
    assert Code.UNKNOWN_EXPIRY == world.refuse(0, SetSettlementPrice("BTC", 0, 0))
    world.jump(NEAR_NS - 1001)
    assert Code.NOT_EXPIRED == world.refuse(0, SetSettlementPrice(*XRP, 0))
    world.jump(NEAR_NS)
    for price_e6 in (0, -1, 200_000 * USD + 1):
        assert Code.BAD_PARAMETER == world.refuse(0, SetSettlementPrice(*XRP, price_e6))
    world.do(0, SetSettlementPrice(*XRP, 200_000 * USD))
    assert Code.SETTLEMENT_PRICE_FINAL == world.refuse(0, SetSettlementPrice(*XRP, 0))


@pytest.mark.rule("SET-2", "POS-3")
def test_positions_become_cash_at_what_they_pay() -> None:
    world = expired_at_110()
    cash = {account: world.cash(account) for account in range(1, 5)}
    fees = world.core.treasuries.must(0).fees_e6
    events = world.do(0, SettleExpiry(*XRP))
    # 3 futures from 100 to 110: 30; fee 1.5 bps of 330 = 0.0495
    future = (
        PositionSettled(
            *(1, XRP_FUTURE, 3, 300 * USD, 110 * USD),
            *(30 * USD, 30 * USD, 49_500, cash[1] + 30 * USD - 49_500),
        ),
        PositionSettled(
            *(2, XRP_FUTURE, -3, -300 * USD, 110 * USD),
            *(-30 * USD, -30 * USD, 49_500, cash[2] - 30 * USD - 49_500),
        ),
        InstrumentSettled(XRP_FUTURE, 110 * USD, 2),
    )
    # 2 calls, 20 each, bought for 24: 40, of which 16 are profit; fee 1.5 bps of 220 = 0.033
    call = (
        PositionSettled(
            *(1, XRP_CALL, -2, -24 * USD, 110 * USD),
            *(-40 * USD, -16 * USD, 33_000, cash[1] - 10 * USD - 49_500 - 33_000),
        ),
        PositionSettled(
            *(3, XRP_CALL, 2, 24 * USD, 110 * USD),
            *(40 * USD, 16 * USD, 33_000, cash[3] + 40 * USD - 33_000),
        ),
        InstrumentSettled(XRP_CALL, 110 * USD, 2),
    )
    # 4 puts, bought for 48, pay nothing and cost no fee
    put = (
        PositionSettled(
            *(2, XRP_PUT, 4, 48 * USD, 110 * USD),
            *(0, -48 * USD, 0, cash[2] - 30 * USD - 49_500),
        ),
        PositionSettled(*(4, XRP_PUT, -4, -48 * USD, 110 * USD), *(0, 48 * USD, 0, cash[4])),
        InstrumentSettled(XRP_PUT, 110 * USD, 2),
    )
    assert [*future, *call, *put] == events
    assert fees + 2 * 49_500 + 2 * 33_000 == world.core.treasuries.must(0).fees_e6
    for number in (XRP_FUTURE, XRP_CALL, XRP_PUT):
        assert InstrumentStatus.SETTLED == world.core.instruments.must(number).status
        assert [(0, 0)] * 4 == [world.position(account, number) for account in range(1, 5)]
        assert Code.INSTRUMENT_EXPIRED == world.refused(1, BUY, 90, 1, instrument=number)
    world.verify()


@pytest.mark.rule("SET-2", "ADM-5")
def test_the_settlement_fee_is_capped_by_what_a_lot_pays_and_rounded_up() -> None:
    world = held()
    # 8 digits behind the comma: 1.5 bps of 110 against 0.000001 of 20, for 2 lots
    world.operate(SetFeeSchedule(0, *[0] * 6, settlement_e9=150_000, settlement_cap_e9=1_025))
    update(world, 1_200, 130)
    update(world, 300, 70)
    world.jump(NEAR_NS)
    settled = of(world.do(0, SettleExpiry(*XRP)), PositionSettled)
    # futures: 1,025 x 110 x 3 / 1000 = 338.25; calls: 1,025 x 20 x 2 / 1000 = 41
    assert [339, 339, 41, 41, 0, 0] == [event.fee_e6 for event in settled]
    world.verify()


@pytest.mark.rule("SET-2")
def test_settling_is_refused_in_the_written_order() -> None:
    world = held()
    assert Code.UNKNOWN_UNDERLYING == world.refuse(0, SettleExpiry("?", NEAR_NS))
    assert Code.UNKNOWN_EXPIRY == world.refuse(0, SettleExpiry("XRP", NEAR_NS + DAY_NS))
    assert Code.UNKNOWN_EXPIRY == world.refuse(0, SettleExpiry("BTC", 0))
    assert Code.NOT_EXPIRED == world.refuse(0, SettleExpiry(*XRP))
    world.jump(NEAR_NS)
    assert Code.NO_SETTLEMENT_PRICE == world.refuse(0, SettleExpiry(*XRP))
    world.do(0, SetSettlementPrice(*XRP, 110 * USD))
    assert 9 == len(world.do(0, SettleExpiry(*XRP)))
    assert Code.ALREADY_SETTLED == world.refuse(0, SettleExpiry(*XRP))
    assert Code.SETTLEMENT_PRICE_FINAL == world.refuse(0, SetSettlementPrice(*XRP, 110 * USD))


@pytest.mark.rule("SET-2", "NUM-4")
@pytest.mark.parametrize("sign", [1, -1])
def test_nothing_is_settled_if_the_cash_of_one_would_leave_its_bounds(sign: int) -> None:
    world = expired_at_110()
    # account 3 gets 40 less 0.033 and nothing else
    change = 40 * USD - 33_000
    row = world.core.accounts.must(3)
    edge = sign * 2**61 - change
    world.core.accounts.put(row._replace(cash_e6=edge))
    assert Code.AMOUNT_ABOVE_LIMIT == code_of(world.do(0, SettleExpiry(*XRP)))
    assert (2, 24 * USD) == world.position(3, XRP_CALL)
    world.core.accounts.put(row._replace(cash_e6=edge - sign))
    assert 9 == len(world.do(0, SettleExpiry(*XRP)))
    assert sign * 2**61 - sign == world.cash(3)


@pytest.mark.rule("SET-2", "NUM-4")
def test_the_bound_is_on_the_cash_after_all_of_an_accounts_settlements() -> None:
    world = expired_at_110()
    # account 1 gains 30 by futures and loses 40 by calls: on the way it is above the bound
    row = world.core.accounts.must(1)
    world.core.accounts.put(row._replace(cash_e6=2**61 - USD))
    assert 9 == len(world.do(0, SettleExpiry(*XRP)))
    assert 2**61 - 11 * USD - 82_500 == world.cash(1)


@pytest.mark.rule("MRG-2", "SET-1")
def test_margin_of_what_expired_goes_by_its_price_and_never_by_the_index() -> None:
    world = expired_at_110()
    # account 1 is short 2 calls that will pay 20 each, long 3 futures: the price is final
    # and 5 lots at 110 will pay a fee of 1.5 bps
    expected = (40 * USD + 82_500, 40 * USD + 82_500)
    assert expected == tuple(account_margin(world.core, 1))
    world.operate(UpdateIndexPrice("XRP", 9_000 * USD))
    assert expected == tuple(account_margin(world.core, 1))
    # 30 dollars of unrealised profit
    assert world.cash(1) + 30 * USD == collateral_e6(world.core, 1)


@pytest.mark.rule("MRG-3")
def test_portfolio_margin_of_what_is_final_is_the_fee_of_its_settlement() -> None:
    world = held()
    model = flat_model(5 * 10**8, future_initial_e9=10**7)
    world.operate(SetPortfolioModel("XRP", model))
    update(world, 1_200, 130)
    update(world, 300, 70)
    world.jump(NEAR_NS)
    world.do(1, SetMarginMode(2))
    assert (82_500, 82_500) == tuple(account_margin(world.core, 1))
    # 30 of the futures, less 2 calls at 20
    assert world.cash(1) - 10 * USD == collateral_e6(world.core, 1)
    world.verify()


@pytest.mark.rule("SET-1", "SET-2")
def test_a_state_loaded_in_a_window_has_the_same_future() -> None:
    world = held()
    update(world, 1_200, 130)
    twin = world.reloaded()
    for each in (world, twin):
        update(each, 300, 70)
        each.jump(NEAR_NS)
        each.do(0, SettleExpiry(*XRP))
        each.operate(Deposit(1, 5))
        assert 110 * USD == each.core.settlements.must(XRP).price_e6
    assert world.records() == twin.records()
    assert world.state.hash == twin.state.hash
    world.verify()


@pytest.mark.rule("SET-1", "SET-2")
def test_an_expired_world_loads_and_settles_alike() -> None:
    world = expired_at_110()
    twin = world.reloaded()
    assert world.do(0, SettleExpiry(*XRP)) == twin.do(0, SettleExpiry(*XRP))
    assert world.records() == world.reloaded().records()
    assert world.state.hash == twin.state.hash


@pytest.mark.rule("SET-2")
def test_an_expiry_without_positions_is_settled_too() -> None:
    world = xrp_world(min_samples=0)
    world.jump(NEAR_NS)
    expected = [
        InstrumentSettled(XRP_FUTURE, 100 * USD, 0),
        InstrumentSettled(XRP_CALL, 100 * USD, 0),
        InstrumentSettled(XRP_PUT, 100 * USD, 0),
    ]
    assert expected == world.do(0, SettleExpiry(*XRP))
    assert RICH == world.cash(1)
    world.trade(1, 2, 100, 1)
    assert Code.ALREADY_SETTLED == world.refuse(0, SettleExpiry(*XRP))
    assert (1, 100 * USD) == world.position(1, PERP)

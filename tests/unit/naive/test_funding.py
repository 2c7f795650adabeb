"""Funding: what longs pay to shorts, when, and in which order, with the sums done by hand."""

import pytest

from lockstep_engine.codes import Code
from lockstep_engine.commands import (
    CancelOrder,
    SetInstrumentStatus,
    UpdateFundingRate,
    UpdateMarkPrice,
)
from lockstep_engine.events import (
    FundingPaid,
    FundingRateUpdated,
    FundingSkipped,
    OrderCancelled,
)
from lockstep_naive.rows import Funding
from lockstep_naive.symbols import SECOND_NS
from tests.unit.naive.world import (
    BUY,
    CALL,
    FINE,
    FUTURE,
    NEAR_NS,
    OPEN_PERP,
    PERP,
    USD,
    World,
    kinds,
    of,
)

HOUR_NS = 3_600 * SECOND_NS
FIRST_NS = 277_778 * HOUR_NS  # 2001-09-09 02:00 UTC, the first full hour after the start
PERCENT = 10**7


def funded(rate_e9: int = PERCENT) -> World:
    """Return a world with 3 lots long in account 2, 2 short in 1 and 1 short in 3, at 100."""
    world = World()
    world.trade(2, 1, 100, 2)
    world.trade(2, 3, 100, 1)
    world.operate(UpdateFundingRate(PERP, rate_e9, 3_600))
    return world


@pytest.mark.rule("SET-3")
def test_a_rate_is_set_with_the_next_multiple_of_its_interval() -> None:
    world = World()
    told = world.operate(UpdateFundingRate(PERP, -(10**8), 3_600))
    assert FundingRateUpdated(PERP, -(10**8), 3_600, FIRST_NS) == told
    assert Funding(PERP, -(10**8), 3_600) == world.core.fundings.must(PERP)
    # 10^9 seconds after 1970 are 1,653 weeks and a rest, or 34,722 times 8 hours and a rest
    week = world.operate(UpdateFundingRate(PERP, 10**8, 604_800))
    assert FundingRateUpdated(PERP, 10**8, 604_800, 1_654 * 604_800 * SECOND_NS) == week
    told = world.operate(UpdateFundingRate(OPEN_PERP, 0))
    assert FundingRateUpdated(OPEN_PERP, 0, 28_800, 34_723 * 28_800 * SECOND_NS) == told
    assert (20, PERP, 10**8, 604_800) in world.records()
    world.verify()


@pytest.mark.rule("SET-3")
def test_at_a_multiple_the_next_one_is_a_whole_interval_later() -> None:
    world = World()
    world.jump(FIRST_NS)
    told = world.operate(UpdateFundingRate(PERP, 1, 3_600), at_ns=FIRST_NS)
    assert FIRST_NS + HOUR_NS == told.next_ns


@pytest.mark.rule("SET-3")
def test_a_rate_is_refused_in_the_written_order() -> None:
    world = World()
    assert Code.UNKNOWN_INSTRUMENT == world.refuse(0, UpdateFundingRate(99, 10**9, 0))
    assert Code.NOT_PERPETUAL == world.refuse(0, UpdateFundingRate(FUTURE, 10**9, 0))
    assert Code.NOT_PERPETUAL == world.refuse(0, UpdateFundingRate(CALL, 10**9, 0))
    for rate_e9, interval_s in ((10**8 + 1, 3_600), (-(10**8) - 1, 3_600), (0, 3_599)):
        action = UpdateFundingRate(PERP, rate_e9, interval_s)
        assert Code.BAD_PARAMETER == world.refuse(0, action)
    assert Code.BAD_PARAMETER == world.refuse(0, UpdateFundingRate(PERP, 0, 604_801))


@pytest.mark.rule("SET-3", "POS-3")
@pytest.mark.parametrize(("rate_e9", "lot_e6"), [(PERCENT, USD), (-PERCENT, -USD)])
def test_longs_pay_to_shorts_by_account_before_the_command(rate_e9: int, lot_e6: int) -> None:
    world = funded(rate_e9)
    cash = {account: world.cash(account) for account in (1, 2, 3)}
    assert [] == of(world.jump(FIRST_NS - 1), FundingPaid)
    events = world.do(1, CancelOrder(77), at_ns=FIRST_NS)
    # 1 % of a mark of 100 for each lot
    paid = [
        FundingPaid(PERP, 1, FIRST_NS, -2, lot_e6, 2 * lot_e6, cash[1] + 2 * lot_e6),
        FundingPaid(PERP, 2, FIRST_NS, 3, lot_e6, -3 * lot_e6, cash[2] - 3 * lot_e6),
        FundingPaid(PERP, 3, FIRST_NS, -1, lot_e6, lot_e6, cash[3] + lot_e6),
    ]
    assert paid == events[:3]
    assert ["OrderRejected"] == kinds(events[3:])
    assert [] == of(world.do(1, CancelOrder(77), at_ns=FIRST_NS), FundingPaid)
    world.verify()


@pytest.mark.rule("SET-3", "NUM-2")
@pytest.mark.parametrize(
    ("mark_e6", "expected"), [(15, 2), (25, 2), (26, 3), (5, 0), (4, 0), (35, 4)]
)
def test_a_lot_pays_half_even_and_nothing_is_no_event(mark_e6: int, expected: int) -> None:
    world = World()
    world.trade(2, 1, 100, 2, FINE)
    # 10 % of the mark
    world.operate(UpdateFundingRate(FINE, 10**8, 3_600))
    world.operate(UpdateMarkPrice(FINE, mark_e6))
    told = of(world.jump(FIRST_NS), FundingPaid)
    both = [(1, -2, expected, 2 * expected), (2, 2, expected, -2 * expected)]
    paid = [(e.account, e.qty_lots, e.lot_e6, e.amount_e6) for e in told]
    assert (both if expected else []) == paid


@pytest.mark.rule("SET-3")
def test_without_rate_mark_or_position_nothing_is_told() -> None:
    world = funded(0)
    world.operate(UpdateFundingRate(OPEN_PERP, PERCENT, 3_600))
    assert ["TimeAdvanced"] == kinds(world.jump(FIRST_NS))


@pytest.mark.rule("SET-3", "TIM-2")
def test_missed_times_run_one_by_one_with_other_timers_between_them() -> None:
    world = funded()
    world.trade(4, 1, 100, 1, OPEN_PERP)
    world.operate(UpdateFundingRate(OPEN_PERP, PERCENT, 7_200))
    late = world.rest(1, BUY, 50, 1, tif=1, expires_ns=FIRST_NS + HOUR_NS)
    early = world.rest(1, BUY, 50, 1, tif=1, expires_ns=FIRST_NS)
    events = world.jump(FIRST_NS + 2 * HOUR_NS)
    told = [
        (e.order_id if isinstance(e, OrderCancelled) else (e.instrument, e.funding_ns))
        for e in events
        if isinstance(e, OrderCancelled) or (isinstance(e, FundingPaid) and e.account == 1)
    ]
    second_ns, third_ns = FIRST_NS + HOUR_NS, FIRST_NS + 2 * HOUR_NS
    # 2 o'clock is a multiple of 2 hours; at one time funding (kind 1) goes before orders (2)
    expected = [(PERP, FIRST_NS), (OPEN_PERP, FIRST_NS), early, (PERP, second_ns), late]
    assert [*expected, (PERP, third_ns), (OPEN_PERP, third_ns)] == told
    world.verify()


@pytest.mark.rule("SET-3", "TIM-2")
def test_funding_at_an_expiry_goes_before_it() -> None:
    world = funded()
    world.create(41, "BTC-20010910")
    names = kinds(world.jump(NEAR_NS))
    assert "FundingPaid" == names[names.index("SettlementPriceSet") - 1]
    assert "InstrumentExpired" == names[names.index("SettlementPriceSet") + 1]
    assert 0 == names[names.index("SettlementPriceSet") :].count("FundingPaid")
    # from 2 o'clock to 8 o'clock the day after, three positions each
    assert 31 * 3 == names.count("FundingPaid")


@pytest.mark.rule("SET-3")
@pytest.mark.parametrize("status", [2, 3])
def test_funding_is_paid_in_every_status_at_the_mark_of_the_time(status: int) -> None:
    world = funded()
    world.operate(SetInstrumentStatus(PERP, status))
    world.mark(PERP, 250)
    assert [5 * USD // 2] * 3 == [event.lot_e6 for event in of(world.jump(FIRST_NS), FundingPaid)]


@pytest.mark.rule("SET-3")
def test_the_last_rate_counts_and_a_new_interval_has_its_own_times() -> None:
    world = funded()
    world.operate(UpdateFundingRate(PERP, 2 * PERCENT, 28_800))
    next_ns = 34_723 * 28_800 * SECOND_NS
    assert ["TimeAdvanced"] == kinds(world.jump(next_ns - 1))
    told = of(world.jump(next_ns), FundingPaid)
    assert [(next_ns, 2 * USD)] * 3 == [(event.funding_ns, event.lot_e6) for event in told]


@pytest.mark.rule("SET-3", "NUM-4")
@pytest.mark.parametrize(("account", "change", "sign"), [(1, 2 * USD, 1), (2, -3 * USD, -1)])
def test_nobody_pays_if_the_cash_of_one_would_leave_its_bounds(account, change, sign) -> None:
    world = funded()
    row = world.core.accounts.must(account)
    world.core.accounts.put(row._replace(cash_e6=sign * 2**61 - change))
    before = world.core.accounts.all()
    events = world.jump(FIRST_NS)
    assert [FundingSkipped(PERP, FIRST_NS, USD)] == events[:-1]
    assert before == world.core.accounts.all()
    world.core.accounts.put(row._replace(cash_e6=sign * 2**61 - change - sign))
    assert 3 == len(of(world.jump(FIRST_NS + HOUR_NS), FundingPaid))
    assert sign * 2**61 - sign == world.cash(account)


@pytest.mark.rule("SET-3", "TIM-2")
def test_a_loaded_state_pays_at_the_same_times() -> None:
    world = funded()
    world.jump(FIRST_NS)
    twin = world.reloaded()
    for at_ns in (FIRST_NS + 1, FIRST_NS + HOUR_NS - 1, FIRST_NS + 3 * HOUR_NS):
        assert world.jump(at_ns) == twin.jump(at_ns)
    assert world.state.hash == twin.state.hash
    assert world.records() == twin.records()
    assert [] == of(world.jump(FIRST_NS + 3 * HOUR_NS + 1), FundingPaid)
    assert 3 == len(of(world.jump(FIRST_NS + 4 * HOUR_NS), FundingPaid))
    world.verify()

"""Funding of perpetuals ([SET-3]): when it is paid, how much, and what stops it."""

import pytest

from lockstep_engine.codes import Code, EntityKind, InstrumentStatus
from lockstep_engine.commands import (
    AdvanceTime,
    CancelOrder,
    SetInstrumentStatus,
    UpdateFundingRate,
)
from lockstep_engine.events import FundingPaid, FundingRateUpdated, FundingSkipped
from lockstep_kernel import Machine, dump, load
from tests.contract.exchange.giants import GIANT_FUNDING_E6, giant_market
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    DAY_NS,
    ETH_PERP,
    FUTURE,
    MARKET_EXPIRY_NS,
    PERP,
    SECOND_NS,
    START_NS,
    Exchange,
    names,
    of,
)

HOUR_NS = 3_600 * SECOND_NS
RATE_E9 = 1_000_000
"""10 bps: 100 e6 per lot at a mark of 100."""


@pytest.fixture
def funded(market: Exchange) -> Exchange:
    """Alice is 10 lots long, Bob 6 and Carol 4 short; longs pay 10 bps every 8 hours."""
    market.trade(ALICE, BOB, 100, 6)
    market.trade(ALICE, CAROL, 100, 4)
    market.do(UpdateFundingRate(PERP, RATE_E9))
    return market


def paid(market: Exchange, at: int) -> list[tuple[int, int, int]]:
    """Move the clock and return (time, account, amount) of everything that was paid."""
    events = of(market.send(AdvanceTime(), at=at), FundingPaid)
    return [(event.funding_ns - START_NS, event.account, event.amount_e6) for event in events]


@pytest.mark.rule("SET-3")
def test_a_rate_is_set_with_its_next_time(market: Exchange) -> None:
    market.do(AdvanceTime(), at=START_NS + 5)
    assert [FundingRateUpdated(PERP, -7, 28_800, START_NS + 8 * HOUR_NS)] == market.send(
        UpdateFundingRate(PERP, -7)
    )
    assert (-7, 28_800) == market.record(EntityKind.FUNDING, PERP)


@pytest.mark.rule("SET-3")
def test_longs_pay_shorts_account_by_account(funded: Exchange) -> None:
    cash = {account: funded.cash(account) for account in (ALICE, BOB, CAROL)}
    at = START_NS + 8 * HOUR_NS
    assert [] == paid(funded, at - 1)
    events = funded.send(CancelOrder(99), ALICE, at=at)
    assert [
        FundingPaid(PERP, ALICE, at, 10, 100, -1_000, cash[ALICE] - 1_000),
        FundingPaid(PERP, BOB, at, -6, 100, 600, cash[BOB] + 600),
        FundingPaid(PERP, CAROL, at, -4, 100, 400, cash[CAROL] + 400),
    ] == list(events[:3])
    assert ["OrderRejected"] == names(events[3:])


@pytest.mark.rule("SET-3")
def test_a_negative_rate_is_paid_by_shorts(funded: Exchange) -> None:
    funded.do(UpdateFundingRate(PERP, -RATE_E9))
    at = 8 * HOUR_NS
    expected = [(at, ALICE, 1_000), (at, BOB, -600), (at, CAROL, -400)]
    assert expected == paid(funded, START_NS + at)


@pytest.mark.rule("SET-3", "TIM-2")
def test_missed_fundings_run_one_by_one_at_the_rate_and_mark_then_set(funded: Exchange) -> None:
    funded.mark(200)
    times = [START_NS + hours * HOUR_NS for hours in (8, 16, 24)]
    found = of(funded.send(AdvanceTime(), at=times[-1] + 7), FundingPaid)
    assert times == [event.funding_ns for event in found if event.account == ALICE]
    assert [-2_000] * 3 == [event.amount_e6 for event in found if event.account == ALICE]


@pytest.mark.rule("SET-3")
@pytest.mark.parametrize("hours", [1, 8, 24, 168])
def test_times_are_the_multiples_of_the_interval_since_1970(market: Exchange, hours: int) -> None:
    market.trade(ALICE, BOB, 100, 1)
    market.do(UpdateFundingRate(PERP, RATE_E9, hours * 3_600))
    first = (START_NS // (hours * HOUR_NS) + 1) * hours * HOUR_NS
    assert [] == paid(market, first - 1)
    assert [first - START_NS] == sorted({at for at, _who, _paid in paid(market, first)})


@pytest.mark.rule("SET-3")
def test_another_interval_takes_the_place_of_the_old_one(funded: Exchange) -> None:
    funded.do(AdvanceTime(), at=START_NS + HOUR_NS)
    funded.do(UpdateFundingRate(PERP, RATE_E9, 10_800))
    at = [time // HOUR_NS for time, who, _ in paid(funded, START_NS + 9 * HOUR_NS) if who == ALICE]
    assert [3, 6, 9] == at


@pytest.mark.rule("SET-3")
def test_the_same_interval_again_pays_once(funded: Exchange) -> None:
    funded.do(UpdateFundingRate(PERP, 2 * RATE_E9))
    funded.do(UpdateFundingRate(PERP, RATE_E9))
    assert 3 == len(paid(funded, START_NS + 8 * HOUR_NS))


@pytest.mark.rule("SET-3", "NUM-3")
@pytest.mark.parametrize(
    ("rate_e9", "lot_e6"), [(5_000, 0), (15_000, 2), (15_001, 2), (-25_000, -2), (24_999, 2)]
)
def test_what_a_lot_pays_is_rounded_half_to_even(
    funded: Exchange, rate_e9: int, lot_e6: int
) -> None:
    """A rate of 5,000 e9 on 100,000 e6 is half a micro-dollar."""
    funded.do(UpdateFundingRate(PERP, rate_e9))
    at = 8 * HOUR_NS
    expected = [(at, ALICE, -10 * lot_e6), (at, BOB, 6 * lot_e6), (at, CAROL, 4 * lot_e6)]
    assert (expected if lot_e6 else []) == paid(funded, START_NS + at)


@pytest.mark.rule("SET-3")
def test_funding_is_paid_in_every_status_and_only_where_there_are_positions(
    funded: Exchange,
) -> None:
    funded.do(SetInstrumentStatus(PERP, InstrumentStatus.HALTED))
    funded.do(UpdateFundingRate(ETH_PERP, RATE_E9))
    assert 3 == len(paid(funded, START_NS + 8 * HOUR_NS))


@pytest.mark.rule("SET-3", "TIM-2")
def test_funding_comes_before_what_else_is_due_at_that_time(market: Exchange) -> None:
    market.create(20, "BTC-20260101")
    market.trade(ALICE, BOB, 100, 1)
    market.do(UpdateFundingRate(PERP, RATE_E9))
    at = START_NS + 8 * HOUR_NS
    market.bid(ALICE, 50, 1, tif=1, expires_ns=at)
    events = market.send(AdvanceTime(), at=at)
    assert [
        *("FundingPaid", "FundingPaid", "OrderCancelled", "SettlementPriceSet"),
        *("InstrumentExpired", "TimeAdvanced", "BookChanged"),
    ] == names(events)


@pytest.mark.rule("SET-3")
def test_funding_outlives_a_restart(funded: Exchange) -> None:
    funded.do(AdvanceTime(), at=START_NS + 9 * HOUR_NS)
    machine = funded.state.machine
    funded.state = load(machine, funded.state.genesis, dump(funded.state))
    assert [] == paid(funded, START_NS + 16 * HOUR_NS - 1)
    assert 3 == len(paid(funded, START_NS + 16 * HOUR_NS))


@pytest.mark.rule("SET-3")
def test_the_checks_of_a_rate_stand_in_order(market: Exchange) -> None:
    assert Code.UNKNOWN_INSTRUMENT == market.refusal(UpdateFundingRate(99, 10**9))
    for number in (FUTURE, CALL):
        assert Code.NOT_PERPETUAL == market.refusal(UpdateFundingRate(number, 10**9))
    for rate in (-(10**8) - 1, 10**8 + 1):
        assert Code.BAD_PARAMETER == market.refusal(UpdateFundingRate(PERP, rate))
    for interval in (-1, 0, 3_599, 604_801):
        assert Code.BAD_PARAMETER == market.refusal(UpdateFundingRate(PERP, 1, interval))
    for good in (UpdateFundingRate(PERP, -(10**8), 3_600), UpdateFundingRate(PERP, 10**8, 604_800)):
        market.do(good)
    market.do(AdvanceTime(), at=MARKET_EXPIRY_NS)
    assert Code.NOT_PERPETUAL == market.refusal(UpdateFundingRate(FUTURE, 1))


@pytest.mark.rule("SET-3", "NUM-4")
def test_a_funding_that_leaves_the_bounds_of_cash_is_skipped_whole(machine: Machine) -> None:
    """Bob may get 2^60 + 5 x 10^15, and the fee he paid, before he has 2^61: 160 fundings."""
    market = giant_market(machine)
    events = market.send(AdvanceTime(), at=START_NS + 7 * DAY_NS)
    assert 2 * 160 == len(of(events, FundingPaid))
    lot = GIANT_FUNDING_E6 // 10**9
    times = [START_NS + hour * HOUR_NS for hour in range(161, 169)]
    assert [FundingSkipped(PERP, at, lot) for at in times] == of(events, FundingSkipped)
    assert 2**61 > market.cash(BOB) > 2**61 - GIANT_FUNDING_E6

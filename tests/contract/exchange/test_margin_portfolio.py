"""Portfolio margin on a grid of three scenarios, by hand: [MRG-3], [MRG-1], [MRG-4].

Under `sharpen(100)` an option is worth what it would pay at the forward, so the scenarios of
`MODEL` are arithmetic: prices down 10 %, up 20 % (half of the result counts), and unmoved. Ten lots
are 0.01 of the underlying: a dollar is 10,000. MM is 85 % of IM.
"""

import msgspec
import pytest

from lockstep_engine.codes import Code, VolRule
from lockstep_engine.commands import (
    AdvanceTime,
    PlaceOrder,
    RiskScenario,
    SetFeeSchedule,
    SetPortfolioModel,
    UpdateVolSurface,
)
from lockstep_kernel import dump, load
from tests.support.exchange import (
    ALICE,
    CASH,
    ETH_PERP,
    FUTURE,
    MARKET_EXPIRY_NS,
    PERP,
    Exchange,
    codes,
)
from tests.support.margins import MODEL, ONE, PORTFOLIO, choose, hold, leave, requirement, sharpen

C80, C110, P95, P110, LATER = 50, 51, 52, 53, 54
LATER_EXPIRY_NS = MARKET_EXPIRY_NS + 7 * 86_400 * 10**9
STILL = (RiskScenario(ONE, int(VolRule.FIXED), ONE, ONE),)
"""The scenario in which nothing moves."""


@pytest.fixture
def portfolio(market: Exchange) -> Exchange:
    """The standard market without fees, with MODEL, more strikes, and Alice in portfolio mode."""
    market.do(SetFeeSchedule(0, 0, 0, 0, 0, 0, 0))
    market.create(C80, "BTC-20261225-80-C")
    market.create(C110, "BTC-20261225-110-C")
    market.create(P95, "BTC-20261225-95-P")
    market.create(P110, "BTC-20261225-110-P")
    market.create(LATER, "BTC-20270101-110-C")
    sharpen(market, 100)
    sharpen(market, 100, LATER_EXPIRY_NS)
    market.do(SetPortfolioModel("BTC", MODEL))
    choose(market, ALICE, PORTFOLIO)
    return market


def set_model(market: Exchange, **changes: object) -> None:
    """Give BTC another model."""
    market.do(SetPortfolioModel("BTC", msgspec.structs.replace(MODEL, **changes)))


def build(market: Exchange, legs: dict[int, int]) -> None:
    """Give Alice lots of instruments, at prices that do not matter to their margin."""
    for number, lots in legs.items():
        hold(market, ALICE, lots, 100 if number in (PERP, FUTURE, ETH_PERP) else 10, number)


# Scenarios


@pytest.mark.rule("MRG-3")
@pytest.mark.parametrize(
    ("legs", "expected"),
    [
        ({}, (0, 0)),
        ({PERP: 10}, (100_000, 85_000)),
        ({PERP: -10}, (100_000, 85_000)),
        ({PERP: -4}, (40_000, 34_000)),
        ({PERP: 10, FUTURE: -10}, (0, 0)),
        ({C110: -10}, (50_000, 42_500)),
        ({C110: 10}, (0, 0)),
        ({P95: -10}, (50_000, 42_500)),
        ({C80: 10}, (100_000, 85_000)),
        ({C80: -10}, (100_000, 85_000)),
        ({P110: 10}, (50_000, 42_500)),
        ({PERP: 10, P95: 10}, (50_000, 42_500)),
        ({PERP: 10, C110: -10}, (100_000, 85_000)),
        ({C80: 10, C110: -10}, (100_000, 85_000)),
        ({C110: -10, LATER: 10}, (0, 0)),
        ({C110: -10, P95: -10}, (50_000, 42_500)),
        ({C110: -10, PERP: 5}, (50_000, 42_500)),
    ],
    ids=str,
)
def test_the_worst_scenario_decides(
    portfolio: Exchange, legs: dict[int, int], expected: tuple[int, int]
) -> None:
    """A call at 110 short: up 20 % it costs 10 dollars, of which half count."""
    build(portfolio, legs)
    assert expected == requirement(portfolio, ALICE)


@pytest.mark.rule("MRG-3")
def test_underlyings_add_up_and_each_has_its_own_model(portfolio: Exchange) -> None:
    other = msgspec.structs.replace(MODEL, scenarios=STILL, future_initial_e9=10**7)
    portfolio.do(SetPortfolioModel("ETH", other))
    build(portfolio, {PERP: 10, ETH_PERP: -10})
    assert (100_000 + 10_000, 85_000 + 8_500) == requirement(portfolio, ALICE)


@pytest.mark.rule("MRG-3")
def test_a_mark_a_model_and_a_surface_count_at_once(portfolio: Exchange) -> None:
    """At a forward of 120 the call at 110 is worth 10: it loses 24 more upwards, and gains down."""
    build(portfolio, {PERP: 10, C110: -10})
    portfolio.mark(200)
    assert (200_000, 170_000) == requirement(portfolio, ALICE)
    sharpen(portfolio, 120)
    assert (200_000 - 100_000, 85_000) == requirement(portfolio, ALICE)
    set_model(portfolio, scenarios=STILL)
    assert (0, 0) == requirement(portfolio, ALICE)


@pytest.mark.rule("MRG-3", "MRK-2")
def test_values_belong_to_the_stored_marks(portfolio: Exchange) -> None:
    """Time alone changes nothing until the marks follow it."""
    flat = UpdateVolSurface("BTC", MARKET_EXPIRY_NS, 110 * 10**6, ((110 * 10**6, 5 * 10**8),))
    later_ns = MARKET_EXPIRY_NS - 7_200 * 10**9
    portfolio.do(AdvanceTime(), at=later_ns - 3_600 * 10**9)
    portfolio.do(flat)
    build(portfolio, {C110: -10})
    before = requirement(portfolio, ALICE)
    portfolio.do(PlaceOrder(PERP, 0, 90, 1), ALICE, at=later_ns)
    assert before == requirement(portfolio, ALICE)
    portfolio.do(flat)
    assert before != requirement(portfolio, ALICE)


# What a model adds


@pytest.mark.rule("MRG-3")
@pytest.mark.parametrize(
    ("legs", "changes", "expected"),
    [
        ({PERP: 10}, {"future_initial_e9": 10**7, "future_maintenance_e9": 5 * 10**6}, 115_000),
        ({PERP: 10, FUTURE: -10}, {"future_initial_e9": 10**7}, 20_000),
        ({C110: -10}, {"option_initial_e9": 2 * 10**7, "option_maintenance_e9": 10**7}, 80_000),
        ({C110: -10, P110: 10}, {"option_initial_e9": 2 * 10**7}, 100_000),
        ({C110: -10, P110: -10}, {"scenarios": STILL, "option_initial_e9": 10**7}, 20_000),
        ({C110: -10, P95: 10}, {"scenarios": STILL, "option_initial_e9": 10**7}, 10_000),
        ({C110: -10, LATER: 10}, {"option_initial_e9": 10**7}, 10_000),
        ({C80: -10}, {"short_floor_e9": 750_000_000}, 150_000),
        ({C80: -10}, {"short_floor_e9": 250_000_000}, 100_000),
        ({C80: 10}, {"short_floor_e9": 750_000_000}, 100_000),
        ({PERP: 10}, {"initial_factor_e9": 1_500_000_000}, 150_000),
        ({C80: 10}, {"long_discount_e9": 900_000_000}, 110_000),
        ({C80: -10}, {"short_discount_e9": 1_500_000_000}, 100_000),
        ({C80: -10}, {"long_discount_e9": 5 * 10**8, "short_discount_e9": 8 * 10**8}, 60_000),
        (
            {C80: 10},
            {"scenarios": STILL, "basis_down_e9": 950_000_000, "basis_factor_e9": 5 * 10**8},
            25_000,
        ),
        (
            {C80: -10},
            {"scenarios": STILL, "basis_up_e9": 1_050_000_000, "basis_factor_e9": 5 * 10**8},
            25_000,
        ),
    ],
    ids=str,
)
def test_what_a_model_adds(
    portfolio: Exchange, legs: dict[int, int], changes: dict[str, object], expected: int
) -> None:
    """Contingencies are of the index: 1 % of ten lots is 10,000. A net short of a strike counts."""
    build(portfolio, legs)
    set_model(portfolio, **changes)
    assert expected == requirement(portfolio, ALICE)[0]


@pytest.mark.rule("MRG-3", "NUM-2")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"maintenance_ratio_e9": 333_333_333}, (100_000, 33_334)),
        ({"maintenance_ratio_e9": 0, "maintenance_factor_e9": 800_000_000}, (100_000, 80_000)),
        (
            {
                "maintenance_ratio_e9": 0,
                "maintenance_factor_e9": 800_000_000,
                "future_initial_e9": 10**7,
                "future_maintenance_e9": 5 * 10**6,
            },
            (115_000, 85_000),
        ),
        ({"initial_factor_e9": 1}, (1, 1)),
        ({"initial_factor_e9": 333_333_333}, (33_334, 28_334)),
    ],
)
def test_maintenance_and_rounding(
    portfolio: Exchange, changes: dict[str, object], expected: tuple[int, int]
) -> None:
    """Both are rounded up once: MM is 85 % of 33,333.3333, not of 33,334."""
    build(portfolio, {PERP: 10})
    set_model(portfolio, **changes)
    assert expected == requirement(portfolio, ALICE)


# Collateral and open orders


@pytest.mark.rule("MRG-1")
@pytest.mark.parametrize("price", [20, 22, 15])
def test_options_count_at_their_mark_as_collateral(portfolio: Exchange, price: int) -> None:
    """Sold at any price: the 200,000 that ten calls at 20 are worth are owed, beside 100,000."""
    hold(portfolio, ALICE, -10, price, C80)
    portfolio.assert_can_withdraw(ALICE, CASH + 10_000 * price - 200_000 - 100_000)


@pytest.mark.rule("MRG-1")
def test_a_long_option_carries_orders_but_does_not_leave(portfolio: Exchange) -> None:
    """Ten calls worth 200,000 need 100,000; ten lots of the perpetual need the same."""
    hold(portfolio, ALICE, 10, 20, C80)
    leave(portfolio, ALICE, 0)
    portfolio.assert_can_withdraw(ALICE, 0)
    eleven = PlaceOrder(PERP, 1, 100, 11)
    assert Code.INSUFFICIENT_MARGIN == portfolio.refusal(eleven, ALICE)
    assert [] == codes(portfolio.send(PlaceOrder(PERP, 1, 100, 10), ALICE))


@pytest.mark.rule("MRG-4")
@pytest.mark.parametrize(
    ("instrument", "bids", "asks", "expected"),
    [
        (PERP, 10, 0, 100_000),
        (PERP, 0, 10, 100_000),
        (PERP, 4, 7, 70_000),
        (C110, 0, 10, 50_000),
        (C110, 10, 0, 0),
        (C80, 10, 4, 100_000 + 4 * 9_000),
    ],
)
def test_open_orders_need_each_lot_alone(
    portfolio: Exchange, instrument: int, bids: int, asks: int, expected: int
) -> None:
    """With a premium of 10,000 a lot bid; nothing that is held helps.

    A call worth 20 that is offered at 11 may lose 9,000 a lot.
    """
    hold(portfolio, ALICE, 10, 100, FUTURE)
    reserve = 0
    price = 100 if instrument == PERP else 10
    if bids:
        bid = portfolio.bid(ALICE, price, bids, instrument)
        reserve = portfolio.row(bid).reserve_e6
    if asks:
        portfolio.ask(ALICE, price + 1, asks, instrument)
    portfolio.assert_can_withdraw(ALICE, CASH - 100_000 - reserve - expected)


# Orders that reduce


@pytest.mark.rule("MRG-1", "ORD-6")
@pytest.mark.parametrize(("price", "expected"), [(109, []), (111, [Code.INSUFFICIENT_MARGIN])])
def test_a_reducing_order_passes_without_collateral(
    portfolio: Exchange, price: int, expected: list[Code]
) -> None:
    """Buying ten lots back frees 100,000, as much as a price ten above the mark costs."""
    hold(portfolio, ALICE, -10, 100)
    leave(portfolio, ALICE, 100_000)
    assert expected == codes(portfolio.send(PlaceOrder(PERP, 0, price, 10), ALICE))


@pytest.mark.rule("MRG-1")
def test_closing_a_hedge_does_not_pass_without_collateral(portfolio: Exchange) -> None:
    """The perpetual's margin doubles when the put that protects it is sold for what it is worth."""
    build(portfolio, {PERP: 10, P95: 10})
    leave(portfolio, ALICE, 50_000)
    for price in (1, 4):
        sell = PlaceOrder(P95, 1, price, 10)
        assert Code.INSUFFICIENT_MARGIN == portfolio.refusal(sell, ALICE)
    assert [] == codes(portfolio.send(PlaceOrder(P95, 1, 5, 10), ALICE))


@pytest.mark.rule("MRG-1")
def test_an_option_bought_back_frees_its_value_too(portfolio: Exchange) -> None:
    """A call at 20 bought for 30: 100,000 lost, 100,000 freed."""
    hold(portfolio, ALICE, -10, 20, C80)
    leave(portfolio, ALICE, 300_000)
    order = PlaceOrder(C80, 0, 31, 10)
    assert Code.INSUFFICIENT_MARGIN == portfolio.refusal(order, ALICE)
    assert [] == codes(portfolio.send(PlaceOrder(C80, 0, 30, 10), ALICE))


# What cannot be valued


@pytest.mark.rule("MRG-7", "ORD-5")
def test_an_order_needs_a_model_and_an_option_a_surface(market: Exchange) -> None:
    """A perpetual needs no surface; other checks of an order come first."""
    market.do(SetPortfolioModel("BTC", MODEL))
    choose(market, ALICE, PORTFOLIO)
    order = PlaceOrder(ETH_PERP, 0, 100, 1)
    assert Code.NO_MARGIN_MODEL == market.refusal(order, ALICE)
    assert Code.FOK_UNFILLABLE == market.refusal(PlaceOrder(ETH_PERP, 0, 100, 1, 3), ALICE)
    assert [] == codes(market.send(PlaceOrder(PERP, 0, 100, 1), ALICE))
    assert Code.NO_SURFACE == market.refusal(PlaceOrder(3, 0, 5, 10_000), ALICE)
    sharpen(market, 100)
    assert [] == codes(market.send(PlaceOrder(3, 0, 5, 1), ALICE))


@pytest.mark.rule("MRG-3", "TIM-2")
def test_an_expired_option_needs_beside_its_mark_what_standard_asks(portfolio: Exchange) -> None:
    """In no sum of scenarios: the perpetual alone is 100,000 and 85,000; 15 and 7.5 % are more."""
    hold(portfolio, ALICE, -10, 20, C80)
    hold(portfolio, ALICE, 10, 100)
    leave(portfolio, ALICE, 500_000)
    portfolio.do(AdvanceTime(), at=MARKET_EXPIRY_NS)
    assert (100_000 + 150_000, 85_000 + 75_000) == requirement(portfolio, ALICE)
    portfolio.assert_can_withdraw(ALICE, 500_000 - 200_000 - 250_000)


@pytest.mark.rule("MRG-3", "MRG-6")
def test_a_restored_account_has_the_same_margin(portfolio: Exchange) -> None:
    build(portfolio, {PERP: 10, C110: -10, P95: 10})
    before = requirement(portfolio, ALICE)
    leave(portfolio, ALICE, 500_000)
    portfolio.state = load(portfolio.state.machine, portfolio.state.genesis, dump(portfolio.state))
    assert before == requirement(portfolio, ALICE)
    portfolio.assert_can_withdraw(ALICE, 500_000 - 50_000)

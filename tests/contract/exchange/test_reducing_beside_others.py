"""The second way of [MRG-1] beside other orders: what helps alone may do harm together.

A lot is 0.001 of the underlying, so ten lots at ten dollars are 100,000. Nobody pays a fee. Alice
has withdrawn all that is free, so whatever opens is refused and only what reduces may pass.
"""

import pytest

from lockstep_engine.codes import Code, VolRule
from lockstep_engine.commands import (
    BlockLeg,
    ExecuteBlock,
    MarginRates,
    PlaceOrder,
    PortfolioModel,
    RiskScenario,
    SetFeeSchedule,
    SetMarginModel,
    SetPortfolioModel,
)
from tests.support.exchange import ALICE, CALL, CAROL, FUTURE, PERP, Exchange, codes, root_of
from tests.support.margins import ONE, PORTFOLIO, SPREAD, choose, hold, leave, requirement

C110, C111, C120, P110, P90 = 50, 51, 52, 53, 54
TEN_PERCENT = PortfolioModel(
    (
        RiskScenario(900_000_000, int(VolRule.FIXED), ONE, ONE),
        RiskScenario(1_100_000_000, int(VolRule.FIXED), ONE, ONE),
    )
)


@pytest.fixture
def spread(market: Exchange) -> Exchange:
    """Alice is in spread mode; every option is marked at 5, so a short one needs 15,000 or more."""
    market.do(SetFeeSchedule(0, 0, 0, 0, 0, 0, 0))
    for number, name in ((C110, "110-C"), (C111, "111-C"), (C120, "120-C"), (P110, "110-P")):
        market.create(number, f"BTC-20261225-{name}")
        market.mark(5, number)
    choose(market, ALICE, SPREAD)
    return market


@pytest.fixture
def portfolio(market: Exchange) -> Exchange:
    """Alice is in portfolio mode, of two scenarios: ten per cent up and down."""
    market.do(SetFeeSchedule(0, 0, 0, 0, 0, 0, 0))
    market.do(SetPortfolioModel("BTC", TEN_PERCENT))
    choose(market, ALICE, PORTFOLIO)
    return market


def sell(number: int, price: int = 5, lots: int = 10) -> PlaceOrder:
    return PlaceOrder(number, 1, price, lots)


def sold_to_carol(market: Exchange, leg: BlockLeg) -> ExecuteBlock:
    return ExecuteBlock(CAROL, root_of(CAROL), market.last_nonce + 5, (leg,))


@pytest.mark.rule("MRG-1", "MRG-4")
@pytest.mark.parametrize("second", [C110, C111])
def test_two_covers_of_one_short_call_are_not_both_sold(spread: Exchange, second: int) -> None:
    """Each alone is not needed; without both ten calls are naked."""
    first = C111 if second == C110 else C110
    for number, lots in ((C110, 10), (C111, 10), (C120, -10)):
        hold(spread, ALICE, lots, 5, number)
    leave(spread, ALICE, 0)
    assert (0, 0) == requirement(spread, ALICE)
    assert [] == codes(spread.send(sell(first), ALICE))
    assert Code.INSUFFICIENT_MARGIN == spread.refusal(sell(second), ALICE)


@pytest.mark.rule("MRG-1", "CMD-3")
def test_the_other_cover_is_not_sold_in_a_block_either(spread: Exchange) -> None:
    for number, lots in ((C110, 10), (C111, 10), (C120, -10)):
        hold(spread, ALICE, lots, 5, number)
    leave(spread, ALICE, 0)
    block = sold_to_carol(spread, BlockLeg(C111, 1, 5, 10))
    assert [] == codes(spread.fork().send(block, ALICE))
    assert [] == codes(spread.send(sell(C110), ALICE))
    assert Code.INSUFFICIENT_MARGIN == spread.refusal(block, ALICE)


@pytest.mark.rule("MRG-1", "MRG-2")
def test_a_cover_that_nothing_needs_is_sold(spread: Exchange) -> None:
    """Twenty calls cover ten: ten of them may go, an eleventh may not."""
    hold(spread, ALICE, 20, 5, C110)
    hold(spread, ALICE, -10, 5, CALL)
    leave(spread, ALICE, 100_000)
    assert (100_000, 100_000) == requirement(spread, ALICE)
    assert Code.INSUFFICIENT_MARGIN == spread.refusal(sell(C110, lots=11), ALICE)
    assert [] == codes(spread.send(sell(C110), ALICE))
    assert Code.INSUFFICIENT_MARGIN == spread.refusal(sell(C110, lots=1), ALICE)


@pytest.mark.rule("MRG-1", "MRG-2")
@pytest.mark.parametrize(
    ("price", "expected"), [(10, []), (11, [Code.INSUFFICIENT_MARGIN])], ids=["pays", "does not"]
)
def test_closing_what_the_cap_is_for_pays_by_the_cap(
    spread: Exchange, price: int, expected: list[Code]
) -> None:
    """Ten calls bought back end a loss of 100,000 at most, whatever they need alone."""
    hold(spread, ALICE, -10, 5, CALL)
    hold(spread, ALICE, 10, 5, C110)
    leave(spread, ALICE, 100_000)
    assert expected == codes(spread.send(PlaceOrder(CALL, 0, price, 10), ALICE))


@pytest.mark.rule("MRG-1", "MRG-2")
def test_what_would_help_only_when_it_is_whole_is_refused(spread: Exchange) -> None:
    """Ten covers sold at 10 bring the 100,000 that is needed then; the first brings 10,000."""
    hold(spread, ALICE, -10, 5, CALL)
    hold(spread, ALICE, 10, 5, C110)
    leave(spread, ALICE, 100_000)
    assert Code.INSUFFICIENT_MARGIN == spread.refusal(sell(C110, price=10), ALICE)
    assert Code.INSUFFICIENT_MARGIN == spread.refusal(sell(C110, price=50, lots=9), ALICE)


@pytest.mark.rule("MRG-1")
def test_two_halves_of_a_hedge_are_not_both_sold(portfolio: Exchange) -> None:
    """Ten futures hedge six perpetuals: five sold leave one short, ten sold leave six."""
    hold(portfolio, ALICE, 10, 100, FUTURE)
    hold(portfolio, ALICE, -6, 100, PERP)
    leave(portfolio, ALICE, 40_000)
    assert 40_000 == requirement(portfolio, ALICE)[0]
    portfolio.do(SetPortfolioModel("BTC", stronger()))
    assert Code.INSUFFICIENT_MARGIN == portfolio.refusal(sell(FUTURE, 100), ALICE)
    assert [] == codes(portfolio.send(sell(FUTURE, 100, 5), ALICE))
    assert Code.INSUFFICIENT_MARGIN == portfolio.refusal(sell(FUTURE, 100, 5), ALICE)


def stronger() -> PortfolioModel:
    """Return a model of scenarios eleven per cent away."""
    return PortfolioModel(
        (
            RiskScenario(890_000_000, int(VolRule.FIXED), ONE, ONE),
            RiskScenario(1_110_000_000, int(VolRule.FIXED), ONE, ONE),
        )
    )


@pytest.mark.rule("MRG-1", "CMD-3")
def test_a_portfolio_closes_in_a_block_only_with_nothing_else_open(portfolio: Exchange) -> None:
    hold(portfolio, ALICE, 10, 100, FUTURE)
    hold(portfolio, ALICE, -6, 100, PERP)
    leave(portfolio, ALICE, 40_000)
    portfolio.do(SetPortfolioModel("BTC", stronger()))
    block = sold_to_carol(portfolio, BlockLeg(FUTURE, 1, 100, 4))
    assert [] == codes(portfolio.fork().send(block, ALICE))
    assert [] == codes(portfolio.send(sell(FUTURE, 100, 5), ALICE))
    assert Code.INSUFFICIENT_MARGIN == portfolio.refusal(block, ALICE)


@pytest.mark.rule("MRG-1", "MRG-2")
def test_a_second_order_of_a_side_frees_what_the_first_leaves(market: Exchange) -> None:
    """With an add-on the last lots of a position free the least.

    A hundred perpetuals need 2 % and 10 % of the square over 100: 200,000 and 1,000,000. Fifty of
    them need 100,000 and 250,000; so fifty free 850,000, and the fifty after them 350,000: at a
    price 8 below the mark, which costs 400,000, only one of the two passes.
    """
    market.do(SetFeeSchedule(0, 0, 0, 0, 0, 0, 0))
    hold(market, ALICE, 100, 100)
    leave(market, ALICE, 900_000)
    rates = MarginRates(addon_bps=1_000, addon_size_e8=10_000_000)
    market.do(SetMarginModel("BTC", rates))
    assert 1_200_000 == requirement(market, ALICE)[0]
    order = sell(PERP, 92, 50)
    assert [] == codes(market.send(order, ALICE))
    assert Code.INSUFFICIENT_MARGIN == market.refusal(order, ALICE)
    assert [] == codes(market.send(sell(PERP, 94, 50), ALICE))


@pytest.mark.rule("MRG-1", "MRG-4")
def test_who_bids_is_not_in_the_way_of_who_offers(spread: Exchange) -> None:
    """A bid for what is held opens; it changes nothing for what closes."""
    hold(spread, ALICE, 20, 5, C110)
    hold(spread, ALICE, -10, 5, CALL)
    reserve = spread.row(spread.bid(ALICE, 1, 5, C110)).reserve_e6
    leave(spread, ALICE, 100_000 + reserve)
    assert [] == codes(spread.send(sell(C110), ALICE))

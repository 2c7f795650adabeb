"""Margin modes of accounts: [MRG-7], [MRG-1]; who may choose one: [AUT-1]."""

import pytest

from lockstep_engine.codes import Code, EntityKind
from lockstep_engine.commands import (
    AdvanceTime,
    AuthorizeAgent,
    MarginRates,
    SetFeeSchedule,
    SetMarginMode,
    SetMarginModel,
    SetPortfolioModel,
)
from lockstep_engine.events import MarginModeSet
from lockstep_kernel import dump, load
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    ETH_PERP,
    MARKET_EXPIRY_NS,
    PERP,
    Exchange,
    key,
)
from tests.support.margins import (
    MODEL,
    PORTFOLIO,
    SPREAD,
    STANDARD,
    choose,
    hold,
    leave,
    requirement,
    sharpen,
)

C110 = 50


def mode_of(market: Exchange, account: int) -> int:
    """Return the margin mode in the records."""
    fields = market.record(EntityKind.ACCOUNT, account)
    assert fields is not None
    mode: int = fields[4]
    return mode


@pytest.fixture
def free(market: Exchange) -> Exchange:
    """The standard market without fees, with a call at 110 and surfaces."""
    market.do(SetFeeSchedule(0, 0, 0, 0, 0, 0, 0))
    market.create(C110, "BTC-20261225-110-C")
    sharpen(market, 100)
    return market


@pytest.mark.rule("MRG-1", "MRG-7")
def test_every_account_begins_in_standard_mode_and_may_choose_another(market: Exchange) -> None:
    assert STANDARD == mode_of(market, ALICE)
    for mode in (SPREAD, PORTFOLIO, PORTFOLIO, STANDARD):
        assert [MarginModeSet(ALICE, mode)] == market.send(SetMarginMode(mode), ALICE)
        assert mode == mode_of(market, ALICE)
    assert STANDARD == mode_of(market, BOB)


@pytest.mark.rule("MRG-7")
@pytest.mark.parametrize("mode", [-1, 3, 2**61])
def test_there_are_three_modes(market: Exchange, mode: int) -> None:
    assert Code.BAD_PARAMETER == market.refusal(SetMarginMode(mode), ALICE)


@pytest.mark.rule("MRG-7", "AUT-1")
def test_only_the_root_key_may_choose(market: Exchange) -> None:
    agent = key("agent")
    market.do(AuthorizeAgent(agent), ALICE)
    assert Code.NOT_AUTHORIZED == market.refusal(SetMarginMode(1), ALICE, signer=agent)
    assert Code.UNKNOWN_SIGNER == market.refusal(SetMarginMode(1), ALICE, signer=key("nobody"))
    assert Code.UNKNOWN_ACCOUNT == market.refusal(SetMarginMode(1), 99)


# What portfolio mode needs


@pytest.mark.rule("MRG-7")
@pytest.mark.parametrize("is_position", [True, False])
def test_portfolio_mode_needs_a_model_where_there_is_anything(
    free: Exchange, is_position: bool
) -> None:
    """A position or a live order; an underlying without either does not matter."""
    free.do(SetPortfolioModel("ETH", MODEL))
    if is_position:
        hold(free, ALICE, 1, 100)
    else:
        free.bid(ALICE, 90, 1)
    assert Code.NO_MARGIN_MODEL == free.refusal(SetMarginMode(PORTFOLIO), ALICE)
    choose(free, ALICE, SPREAD)
    free.do(SetPortfolioModel("BTC", MODEL))
    choose(free, ALICE, PORTFOLIO)


@pytest.mark.rule("MRG-7")
@pytest.mark.parametrize("is_position", [True, False])
def test_portfolio_mode_needs_a_surface_for_each_option(
    market: Exchange, is_position: bool
) -> None:
    if is_position:
        hold(market, ALICE, 1, 5, CALL)
    else:
        market.bid(ALICE, 4, 1, CALL)
    market.bid(ALICE, 90, 1, ETH_PERP)
    market.do(SetPortfolioModel("BTC", MODEL))
    assert Code.NO_MARGIN_MODEL == market.refusal(SetMarginMode(PORTFOLIO), ALICE)
    market.do(SetPortfolioModel("ETH", MODEL))
    assert Code.NO_SURFACE == market.refusal(SetMarginMode(PORTFOLIO), ALICE)
    sharpen(market, 100)
    choose(market, ALICE, PORTFOLIO)


@pytest.mark.rule("MRG-7")
def test_an_expired_option_needs_no_surface_but_a_model(free: Exchange) -> None:
    hold(free, ALICE, 1, 5, CALL)
    free.do(AdvanceTime(), at=MARKET_EXPIRY_NS)
    assert Code.NO_MARGIN_MODEL == free.refusal(SetMarginMode(PORTFOLIO), ALICE)
    free.do(SetPortfolioModel("BTC", MODEL))
    choose(free, ALICE, PORTFOLIO)
    assert (0, 0) == requirement(free, ALICE)


# Only a healthy account


@pytest.mark.rule("MRG-7")
@pytest.mark.parametrize(("cash", "expected"), [(99_999, True), (100_000, False)])
def test_a_mode_must_leave_enough(free: Exchange, cash: int, expected: bool) -> None:
    """Ten lots need 20,000 in STANDARD and 10 % under the model."""
    free.do(SetPortfolioModel("BTC", MODEL))
    hold(free, ALICE, 10, 100)
    leave(free, ALICE, cash)
    if expected:
        assert Code.INSUFFICIENT_MARGIN == free.refusal(SetMarginMode(PORTFOLIO), ALICE)
        free.assert_can_withdraw(ALICE, cash - 20_000)
    else:
        choose(free, ALICE, PORTFOLIO)
        free.assert_can_withdraw(ALICE, 0)


@pytest.mark.rule("MRG-7")
def test_an_account_in_trouble_may_change_to_a_mode_in_which_it_is_not(free: Exchange) -> None:
    """A spread of ten dollars is 100,000; in STANDARD its short leg needs 250,000 by now."""
    hold(free, ALICE, -10, 5, CALL)
    hold(free, ALICE, 10, 2, C110)
    choose(free, ALICE, SPREAD)
    leave(free, ALICE, 100_000)
    assert Code.INSUFFICIENT_MARGIN == free.refusal(SetMarginMode(STANDARD), ALICE)
    choose(free, ALICE, SPREAD)
    free.assert_can_withdraw(ALICE, 0)


@pytest.mark.rule("MRG-7")
def test_an_account_below_its_margin_may_not_even_choose_the_mode_it_has(free: Exchange) -> None:
    hold(free, ALICE, 10, 100)
    leave(free, ALICE, 20_000)
    free.do(SetMarginModel("BTC", MarginRates(20_000_001)))
    for mode in (STANDARD, SPREAD):
        assert Code.INSUFFICIENT_MARGIN == free.refusal(SetMarginMode(mode), ALICE)


@pytest.mark.rule("MRG-6", "MRG-7")
@pytest.mark.parametrize("mode", [STANDARD, SPREAD, PORTFOLIO])
def test_a_mode_outlives_a_restart(free: Exchange, mode: int) -> None:
    free.do(SetPortfolioModel("BTC", MODEL))
    hold(free, ALICE, -10, 5, CALL)
    hold(free, ALICE, 10, 2, C110)
    hold(free, ALICE, 10, 100, PERP)
    choose(free, ALICE, mode)
    before = requirement(free, ALICE)
    free.state = load(free.state.machine, free.state.genesis, dump(free.state))
    assert (mode, before) == (mode_of(free, ALICE), requirement(free, ALICE))
    choose(free, ALICE, mode)

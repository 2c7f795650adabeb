"""What portfolio margin keeps between commands: [MRG-6], seen from the inside."""

from typing import Any

import pytest

from lockstep_engine.codes import CancelReason, Code, MarginMode, MmpOption, OrderFlag
from lockstep_engine.commands import (
    AdvanceTime,
    SetMarginMode,
    SetMmpConfig,
    SetPortfolioModel,
    UpdateMarkPrice,
    Withdraw,
)
from lockstep_engine.events import OrderCancelled
from lockstep_engine.exchange import MACHINE, account
from lockstep_engine.invariants.margin_matches_positions import margin_matches_positions
from lockstep_engine.risk.modes import change_mode
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    CASH,
    FUTURE,
    MARKET_EXPIRY_NS,
    PERP,
    PUT,
    Exchange,
    accepted_id,
    names,
    of,
    standard_market,
)
from tests.unit.engine.test_preview import MODEL


@pytest.fixture
def market() -> Exchange:
    """Alice and Bob in PORTFOLIO, with options and perpetuals of BTC."""
    exchange = standard_market(MACHINE)
    exchange.do(SetPortfolioModel("BTC", MODEL))
    exchange.surface(100, (90, 60), (110, 57))
    for trader in (ALICE, BOB):
        exchange.do(SetMarginMode(MarginMode.PORTFOLIO), trader)
    exchange.trade(ALICE, BOB, 100, 10)
    exchange.trade(ALICE, BOB, 20, 6, CALL)
    return exchange


def risk_of(market: Exchange, instrument: int) -> Any:
    return market.state.core.instruments[instrument].risk


def test_scenario_values_are_made_once_per_mark_and_shared(market: Exchange) -> None:
    risk = risk_of(market, CALL)
    assert risk is not None
    assert risk_of(market, PUT) is None
    market.trade(ALICE, BOB, 20, 2, CALL)
    market.index(101)
    market.trade(ALICE, BOB, 20, 2, CALL)
    assert risk is risk_of(market, CALL)
    market.surface(101, (90, 60), (110, 57))
    market.trade(ALICE, BOB, 20, 1, CALL)
    assert risk is not risk_of(market, CALL)


def test_no_scenario_is_computed_for_what_is_flat(market: Exchange) -> None:
    market.trade(BOB, ALICE, 20, 6, CALL)
    market.surface(101, (90, 60), (110, 57))
    market.trade(ALICE, BOB, 100, 1)
    assert (True, False) == (risk_of(market, CALL) is None, risk_of(market, PERP) is None)


def test_an_expired_option_is_in_no_sum_and_worth_what_it_pays(market: Exchange) -> None:
    market.index(110)
    market.do(AdvanceTime(), at=MARKET_EXPIRY_NS)
    after = account(market.state, ALICE)
    assert 6 * 10_000 == after.collateral_e6 - after.cash_e6 - after.unrealised_e6
    portfolio = market.state.core.accounts[ALICE].portfolios["BTC"]
    assert ([PERP], {}) == (sorted(portfolio.legs), portfolio.expiries)


def test_the_mark_of_one_instrument_leaves_the_others_alone(market: Exchange) -> None:
    perp, call = risk_of(market, PERP), risk_of(market, CALL)
    market.do(UpdateMarkPrice(PERP, 101_000_000))
    account(market.state, ALICE)
    assert (False, True) == (perp is risk_of(market, PERP), call is risk_of(market, CALL))


def test_a_new_model_is_used_at_once(market: Exchange) -> None:
    before = account(market.state, ALICE).initial_margin_e6
    market.do(SetPortfolioModel("BTC", MODEL))
    assert before == account(market.state, ALICE).initial_margin_e6
    half = [scenario for scenario in MODEL.scenarios if scenario.spot_e9 > 10**9]
    market.do(SetPortfolioModel("BTC", type(MODEL)(tuple(half))))
    assert 0 == account(market.state, ALICE).initial_margin_e6


def test_flat_positions_leave_no_sums(market: Exchange) -> None:
    market.trade(BOB, ALICE, 20, 6, CALL)
    account(market.state, ALICE)
    portfolio = market.state.core.accounts[ALICE].portfolios["BTC"]
    assert ([PERP], {}, []) == (
        sorted(portfolio.legs),
        portfolio.expiries,
        portfolio.portfolio.expiries,
    )


def test_versions_of_another_mode_say_nothing_about_what_orders_lose(market: Exchange) -> None:
    """STANDARD and PORTFOLIO count other versions of an instrument: they may be equal by chance."""
    market.do(SetMarginMode(MarginMode.STANDARD), ALICE)
    market.ask(ALICE, 1, 6, CALL)
    core = market.state.core
    call = core.instruments[CALL]
    call.mark_version = call.version
    assert Code.ACCEPTED == change_mode(core, core.accounts[ALICE], MarginMode.PORTFOLIO)
    assert core.accounts[ALICE].holdings[CALL].shortfall_e6 > 0
    margin_matches_positions(core)


@pytest.mark.parametrize("mode", list(MarginMode))
def test_who_quotes_with_relief_loses_quotes_newest_first(mode: MarginMode) -> None:
    market = standard_market(MACHINE)
    market.do(SetPortfolioModel("BTC", MODEL))
    market.do(SetMmpConfig("BTC", 1_000, 0, 3_000_000, options=MmpOption.RELIEF), CAROL)
    market.do(Withdraw(CASH - 2_900_000), CAROL)
    market.do(SetMarginMode(mode), CAROL)
    market.bid(CAROL, 100, 29, FUTURE, flags=OrderFlag.MMP)
    plain = market.bid(CAROL, 90, 1)
    rest = [market.bid(CAROL, 99 - n, 10, flags=OrderFlag.MMP) for n in range(9)]
    # A mark far below the fill takes nearly all that she has.
    market.do(UpdateMarkPrice(FUTURE, 1_000_000))
    events = market.sell(BOB, 100, 29, FUTURE)
    cut = [e.order_id for e in of(events, OrderCancelled) if e.reason == CancelReason.MARGIN]
    assert cut == sorted(rest, reverse=True)[: len(cut)]
    assert (len(cut) == len(rest)) is (mode == MarginMode.PORTFOLIO)
    assert 3 < len(cut)
    assert market.order(plain) is not None
    assert ["OrderAccepted", "Trade", "OrderCancelled"] == names(events)[:3]
    assert (account(market.state, CAROL).free_e6 >= 0) is (mode != MarginMode.PORTFOLIO)


def test_quotes_go_before_the_taker_ends() -> None:
    market = standard_market(MACHINE)
    market.do(SetMmpConfig("BTC", 1_000, 0, 3_000_000, options=MmpOption.RELIEF), CAROL)
    market.do(Withdraw(CASH - 2_900_000), CAROL)
    market.trade(CAROL, BOB, 100, 30, FUTURE)
    quote = market.bid(CAROL, 60, 1, flags=OrderFlag.MMP)
    own = market.bid(CAROL, 2, 1, FUTURE)
    market.bid(BOB, 3, 5, FUTURE)
    market.do(UpdateMarkPrice(FUTURE, 1_000_000))
    events = market.sell(CAROL, 2, 29, FUTURE, flags=OrderFlag.MMP)
    ends = [(event.order_id, event.reason) for event in of(events, OrderCancelled)]
    taker = accepted_id(events)
    assert [(quote, CancelReason.MARGIN), (taker, CancelReason.SELF_TRADE)] == ends
    assert market.order(own) is not None

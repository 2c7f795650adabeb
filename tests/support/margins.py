"""What accounts need, asked of either machine, and the small portfolio model of the tests.

`MODEL` has three scenarios: the price down 10 %, up 20 % (which counts half), and half of the
volatility.
"""

from lockstep_engine.codes import Code, VolRule
from lockstep_engine.commands import (
    PlaceOrder,
    PortfolioModel,
    RiskScenario,
    SetMarginMode,
    Transfer,
    UpdateVolSurface,
)
from lockstep_engine.risk.assessment import assess, positions_of
from lockstep_engine.state import ExchangeCore
from lockstep_naive.core import NaiveCore
from lockstep_naive.margin import account_margin
from tests.support.exchange import BOB, CAROL, MARKET_EXPIRY_NS, PERP, Exchange, codes

STANDARD, SPREAD, PORTFOLIO = 0, 1, 2
ONE = 10**9
FIXED = int(VolRule.FIXED)
MODEL = PortfolioModel(
    (
        RiskScenario(900_000_000, FIXED, ONE, ONE),
        RiskScenario(1_200_000_000, FIXED, ONE, 500_000_000),
        RiskScenario(ONE, FIXED, 500_000_000, ONE),
    )
)


def requirement(market: Exchange, account: int) -> tuple[int, int]:
    """Return IM and MM of what an account holds."""
    core = market.state.peek().core
    if isinstance(core, ExchangeCore):
        found = core.accounts[account]
        assessment = assess(core, found, positions_of(found))
        return assessment.initial_e6, assessment.maintenance_e6
    assert isinstance(core, NaiveCore)
    margin = account_margin(core, account)
    return margin.initial_e6, margin.maintenance_e6


def choose(market: Exchange, account: int, mode: int) -> None:
    """Set the margin mode of an account."""
    market.do(SetMarginMode(mode), account)


def sharpen(market: Exchange, forward: int, expiry_ns: int = MARKET_EXPIRY_NS) -> None:
    """Set a surface of 0.1 % a year: an option is worth what it would pay at the forward.

    Exactly so from a strike that is a few tenths of a percent away; at the money it is not.
    """
    points = ((forward * 10**6, 10**6),)
    market.do(UpdateVolSurface("BTC", expiry_ns, forward * 10**6, points))


def hold(market: Exchange, account: int, lots: int, price: int, instrument: int = PERP) -> None:
    """Give an account signed lots of an instrument, against Bob."""
    if lots > 0:
        market.trade(account, BOB, price, lots, instrument)
    else:
        market.trade(BOB, account, price, -lots, instrument)


def leave(market: Exchange, account: int, cash_e6: int) -> None:
    """Send cash to Bob until this much is left."""
    market.do(Transfer(BOB, market.cash(account) - cash_e6), account)


def assert_needs(market: Exchange, order: PlaceOrder, amount_e6: int) -> None:
    """Check that Carol, who has nothing else, needs exactly this much cash for the order."""
    poor = market.fork()
    leave(poor, CAROL, amount_e6 - 1)
    assert Code.INSUFFICIENT_MARGIN == poor.refusal(order, CAROL)
    leave(market, CAROL, amount_e6)
    assert [] == codes(market.send(order, CAROL))

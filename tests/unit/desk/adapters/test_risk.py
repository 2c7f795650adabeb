"""The checks of `risk` as the engine's risk manager, on the real desk and exchange."""

import pytest

from lockstep_desk.adapters.risk import RiskChecks, market_of, risk_of
from lockstep_desk.adapters.strategies import PoolAlgo
from lockstep_desk.core.codes import OrderKind, Refusal, TimeInForce, TradingState
from lockstep_desk.core.commands import (
    OpenRequest,
    RecordTrade,
    SendOpenRequests,
    SetTradingState,
)
from lockstep_desk.core.events import OrderRefused, OrderRequested
from lockstep_desk.core.hooks import Intents
from lockstep_desk.errors import InvalidValueError
from lockstep_desk.pipeline import ChecksConfig, InlinePool, Router, parse_config
from lockstep_desk.risk import Contract, Input, KnownContract, NotionalCap
from lockstep_desk.types import Side
from tests.support.desk import ALPHA, E9, all_events
from tests.support.desk_exchange import ACCOUNT, LOT, SYMBOL, Market, want
from tests.support.desk_live import LiveMarket
from tests.unit.desk.adapters.test_pool_algo import candle, traders_on
from tests.unit.desk.pipeline.support import pool_of, spec

CAP = risk_of(ChecksConfig(max_notional_cents=100_00))
"""A hundred dollars: one lot is worth a tenth of a dollar at 100."""


def quoted(risk: RiskChecks) -> Market:
    market = Market(risk=risk)
    market.exchange.make(Side.SELL, 101, 500)
    market.exchange.make(Side.BUY, 99, 500)
    market.settle()
    market.process(SetTradingState(TradingState.ENABLED))
    return market


def decide(market: Market, *opens: OpenRequest) -> list[OrderRefused | OrderRequested]:
    """Let a strategy want orders; return what became of each."""
    view = market.engine.view
    before = len(market.journal.records)
    market.engine.decide(Intents(ALPHA, 0, (), opens), view.seq)
    said = all_events(market.journal, before)
    return [event for event in said if isinstance(event, OrderRefused | OrderRequested)]


@pytest.mark.desk("DESK-53", "DESK-50", "F1")
def test_what_a_check_is_against_is_refused_in_the_journal_and_the_rest_goes() -> None:
    market = quoted(CAP)
    large, small = want(Side.BUY, 100, 1_001), want(Side.BUY, 100, 1_000)
    sent, refused = decide(market, large, small)
    assert isinstance(refused, OrderRefused)
    assert isinstance(sent, OrderRequested)
    assert (large, Refusal.RISK, ALPHA) == (refused.request, refused.code, refused.deployment)
    assert (
        "order notional: expected a value of at most 100000000000 e-9, found 100100000000"
        == refused.reason
    )


@pytest.mark.desk("DESK-53")
@pytest.mark.parametrize(
    ("price", "kind", "passes"),
    [
        (105, OrderKind.LIMIT, True),
        (106, OrderKind.LIMIT, False),
        (95, OrderKind.LIMIT, True),
        (94, OrderKind.LIMIT, False),
        (0, OrderKind.MARKET, True),
    ],
)
def test_a_price_stays_near_the_one_that_the_desk_has(
    price: int, kind: OrderKind, passes: bool
) -> None:
    market = quoted(risk_of(ChecksConfig(max_deviation_bps=500)))
    (found,) = decide(market, want(Side.BUY, price, 1, kind=kind, tif=TimeInForce.IOC))
    assert passes == isinstance(found, OrderRequested)


@pytest.mark.desk("DESK-53")
def test_without_a_price_and_without_a_contract_nothing_goes() -> None:
    market = Market(risk=CAP)
    market.settle()
    market.process(SetTradingState(TradingState.ENABLED))
    at_market = want(Side.BUY, 0, 1, kind=OrderKind.MARKET, tif=TimeInForce.IOC)
    nowhere = OpenRequest(ACCOUNT, "ETH-PERP", Side.BUY, LOT, 100 * E9)
    found = decide(market, at_market, nowhere)
    reasons = [one.reason for one in found if isinstance(one, OrderRefused)]
    assert [
        "order notional: expected a price of BTC-PERP, found none",
        "contract: expected a known instrument, found ETH-PERP",
    ] == reasons


def test_an_option_is_refused_and_a_contract_counts_by_its_size() -> None:
    option = RiskChecks([KnownContract()], {SYMBOL: Contract(is_option=True)})
    (refused,) = decide(quoted(option), want(Side.BUY, 100, 1))
    assert isinstance(refused, OrderRefused)
    sized = RiskChecks([NotionalCap(10 * E9)], {SYMBOL: Contract(size_e8=10**10)})
    fits, over = quoted(sized), quoted(sized)
    assert isinstance(decide(fits, want(Side.BUY, 100, 1))[0], OrderRequested)
    assert isinstance(decide(over, want(Side.BUY, 100, 2))[0], OrderRefused)


def test_an_order_that_makes_no_sense_is_refused_and_ends_nothing() -> None:
    market = quoted(CAP)
    (refused,) = decide(market, want(Side.BUY, 100, -1))
    assert isinstance(refused, OrderRefused)
    assert refused.reason.startswith("qty_e8: expected an integer from 1")
    gtd = want(Side.BUY, 100, 1, tif=TimeInForce.GTD, expires_ns=2**61)
    assert isinstance(decide(market, gtd)[0], OrderRequested)


def test_operators_pass_no_check() -> None:
    market = quoted(CAP)
    market.process(SendOpenRequests((want(Side.BUY, 100, 5_000),)))
    assert 1 == len(market.engine.view.orders())


@pytest.mark.desk("PIPE-03")
def test_a_check_sees_what_the_deployment_has_and_the_market() -> None:
    seen: list[Input] = []

    class Looks:
        def name(self) -> str:
            return "looks"

        def check(self, wanted: Input) -> None:
            seen.append(wanted)

    market = quoted(RiskChecks([Looks()]))
    decide(market, want(Side.BUY, 101, 3))
    market.settle()
    decide(market, want(Side.BUY, 98, 2))
    market.settle()
    decide(market, want(Side.SELL, 101, 1))
    context = seen[-1].context
    assert (3 * LOT, (2 * LOT,)) == (
        context.holding.qty_e8,
        tuple(order.qty_e8 for order in context.orders),
    )
    quote = context.market.quote
    assert quote is not None
    assert (99 * E9, 101 * E9) == (quote.bid_e9, quote.ask_e9)
    market.clock.advance_ns(10**6)
    market.process(RecordTrade(SYMBOL, 98 * E9, LOT, Side.SELL, market.clock.now_ns()))
    now = market_of(market.engine.view, SYMBOL)
    assert now.trade is not None
    assert (98 * E9, market.engine.view.price_e9(SYMBOL)) == (now.trade.price_e9, now.price_e9)


def test_strategies_in_a_pool_and_the_free_pipeline_pass_the_checks() -> None:
    pool = InlinePool()
    market = Market()
    router = Router([t for t in traders_on(market) if t.strategy.name == "rsi"])
    pool.start(router.traders)
    algo = PoolAlgo(router, pool)
    market.engine = market.new_engine(algo=algo, risk=risk_of(ChecksConfig(1)))
    market.process(SetTradingState(TradingState.ENABLED))
    for event in algo.watch(candle(market, 100 - step) for step in range(9)):
        market.clock.advance_ns(10**6)
        market.engine.process(event)
    assert () == market.engine.view.orders()
    assert refusals(market)

    live = LiveMarket((spec("buy_when_flat", qty_e8=LOT),), pool_of("inline", 1), risk=CAP)
    live.start()
    live.trade(5)
    assert live.stop().is_clean
    assert live.engine.view.positions()
    capped = risk_of(ChecksConfig(max_notional_cents=1))
    live = LiveMarket((spec("buy_when_flat", qty_e8=LOT),), pool_of("inline", 1), risk=capped)
    live.start()
    live.trade(5)
    assert live.stop().is_clean
    assert not live.engine.view.positions()


def refusals(market: Market) -> list[OrderRefused]:
    said = all_events(market.journal, 0)
    return [event for event in said if isinstance(event, OrderRefused)]


TOML = """
[feed]
[[feed.walk]]
instrument = "A"
tick_e9 = 1
start_ticks = 5
[[trader]]
name = "x"
instrument = "A"
strategy = "buy_when_flat"
options = {{ qty_e8 = 1 }}
[checks]
{0}
"""


def test_checks_are_read_from_a_configuration_and_mistakes_are_named() -> None:
    found = parse_config(TOML.format("max_notional_cents = 7\nmax_deviation_bps = 0"), "x")
    assert ChecksConfig(7, 0) == found.checks
    assert ChecksConfig() == parse_config(TOML.format(""), "x").checks
    with pytest.raises(InvalidValueError, match=r"checks.*did you mean 'max_notional_cents'"):
        parse_config(TOML.format("max_notional_cent = 7"), "x")
    with pytest.raises(InvalidValueError, match=r"checks.max_notional_cents: expected an integer"):
        parse_config(TOML.format("max_notional_cents = 0"), "x")

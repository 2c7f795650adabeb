"""Strategies in workers, on the real desk and the real exchange: one final hash for every pool."""

from collections.abc import Iterator

import msgspec
import pytest

from lockstep_desk.adapters.strategies import PoolAlgo, market_event, working
from lockstep_desk.core.codes import OrderKind, TradingState
from lockstep_desk.core.commands import (
    RecordCandle,
    RecordTrade,
    RegisterDeployment,
    SetLifecycle,
    SetTradingState,
    SubmitIntents,
)
from lockstep_desk.core.machine import MACHINE as DESK
from lockstep_desk.core.view import OrderView
from lockstep_desk.fund import LifecycleState
from lockstep_desk.ids import deployment_id
from lockstep_desk.oms.states import OrderState
from lockstep_desk.pipeline import FailurePolicy, Pool, Router, SplitMix64, Trader
from lockstep_desk.strategy import Candle, MarketTrade
from lockstep_desk.types import Side
from lockstep_engine.commands import PlaceOrder
from lockstep_kernel import apply, initial
from lockstep_kernel.record import unpack_record
from tests.support.desk import GENESIS, WIDE
from tests.support.desk_exchange import ACCOUNT, LOT, PERP, SYMBOL, Market
from tests.unit.desk.pipeline.support import pool_of, spec

SECOND_NS = 10**9
SPECS = (
    spec("rsi", qty_e8=LOT, period=2, low_e6=45_000_000, high_e6=55_000_000),
    spec(
        "market_maker", qty_e8=LOT, tick_e9=SECOND_NS, half_spread_bps=150, inventory_max_e8=9 * LOT
    ),
    spec("buy_when_flat", qty_e8=2 * LOT),
    spec("raises_at", number=3),
)


def traders_on(market: Market) -> list[Trader]:
    """Register a live deployment for each strategy; return their traders."""
    traders: list[Trader] = []
    for place, each in enumerate(SPECS):
        name = f"{each.name}-{place}"
        deployment = deployment_id(name, "v1", 0)
        market.process(
            RegisterDeployment(name, each.name, "v1", 0, WIDE),
            SetLifecycle(deployment, LifecycleState.PAPER, LifecycleState.LIVE),
        )
        traders.append(Trader(place, deployment, SYMBOL, each, account=ACCOUNT))
    return traders


def candle(market: Market, close: int) -> RecordCandle:
    price_e9, now_ns = close * SECOND_NS, market.clock.now_ns()
    return RecordCandle(SYMBOL, price_e9, price_e9, price_e9, price_e9, LOT, now_ns - 1, now_ns)


def day(market: Market, steps: int) -> Iterator[msgspec.Struct]:
    """Yield what comes of a maker who moves about, and a candle after each of its moves."""
    random = SplitMix64(11)
    price = 100
    for _ in range(steps):
        price = max(95, min(105, price + random.below(5) - 2))
        maker = market.exchange.maker
        market.exchange.send(maker, PlaceOrder(PERP, int(Side.BUY), price - 1, 3))
        market.exchange.send(maker, PlaceOrder(PERP, int(Side.SELL), price + 1, 3))
        while told := market.session.take():
            yield from told
        yield candle(market, price)
        while told := market.session.take():
            yield from told


def traded(pool: Pool, steps: int = 40) -> tuple[Market, PoolAlgo]:
    """Return a market after a day, with its desk on a pool."""
    market = Market()
    traders = traders_on(market)
    pool.start(traders)
    try:
        algo = PoolAlgo(Router(traders), pool, FailurePolicy(0, 0, 3))
        market.engine = market.new_engine(algo=algo)
        market.process(SetTradingState(TradingState.ENABLED))
        for event in algo.watch(day(market, steps)):
            tick = market.engine.process(event)
            assert () == tick.errors
    finally:
        pool.stop(60.0)
    return market, algo


def final_hash(market: Market) -> bytes:
    return bytes(market.sequencer.state.hash)


@pytest.mark.desk("I15")
def test_the_final_hash_of_the_desk_is_the_same_for_every_pool() -> None:
    expected, algo = traded(pool_of("inline", 1))
    assert algo.portfolio.totals.intents > 20
    for kind in ("thread", "process"):
        for workers in (1, 2, 4):
            found, _ = traded(pool_of(kind, workers))
            assert final_hash(expected) == final_hash(found), f"{kind} with {workers} workers"
            assert final_hash_of_exchange(expected) == final_hash_of_exchange(found)


def final_hash_of_exchange(market: Market) -> bytes:
    return bytes(market.exchange.sequencer.state.hash)


@pytest.mark.desk("PIPE-19", "I15")
def test_a_strategy_that_fails_is_halted_on_the_desk_and_the_others_trade_on() -> None:
    market, algo = traded(pool_of("inline", 1))
    halted = [health.is_halted for health in algo.portfolio.guard.healths]
    assert [False, False, False, True] == halted
    view = market.engine.view
    held = [
        view.holding(ACCOUNT, SYMBOL, trader.deployment_id)
        for trader in algo.portfolio.router.traders
    ]
    assert held[2] is not None
    assert 2 * LOT == held[2].qty_e8


def test_the_journal_alone_leads_to_the_same_hash_and_has_the_intents_in_order() -> None:
    market, _ = traded(pool_of("thread", 2))
    state = initial(DESK, GENESIS)
    places: list[tuple[int, int]] = []
    for seq, packed in enumerate(market.journal.records, 1):
        record = unpack_record(packed, seq)
        sequenced = state.machine.codec.decode(record.ts_ns, record.body)
        if isinstance(sequenced.command, SubmitIntents):
            places.append((sequenced.command.seq_seen, sequenced.command.trader))
        state, _, _ = apply(state, sequenced)
    assert final_hash(market) == state.hash
    assert sorted(places) == places
    assert {0, 1, 2, 3} == {trader for _, trader in places}


def test_market_commands_are_what_strategies_see() -> None:
    trade = RecordTrade(SYMBOL, 5, 6, Side.SELL, 7)
    assert MarketTrade(SYMBOL, 7, 5, 6, Side.SELL) == market_event(trade)
    shut = RecordCandle(SYMBOL, 2, 4, 1, 3, 9, 7, 8)
    assert Candle(SYMBOL, 8, 2, 4, 1, 3, 9) == market_event(shut)
    assert market_event(SetTradingState(TradingState.ENABLED)) is None


@pytest.mark.desk("F2", "PIPE-D12")
@pytest.mark.parametrize(
    ("kind", "price_e9"), [(OrderKind.LIMIT, 7 * SECOND_NS), (OrderKind.MARKET, None)]
)
def test_an_order_at_the_market_has_no_price_at_which_it_rests(
    kind: OrderKind, price_e9: int | None
) -> None:
    place = ("id", "deployment", ACCOUNT, SYMBOL, Side.BUY)
    order = OrderView(*place, LOT, 7 * SECOND_NS, OrderState.OPEN, 0, kind)
    assert price_e9 == working(order).price_e9

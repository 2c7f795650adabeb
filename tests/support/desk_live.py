"""A desk that runs free on an exchange in the same process, for tests.

`LiveMarket` is `Market` with threads around it: a maker moves the exchange, strategies answer in a
pool, and every report comes by itself. Its journal is in memory, or on disk if a folder is given.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lockstep_desk.adapters.exchange.shared import SharedSession
from lockstep_desk.core.audit import Auditor
from lockstep_desk.core.codes import TradingState
from lockstep_desk.core.commands import RegisterDeployment, SetLifecycle, SetTradingState
from lockstep_desk.core.engine import Engine
from lockstep_desk.core.hooks import Parts
from lockstep_desk.core.machine import MACHINE as DESK
from lockstep_desk.core.router import Router as Venues
from lockstep_desk.core.state import DeskCore
from lockstep_desk.fund import LifecycleState
from lockstep_desk.ids import deployment_id
from lockstep_desk.live import LiveDesk, live_services
from lockstep_desk.pipeline import (
    LiveOptions,
    Pipeline,
    Pool,
    Router,
    SplitMix64,
    StopReport,
    Supervisor,
    ThreadService,
    Trader,
)
from lockstep_desk.strategy import Candle, StrategySpec
from lockstep_desk.types import Side
from lockstep_engine.commands import CancelAll, PlaceOrder, SetMmpConfig
from lockstep_engine.exchange import account as exchange_account
from lockstep_journal import Sequencer
from lockstep_kernel import CannotRunError, verify
from lockstep_replay import begin
from tests.support.desk import E9, GENESIS, WIDE
from tests.support.desk_exchange import (
    ACCOUNT,
    DESK_NUMBER,
    LOT,
    PERP,
    SYMBOL,
    VENUE,
    Market,
)

SOON_S = 60.0


class LiveMarket:
    """An exchange, a desk on it, and a pipeline; `start`, `move`, `settle`, `stop`."""

    def __init__(
        self,
        specs: Sequence[StrategySpec],
        pool: Pool,
        options: LiveOptions | None = None,
        folder: Path | None = None,
        **parts: Any,
    ) -> None:
        self.market = market = Market()
        market.exchange.send(market.exchange.desk, SetMmpConfig("BTC", 1_000, 1, 10**6 * LOT))
        self.link = SharedSession(market.session, market_capacity=64)
        self.live = None if folder is None else begin(folder, DESK, GENESIS, market.clock.now_ns)
        self.sequencer: Sequencer = self.live.sequencer if self.live else market.sequencer
        if self.live is not None:
            self._submit(market.registrations())
        traders = [self._deployed(place, each) for place, each in enumerate(specs)]
        self.engine = Engine(
            self.sequencer,
            Parts(Venues({VENUE: self.link}), **parts),
            market.clock,
            Auditor(market.audit),
        )
        router = Router(traders)
        self.desk = LiveDesk(self.engine, router)
        self.pool = pool
        self.pipeline = Pipeline(router, pool, self.desk, self.desk.send, options)
        self._moves: list[Callable[[], Candle]] = []
        self._pause = threading.Event()
        services = live_services(self.pipeline, self.desk, {VENUE: self.link})
        self.maker = ThreadService("maker", self._make)
        self.supervisor = Supervisor([self.maker, *services], SOON_S)

    def start(self) -> None:
        """Let the desk take the account's snapshot, enable, and start all."""
        self.pool.start(self.pipeline.portfolio.router.traders)
        self.link.act(lambda: None)
        self.desk.take(self.link.take())
        self.desk.process(SetTradingState(TradingState.ENABLED))
        self.supervisor.start()

    def trade(self, steps: int, seed: int = 11) -> None:
        """Let the maker move about in its own thread, and wait until all is quiet."""
        random, price = SplitMix64(seed), 100
        for _ in range(steps):
            price = max(95, min(105, price + random.below(5) - 2))
            self._moves.append(self._quote(price))
        self.settle()

    def quote(self, price: int) -> None:
        """Let the maker quote around a price now, and no candle come of it."""
        self.link.act(self._quote(price))

    def wait_for_end(self) -> None:
        """Wait until a service has failed."""
        for _ in range(int(SOON_S * 500)):
            try:
                self.supervisor.check()
            except CannotRunError:
                return
            self._pause.wait(0.002)
        raise AssertionError("no service failed")

    def settle(self) -> None:
        """Wait until nothing is under way any more."""
        self.wait(self._is_quiet)

    def wait(self, until: Callable[[], bool]) -> None:
        for _ in range(int(SOON_S * 500)):
            self.supervisor.check()
            if until():
                return
            self._pause.wait(0.002)
        raise AssertionError("what the test waits for did not happen")

    def stop(self) -> StopReport:
        """End all, and the desk last."""
        report = self.supervisor.stop()
        assert self.pool.stop(SOON_S)
        if not self.desk.has_ended:
            self.desk.shutdown()
        if self.live is not None:
            self.live.close()
        return report

    def agree(self) -> None:
        """Compare positions, orders and cash of both sides; nothing must have been doubted."""
        verify(self.sequencer.state)
        theirs = exchange_account(self.market.exchange.sequencer.state, DESK_NUMBER)
        view, core = self.engine.view, self.sequencer.state.core
        held = view.position(ACCOUNT, SYMBOL)
        signed = held.side.sign * held.qty_e8 if held else 0
        assert sum(position.qty_lots for position in theirs.positions) * LOT == signed
        assert theirs.open_orders == len(view.orders())
        assert (theirs.cash_e6 * 1_000,) * 2 == view.balance(ACCOUNT, "usd")
        assert isinstance(core, DeskCore)
        assert [] == list(core.divergences.values())

    def _make(self, stop: threading.Event) -> None:
        while not stop.is_set():
            if self._moves:
                self.pipeline.publish(self.link.act(self._moves[0]))
                del self._moves[0]
            stop.wait(0.001)

    def _quote(self, price: int) -> Callable[[], Candle]:
        """Return a move of the maker, which says what candle it makes."""
        exchange, price_e9 = self.market.exchange, price * E9

        def move() -> Candle:
            exchange.send(exchange.maker, CancelAll())
            exchange.send(exchange.maker, PlaceOrder(PERP, int(Side.BUY), price - 1, 3))
            exchange.send(exchange.maker, PlaceOrder(PERP, int(Side.SELL), price + 1, 3))
            now_ns = self.market.clock.now_ns()
            return Candle(SYMBOL, now_ns, price_e9, price_e9, price_e9, price_e9, LOT)

        return move

    def _is_quiet(self) -> bool:
        return (
            not self._moves
            and not len(self.link.market)
            and not self.link.backlog
            and self.pipeline.is_quiet
        )

    def _deployed(self, place: int, spec: StrategySpec) -> Trader:
        name = f"{spec.name}-{place}"
        deployment = deployment_id(name, "v1", 0)
        live = SetLifecycle(deployment, LifecycleState.PAPER, LifecycleState.LIVE)
        self._submit([RegisterDeployment(name, spec.name, "v1", 0, WIDE), live])
        cadence_ns = 2 * 10**6 if spec.name == "market_maker" else 0
        return Trader(place, deployment, SYMBOL, spec, cadence_ns, ACCOUNT)

    def _submit(self, commands: Sequence[Any]) -> None:
        for result in self.sequencer.submit(commands):
            assert not isinstance(result, Exception), result

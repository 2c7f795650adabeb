"""A post of the demo in this process: desk and exchange in journals on disk, moved by hand."""

from pathlib import Path

import msgspec

from lockstep_desk.adapters.exchange.durable import NativeStop
from lockstep_desk.adapters.exchange.venue import ACCOUNT
from lockstep_desk.adapters.strategies import market_command
from lockstep_desk.core.codes import OrderKind, TimeInForce, TradingState
from lockstep_desk.core.commands import CancelOrders, OpenRequest, SetTradingState, Shutdown
from lockstep_desk.core.hooks import Intents
from lockstep_desk.demo.messages import Swept
from lockstep_desk.demo.plan import STOPPED, Plan, deployments, index_of
from lockstep_desk.demo.post import Post
from lockstep_desk.types import E8, Side

BEGUN_NS = 1_800_000_000 * 10**9
PLAN = Plan(seed=7, candles=4, move_us=1_000, begun_ns=BEGUN_NS)
HOLDER = deployments()[index_of("heikin-ashi")].trader
PRICE = 150 * 10**9


class Ticking:
    """A clock that moves on by a millisecond whenever it is asked."""

    def __init__(self) -> None:
        self.ns = BEGUN_NS

    def now_ns(self) -> int:
        self.ns += 1_000_000
        return self.ns


class Rig:
    """A post, and what a host does with it; `kill` leaves it as a SIGKILL would."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = Ticking()
        self.post = Post(PLAN, directory, self.clock)

    def begin(self) -> Swept:
        """Boot, show prices, and enable trading."""
        swept = self.post.boot()
        for listed in self.post.venue.listed:
            self.show(listed.symbol, PRICE)
        self.take()
        self.process(SetTradingState(TradingState.ENABLED))
        return swept

    def again(self) -> Swept:
        """Open the same journals again, and boot."""
        self.post.close()
        self.post = Post(PLAN, self.directory, self.clock)
        return self.post.boot()

    def show(self, name: str, price_e9: int) -> None:
        """Move the market."""
        self.post.shared.act(lambda: self.post.venue.show(name, price_e9))

    def process(self, command: msgspec.Struct) -> None:
        self.post.engine.process(command)
        self.take()

    def take(self) -> None:
        """Let the desk take all that came back."""
        while told := self.post.shared.take():
            for report in told:
                self.post.engine.process(report)
        for event in self.post.shared.market.take_all():
            self.post.engine.observe([market_command(event, 10**9)])

    def buy(self, qty_e8: int = 20 * E8, price_e9: int = 0) -> None:
        """Let a deployment buy: at the market, or resting at a price."""
        request = OpenRequest(
            *(ACCOUNT, STOPPED, Side.BUY, qty_e8, price_e9),
            kind=OrderKind.LIMIT if price_e9 else OrderKind.MARKET,
            tif=TimeInForce.GTC if price_e9 else TimeInForce.IOC,
        )
        intents = Intents(HOLDER.deployment_id, HOLDER.index, opens=(request,))
        self.post.engine.decide(intents, self.post.engine.view.seq)

    def lose(self) -> None:
        """Lose the link."""
        self.post.shared.act(self.post.venue.session.disconnect)
        self.take()

    def stop_out(self, price_e9: int) -> None:
        """Let a native stop close what is held, at about a price."""
        self.post.venue.stop = NativeStop(STOPPED, Side.SELL, 20 * E8, price_e9)
        self.show(STOPPED, price_e9)

    def finish(self) -> None:
        """Cancel what rests, sweep, and shut down."""
        self.process(SetTradingState(TradingState.DISABLED))
        self.process(CancelOrders())
        self.post.sweep("at the end", self.post.engine, is_linking=False)
        self.post.engine.process(Shutdown())
        self.post.close()

    @property
    def held_e8(self) -> int:
        """What the deployment holds by the books."""
        held = self.post.engine.view.holding(ACCOUNT, STOPPED, HOLDER.deployment_id)
        return 0 if held is None else held.side.sign * held.qty_e8

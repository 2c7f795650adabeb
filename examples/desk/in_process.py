"""A desk and an exchange in one program: a strategy of your own, its fills, sweeps and profit."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import msgspec

from lockstep_desk import MockClock, Side
from lockstep_desk.adapters.exchange import ExchangeView, InProcessFeed, registration
from lockstep_desk.adapters.exchange.venue import CounterVenue, Listing, VenueOptions
from lockstep_desk.core import commands as do
from lockstep_desk.core import events as did
from lockstep_desk.core.codes import TimeInForce, TradingState
from lockstep_desk.core.engine import Engine
from lockstep_desk.core.hooks import Intents, Parts
from lockstep_desk.core.machine import MACHINE, desk_genesis
from lockstep_desk.core.params import DeskParams
from lockstep_desk.core.recon.sweeper import Sweeper
from lockstep_desk.core.router import Router
from lockstep_desk.core.runners import run
from lockstep_desk.core.view import DeskView
from lockstep_desk.fund import GroupBy, LifecycleState, compute_pnl
from lockstep_desk.ids import deployment_id, version_id
from lockstep_desk.recon import SweepSchedule
from lockstep_journal import MemoryJournal, Outlets
from lockstep_kernel import LockstepError
from lockstep_replay import LiveOptions, begin

VENUE, ACCOUNT, SYMBOL = "lockstep", "main", "BTC-PERP"
NAME, VERSION = "buy low", version_id(b"the strategy's code")
DEPLOYMENT = deployment_id(NAME, VERSION, 0)
E9, SECOND_NS, START_NS = 10**9, 10**9, 1_767_225_600 * 10**9  # 2026-01-01
PRICES = (60_000, 59_400, 58_900, 59_800, 61_100, 60_500)  # where the market goes, in dollars


class BuyLow:
    """A strategy: buy 0.1 at 59,000 or below, sell it at 61,000 or above."""

    def generate(self, view: DeskView) -> Sequence[Intents]:
        """Say what to do now; asked after every event while trading is enabled."""
        price_e9, held = view.price_e9(SYMBOL), view.holding(ACCOUNT, SYMBOL, DEPLOYMENT)
        if price_e9 is None or view.orders():  # nobody knows yet what becomes of those
            return []
        if held is None and price_e9 <= 59_000 * E9:
            return [self._order(Side.BUY, 59_000 * E9)]
        if held is not None and price_e9 >= 61_000 * E9:
            return [self._order(Side.SELL, 61_000 * E9)]
        return []

    def _order(self, side: Side, price_e9: int) -> Intents:
        order = do.OpenRequest(ACCOUNT, SYMBOL, side, 10**7, price_e9, tif=TimeInForce.IOC)
        return Intents(DEPLOYMENT, opens=(order,))


class Printer:
    """A sink of the desk's journal."""

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        """Take the events of one command, which is durable; a refusal is an event too."""
        for event in events:
            match event:
                case did.CommandRefused() | did.OrderRefused():
                    raise SystemExit(f"command {seq}: {event}")
                case (
                    did.FillBooked()
                    | did.PositionExited()
                    | did.Reconciled()
                    | did.BrokerDiverged()
                ):
                    print(f"{seq}: {event}")
                case _:
                    pass


def main(folder: str) -> None:
    """Let the market go its way, and the desk trade in it; `folder` holds the desk's journal."""
    clock = MockClock(START_NS)  # in a program that runs on: WallClock()
    options = VenueOptions((Listing(SYMBOL, tick_e9=10**8, lot_e8=10**5),))
    venue = CounterVenue(options, START_NS, clock.now_ns, lambda _, first: MemoryJournal(first))
    session = venue.sessions[ACCOUNT]
    told = LiveOptions(Outlets(sinks=[Printer()]))
    with begin(folder, MACHINE, desk_genesis(DeskParams("my desk")), clock.now_ns, told) as live:
        engine = Engine(live.sequencer, Parts(Router({VENUE: session}), algo=BuyLow()), clock)
        for command in registrations(venue):
            engine.process(command)
        broker = ExchangeView(VENUE, session.account)
        sweeper = Sweeper(engine, broker, SweepSchedule(interval_ns=2 * SECOND_NS))

        def moves() -> Iterator[Callable[[], object]]:
            yield session.connect  # the account's snapshot comes first
            yield lambda: sweeper.sweep_if_due(clock.now_ns())
            yield lambda: engine.process(do.SetTradingState(TradingState.ENABLED))
            for price in PRICES:
                clock.advance_ns(SECOND_NS)
                yield partial(venue.show, SYMBOL, price * E9)
                yield lambda: sweeper.sweep_if_due(clock.now_ns())

        tick = run(engine, InProcessFeed([session], moves()))
        if tick.errors:
            raise SystemExit("; ".join(tick.errors))
        fills = broker.fills(0, 0).items
        profit = compute_pnl(fills, START_NS, clock.now_ns() + 1, GroupBy.DEPLOYMENT)
        print(profit.enrich_unrealized(engine.view.price_e9).bucket(DEPLOYMENT))
        print("last hash", live.sequencer.state.hash.hex())


def registrations(venue: CounterVenue) -> list[msgspec.Struct]:
    """Return what makes everything known that trades: a deployment begins in PAPER, goes LIVE."""
    limits = do.Limits(max_position_cents=10**6, max_order_cents=10**6, max_orders_per_sec=5)
    return [
        do.RegisterVenue(VENUE),
        do.RegisterAccount(ACCOUNT, VENUE),
        *(registration(listed, VENUE) for listed in venue.listed),
        do.RegisterDeployment(NAME, "buy_low", VERSION, 0, limits),
        do.SetLifecycle(DEPLOYMENT, LifecycleState.PAPER, LifecycleState.LIVE),
    ]


if __name__ == "__main__":
    try:
        main("data/desk")
    except LockstepError as error:  # such as a journal that is there already
        raise SystemExit(str(error)) from None

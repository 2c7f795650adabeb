"""The pipeline's strategies on the desk's engine: what `core` asks, a pool of workers answers.

Owns the translation both ways, and nothing of the decision. `watch` goes around the feed of the
engine: it shows market events to the strategies and feeds back what the guard asks for. Strategies
are asked after a market event, while trading is enabled; one that fails never reaches the engine.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from lockstep_desk.core.codes import OrderKind
from lockstep_desk.core.codes import TimeInForce as DeskTif
from lockstep_desk.core.commands import Halt, OpenRequest, RecordCandle, RecordL1, RecordTrade
from lockstep_desk.core.hooks import Intents
from lockstep_desk.core.view import DeskView, OrderView
from lockstep_desk.oms.states import OrderState
from lockstep_desk.pipeline.actor import Task
from lockstep_desk.pipeline.guard import FailurePolicy
from lockstep_desk.pipeline.pool import Pool, run_all
from lockstep_desk.pipeline.port import Answer, Seen, Standing, TraderCommand
from lockstep_desk.pipeline.portfolio import Portfolio
from lockstep_desk.pipeline.router import Router, Trader
from lockstep_desk.strategy.base import Cancel, Holding, Open, Working
from lockstep_desk.strategy.market import Candle, MarketEvent, MarketTrade, MarketView, Quote
from lockstep_desk.types import HaltAction

_NOWHERE = Seen(0, 0)


class PoolAlgo:
    """An `Algo` of the engine, on the traders of a router and on a pool that was started."""

    def __init__(self, router: Router, pool: Pool, policy: FailurePolicy | None = None) -> None:
        self._halts: list[msgspec.Struct] = []
        self.portfolio = Portfolio(router, _Port(self._halts), policy or FailurePolicy())
        self._pool = pool
        self._news: MarketView | None = None

    def watch(self, feed: Iterable[msgspec.Struct]) -> Iterator[msgspec.Struct]:
        """Yield the feed, and after each event of it the halts that its answers led to."""
        for command in feed:
            self.see(command)
            yield command
            while self._halts:
                yield self._halts.pop(0)

    def see(self, command: msgspec.Struct) -> None:
        """Take note of a market event that the engine is about to process."""
        event = market_event(command)
        if event is None:
            return
        self._forget()
        self._news, _ = self.portfolio.observe(event)

    def generate(self, view: DeskView) -> Sequence[Intents]:
        """Return what the traders of the last market event want; nothing if none is new."""
        news, self._news = self._news, None
        if news is None:
            return ()
        seen, router = Seen(view.seq, view.now_ns), self.portfolio.router
        tasks = [
            task
            for place in router.traders_of(news.instrument)
            if (task := self._question(place, news, seen, view)) is not None
        ]
        answers = [self.portfolio.answer(outcome) for outcome in run_all(self._pool, tasks)]
        return [intents_of(answer) for answer in answers if answer is not None]

    def _question(self, place: int, news: MarketView, seen: Seen, view: DeskView) -> Task | None:
        standing = standing_of(self.portfolio.router.traders[place], view)
        return self.portfolio.question(place, news, seen, standing)

    def _forget(self) -> None:
        """Count the event before as missed, if nobody was asked about it: trading was disabled."""
        if self._news is not None:
            for place in self.portfolio.router.traders_of(self._news.instrument):
                self.portfolio.missed(place, 1)


class _Port:
    """The desk as the portfolio sees it: halts wait for the feed, the rest is the engine's."""

    def __init__(self, halts: list[msgspec.Struct]) -> None:
        self._halts = halts

    def observe(self, event: MarketEvent) -> Seen:
        return _NOWHERE

    def standing(self, trader: Trader) -> Standing:
        return Standing()

    def submit(self, answer: Answer) -> None:
        """Do nothing: the engine takes the answers from `generate`."""

    def halt(self, deployment_id: str, reason: str) -> None:
        self._halts.append(Halt(deployment_id, HaltAction.HARD_HALT, reason[:256]))

    def record(self, command: TraderCommand) -> None:
        """Do nothing: what a pause leads to is in the journal as the intents that do not come."""


def market_event(command: msgspec.Struct) -> MarketEvent | None:
    """Return the market event that a command of the desk records, None of any other command."""
    match command:
        case RecordL1():
            return Quote(
                command.instrument,
                command.time_ns,
                command.bid_price_e9,
                command.bid_qty_e8,
                command.ask_price_e9,
                command.ask_qty_e8,
            )
        case RecordTrade():
            return MarketTrade(
                command.instrument,
                command.time_ns,
                command.price_e9,
                command.qty_e8,
                command.side,
            )
        case RecordCandle():
            return Candle(
                command.instrument,
                command.close_ns,
                command.open_e9,
                command.high_e9,
                command.low_e9,
                command.close_e9,
                command.volume_e8,
            )
        case _:
            return None


def market_command(event: MarketEvent, candle_ns: int) -> msgspec.Struct:
    """Return the command of the desk that records a market event; a candle covers `candle_ns`."""
    match event:
        case Quote():
            return RecordL1(
                event.instrument,
                event.bid_e9 if event.bid_qty_e8 else 0,
                event.bid_qty_e8,
                event.ask_e9 if event.ask_qty_e8 else 0,
                event.ask_qty_e8,
                event.ts_ns,
            )
        case MarketTrade():
            return RecordTrade(
                event.instrument, event.price_e9, event.qty_e8, event.side, event.ts_ns
            )
        case Candle():
            return RecordCandle(
                event.instrument,
                event.open_e9,
                event.high_e9,
                event.low_e9,
                event.close_e9,
                event.volume_e8,
                max(event.ts_ns - candle_ns, 0),
                event.ts_ns,
            )


def standing_of(trader: Trader, view: DeskView) -> Standing:
    """Return what a trader has on the desk: its deployment's position and orders."""
    return standing_at(view, trader.account, trader.instrument, trader.deployment_id)


def standing_at(view: DeskView, account: str, instrument: str, deployment: str) -> Standing:
    """Return what a deployment has of an instrument in an account."""
    position = view.holding(account, instrument, deployment)
    orders = tuple(
        working(order)
        for order in view.orders()
        if (order.deployment, order.instrument) == (deployment, instrument)
    )
    if position is None:
        return Standing(orders=orders)
    quantity_e8 = position.side.sign * position.qty_e8
    return Standing(Holding(quantity_e8, position.entry_price_e9), orders)


def working(order: OrderView) -> Working:
    """Return an order as strategies see it."""
    return Working(
        client_order_id=order.client_order_id,
        side=order.side,
        qty_e8=order.qty_e8 - order.filled_e8,
        price_e9=None if order.kind is OrderKind.MARKET else order.price_e9,
        is_confirmed=order.state is OrderState.OPEN,
        is_cancelling=order.state is OrderState.CANCEL_IN_FLIGHT,
    )


def intents_of(answer: Answer) -> Intents:
    """Return what a trader wants as the engine takes it."""
    wanted = answer.intents
    return Intents(
        deployment=answer.trader.deployment_id,
        trader=answer.trader.index,
        cancels=tuple(wish.client_order_id for wish in wanted if isinstance(wish, Cancel)),
        opens=tuple(_request(answer.trader, wish) for wish in wanted if isinstance(wish, Open)),
    )


def _request(trader: Trader, wish: Open) -> OpenRequest:
    return OpenRequest(
        account=trader.account,
        instrument=wish.instrument,
        side=wish.side,
        qty_e8=wish.qty_e8,
        price_e9=wish.price_e9 or 0,
        kind=OrderKind.MARKET if wish.price_e9 is None else OrderKind.LIMIT,
        tif=DeskTif(wish.tif),
        is_post_only=wish.is_post_only,
        is_reduce_only=wish.is_reduce_only,
        is_mmp=wish.is_mmp,
    )

"""The free-running way: feeds, channels, workers and order engine, each at its own pace (I16).

Owns the threads between them. Who is slow holds up nobody else: a full channel of market data loses
its oldest, a trader that is at a task finds later events conflated in its mailbox, a worker that is
stuck is relieved by the pool. Orders never drop: a trader with too many unanswered ones is not
asked until one is answered. The desk's journal has events and intents in the order in which they
came, so a replay of it is exact, whatever the scheduling was.
"""

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lockstep_desk.errors import need_int
from lockstep_desk.pipeline.actor import Task
from lockstep_desk.pipeline.channel import Channel, Counters, Overflow
from lockstep_desk.pipeline.guard import FailurePolicy
from lockstep_desk.pipeline.orders import OrderCounters, OrderEngine, Send
from lockstep_desk.pipeline.pool import Pool
from lockstep_desk.pipeline.port import Answer, LivePort, Seen, Standing, TraderCommand
from lockstep_desk.pipeline.portfolio import Portfolio
from lockstep_desk.pipeline.router import Router
from lockstep_desk.pipeline.supervisor import Service, ThreadService
from lockstep_desk.strategy.base import Context, Open, Working
from lockstep_desk.strategy.market import MarketEvent, MarketView

_FAILURES_KEPT = 100
_IDLE_S = 0.05
"""How long the dispatcher waits at most before it looks at its stop flag."""


_News = tuple[MarketView, Seen]


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """Sizes and policies of the channels.

    A trader may have `unanswered_max` submissions that were not answered, and is shown up to
    `burst_max` events in one question when it lags behind. Up to `commit_max` events go into the
    desk's journal together: as many as came meanwhile, so nobody waits for more to come.
    """

    market_capacity: int = 2048
    market_overflow: Overflow = Overflow.DROP_OLDEST
    mailbox_capacity: int = 64
    orders_capacity: int = 128
    unanswered_max: int = 4
    burst_max: int = 32
    commit_max: int = 256
    failures: FailurePolicy = field(default_factory=FailurePolicy)

    def __post_init__(self) -> None:
        need_int("market_capacity", self.market_capacity, 1)
        need_int("mailbox_capacity", self.mailbox_capacity, 1)
        need_int("orders_capacity", self.orders_capacity, 1)
        need_int("unanswered_max", self.unanswered_max, 1)
        need_int("burst_max", self.burst_max, 1)
        need_int("commit_max", self.commit_max, 1)


class _Place:
    """One trader's place: what it has yet to see, what it is asked about, what is unanswered.

    `shown` holds what it is asked about, and after the answer what of that it did not look at.
    """

    __slots__ = ("dropped", "is_asked", "mailbox", "shown", "unanswered")

    def __init__(self, name: str, capacity: int) -> None:
        self.mailbox: Channel[_News] = Channel(name, capacity, Overflow.DROP_OLDEST)
        self.dropped = 0
        self.is_asked = False
        self.shown: list[_News] = []
        self.unanswered: list[Answer] = []


class Pipeline:
    """Runs a portfolio as feeds come. `services` go to a supervisor, which starts and ends them.

    The desk is called by the dispatcher alone; `send` runs on the order engine's loop.
    """

    def __init__(
        self,
        router: Router,
        pool: Pool,
        desk: LivePort,
        send: Send,
        options: LiveOptions | None = None,
    ) -> None:
        self.options = options or LiveOptions()
        self.portfolio = Portfolio(router, desk, self.options.failures)
        self._pool = pool
        self._desk = desk
        self._channels: dict[str, Channel[MarketEvent]] = {
            name: Channel(name, self.options.market_capacity, self.options.market_overflow)
            for name in router.instruments
        }
        self._places = [
            _Place(f"{trader.instrument}/{trader.index}", self.options.mailbox_capacity)
            for trader in router.traders
        ]
        self._orders = OrderEngine(send, self._heard, self.options.orders_capacity)
        self._answered: deque[tuple[Answer, str]] = deque()
        self._commands: deque[TraderCommand] = deque()
        self._is_waiting = False
        self._half_rounds = 0
        """Odd while the dispatcher works, even while it waits for outcomes."""
        self.unrouted = 0
        self.send_failures: deque[tuple[Answer, str]] = deque(maxlen=_FAILURES_KEPT)

    def services(self, feeds: Sequence[tuple[str, Iterable[MarketEvent]]]) -> list[Service]:
        """Return all services, sources first: one per feed, the dispatcher, the order engine."""
        return [
            *(ThreadService(f"feed {name}", self._feeder(feed)) for name, feed in feeds),
            ThreadService("dispatcher", self._dispatch),
            self._orders,
        ]

    def publish(self, event: MarketEvent) -> bool:
        """Put an event into its instrument's channel; return False if nobody trades it."""
        channel = self._channels.get(event.instrument)
        if channel is None:
            self.unrouted += 1
            return False
        channel.put(event)
        if self._is_waiting:
            self._pool.wake()
        return True

    def command(self, command: TraderCommand) -> None:
        """Let the dispatcher carry an operator's command out; an unknown target raises here."""
        self.portfolio.router.named_by(command.target)
        self._commands.append(command)
        self._pool.wake()

    @property
    def is_quiet(self) -> bool:
        """Return whether nothing is under way: no event, task or unanswered order.

        What the dispatcher has in its hands stands nowhere else: while it works, nothing is quiet.
        """
        before = self._half_rounds
        is_still = not (
            any(len(channel) for channel in self._channels.values())
            or any(p.is_asked or p.unanswered for p in self._places)
            or any(map(self.backlog, range(len(self._places))))
        )
        return is_still and before % 2 == 0 and before == self._half_rounds

    def backlog(self, trader: int) -> int:
        """Return how many events a trader has yet to see, with those that it is asked about."""
        place = self._places[trader]
        return len(place.mailbox) + len(place.shown)

    def counters(self) -> dict[str, Counters]:
        """Return the counters of every channel by its name: instruments, mailboxes, orders."""
        found = {name: channel.counters() for name, channel in self._channels.items()}
        found.update((place.mailbox.name, place.mailbox.counters()) for place in self._places)
        found["orders"] = self._orders.counters().channel
        return found

    def order_counters(self) -> OrderCounters:
        """Return what became of all answers."""
        return self._orders.counters()

    def _feeder(self, feed: Iterable[MarketEvent]) -> "_Feeder":
        return _Feeder(self, feed)

    def _dispatch(self, stop: threading.Event) -> None:
        """Move events to mailboxes, ask who is free, pass answers on; end when none is asked."""
        while not (stop.is_set() and not any(place.is_asked for place in self._places)):
            self._half_rounds += 1
            self._carry_out_commands()
            pulled = self._pull()
            if not stop.is_set() and self._desk.is_trading:
                self._ask()
            self._is_waiting = True
            has_news = pulled or any(len(channel) for channel in self._channels.values())
            self._half_rounds += 1
            outcomes = self._pool.collect(0 if has_news else _IDLE_S)
            self._half_rounds += 1
            for outcome in outcomes:
                place = self._places[outcome.trader]
                place.is_asked = False
                del place.shown[: outcome.used]
                answer = self.portfolio.answer(outcome)
                if answer is not None:
                    place.unanswered.append(answer)
                    self._orders.submit(answer)
            self._is_waiting = False
            self._hear_all()
            self._half_rounds += 1

    def _carry_out_commands(self) -> None:
        while self._commands:
            self.portfolio.command(self._commands.popleft())

    def _pull(self) -> int:
        """Take all events out of the channels into the desk's journal and the mailboxes."""
        events = [event for channel in self._channels.values() for event in channel.take_all()]
        for start in range(0, len(events), self.options.commit_max):
            some = events[start : start + self.options.commit_max]
            for event, seen in zip(some, self._desk.observe_all(some), strict=True):
                news = self.portfolio.see(event, seen)
                for trader in self.portfolio.router.traders_of(event.instrument):
                    self._places[trader].mailbox.put(news)
        return len(events)

    def _ask(self) -> None:
        """Give a task to every trader that is free and has something to see."""
        tasks: list[Task] = []
        for trader, place in enumerate(self._places):
            if place.is_asked or len(place.unanswered) >= self.options.unanswered_max:
                continue
            task = self._task(trader, place)
            if task is not None:
                place.is_asked = True
                tasks.append(task)
        if tasks:
            self._pool.submit(tasks)

    def _task(self, trader: int, place: _Place) -> Task | None:
        """Return a question about what a trader has yet to see, None if there is nothing to ask."""
        who = self.portfolio.router.traders[trader]
        # Of a trader with a cadence each question decides when the next one is due.
        burst_max = 1 if who.cadence_ns else self.options.burst_max
        news, place.shown = self._unseen(trader, place, burst_max), []
        contexts: list[Context] = []
        standing = self._standing(trader) if news else Standing()
        for each in news:
            task = self.portfolio.question(trader, *each, standing)
            if task is not None:
                contexts.append(task.context)
                place.shown.append(each)
        return Task(trader, contexts[0], tuple(contexts[1:])) if contexts else None

    def _unseen(self, trader: int, place: _Place, count: int) -> list[_News]:
        """Take up to `count` events that a trader has yet to see, oldest first."""
        news = place.shown[:count]
        while len(news) < count and (each := place.mailbox.take(0)) is not None:
            news.append(each)
        dropped = place.mailbox.counters().dropped
        self.portfolio.missed(trader, dropped - place.dropped)
        place.dropped = dropped
        return news

    def _standing(self, trader: int) -> Standing:
        """Return what the desk says, and in flight what it has not answered yet (PIPE-D12)."""
        standing = self._desk.standing(self.portfolio.router.traders[trader])
        unanswered = [
            Working(f"unanswered-{answer.seq_seen}-{n}", wish.side, wish.qty_e8, wish.price_e9)
            for answer in self._places[trader].unanswered
            for n, wish in enumerate(answer.intents)
            if isinstance(wish, Open)
        ]
        if not unanswered:
            return standing
        return Standing(standing.holding, (*standing.orders, *unanswered))

    def _heard(self, answer: Answer, error: str) -> None:
        """Take note, on the order engine's thread, that an answer was sent."""
        self._answered.append((answer, error))
        self._pool.wake()

    def _hear_all(self) -> None:
        while self._answered:
            answer, error = self._answered.popleft()
            self._places[answer.trader.index].unanswered.remove(answer)
            if error:
                self.send_failures.append((answer, error))


class _Feeder:
    """Publishes a feed until it ends or is stopped."""

    def __init__(self, pipeline: Pipeline, feed: Iterable[MarketEvent]) -> None:
        self._pipeline = pipeline
        self._feed = feed

    def __call__(self, stop: threading.Event) -> None:
        for event in self._feed:
            if stop.is_set():
                return
            self._pipeline.publish(event)

"""Traders, strategies that misbehave, and a desk that fills at the market, for the pipeline."""

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from lockstep_desk.pipeline import (
    Answer,
    InlinePool,
    Pool,
    ProcessOptions,
    ProcessPool,
    Seen,
    Standing,
    ThreadPool,
    Trader,
    TraderCommand,
)
from lockstep_desk.strategy import (
    STRATEGIES,
    Actions,
    Cancel,
    Catalog,
    Context,
    Entry,
    Holding,
    MarketEvent,
    Open,
    StrategySpec,
    TimeInForce,
    Working,
    first_view,
)
from lockstep_desk.types import Side
from tests.unit.desk.strategy.support import E8, candle_of


@dataclass(frozen=True, slots=True)
class Nothing:
    """No options."""


@dataclass(frozen=True, slots=True)
class Number:
    """One option."""

    number: int = 0


class Counts:
    """Buys as many units as it was asked times: its intents show what it remembers."""

    def __init__(self, options: Nothing) -> None:
        self.asked = 0

    def on_market(self, context: Context, actions: Actions) -> None:
        self.asked += 1
        actions.add(Open(context.instrument, Side.BUY, self.asked, tif=TimeInForce.IOC))


class RaisesAt(Counts):
    """Counts, and raises at every context whose sequence number is a multiple of its option."""

    def __init__(self, options: Number) -> None:
        super().__init__(Nothing())
        self._number = options.number

    def on_market(self, context: Context, actions: Actions) -> None:
        super().on_market(context, actions)
        if context.seq_seen % self._number == 0:
            raise ZeroDivisionError(f"at {context.seq_seen}")


class Every(Counts):
    """Counts, and buys at every so many contexts."""

    def __init__(self, options: Number) -> None:
        super().__init__(Nothing())
        self._number = options.number

    def on_market(self, context: Context, actions: Actions) -> None:
        self.asked += 1
        if self.asked % self._number == 0:
            actions.add(Open(context.instrument, Side.BUY, self.asked, tif=TimeInForce.IOC))


class QuietRaisesAt(Every):
    """Wants nothing, and raises at one sequence number."""

    def on_market(self, context: Context, actions: Actions) -> None:
        if context.seq_seen == self._number:
            raise ZeroDivisionError(f"at {context.seq_seen}")


class DiesAt(Counts):
    """Counts, and kills its process at one sequence number."""

    def __init__(self, options: Number) -> None:
        super().__init__(Nothing())
        self._number = options.number

    def on_market(self, context: Context, actions: Actions) -> None:
        if context.seq_seen == self._number:
            os._exit(7)
        super().on_market(context, actions)


class Exits(Counts):
    """Wants to end the program."""

    def on_market(self, context: Context, actions: Actions) -> None:
        raise SystemExit(3)


class Interrupts(Counts):
    """Raises what a keyboard does."""

    def on_market(self, context: Context, actions: Actions) -> None:
        raise KeyboardInterrupt


class SaysNothing(Exception):
    """An error that raises when it is asked what it is."""

    def __str__(self) -> str:
        raise SystemExit


class Mute(Counts):
    """Raises an error that cannot be told."""

    def on_market(self, context: Context, actions: Actions) -> None:
        raise SaysNothing


class Mumbles(Counts):
    """Raises an error whose text no wire takes, and no terminal."""

    def on_market(self, context: Context, actions: Actions) -> None:
        raise ValueError("\ud800 \x1b[31m")


WISHES: tuple[Callable[[], Open | Cancel], ...] = (
    lambda: Open("A", Side.BUY, 2**62),
    lambda: Open("A", Side.BUY, 2**58 + 1),
    lambda: Open("A", Side.BUY, 1, 2**60 + 1),
    lambda: Open("x" * 65, Side.BUY, 1),
    lambda: Open("\ud800", Side.BUY, 1),
    lambda: Open("A", Side.BUY, 1, tif=1),  # type: ignore[arg-type]  # a bad one
    lambda: Open("A", Side.BUY, 1, 1, is_post_only=1),  # type: ignore[arg-type]  # a bad one
    lambda: Open("A", Side.BUY, 1, is_mmp="x"),  # type: ignore[arg-type]  # a bad one
    lambda: Cancel("A", "x" * 65),
    lambda: Cancel("A", "\ud800"),
    lambda: Cancel(None, "a"),  # type: ignore[arg-type]  # a bad one
)
"""Intents that no command of the desk can hold."""


class WishesAt(Counts):
    """Wants one of what nobody can have."""

    def __init__(self, options: Number) -> None:
        super().__init__(Nothing())
        self._number = options.number

    def on_market(self, context: Context, actions: Actions) -> None:
        actions.add(WISHES[self._number]())


class Hardens(Counts):
    """Counts, and keeps what no process can send once it was asked."""

    def __init__(self, options: Nothing) -> None:
        super().__init__(options)
        self.lock: object = None

    def on_market(self, context: Context, actions: Actions) -> None:
        super().on_market(context, actions)
        self.lock = threading.Lock()


class Floods(Counts):
    """Wants more than it may."""

    def on_market(self, context: Context, actions: Actions) -> None:
        for number in range(20):
            actions.add(Cancel(context.instrument, f"{number}"))


class Unpicklable(Counts):
    """Keeps what no process can send."""

    def __init__(self, options: Nothing) -> None:
        super().__init__(options)
        self.lock = threading.Lock()


GATE = threading.Event()
"""What `Waits` waits for, in one process."""


class Waits(Counts):
    """Holds its worker until the gate opens."""

    def on_market(self, context: Context, actions: Actions) -> None:
        GATE.wait(60)
        super().on_market(context, actions)


class Sleeps(Counts):
    """Holds its worker until a file is there; its path is in the environment."""

    def on_market(self, context: Context, actions: Actions) -> None:
        waiter = threading.Event()
        while not os.path.exists(os.environ["LOCKSTEP_TEST_GATE"]):
            waiter.wait(0.01)
        super().on_market(context, actions)


CATALOG: Catalog = {
    **STRATEGIES,
    "counts": Entry(Nothing, Counts),
    "raises_at": Entry(Number, RaisesAt),
    "every": Entry(Number, Every),
    "quiet_raises_at": Entry(Number, QuietRaisesAt),
    "dies_at": Entry(Number, DiesAt),
    "exits": Entry(Nothing, Exits),
    "interrupts": Entry(Nothing, Interrupts),
    "mute": Entry(Nothing, Mute),
    "mumbles": Entry(Nothing, Mumbles),
    "wishes_at": Entry(Number, WishesAt),
    "hardens": Entry(Nothing, Hardens),
    "floods": Entry(Nothing, Floods),
    "unpicklable": Entry(Nothing, Unpicklable),
    "waits": Entry(Nothing, Waits),
    "sleeps": Entry(Nothing, Sleeps),
}


def spec(name: str, **options: int) -> StrategySpec:
    return StrategySpec(name, tuple(sorted(options.items())))


def traders_of(*specs: StrategySpec, instruments: Sequence[str] = ("A", "B", "C")) -> list[Trader]:
    """Return traders on instruments in turn, each for a deployment of its own."""
    return [
        Trader(place, f"deployment-{place}", instruments[place % len(instruments)], each)
        for place, each in enumerate(specs)
    ]


def context_at(seq: int, trader: Trader, close: int = 100) -> Context:
    view = first_view(candle_of(close, ts_ns=seq, instrument=trader.instrument))
    return Context(trader.deployment_id, trader.instrument, view, seq * E8, seq)


def pool_of(kind: str, workers: int, **options: object) -> Pool:
    """Return a pool by name, that knows the strategies of the tests."""
    if kind == "inline":
        return InlinePool(CATALOG)
    if kind == "thread":
        return ThreadPool(workers, CATALOG)
    given = ProcessOptions(**{"batch_max": 64, "patience_s": None, **options})
    return ProcessPool(workers, CATALOG, given)


class MarketDesk:
    """A desk that fills every order at the price of the next event of its instrument.

    Everything that happens goes into a running SHA-256: two runs are the same if their hashes are.
    """

    def __init__(self) -> None:
        self.seq = 0
        self.is_trading = True
        self.log: list[str] = []
        self.halts: list[tuple[str, str]] = []
        self.commands: list[TraderCommand] = []
        self.standings: dict[str, Standing] = {}
        self._hash = sha256()

    @property
    def hash(self) -> str:
        return self._hash.hexdigest()

    def observe(self, event: MarketEvent) -> Seen:
        self.seq += 1
        self._write(f"event {self.seq} {event!r}")
        for deployment, standing in sorted(self.standings.items()):
            filled = [order for order in standing.orders if order.client_order_id[0] == "o"]
            held = standing.holding.qty_e8 + sum(o.side.sign * o.qty_e8 for o in filled)
            self.standings[deployment] = Standing(Holding(held))
        return Seen(self.seq, self.seq * E8)

    def observe_all(self, events: Sequence[MarketEvent]) -> list[Seen]:
        return [self.observe(event) for event in events]

    def standing(self, trader: Trader) -> Standing:
        return self.standings.get(trader.deployment_id, Standing())

    def submit(self, answer: Answer) -> None:
        self._write(f"answer {answer.order} {answer.intents!r}")
        before = self.standing(answer.trader)
        orders = [
            Working(f"o-{answer.seq_seen}-{place}", wish.side, wish.qty_e8, wish.price_e9)
            for place, wish in enumerate(answer.intents)
            if isinstance(wish, Open)
        ]
        after = Standing(before.holding, (*before.orders, *orders))
        self.standings[answer.trader.deployment_id] = after

    def halt(self, deployment_id: str, reason: str) -> None:
        self._write(f"halt {deployment_id} {reason}")
        self.halts.append((deployment_id, reason))

    def record(self, command: TraderCommand) -> None:
        self._write(f"command {command!r}")
        self.commands.append(command)

    def _write(self, line: str) -> None:
        self.log.append(line)
        self._hash.update(line.encode())

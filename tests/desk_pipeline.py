"""How many market events a second the pipeline takes, beside a plain loop over the same strategies.

    python -m tests.desk_pipeline [--events N]

Four traders, one per instrument, are asked about seeded candles. The desk behind them only counts:
what is measured is feed, channels, workers, contexts and the order engine, and no journal.
"""

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from lockstep_desk.pipeline import (
    Answer,
    InlinePool,
    LiveOptions,
    Lockstep,
    Overflow,
    Pipeline,
    Pool,
    ProcessOptions,
    ProcessPool,
    Router,
    Seen,
    Span,
    Standing,
    Supervisor,
    ThreadPool,
    Trader,
    TraderCommand,
    Walk,
    candles,
)
from lockstep_desk.strategy import (
    STRATEGIES,
    Actions,
    Candle,
    Context,
    MarketEvent,
    StrategySpec,
    first_view,
)

_E8 = 10**8
_NAMES = ("A", "B", "C", "D")
_SPECS = (
    StrategySpec("rsi", (("qty_e8", _E8), ("period", 14))),
    StrategySpec("sma_cross", (("qty_e8", _E8), ("fast", 5), ("slow", 20))),
    StrategySpec("market_maker", (("qty_e8", _E8), ("tick_e9", 10**7))),
    StrategySpec("buy_when_flat", (("qty_e8", _E8),)),
)
TRADERS = [
    Trader(place, f"deployment-{place}", name, spec)
    for place, (name, spec) in enumerate(zip(_NAMES, _SPECS, strict=True))
]


class CountingDesk:
    """Numbers events and forgets everything."""

    def __init__(self) -> None:
        self.seq = 0
        self.is_trading = True
        self.answers = 0
        self._flat = Standing()

    def observe(self, event: MarketEvent) -> Seen:
        self.seq += 1
        return Seen(self.seq, event.ts_ns)

    def observe_all(self, events: Sequence[MarketEvent]) -> list[Seen]:
        return [self.observe(event) for event in events]

    def standing(self, trader: Trader) -> Standing:
        return self._flat

    def submit(self, answer: Answer) -> None:
        self.answers += 1

    async def send(self, answer: Answer) -> None:
        self.answers += 1

    def halt(self, deployment_id: str, reason: str) -> None:
        raise RuntimeError(f"{deployment_id}: {reason}")

    def record(self, command: TraderCommand) -> None: ...


def events_of(count: int) -> list[Candle]:
    """Return candles of the four instruments in turn."""
    walks = [Walk(name, 10**7, 100_000, 50) for name in _NAMES]
    return list(candles(7, walks, Span(0, 10**9), count // len(_NAMES)))


def plain(events: list[Candle]) -> int:
    """Ask the strategies in a loop, with nothing around them; return how many intents came."""
    algos = {trader.instrument: trader.strategy.build(STRATEGIES) for trader in TRADERS}
    intents = 0
    for number, event in enumerate(events):
        actions = Actions()
        context = Context("d", event.instrument, first_view(event), event.ts_ns, number)
        algos[event.instrument].on_market(context, actions)
        intents += len(actions)
    return intents


def in_lockstep(events: list[Candle], pool: Pool, batch: int) -> int:
    desk = CountingDesk()
    Lockstep(Router(TRADERS), pool, desk, batch=batch).run(events)
    return desk.answers


def live(events: list[Candle], pool: Pool) -> int:
    """Run free, with channels that make the feed wait, until every event is answered."""
    desk = CountingDesk()
    options = LiveOptions(market_overflow=Overflow.BLOCK, mailbox_capacity=len(events))
    pipeline = Pipeline(Router(TRADERS), pool, desk, desk.send, options)
    fed = threading.Event()

    def feed() -> Iterator[MarketEvent]:
        yield from events
        fed.set()

    with Supervisor(pipeline.services([("candles", feed())])):
        while not (fed.is_set() and pipeline.portfolio.totals.tasks == len(events)):
            time.sleep(0.005)
        while not pipeline.is_quiet:
            time.sleep(0.001)
    return desk.answers


def rate(events: list[Candle], pool: Pool | None, run: Callable[[], int]) -> float:
    """Return events per second; starting and stopping the pool is left out."""
    if pool is not None:
        pool.start(TRADERS)
    start_s = time.perf_counter()
    run()
    seconds = time.perf_counter() - start_s
    if pool is not None:
        pool.stop(10.0)
    return len(events) / seconds


def main(argv: list[str]) -> int:
    """Measure each way once and print its rate."""
    parser = argparse.ArgumentParser(prog="python -m tests.desk_pipeline", description=__doc__)
    parser.add_argument("--events", type=int, default=40_000)
    events = events_of(parser.parse_args(argv).events)
    base = rate(events, None, lambda: plain(events))
    print(f"{'plain loop':<44}{base:>10,.0f} events/s")
    batched = ProcessOptions(batch_max=4096, patience_s=None)
    pools: list[tuple[str, Callable[[], Pool], tuple[int, ...]]] = [
        ("inline", InlinePool, (1, 64)),
        ("2 threads", lambda: ThreadPool(2), (1, 64)),
        ("2 processes", lambda: ProcessPool(2, options=batched), (1, 64, 1024)),
        ("4 processes", lambda: ProcessPool(4, options=batched), (1, 64, 1024)),
    ]
    for name, build, batches in pools:
        for batch in batches:
            pool = build()
            found = rate(events, pool, partial(in_lockstep, events, pool, batch))
            print(f"{f'lockstep, {name}, batch {batch}':<44}{found:>10,.0f} events/s")
    for name, build in (
        ("2 threads", lambda: ThreadPool(2)),
        ("4 processes", lambda: ProcessPool(4)),
    ):
        pool = build()
        found = rate(events, pool, partial(live, events, pool))
        print(f"{f'free-running with order engine, {name}':<44}{found:>10,.0f} events/s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

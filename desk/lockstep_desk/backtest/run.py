"""One backtest: market data, an exchange that matches, the desk's machine, and what came of it.

Owns the order of things. A move of the market happens at the exchange; what the exchange says of it
is under way to the desk; the desk's engine takes it, asks the strategies, and what they want is
under way to the exchange. After the last move what is under way still arrives ([DESK-D14]).

Time is that of the data ([DESK-D13]); a run depends on its plan alone, to the hash.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import msgspec

from lockstep_desk.adapters.exchange import registration
from lockstep_desk.adapters.exchange.venue import VENUE, CounterVenue, FundingRate, VenueOptions
from lockstep_desk.adapters.halts import HaltMonitor
from lockstep_desk.adapters.risk import risk_of
from lockstep_desk.adapters.strategies import PoolAlgo
from lockstep_desk.backtest.books import AccountBooks, BookKeeper
from lockstep_desk.backtest.journals import Journals
from lockstep_desk.backtest.link import DelayedLink
from lockstep_desk.backtest.moves import Move, moves, rates, with_rates
from lockstep_desk.backtest.plan import Plan, Run, Shared
from lockstep_desk.backtest.result import BacktestResult
from lockstep_desk.backtest.scores import Scores
from lockstep_desk.clock import SequencedClock
from lockstep_desk.core.audit import Auditor
from lockstep_desk.core.codes import TradingState
from lockstep_desk.core.commands import (
    RecordCandle,
    RegisterAccount,
    RegisterDeployment,
    RegisterVenue,
    SetLifecycle,
    SetTradingState,
    Shutdown,
)
from lockstep_desk.core.engine import Engine
from lockstep_desk.core.events import CommandRefused
from lockstep_desk.core.hooks import Parts
from lockstep_desk.core.machine import desk_genesis
from lockstep_desk.core.outputs import is_terminal
from lockstep_desk.core.params import DeskParams
from lockstep_desk.core.view import DeskView
from lockstep_desk.fund import LifecycleState
from lockstep_desk.pipeline.router import Router
from lockstep_desk.strategy.catalog import STRATEGIES, Catalog
from lockstep_desk.strategy.market import Candle, MarketEvent, MarketTrade, Quote
from lockstep_journal import Outlets, Sequencer
from lockstep_kernel import CannotRunError, find_machine, initial

_E9_PER_CENT = 10**7
_STOP_S = 60.0
_REPORTS_MAX = 50_000
"""As many between two moves of the market are a desk that answers its own answers."""


def run_one(
    plan: Plan, place: int, folder: Path | None = None, catalog: Catalog = STRATEGIES
) -> BacktestResult:
    """Run one run of a plan and return its result; its journals go to `folder` if there is one.

    Raises `CannotRunError` without market data, and what reading a recording raises.
    """
    shared, run = plan.shared, plan.runs[place]
    path = _moves(shared)
    first = next(path, None)
    if first is None:
        wanted = ", ".join(sorted(source for source, _name in shared.sources))
        raise CannotRunError(f"expected market data of {wanted}, found none in the feed")
    with Journals(folder) as journals:
        simulation = _Simulation(shared, run, first.due_ns, journals)
        changes = rates(shared.venue.listings, first.due_ns)
        return simulation.play(with_rates(chain((first,), path), changes), catalog)


def _moves(shared: Shared) -> Iterator[Move]:
    return moves(shared.feed.events(), dict(shared.sources), shared.feed.span.every_ns)


class _Simulation:
    """An exchange, a desk, and the wire between them."""

    def __init__(self, shared: Shared, run: Run, start_ns: int, journals: Journals) -> None:
        self._shared = shared
        self._run = run
        self._clock = clock = SequencedClock(start_ns)
        options = _options(shared, run)
        self._venue = CounterVenue(options, start_ns, clock.now_ns, journals.opener("exchange"))
        self._link = DelayedLink(self._venue.sessions, clock, shared.one_way_ns)
        named = [(trader.name, trader.trader) for trader in run.traders]
        capital_e9 = {one.name: one.capital_cents * _E9_PER_CENT for one in options.accounts}
        basis = replace(shared.basis, risk_free_e9=run.risk_free_e9)
        self._scores = Scores(named, capital_e9, basis, clock.now_ns)
        self._keeper = BookKeeper(capital_e9)
        genesis = desk_genesis(DeskParams(f"backtest {run.run_id}"))
        machine = find_machine(genesis.machine)
        self._sequencer = Sequencer(
            initial(machine, genesis),
            journals.opener("desk")(machine, genesis),
            clock.now_ns,
            Outlets(sinks=[self._scores, self._keeper]),
        )
        self._events = 0
        self._moved: set[str] = set()

    def play(self, path: Iterator[Move], catalog: Catalog) -> BacktestResult:
        """Let everything happen, and return what came of it."""
        self._register()
        router = Router([trader.trader for trader in self._run.traders])
        pool = self._shared.pool.pool(catalog, is_lockstep=True)
        pool.start(router.traders)
        try:
            algo = PoolAlgo(router, pool, self._shared.failures)
            risk = risk_of(self._run.checks)
            parts = Parts(self._link, algo, risk, monitor=HaltMonitor())
            engine = Engine(self._sequencer, parts, self._clock, Auditor())
            self._trade(engine, algo, path)
        finally:
            pool.stop(_STOP_S)
        self._need_data()
        return self._result(algo, self._books(engine.view))

    def _register(self) -> None:
        """Make everything known that trades, and connect; a refusal ends the backtest."""
        commands: list[msgspec.Struct] = [RegisterVenue(VENUE)]
        commands += [RegisterAccount(account, VENUE) for account in self._venue.sessions]
        commands += [registration(listed, VENUE) for listed in self._venue.listed]
        for named in self._run.traders:
            strategy, limits = named.trader.strategy.name, self._run.limits
            deployment = named.trader.deployment_id
            commands += [
                RegisterDeployment(named.name, strategy, named.version, named.ordinal, limits),
                SetLifecycle(deployment, LifecycleState.PAPER, LifecycleState.LIVE),
            ]
        for result in self._sequencer.submit([*commands, SetTradingState(TradingState.ENABLED)]):
            if isinstance(result, Exception):
                raise result
            for event in result[1]:
                if isinstance(event, CommandRefused):
                    raise CannotRunError(
                        f"expected the desk to take a registration, found {event.code.name} of "
                        f"'{event.what}'"
                    )
        for session in self._venue.sessions.values():
            session.connect()
        self._link.collect()

    def _trade(self, engine: Engine, algo: PoolAlgo, path: Iterator[Move]) -> None:
        for event in algo.watch(self._happening(path)):
            tick = engine.process(event)
            self._scores.mark(engine.view)
            if tick.errors:
                raise CannotRunError(f"the desk ended with {'; '.join(tick.errors)}")
            if is_terminal(tick):
                return

    def _happening(self, path: Iterator[Move]) -> Iterator[msgspec.Struct]:
        """Yield what arrives at the desk, then its end; the engine takes what is still under way.

        What the last move leads to is seen by the strategies; what they want of it is traded.
        """
        link, clock = self._link, self._clock
        for move in path:
            yield from self._delivered(move.due_ns)
            clock.observe(max(move.due_ns, clock.now_ns()))
            self._move(move)
            link.collect()
            if isinstance(move.event, Candle):
                link.report(_closed(move.instrument, move.event, self._shared.feed.span.every_ns))
        yield from self._delivered(clock.now_ns() + link.one_way_ns)
        yield Shutdown()

    def _delivered(self, until_ns: int) -> Iterator[msgspec.Struct]:
        for count, report in enumerate(self._link.deliver(until_ns)):
            if count == _REPORTS_MAX:
                raise CannotRunError(
                    f"expected less than {_REPORTS_MAX:,} reports between two moves of the market, "
                    f"found more up to {self._clock.now_ns()} ns: a trader answers what its own "
                    f"orders do to the book; give it a cadence_ms"
                )
            yield report

    def _move(self, move: Move) -> None:
        venue = self._venue
        self._events += isinstance(move.event, MarketEvent)
        if not isinstance(move.event, FundingRate):
            self._moved.add(move.instrument)
        match move.event:
            case Quote():
                venue.quote(move.instrument, move.event)
            case MarketTrade():
                venue.trade(move.instrument, move.event)
            case FundingRate():
                venue.fund(move.instrument, move.event)
            case _:
                venue.show(move.instrument, move.price_e9)

    def _need_data(self) -> None:
        """Raise if the feed never moved what a trader trades."""
        still = {named.trader.instrument for named in self._run.traders} - self._moved
        wanted = ", ".join(sorted(source for source, name in self._shared.sources if name in still))
        if wanted:
            raise CannotRunError(f"expected market data of {wanted}, found none in the feed")

    def _books(self, view: DeskView) -> tuple[AccountBooks, ...]:
        """Return the books of each account, which are the same at its broker."""
        venue = self._venue
        return tuple(
            self._keeper.agreed(name, view, venue.standing(name)) for name in venue.sessions
        )

    def _result(self, algo: PoolAlgo, books: tuple[AccountBooks, ...]) -> BacktestResult:
        desk, exchange = self._sequencer.state, self._venue.sequencer.state
        totals, counts = algo.portfolio.totals, self._scores.counts
        return BacktestResult(
            run_id=self._run.run_id,
            summary=self._scores.report(self._clock.now_ns()),
            curves=self._scores.curves(self._clock.now_ns()),
            books=books,
            events=self._events,
            intents=totals.intents,
            refused=counts.refused,
            rejected=counts.rejected,
            refusals=tuple(sorted(counts.refusals.items())),
            failures=totals.failures,
            halts=counts.halts,
            fills=counts.fills,
            desk_seq=desk.seq,
            desk_hash=desk.hash.hex(),
            exchange_seq=exchange.seq,
            exchange_hash=exchange.hash.hex(),
        )


def _options(shared: Shared, run: Run) -> VenueOptions:
    """Return the venue with the accounts that this run trades on."""
    used = {named.trader.account for named in run.traders}
    accounts = tuple(one for one in shared.venue.accounts if one.name in used)
    return msgspec.structs.replace(shared.venue, accounts=accounts)


def _closed(name: str, candle: Candle, span_ns: int) -> RecordCandle:
    return RecordCandle(
        name,
        candle.open_e9,
        candle.high_e9,
        candle.low_e9,
        candle.close_e9,
        candle.volume_e8,
        max(candle.ts_ns - span_ns, 0),
        candle.ts_ns,
    )

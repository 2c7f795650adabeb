"""The desk's engine for a pipeline that runs free: many threads call, one at a time acts.

Who owns what:

- `LiveDesk` owns the engine, and nobody else calls it. Every call takes its turn, in the order in
  which threads came, and holds it until all that it leads to is durable and handed over. So the
  journal has events, answers, reports and commands in the order of their turns, and a replay of it
  is exact.
- The dispatcher of the pipeline brings market events (`observe_all`, one commit for as many as came
  meanwhile) and what an operator or the guard asks for.
- The order engine's loop brings answers (`send`). It waits for its turn like everybody; there is
  one journal, so an answer of another trader could not overtake this one.
- For each link one thread brings what the account reports (`take`), beside the market feed:
  a full channel of market data delays no fill. Another one publishes what the market says.

What a call returned or raised is all that becomes of it: an answer that was not taken raises, and
the order engine tells it. After an error of the engine, or its end, every call raises.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from lockstep_desk.adapters.strategies import intents_of, market_command, standing_of
from lockstep_desk.clock import NS_PER_S
from lockstep_desk.core.codes import TradingState
from lockstep_desk.core.commands import ClearHalt, Halt, SetTradingState, Shutdown
from lockstep_desk.core.engine import OBSERVED, Engine
from lockstep_desk.core.outputs import Processed, is_terminal
from lockstep_desk.core.view import DeskView
from lockstep_desk.errors import InvalidValueError
from lockstep_desk.live.turns import Turns
from lockstep_desk.pipeline.port import Answer, CommandKind, Seen, Standing, TraderCommand
from lockstep_desk.pipeline.router import Router, Trader
from lockstep_desk.strategy.market import MarketEvent
from lockstep_desk.types import AuditTick, HaltAction
from lockstep_kernel import CannotRunError
from lockstep_kernel.chain import State

T = TypeVar("T")

_REASON_MAX = 256
_COMMIT_MAX = 256


class DeskEndedError(CannotRunError):
    """The desk has ended: nothing is taken any more."""


class NotBootedError(CannotRunError):
    """Strategies may not be enabled yet (F5)."""


class LiveDesk:
    """A `LivePort` on the engine; strategies are the pipeline's, so its `algo` wants nothing.

    Safe for threads. Raises `InvalidValueError` if a trader's deployment, account or instrument is
    not registered. `candle_ns` is the span of the candles that come.
    """

    def __init__(self, engine: Engine, router: Router, candle_ns: int = NS_PER_S) -> None:
        self._engine = engine
        self._router = router
        self._candle_ns = candle_ns
        self._turns = Turns("the desk")
        self._ended = ""
        self._why_not: Callable[[], str] = str
        self.driver = _Driver(self._turns, engine, self._process)
        for trader in router.traders:
            _check_known(trader, engine.view)
        self._is_trading = _may_trade(engine.view)

    # What the pipeline calls

    @property
    def is_trading(self) -> bool:
        """Whether strategies are enabled, as of the last turn."""
        return self._is_trading and not self._ended

    @property
    def has_ended(self) -> bool:
        """Whether nothing is taken any more."""
        return bool(self._ended)

    def observe(self, event: MarketEvent) -> Seen:
        """Take a market event in; return its place in the journal."""
        return self.observe_all([event])[0]

    def observe_all(self, events: Sequence[MarketEvent]) -> list[Seen]:
        """Take market events in with one commit; return the place of each."""
        commands = [market_command(event, self._candle_ns) for event in events]
        tick = self._act(lambda engine: engine.observe(commands))
        done = tick.event.journaled if isinstance(tick.event, Processed) else ()
        return [Seen(each.seq, each.ts_ns) for each in done]

    def standing(self, trader: Trader) -> Standing:
        """Return what a trader has now."""
        return self.read(lambda view: standing_of(trader, view))

    def submit(self, answer: Answer) -> None:
        """Put what a trader wants through risk, gate and journal, and out.

        Raises `DeskEndedError` if that could not be carried to its end.
        """
        intents = intents_of(answer)
        self._act(lambda engine: engine.decide(intents, answer.seq_seen))

    async def send(self, answer: Answer) -> None:
        """Do the same on the order engine's loop."""
        self.submit(answer)

    def halt(self, deployment_id: str, reason: str) -> None:
        """Halt a deployment whose strategy failed too often."""
        self.process(Halt(deployment_id, HaltAction.HARD_HALT, reason[:_REASON_MAX]))

    def record(self, command: TraderCommand) -> None:
        """Clear the halts of those that are asked again after failures.

        Of a pause the journal has the intents that do not come, and nothing else.
        """
        if command.kind is CommandKind.CLEAR:
            for place in self._router.named_by(command.target):
                self.process(ClearHalt(self._router.traders[place].deployment_id))

    # What others call

    def process(self, event: msgspec.Struct) -> AuditTick:
        """Take a report of an account, or an operator's command, to its end.

        Raises `NotBootedError` for one that enables strategies before they may be.
        """
        with self._turns:
            return self._process(event)

    def take(self, reports: Sequence[msgspec.Struct]) -> None:
        """Take what an account reports, in order; what lies between lost links shares a commit."""
        together: list[msgspec.Struct] = []
        for report in reports:
            if isinstance(report, OBSERVED) and len(together) < _COMMIT_MAX:
                together.append(report)
                continue
            self._observe(together)
            together = [report] if isinstance(report, OBSERVED) else []
            if not together:
                self.process(report)
        self._observe(together)

    def read(self, look: Callable[[DeskView], T]) -> T:
        """Return what somebody makes of the desk as it is now; the view is stale afterwards."""
        with self._turns:
            return look(self._engine.view)

    def drive(self, work: Callable[[], T]) -> T:
        """Let somebody work with `driver` for one turn: a sweep asks and books, and nobody between.

        All others wait for it, also while it waits for its broker.
        """
        with self._turns:
            self.check_running()
            return work()

    def guard_enabling(self, why_not: Callable[[], str]) -> None:
        """Enable strategies only while `why_not` says "" from now on; it is asked in the turn."""
        self._why_not = why_not

    def shutdown(self) -> AuditTick:
        """End the desk: the ways to the venues close, and what still comes back is taken."""
        return self._act(lambda engine: engine.process(Shutdown()))

    def check_running(self) -> None:
        """Raise `DeskEndedError` if the desk has ended."""
        if self._ended:
            raise DeskEndedError(f"expected a desk that runs, found it ended: {self._ended}")

    def _observe(self, reports: Sequence[msgspec.Struct]) -> None:
        if reports:
            self._act(lambda engine: engine.observe(reports))

    def _act(self, work: Callable[[Engine], AuditTick]) -> AuditTick:
        """Do something in a turn of its own; an error of the engine raises here and from now on."""
        with self._turns:
            return self._done(work)

    def _done(self, work: Callable[[Engine], AuditTick]) -> AuditTick:
        """Do something in the turn that this thread has."""
        self.check_running()
        try:
            tick = work(self._engine)
        except BaseException as error:
            # Also an interrupt: nobody knows how far the engine came, and its journal does.
            self._ended = f"{type(error).__name__}: {error}"
            raise
        self._is_trading = _may_trade(self._engine.view)
        if is_terminal(tick):
            self._ended = "; ".join(tick.errors) or "it was shut down"
        if tick.errors:
            raise DeskEndedError(f"the desk ended with {self._ended}")
        return tick

    def _process(self, event: msgspec.Struct) -> AuditTick:
        if isinstance(event, SetTradingState) and event.state is TradingState.ENABLED:
            why_not = self._why_not()
            if why_not:
                raise NotBootedError(f"strategies stay disabled: {why_not}")
        return self._done(lambda engine: engine.process(event))


class _Driver:
    """The engine for whoever has the desk's turn: a `Driver` of sweeps."""

    def __init__(
        self, turns: Turns, engine: Engine, process: Callable[[msgspec.Struct], AuditTick]
    ) -> None:
        self._turns = turns
        self._engine = engine
        self._process = process

    @property
    def state(self) -> State:
        self._turns.check_mine()
        return self._engine.state

    def process(self, event: msgspec.Struct) -> AuditTick:
        self._turns.check_mine()
        return self._process(event)


def _may_trade(view: DeskView) -> bool:
    return view.trading is TradingState.ENABLED and not view.is_shut_down


def _check_known(trader: Trader, view: DeskView) -> None:
    if view.lifecycle(trader.deployment_id) is None:
        raise _unknown(trader, "deployment", trader.deployment_id)
    if trader.instrument not in view.instruments():
        raise _unknown(trader, "instrument", trader.instrument)
    if trader.account not in view.accounts():
        raise _unknown(trader, "account", trader.account)


def _unknown(trader: Trader, what: str, found: str) -> InvalidValueError:
    return InvalidValueError(
        f"trader {trader.index}: expected {what} that the desk has registered, found '{found}'"
    )

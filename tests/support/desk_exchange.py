"""A desk that trades on an exchange in the same process, for tests: both journals in memory.

`Market` holds the exchange with a maker who quotes it, the session, and the desk's engine; its
clock stands still until it is told to move.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from lockstep_desk.adapters.exchange import (
    ExchangeSession,
    InProcessFeed,
    Membership,
    Past,
    registration,
)
from lockstep_desk.clock import MockClock
from lockstep_desk.core.audit import Auditor, MemoryAudit
from lockstep_desk.core.commands import (
    OpenRequest,
    RegisterAccount,
    RegisterDeployment,
    RegisterVenue,
    SetLifecycle,
    SetLimits,
)
from lockstep_desk.core.engine import Engine
from lockstep_desk.core.hooks import Parts
from lockstep_desk.core.machine import MACHINE as DESK
from lockstep_desk.core.router import Router
from lockstep_desk.core.runners import run
from lockstep_desk.fund import MANUAL, LifecycleState
from lockstep_desk.types import AuditTick, Side
from lockstep_engine.commands import (
    Action,
    CreateInstrument,
    CreateUnderlying,
    Deposit,
    ExchangeParams,
    GrantRole,
    OpenAccount,
    PlaceOrder,
    TradingLimits,
    UpdateIndexPrice,
    UpdateMarkPrice,
)
from lockstep_engine.events import InstrumentCreated
from lockstep_engine.exchange import MACHINE as EXCHANGE
from lockstep_engine.exchange import exchange_genesis
from lockstep_journal import MemoryJournal, Outlets, Sequencer
from lockstep_kernel import initial
from lockstep_runtime.signing import Signer
from tests.support.desk import ALPHA, E9, GENESIS, WIDE

VENUE, ACCOUNT, PERP, SYMBOL = "lockstep", "desk", 1, "BTC-PERP"
DESK_NUMBER, MAKER_NUMBER = 7, 8
START_NS = 1_767_225_600_000_000_000
LOT = 10**5
"""One lot of the exchange in the desk's unit: 0.001 of the underlying."""


class Exchange:
    """The exchange, its staff, a maker, and everything that it said."""

    def __init__(self, clock: MockClock) -> None:
        self.root, self.maker = Signer("root"), Signer("maker", MAKER_NUMBER)
        self.desk = Signer("desk", DESK_NUMBER)
        self.clock = clock
        self.said: list[tuple[int, Sequence[msgspec.Struct]]] = []
        self.sinks: list[Any] = [self]
        genesis = exchange_genesis(ExchangeParams(self.root.key, START_NS))
        self.journal = MemoryJournal(genesis)
        self.sequencer = Sequencer(
            initial(EXCHANGE, genesis), self.journal, clock.now_ns, Outlets(sinks=[self])
        )
        self._set_up()

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        """Keep events, and hand them on to the sessions that are there now."""
        self.said.append((self.sequencer.state.ts_ns, events))
        for sink in self.sinks[1:]:
            sink.emit(seq, events)

    def send(self, signer: Signer, action: Action) -> Sequence[msgspec.Struct]:
        """Let somebody ask for an action a millisecond later."""
        self.clock.advance_ns(10**6)
        result = self.sequencer.submit([signer.sign(self.clock.now_ns(), action)])[0]
        assert not isinstance(result, Exception), result
        return result[1]

    def make(self, side: Side, price: int, lots: int) -> None:
        """Let the maker rest an order at a price in ticks."""
        self.send(self.maker, PlaceOrder(PERP, int(side), price, lots))

    def listed(self) -> InstrumentCreated:
        """Return what the exchange said when it listed the perpetual."""
        for _ts_ns, events in self.said:
            for event in events:
                if isinstance(event, InstrumentCreated):
                    return event
        raise AssertionError("nothing is listed")

    def _set_up(self) -> None:
        limits = TradingLimits(max_price_ticks=10_000)
        for action in (
            GrantRole(self.root.key, 15),
            CreateUnderlying("BTC", 10**11),
            UpdateIndexPrice("BTC", 100 * 10**6),
            CreateInstrument(PERP, SYMBOL, 10**6, LOT, 10**8, limits),
            UpdateMarkPrice(PERP, 100 * 10**6),
            *(OpenAccount(DESK_NUMBER, self.desk.key), Deposit(DESK_NUMBER, 10**9)),
            *(OpenAccount(MAKER_NUMBER, self.maker.key), Deposit(MAKER_NUMBER, 10**9)),
        ):
            self.send(self.root, action)


class Market:
    """The exchange with a desk on it."""

    def __init__(self, **parts: Any) -> None:
        self.clock = MockClock(START_NS)
        self.exchange = Exchange(self.clock)
        self.session = self.new_session()
        self.journal = MemoryJournal(GENESIS)
        self.sequencer = Sequencer(initial(DESK, GENESIS), self.journal, self.clock.now_ns)
        self.audit = MemoryAudit()
        self.engine = self.new_engine(**parts)
        for result in self.sequencer.submit(self.registrations()):
            assert not isinstance(result, Exception), result
        self.session.connect()

    def new_session(self, numbers: Sequence[tuple[int, str]] = ()) -> ExchangeSession:
        """Return a session that learnt all that was said, in place of the one before."""
        exchange = self.exchange
        member = Membership(VENUE, ACCOUNT, DESK_NUMBER, exchange.desk.key)
        past = Past(list(exchange.said), numbers)
        session = ExchangeSession(member, lambda: exchange.sequencer.state.ts_ns, past)
        session.attach(exchange.sequencer)
        exchange.sinks[1:] = [session]
        return session

    def new_engine(self, **parts: Any) -> Engine:
        """Return an engine that sends to the session."""
        router = Router({VENUE: self.session})
        return Engine(self.sequencer, Parts(router, **parts), self.clock, Auditor(self.audit))

    def registrations(self) -> list[msgspec.Struct]:
        return [
            RegisterVenue(VENUE),
            RegisterAccount(ACCOUNT, VENUE),
            registration(self.exchange.listed(), VENUE),
            RegisterDeployment("alpha", "strategy", "v1", 0, WIDE),
            SetLifecycle(ALPHA, LifecycleState.PAPER, LifecycleState.LIVE),
            SetLimits(MANUAL, WIDE),
        ]

    def run(self, *moves: Callable[[], object]) -> AuditTick:
        """Let the moves happen, and the desk take all that comes of them."""
        return run(self.engine, InProcessFeed([self.session], moves))

    def process(self, *events: msgspec.Struct) -> list[AuditTick]:
        """Let the desk take what came back, then each event with what comes of it."""
        ticks = self.settle()
        for event in events:
            ticks += [self.engine.process(event), *self.settle()]
        return ticks

    def settle(self) -> list[AuditTick]:
        """Let the desk take all that came back, until all is quiet."""
        return [self.engine.process(event) for event in InProcessFeed([self.session])]


def want(side: Side, price: int, lots: int, **fields: Any) -> OpenRequest:
    """Return a limit order at a price in ticks of a dollar."""
    return OpenRequest(ACCOUNT, SYMBOL, side, lots * LOT, price * E9, **fields)


def flat(events: Iterable[Sequence[msgspec.Struct]]) -> list[msgspec.Struct]:
    return [event for some in events for event in some]

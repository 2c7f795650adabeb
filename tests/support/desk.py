"""Drive a desk in tests: short commands go in, events come out, all is verified on the way.

`Desk.send` applies one command and then checks what must hold after every command: the events can
be read back, the digest is that of every entity, the invariants hold, a state loaded from a dump is
the same, and a second state that is never verified has the same hash.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from lockstep_desk.clock import MockClock
from lockstep_desk.core.audit import Auditor, MemoryAudit
from lockstep_desk.core.codes import OrderKind, Origin, SendError, TimeInForce, TradingState
from lockstep_desk.core.commands import (
    FillReport,
    Limits,
    OpenRequest,
    OrderReport,
    RecordFill,
    RecordOrder,
    RecordSendResults,
    RecordTrade,
    RegisterAccount,
    RegisterDeployment,
    RegisterInstrument,
    RegisterVenue,
    ReplaceAccount,
    SendResult,
    SetLifecycle,
    SetLimits,
    SetTradingState,
    SubmitIntents,
)
from lockstep_desk.core.engine import Engine
from lockstep_desk.core.events import (
    CancelRequested,
    DeploymentRegistered,
    OrderQueried,
    OrderRequested,
)
from lockstep_desk.core.hooks import Parts
from lockstep_desk.core.machine import MACHINE, desk_genesis
from lockstep_desk.core.params import DeskParams
from lockstep_desk.core.state import DeskCore
from lockstep_desk.core.view import DeskView
from lockstep_desk.fund import MANUAL, LifecycleState
from lockstep_desk.oms.states import Live, OrderError, OrderState
from lockstep_desk.types import Liquidity, Side
from lockstep_journal import MemoryJournal, Sequencer
from lockstep_kernel import State, apply, dump, initial, load, unpack_record, verify

E8 = 10**8
E9 = 10**9
VENUE, ACCOUNT = "ex", "acc"
BTC, ETH = "btc_usdt", "eth_btc"
WIDE = Limits(10**14, 10**14, 10**6)
"""Limits that nothing in these tests reaches."""

PARAMS = DeskParams("test")
GENESIS = desk_genesis(PARAMS)
Event = TypeVar("Event", bound=msgspec.Struct)


class Desk:
    """A state of a desk, verified after every command."""

    def __init__(self, params: DeskParams = PARAMS) -> None:
        self.genesis = desk_genesis(params)
        self.state: State = initial(MACHINE, self.genesis)
        self.twin = initial(MACHINE, self.genesis)
        self.now_ns = 0
        self.fills = 0

    @property
    def core(self) -> DeskCore:
        core = self.state.core
        assert isinstance(core, DeskCore)
        return core

    @property
    def view(self) -> DeskView:
        return DeskView(self.state)

    def send(self, command: msgspec.Struct, ts_ns: int | None = None) -> list[Any]:
        """Apply a command a millisecond later, or at a time, and check all that must hold."""
        self.now_ns = self.now_ns + 10**6 if ts_ns is None else ts_ns
        sequenced = MACHINE.codec.sequence(self.now_ns, command)
        self.state, events, hash_ = apply(self.state, sequenced)
        self.twin, _events, twin_hash = apply(self.twin, sequenced)
        assert hash_ == twin_hash
        assert list(events) == MACHINE.codec.decode_events(MACHINE.codec.encode(events))
        verify(self.state)
        loaded = load(MACHINE, self.genesis, dump(self.state))
        assert (self.state.hash, self.state.digest) == (loaded.hash, loaded.digest)
        return list(events)

    def one(self, command: msgspec.Struct) -> Any:
        """Apply a command that has one event, and return it."""
        (event,) = self.send(command)
        return event

    # What there is

    def open_market(self) -> str:
        """Register a venue, an account, two instruments and a live deployment; return its id."""
        self.send(RegisterVenue(VENUE))
        self.send(RegisterAccount(ACCOUNT, VENUE))
        self.send(RegisterInstrument(BTC, VENUE, "btc", "usdt", 10**7, 10**4))
        self.send(RegisterInstrument(ETH, VENUE, "eth", "btc", 10**5, 10**4))
        return self.deploy("alpha")

    def deploy(self, name: str, limits: Limits = WIDE) -> str:
        """Register a deployment and make it live; return its id."""
        event = self.one(RegisterDeployment(name, "strategy", "v1", 0, limits))
        assert isinstance(event, DeploymentRegistered)
        live = SetLifecycle(event.deployment, LifecycleState.PAPER, LifecycleState.LIVE)
        self.send(live)
        return event.deployment

    def enable(self) -> None:
        self.send(SetTradingState(TradingState.ENABLED))

    def allow_manual(self, limits: Limits = WIDE) -> None:
        self.send(SetLimits(MANUAL, limits))

    def heal(self) -> None:
        """Let every link deliver something."""
        self.price(BTC, 10_000)
        self.send(ReplaceAccount(ACCOUNT, 0, (), (), None))

    def price(self, instrument: str, price: int) -> list[Any]:
        """Let the market trade at a whole price."""
        return self.send(trade(instrument, price, self.now_ns + 1))

    # What happens to orders

    def want(self, deployment: str, *opens: OpenRequest, cancels: Sequence[str] = ()) -> list[Any]:
        """Submit what a strategy wants."""
        return self.send(intents(deployment, *opens, cancels=cancels))

    def opened(self, deployment: str, request: OpenRequest | None = None) -> OrderRequested:
        """Submit an order that goes, tell that it was sent, and return what was asked for."""
        (event,) = self.want(deployment, request or limit_buy())
        assert isinstance(event, OrderRequested), event
        self.send(sent(event.client_order_id))
        return event

    def resting(self, deployment: str, request: OpenRequest | None = None) -> OrderRequested:
        """The same, and let the venue say that it rests."""
        event = self.opened(deployment, request)
        self.send(report(event, OrderState.OPEN, 0, self.now_ns))
        return event

    def fill(self, order: OrderRequested, qty: int, price: int, fee: int = 0) -> list[Any]:
        """Let an order trade a quantity (1e-8) at a whole price with a whole fee."""
        self.fills += 1
        name = f"fill {self.fills}"
        return self.send(RecordFill(ACCOUNT, fill_of(order, name, qty, price * E9, fee * E9)))


def trade(instrument: str, price: int, time_ns: int) -> RecordTrade:
    return RecordTrade(instrument, price * E9, E8, Side.BUY, time_ns)


def intents(
    deployment: str,
    *opens: OpenRequest,
    cancels: Sequence[str] = (),
    origin: Origin = Origin.ALGO,
) -> SubmitIntents:
    return SubmitIntents(origin, deployment, 0, 0, tuple(cancels), opens)


def limit_buy(qty: int = E8, price: int = 10_000, instrument: str = BTC) -> OpenRequest:
    return OpenRequest(ACCOUNT, instrument, Side.BUY, qty, price * E9)


def limit_sell(qty: int = E8, price: int = 10_000, instrument: str = BTC) -> OpenRequest:
    return OpenRequest(ACCOUNT, instrument, Side.SELL, qty, price * E9)


def market(side: Side, qty: int = E8, instrument: str = BTC, price_e9: int = 0) -> OpenRequest:
    kind, tif = OrderKind.MARKET, TimeInForce.IOC
    return OpenRequest(ACCOUNT, instrument, side, qty, price_e9, kind, tif)


def sent(*names: str, error: SendError = SendError.NONE, cancel: bool = False) -> RecordSendResults:
    return RecordSendResults(tuple(SendResult(name, cancel, error) for name in names))


def report(
    order: OrderRequested,
    state: OrderState,
    filled: int | None = None,
    time_ns: int = 0,
    error: OrderError = OrderError.NONE,
) -> RecordOrder:
    """Return what the venue says of an order; `filled` None is an order that does not rest."""
    return RecordOrder(ACCOUNT, reported(order, state, filled, time_ns, error))


def reported(
    order: OrderRequested,
    state: OrderState,
    filled: int | None = None,
    time_ns: int = 0,
    error: OrderError = OrderError.NONE,
) -> OrderReport:
    live = None if filled is None else Live(f"venue {order.number}", time_ns, filled)
    return OrderReport(
        order.client_order_id,
        order.instrument,
        order.side,
        order.qty_e8,
        order.price_e9,
        state,
        live,
        error,
        time_ns,
    )


def fill_of(
    order: OrderRequested, fill_id: str, qty: int, price_e9: int, fee_e9: int = 0
) -> FillReport:
    return FillReport(
        fill_id,
        f"venue {order.number}",
        order.client_order_id,
        order.instrument,
        order.side,
        qty,
        price_e9,
        fee_e9,
        Liquidity.TAKER,
        1_000 + order.number,
    )


def of(kind: type[Event], events: Sequence[Any]) -> list[Event]:
    """Return the events of one type."""
    return [event for event in events if isinstance(event, kind)]


class FakeSender:
    """Takes every request, or answers with the errors it is given, one for each request."""

    def __init__(self) -> None:
        self.requests: list[OrderRequested | CancelRequested] = []
        self.queries: list[OrderQueried] = []
        self.errors: list[SendError] = []
        self.replies: list[msgspec.Struct] = []
        self.is_shut_down = False

    def send(self, request: OrderRequested | CancelRequested) -> SendError:
        self.requests.append(request)
        return self.errors.pop(0) if self.errors else SendError.NONE

    def query(self, request: OrderQueried) -> SendError:
        self.queries.append(request)
        return SendError.NONE

    def shutdown(self) -> None:
        self.is_shut_down = True

    def drain(self) -> Sequence[msgspec.Struct]:
        replies, self.replies = self.replies, []
        return replies


class Rig:
    """An engine on a journal in memory, with a fake sender and an audit stream that is kept."""

    def __init__(self, **parts: Any) -> None:
        self.clock = MockClock(1)
        self.journal = MemoryJournal(GENESIS)
        self.sequencer = Sequencer(initial(MACHINE, GENESIS), self.journal, self.clock.now_ns)
        self.sender = FakeSender()
        self.audit = MemoryAudit()
        self.engine = Engine(
            self.sequencer, Parts(self.sender, **parts), self.clock, Auditor(self.audit)
        )

    def set_up(self, *commands: msgspec.Struct) -> None:
        """Put commands into the journal before the engine runs."""
        for result in self.sequencer.submit(commands):
            assert not isinstance(result, Exception), result

    @property
    def view(self) -> DeskView:
        return self.engine.view


def standard_set_up() -> tuple[msgspec.Struct, ...]:
    """Return the commands that register what the tests trade; the deployment is `ALPHA`, live."""
    return (
        RegisterVenue(VENUE),
        RegisterAccount(ACCOUNT, VENUE),
        RegisterInstrument(BTC, VENUE, "btc", "usdt", 10**7, 10**4),
        RegisterInstrument(ETH, VENUE, "eth", "btc", 10**5, 10**4),
        RegisterDeployment("alpha", "strategy", "v1", 0, WIDE),
        SetLifecycle(ALPHA, LifecycleState.PAPER, LifecycleState.LIVE),
        SetLimits(MANUAL, WIDE),
    )


def _alpha() -> str:
    desk = Desk()
    event = desk.one(RegisterDeployment("alpha", "strategy", "v1", 0, WIDE))
    assert isinstance(event, DeploymentRegistered)
    return event.deployment


ALPHA = _alpha()


def all_events(journal: MemoryJournal, after: int = 0) -> list[msgspec.Struct]:
    """Return the events of all commands of a desk's journal after a number, made again."""
    return [event for _, events in told_by(journal)[after:] for event in events]


def all_commands(journal: MemoryJournal) -> list[msgspec.Struct]:
    """Return all commands of a desk's journal."""
    return [command for command, _ in told_by(journal)]


def told_by(journal: MemoryJournal) -> list[tuple[msgspec.Struct, Sequence[msgspec.Struct]]]:
    """Return each command of a desk's journal with its events, made again."""
    state = initial(MACHINE, GENESIS)
    told: list[tuple[msgspec.Struct, Sequence[msgspec.Struct]]] = []
    for seq, packed in enumerate(journal.records, 1):
        record = unpack_record(packed, seq)
        sequenced = state.machine.codec.decode(record.ts_ns, record.body)
        state, events, _ = apply(state, sequenced)
        told.append((sequenced.command, events))
    return told

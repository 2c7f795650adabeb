"""The engine: drives the desk's machine, asks the host's code, and carries out what is durable.

Owns the order of [DESK-04]: the clock sees an event first; then the event is a command in the
journal; what it asks for is handed over to the venues; hooks answer to what it changed; and while
trading is enabled the strategies are asked after every event of every kind; last, the monitor
answers to breaches of limits. A request is handed over only after the command that made it is
durable, and what became of that is journaled as well.

Everything goes through one sequencer: a replay of the journal does the same without host code.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar, cast

import msgspec

from lockstep_desk.clock import Clock
from lockstep_desk.core.audit import Auditor
from lockstep_desk.core.codes import Link, Origin, SendError, TradingState
from lockstep_desk.core.commands import (
    CancelOrders,
    ClosePositions,
    Filter,
    RecordAccountDisconnect,
    RecordBalance,
    RecordCancelResponse,
    RecordCandle,
    RecordFee,
    RecordFill,
    RecordL1,
    RecordMarketDisconnect,
    RecordOrder,
    RecordSendResults,
    RecordTrade,
    ReplaceAccount,
    Resume,
    RiskRefusal,
    SendResult,
    SettleOrder,
    SetTradingState,
    Shutdown,
    SubmitIntents,
)
from lockstep_desk.core.events import (
    BreachFound,
    CancelRefused,
    CancelRequested,
    CommandRefused,
    OrderQueried,
    OrderRefused,
    OrderRequested,
    PaperOrderRecorded,
    PositionExited,
    TradingStateChanged,
)
from lockstep_desk.core.hooks import Checked, Intents, Parts
from lockstep_desk.core.outputs import (
    NO_ORDERS,
    AlgoOrders,
    Commanded,
    Failure,
    FeedEnded,
    Journaled,
    Observed,
    OnBreach,
    OnDisconnect,
    OnTradingDisabled,
    Orders,
    OutletLost,
    Output,
    PositionExit,
    Processed,
    Queried,
)
from lockstep_desk.core.times import time_of
from lockstep_desk.core.view import DeskView
from lockstep_desk.errors import InvalidValueError
from lockstep_desk.types import AuditTick
from lockstep_journal import Item, OutletFailed, Result
from lockstep_kernel.chain import State
from lockstep_kernel.errors import LockstepError, MalformedCommand

Event = TypeVar("Event", bound=msgspec.Struct)

_ROUNDS_MAX: Final = 4
"""How often a monitor is asked after one event: to halt, to cancel, to close, and what is left."""


OBSERVED: Final = (
    RecordTrade,
    RecordL1,
    RecordCandle,
    ReplaceAccount,
    RecordBalance,
    RecordOrder,
    RecordCancelResponse,
    RecordFill,
    RecordFee,
    SettleOrder,
)
"""What markets and accounts say, and no hook answers to: many of them may share a commit."""


class CommandSequencer(Protocol):
    """What the engine needs of the exchange's own sequencer."""

    @property
    def state(self) -> State:
        """The state after the last durable command."""
        ...

    def submit(self, items: Sequence[Item]) -> list[Result]:
        """Make commands durable and return what each did."""
        ...


class _Call:
    """What one call of the engine has done so far."""

    def __init__(self) -> None:
        self.journaled: list[Journaled] = []
        self.outputs: list[Output] = []
        self.errors: list[str] = []
        self.breaches: list[BreachFound] = []

    def failures(self, results: Sequence[SendResult]) -> tuple[Failure, ...]:
        """Return what was not handed over, and note what ends the desk."""
        failed = tuple(
            Failure(result.client_order_id, result.is_cancel, result.error)
            for result in results
            if result.error is not SendError.NONE
        )
        self.errors += [str(failure) for failure in failed if failure.error.is_unrecoverable]
        return failed


class Engine:
    """A running desk. One thread drives it, one event at a time."""

    def __init__(
        self,
        sequencer: CommandSequencer,
        parts: Parts,
        clock: Clock,
        auditor: Auditor | None = None,
    ) -> None:
        self._sequencer = sequencer
        self._parts = parts
        self._clock = clock
        self.auditor = auditor or Auditor()
        self.time_start_ns = clock.now_ns()

    @property
    def view(self) -> DeskView:
        """The desk as it is now."""
        return DeskView(self._sequencer.state)

    @property
    def state(self) -> State:
        """The state after the last durable command, for reading."""
        return self._sequencer.state

    def snapshot(self) -> AuditTick:
        """Send the whole state into the audit stream."""
        return self.auditor.snapshot(self._sequencer.state)

    def process(self, event: msgspec.Struct) -> AuditTick:
        """Take one event to its end and return its tick."""
        call = _Call()
        self._observe(event)
        is_shutdown = type(event) is Shutdown
        if is_shutdown:
            self._submit(call, event)
            self._end(call)
        else:
            self._guarded(call, lambda call: self._take_and_trade(call, event))
        return self._tick(Processed(event, tuple(call.journaled), is_shutdown), call)

    def observe(self, events: Sequence[msgspec.Struct]) -> AuditTick:
        """Take `OBSERVED` events with one commit, each as a command of its own; return their tick.

        What they ask for goes out after all of them, and strategies are asked once. If one cannot
        be encoded, the others are taken, and it raises.
        """
        call = _Call()
        for event in events:
            self._observe(event)
        told = self._submit_all(call, events)
        made = [event for one in told if not isinstance(one, Exception) for event in one]
        self._guarded(call, lambda call: self._follow(call, made))
        tick = self._tick(Processed(Observed(tuple(events)), tuple(call.journaled), False), call)
        for refused in told:
            if isinstance(refused, Exception):
                raise refused
        return tick

    def decide(self, intents: Intents, seq_seen: int) -> AuditTick:
        """Take what a strategy decided elsewhere, when it had seen command `seq_seen`.

        It goes the way of what `algo` decides. If strategies were disabled meanwhile, no order of
        it goes, whatever it would do to a position: nobody would have been asked.
        """
        call = _Call()
        self._guarded(call, lambda call: self._trade(call, [intents], seq_seen))
        return self._tick(Processed(intents, tuple(call.journaled), False), call)

    def resume(self) -> AuditTick:
        """Begin anew after a restart: what was in flight is asked for, nothing is sent again."""
        return self.process(Resume())

    def end(self) -> AuditTick:
        """Take what still comes back after the last event, and say that the feed ended."""
        call = _Call()
        self._end(call)
        return self._tick(FeedEnded(tuple(call.journaled)), call)

    def _observe(self, event: msgspec.Struct) -> None:
        """Let a clock that takes its time from events see this one, unless it is older."""
        observe = getattr(self._clock, "observe", None)
        ts_ns = time_of(event)
        if observe is not None and ts_ns is not None and ts_ns > self._clock.now_ns():
            observe(ts_ns)

    def _take_and_trade(self, call: _Call, event: msgspec.Struct) -> None:
        """Take an event, then ask the strategies."""
        self._take(call, event)
        self._ask_strategies(call)

    def _follow(self, call: _Call, events: Sequence[msgspec.Struct]) -> None:
        """Do what observed events ask for, then ask the strategies."""
        orders = self._carry_out(call, events)
        if not orders.is_empty:
            call.outputs.append(Commanded(orders))
        call.outputs += [PositionExit(exited) for exited in _of(events, PositionExited)]
        self._ask_strategies(call)

    def _guarded(self, call: _Call, work: Callable[[_Call], None]) -> None:
        """Do what calls host code, then ask the monitor; an error of either ends the desk."""
        try:
            work(call)
            if not call.errors:
                self._ask_monitor(call)
        except LockstepError:
            # The journal or the machine: nothing goes on from there.
            raise
        except Exception as error:  # noqa: BLE001  # what a strategy raises is its own affair
            call.errors.append(f"host code: {type(error).__name__}: {error}")
        if call.errors:
            self._end(call)

    def _take(self, call: _Call, event: msgspec.Struct) -> None:
        """Carry out what the event itself asks for, then let hooks answer."""
        if type(event) is ClosePositions and self._parts.closer is not None:
            orders = NO_ORDERS
            for intents in self._parts.closer.close(self.view, event.filter):
                orders = orders.joined(self._intend(call, intents, Origin.CLOSE))
            events: Sequence[msgspec.Struct] = ()
        else:
            events = self._submit(call, event)
            orders = self._carry_out(call, events)
        if not orders.is_empty:
            call.outputs.append(Commanded(orders))
        if call.errors:
            return
        call.outputs += [PositionExit(exited) for exited in _of(events, PositionExited)]
        self._call_hooks(call, event, events)

    def _call_hooks(
        self, call: _Call, event: msgspec.Struct, events: Sequence[msgspec.Struct]
    ) -> None:
        controls = _HookControls(self, call)
        hooks = self._parts.hooks
        if type(event) is SetTradingState:
            if any(_is_disabling(change) for change in _of(events, TradingStateChanged)):
                hooks.on_trading_disabled(controls)
                call.outputs.append(OnTradingDisabled(controls.orders))
        elif _of(events, CommandRefused):
            return
        elif type(event) is RecordAccountDisconnect:
            hooks.on_disconnect(controls, Link.ACCOUNT, event.account)
            call.outputs.append(OnDisconnect(Link.ACCOUNT, event.account, controls.orders))
        elif type(event) is RecordMarketDisconnect:
            hooks.on_disconnect(controls, Link.MARKET, event.venue)
            call.outputs.append(OnDisconnect(Link.MARKET, event.venue, controls.orders))

    def _may_trade(self) -> bool:
        view = self.view
        return view.trading is TradingState.ENABLED and not view.is_shut_down

    def _ask_strategies(self, call: _Call) -> None:
        """Let strategies decide on one view, unless they are disabled or the desk is ending."""
        if not call.errors and self._may_trade():
            view = self.view
            self._trade(call, self._parts.algo.generate(view), view.seq)

    def _trade(self, call: _Call, wanted: Sequence[Intents], seq_seen: int) -> None:
        """Carry out what strategies decided, by (sequence seen, trader)."""
        orders = NO_ORDERS
        for intents in sorted(wanted, key=_trader_of):
            orders = orders.joined(self._intend(call, intents, Origin.ALGO, seq_seen))
        if not orders.is_empty:
            call.outputs.append(AlgoOrders(orders))

    def _ask_monitor(self, call: _Call) -> None:
        """Carry out what the monitor does about breaches, new ones and those before."""
        orders = NO_ORDERS
        for _ in range(_ROUNDS_MAX):
            breaches, call.breaches = call.breaches, []
            commands = self._parts.monitor.due(self.view, breaches)
            for command in commands:
                orders = orders.joined(self._carry_out(call, self._submit_asked(call, command)))
            if call.errors or not commands:
                break
        if not orders.is_empty:
            call.outputs.append(OnBreach(orders))

    def _intend(
        self, call: _Call, intents: Intents, origin: Origin, seq_seen: int | None = None
    ) -> Orders:
        """Submit intents; strategies' pass the risk manager first, and no others do."""
        view = self.view
        refused: tuple[RiskRefusal, ...] = ()
        if origin is Origin.ALGO:
            check = self._parts.risk.check if self._may_trade() else _hold_back
            checked = check(view, intents)
            intents, refused = checked.intents, checked.refused
        if not intents.cancels and not intents.opens and not refused:
            return NO_ORDERS
        command = SubmitIntents(
            origin,
            intents.deployment,
            intents.trader,
            view.seq if seq_seen is None else seq_seen,
            intents.cancels,
            intents.opens,
            refused,
        )
        return self._carry_out(call, self._submit_asked(call, command))

    def _carry_out(self, call: _Call, events: Sequence[msgspec.Struct]) -> Orders:
        """Hand over what durable events ask for, cancels first, and journal what became of it.

        A batch may be handed over in part: what was, stands ([DESK-13]). Errors keep the order in
        which requests stand ([DESK-18]).
        """
        cancels, opens = _of(events, CancelRequested), _of(events, OrderRequested)
        refused = _of(events, OrderRefused)
        call.breaches += [one.breach for one in refused if one.breach is not None]
        call.breaches += [breach for one in opens for breach in one.warnings]
        results = [self._hand_over(request) for request in cancels]
        results += [self._hand_over(request) for request in opens]
        if results:
            self._submit(call, RecordSendResults(tuple(results)))
        self._query(call, _of(events, OrderQueried))
        failed = call.failures(results)
        return Orders(
            cancels,
            opens,
            _of(events, PaperOrderRecorded),
            _of(events, CancelRefused),
            refused,
            failed,
        )

    def _query(self, call: _Call, queries: tuple[OrderQueried, ...]) -> None:
        """Ask venues what became of orders."""
        asked = [
            SendResult(query.client_order_id, False, self._parts.sender.query(query))
            for query in queries
        ]
        if asked:
            call.outputs.append(Queried(queries, call.failures(asked)))

    def _hand_over(self, request: OrderRequested | CancelRequested) -> SendResult:
        error = self._parts.sender.send(request)
        return SendResult(request.client_order_id, type(request) is CancelRequested, error)

    def _end(self, call: _Call) -> None:
        """Close the way to the venues, and take what still comes back ([DESK-06], [DESK-D14])."""
        sender = self._parts.sender
        sender.shutdown()
        while True:
            replies = sender.drain()
            if not replies:
                return
            for reply in replies:
                self._observe(reply)
                events = self._submit(call, reply)
                call.outputs += [PositionExit(exited) for exited in _of(events, PositionExited)]

    def _submit_asked(self, call: _Call, command: msgspec.Struct) -> Sequence[msgspec.Struct]:
        """Submit what host code decided; if no command can hold that, it is an error of its own."""
        try:
            return self._submit(call, command)
        except MalformedCommand as error:
            raise InvalidValueError(f"{type(command).__name__}: {error}") from None

    def _submit(self, call: _Call, command: msgspec.Struct) -> Sequence[msgspec.Struct]:
        """Make a command durable and return its events; one that cannot be encoded raises."""
        (told,) = self._submit_all(call, [command])
        if isinstance(told, Exception):
            raise told
        return told

    def _submit_all(
        self, call: _Call, commands: Sequence[msgspec.Struct]
    ) -> list[Sequence[msgspec.Struct] | Exception]:
        """Make commands durable with one commit; return the events of each, or why it is none."""
        try:
            results = self._sequencer.submit(commands)
        except OutletFailed as lost:
            # The commands are durable, and the sequencer goes on without the outlet.
            results = cast(list[Result], lost.results)
            call.outputs.append(OutletLost(str(lost)))
        state = self._sequencer.state
        encode = state.machine.codec.encode
        told: list[Sequence[msgspec.Struct] | Exception] = []
        for command, result in zip(commands, results, strict=True):
            if isinstance(result, Exception):
                told.append(result)
                continue
            seq, events, hash_ = result
            call.journaled.append(Journaled(seq, state.ts_ns, encode(command), hash_))
            told.append(events)
        return told

    def _tick(self, event: msgspec.Struct, call: _Call) -> AuditTick:
        return self.auditor.tick(event, self._sequencer.state, call.outputs, call.errors)


class _HookControls:
    """What a hook does to the desk, collected for its output."""

    def __init__(self, engine: Engine, call: _Call) -> None:
        self._engine = engine
        self._call = call
        self.orders = NO_ORDERS

    @property
    def view(self) -> DeskView:
        return self._engine.view

    def disable_trading(self) -> None:
        self._do(SetTradingState(TradingState.DISABLED))

    def cancel_orders(self, wanted: Filter) -> None:
        self._do(CancelOrders(wanted))

    def close_positions(self, wanted: Filter) -> None:
        self._do(ClosePositions(wanted))

    def submit(self, intents: Intents) -> None:
        orders = self._engine._intend(self._call, intents, Origin.HOOK)
        self.orders = self.orders.joined(orders)

    def _do(self, command: msgspec.Struct) -> None:
        engine = self._engine
        events = engine._submit_asked(self._call, command)
        self.orders = self.orders.joined(engine._carry_out(self._call, events))


def _of(events: Sequence[msgspec.Struct], kind: type[Event]) -> tuple[Event, ...]:
    """Return the events of one type, in order."""
    return tuple(event for event in events if isinstance(event, kind))


def _is_disabling(change: TradingStateChanged) -> bool:
    return (change.previous, change.current) == (TradingState.ENABLED, TradingState.DISABLED)


def _hold_back(view: DeskView, intents: Intents) -> Checked:
    """Let no order go that was decided on before strategies were disabled; cancels always go."""
    why = f"strategies are disabled at {view.seq}"
    refused = tuple(RiskRefusal(why, "", request) for request in intents.opens)
    return Checked(msgspec.structs.replace(intents, opens=()), refused)


def _trader_of(intents: Intents) -> int:
    return intents.trader

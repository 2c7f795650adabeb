"""The desk's machine in the place of the thin desk: every step is a command, and all is replayed.

It sends what the events ask for, tells the machine what came back, and at the end checks that the
journal of its commands gives the same hash, that a loaded state is the same, and the invariants.
"""

from typing import Any

import msgspec

from lockstep_desk import Alert, Fill, Position, Severity, Side
from lockstep_desk.core.codes import (
    OrderKind,
    Origin,
    Refusal,
    SendError,
    TimeInForce,
    TradingState,
)
from lockstep_desk.core.commands import (
    AdoptBrokerPosition,
    ExitPosition,
    Limits,
    OpenRequest,
    OrderReport,
    Reconcile,
    RecordFill,
    RecordOrder,
    RecordSendResults,
    RecordTrade,
    RegisterAccount,
    RegisterDeployment,
    RegisterInstrument,
    RegisterVenue,
    SendResult,
    SetLifecycle,
    SetTradingState,
    SubmitIntents,
)
from lockstep_desk.core.events import (
    AlertCleared,
    AlertRaised,
    BrokerAgreed,
    BrokerDiverged,
    CommandRefused,
    DeploymentRegistered,
    DivergenceRecorded,
    FillBooked,
    HealthChanged,
    MessageAnswered,
    OrderRequested,
    PositionAdjusted,
    Reconciled,
)
from lockstep_desk.core.machine import MACHINE, desk_genesis
from lockstep_desk.core.params import DeskParams
from lockstep_desk.core.recon.carry import report_of
from lockstep_desk.core.recon.local import local_view
from lockstep_desk.core.state import DeskCore
from lockstep_desk.fund import LifecycleState
from lockstep_desk.oms.states import Live, OrderError, OrderState
from lockstep_desk.recon import (
    Adoption,
    AdoptRefusal,
    BrokerPages,
    BrokerUnreachableError,
    Divergence,
    FaultyBroker,
    Life,
    LocalView,
    NewOrder,
    OrderStatus,
    Outcome,
    Status,
    SweepConfig,
    SyncPoint,
    Working,
    gather,
    request_for,
    sweep,
)
from lockstep_kernel import Sequenced, apply, dump, initial, load, verify

E8, E9 = 10**8, 10**9
WIDE = Limits(10**14, 10**14, 10**6)
GENESIS = desk_genesis(DeskParams("recon"))
_ENDS = {
    OrderStatus.FILLED: OrderState.FULLY_FILLED,
    OrderStatus.CANCELLED: OrderState.CANCELLED,
}
_REFUSALS = {
    Refusal.NO_PRICE: AdoptRefusal.PRICE_NEEDED,
    Refusal.BAD_PRICE: AdoptRefusal.BAD_PRICE,
    Refusal.BAD_VALUE: AdoptRefusal.NOT_A_POSITION,
    Refusal.OTHER_STATE: AdoptRefusal.UNKNOWN_DIVERGENCE,
}


class MachineDesk:
    """A desk's machine with one account, driven as `tests.desk_recon.host.Desk` is."""

    def __init__(self, broker: FaultyBroker, config: SweepConfig) -> None:
        self.broker = broker
        self.config = config
        self.state = initial(MACHINE, GENESIS)
        self.journal: list[Sequenced] = []
        self.pages: BrokerPages | None = None
        self.now_ns = 0
        self.ordinal = 0
        self.alerts: dict[str, Alert] = {}
        self.told: list[Alert] = []
        self.events: list[Any] = []
        self.messages: list[tuple[ExitPosition, ExitPosition]] = []
        self.exits: dict[str, int] = {}
        self.apply(RegisterVenue(broker.venue))
        self.apply(RegisterAccount(broker.account, broker.venue))
        for name, price in (("BTC-PERP", 100), ("ETH-PERP", 10)):
            listed = RegisterInstrument(name, broker.venue, name[:3], "USD", 1, 1)
            self.apply(listed)
            self.apply(RecordTrade(name, price * E9, E8, Side.BUY, 1))
        self.deployments = (self.deploy("alpha"), self.deploy("beta"))
        self.apply(SetTradingState(TradingState.ENABLED))

    def deploy(self, name: str) -> str:
        (event,) = self.apply(RegisterDeployment(name, "strategy", "v1", 0, WIDE))
        assert isinstance(event, DeploymentRegistered)
        live = SetLifecycle(event.deployment, LifecycleState.PAPER, LifecycleState.LIVE)
        self.apply(live)
        return event.deployment

    def apply(self, command: msgspec.Struct) -> list[Any]:
        """Apply one command and keep it, with what it told."""
        sequenced = MACHINE.codec.sequence(max(self.now_ns, self.state.ts_ns), command)
        self.state, events, _hash = apply(self.state, sequenced)
        self.journal.append(sequenced)
        for event in events:
            if isinstance(event, AlertRaised) and event.dedup_key not in self.alerts:
                alert = Alert(
                    severity=event.severity,
                    code=event.code,
                    dedup_key=event.dedup_key,
                    context=event.context,
                )
                self.alerts[event.dedup_key] = alert
                self.told.append(alert)
            elif isinstance(event, AlertCleared):
                del self.alerts[event.dedup_key]
        self.events += events
        return list(events)

    def restart(self) -> None:
        """Go on from a snapshot, as after a crash."""
        loaded = load(MACHINE, GENESIS, dump(self.state))
        assert (self.state.hash, self.state.digest) == (loaded.hash, loaded.digest)
        self.state = loaded

    # Looking

    @property
    def core(self) -> DeskCore:
        core = self.state.core
        assert isinstance(core, DeskCore)
        return core

    def view(self) -> LocalView:
        return local_view(self.core, self.broker.account)

    def positions(self) -> list[Position]:
        return list(self.view().positions)

    def held_e8(self, instrument: str) -> int:
        return self.view().local_e8(instrument)

    @property
    def booked(self) -> tuple[Fill, ...]:
        return self.view().booked

    @property
    def orders(self) -> list[str]:
        return [order.client_order_id for order in self.view().orders]

    @property
    def standing(self) -> dict[str, Divergence]:
        return {record.divergence_id: record for record in self.view().standing}

    @property
    def deferred(self) -> tuple[tuple[str, str], ...]:
        return self.view().deferred

    def log(self) -> list[Fill]:
        """Return every fill and part that was ever booked, as the events tell it."""
        return [
            Fill(
                fill_id=event.fill_id,
                order_id="",
                instrument=event.instrument,
                side=event.side,
                qty_e8=event.qty_e8,
                price_e9=event.price_e9,
                fee_e9=event.fee_e9,
                ts_ns=event.ts_ns,
            )
            for event in self.events
            if isinstance(event, FillBooked)
        ]

    def is_adjusted(self) -> bool:
        return any(isinstance(event, PositionAdjusted) for event in self.events)

    def cash_e9(self) -> int:
        return self.core.balances[(self.broker.account, "USD")].total_e9

    def has_critical(self, record: Divergence) -> bool:
        alert = self.alerts.get(record.divergence_id)
        return alert is not None and alert.severity is Severity.CRITICAL

    def check(self) -> None:
        """Check the invariants, that a loaded state is the same, and that a replay is."""
        verify(self.state)
        loaded = load(MACHINE, GENESIS, dump(self.state))
        assert (self.state.hash, self.state.digest) == (loaded.hash, loaded.digest)
        again = initial(MACHINE, GENESIS)
        for sequenced in self.journal:
            body = MACHINE.codec.encode(sequenced.command)
            again, _events, _hash = apply(again, MACHINE.codec.decode(sequenced.ts_ns, body))
        assert self.state.hash == again.hash

    # Orders

    def send(self, deployment: str, instrument: str, side: Side, qty_e8: int, price_e9: int) -> str:
        """Let a strategy want an order; what the machine asks for is sent once."""
        tif = TimeInForce.IOC if (self.ordinal + 1) % 3 else TimeInForce.GTC
        wanted = OpenRequest(
            self.broker.account, instrument, side, qty_e8, price_e9, OrderKind.LIMIT, tif
        )
        command = SubmitIntents(Origin.ALGO, deployment, 0, 0, (), (wanted,))
        events = self.apply(command)
        names = self.hand_over(events)
        assert 1 == len(names), events
        return names[0]

    def hand_over(self, events: list[Any]) -> list[str]:
        """Send what is asked for, and tell the machine what came back."""
        asked = [event for event in events if isinstance(event, OrderRequested)]
        for request in asked:
            self.ordinal += 1
            none = SendResult(request.client_order_id, False, SendError.NONE)
            self.apply(RecordSendResults((none,)))
            try:
                working = self.broker.place(order_of(request))
            except BrokerUnreachableError:
                self.apply(self.report(request, OrderState.OPEN_FAILED, None, OrderError.TIMEOUT))
                continue
            live = Live(working.order_id, working.ts_ns, working.filled_e8)
            self.apply(self.report(request, _state(working), live, OrderError.NONE))
        return [request.client_order_id for request in asked]

    def report(
        self, request: OrderRequested, state: OrderState, live: Live | None, error: OrderError
    ) -> RecordOrder:
        return RecordOrder(
            self.broker.account,
            OrderReport(
                request.client_order_id,
                request.instrument,
                request.side,
                request.qty_e8,
                request.price_e9,
                state,
                live,
                error,
                self.now_ns,
            ),
        )

    def exit(self, position_id: str, price_e9: int, halves: int = 2) -> bool:
        """Close a position, or half of it, if the broker holds it; otherwise it is deferred."""
        held = {position.position_id: position for position in self.positions()}[position_id]
        if held.deployment_id is None or position_id in dict(self.deferred):
            return False
        pages = gather(self.broker, request_for(self.view()))
        command = ExitPosition(
            position_id,
            self.exits.get(position_id, 0),
            held.qty_e8 if halves == 2 else max(1, held.qty_e8 // 2),
            pages.positions,
            pages.fills,
            pages.since_seq,
        )
        events = self.apply(command)
        is_sent = bool(self.hand_over(events))
        if is_sent:
            self.exits[position_id] = command.ordinal + 1
            self.messages.append((command, command))
        return is_sent

    def deliver(self, message: ExitPosition, _exiting: ExitPosition) -> bool:
        """Deliver an exit again; say whether it had an effect."""
        events = self.apply(message)
        assert [MessageAnswered] == [type(event) for event in events], events
        return bool(self.hand_over(events))

    # What comes in

    def take(self, fills: list[Fill]) -> None:
        for fill in fills:
            self.apply(RecordFill(self.broker.account, report_of(fill)))

    def sweep(self) -> tuple[BrokerPages, Outcome]:
        pages = gather(self.broker, request_for(self.view()))
        return pages, self.reconcile(pages)

    def reconcile(self, pages: BrokerPages) -> Outcome:
        """Apply the command; return what the sweep came to, and check that the events say it."""
        expected = sweep(self.view(), pages, self.config)
        before = set(self.standing)
        events = self.apply(Reconcile(pages, self.config))
        opened = [event.record for event in events if isinstance(event, BrokerDiverged)]
        ended = [event.divergence_id for event in events if isinstance(event, BrokerAgreed)]
        assert list(expected.opened) == opened
        assert list(expected.ended) == ended
        stay = {r.divergence_id for r in opened if r.status is Status.UNRESOLVED}
        assert set(self.standing) == (before - set(ended)) | stay
        assert 1 == sum(isinstance(event, Reconciled) for event in events)
        if expected.is_quiet:
            # A first answer heals the link of its account, and a fill that cannot be of its order
            # is written down, whatever else there is; the same pages again do neither.
            once = () if pages == self.pages else (HealthChanged, DivergenceRecorded, AlertRaised)
            told = [event for event in events if not isinstance(event, once)]
            assert 1 == len(told), events
        self.pages = pages
        return expected

    def adopt(self, decision: Adoption) -> SyncPoint | AdoptRefusal:
        events = self.apply(
            AdoptBrokerPosition(
                self.broker.account,
                decision.divergence_id,
                decision.deployment_id or "",
                decision.price_e9,
            )
        )
        if isinstance(events[0], CommandRefused):
            return _REFUSALS[events[0].code]
        return self.view().synced


def order_of(request: OrderRequested) -> NewOrder:
    """Return an order as the broker takes it; a market order takes at any price."""
    price_e9 = request.price_e9
    if request.kind is OrderKind.MARKET:
        price_e9 = 1 if request.side is Side.SELL else 10 * price_e9
    return NewOrder(
        client_order_id=request.client_order_id,
        instrument=request.instrument,
        side=request.side,
        qty_e8=request.qty_e8,
        price_e9=price_e9,
        life=Life.IOC if request.tif is TimeInForce.IOC else Life.GTC,
    )


def _state(working: Working) -> OrderState:
    return _ENDS.get(working.status, OrderState.OPEN)

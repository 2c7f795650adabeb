"""A thin desk around the sweep: it sends orders, takes the stream, sweeps, and does what is said.

It keeps what the desk's machine keeps as state, and nothing else: books, orders in flight, the
fills above the floor, standing divergences, alerts by key, deferred exits, the ledger.
"""

from typing import NamedTuple

import msgspec

from lockstep_desk import Alert, Fill, Position, Severity, Side
from lockstep_desk.ids import client_order_id
from lockstep_desk.recon import (
    AdjustPosition,
    Adopted,
    Adoption,
    AdoptRefusal,
    BookFill,
    BrokerPages,
    BrokerUnreachableError,
    Divergence,
    FaultyBroker,
    Ledger,
    Life,
    LocalOrder,
    LocalOrderState,
    LocalView,
    Message,
    NewOrder,
    Outcome,
    RefreshBalance,
    RefreshOrder,
    ReleaseExit,
    Repair,
    SettleOrder,
    Status,
    SweepConfig,
    SyncPoint,
    Verdict,
    adopt,
    alerts_of,
    check_pre_state,
    gather,
    payload_hash,
    request_for,
    sweep,
)
from tests.desk_recon.books import Books


class Exiting(NamedTuple):
    """What an exit message asks for."""

    held: Position
    qty_e8: int
    price_e9: int


class Desk:
    """One account's desk."""

    def __init__(self, broker: FaultyBroker, config: SweepConfig) -> None:
        self.broker = broker
        self.config = config
        self.deployments = ("alpha", "beta")
        self.books = Books(broker.account)
        self.orders: dict[str, LocalOrder] = {}
        self.owners: dict[str, str | None] = {}
        self.booked: list[Fill] = []
        self.balances: dict[str, RefreshBalance] = {}
        self.synced = SyncPoint()
        self.standing: dict[str, Divergence] = {}
        self.healed: list[Divergence] = []
        self.alerts: dict[str, Alert] = {}
        self.told: list[Alert] = []
        self.deferred: dict[str, str] = {}
        self.ledger = Ledger()
        self.exits: dict[str, int] = {}
        self.messages: list[tuple[Message, Exiting]] = []
        self.now_ns = 0
        self.ordinal = 0

    def view(self) -> LocalView:
        """Return the books as a sweep compares them."""
        return LocalView(
            venue=self.broker.venue,
            account=self.broker.account,
            synced=self.synced,
            positions=tuple(self.books.positions.values()),
            orders=tuple(self.orders.values()),
            booked=tuple(self.booked),
            owners=self.owners,
            balances=tuple(repair.balance for repair in self.balances.values()),
            standing=tuple(self.standing.values()),
            deferred=tuple(self.deferred.items()),
        )

    def restart(self) -> None:
        """Go on with a ledger that was rebuilt from its entries, as after a crash."""
        self.ledger = Ledger(self.ledger.entries.values())

    # Looking

    def positions(self) -> list[Position]:
        """Return what is held, by deployment."""
        return list(self.books.positions.values())

    def held_e8(self, instrument: str) -> int:
        """Return what is held of an instrument, signed."""
        return self.books.held_e8(instrument)

    def log(self) -> list[Fill]:
        """Return every fill and part that was ever booked."""
        return self.books.log

    def is_adjusted(self) -> bool:
        """Return whether something moved without a fill."""
        return bool(self.books.adjusted)

    def cash_e9(self) -> int:
        """Return the account's cash."""
        return self.balances["USD"].balance.total_e9

    def check(self) -> None:
        """Check what must hold of the desk itself."""
        assert all(position.qty_e8 > 0 for position in self.books.positions.values())

    # Orders

    def send(self, deployment: str, instrument: str, side: Side, qty_e8: int, price_e9: int) -> str:
        """Send an order once; what is not answered stays unknown and is never sent again."""
        self.ordinal += 1
        name = client_order_id(deployment, instrument, self.ordinal)
        order = NewOrder(
            client_order_id=name,
            instrument=instrument,
            side=side,
            qty_e8=qty_e8,
            price_e9=price_e9,
            life=Life.IOC if self.ordinal % 3 else Life.GTC,
        )
        self.owners[name] = deployment
        self.orders[name] = LocalOrder(
            client_order_id=name,
            deployment_id=deployment,
            instrument=instrument,
            side=side,
            qty_e8=qty_e8,
            state=LocalOrderState.IN_FLIGHT,
            sent_ns=self.now_ns,
        )
        try:
            working = self.broker.place(order)
        except BrokerUnreachableError:
            self._replace(name, state=LocalOrderState.UNKNOWN)
            return name
        if working.status.is_terminal:
            del self.orders[name]
        else:
            self._replace(
                name,
                state=LocalOrderState.OPEN,
                order_id=working.order_id,
                filled_e8=working.filled_e8,
            )
        return name

    def exit(self, position_id: str, price_e9: int, halves: int = 2) -> bool:
        """Close a position, or half of it, if the broker holds it; otherwise defer the exit."""
        held = {p.position_id: p for p in self.books.positions.values()}.get(position_id)
        if held is None or position_id in self.deferred or held.deployment_id is None:
            return False
        pages = gather(self.broker, request_for(self.view()))
        checked = check_pre_state(
            self.view(), held.instrument, pages.positions, pages.fills, pages.since_seq
        )
        if not checked.publishes:
            self.deferred[position_id] = held.instrument
            return False
        qty_e8 = held.qty_e8 if halves == 2 else max(1, held.qty_e8 // 2)
        message = Message(
            position_id,
            held.instrument,
            int(position_id.rsplit("|", 1)[1]),
            "exit",
            self.exits.get(position_id, 0),
            payload_hash(qty_e8),
        )
        self.exits[position_id] = message.ordinal + 1
        self.messages.append((message, Exiting(held, qty_e8, price_e9)))
        return self.deliver(message, self.messages[-1][1])

    def deliver(self, message: Message, exiting: "Exiting") -> bool:
        """Handle a message that may come more than once; say whether it had its effect now."""
        answer = self.ledger.admit(message, self.now_ns)
        if answer.verdict is not Verdict.NEW:
            return False
        held = exiting.held
        deployment = held.deployment_id or ""
        side = held.side.opposite
        name = self.send(deployment, held.instrument, side, exiting.qty_e8, exiting.price_e9)
        self.ledger.settle(answer.key, f"sent {name}")
        return True

    # What comes in

    def take(self, fills: list[Fill]) -> None:
        """Book what the stream brings of own orders, each once; the rest is left to the sweep."""
        known = {fill.fill_id for fill in self.booked}
        for fill in fills:
            is_old = fill.seq <= self.synced.floor(fill.instrument)
            if is_old or fill.fill_id in known or fill.client_order_id not in self.owners:
                continue
            known.add(fill.fill_id)
            owner = self.owners[fill.client_order_id]
            self._book(msgspec.structs.replace(fill, deployment_id=owner))

    def sweep(self) -> tuple[BrokerPages, Outcome]:
        """Gather pages, sweep, and do what the outcome says."""
        pages = gather(self.broker, request_for(self.view()))
        return pages, self.reconcile(pages)

    def reconcile(self, pages: BrokerPages) -> Outcome:
        """Apply one Reconcile command: everything in it happens at once."""
        outcome = sweep(self.view(), pages, self.config)
        for repair in outcome.repairs:
            self.carry_out(repair)
        for record in outcome.opened:
            if record.status is Status.UNRESOLVED:
                self.standing[record.divergence_id] = record
            else:
                self.healed.append(record)
        for name in outcome.ended:
            del self.standing[name]
        alerts, cleared = alerts_of(outcome)
        for alert in alerts:
            assert alert.dedup_key not in self.alerts, f"told twice: {alert}"
            self.alerts[alert.dedup_key] = alert
            self.told.append(alert)
        for clearing in cleared:
            del self.alerts[clearing.dedup_key]
        self.move_floor(outcome.synced)
        return outcome

    def adopt(self, decision: Adoption) -> Adopted | AdoptRefusal:
        """Apply one AdoptBrokerPosition command."""
        adopted = adopt(self.view(), decision, self.now_ns)
        if isinstance(adopted, AdoptRefusal):
            return adopted
        for repair in adopted.repairs:
            self.carry_out(repair)
        name = adopted.divergence.divergence_id
        del self.standing[name]
        del self.alerts[name]
        self.move_floor(adopted.synced)
        return adopted

    def carry_out(self, repair: Repair) -> None:
        """Do what a repair says, in the books alone."""
        match repair:
            case BookFill():
                self._book(repair.fill)
            case AdjustPosition():
                self.books.adjust(repair)
            case SettleOrder():
                del self.orders[repair.client_order_id]
            case RefreshOrder():
                seen = repair.order
                self._replace(
                    seen.client_order_id,
                    state=LocalOrderState.OPEN,
                    order_id=seen.order_id,
                    filled_e8=seen.filled_e8,
                )
            case RefreshBalance():
                self.balances[repair.balance.asset] = repair
            case ReleaseExit():
                del self.deferred[repair.position_id]

    def move_floor(self, synced: SyncPoint) -> None:
        """Forget the fills that are complete."""
        self.synced = synced
        self.booked = [fill for fill in self.booked if fill.seq > synced.floor(fill.instrument)]

    def has_critical(self, record: Divergence) -> bool:
        """Return whether somebody was called for what stands."""
        alert = self.alerts.get(record.divergence_id)
        return alert is not None and alert.severity is Severity.CRITICAL

    def _book(self, fill: Fill) -> None:
        self.books.book(fill)
        self.booked.append(fill)
        order = self.orders.get(fill.client_order_id)
        if order is not None:
            self._replace(order.client_order_id, booked_e8=order.booked_e8 + fill.qty_e8)

    def _replace(self, name: str, **fields: object) -> None:
        self.orders[name] = msgspec.structs.replace(self.orders[name], **fields)

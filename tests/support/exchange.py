"""Drive an exchange in tests: short commands go in, events come out, all is verified on the way.

`Exchange.send` applies one command to any machine of the vocabulary and then checks what must hold
after every command: the digest, the invariants and the derived values (`kernel.verify`); that the
BookChanged events so far fold to the book that the order records give ([EVT-2]); and that a second
state, which is never verified, gives the same hash: verifying brings values up to date that a
machine computes only when it needs them, and could hide that it does so too late.

The numbers of the standard market are small enough to compute by hand: one tick of one lot is worth
1,000 e6 everywhere, so a lot at price 100 is worth 100,000 e6.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple, TypedDict, Unpack

import msgspec

from lockstep_engine.codes import Code, EntityKind, Side
from lockstep_engine.commands import (
    CancelOrder,
    Command,
    CreateInstrument,
    CreateUnderlying,
    Deposit,
    ExchangeParams,
    GrantRole,
    OpenAccount,
    PlaceOrder,
    RevokeRole,
    SetMmpConfig,
    TradingLimits,
    UpdateIndexPrice,
    UpdateMarkPrice,
    UpdateVolSurface,
    Withdraw,
    action_tag,
)
from lockstep_engine.events import (
    BookChanged,
    CommandRejected,
    OrderAccepted,
    OrderRejected,
    Trade,
)
from lockstep_kernel import Genesis, Machine, Record, State, apply, initial, sorted_records, verify

START_NS = 1_767_225_600_000_000_000
"""2026-01-01 00:00 UTC."""

SECOND_NS = 10**9
DAY_NS = 86_400 * SECOND_NS
MARKET_EXPIRY_NS = START_NS + (358 * 86_400 + 28_800) * SECOND_NS
"""2026-12-25 08:00 UTC: when the dated instruments of the standard market expire."""

ALICE, BOB, CAROL, DAVE, ERIN, GINA, HUGO = 1, 2, 3, 4, 5, 6, 7
ACCOUNTS = (ALICE, BOB, CAROL, DAVE, ERIN, GINA, HUGO)
GROUP = 9
"""The self-trade group of Gina and Hugo."""

PERP, FUTURE, CALL, PUT, ETH_PERP = 1, 2, 3, 4, 5
"""All but ETH_PERP are on BTC and refuse self-trades; CALL and PUT have the strike 100."""

CASH = 1_000_000_000
"""What every account of the standard market starts with."""

NEVER = 2**62 - 1
"""A limit that no fills reach."""

LIMITS = TradingLimits(max_price_ticks=10_000)
LOT_E8 = 100_000
ONE_E8 = 100_000_000
TICK_E6 = 1_000_000

Events = Sequence[Any]
Level = tuple[int, int]
"""(price_ticks, total_lots)."""


def key(name: str) -> bytes:
    """Return the 32 bytes that stand for a key."""
    return name.encode().ljust(32, b".")


def root_of(account: int) -> bytes:
    """Return the root key of an account that the helpers opened."""
    return key(f"account {account}")


ROOT = key("operator root")
STAFF = key("staff")
"""Holds all roles; signs every operator action but GrantRole and RevokeRole."""


class Envelope(TypedDict, total=False):
    """What may be said about a command beside action and account."""

    signer: bytes
    nonce: int
    request_id: bytes
    auth: bytes
    at: int


class OrderRow(NamedTuple):
    """The record of a resting order."""

    order_id: int
    account: int
    instrument: int
    side: int
    price_ticks: int
    qty_lots: int
    remaining_lots: int
    tif: int
    flags: int
    self_trade: int
    client_id: int
    lineage: bytes
    expires_ns: int
    builder: int
    quote_set: int
    arrival: int
    reserve_e6: int


class Exchange:
    """A state of an exchange, the next nonce, and the books as a follower of events has them."""

    def __init__(self, state: State, nonce: int = 0) -> None:
        self.state = state
        self.unverified = state.fork()
        self.folded: dict[int, tuple[dict[int, int], dict[int, int]]] = {}
        self.book_sequences: dict[int, int] = {}
        self.last_nonce = nonce

    @property
    def now_ns(self) -> int:
        """The clock of the state."""
        return int.from_bytes(self.state.core.clocks()[:8], "big")

    def fork(self) -> "Exchange":
        """Return an independent copy."""
        twin = Exchange(self.state.fork(), self.last_nonce)
        twin.folded = {n: (dict(bids), dict(asks)) for n, (bids, asks) in self.folded.items()}
        twin.book_sequences = dict(self.book_sequences)
        return twin

    # Sending

    def command(self, action: Any, account: int = 0, **envelope: Unpack[Envelope]) -> Command:
        """Return the command that `send` would apply, and use up its nonce."""
        at = envelope.get("at", self.now_ns)
        nonce = envelope.get("nonce")
        if nonce is None:
            nonce = self.last_nonce = max(self.last_nonce + 1, at // 10**6)
        return Command(
            signer=envelope.get("signer", _usual_signer(action, account)),
            nonce=nonce,
            action=action,
            account=account,
            request_id=envelope.get("request_id", b""),
            auth=envelope.get("auth", b""),
        )

    def send(self, action: Any, account: int = 0, **envelope: Unpack[Envelope]) -> Events:
        """Apply one command at `at` (default: now), verify everything, return the events."""
        return self.apply(self.command(action, account, **envelope), envelope.get("at"))

    def do(self, action: Any, account: int = 0, **envelope: Unpack[Envelope]) -> Events:
        """Send what must not be refused."""
        events = self.send(action, account, **envelope)
        assert [] == codes(events), f"expected no refusal of {action}, found {events}"
        return events

    def apply(self, command: Command, at: int | None = None) -> Events:
        """Apply a whole command and verify everything."""
        ts_ns = self.now_ns if at is None else at
        sequenced = self.state.machine.codec.sequence(ts_ns, command)
        self.state, events, hash_ = apply(self.state, sequenced)
        verify(self.state)
        self.unverified, _events, unverified_hash = apply(self.unverified, sequenced)
        assert hash_ == unverified_hash, "a state that is not verified goes another way"
        self._follow(events)
        codec = self.state.machine.codec
        assert list(events) == codec.decode_events(codec.encode(events))
        return events

    def refusal(self, action: Any, account: int = 0, **envelope: Unpack[Envelope]) -> Code:
        """Send what must be refused with one event, changing no record; return the code.

        Nonces and remembered requests may change.
        """
        before = self.records_but(EntityKind.NONCES, EntityKind.REQUEST)
        command = self.command(action, account, **envelope)
        events = self.apply(command, envelope.get("at"))
        assert 1 == len(events), f"expected one refusal, found {events}"
        (event,) = events
        tag = action_tag(action)
        if isinstance(event, CommandRejected):
            head = (command.signer, command.nonce, account, tag)
            assert head == (event.signer, event.nonce, event.account, event.action)
        else:
            assert isinstance(event, OrderRejected), f"expected a refusal, found {event}"
            assert (account, tag) == (event.account, event.action)
        assert before == self.records_but(EntityKind.NONCES, EntityKind.REQUEST)
        return Code(event.code)

    # Orders

    def buy(
        self, account: int, price: int, qty: int, instrument: int = PERP, **fields: Any
    ) -> Events:
        """Send a buy order; `fields` are those of PlaceOrder."""
        return self.send(PlaceOrder(instrument, Side.BUY, price, qty, **fields), account)

    def sell(
        self, account: int, price: int, qty: int, instrument: int = PERP, **fields: Any
    ) -> Events:
        """Send a sell order; `fields` are those of PlaceOrder."""
        return self.send(PlaceOrder(instrument, Side.SELL, price, qty, **fields), account)

    def bid(self, account: int, price: int, qty: int, instrument: int = PERP, **fields: Any) -> int:
        """Rest a buy order and return its order_id."""
        return self._rested(self.buy(account, price, qty, instrument, **fields))

    def ask(self, account: int, price: int, qty: int, instrument: int = PERP, **fields: Any) -> int:
        """Rest a sell order and return its order_id."""
        return self._rested(self.sell(account, price, qty, instrument, **fields))

    def trade(
        self, buyer: int, seller: int, price: int, qty: int, instrument: int = PERP
    ) -> Events:
        """Let the seller make and the buyer take."""
        self.ask(seller, price, qty, instrument)
        events = self.buy(buyer, price, qty, instrument)
        assert [(price, qty)] == [(trade.price_ticks, trade.qty_lots) for trade in trades(events)]
        return events

    def cancel(self, account: int, order_id: int) -> Events:
        """Cancel one order."""
        return self.send(CancelOrder(order_id), account)

    def _rested(self, events: Events) -> int:
        (accepted,) = of(events, OrderAccepted)
        order = self.order(accepted.order_id)
        assert order is not None, f"expected the order to rest, found {events}"
        assert [] == trades(events)
        return order.order_id

    # Operators

    def deposit(self, account: int, amount_e6: int) -> Events:
        """Credit cash."""
        return self.send(Deposit(account, amount_e6))

    def mark(self, price: int, instrument: int = PERP) -> Events:
        """Set the mark to a price in ticks of the standard market."""
        return self.send(UpdateMarkPrice(instrument, price * TICK_E6))

    def surface(
        self,
        forward: int,
        *points: tuple[int, int],
        expiry_ns: int = MARKET_EXPIRY_NS,
        underlying: str = "BTC",
    ) -> Events:
        """Set a surface: the forward in dollars, points (strike in dollars, vol in percent)."""
        rows = tuple((strike * TICK_E6, vol * 10**7) for strike, vol in points)
        return self.send(UpdateVolSurface(underlying, expiry_ns, forward * TICK_E6, rows))

    def protect(self, account: int, underlying: str = "BTC", **fields: int) -> Events:
        """Set a market-maker protection; without limits one that nobody reaches."""
        limits = {"interval_ms": 1_000, "frozen_ms": 5_000} | (fields or {"qty_limit_e8": NEVER})
        return self.do(SetMmpConfig(underlying, **limits), account)

    def index(self, price: int, underlying: str = "BTC") -> Events:
        """Set the index to a price in dollars."""
        return self.send(UpdateIndexPrice(underlying, price * TICK_E6))

    def create(self, instrument: int, symbol: str, **fields: Any) -> Events:
        """List an instrument; sizes and limits are those of the standard market if not given."""
        sizes = {
            "tick_e6": TICK_E6,
            "lot_e8": LOT_E8,
            "contract_size_e8": ONE_E8,
            "limits": LIMITS,
        }
        return self.send(CreateInstrument(instrument, symbol, **(sizes | fields)))

    def assert_can_withdraw(self, account: int, amount_e6: int) -> None:
        """Check on copies that this much may leave, and no micro-dollar more ([AUT-3])."""
        assert Code.INSUFFICIENT_FUNDS == self.fork().refusal(Withdraw(amount_e6 + 1), account)
        if amount_e6 > 0:
            assert [] == codes(self.fork().send(Withdraw(amount_e6), account))

    # Looking

    def records(self) -> list[Record]:
        """Return all records, sorted."""
        return sorted_records(self.state)

    def records_but(self, *kinds: int) -> list[Record]:
        """Return the records of all other kinds, and the id counters without the clock."""
        counters: Record = (0, 0, self.state.core.clocks()[8:36])
        return [counters, *(record for record in self.records() if record[0] not in kinds)]

    def record(self, kind: int, name: object) -> Record | None:
        """Return the fields of one record, None if it is absent."""
        for record in self._of_kind(kind):
            if record[1] == name:
                return record[2:]
        return None

    def orders(self, account: int = 0) -> list[OrderRow]:
        """Return the resting orders of an account (0: of all) by order_id."""
        rows = (OrderRow(*record[1:]) for record in self._of_kind(EntityKind.ORDER))
        return sorted(row for row in rows if account in (0, row.account))

    def order(self, order_id: int) -> OrderRow | None:
        """Return a resting order, None if there is none with this id."""
        for row in self.orders():
            if row.order_id == order_id:
                return row
        return None

    def row(self, order_id: int) -> OrderRow:
        """Return an order that must rest."""
        found = self.order(order_id)
        assert found is not None, f"expected order {order_id} to rest"
        return found

    def depth(self, instrument: int = PERP) -> tuple[list[Level], list[Level]]:
        """Return (bids, asks) as (price, total), best first, from the order records."""
        sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for row in self.orders():
            if row.instrument == instrument:
                levels = sides[row.side]
                levels[row.price_ticks] = levels.get(row.price_ticks, 0) + row.remaining_lots
        return sorted(sides[0].items(), reverse=True), sorted(sides[1].items())

    def cash(self, account: int) -> int:
        """Return the cash of an account."""
        fields = self.record(EntityKind.ACCOUNT, account)
        assert fields is not None, f"expected account {account} to exist"
        cash: int = fields[3]
        return cash

    def marked(self, instrument: int = PERP) -> Record | None:
        """Return (price_e6, marked_ns, delta_e9, gamma_e9, vega_e9, theta_e9) of a mark."""
        return self.record(EntityKind.MARK, instrument)

    def position(self, account: int, instrument: int = PERP) -> tuple[int, int]:
        """Return (qty_lots, cost_e6)."""
        fields = self.record(EntityKind.POSITION, (account, instrument))
        return (0, 0) if fields is None else (fields[0], fields[1])

    def treasury(self) -> tuple[int, int]:
        """Return (fees_e6, net_deposits_e6)."""
        fields = self.record(EntityKind.TREASURY, 0)
        return (0, 0) if fields is None else (fields[0], fields[1])

    def insurance(self) -> int:
        """Return what the insurance fund holds."""
        fields = self.record(EntityKind.TREASURY, 0)
        return 0 if fields is None else int(fields[2])

    def debt(self, account: int) -> int:
        """Return what an account owes after a liquidation."""
        fields = self.record(EntityKind.ACCOUNT, account)
        return 0 if fields is None else int(fields[5])

    def nonces(self, signer: bytes) -> tuple[int, list[int]] | None:
        """Return (floor, nonces) of a signer, None if it never used one."""
        fields = self.record(EntityKind.NONCES, signer)
        if fields is None:
            return None
        packed: bytes = fields[1]
        numbers = [packed[start : start + 8] for start in range(0, len(packed), 8)]
        return fields[0], [int.from_bytes(n, "little", signed=True) for n in numbers]

    def _of_kind(self, kind: int) -> Iterable[Record]:
        chain = self.state.peek()
        return (record for record in chain.machine.entities(chain.core) if record[0] == kind)

    def _follow(self, events: Events) -> None:
        """Fold the BookChanged events and compare every book with its orders."""
        for event in of(events, BookChanged):
            assert events.index(event) >= len(events) - len(of(events, BookChanged))
            expected = self.book_sequences.get(event.instrument, 0) + 1
            assert expected == event.book_sequence
            self.book_sequences[event.instrument] = expected
            bids, asks = self.folded.setdefault(event.instrument, ({}, {}))
            assert event.bids or event.asks
            assert list(event.bids) == sorted(event.bids, reverse=True)
            assert list(event.asks) == sorted(event.asks)
            _fold(bids, event.bids)
            _fold(asks, event.asks)
        self._check_books()

    def _check_books(self) -> None:
        books: dict[int, tuple[dict[int, int], dict[int, int]]] = {}
        for record in self._of_kind(EntityKind.ORDER):
            row = OrderRow(*record[1:])
            levels = books.setdefault(row.instrument, ({}, {}))[row.side]
            levels[row.price_ticks] = levels.get(row.price_ticks, 0) + row.remaining_lots
        folded = {number: book for number, book in self.folded.items() if book != ({}, {})}
        assert books == folded
        sequences = {record[1]: record[2] for record in self._of_kind(EntityKind.BOOK)}
        assert self.book_sequences == sequences


def _usual_signer(action: Any, account: int) -> bytes:
    if account:
        return root_of(account)
    return ROOT if isinstance(action, GrantRole | RevokeRole) else STAFF


def _fold(levels: dict[int, int], changes: Iterable[Level]) -> None:
    for price, total in changes:
        assert levels.get(price, 0) != total, f"expected only levels that differ, found {price}"
        if total:
            levels[price] = total
        else:
            del levels[price]


# Reading events


def of(events: Events, kind: type) -> list[Any]:
    """Return the events of one type."""
    return [event for event in events if isinstance(event, kind)]


def names(events: Events) -> list[str]:
    """Return the names of the types of all events."""
    return [type(event).__name__ for event in events]


def trades(events: Events) -> list[Any]:
    """Return the trades."""
    return of(events, Trade)


def fills(events: Events) -> list[tuple[int, int, int]]:
    """Return (order_id of the maker, price, lots) of every trade."""
    return [(trade.maker.order_id, trade.price_ticks, trade.qty_lots) for trade in trades(events)]


def codes(events: Events) -> list[Code]:
    """Return the codes of all refusals."""
    return [Code(e.code) for e in events if isinstance(e, CommandRejected | OrderRejected)]


def accepted_id(events: Events) -> int:
    """Return the order_id of the only order accepted."""
    (accepted,) = of(events, OrderAccepted)
    order_id: int = accepted.order_id
    return order_id


# Building


def params(**changes: Any) -> ExchangeParams:
    """Return the genesis parameters of the tests."""
    return ExchangeParams(**({"operator_root": ROOT, "start_ns": START_NS} | changes))


def bare_exchange(machine: Machine, **changes: Any) -> Exchange:
    """Return an exchange on which nothing happened yet."""
    genesis = Genesis("exchange", 1, 1, msgspec.msgpack.encode(params(**changes)))
    return Exchange(initial(machine, genesis))


def staffed_exchange(machine: Machine, **changes: Any) -> Exchange:
    """Return an exchange whose STAFF key holds all roles."""
    exchange = bare_exchange(machine, **changes)
    exchange.do(GrantRole(STAFF, 15))
    return exchange


def open_market(machine: Machine, **changes: Any) -> Exchange:
    """Return the standard market: 7 accounts with CASH, 3 instruments at 100 and 2 options at 5.

    Alice may send MMP orders: her protection has a limit that nobody reaches.
    """
    exchange = staffed_exchange(machine, **changes)
    for underlying in ("BTC", "ETH"):
        exchange.do(CreateUnderlying(underlying, 10**11))
        exchange.index(100, underlying)
    exchange.create(PERP, "BTC-PERP")
    exchange.create(FUTURE, "BTC-20261225")
    exchange.create(CALL, "BTC-20261225-100-C")
    exchange.create(PUT, "BTC-20261225-100-P")
    exchange.create(ETH_PERP, "ETH-PERP", allows_self_trade=True)
    for instrument in (PERP, FUTURE, ETH_PERP):
        exchange.mark(100, instrument)
    for instrument in (CALL, PUT):
        exchange.mark(5, instrument)
    for account in ACCOUNTS:
        group = GROUP if account in (GINA, HUGO) else 0
        exchange.do(OpenAccount(account, root_of(account), group))
        exchange.deposit(account, CASH)
    for underlying in ("BTC", "ETH"):
        exchange.protect(ALICE, underlying)
    return exchange


@cache
def _standard(machine: Machine) -> Exchange:
    return open_market(machine)


def standard_market(machine: Machine) -> Exchange:
    """Return a fresh copy of the standard market with default parameters."""
    return _standard(machine).fork()

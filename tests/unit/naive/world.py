"""A small exchange to test the naive machine on: accounts 1 to 4, six instruments.

One tick of one lot is a dollar, and one lot is one unit, except in instrument FINE, where a tick is
a millionth. Marks (of the options too) and the index stand at 100 dollars.
"""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from lockstep_engine.codes import Code, EntityKind, Side
from lockstep_engine.commands import (
    AdvanceTime,
    Command,
    CreateInstrument,
    CreateUnderlying,
    Deposit,
    ExchangeParams,
    GrantRole,
    OpenAccount,
    PlaceOrder,
    SetMmpConfig,
    TradingLimits,
    UpdateIndexPrice,
    UpdateMarkPrice,
    Withdraw,
)
from lockstep_engine.events import CommandRejected, Event, OrderAccepted, OrderRejected
from lockstep_kernel import (
    Genesis,
    Record,
    State,
    apply,
    dump,
    initial,
    load,
    sorted_records,
    verify,
)
from lockstep_naive import MACHINE
from lockstep_naive.core import NaiveCore
from lockstep_naive.rows import Order, Position

E = TypeVar("E")

ROOT = b"R" * 32
START_NS = 10**18
CENT = 10_000
USD = 1_000_000
BUY, SELL = int(Side.BUY), int(Side.SELL)
PERP, CALL, PUT, FUTURE, OPEN_PERP, FINE = range(1, 7)
NEAR_NS = (11_575 * 86_400 + 28_800) * 10**9  # 2001-09-10 08:00 UTC, a day after the start
FUTURE_EXPIRY_NS = 1_924_416_000 * 10**9  # 2030-12-25 08:00 UTC
RICH = 1_000_000 * USD

SYMBOLS = {
    PERP: "BTC-PERP",
    CALL: "BTC-20301225-100-C",
    PUT: "BTC-20301225-100-P",
    FUTURE: "BTC-20301225",
    OPEN_PERP: "ETH-PERP",
    FINE: "SOL-PERP",
}


def key(account: int) -> bytes:
    """Return the root key of an account."""
    return bytes([account]) * 32


def params(**changes: int) -> bytes:
    """Return canonical genesis parameters."""
    return msgspec.msgpack.encode(ExchangeParams(ROOT, START_NS, **changes))


class World:
    """An exchange that is asked one action at a time, with time and nonces provided."""

    def __init__(self, *, digest_every: int = 1, is_empty: bool = False, **changes: int) -> None:
        self.genesis = Genesis("exchange", 1, digest_every, params(**changes))
        self.state: State = initial(MACHINE, self.genesis)
        self.now_ns = START_NS
        self.nonce = START_NS // 10**6
        if not is_empty:
            self._fill()

    def _fill(self) -> None:
        self.operate(GrantRole(ROOT, 15))
        for name in ("BTC", "ETH", "SOL"):
            self.operate(CreateUnderlying(name, 200_000 * USD))
            self.operate(UpdateIndexPrice(name, 100 * USD))
        limits = TradingLimits(max_price_ticks=100_000)
        for instrument, symbol in SYMBOLS.items():
            tick_e6 = 1 if instrument == FINE else USD
            is_open = instrument == OPEN_PERP
            self.operate(
                CreateInstrument(instrument, symbol, tick_e6, 10**8, 10**8, limits, is_open)
            )
            mark_e6 = 100 if instrument == FINE else 100 * USD
            self.operate(UpdateMarkPrice(instrument, mark_e6))
        for account in range(1, 5):
            self.open(account, RICH)

    @property
    def core(self) -> NaiveCore:
        core = self.state.core
        assert isinstance(core, NaiveCore)
        return core

    def send(self, command: Command, *, at_ns: int | None = None) -> Sequence[Event]:
        """Apply a command as it is, a microsecond later or at a given time."""
        self.now_ns = self.now_ns + 1000 if at_ns is None else at_ns
        sequenced = MACHINE.codec.sequence(self.now_ns, command)
        self.state, events, _ = apply(self.state, sequenced)
        decoded = MACHINE.codec.decode_events(MACHINE.codec.encode(events))
        assert list(events) == decoded
        return events

    def command(self, action, account: int = 0, **fields) -> Command:
        """Return a command of an account's root, with a fresh nonce unless given."""
        self.nonce += 1
        fields = {"signer": key(account) if account else ROOT, "nonce": self.nonce} | fields
        return Command(action=action, account=account, **fields)

    def do(self, account: int, action, *, at_ns: int | None = None, **fields) -> Sequence[Event]:
        """Apply an action of an account and return the events."""
        return self.send(self.command(action, account, **fields), at_ns=at_ns)

    def operate(self, action, **fields) -> Event:
        """Apply an operator action of the root and return its one event."""
        (event,) = self.do(0, action, **fields)
        return event

    def jump(self, at_ns: int) -> Sequence[Event]:
        """Advance the time, and the nonces with it, and return the events."""
        self.nonce = max(self.nonce, at_ns // 10**6)
        return self.do(0, AdvanceTime(), at_ns=at_ns)

    def open(self, account: int, cash_e6: int, group: int = 0) -> None:
        self.operate(OpenAccount(account, key(account), group))
        if cash_e6:
            self.operate(Deposit(account, cash_e6))

    def place(self, account: int, side: int, price: int, qty: int, **fields) -> Sequence[Event]:
        """Place an order, on PERP unless told, and return the events."""
        fields = {"instrument": PERP} | fields
        return self.do(account, PlaceOrder(side=side, price_ticks=price, qty_lots=qty, **fields))

    def rest(self, account: int, side: int, price: int, qty: int, **fields) -> int:
        """Place an order that must be accepted, and return its order_id."""
        return only(self.place(account, side, price, qty, **fields), OrderAccepted).order_id

    def refused(self, account: int, side: int, price: int, qty: int, **fields) -> Code:
        """Place an order that must be refused, and return the code."""
        return code_of(self.place(account, side, price, qty, **fields))

    def trade(self, buyer: int, seller: int, price: int, qty: int, instrument: int = PERP) -> None:
        """Let two accounts trade; the book must be empty around the price."""
        self.rest(seller, SELL, price, qty, instrument=instrument)
        self.rest(buyer, BUY, price, qty, instrument=instrument, tif=2)

    def create(self, instrument: int, symbol: str, **limits: int) -> Event:
        """Create an instrument of a dollar per tick, one unit per lot, without a mark."""
        limits = {"max_price_ticks": 100_000} | limits
        multipliers = (USD, 10**8, 10**8)
        return self.operate(
            CreateInstrument(instrument, symbol, *multipliers, TradingLimits(**limits))
        )

    def protect(self, account: int, underlying: str = "BTC", **limits: int) -> Event:
        """Configure MMP for a second, with limits out of reach unless given."""
        limits = {"interval_ms": 1000, "frozen_ms": 0, "qty_limit_e8": 2**61} | limits
        (event,) = self.do(account, SetMmpConfig(underlying, **limits))
        return event

    def order(self, order_id: int) -> Order | None:
        return self.core.orders.get(order_id)

    def cash(self, account: int) -> int:
        return self.core.accounts.must(account).cash_e6

    def position(self, account: int, instrument: int = PERP) -> tuple[int, int]:
        """Return (lots, cost)."""
        found = self.core.positions.get((account, instrument)) or Position((0, 0), 0, 0)
        return found.qty_lots, found.cost_e6

    def leave(self, account: int, cash_e6: int) -> None:
        """Withdraw all cash but this much."""
        events = self.do(account, Withdraw(self.cash(account) - cash_e6))
        assert [] == of(events, CommandRejected)

    def records(self) -> list[Record]:
        """Return all records but the nonces, which also a refused command burns."""
        return [each for each in sorted_records(self.state) if each[0] != EntityKind.NONCES]

    def refuse(self, account: int, action) -> Code:
        """Ask for what must be refused and change nothing else, and return the code."""
        before = self.records()
        code = code_of(self.do(account, action))
        assert before == self.records()
        return code

    def reloaded(self) -> "World":
        """Return a twin whose state is loaded from a dump of this one's."""
        twin = World(is_empty=True)
        twin.state = load(MACHINE, self.genesis, dump(self.state))
        twin.genesis, twin.now_ns, twin.nonce = self.genesis, self.now_ns, self.nonce
        assert self.records() == twin.records()
        return twin

    def mark(self, instrument: int, price: int) -> Event:
        """Mark an instrument at a price in dollars."""
        return self.operate(UpdateMarkPrice(instrument, price * USD))

    def index(self, underlying: str, price: int, *, at_ns: int) -> Event:
        """Set an index in dollars at a time, however far ahead."""
        self.jump(at_ns)
        return self.operate(UpdateIndexPrice(underlying, price * USD), at_ns=at_ns)

    def verify(self) -> None:
        verify(self.state)


def of(events: Sequence[Event], kind: type[E]) -> list[E]:
    """Return the events of one type."""
    return [event for event in events if isinstance(event, kind)]


def only(events: Sequence[Event], kind: type[E]) -> E:
    """Return the one event of a type."""
    (event,) = of(events, kind)
    return event


def kinds(events: Sequence[Event]) -> list[str]:
    """Return the names of the events' types."""
    return [type(event).__name__ for event in events]


def code_of(events: Sequence[Event] | Event) -> Code:
    """Return the code of the one event, a refusal."""
    (event,) = [events] if isinstance(events, msgspec.Struct) else events
    assert isinstance(event, CommandRejected | OrderRejected), event
    return Code(event.code)

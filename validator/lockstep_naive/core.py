"""The naive state: parameters, clocks and twenty tables; nothing else is kept between commands.

`events` and `orders_before` belong to the command that is running. `copy` gives a whole second
state to try something out on.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from lockstep_engine.codes import Code, EntityKind, TimeInForce
from lockstep_engine.commands import ExchangeParams
from lockstep_engine.events import Event
from lockstep_kernel import Entity, Record, check
from lockstep_naive.rows import (
    Account,
    Agent,
    Book,
    FeeSchedule,
    Funding,
    IndexWindow,
    Instrument,
    Mark,
    Mmp,
    MmpFill,
    Model,
    Nonces,
    Order,
    Position,
    Request,
    RoleHolder,
    Settlement,
    Surface,
    Treasury,
    Underlying,
)
from lockstep_naive.table import Table

_CLOCKS = struct.Struct(">qIQQQQ")

Refusal = Code | None
"""Why something is refused; None if it is not."""


class Outcome(NamedTuple):
    """What a request is remembered with: the code (0: accepted) and the order it entered."""

    code: int
    order_id: int


DONE = Outcome(0, 0)


class Clocks(NamedTuple):
    """The clock, the rules in force, and the next number of each counter."""

    now_ns: int
    rules: int
    next_order_id: int = 1
    next_trade_id: int = 1
    next_arrival: int = 1
    next_request: int = 1


class _AnyTable(Protocol):
    """What the core does with all tables alike."""

    def records(self) -> Iterable[Record]: ...

    def restore(self, record: Record) -> None: ...

    def check_groups(self) -> None: ...


class NaiveCore:
    """The whole state. Tables are changed by `put` and `drop`, clocks by assigning new `Clocks`."""

    def __init__(self, params: ExchangeParams, time: Clocks) -> None:
        self.params = params
        self.time = time
        self.touched: list[Entity] = []
        self.events: list[Event] = []
        self.orders_before: dict[int, Order | None] = {}
        at = self.touched
        self.accounts: Table[int, Account] = Table(EntityKind.ACCOUNT, Account, at, {})
        self.agents: Table[tuple[int, bytes], Agent] = Table(EntityKind.AGENT, Agent, at, {})
        self.roles: Table[bytes, RoleHolder] = Table(EntityKind.ROLE, RoleHolder, at, {})
        self.nonces: Table[bytes, Nonces] = Table(EntityKind.NONCES, Nonces, at, {})
        self.requests: Table[tuple[int, bytes], Request] = Table(
            EntityKind.REQUEST, Request, at, {"account": lambda row: row.account}
        )
        self.underlyings: Table[str, Underlying] = Table(EntityKind.UNDERLYING, Underlying, at, {})
        self.instruments: Table[int, Instrument] = Table(EntityKind.INSTRUMENT, Instrument, at, {})
        self.books: Table[int, Book] = Table(EntityKind.BOOK, Book, at, {})
        self.orders: Table[int, Order] = Table(
            EntityKind.ORDER,
            Order,
            at,
            {
                "account": lambda row: row.account,
                "holding": lambda row: (row.account, row.instrument, row.side),
                "side": lambda row: (row.instrument, row.side),
                "timed": lambda row: row.tif == TimeInForce.GTD,
            },
        )
        self.positions: Table[tuple[int, int], Position] = Table(
            EntityKind.POSITION,
            Position,
            at,
            {"account": lambda row: row.account, "instrument": lambda row: row.instrument},
        )
        self.fee_schedules: Table[int, FeeSchedule] = Table(
            EntityKind.FEE_SCHEDULE, FeeSchedule, at, {}
        )
        self.treasuries: Table[int, Treasury] = Table(EntityKind.TREASURY, Treasury, at, {})
        self.marks: Table[int, Mark] = Table(EntityKind.MARK, Mark, at, {})
        self.surfaces: Table[tuple[str, int], Surface] = Table(EntityKind.SURFACE, Surface, at, {})
        self.mmps: Table[tuple[int, str], Mmp] = Table(EntityKind.MMP, Mmp, at, {})
        self.mmp_fills: Table[tuple[int, str, int], MmpFill] = Table(
            EntityKind.MMP_FILL, MmpFill, at, {"window": lambda row: row.window}
        )
        self.models: Table[str, Model] = Table(EntityKind.PORTFOLIO_MODEL, Model, at, {})
        self.windows: Table[str, IndexWindow] = Table(EntityKind.INDEX_WINDOW, IndexWindow, at, {})
        self.settlements: Table[tuple[str, int], Settlement] = Table(
            EntityKind.SETTLEMENT, Settlement, at, {}
        )
        self.fundings: Table[int, Funding] = Table(EntityKind.FUNDING, Funding, at, {})

    def clocks(self) -> bytes:
        """Pack the clock and the counters."""
        return _CLOCKS.pack(*self.time)

    def rules_version(self) -> int:
        """Return the version of the rules in force."""
        return self.time.rules

    @property
    def now_ns(self) -> int:
        """The clock of the state."""
        return self.time.now_ns

    def emit(self, event: Event) -> None:
        """Add an event to those of the running command."""
        self.events.append(event)

    def records(self) -> Iterable[Record]:
        """Yield the records of all tables."""
        for table in self._tables().values():
            yield from table.records()

    def restore(self, records: Iterable[Record]) -> None:
        """Put the rows of dumped records."""
        tables = self._tables()
        for record in records:
            check(record[0] in tables, f"expected a kind of record, found {record[0]!r}")
            tables[record[0]].restore(record)

    def check_groups(self) -> None:
        """Compare what the tables keep beside their rows with the rows."""
        for table in self._tables().values():
            table.check_groups()

    def copy(self) -> "NaiveCore":
        """Return an independent second state, without the events so far."""
        twin = NaiveCore(self.params, self.time)
        twin.accounts = self.accounts.copy()
        twin.agents = self.agents.copy()
        twin.roles = self.roles.copy()
        twin.nonces = self.nonces.copy()
        twin.requests = self.requests.copy()
        twin.underlyings = self.underlyings.copy()
        twin.instruments = self.instruments.copy()
        twin.books = self.books.copy()
        twin.orders = self.orders.copy()
        twin.positions = self.positions.copy()
        twin.fee_schedules = self.fee_schedules.copy()
        twin.treasuries = self.treasuries.copy()
        twin.marks = self.marks.copy()
        twin.surfaces = self.surfaces.copy()
        twin.mmps = self.mmps.copy()
        twin.mmp_fills = self.mmp_fills.copy()
        twin.models = self.models.copy()
        twin.windows = self.windows.copy()
        twin.settlements = self.settlements.copy()
        twin.fundings = self.fundings.copy()
        return twin

    def _tables(self) -> dict[int, _AnyTable]:
        """Return the tables by the kind of their records."""
        return {
            EntityKind.ACCOUNT: self.accounts,
            EntityKind.AGENT: self.agents,
            EntityKind.ROLE: self.roles,
            EntityKind.NONCES: self.nonces,
            EntityKind.REQUEST: self.requests,
            EntityKind.UNDERLYING: self.underlyings,
            EntityKind.INSTRUMENT: self.instruments,
            EntityKind.BOOK: self.books,
            EntityKind.ORDER: self.orders,
            EntityKind.POSITION: self.positions,
            EntityKind.FEE_SCHEDULE: self.fee_schedules,
            EntityKind.TREASURY: self.treasuries,
            EntityKind.MARK: self.marks,
            EntityKind.SURFACE: self.surfaces,
            EntityKind.MMP: self.mmps,
            EntityKind.MMP_FILL: self.mmp_fills,
            EntityKind.PORTFOLIO_MODEL: self.models,
            EntityKind.INDEX_WINDOW: self.windows,
            EntityKind.SETTLEMENT: self.settlements,
            EntityKind.FUNDING: self.fundings,
        }


def unpacked_clocks(packed: bytes) -> Clocks:
    """Return what `NaiveCore.clocks` packed; raise `InvariantError` for anything else."""
    check(len(packed) == _CLOCKS.size, f"expected {_CLOCKS.size} bytes of clocks")
    now_ns, rules, order_id, trade_id, arrival, request = _CLOCKS.unpack(packed)
    return Clocks(now_ns, rules, order_id, trade_id, arrival, request)

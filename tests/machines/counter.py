"""A counter with named cells and two rules versions: the smallest machine with everything in it.

Under rules 1 `Add` adds; under rules 2 it adds twice. A cell at 0 is absent.
"""

import struct
from collections.abc import Iterable, Sequence

import msgspec

from lockstep_kernel import Codec, Entity, Genesis, MalformedCommand, Record, check

CELL = 1
_CLOCKS = struct.Struct(">QQQ")


class Add(msgspec.Struct, frozen=True, array_like=True, tag=1, forbid_unknown_fields=True):
    """Add `amount` to a cell."""

    cell: str
    amount: int


class ActivateRules(
    msgspec.Struct, frozen=True, array_like=True, tag=2, forbid_unknown_fields=True
):
    """Switch the rules from the next command on."""

    rules_version: int


class Added(msgspec.Struct, frozen=True, array_like=True, tag=1, forbid_unknown_fields=True):
    """A cell changed to `total`."""

    cell: str
    total: int


class Refused(msgspec.Struct, frozen=True, array_like=True, tag=2, forbid_unknown_fields=True):
    """Nothing changed, for the reason `code`: 1 time went back, 2 rules went back."""

    code: int


class RulesActivated(
    msgspec.Struct, frozen=True, array_like=True, tag=3, forbid_unknown_fields=True
):
    """The rules in force changed."""

    rules_version: int


class Cell(Entity):
    """One named integer."""

    __slots__ = ("name", "value")

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.value = 0

    def record(self) -> Record | None:
        return (CELL, self.name, self.value) if self.value else None


class CounterCore:
    """The counter's state: cells, clock, count of additions, and the sum as a derived value."""

    def __init__(self, rules: int) -> None:
        self.touched: list[Entity] = []
        self.cells: dict[str, Cell] = {}
        self.now_ns = 0
        self.additions = 0
        self.rules = rules
        self.sum = 0

    def clocks(self) -> bytes:
        return _CLOCKS.pack(self.now_ns, self.additions, self.rules)

    def rules_version(self) -> int:
        return self.rules

    def add(self, name: str, amount: int) -> int:
        cell = self.cells.get(name)
        if cell is None:
            cell = self.cells[name] = Cell(name)
        cell.value += amount
        self.sum += amount
        if not cell.is_touched:
            cell.is_touched = True
            self.touched.append(cell)
        return cell.value


class CounterMachine:
    """The machine; its genesis parameters must be empty."""

    name = "counter"
    rules_versions = range(1, 3)
    codec = Codec((Add, ActivateRules), (Added, Refused, RulesActivated))

    def genesis(self, rules_version: int, params: bytes) -> CounterCore:
        if params:
            raise MalformedCommand(f"expected no parameters, found {len(params)} bytes")
        return CounterCore(rules_version)

    def step(
        self, core: CounterCore, ts_ns: int, command: msgspec.Struct
    ) -> Sequence[msgspec.Struct]:
        if ts_ns < core.now_ns:
            return [Refused(1)]
        core.now_ns = ts_ns
        if isinstance(command, ActivateRules):
            if command.rules_version <= core.rules:
                return [Refused(2)]
            core.rules = command.rules_version
            return [RulesActivated(core.rules)]
        core.additions += 1
        return [Added(command.cell, core.add(command.cell, command.amount * core.rules))]

    def rules_required(self, command: msgspec.Struct) -> int:
        return command.rules_version if isinstance(command, ActivateRules) else 0

    def entities(self, core: CounterCore) -> Iterable[Record]:
        for cell in core.cells.values():
            record = cell.record()
            if record is not None:
                yield record

    def restore(self, params: bytes, clocks: bytes, records: Iterable[Record]) -> CounterCore:
        now_ns, additions, rules = _CLOCKS.unpack(clocks)
        core = CounterCore(rules)
        core.now_ns, core.additions = now_ns, additions
        for kind, name, value in records:
            check(kind == CELL, f"expected a cell, found kind {kind}")
            core.add(name, value)
        return core

    def verify(self, core: CounterCore) -> None:
        total = sum(cell.value for cell in core.cells.values())
        check(core.sum == total, f"sum is {core.sum}, recomputed {total}")


COUNTER = CounterMachine()


def counter_genesis(rules_version: int = 1, digest_every: int = 1) -> Genesis:
    """Return a genesis of the counter."""
    return Genesis("counter", rules_version, digest_every, b"")

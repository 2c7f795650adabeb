"""The exchange as a machine of the kernel: `MACHINE`, and read-only views of its state."""

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Final, get_args

import msgspec

from lockstep_engine.codes import EntityKind
from lockstep_engine.commands import ActivateRules, Command, ExchangeParams
from lockstep_engine.derived import derived_values
from lockstep_engine.events import Event
from lockstep_engine.invariants import check_all
from lockstep_engine.labels import label
from lockstep_engine.lifecycle.expiry import orders_of
from lockstep_engine.margin_report import MarginReport, MarginTotals
from lockstep_engine.preview import OrderPreview
from lockstep_engine.restore import genesis_core, restored_core
from lockstep_engine.state import ExchangeCore
from lockstep_engine.step import step
from lockstep_engine.views import (
    AccountView,
    MmpView,
    OrderView,
    PositionView,
    account,
    best,
    depth,
    explanation,
    margin_report,
    order,
    preview,
    tables,
)
from lockstep_kernel.codec import Codec
from lockstep_kernel.entity import Entity, Record
from lockstep_kernel.errors import check
from lockstep_kernel.values import Genesis

__all__ = [
    "MACHINE",
    "AccountView",
    "ExchangeMachine",
    "MarginReport",
    "MarginTotals",
    "MmpView",
    "OrderPreview",
    "OrderView",
    "PositionView",
    "account",
    "best",
    "depth",
    "exchange_genesis",
    "margin_report",
    "order",
    "preview",
]

# Bound here once: the compiled build looks up any other global by name at each use.
_command: Final = Command
_activate_rules: Final = ActivateRules
MACHINE_NAME: Final = "exchange"
RULES_VERSION: Final = 1


class ExchangeMachine:
    """The exchange, rules version 1. Total: every well-formed command is answered by events."""

    name = MACHINE_NAME
    rules_versions = range(1, RULES_VERSION + 1)
    codec = Codec((Command,), get_args(Event))
    kind_names: ClassVar[dict[int, str]] = {int(kind): kind.name for kind in EntityKind}

    def genesis(self, rules_version: int, params: bytes) -> ExchangeCore:
        """Build the first core from canonical `ExchangeParams`."""
        return genesis_core(rules_version, params)

    def step(self, core: ExchangeCore, ts_ns: int, command: Command) -> Sequence[msgspec.Struct]:
        """Carry out one command in place."""
        return step(core, ts_ns, command)

    def entities(self, core: ExchangeCore) -> Iterator[Record]:
        """Yield every record from every container."""
        for entity in _entities(core):
            record = entity.record()
            if record is not None:
                yield record

    def restore(self, params: bytes, clocks: bytes, records: Iterable[Record]) -> ExchangeCore:
        """Rebuild a core, with everything derived."""
        return restored_core(params, clocks, records)

    def verify(self, core: ExchangeCore) -> None:
        """Check all invariants, then rebuild every derived value and compare."""
        check_all(core)
        params = msgspec.msgpack.encode(core.params)
        records = list(self.entities(core))
        expected = derived_values(restored_core(params, core.clocks(), records))
        found = derived_values(core)
        for name in sorted(expected.keys() | found.keys()):
            was, now = found.get(name), expected.get(name)
            check(was == now, f"{name}: derived value is {was}, rebuilt {now}")

    def rules_required(self, command: msgspec.Struct) -> int:
        """Return the version that an ActivateRules names, 0 for everything else."""
        action = command.action if type(command) is _command else None
        return max(0, action.rules_version) if type(action) is _activate_rules else 0

    def views(self, core: ExchangeCore) -> dict[str, list[dict[str, object]]]:
        """Return books, accounts and all that stands beside them as named tables."""
        return tables(core)

    def label(self, struct: str, field: str, value: int) -> str:
        """Return what a number in a field of a command or event is called, empty if nothing."""
        return label(struct, field, value)

    def explain(self, core: ExchangeCore, subject: str) -> dict[str, list[dict[str, object]]]:
        """Return what made the margin of an account, given by its number, as named tables."""
        return explanation(core, subject)


def exchange_genesis(params: ExchangeParams, digest_every: int = 1) -> Genesis:
    """Return the genesis of an exchange with these parameters."""
    return Genesis(MACHINE_NAME, RULES_VERSION, digest_every, msgspec.msgpack.encode(params))


def _entities(core: ExchangeCore) -> Iterator[Entity]:
    yield core.treasury
    yield from core.fee_schedules.values()
    yield from core.roles.values()
    yield from core.nonces.values()
    for underlying in core.underlyings.values():
        yield underlying
        if underlying.model is not None:
            yield underlying.model
    yield from core.surfaces.values()
    yield from core.windows.values()
    yield from core.settlements.values()
    yield from core.fundings.values()
    for requests in core.requests.values():
        yield from requests.values()
    for owner in core.accounts.values():
        yield owner
        yield from owner.agents.values()
        yield from owner.holdings.values()
        for mmp in owner.mmps.values():
            yield mmp
            yield from mmp.window
    for instrument in core.instruments.values():
        yield instrument
        yield instrument.counter
        yield instrument.mark
        yield from orders_of(instrument.bids)
        yield from orders_of(instrument.asks)


MACHINE: Final = ExchangeMachine()

"""The desk as a machine of the kernel: `MACHINE`, entry point `desk`.

The exchange's own journal, sequencer, replay and validator run it; they know it by its name only.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Final, get_args

import msgspec

from lockstep_desk.core.codes import EntityKind
from lockstep_desk.core.commands import ActivateRules
from lockstep_desk.core.events import Event
from lockstep_desk.core.invariants import check_all
from lockstep_desk.core.params import DeskParams, encode_params
from lockstep_desk.core.restore import genesis_core, restored_core
from lockstep_desk.core.state import DeskCore
from lockstep_desk.core.step import HANDLERS, step
from lockstep_desk.core.views import label, tables
from lockstep_kernel.codec import Codec
from lockstep_kernel.entity import Entity, Record
from lockstep_kernel.values import Genesis

MACHINE_NAME: Final = "desk"
RULES_VERSION: Final = 1


class DeskMachine:
    """The desk, rules version 1. Total: every well-formed command is answered by events."""

    name = MACHINE_NAME
    rules_versions = range(1, RULES_VERSION + 1)
    codec = Codec(tuple(HANDLERS), get_args(Event))
    kind_names: ClassVar[dict[int, str]] = {int(kind): kind.name for kind in EntityKind}

    def genesis(self, rules_version: int, params: bytes) -> DeskCore:
        """Build the first core from canonical `DeskParams`."""
        return genesis_core(rules_version, params)

    def step(self, core: DeskCore, ts_ns: int, command: msgspec.Struct) -> Sequence[msgspec.Struct]:
        """Carry out one command in place."""
        return step(core, ts_ns, command)

    def entities(self, core: DeskCore) -> Iterator[Record]:
        """Yield every record from every container."""
        for entity in _entities(core):
            record = entity.record()
            if record is not None:
                yield record

    def restore(self, params: bytes, clocks: bytes, records: Iterable[Record]) -> DeskCore:
        """Rebuild a core, with everything derived."""
        return restored_core(params, clocks, records)

    def verify(self, core: DeskCore) -> None:
        """Check every invariant, then rebuild every derived value and compare."""
        check_all(core)

    def rules_required(self, command: msgspec.Struct) -> int:
        """Return the version that an ActivateRules names, 0 for everything else."""
        return max(0, command.rules_version) if type(command) is ActivateRules else 0

    def views(self, core: DeskCore) -> dict[str, list[dict[str, object]]]:
        """Return positions, orders and all that stands beside them as named tables."""
        return tables(core)

    def label(self, struct: str, field: str, value: int) -> str:
        """Return what a number in a field of a command or event is called, empty if nothing."""
        return label(struct, field, value)


def desk_genesis(params: DeskParams, digest_every: int = 1) -> Genesis:
    """Return the genesis of a desk with these parameters."""
    return Genesis(MACHINE_NAME, RULES_VERSION, digest_every, encode_params(params))


def _entities(core: DeskCore) -> Iterator[Entity]:
    yield core.desk
    yield from core.venues.values()
    yield from core.accounts.values()
    yield from core.instruments.values()
    yield from core.markets.values()
    yield from core.deployments.values()
    yield from core.live.values()
    yield from core.ended.values()
    yield from core.books.values()
    yield from core.balances.values()
    yield from core.fees.values()
    yield from core.fundings.values()
    yield from core.limited.values()
    for notes in core.fills.values():
        yield from notes.values()
    yield from core.divergences.values()
    yield from core.reconciliation.entities()


MACHINE: Final = DeskMachine()

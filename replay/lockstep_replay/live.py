"""A journal that is being written: its owner, its recovered state and its sequencer in one."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from lockstep_journal import (
    MapPolicy,
    Outlets,
    Owner,
    Sequencer,
    SnapshotPolicy,
    create,
    open_owner,
)
from lockstep_kernel import Genesis, Machine
from lockstep_replay.recovery import recover_from


class LiveOptions(msgspec.Struct, frozen=True):
    """How a journal is written. `keeps_events` counts when it is created only.

    `tell` gets a sentence for the operator if an older owner keeps this one waiting.
    """

    outlets: Outlets = Outlets()
    snapshots: SnapshotPolicy = SnapshotPolicy()
    map_policy: MapPolicy = MapPolicy()
    keeps_events: bool = False
    tell: Callable[[str], object] | None = None


DEFAULT_OPTIONS = LiveOptions()


class Live:
    """Ready to take commands. Use it as a context manager; `close` lets the next owner in."""

    def __init__(
        self, owner: Owner, machine: Machine, clock: Callable[[], int], options: LiveOptions
    ) -> None:
        self.owner = owner
        state, self.recovery = recover_from(owner, machine)
        owner.claim()
        self.sequencer = Sequencer(state, owner, clock, options.outlets, options.snapshots)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the journal; harmless when repeated."""
        self.owner.close()


def begin(
    directory: str | Path,
    machine: Machine,
    genesis: Genesis,
    clock: Callable[[], int],
    options: LiveOptions = DEFAULT_OPTIONS,
) -> Live:
    """Create a journal and be its owner; raises what `create` raises."""
    owner = create(directory, machine, genesis, options.keeps_events, options.map_policy)
    return _live(owner, machine, clock, options)


def resume(
    directory: str | Path,
    machine: Machine,
    clock: Callable[[], int],
    options: LiveOptions = DEFAULT_OPTIONS,
) -> Live:
    """Open a journal as its owner, recover, and go on; raises what these raise.

    A journal that does not recover is not written to.
    """
    owner = open_owner(directory, machine, options.map_policy, options.tell)
    return _live(owner, machine, clock, options)


def _live(owner: Owner, machine: Machine, clock: Callable[[], int], options: LiveOptions) -> Live:
    try:
        return Live(owner, machine, clock, options)
    except BaseException:
        owner.close()
        raise

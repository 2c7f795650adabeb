"""A replica: the desk's state, made again from the audit stream ([DESK-64]).

It runs the journaled commands through the same machine and compares every hash, so nothing that a
hook or a strategy did is missing from it ([DESK-D12]). A gap in the stream needs a new snapshot.
"""

from collections.abc import Iterable

from lockstep_desk.core.outputs import (
    FeedEnded,
    Journaled,
    Processed,
    SnapshotTaken,
    is_terminal,
)
from lockstep_desk.types import AuditTick
from lockstep_kernel.chain import State, apply
from lockstep_kernel.errors import CannotRunError, DivergedError
from lockstep_kernel.registry import find_machine
from lockstep_kernel.snapshot import load


class OutOfOrderError(CannotRunError):
    """A tick is missing: the replica stays where it is, and goes on from a new snapshot."""


class StateReplica:
    """A state that follows ticks. `seq` is that of the last one taken."""

    def __init__(self, snapshot: AuditTick) -> None:
        self._state = _loaded(snapshot)
        self.seq: int = snapshot.seq
        self.is_ended = False

    @property
    def state(self) -> State:
        """The state after the last tick, for reading."""
        return self._state

    def follow(self, ticks: Iterable[AuditTick]) -> State:
        """Take ticks until one is terminal, and return the state then."""
        for tick in ticks:
            if self.is_ended:
                break
            self.take(tick)
        return self._state

    def take(self, tick: AuditTick) -> bool:
        """Take one tick; return False for one that was taken before.

        Raises `OutOfOrderError` for a gap, and `DivergedError` at the first hash that differs.
        """
        if tick.seq <= self.seq:
            return False
        if tick.seq != self.seq + 1:
            raise OutOfOrderError(f"audit stream: expected tick {self.seq + 1}, found {tick.seq}")
        if isinstance(tick.event, SnapshotTaken):
            self._state = _loaded(tick)
        elif isinstance(tick.event, Processed | FeedEnded):
            for done in tick.event.journaled:
                self._apply(done)
        self._compare(tick.state_hash, f"tick {tick.seq}")
        self.seq = tick.seq
        self.is_ended = is_terminal(tick)
        return True

    def _apply(self, done: Journaled) -> None:
        if done.seq != self._state.seq + 1:
            expected = self._state.seq + 1
            raise OutOfOrderError(f"audit stream: expected command {expected}, found {done.seq}")
        command = self._state.machine.codec.decode(done.ts_ns, done.body)
        self._state, _events, _hash = apply(self._state, command)
        self._compare(done.hash, f"command {done.seq}")

    def _compare(self, expected: bytes, where: str) -> None:
        found = self._state.hash
        if found != expected:
            raise DivergedError(
                f"{where}: expected hash {expected.hex()}, the replica has {found.hex()}",
                self._state.seq,
            )


def _loaded(tick: AuditTick) -> State:
    if not isinstance(tick.event, SnapshotTaken):
        found = type(tick.event).__name__
        raise OutOfOrderError(f"tick {tick.seq}: expected a snapshot to begin from, found {found}")
    genesis = tick.event.genesis
    return load(find_machine(genesis.machine), genesis, tick.event.dump)

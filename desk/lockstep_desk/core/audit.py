"""The audit stream: one tick for everything that the engine did, numbered without a gap.

Owns the numbers. Each tick takes the next one, the snapshot too ([DESK-60]). Whoever listens may
die: the first tick that cannot be sent is the last that is tried, and the desk goes on ([DESK-63]).
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from lockstep_desk.core.outputs import Output, SnapshotTaken
from lockstep_desk.types import AuditTick
from lockstep_kernel.chain import State
from lockstep_kernel.snapshot import dump


class AuditSink(Protocol):
    """Takes ticks, in order."""

    def send(self, tick: AuditTick) -> None:
        """Take one tick; raise if nobody takes it any more."""
        ...


class MemoryAudit:
    """Keeps every tick."""

    def __init__(self) -> None:
        self.ticks: list[AuditTick] = []

    def send(self, tick: AuditTick) -> None:
        """Keep a tick."""
        self.ticks.append(tick)


class Auditor:
    """Numbers ticks and sends them, as long as somebody takes them.

    `failure` says of what the first tick that was not taken died; it is None while none did.
    """

    __slots__ = ("_sink", "failure", "next_seq")

    def __init__(self, sink: AuditSink | None = None, first_seq: int = 0) -> None:
        self._sink = sink
        self.failure: str | None = None
        self.next_seq = first_seq

    @property
    def is_listened_to(self) -> bool:
        """Whether somebody takes ticks."""
        return self._sink is not None

    def snapshot(self, state: State) -> AuditTick:
        """Send the whole state, from which a replica can begin. O(entities)."""
        event = SnapshotTaken(state.genesis, state.seq, dump(state))
        return self.tick(event, state, (), ())

    def tick(
        self,
        event: msgspec.Struct,
        state: State,
        outputs: Sequence[Output],
        errors: Sequence[str],
    ) -> AuditTick:
        """Make the next tick and send it; `state` is the one after the event."""
        tick = AuditTick(
            seq=self.next_seq,
            ts_ns=state.ts_ns,
            event=event,
            outputs=tuple(outputs),
            errors=tuple(errors),
            state_hash=state.hash,
        )
        self.next_seq += 1
        if self._sink is not None:
            try:
                self._sink.send(tick)
            except Exception as error:  # noqa: BLE001  # an auditor that dies must not stop the desk
                self._sink = None
                self.failure = f"tick {tick.seq}: {type(error).__name__}: {error}"
        return tick

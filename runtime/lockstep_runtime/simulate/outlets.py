"""What a sequencer publishes to: sinks that are watched, slow or dying, and a subscriber.

Each checks with the referee that what it gets is durable, right, and next in order.
"""

from collections.abc import Callable, Sequence

import msgspec

from lockstep_journal import StreamPublisher
from lockstep_kernel import FrameType, Genesis, JournalRecord, State, StreamReader, dump
from lockstep_runtime.simulate.disk import Process
from lockstep_runtime.simulate.faults import Board, Fault
from lockstep_runtime.simulate.referee import Referee, Violation


class Sink:
    """A sink that is watched. It may die, or cost time."""

    def __init__(self, referee: Referee, board: Board, wait: Callable[[], None] | None) -> None:
        self._referee = referee
        self._board = board
        self._wait = wait
        self.next_seq = 0
        self.is_dead = False

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        """Take the events of command `seq`."""
        if self.is_dead or seq != self.next_seq:
            raise SinkViolation(f"INV-2: a sink got {seq}, expected {self.next_seq}")
        if self._wait is not None and self._board.fires(Fault.SLOW_SINK):
            self._wait()
        if self._wait is None and self._board.fires(Fault.DYING_SINK):
            self.is_dead = True
            raise ConnectionError("the sink is gone")
        watched(self._referee.emitted, seq, events)
        self.next_seq = seq + 1


class SinkViolation(BaseException):
    """A violation that the sequencer must not take for a failure of its sink."""


class Subscriber:
    """The far end of a publisher's stream, and the publisher's own link to it."""

    def __init__(self, referee: Referee, board: Board, process: Process) -> None:
        self._referee = referee
        self._board = board
        self._process = process
        self._publisher: StreamPublisher | None = None
        self._received: list[bytes] = []
        self._reader: StreamReader | None = None
        self.seq = 0
        self.is_dead = False

    def connect(self, genesis: Genesis, state: State) -> None:
        """Begin a stream where the state is."""
        snapshot = dump(state) if state.seq else None
        self._publisher = StreamPublisher(self._received.append, genesis, snapshot)
        self.seq = state.seq
        self._reader = StreamReader(self._read, is_open=True)

    def publish(self, seq: int, record: JournalRecord) -> None:
        """Send a record, and read it at the far end."""
        if self._publisher is None or self.is_dead:
            raise SinkViolation("INV-2: a publisher was used before or after its time")
        if self._board.fires(Fault.KILL_OUTSIDE):
            raise self._process.die()
        if self._board.fires(Fault.DYING_PUBLISHER):
            self.is_dead = True
            raise BrokenPipeError("the link is broken")
        watched(self._referee.published, seq, record)
        self._publisher.publish(seq, record)
        self._receive()

    def _receive(self) -> None:
        if self._reader is None:
            return
        for kind, seq, payload in self._reader.frames():
            if kind == FrameType.RECORD:
                if seq != self.seq + 1:
                    raise SinkViolation(f"INV-2: a subscriber read {seq} after {self.seq}")
                watched(self._referee.followed, seq, payload)
                self.seq = seq

    def _read(self, _size: int) -> bytes:
        data = b"".join(self._received)
        self._received.clear()
        return data


def watched(check: Callable[..., None], *arguments: object) -> None:
    """Run a check of the referee within an outlet, so that its violation gets out."""
    try:
        check(*arguments)
    except Violation as violation:
        raise SinkViolation(str(violation)) from None

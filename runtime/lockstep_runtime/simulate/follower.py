"""A follower: another process that reads the journal beside its writer, as a stream.

It uses the product's reader and exporter at the near end and its stream reader at the far one. Its
connection is cut, its machine loses power with the writer's; it goes on from what it has.
"""

from pathlib import Path

from lockstep_journal import Exporter, Journal
from lockstep_kernel import Fault as ProductFault
from lockstep_kernel import FrameType, StreamReader, TornTailError
from lockstep_runtime.simulate.disk import Disk, Process
from lockstep_runtime.simulate.faults import Board, Fault, Reached
from lockstep_runtime.simulate.referee import Referee, Violation
from lockstep_runtime.simulate.store import SimulatedEnvironment

PLACE = Path("a simulated journal")
_FRAME_BYTES = 25
"""A frame's head, its check, and the check of what it holds."""


class Follower:
    """Reads what is durable, in order, without a gap; keeps the last sequence number it has."""

    def __init__(self, disk: Disk, board: Board, referee: Referee) -> None:
        self._disk = disk
        self._board = board
        self._referee = referee
        self._journal: Journal | None = None
        self._exporter: Exporter | None = None
        self._reader: StreamReader | None = None
        self._buffer = b""
        self._place = 0
        self.seq = 0

    def disconnect(self) -> None:
        """Lose the connection."""
        self._journal = self._exporter = self._reader = None
        self._buffer = b""

    def go_on(self) -> None:
        """Read what is new; connect first if need be."""
        try:
            if self._exporter is None:
                self._connect()
            self._pull()
        except ProductFault as fault:
            if not self._disk.has_lied:
                raise Violation(f"INV-4: a sound journal cannot be followed: {fault}") from None
            self._board.reach(Reached.FOLLOWER_STOPPED)
            self.disconnect()

    def _connect(self) -> None:
        environment = SimulatedEnvironment(self._disk, Process(), 1 << 40)
        journal = Journal(environment, PLACE)
        exporter = Exporter(journal, self._write)
        start = exporter.begin(self.seq + 1)
        if start > self.seq:
            raise Violation(f"INV-2: a follower that has {self.seq} was begun after {start}")
        if self.seq:
            self._board.reach(Reached.FOLLOWER_RESUMED)
        self._journal, self._exporter = journal, exporter
        self._reader = StreamReader(self._read, is_open=True)
        self._place = start

    def _pull(self) -> None:
        journal, exporter, reader = self._journal, self._exporter, self._reader
        if journal is None or exporter is None or reader is None:
            return
        exporter.send_to(journal.end().last_seq)
        is_cut = self._cut(journal.end().last_seq)
        try:
            for kind, seq, payload in reader.frames():
                self._take(kind, seq, payload)
        except TornTailError as torn:
            if torn.seq != self._place + 1:
                raise Violation(
                    f"INV-4: torn after {self._place}, named was {torn.seq}: {torn}"
                ) from None
            self._board.reach(Reached.STREAM_TORN)
            self.disconnect()
        else:
            if is_cut:
                raise Violation(f"INV-4: a stream torn after {self._place} was taken for whole")

    def _cut(self, last_seq: int) -> bool:
        """Lose the end of the last frame, now and then, and say whether."""
        if not last_seq or len(self._buffer) <= _FRAME_BYTES:
            return False
        frame = _FRAME_BYTES + len(self._referee.kept_at(last_seq, "the frame of").raw)
        if frame > len(self._buffer) or not self._board.fires(Fault.CUT_STREAM):
            return False
        self._buffer = self._buffer[: -self._board.dice.randrange(1, frame)]
        return True

    def _take(self, kind: int, seq: int, payload: bytes) -> None:
        if kind == FrameType.SNAPSHOT:
            self._place = seq
        if kind != FrameType.RECORD:
            return
        if seq != self._place + 1:
            raise Violation(f"INV-2: a follower read {seq} after {self._place}")
        self._referee.followed(seq, payload)
        self._place = seq
        self.seq = max(self.seq, seq)

    def _write(self, data: bytes) -> None:
        self._buffer += data

    def _read(self, _size: int) -> bytes:
        data, self._buffer = self._buffer, b""
        return data

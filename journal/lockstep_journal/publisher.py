"""A publisher that writes the portable stream, to a file or a socket."""

from collections.abc import Callable

from lockstep_kernel import (
    Genesis,
    JournalRecord,
    StreamWriter,
    check,
    genesis_hash,
    pack_record,
    read_head,
)


class StreamPublisher:
    """Writes each record as a frame of the portable stream, which `close` ends.

    A publisher that joins later begins with a snapshot. `write` must take all bytes or raise.
    """

    def __init__(
        self, write: Callable[[bytes], object], genesis: Genesis, snapshot: bytes | None = None
    ) -> None:
        self._stream = StreamWriter(write, genesis)
        self._seq, self._hash = 0, genesis_hash(genesis)
        if snapshot is not None:
            head = read_head(snapshot)
            self._seq, self._hash = head.seq, head.hash
            self._stream.snapshot(head.seq, snapshot)

    def publish(self, seq: int, record: JournalRecord) -> None:
        """Write the record of command `seq`, which must follow the one before."""
        check(
            seq == self._seq + 1 and record.previous == self._hash,
            f"expected record {self._seq + 1} with the link {self._hash.hex()}, "
            f"found {seq} with {record.previous.hex()}",
        )
        self._stream.record(
            seq,
            pack_record(seq, record.epoch, record.ts_ns, record.previous, record.hash, record.body),
        )
        self._seq, self._hash = seq, record.hash

    def head(self, size: int, note: bytes) -> None:
        """Write a signed head of the records that were published so far."""
        check(size == self._seq, f"expected a head of {self._seq}, found one of {size}")
        self._stream.head(size, note)

    def close(self) -> None:
        """Write the end frame."""
        self._stream.end(self._seq, self._hash)

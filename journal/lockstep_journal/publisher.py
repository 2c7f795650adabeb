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
    Nothing of an owner older than that of the record before is written: it was fenced.
    """

    def __init__(
        self, write: Callable[[bytes], object], genesis: Genesis, snapshot: bytes | None = None
    ) -> None:
        self._stream = StreamWriter(write, genesis)
        self._seq, self._epoch = 0, 0
        self._hash = genesis_hash(genesis)
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
        check(
            record.epoch >= self._epoch,
            f"record {seq}: expected epoch {self._epoch} or later, found {record.epoch}",
        )
        self._stream.record(
            seq,
            pack_record(seq, record.epoch, record.ts_ns, record.previous, record.hash, record.body),
        )
        self._seq, self._epoch, self._hash = seq, record.epoch, record.hash

    def head(self, size: int, note: bytes) -> None:
        """Write a signed head of the records that were published so far."""
        check(size == self._seq, f"expected a head of {self._seq}, found one of {size}")
        self._stream.head(size, note)

    def close(self) -> None:
        """Write the end frame."""
        self._stream.end(self._seq, self._hash)

"""The portable stream: genesis, records, events, snapshots, heads, end; every byte checked.

The module does no I/O: the caller gives `write` and `read`. docs/format.md draws the bytes. A
reader reports the first frame that is not what must stand there: `DamagedError` if bytes are wrong,
`TornTailError` if they stop.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Final, NoReturn

import msgspec
from xxhash import xxh3_64_digest, xxh3_64_intdigest

from lockstep_kernel.chain import HASH_BYTES
from lockstep_kernel.errors import DamagedError, TornTailError, UnsupportedError
from lockstep_kernel.values import FrameType, Genesis

STREAM_MAGIC: Final = b"LOCKSTEP"
STREAM_VERSION: Final = 1
FLAG_EVENTS: Final = 1

_HEADER: Final = struct.Struct(">8sHH")
_FRAME: Final = struct.Struct(">BIQ")
_CHECKED_FRAME: Final = struct.Struct(">BIQI")
_END_PAYLOAD: Final = struct.Struct(f">QQ{HASH_BYTES}s")
_HEADER_CHECK_BYTES: Final = 8
_FRAME_CHECK_BYTES: Final = 4
_PAYLOAD_CHECK_BYTES: Final = 8
_FRAME_BYTES: Final = _FRAME.size
_FRAME_HEAD_BYTES: Final = _FRAME_BYTES + _FRAME_CHECK_BYTES
_CHUNK_BYTES: Final = 1 << 20
# Bound here once: the compiled build looks up any other global by name at each use.
_unpack_frame: Final = _CHECKED_FRAME.unpack_from
_hash64: Final = xxh3_64_intdigest
_check_of: Final = xxh3_64_digest
_encode: Final = msgspec.msgpack.Encoder().encode
_genesis: Final = msgspec.msgpack.Decoder(Genesis)


Frame = tuple[int, int, bytes]
"""(type, seq, payload)."""

_TYPES: Final = frozenset(int(frame_type) for frame_type in FrameType)
_RECORD: Final = int(FrameType.RECORD)
_EVENTS: Final = int(FrameType.EVENTS)
_SNAPSHOT: Final = int(FrameType.SNAPSHOT)
_HEAD: Final = int(FrameType.HEAD)
_END: Final = int(FrameType.END)


class StreamWriter:
    """Writes one stream through `write(bytes)`, in order, and closes it with `end`."""

    def __init__(
        self, write: Callable[[bytes], object], genesis: Genesis, has_events: bool = False
    ) -> None:
        self._write = write
        self._count = 0
        header = _HEADER.pack(STREAM_MAGIC, STREAM_VERSION, FLAG_EVENTS if has_events else 0)
        write(header + xxh3_64_digest(header))
        write(pack_frame(FrameType.GENESIS, 0, _encode(genesis)))

    def snapshot(self, seq: int, snapshot: bytes) -> None:
        """Write a snapshot of the state after `seq`."""
        self._write(pack_frame(FrameType.SNAPSHOT, seq, snapshot))

    def record(self, seq: int, record: bytes) -> None:
        """Write the bytes of a record."""
        self._count += 1
        self._write(pack_frame(FrameType.RECORD, seq, record))

    def events(self, seq: int, encoded: bytes) -> None:
        """Write the encoded events of the record before."""
        self._write(pack_frame(FrameType.EVENTS, seq, encoded))

    def head(self, size: int, note: bytes) -> None:
        """Write a signed tree head of the first `size` records, which were written before."""
        self._write(pack_frame(FrameType.HEAD, size, note))

    def end(self, seq: int, hash_: bytes) -> None:
        """Write the end: how many records, the last sequence number and its hash."""
        self._write(pack_frame(FrameType.END, seq, _END_PAYLOAD.pack(self._count, seq, hash_)))


class StreamReader:
    """Reads one stream through `read(n)`, which returns b"" only when nothing more will come.

    After construction `genesis` and `has_events` are known. With `is_open` a stream may stop
    between frames without its end frame.
    """

    def __init__(self, read: Callable[[int], bytes], is_open: bool = False) -> None:
        self._read = read
        self._is_open = is_open
        self._buffer = b""
        self._offset = 0
        self._seq: int | None = None
        self._count = 0
        self._owes_events = False
        self.has_events = self._read_header()
        self.genesis = self._read_genesis()
        self._seq = 0

    def frames(self) -> Iterator[Frame]:
        """Yield all frames after the genesis, the end frame last; check the order of all."""
        while True:
            frame = self._next_frame()
            if frame is None:
                return
            self._check_order(frame)
            yield frame
            if frame[0] == FrameType.END:
                return

    def finish(self) -> None:
        """Check, after the end frame was yielded, that nothing follows it."""
        if self._fill(1):
            self._damaged("expected nothing after the end frame, found more bytes")

    def check_end(self, payload: bytes, seq: int, hash_: bytes) -> None:
        """Check the end frame against what was read: count, last sequence number, last hash."""
        if len(payload) != _END_PAYLOAD.size:
            self._damaged(f"end frame: expected {_END_PAYLOAD.size} bytes, found {len(payload)}")
        found = _END_PAYLOAD.unpack(payload)
        expected = (self._count, seq, hash_)
        if found != expected:
            self._damaged(
                f"end frame: expected {expected[0]} records up to {seq} with hash {hash_.hex()}, "
                f"found {found[0]} up to {found[1]} with hash {found[2].hex()}"
            )

    @property
    def next_seq(self) -> int | None:
        """The sequence number that must come next, None while in the header."""
        if self._seq is None:
            return None
        return self._seq if self._owes_events else self._seq + 1

    def _read_header(self) -> bool:
        size = _HEADER.size + _HEADER_CHECK_BYTES
        if not self._fill(size):
            if not STREAM_MAGIC.startswith(self._buffer[: len(STREAM_MAGIC)]):
                self._damaged(_foreign(self._buffer))
            self._torn("header")
        header = self._take(size)
        magic, version, flags = _HEADER.unpack_from(header)
        if magic != STREAM_MAGIC:
            self._damaged(_foreign(magic))
        if xxh3_64_digest(header[: _HEADER.size]) != header[_HEADER.size :]:
            self._damaged("check does not match its bytes")
        if version == 0:
            self._damaged(f"expected format {STREAM_VERSION}, found 0, which no release writes")
        if version != STREAM_VERSION or flags & ~FLAG_EVENTS:
            raise UnsupportedError(
                f"stream: expected format {STREAM_VERSION} with flags up to {FLAG_EVENTS}, "
                f"found format {version} with flags {flags}: run the release that has it"
            )
        return bool(flags & FLAG_EVENTS)

    def _read_genesis(self) -> Genesis:
        frame = self._next_frame()
        if frame is None:
            self._torn("genesis")
        if frame[0] != FrameType.GENESIS or frame[1] != 0:
            self._damaged(f"genesis: expected the genesis frame, found a frame of type {frame[0]}")
        try:
            genesis = _genesis.decode(frame[2])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._damaged(f"genesis: {error}")
        if _encode(genesis) != frame[2]:
            self._damaged("genesis: not canonical")
        return genesis

    def _check_order(self, frame: Frame) -> None:
        frame_type, seq, _payload = frame
        if self._owes_events:
            if frame_type != _EVENTS or seq != self._seq:
                self._damaged(f"expected the events of record {self._seq}")
            self._owes_events = False
        elif frame_type == _RECORD:
            if self._seq is None or seq != self._seq + 1:
                self._damaged(f"expected record {self.next_seq}, found record {seq}")
            self._seq = seq
            self._count += 1
            self._owes_events = self.has_events
        elif frame_type == _SNAPSHOT:
            if self._seq == 0 and self._count == 0:
                self._seq = seq
            elif seq != self._seq:
                self._damaged(f"expected a snapshot of {self._seq}, found one of {seq}")
        elif frame_type == _HEAD:
            if seq != self._seq:
                self._damaged(f"expected a head of {self._seq}, found one of {seq}")
        elif frame_type != _END:
            self._damaged(f"expected record {self.next_seq}, found a frame of type {frame_type}")
        elif seq != self._seq:
            self._damaged(f"expected the end at {self._seq}, found an end at {seq}")

    def _next_frame(self) -> Frame | None:
        if len(self._buffer) - self._offset < _FRAME_HEAD_BYTES and not self._fill(
            _FRAME_HEAD_BYTES
        ):
            self._check_stop()
            return None
        buffer, offset = self._buffer, self._offset
        frame_type, length, seq, check = _unpack_frame(buffer, offset)
        head = buffer[offset : offset + _FRAME_BYTES]
        if _hash64(head) >> 32 != check:
            self._damaged("frame head: check does not match its bytes")
        if frame_type not in _TYPES:
            if frame_type == 0:
                self._damaged("expected a known frame type, found 0, which no release writes")
            raise UnsupportedError(
                f"expected a known frame type, found {frame_type}: run the release that has it"
            )
        size: int = _FRAME_HEAD_BYTES + length + _PAYLOAD_CHECK_BYTES
        if len(buffer) - offset < size:
            if not self._fill(size):
                self._torn(f"frame of {length} bytes")
            buffer, offset = self._buffer, self._offset
        end = offset + size
        payload = buffer[offset + _FRAME_HEAD_BYTES : end - _PAYLOAD_CHECK_BYTES]
        if _check_of(head + payload) != buffer[end - _PAYLOAD_CHECK_BYTES : end]:
            self._damaged("frame: check does not match its bytes")
        self._offset = end
        return frame_type, seq, payload

    def _check_stop(self) -> None:
        is_between_frames = self._offset == len(self._buffer) and self._seq is not None
        if not (self._is_open and is_between_frames) or self._owes_events:
            self._torn("frame")

    def _fill(self, size: int) -> bool:
        """Have at least `size` bytes from the offset on; False if the source ends before."""
        while len(self._buffer) - self._offset < size:
            more = self._read(_CHUNK_BYTES)
            if not more:
                return False
            self._buffer = self._buffer[self._offset :] + more
            self._offset = 0
        return True

    def _take(self, size: int) -> bytes:
        data = self._buffer[self._offset : self._offset + size]
        self._offset += size
        return data

    def _damaged(self, what: str) -> NoReturn:
        raise DamagedError(f"{self._where()}: {what}", self.next_seq)

    def _torn(self, what: str) -> NoReturn:
        raise TornTailError(f"{self._where()}: the stream ends inside a {what}", self.next_seq)

    def _where(self) -> str:
        return "header" if self.next_seq is None else f"sequence {self.next_seq}"


def pack_frame(frame_type: int, seq: int, payload: bytes) -> bytes:
    """Return the bytes of one frame."""
    head = _FRAME.pack(frame_type, len(payload), seq)
    check = xxh3_64_digest(head)[:_FRAME_CHECK_BYTES]
    return head + check + payload + xxh3_64_digest(head + payload)


def _foreign(start: bytes) -> str:
    return (
        f"not a Lockstep stream: expected the bytes {STREAM_MAGIC.hex()} at the start, "
        f"found {start[: len(STREAM_MAGIC)].hex()}"
    )

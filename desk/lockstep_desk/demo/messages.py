"""What the host tells its director: one JSON object in a line, each with a tag.

Owns the wire between the two processes. A line that a kill cut short is no message.
"""

import msgspec

from lockstep_kernel import State


class Mark(msgspec.Struct, frozen=True):
    """Where a journal is: its last durable command and the hash after it, in hex."""

    seq: int
    hash: str


class Marks(msgspec.Struct, frozen=True):
    """Where both journals are."""

    desk: Mark
    exchange: Mark


class _Told(msgspec.Struct, frozen=True, tag_field="say"):
    """Base of all messages."""


class Opened(_Told, frozen=True, tag="opened"):
    """Both journals are open; of one that was there before, everything was recomputed."""

    marks: Marks
    replayed: int
    seconds: float


class Found(msgspec.Struct, frozen=True):
    """A divergence in a line; `is_of_stop` says whether it is the native stop's close."""

    text: str
    is_of_stop: bool


class Swept(_Told, frozen=True, tag="swept"):
    """The broker was asked for everything; `found` are the divergences."""

    why: str
    booked: int
    found: tuple[Found, ...]
    standing: int


class Happened(_Told, frozen=True, tag="happened"):
    """A part of the script happened: what, in one line."""

    part: str
    text: str


class Row(msgspec.Struct, frozen=True):
    """How one deployment stands; quantities at 1e-8, prices and money at 1e-9."""

    name: str
    instrument: str
    qty_e8: int
    mark_e9: int
    pnl_e9: int
    orders: int
    waiting: int


class Depth(msgspec.Struct, frozen=True):
    """How full a channel is, was at most, and what went through it."""

    name: str
    depth: int
    high_water: int
    put: int
    dropped: int


class Status(_Told, frozen=True, tag="status"):
    """How everything stands, some times a second."""

    marks: Marks
    moved: int
    events: int
    is_linked: bool
    is_trading: bool
    rows: tuple[Row, ...]
    channels: tuple[Depth, ...]
    workers: tuple[int, ...]
    died: int


class Ended(_Told, frozen=True, tag="ended"):
    """The demo came to its end, and both journals are closed."""

    marks: Marks


Message = Opened | Swept | Happened | Status | Ended

_decode = msgspec.json.Decoder(Message).decode
_encode = msgspec.json.Encoder().encode


def mark_of(state: State) -> Mark:
    """Return where a journal is whose newest state this is."""
    return Mark(state.seq, state.hash.hex())


def to_line(message: Message) -> bytes:
    """Return a message as a line."""
    return _encode(message) + b"\n"


def from_line(line: bytes) -> Message | None:
    """Return the message in a line, None for one that is cut short or none of ours."""
    if not line.endswith(b"\n"):
        return None
    try:
        message: Message = _decode(line)
    except msgspec.DecodeError:
        return None
    return message

"""Market events out of a recorded feed: best quotes and trades of Binance USD-M futures.

Owns the reading: line by line, plain or xz, never the whole file in memory. A line is a receive
time in nanoseconds and a JSON message, as in examples/data. Prices are taken from their decimal
text; a float is never made. What is not a quote or a trade is passed over; what is broken, or older
than the line before, is named with its file and line.
"""

import re
from collections.abc import Iterator
from lzma import LZMAError, LZMAFile
from pathlib import Path
from typing import IO

import msgspec

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.strategy.market import MarketEvent, MarketTrade, Quote
from lockstep_desk.types import Side
from lockstep_kernel import CannotRunError, DamagedError, LockstepError, TornTailError

_XZ_MAGIC = b"\xfd7zXZ\x00"
_LINE = re.compile(rb"(\d{1,19}) (\{.*\})")
_LINE_CUT = re.compile(rb"\d{1,19}( (\{.*)?)?")
_DECIMAL = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?")
_EXPECTED = "a time in ns and a JSON object"
_SHOWN = 60


class _Message(msgspec.Struct):
    """Of a message only what is needed; `b` and `a` are lists in other kinds of messages."""

    e: str = ""
    s: str = ""
    b: object = None
    B: object = None
    a: object = None
    A: object = None
    p: object = None
    q: object = None
    m: bool = False


class _Envelope(msgspec.Struct):
    data: _Message | None = None


_decoder = msgspec.json.Decoder(_Envelope)


def recorded(path: Path, limit: int | None = None) -> Iterator[MarketEvent]:
    """Yield the quotes and trades of the first `limit` lines of a recording, in their order.

    Raises `CannotRunError` if the file cannot be read or is no recording, `TornTailError` if it
    ends in the middle, `DamagedError` if a line or the xz container is broken, or a line is older
    than the one before.
    """
    found = False
    before_ns = 0
    for number, line in enumerate(_lines(path), 1):
        if limit is not None and number > limit:
            return
        ts_ns, event = _event(path, number, line)
        if ts_ns < before_ns:
            raise DamagedError(
                f"{path}: line {number}: expected a time from {before_ns} ns on, that of the line "
                f"before, found {ts_ns}",
                None,
            )
        before_ns = ts_ns
        if event is not None:
            found = True
            yield event
    if not found:
        raise CannotRunError(f"{path}: expected quotes or trades of a recorded feed, found none")


def decimal(text: object, digits: int) -> int:
    """Return a decimal text as an integer of 10^-digits; raise `InvalidValueError` if it is none.

    >>> decimal("61800.20", 9)
    61800200000000
    """
    match = _DECIMAL.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InvalidValueError(f"expected a decimal number as text, found {text!r:.40}")
    whole, fraction = match.groups(default="")
    if len(fraction.rstrip("0")) > digits:
        raise InvalidValueError(f"expected at most {digits} decimals, found '{text}'")
    return int(whole + fraction.ljust(digits, "0")[:digits])


def _event(path: Path, number: int, line: bytes) -> tuple[int, MarketEvent | None]:
    """Return the time of a line, and the event that it tells of if it is one."""
    match = _LINE.fullmatch(line)
    if match is None:
        raise _bad_line(path, number, line, _EXPECTED)
    ts_ns = int(match[1])
    try:
        message = _decoder.decode(match[2]).data
        return ts_ns, _event_of(message, ts_ns) if message else None
    except (msgspec.DecodeError, InvalidValueError) as error:
        raise _bad_line(path, number, line, f"a message of the feed ({error})") from None


def _event_of(message: _Message, ts_ns: int) -> MarketEvent | None:
    match message.e:
        case "bookTicker":
            return Quote(
                instrument=message.s,
                ts_ns=ts_ns,
                bid_e9=decimal(message.b, 9),
                bid_qty_e8=decimal(message.B, 8),
                ask_e9=decimal(message.a, 9),
                ask_qty_e8=decimal(message.A, 8),
            )
        case "trade":
            return MarketTrade(
                instrument=message.s,
                ts_ns=ts_ns,
                price_e9=decimal(message.p, 9),
                qty_e8=decimal(message.q, 8),
                side=Side.SELL if message.m else Side.BUY,
            )
        case _:
            return None


def _bad_line(path: Path, number: int, line: bytes, expected: str) -> DamagedError:
    shown = line[:_SHOWN].decode("ascii", "backslashreplace")
    return DamagedError(f"{path}: line {number}: expected {expected}, found '{shown}'", None)


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file without their ends, and name every way in which it can break."""
    number = 1
    try:
        with path.open("rb") as plain, _unpacked(plain) as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    raise _last_line(path, number, line)
                yield line[:-1]
    except EOFError:
        raise TornTailError(f"{path}: after line {number}: the xz file is cut off", None) from None
    except LZMAError as error:
        raise DamagedError(
            f"{path}: after line {number}: the xz file is corrupt: {error}", None
        ) from None
    except OSError as error:
        raise CannotRunError(f"{path}: cannot be read: {error.strerror or error}") from None


def _last_line(path: Path, number: int, line: bytes) -> LockstepError:
    """Return what is wrong with a line that has no end: cut off, if it begins as lines do."""
    if _LINE_CUT.fullmatch(line):
        return TornTailError(f"{path}: line {number}: the file ends inside it", None)
    return _bad_line(path, number, line, _EXPECTED)


def _unpacked(plain: IO[bytes]) -> IO[bytes]:
    head = plain.read(len(_XZ_MAGIC))
    is_xz = bool(head) and _XZ_MAGIC.startswith(head)
    plain.seek(0)
    return LZMAFile(plain) if is_xz else plain

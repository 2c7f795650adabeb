"""Reads a feed file line by line, plain or xz, and names every kind of bad end.

It never holds more than a few blocks of the file. Lines that stand whole before damage are all
given out before the fault is raised.
"""

import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from lockstep_kernel import CannotRunError, DamagedError, TornTailError

XZ_MAGIC = b"\xfd7zXZ\x00"
_BLOCK_BYTES = 1 << 16
_LINE_BYTES_MAX = 1 << 24
_TEXT_BYTES = b"\t\r" + bytes(range(32, 127))
_SHOWN_CHARACTERS = 80
_SHOWN_BYTES = 20

NumberedLine = tuple[int, bytes]
"""(line number from 1, the line without its end)."""


def numbered_lines(path: Path) -> Iterator[NumberedLine]:
    """Yield the lines of a file.

    Raises `CannotRunError` if it cannot be read, `TornTailError` if the last line or the xz
    container stops in the middle, and `DamagedError` if the container is corrupt.
    """
    number = 0
    pending: list[bytes] = []
    pending_bytes = 0
    for block in _guarded_blocks(path):
        if isinstance(block, Exception):
            raise _located(block, path, number + 1)
        lines = block.split(b"\n")
        pending.append(lines[0])
        pending_bytes += len(lines[0])
        if pending_bytes > _LINE_BYTES_MAX:
            raise CannotRunError(f"{path}: line {number + 1}: expected text, found no line end")
        if len(lines) == 1:
            continue
        lines[0] = b"".join(pending)
        pending = [lines.pop()]
        pending_bytes = len(pending[0])
        for line in lines:
            number += 1
            yield number, line
    rest = b"".join(pending)
    if rest:
        raise TornTailError(
            f"{path}: line {number + 1}: the file ends inside this line: {shown(rest)}", None
        )


def shown(line: bytes) -> str:
    """Return the start of a line for a message: text is quoted, anything else in hex.

    >>> shown(b"1,N"), shown(bytes(21))
    ("'1,N'", 'bytes 0000000000000000000000000000000000000000...')
    """
    start = line[:_SHOWN_CHARACTERS]
    if not start.translate(None, _TEXT_BYTES):
        return f"{start.decode('ascii')!r}" + ("..." if len(line) > len(start) else "")
    return f"bytes {line[:_SHOWN_BYTES].hex()}" + ("..." if len(line) > _SHOWN_BYTES else "")


def bad_line(path: Path, number: int, line: bytes, expected: str) -> CannotRunError:
    """Return the fault that names a line which is not what must stand there."""
    return CannotRunError(f"{path}: line {number}: expected {expected}, found {shown(line)}")


class _Torn(Exception):
    """The xz container ends too early."""


def _guarded_blocks(path: Path) -> Iterator[bytes | Exception]:
    """Yield blocks of text, and last the exception that ended the reading, if one did."""
    try:
        with path.open("rb") as file:
            is_xz = file.read(len(XZ_MAGIC)) == XZ_MAGIC
            file.seek(0)
            yield from _xz_blocks(file) if is_xz else _plain_blocks(file)
    except (OSError, lzma.LZMAError, _Torn) as error:
        yield error


def _plain_blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK_BYTES):
        yield block


def _xz_blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Decompress one or more xz streams."""
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ)
    while True:
        data = decompressor.unused_data if decompressor.eof else b""
        if decompressor.eof:
            decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ)
            data = data or file.read(_BLOCK_BYTES)
            if not data:
                return
        elif decompressor.needs_input:
            data = file.read(_BLOCK_BYTES)
            if not data:
                raise _Torn
        block = decompressor.decompress(data, _BLOCK_BYTES)
        if block:
            yield block


def _located(error: Exception, path: Path, number: int) -> Exception:
    """Return the fault that an exception while reading means, with file and line."""
    match error:
        case _Torn():
            return TornTailError(f"{path}: line {number}: the xz file is cut off here", None)
        case lzma.LZMAError():
            return DamagedError(f"{path}: line {number}: the xz file is corrupt: {error}", None)
        case OSError():
            return CannotRunError(f"{path}: cannot be read: {error.strerror or error}")
        case _:
            return error

"""A journal's file, changed by a short script of edits: what the target `journal` gets as bytes.

The first byte picks a golden journal. Then come edits of 12 bytes: what to do, a page, an offset in
it, and a value of 8 bytes. Edits through LMDB come first, with all checks made good again, as a
newer or forging writer would leave them; the others then change the bytes of the file.
"""

import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import lmdb
from xxhash import xxh3_64_digest

from lockstep_journal import layout
from lockstep_journal.environment import DATA_NAME
from tests.fuzz.frames import mutated_record, mutated_snapshot
from tests.fuzz.mutation import blind_of
from tests.golden.files import unpack_journal

PAGE = 4096
BASES = ("counter-switch", "counter-rules-1", "counter-sparse-digest")
_EDIT = struct.Struct(">BBH8s")
_PLACES = (
    *(0, 8, 10, 12, 14, 16, 18, 20, 24, 32, 40, 44, 46, 48, 56, 64, 72, 80),
    *(88, 92, 94, 96, 104, 112, 120, 128, 136, 144, PAGE - 8, PAGE - 100, PAGE - 400),
)
"""Where LMDB keeps the fields of a page's head, of the two meta pages and of the first nodes."""

SET, FLIP, SET_2, SET_8, ZERO, COPY, SWAP, CUT, GROW, ENTRY = range(10)
_ENTRY_SHARE = 4


class Edit(NamedTuple):
    """One edit."""

    what: int
    page: int
    offset: int
    value: bytes

    def bytes(self) -> bytes:
        """Return the edit as it stands in a script."""
        return _EDIT.pack(*self)


def script_of(data: bytes) -> tuple[str, list[Edit]]:
    """Return the base and the edits of a script."""
    base = BASES[data[0] % len(BASES)] if data else BASES[0]
    whole = (len(data) - 1) // _EDIT.size * _EDIT.size if data else 0
    edits = [Edit(what % 10, *rest) for what, *rest in _EDIT.iter_unpack(data[1 : 1 + whole])]
    return base, edits


def write_edited(data: bytes, directory: Path) -> None:
    """Make the journal that a script describes."""
    base, edits = script_of(data)
    unpack_journal(base, directory)
    for edit in edits:
        if edit.what == ENTRY:
            _edit_entry(directory, edit)
    (directory / "lock.mdb").unlink(missing_ok=True)
    path = directory / DATA_NAME
    content = bytearray(path.read_bytes())
    for edit in edits:
        _edit_bytes(content, edit)
    path.write_bytes(content)


def drawn_edit(draw: random.Random) -> Edit:
    """Return an edit at a place that matters."""
    what = ENTRY if draw.randrange(_ENTRY_SHARE) == 0 else draw.randrange(ENTRY)
    page = draw.randrange(24)
    offset = draw.choice(_PLACES) if draw.randrange(2) else draw.randrange(PAGE)
    value = draw.choice((draw.randbytes(8), bytes(8), bytes([draw.randrange(24)]) + bytes(7)))
    return Edit(what, page, offset, value)


def _edit_bytes(content: bytearray, edit: Edit) -> None:
    pages = max(1, len(content) // PAGE)
    page = edit.page % pages * PAGE
    other = edit.value[0] % pages * PAGE
    at = page + edit.offset % PAGE
    match edit.what:
        case 0 | 1 | 2 | 3 if at < len(content):
            _put(content, at, edit)
        case 4:
            content[page : page + PAGE] = bytes(len(content[page : page + PAGE]))
        case 5:
            content[page : page + PAGE] = content[other : other + PAGE]
        case 6:
            kept = content[page : page + PAGE]
            content[page : page + PAGE] = content[other : other + PAGE]
            content[other : other + PAGE] = kept
        case 7:
            del content[at:]
        case 8:
            content += bytes(edit.page % 8 * PAGE + edit.value[0])


def _put(content: bytearray, at: int, edit: Edit) -> None:
    match edit.what:
        case 0:
            content[at] = edit.value[0]
        case 1:
            content[at] ^= 1 << edit.value[0] % 8
        case _:
            new = edit.value[:2] if edit.what == SET_2 else edit.value
            content[at : at + len(new)] = new[: len(content) - at]


def _edit_entry(directory: Path, edit: Edit) -> None:
    """Delete, move or change one entry of a database, its checks made good."""
    name = layout.DATABASES[edit.page % len(layout.DATABASES)]
    draw = random.Random(edit.value)
    with lmdb.open(str(directory), max_dbs=len(layout.DATABASES)) as environment:
        database = environment.open_db(name, create=False)
        with environment.begin(write=True) as txn:
            items = list(txn.cursor(database))
            if not items:
                return
            key, value = items[edit.offset % len(items)]
            for new_key, new_value in _changed(name, key, value, draw):
                txn.delete(key, db=database)
                if new_key:
                    txn.put(new_key, new_value, db=database)


def _changed(
    name: bytes, key: bytes, value: bytes, draw: random.Random
) -> Iterator[tuple[bytes, bytes]]:
    """Yield (key, value) to put instead of an entry; an empty key deletes it."""
    blind = blind_of(draw)
    match draw.randrange(6):
        case 0:
            yield b"", b""
        case 1:
            yield (blind(key)[:100] or b"k"), value
        case _ if name == layout.COMMANDS:
            yield key, mutated_record(value, draw, blind)
        case _ if name == layout.SNAPSHOTS:
            yield key, mutated_snapshot(value, draw, blind)
        case _:
            payload = blind(value[:-8])
            yield key, payload + xxh3_64_digest(key + payload)

"""Damages a journal's file on purpose."""

import shutil
import sys
from pathlib import Path

import lmdb

from lockstep_journal import layout
from lockstep_journal.metapages import MetaPage

PAGE = 4096
_TRANSACTION_OFFSET = 144


def data_of(directory: Path) -> Path:
    return directory / "data.mdb"


def copy_of(directory: Path, target: Path) -> Path:
    """Copy a journal that nobody has open."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(directory, target)
    return target


def flip(directory: Path, record: bytes, offset: int, mask: int) -> None:
    """Change one byte of a record, in the live page and in every old copy of it."""
    data = data_of(directory).read_bytes()
    assert record in data
    changed = bytearray(record)
    changed[offset] ^= mask
    data_of(directory).write_bytes(data.replace(record, bytes(changed)))


def flip_transaction(directory: Path, page: MetaPage, mask: int) -> None:
    """Change the transaction number of one of the two pages with which the file starts."""
    with data_of(directory).open("r+b") as file:
        file.seek(page.number * PAGE + _TRANSACTION_OFFSET)
        assert page.transaction.to_bytes(8, sys.byteorder) == file.read(8)
        file.seek(page.number * PAGE + _TRANSACTION_OFFSET)
        file.write((page.transaction ^ mask).to_bytes(8, sys.byteorder))


def truncate(directory: Path, size: int) -> None:
    with data_of(directory).open("r+b") as file:
        file.truncate(size)


def edit(directory: Path, name: bytes, changes: dict[int, bytes | None]) -> None:
    """Put or delete values by sequence number, as nobody should."""
    with lmdb.open(str(directory), max_dbs=4) as environment:
        database = environment.open_db(name)
        with environment.begin(write=True) as txn:
            for seq, value in changes.items():
                if value is None:
                    txn.delete(layout.pack_key(seq), db=database)
                else:
                    txn.put(layout.pack_key(seq), value, db=database)


def value_of(directory: Path, name: bytes, seq: int) -> bytes:
    """Return the stored value of a sequence number."""
    with lmdb.open(str(directory), max_dbs=4) as environment:
        database = environment.open_db(name)
        with environment.begin() as txn:
            value = txn.get(layout.pack_key(seq), db=database)
    assert value is not None
    return value

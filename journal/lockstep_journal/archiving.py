"""Taking old records out of a journal, and copying a journal while it is written.

Records are deleted only when a file that holds them was synced and read back, and has its name. A
copy gets its name only after everything in it was verified.
"""

from pathlib import Path
from typing import BinaryIO

import msgspec

from lockstep_journal.environment import DATA_NAME
from lockstep_journal.newfiles import new_directory, new_file
from lockstep_journal.replacing import sync_file
from lockstep_journal.snapshots import check_snapshot, newest_state
from lockstep_journal.store import Journal, open_reader
from lockstep_journal.transfer import Exporter, Transferred, retained_events
from lockstep_journal.verification import Progress, Verification, verify
from lockstep_journal.writer import Owner
from lockstep_kernel import (
    CannotRunError,
    DamagedError,
    FrameType,
    Machine,
    StreamReader,
    UnsupportedError,
)


class Archived(msgspec.Struct, frozen=True):
    """Records `first_seq` to `last_seq` are in the file `path` and no longer in the journal."""

    path: str
    first_seq: int
    last_seq: int
    last_hash: bytes


def archive(owner: Owner, machine: Machine, below_seq: int, destination: str | Path) -> Archived:
    """Move the records up to the newest good snapshot at or below `below_seq` into a stream file.

    The file ends with that snapshot, from which the journal recovers afterwards. The owner
    claims, if it has not, only when the file is good. Raises `CannotRunError`
    if there is no such snapshot, the file or its partial one exists, or its directory is missing or
    in a journal; then, and if another file has the name in the end, no record is deleted.
    """
    path = Path(destination)
    state, skipped = newest_state(owner, machine, below_seq)
    first = owner.check_end().first_seq
    if state is None or state.seq < first:
        reasons = "; ".join(skip.reason for skip in skipped) or _kept(owner, below_seq)
        raise CannotRunError(
            f"{owner.directory}: expected a good snapshot from {first} to {below_seq}, "
            f"found none: {reasons}"
        )
    seq = state.seq
    with new_file(path, "archive") as new:
        written = _write_archive(owner, seq, new.file)
        new.sync()
        _check_archive(owner, new.partial, written)
        if not owner.has_claimed:
            owner.claim()
        new.publish()
    owner.forget(seq)
    return Archived(str(path), written.first_seq, seq, written.last_hash)


def backup(
    journal: Journal,
    destination: str | Path,
    is_compact: bool = False,
    progress: Progress = lambda done, total: None,
) -> Verification:
    """Copy a journal, live or not, into a new directory; verify the copy; return what was found.

    Raises `DamagedError` with the first finding, and leaves nothing behind, if the copy is bad,
    `UnsupportedError` if only a newer release can verify it, and `CannotRunError` if its place is
    taken, in a directory that is missing, or in a journal.
    """
    with new_directory(Path(destination), "backup") as partial:
        journal.copy_to(partial, is_compact)
        sync_file(partial / DATA_NAME)
        with open_reader(partial) as copy:
            verification = verify(copy, progress=progress)
        first = verification.first
        if first is not None and verification.is_damaged:
            raise DamagedError(f"{journal.directory}: the copy is bad: {first.what}", first.seq)
        if first is not None:
            raise UnsupportedError(f"{journal.directory}: the copy is not verified: {first.what}")
    return verification


def _kept(owner: Owner, below_seq: int) -> str:
    """Say which snapshots there are and what to do when none is at or below `below_seq`."""
    seqs = [seq for seq in owner.snapshot_seqs() if seq >= owner.end().first_seq]
    if not seqs:
        return "none is kept: take one first (lockstep run --snapshot-every)"
    if below_seq >= seqs[0]:
        return f"those kept are {seqs[0]} to {seqs[-1]}"
    return f"the oldest kept is {seqs[0]}, the newest {seqs[-1]}: use --below {seqs[0]} or more"


def _write_archive(owner: Owner, seq: int, file: BinaryIO) -> Transferred:
    exporter = Exporter(owner, file.write, retained_events(owner) if owner.keeps_events else None)
    exporter.begin()
    exporter.send_to(seq)
    exporter.snapshot(seq)
    return exporter.finish()


def _check_archive(owner: Owner, path: Path, written: Transferred) -> None:
    """Read the file back and compare every record with the journal's; raise `DamagedError`."""
    records = (raw for raws, _ in owner.pages(written.first_seq, written.last_seq) for raw in raws)
    with path.open("rb") as file:
        stream = StreamReader(file.read)
        for frame_type, seq, payload in stream.frames():
            if frame_type == FrameType.RECORD and payload != next(records, None):
                raise DamagedError(f"{path}: record {seq} is not the journal's", seq)
            if frame_type == FrameType.SNAPSHOT and payload != check_snapshot(owner, seq)[1]:
                raise DamagedError(f"{path}: snapshot {seq} is not the journal's", seq)
            if frame_type == FrameType.END:
                stream.check_end(payload, written.last_seq, written.last_hash)
        stream.finish()
    if next(records, None) is not None:
        raise DamagedError(f"{path}: expected records up to {written.last_seq}, found fewer", None)

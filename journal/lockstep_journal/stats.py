"""What a journal holds and who writes it, in numbers, without looking at every record."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from lockstep_journal.environment import data_path
from lockstep_journal.owner import owner_pid
from lockstep_journal.store import Journal, open_reader


class Status(msgspec.Struct, frozen=True):
    """A journal as one look shows it.

    `owner_pid` is None without a live owner, 0 if unknown. `rules_version` is that of the genesis;
    which rules are in force now, only the state knows.
    """

    directory: str
    owner_pid: int | None
    epoch: int
    machine: str
    rules_version: int
    digest_every: int
    keeps_events: bool
    first_seq: int
    last_seq: int
    last_ts_ns: int
    last_hash: bytes
    snapshots: Sequence[int]
    file_bytes: int
    map_used_bytes: int
    map_bytes: int
    lmdb_version: str


class Statistics(msgspec.Struct, frozen=True):
    """What the databases of a journal weigh."""

    status: Status
    records: int
    record_bytes: int
    event_bytes: int
    snapshot_bytes: int
    ts_ns_first: int
    readers: int


def status(directory: str | Path) -> Status:
    """Return the status of a journal; raise `DamagedError` if its end contradicts its records."""
    with open_reader(directory) as journal:
        return _status(journal)


def statistics(journal: Journal) -> Statistics:
    """Read all of a journal once and weigh it. O(records)."""
    record_bytes = event_bytes = 0
    ts_ns_first: int | None = None
    for raws, records in journal.pages():
        ts_ns_first = records[0].ts_ns if ts_ns_first is None else ts_ns_first
        record_bytes += sum(map(len, raws))
        if journal.keeps_events:
            event_bytes += sum(map(len, journal.events(records[0].seq, records[-1].seq)))
    seen = _status(journal)
    return Statistics(
        status=seen,
        records=seen.last_seq - seen.first_seq + 1,
        record_bytes=record_bytes,
        event_bytes=event_bytes,
        snapshot_bytes=sum(len(journal.snapshot(seq)) for seq in seen.snapshots),
        ts_ns_first=ts_ns_first or 0,
        readers=journal.reader_count(),
    )


def _status(journal: Journal) -> Status:
    end = journal.check_end()
    used, size = journal.map_use()
    return Status(
        directory=str(journal.directory),
        owner_pid=owner_pid(journal.directory),
        epoch=journal.epoch(),
        machine=journal.genesis.machine,
        rules_version=journal.genesis.rules_version,
        digest_every=journal.genesis.digest_every,
        keeps_events=journal.keeps_events,
        first_seq=end.first_seq,
        last_seq=end.last_seq,
        last_ts_ns=end.last_ts_ns,
        last_hash=end.last_hash,
        snapshots=journal.snapshot_seqs(),
        file_bytes=data_path(journal.directory).stat().st_size,
        map_used_bytes=used,
        map_bytes=size,
        lmdb_version=journal.lmdb_version(),
    )

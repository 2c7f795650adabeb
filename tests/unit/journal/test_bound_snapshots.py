"""What a snapshot says beside its state, clocks and time, is compared with its record."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from xxhash import xxh3_64_digest

from lockstep_journal import (
    check_snapshot,
    import_streams,
    layout,
    newest_state,
    open_reader,
    retained_events,
)
from lockstep_journal.archiving import archive
from lockstep_journal.repairing import RepairOptions, repair
from lockstep_journal.transfer import export
from lockstep_journal.verification import verify
from lockstep_journal.writer import open_owner
from lockstep_kernel import (
    DamagedError,
    DivergedError,
    SnapshotHead,
    StreamWriter,
    dump,
    genesis_hash,
    initial,
    read_head,
)
from lockstep_kernel.chain import hash_after
from lockstep_kernel.values import JournalRecord
from lockstep_replay import recover
from lockstep_validator import Mark, Options, Status, validate
from tests.machines.counter import COUNTER, counter_genesis
from tests.machines.histories import GENESIS, applied, pack, reading, write_journal
from tests.unit.journal.damage import edit, value_of

COUNT = 80
_TS_NS_AT, _DIGEST_AT, _CLOCKS_AT = 16, 56, 72
_CLOCKS_BYTES_MAX = 65_535
Forge = Callable[[bytes], bytes]


def forged(snapshot: bytes, at: int, value: int) -> bytes:
    """Return a snapshot with another number of 8 bytes in it, its check recomputed."""
    payload = snapshot[:at] + struct.pack(">Q", value) + snapshot[at + 8 : -8]
    return payload + xxh3_64_digest(payload)


def with_time(snapshot: bytes) -> bytes:
    return forged(snapshot, _TS_NS_AT, 631)


def with_clock(snapshot: bytes) -> bytes:
    return forged(snapshot, _CLOCKS_AT, 631)


def with_counter(snapshot: bytes) -> bytes:
    return forged(snapshot, _CLOCKS_AT + 8, 9)


def with_digest(snapshot: bytes) -> bytes:
    return forged(snapshot, _DIGEST_AT, 1)


def with_long_clocks(snapshot: bytes) -> bytes:
    clocks = read_head(snapshot).clocks
    longer = clocks + bytes(_CLOCKS_BYTES_MAX)
    size = struct.pack(">I", len(longer))
    records = snapshot[_CLOCKS_AT + len(clocks) : -8]
    before, after = snapshot[: _CLOCKS_AT - 8], snapshot[_CLOCKS_AT - 4 : _CLOCKS_AT]
    payload = before + size + after + longer + records
    return payload + xxh3_64_digest(payload)


@pytest.fixture
def with_events(tmp_path: Path) -> Path:
    write_journal(tmp_path / "with", COUNT, snapshot_every=20, keep_events=True)
    return tmp_path / "with"


@pytest.fixture
def without_events(tmp_path: Path) -> Path:
    write_journal(tmp_path / "without", COUNT, snapshot_every=20)
    return tmp_path / "without"


def forge(directory: Path, change: Forge, seq: int = 63) -> None:
    edit(directory, layout.SNAPSHOTS, {seq: change(value_of(directory, layout.SNAPSHOTS, seq))})


@pytest.mark.parametrize("digest_every", [0, 1, 2, 5, 7])
def test_the_hash_of_every_command_follows_from_its_record_and_what_it_led_to(
    digest_every: int,
) -> None:
    genesis = counter_genesis(digest_every=max(1, digest_every))
    state = initial(COUNTER, genesis)
    for command in applied_commands():
        chain = state.peek()
        previous = chain.hash
        _events, encoded, hash_ = chain.advance(command)
        record = JournalRecord(chain.seq, 1, command.ts_ns, previous, hash_, command.body)
        head = state.head()
        found = hash_after(record, head, digest_every, encoded)
        assert (hash_ == found) == (digest_every > 0)
        other = SnapshotHead(*(head.seq, head.ts_ns, head.hash, head.genesis_hash, 5, b"\0" * 24))
        assert hash_ != hash_after(record, other, digest_every, encoded)


def applied_commands():
    return [COUNTER.codec.decode(one[1], one[2]) for one in applied(20)[1]]


@pytest.mark.parametrize(
    "change", [with_time, with_clock, with_counter, with_digest, with_long_clocks]
)
def test_a_snapshot_with_other_clocks_than_its_record_binds_is_passed_over(
    with_events: Path, change: Forge
) -> None:
    good = recover(with_events, COUNTER)[1]
    forge(with_events, change)
    with open_reader(with_events) as journal:
        with pytest.raises(DamagedError, match="snapshot 63: expected"):
            check_snapshot(journal, 63)
        assert [63] == [found.seq for found in verify(journal).findings]
        assert [63] == [skipped.seq for skipped in newest_state(journal, COUNTER, COUNT)[1]]
    report = recover(with_events, COUNTER)[1]
    assert (good.last_hash, 42) == (report.last_hash, report.snapshot_seq)


def test_without_kept_events_the_time_alone_is_compared(without_events: Path) -> None:
    forge(without_events, with_time)
    with open_reader(without_events) as journal:
        assert ["snapshot 63: expected time 630, found 631"] == [
            found.what for found in verify(journal).findings
        ]
    assert 42 == recover(without_events, COUNTER)[1].snapshot_seq


def test_without_kept_events_other_clocks_are_found_at_the_next_record(
    without_events: Path,
) -> None:
    forge(without_events, with_counter)
    with pytest.raises(DivergedError, match="sequence 64") as caught:
        recover(without_events, COUNTER)
    assert 64 == caught.value.seq


def test_a_snapshot_of_genesis_has_no_time(without_events: Path) -> None:
    good = dump(initial(COUNTER, GENESIS))
    edit(without_events, layout.SNAPSHOTS, {0: good})
    with open_reader(without_events) as journal:
        assert () == tuple(verify(journal).findings)
    edit(without_events, layout.SNAPSHOTS, {0: with_time(good)})
    with open_reader(without_events) as journal:
        assert ["snapshot 0: expected time 0, found 631"] == [
            found.what for found in verify(journal).findings
        ]


@pytest.mark.parametrize("change", [with_time, with_clock])
def test_a_repair_drops_the_snapshot(with_events: Path, change: Forge) -> None:
    forge(with_events, change)
    done = repair(with_events, RepairOptions())
    assert ([63], COUNT, []) == (
        [one.seq for one in done.dropped_snapshots],
        done.last_seq,
        done.cut,
    )
    with open_reader(with_events) as journal:
        assert ([21, 42], ()) == (journal.snapshot_seqs(), tuple(verify(journal).findings))


def test_damage_of_the_record_or_its_events_is_not_the_snapshots(with_events: Path) -> None:
    events = value_of(with_events, layout.EVENTS, 63)
    edit(with_events, layout.EVENTS, {63: events[:-1] + b"x"})
    with open_reader(with_events) as journal:
        assert ["events of record 63: check does not match their bytes"] == [
            found.what for found in verify(journal).findings
        ]


def stream(seq: int, change: Forge) -> bytes:
    """Return a stream with a forged snapshot in it."""
    parts: list[bytes] = []
    writer = StreamWriter(parts.append, GENESIS)
    hash_ = genesis_hash(GENESIS)
    for one in applied(COUNT)[1]:
        writer.record(one[0], pack(one))
        hash_ = one[6]
        if one[0] == seq:
            writer.snapshot(seq, change(dump(applied(seq)[0])))
    writer.end(COUNT, hash_)
    return b"".join(parts)


def test_an_import_that_trusts_hashes_compares_the_time_of_snapshots(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="snapshot 7: it is not one of this history"):
        import_streams(tmp_path / "new", [reading(stream(7, with_time))])
    import_streams(tmp_path / "new", [reading(stream(7, lambda data: data))])


def test_a_trusted_start_has_the_time_of_the_record_before(tmp_path: Path) -> None:
    path = tmp_path / "a.stream"
    mark = Mark(7, applied(7)[0].hash)
    for change, status in ((lambda data: data, Status.OK), (with_time, Status.DAMAGED)):
        path.write_bytes(stream(7, change))
        verdict = validate(path, Options(machine=COUNTER, trust=mark))
        assert status == verdict.status, verdict.message
    assert "sequence 7: expected a snapshot with time 70, found 631" == verdict.message


def test_an_archived_journal_begins_with_a_snapshot_that_was_compared(with_events: Path) -> None:
    forge(with_events, with_clock)
    with open_owner(with_events) as owner:
        archive(owner, COUNTER, 70, with_events.parent / "old.stream")
    with open_reader(with_events) as journal:
        assert 43 == journal.end().first_seq
        done = export(journal, lambda data: None, None, retained_events(journal))
    assert (43, COUNT) == (done.first_seq, done.last_seq)

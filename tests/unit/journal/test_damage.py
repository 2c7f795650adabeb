"""Damage is named with the first sequence number that is bad, by every way of reading."""

from collections.abc import Callable, Iterator
from pathlib import Path

import lmdb
import pytest

from lockstep_journal import environment, layout, open_owner, open_reader, verify
from lockstep_journal.metapages import are_possible, meta_pages, transactions
from lockstep_kernel import DamagedError, DivergedError, Fault, unpack_record
from lockstep_replay import recover
from tests.machines.counter import COUNTER
from tests.machines.histories import applied, pack, records, write_journal
from tests.unit.journal.damage import (
    PAGE,
    copy_of,
    data_of,
    edit,
    flip,
    value_of,
)
from tests.unit.journal.programs import run_python

COUNT = 40
FOREIGN = records(COUNT, seed=2)
RECORDS = records(COUNT)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pristine") / "j"
    write_journal(directory, COUNT, snapshot_every=15, keep_events=True)
    return directory


@pytest.fixture
def broken(pristine: Path, tmp_path: Path) -> Path:
    return copy_of(pristine, tmp_path / "j")


def read_all(directory: Path) -> None:
    with open_reader(directory) as journal:
        list(journal.records())


def recover_all(directory: Path) -> None:
    """Recover from genesis: without its snapshots the whole journal is read."""
    with open_owner(directory) as owner:
        owner.claim()
        owner.prune_snapshots(0)
    recover(directory, COUNTER)


def first_fault(action: Callable[[], None]) -> Fault:
    with pytest.raises((DamagedError, DivergedError)) as caught:
        action()
    return caught.value


def first_finding(directory: Path) -> int | None:
    with open_reader(directory) as journal:
        first = verify(journal).first
    assert first is not None
    return first.seq


def places() -> Iterator[tuple[int, int, int]]:
    """Yield (seq, offset, mask) so that every byte of some records is hit, and every bit."""
    for seq in (1, 2, 20, COUNT):
        for offset in range(len(RECORDS[seq - 1])):
            yield seq, offset, 1 << (offset + seq) % 8


def test_every_flipped_byte_of_a_record_is_named_by_its_sequence(
    pristine: Path, tmp_path: Path
) -> None:
    wrong = []
    original = data_of(pristine).read_bytes()
    directory = copy_of(pristine, tmp_path / "j")
    for seq, offset, mask in places():
        data_of(directory).write_bytes(original)
        flip(directory, value_of(directory, layout.COMMANDS, seq), offset, mask)
        found = first_fault(lambda: read_all(directory)).seq, first_finding(directory)
        if found != (seq, seq):
            wrong.append((seq, offset, found))
    assert [] == wrong


@pytest.mark.parametrize("seq", [1, 2, 17, COUNT - 1, COUNT])
@pytest.mark.parametrize("kind", ["missing", "foreign", "doubled", "swapped"])
def test_a_record_that_is_not_the_right_one_is_named(broken: Path, seq: int, kind: str) -> None:
    here, other = RECORDS[seq - 1], seq % COUNT + 1
    changes: dict[str, dict[int, bytes | None]] = {
        "missing": {seq: None},
        "foreign": {seq: FOREIGN[seq - 1]},
        "doubled": {other: here},
        "swapped": {seq: RECORDS[other - 1], other: here},
    }
    edit(broken, layout.COMMANDS, changes[kind])
    expected = min(changes[kind])
    if (seq, kind) == (1, "foreign"):
        # It follows the same genesis; the record after it does not follow it.
        expected = 2
    assert expected == first_finding(broken)
    assert expected == first_fault(lambda: recover_all(broken)).seq


def test_a_foreign_record_after_a_snapshot_is_named_and_not_the_snapshot(broken: Path) -> None:
    with open_reader(broken) as journal:
        before, newest = journal.snapshot_seqs()
    seq = before + 1
    edit(broken, layout.SNAPSHOTS, {newest: None})
    edit(broken, layout.COMMANDS, {seq: FOREIGN[seq - 1]})
    with open_reader(broken) as journal:
        assert [seq, seq + 1] == [finding.seq for finding in verify(journal).findings]
        with pytest.raises(DamagedError) as caught:
            list(journal.records(seq))
    assert seq == caught.value.seq
    fault = first_fault(lambda: recover(broken, COUNTER))
    assert seq == fault.seq


def test_a_record_beyond_the_end_is_named(broken: Path) -> None:
    extra = pack(applied(COUNT + 1)[1][-1])
    edit(broken, layout.COMMANDS, {COUNT + 1: extra})
    assert COUNT + 1 == first_finding(broken)
    assert COUNT + 1 == first_fault(lambda: recover_all(broken)).seq


def test_a_last_record_that_went_elsewhere_is_named_by_its_own_number(broken: Path) -> None:
    edit(broken, layout.COMMANDS, {COUNT: None, COUNT + (1 << 40): RECORDS[-1]})
    with open_reader(broken) as journal:
        assert COUNT == first_fault(journal.check_end).seq
    assert COUNT == first_finding(broken)


@pytest.mark.parametrize("name", [layout.META_EPOCH, layout.META_LMDB])
def test_a_damaged_entry_of_meta_is_found(broken: Path, name: bytes) -> None:
    with lmdb.open(str(broken), max_dbs=4) as environment, environment.begin(write=True) as txn:
        meta = environment.open_db(layout.META, txn=txn)
        value = txn.get(name, db=meta)
        txn.put(name, b"\x01" + value[1:], db=meta)
    with pytest.raises(DamagedError, match=f"check of '{name.decode()}' does not match its bytes"):
        open_reader(broken)


def test_something_between_two_records_is_named(broken: Path) -> None:

    with lmdb.open(str(broken), max_dbs=4) as environment, environment.begin(write=True) as txn:
        commands = environment.open_db(layout.COMMANDS, txn=txn)
        txn.put(layout.pack_key(7) + b"\x00", RECORDS[7], db=commands)
    assert 8 == first_fault(lambda: recover_all(broken)).seq
    assert 8 == first_finding(broken)


@pytest.mark.parametrize(("key", "seq"), [(b"\x00", 1), (b"end", COUNT + 1)])
def test_a_key_that_is_no_number_is_named_by_its_place(broken: Path, key: bytes, seq: int) -> None:
    with lmdb.open(str(broken), max_dbs=4) as environment, environment.begin(write=True) as txn:
        txn.put(key, b"x", db=environment.open_db(layout.COMMANDS, txn=txn))
    assert seq == first_fault(lambda: recover_all(broken)).seq


def test_a_key_among_the_snapshots_that_is_no_number_stops_nobody_and_is_found(
    broken: Path,
) -> None:
    with lmdb.open(str(broken), max_dbs=4) as environment, environment.begin(write=True) as txn:
        txn.put(b"end", b"x", db=environment.open_db(layout.SNAPSHOTS, txn=txn))
    state, report = recover(broken, COUNTER)
    assert (COUNT, []) == (state.seq, report.skipped)
    with open_reader(broken) as journal:
        expected = len(journal.snapshot_seqs())
        found = [finding.what for finding in verify(journal).findings]
    assert [f"expected {expected + 1} snapshots, found {expected}"] == found


def test_a_snapshot_that_stands_in_the_place_of_another_is_found(broken: Path) -> None:
    """As after a page that was never written: what is listed twice is whole, and one is lost."""
    with open_reader(broken) as journal:
        first, second = journal.snapshot_seqs()[-2:]
    value = value_of(broken, layout.SNAPSHOTS, second)
    data = data_of(broken).read_bytes()
    lost, doubled = (layout.pack_key(seq) + value for seq in (second, first))
    assert lost in data
    data_of(broken).write_bytes(data.replace(lost, doubled))
    with open_reader(broken) as journal:
        found = [(finding.seq, finding.what) for finding in verify(journal).findings]
    assert [(first, f"expected a snapshot after {first}, found {first}")] == found


def test_forged_hashes_and_commands_diverge_though_every_check_is_good(broken: Path) -> None:
    forged = unpack_record(RECORDS[9], 10)
    command = COUNTER.codec.decode(forged.ts_ns, RECORDS[8][64:-8]).body
    for done in (
        (10, forged.ts_ns, forged.body, [], b"", forged.previous, b"\x07" * 16),
        (10, forged.ts_ns, command, [], b"", forged.previous, forged.hash),
        (10, forged.ts_ns + 1, forged.body, [], b"", forged.previous, forged.hash),
    ):
        edit(broken, layout.COMMANDS, {10: pack(done)})
        fault = first_fault(lambda: recover_all(broken))
        assert (DivergedError, 10) == (type(fault), fault.seq)


def test_a_forged_body_that_is_no_command_is_named_after_what_came_before(broken: Path) -> None:
    good = unpack_record(RECORDS[9], 10)
    edit(
        broken,
        layout.COMMANDS,
        {10: pack((10, good.ts_ns, b"\xc1", [], b"", good.previous, good.hash))},
    )
    fault = first_fault(lambda: recover_all(broken))
    assert (DivergedError, 10) == (type(fault), fault.seq)
    earlier = unpack_record(RECORDS[4], 5)
    forged = pack((5, earlier.ts_ns, RECORDS[0][64:-8], [], b"", earlier.previous, earlier.hash))
    edit(broken, layout.COMMANDS, {5: forged})
    assert 5 == first_fault(lambda: recover_all(broken)).seq


def test_an_epoch_that_goes_back_is_named(broken: Path) -> None:
    done = applied(COUNT)[1][9]
    edit(broken, layout.COMMANDS, {10: pack(done, epoch=2)})
    assert 11 == first_finding(broken)
    assert 11 == first_fault(lambda: read_all(broken)).seq


def test_damaged_and_missing_events_are_named(broken: Path) -> None:
    stored = value_of(broken, layout.EVENTS, 12)
    for value in (stored[:-1] + bytes([stored[-1] ^ 1]), None):
        edit(broken, layout.EVENTS, {12: value})
        assert 12 == first_finding(broken)
        with open_reader(broken) as journal, pytest.raises(DamagedError) as caught:
            journal.events(1, COUNT)
        assert 12 == caught.value.seq


def test_verify_reports_every_finding_or_the_first(broken: Path) -> None:
    edit(broken, layout.COMMANDS, {5: None, 9: FOREIGN[8], 30: b"short"})
    snapshot = value_of(broken, layout.SNAPSHOTS, 21)
    edit(broken, layout.SNAPSHOTS, {21: snapshot[:-1]})
    with open_reader(broken) as journal:
        every, first = verify(journal), verify(journal, is_first_only=True)
    seqs = [finding.seq for finding in every.findings]
    assert {5, 9, 10, 21, 30} == set(seqs)
    assert 1 == len(first.findings)
    assert 5 == first.findings[0].seq


FORKED = """
import os, sys
from pathlib import Path
from lockstep_journal import open_reader, verify
from lockstep_kernel import LockstepError
directory, page_bytes = Path(sys.argv[1]), int(sys.argv[2])
data = directory / "data.mdb"
original = data.read_bytes()

def look():
    try:
        with open_reader(directory) as journal:
            return 2 if verify(journal).first else 0
    except LockstepError as error:
        return error.exit_code

for page in range(2, len(original) // page_bytes):
    wiped = bytearray(original)
    wiped[page * page_bytes : (page + 1) * page_bytes] = bytes(page_bytes)
    data.write_bytes(wiped)
    child = os.fork()
    if child == 0:
        os._exit(look())
    print(page, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_pages_full_of_zeros_are_never_taken_for_data(pristine: Path, tmp_path: Path) -> None:
    """Each page but the two of LMDB's own meta is wiped in turn; a child looks."""
    original = data_of(pristine).read_bytes()
    directory = copy_of(pristine, tmp_path / "j")
    done = run_python(["-c", FORKED, directory, PAGE])
    assert 0 == done.code, done.err
    codes = {int(page): int(code) for page, code in map(str.split, done.out.splitlines())}
    assert len(original) // PAGE - 2 == len(codes)
    assert 3 not in codes.values(), codes
    assert len([code for code in codes.values() if code != 0]) > 2
    # A page that is free, or an old copy, may be wiped without harm: then all is still there.
    for page in (page for page, code in codes.items() if code == 0):
        wiped = bytearray(original)
        wiped[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)
        data_of(directory).write_bytes(bytes(wiped))
        with open_reader(directory) as journal:
            assert RECORDS == [raw for raws, _ in journal.pages() for raw in raws]


def test_the_transaction_numbers_of_every_file_that_lmdb_makes_are_possible(
    tmp_path: Path,
) -> None:
    found: list[list[int]] = []
    with lmdb.open(str(tmp_path / "made"), max_dbs=4) as made:
        for number in range(4):
            for is_compact in (False, True):
                copy = tmp_path / f"copy-{number}-{is_compact}"
                copy.mkdir()
                made.copy(str(copy), compact=is_compact)
                pages = meta_pages(data_of(copy))
                assert are_possible(pages), pages
                found.append(transactions(pages))
            with made.begin(write=True) as txn:
                txn.put(b"key", b"%d" % number)
    assert [[0, 0], [0, 0], [0, 1], [0, 1], [2, 1], [0, 1], [2, 3], [0, 1]] == found


def test_numbers_that_a_live_writer_changes_between_two_looks_are_no_damage(
    broken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest, older = meta_pages(data_of(broken))
    torn = [newest._replace(transaction=newest.transaction + 2), older]
    looks = [torn, [newest, older]]
    monkeypatch.setattr(environment, "meta_pages", lambda _path: looks.pop(0))
    open_reader(broken).close()
    looks.extend([torn, torn])
    with pytest.raises(DamagedError, match="in its two meta pages, found"):
        open_reader(broken)

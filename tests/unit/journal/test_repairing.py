"""A repair keeps all that is good.

It cuts only what nobody heard of, and only if the last transaction wrote it.
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

from lockstep_journal import (
    Repaired,
    RepairOptions,
    Sequencer,
    archive,
    create,
    layout,
    open_owner,
    open_reader,
    repair,
    repairing,
    verify,
)
from lockstep_journal.layout import META, META_END, META_FORMAT, pack_end, pack_meta
from lockstep_journal.metapages import meta_pages
from lockstep_journal.surveying import Survey, survey
from lockstep_kernel import CannotRunError, DamagedError, Fault, UnsupportedError, initial
from lockstep_replay import recover, resume
from tests.machines.counter import COUNTER
from tests.machines.histories import GENESIS, applied, bodies, submit_all, write_journal
from tests.unit.journal.damage import (
    PAGE,
    copy_of,
    data_of,
    edit,
    flip,
    flip_transaction,
    truncate,
    value_of,
)
from tests.unit.journal.programs import ROOT, install_counter, run_command
from tests.unit.journal.replacing import killed_at_every_step, names_in

BEFORE, COUNT = 150, 190
"""Records before the last transaction, and with it."""
HASHES = [b"", *(done[6] for done in applied(COUNT)[1])]


class Written:
    """A journal before and after its last transaction."""

    def __init__(self, directory: Path, *, keep_events: bool) -> None:
        self.directory = directory
        self.keeps_events = keep_events
        with create(directory, COUNTER, GENESIS, keep_events) as owner:
            owner.claim()
            sequencer = Sequencer(initial(COUNTER, GENESIS), owner, lambda: 0)
            submit_all(sequencer, 100, 10)
            sequencer.snapshot()
            submit_all(sequencer, BEFORE, 10, start=100)
            self.old = data_of(directory).read_bytes()
            items = [(10 * seq, body) for seq, body in enumerate(bodies(COUNT), 1)]
            sequencer.submit(items[BEFORE:])
        self.new = data_of(directory).read_bytes()

    def lost_writes(self) -> Iterator[tuple[str, bytes]]:
        """Yield a file for each page of the last transaction that was lost, or written in half."""
        for start in range(2 * PAGE, len(self.new), PAGE):
            new, old = (data[start : start + PAGE] for data in (self.new, self.old))
            if new == old:
                continue
            stale = old or bytes(PAGE)
            yield f"page {start // PAGE} lost", self._with(start, stale)
            if not self.keeps_events:
                torn = new[: PAGE // 2] + stale[PAGE // 2 :]
                yield f"page {start // PAGE} torn", self._with(start, torn)

    def _with(self, start: int, page: bytes) -> bytes:
        return self.new[:start] + page + self.new[start + PAGE :]


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "events"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(tmp_path_factory.mktemp("written") / "j", keep_events=request.param)


@pytest.fixture
def journal(written: Written, tmp_path: Path) -> Path:
    return copy_of(written.directory, tmp_path / "j")


def options(tmp_path: Path, acknowledged: int | None = None, *, dry: bool = False) -> RepairOptions:
    place = tmp_path / f"kept-{len(names_in(tmp_path))}"
    return RepairOptions(dry, acknowledged, str(place))


def check_repaired(directory: Path, done: Repaired) -> None:
    """Check that the journal is whole, of the same history, and ends where the repair says."""
    with open_reader(directory) as journal:
        assert verify(journal).first is None
        assert (done.last_seq, done.last_hash) == (journal.end().last_seq, journal.end().last_hash)
    assert HASHES[done.last_seq] == done.last_hash == recover(directory, COUNTER)[0].hash
    assert ["data.mdb", "lock.mdb", "owner.lock"] == names_in(directory)


def refused(directory: Path, asked: RepairOptions, words: str) -> DamagedError:
    """Return the refusal of a repair, which changed nothing."""
    before = data_of(directory).read_bytes()
    with pytest.raises(DamagedError, match=words) as caught:
        repair(directory, asked)
    assert before == data_of(directory).read_bytes()
    assert ["data.mdb", "lock.mdb", "owner.lock"] == names_in(directory)
    assert asked.backup is None or not Path(asked.backup).exists()
    return caught.value


def test_a_whole_journal_is_left_alone(journal: Path, tmp_path: Path) -> None:
    before = data_of(journal).read_bytes()
    done = repair(journal, options(tmp_path, COUNT))
    assert (False, COUNT, [], [], None) == (
        done.is_changed,
        done.last_seq,
        done.cut,
        done.findings,
        done.backup,
    )
    assert before == data_of(journal).read_bytes()


def test_a_whole_journal_that_lost_acknowledged_records_is_not_called_good(
    journal: Path, tmp_path: Path
) -> None:
    damage = refused(journal, options(tmp_path, COUNT + 1), "record 191 was acknowledged")
    assert COUNT + 1 == damage.seq


def test_after_a_lost_write_all_is_kept_or_nothing_is_cut_unasked_or_nothing_unheard_of(
    written: Written, journal: Path, tmp_path: Path
) -> None:
    outcomes: set[str] = set()
    for name, image in written.lost_writes():
        data_of(journal).write_bytes(image)
        try:
            done = repair(journal, options(tmp_path))
            assert (COUNT, []) == (done.last_seq, done.cut), name
            outcomes.add("all kept")
        except DamagedError:
            assert image == data_of(journal).read_bytes(), name
            done = repair(journal, options(tmp_path, BEFORE))
            assert BEFORE <= done.last_seq, name
            assert done.is_changed, name
            cut = [record.seq for record in done.cut]
            assert cut in ([], list(range(done.last_seq + 1, COUNT + 1))), name
            outcomes.add("cut, named" if cut else "cut")
        check_repaired(journal, done)
    assert {"all kept", "cut, named"} <= outcomes


def test_what_is_cut_is_named_with_its_epoch_time_bytes_and_reason(
    written: Written, journal: Path, tmp_path: Path
) -> None:
    flip(journal, value_of(journal, layout.COMMANDS, 171), 70, 4)
    size = len(value_of(journal, layout.COMMANDS, 172))
    damage = refused(journal, options(tmp_path), "records 171 to 190: damaged, but committed")
    assert 171 == damage.seq
    refused(journal, options(tmp_path, 171), "record 171 was acknowledged, and the good records")
    damaged = data_of(journal).read_bytes()
    done = repair(journal, options(tmp_path, 160))
    check_repaired(journal, done)
    assert (170, list(range(171, COUNT + 1))) == (done.last_seq, [cut.seq for cut in done.cut])
    first, second = done.cut[:2]
    assert (None, "record 171: check does not match its bytes") == (first.epoch, first.what)
    assert (1, 1720, size, "it does not follow a good record") == (
        second.epoch,
        second.ts_ns,
        second.record_bytes,
        second.what,
    )
    assert done.backup is not None
    assert damaged == data_of(Path(done.backup)).read_bytes()
    report = json.loads((Path(done.backup) / "repair.json").read_text())
    assert [171, 172] == [cut["seq"] for cut in report["cut"][:2]]


def test_the_next_owner_never_writes_under_an_epoch_that_was_cut(
    journal: Path, tmp_path: Path
) -> None:
    with resume(journal, COUNTER, lambda: 0) as live:
        live.owner.claim(40)
        submit_all(live.sequencer, COUNT + 10, 20, start=COUNT)
    flip(journal, value_of(journal, layout.COMMANDS, COUNT + 1), 70, 4)
    done = repair(journal, options(tmp_path, COUNT))
    assert (COUNT, 10) == (done.last_seq, len(done.cut))
    with open_owner(journal) as owner:
        assert 41 == owner.claim()


def test_the_middle_is_never_cut_whatever_the_operator_says(journal: Path, tmp_path: Path) -> None:
    flip(journal, value_of(journal, layout.COMMANDS, BEFORE), 70, 4)
    for acknowledged in (None, 0, BEFORE - 1):
        damage = refused(journal, options(tmp_path, acknowledged), "damaged in the middle: records")
        assert BEFORE == damage.seq


def test_a_damaged_record_that_was_compacted_is_the_middle(journal: Path, tmp_path: Path) -> None:
    with lmdb.open(str(journal), max_dbs=4) as environment:
        (tmp_path / "small").mkdir()
        environment.copy(str(tmp_path / "small"), compact=True)
    (tmp_path / "small" / "data.mdb").rename(data_of(journal))
    (journal / "lock.mdb").unlink()
    flip(journal, value_of(journal, layout.COMMANDS, COUNT), 70, 4)
    refused(journal, options(tmp_path, BEFORE), "the state before the last transaction cannot be")


def test_a_file_that_lacks_free_pages_only_gets_them_back(
    written: Written, journal: Path, tmp_path: Path
) -> None:
    """Which the last transaction did not write: a kill between its commit and the filling up."""
    size = len(written.new)
    for cut in range(PAGE, size - 2 * PAGE, PAGE):
        data_of(journal).write_bytes(written.new)
        truncate(journal, size - cut)
        try:
            done = repair(journal, options(tmp_path))
        except DamagedError:
            assert cut > PAGE, "the last page of this file is free"
            break
        assert (COUNT, [], True) == (done.last_seq, done.cut, done.is_changed)
        assert f"the last state, with {cut} bytes added to the file" == done.source
        check_repaired(journal, done)
    truncate(journal, 5 * PAGE)
    refused(journal, options(tmp_path, BEFORE), "cannot be opened|in the middle|was acknowledged")


def test_good_records_behind_a_stale_end_are_kept(journal: Path, tmp_path: Path) -> None:
    with open_reader(journal) as reader:
        end = reader.end()
        stale = layout.End(1, 180, 180, 1800, reader.hash_at(180), end.base_hash)
    with lmdb.open(str(journal), max_dbs=4) as environment:
        database = environment.open_db(META)
        for _twice in range(2):  # so that the state before the last transaction has it, too
            with environment.begin(write=True) as txn:
                txn.put(META_END, pack_meta(META_END, pack_end(stale)), db=database)
    done = repair(journal, options(tmp_path, COUNT))
    assert (COUNT, [], True) == (done.last_seq, done.cut, done.is_changed)
    check_repaired(journal, done)


def test_a_snapshot_is_evidence_of_the_records_before_it(journal: Path, tmp_path: Path) -> None:
    with resume(journal, COUNTER, lambda: 0) as live:
        submit_all(live.sequencer, COUNT + 5, start=COUNT)
        live.sequencer.snapshot()
    later = value_of(journal, layout.SNAPSHOTS, COUNT + 5)
    write_journal(tmp_path / "k", COUNT, batch=10)
    for _twice in range(2):
        edit(tmp_path / "k", layout.SNAPSHOTS, {COUNT + 5: later})
    damage = refused(
        tmp_path / "k", options(tmp_path), "records 191 to 195: damaged, but committed"
    )
    assert COUNT + 1 == damage.seq
    done = repair(tmp_path / "k", options(tmp_path, COUNT))
    assert [COUNT + 5] == [gone.seq for gone in done.dropped_snapshots]
    assert (COUNT, 5) == (done.last_seq, len(done.cut))
    check_repaired(tmp_path / "k", done)


def test_a_damaged_snapshot_goes_and_no_record_with_it(journal: Path, tmp_path: Path) -> None:
    flip(journal, value_of(journal, layout.SNAPSHOTS, 100), 70, 4)
    done = repair(journal, options(tmp_path))
    assert ([100], [], COUNT) == (
        [gone.seq for gone in done.dropped_snapshots],
        done.cut,
        done.last_seq,
    )
    check_repaired(journal, done)
    with open_reader(journal) as reader:
        assert [] == reader.snapshot_seqs()


def test_an_archived_journal_keeps_the_snapshot_it_begins_with(
    journal: Path, tmp_path: Path
) -> None:
    with open_owner(journal) as owner:
        archive(owner, COUNTER, 100, tmp_path / "old.stream")
    with resume(journal, COUNTER, lambda: 0) as live:
        submit_all(live.sequencer, COUNT + 5, start=COUNT)
    flip(journal, value_of(journal, layout.COMMANDS, COUNT + 1), 70, 4)
    done = repair(journal, options(tmp_path, COUNT))
    assert (101, COUNT, 5) == (done.first_seq, done.last_seq, len(done.cut))
    check_repaired(journal, done)
    flip(journal, value_of(journal, layout.SNAPSHOTS, 100), 70, 4)
    refused(journal, options(tmp_path), "the snapshot of 100, with which it begins, is not good")


@pytest.mark.parametrize("number", [0, 1])
def test_without_one_of_its_two_first_pages_nobody_knows_what_was_last(
    written: Written, journal: Path, tmp_path: Path, number: int
) -> None:
    start = number * PAGE
    is_newest = meta_pages(data_of(journal))[0].number == number
    data_of(journal).write_bytes(written.new[:start] + bytes(PAGE) + written.new[start + PAGE :])
    refused(journal, options(tmp_path), "what the last transaction wrote after")
    done = repair(journal, options(tmp_path, BEFORE))
    assert (BEFORE if is_newest else COUNT) == done.last_seq
    check_repaired(journal, done)
    with open_owner(journal) as owner:
        assert 2 == owner.epoch(), "what was lost may have been a claim"


def test_a_dry_run_says_the_same_and_changes_no_byte(journal: Path, tmp_path: Path) -> None:
    flip(journal, value_of(journal, layout.COMMANDS, 171), 70, 4)
    around = names_in(tmp_path)
    before = {name: (journal / name).read_bytes() for name in ("data.mdb", "owner.lock")}
    said = repair(journal, options(tmp_path, BEFORE, dry=True))
    assert before == {name: (journal / name).read_bytes() for name in before}
    assert ["data.mdb", "lock.mdb", "owner.lock"] == names_in(journal)
    assert around == names_in(tmp_path)
    done = repair(journal, options(tmp_path, BEFORE))
    assert (True, None, None) == (said.is_dry_run, said.backup, said.file_bytes_after)
    assert (said.cut, said.last_seq, said.findings) == (done.cut, done.last_seq, done.findings)


def test_a_dry_run_works_in_the_place_beside_the_journal_that_its_help_and_the_manual_name(
    journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(journal, value_of(journal, layout.COMMANDS, 171), 70, 4)
    seen: list[str] = []

    def look(directory: Path) -> Survey | str:
        seen.extend(names_in(tmp_path))
        return survey(directory)

    monkeypatch.setattr(repairing, "survey", look)
    repair(journal, options(tmp_path, BEFORE, dry=True))
    assert 1 == len([name for name in set(seen) if name.startswith("j.dry-run-")])
    run = run_command("lockstep_journal.cli:journal", ["repair", "--help"])
    manual = (ROOT / "docs/operations.md").read_text().split("## Damage")[1].split("```")[0]
    for text in (run.out, manual):
        assert "DIR.dry-run-*" in text
        assert "remove" in text


def test_who_may_not_repair_is_told_so_in_one_sentence(journal: Path, tmp_path: Path) -> None:
    path = [install_counter(tmp_path / "site")]
    call = ("lockstep_journal.cli:journal", ["repair", journal, "--dry-run"], path)
    with open_owner(journal):
        ran = run_command(*call)
    assert (3, "") == (ran.code, ran.out)
    ran.check_sentence("lockstep journal repair: ", "locked by live process")
    flip(journal, value_of(journal, layout.COMMANDS, 171), 70, 4)
    ran = run_command(*call)
    assert (2, "") == (ran.code, ran.out)
    ran.check_sentence("lockstep journal repair: ", "--acknowledged", "`lockstep replay import`")
    with open_reader(journal), pytest.raises(CannotRunError, match="found a process that reads"):
        ran = run_command(call[0], ["repair", journal, "--acknowledged", BEFORE], path)
        assert 3 == ran.code
        raise CannotRunError(ran.err)
    (tmp_path / "j.before-repair").rename(tmp_path / "earlier")
    with open_owner(journal) as owner:
        assert 1 == owner.epoch()
    ran = run_command(call[0], ["repair", journal, "--acknowledged", BEFORE, "--json"], path)
    assert (0, 170, True) == (ran.code, ran.json["last_seq"], ran.json["is_changed"])


def test_a_taken_place_a_newer_format_and_no_journal_are_refused(
    journal: Path, tmp_path: Path
) -> None:
    damaged = copy_of(journal, tmp_path / "damaged")
    flip(damaged, value_of(damaged, layout.COMMANDS, 171), 70, 4)
    with pytest.raises(CannotRunError, match="expected a new place for the backup, found this"):
        repair(damaged, RepairOptions(acknowledged_seq=BEFORE, backup=str(tmp_path)))
    with pytest.raises(CannotRunError, match="outside every journal"):
        repair(journal, RepairOptions(backup=str(journal / "kept")))
    with pytest.raises(CannotRunError, match=r"found no data\.mdb"):
        repair(tmp_path, options(tmp_path))
    data_of(journal).write_bytes(b"something else" * 999)
    refused(journal, options(tmp_path), "it cannot be opened: expected a journal, LMDB says")
    write_journal(tmp_path / "k", 3)
    with lmdb.open(str(tmp_path / "k"), max_dbs=4) as environment:
        database = environment.open_db(META)
        with environment.begin(write=True) as txn:
            txn.put(META_FORMAT, pack_meta(META_FORMAT, b"\0\0\0\2"), db=database)
    with pytest.raises(Fault, match="expected journal format 1, found 2") as caught:
        repair(tmp_path / "k", options(tmp_path))
    assert UnsupportedError.exit_code == caught.value.exit_code


@pytest.mark.parametrize("is_newest", [True, False], ids=["newest", "older"])
@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_of_a_transaction_number_loses_no_record_unseen(
    journal: Path, tmp_path: Path, bit: int, is_newest: bool
) -> None:
    newest, older = meta_pages(data_of(journal))
    flip_transaction(journal, newest if is_newest else older, 1 << bit)
    changed = {page.number: page.transaction for page in meta_pages(data_of(journal))}
    try:
        with open_reader(journal) as reader:
            found = reader.end().last_seq
    except DamagedError as error:
        assert f"found {changed[0]} and {changed[1]}" in str(error)
        done = repair(journal, options(tmp_path))
        assert (COUNT, []) == (done.last_seq, done.cut)
        check_repaired(journal, done)
    else:
        is_step_back = (newest.transaction - 2, older.transaction) == (
            changed[newest.number],
            changed[older.number],
        )
        assert (BEFORE if is_step_back else COUNT) == found, "the one exception in the guarantees"


def test_a_dry_run_refuses_a_place_where_the_repair_could_not_write(
    journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(journal, value_of(journal, layout.COMMANDS, 171), 70, 4)
    (tmp_path / "locked").mkdir()
    asked = RepairOptions(True, BEFORE, str(tmp_path / "locked" / "kept"))
    assert repair(journal, asked).is_changed
    may = os.access
    for refused_place in (tmp_path / "locked", journal):
        monkeypatch.setattr(
            os, "access", lambda path, mode, no=refused_place: path != no and may(path, mode)
        )
        with pytest.raises(CannotRunError, match="expected a directory that can be written to"):
            repair(journal, asked)


def test_a_dry_run_refuses_a_disk_without_room_for_the_backup(
    journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(journal, value_of(journal, layout.COMMANDS, 171), 70, 4)
    (tmp_path / "full").mkdir()
    real = os.statvfs(tmp_path)
    full = os.statvfs_result([*real[:3], 0, 0, *real[5:]])
    monkeypatch.setattr(os, "statvfs", lambda path: full if path == tmp_path / "full" else real)
    with pytest.raises(CannotRunError, match=f"{tmp_path}/full: expected [0-9]+ free bytes"):
        repair(journal, RepairOptions(True, BEFORE, str(tmp_path / "full" / "kept")))


@pytest.mark.parametrize("is_dry_run", [True, False], ids=["dry", "done"])
@pytest.mark.parametrize(
    "kind", ["itself", "link", "dangling", "same file", "linked file", "no report"]
)
def test_only_the_backup_of_an_earlier_repair_counts_as_one_never_the_journal(
    journal: Path, tmp_path: Path, kind: str, is_dry_run: bool
) -> None:
    damaged = copy_of(journal, tmp_path / "damaged")
    flip(damaged, value_of(damaged, layout.COMMANDS, COUNT), 70, 1)
    kept = damaged if kind == "itself" else tmp_path / "kept"
    if kind == "link":
        kept.symlink_to(damaged)
    elif kind == "dangling":
        kept.symlink_to(tmp_path / "missing")
    elif kind != "itself":
        kept.mkdir()
    if kind == "same file":
        data_of(kept).hardlink_to(data_of(damaged))
    elif kind == "linked file":
        data_of(kept).symlink_to(copy_of(damaged, tmp_path / "other") / "data.mdb")
    elif kind == "no report":
        shutil.copyfile(data_of(damaged), data_of(kept))
    if kind not in ("no report", "dangling"):
        (kept / "repair.json").write_text("{}\n")
    before, names = data_of(damaged).read_bytes(), names_in(tmp_path)
    run = run_command(
        "lockstep_journal.cli:journal",
        [
            "repair",
            damaged,
            "--acknowledged",
            BEFORE,
            "--backup",
            kept,
            *["--dry-run"][:is_dry_run],
        ],
        [],
    )
    assert (3, "") == (run.code, run.out), run.err
    run.check_sentence(f"{kept}: expected a new place for the backup, found this")
    assert (before, names) == (data_of(damaged).read_bytes(), names_in(tmp_path))


def test_killed_at_any_step_the_old_or_the_new_file_is_there_and_the_next_run_is_through(
    tmp_path: Path,
) -> None:
    written = Written(tmp_path / "written", keep_events=False)
    flip(written.directory, value_of(written.directory, layout.COMMANDS, 171), 70, 4)
    directory = copy_of(written.directory, tmp_path / "j")
    damaged = data_of(directory).read_bytes()
    asked = RepairOptions(acknowledged_seq=BEFORE)
    kept = tmp_path / "j.before-repair"
    outcomes: set[tuple[bool, bool]] = set()
    for number in killed_at_every_step(lambda: repair(directory, asked)):
        is_old = damaged == data_of(directory).read_bytes()
        assert not kept.exists() or damaged == data_of(kept).read_bytes()
        assert is_old or kept.exists()
        outcome = is_old, kept.exists()
        if number % 4 == 0 or outcome not in outcomes:
            done = repair(directory, asked)
            assert (is_old, 170) == (done.is_changed, done.last_seq)
            check_repaired(directory, done)
        outcomes.add(outcome)
        for left in tmp_path.glob("j.before-repair*"):
            shutil.rmtree(left)
        copy_of(written.directory, directory)
    assert {(True, False), (True, True), (False, True)} == outcomes

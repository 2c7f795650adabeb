"""Golden journals, snapshots and dumps are read by every program, and to the pinned hash."""

from pathlib import Path

import pytest

from lockstep_journal import open_reader, verify
from lockstep_kernel import FrameType, StreamReader, dump, load, read_head
from lockstep_replay import recover
from tests.golden.files import FOLDER, entries, stored, unpack_journal
from tests.golden.record import GOLDENS, Golden, pinned, recorded
from tests.unit.journal.programs import Run, install_counter, run_command, run_python

EACH_GOLDEN = pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.name)


@pytest.fixture
def journal_of(tmp_path: Path):
    """Return what unpacks the journal of a golden."""
    return lambda golden: unpack_journal(golden.name, tmp_path / "journal")


def replay(tmp_path: Path, *arguments: object) -> Run:
    site = [install_counter(tmp_path / "site")]
    return run_command("lockstep_replay.cli:replay", arguments, site)


@EACH_GOLDEN
def test_a_golden_journal_is_good_and_recovers_to_its_pinned_hash(
    golden: Golden, journal_of
) -> None:
    directory = journal_of(golden)
    with open_reader(directory) as journal:
        assert () == tuple(verify(journal).findings)
        assert 1 + len(golden.restarts) == journal.epoch()
        assert list(golden.snapshots) == journal.snapshot_seqs()
    state, report = recover(directory, golden.machine)
    assert pinned()[golden.name] == (state.seq, state.hash)
    assert (max(golden.snapshots), ()) == (report.snapshot_seq, tuple(report.skipped))
    assert stored(golden.name, "dump") == dump(state)


@EACH_GOLDEN
def test_a_golden_journal_replays_from_its_genesis_too(golden: Golden, journal_of) -> None:
    directory = journal_of(golden)
    before = min(golden.snapshots) - 1
    assert 0 == recover(directory, golden.machine, before)[1].snapshot_seq


@EACH_GOLDEN
def test_a_golden_snapshot_loads_and_is_dumped_again_as_it_was(golden: Golden) -> None:
    data = stored(golden.name, "snapshot")
    assert max(golden.snapshots) == read_head(data).seq
    assert data == dump(load(golden.machine, golden.genesis, data))


@EACH_GOLDEN
def test_a_golden_dump_loads_to_the_pinned_hash(golden: Golden) -> None:
    state = load(golden.machine, golden.genesis, stored(golden.name, "dump"))
    assert pinned()[golden.name] == (state.seq, state.hash)


@EACH_GOLDEN
def test_a_golden_journal_and_the_golden_stream_hold_the_same_records(
    golden: Golden, journal_of
) -> None:
    with open_reader(journal_of(golden)) as journal:
        raws = [raw for page, _records in journal.pages() for raw in page]
    with golden.path.open("rb") as file:
        frames = list(StreamReader(file.read).frames())
    assert raws == [data for kind, _seq, data in frames if kind == FrameType.RECORD]


@EACH_GOLDEN
def test_recording_a_golden_journal_again_gives_the_same_entries(
    golden: Golden, journal_of, tmp_path: Path
) -> None:
    if golden.is_released:
        pytest.skip("the recipe of a released golden may use commands that came later")
    made = recorded(golden)
    made.write_journal(tmp_path / "new")
    assert entries(journal_of(golden)) == entries(tmp_path / "new"), "if wanted: make record"
    assert stored(golden.name, "snapshot") == made.snapshots[max(made.snapshots)]
    assert stored(golden.name, "dump") == made.dump


@EACH_GOLDEN
def test_the_programs_open_a_golden_journal(golden: Golden, journal_of, tmp_path: Path) -> None:
    directory = journal_of(golden)
    seq, hash_ = pinned()[golden.name]
    site = [install_counter(tmp_path / "site")]
    verified = run_command("lockstep_journal.cli:journal", ["verify", directory, "--json"], site)
    assert (0, seq, hash_.hex()) == (verified.code, *ends(verified)), verified.err
    recovered = replay(tmp_path, "recover", directory, "--json")
    assert (0, seq, hash_.hex()) == (recovered.code, *ends(recovered)), recovered.err
    mark = f"{seq}:{hash_.hex()}"
    validated = run_python(["-m", "lockstep_validator", directory, "--expect", mark], site)
    assert 0 == validated.code, validated.err


@EACH_GOLDEN
def test_a_golden_stream_is_imported_and_exported_again(golden: Golden, tmp_path: Path) -> None:
    seq, hash_ = pinned()[golden.name]
    imported = replay(tmp_path, "import", tmp_path / "new", golden.path, "--json")
    assert (0, seq, hash_.hex()) == (imported.code, *ends(imported)), imported.err
    exported = replay(tmp_path, "export", tmp_path / "new", tmp_path / "out", "--json")
    assert (0, seq, hash_.hex()) == (exported.code, *ends(exported)), exported.err


def ends(run: Run) -> tuple[int, str]:
    """Return the last sequence number and hash that a program printed."""
    return run.json["last_seq"], run.json["last_hash"]


def test_the_golden_files_are_all_there_and_no_others() -> None:
    expected = {
        f"{golden.name}.{kind}.xz" for golden in GOLDENS for kind in ("mdb", "snapshot", "dump")
    }
    assert expected == {path.name for path in FOLDER.glob("*.xz")}

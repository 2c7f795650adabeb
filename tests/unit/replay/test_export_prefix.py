"""`lockstep replay export --to`: a whole stream of the first records, and of no others."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep_journal import archive, layout, open_owner
from lockstep_journal.heads import HeadDirectory, HeadRequest, publish_heads
from lockstep_journal.store import open_reader
from lockstep_kernel import StreamReader
from lockstep_kernel.values import FrameType
from lockstep_replay import recover
from lockstep_validator import Options, Status, validate
from tests.evidence.world import KEY, KEYS
from tests.machines.counter import COUNTER
from tests.machines.histories import applied, reading, stream, write_journal
from tests.unit.journal.damage import copy_of, edit, flip, value_of
from tests.unit.journal.programs import Run, install_counter, run_command

COUNT = 60
Replay = Callable[..., Run]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("replay") / "j"
    write_journal(path, COUNT, snapshot_every=20)
    return path


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Replay:
    site = install_counter(tmp_path_factory.mktemp("site"))
    return lambda *arguments: run_command("lockstep_replay.cli:replay", arguments, [site])


def seqs_of(data: bytes) -> list[int]:
    return [seq for kind, seq, _ in StreamReader(reading(data)).frames() if kind == 2]


@pytest.mark.parametrize("to_seq", [1, 30, COUNT])
def test_a_prefix_is_the_stream_of_a_shorter_history(
    replay: Replay, directory: Path, to_seq: int
) -> None:
    for is_with, more in ((False, ()), (True, ("--events",))):
        run = replay("export", directory, "-", "--to", to_seq, *more)
        assert (0, "") == (run.code, run.err)
        assert stream(to_seq, has_events=is_with) == run.raw


def test_a_part_in_the_middle_begins_at_the_snapshot_before_it(
    replay: Replay, directory: Path
) -> None:
    run = replay("export", directory, "-", "--from", 43, "--to", 50)
    assert list(range(43, 51)) == seqs_of(run.raw)
    *_, (kind, seq, _end) = StreamReader(reading(run.raw)).frames()
    assert (FrameType.END, 50) == (kind, seq)


@pytest.mark.parametrize("kind", ["flipped", "missing"])
def test_what_is_good_before_damage_is_salvaged(
    replay: Replay, directory: Path, tmp_path: Path, kind: str
) -> None:
    damaged = copy_of(directory, tmp_path / "damaged")
    if kind == "flipped":
        flip(damaged, value_of(damaged, layout.COMMANDS, 41), 70, 4)
    else:
        edit(damaged, layout.COMMANDS, {41: None})
    whole = replay("export", damaged, tmp_path / "whole.stream")
    assert (2, False) == (whole.code, (tmp_path / "whole.stream").exists())
    whole.check_sentence("record 41")
    one = replay("export", damaged, tmp_path / "one.stream", "--to", 41)
    assert (2, False) == (one.code, (tmp_path / "one.stream").exists())
    file = tmp_path / "good.stream"
    run = replay("export", damaged, file, "--to", 40, "--json")
    assert (0, 1, 40) == (run.code, run.json["first_seq"], run.json["last_seq"])
    assert applied(40)[0].hash.hex() == run.json["last_hash"]
    assert stream(40) == file.read_bytes()
    made = replay("import", tmp_path / "new", file)
    assert (0, "") == (made.code, made.err)
    assert applied(40)[0].hash == recover(tmp_path / "new", COUNTER)[0].hash


def test_heads_behind_the_end_are_left_out(replay: Replay, directory: Path, tmp_path: Path) -> None:
    (tmp_path / "heads").mkdir()
    with open_reader(directory) as journal:
        request = HeadRequest(has_snapshots=True)
        done = publish_heads(journal, COUNTER, KEY, HeadDirectory(tmp_path / "heads"), request)
    assert [21, 42, COUNT] == done.new_sizes
    file = tmp_path / "heads.stream"
    run = replay("export", directory, file, "--to", 42, "--heads", tmp_path / "heads", "--json")
    assert (0, 2) == (run.code, run.json["heads"])
    verdict = validate(file, Options(machine=COUNTER, keys=KEYS))
    assert (Status.OK, 42) == (verdict.status, verdict.seq)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (("--to", 0), "expected --to from 1 to 60, found 0"),
        (("--to", -1), "expected --to from 1 to 60, found -1"),
        (("--to", 61), "expected --to from 1 to 60, found 61"),
        (("--from", 43, "--to", 42), "expected --to from 43 to 60, found 42"),
        (("--from", 61, "--to", 61), "expected --from up to 60, found 61"),
    ],
)
def test_a_range_without_records_is_refused(
    replay: Replay, directory: Path, tmp_path: Path, asked: tuple[object, ...], sentence: str
) -> None:
    run = replay("export", directory, tmp_path / "s", *asked)
    assert (3, [], False) == (run.code, list(tmp_path.iterdir()), (tmp_path / "s").exists())
    run.check_sentence("lockstep replay export: ", str(directory), sentence)


def test_an_archived_journal_has_no_records_before_its_first_good_snapshot(
    replay: Replay, directory: Path, tmp_path: Path
) -> None:
    rest = copy_of(directory, tmp_path / "rest")
    with open_owner(rest) as owner:
        archive(owner, COUNTER, 25, tmp_path / "old.stream")
    assert list(range(22, 31)) == seqs_of(replay("export", rest, "-", "--to", 30).raw)
    refused = replay("export", rest, tmp_path / "s", "--to", 21)
    refused.check_sentence("expected --to from 22 to 60, found 21")
    edit(rest, layout.SNAPSHOTS, {21: b"nothing"})
    refused = replay("export", rest, tmp_path / "s", "--to", 30)
    assert (3, False) == (refused.code, (tmp_path / "s").exists())
    refused.check_sentence("expected --to 42 or later, where the stream would begin, found 30")

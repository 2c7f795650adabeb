"""The commands of the replay, run as a user runs them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from lockstep_journal import archive, layout, open_owner
from lockstep_journal.values import compact
from lockstep_kernel import StreamReader
from lockstep_kernel.values import FrameType
from lockstep_replay import recover, resume
from lockstep_replay.stats import command_name
from tests.machines.counter import COUNTER, Add
from tests.machines.histories import applied, pack, reading, stream, submit_all, write_journal
from tests.unit.journal.damage import PAGE, copy_of, data_of, edit, flip, truncate, value_of
from tests.unit.journal.programs import Run, install_counter, python_path, run_command

COUNT = 60


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_counter(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("replay") / "j"
    write_journal(path, COUNT, snapshot_every=20)
    return path


@pytest.fixture
def replay(site: Path):
    def run(*arguments: object, data: bytes = b"") -> Run:
        return run_command("lockstep_replay.cli:replay", arguments, [site], data)

    return run


@pytest.mark.parametrize("command", ["recover", "show", "at", "diff", "stats", "export", "import"])
def test_every_command_has_an_example_in_its_help(replay, command: str) -> None:
    run = replay(command, "--help")
    assert 0 == run.code
    assert f"lockstep replay {command}" in run.out


def test_recover_reports_the_state(replay, directory: Path) -> None:
    run = replay("recover", directory, "--json")
    assert (0, "") == (run.code, run.err)
    state, report = recover(directory, COUNTER)
    assert (state.hash.hex(), 42, 18) == (
        run.json["last_hash"],
        run.json["snapshot_seq"],
        run.json["replayed"],
    )
    assert report.digest == run.json["digest"]
    assert "last_seq\t60\n" in replay("recover", directory).out
    assert 30 == replay("recover", directory, "--seq", 30, "--json").json["last_seq"]


def test_recover_says_which_snapshots_it_skipped(replay, directory: Path, tmp_path: Path) -> None:
    broken = copy_of(directory, tmp_path / "j")
    edit(broken, layout.SNAPSHOTS, {42: b"nothing"})
    run = replay("recover", broken, "--json")
    assert (0, 21) == (run.code, run.json["snapshot_seq"])
    run.check_sentence("skipped snapshot")


def test_recover_of_damage_and_divergence(replay, directory: Path, tmp_path: Path) -> None:
    broken = copy_of(directory, tmp_path / "j")
    flip(broken, value_of(broken, layout.COMMANDS, 50), 66, 8)
    run = replay("recover", broken)
    assert (2, "") == (run.code, run.out)
    run.check_sentence("record 50")
    done = applied(COUNT)[1][-1]
    broken = copy_of(directory, tmp_path / "k")
    edit(broken, layout.COMMANDS, {COUNT: pack((*done[:6], b"\x07" * 16))})
    run = replay("recover", broken)
    assert 1 == run.code
    run.check_sentence(
        f"lockstep replay recover: {broken}: sequence 60: expected (recomputed) hash "
        f"{done[6].hex()}, the record says {'07' * 16}"
    )


def test_a_truncated_file_is_a_sentence_and_exit_code_2(
    replay, directory: Path, tmp_path: Path
) -> None:
    broken = copy_of(directory, tmp_path / "j")
    truncate(broken, data_of(broken).stat().st_size // PAGE // 2 * PAGE)
    run = replay("recover", broken)
    assert (2, "") == (run.code, run.out)
    run.check_sentence(str(broken))


def test_show_prints_commands_and_events(replay, directory: Path) -> None:
    run = replay("show", directory, "--from", 30, "--to", 31)
    lines = run.out.splitlines()
    assert ["30", "31"] == [line.split("\t")[0] for line in lines if not line.startswith("\t")]
    assert lines[0].split("\t")[1] == "1970-01-01T00:00:00.000000300Z"
    assert "Add(cell=" in lines[0]
    assert "Added(cell=" in lines[1]
    documents = [json.loads(line) for line in replay("show", directory, "--json").out.splitlines()]
    assert list(range(1, COUNT + 1)) == [document["seq"] for document in documents]
    assert [done[6].hex() for done in applied(COUNT)[1]] == [one["hash"] for one in documents]


def test_show_filters_by_field(replay, directory: Path) -> None:
    run = replay("show", directory, "--field", "cell=cell3", "--json")
    documents = [json.loads(line) for line in run.out.splitlines()]
    assert documents
    assert {"cell3"} == {document["command"]["cell"] for document in documents}
    run = replay("show", directory, "--field", "cell=no")
    assert (0, "") == (run.code, run.out)
    run.check_sentence(f"show: {directory}: expected a record with cell=no, found none")
    assert "" == replay("show", directory, "--account", 7).out
    run = replay("show", directory, "--field", "cell")
    assert 3 == run.code
    run.check_sentence("expected NAME=VALUE, found 'cell'")


def test_at_shows_the_tables_of_a_moment(replay, directory: Path) -> None:
    run = replay("at", directory, 25, "--json")
    state = applied(25)[0]
    cells = sorted((cell.name, cell.value) for cell in state.core.cells.values() if cell.value)
    assert (25, state.hash.hex()) == (run.json["seq"], run.json["hash"])
    assert cells == [(row["key"], row["fields"][0]) for row in run.json["entities"]]
    text = replay("at", directory, 25, "--view", "entities").out
    assert text.startswith(f"after 25 at 1970-01-01T00:00:00.000000250Z hash {state.hash.hex()}")
    run = replay("at", directory, 25, "--view", "books")
    assert 3 == run.code
    run.check_sentence("expected a view of entities, found 'books'")
    run = replay("at", directory, 61)
    assert 3 == run.code
    run.check_sentence("from 0 to 60, found 61")


def test_diff_of_two_sequences(replay, directory: Path) -> None:
    run = replay("diff", directory, 29, 30, "--json")
    assert (0, 1) == (run.code, len(run.json))
    changed = run.json[0]
    state = applied(30)[0]
    assert ("kind 1", [state.core.cells[changed["key"]].value]) == (
        changed["kind"],
        changed["after"],
    )
    assert "kind\tkey\tbefore\tafter\nkind 1\t" in replay("diff", directory, 29, 30).out


def test_diff_of_two_journals_finds_where_they_part(
    replay, directory: Path, tmp_path: Path
) -> None:
    same = copy_of(directory, tmp_path / "same")
    run = replay("diff", directory, same, "--json")
    assert (0, None, 60) == (run.code, run.json["divergence"], run.json["common_last_seq"])
    assert "" == run.err
    write_journal(tmp_path / "fork", 32)
    with resume(tmp_path / "fork", COUNTER, lambda: 0) as live:
        live.sequencer.submit([(330, Add("fork", 1))])
        submit_all(live.sequencer, COUNT, start=33)
    run = replay("diff", directory, tmp_path / "fork", "--json")
    assert (1, 33) == (run.code, run.json["divergence"]["seq"])
    run.check_sentence("part at 33", applied(33)[0].hash.hex())
    assert "fork" == run.json["right_step"]["command"]["cell"]
    run = replay("diff", directory, 5)
    assert 3 == run.code


def test_diff_says_that_one_journal_is_a_prefix_of_the_other(
    replay, directory: Path, tmp_path: Path
) -> None:
    short = tmp_path / "short"
    write_journal(short, 32)
    for arguments in ((directory, short), (short, directory)):
        run = replay("diff", *arguments, "--json")
        assert (0, None) == (run.code, run.json["divergence"])
        run.check_sentence(
            f"diff: {short} is a prefix of {directory}: they agree up to sequence 32, "
            f"{directory} goes on to 60"
        )


def test_stats_count_by_type(replay, directory: Path) -> None:
    run = replay("stats", directory, "--json")
    assert {"ActivateRules": 1, "Add": 59} == run.json["commands"]


def test_export_and_import_make_the_same_journal(replay, directory: Path, tmp_path: Path) -> None:
    file = tmp_path / "day.stream"
    run = replay("export", directory, file, "--json")
    assert (0, COUNT) == (run.code, run.json["last_seq"])
    assert stream(COUNT) == file.read_bytes()
    assert stream(COUNT, has_events=True) == replay("export", directory, "-", "--events").raw
    run = replay("import", tmp_path / "k", file, "--json")
    assert (0, "", COUNT) == (run.code, run.err, run.json["last_seq"])
    run = replay("import", tmp_path / "l", "-", data=stream(COUNT, has_events=True))
    assert 0 == run.code
    hashes = {recover(path, COUNTER)[0].hash for path in (directory, tmp_path / "k")}
    assert {recover(tmp_path / "l", COUNTER)[0].hash} == hashes
    run = replay("export", directory, file)
    assert 3 == run.code
    run.check_sentence("expected no file, found one")
    part = replay("export", directory, "-", "--from", 43).raw
    frames = list(StreamReader(reading(part)).frames())
    assert (FrameType.SNAPSHOT, 42) == frames[0][:2]


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (stream(9)[:-40], 4, "sequence 10"),
        (stream(9)[:-1], 4, "sequence 10"),
        (stream(9) + b"x", 2, "after the end"),
        (b"not a stream at all, not a stream at all", 2, "header"),
        (b"", 4, "header"),
        (stream(9)[:200] + b"\xff" + stream(9)[201:], 2, "sequence 2"),
    ],
)
def test_import_of_a_bad_stream_is_a_sentence_and_an_exit_code(
    replay, tmp_path: Path, data: bytes, code: int, words: str
) -> None:
    run = replay("import", tmp_path / "k", "-", data=data)
    assert (code, "") == (run.code, run.out)
    run.check_sentence(words)
    assert [] == list(tmp_path.iterdir())


def test_what_cannot_run_is_a_sentence_and_exit_code_3(
    replay, directory: Path, tmp_path: Path
) -> None:
    (tmp_path / "day.stream").write_bytes(stream(9))
    for arguments, words in (
        (("recover", tmp_path / "nothing"), "found no data.mdb"),
        (("recover", directory, "--machine", "abacus"), "found 'abacus'"),
        (("import", tmp_path / "k", tmp_path / "no.stream"), "cannot be read"),
        (("export", directory, tmp_path / "no" / "day.stream"), "expected the directory"),
        (("export", directory, directory / "day.stream"), "outside every journal"),
        (
            ("export", directory, "/proc/day"),
            "lockstep replay export: /proc/day: cannot be written: No such file or directory",
        ),
        (
            ("import", "/proc/k", tmp_path / "day.stream"),
            "/proc/k: the import cannot be written: No",
        ),
    ):
        run = replay(*arguments)
        assert (3, "") == (run.code, run.out)
        run.check_sentence(words)
        assert "Errno" not in run.err


def test_everything_works_beside_a_live_owner(replay, directory: Path) -> None:
    with open_owner(directory):
        assert 0 == replay("recover", directory).code
        assert 0 == replay("show", directory, "--to", 3).code


def test_show_prints_bytes_in_hex_and_no_defaults() -> None:
    class Inner(msgspec.Struct):
        key: bytes
        depth: int = 7

    class Outer(msgspec.Struct):
        action: Inner
        names: list[str] = []

    assert "Outer(action=Inner(key=14ff))" == compact(Outer(Inner(b"\x14\xff")))
    assert "Inner" == command_name(Outer(Inner(b"")))
    assert "Inner" == command_name(Inner(b""))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--from", COUNT + 1),
        ("--from", 9, "--to", 8),
        ("--from", -1),
        ("--to", -1),
        ("--field", "nosuch=1"),
    ],
)
def test_show_refuses_what_no_journal_can_answer(
    replay, directory: Path, arguments: tuple[object, ...]
) -> None:
    run = replay("show", directory, *arguments)
    assert (3, "") == (run.code, run.out)
    assert "expected" in run.err


def test_show_says_where_the_journal_ends(replay, directory: Path) -> None:
    run = replay("show", directory, "--from", COUNT, "--to", COUNT + 1)
    assert 0 == run.code
    assert run.out.startswith(f"{COUNT}\t")
    run.check_sentence(f"show: {directory}: the journal ends at sequence {COUNT}, before --to 61")
    assert "" == replay("show", directory, "--from", COUNT, "--to", COUNT).err


def test_show_says_that_records_are_archived(replay, site: Path, tmp_path: Path) -> None:
    directory = tmp_path / "j"
    write_journal(directory, COUNT, snapshot_every=20)
    with open_owner(directory) as owner:
        archive(owner, COUNTER, 50, tmp_path / "old.stream")
    run = replay("show", directory, "--from", 1)
    assert (0, "43") == (run.code, run.out.split("\t")[0])
    run.check_sentence(f"show: {directory}: records before 43 are archived")


def test_export_refuses_a_record_that_is_not_there(replay, directory: Path, tmp_path: Path) -> None:
    run = replay("export", directory, tmp_path / "s", "--from", COUNT + 1)
    assert 3 == run.code
    assert not (tmp_path / "s").exists()


def test_export_keeps_a_partial_file_that_is_not_its_own(
    replay, directory: Path, tmp_path: Path
) -> None:
    (tmp_path / "day.stream.partial").write_bytes(b"mine")
    run = replay("export", directory, tmp_path / "day.stream")
    assert (3, "") == (run.code, run.out)
    run.check_sentence("day.stream.partial: expected a new place for the stream, found this")
    assert b"mine" == (tmp_path / "day.stream.partial").read_bytes()
    assert not (tmp_path / "day.stream").exists()


def test_times_are_words_in_tables_and_numbers_in_json(replay, directory: Path) -> None:
    assert isinstance(replay("recover", directory, "--json").json["last_ts_ns"], int)
    for command, name in (("recover", "last_time_utc"), ("stats", "time_utc_last")):
        row = next(x for x in replay(command, directory).out.splitlines() if x.startswith(name))
        assert row.endswith("Z")


def test_an_interrupt_ends_an_import_and_leaves_nothing(site: Path, tmp_path: Path) -> None:
    code = "from lockstep_replay.cli import replay; replay()"
    argv = [sys.executable, "-c", code, "import", str(tmp_path / "new"), "-"]
    environment = {**os.environ, "PYTHONPATH": python_path([site])}
    with subprocess.Popen(
        argv, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        process.stdin.write(stream(3000)[:-100])
        process.stdin.flush()
        deadline = time.monotonic() + 20
        while not (tmp_path / "new.partial").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        error = process.stderr.read()
        assert (130, b"lockstep replay import: interrupted\n") == (process.wait(20), error)
    assert [] == list(tmp_path.glob("new*"))


def test_a_closed_pipe_ends_quietly(site: Path, directory: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    arguments = {"directory": str(directory), "is_json": False}
    arguments |= {"machine_name": None, "first_seq": None, "last_seq": None}
    arguments |= {"wanted": {"fields": [], "types": []}}
    argv = [sys.executable, "-m", "lockstep_replay.cli.work", "show", json.dumps(arguments)]
    environment = {**os.environ, "PYTHONPATH": python_path([site])}
    done = subprocess.run(argv, env=environment, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (141, b"") == (done.returncode, done.stderr)


@pytest.mark.parametrize("command", ["recover", "show", "at", "stats"])
def test_a_forged_body_names_the_journal_and_diverges(
    replay, directory: Path, tmp_path: Path, command: str
) -> None:
    broken = copy_of(directory, tmp_path / "j")
    done = applied(COUNT)[1][-1]
    edit(broken, layout.COMMANDS, {COUNT: pack((*done[:2], b"\xc1", *done[3:]))})
    run = replay(command, broken, *([COUNT] if command == "at" else []))
    assert 1 == run.code
    said = f"{broken}: sequence {COUNT}: the record holds no canonical command: "
    run.check_sentence(f"lockstep replay {command}: {said}")


def test_an_import_names_the_stream(replay, tmp_path: Path) -> None:
    (tmp_path / "day.stream").write_bytes(stream(9)[:-1])
    run = replay("import", tmp_path / "k", tmp_path / "day.stream", "--json")
    assert 4 == run.code
    run.check_sentence(f"lockstep replay import: {tmp_path / 'day.stream'}: sequence 10: ")
    assert run.err.endswith(f"import: {run.json['error']}\n")
    run = replay("import", tmp_path / "k", "-", data=stream(9)[:-1])
    run.check_sentence("import: standard input: sequence 10: ")

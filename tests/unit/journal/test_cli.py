"""The commands of the journal, run as a user runs them."""

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lockstep_journal import MapPolicy, layout, open_owner, open_reader
from lockstep_replay import recover
from tests.machines.counter import COUNTER
from tests.machines.histories import read_stream, stream_frames, write_journal
from tests.unit.journal.damage import PAGE, data_of, edit, flip, truncate, value_of
from tests.unit.journal.programs import Run, install_counter, python_path, run_command, run_python
from tests.unit.journal.test_store import put_meta

COUNT = 60


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write_journal(tmp_path / "j", COUNT, snapshot_every=20, keep_events=True)
    return tmp_path / "j"


def journal(*arguments: object, path: Path | None = None) -> Run:
    return run_command("lockstep_journal.cli:journal", arguments, [] if path is None else [path])


def status(*arguments: object) -> Run:
    return run_command("lockstep_journal.cli:status", arguments)


def test_help_loads_neither_lmdb_nor_rich() -> None:
    for module, name in (
        ("lockstep_journal.cli", "journal"),
        ("lockstep_journal.cli", "status"),
        ("lockstep_replay.cli", "replay"),
    ):
        code = (
            f"import sys\nfrom {module} import {name} as command\n"
            "try: command(['--help'])\n"
            "except SystemExit: pass\n"
            "print(sorted({'lmdb', 'rich', 'matplotlib'} & set(sys.modules)))"
        )
        run = run_python(["-c", code])
        assert "[]" == run.out.splitlines()[-1]
        assert "Usage:" in run.out
        assert 0 == run.code


@pytest.mark.parametrize("command", ["verify", "stats", "backup", "archive"])
def test_every_command_has_an_example_in_its_help(command: str) -> None:
    assert f"Example: lockstep journal {command}" in journal(command, "--help").out


def test_verify_of_a_good_journal(directory: Path) -> None:
    state = recover(directory, COUNTER)[0]
    run = journal("verify", directory, "--json")
    assert (0, "") == (run.code, run.err)
    expected = {
        "records": COUNT,
        "snapshots": 2,
        "last_seq": COUNT,
        "last_hash": state.hash.hex(),
        "findings": [],
    }
    assert expected == run.json
    text = journal("verify", directory)
    assert "records\t60\n" in text.out
    assert "findings\t0\n" in text.out


def test_verify_names_what_is_wrong(directory: Path) -> None:
    flip(directory, value_of(directory, layout.COMMANDS, 33), 9, 1)
    edit(directory, layout.EVENTS, {50: None})
    run = journal("verify", directory, "--json")
    assert 2 == run.code
    run.check_sentence("2 findings", "sequence 33")
    assert [33, 50] == [finding["seq"] for finding in run.json["findings"]]
    run = journal("verify", directory, "--json", "--first")
    assert [33] == [finding["seq"] for finding in run.json["findings"]]
    assert "seq\twhat\n33\t" in journal("verify", directory).out


@pytest.mark.parametrize(
    "command", ["verify", "stats", "backup new", "archive new --below 50", "compact", "status"]
)
def test_damage_is_said_of_the_journal_that_has_it(
    directory: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    put_meta(directory, layout.META_END, b"no end")
    monkeypatch.chdir(directory.parent)
    words = command.split()
    run = status("j/") if command == "status" else journal(words[0], "j/", *words[1:])
    assert 2 == run.code
    speaker = "status" if command == "status" else f"journal {words[0]}"
    assert run.err.startswith(f"lockstep {speaker}: j: meta: ")
    assert 1 == run.err.count("\n")


def test_a_truncated_file_is_a_sentence_and_exit_code_2(directory: Path) -> None:
    truncate(directory, data_of(directory).stat().st_size // PAGE // 2 * PAGE)
    for run in (journal("backup", directory, directory.parent / "copy"), status(directory)):
        assert (2, "") == (run.code, run.out)
        run.check_sentence(str(directory))
    assert ["j"] == [path.name for path in directory.parent.iterdir()]


DYING = """
import os, signal, sys
from lockstep_journal import child
code = child.run(sys.argv[1], "work", {}, "data/journal")
print(code)
"""
DYING_CHILD = """
import os, signal
os.kill(os.getpid(), signal.{name})
"""


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("SIGBUS", 2, "killed the reader with SIGBUS"),
        ("SIGSEGV", 2, "killed the reader with SIGSEGV"),
        ("SIGABRT", 2, "damaged"),
        ("SIGKILL", 3, "ended by SIGKILL"),
        ("SIGTERM", 3, "ended by SIGTERM"),
    ],
)
def test_the_death_of_a_child_is_an_exit_code(
    tmp_path: Path, name: str, code: int, words: str
) -> None:
    (tmp_path / "dying.py").write_text(DYING_CHILD.format(name=name))
    run = run_python(["-c", DYING, "dying"], [tmp_path])
    assert f"{code}\n" == run.out
    run.check_sentence("data/journal", words)


def test_stats_weigh_the_parts(directory: Path) -> None:
    run = journal("stats", directory, "--json")
    assert 0 == run.code
    found = run.json
    assert COUNT == found["records"]
    assert found["record_bytes"] > 72 * COUNT
    assert found["event_bytes"] > COUNT
    assert found["snapshot_bytes"] > 200
    assert 10 == found["ts_ns_first"]
    assert "record_bytes\t" in journal("stats", directory).out


def test_status_says_who_writes_and_what_is_there(directory: Path) -> None:
    run = status(directory, "--json")
    assert 0 == run.code
    expected: dict[str, Any] = {
        "owner_pid": None,
        "epoch": 1,
        "machine": "counter",
        "rules_version": 1,
        "last_seq": COUNT,
        "last_ts_ns": 10 * COUNT,
        "snapshots": [21, 42],
        "keeps_events": True,
    }
    assert expected == {name: run.json[name] for name in expected}
    assert run.json["file_bytes"] == data_of(directory).stat().st_size
    assert MapPolicy().first_bytes == run.json["map_bytes"]
    assert "owner_pid\tnobody\n" in status(directory).out
    with open_owner(directory):
        assert f"owner_pid\tprocess {os.getpid()}\n" in status(directory).out
        assert os.getpid() == status(directory, "--json").json["owner_pid"]


def test_backup_copies_beside_a_live_owner_and_refuses_to_replace(directory: Path) -> None:
    copy = directory.parent / "copy"
    with open_owner(directory):
        run = journal("backup", directory, copy, "--json", "--compact")
    assert (0, COUNT) == (run.code, run.json["records"])
    assert recover(copy, COUNTER)[0].hash == recover(directory, COUNTER)[0].hash
    again = journal("backup", directory, copy)
    assert 3 == again.code
    again.check_sentence("expected a new place")


def test_archive_moves_records_to_a_file(directory: Path, tmp_path: Path) -> None:
    install_counter(tmp_path / "site")
    old = tmp_path / "old.stream"
    run = journal("archive", directory, old, "--below", 50, "--json", path=tmp_path / "site")
    assert (0, "") == (run.code, run.err)
    assert {"path": str(old), "first_seq": 1, "last_seq": 42}.items() <= run.json.items()
    assert 42 == len(read_stream(old.read_bytes()))
    assert [42] == status(directory, "--json").json["snapshots"]


def test_archive_needs_the_journal_for_itself_and_its_machine(
    directory: Path, tmp_path: Path
) -> None:
    old = tmp_path / "old.stream"
    run = journal("archive", directory, old, "--below", 50)
    assert 3 == run.code
    run.check_sentence("found 'counter'")
    with open_owner(directory):
        run = journal("archive", directory, old, "--below", 50)
    assert 3 == run.code
    run.check_sentence("owner.lock: locked by live process")


@pytest.mark.parametrize("command", ["verify", "stats"])
def test_no_journal_is_a_sentence_and_exit_code_3(tmp_path: Path, command: str) -> None:
    run = journal(command, tmp_path / "nothing")
    assert (3, "") == (run.code, run.out)
    run.check_sentence("expected a journal, found no data.mdb")


def test_a_newer_format_is_a_sentence_and_exit_code_3(directory: Path) -> None:
    put_meta(directory, layout.META_FORMAT, b"\x00\x00\x00\x09")
    run = status(directory)
    assert 3 == run.code
    run.check_sentence("expected journal format 1, found 9")


def test_an_output_that_closes_early_is_no_crash(directory: Path) -> None:
    code = "from lockstep_journal.cli import journal; journal()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "stats", str(directory)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": python_path()},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert 141 == process.wait(20)
        assert b"Traceback" not in process.stderr.read()


def test_a_terminal_gets_a_table(directory: Path) -> None:
    master, slave = pty.openpty()
    code = "from lockstep_journal.cli import status; status()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(directory)],
        stdout=slave,
        env={**os.environ, "PYTHONPATH": python_path(), "COLUMNS": "100", "NO_COLOR": "1"},
    ) as process:
        os.close(slave)
        seen = b""
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:
                break
            if not piece:
                break
            seen += piece
        assert 0 == process.wait(20)
    os.close(master)
    assert "│ machine" in seen.decode()
    assert "\x1b[3" not in seen.decode()


def test_a_walk_that_ends_early_names_the_next_record(directory: Path, tmp_path: Path) -> None:
    data = data_of(directory).read_bytes()
    key = layout.pack_key(31)
    # The node's header, eight bytes, ends with the size of its key.
    data_of(directory).write_bytes(data.replace(b"\x08\x00" + key, b"\x08\x00" + b"\xff" + key[1:]))
    run = journal("verify", directory, "--json")
    assert 2 == run.code
    assert 31 in [finding["seq"] for finding in run.json["findings"]]
    assert 2 == journal("backup", directory, tmp_path / "copy").code
    assert not (tmp_path / "copy").exists()


def test_any_error_of_lmdb_on_a_page_is_damage(directory: Path, tmp_path: Path) -> None:
    data = data_of(directory).read_bytes()
    for page in range(2, len(data) // PAGE):
        changed = bytearray(data)
        changed[PAGE * page + 10] ^= 0xFF
        data_of(directory).write_bytes(changed)
        run = journal("verify", directory)
        assert run.code in (0, 2), (page, run.err)


def test_a_refused_archive_raises_no_epoch_and_says_what_to_do(
    directory: Path, tmp_path: Path
) -> None:
    site = install_counter(tmp_path / "site")
    with open_reader(directory) as seen:
        epoch, snapshots = seen.epoch(), seen.snapshot_seqs()
    run = journal("archive", directory, tmp_path / "old", "--below", 1, path=site)
    assert 3 == run.code
    assert f"the oldest kept is {snapshots[0]}, the newest {snapshots[-1]}" in run.err
    assert f"use --below {snapshots[0]} or more" in run.err
    with open_reader(directory) as seen:
        assert epoch == seen.epoch()
    refused = journal("archive", directory, tmp_path / "old", "--below", -1, path=site)
    assert 0 != refused.code
    assert "-1 is not in the range" in refused.err


def test_status_lists_snapshots_without_brackets(directory: Path) -> None:
    with open_reader(directory) as seen:
        expected = ", ".join(map(str, seen.snapshot_seqs()))
    assert f"snapshot_seqs\t{expected}\n" in status(directory).out


def test_text_says_the_unit_of_its_numbers(directory: Path) -> None:
    text = status(directory).out
    assert "last_time_utc\t1970-01-01T00:00:00.000000600Z\n" in text
    assert "digest_every_commands\t1\n" in text
    assert "ts_ns" not in text + journal("stats", directory).out
    assert "snapshots\t2\n" in journal("verify", directory).out


PLACES = [
    ("no/new", "expected the directory {root}/no, found nothing: create it"),
    ("file/new", "expected the directory {root}/file, found something else: create it"),
    ("j/new", "expected a place outside every journal, found it inside {root}/j"),
    ("j/sub/new", "expected a place outside every journal, found it inside {root}/j"),
    ("link/new", "expected a place outside every journal, found it inside {root}/j"),
]


@pytest.mark.parametrize("command", ["backup", "archive", "import"])
@pytest.mark.parametrize(("place", "sentence"), PLACES)
def test_a_bad_place_is_refused_and_nothing_is_made(
    directory: Path, command: str, place: str, sentence: str
) -> None:
    root = directory.parent
    (directory / "sub").mkdir()
    (root / "link").symlink_to(directory / "sub")
    (root / "file").write_bytes(b"".join(stream_frames(9)))
    before = sorted(root.rglob("*"))
    if command == "import":
        given = ("import", root / place, root / "file", "--trust-hashes")
        run = run_command("lockstep_replay.cli:replay", given)
    elif command == "archive":
        install_counter(root / "site")
        before = sorted(root.rglob("*"))
        run = journal(command, directory, root / place, "--below", 50, path=root / "site")
    else:
        run = journal(command, directory, root / place)
    assert (3, "") == (run.code, run.out)
    run.check_sentence(f"{root / place}: {sentence.format(root=root)}")
    made = set(root.rglob("*")) - set(before) - {directory / "lock.mdb", directory / "owner.lock"}
    assert set() == {path for path in made if "__pycache__" not in path.parts}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("/proc/new",), "/proc/new: the backup cannot be written: No such file or directory"),
        (("x" * 300,), f"{'x' * 300}: the backup cannot be written: File name too long"),
    ],
)
def test_a_fault_of_the_system_is_said_without_its_number(
    directory: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    run = journal("backup", directory, *arguments)
    assert (3, "") == (run.code, run.out)
    assert f"lockstep journal backup: {sentence}\n" == run.err


def test_one_finding_is_one(directory: Path) -> None:
    put_meta(directory, layout.META_EPOCH, bytes(8))
    flip(directory, value_of(directory, layout.COMMANDS, 33), 70, 1)
    run = journal("verify", directory, "--first")
    assert 2 == run.code
    run.check_sentence(f"lockstep journal verify: {directory}: 1 finding, at sequence 33: ")

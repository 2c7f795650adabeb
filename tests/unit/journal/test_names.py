"""Names of files that are no text: shown where they can be used, refused where LMDB cannot."""

import os
from pathlib import Path

import pytest

from lockstep_journal import RepairOptions, create, open_owner, open_reader, repair
from lockstep_journal.heads import HeadDirectory
from lockstep_journal.keys import make_key
from lockstep_kernel import CannotRunError
from tests.machines.counter import COUNTER
from tests.machines.histories import GENESIS, write_journal
from tests.unit.journal.damage import copy_of
from tests.unit.journal.programs import install_counter, run_command

SENTENCE = r"j\\xff.*: expected the path of a journal in UTF-8, found other bytes"


def odd(folder: Path, name: str = "j") -> Path:
    return folder / os.fsdecode(name.encode() + b"\xff")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    write_journal(tmp_path / "good", 9)
    return copy_of(tmp_path / "good", odd(tmp_path))


def test_a_journal_whose_path_is_no_text_is_refused_by_name(journal: Path, tmp_path: Path) -> None:
    for opener in (open_reader, open_owner):
        with pytest.raises(CannotRunError, match=SENTENCE):
            opener(journal)
    for directory in (journal, odd(tmp_path, "new-j")):
        with pytest.raises(CannotRunError, match=SENTENCE):
            create(directory, COUNTER, GENESIS)
    with pytest.raises(CannotRunError, match=SENTENCE):
        repair(journal, RepairOptions())
    with pytest.raises(CannotRunError, match=SENTENCE):
        repair(tmp_path / "good", RepairOptions(is_dry_run=True, backup=str(odd(tmp_path, "b-j"))))
    assert not odd(tmp_path, "new-j").exists()


@pytest.mark.parametrize("command", ["verify", "stats", "status", "repair", "compact", "backup"])
def test_the_programs_say_so_in_one_sentence(journal: Path, tmp_path: Path, command: str) -> None:
    arguments = [command, journal]
    if command == "backup":
        arguments = [command, tmp_path / "good", odd(tmp_path, "new-j")]
    if command == "status":
        run = run_command("lockstep_journal.cli:status", [journal, "--json"], [])
    else:
        run = run_command("lockstep_journal.cli:journal", [*arguments, "--json"], [])
    assert 3 == run.code
    run.check_sentence("expected the path of a journal in UTF-8")
    assert r"j\xff" in run.json["error"]


def test_a_directory_of_heads_may_have_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8:strict")
    write_journal(tmp_path / "good", 9)
    heads = odd(tmp_path)
    heads.mkdir()
    make_key("exchange.example/main", tmp_path / "k")
    site = install_counter(tmp_path / "site")
    arguments = ["publish", tmp_path / "good", heads, "--key", tmp_path / "k"]
    run = run_command("lockstep_journal.cli.heads:head", arguments, [site])
    assert (0, "") == (run.code, run.err)
    assert [9] == HeadDirectory(heads).sizes()

"""Newer data under older code is refused: by name, in one sentence, code 3, nothing written."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from lockstep_journal import open_owner, open_reader
from lockstep_kernel import UnsupportedError
from tests.golden import newer
from tests.machines.counter import COUNTER
from tests.unit.journal.programs import Run, install_counter, run_command, run_python

Writer = Callable[[Path], None]

LOOKING = ("journal verify j", "journal stats j", "journal backup j new", "status j")
REPLAYING = (
    *("replay recover j", "replay show j", "replay at j 25", "replay diff j 5 25"),
    *("replay stats j", "replay export j new --events", "replay export j new"),
)
WRITING = ("journal archive j new --below 29",)
ALL = (*LOOKING, *REPLAYING, *WRITING, "validator j")

OPENING = {
    newer.newer_format: ("journal format 1", "found 2", "run the release that has it"),
    newer.newer_entry: ("entries of journal format 1", "'shard'", "run the release that has it"),
    newer.newer_lmdb: ("expected LMDB data format 1", "found 2", "run the release that has it"),
}
"""What no program may open at all, and words of the sentence."""

CASES = [(writer, line, words) for writer, words in OPENING.items() for line in ALL]
RULES = ("rules version 1 to 2 of machine 'counter'", "found 3", "run a release that has it")
CASES += [
    (newer.newer_genesis, line, RULES)
    for line in (*REPLAYING, *WRITING, "validator j")
    if "export" not in line
]
DESK_RULES = ("rules version 1 to 1 of machine 'desk'", "found 2", "run a release that has it")
CASES += [
    (newer.newer_desk, line, DESK_RULES)
    for line in ("replay recover j", "replay show j", "replay at j 25", "validator j", *WRITING)
]
CASES += [
    (newer.newer_switch, line, (*RULES, " 20: "))
    for line in (
        *("replay recover j", "replay show j", "replay at j 25", "replay diff j 5 25"),
        *("replay stats j", "validator j"),
    )
]
RECORD = ("record 7: expected format 1, found 2", "run the release that has it")
CASES += [
    (newer.newer_record, line, RECORD)
    for line in (
        *("journal verify j", "journal stats j", "journal backup j new", "replay show j"),
        *("replay at j 7", "replay stats j", "replay export j new", "validator j"),
    )
]
SNAPSHOT = ("snapshot 16: expected format 1, found 2", "run the release that has it")
CASES += [
    (newer.newer_snapshot, line, SNAPSHOT) for line in ("journal verify j", "journal backup j new")
]


def name_of(value: object) -> str:
    return value.__name__ if callable(value) else str(value).replace(" ", "-")


@pytest.fixture(scope="module")
def journals(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Writer], Path]:
    """Return what gives the journal of a writer; each is written once."""
    made: dict[Writer, Path] = {}

    def journal(writer: Writer) -> Path:
        if writer not in made:
            made[writer] = tmp_path_factory.mktemp(writer.__name__) / "j"
            writer(made[writer])
        return made[writer]

    return journal


def run_line(line: str, folder: Path) -> Run:
    """Run a program on the journal `j` of a folder, with the older counter installed."""
    group, *words = line.split()
    site = [install_counter(folder / "site")]
    arguments = [folder / word if word in ("j", "new") else word for word in words]
    if group == "validator":
        return run_python(["-m", "lockstep_validator", *arguments, "--quiet"], site)
    target = "lockstep_replay.cli" if group == "replay" else "lockstep_journal.cli"
    return run_command(f"{target}:{group}", arguments, site)


def content(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder but the lock files, whose content is nothing of the journal."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if path.name not in ("lock.mdb", "owner.lock") and "site" not in path.parts
    }


@pytest.mark.parametrize(("writer", "line", "words"), CASES, ids=name_of)
def test_newer_data_is_refused_by_name_and_nothing_is_written(
    journals: Callable[[Writer], Path],
    tmp_path: Path,
    writer: Writer,
    line: str,
    words: Iterable[str],
) -> None:
    newer.copy_of(journals(writer), tmp_path / "j")
    before = content(tmp_path)
    run = run_line(line, tmp_path)
    assert 3 == run.code, run.err
    run.check_sentence(*words)
    assert before == content(tmp_path)


@pytest.mark.parametrize("writer", OPENING, ids=name_of)
def test_newer_data_is_refused_by_reader_and_owner(
    journals: Callable[[Writer], Path], tmp_path: Path, writer: Writer
) -> None:
    directory = newer.copy_of(journals(writer), tmp_path / "j")
    before = content(tmp_path)
    for opener in (open_reader, open_owner):
        with pytest.raises(UnsupportedError):
            opener(directory)
    assert before == content(tmp_path)


def test_a_journal_of_newer_rules_has_no_older_owner(
    journals: Callable[[Writer], Path], tmp_path: Path
) -> None:
    directory = newer.copy_of(journals(newer.newer_genesis), tmp_path / "j")
    before = content(tmp_path)
    with pytest.raises(UnsupportedError, match="found 3"):
        open_owner(directory, COUNTER)
    assert before == content(tmp_path)


@pytest.mark.parametrize("what", newer.newer_streams())
def test_a_newer_stream_is_refused_by_name_and_nothing_is_written(
    tmp_path: Path, what: str
) -> None:
    path = tmp_path / "new.stream"
    path.write_bytes(newer.newer_streams()[what])
    site = [install_counter(tmp_path / "site")]
    before = content(tmp_path)
    runs = [
        run_python(["-m", "lockstep_validator", path, "--quiet"], site),
        run_command("lockstep_replay.cli:replay", ["import", tmp_path / "j", path], site),
    ]
    for run in runs:
        assert 3 == run.code, run.err
        run.check_sentence(what, "release that has it")
    assert before == content(tmp_path)


def test_a_newer_stream_that_is_trusted_is_refused_all_the_same(tmp_path: Path) -> None:
    for number, (what, data) in enumerate(sorted(newer.newer_streams().items())):
        if what.startswith("machine"):
            continue
        path = tmp_path / f"{number}.stream"
        path.write_bytes(data)
        arguments = ["import", tmp_path / "j", path, "--trust-hashes"]
        run = run_command("lockstep_replay.cli:replay", arguments)
        assert 3 == run.code, run.err
        run.check_sentence(what)
        assert not (tmp_path / "j").exists()

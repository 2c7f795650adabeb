"""A child reads a journal first, so that a damaged page ends the child and not the program."""

from pathlib import Path

import pytest

from lockstep_journal import rehearse
from lockstep_journal.child import death_sentence
from lockstep_kernel import DamagedError
from tests.machines.histories import write_journal
from tests.unit.journal.damage import PAGE, copy_of, data_of, truncate
from tests.unit.journal.programs import run_python
from tests.unit.journal.test_damage import FORKED

COUNT = 300


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    write_journal(tmp_path / "pristine", COUNT, snapshot_every=100)
    return copy_of(tmp_path / "pristine", tmp_path / "j")


def deadly_pages(directory: Path) -> list[int]:
    """Return the pages without which reading the journal kills the reader."""
    original = data_of(directory).read_bytes()
    lines = run_python(["-c", FORKED, directory, PAGE]).out.splitlines()
    data_of(directory).write_bytes(original)
    codes = {int(page): int(code) for page, code in map(str.split, lines)}
    return [page for page, code in codes.items() if code < 0]


def test_a_page_that_kills_the_reader_kills_the_child_alone(journal: Path) -> None:
    original = data_of(journal).read_bytes()
    pages = deadly_pages(journal)
    assert pages
    for page in pages:
        wiped = bytearray(original)
        wiped[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)
        data_of(journal).write_bytes(wiped)
        with pytest.raises(DamagedError, match="reading it killed the reader with SIG"):
            rehearse(journal)


def test_nothing_is_said_of_what_can_be_said_later(journal: Path, tmp_path: Path) -> None:
    rehearse(journal)
    rehearse(tmp_path / "none")
    truncate(journal, data_of(journal).stat().st_size - 1)
    rehearse(journal)
    data_of(journal).write_bytes(b"nothing of the kind")
    rehearse(journal)


def test_only_a_deadly_signal_says_something_of_the_data() -> None:
    assert death_sentence(0) is None
    assert death_sentence(15) is None
    assert "SIGBUS" in str(death_sentence(7))

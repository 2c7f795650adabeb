"""Directories of demos: new ones, those to go on with, and all others."""

import os
from pathlib import Path

import pytest

from lockstep_desk.demo.folder import Death, Folder, Note, alone, deaths_in, opened
from lockstep_desk.demo.messages import Mark, Marks
from lockstep_desk.demo.plan import full, quick
from lockstep_kernel import CannotRunError, DamagedError

FIRST, SECOND = (Marks(Mark(n, f"d{n}"), Mark(n, f"e{n}")) for n in (1, 2))


def folder(path: Path, *, is_quick: bool = True, seed: int | None = None) -> Folder:
    return opened(path, is_quick=is_quick, seed=seed)


def test_a_new_directory_is_begun_with_the_plan_that_was_asked_for(tmp_path: Path) -> None:
    made = folder(tmp_path / "a" / "b", seed=3)
    assert (False, 3, quick(3).total) == (made.is_resumed, made.plan.seed, made.plan.total)
    assert (7, full(7).total) == (
        folder(tmp_path / "c", is_quick=False).plan.seed,
        folder(tmp_path / "d", is_quick=False).plan.total,
    )


def test_a_demo_that_is_there_is_gone_on_with_under_its_own_plan(tmp_path: Path) -> None:
    plan = folder(tmp_path, seed=3).plan
    again = folder(tmp_path, is_quick=False)
    assert (True, plan) == (again.is_resumed, again.plan)
    assert plan == folder(tmp_path, is_quick=True, seed=3).plan


def test_two_demos_of_one_seed_are_two(tmp_path: Path) -> None:
    one, two = folder(tmp_path / "one"), folder(tmp_path / "two")
    assert one.plan.desk_genesis() != two.plan.desk_genesis()


def test_what_a_crash_left_before_there_was_a_plan_is_no_demo_yet(tmp_path: Path) -> None:
    (tmp_path / "demo.json.partial").write_text("{")
    assert not folder(tmp_path).is_resumed


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("letter.txt", "dear", "expected a new or empty directory.*found 'letter.txt' and no demo"),
        ("demo.json", "{}", "demo.json: expected the plan of a desk demo"),
        ("demo.json", "", "demo.json: expected the plan of a desk demo"),
        (
            "demo.json",
            '{"lockstep_desk_demo":9,"plan":{"seed":1,"candles":1,"move_us":1,"begun_ns":1}}',
            "expected a demo of format 1, found 9",
        ),
    ],
)
def test_a_directory_of_something_else_is_left_alone(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(CannotRunError, match=words):
        folder(tmp_path)
    assert [name] == [path.name for path in tmp_path.iterdir()]


def test_one_demo_at_a_time_is_at_work_in_a_directory(tmp_path: Path) -> None:
    words = f"expected no other demo at work in it, found one \\(process {os.getpid()}\\)"
    path = tmp_path / "new"
    for is_resumed in (False, True):
        with alone(path):
            assert is_resumed == folder(path).is_resumed
            with pytest.raises(CannotRunError, match=words), alone(path):
                pass


@pytest.mark.parametrize("name", ["letter.txt", "demo.json"])
def test_a_directory_of_something_else_is_not_even_locked(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(CannotRunError, match="expected"), alone(tmp_path):
        pass
    assert [name] == [path.name for path in tmp_path.iterdir()]


def test_a_demo_does_not_go_on_under_another_seed_or_size(tmp_path: Path) -> None:
    folder(tmp_path, is_quick=False, seed=3)
    with pytest.raises(CannotRunError, match="--seed 3, which cannot go on with --seed 4"):
        folder(tmp_path, is_quick=False, seed=4)
    with pytest.raises(CannotRunError, match="leave --quick away"):
        folder(tmp_path)


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotRunError, match="file: expected a directory, found another file"):
        folder(tmp_path / "file")
    with pytest.raises(CannotRunError, match="cannot be opened: Not a directory"):
        folder(tmp_path / "file" / "below")


def test_a_note_that_a_crash_cut_short_takes_no_other_with_it(tmp_path: Path) -> None:
    made = folder(tmp_path)
    made.note(Note("started", "first", 0.5))
    with (tmp_path / "notes.jsonl").open("ab") as file:
        file.write(b'{"part":"torn')
    assert ["started"] == [note.part for note in made.notes()]
    made.note(Note("worker", "second", 1.5))
    assert ["started", "worker"] == [note.part for note in made.notes()]


@pytest.mark.parametrize(
    ("whole", "damaged", "words"),
    [
        (b'{"part"', b'{"qart"', "expected a note of the demo: "),
        (
            b'"worker"',
            b'"wprker"',
            "expected a note of the demo, found one of the unknown part 'wprker'",
        ),
        (b'"worker"', b'"killed"', "expected what a killed host left in the note of its death"),
        (b'"killed"', b'"worker"', "expected what a killed host left in the note of its death"),
        (b'"death"', b'"deatH"', "expected a note of the demo: "),
        (b'"found"', b'"fount"', "expected a note of the demo: "),
        (b"second", b"sec\xffnd", "expected a note of the demo: "),
        (b"}\n{", b"}\n\n{", "expected a note of the demo: "),
    ],
)
def test_a_damaged_note_is_named_by_its_line(
    tmp_path: Path, whole: bytes, damaged: bytes, words: str
) -> None:
    made = folder(tmp_path)
    made.note(Note("started", "first"))
    made.note(Note("worker", "second"))
    made.note(Note("killed", "third", death=Death(FIRST, SECOND, FIRST)))
    path = tmp_path / "notes.jsonl"
    data = path.read_bytes()
    at = data.index(whole, data.index(b"\n") - 1)
    path.write_bytes(data[:at] + data[at:].replace(whole, damaged, 1))
    line = 3 if whole == b'"killed"' else 2
    with pytest.raises(DamagedError, match=f"notes.jsonl, line {line}: {words}"):
        made.notes()


def test_deaths_are_noted_with_what_the_next_host_found(tmp_path: Path) -> None:
    made = folder(tmp_path)
    death = Death(FIRST, SECOND, FIRST)
    made.note(Note("killed", "", death=death))
    assert [death] == deaths_in(made.notes())
    made.note(Note("recovered", "", found=SECOND))
    (whole,) = deaths_in(made.notes())
    assert (SECOND, []) == (whole.found, whole.faults())


def test_what_does_not_hold_of_a_death_is_said() -> None:
    assert ["what was acknowledged is not recovered"] == Death(SECOND, SECOND, FIRST).faults()
    assert ["the next host recovered another history"] == (
        Death(FIRST, SECOND, FIRST, FIRST).faults()
    )

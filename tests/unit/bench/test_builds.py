"""Every child says, from the files of its modules, which build it runs, and refuses another."""

import os
from pathlib import Path

import msgspec
import pytest

from lockstep_kernel import CannotRunError
from lockstep_runtime.bench.builds import (
    COMPILED,
    COMPILED_FOLDER,
    INTERPRETED,
    Build,
    builds_to_measure,
    check_floor_interpreted,
    running_label,
)
from lockstep_runtime.bench.worker import Job, main

EXPECTED = os.environ.get("LOCKSTEP_EXPECT", INTERPRETED)
OTHER = COMPILED if EXPECTED == INTERPRETED else INTERPRETED


def test_the_label_is_that_of_the_files() -> None:
    assert EXPECTED == running_label()
    Build(EXPECTED).check_running()


def test_another_build_than_the_expected_one_is_refused() -> None:
    with pytest.raises(CannotRunError, match=f"expected the {OTHER} build, found the {EXPECTED}"):
        Build(OTHER).check_running()


def test_a_build_from_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotRunError, match=r"expected lockstep_kernel\.chain in"):
        Build(EXPECTED, str(tmp_path)).check_running()


def test_the_floor_is_never_compiled() -> None:
    check_floor_interpreted()


def test_a_build_in_a_folder_stands_first_on_the_path(tmp_path: Path) -> None:
    path = Build(COMPILED, str(tmp_path)).environment()["PYTHONPATH"]
    assert str(tmp_path) == path.split(os.pathsep)[0]
    assert Build(EXPECTED).environment()["PYTHONPATH"] == path.removeprefix(f"{tmp_path}:")


def test_without_a_folder_one_build_is_measured_and_a_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(COMPILED_FOLDER, raising=False)
    builds, notes = builds_to_measure()
    assert [Build(EXPECTED)] == builds
    assert notes[0].startswith(f"Only the {EXPECTED} build was measured")


@pytest.mark.skipif(EXPECTED == COMPILED, reason="a compiled program measures itself only")
def test_with_a_folder_both_builds_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(COMPILED_FOLDER, str(tmp_path))
    both = [Build(INTERPRETED), Build(COMPILED, str(tmp_path.resolve()))]
    assert (both, []) == builds_to_measure()


@pytest.mark.skipif(EXPECTED == COMPILED, reason="a compiled program measures itself only")
def test_a_folder_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(COMPILED_FOLDER, str(tmp_path / "gone"))
    with pytest.raises(CannotRunError, match="gone, found no such folder"):
        builds_to_measure()


def test_a_child_of_the_wrong_build_says_so_and_measures_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    job = Job("round", Build(OTHER), "no such file", "")
    assert 3 == main([msgspec.json.encode(job).decode()])
    out, err = capsys.readouterr()
    assert ("", f"expected the {OTHER} build, found the {EXPECTED} one\n") == (out, err)

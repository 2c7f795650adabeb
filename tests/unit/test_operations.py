"""What the pages on operations and guarantees tell people to run exists, and does what they say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from lockstep_journal import Status
from lockstep_runtime.program import lockstep
from tests.faults.checks import CHECKS
from tests.faults.programs import ROOT, environment, validator
from tests.support.written_commands import Step, codes_of, steps_of, unknown_words

OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
GUARANTEES = (ROOT / "docs" / "guarantees.md").read_text()
PAGES = {"operations.md": OPERATIONS, "guarantees.md": GUARANTEES}
PROGRAMS = {"lockstep": "lockstep_runtime", "lockstep-validator": "lockstep_validator"}
_SECTION = re.compile(r"^#+ (.+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a PATH on which both programs and python3 are those of this process."""
    folder = tmp_path_factory.mktemp("bin")
    for name, module in PROGRAMS.items():
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        (folder / name).chmod(0o755)
    (folder / "python3").symlink_to(sys.executable)
    return os.pathsep.join([str(folder), os.environ["PATH"]])


def run(step: Step, folder: Path, path: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", "-c", step.command],
        cwd=folder,
        env=environment() | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_every_command_of_the_blocks_ends_as_the_page_says(tmp_path: Path, path: str) -> None:
    steps = steps_of(OPERATIONS)
    assert 30 < len(steps)
    for step in steps:
        done = run(step, tmp_path, path)
        assert step.code == done.returncode, f"{step.command}: {done.stderr}"
        assert "Traceback" not in done.stderr
        if step.code:
            lines = done.stderr.strip().split("\n")
            assert 1 == len(lines), done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_every_command_in_a_sentence_or_table_exists_with_its_options(page: str) -> None:
    words = [code.split() for code in codes_of(PAGES[page])]
    named = [word for word in words if word[0] in PROGRAMS]
    assert 5 < len(named)
    help_of_validator = validator("--help").out
    for program, *rest in named:
        if program == "lockstep":
            assert [] == unknown_words(lockstep, rest), rest
        else:
            assert [] == [w for w in rest if w.startswith("-") and w not in help_of_validator]


@pytest.mark.parametrize("page", PAGES)
def test_every_target_module_and_test_that_is_named_exists(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for code in codes_of(PAGES[page]):
        match code.split():
            case ["make", target, *_rest]:
                assert target in targets, code
            case ["python", "-m", module, *_rest]:
                place = ROOT / module.replace(".", "/")
                assert (place / "__main__.py").is_file() or place.with_suffix(".py").is_file(), code
            case [name, *_rest] if name.startswith("tests/"):
                file, _colon, test = name.partition("::")
                assert (ROOT / file).exists(), code
                assert not test or f"def {test}(" in (ROOT / file).read_text(), code


def test_every_field_to_watch_is_one_of_the_status() -> None:
    table = OPERATIONS.split("| field |")[1].split("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    fields = {field for row in rows for field in re.findall(r"`(\w+)`", row)}
    assert {"owner_pid", "last_seq", "file_bytes"} < fields
    assert set() == fields - set(Status.__struct_fields__)


def test_every_check_of_the_scorecard_says_what_to_do_after_it() -> None:
    table = OPERATIONS.split("| check | after it |")[1]
    named = [name for row in table.splitlines()[2:] for name in re.findall(r"[A-Z]\d", row[:30])]
    assert [check.id for check in CHECKS] == named


def test_every_link_within_a_page_leads_to_a_section() -> None:
    for text in PAGES.values():
        sections = {
            title.lower().replace(" ", "-").replace(",", "") for title in _SECTION.findall(text)
        }
        assert set() == set(re.findall(r"\]\(#([\w-]+)\)", text)) - sections


def test_a_command_that_is_not_there_is_found() -> None:
    assert ["mend"] == unknown_words(lockstep, ["journal", "mend", "DIR"])
    assert ["--now"] == unknown_words(lockstep, ["journal", "repair", "DIR", "--now"])
    assert [] == unknown_words(lockstep, ["journal", "repair", "DIR", "--acknowledged", "7"])
    assert isinstance(lockstep, click.Group)
    assert [Step("a <<'E'\nx\nE", 0), Step("b", 2)] == steps_of(
        "```sh\na <<'E'\nx\nE\nb   # 2\n```\n"
    )

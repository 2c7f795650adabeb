"""`lockstep desk demo` as its users meet it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lockstep_desk.core.machine import MACHINE as DESK
from lockstep_desk.demo.folder import alone, opened
from lockstep_engine.exchange import MACHINE as EXCHANGE
from lockstep_replay import recover
from tests.unit.runtime.driving import environment, install, lockstep


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("site"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--seed", "x"), "Invalid value for '--seed': 'x' is not a valid integer range"),
        (("--seed", "-1"), "Invalid value for '--seed': -1 is not in the range"),
        (("--keep",), "Option '--keep' requires an argument"),
        (("--qick",), "No such option '--qick'. Did you mean '--quick'?"),
        (("extra",), "Got unexpected extra argument (extra)"),
    ],
)
def test_bad_options_are_named(site: Path, arguments: tuple[str, ...], words: str) -> None:
    done = lockstep(site, "desk", "demo", *arguments)
    assert (3, 1) == (done.returncode, done.stderr.count("\n"))
    assert words in done.stderr
    assert "--help'" in done.stderr


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_directory_of_something_else_is_refused_in_one_sentence(
    site: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = lockstep(site, "desk", "demo", "--keep", tmp_path, *options)
    assert (3, 1) == (done.returncode, done.stderr.count("\n"))
    assert done.stderr.startswith(f"lockstep desk demo: {tmp_path}: expected a new or empty")
    if options:
        assert 3 == json.loads(done.stdout)["exit_code"]


def test_a_place_that_cannot_be_written_is_named(site: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = lockstep(site, "desk", "demo", "--keep", tmp_path / "file" / "demo")
    assert (3, 1) == (done.returncode, done.stderr.count("\n"))
    assert "cannot be opened: Not a directory" in done.stderr


def test_no_name_is_not_the_name_of_this_directory(site: Path) -> None:
    done = lockstep(site, "desk", "demo", "--quick", "--keep", "")
    assert (3, "") == (done.returncode, done.stdout)
    assert "lockstep desk demo: --keep: expected the name of a directory, found nothing\n" == (
        done.stderr
    )


@pytest.mark.parametrize("begun", [False, True])
def test_a_second_demo_in_a_directory_is_refused_at_once(
    site: Path, tmp_path: Path, begun: bool
) -> None:
    if begun:
        opened(tmp_path, is_quick=True, seed=None)
    with alone(tmp_path):
        done = lockstep(site, "desk", "demo", "--quick", "--keep", tmp_path)
    assert (3, "") == (done.returncode, done.stdout)
    assert done.stderr == (
        f"lockstep desk demo: {tmp_path}: expected no other demo at work in it, found one "
        f"(process {os.getpid()})\n"
    )


@pytest.mark.slow
def test_ctrl_c_is_one_line_and_the_demo_goes_on_to_a_good_end(site: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    command = [
        *(sys.executable, "-m", "lockstep_runtime", "desk", "demo"),
        *("--quick", "--keep", str(kept)),
    ]
    with subprocess.Popen(
        command,
        env=environment(site),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stderr is not None
        while "link to the broker lost" not in running.stderr.readline():
            pass
        os.killpg(running.pid, signal.SIGINT)
        out, rest = running.communicate(timeout=60)
    assert 130 == running.returncode
    assert ("", "lockstep desk demo: interrupted") == (out, rest.splitlines()[-1])
    assert "Traceback" not in rest
    for name, machine in (("desk", DESK), ("exchange", EXCHANGE)):
        assert 0 < recover(kept / name, machine)[1].last_seq
    done = lockstep(site, "desk", "demo", "--keep", kept, "--json")
    assert 0 == done.returncode, done.stderr + done.stdout
    told = json.loads(done.stdout)
    parts = [one["part"] for one in told["happened"]]
    assert (True, 2) == (told["is_good"], parts.count("recovered"))
    assert {"worker", "lost", "stopped out", "found", "killed", "resumed"} <= set(parts)
    again = lockstep(site, "desk", "demo", "--keep", kept)
    assert 0 == again.returncode, again.stderr
    assert again.stdout.splitlines()[-1].startswith("desk GOOD, exchange GOOD, ")

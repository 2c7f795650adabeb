"""Ctrl-C in the middle of a long command: one sentence, exit code 130, and nothing half made."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.machines.histories import write_journal
from tests.unit.journal.programs import install_counter, python_path

COUNT = 60
TIMEOUT_S = 30
HOLDING = '''\
"""Loaded by every interpreter at its start: reading a journal stops behind the first page."""

import time
from pathlib import Path

from lockstep_journal.store import Journal
from lockstep_journal.verification import _Walk


def held(read):
    def reading(*arguments, **named):
        for found in read(*arguments, **named):
            yield found
            Path(__file__).with_name("is_reached").touch()
            time.sleep(600)

    return reading


Journal.pages = held(Journal.pages)
_Walk._entries = held(_Walk._entries)
'''


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Make a folder that, on the module path, installs the counter and holds every reader."""
    folder = install_counter(tmp_path / "site")
    (folder / "sitecustomize.py").write_text(HOLDING)
    return folder


@pytest.mark.parametrize(
    "line",
    [
        "journal verify j",
        "journal stats j",
        "journal backup j new",
        "journal archive j new --below 50",
        "replay recover j",
        "replay show j",
        "replay stats j",
        "replay export j new",
    ],
)
@pytest.mark.parametrize("is_terminal", [False, True])
def test_an_interrupt_ends_a_long_command(
    site: Path, tmp_path: Path, line: str, is_terminal: bool
) -> None:
    """A terminal interrupts the command and its child, `kill` the command alone."""
    write_journal(tmp_path / "j", COUNT, snapshot_every=20)
    program, command, *arguments = line.split()
    code = f"from lockstep_{program}.cli import {program} as program; program()"
    with subprocess.Popen(
        [sys.executable, "-c", code, command, *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": python_path([site])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            wait_for(site / "is_reached", process)
            if is_terminal:
                os.killpg(process.pid, signal.SIGINT)
            else:
                process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=TIMEOUT_S)
        finally:
            end_all(process)
    said = f"lockstep {program} {command}: interrupted\n".encode()
    assert (130, said) == (process.returncode, errors)
    assert b"" == output or command == "show"
    assert [] == list(tmp_path.glob("new*"))


def wait_for(file: Path, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not file.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"expected {file}, found none"
        time.sleep(0.02)


def end_all(process: "subprocess.Popen[bytes]") -> None:
    """Leave no child that sleeps behind, whatever went wrong."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)

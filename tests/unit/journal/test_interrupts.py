"""A long command that is ended in the middle: one sentence, an exit code, and nothing half made."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from lockstep_journal import make_key
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

SLOW_START = '''\
"""Loaded by every interpreter at its start: the child of a command does not get to its work."""

import sys
import time
from pathlib import Path

if "-m" in sys.orig_argv:
    Path(__file__).with_name("is_reached").touch()
    time.sleep(600)
'''

LATE = '''\
"""Loaded by every interpreter at its start: a signal comes when the work of a command is done."""

import os
import signal
import sys
import threading

if "-m" in sys.orig_argv:
    # The interpreter waits for threads when the program has returned.
    main = threading.main_thread()
    number = getattr(signal, os.environ["LATE"])
    threading.Thread(target=lambda: (main.join(), os.kill(os.getpid(), number))).start()
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
    with start(tmp_path, site, program, [command, *arguments]) as process:
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    "line", ["replay recover j", "journal archive j new --below 50", "head publish j h --key k"]
)
def test_a_command_that_is_ended_leaves_no_child_that_goes_on(
    site: Path, tmp_path: Path, line: str, number: signal.Signals
) -> None:
    """Only the command gets the signal, as from `kill` or a service manager."""
    write_journal(tmp_path / "j", COUNT, snapshot_every=20)
    (tmp_path / "h").mkdir()
    make_key("exchange.example/main", tmp_path / "k")
    program, command, *arguments = line.split()
    with start(tmp_path, site, program, [command, *arguments]) as process:
        try:
            wait_for(site / "is_reached", process)
            process.send_signal(number)
            output, errors = process.communicate(timeout=TIMEOUT_S)
            with pytest.raises(ProcessLookupError):
                os.killpg(process.pid, 0)
        finally:
            end_all(process)
    said = f"lockstep {program} {command}: ended by {number.name}\n".encode()
    assert (128 + number, b"", said) == (process.returncode, output, errors)
    assert [] == [*tmp_path.glob("new*"), *(tmp_path / "h").glob("*.head")]


def test_a_child_that_is_ended_before_it_works_is_not_left_behind(tmp_path: Path) -> None:
    """Nothing of ours has been loaded yet when the child gets the signal."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SLOW_START)
    with start(tmp_path, site, "replay", ["recover", "j", "--json"]) as process:
        try:
            wait_for(site / "is_reached", process)
            process.terminate()
            output, errors = process.communicate(timeout=TIMEOUT_S)
            with pytest.raises(ProcessLookupError):
                os.killpg(process.pid, 0)
        finally:
            end_all(process)
    assert b"lockstep replay recover: ended by SIGTERM\n" == errors
    assert {"error": "ended by SIGTERM", "exit_code": 143} == json.loads(output)
    assert 143 == process.returncode


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_when_the_work_is_done_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    write_journal(tmp_path / "j", COUNT)
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(LATE)
    monkeypatch.setenv("LATE", number.name)
    with start(tmp_path, site, "journal", ["verify", "j"]) as process:
        output, errors = process.communicate(timeout=TIMEOUT_S)
    assert (0, b"") == (process.returncode, errors)
    assert b"60" in output


def test_a_command_that_outlives_its_terminal_is_not_ended_by_a_hangup(
    site: Path, tmp_path: Path
) -> None:
    """`nohup` starts a program that ignores SIGHUP; SIGTERM still ends it."""
    write_journal(tmp_path / "j", COUNT)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = start(tmp_path, site, "replay", ["recover", "j"])
    finally:
        signal.signal(signal.SIGHUP, before)
    with process:
        try:
            wait_for(site / "is_reached", process)
            os.killpg(process.pid, signal.SIGHUP)
            process.terminate()
            _output, errors = process.communicate(timeout=TIMEOUT_S)
        finally:
            end_all(process)
    assert (143, b"lockstep replay recover: ended by SIGTERM\n") == (process.returncode, errors)


def start(
    folder: Path, site: Path, program: str, arguments: list[str]
) -> "subprocess.Popen[bytes]":
    """Start a command in a folder, alone in a process group with its child."""
    module = "lockstep_journal.cli.heads" if program == "head" else f"lockstep_{program}.cli"
    return subprocess.Popen(
        [sys.executable, "-c", f"from {module} import {program} as group; group()", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": python_path([site])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


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

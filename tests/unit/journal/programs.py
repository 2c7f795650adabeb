"""Runs programs of the journal and the replay as a user does, with the counter installed."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
FOLDERS = (".", "engine", "journal", "replay", "validator", "runtime", "desk")


def python_path(extra: Sequence[Path] = ()) -> str:
    """Return where a program finds this project's packages: where this process found them."""
    found = [str(path) for path in extra] + [path for path in sys.path if path]
    return os.pathsep.join(found + [str(ROOT / folder) for folder in FOLDERS])


def install_counter(folder: Path) -> Path:
    """Make the counter known by its entry point; return the folder for the path."""
    info = folder / "counter_machine-1.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: counter-machine\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[lockstep.machines]\n"
        "counter = tests.machines.counter:COUNTER\n"
        "counter.again = tests.machines.counter:COUNTER\n"
    )
    return folder


class Run:
    """How a program ended and what it said."""

    def __init__(self, done: "subprocess.CompletedProcess[bytes]") -> None:
        self.code = done.returncode
        self.raw = done.stdout
        self.out = done.stdout.decode(errors="replace")
        self.err = done.stderr.decode()

    @property
    def json(self) -> Any:
        """The JSON document on stdout."""
        return json.loads(self.out)

    def check_sentence(self, *words: str) -> None:
        """Assert that stderr is one clear sentence that holds the words, and no traceback."""
        lines = self.err.strip().split("\n")
        assert 1 == len(lines), self.err
        assert "Traceback" not in self.err
        for word in words:
            assert word in self.err


def run_python(arguments: Sequence[object], path: Sequence[Path] = (), data: bytes = b"") -> Run:
    """Run `python ARGUMENTS` and wait for its end."""
    return Run(
        subprocess.run(
            [sys.executable, *map(str, arguments)],
            input=data,
            capture_output=True,
            check=False,
            timeout=60,
            env={**os.environ, "PYTHONPATH": python_path(path), "NO_COLOR": "1"},
        )
    )


def run_command(
    target: str, arguments: Sequence[object], path: Sequence[Path] = (), data: bytes = b""
) -> Run:
    """Run a click command `module:name` with arguments."""
    module, name = target.split(":")
    code = f"from {module} import {name} as command; command(prog_name='{name}')"
    return run_python(["-c", code, *arguments], path, data)

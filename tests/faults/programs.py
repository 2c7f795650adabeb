"""Runs the programs as a user starts them."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FOLDERS = ("engine", "journal", "replay", "validator", "runtime", "desk", ".")
TIMEOUT_S = 300


class Ran(NamedTuple):
    """How a program ended, and what it said."""

    code: int
    out: str
    err: str


def python(
    *arguments: object,
    before: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> Ran:
    """Run this Python with arguments, behind a program `before` it, and wait for its end."""
    done = subprocess.run(
        [*before, sys.executable, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=TIMEOUT_S,
        cwd=ROOT,
        env=environment() | dict(variables or {}),
    )
    return Ran(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode())


def lockstep(*arguments: object) -> Ran:
    """Run the program `lockstep`."""
    return python("-m", "lockstep_runtime", *arguments)


def validator(*arguments: object) -> Ran:
    """Run the program `lockstep-validator`."""
    return python("-m", "lockstep_validator", *arguments)


def environment() -> dict[str, str]:
    """Return an environment in which a program finds the packages where this process did."""
    paths = [path for path in sys.path if path] + [str(ROOT / folder) for folder in FOLDERS]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "NO_COLOR": "1"}

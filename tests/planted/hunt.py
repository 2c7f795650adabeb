"""Plants one bug in a copy of the sources and runs the differential property test on it.

The copy is a temporary folder that stands first in PYTHONPATH of the child process, and the child
says where it loaded the engine from, so a run on the real sources cannot count as a miss.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.planted.bug import Bug, CannotPlantError, patched

ROOT = Path(__file__).parents[2]
FLOWS, SEEDED, SECONDS_MAX = 200, 600, 900
_PARTS = ("engine", "validator")


class Catch(NamedTuple):
    """What became of a bug: `what` is the first failure, None if it was not caught.

    `origin` is `drawn` (hypothesis) or `seeded`; steps and seconds count from the start of both.
    """

    bug: Bug
    what: str | None
    origin: str
    steps: int
    seconds: float


def hunt(bug: Bug) -> Catch:
    """Plant a bug in a copy and return what caught it."""
    with tempfile.TemporaryDirectory(prefix="lockstep-planted-") as name:
        folder = Path(name)
        plant(bug, folder)
        return _run(bug, folder)


def plant(bug: Bug, folder: Path) -> None:
    """Copy the sources into a folder and apply the patch."""
    copy_sources(folder)
    patch(bug, folder)


def copy_sources(folder: Path) -> None:
    """Copy the sources of the engine and the validator into a folder."""
    for part in _PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))


def patch(bug: Bug, folder: Path) -> None:
    """Apply the patch to the copy in a folder."""
    file = folder / "engine" / bug.file
    file.write_text(patched(bug, file.read_text("utf-8")), "utf-8")


def _run(bug: Bug, folder: Path) -> Catch:
    path = os.pathsep.join(str(folder / part) for part in _PARTS)
    asked = ["--first", "--json", "--flows", str(FLOWS), "--seeded", str(SEEDED)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.property", *asked],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    lines = done.stdout.splitlines()
    if not lines:
        error = done.stderr.strip().rsplit("\n", 1)[-1]
        raise CannotPlantError(f"'{bug.name}': the patched sources do not run: {error}")
    said = json.loads(lines[-1])
    if not said["engine"].startswith(str(folder)):
        raise CannotPlantError(f"'{bug.name}': the run loaded {said['engine']}, not the copy")
    return Catch(
        bug, said["failure"], said["origin"], said["failure_steps"], said["failure_seconds"]
    )

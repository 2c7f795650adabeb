"""Plants one bug in a copy of the sources and lets the simulator look for it.

The copy is a temporary folder that stands first in PYTHONPATH of the child process, and the child
says where it loaded the packages from, so a run on the real sources cannot count as a miss.
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
SECONDS_MAX = 300.0
_PARTS = ("engine", "journal", "replay", "validator", "runtime", "desk")


class Catch(NamedTuple):
    """What became of a bug: `what` is empty if it was missed."""

    bug: Bug
    what: str
    seeds: int
    seconds: float


def hunt(bug: Bug | None, seconds_max: float = SECONDS_MAX) -> Catch:
    """Plant a bug in a copy (None: no bug) and return what caught it."""
    with tempfile.TemporaryDirectory(prefix="lockstep-planted-") as name:
        folder = Path(name)
        for part in _PARTS:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, folder / part, ignore=ignored)
        if bug is not None:
            file = folder / bug.file
            file.write_text(patched(bug, file.read_text("utf-8")), "utf-8")
        return _run(bug or NO_BUG, folder, seconds_max)


NO_BUG = Bug("no bug", "", "", "")


def _run(bug: Bug, folder: Path, seconds_max: float) -> Catch:
    path = os.pathsep.join([*(str(folder / part) for part in _PARTS), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulated_faults.child", "1", str(seconds_max)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=3 * seconds_max + 60,
        check=False,
    )
    lines = done.stdout.splitlines()
    if not lines:
        error = done.stderr.strip().rsplit("\n", 1)[-1]
        raise CannotPlantError(f"'{bug.name}': the patched sources do not run: {error}")
    said = json.loads(lines[-1])
    if any(one != str(folder) for one in said["folders"]):
        raise CannotPlantError(f"'{bug.name}': the run loaded {said['folders']}, not the copy")
    return Catch(bug, said["what"], said["seeds"], said["seconds"])

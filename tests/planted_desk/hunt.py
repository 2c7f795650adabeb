"""Plants a mistake in a copy of the desk and runs the tests that must notice it.

The copy is a temporary folder that stands first among the sources; `where.py` has the run say where
it loaded the desk from, so that a run on the real sources cannot count as a miss.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.planted.bug import Bug, CannotPlantError, patched
from tests.planted_desk.mistake import Mistake

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 600
_FOLDERS = ("engine", "journal", "replay", "validator", "runtime")
_FAILED = re.compile(r"^(?:FAILED|ERROR) \S+?::(\S+)", re.MULTILINE)


def source_of(mistake: Mistake) -> Path:
    """Return the file that the mistake is made in."""
    return ROOT / "desk" / "lockstep_desk" / mistake.file


def with_mistake(mistake: Mistake) -> str:
    """Return the source with the mistake in it; raise `CannotPlantError` if it does not fit."""
    bug = Bug(mistake.name, mistake.file, mistake.old, mistake.new)
    return patched(bug, source_of(mistake).read_text("utf-8"))


def hunt(mistake: Mistake) -> str | None:
    """Return the first test that fails with the mistake planted, None if none does."""
    with tempfile.TemporaryDirectory(prefix="lockstep-planted-") as name:
        copy = Path(name) / "desk"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "desk", copy, ignore=ignored)
        (copy / "lockstep_desk" / mistake.file).write_text(with_mistake(mistake), "utf-8")
        return _run(mistake, copy)


def _run(mistake: Mistake, copy: Path) -> str | None:
    folders = [str(copy), str(ROOT), *(str(ROOT / folder) for folder in _FOLDERS)]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "tests.planted_desk.where"),
            *("-p", "no:cacheprovider", "-o", f"pythonpath={' '.join(folders)}"),
            f"tests/{mistake.tests}",
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(folders),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    if f"desk loaded from {copy}" not in done.stdout:
        raise CannotPlantError(f"'{mistake.name}': the run did not load the copy: {done.stdout}")
    failed = _FAILED.search(done.stdout)
    if done.returncode == 1 and failed is not None:
        return failed[1]
    if done.returncode != 0:
        raise CannotPlantError(
            f"'{mistake.name}': pytest ended with {done.returncode}: {done.stdout[-500:]}"
        )
    return None

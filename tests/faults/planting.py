"""Plants each defect in a copy of the sources and shows that its check of the scorecard fails.

    python -m tests.faults.planting [IDS]

The copy is a temporary folder from which the check and all programs that it starts load
everything. Exit 1 if a check does not fail, or fails with another sentence than expected.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.defects import DEFECTS, Defect
from tests.faults.programs import FOLDERS, ROOT
from tests.planted.bug import Bug, patched

TIMEOUT_S = 300
_COPIED = (*(folder for folder in FOLDERS if folder != "."), "tests")


def copy_sources(folder: Path) -> None:
    """Copy everything that a check loads into a folder."""
    for part in _COPIED:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))


def found_by_check(defect: Defect, folder: Path) -> str:
    """Run a check's short form on a copy with the defect; return with what it failed, or ""."""
    file = folder / defect.file
    source = file.read_text("utf-8")
    file.write_text(with_defect(defect, source), "utf-8")
    try:
        return next((why for why in _run(defect.id, folder) if defect.says in why), "")
    finally:
        file.write_text(source, "utf-8")


def with_defect(defect: Defect, source: str) -> str:
    """Return the source of the defect's file with the defect in it."""
    return patched(Bug(defect.name, defect.file, defect.old, defect.new), source)


def main(ids: list[str]) -> int:
    """Plant the defects of these checks, or all, and return the exit code."""
    chosen = [defect for defect in DEFECTS if not ids or defect.id in ids]
    missed = 0
    with tempfile.TemporaryDirectory(prefix="lockstep-planting-") as name:
        copy_sources(Path(name))
        for defect in chosen:
            started = time.perf_counter()
            why = found_by_check(defect, Path(name))
            missed += not why
            seconds = time.perf_counter() - started
            what = " ".join(why.split()) or "NOT FOUND"
            print(f"{defect.id:<4}{defect.name:<56}{seconds:>6.1f}  {what:.100}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} defects are found by their check")
    return 1 if missed or not chosen else 0


def _run(check: str, folder: Path) -> list[str]:
    """Return the sentences with which a check fails in a folder, none if it passes."""
    path = os.pathsep.join(str(folder / part) for part in FOLDERS)
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--short", "--only", check, "--json"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if not done.stdout:
        raise OSError(f"{check} does not run in {folder}: {done.stderr[-500:]}")
    (row,) = json.loads(done.stdout)
    return row["why"] if row["result"] == "FAIL" else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

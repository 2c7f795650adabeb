"""The commands of docs/evidence.md are true: run as they stand, in order, with what they show.

`make record` writes the lines that are shown anew.
"""

import difflib
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.runtime.driving import ROOT, environment, install

PAGE = ROOT / "docs" / "evidence.md"
PROGRAMS = {
    "lockstep": [sys.executable, "-m", "lockstep_runtime"],
    "lockstep-validator": [sys.executable, "-m", "lockstep_validator"],
    "python": [sys.executable],
    "mkdir": ["mkdir"],
    "cp": ["cp"],
}
CODE = "(exit code "
GAP = "..."


def steps() -> list[tuple[str, list[str], int]]:
    """Return each command of the page with the lines shown under it and its exit code."""
    found: list[tuple[str, list[str], int]] = []
    for line in PAGE.read_text("utf-8").partition("## A walk through")[2].splitlines():
        if line.startswith("    $ "):
            found.append((line.removeprefix("    $ "), [], 0))
        elif line.startswith(f"    {CODE}"):
            command, shown, _code = found.pop()
            code = int(line.strip().removeprefix(CODE).removesuffix(")"))
            found.append((command, shown, code))
        elif line.startswith("    ") and line.strip() != GAP:
            found[-1][1].append(line.strip())
    return found


def record(shown: list[str], said: list[str]) -> None:
    """Replace the lines that the page shows by those most like them."""
    page = PAGE.read_text("utf-8")
    for line in shown:
        if " ".join(line.split()) in [" ".join(each.split()) for each in said]:
            continue
        alike = [each for each in said if each.split()[:1] == line.split()[:1]] or said
        (found,) = difflib.get_close_matches(line, alike, n=1, cutoff=0.0)
        page = page.replace(f"    {line}\n", f"    {found.expandtabs(16)}\n", 1)
    PAGE.write_text(page, "utf-8")


@pytest.mark.slow
def test_the_walk_through_runs_as_it_stands(tmp_path: Path) -> None:
    site = install(tmp_path / "site")
    folder = tmp_path / "place"
    folder.mkdir()
    variables = environment(site)
    variables["PYTHONPATH"] += f"{os.pathsep}{ROOT}"
    done = steps()
    assert len(done) > 15
    for command, shown, code in done:
        name, *arguments = shlex.split(command)
        run = subprocess.run(
            [*PROGRAMS[name], *arguments],
            cwd=folder,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert code == run.returncode, f"{command}\n{run.stderr}"
        said = [line.strip() for line in (run.stdout + run.stderr).splitlines()]
        if os.environ.get("LOCKSTEP_RECORD"):
            record(shown, said)
            continue
        squeezed = [" ".join(line.split()) for line in said]
        for line in shown:
            assert " ".join(line.split()) in squeezed, f"{command}\n{run.stdout}{run.stderr}"
    assert (folder / "fraud.proof").exists()


def test_the_page_shows_each_kind_proved_and_checked() -> None:
    commands = [command for command, _shown, _code in steps()]
    for kind in ("inclusion", "consistency", "equivocation", "fraud"):
        assert any(f"prove {kind}" in command for command in commands)
    assert 5 <= sum("check-proof" in command for command in commands)
